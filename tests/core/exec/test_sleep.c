/* SPDX-License-Identifier: MIT
 *
 * test_sleep.c - sleeping, yielding and timeouts in virtual time.
 */
#include "script.h"

static struct rw_future *nap(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_sleep_until(self->loop, at((int64_t)(intptr_t)self->data)));
    note("%lld@%lld", (long long)(intptr_t)self->data, (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static void sleepers_wake_in_the_order_of_their_deadlines(void)
{
    static const int delays[] = {30, 10, 20, 10, 0};

    CHECK(world_begin());
    for (int i = 0; i < 5; i++) {
        rw_task_detach(script_spawn(nap, (void *)(intptr_t)delays[i]));
    }
    run_all();
    CHECK_TEXT(noted(), "0@0 10@10 10@10 20@20 30@30");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *steps(struct script *self)
{
    SCRIPT_BEGIN(self);
    for (self->n = 0; self->n < 3; self->n++) {
        note("%s%lld", (const char *)self->data, (long long)self->n);
        AWAIT(self, rw_yield_now(self->loop));
    }
    SCRIPT_END(self, rw_nil());
}

static void a_yield_lets_every_other_task_run_once(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(steps, "a"));
    rw_task_detach(script_spawn(steps, "b"));
    run_all();
    CHECK_TEXT(noted(), "a0 b0 a1 b1 a2 b2");
    world_end();
}

static struct rw_future *sleep_in_the_past(struct script *self)
{
    SCRIPT_BEGIN(self);
    for (self->n = 0; self->n < 2; self->n++) {
        AWAIT(self, rw_sleep_until(self->loop, RW_NOW));
        note("past%lld", (long long)self->n);
    }
    SCRIPT_END(self, rw_nil());
}

static void a_sleep_whose_deadline_has_passed_takes_one_turn(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(sleep_in_the_past, NULL));
    rw_task_detach(script_spawn(steps, "b"));
    run_all();
    CHECK_TEXT(noted(), "b0 past0 b1 past1 b2");
    world_end();
}

static void a_cancelled_sleep_ends_at_once(void)
{
    struct rw_value out;

    CHECK(world_begin());
    struct rw_abortable *handle = NULL;
    struct rw_future *future = rw_abortable(loop, rw_sleep_until(loop, RW_NEVER), &handle);
    struct rw_task *task = rw_spawn(loop, future, NULL);

    run_turns(1);
    rw_abortable_abort(handle);
    run_turns(1);
    CHECK(rw_task_is_done(task));
    out = *rw_task_value(task);
    CHECK_INT(out.code, RW_ERR_CANCELLED);
    rw_task_unref(task);
    rw_abortable_unref(handle);
    CHECK(world_is_empty());
    world_end();
}

static void a_deadline_is_computed_without_overflow(void)
{
    CHECK(world_begin());
    CHECK_INT(rw_deadline_after(loop, 5), RW_SECOND + 5);
    CHECK_INT(rw_deadline_after(loop, -5), RW_SECOND - 5);
    CHECK_INT(rw_deadline_after(loop, INT64_MAX), RW_NEVER);
    CHECK_INT(rw_deadline_after(loop, INT64_MIN), INT64_MIN + RW_SECOND);
    world_end();
}

/* ---- timeouts ---------------------------------------------------------------------------------------------------- */

static struct rw_value value_within(struct gate *gate, int64_t ms, int64_t open_after_ms)
{
    struct rw_value out = rw_nil();
    struct rw_task *task = rw_spawn(loop, rw_timeout(loop, gate_wait(gate), at(ms)), NULL);

    if (open_after_ms >= 0) {
        struct rw_value slept;

        rw_block_on(loop, rw_sleep_until(loop, at(open_after_ms)), &slept);
        gate_open(gate, rw_int(5));
    }
    rw_block_on(loop, rw_task_join(task), &out);
    rw_task_unref(task);
    return out;
}

static void a_timeout_gives_the_value_that_came_in_time(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_value out = value_within(&gate, 20, 10);

    CHECK_INT(out.as.integer, 5);
    CHECK_INT(now_ms(), 10);
    CHECK_INT(gate.cancel_count, 0);
    CHECK(world_is_empty());
    world_end();
}

static void a_timeout_cancels_what_did_not_come_in_time(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_value out = value_within(&gate, 20, -1);

    CHECK_INT(out.code, RW_ERR_TIMEOUT);
    CHECK_INT(now_ms(), 20);
    CHECK_INT(gate.cancel_count, 1);
    CHECK_INT(gate.drop_count, 1);
    CHECK(world_is_empty());
    world_end();
}

static void a_value_that_arrives_after_the_deadline_is_not_lost(void)
{
    struct gate gate = {.is_deaf = true};

    CHECK(world_begin());
    struct rw_value out = value_within(&gate, 20, 50);

    CHECK_INT(out.as.integer, 5);
    CHECK_INT(now_ms(), 50);
    CHECK_INT(gate.cancel_count, 1);
    CHECK(world_is_empty());
    world_end();
}

static void a_timeout_of_the_past_still_takes_what_is_ready(void)
{
    struct gate gate = {.value = rw_int(5), .is_open = true};
    struct gate closed = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_value out = value_within(&gate, -5, -1);

    CHECK_INT(out.as.integer, 5);
    out = value_within(&closed, -5, -1);
    CHECK_INT(out.code, RW_ERR_TIMEOUT);
    CHECK_INT(closed.poll_count, 2); /* tried once, then polled to its end */
    CHECK_INT(now_ms(), 0);
    world_end();
}

static void the_inner_of_two_timeouts_is_the_one_that_passes(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *inner = rw_timeout(loop, gate_wait(&gate), at(10));

    CHECK_INT(rw_block_on(loop, rw_timeout(loop, inner, at(20)), &out), 0);
    CHECK_INT(out.code, RW_ERR_TIMEOUT);
    CHECK_INT(now_ms(), 10);
    CHECK(world_is_empty());
    world_end();
}

static void a_cancel_from_outside_is_no_timeout(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, rw_timeout(loop, gate_wait(&gate), at(20)), NULL);

    run_turns(1);
    rw_task_cancel(task, NULL);
    CHECK_INT(rw_block_on(loop, rw_task_join(task), &out), 0);
    CHECK_INT(out.code, RW_ERR_CANCELLED);
    CHECK_INT(now_ms(), 0);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_timeout_ends_what_cannot_be_asked_to_end(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    CHECK_INT(rw_block_on(loop, rw_timeout(loop, bare_gate_wait(&gate), at(20)), &out), 0);
    CHECK_INT(out.code, RW_ERR_TIMEOUT);
    CHECK_INT(gate.drop_count, 1);
    CHECK(world_is_empty());
    world_end();
}

static void dropping_disarms_the_timer_in_every_state(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    rw_future_drop(rw_timeout(loop, gate_wait(&gate), at(20)));
    rw_future_drop(rw_sleep_until(loop, at(20)));
    for (int turns = 0; turns < 2; turns++) {
        struct rw_task *task = rw_spawn(
            loop, rw_first(loop, rw_sleep_until(loop, at(20)), rw_timeout(loop, gate_wait(&gate), at(20))),
            NULL);

        run_turns(turns);
        rw_task_detach(task);
        world_end();
        CHECK(world_begin());
    }
    world_end();
}

/* ---- in the caller's memory ------------------------------------------------------------------------------------------ */

struct napper {
    struct script script; /* `data` is the napper */
    struct rw_sleep sleep;
    struct rw_yield yield;
};

static struct rw_future *nap_in_place(struct script *self)
{
    struct napper *napper = self->data;

    SCRIPT_BEGIN(self);
    for (self->n = 0; self->n < 2; self->n++) {
        rw_sleep_init(&napper->sleep, self->loop, at(self->n * 10 + 5));
        AWAIT(self, &napper->sleep.base);
        note("slept@%lld", (long long)now_ms());
        rw_yield_init(&napper->yield);
        AWAIT(self, &napper->yield.base);
        note("%s@%lld", got(self), (long long)now_ms());
    }
    SCRIPT_END(self, rw_nil());
}

static void sleeps_and_yields_in_the_callers_memory_may_be_made_again_there(void)
{
    struct napper napper;
    struct rw_stats before;
    struct rw_stats after;

    CHECK(world_begin());
    struct rw_task *task = script_spawn(nap_in_place, &napper);

    rw_stats(loop, &before);
    run_turns(1);
    rw_stats(loop, &after);
    CHECK_INT(after.futures_live, before.futures_live); /* no memory is asked for */
    run_all();
    CHECK_TEXT(noted(), "slept@5 ok@5 slept@15 ok@15");
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_sleep_in_the_callers_memory_may_be_dropped_in_any_state(void)
{
    struct rw_sleep sleep;
    struct rw_value out;

    CHECK(world_begin());
    rw_sleep_init(&sleep, loop, at(5));
    rw_future_drop(&sleep.base);
    rw_sleep_init(&sleep, loop, at(5));
    struct rw_task *task = rw_spawn(loop, &sleep.base, NULL);

    run_turns(1);
    rw_task_cancel(task, NULL);
    run_all();
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    CHECK_INT(now_ms(), 0);
    rw_task_unref(task);
    rw_sleep_init(&sleep, loop, at(5));
    CHECK_INT(rw_block_on(loop, &sleep.base, &out), 0);
    CHECK_INT(now_ms(), 5);
    rw_sleep_init(&sleep, loop, RW_NEVER);
    CHECK_INT(rw_block_on(loop, &sleep.base, &out), RW_ERR_DEADLOCK);
    CHECK(world_is_empty());
    world_end();
}

static void a_timeout_in_the_callers_memory_drops_what_it_was_given(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_timeout timeout;
    struct rw_value out;

    CHECK(world_begin());
    rw_timeout_init(&timeout, loop, gate_wait(&gate), at(20));
    CHECK_INT(rw_block_on(loop, &timeout.base, &out), 0);
    CHECK_INT(out.code, RW_ERR_TIMEOUT);
    CHECK_INT(now_ms(), 20);
    CHECK_INT(gate.drop_count, 1);
    gate_open(&gate, rw_int(3));
    rw_timeout_init(&timeout, loop, gate_wait(&gate), at(40));
    CHECK_INT(rw_block_on(loop, &timeout.base, &out), 0);
    CHECK_INT(out.as.integer, 3);
    CHECK_INT(gate.drop_count, 2);
    CHECK(world_is_empty());
    world_end();
}

/* Yields by hand, as a poll function without futures does. */
struct yielder {
    struct rw_future base;
    int left;
    bool yielded;
};

static enum rw_poll poll_yielder(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct yielder *yielder = (struct yielder *)self;

    for (; yielder->left > 0; yielder->left--) {
        if (!rw_yield_passed(cx, &yielder->yielded)) {
            return RW_PENDING;
        }
        note("y%d", yielder->left);
    }
    *out = rw_nil();
    return RW_READY;
}

static void drop_yielder(struct rw_future *self)
{
    note("dropped%d", ((struct yielder *)self)->left);
}

static const struct rw_future_vtable yielder_vtable = {"yielder", 0, poll_yielder, NULL, drop_yielder};

static void a_poll_function_may_yield_without_a_future(void)
{
    struct yielder yielder = {.left = 3};

    CHECK(world_begin());
    rw_future_init(&yielder.base, &yielder_vtable);
    rw_task_detach(rw_spawn(loop, &yielder.base, NULL));
    rw_task_detach(script_spawn(steps, "s"));
    run_all();
    CHECK_TEXT(noted(), "s0 y3 s1 y2 s2 y1 dropped0");
    CHECK(world_is_empty());
    world_end();
}

static void time_futures_survive_a_failing_allocation(void)
{
    struct rw_value out = rw_nil();

    if (!world_begin()) {
        return;
    }
    int err = rw_block_on(
        loop, rw_timeout(loop, rw_join(loop, rw_yield_now(loop), rw_sleep_until(loop, at(5))), at(10)), &out);

    CHECK(err == 0 || err == RW_ERR_NOMEM);
    CHECK(err != 0 || !rw_is_failure(&out) || out.code == RW_ERR_NOMEM || out.code == RW_ERR_TIMEOUT);
    rw_value_drop(&out);
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(time_futures_survive_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(sleepers_wake_in_the_order_of_their_deadlines),
    TEST(a_yield_lets_every_other_task_run_once),
    TEST(a_sleep_whose_deadline_has_passed_takes_one_turn),
    TEST(a_cancelled_sleep_ends_at_once),
    TEST(a_deadline_is_computed_without_overflow),
    TEST(a_timeout_gives_the_value_that_came_in_time),
    TEST(a_timeout_cancels_what_did_not_come_in_time),
    TEST(a_value_that_arrives_after_the_deadline_is_not_lost),
    TEST(a_timeout_of_the_past_still_takes_what_is_ready),
    TEST(the_inner_of_two_timeouts_is_the_one_that_passes),
    TEST(a_cancel_from_outside_is_no_timeout),
    TEST(a_timeout_ends_what_cannot_be_asked_to_end),
    TEST(dropping_disarms_the_timer_in_every_state),
    TEST(a_poll_function_may_yield_without_a_future),
    TEST(sleeps_and_yields_in_the_callers_memory_may_be_made_again_there),
    TEST(a_sleep_in_the_callers_memory_may_be_dropped_in_any_state),
    TEST(a_timeout_in_the_callers_memory_drops_what_it_was_given),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
