/* SPDX-License-Identifier: MIT
 *
 * test_channel_ask.c - sends and receives awaited at once, as a host's task does: done without a future, or a future that waits.
 */
#include "flow/channel_ask.h"

#include "flow/flow_test.h"

struct ends {
    struct rig rig;
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct act *waiting; /* somebody polled by hand, where a test has one */
};

static struct ends ends_open(size_t capacity, unsigned flags)
{
    struct ends ends = {.rig = rig_open()};

    (void)rw_channel_open(ends.rig.loop, capacity, flags, &ends.tx, &ends.rx);
    return ends;
}

static void ends_close(struct ends *ends)
{
    rw_sender_unref(ends->tx);
    rw_receiver_unref(ends->rx);
    CHECK(rig_close(&ends->rig));
}

enum { NOTHING = 1000, NO_SENSE = 1001 };

/* 0 or the code when it was over at once, else NOTHING, and the future is dropped. */
static int64_t send_now(struct rw_context *cx, struct ends *ends, struct rw_value value)
{
    struct rw_future *future = (struct rw_future *)cx;
    struct rw_value out;
    enum rw_poll poll = rw_channel_await_send(cx, ends->tx, value, &future, &out);

    if ((future == NULL) != (poll == RW_READY)) {
        return NO_SENSE;
    }
    rw_future_drop(future);
    if (poll == RW_PENDING) {
        return NOTHING;
    }
    return out.kind == RW_KIND_NIL || rw_is_failure(&out) ? out.code : NO_SENSE;
}

/* The same with the integer. */
static int64_t receive_now(struct rw_context *cx, struct ends *ends)
{
    struct rw_future *future = (struct rw_future *)cx;
    struct rw_value out;
    enum rw_poll poll = rw_channel_await_receive(cx, ends->rx, &future, &out);

    if ((future == NULL) != (poll == RW_READY)) {
        return NO_SENSE;
    }
    rw_future_drop(future);
    if (poll == RW_PENDING) {
        return NOTHING;
    }
    return rw_is_failure(&out) ? out.code : out.as.integer;
}

static void send_each_way(void *arg, struct rw_context *cx)
{
    struct ends *ends = arg;
    struct rw_value out;

    CHECK_INT(send_now(cx, ends, rw_failure(RW_ERR_BROKEN)), RW_ERR_INVALID);
    CHECK_INT(send_now(cx, ends, rw_text_of("first")), 0);
    CHECK_INT(send_now(cx, ends, rw_text_of("there is no room: dropped with its future")), NOTHING);
    CHECK_INT(rw_receiver_count(ends->rx), 1);
    CHECK_INT(rw_channel_try_receive(ends->rx, &out), 0);
    CHECK_TEXT(rw_value_data(&out, NULL), "first");
    rw_value_drop(&out);
    CHECK_INT(send_now(cx, ends, rw_text_of("left")), 0);
    rw_receiver_close(ends->rx);
    CHECK_INT(send_now(cx, ends, rw_text_of("too late")), RW_ERR_CLOSED);
}

static void a_send_is_over_at_once_or_waits(unsigned flags)
{
    struct ends ends = ends_open(1, flags);

    run_inside(&ends.rig, send_each_way, &ends);
    ends_close(&ends);
}

static void receive_each_way(void *arg, struct rw_context *cx)
{
    struct ends *ends = arg;
    struct rw_value value = rw_int(1);

    CHECK_INT(receive_now(cx, ends), NOTHING);
    CHECK_INT(rw_channel_try_send(ends->tx, &value), 0); /* what was dropped has no claim to it */
    CHECK_INT(receive_now(cx, ends), 1);
    value = rw_int(2);
    CHECK_INT(rw_channel_try_send(ends->tx, &value), 0);
    rw_sender_close(ends->tx);
    CHECK_INT(receive_now(cx, ends), 2);
    CHECK_INT(receive_now(cx, ends), RW_ERR_CLOSED);
    rw_receiver_close(ends->rx);
    CHECK_INT(receive_now(cx, ends), RW_ERR_CLOSED);
}

static void a_receive_is_over_at_once_or_waits(unsigned flags)
{
    struct ends ends = ends_open(4, flags);

    run_inside(&ends.rig, receive_each_way, &ends);
    ends_close(&ends);
}

static void send_to_who_waits(void *arg, struct rw_context *cx)
{
    struct ends *ends = arg;

    CHECK_INT(send_now(cx, ends, rw_int(7)), 0);
    CHECK_INT(ends->waiting->wakes, 1);
    CHECK_INT(receive_now(cx, ends), NOTHING); /* it is claimed */
}

