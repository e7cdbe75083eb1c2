/* SPDX-License-Identifier: MIT
 *
 * stream_take.c - adapters that count: take and chunks.
 *
 * take lets go of its stream with the last item, not with the poll after it: a source must not run on for an item that nobody
 * will ask for. chunks hands out what it has gathered before it passes on an end or a failure.
 *
 * Invariant: a chunk in work has fewer items than its size.
 */
#include "exec/executor.h"
#include "flow/stream.h"

/* ---- take ------------------------------------------------------------------------------------------------------------ */

struct take {
    struct rw_loop *loop;
    struct rw_stream *stream; /* NULL once enough was taken */
    uint64_t left;
};

static enum rw_poll take_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct take *take = self;
    enum rw_poll poll;

    RW_ASSERT((take->left == 0) == (take->stream == NULL));
    if (take->left == 0) {
        return RW_END;
    }
    poll = rwi_stream_poll(take->stream, take, cx, out);
    if (poll == RW_READY && --take->left == 0) {
        rwi_stream_let_go(take->stream, take);
        take->stream = NULL;
    }
    return poll;
}

static void take_drop(void *self)
{
    struct take *take = self;

    RW_ASSERT((take->left == 0) == (take->stream == NULL));
    rwi_stream_let_go(take->stream, take);
    rwi_loop_release(take->loop, take, sizeof *take);
}

static const struct rw_stream_vtable take_vtable = {"stream.take", take_next, NULL, take_drop};

struct rw_stream *rw_stream_take(struct rw_stream *stream, uint64_t count)
{
    struct rwi_stage stage = {NULL, NULL};
    struct take *take = rwi_adapter_alloc(stream, sizeof *take, &stage);

    if (take == NULL) {
        return NULL;
    }
    *take = (struct take){.loop = rwi_stream_loop(stream), .stream = stream, .left = count};
    if (count == 0) {
        rw_stream_unref(take->stream);
        take->stream = NULL;
    }
    RW_ASSERT(take->loop != NULL);
    return rw_stream_new(take->loop, &take_vtable, take);
}

/* ---- chunks ---------------------------------------------------------------------------------------------------------- */

struct chunks {
    struct rw_loop *loop;
    struct rw_stream *stream;
    size_t size;
    struct rw_list *chunk;   /* in work; NULL: none */
    struct rw_value failure; /* after the last chunk */
};

static enum rw_poll hand_out(struct chunks *chunks, struct rw_value *out)
{
    RW_ASSERT(chunks->chunk != NULL);
    RW_ASSERT(rw_list_count(chunks->chunk) <= chunks->size);
    *out = rw_value_of_list(chunks->chunk);
    chunks->chunk = NULL;
    return RW_READY;
}

/* Adds an item; 0 or RW_ERR_NOMEM. */
static int gather(struct chunks *chunks, struct rw_value item)
{
    RW_ASSERT(!rw_is_failure(&item));
    if (chunks->chunk == NULL) {
        chunks->chunk = rw_list_new(0);
    }
    if (chunks->chunk == NULL) {
        rw_value_drop(&item);
        return RW_ERR_NOMEM;
    }
    return rw_list_push(chunks->chunk, item);
}

static enum rw_poll pass_failure(struct chunks *chunks, struct rw_value *out)
{
    RW_ASSERT(rw_is_failure(&chunks->failure));
    *out = chunks->failure;
    chunks->failure = rw_nil();
    return RW_READY;
}

static enum rw_poll chunks_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct chunks *chunks = self;
    struct rw_value item;
    enum rw_poll poll;
    int err;

    if (rw_is_failure(&chunks->failure)) {
        return pass_failure(chunks, out);
    }
    RW_ASSERT(chunks->chunk == NULL || rw_list_count(chunks->chunk) < chunks->size);
    while ((poll = rwi_stream_poll(chunks->stream, chunks, cx, &item)) == RW_READY) {
        if (rw_is_failure(&item)) {
            chunks->failure = item;
            return chunks->chunk != NULL ? hand_out(chunks, out) : pass_failure(chunks, out);
        }
        err = gather(chunks, item);
        if (err != 0) {
            *out = rw_failure(err);
            return RW_READY;
        }
        if (rw_list_count(chunks->chunk) == chunks->size) {
            return hand_out(chunks, out);
        }
    }
    return poll == RW_END && chunks->chunk != NULL ? hand_out(chunks, out) : poll;
}

static void chunks_drop(void *self)
{
    struct chunks *chunks = self;

    RW_ASSERT(chunks->size > 0);
    if (chunks->chunk != NULL) {
        struct rw_value left = rw_value_of_list(chunks->chunk);

        rw_value_drop(&left);
    }
    rw_value_drop(&chunks->failure);
    rwi_stream_let_go(chunks->stream, chunks);
    rwi_loop_release(chunks->loop, chunks, sizeof *chunks);
}

static const struct rw_stream_vtable chunks_vtable = {"stream.chunks", chunks_next, NULL, chunks_drop};

struct rw_stream *rw_stream_chunks(struct rw_stream *stream, size_t size)
{
    struct rwi_stage stage = {NULL, NULL};
    struct chunks *chunks;

    RW_REQUIRE(size > 0);
    chunks = rwi_adapter_alloc(stream, sizeof *chunks, &stage);
    if (chunks == NULL) {
        return NULL;
    }
    *chunks = (struct chunks){.loop = rwi_stream_loop(stream), .stream = stream, .size = size};
    return rw_stream_new(chunks->loop, &chunks_vtable, chunks);
}
