/* SPDX-License-Identifier: MIT
 *
 * test_loop.c - turns, budgets, wait hooks, blocking, threads, and want of memory.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "exec/script.h"

static bool real_begin(void)
{
    notes_size = 0;
    loop = rw_loop_new(NULL);
    return loop != NULL;
}

static void real_end(void)
{
    rw_loop_free(loop);
    loop = NULL;
}

/* ---- turns ---------------------------------------------------------------------------------------------------------- */

struct slow_job {
    struct rw_job job;
    int64_t takes_ms;
};

static void run_slow(struct rw_job *job, struct rw_loop *on)
{
    (void)on;
    rw_sim_advance(sim, ((struct slow_job *)job)->takes_ms * 1000000);
    note("%lld", (long long)((struct slow_job *)job)->takes_ms);
}

static void a_turn_with_a_budget_leaves_the_rest_for_the_next(void)
{
    struct slow_job jobs[4];

    CHECK(world_begin());
    for (int i = 0; i < 4; i++) {
        jobs[i] = (struct slow_job){{NULL, run_slow}, i + 1};
        rw_loop_queue(loop, &jobs[i].job);
    }
    CHECK_INT(rw_loop_turn(loop, 0, 3000000), 2); /* 1 + 2 ms */
    CHECK_TEXT(noted(), "1 2");
    CHECK_INT(rw_loop_deadline(loop), RW_NOW);
    CHECK_INT(rw_loop_turn(loop, RW_TURN_WAIT, 1), 1); /* at least one */
    CHECK_INT(rw_loop_turn(loop, RW_TURN_WAIT, 100000000), 1);
    CHECK_TEXT(noted(), "3 4");
    world_end();
}

static void a_turn_looks_at_the_clock_and_fires_timers_even_with_work_queued(void)
{
    struct rw_value out = rw_nil();

    CHECK(world_begin());
    rw_task_detach(rw_spawn(loop, rw_sleep_until(loop, at(5)), NULL));
    run_turns(1);
    rw_sim_advance(sim, 7000000);
    CHECK_INT(now_ms(), 0);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    CHECK_INT(now_ms(), 7);
    rw_sim_advance(sim, 1000000);
    CHECK_INT(rw_loop_update_now(loop), at(8));
    CHECK_INT(rw_block_on(loop, rw_yield_now(loop), &out), 0);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *yield_often(struct script *self)
{
    SCRIPT_BEGIN(self);
    while (self->n-- > 0) {
        AWAIT(self, rw_yield_now(self->loop));
    }
    SCRIPT_END(self, rw_nil());
}

static int fire_count;

static void fire_again(struct rw_timer *timer, struct rw_loop *on)
{
    fire_count++;
    rw_timer_arm(on, timer, rw_loop_now(on));
}

static void timers_are_not_starved_by_tasks_that_wake_each_other(void)
{
    struct rw_timer timer;
    struct rw_value out;

    CHECK(real_begin());
    fire_count = 0;
    rw_timer_init(&timer, fire_again);
    rw_timer_arm(loop, &timer, rw_loop_now(loop));
    struct script *script = script_new_with(&script_vtable, yield_often, NULL);

    script->n = 6100;
    CHECK_INT(rw_block_on(loop, &script->base, &out), 0);
    CHECK(fire_count >= 90); /* once per 61 jobs */
    rw_timer_disarm(loop, &timer);
    real_end();
}

static struct rw_future *turn_inside(struct script *self)
{
    struct rw_value out;

    SCRIPT_BEGIN(self);
    note("%d", rw_loop_turn(self->loop, 0, 0) == RW_ERR_STATE);
    note("%d", rw_block_on(self->loop, rw_yield_now(self->loop), &out) == RW_ERR_STATE);
    note("%d", rw_loop_is_running(self->loop));
    SCRIPT_END(self, rw_nil());
}

static void a_turn_inside_a_turn_is_refused(void)
{
    CHECK(world_begin());
    CHECK(!rw_loop_is_running(loop));
    rw_task_detach(script_spawn(turn_inside, NULL));
    run_all();
    CHECK_TEXT(noted(), "1 1 1");
    CHECK(world_is_empty());
    world_end();
}

static void *turn_on_another_thread(void *arg)
{
    struct rw_value out;
    intptr_t wrong = rw_loop_turn(loop, 0, 0) != RW_ERR_THREAD;

    (void)arg;
    wrong += rw_loop_is_own_thread(loop);
    wrong += rw_block_on(loop, rw_failed(loop, RW_ERR_CLOSED), &out) != RW_ERR_THREAD;
    rw_loop_adopt_thread(loop);
    wrong += !rw_loop_is_own_thread(loop);
    wrong += rw_block_on(loop, rw_yield_now(loop), &out) != 0;
    return (void *)wrong;
}

static void a_loop_runs_on_its_own_thread_until_another_adopts_it(void)
{
    pthread_t thread;
    void *wrong = NULL;

    CHECK(real_begin());
    CHECK(rw_loop_is_own_thread(loop));
    CHECK_INT(pthread_create(&thread, NULL, turn_on_another_thread, NULL), 0);
    pthread_join(thread, &wrong);
    CHECK_INT((intptr_t)wrong, 0);
    CHECK_INT(rw_loop_turn(loop, 0, 0), RW_ERR_THREAD);
    rw_loop_adopt_thread(loop);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 0);
    real_end();
}

