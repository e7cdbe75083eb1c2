/* SPDX-License-Identifier: MIT
 *
 * stream_merge.c - the items of several streams as they come.
 *
 * Every poll asks the streams in turn, beginning behind the one that gave the last item, so that a busy one cannot
 * silence the others. They share one waker: a wake says that some of them may be ready, and asking is cheap.
 *
 * Invariant: the first `count` entries are the streams that have not ended.
 */
#include "exec/executor.h"
#include "flow/stream.h"

struct merge {
    struct rw_loop *loop;
    size_t capacity;
    size_t count;
    size_t next;
    struct rw_stream *streams[];
};

static size_t size_of(size_t count)
{
    return sizeof(struct merge) + count * sizeof(struct rw_stream *);
}

static void remove_stream(struct merge *merge, size_t index)
{
    struct rw_stream *stream = merge->streams[index];

    RW_ASSERT(index < merge->count);
    merge->count--;
    for (size_t i = index; i < merge->count; i++) {
        merge->streams[i] = merge->streams[i + 1];
    }
    rwi_stream_let_go(stream, merge);
}

static enum rw_poll merge_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct merge *merge = self;
    size_t asked = 0;

    RW_ASSERT(merge->count <= merge->capacity);
    while (asked < merge->count) {
        size_t index = merge->next % merge->count;
        enum rw_poll poll = rwi_stream_poll(merge->streams[index], merge, cx, out);

        if (poll == RW_END) {
            remove_stream(merge, index);
            merge->next = index;
            continue;
        }
        merge->next = index + 1;
        if (poll == RW_READY) {
            return RW_READY;
        }
        asked++;
    }
    return merge->count > 0 ? RW_PENDING : RW_END;
}

static void merge_drop(void *self)
{
    struct merge *merge = self;

    while (merge->count > 0) {
        remove_stream(merge, merge->count - 1);
    }
    RW_ASSERT(merge->count == 0);
    rwi_loop_release(merge->loop, merge, size_of(merge->capacity));
}

static const struct rw_stream_vtable merge_vtable = {"stream.merge", merge_next, NULL, merge_drop};

/* A stream that could not be made, for want of memory, makes all fail for the same reason. */
struct rw_stream *rw_stream_merge(struct rw_loop *loop, struct rw_stream *const *streams, size_t count)
{
    struct merge *merge;
    bool is_complete = true;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(streams != NULL || count == 0);
    RW_REQUIRE(count < SIZE_MAX / 2 / sizeof(struct rw_stream *));
    for (size_t i = 0; i < count; i++) {
        is_complete = is_complete && streams[i] != NULL;
    }
    merge = is_complete ? rwi_loop_alloc(loop, size_of(count)) : NULL;
    if (merge == NULL) {
        for (size_t i = 0; i < count; i++) {
            rw_stream_unref(streams[i]);
        }
        return NULL;
    }
    merge->loop = loop;
    merge->capacity = count;
    merge->count = count;
    merge->next = 0;
    for (size_t i = 0; i < count; i++) {
        merge->streams[i] = streams[i];
    }
    return rw_stream_new(loop, &merge_vtable, merge);
}
