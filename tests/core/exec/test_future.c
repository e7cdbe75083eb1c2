/* SPDX-License-Identifier: MIT
 *
 * test_future.c - the rules that rw_poll, rw_future_cancel and rw_future_drop keep for every future.
 */
#include "exec/future.h"

#include "aborts.h"
#include "script.h"

static enum rw_poll poll_once(struct rw_future *future, struct rw_value *out)
{
    static const struct rw_waker_vtable silent = {NULL, NULL, NULL};
    struct rw_context cx = {{&silent, NULL}, loop, NULL};

    return rw_poll(future, &cx, out);
}

static void a_future_does_nothing_before_it_is_polled(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_future *future = gate_wait(&gate);

    run_turns(2);
    CHECK_INT(gate.poll_count, 0);
    rw_future_drop(future);
    CHECK_INT(gate.drop_count, 1);
    CHECK(world_is_empty());
    world_end();
}

static void a_future_cancelled_before_its_first_poll_never_runs(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *future = gate_wait(&gate);

    rw_future_cancel(future);
    rw_future_cancel(future);
    CHECK_INT(poll_once(future, &out), RW_READY);
    CHECK_INT(out.code, RW_ERR_CANCELLED);
    CHECK_INT(gate.poll_count, 0);
    CHECK_INT(gate.cancel_count, 0);
    rw_future_cancel(future); /* too late */
    rw_future_drop(future);
    CHECK(world_is_empty());
    world_end();
}

static void a_polled_future_is_asked_to_cancel_once(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *future = gate_wait(&gate);

    CHECK_INT(poll_once(future, &out), RW_PENDING);
    gate.waker.vtable = NULL; /* nobody to wake: polled by hand */
    rw_future_cancel(future);
    rw_future_cancel(future);
    CHECK_INT(gate.cancel_count, 1);
    CHECK_INT(poll_once(future, &out), RW_READY);
    CHECK_INT(out.code, RW_ERR_CANCELLED);
    rw_future_drop(future);
    CHECK(world_is_empty());
    world_end();
}

static void a_cancelled_future_may_still_win(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *future = gate_wait(&gate);

    CHECK_INT(poll_once(future, &out), RW_PENDING);
    gate.waker.vtable = NULL;
    rw_future_cancel(future);
    gate_open(&gate, rw_int(7));
    CHECK_INT(poll_once(future, &out), RW_READY);
    CHECK_INT(out.as.integer, 7);
    rw_future_drop(future);
    world_end();
}

static void a_future_without_a_cancel_function_is_not_polled_again(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *future = bare_gate_wait(&gate);

    CHECK_INT(poll_once(future, &out), RW_PENDING);
    rw_future_cancel(future);
    CHECK_INT(poll_once(future, &out), RW_READY);
    CHECK_INT(out.code, RW_ERR_CANCELLED);
    CHECK_INT(gate.poll_count, 1);
    CHECK_INT(gate.drop_count, 0);
    rw_future_drop(future);
    CHECK_INT(gate.drop_count, 1);
    world_end();
}

static void cancelling_a_done_future_does_nothing(void)
{
    struct gate gate = {.is_open = true};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *future = gate_wait(&gate);

    CHECK_INT(poll_once(future, &out), RW_READY);
    rw_future_cancel(future);
    CHECK_INT(gate.cancel_count, 0);
    rw_future_drop(future);
    rw_future_drop(NULL);
    world_end();
}

static void ready_gives_its_value_and_failed_its_code(void)
{
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *future = rw_ready(loop, rw_text_of("hello"));

    CHECK_INT(poll_once(future, &out), RW_READY);
    CHECK_TEXT(rw_value_data(&out, NULL), "hello");
    rw_value_drop(&out);
    rw_future_drop(future);
    future = rw_ready(loop, rw_text_of("never looked at"));
    rw_future_drop(future);
    future = rw_failed(loop, RW_ERR_CLOSED);
    CHECK_INT(poll_once(future, &out), RW_READY);
    CHECK_INT(out.code, RW_ERR_CLOSED);
    CHECK(rw_is_failure(&out));
    rw_future_drop(future);
    CHECK(world_is_empty());
    world_end();
}

static void a_ready_future_keeps_its_value_when_the_cancel_comes_late(void)
{
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *future = rw_ready(loop, rw_int(3));
    struct rw_context cx = {.loop = loop};

    future->state = RW_FUTURE_POLLED | (uint32_t)(uintptr_t)future; /* as when its budget had run out */
    rw_future_cancel(future);
    CHECK_INT(rw_poll(future, &cx, &out), RW_READY);
    CHECK_INT(out.as.integer, 3);
    rw_future_drop(future);
    world_end();
}

