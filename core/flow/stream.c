/* SPDX-License-Identifier: MIT
 *
 * stream.c - the stream as an object: who polls it, and when its source goes.
 *
 * A stream is its source plus a relay. It ends when the source says so, fails or is closed: the source is dropped at once, and
 * from then on every poll answers RW_END. While poll_next runs the source cannot be dropped; a close that comes
 * from inside it is remembered.
 *
 *      OPEN --poll_next: RW_END, a failure; close--> ENDED
 *
 * Invariant: vtable is NULL exactly when the source is gone.
 */
#include "flow/stream.h"

#include "base/mem.h"
#include "exec/executor.h"
#include "flow/relay.h"

struct rw_stream {
    struct rw_object object;
    struct rw_loop *loop;
    const struct rw_stream_vtable *vtable;
    void *self;
    struct rwi_relay relay;
    bool is_polling;
    bool is_closing;    /* closed from inside poll_next */
    bool is_cancelling; /* the source was asked to let the owner go */
};

static void end_source(struct rw_stream *stream)
{
    const struct rw_stream_vtable *vtable = stream->vtable;
    void *self = stream->self;

    RW_ASSERT(!stream->is_polling);
    stream->vtable = NULL;
    stream->self = NULL;
    if (vtable != NULL) {
        vtable->drop(self);
    }
}

static void destroy(struct rw_object *object)
{
    struct rw_stream *stream = (struct rw_stream *)object;
    struct rw_loop *loop = stream->loop;

    RW_ASSERT(stream->relay.owner == NULL);
    end_source(stream);
    rwi_mem_free(stream, sizeof *stream);
    rwi_object_gone(loop, stream);
}

static const struct rw_object_type stream_type = {"stream", false, destroy};

struct rw_stream *rw_stream_new(struct rw_loop *loop, const struct rw_stream_vtable *vtable, void *self)
{
    struct rw_stream *stream;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(vtable != NULL);
    stream = rwi_mem_new(sizeof *stream);
    if (stream == NULL) {
        vtable->drop(self);
        return NULL;
    }
    stream->object.type = &stream_type;
    stream->object.ref_count = 1;
    stream->loop = loop;
    stream->vtable = vtable;
    stream->self = self;
    rwi_object_born(loop, stream);
    return stream;
}

struct rw_stream *rw_stream_ref(struct rw_stream *stream)
{
    RW_REQUIRE(stream != NULL);
    rw_object_ref(&stream->object);
    return stream;
}

void rw_stream_unref(struct rw_stream *stream)
{
    rw_object_unref(stream != NULL ? &stream->object : NULL);
}

struct rw_object *rw_stream_object(struct rw_stream *stream)
{
    RW_REQUIRE(stream != NULL);
    return &stream->object;
}

struct rw_stream *rw_stream_of(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    if (value->kind != RW_KIND_HANDLE || value->as.handle->type != &stream_type) {
        return NULL;
    }
    return (struct rw_stream *)value->as.handle;
}

struct rw_loop *rwi_stream_loop(const struct rw_stream *stream)
{
    RW_ASSERT(stream->loop != NULL);
    return stream->loop;
}

void rw_stream_close(struct rw_stream *stream)
{
    RW_REQUIRE(stream != NULL);
    if (stream->is_polling) {
        stream->is_closing = true;
        return;
    }
    end_source(stream);
    rwi_relay_wake(&stream->relay);
}

/* What the source answered, as the stream does; `true` when that was its last word. */
static bool is_last(const struct rw_stream *stream, enum rw_poll poll, const struct rw_value *out)
{
    RW_ASSERT(poll <= RW_END);
    if (poll == RW_READY && rw_is_failure(out)) {
        return !(stream->is_cancelling && out->code == RW_ERR_CANCELLED);
    }
    return poll == RW_END || stream->is_closing;
}

enum rw_poll rwi_stream_poll(struct rw_stream *stream, const void *owner, struct rw_context *cx,
                             struct rw_value *out)
{
    struct rw_context inner;
    enum rw_poll poll;

