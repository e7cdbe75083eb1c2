/* SPDX-License-Identifier: MIT
 *
 * stream_source.c - streams out of things that are no streams: a channel, a list, a generator in C.
 *
 * Each is a record in the loop's memory behind a stream's vtable. What a poll has begun - a place in a channel's line, a generator's
 * future - stays in the record, so that the next poll goes on with it whoever asks.
 *
 * Invariant: a record holds no item between polls; an item it had would be lost when the stream is closed.
 */
#include "exec/executor.h"
#include "exec/future.h"
#include "flow/channel_ask.h"
#include "flow/stream.h"

/* ---- channel --------------------------------------------------------------------------------------------------------- */

struct channel_source {
    struct rw_loop *loop;
    struct rw_receiver *receiver;
    struct rwi_waiter waiter;
};

static enum rw_poll channel_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct channel_source *source = self;
    enum rw_poll poll;

    RW_ASSERT(source->loop == cx->loop);
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    poll = rwi_channel_ask(&source->waiter, &rwi_receiving, cx, out);
    if (poll == RW_READY && rw_is_failure(out) && out->code == RW_ERR_CLOSED) {
        return RW_END;
    }
    return poll;
}

static void channel_drop(void *self)
{
    struct channel_source *source = self;

    RW_ASSERT(source->receiver != NULL);
    rwi_channel_leave(source->receiver->end.channel, &source->waiter);
    rw_receiver_unref(source->receiver);
    rwi_loop_release(source->loop, source, sizeof *source);
}

static const struct rw_stream_vtable channel_vtable = {"stream.channel", channel_next, NULL, channel_drop};

struct rw_stream *rw_stream_of_channel(struct rw_loop *loop, struct rw_receiver *receiver)
{
    struct channel_source *source;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(receiver != NULL);
    RW_REQUIRE(rwi_end_serves(&receiver->end, loop));
    source = rwi_loop_alloc(loop, sizeof *source);
    if (source == NULL) {
        return NULL;
    }
    source->loop = loop;
    source->receiver = rw_receiver_ref(receiver);
    rwi_waiter_init(&source->waiter, &receiver->end);
    return rw_stream_new(loop, &channel_vtable, source);
}

/* ---- list ------------------------------------------------------------------------------------------------------------ */

struct list_source {
    struct rw_loop *loop;
    struct rw_value list;
    size_t index;
};

static enum rw_poll list_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct list_source *source = self;

    RW_ASSERT(source->list.kind == RW_KIND_LIST);
    if (source->index == rw_list_count(source->list.as.list)) {
        return RW_END;
    }
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    *out = rw_value_clone(rw_list_at(source->list.as.list, source->index++));
    return RW_READY;
}

static void list_drop(void *self)
{
    struct list_source *source = self;

    RW_ASSERT(source->list.kind == RW_KIND_LIST);
    rw_value_drop(&source->list);
    rwi_loop_release(source->loop, source, sizeof *source);
}

static const struct rw_stream_vtable list_vtable = {"stream.list", list_next, NULL, list_drop};

struct rw_stream *rw_stream_of_list(struct rw_loop *loop, const struct rw_list *list)
{
    struct rw_value borrowed = {.kind = RW_KIND_LIST};
    struct list_source *source;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(list != NULL);
    source = rwi_loop_alloc(loop, sizeof *source);
    if (source == NULL) {
        return NULL;
    }
    borrowed.as.list = (struct rw_list *)(uintptr_t)list;
    source->loop = loop;
    source->list = rw_value_clone(&borrowed);
    source->index = 0;
    return rw_stream_new(loop, &list_vtable, source);
}

/* ---- generator ------------------------------------------------------------------------------------------------------- */

struct generator_source {
    struct rw_loop *loop;
    struct rw_future *(*next)(void *arg);
    struct rwi_stage stage;
    struct rw_future *pending; /* of the item that is being made */
};

static enum rw_poll generator_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct generator_source *source = self;
    enum rw_poll poll;

    RW_ASSERT(source->loop == cx->loop);
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    if (source->pending == NULL) {
        source->pending = source->next(source->stage.arg);
    }
    if (source->pending == NULL) {
        return RW_END;
    }
    poll = rwi_poll(source->pending, cx, out);
    if (poll == RW_READY) {
        rw_future_drop(source->pending);
        source->pending = NULL;
        if (rw_is_failure(out) && out->code == RW_ERR_END) { /* a script says so when its generator returns */
            rw_value_drop(out);
            return RW_END;
        }
    }
    return poll;
}

static void generator_drop(void *self)
{
    struct generator_source *source = self;

    RW_ASSERT(source->next != NULL);
    rw_future_drop(source->pending);
    rwi_stage_drop(&source->stage);
    rwi_loop_release(source->loop, source, sizeof *source);
}

static const struct rw_stream_vtable generator_vtable = {"stream.generator", generator_next, NULL,
                                                         generator_drop};

struct rw_stream *rw_stream_from(struct rw_loop *loop, struct rw_future *(*next)(void *arg),
                                 void (*drop)(void *arg), void *arg)
{
    struct rwi_stage stage = {drop, arg};
    struct generator_source *source;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(next != NULL);
    source = rwi_loop_alloc(loop, sizeof *source);
    if (source == NULL) {
        rwi_stage_drop(&stage);
        return NULL;
    }
    *source = (struct generator_source){.loop = loop, .next = next, .stage = stage};
    return rw_stream_new(loop, &generator_vtable, source);
}