static void a_send_wakes_one_receiver_and_no_other_gets_the_value(unsigned flags)
{
    struct ends ends = ends_open(4, flags);
    struct act first = act_of(&ends.rig, rw_channel_receive(ends.rig.loop, ends.rx));
    struct act second = act_of(&ends.rig, rw_channel_receive(ends.rig.loop, ends.rx));

    for (int i = 0; i < 2; i++) { /* the second time there is a ring */
        CHECK(act_waits(&first));
        CHECK(act_waits(&second));
        ends.waiting = &first;
        run_inside(&ends.rig, send_to_who_waits, &ends);
        CHECK_INT(second.wakes, 0);
        act_drop(&first); /* the claim goes to the next */
        CHECK_INT(second.wakes, 1);
        CHECK_INT(act_int(&second), 7);
        first = act_of(&ends.rig, rw_channel_receive(ends.rig.loop, ends.rx));
        second = act_of(&ends.rig, rw_channel_receive(ends.rig.loop, ends.rx));
    }
    act_drop(&first);
    act_drop(&second);
    ends_close(&ends);
}

static void send_and_withdraw(void *arg, struct rw_context *cx)
{
    struct ends *ends = arg;

    CHECK_INT(send_now(cx, ends, rw_int(7)), NOTHING);
    CHECK_INT(ends->waiting->wakes, 1);
}

static void a_rendezvous_is_over_when_the_value_is_taken(unsigned flags)
{
    struct ends ends = ends_open(0, flags);
    struct act receiving = act_of(&ends.rig, rw_channel_receive(ends.rig.loop, ends.rx));

    CHECK(act_waits(&receiving));
    ends.waiting = &receiving;
    run_inside(&ends.rig, send_and_withdraw, &ends);
    CHECK(act_waits(&receiving));
    act_drop(&receiving);
    ends_close(&ends);
}

static void use_up_the_budget(void *arg, struct rw_context *cx)
{
    struct ends *ends = arg;
    int count = 0;

    while (send_now(cx, ends, rw_nil()) == 0) {
        count++;
    }
    CHECK_INT(count, 128);
    CHECK(!rw_budget_take(cx));
    CHECK_INT(receive_now(cx, ends), NOTHING);
    CHECK_INT(rw_receiver_count(ends->rx), 128); /* it had value and room: they wait for the next turn */
}

static void what_is_over_at_once_counts_against_the_budget(unsigned flags)
{
    struct ends ends = ends_open(RW_UNBOUNDED, flags);

    run_inside(&ends.rig, use_up_the_budget, &ends);
    ends_close(&ends);
}

static void use_cancelled(void *arg, struct rw_context *cx)
{
    struct ends *ends = arg;

    CHECK_INT(send_now(cx, ends, rw_int(1)), 0);
    rw_task_cancel(cx->task, NULL);
    CHECK_INT(send_now(cx, ends, rw_int(2)), NOTHING); /* the turn that a cancelled task must give up */
    CHECK_INT(receive_now(cx, ends), RW_ERR_CANCELLED);
    CHECK_INT(rw_receiver_count(ends->rx), 1);
}

static void in_a_cancelled_task_nothing_begins(unsigned flags)
{
    struct ends ends = ends_open(4, flags);

    run_inside(&ends.rig, use_cancelled, &ends);
    ends_close(&ends);
}

static void use_without_memory(void *arg, struct rw_context *cx)
{
    struct ends *ends = arg;

    test_fail_allocation(1, false);
    CHECK_INT(receive_now(cx, ends), RW_ERR_NOMEM);
    test_fail_allocation(1, false);
    CHECK_INT(send_now(cx, ends, rw_int(3)), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
}

static void no_memory_is_an_outcome(void)
{
    struct ends ends = ends_open(4, 0);

    run_inside(&ends.rig, use_without_memory, &ends);
    ends_close(&ends);
}

BOTH(a_send_is_over_at_once_or_waits)
BOTH(a_receive_is_over_at_once_or_waits)
BOTH(a_send_wakes_one_receiver_and_no_other_gets_the_value)
BOTH(a_rendezvous_is_over_when_the_value_is_taken)
BOTH(what_is_over_at_once_counts_against_the_budget)
BOTH(in_a_cancelled_task_nothing_begins)

static const struct test tests[] = {
    TEST_BOTH(a_send_is_over_at_once_or_waits),
    TEST_BOTH(a_receive_is_over_at_once_or_waits),
    TEST_BOTH(a_send_wakes_one_receiver_and_no_other_gets_the_value),
    TEST_BOTH(a_rendezvous_is_over_when_the_value_is_taken),
    TEST_BOTH(what_is_over_at_once_counts_against_the_budget),
    TEST_BOTH(in_a_cancelled_task_nothing_begins),
    TEST(no_memory_is_an_outcome),
};

TEST_MAIN(tests)
