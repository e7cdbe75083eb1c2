/* SPDX-License-Identifier: MIT
 *
 * condition.c - waiting for a change of what a mutex guards.
 *
 *      NEW --poll: line up, unlock--> WAITING --notified, cancel--> LOCKING --mutex is ours--> (ready)
 *
 * Two futures do the waiting, a notify's and the mutex's. Both are made before the first poll, since once the mutex is given up there is
 * no good way to say that memory has run out. A wake for somebody who goes away is passed on by the notify.
 *
 * Invariant: the caller holds the mutex exactly in NEW and once the future is ready.
 */
#include "base/mem.h"
#include "exec/executor.h"
#include "exec/future.h"
#include "flow/notify.h"
#include "flow/semaphore.h"

struct rw_condition {
    struct rw_object object;
    struct rw_loop *loop;
    struct rw_notify *notify;
};

static void destroy(struct rw_object *object)
{
    struct rw_condition *condition = (struct rw_condition *)object;
    struct rw_loop *loop = condition->loop;

    RW_ASSERT(object->ref_count == 0);
    rw_notify_unref(condition->notify);
    rwi_mem_free(condition, sizeof *condition);
    rwi_object_gone(loop, condition);
}

static const struct rw_object_type condition_type = {"condition", false, destroy};

struct rw_condition *rw_condition_new(struct rw_loop *loop)
{
    struct rw_condition *condition;

    RW_REQUIRE(loop != NULL);
    condition = rwi_mem_new(sizeof *condition);
    if (condition == NULL) {
        return NULL;
    }
    condition->notify = rw_notify_new(loop);
    if (condition->notify == NULL) {
        rwi_mem_free(condition, sizeof *condition);
        return NULL;
    }
    rwi_notify_forget(condition->notify);
    condition->object.type = &condition_type;
    condition->object.ref_count = 1;
    condition->loop = loop;
    rwi_object_born(loop, condition);
    return condition;
}

struct rw_condition *rw_condition_ref(struct rw_condition *condition)
{
    RW_REQUIRE(condition != NULL);
    rw_object_ref(&condition->object);
    return condition;
}

void rw_condition_unref(struct rw_condition *condition)
{
    rw_object_unref(condition != NULL ? &condition->object : NULL);
}

size_t rw_condition_notify(struct rw_condition *condition, size_t count)
{
    size_t woken = 0;

    RW_REQUIRE(condition != NULL);
    while (woken < count && rwi_notify_first(condition->notify)) {
        woken++;
    }
    RW_ASSERT(woken <= count);
    return woken;
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

enum wait_state { NEW, WAITING, LOCKING };

struct wait_future {
    struct rw_future future;
    struct rw_loop *loop;
    struct rw_mutex *mutex;
    struct rw_future *notified; /* NULL once LOCKING */
    struct rw_future *locked;
    struct rw_waker waker; /* borrowed, while WAITING */
    enum wait_state state;
    bool is_cancelled;
};

static void begin_locking(struct wait_future *wait)
{
    RW_ASSERT(wait->state == WAITING);
    rw_future_drop(wait->notified);
    wait->notified = NULL;
    wait->state = LOCKING;
}

/* Nothing is kept for late comers, so that a wait which is ready at once has failed, for want of memory. */
static enum rw_poll give_up_mutex(struct wait_future *wait, enum rw_poll poll)
{
    RW_REQUIRE(rw_mutex_is_locked(wait->mutex));
    if (poll == RW_PENDING) {
        wait->state = WAITING;
        rw_mutex_unlock(wait->mutex);
    }
    return poll;
}

static enum rw_poll wait_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct wait_future *wait = (struct wait_future *)self;
    enum rw_poll poll;

    RW_ASSERT(wait->loop == cx->loop);
    if (wait->state != LOCKING) {
        wait->waker = cx->waker;
        poll = rwi_poll(wait->notified, cx, out);
        if (wait->state == NEW) {
            return give_up_mutex(wait, poll);
        }
        if (poll == RW_PENDING) {
            return RW_PENDING;
        }
        begin_locking(wait);
    }
    poll = rwi_poll(wait->locked, cx, out);
    if (poll == RW_READY && wait->is_cancelled) {
        *out = rw_failure(RW_ERR_CANCELLED);
    }
    return poll;
}

static void wait_cancel(struct rw_future *self)
{
    struct wait_future *wait = (struct wait_future *)self;

    wait->is_cancelled = true;
    if (wait->state == WAITING) {
        RW_ASSERT(wait->waker.vtable != NULL);
        begin_locking(wait);
        rw_waker_wake(&wait->waker);
    }
}

static void wait_drop(struct rw_future *self)
{
    struct wait_future *wait = (struct wait_future *)self;
    struct rw_mutex *mutex = wait->mutex;

    RW_ASSERT((wait->notified == NULL) == (wait->state == LOCKING));
    rw_future_drop(wait->notified);
    rw_future_drop(wait->locked);
    rwi_loop_release(wait->loop, wait, sizeof *wait);
    rw_mutex_unref(mutex);
}

static const struct rw_future_vtable wait_vtable = {"condition.wait", 0, wait_poll, wait_cancel, wait_drop};

struct rw_future *rw_condition_wait(struct rw_condition *condition, struct rw_mutex *mutex)
{
    struct wait_future *wait;

    RW_REQUIRE(condition != NULL);
    RW_REQUIRE(mutex != NULL);
    wait = rwi_loop_alloc(condition->loop, sizeof *wait);
    if (wait == NULL) {
        return rw_failed(condition->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&wait->future, &wait_vtable);
    wait->loop = condition->loop;
    wait->mutex = rw_mutex_ref(mutex);
    wait->notified = rw_notify_wait(condition->notify);
    wait->locked = rw_mutex_lock(mutex);
    wait->waker.vtable = NULL;
    wait->state = NEW;
    wait->is_cancelled = false;
    if (!rwi_semaphore_is_acquire(wait->locked)) {
        rw_future_drop(&wait->future);
        return rw_failed(condition->loop, RW_ERR_NOMEM);
    }
    return &wait->future;
}
