/* SPDX-License-Identifier: MIT
 *
 * test_sink_channel.c - a channel's sending end as a sink.
 */
#include "flow/stream_test.h"

static void items_arrive_and_closing_ends_the_channel(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value out;

    CHECK_INT(rw_channel_open(rig.loop, 1, 0, &tx, &rx), 0);
    struct rw_sink *sink = rw_sink_of_channel(rig.loop, tx);
    struct act held = act_of(&rig, rw_sink_send(sink, rw_int(2)));

    CHECK_INT(ready_int(&rig, rw_sink_send(sink, rw_int(1))), 0);
    CHECK(act_waits(&held));
    CHECK_INT(rw_channel_try_receive(rx, &out), 0);
    CHECK_INT(held.wakes, 1);
    CHECK_INT(act_int(&held), 0);
    CHECK_INT(ready_int(&rig, rw_sink_flush(sink)), 0);
    CHECK_INT(ready_int(&rig, rw_sink_close(sink)), 0);
    CHECK_INT(rw_channel_try_receive(rx, &out), 0);
    CHECK_INT(out.as.integer, 2);
    CHECK_INT(rw_channel_try_receive(rx, &out), RW_ERR_CLOSED);
    rw_sink_unref(sink);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

static void a_send_given_up_leaves_no_trace(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value out;

    CHECK_INT(rw_channel_open(rig.loop, 0, 0, &tx, &rx), 0);
    struct rw_sink *sink = rw_sink_of_channel(rig.loop, tx);
    struct act send = act_of(&rig, rw_sink_send(sink, rw_text_of("given up")));

    CHECK(act_waits(&send));
    act_drop(&send);
    CHECK_INT(rw_channel_try_receive(rx, &out), RW_ERR_EMPTY);
    rw_sink_unref(sink);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

static void failures_say_why(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;

    CHECK_INT(rw_channel_open(rig.loop, 1, RW_CHANNEL_SHARED, &tx, &rx), 0);
    struct rw_sink *sink = rw_sink_of_channel(rig.loop, tx);
    struct rw_promise *promise = rw_promise_new(rig.loop);

    CHECK_INT(ready_int(&rig, rw_sink_send(sink, rw_value_of_handle(rw_promise_object(promise)))),
              RW_ERR_TYPE);
    rw_receiver_unref(rx);
    CHECK_INT(ready_int(&rig, rw_sink_send(sink, rw_int(1))), RW_ERR_CLOSED);
    rw_sink_unref(sink);
    rw_sender_unref(tx);
    CHECK(rig_close(&rig));
}

static const struct test tests[] = {
    TEST(items_arrive_and_closing_ends_the_channel),
    TEST(a_send_given_up_leaves_no_trace),
    TEST(failures_say_why),
};

TEST_MAIN(tests)
