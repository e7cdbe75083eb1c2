/* SPDX-License-Identifier: MIT
 *
 * stream_buffered.c - several items in work at once, results in order.
 *
 * A ring of slots, each with the future of one item or, once that is ready, its result. Every poll fills the free slots from the
 * stream, polls the futures that are not ready, and gives the oldest result away. A failure, of the stream or of a
 * future, takes its place in the order like a result; the stream ends with it, and what came behind it is dropped.
 *
 * Invariant: `count` slots from `head` on are in use; a slot has a future or a result, never both.
 */
#include "base/mem.h"
#include "exec/executor.h"
#include "exec/future.h"
#include "flow/stream.h"

struct slot {
    struct rw_future *future; /* NULL: `result` is there */
    struct rw_value result;
};

struct buffered {
    struct rw_loop *loop;
    struct rw_stream *stream; /* NULL once it has ended */
    struct rw_future *(*fn)(void *arg, struct rw_value item);
    struct rwi_stage stage;
    size_t limit;
    struct slot *slots;
    size_t size; /* of slots; at most limit */
    size_t head;
    size_t count;
};

enum { FIRST_SIZE = 4 };

static struct slot *slot_at(struct buffered *buffered, size_t index)
{
    RW_ASSERT(buffered->size > 0);
    RW_ASSERT(index < buffered->size);
    return &buffered->slots[(buffered->head + index) % buffered->size];
}

/* Room for one more; 0 or RW_ERR_NOMEM. */
static int make_room(struct buffered *buffered)
{
    size_t size = buffered->size == 0 ? FIRST_SIZE : buffered->size * 2;
    struct slot *slots;

    RW_ASSERT(buffered->count < buffered->limit);
    if (buffered->count < buffered->size) {
        return 0;
    }
    size = size < buffered->limit ? size : buffered->limit;
    slots = rwi_mem_new(size * sizeof *slots);
    if (slots == NULL) {
        return RW_ERR_NOMEM;
    }
    for (size_t i = 0; i < buffered->count; i++) {
        slots[i] = *slot_at(buffered, i);
    }
    rwi_mem_free(buffered->slots, buffered->size * sizeof *slots);
    buffered->slots = slots;
    buffered->size = size;
    buffered->head = 0;
    return 0;
}

static void let_go_of_stream(struct buffered *buffered)
{
    struct rw_stream *stream = buffered->stream;

    RW_ASSERT(buffered->limit > 0);
    buffered->stream = NULL;
    rwi_stream_let_go(stream, buffered);
}

/* Begins work on items until the limit is reached or the stream has none. 0 or RW_ERR_NOMEM. */
static int fill(struct buffered *buffered, struct rw_context *cx)
{
    struct rw_value item;
    enum rw_poll poll;

    while (buffered->stream != NULL && buffered->count < buffered->limit) {
        if (make_room(buffered) != 0) {
            return RW_ERR_NOMEM;
        }
        poll = rwi_stream_poll(buffered->stream, buffered, cx, &item);
        if (poll == RW_PENDING) {
            return 0;
        }
        if (poll == RW_END) {
            let_go_of_stream(buffered);
            return 0;
        }
        struct slot *slot = slot_at(buffered, buffered->count);

        buffered->count++;
        slot->future = NULL;
        slot->result = rw_failure(RW_ERR_NOMEM);
        if (rw_is_failure(&item)) {
            slot->result = item;
            let_go_of_stream(buffered);
        } else {
            slot->future = buffered->fn(buffered->stage.arg, item);
        }
    }
    return 0;
}

static void poll_futures(struct buffered *buffered, struct rw_context *cx)
{
    for (size_t i = 0; i < buffered->count; i++) {
        struct slot *slot = slot_at(buffered, i);

        if (slot->future != NULL && rwi_poll(slot->future, cx, &slot->result) == RW_READY) {
            rw_future_drop(slot->future);
            slot->future = NULL;
        }
    }
    RW_ASSERT(buffered->count <= buffered->limit);
}

static enum rw_poll buffered_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct buffered *buffered = self;
    int err = fill(buffered, cx);

    RW_ASSERT(buffered->count <= buffered->size);
    if (err != 0) {
        *out = rw_failure(err);
        return RW_READY;
    }
    poll_futures(buffered, cx);
    if (buffered->count == 0) {
        return buffered->stream == NULL ? RW_END : RW_PENDING;
    }
    struct slot *oldest = slot_at(buffered, 0);

    if (oldest->future != NULL) {
        return RW_PENDING;
    }
    *out = oldest->result;
    oldest->result = rw_nil();
    buffered->head = (buffered->head + 1) % buffered->size;
    buffered->count--;
    return RW_READY;
}

static void buffered_drop(void *self)
{
    struct buffered *buffered = self;

    RW_ASSERT(buffered->count <= buffered->size);
    for (size_t i = 0; i < buffered->count; i++) {
        struct slot *slot = slot_at(buffered, i);

        if (slot->future != NULL) {
            rw_future_drop(slot->future);
        } else {
            rw_value_drop(&slot->result);
        }
    }
    rwi_mem_free(buffered->slots, buffered->size * sizeof *buffered->slots);
    let_go_of_stream(buffered);
    rwi_stage_drop(&buffered->stage);
    rwi_loop_release(buffered->loop, buffered, sizeof *buffered);
}

static const struct rw_stream_vtable buffered_vtable = {"stream.buffered", buffered_next, NULL,
                                                        buffered_drop};

struct rw_stream *rw_stream_buffered(struct rw_stream *stream, size_t limit,
                                     struct rw_future *(*fn)(void *arg, struct rw_value item),
                                     void (*drop)(void *arg), void *arg)
{
    struct rwi_stage stage = {drop, arg};
    struct buffered *buffered;

    RW_REQUIRE(limit > 0);
    RW_REQUIRE(fn != NULL);
    buffered = rwi_adapter_alloc(stream, sizeof *buffered, &stage);
    if (buffered == NULL) {
        return NULL;
    }
    *buffered = (struct buffered){
        .loop = rwi_stream_loop(stream), .stream = stream, .fn = fn, .stage = stage, .limit = limit};
    return rw_stream_new(buffered->loop, &buffered_vtable, buffered);
}
