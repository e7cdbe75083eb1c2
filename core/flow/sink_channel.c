/* SPDX-License-Identifier: MIT
 *
 * sink_channel.c - a channel's sending end as a sink.
 *
 * The sink must leave the item with the caller while there is no room, so it waits for a permit instead of offering
 * the item, and sends by that permit at once. A send that is given up leaves the sink's place in the line, or the room it was
 * granted, to the next send.
 *
 * Invariant: no permit is out between polls, except one granted to the waiter and not yet noticed.
 */
#include "exec/executor.h"
#include "flow/channel_ask.h"
#include "flow/stream.h"

struct channel_sink {
    struct rw_loop *loop;
    struct rw_sender *sender;
    struct rwi_waiter waiter;
};

static enum rw_poll channel_send(void *self, struct rw_context *cx, struct rw_value *item,
                                 struct rw_value *out)
{
    struct channel_sink *sink = self;
    int refused = rwi_channel_refuses(sink->sender->end.channel, item);
    enum rw_poll poll;

    RW_ASSERT(sink->loop == cx->loop);
    if (refused != 0) {
        *out = rw_failure(refused);
        return RW_READY;
    }
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    poll = rwi_channel_ask(&sink->waiter, &rwi_reserving, cx, out);
    if (poll == RW_READY && !rw_is_failure(out)) {
        rwi_channel_permit_send(&sink->sender->end, item, out);
        if (rw_is_failure(out)) {
            rwi_channel_permit_release(&sink->sender->end);
        }
    }
    return poll;
}

static enum rw_poll channel_flush(void *self, struct rw_context *cx, struct rw_value *out)
{
    RW_ASSERT(self != NULL);
    (void)self;
    (void)cx;
    *out = rw_nil();
    return RW_READY;
}

static enum rw_poll channel_close(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct channel_sink *sink = self;

    RW_ASSERT(sink->loop == cx->loop);
    (void)cx;
    rw_sender_close(sink->sender);
    *out = rw_nil();
    return RW_READY;
}

static void channel_drop(void *self)
{
    struct channel_sink *sink = self;

    RW_ASSERT(sink->sender != NULL);
    rwi_channel_leave(sink->sender->end.channel, &sink->waiter);
    rw_sender_unref(sink->sender);
    rwi_loop_release(sink->loop, sink, sizeof *sink);
}

static const struct rw_sink_vtable channel_vtable = {"sink.channel", channel_send, channel_flush,
                                                     channel_close, channel_drop};

struct rw_sink *rw_sink_of_channel(struct rw_loop *loop, struct rw_sender *sender)
{
    struct channel_sink *sink;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(sender != NULL);
    RW_REQUIRE(rwi_end_serves(&sender->end, loop));
    sink = rwi_loop_alloc(loop, sizeof *sink);
    if (sink == NULL) {
        return NULL;
    }
    sink->loop = loop;
    sink->sender = rw_sender_ref(sender);
    rwi_waiter_init(&sink->waiter, &sender->end);
    return rw_sink_new(loop, &channel_vtable, sink);
}
