/* SPDX-License-Identifier: MIT
 *
 * test_cancel.c - how a cancellation reaches a task: a level with growing pauses, once more per await.
 */
#include "script.h"

/* Awaits what never comes, n times, whatever is raised; notes when. */
static struct rw_future *swallow(struct script *self)
{
    static struct gate never;

    SCRIPT_BEGIN(self);
    never = (struct gate){.poll_count = 0};
    while (self->n-- > 0) {
        AWAIT(self, gate_wait(&never));
        note("%s@%lld", got(self), (long long)now_ms());
    }
    SCRIPT_END(self, rw_int(never.poll_count));
}

static struct rw_task *spawn_swallow(int64_t count)
{
    struct script *script = script_new_with(&script_vtable, swallow, NULL);

    script->n = count;
    return rw_spawn(loop, &script->base, NULL);
}

static void every_await_of_a_cancelled_task_fails_after_a_growing_pause(void)
{
    CHECK(world_begin());
    struct rw_task *task = spawn_swallow(14);

    run_turns(1);
    rw_task_cancel(task, NULL);
    run_all();
    CHECK_TEXT(noted(),
               "cancelled@0 cancelled@1 cancelled@3 cancelled@7 cancelled@15 cancelled@31 cancelled@63 "
               "cancelled@127 cancelled@255 cancelled@511 cancelled@1023 cancelled@2023 "
               "cancelled@3023 cancelled@4023");
    CHECK_INT(rw_task_value(task)->as.integer, 2); /* what was not in flight was never started */
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void the_first_delivery_to_an_await_that_begins_takes_one_turn(void)
{
    struct rw_stats before;
    struct rw_stats after;

    CHECK(world_begin());
    struct rw_task *task = spawn_swallow(3);

    run_turns(1);
    rw_task_cancel(task, NULL);
    rw_task_cancel(task, "a second time is the same");
    run_turns(1);
    CHECK_TEXT(noted(), "cancelled@0");
    run_turns(1); /* the leaf had woken the task, too */
    rw_stats(loop, &before);
    run_turns(5); /* no time passes: nothing spins */
    CHECK_TEXT(noted(), "");
    rw_stats(loop, &after);
    CHECK_INT(after.polls, before.polls);
    run_all();
    CHECK_TEXT(noted(), "cancelled@1 cancelled@3");
    rw_task_unref(task);
    world_end();
}

static struct rw_future *cancel_own_then_await(struct script *self)
{
    SCRIPT_BEGIN(self);
    rw_task_cancel(self->task, "enough");
    note("still running");
    AWAIT(self, gate_wait(self->data));
    note("%s: %s", got(self), rw_value_message(&self->in));
    SCRIPT_END(self, rw_value_clone(&self->in));
}

static void a_task_that_cancels_itself_fails_at_its_next_await(void)
{
    struct gate gate = {.is_open = true};

    CHECK(world_begin());
    struct rw_task *task = script_spawn(cancel_own_then_await, &gate);

    run_turns(1);
    CHECK_TEXT(noted(), "still running");
    run_turns(1);
    CHECK_TEXT(noted(), "cancelled: enough");
    CHECK_INT(gate.poll_count, 0);
    CHECK_INT(gate.drop_count, 1);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_task_cancelled_before_its_first_run_never_runs(void)
{
    CHECK(world_begin());
    struct rw_task *task = spawn_swallow(3);

    rw_task_cancel(task, "still-born");
    run_all();
    CHECK_TEXT(noted(), "");
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    CHECK_TEXT(rw_value_message(rw_task_value(task)), "still-born");
    CHECK(rw_task_is_cancelled(task));
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *await_gate(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, gate_wait(self->data));
    note("%s@%lld", got(self), (long long)now_ms());
    SCRIPT_END(self, rw_value_clone(&self->in));
}

static void an_await_in_flight_may_still_win(void)
{
    struct gate gate = {.is_deaf = true};

    CHECK(world_begin());
    struct rw_task *task = script_spawn(await_gate, &gate);

    run_turns(1);
    rw_task_cancel(task, NULL);
    run_turns(3);
    CHECK_INT(gate.cancel_count, 1); /* asked once, polled on */
    CHECK_TEXT(noted(), "");
    gate_open(&gate, rw_int(8));
    run_all();
    CHECK_TEXT(noted(), "ok@0");
    CHECK_INT(rw_task_value(task)->as.integer, 8);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *await_bare(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, bare_gate_wait(self->data));
    note("%s: %s", got(self), rw_value_message(&self->in));
    SCRIPT_END(self, rw_nil());
}

static void what_cannot_be_asked_is_dropped_and_the_reason_is_told(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = script_spawn(await_bare, &gate);

    run_turns(1);
    rw_task_cancel(task, "because");
    run_all();
    CHECK_TEXT(noted(), "cancelled: because");
    CHECK_INT(gate.drop_count, 1);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_plain_future_as_task_is_cancelled_directly(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, gate_wait(&gate), NULL);

    run_turns(1);
    rw_task_cancel(task, NULL);
    CHECK_INT(gate.cancel_count, 1);
    CHECK(!rw_task_is_done(task)); /* a request: nothing runs in place */
    run_turns(1);
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

/* ---- uncancel ---------------------------------------------------------------------------------------------------- */

static struct rw_future *forgive(struct script *self)
{
    struct gate *gate = self->data;

    SCRIPT_BEGIN(self);
    AWAIT(self, gate_wait(gate));
    note("%s", got(self));
    note(rw_task_uncancel(self->task) ? "uncancelled" : "was not");
    note(rw_task_uncancel(self->task) ? "uncancelled" : "was not");
    gate->is_open = true;
    AWAIT(self, gate_wait(gate));
    note("%s@%lld", got(self), (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static void a_task_may_take_its_cancellation_back(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = script_spawn(forgive, &gate);

    run_turns(1);
    rw_task_cancel(task, NULL);
    run_all();
    CHECK_TEXT(noted(), "cancelled uncancelled was not ok@0");
    CHECK(!rw_task_is_cancelled(task));
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void the_await_that_was_refused_begins_when_the_cancellation_is_taken_back(void)
{
    CHECK(world_begin());
    struct rw_task *task = spawn_swallow(3);

    run_turns(1);
    rw_task_cancel(task, NULL);
    run_turns(2); /* now it pauses before the second delivery */
    CHECK_TEXT(noted(), "cancelled@0");
    CHECK(rw_task_uncancel(task));
    run_all();
    CHECK_TEXT(noted(), "");
    rw_task_cancel(task, NULL); /* from the beginning again: no pause, then 1 ms */
    run_all();
    CHECK_TEXT(noted(), "cancelled@0 cancelled@1");
    CHECK_INT(rw_task_value(task)->as.integer, 4); /* both awaits had begun */
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_spurious_wake_does_not_shorten_a_pause(void)
{
    CHECK(world_begin());
    struct rw_task *task = spawn_swallow(2);

    run_turns(1);
    rw_task_cancel(task, NULL);
    run_turns(2);
    CHECK_TEXT(noted(), "cancelled@0");
    rw_task_wake(task);
    run_turns(2);
    CHECK_TEXT(noted(), "");
    run_all();
    CHECK_TEXT(noted(), "cancelled@1");
    rw_task_unref(task);
    world_end();
}

/* ---- a host with edges of its own ---------------------------------------------------------------------------------- */

static void cancel_edge(struct rw_future *future)
{
    struct script *self = (struct script *)future;

    note("edge");
    self->m++;
    if (self->leaf != NULL) {
        rw_future_cancel(self->leaf);
    }
}

static const struct rw_future_vtable edge_vtable = {"edge", RW_FUTURE_COROUTINE, script_poll, cancel_edge,
                                                    script_drop};

static struct rw_future *await_twice(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, gate_wait(self->data));
    note("%s@%lld", got(self), (long long)now_ms());
    AWAIT(self, rw_sleep_until(self->loop, at(10)));
    note("%s@%lld", got(self), (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static void a_coroutine_with_a_cancel_function_is_only_told(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct script *script = script_new_with(&edge_vtable, await_twice, &gate);
    struct rw_task *task = rw_spawn(loop, &script->base, NULL);

    run_turns(1);
    rw_task_cancel(task, NULL);
    rw_task_cancel(task, NULL); /* told each time: hosts count */
    CHECK(!rw_task_is_cancelled(task));
    run_all();
    CHECK_TEXT(noted(), "edge edge cancelled@0 ok@10");
    CHECK(!rw_task_uncancel(task));
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_loop_that_ends_cancels_by_level_also_where_tasks_have_edges(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct script *script = script_new_with(&edge_vtable, await_twice, &gate);

    rw_task_detach(rw_spawn(loop, &script->base, NULL));
    run_turns(1);
    world_end();
    CHECK_TEXT(noted(), "cancelled@0");
}

/* ---- shields ------------------------------------------------------------------------------------------------------- */

static struct rw_future *shielded(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_shield(self->loop, rw_sleep_until(self->loop, at(20)), self->n));
    note("%s@%lld", got(self), (long long)now_ms());
    AWAIT(self, rw_sleep_until(self->loop, at(100)));
    note("%s@%lld", got(self), (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static void a_shielded_await_is_not_cancelled_before_its_deadline(void)
{
    static const struct {
        int64_t deadline_ms;
        const char *expected;
    } rows[] = {{-1, "ok@20 cancelled@20"}, {50, "ok@20 cancelled@20"}, {5, "cancelled@5 cancelled@6"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(world_begin());
        struct script *script = script_new_with(&script_vtable, shielded, NULL);

        script->n = rows[i].deadline_ms < 0 ? RW_NEVER : at(rows[i].deadline_ms);
        struct rw_task *task = rw_spawn(loop, &script->base, NULL);

        run_turns(1);
        rw_task_cancel(task, NULL);
        run_all();
        CHECK_TEXT(noted(), rows[i].expected);
        rw_task_unref(task);
        CHECK(world_is_empty());
        world_end();
    }
}

/* Swallows what its shields let through, for as long as n says. */
static struct rw_future *swallow_shielded(struct script *self)
{
    static struct gate never;

    SCRIPT_BEGIN(self);
    never = (struct gate){.poll_count = 0};
    while (self->n-- > 0) {
        AWAIT(self, rw_shield(self->loop, gate_wait(&never), at(2)));
        note("%s@%lld", got(self), (long long)now_ms());
    }
    SCRIPT_END(self, rw_nil());
}

static void a_shield_whose_time_is_over_does_not_let_a_task_spin(void)
{
    CHECK(world_begin());
    struct script *script = script_new_with(&script_vtable, swallow_shielded, NULL);

    script->n = 5;
    struct rw_task *task = rw_spawn(loop, &script->base, NULL);

    run_turns(1);
    rw_task_cancel(task, NULL);
    run_all();
    CHECK_TEXT(noted(), "cancelled@2 cancelled@3 cancelled@5 cancelled@9 cancelled@17");
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void cancelling_survives_a_failing_allocation(void)
{
    if (!world_begin()) {
        return;
    }
    struct script *script = script_new_with(&script_vtable, swallow, NULL);
    struct rw_task *task = NULL;

    if (script != NULL) {
        script->n = 3;
        task = rw_spawn(loop, &script->base, NULL);
    }
    if (task != NULL) {
        run_turns(1);
        rw_task_cancel(task, "a reason that needs memory");
        run_all();
        CHECK(rw_task_is_done(task));
    }
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(cancelling_survives_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(every_await_of_a_cancelled_task_fails_after_a_growing_pause),
    TEST(the_first_delivery_to_an_await_that_begins_takes_one_turn),
    TEST(a_task_that_cancels_itself_fails_at_its_next_await),
    TEST(a_task_cancelled_before_its_first_run_never_runs),
    TEST(an_await_in_flight_may_still_win),
    TEST(what_cannot_be_asked_is_dropped_and_the_reason_is_told),
    TEST(a_plain_future_as_task_is_cancelled_directly),
    TEST(a_task_may_take_its_cancellation_back),
    TEST(the_await_that_was_refused_begins_when_the_cancellation_is_taken_back),
    TEST(a_spurious_wake_does_not_shorten_a_pause),
    TEST(a_coroutine_with_a_cancel_function_is_only_told),
    TEST(a_loop_that_ends_cancels_by_level_also_where_tasks_have_edges),
    TEST(a_shielded_await_is_not_cancelled_before_its_deadline),
    TEST(a_shield_whose_time_is_over_does_not_let_a_task_spin),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
