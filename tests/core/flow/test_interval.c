/* SPDX-License-Identifier: MIT
 *
 * test_interval.c - ticks on a grid.
 */
#include "flow/stream_test.h"

static void the_first_tick_comes_at_once_and_the_next_on_time(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = rw_interval(rig.loop, RW_SECOND);
    struct act act = act_of(&rig, NULL);

    CHECK_INT(next_int(&rig, stream), 0);
    act.future = rw_stream_next(stream);
    CHECK(act_waits(&act));
    rig_pass(&rig, RW_SECOND - 1);
    CHECK_INT(act.wakes, 0);
    rig_pass(&rig, 1);
    CHECK_INT(act.wakes, 1);
    CHECK_INT(act_int(&act), 1);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void missed_ticks_are_skipped_and_the_grid_stays(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = rw_interval(rig.loop, RW_SECOND);
    struct act act = act_of(&rig, NULL);

    CHECK_INT(next_int(&rig, stream), 0);
    rig_pass(&rig, RW_SECOND * 7 / 2);
    CHECK_INT(next_int(&rig, stream), 3);
    act.future = rw_stream_next(stream);
    CHECK(act_waits(&act));
    rig_pass(&rig, RW_SECOND / 2);
    CHECK_INT(act.wakes, 1);
    CHECK_INT(act_int(&act), 4);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void a_dropped_wait_keeps_the_grid(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = rw_interval(rig.loop, RW_SECOND);
    struct act act = act_of(&rig, NULL);

    CHECK_INT(next_int(&rig, stream), 0);
    act.future = rw_stream_next(stream);
    CHECK(act_waits(&act));
    act_drop(&act);
    rig_pass(&rig, RW_SECOND);
    CHECK_INT(act.wakes, 0);
    CHECK_INT(next_int(&rig, stream), 1);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void tick_twice(struct rig *rig)
{
    struct rw_stream *stream = rw_interval(rig->loop, RW_SECOND);

    if (stream != NULL) {
        next_int(rig, stream);
        next_int(rig, stream);
    }
    rw_stream_unref(stream);
}

SURVIVES(tick_twice)

static const struct test tests[] = {
    TEST(the_first_tick_comes_at_once_and_the_next_on_time),
    TEST(missed_ticks_are_skipped_and_the_grid_stays),
    TEST(a_dropped_wait_keeps_the_grid),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
