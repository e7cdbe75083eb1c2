/* SPDX-License-Identifier: MIT
 *
 * test_channel_end.c - opening, cloning, closing; handles that hold ends.
 */
#include "flow/channel.h"

#include "flow/flow_test.h"

static void ends_are_counted_and_cloned(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_stats stats;

    CHECK_INT(rw_channel_open(rig.loop, 5, 0, &tx, &rx), 0);
    struct rw_sender *tx2 = rw_sender_clone(tx);
    struct rw_receiver *rx2 = rw_receiver_clone(rx);

    rw_stats(rig.loop, &stats);
    CHECK_INT(stats.objects_live, 4);
    CHECK_INT(rw_sender_capacity(tx2), 5);
    rw_sender_unref(rw_sender_ref(tx));
    rw_receiver_unref(rw_receiver_ref(rx));
    rw_sender_close(tx);
    rw_sender_close(tx);
    struct rw_sender *closed = rw_sender_clone(tx);

    CHECK(rw_sender_is_closed(closed));
    CHECK(!rw_sender_is_closed(tx2));
    CHECK(!rw_receiver_is_closed(rx));
    rw_receiver_close(rx);
    struct rw_receiver *closed_rx = rw_receiver_clone(rx);

    CHECK(rw_receiver_is_closed(closed_rx));
    CHECK(!rw_receiver_is_closed(rx2));
    rw_sender_unref(tx);
    rw_sender_unref(tx2);
    rw_sender_unref(closed);
    CHECK(rw_receiver_is_closed(rx2));
    rw_receiver_unref(rx);
    rw_receiver_unref(rx2);
    rw_receiver_unref(closed_rx);
    rw_sender_unref(NULL);
    rw_receiver_unref(NULL);
    CHECK(rig_close(&rig));
}

static void handles_say_what_they_hold(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;

    for (unsigned flags = RW_CHANNEL_LOCAL; flags <= RW_CHANNEL_SHARED; flags++) {
        CHECK_INT(rw_channel_open(rig.loop, 1, flags, &tx, &rx), 0);
        struct rw_value sender = rw_value_of_handle(rw_sender_object(tx));
        struct rw_value receiver = rw_value_of_handle(rw_receiver_object(rx));
        struct rw_value other = rw_int(1);

        CHECK(rw_sender_of(&sender) == tx);
        CHECK(rw_sender_of(&receiver) == NULL);
        CHECK(rw_sender_of(&other) == NULL);
        CHECK(rw_receiver_of(&receiver) == rx);
        CHECK(rw_receiver_of(&sender) == NULL);
        CHECK(rw_receiver_of(&other) == NULL);
        rw_value_drop(&sender);
        rw_value_drop(&receiver);
    }
    CHECK(rig_close(&rig));
}

static void a_shared_channel_needs_no_loop(void)
{
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value value = rw_text_of("from no loop");

    CHECK_INT(rw_channel_open(NULL, 1, RW_CHANNEL_SHARED, &tx, &rx), 0);
    CHECK_INT(rw_channel_try_send(tx, &value), 0);
    CHECK_INT(rw_sender_count(tx), 1);
    CHECK_INT(rw_receiver_count(rx), 1);
    CHECK_INT(rw_channel_try_receive(rx, &value), 0);
    rw_value_drop(&value);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
}

static int add_up(void *arg, const struct rw_value *value)
{
    int64_t *sum = arg;

    *sum += value->as.integer;
    return value->as.integer == 3 ? 7 : 0;
}

static void a_collector_sees_what_only_one_receiver_could_get(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    int64_t sum = 0;

    CHECK_INT(rw_channel_open(rig.loop, 5, 0, &tx, &rx), 0);
    CHECK_INT(rw_receiver_visit(rx, add_up, &sum), 0);
    for (int i = 1; i <= 2; i++) {
        struct rw_value value = rw_int(i);

        CHECK_INT(rw_channel_try_send(tx, &value), 0);
    }
    CHECK_INT(rw_receiver_visit(rx, add_up, &sum), 0);
    CHECK_INT(sum, 3);
    struct rw_receiver *other = rw_receiver_clone(rx);

    CHECK_INT(rw_receiver_visit(rx, add_up, &sum), 0);
    CHECK_INT(sum, 3);
    rw_receiver_unref(other);
    rw_receiver_unref(rw_receiver_ref(rx));
    struct rw_value last = rw_int(3);

    CHECK_INT(rw_channel_try_send(tx, &last), 0);
    last = rw_int(4);
    CHECK_INT(rw_channel_try_send(tx, &last), 0);
    CHECK_INT(rw_receiver_visit(rx, add_up, &sum), 7);
    CHECK_INT(sum, 9);
    rw_receiver_ref(rx);
    CHECK_INT(rw_receiver_visit(rx, add_up, &sum), 0);
    CHECK_INT(sum, 9);
    rw_receiver_unref(rx);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

static void open_and_clone(void)
{
    struct rw_sender *tx;
    struct rw_receiver *rx;

    if (rw_channel_open(NULL, 1, RW_CHANNEL_SHARED, &tx, &rx) == 0) {
        rw_sender_unref(rw_sender_clone(tx));
        rw_receiver_unref(rw_receiver_clone(rx));
        rw_sender_unref(tx);
        rw_receiver_unref(rx);
    } else if (tx != NULL || rx != NULL) {
        abort();
    }
}

static void every_failing_allocation_is_survived(void)
{
    test_each_allocation(open_and_clone);
}

static const struct test tests[] = {
    TEST(ends_are_counted_and_cloned),          TEST(handles_say_what_they_hold),
    TEST(a_shared_channel_needs_no_loop),       TEST(a_collector_sees_what_only_one_receiver_could_get),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
