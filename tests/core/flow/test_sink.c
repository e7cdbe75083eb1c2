/* SPDX-License-Identifier: MIT
 *
 * test_sink.c - a sink of one's own: back-pressure, one at a time, closed once.
 */
#include "flow/stream_test.h"

struct store {
    enum rw_poll poll;
    struct rw_waker waker;
    int64_t sum;
    int flushes;
    int closes;
    int drops;
};

static enum rw_poll store_send(void *self, struct rw_context *cx, struct rw_value *item, struct rw_value *out)
{
    struct store *store = self;

    store->waker = cx->waker;
    if (store->poll == RW_READY && item->kind == RW_KIND_INT) {
        store->sum += item->as.integer;
        *item = rw_nil();
        *out = rw_nil();
    } else if (store->poll == RW_READY) {
        *out = rw_failure(RW_ERR_TYPE);
    }
    return store->poll;
}

static enum rw_poll store_flush(void *self, struct rw_context *cx, struct rw_value *out)
{
    (void)cx;
    ((struct store *)self)->flushes++;
    *out = rw_nil();
    return RW_READY;
}

static enum rw_poll store_close(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct store *store = self;

    store->waker = cx->waker;
    store->closes++;
    *out = rw_nil();
    return store->poll;
}

static void store_drop(void *self)
{
    ((struct store *)self)->drops++;
}

static const struct rw_sink_vtable store_vtable = {"store", store_send, store_flush, store_close, store_drop};

static void items_are_taken_flushed_and_closed(void)
{
    struct rig rig = rig_open();
    struct store store = {.poll = RW_READY};
    struct rw_sink *sink = rw_sink_new(rig.loop, &store_vtable, &store);

    CHECK_INT(ready_int(&rig, rw_sink_send(sink, rw_int(3))), 0);
    CHECK_INT(ready_int(&rig, rw_sink_send(sink, rw_text_of("dropped"))), RW_ERR_TYPE);
    CHECK_INT(ready_int(&rig, rw_sink_flush(sink)), 0);
    CHECK_INT(ready_int(&rig, rw_sink_close(sink)), 0);
    CHECK_INT(store.drops, 1);
    CHECK_INT(ready_int(&rig, rw_sink_close(sink)), 0);
    CHECK_INT(ready_int(&rig, rw_sink_send(sink, rw_int(3))), RW_ERR_CLOSED);
    CHECK_INT(ready_int(&rig, rw_sink_flush(sink)), RW_ERR_CLOSED);
    CHECK_INT(store.sum, 3);
    CHECK_INT(store.flushes, 1);
    CHECK_INT(store.closes, 1);
    rw_sink_unref(sink);
    CHECK(rig_close(&rig));
}

static void a_sink_holds_the_sender_back(void)
{
    struct rig rig = rig_open();
    struct store store = {.poll = RW_PENDING};
    struct rw_sink *sink = rw_sink_new(rig.loop, &store_vtable, &store);
    struct act send = act_of(&rig, rw_sink_send(sink, rw_int(4)));

    CHECK(act_waits(&send));
    CHECK_INT(ready_int(&rig, rw_sink_flush(sink)), RW_ERR_BUSY);
    store.poll = RW_READY;
    rw_waker_wake(&store.waker);
    CHECK_INT(send.wakes, 1);
    CHECK_INT(act_int(&send), 0);
    CHECK_INT(store.sum, 4);
    rw_sink_unref(rw_sink_ref(sink));
    CHECK_TEXT(rw_sink_object(sink)->type->name, "sink");
    rw_sink_unref(sink);
    CHECK_INT(store.drops, 1);
    CHECK(rig_close(&rig));
}

static void a_send_given_up_has_not_happened(void)
{
    struct rig rig = rig_open();
    struct store store = {.poll = RW_PENDING};
    struct rw_sink *sink = rw_sink_new(rig.loop, &store_vtable, &store);
    struct act send = act_of(&rig, rw_sink_send(sink, rw_text_of("dropped with the future")));

    CHECK(act_waits(&send));
    act_drop(&send);
    rw_waker_wake(&store.waker);
    store.poll = RW_READY;
    CHECK_INT(ready_int(&rig, rw_sink_send(sink, rw_int(5))), 0);
    CHECK_INT(store.sum, 5);
    rw_sink_unref(sink);
    CHECK(rig_close(&rig));
}

static void no_memory_is_an_error(void)
{
    struct rig rig = rig_open();
    struct store store = {.poll = RW_READY};
    struct rw_sink *sink = rw_sink_new(rig.loop, &store_vtable, &store);
    struct rw_value text = rw_text_of("dropped");

    test_fail_allocation(1, false);
    CHECK(rw_sink_new(rig.loop, &store_vtable, &store) == NULL);
    CHECK_INT(store.drops, 1);
    CHECK_INT(ready_int(&rig, rw_sink_send(sink, text)), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    rw_sink_unref(sink);
    CHECK(rig_close(&rig));
}

static const struct test tests[] = {
    TEST(items_are_taken_flushed_and_closed),
    TEST(a_sink_holds_the_sender_back),
    TEST(a_send_given_up_has_not_happened),
    TEST(no_memory_is_an_error),
};

TEST_MAIN(tests)
