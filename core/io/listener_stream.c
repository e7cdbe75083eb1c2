/* SPDX-License-Identifier: MIT
 *
 * listener_stream.c - the connections of a listener as a stream, which ends when the listener is closed.
 *
 * With a channel's sink behind it (rw_forward) connections are accepted without a line of script. Invariant: `accepting` is the one
 * accept that was begun and not yet answered; a cancelled `next` leaves it for the next one, and dropping it leaves its
 * connection in the kernel's queue.
 */
#include "base/check.h"
#include "exec/executor.h"
#include "exec/future.h"
#include "io/listener.h"

struct listener_source {
    struct rw_loop *loop;
    struct rw_listener *listener;
    struct rw_future *accepting;
};

static enum rw_poll next_connection(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct listener_source *source = self;

    RW_ASSERT(source->loop == cx->loop);
    if (source->accepting == NULL) {
        source->accepting = rw_listener_accept(source->listener);
    }
    if (rwi_poll(source->accepting, cx, out) == RW_PENDING) {
        return RW_PENDING;
    }
    rw_future_drop(source->accepting);
    source->accepting = NULL;
    return rw_is_failure(out) && out->code == RW_ERR_CLOSED ? RW_END : RW_READY;
}

static void drop_source(void *self)
{
    struct listener_source *source = self;

    RW_ASSERT(source->listener != NULL);
    rw_future_drop(source->accepting);
    rw_listener_unref(source->listener);
    rwi_loop_release(source->loop, source, sizeof *source);
}

static const struct rw_stream_vtable listener_vtable = {"listener.stream", next_connection, NULL,
                                                        drop_source};

struct rw_stream *rw_listener_stream(struct rw_listener *listener)
{
    struct rw_loop *loop;
    struct listener_source *source;

    RW_REQUIRE(listener != NULL);
    loop = listener->loop;
    source = rwi_loop_alloc(loop, sizeof *source);
    if (source == NULL) {
        return NULL;
    }
    *source = (struct listener_source){.loop = loop, .listener = rw_listener_ref(listener)};
    return rw_stream_new(loop, &listener_vtable, source);
}
