/* SPDX-License-Identifier: MIT
 *
 * test_deep.c - chains of handles inside handles, of any length, are dropped without a stack of that depth.
 */
#include "flow/stream_test.h"

enum { LINKS = 30000 };

/* A channel in whose queue lies the receiver of the one before. */
static struct rw_receiver *channel_around(struct rw_loop *loop, unsigned flags, struct rw_value value)
{
    struct rw_sender *tx = NULL;
    struct rw_receiver *rx = NULL;

    if (rw_channel_open(loop, 1, flags, &tx, &rx) != 0) {
        rw_value_drop(&value);
        return NULL;
    }
    if (rw_channel_try_send(tx, &value) != 0) {
        rw_value_drop(&value);
    }
    rw_sender_unref(tx);
    return rx;
}

static void a_chain_of_channels_is_dropped(unsigned flags)
{
    struct rig rig = rig_open();
    struct rw_value value = rw_int(0);

    for (int i = 0; i < LINKS; i++) {
        struct rw_receiver *rx = channel_around(rig.loop, flags, value);

        CHECK(rx != NULL);
        value = rw_value_of_handle(rw_receiver_object(rx));
    }
    rw_value_drop(&value);
    CHECK(rig_close(&rig));
}

BOTH(a_chain_of_channels_is_dropped)

static struct rw_value promise_around(struct rw_loop *loop, struct rw_value value)
{
    struct rw_promise *promise = rw_promise_new(loop);

    rw_promise_resolve(promise, value);
    return rw_value_of_handle(rw_promise_object(promise));
}

static void a_chain_of_promises_and_lists_is_dropped(void)
{
    struct rig rig = rig_open();
    struct rw_value value = rw_int(0);

    for (int i = 0; i < LINKS; i++) {
        struct rw_list *list = rw_list_new(2);

        CHECK_INT(rw_list_push(list, promise_around(rig.loop, value)), 0);
        CHECK_INT(rw_list_push(list, promise_around(rig.loop, rw_int(i))), 0);
        value = rw_value_of_list(list);
    }
    rw_value_drop(&value);
    CHECK(rig_close(&rig));
}

static void a_chain_of_tasks_whose_outcomes_are_tasks_is_dropped(void)
{
    struct rig rig = rig_open();
    struct rw_value value = rw_int(0);
    struct rw_task *task = NULL;

    for (int i = 0; i < LINKS; i++) {
        task = rw_spawn(rig.loop, rw_ready(rig.loop, value), NULL);
        value = rw_value_of_handle(rw_task_object(task));
    }
    while (!rw_task_is_done(task)) {
        CHECK(rw_loop_turn(rig.loop, 0, 0) >= 0);
    }
    rw_value_drop(&value);
    CHECK(rig_close(&rig));
}

static void a_chain_of_streams_is_dropped(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = numbers(&rig, 3);

    for (int i = 0; i < LINKS; i++) {
        stream = rw_stream_take(stream, 2);
        CHECK(stream != NULL);
    }
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void what_a_dropped_chain_leaves_goes_on(void)
{
    struct rig rig = rig_open();
    struct rw_value value = rw_int(0);
    struct rw_sender *tx;
    struct rw_receiver *rx;

    CHECK_INT(rw_channel_open(rig.loop, 1, 0, &tx, &rx), 0);
    struct act full = act_of(&rig, rw_channel_send(rig.loop, tx, rw_int(1)));
    struct act waiting = act_of(&rig, rw_channel_send(rig.loop, tx, rw_int(2)));
    struct rw_value out;

    CHECK_INT(act_poll(&full, &out), RW_READY);
    act_drop(&full);
    CHECK(act_waits(&waiting));
    value = rw_value_of_handle(rw_receiver_object(rx)); /* at the very bottom */
    for (int i = 0; i < 100; i++) {
        value = rw_value_of_handle(rw_receiver_object(channel_around(rig.loop, 0, value)));
    }
    rw_value_drop(&value);
    CHECK_INT(waiting.wakes, 1); /* before the drop is over, as without a chain */
    CHECK_INT(act_int(&waiting), RW_ERR_CLOSED);
    rw_sender_unref(tx);
    CHECK(rig_close(&rig));
}

static const struct test tests[] = {
    TEST_BOTH(a_chain_of_channels_is_dropped),
    TEST(a_chain_of_promises_and_lists_is_dropped),
    TEST(a_chain_of_tasks_whose_outcomes_are_tasks_is_dropped),
    TEST(a_chain_of_streams_is_dropped),
    TEST(what_a_dropped_chain_leaves_goes_on),
};

TEST_MAIN(tests)
