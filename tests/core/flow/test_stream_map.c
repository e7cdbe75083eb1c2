/* SPDX-License-Identifier: MIT
 *
 * test_stream_map.c - adapters that ask a function about each item.
 */
#include "flow/stream_test.h"

static int drops;

static void count_drop(void *arg)
{
    (void)arg;
    drops++;
}

static void map_changes_each_item(void)
{
    struct rig rig = rig_open();

    drops = 0;
    CHECK_INT(drain(&rig, rw_stream_map(numbers(&rig, 4), times_ten, count_drop, rig.loop)), 100);
    CHECK_INT(drops, 1);
    CHECK(rig_close(&rig));
}

static void filter_keeps_what_the_function_says(void)
{
    struct rig rig = rig_open();

    CHECK_INT(drain(&rig, rw_stream_filter(numbers(&rig, 6), is_even, NULL, rig.loop)), 12);
    CHECK(rig_close(&rig));
}

static void a_failing_function_ends_the_stream(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = rw_stream_map(numbers(&rig, 9), no_threes, NULL, rig.loop);

    CHECK_INT(next_int(&rig, stream), 1);
    CHECK_INT(next_int(&rig, stream), 2);
    CHECK_INT(next_int(&rig, stream), RW_ERR_LIMIT);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static struct rw_future *later(void *arg, struct rw_value item)
{
    (void)item;
    return rw_promise_wait(arg);
}

static struct rw_future *keep_later(void *arg, const struct rw_value *item)
{
    (void)item;
    return rw_promise_wait(arg);
}

static void the_function_may_wait(void)
{
    struct rig rig = rig_open();
    struct rw_promise *promise = rw_promise_new(rig.loop);
    struct rw_stream *mapped = rw_stream_map(numbers(&rig, 1), later, NULL, promise);
    struct rw_stream *kept = rw_stream_filter(numbers(&rig, 1), keep_later, NULL, promise);
    struct act map = act_of(&rig, rw_stream_next(mapped));
    struct act filter = act_of(&rig, rw_stream_next(kept));

    CHECK(act_waits(&map));
    CHECK(act_waits(&filter));
    act_drop(&filter); /* the item stays in work */
    rw_promise_resolve(promise, rw_int(77));
    CHECK_INT(map.wakes, 1);
    CHECK_INT(act_int(&map), 77);
    CHECK_INT(next_int(&rig, kept), 1);
    rw_stream_unref(mapped);
    rw_stream_unref(kept);
    rw_promise_unref(promise);
    CHECK(rig_close(&rig));
}

static void an_item_in_work_goes_with_the_stream(void)
{
    struct rig rig = rig_open();
    struct rw_promise *promise = rw_promise_new(rig.loop);
    struct rw_stream *kept = rw_stream_filter(numbers(&rig, 1), keep_later, NULL, promise);
    struct act filter = act_of(&rig, rw_stream_next(kept));

    CHECK(act_waits(&filter));
    act_drop(&filter);
    rw_stream_unref(kept);
    rw_promise_unref(promise);
    CHECK(rig_close(&rig));
}

static void use_both(struct rig *rig)
{
    drain(rig, rw_stream_filter(rw_stream_map(numbers(rig, 3), times_ten, NULL, rig->loop), is_even, NULL,
                                rig->loop));
}

SURVIVES(use_both)

static const struct test tests[] = {
    TEST(map_changes_each_item),
    TEST(filter_keeps_what_the_function_says),
    TEST(a_failing_function_ends_the_stream),
    TEST(the_function_may_wait),
    TEST(an_item_in_work_goes_with_the_stream),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
