/* SPDX-License-Identifier: MIT
 *
 * abort.c - a future that somebody else can end (abortable), and one that is not ended by its task's cancelling (shield).
 *
 * An abortable and its handle share a small counted record that knows the future while that lives. A shield keeps
 * cancellations from its inner future until its deadline; then the task's state is asked again at each poll.
 * Invariant of both: the inner future is dropped with the outer one, never before.
 */
#include "base/check.h"
#include "exec/executor.h"
#include "exec/future.h"
#include "exec/tree.h"

struct abortable_future {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_future *inner;
    struct rw_abortable *handle;
    struct rw_waker waker; /* borrowed; vtable NULL before the first poll */
};

struct rw_abortable {
    struct rw_loop *loop;
    struct abortable_future *future; /* NULL: gone */
    uint32_t ref_count;
};

void rw_abortable_unref(struct rw_abortable *handle)
{
    if (handle == NULL) {
        return;
    }
    RW_ASSERT(handle->ref_count > 0);
    handle->ref_count--;
    if (handle->ref_count == 0) {
        RW_ASSERT(handle->future == NULL);
        rwi_loop_release(handle->loop, handle, sizeof *handle);
    }
}

void rw_abortable_abort(struct rw_abortable *handle)
{
    RW_REQUIRE(handle != NULL);
    struct abortable_future *future = handle->future;

    if (future == NULL) {
        return;
    }
    rw_future_cancel(future->inner);
    if (future->waker.vtable != NULL) {
        rw_waker_wake(&future->waker);
    }
}

static enum rw_poll poll_abortable(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct abortable_future *abortable = (struct abortable_future *)self;

    RW_ASSERT(abortable->handle->future == abortable);
    abortable->waker = cx->waker;
    if (rwi_poll(abortable->inner, cx, out) == RW_PENDING) {
        return RW_PENDING;
    }
    abortable->waker.vtable = NULL; /* borrowed until here */
    return RW_READY;
}

static void cancel_abortable(struct rw_future *self)
{
    rw_abortable_abort(((struct abortable_future *)self)->handle);
}

static void drop_abortable(struct rw_future *self)
{
    struct abortable_future *abortable = (struct abortable_future *)self;

    RW_ASSERT(abortable->handle->future == abortable);
    abortable->handle->future = NULL;
    rw_abortable_unref(abortable->handle);
    rw_future_drop(abortable->inner);
    rwi_loop_release(abortable->loop, abortable, sizeof *abortable);
}

static const struct rw_future_vtable abortable_vtable = {"abortable", 0, poll_abortable, cancel_abortable,
                                                         drop_abortable};

struct rw_future *rw_abortable(struct rw_loop *loop, struct rw_future *future, struct rw_abortable **handle)
{
    RW_REQUIRE(future != NULL);
    RW_REQUIRE(handle != NULL);
    struct abortable_future *abortable = rwi_loop_alloc(loop, sizeof *abortable);

    *handle = rwi_loop_alloc(loop, sizeof **handle);
    if (abortable == NULL || *handle == NULL) {
        if (abortable != NULL) {
            rwi_loop_release(loop, abortable, sizeof *abortable);
        }
        if (*handle != NULL) {
            rwi_loop_release(loop, *handle, sizeof **handle);
        }
        *handle = NULL;
        rw_future_drop(future);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    **handle = (struct rw_abortable){loop, abortable, 2};
    *abortable = (struct abortable_future){.loop = loop, .inner = future, .handle = *handle};
    rw_future_init(&abortable->base, &abortable_vtable);
    return &abortable->base;
}

struct shield_future {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_future *inner;
    struct rw_timer timer;
    struct rw_waker waker; /* borrowed */
    int64_t deadline_ns;
    bool open; /* the deadline has passed: cancellations reach the inner future */
};

static void fire_shield(struct rw_timer *timer, struct rw_loop *loop)
{
    struct shield_future *shield = rwi_container_of(timer, struct shield_future, timer);

    RW_ASSERT(shield->loop == loop);
    (void)loop;
    shield->open = true;
    rw_waker_wake(&shield->waker);
}

static enum rw_poll poll_shield(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct shield_future *shield = (struct shield_future *)self;
    bool is_cancelled = (self->state & RW_FUTURE_CANCELLED) != 0 || (cx->task != NULL && cx->task->effective);

    shield->waker = cx->waker;
    if (!shield->open && shield->deadline_ns <= rwi_executor_of(shield->loop)->now_ns) {
        shield->open = true;
    }
    if (shield->open && is_cancelled) {
        rw_future_cancel(shield->inner);
    }
    if (rwi_poll(shield->inner, cx, out) == RW_READY) {
        rw_timer_disarm(shield->loop, &shield->timer);
        return RW_READY;
    }
    if (!shield->open && shield->deadline_ns != RW_NEVER && !rw_timer_is_armed(&shield->timer) &&
        rw_timer_arm(shield->loop, &shield->timer, shield->deadline_ns) != 0) {
        shield->open = true; /* without a timer it must not last for ever */
    }
    return RW_PENDING;
}

static void cancel_shield(struct rw_future *self)
{
    struct shield_future *shield = (struct shield_future *)self;

    RW_ASSERT((self->state & RW_FUTURE_POLLED) != 0);
    rw_waker_wake(&shield->waker);
}

static void drop_shield(struct rw_future *self)
{
    struct shield_future *shield = (struct shield_future *)self;

    rw_timer_disarm(shield->loop, &shield->timer);
    rw_future_drop(shield->inner);
    rwi_loop_release(shield->loop, shield, sizeof *shield);
}

static const struct rw_future_vtable shield_vtable = {"shield", RW_FUTURE_SHIELDED, poll_shield,
                                                      cancel_shield, drop_shield};

struct rw_future *rw_shield(struct rw_loop *loop, struct rw_future *future, int64_t deadline_ns)
{
    RW_REQUIRE(future != NULL);
    if (deadline_ns <= rwi_executor_of(loop)->now_ns) {
        return future; /* no shield any more: a task that swallows its cancellation must be held up by it */
    }
    struct shield_future *shield = rwi_loop_alloc(loop, sizeof *shield);

    if (shield == NULL) {
        rw_future_drop(future);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *shield = (struct shield_future){.loop = loop, .inner = future, .deadline_ns = deadline_ns};
    rw_future_init(&shield->base, &shield_vtable);
    rw_timer_init(&shield->timer, fire_shield);
    return &shield->base;
}
