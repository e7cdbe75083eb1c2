/* SPDX-License-Identifier: MIT
 *
 * sink.c - a place that values go to, with back-pressure.
 *
 * The counterpart of stream.c: an implementation behind three polls, and a relay, so that the implementation may keep its
 * waker while futures come and go. Closing ends the sink; its implementation is dropped then.
 *
 *      OPEN --poll_close: RW_READY--> CLOSED
 *
 * Invariant: vtable is NULL exactly when the sink is closed.
 */
#include "base/mem.h"
#include "exec/executor.h"
#include "flow/relay.h"
#include "flow/stream.h"

struct rw_sink {
    struct rw_object object;
    struct rw_loop *loop;
    const struct rw_sink_vtable *vtable;
    void *self;
    struct rwi_relay relay;
    bool is_polling;
};

static void end(struct rw_sink *sink)
{
    const struct rw_sink_vtable *vtable = sink->vtable;
    void *self = sink->self;

    RW_ASSERT(!sink->is_polling);
    sink->vtable = NULL;
    sink->self = NULL;
    if (vtable != NULL) {
        vtable->drop(self);
    }
}

static void destroy(struct rw_object *object)
{
    struct rw_sink *sink = (struct rw_sink *)object;
    struct rw_loop *loop = sink->loop;

    RW_ASSERT(sink->relay.owner == NULL);
    end(sink);
    rwi_mem_free(sink, sizeof *sink);
    rwi_object_gone(loop, sink);
}

static const struct rw_object_type sink_type = {"sink", false, destroy};

struct rw_sink *rw_sink_new(struct rw_loop *loop, const struct rw_sink_vtable *vtable, void *self)
{
    struct rw_sink *sink;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(vtable != NULL);
    sink = rwi_mem_new(sizeof *sink);
    if (sink == NULL) {
        vtable->drop(self);
        return NULL;
    }
    sink->object.type = &sink_type;
    sink->object.ref_count = 1;
    sink->loop = loop;
    sink->vtable = vtable;
    sink->self = self;
    rwi_object_born(loop, sink);
    return sink;
}

struct rw_sink *rw_sink_ref(struct rw_sink *sink)
{
    RW_REQUIRE(sink != NULL);
    rw_object_ref(&sink->object);
    return sink;
}

void rw_sink_unref(struct rw_sink *sink)
{
    rw_object_unref(sink != NULL ? &sink->object : NULL);
}

struct rw_object *rw_sink_object(struct rw_sink *sink)
{
    RW_REQUIRE(sink != NULL);
    return &sink->object;
}

struct rw_loop *rwi_sink_loop(const struct rw_sink *sink)
{
    RW_ASSERT(sink->loop != NULL);
    return sink->loop;
}

void rwi_sink_leave(struct rw_sink *sink, const void *owner)
{
    RW_ASSERT(owner != NULL);
    rwi_relay_leave(&sink->relay, owner);
}

/* ---- polling --------------------------------------------------------------------------------------------------------- */

/* 0 when `owner` may poll now. */
static int enter(struct rw_sink *sink, const void *owner, struct rw_context *cx)
{
    RW_ASSERT(sink->loop == cx->loop);
    if (rwi_relay_is_busy(&sink->relay, owner) || sink->is_polling) {
        return RW_ERR_BUSY;
    }
    if (sink->vtable == NULL) {
        return RW_ERR_CLOSED;
    }
    rwi_relay_enter(&sink->relay, owner, cx);
    sink->is_polling = true;
    return 0;
}

static enum rw_poll leave(struct rw_sink *sink, const void *owner, enum rw_poll poll)
{
    RW_ASSERT(poll == RW_PENDING || poll == RW_READY);
    sink->is_polling = false;
    if (poll == RW_READY) {
        rwi_relay_leave(&sink->relay, owner);
    }
    return poll;
}

enum rw_poll rwi_sink_poll_send(struct rw_sink *sink, const void *owner, struct rw_context *cx,
                                struct rw_value *item, struct rw_value *out)
{
    struct rw_context inner;
    enum rw_poll poll;
    int err = enter(sink, owner, cx);

