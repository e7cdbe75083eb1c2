/* SPDX-License-Identifier: MIT
 *
 * test_stream.c - who polls a stream, and when its source goes.
 */
#include "flow/stream_test.h"

/* A source whose next answer the test decides. */
struct source {
    enum rw_poll poll;
    struct rw_value item;
    struct rw_waker waker;
    struct rw_stream *closes; /* this stream, from inside the poll */
    int drops;
    int cancels;
};

static enum rw_poll source_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct source *source = self;

    source->waker = cx->waker;
    if (source->closes != NULL) {
        rw_stream_close(source->closes);
    }
    *out = source->item;
    return source->poll;
}

static void source_cancel(void *self)
{
    struct source *source = self;

    source->cancels++;
    source->poll = RW_READY;
    source->item = rw_failure(RW_ERR_CANCELLED);
    rw_waker_wake(&source->waker);
}

static void source_drop(void *self)
{
    ((struct source *)self)->drops++;
}

static const struct rw_stream_vtable plain = {"test", source_next, NULL, source_drop};
static const struct rw_stream_vtable cancellable = {"test", source_next, source_cancel, source_drop};

static void items_come_until_the_end(void)
{
    struct rig rig = rig_open();
    struct source source = {.poll = RW_READY, .item = rw_int(1)};
    struct rw_stream *stream = rw_stream_new(rig.loop, &plain, &source);

    CHECK_INT(next_int(&rig, stream), 1);
    source.poll = RW_END;
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    CHECK_INT(source.drops, 1);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    rw_stream_unref(stream);
    CHECK_INT(source.drops, 1);
    CHECK(rig_close(&rig));
}

static void a_failure_is_the_end(void)
{
    struct rig rig = rig_open();
    struct source source = {.poll = RW_READY, .item = rw_failure(RW_ERR_LIMIT)};
    struct rw_stream *stream = rw_stream_new(rig.loop, &plain, &source);

    CHECK_INT(next_int(&rig, stream), RW_ERR_LIMIT);
    CHECK_INT(source.drops, 1);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void one_waits_at_a_time(void)
{
    struct rig rig = rig_open();
    struct source source = {.poll = RW_PENDING};
    struct rw_stream *stream = rw_stream_new(rig.loop, &plain, &source);
    struct act first = act_of(&rig, rw_stream_next(stream));

    CHECK(act_waits(&first));
    CHECK_INT(next_int(&rig, stream), RW_ERR_BUSY);
    rw_waker_wake(&source.waker);
    CHECK_INT(first.wakes, 1);
    act_drop(&first);
    rw_waker_wake(&source.waker); /* nobody is there */
    source.poll = RW_READY;
    source.item = rw_int(4);
    CHECK_INT(next_int(&rig, stream), 4);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void a_source_may_clone_its_waker(void)
{
    struct rig rig = rig_open();
    struct source source = {.poll = RW_PENDING};
    struct rw_stream *stream = rw_stream_new(rig.loop, &plain, &source);
    struct act act = act_of(&rig, rw_stream_next(stream));

    CHECK(act_waits(&act));
    struct rw_waker clone = rw_waker_clone(&source.waker);

    CHECK_INT(act.clones, 1);
    rw_waker_wake(&clone);
    CHECK_INT(act.wakes, 1);
    rw_waker_drop(&clone);
    CHECK_INT(act.clones, 0);
    act_drop(&act);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void closing_wakes_who_waits(void)
{
    struct rig rig = rig_open();
    struct source source = {.poll = RW_PENDING};
    struct rw_stream *stream = rw_stream_new(rig.loop, &plain, &source);
    struct act act = act_of(&rig, rw_stream_next(stream));

    CHECK(act_waits(&act));
    rw_stream_close(stream);
    rw_stream_close(stream);
    CHECK_INT(source.drops, 1);
    CHECK(act.wakes > 0);
    CHECK_INT(act_int(&act), RW_ERR_END);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void closing_from_inside_waits_for_the_poll(void)
{
    struct rig rig = rig_open();
    struct source source = {.poll = RW_READY, .item = rw_int(2)};
    struct rw_stream *stream = rw_stream_new(rig.loop, &plain, &source);
    struct rw_value value = rw_value_of_handle(rw_stream_object(stream));

    source.closes = stream;
    CHECK(rw_stream_of(&value) == stream);
    CHECK_INT(next_int(&rig, stream), 2);
    CHECK_INT(source.drops, 1);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    rw_value_drop(&value);
    CHECK(rig_close(&rig));
}

static void cancelling_leaves_the_source_as_it_was(void)
{
    struct rig rig = rig_open();
    struct source source = {.poll = RW_PENDING};
    struct rw_stream *stream = rw_stream_new(rig.loop, &plain, &source);
    struct act act = act_of(&rig, rw_stream_next(stream));

    CHECK(act_waits(&act));
    rw_future_cancel(act.future);
    CHECK_INT(act.wakes, 1);
    CHECK_INT(act_int(&act), RW_ERR_CANCELLED);
    CHECK_INT(source.drops, 0);
    source.poll = RW_READY;
    source.item = rw_int(5);
    CHECK_INT(next_int(&rig, stream), 5);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void a_source_that_can_be_cancelled_goes_on_afterwards(void)
{
    struct rig rig = rig_open();
    struct source source = {.poll = RW_PENDING};
    struct rw_stream *stream = rw_stream_new(rig.loop, &cancellable, &source);
    struct act act = act_of(&rig, rw_stream_next(stream));

    CHECK(act_waits(&act));
    rw_future_cancel(act.future);
    CHECK_INT(source.cancels, 1);
    CHECK_INT(act.wakes, 1);
    CHECK_INT(act_int(&act), RW_ERR_CANCELLED);
    source.item = rw_int(6);
    CHECK_INT(next_int(&rig, stream), 6);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static const struct test tests[] = {
    TEST(items_come_until_the_end),
    TEST(a_failure_is_the_end),
    TEST(one_waits_at_a_time),
    TEST(a_source_may_clone_its_waker),
    TEST(closing_wakes_who_waits),
    TEST(closing_from_inside_waits_for_the_poll),
    TEST(cancelling_leaves_the_source_as_it_was),
    TEST(a_source_that_can_be_cancelled_goes_on_afterwards),
};

TEST_MAIN(tests)
