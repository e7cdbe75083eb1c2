/* SPDX-License-Identifier: MIT
 *
 * barrier.c - everybody waits until enough have come.
 *
 *      wait   NEW --not the last--> WAITING --the last comes--> RELEASED --poll--> (ready)
 *              \--the last-----------------------------------------------------> (ready)
 *
 * Places are given out when the barrier opens, in the order of coming, so that who went away before leaves no gap.
 *
 * Invariant: fewer than `parties` wait in the list.
 */
#include "base/list.h"
#include "base/mem.h"
#include "exec/executor.h"

struct rw_barrier {
    struct rw_object object;
    struct rw_loop *loop;
    size_t parties;
    size_t count; /* in the list */
    struct rwi_list waiting;
};

enum wait_state { NEW, WAITING, RELEASED };

struct wait_future {
    struct rw_future future;
    struct rw_barrier *barrier;
    struct rwi_list node;
    struct rw_waker waker; /* borrowed, while WAITING */
    size_t place;          /* once RELEASED */
    enum wait_state state;
};

static void destroy(struct rw_object *object)
{
    struct rw_barrier *barrier = (struct rw_barrier *)object;
    struct rw_loop *loop = barrier->loop;

    RW_ASSERT(rwi_list_is_empty(&barrier->waiting));
    rwi_mem_free(barrier, sizeof *barrier);
    rwi_object_gone(loop, barrier);
}

static const struct rw_object_type barrier_type = {"barrier", false, destroy};

struct rw_barrier *rw_barrier_new(struct rw_loop *loop, size_t parties)
{
    struct rw_barrier *barrier;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(parties > 0);
    barrier = rwi_mem_new(sizeof *barrier);
    if (barrier == NULL) {
        return NULL;
    }
    barrier->object.type = &barrier_type;
    barrier->object.ref_count = 1;
    barrier->loop = loop;
    barrier->parties = parties;
    rwi_list_init(&barrier->waiting);
    rwi_object_born(loop, barrier);
    return barrier;
}

struct rw_barrier *rw_barrier_ref(struct rw_barrier *barrier)
{
    RW_REQUIRE(barrier != NULL);
    rw_object_ref(&barrier->object);
    return barrier;
}

void rw_barrier_unref(struct rw_barrier *barrier)
{
    rw_object_unref(barrier != NULL ? &barrier->object : NULL);
}

size_t rw_barrier_count(const struct rw_barrier *barrier)
{
    RW_REQUIRE(barrier != NULL);
    RW_ASSERT(barrier->count < barrier->parties);
    return barrier->count;
}

static void release_all(struct rw_barrier *barrier)
{
    struct rwi_list *node;
    size_t place = 0;

    while ((node = rwi_list_pop_front(&barrier->waiting)) != NULL) {
        struct wait_future *wait = rwi_list_entry(node, struct wait_future, node);

        wait->place = place++;
        wait->state = RELEASED;
        rw_waker_wake(&wait->waker);
    }
    RW_ASSERT(place == barrier->count);
    barrier->count = 0;
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

static enum rw_poll wait_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct wait_future *wait = (struct wait_future *)self;
    struct rw_barrier *barrier = wait->barrier;

    RW_ASSERT(barrier->loop == cx->loop);
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    if (wait->state == NEW && barrier->count + 1 == barrier->parties) {
        release_all(barrier);
        wait->place = barrier->parties - 1;
        wait->state = RELEASED;
    }
    if (wait->state == RELEASED) {
        *out = rw_int((int64_t)wait->place);
        return RW_READY;
    }
    wait->waker = cx->waker;
    if (wait->state == NEW) {
        wait->state = WAITING;
        barrier->count++;
        rwi_list_push_back(&barrier->waiting, &wait->node);
    }
    RW_ASSERT(wait->state == WAITING);
    return RW_PENDING;
}

static void wait_drop(struct rw_future *self)
{
    struct wait_future *wait = (struct wait_future *)self;
    struct rw_barrier *barrier = wait->barrier;

    if (wait->state == WAITING) {
        RW_ASSERT(barrier->count > 0);
        barrier->count--;
        rwi_list_remove(&wait->node);
    }
    rwi_loop_release(barrier->loop, wait, sizeof *wait);
    rw_barrier_unref(barrier);
}

static const struct rw_future_vtable wait_vtable = {"barrier.wait", 0, wait_poll, NULL, wait_drop};

struct rw_future *rw_barrier_wait(struct rw_barrier *barrier)
{
    struct wait_future *wait;

    RW_REQUIRE(barrier != NULL);
    wait = rwi_loop_alloc(barrier->loop, sizeof *wait);
    if (wait == NULL) {
        return rw_failed(barrier->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&wait->future, &wait_vtable);
    wait->barrier = rw_barrier_ref(barrier);
    rwi_list_init(&wait->node);
    wait->place = 0;
    wait->state = NEW;
    return &wait->future;
}
