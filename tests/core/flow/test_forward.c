/* SPDX-License-Identifier: MIT
 *
 * test_forward.c - every item of a stream into a sink.
 */
#include "flow/stream_test.h"

struct line {
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_sink *sink;
};

static bool line_open(struct rig *rig, struct line *line, size_t capacity)
{
    if (rw_channel_open(rig->loop, capacity, 0, &line->tx, &line->rx) != 0) {
        return false;
    }
    line->sink = rw_sink_of_channel(rig->loop, line->tx);
    return line->sink != NULL;
}

static void line_close(struct line *line)
{
    rw_sender_unref(line->tx);
    rw_receiver_unref(line->rx);
}

static void everything_arrives_and_the_sink_is_closed(void)
{
    struct rig rig = rig_open();
    struct line line;
    struct rw_value out;

    CHECK(line_open(&rig, &line, 2));
    struct act forward = act_of(&rig, rw_forward(numbers(&rig, 5), line.sink));

    CHECK(act_waits(&forward)); /* two are in the channel, one on its way */
    for (int i = 1; i <= 5; i++) {
        CHECK_INT(rw_channel_try_receive(line.rx, &out), 0);
        CHECK_INT(out.as.integer, i);
        CHECK(i > 3 || forward.wakes == i);
        CHECK(i >= 3 || act_waits(&forward));
        CHECK(i != 3 || act_int(&forward) == 5);
    }
    CHECK_INT(rw_channel_try_receive(line.rx, &out), RW_ERR_CLOSED);
    line_close(&line);
    CHECK(rig_close(&rig));
}

static void a_failing_stream_leaves_the_sink_open(void)
{
    struct rig rig = rig_open();
    struct line line;
    struct rw_value out;

    CHECK(line_open(&rig, &line, 9));
    CHECK_INT(
        ready_int(&rig, rw_forward(rw_stream_map(numbers(&rig, 5), no_threes, NULL, rig.loop), line.sink)),
        RW_ERR_LIMIT);
    CHECK_INT(rw_channel_try_receive(line.rx, &out), 0);
    CHECK_INT(rw_channel_try_receive(line.rx, &out), 0);
    CHECK_INT(rw_channel_try_receive(line.rx, &out), RW_ERR_EMPTY);
    line_close(&line);
    CHECK(rig_close(&rig));
}

static void a_closed_sink_fails_the_forward(void)
{
    struct rig rig = rig_open();
    struct line line;

    CHECK(line_open(&rig, &line, 1));
    struct act forward = act_of(&rig, rw_forward(numbers(&rig, 5), line.sink));

    CHECK(act_waits(&forward));
    rw_receiver_close(line.rx);
    CHECK_INT(forward.wakes, 1);
    CHECK_INT(act_int(&forward), RW_ERR_CLOSED);
    line_close(&line);
    CHECK(rig_close(&rig));
}

static void a_dropped_forward_lets_go_of_both(void)
{
    struct rig rig = rig_open();
    struct line line;

    CHECK(line_open(&rig, &line, 1));
    struct act forward = act_of(&rig, rw_forward(rw_interval(rig.loop, RW_SECOND), line.sink));

    CHECK(act_waits(&forward));
    rig_pass(&rig, RW_SECOND);
    CHECK_INT(forward.wakes, 1);
    CHECK(act_waits(&forward));
    act_drop(&forward);
    line_close(&line);
    CHECK(rig_close(&rig));
}

static void forward_three(struct rig *rig)
{
    struct line line;
    struct rw_stream *stream = numbers(rig, 3);

    if (stream != NULL && line_open(rig, &line, 4)) {
        ready_int(rig, rw_forward(stream, line.sink));
        line_close(&line);
    } else {
        rw_stream_unref(stream);
        if (stream != NULL && line.tx != NULL) {
            line_close(&line);
        }
    }
}

SURVIVES(forward_three)

static const struct test tests[] = {
    TEST(everything_arrives_and_the_sink_is_closed), TEST(a_failing_stream_leaves_the_sink_open),
    TEST(a_closed_sink_fails_the_forward),           TEST(a_dropped_forward_lets_go_of_both),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
