/* SPDX-License-Identifier: MIT
 *
 * run.c - one case, from an empty loop to an empty loop, in virtual time.
 *
 * Main runs to its end as a task; then the variables are released and the loop is turned until it has nothing left to
 * do. What is alive after that was leaked by the case or by the library, and becomes a line of the trace.
 */
#include "harness/run.h"

#include <stdlib.h>
#include <string.h>

#define MILLISECOND (RW_SECOND / 1000)
#define TURNS_MAX 1000

void run_trace(struct run *run, const char *label, const char *text)
{
    struct text line = {0};
    int64_t now_ms = (rw_loop_now(run->loop) - run->started_ns) / MILLISECOND;

    text_format(&line, "%lld ", (long long)now_ms);
    text_add(&line, label);
    text_add_char(&line, ' ');
    text_add(&line, text);
    if (run->write != NULL) {
        run->write(run->write_arg, line.data);
        text_free(&line);
        return;
    }
    run->trace = test_grow(run->trace, run->trace_count, sizeof *run->trace);
    run->trace[run->trace_count++] = text_take(&line);
}

static void ignore_unhandled(void *arg, struct rw_task *task, const struct rw_value *value)
{
    (void)arg;
    (void)task;
    (void)value;
}

static void check_nothing_is_left(struct run *run)
{
    struct rw_stats stats;
    struct text text = {0};

    rw_stats(run->loop, &stats);
    if (stats.tasks_live + stats.objects_live + stats.futures_live + stats.timers_armed == 0) {
        return;
    }
    text_format(&text, "tasks=%llu objects=%llu futures=%llu timers=%llu",
                (unsigned long long)stats.tasks_live, (unsigned long long)stats.objects_live,
                (unsigned long long)stats.futures_live, (unsigned long long)stats.timers_armed);
    run_trace(run, "left", text.data);
    text_free(&text);
}

/* Main runs as a task of its own, so that it can be cancelled and has a name. */
static void run_main(struct run *run)
{
    struct rw_spawn_options options = {.name = "main"};
    struct rw_future *script = script_new(run, &run->behaviour->tasks[0], "main");
    struct rw_task *task = rw_spawn(run->loop, script, &options);
    struct rw_value outcome = rw_nil();
    int err = rw_block_on(run->loop, rw_task_join(task), &outcome);

    if (err < 0) {
        run_trace(run, "loop", rw_err_code(err));
        rw_task_cancel(task, NULL);
    }
    rw_value_drop(&outcome);
    rw_task_unref(task);
}

void run_case(struct run *run, const struct behaviour_case *behaviour)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    struct rw_loop_options options = {.sim = sim};

    *run = (struct run){.behaviour = behaviour, .loop = rw_loop_new(&options)};
    rw_loop_set_unhandled(run->loop, ignore_unhandled, NULL);
    run->started_ns = rw_loop_now(run->loop);
    run_main(run);
    run_release_variables(run);
    for (int turn = 0; turn < TURNS_MAX && rw_loop_deadline(run->loop) == RW_NOW; turn++) {
        rw_loop_turn(run->loop, 0, 0);
    }
    check_nothing_is_left(run);
    rw_loop_free(run->loop);
    rw_sim_free(sim);
}

void run_free(struct run *run)
{
    for (size_t i = 0; i < run->trace_count; i++) {
        free(run->trace[i]);
    }
    free(run->trace);
    *run = (struct run){0};
}
