/* SPDX-License-Identifier: MIT
 *
 * join_set.c - a growing set of futures, taken in the order in which they end.
 *
 * The set owns a group; a `next` future only lends it a context. Invariant: at most one `next` waits at a time (a second one
 * fails with RW_ERR_BUSY), and dropping it takes nothing out of the set.
 */
#include "base/check.h"
#include "exec/executor.h"
#include "exec/group.h"

struct next_future;

struct rw_join_set {
    struct rwi_group group;
    struct next_future *waiting;
};

struct next_future {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_join_set *set; /* NULL: the set is gone */
    struct rw_waker waker;   /* borrowed */
};

struct rw_join_set *rw_join_set_new(struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    struct rw_join_set *set = rwi_loop_alloc(loop, sizeof *set);

    if (set != NULL) {
        rwi_group_init(&set->group, loop);
        set->waiting = NULL;
        rwi_object_born(loop, set);
    }
    return set;
}

void rw_join_set_free(struct rw_join_set *set)
{
    if (set == NULL) {
        return;
    }
    struct rw_loop *loop = set->group.loop;

    if (set->waiting != NULL) {
        set->waiting->set = NULL;
        rw_waker_wake(&set->waiting->waker);
    }
    rwi_group_fini(&set->group);
    rwi_object_gone(loop, set);
    rwi_loop_release(loop, set, sizeof *set);
}

int rw_join_set_add(struct rw_join_set *set, struct rw_future *future, uint64_t key)
{
    RW_REQUIRE(set != NULL);
    RW_REQUIRE(future != NULL);
    return rwi_group_add(&set->group, future, key);
}

size_t rw_join_set_count(const struct rw_join_set *set)
{
    RW_REQUIRE(set != NULL);
    return set->group.count;
}

/* {key, value}; a failure becomes an error as data. */
static struct rw_value pair_of(uint64_t key, struct rw_value value)
{
    struct rw_list *list = rw_list_new(2);

    value.failed = 0;
    if (list == NULL) {
        rw_value_drop(&value);
        return rw_failure(RW_ERR_NOMEM);
    }
    int first = rw_list_push(list, rw_int((int64_t)key));
    int second = rw_list_push(list, value);
    struct rw_value pair = rw_value_of_list(list);

    RW_ASSERT(first <= 0);
    if (first != 0 || second != 0) {
        rw_value_drop(&pair);
        return rw_failure(RW_ERR_NOMEM);
    }
    return pair;
}

/* From here on the set wakes nobody: the waker was borrowed for as long as `next` waited. */
static void stop_waiting(struct next_future *next)
{
    struct rw_join_set *set = next->set;

    if (set != NULL && set->waiting == next) {
        set->waiting = NULL;
        set->group.parent.vtable = NULL;
    }
    RW_ASSERT(set == NULL || set->waiting != next);
}

static enum rw_poll poll_next(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct next_future *next = (struct next_future *)self;
    struct rw_join_set *set = next->set;
    struct rw_value value;
    uint64_t key;

    if (set == NULL || set->group.count == 0) {
        *out = rw_failure(RW_ERR_END);
        return RW_READY;
    }
    if (set->waiting != NULL && set->waiting != next) {
        *out = rw_failure(RW_ERR_BUSY);
        return RW_READY;
    }
    if ((self->state & RW_FUTURE_CANCELLED) != 0) {
        stop_waiting(next);
        *out = rw_failure(RW_ERR_CANCELLED);
        return RW_READY;
    }
    set->waiting = next;
    next->waker = cx->waker;
    if (!rwi_group_next(&set->group, cx, &key, &value)) {
        return RW_PENDING;
    }
    stop_waiting(next);
    *out = pair_of(key, value);
    return RW_READY;
}

static void cancel_next(struct rw_future *self)
{
    struct next_future *next = (struct next_future *)self;

    RW_ASSERT((self->state & RW_FUTURE_POLLED) != 0);
    rw_waker_wake(&next->waker);
}

static void drop_next(struct rw_future *self)
{
    struct next_future *next = (struct next_future *)self;

    stop_waiting(next);
    rwi_loop_release(next->loop, next, sizeof *next);
}

static const struct rw_future_vtable next_vtable = {"join_set.next", 0, poll_next, cancel_next, drop_next};

struct rw_future *rw_join_set_next(struct rw_join_set *set)
{
    RW_REQUIRE(set != NULL);
    struct rw_loop *loop = set->group.loop;
    struct next_future *next = rwi_loop_alloc(loop, sizeof *next);

    if (next == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *next = (struct next_future){.loop = loop, .set = set};
    rw_future_init(&next->base, &next_vtable);
    return &next->base;
}