    if (err != 0) {
        *out = rw_failure(err);
        return RW_READY;
    }
    inner = rwi_relay_context(&sink->relay, cx);
    poll = sink->vtable->poll_send(sink->self, &inner, item, out);
    RW_ASSERT(poll == RW_PENDING || rw_is_failure(out) || item->kind == RW_KIND_NIL);
    return leave(sink, owner, poll);
}

enum rw_poll rwi_sink_poll_flush(struct rw_sink *sink, const void *owner, struct rw_context *cx,
                                 struct rw_value *out)
{
    struct rw_context inner;
    int err = enter(sink, owner, cx);

    if (err != 0) {
        *out = rw_failure(err);
        return RW_READY;
    }
    inner = rwi_relay_context(&sink->relay, cx);
    RW_ASSERT(sink->is_polling);
    return leave(sink, owner, sink->vtable->poll_flush(sink->self, &inner, out));
}

enum rw_poll rwi_sink_poll_close(struct rw_sink *sink, const void *owner, struct rw_context *cx,
                                 struct rw_value *out)
{
    struct rw_context inner;
    enum rw_poll poll;
    int err = enter(sink, owner, cx);

    if (err != 0) {
        *out = err == RW_ERR_CLOSED ? rw_nil() : rw_failure(err);
        return RW_READY;
    }
    inner = rwi_relay_context(&sink->relay, cx);
    poll = leave(sink, owner, sink->vtable->poll_close(sink->self, &inner, out));
    if (poll == RW_READY) {
        end(sink);
    }
    RW_ASSERT(poll == RW_PENDING || sink->vtable == NULL);
    return poll;
}

/* ---- the futures ----------------------------------------------------------------------------------------------------- */

enum act { SEND, FLUSH, CLOSE };

struct act_future {
    struct rw_future future;
    struct rw_sink *sink;
    enum act act;
    struct rw_value item;
};

static enum rw_poll act_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct act_future *act = (struct act_future *)self;

    RW_ASSERT(act->sink->object.ref_count > 0);
    switch (act->act) {
    case SEND:
        return rwi_sink_poll_send(act->sink, act, cx, &act->item, out);
    case FLUSH:
        return rwi_sink_poll_flush(act->sink, act, cx, out);
    default:
        return rwi_sink_poll_close(act->sink, act, cx, out);
    }
}

static void act_drop(struct rw_future *self)
{
    struct act_future *act = (struct act_future *)self;
    struct rw_sink *sink = act->sink;

    RW_ASSERT(sink->object.ref_count > 0);
    rwi_sink_leave(sink, act);
    rw_value_drop(&act->item);
    rwi_loop_release(sink->loop, act, sizeof *act);
    rw_sink_unref(sink);
}

static const struct rw_future_vtable act_vtables[] = {
    [SEND] = {"sink.send", 0, act_poll, NULL, act_drop},
    [FLUSH] = {"sink.flush", 0, act_poll, NULL, act_drop},
    [CLOSE] = {"sink.close", 0, act_poll, NULL, act_drop},
};

static struct rw_future *act_new(struct rw_sink *sink, enum act which, struct rw_value item)
{
    struct act_future *act;

    RW_REQUIRE(sink != NULL);
    act = rwi_loop_alloc(sink->loop, sizeof *act);
    if (act == NULL) {
        rw_value_drop(&item);
        return rw_failed(sink->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&act->future, &act_vtables[which]);
    act->sink = rw_sink_ref(sink);
    act->act = which;
    act->item = item;
    return &act->future;
}

struct rw_future *rw_sink_send(struct rw_sink *sink, struct rw_value item)
{
    return act_new(sink, SEND, item);
}

struct rw_future *rw_sink_flush(struct rw_sink *sink)
{
    return act_new(sink, FLUSH, rw_nil());
}

struct rw_future *rw_sink_close(struct rw_sink *sink)
{
    return act_new(sink, CLOSE, rw_nil());
}
