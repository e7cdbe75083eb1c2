/* SPDX-License-Identifier: MIT
 *
 * all.c - several futures as one: join_all waits for each, first_of for one.
 *
 * Both hold a group. Invariant: after the deciding outcome (a failure for join_all, anything for first_of) the others are
 * cancelled and polled to their end before the whole is ready, so that nothing of them happens afterwards.
 */
#include "base/check.h"
#include "base/mem.h"
#include "exec/executor.h"
#include "exec/group.h"

struct all_future {
    struct rw_future base;
    struct rwi_group group;
    struct rw_value *values; /* join_all: by index */
    size_t count;
    struct rw_value decision; /* the failure, or the first's outcome */
    uint64_t winner;
    bool is_first; /* first_of */
    bool decided;
};

/* One child has ended. */
static void take_outcome(struct all_future *all, uint64_t key, struct rw_value value)
{
    RW_ASSERT(key < all->count);
    if (all->decided) {
        rw_value_drop(&value); /* ended by our own cancel, or too late */
    } else if (all->is_first || rw_is_failure(&value)) {
        all->decided = true;
        all->decision = value;
        all->winner = key;
        rwi_group_cancel(&all->group);
    } else {
        all->values[key] = value;
    }
}

static struct rw_value list_of(struct rw_value *values, size_t count)
{
    struct rw_list *list = rw_list_new(count);

    if (list == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    for (size_t i = 0; i < count; i++) {
        struct rw_value value = values[i];

        values[i] = rw_nil();
        if (rw_list_push(list, value) != 0) {
            struct rw_value dropped = rw_value_of_list(list);

            rw_value_drop(&dropped);
            return rw_failure(RW_ERR_NOMEM);
        }
    }
    return rw_value_of_list(list);
}

static struct rw_value outcome_of(struct all_future *all)
{
    RW_ASSERT(all->group.count == 0);
    if (!all->decided) {
        return list_of(all->values, all->count);
    }
    struct rw_value decision = all->decision;

    all->decision = rw_nil();
    if (!all->is_first || rw_is_failure(&decision)) {
        return decision;
    }
    struct rw_value pair[2] = {rw_int((int64_t)all->winner), decision};
    struct rw_value list = list_of(pair, 2);

    rw_value_drop(&pair[1]);
    return list;
}

static enum rw_poll poll_all(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct all_future *all = (struct all_future *)self;
    struct rw_value value;
    uint64_t key;

    while (rwi_group_next(&all->group, cx, &key, &value)) {
        take_outcome(all, key, value);
    }
    if (all->group.count > 0) {
        return RW_PENDING;
    }
    *out = outcome_of(all);
    return RW_READY;
}

static void cancel_all(struct rw_future *self)
{
    struct all_future *all = (struct all_future *)self;

    RW_ASSERT((self->state & RW_FUTURE_POLLED) != 0);
    rwi_group_cancel(&all->group);
}

static void drop_all(struct rw_future *self)
{
    struct all_future *all = (struct all_future *)self;
    struct rw_loop *loop = all->group.loop;

    rwi_group_fini(&all->group);
    for (size_t i = 0; all->values != NULL && i < all->count; i++) {
        rw_value_drop(&all->values[i]);
    }
    rw_value_drop(&all->decision);
    if (all->values != NULL) {
        rwi_mem_free(all->values, all->count * sizeof *all->values);
    }
    rwi_loop_release(loop, all, sizeof *all);
}

static const struct rw_future_vtable join_vtable = {"join", 0, poll_all, cancel_all, drop_all};
static const struct rw_future_vtable first_vtable = {"first", 0, poll_all, cancel_all, drop_all};

/* Drops the futures from `begin` on. */
static struct rw_future *give_up(struct rw_loop *loop, struct rw_future *const *futures, size_t begin,
                                 size_t count)
{
    RW_ASSERT(begin <= count);
    for (size_t i = begin; i < count; i++) {
        rw_future_drop(futures[i]);
    }
    return rw_failed(loop, RW_ERR_NOMEM);
}

static struct rw_future *new_all(struct rw_loop *loop, struct rw_future *const *futures, size_t count,
                                 bool is_first)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(futures != NULL || count == 0);
    struct all_future *all = rwi_loop_alloc(loop, sizeof *all);

    if (all == NULL) {
        return give_up(loop, futures, 0, count);
    }
    *all = (struct all_future){.count = count, .is_first = is_first};
    rw_future_init(&all->base, is_first ? &first_vtable : &join_vtable);
    rwi_group_init(&all->group, loop);
    if (!is_first && count > 0) {
        all->values = rwi_mem_new(count * sizeof *all->values); /* zeroed: nil */
        if (all->values == NULL) {
            drop_all(&all->base);
            return give_up(loop, futures, 0, count);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (rwi_group_add(&all->group, futures[i], i) != 0) {
            drop_all(&all->base);
            return give_up(loop, futures, i + 1, count);
        }
    }
    return &all->base;
}

struct rw_future *rw_join_all(struct rw_loop *loop, struct rw_future *const *futures, size_t count)
{
    return new_all(loop, futures, count, false);
}

struct rw_future *rw_join(struct rw_loop *loop, struct rw_future *a, struct rw_future *b)
{
    struct rw_future *const futures[2] = {a, b};

    RW_REQUIRE(a != NULL);
    RW_REQUIRE(b != NULL);
    return new_all(loop, futures, 2, false);
}

struct rw_future *rw_first_of(struct rw_loop *loop, struct rw_future *const *futures, size_t count)
{
    if (count == 0) {
        return rw_failed(loop, RW_ERR_INVALID);
    }
    return new_all(loop, futures, count, true);
}

struct rw_future *rw_first(struct rw_loop *loop, struct rw_future *a, struct rw_future *b)
{
    struct rw_future *const futures[2] = {a, b};

    RW_REQUIRE(a != NULL);
    RW_REQUIRE(b != NULL);
    return new_all(loop, futures, 2, true);
}
