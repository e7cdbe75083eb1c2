/* SPDX-License-Identifier: MIT
 *
 * test_stream_take.c - adapters that count.
 */
#include "flow/stream_test.h"

static size_t next_count(struct rig *rig, struct rw_stream *stream)
{
    struct act act = act_of(rig, rw_stream_next(stream));
    struct rw_value out;
    size_t count = 0;

    if (act_poll(&act, &out) == RW_READY && out.kind == RW_KIND_LIST) {
        count = rw_list_count(out.as.list);
    }
    rw_value_drop(&out);
    act_drop(&act);
    return count;
}

static void take_ends_after_so_many(void)
{
    struct rig rig = rig_open();
    struct rw_stream *source = numbers(&rig, 9);

    CHECK_INT(drain(&rig, rw_stream_take(rw_stream_ref(source), 3)), 6);
    CHECK_INT(next_int(&rig, source), 4);
    CHECK_INT(drain(&rig, rw_stream_take(source, 0)), 0);
    CHECK_INT(drain(&rig, rw_stream_take(numbers(&rig, 2), 9)), 3);
    CHECK(rig_close(&rig));
}

static void take_lets_go_of_its_source_with_the_last_item(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = rw_stream_take(rw_interval(rig.loop, RW_SECOND), 1);
    struct rw_stats stats;

    CHECK_INT(next_int(&rig, stream), 0);
    rw_stats(rig.loop, &stats);
    CHECK_INT(stats.objects_live, 1);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void chunks_are_full_but_for_the_last(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = rw_stream_chunks(numbers(&rig, 5), 2);

    CHECK_INT(next_count(&rig, stream), 2);
    CHECK_INT(next_count(&rig, stream), 2);
    CHECK_INT(next_count(&rig, stream), 1);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void a_chunk_comes_before_the_failure_that_cut_it(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream =
        rw_stream_chunks(rw_stream_map(numbers(&rig, 9), no_threes, NULL, rig.loop), 5);

    CHECK_INT(next_count(&rig, stream), 2);
    CHECK_INT(next_int(&rig, stream), RW_ERR_LIMIT);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void a_chunk_in_work_goes_with_the_stream(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = rw_stream_chunks(rw_interval(rig.loop, RW_SECOND), 3);
    struct act act = act_of(&rig, rw_stream_next(stream));

    CHECK(act_waits(&act));
    act_drop(&act);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void use_both(struct rig *rig)
{
    drain(rig, rw_stream_chunks(rw_stream_take(numbers(rig, 5), 3), 2));
}

SURVIVES(use_both)

static const struct test tests[] = {
    TEST(take_ends_after_so_many),
    TEST(take_lets_go_of_its_source_with_the_last_item),
    TEST(chunks_are_full_but_for_the_last),
    TEST(a_chunk_comes_before_the_failure_that_cut_it),
    TEST(a_chunk_in_work_goes_with_the_stream),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
