/* SPDX-License-Identifier: MIT
 *
 * test_stream_procedure.c - streams of what a procedure yields.
 */
#include "flow/stream_test.h"

struct counter {
    int64_t count;
    int64_t last;
    int err; /* how it ends */
    int64_t pause_ns;
    int drops;
};

static void drop_counter(void *arg)
{
    ((struct counter *)arg)->drops++;
}

static struct rw_future *count_up(struct rw_procedure *self, void *arg)
{
    struct counter *counter = arg;

    RW_BEGIN(self);
    while (counter->count < counter->last) {
        if (counter->pause_ns > 0) {
            RW_AWAIT(self, rw_sleep_until(self->loop, rw_deadline_after(self->loop, counter->pause_ns)));
        }
        counter->count++;
        RW_YIELD(self, rw_int(counter->count));
    }
    RW_END(self, counter->err != 0 ? rw_failure(counter->err) : rw_nil());
}

static struct rw_stream *counting(struct rig *rig, struct counter *counter)
{
    return rw_stream_procedure(rig->loop, "test.count", count_up, drop_counter, counter);
}

static void it_gives_what_is_yielded_and_ends_with_the_procedure(void)
{
    struct rig rig = rig_open();
    struct counter counter = {.last = 3};
    struct rw_stream *stream = counting(&rig, &counter);

    CHECK_INT(counter.count, 0);
    CHECK_INT(next_int(&rig, stream), 1);
    CHECK_INT(counter.count, 1); /* it runs no further than it is asked to */
    CHECK_INT(next_int(&rig, stream), 2);
    CHECK_INT(next_int(&rig, stream), 3);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    CHECK_INT(counter.drops, 1);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void a_failure_that_it_returns_is_the_last_item(void)
{
    struct rig rig = rig_open();
    struct counter counter = {.last = 1, .err = RW_ERR_BUSY};
    struct rw_stream *stream = counting(&rig, &counter);

    CHECK_INT(next_int(&rig, stream), 1);
    CHECK_INT(next_int(&rig, stream), RW_ERR_BUSY);
    CHECK_INT(next_int(&rig, stream), RW_ERR_END);
    CHECK_INT(counter.drops, 1);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void an_await_between_items_is_kept_when_nobody_waits_any_more(void)
{
    struct rig rig = rig_open();
    struct counter counter = {.last = 2, .pause_ns = RW_SECOND};
    struct rw_stream *stream = counting(&rig, &counter);
    struct act act = act_of(&rig, rw_stream_next(stream));

    CHECK(act_waits(&act));
    act_drop(&act);
    CHECK_INT(counter.count, 0);
    act = act_of(&rig, rw_stream_next(stream));
    CHECK(act_waits(&act));
    rw_stream_close(stream);
    CHECK_INT(counter.drops, 1);
    CHECK_INT(act_int(&act), RW_ERR_END);
    rw_stream_unref(stream);
    CHECK(rig_close(&rig));
}

static void count_short_of_memory(struct rig *rig)
{
    struct counter counter = {.last = 2};
    struct rw_stream *stream = counting(rig, &counter);

    drain(rig, stream);
    CHECK_INT(counter.drops, 1);
}
SURVIVES(count_short_of_memory)

static const struct test tests[] = {
    TEST(it_gives_what_is_yielded_and_ends_with_the_procedure),
    TEST(a_failure_that_it_returns_is_the_last_item),
    TEST(an_await_between_items_is_kept_when_nobody_waits_any_more),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
