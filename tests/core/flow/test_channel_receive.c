/* SPDX-License-Identifier: MIT
 *
 * test_channel_receive.c - receiving futures inside tasks: budget, cancelling, many at once.
 */
#include "flow/channel.h"

#include "flow/flow_test.h"

/* Receives by one future after the other, as a coroutine does; ends when the channel is closed, with the sum. */
struct consumer {
    struct rw_future future;
    struct rw_loop *loop;
    struct rw_receiver *rx;
    struct rw_future *receiving;
    int64_t sum;
};

static enum rw_poll consumer_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct consumer *consumer = (struct consumer *)self;

    for (;;) {
        if (consumer->receiving == NULL) {
            consumer->receiving = rw_channel_receive(consumer->loop, consumer->rx);
        }
        if (rw_poll(consumer->receiving, cx, out) == RW_PENDING) {
            return RW_PENDING;
        }
        rw_future_drop(consumer->receiving);
        consumer->receiving = NULL;
        if (rw_is_failure(out)) {
            *out = out->code == RW_ERR_CLOSED ? rw_int(consumer->sum) : *out;
            return RW_READY;
        }
        consumer->sum += out->as.integer;
    }
}

static void consumer_drop(struct rw_future *self)
{
    struct consumer *consumer = (struct consumer *)self;

    rw_future_drop(consumer->receiving);
    rw_receiver_unref(consumer->rx);
    consumer->receiving = NULL;
    consumer->rx = NULL;
}

static const struct rw_future_vtable consumer_vtable = {"consumer", 0, consumer_poll, NULL, consumer_drop};

static void consumer_init(struct consumer *consumer, struct rw_loop *loop, struct rw_receiver *rx)
{
    *consumer = (struct consumer){.loop = loop, .rx = rx};
    rw_future_init(&consumer->future, &consumer_vtable);
}

static void a_receiver_yields_when_its_budget_is_used_up(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct consumer consumer;
    struct rw_stats stats;
    struct rw_value out;

    CHECK_INT(rw_channel_open(rig.loop, RW_UNBOUNDED, 0, &tx, &rx), 0);
    for (int i = 1; i <= 1000; i++) {
        struct rw_value value = rw_int(i);

        CHECK_INT(rw_channel_try_send(tx, &value), 0);
    }
    rw_sender_unref(tx);
    consumer_init(&consumer, rig.loop, rx);
    CHECK_INT(rw_block_on(rig.loop, &consumer.future, &out), 0);
    CHECK_INT(out.as.integer, 500500);
    rw_stats(rig.loop, &stats);
    CHECK(stats.budget_yields >= 1000 / 128);
    CHECK(rig_close(&rig));
}

static void a_cancelled_task_loses_no_value(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct consumer consumers[2];
    struct rw_value value = rw_int(5);
    struct rw_value out;

    CHECK_INT(rw_channel_open(rig.loop, 4, 0, &tx, &rx), 0);
    consumer_init(&consumers[0], rig.loop, rw_receiver_ref(rx));
    consumer_init(&consumers[1], rig.loop, rx);
    struct rw_task *first = rw_spawn(rig.loop, &consumers[0].future, NULL);
    struct rw_task *second = rw_spawn(rig.loop, &consumers[1].future, NULL);

    rw_loop_turn(rig.loop, 0, 0);
    CHECK_INT(rw_channel_try_send(tx, &value), 0); /* the first has the claim */
    rw_task_cancel(first, NULL);
    rw_sender_unref(tx);
    CHECK_INT(rw_block_on(rig.loop, rw_task_join(second), &out), 0);
    CHECK_INT(out.as.integer, 5);
    CHECK_INT(rw_block_on(rig.loop, rw_task_join(first), &out), 0);
    CHECK_INT(out.code, RW_ERR_CANCELLED);
    rw_value_drop(&out);
    rw_task_unref(first);
    rw_task_unref(second);
    CHECK(rig_close(&rig));
}

static void a_receive_that_never_comes_is_a_deadlock(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value out = rw_nil();

    CHECK_INT(rw_channel_open(rig.loop, 4, 0, &tx, &rx), 0);
    CHECK_INT(rw_block_on(rig.loop, rw_channel_receive(rig.loop, rx), &out), RW_ERR_DEADLOCK);
    rw_value_drop(&out);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

static void a_receive_in_the_callers_memory_waits_gets_and_may_be_dropped(unsigned flags)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_receive first;
    struct rw_receive second;
    struct rw_value value = rw_int(5);
    struct rw_value out;

    CHECK_INT(rw_channel_open(rig.loop, 4, flags, &tx, &rx), 0);
    rw_receive_init(&first, rx);
    rw_receive_init(&second, rx);
    struct act one = act_of(&rig, &first.base);
    struct act two = act_of(&rig, &second.base);

    CHECK(act_waits(&one));
    CHECK(act_waits(&two));
    CHECK_INT(rw_channel_try_send(tx, &value), 0);
    CHECK_INT(one.wakes, 1);
    act_drop(&one); /* it goes, and the next in line is told */
    CHECK_INT(two.wakes, 1);
    CHECK_INT(act_poll(&two, &out), RW_READY);
    CHECK_INT(out.as.integer, 5);
    act_drop(&two);
    CHECK_INT(one.clones, 0);
    CHECK_INT(two.clones, 0);
    rw_receive_init(&first, rx); /* in the same place */
    value = rw_int(6);
    CHECK_INT(rw_channel_try_send(tx, &value), 0);
    CHECK_INT(ready_int(&rig, &first.base), 6);
    rw_sender_unref(tx);
    rw_receive_init(&first, rx);
    CHECK_INT(ready_int(&rig, &first.base), RW_ERR_CLOSED);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

BOTH(a_receive_in_the_callers_memory_waits_gets_and_may_be_dropped)

static void no_memory_is_an_error(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;

    CHECK_INT(rw_channel_open(rig.loop, 4, 0, &tx, &rx), 0);
    test_fail_allocation(1, false);
    CHECK_INT(ready_int(&rig, rw_channel_receive(rig.loop, rx)), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

/* A receiver that takes what it has a claim to makes room for who waits to send. */
static void a_claim_made_good_lets_the_next_sender_in(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value value = rw_int(1);

    CHECK_INT(rw_channel_open(rig.loop, 1, 0, &tx, &rx), 0);
    struct act receiving = act_of(&rig, rw_channel_receive(rig.loop, rx));

    CHECK(act_waits(&receiving));
    CHECK_INT(rw_channel_try_send(tx, &value), 0);
    struct act sending = act_of(&rig, rw_channel_send(rig.loop, tx, rw_int(2)));

    CHECK(act_waits(&sending));
    CHECK_INT(act_int(&receiving), 1);
    CHECK_INT(sending.wakes, 1);
    CHECK_INT(act_int(&sending), 0);
    CHECK_INT(ready_int(&rig, rw_channel_receive(rig.loop, rx)), 2);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

static const struct test tests[] = {
    TEST(a_receiver_yields_when_its_budget_is_used_up),
    TEST(a_cancelled_task_loses_no_value),
    TEST(a_receive_that_never_comes_is_a_deadlock),
    TEST_BOTH(a_receive_in_the_callers_memory_waits_gets_and_may_be_dropped),
    TEST(no_memory_is_an_error),
    TEST(a_claim_made_good_lets_the_next_sender_in),
};

TEST_MAIN(tests)
