/* SPDX-License-Identifier: MIT
 *
 * forward.c - every item of a stream into a sink.
 *
 *      TAKING --item--> GIVING --sent--> TAKING
 *         \--RW_END--> FLUSHING --> CLOSING --> (ready: how many)      a failure anywhere is the outcome
 *
 * One item is on its way at a time: the sink's back-pressure is the stream's. A failure leaves the sink unclosed, so that
 * what was sent is not mistaken for all there was.
 *
 * Invariant: `item` is somebody's only while GIVING.
 */
#include "exec/executor.h"
#include "flow/stream.h"

enum stage { TAKING, GIVING, FLUSHING, CLOSING };

struct forward_future {
    struct rw_future future;
    struct rw_loop *loop;
    struct rw_stream *stream;
    struct rw_sink *sink;
    struct rw_value item;
    enum stage stage;
    int64_t count;
};

static enum rw_poll take(struct forward_future *forward, struct rw_context *cx, struct rw_value *out)
{
    enum rw_poll poll = rwi_stream_poll(forward->stream, forward, cx, out);

    RW_ASSERT(forward->stage == TAKING);
    if (poll == RW_END) {
        forward->stage = FLUSHING;
        *out = rw_nil();
        return RW_READY;
    }
    if (poll == RW_READY && !rw_is_failure(out)) {
        forward->item = *out;
        forward->stage = GIVING;
        *out = rw_nil();
    }
    return poll;
}

static enum rw_poll give(struct forward_future *forward, struct rw_context *cx, struct rw_value *out)
{
    enum rw_poll poll = rwi_sink_poll_send(forward->sink, forward, cx, &forward->item, out);

    RW_ASSERT(forward->stage == GIVING);
    if (poll == RW_READY && !rw_is_failure(out)) {
        forward->count++;
        forward->stage = TAKING;
    }
    return poll;
}

/* One step; RW_READY with nil: go on, RW_READY with anything else: the outcome. */
static enum rw_poll step(struct forward_future *forward, struct rw_context *cx, struct rw_value *out)
{
    enum rw_poll poll;

    switch (forward->stage) {
    case TAKING:
        return take(forward, cx, out);
    case GIVING:
        return give(forward, cx, out);
    case FLUSHING:
        poll = rwi_sink_poll_flush(forward->sink, forward, cx, out);
        if (poll == RW_READY && !rw_is_failure(out)) {
            forward->stage = CLOSING;
        }
        return poll;
    default:
        RW_ASSERT(forward->stage == CLOSING);
        poll = rwi_sink_poll_close(forward->sink, forward, cx, out);
        if (poll == RW_READY && !rw_is_failure(out)) {
            *out = rw_int(forward->count);
        }
        return poll;
    }
}

static enum rw_poll forward_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct forward_future *forward = (struct forward_future *)self;
    enum rw_poll poll;

    RW_ASSERT(forward->loop == cx->loop);
    do {
        *out = rw_nil();
        poll = step(forward, cx, out);
    } while (poll == RW_READY && out->kind == RW_KIND_NIL);
    return poll;
}

static void forward_drop(struct rw_future *self)
{
    struct forward_future *forward = (struct forward_future *)self;

    RW_ASSERT(forward->stage == GIVING || forward->item.kind == RW_KIND_NIL);
    rwi_stream_let_go(forward->stream, forward);
    rwi_sink_leave(forward->sink, forward);
    rw_sink_unref(forward->sink);
    rw_value_drop(&forward->item);
    rwi_loop_release(forward->loop, forward, sizeof *forward);
}

static const struct rw_future_vtable forward_vtable = {"forward", 0, forward_poll, NULL, forward_drop};

struct rw_future *rw_forward(struct rw_stream *stream, struct rw_sink *sink)
{
    struct rw_loop *loop;
    struct forward_future *forward;

    RW_REQUIRE(stream != NULL);
    RW_REQUIRE(sink != NULL);
    RW_REQUIRE(rwi_stream_loop(stream) == rwi_sink_loop(sink));
    loop = rwi_stream_loop(stream);
    forward = rwi_loop_alloc(loop, sizeof *forward);
    if (forward == NULL) {
        rw_stream_unref(stream);
        rw_sink_unref(sink);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *forward = (struct forward_future){.loop = loop, .stream = stream, .sink = sink};
    rw_future_init(&forward->future, &forward_vtable);
    return &forward->future;
}