/* ---- wait hooks ------------------------------------------------------------------------------------------------------ */

static int hook_result;

static void note_before(void *arg)
{
    note("before%s", (const char *)arg);
}

static int note_after(void *arg)
{
    note("after%s", (const char *)arg);
    return hook_result;
}

static const struct rw_wait_hooks noting_hooks = {note_before, note_after, "!"};

static void hooks_frame_a_wait_that_may_block_and_nothing_else(void)
{
    struct rw_value out;

    CHECK(world_begin());
    hook_result = 0;
    rw_loop_set_wait_hooks(loop, &noting_hooks);
    run_turns(2);
    CHECK_TEXT(noted(), "");
    CHECK_INT(rw_block_on(loop, rw_yield_now(loop), &out), 0);
    CHECK_TEXT(noted(), "");
    CHECK_INT(rw_block_on(loop, rw_sleep_until(loop, at(1)), &out), 0);
    CHECK_TEXT(noted(), "before! after!");
    rw_loop_set_wait_hooks(loop, NULL);
    CHECK_INT(rw_block_on(loop, rw_sleep_until(loop, at(2)), &out), 0);
    CHECK_TEXT(noted(), "");
    world_end();
}

static void note_events(void *arg, unsigned events)
{
    note("%s%u", (const char *)arg, events);
}

static void a_hook_that_fails_ends_the_turn_but_loses_no_event(void)
{
    struct rw_watch *watch = NULL;
    struct rw_value out;
    int fd = eventfd(0, EFD_NONBLOCK);
    struct gate gate = {.poll_count = 0};

    CHECK(real_begin());
    CHECK_INT(rw_watch_new(loop, fd, RW_READABLE, note_events, "event", &watch), 0);
    rw_loop_set_wait_hooks(loop, &noting_hooks);
    hook_result = RW_ERR_SCRIPT; /* as when a signal's handler has raised */
    CHECK_INT(eventfd_write(fd, 1), 0);
    CHECK_INT(rw_block_on(loop, gate_wait(&gate), &out), RW_ERR_SCRIPT);
    CHECK_INT(gate.drop_count, 1);
    CHECK_TEXT(noted(), "before! after! event1");
    hook_result = 0;
    rw_watch_free(watch);
    real_end();
    close(fd);
}

/* ---- blocking ---------------------------------------------------------------------------------------------------------- */

static void block_on_gives_values_and_failures(void)
{
    struct rw_value out;

    CHECK(world_begin());
    CHECK_INT(rw_block_on(loop, rw_ready(loop, rw_text_of("text")), &out), 0);
    CHECK_TEXT(rw_value_data(&out, NULL), "text");
    rw_value_drop(&out);
    CHECK_INT(rw_block_on(loop, rw_failed(loop, RW_ERR_BUSY), &out), 0);
    CHECK_INT(out.code, RW_ERR_BUSY);
    CHECK(world_is_empty());
    world_end();
}