    RW_ASSERT(stream->loop == cx->loop);
    if (rwi_relay_is_busy(&stream->relay, owner) || stream->is_polling) {
        *out = rw_failure(RW_ERR_BUSY);
        return RW_READY;
    }
    if (stream->vtable == NULL) {
        rwi_relay_leave(&stream->relay, owner);
        return RW_END;
    }
    rwi_relay_enter(&stream->relay, owner, cx);
    inner = rwi_relay_context(&stream->relay, cx);
    rw_stream_ref(stream);
    stream->is_polling = true;
    poll = stream->vtable->poll_next(stream->self, &inner, out);
    stream->is_polling = false;
    if (poll == RW_PENDING && stream->is_closing) {
        poll = RW_END;
    }
    if (is_last(stream, poll, out)) {
        end_source(stream);
    }
    if (poll != RW_PENDING) {
        stream->is_cancelling = false;
        rwi_relay_leave(&stream->relay, owner);
    }
    rw_stream_unref(stream);
    return poll;
}

void rwi_stream_leave(struct rw_stream *stream, const void *owner)
{
    RW_ASSERT(owner != NULL);
    rwi_relay_leave(&stream->relay, owner);
}

void rwi_stream_let_go(struct rw_stream *stream, const void *owner)
{
    if (stream != NULL) {
        RW_ASSERT(stream->object.ref_count > 0);
        rwi_stream_leave(stream, owner);
        rw_stream_unref(stream);
    }
}

void *rwi_adapter_alloc(struct rw_stream *stream, size_t size, struct rwi_stage *stage)
{
    void *memory = stream != NULL ? rwi_loop_alloc(stream->loop, size) : NULL;

    RW_ASSERT(size > 0);
    if (memory == NULL) {
        rw_stream_unref(stream);
        rwi_stage_drop(stage);
    }
    return memory;
}

/* ---- the future of the next item ------------------------------------------------------------------------------------- */

struct next_future {
    struct rw_future future;
    struct rw_stream *stream;
    bool is_cancelled; /* and the source has no say in it */
};

static enum rw_poll next_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct next_future *next = (struct next_future *)self;
    enum rw_poll poll;

    RW_ASSERT(next->stream->object.ref_count > 0);
    if (next->is_cancelled) {
        *out = rw_failure(RW_ERR_CANCELLED);
        return RW_READY;
    }
    poll = rwi_stream_poll(next->stream, next, cx, out);
    if (poll == RW_END) {
        *out = rw_failure(RW_ERR_END);
        return RW_READY;
    }
    return poll;
}

static void next_cancel(struct rw_future *self)
{
    struct next_future *next = (struct next_future *)self;
    struct rw_stream *stream = next->stream;

    RW_ASSERT(!stream->is_polling);
    if (stream->relay.owner == next && stream->vtable != NULL && stream->vtable->cancel != NULL) {
        stream->is_cancelling = true;
        stream->vtable->cancel(stream->self);
        return;
    }
    next->is_cancelled = true;
    if (stream->relay.owner == next) {
        rwi_relay_wake(&stream->relay);
    }
    rwi_stream_leave(stream, next);
}

static void next_drop(struct rw_future *self)
{
    struct next_future *next = (struct next_future *)self;
    struct rw_stream *stream = next->stream;

    RW_ASSERT(stream->object.ref_count > 0);
    rwi_stream_leave(stream, next);
    rwi_loop_release(stream->loop, next, sizeof *next);
    rw_stream_unref(stream);
}

static const struct rw_future_vtable next_vtable = {"stream.next", 0, next_poll, next_cancel, next_drop};

struct rw_future *rw_stream_next(struct rw_stream *stream)
{
    struct next_future *next;

    RW_REQUIRE(stream != NULL);
    next = rwi_loop_alloc(stream->loop, sizeof *next);
    if (next == NULL) {
        return rw_failed(stream->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&next->future, &next_vtable);
    next->stream = rw_stream_ref(stream);
    next->is_cancelled = false;
    return &next->future;
}
