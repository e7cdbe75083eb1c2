/* SPDX-License-Identifier: MIT
 *
 * test_stream_buffered.c - several items in work at once, results in order.
 */
#include "flow/stream_test.h"

struct work {
    struct rw_promise *promises[10];
    int begun;
};

static struct rw_future *begin_work(void *arg, struct rw_value item)
{
    struct work *work = arg;

    work->begun++;
    return rw_promise_wait(work->promises[item.as.integer]);
}

static void results_come_in_order_and_the_limit_holds(void)
{
    struct rig rig = rig_open();
    struct work work = {.begun = 0};
    struct rw_stream *stream;
    struct act act;

    for (int i = 0; i < 10; i++) {
        work.promises[i] = rw_promise_new(rig.loop);
    }
    stream = rw_stream_buffered(numbers(&rig, 9), 6, begin_work, NULL, &work);
    act = act_of(&rig, rw_stream_next(stream));
    CHECK(act_waits(&act));
    CHECK_INT(work.begun, 6);
    rw_promise_resolve(work.promises[2], rw_int(2));
    CHECK(act.wakes > 0);
    CHECK(act_waits(&act));
    rw_promise_resolve(work.promises[1], rw_int(1));
    CHECK_INT(act_int(&act), 1);
    CHECK_INT(next_int(&rig, stream), 2);
    CHECK_INT(work.begun, 7);
    for (int i = 3; i < 10; i++) {
        rw_promise_resolve(work.promises[i], rw_int(i));
    }
    for (int i = 3; i < 10; i++) {
        CHECK_INT(next_int(&rig, stream), i);
    }
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    rw_stream_unref(stream);
    for (int i = 0; i < 10; i++) {
        rw_promise_unref(work.promises[i]);
    }
    CHECK(rig_close(&rig));
}

static void a_failure_takes_its_turn(void)
{
    struct rig rig = rig_open();
    struct rw_stream *stream = rw_stream_buffered(numbers(&rig, 9), 8, no_threes, NULL, rig.loop);

    CHECK_INT(next_int(&rig, stream), 1);
    CHECK_INT(next_int(&rig, stream), 2);
    CHECK_INT(next_int(&rig, stream), RW_ERR_LIMIT);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    rw_stream_unref(stream);
    stream = rw_stream_buffered(rw_stream_map(numbers(&rig, 9), no_threes, NULL, rig.loop), 8, times_ten,
                                NULL, rig.loop);
    CHECK_INT(drain(&rig, stream), RW_ERR_LIMIT);
    CHECK(rig_close(&rig));
}

static void work_in_progress_goes_with_the_stream(void)
{
    struct rig rig = rig_open();
    struct work work = {.begun = 0};
    struct rw_stream *stream = rw_stream_buffered(numbers(&rig, 2), 5, begin_work, NULL, &work);
    struct act act;

    work.promises[1] = rw_promise_new(rig.loop);
    work.promises[2] = rw_promise_new(rig.loop);
    rw_promise_resolve(work.promises[2], rw_text_of("ready, but not in turn"));
    act = act_of(&rig, rw_stream_next(stream));
    CHECK(act_waits(&act));
    act_drop(&act);
    rw_stream_unref(stream);
    rw_promise_unref(work.promises[1]);
    rw_promise_unref(work.promises[2]);
    CHECK(rig_close(&rig));
}

static void buffer_five(struct rig *rig)
{
    drain(rig, rw_stream_buffered(numbers(rig, 9), 5, times_ten, NULL, rig->loop));
}

SURVIVES(buffer_five)

static const struct test tests[] = {
    TEST(results_come_in_order_and_the_limit_holds),
    TEST(a_failure_takes_its_turn),
    TEST(work_in_progress_goes_with_the_stream),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
