/* SPDX-License-Identifier: MIT
 *
 * test_stream_source.c - streams out of a channel, a list, a generator.
 */
#include "flow/stream_test.h"

static void a_channel_is_a_stream_until_it_is_closed(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value value = rw_int(1);

    CHECK_INT(rw_channel_open(rig.loop, 4, 0, &tx, &rx), 0);
    struct rw_stream *stream = rw_stream_of_channel(rig.loop, rx);
    struct act act = act_of(&rig, rw_stream_next(stream));

    CHECK(act_waits(&act));
    CHECK_INT(rw_channel_try_send(tx, &value), 0);
    CHECK_INT(act.wakes, 1);
    act_drop(&act);
    CHECK_INT(next_int(&rig, stream), 1);
    act = act_of(&rig, rw_stream_next(stream));
    CHECK(act_waits(&act));
    rw_sender_unref(tx);
    CHECK_INT(act.wakes, 1);
    CHECK_INT(act_int(&act), RW_ERR_END);
    rw_receiver_unref(rx);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void a_closed_stream_leaves_the_channel_to_others(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value value = rw_int(8);

    CHECK_INT(rw_channel_open(rig.loop, 4, RW_CHANNEL_SHARED, &tx, &rx), 0);
    struct rw_stream *stream = rw_stream_of_channel(rig.loop, rx);
    struct act act = act_of(&rig, rw_stream_next(stream));

    CHECK(act_waits(&act));
    CHECK_INT(rw_channel_try_send(tx, &value), 0);
    act_drop(&act);
    rw_stream_close(stream);
    CHECK_INT(rw_channel_try_receive(rx, &value), 0);
    CHECK_INT(value.as.integer, 8);
    rw_stream_unref(stream);
    rw_receiver_unref(rx);
    rw_sender_unref(tx);
    CHECK(rig_close(&rig));
}

static void a_list_gives_its_items(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = numbers(&rig, 3);

    CHECK_INT(next_int(&rig, stream), 1);
    CHECK_INT(next_int(&rig, stream), 2);
    CHECK_INT(next_int(&rig, stream), 3);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

struct counter {
    struct rw_loop *loop;
    int count;
    int drops;
};

static struct rw_future *count_to_three(void *arg)
{
    struct counter *counter = arg;

    return counter->count < 3 ? rw_ready(counter->loop, rw_int(++counter->count)) : NULL;
}

static void drop_counter(void *arg)
{
    ((struct counter *)arg)->drops++;
}

static void a_generator_gives_what_its_futures_give(void)
{
    struct rig rig = rig_open();
    struct counter counter = {.loop = rig.loop};

    CHECK_INT(drain(&rig, rw_stream_from(rig.loop, count_to_three, drop_counter, &counter)), 6);
    CHECK_INT(counter.drops, 1);
    CHECK(rig_close(&rig));
}

static struct rw_future *sleep_long(void *arg)
{
    return rw_sleep_until(arg, rw_deadline_after(arg, RW_SECOND));
}

static void a_pending_item_goes_with_its_stream(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = rw_stream_from(rig.loop, sleep_long, NULL, rig.loop);
    struct act act = act_of(&rig, rw_stream_next(stream));

    CHECK(act_waits(&act));
    act_drop(&act);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void use_all(struct rig *rig)
{
    struct counter counter = {.loop = rig->loop};
    struct rw_sender *tx;
    struct rw_receiver *rx;

    drain(rig, rw_stream_from(rig->loop, count_to_three, drop_counter, &counter));
    drain(rig, numbers(rig, 3));
    if (rw_channel_open(rig->loop, 4, 0, &tx, &rx) == 0) {
        struct rw_stream *stream = rw_stream_of_channel(rig->loop, rx);

        rw_sender_unref(tx);
        drain(rig, stream);
        rw_receiver_unref(rx);
    }
}

SURVIVES(use_all)

static const struct test tests[] = {
    TEST(a_channel_is_a_stream_until_it_is_closed),
    TEST(a_closed_stream_leaves_the_channel_to_others),
    TEST(a_list_gives_its_items),
    TEST(a_generator_gives_what_its_futures_give),
    TEST(a_pending_item_goes_with_its_stream),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
