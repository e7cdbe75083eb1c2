/* SPDX-License-Identifier: MIT
 *
 * semaphore.c - a counted number of permits, given in the order in which they were asked for.
 *
 * Permits are moved to the first waiter as soon as they suffice for it, before it is woken; a later, smaller wish does not
 * overtake. A waiter that goes away gives back what it was given and lets the next be served.
 *
 *      acquire   NEW --enough, nobody waits--> (ready)
 *                 \--join--> WAITING --permits moved--> GRANTED --poll--> (ready)
 *                               \--close--> CLOSED      \--drop--> given back
 *
 * Invariant: while somebody waits, `available` is less than what the first one wants.
 */
#include "flow/semaphore.h"

#include "base/list.h"
#include "base/mem.h"
#include "exec/executor.h"

struct rw_semaphore {
    struct rw_object object;
    struct rw_loop *loop;
    struct rwi_list waiting; /* acquire_future.node */
    size_t available;
    bool is_closed;
};

enum acquire_state { NEW, WAITING, GRANTED, CLOSED, DONE };

struct acquire_future {
    struct rw_future future;
    struct rw_semaphore *semaphore;
    struct rwi_list node;
    struct rw_waker waker; /* borrowed, while WAITING */
    size_t count;
    enum acquire_state state;
};

static void destroy(struct rw_object *object)
{
    struct rw_semaphore *semaphore = (struct rw_semaphore *)object;
    struct rw_loop *loop = semaphore->loop;

    RW_ASSERT(rwi_list_is_empty(&semaphore->waiting));
    rwi_mem_free(semaphore, sizeof *semaphore);
    rwi_object_gone(loop, semaphore);
}

static const struct rw_object_type semaphore_type = {"semaphore", false, destroy};

struct rw_semaphore *rw_semaphore_new(struct rw_loop *loop, size_t permits)
{
    struct rw_semaphore *semaphore;

    RW_REQUIRE(loop != NULL);
    semaphore = rwi_mem_new(sizeof *semaphore);
    if (semaphore == NULL) {
        return NULL;
    }
    semaphore->object.type = &semaphore_type;
    semaphore->object.ref_count = 1;
    semaphore->loop = loop;
    semaphore->available = permits;
    rwi_list_init(&semaphore->waiting);
    rwi_object_born(loop, semaphore);
    return semaphore;
}

struct rw_semaphore *rw_semaphore_ref(struct rw_semaphore *semaphore)
{
    RW_REQUIRE(semaphore != NULL);
    rw_object_ref(&semaphore->object);
    return semaphore;
}

void rw_semaphore_unref(struct rw_semaphore *semaphore)
{
    rw_object_unref(semaphore != NULL ? &semaphore->object : NULL);
}

static void leave_line(struct acquire_future *acquire, enum acquire_state state)
{
    RW_ASSERT(acquire->state == WAITING);
    rwi_list_remove(&acquire->node);
    acquire->state = state;
}

static void serve(struct rw_semaphore *semaphore)
{
    struct rwi_list *node;

    while ((node = rwi_list_first(&semaphore->waiting)) != NULL) {
        struct acquire_future *acquire = rwi_list_entry(node, struct acquire_future, node);

        if (acquire->count > semaphore->available) {
            return;
        }
        semaphore->available -= acquire->count;
        leave_line(acquire, GRANTED);
        rw_waker_wake(&acquire->waker);
    }
    RW_ASSERT(rwi_list_is_empty(&semaphore->waiting));
}

bool rw_semaphore_try_acquire(struct rw_semaphore *semaphore, size_t count)
{
    RW_REQUIRE(semaphore != NULL);
    if (semaphore->is_closed || !rwi_list_is_empty(&semaphore->waiting) || semaphore->available < count) {
        return false;
    }
    semaphore->available -= count;
    return true;
}

void rw_semaphore_release(struct rw_semaphore *semaphore, size_t count)
{
    RW_REQUIRE(semaphore != NULL);
    RW_REQUIRE(count <= SIZE_MAX - semaphore->available);
    semaphore->available += count;
    serve(semaphore);
}

size_t rw_semaphore_available(const struct rw_semaphore *semaphore)
{
    RW_REQUIRE(semaphore != NULL);
    return semaphore->available;
}

void rw_semaphore_close(struct rw_semaphore *semaphore)
{
    struct rwi_list *node;

    RW_REQUIRE(semaphore != NULL);
    semaphore->is_closed = true;
    while ((node = rwi_list_first(&semaphore->waiting)) != NULL) {
        struct acquire_future *acquire = rwi_list_entry(node, struct acquire_future, node);

        leave_line(acquire, CLOSED);
        rw_waker_wake(&acquire->waker);
    }
    RW_ASSERT(rwi_list_is_empty(&semaphore->waiting));
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

static enum rw_poll acquire_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct acquire_future *acquire = (struct acquire_future *)self;
    struct rw_semaphore *semaphore = acquire->semaphore;

    RW_ASSERT(semaphore->loop == cx->loop);
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    if (acquire->state == CLOSED || (acquire->state == NEW && semaphore->is_closed)) {
        *out = rw_failure(RW_ERR_CLOSED);
        return RW_READY;
    }
    if (acquire->state == GRANTED ||
        (acquire->state == NEW && rw_semaphore_try_acquire(semaphore, acquire->count))) {
        acquire->state = DONE;
        *out = rw_nil();
        return RW_READY;
    }
    acquire->waker = cx->waker;
    if (acquire->state == NEW) {
        acquire->state = WAITING;
        rwi_list_push_back(&semaphore->waiting, &acquire->node);
    }
    RW_ASSERT(acquire->state == WAITING);
    return RW_PENDING;
}

static void acquire_drop(struct rw_future *self)
{
    struct acquire_future *acquire = (struct acquire_future *)self;
    struct rw_semaphore *semaphore = acquire->semaphore;

    if (acquire->state == WAITING) {
        leave_line(acquire, DONE);
        serve(semaphore); /* the next may want less */
    } else if (acquire->state == GRANTED) {
        rw_semaphore_release(semaphore, acquire->count);
    }
    RW_ASSERT(rwi_list_is_empty(&acquire->node));
    rwi_loop_release(semaphore->loop, acquire, sizeof *acquire);
    rw_semaphore_unref(semaphore);
}

static const struct rw_future_vtable acquire_vtable = {"semaphore.acquire", 0, acquire_poll, NULL,
                                                       acquire_drop};

bool rwi_semaphore_is_acquire(const struct rw_future *future)
{
    RW_ASSERT(future != NULL);
    return future->vtable == &acquire_vtable;
}

struct rw_future *rw_semaphore_acquire(struct rw_semaphore *semaphore, size_t count)
{
    struct acquire_future *acquire;

    RW_REQUIRE(semaphore != NULL);
    acquire = rwi_loop_alloc(semaphore->loop, sizeof *acquire);
    if (acquire == NULL) {
        return rw_failed(semaphore->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&acquire->future, &acquire_vtable);
    acquire->semaphore = rw_semaphore_ref(semaphore);
    rwi_list_init(&acquire->node);
    acquire->count = count;
    acquire->state = NEW;
    return &acquire->future;
}
