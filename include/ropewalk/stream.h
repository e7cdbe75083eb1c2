/* SPDX-License-Identifier: MIT
 *
 * stream.h - values one after the other, and the places they go to.
 *
 * A stream is polled for its next item: RW_PENDING (the waker is kept), RW_READY (*out is an item, or a failure after which the
 * stream is at its end) or RW_END. A sink takes items with back-pressure. Adapters take the streams they are given.
 * Streams and sinks are counted objects; one task at a time may wait on each (RW_ERR_BUSY).
 */
#ifndef ROPEWALK_STREAM_H
#define ROPEWALK_STREAM_H

#include "base.h"
#include "channel.h"
#include "future.h"
#include "value.h"

struct rw_stream;
struct rw_sink;

/* For sources of one's own. poll_next as above; drop frees the source's `self`. cancel may be NULL. */
struct rw_stream_vtable {
    const char *name;
    enum rw_poll (*poll_next)(void *self, struct rw_context *cx, struct rw_value *out);
    void (*cancel)(void *self); /* asks a pending poll_next to end early without losing an item */
    void (*drop)(void *self);
};

struct rw_sink_vtable {
    const char *name;
    /* Takes *item when RW_READY with nil; RW_PENDING leaves *item with the caller; a failure in *out drops it. */
    enum rw_poll (*poll_send)(void *self, struct rw_context *cx, struct rw_value *item, struct rw_value *out);
    enum rw_poll (*poll_flush)(void *self, struct rw_context *cx, struct rw_value *out);
    enum rw_poll (*poll_close)(void *self, struct rw_context *cx, struct rw_value *out);
    void (*drop)(void *self);
};

RW_BEGIN_DECLS

/* `self` is taken; on no memory it is dropped and the result is NULL. */
RW_API struct rw_stream *rw_stream_new(struct rw_loop *loop, const struct rw_stream_vtable *vtable,
                                       void *self);
RW_API struct rw_stream *rw_stream_ref(struct rw_stream *stream);
RW_API void rw_stream_unref(struct rw_stream *stream);
RW_API struct rw_object *rw_stream_object(struct rw_stream *stream);

/* The next item, or the failure RW_ERR_END. Cancelling it loses no item. */
RW_API struct rw_future *rw_stream_next(struct rw_stream *stream);
/* Ends the stream: its source is dropped, later items are RW_ERR_END. Idempotent. */
RW_API void rw_stream_close(struct rw_stream *stream);

/* Sources. channel: keeps a reference and ends when the channel is closed. interval: its tick number 0, 1, ... every
 * period, the first at once; ticks missed are skipped, never bunched. list: its items. from: a generator in C, next(arg) gives a future per
 * item; NULL, or a future that fails with RW_ERR_END, is the end. */
RW_API struct rw_stream *rw_stream_of_channel(struct rw_loop *loop, struct rw_receiver *receiver);
RW_API struct rw_stream *rw_interval(struct rw_loop *loop, int64_t period_ns);
RW_API struct rw_stream *rw_stream_of_list(struct rw_loop *loop, const struct rw_list *list);
RW_API struct rw_stream *rw_stream_from(struct rw_loop *loop, struct rw_future *(*next)(void *arg),
                                        void (*drop)(void *arg), void *arg);

/* Adapters. Functions return a future of the result (rw_ready for plain ones), so that a script function may await; a failure ends the
 * stream with it. filter keeps an item when the result is neither nil nor false. */
RW_API struct rw_stream *rw_stream_map(struct rw_stream *stream,
                                       struct rw_future *(*fn)(void *arg, struct rw_value item),
                                       void (*drop)(void *arg), void *arg);
RW_API struct rw_stream *rw_stream_filter(struct rw_stream *stream,
                                          struct rw_future *(*fn)(void *arg, const struct rw_value *item),
                                          void (*drop)(void *arg), void *arg);
RW_API struct rw_stream *rw_stream_take(struct rw_stream *stream, uint64_t count);
/* Items of all as they come, fair by rotation; ends when all have. */
RW_API struct rw_stream *rw_stream_merge(struct rw_loop *loop, struct rw_stream *const *streams,
                                         size_t count);
/* Lists of `size` items; the last may be shorter. */
RW_API struct rw_stream *rw_stream_chunks(struct rw_stream *stream, size_t size);
/* The stream's items become futures by fn; up to `limit` run at a time; results in order. */
RW_API struct rw_stream *rw_stream_buffered(struct rw_stream *stream, size_t limit,
                                            struct rw_future *(*fn)(void *arg, struct rw_value item),
                                            void (*drop)(void *arg), void *arg);

/* Sinks: of one's own (`self` is taken; on no memory dropped), or a channel's sending end (keeps a reference). References
 * as everywhere; the object is borrowed. The futures end with nil: send when the sink took the item (taken; a failure
 * drops it), flush when what it took has left, close when it is flushed and ended. NULL only on no memory. */
RW_API struct rw_sink *rw_sink_new(struct rw_loop *loop, const struct rw_sink_vtable *vtable, void *self);
RW_API struct rw_sink *rw_sink_of_channel(struct rw_loop *loop, struct rw_sender *sender);
RW_API struct rw_sink *rw_sink_ref(struct rw_sink *sink);
RW_API void rw_sink_unref(struct rw_sink *sink);
RW_API struct rw_object *rw_sink_object(struct rw_sink *sink);
RW_API struct rw_future *rw_sink_send(struct rw_sink *sink, struct rw_value item);
RW_API struct rw_future *rw_sink_flush(struct rw_sink *sink);
RW_API struct rw_future *rw_sink_close(struct rw_sink *sink);

/* Moves every item, then flushes and closes the sink; the outcome is how many were moved. Both references are taken. */
RW_API struct rw_future *rw_forward(struct rw_stream *stream, struct rw_sink *sink);

RW_API struct rw_stream *rw_stream_of(const struct rw_value *value); /* borrowed; NULL when it is no stream */

RW_END_DECLS

#endif
