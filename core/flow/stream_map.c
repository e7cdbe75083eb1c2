/* SPDX-License-Identifier: MIT
 *
 * stream_map.c - adapters that ask a function about each item: map and filter.
 *
 * The function answers with a future, so that it may await. One item is in work at a time: the next is not asked for
 * before the future of this one is ready.
 *
 * Invariant: `asking` is set exactly while an item is in work; filter keeps that item beside it.
 */
#include "exec/executor.h"
#include "exec/future.h"
#include "flow/stream.h"

struct map {
    struct rw_loop *loop;
    struct rw_stream *stream;
    struct rw_future *(*map)(void *arg, struct rw_value item);
    struct rw_future *(*keep)(void *arg, const struct rw_value *item);
    struct rwi_stage stage;
    struct rw_future *asking;
    struct rw_value item; /* filter's, while asking */
};

static void map_drop(void *self)
{
    struct map *map = self;

    RW_ASSERT((map->map == NULL) != (map->keep == NULL));
    rw_future_drop(map->asking);
    rw_value_drop(&map->item);
    rwi_stream_let_go(map->stream, map);
    rwi_stage_drop(&map->stage);
    rwi_loop_release(map->loop, map, sizeof *map);
}

/* RW_READY with nil when an item is in work. */
static enum rw_poll begin(struct map *map, struct rw_context *cx, struct rw_value *out)
{
    struct rw_value item;
    enum rw_poll poll;

    RW_ASSERT(map->asking == NULL);
    poll = rwi_stream_poll(map->stream, map, cx, &item);
    if (poll != RW_READY) {
        return poll;
    }
    if (rw_is_failure(&item)) {
        *out = item;
        return RW_READY;
    }
    if (map->map != NULL) {
        map->asking = map->map(map->stage.arg, item);
    } else {
        map->item = item;
        map->asking = map->keep(map->stage.arg, &map->item);
    }
    *out = map->asking != NULL ? rw_nil() : rw_failure(RW_ERR_NOMEM);
    return RW_READY;
}

static enum rw_poll finish(struct map *map, struct rw_context *cx, struct rw_value *out)
{
    enum rw_poll poll;

    RW_ASSERT(map->asking != NULL);
    poll = rwi_poll(map->asking, cx, out);
    if (poll == RW_READY) {
        rw_future_drop(map->asking);
        map->asking = NULL;
    }
    return poll;
}

static enum rw_poll map_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct map *map = self;

    RW_ASSERT(map->map != NULL);
    if (map->asking == NULL) {
        enum rw_poll poll = begin(map, cx, out);

        if (poll != RW_READY || rw_is_failure(out)) {
            return poll;
        }
    }
    return finish(map, cx, out);
}

static bool is_true(const struct rw_value *value)
{
    return value->kind != RW_KIND_NIL && !(value->kind == RW_KIND_BOOL && !value->as.boolean);
}

static enum rw_poll filter_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct map *map = self;
    enum rw_poll poll;

    RW_ASSERT(map->keep != NULL);
    for (;;) {
        if (map->asking == NULL) {
            poll = begin(map, cx, out);
            if (poll != RW_READY || rw_is_failure(out)) {
                return poll;
            }
        }
        poll = finish(map, cx, out);
        if (poll != RW_READY || rw_is_failure(out)) {
            return poll;
        }
        struct rw_value item = map->item;
        bool is_kept = is_true(out);

        map->item = rw_nil();
        rw_value_drop(out);
        if (is_kept) {
            *out = item;
            return RW_READY;
        }
        rw_value_drop(&item);
    }
}

static const struct rw_stream_vtable map_vtable = {"stream.map", map_next, NULL, map_drop};
static const struct rw_stream_vtable filter_vtable = {"stream.filter", filter_next, NULL, map_drop};

static struct map *map_new(struct rw_stream *stream, struct rwi_stage *stage)
{
    struct map *map = rwi_adapter_alloc(stream, sizeof *map, stage);

    if (map != NULL) {
        *map = (struct map){.loop = rwi_stream_loop(stream), .stream = stream, .stage = *stage};
        RW_ASSERT(map->item.kind == RW_KIND_NIL);
    }
    return map;
}

struct rw_stream *rw_stream_map(struct rw_stream *stream,
                                struct rw_future *(*fn)(void *arg, struct rw_value item),
                                void (*drop)(void *arg), void *arg)
{
    struct rwi_stage stage = {drop, arg};
    struct map *map;

    RW_REQUIRE(fn != NULL);
    map = map_new(stream, &stage);
    if (map == NULL) {
        return NULL;
    }
    map->map = fn;
    return rw_stream_new(map->loop, &map_vtable, map);
}

struct rw_stream *rw_stream_filter(struct rw_stream *stream,
                                   struct rw_future *(*fn)(void *arg, const struct rw_value *item),
                                   void (*drop)(void *arg), void *arg)
{
    struct rwi_stage stage = {drop, arg};
    struct map *map;

    RW_REQUIRE(fn != NULL);
    map = map_new(stream, &stage);
    if (map == NULL) {
        return NULL;
    }
    map->keep = fn;
    return rw_stream_new(map->loop, &filter_vtable, map);
}