static void nothing_left_that_could_wake_anyone_is_a_deadlock(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    CHECK_INT(rw_block_on(loop, gate_wait(&gate), &out), RW_ERR_DEADLOCK);
    CHECK_INT(gate.drop_count, 1);
    CHECK_INT(out.kind, RW_KIND_NIL);
    CHECK_INT(rw_block_on(loop, rw_sleep_until(loop, RW_NEVER), &out), RW_ERR_DEADLOCK);
    CHECK(world_is_empty());
    world_end();
    CHECK(real_begin());
    gate = (struct gate){.poll_count = 0};
    CHECK_INT(rw_block_on(loop, gate_wait(&gate), &out), RW_ERR_DEADLOCK);
    real_end();
}

static void a_watch_that_listens_is_no_deadlock_and_a_silent_one_is(void)
{
    struct rw_watch *watch = NULL;
    int fd = eventfd(0, EFD_NONBLOCK);

    CHECK(real_begin());
    CHECK_INT(rw_watch_new(loop, fd, RW_READABLE, note_events, "", &watch), 0);
    CHECK(!rw_loop_is_idle(loop));
    CHECK_INT(rw_watch_set(watch, 0), 0);
    CHECK(rw_loop_is_idle(loop));
    rw_watch_free(watch);
    real_end();
    close(fd);
}

/* ---- memory -------------------------------------------------------------------------------------------------------------- */

static struct rw_future *mixed_body(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] =
        rw_scope_open(self->task, &(struct rw_scope_options){.name = "mixed", .deadline_ns = at(50)});
    if (self->scopes[0] == NULL) {
        SCRIPT_RETURN(self, rw_failure(RW_ERR_NOMEM));
    }
    start_at(self->scopes[0], sleeper, 3);
    start_at(self->scopes[0], cleaner, 6);
    start_at(self->scopes[0], failer, 4);
    AWAIT(self, rw_timeout(self->loop, rw_sleep_until(self->loop, at(90)), at(70)));
    LEAVE(self, 0, take_in(self));
    AWAIT(self, rw_join(self->loop, rw_yield_now(self->loop),
                        rw_first(self->loop, rw_sleep_until(self->loop, at(95)), rw_yield_now(self->loop))));
    SCRIPT_END(self, take_in(self));
}

static void ignore_unhandled(void *arg, struct rw_task *task, const struct rw_value *value)
{
    (void)arg;
    (void)task;
    (void)value;
}

static void ignore_post(void *arg, struct rw_loop *on)
{
    (void)arg;
    (void)on;
}

static void a_mixed_workload(void)
{
    struct rw_value out = rw_nil();

    if (!world_begin()) {
        return;
    }
    rw_loop_set_unhandled(loop, ignore_unhandled, NULL);
    struct rw_handle *handle = rw_handle_new(loop);
    int err = rw_block_on(loop, script_new(mixed_body, NULL), &out);

    CHECK(err == 0 || err == RW_ERR_NOMEM);
    rw_value_drop(&out);
    if (handle != NULL) {
        (void)rw_handle_post(handle, ignore_post, NULL, NULL);
    }
    rw_handle_unref(handle);
    run_all();
    CHECK(world_is_empty());
    world_end();
    noted();
}

static void a_mixed_workload_survives_every_allocation_failure(void)
{
    test_each_allocation(a_mixed_workload);
}

static void make_real_loop(void)
{
    struct rw_loop *on = rw_loop_new(NULL);

    CHECK(on != NULL || errno == ENOMEM);
    rw_loop_free(on);
}

static void a_loop_that_cannot_be_made_leaves_nothing_behind(void)
{
    test_each_allocation(make_real_loop);
}

static const struct test tests[] = {
    TEST(a_turn_with_a_budget_leaves_the_rest_for_the_next),
    TEST(a_turn_looks_at_the_clock_and_fires_timers_even_with_work_queued),
    TEST(timers_are_not_starved_by_tasks_that_wake_each_other),
    TEST(a_turn_inside_a_turn_is_refused),
    TEST(a_loop_runs_on_its_own_thread_until_another_adopts_it),
    TEST(hooks_frame_a_wait_that_may_block_and_nothing_else),
    TEST(a_hook_that_fails_ends_the_turn_but_loses_no_event),
    TEST(block_on_gives_values_and_failures),
    TEST(nothing_left_that_could_wake_anyone_is_a_deadlock),
    TEST(a_watch_that_listens_is_no_deadlock_and_a_silent_one_is),
    TEST(a_mixed_workload_survives_every_allocation_failure),
    TEST(a_loop_that_cannot_be_made_leaves_nothing_behind),
};

TEST_MAIN(tests)
