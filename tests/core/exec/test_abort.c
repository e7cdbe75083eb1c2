/* SPDX-License-Identifier: MIT
 *
 * test_abort.c - abortable futures and shields.
 */
#include "script.h"

static void an_abortable_future_ends_when_its_handle_says_so(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_abortable *handle = NULL;

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, rw_abortable(loop, gate_wait(&gate), &handle), NULL);

    run_turns(1);
    rw_abortable_abort(handle);
    rw_abortable_abort(handle);
    CHECK(!rw_task_is_done(task));
    run_all();
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    CHECK_INT(gate.cancel_count, 1);
    rw_abortable_abort(handle); /* too late */
    rw_abortable_unref(handle);
    rw_abortable_unref(NULL);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void an_abortable_future_without_interference_gives_its_value(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_abortable *handle = NULL;

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, rw_abortable(loop, gate_wait(&gate), &handle), NULL);

    rw_abortable_unref(handle); /* the future does not need it */
    run_turns(1);
    gate_open(&gate, rw_int(3));
    run_all();
    CHECK_INT(rw_task_value(task)->as.integer, 3);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void aborting_before_the_first_poll_keeps_the_future_from_starting(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_abortable *handle = NULL;
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *future = rw_abortable(loop, gate_wait(&gate), &handle);

    rw_abortable_abort(handle);
    CHECK_INT(rw_block_on(loop, future, &out), 0);
    CHECK_INT(out.code, RW_ERR_CANCELLED);
    CHECK_INT(gate.poll_count, 0);
    rw_abortable_unref(handle);
    CHECK(world_is_empty());
    world_end();
}

/* Polls a future once, with a waker that counts. */
static int wake_count;

static void count_wake(void *data)
{
    (void)data;
    wake_count++;
}

static enum rw_poll poll_once(struct rw_future *future, struct rw_value *out)
{
    static const struct rw_waker_vtable counting = {NULL, count_wake, NULL};
    struct rw_context cx = {{&counting, NULL}, loop, NULL};

    return rw_poll(future, &cx, out);
}

static void a_done_future_is_not_woken_by_its_handle(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_abortable *handle = NULL;
    struct rw_value out;

    CHECK(world_begin());
    wake_count = 0;
    struct rw_future *future = rw_abortable(loop, gate_wait(&gate), &handle);

    CHECK_INT(poll_once(future, &out), RW_PENDING);
    gate_open(&gate, rw_int(3));
    CHECK_INT(wake_count, 1);
    CHECK_INT(poll_once(future, &out), RW_READY);
    rw_abortable_abort(handle); /* ready, not yet dropped: the waker was borrowed for the wait only */
    CHECK_INT(wake_count, 1);
    rw_future_drop(future);
    rw_abortable_unref(handle);
    CHECK(world_is_empty());
    world_end();
}

static void a_cancel_from_outside_reaches_what_is_abortable(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_abortable *handle = NULL;

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, rw_abortable(loop, gate_wait(&gate), &handle), NULL);

    run_turns(1);
    rw_task_cancel(task, NULL);
    run_all();
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    rw_abortable_unref(handle);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

/* ---- shields: around plain futures; test_cancel.c has those around awaits ----------------------------------------- */

static void a_shield_holds_a_cancel_back_until_its_deadline(void)
{
    static const struct {
        int64_t deadline_ms; /* -1: never */
        int64_t open_ms;     /* when the gate opens; -1: never */
        const char *expected;
    } rows[] = {{-1, 20, "ok@20"}, {50, 20, "ok@20"}, {10, 20, "cancelled@10"}, {10, -1, "cancelled@10"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gate gate = {.poll_count = 0};
        struct rw_value out;

        CHECK(world_begin());
        int64_t deadline_ns = rows[i].deadline_ms < 0 ? RW_NEVER : at(rows[i].deadline_ms);
        struct rw_task *task = rw_spawn(loop, rw_shield(loop, gate_wait(&gate), deadline_ns), NULL);

        run_turns(1);
        rw_task_cancel(task, NULL);
        run_turns(2);
        CHECK(!rw_task_is_done(task));
        if (rows[i].deadline_ms == 10) {
            rw_block_on(loop, rw_task_join(task), &out);
        } else {
            rw_block_on(loop, rw_sleep_until(loop, at(rows[i].open_ms)), &out);
            gate_open(&gate, rw_int(1));
            rw_block_on(loop, rw_task_join(task), &out);
        }
        note("%s@%lld", outcome_name(&out), (long long)now_ms());
        CHECK_TEXT(noted(), rows[i].expected);
        rw_task_unref(task);
        CHECK(world_is_empty());
        world_end();
    }
}

static void a_cancel_after_the_deadline_goes_through_at_once(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, rw_shield(loop, gate_wait(&gate), at(10)), NULL);

    rw_block_on(loop, rw_sleep_until(loop, at(15)), &out);
    CHECK(!rw_task_is_done(task)); /* a deadline alone cancels nothing */
    rw_task_cancel(task, NULL);
    run_all();
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    CHECK_INT(now_ms(), 15);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_shield_inside_a_timeout_is_waited_for(void)
{
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *shielded = rw_shield(loop, rw_sleep_until(loop, at(30)), RW_NEVER);

    CHECK_INT(rw_block_on(loop, rw_timeout(loop, shielded, at(10)), &out), 0);
    CHECK_TEXT(outcome_name(&out), "ok");
    CHECK_INT(now_ms(), 30);
    CHECK(world_is_empty());
    world_end();
}

static void a_shield_whose_deadline_has_passed_is_none(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_future *inner = gate_wait(&gate);

    CHECK(rw_shield(loop, inner, RW_NOW) == inner);
    rw_future_drop(inner);
    CHECK(world_is_empty());
    world_end();
}

static void shields_and_abortables_survive_a_failing_allocation(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_abortable *handle = NULL;

    if (!world_begin()) {
        return;
    }
    struct rw_future *future = rw_abortable(loop, rw_shield(loop, gate_wait(&gate), at(10)), &handle);
    struct rw_task *task = rw_spawn(loop, future, NULL);

    run_turns(1);
    if (handle != NULL) {
        rw_abortable_abort(handle);
    }
    run_all();
    CHECK(task == NULL || rw_task_is_done(task));
    if (task != NULL) {
        rw_task_mark_seen(task);
    }
    rw_task_unref(task);
    rw_abortable_unref(handle);
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(shields_and_abortables_survive_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(an_abortable_future_ends_when_its_handle_says_so),
    TEST(an_abortable_future_without_interference_gives_its_value),
    TEST(aborting_before_the_first_poll_keeps_the_future_from_starting),
    TEST(a_done_future_is_not_woken_by_its_handle),
    TEST(a_cancel_from_outside_reaches_what_is_abortable),
    TEST(a_shield_holds_a_cancel_back_until_its_deadline),
    TEST(a_cancel_after_the_deadline_goes_through_at_once),
    TEST(a_shield_inside_a_timeout_is_waited_for),
    TEST(a_shield_whose_deadline_has_passed_is_none),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