static void without_memory_there_is_still_a_future_that_says_so(void)
{
    struct rw_value out;

    CHECK(world_begin());
    test_fail_allocation(1, false);
    struct rw_future *one = rw_ready(loop, rw_nil());
    struct rw_future *two = rw_failed(loop, RW_ERR_STATE);

    test_fail_allocation(0, false);
    for (int i = 0; i < 2; i++) { /* it may be polled, cancelled and dropped any number of times */
        CHECK_INT(poll_once(one, &out), RW_READY);
        CHECK_INT(out.code, RW_ERR_NOMEM);
        rw_future_cancel(one);
    }
    rw_future_drop(one);
    CHECK_INT(poll_once(two, &out), RW_READY);
    CHECK_INT(out.code, RW_ERR_NOMEM);
    rw_future_drop(two);
    CHECK(world_is_empty());
    world_end();
}

static void a_task_runs_the_future_of_last_resort_to_its_end(void)
{
    struct rw_value out;

    CHECK(world_begin());
    test_fail_allocation(1, false);
    struct rw_future *future = rw_failed(loop, RW_ERR_CLOSED);

    test_fail_allocation(0, false);
    CHECK_INT(rw_block_on(loop, future, &out), 0);
    CHECK_INT(out.code, RW_ERR_NOMEM);
    world_end();
}

/* ---- what stops the process -------------------------------------------------------------------------------------- */

static struct rw_future *subject;

static void poll_subject(void)
{
    struct rw_value out;

    poll_once(subject, &out);
}

static void poll_a_moved_copy(void)
{
    struct gate_future copy = *(struct gate_future *)subject;
    struct rw_value out;

    poll_once(&copy.base, &out);
}

static void polling_a_done_future_again_stops_the_process(void)
{
    struct rw_value out;

    CHECK(world_begin());
    subject = rw_ready(loop, rw_nil());
    CHECK_INT(poll_once(subject, &out), RW_READY);
    CHECK(aborts(poll_subject));
    CHECK_TEXT(said, "ropewalk: the future 'ready' was polled again after it was ready\n");
    rw_future_drop(subject);
    world_end();
}

static void a_future_that_moved_after_it_was_polled_stops_a_checked_build(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    subject = gate_wait(&gate);
    CHECK_INT(poll_once(subject, &out), RW_PENDING);
    CHECK(aborts(poll_a_moved_copy));
    CHECK_TEXT(said, "ropewalk: the future 'gate' was moved after its first poll\n");
    rw_future_drop(subject);
    world_end();
}

/* Answers with what is no answer, or gives what is no value. */
static enum rw_poll wrong_answer;

static enum rw_poll poll_wrongly(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    (void)self;
    (void)cx;
    *out = rw_nil();
    out->kind = 99;
    return wrong_answer;
}

static void drop_nothing(struct rw_future *self)
{
    (void)self;
}

static void a_wrong_answer_stops_a_checked_build_and_names_the_future(void)
{
    static const struct rw_future_vtable vtable = {"wrong", 0, poll_wrongly, NULL, drop_nothing};
    struct rw_future wrong;

    CHECK(world_begin());
    rw_future_init(&wrong, &vtable);
    subject = &wrong;
    wrong_answer = RW_READY;
    CHECK(aborts(poll_subject));
    CHECK_TEXT(said, "ropewalk: the future 'wrong' gave a value of an unknown kind (99)\n");
    wrong_answer = (enum rw_poll)7;
    CHECK(aborts(poll_subject));
    CHECK_TEXT(
        said,
        "ropewalk: the poll function of 'wrong' answered 7, which is neither RW_PENDING nor RW_READY\n");
    world_end();
}

static const struct test tests[] = {
    TEST(a_future_does_nothing_before_it_is_polled),
    TEST(a_future_cancelled_before_its_first_poll_never_runs),
    TEST(a_polled_future_is_asked_to_cancel_once),
    TEST(a_cancelled_future_may_still_win),
    TEST(a_future_without_a_cancel_function_is_not_polled_again),
    TEST(cancelling_a_done_future_does_nothing),
    TEST(ready_gives_its_value_and_failed_its_code),
    TEST(a_ready_future_keeps_its_value_when_the_cancel_comes_late),
    TEST(without_memory_there_is_still_a_future_that_says_so),
    TEST(a_task_runs_the_future_of_last_resort_to_its_end),
    TEST(polling_a_done_future_again_stops_the_process),
    TEST(a_future_that_moved_after_it_was_polled_stops_a_checked_build),
    TEST(a_wrong_answer_stops_a_checked_build_and_names_the_future),
};

TEST_MAIN(tests)
