/* SPDX-License-Identifier: MIT
 *
 * stream.h - streams and sinks, as adapters and futures poll them.
 *
 * Whoever polls names itself by an address, its `owner`. A stream that answered RW_PENDING belongs to that owner until it is ready
 * or the owner leaves; others get RW_ERR_BUSY.
 */
#ifndef RWI_FLOW_STREAM_H
#define RWI_FLOW_STREAM_H

#include <ropewalk.h>

#include "base/check.h"

/* RW_READY, RW_PENDING or RW_END, as rw_stream_vtable.poll_next. RW_ERR_BUSY is the one failure that does not end the stream. */
enum rw_poll rwi_stream_poll(struct rw_stream *stream, const void *owner, struct rw_context *cx,
                             struct rw_value *out);

/* The owner will not come back: its waker is forgotten, what the source has begun it keeps. */
void rwi_stream_leave(struct rw_stream *stream, const void *owner);

/* Leaves and gives the reference back; takes NULL. */
void rwi_stream_let_go(struct rw_stream *stream, const void *owner);

struct rw_loop *rwi_stream_loop(const struct rw_stream *stream);

/* A function of the user with its argument, as adapters keep it. */
struct rwi_stage {
    void (*drop)(void *arg);
    void *arg;
};

static inline void rwi_stage_drop(struct rwi_stage *stage)
{
    if (stage->drop != NULL) {
        stage->drop(stage->arg);
        stage->drop = NULL;
    }
}

/* Memory for an adapter over `stream`. NULL when there is none, or no stream: then stream and stage have been dropped. */
void *rwi_adapter_alloc(struct rw_stream *stream, size_t size, struct rwi_stage *stage);

/* The same for sinks, without RW_END. */
enum rw_poll rwi_sink_poll_send(struct rw_sink *sink, const void *owner, struct rw_context *cx,
                                struct rw_value *item, struct rw_value *out);
enum rw_poll rwi_sink_poll_flush(struct rw_sink *sink, const void *owner, struct rw_context *cx,
                                 struct rw_value *out);
enum rw_poll rwi_sink_poll_close(struct rw_sink *sink, const void *owner, struct rw_context *cx,
                                 struct rw_value *out);
void rwi_sink_leave(struct rw_sink *sink, const void *owner);
struct rw_loop *rwi_sink_loop(const struct rw_sink *sink);

#endif
