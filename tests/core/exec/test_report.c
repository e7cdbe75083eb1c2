/* SPDX-License-Identifier: MIT
 *
 * test_report.c - what can be seen of a loop's tasks.
 */
#include "script.h"

static struct gate closed_gate;

static struct rw_future *wait_in_scope(struct script *self)
{
    SCRIPT_BEGIN(self);
    if (self->n > 0) {
        struct script *child = script_new_with(&script_vtable, wait_in_scope, NULL);

        child->n = self->n - 1;
        self->scopes[0] = rw_scope_open(self->task, NULL);
        rw_task_detach(
            rw_scope_spawn(self->scopes[0], &child->base, &(struct rw_spawn_options){.name = "child"}));
    }
    AWAIT(self, gate_wait(&closed_gate));
    SCRIPT_END(self, rw_nil());
}

static bool visit(void *arg, const struct rw_task_info *info)
{
    int *left = arg;

    note("%s/%s/%d/%llu%s", info->name, info->future, info->state, (unsigned long long)info->polls,
         info->cancelled ? "/cancelled" : "");
    return --*left > 0;
}

static void tasks_are_visited_through_all_scopes_oldest_first(void)
{
    int limit = 100;
    int two = 2;

    CHECK(world_begin());
    closed_gate = (struct gate){.poll_count = 0};
    struct script *root = script_new_with(&script_vtable, wait_in_scope, NULL);

    root->n = 2;
    struct rw_task *task = rw_spawn(loop, &root->base, &(struct rw_spawn_options){.name = "root"});
    struct rw_task *other =
        rw_spawn(loop, gate_wait(&closed_gate), &(struct rw_spawn_options){.name = "other"});

    run_turns(3);
    rw_tasks(loop, visit, &limit);
    CHECK_TEXT(noted(), "root/script/2/1 other/gate/2/1 child/script/2/1 child/script/2/1");
    rw_tasks(loop, visit, &two);
    CHECK_TEXT(noted(), "root/script/2/1 other/gate/2/1");
    rw_task_cancel(task, NULL);
    limit = 100;
    rw_tasks(loop, visit, &limit);
    CHECK_TEXT(noted(), "root/script/0/1/cancelled other/gate/2/1 child/script/0/1/cancelled "
                        "child/script/0/1/cancelled");
    rw_task_unref(task);
    rw_task_unref(other);
    world_end();
}

static bool cancel_scripts(void *arg, struct rw_task *task, struct rw_future *future)
{
    note("%s", rw_task_name(task));
    if (future->vtable == &script_vtable) {
        rw_task_cancel(task, NULL);
    }
    return --*(int *)arg > 0;
}

static void a_visitor_of_tasks_sees_their_futures_and_may_cancel_them(void)
{
    int two = 2;

    CHECK(world_begin());
    closed_gate = (struct gate){.poll_count = 0};
    struct script *script = script_new_with(&script_vtable, wait_in_scope, NULL);
    struct rw_task *a = rw_spawn(loop, gate_wait(&closed_gate), &(struct rw_spawn_options){.name = "a"});
    struct rw_task *b = rw_spawn(loop, &script->base, &(struct rw_spawn_options){.name = "b"});
    struct rw_task *c = rw_spawn(loop, gate_wait(&closed_gate), &(struct rw_spawn_options){.name = "c"});

    run_turns(1);
    rw_tasks_each(loop, cancel_scripts, &two);
    CHECK_TEXT(noted(), "a b");
    CHECK(!rw_task_is_cancelled(a));
    CHECK(rw_task_is_cancelled(b));
    rw_task_unref(a);
    rw_task_unref(b);
    rw_task_unref(c);
    world_end();
}

static bool count_visits(void *arg, const struct rw_task_info *info)
{
    ++*(int *)arg;
    return info->id > 0;
}

static void look_around(void *arg, struct rw_task *task, const struct rw_value *value)
{
    int seen = 0;

    (void)arg;
    (void)task;
    (void)value;
    rw_tasks(loop, count_visits, &seen);
    note("%d", seen);
}

static void a_task_that_is_just_ending_is_not_shown(void)
{
    struct rw_spawn_options options = {.on_done = look_around};

    CHECK(world_begin());
    rw_task_detach(rw_spawn(loop, rw_ready(loop, rw_nil()), &options));
    rw_task_detach(rw_spawn(loop, rw_ready(loop, rw_nil()), &options));
    run_all();
    CHECK_TEXT(noted(), "1 0");
    world_end();
}

static void the_counters_follow_what_happens(void)
{
    struct rw_stats stats;

    CHECK(world_begin());
    closed_gate = (struct gate){.poll_count = 0};
    rw_task_detach(rw_spawn(loop, rw_yield_now(loop), NULL));
    struct rw_task *task = rw_spawn(loop, rw_sleep_until(loop, at(5)), NULL);

    run_turns(2);
    rw_stats(loop, &stats);
    CHECK_INT(stats.turns, 2);
    CHECK_INT(stats.tasks_spawned, 2);
    CHECK_INT(stats.tasks_live, 1);
    CHECK_INT(stats.polls, 3);
    CHECK_INT(stats.jobs_run, 3);
    CHECK_INT(stats.timers_armed, 1);
    CHECK_INT(stats.timers_fired, 0);
    run_all();
    rw_stats(loop, &stats);
    CHECK_INT(stats.timers_fired, 1);
    CHECK_INT(stats.timers_armed, 0);
    CHECK_INT(stats.tasks_live, 0);
    rw_task_unref(task);
    world_end();
}

static const struct test tests[] = {
    TEST(tasks_are_visited_through_all_scopes_oldest_first),
    TEST(a_visitor_of_tasks_sees_their_futures_and_may_cancel_them),
    TEST(a_task_that_is_just_ending_is_not_shown),
    TEST(the_counters_follow_what_happens),
};

TEST_MAIN(tests)
