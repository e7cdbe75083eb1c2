/* SPDX-License-Identifier: MIT
 *
 * test_stream_merge.c - the items of several streams as they come.
 */
#include "flow/stream_test.h"

static void streams_take_turns(void)
{
    struct rig rig = rig_open();
    struct rw_stream *streams[] = {numbers(&rig, 2),
                                   rw_stream_map(numbers(&rig, 4), times_ten, NULL, rig.loop)};
    struct rw_stream *merged = rw_stream_merge(rig.loop, streams, 2);
    static const long long expected[] = {1, 10, 2, 20, 30, 40, RW_ERR_END};

    for (int i = 0; i < 7; i++) {
        CHECK_INT(next_int(&rig, merged), expected[i]);
    }
    rw_stream_unref(merged);
    CHECK(rig_close(&rig));
}

static void whoever_is_ready_wakes_the_merge(void)
{
    struct rig rig = rig_open();
    struct rw_stream *streams[] = {rw_interval(rig.loop, RW_SECOND), rw_interval(rig.loop, RW_SECOND * 10)};
    struct rw_stream *merged = rw_stream_merge(rig.loop, streams, 2);
    struct act act = act_of(&rig, NULL);

    CHECK_INT(next_int(&rig, merged), 0);
    CHECK_INT(next_int(&rig, merged), 0);
    act.future = rw_stream_next(merged);
    CHECK(act_waits(&act));
    rig_pass(&rig, RW_SECOND);
    CHECK_INT(act.wakes, 1);
    CHECK_INT(act_int(&act), 1);
    rw_stream_unref(merged);
    CHECK(rig_close(&rig));
}

static void a_failure_ends_all(void)
{
    struct rig rig = rig_open();
    struct rw_stream *streams[] = {rw_stream_map(numbers(&rig, 3), no_threes, NULL, rig.loop),
                                   numbers(&rig, 1)};
    struct rw_stream *merged = rw_stream_merge(rig.loop, streams, 2);

    CHECK_INT(next_int(&rig, merged), 1);
    CHECK_INT(next_int(&rig, merged), 1);
    CHECK_INT(next_int(&rig, merged), 2);
    CHECK_INT(next_int(&rig, merged), RW_ERR_LIMIT);
    CHECK_INT(next_int(&rig, merged), RW_ERR_END);
    rw_stream_unref(merged);
    CHECK(rig_close(&rig));
}

static void none_is_the_end_at_once(void)
{
    struct rig rig = rig_open();

    CHECK_INT(drain(&rig, rw_stream_merge(rig.loop, NULL, 0)), 0);
    CHECK(rig_close(&rig));
}

static void merge_two(struct rig *rig)
{
    struct rw_stream *streams[] = {numbers(rig, 2), numbers(rig, 3)};

    drain(rig, rw_stream_merge(rig->loop, streams, 2));
}

SURVIVES(merge_two)

static const struct test tests[] = {
    TEST(streams_take_turns),      TEST(whoever_is_ready_wakes_the_merge),     TEST(a_failure_ends_all),
    TEST(none_is_the_end_at_once), TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
