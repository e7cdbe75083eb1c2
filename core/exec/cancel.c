/* SPDX-License-Identifier: MIT
 *
 * cancel.c - how cancelling reaches a task.
 *
 * A task is cancelled when rw_task_cancel was called, or when a scope around its current await is; a shield between them
 * breaks the chain. `effective` is that answer, kept up to date at each change (rwi_task_refresh_cancel), so that an
 * await only tests one byte. It is a level, not an edge: each await of a cancelled coroutine fails, and since code
 * may catch that and await again, delivery number n waits 0, 1, 2, 4 ... ms (at most 1 s), at least one turn. An await that was in
 * flight when the cancel came is asked to end and polled on to its one terminal completion.
 *
 * Invariant: a pause (`pausing`) exists only while the task is effectively cancelled.
 *
 * Rejected: raising at once. A loop that swallows the error would never let the loop turn again.
 */
#include "exec/tree.h"

#include "base/check.h"
#include "base/mem.h"
#include "exec/executor.h"
#include "exec/future.h"

#define FIRST_PAUSE_NS INT64_C(1000000)
#define LAST_PAUSE_NS INT64_C(1000000000)

struct rwi_task_extra {
    char *name;
    char *reason;
    void (*on_done)(void *arg, struct rw_task *task, const struct rw_value *value);
    void *arg;
    struct rwi_remote *remote; /* waker.c's */
    struct rw_timer pause;
    struct rw_task *task;
    uint32_t polls_high; /* what does not fit into the task's own count */
    uint32_t deliveries; /* of the current cancellation */
    bool pausing;
};

static void end_pause(struct rw_timer *timer, struct rw_loop *loop)
{
    struct rwi_task_extra *extra = rwi_container_of(timer, struct rwi_task_extra, pause);

    RW_ASSERT(extra->task->loop == loop);
    (void)loop;
    rw_task_wake(extra->task);
}

static struct rwi_task_extra *need_extra(struct rw_task *task)
{
    if (task->extra == NULL) {
        task->extra = rwi_mem_new(sizeof *task->extra);
        if (task->extra != NULL) {
            task->extra->task = task;
            rw_timer_init(&task->extra->pause, end_pause);
        }
    }
    RW_ASSERT(task->extra == NULL || task->extra->task == task);
    return task->extra;
}

struct rwi_remote **rwi_extra_remote(struct rw_task *task, bool needed)
{
    struct rwi_task_extra *extra = needed ? need_extra(task) : task->extra;

    RW_ASSERT(extra == NULL || extra == task->extra);
    return extra != NULL ? &extra->remote : NULL;
}

int rwi_extra_init(struct rw_task *task, const struct rw_spawn_options *options)
{
    RW_ASSERT(task->extra == NULL);
    if (options->name == NULL && options->on_done == NULL) {
        return 0;
    }
    if (need_extra(task) == NULL) {
        return RW_ERR_NOMEM;
    }
    task->extra->on_done = options->on_done;
    task->extra->arg = options->arg;
    if (options->name != NULL && rw_task_set_name(task, options->name) != 0) {
        rwi_extra_free(task);
        return RW_ERR_NOMEM;
    }
    return 0;
}

void rwi_extra_free(struct rw_task *task)
{
    struct rwi_task_extra *extra = task->extra;

    if (extra == NULL) {
        return;
    }
    RW_ASSERT(!rw_timer_is_armed(&extra->pause));
    RW_ASSERT(extra->remote == NULL);
    rwi_mem_free_text(extra->name);
    rwi_mem_free_text(extra->reason);
    rwi_mem_free(extra, sizeof *extra);
    task->extra = NULL;
}

/* Without memory the count is short by 2^32: it is for reports. */
void rwi_extra_carry_polls(struct rw_task *task)
{
    RW_ASSERT(task->polls == 0);
    if (need_extra(task) != NULL) {
        task->extra->polls_high++;
    }
}

uint64_t rwi_task_polls(const struct rw_task *task)
{
    uint64_t high = task->extra != NULL ? task->extra->polls_high : 0;

    RW_ASSERT(task->extra == NULL || task->extra->task == task);
    return high << 32 | task->polls;
}

/* True when there was one. */
static bool stop_pause(struct rw_task *task)
{
    bool was_pausing = task->extra != NULL && task->extra->pausing;

    if (was_pausing) {
        rw_timer_disarm(task->loop, &task->extra->pause);
        task->extra->pausing = false;
    }
    RW_ASSERT(task->extra == NULL || !rw_timer_is_armed(&task->extra->pause));
    return was_pausing;
}

void rwi_extra_done(struct rw_task *task)
{
    struct rwi_task_extra *extra = task->extra;

    RW_ASSERT(task->state == RW_TASK_DONE);
    stop_pause(task);
    if (extra != NULL && extra->on_done != NULL) {
        extra->on_done(extra->arg, task, &task->out.value);
    }
}

const char *rw_task_name(const struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    return task->extra != NULL && task->extra->name != NULL ? task->extra->name : "";
}

int rw_task_set_name(struct rw_task *task, const char *name)
{
    RW_REQUIRE(task != NULL);
    char *copy = name != NULL ? rwi_mem_text(name) : NULL;

    if ((name != NULL && copy == NULL) || need_extra(task) == NULL) {
        rwi_mem_free_text(copy);
        return RW_ERR_NOMEM;
    }
    rwi_mem_free_text(task->extra->name);
    task->extra->name = copy;
    return 0;
}

struct rw_value rwi_cancel_failure(const struct rw_task *task)
{
    const char *reason = NULL;

    RW_ASSERT(task->effective);
    if (task->cancelled) {
        reason = task->extra != NULL ? task->extra->reason : NULL;
    } else {
        reason = rwi_scope_reason(task->scope);
    }
    return reason != NULL ? rw_failure_format(RW_ERR_CANCELLED, "%s", reason) : rw_failure(RW_ERR_CANCELLED);
}

static bool is_effective(const struct rw_task *task)
{
    RW_ASSERT(task->scope != NULL);
    bool is_in_own_scope = task->scope->owner == task;

    return (task->cancelled && !is_in_own_scope) || task->scope->effective;
}

void rwi_task_refresh_cancel(struct rw_task *task)
{
    RW_ASSERT(task->object.ref_count > 0);
    bool effective = is_effective(task);

    if (effective == task->effective || task->state == RW_TASK_DONE) {
        return;
    }
    task->effective = effective;
    if (!effective) {
        if (task->extra != NULL) {
            task->extra->deliveries = 0;
        }
        if (stop_pause(task)) {
            rw_task_wake(task); /* the await that was refused may begin now */
        }
        return;
    }
    if ((task->future->vtable->flags & RW_FUTURE_COROUTINE) == 0) {
        rw_future_cancel(task->future);
    }
    rw_task_wake(task);
}

void rw_task_cancel(struct rw_task *task, const char *reason)
{
    RW_REQUIRE(task != NULL);
    if (task->state == RW_TASK_DONE || task->cancelled) {
        return;
    }
    RW_ASSERT(task->future != NULL);
    const struct rw_future_vtable *vtable = task->future->vtable;

    if ((vtable->flags & RW_FUTURE_COROUTINE) != 0 && vtable->cancel != NULL) {
        vtable->cancel(task->future);
        rw_task_wake(task);
        return;
    }
    if (reason != NULL && need_extra(task) != NULL) {
        rwi_mem_free_text(task->extra->reason);
        task->extra->reason = rwi_mem_text(reason); /* no memory: cancelled without a reason */
    }
    task->cancelled = true;
    rwi_scope_refresh_owned(task);
    rwi_task_refresh_cancel(task);
}

bool rw_task_uncancel(struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    bool was = task->cancelled;

    if (was && task->state != RW_TASK_DONE) {
        task->cancelled = false;
        rwi_scope_refresh_owned(task);
        rwi_task_refresh_cancel(task);
    }
    return was;
}

bool rw_task_is_cancelled(const struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    RW_ASSERT(task->object.ref_count > 0);
    return task->effective || task->cancelled;
}

static int64_t pause_of(uint32_t deliveries)
{
    RW_ASSERT(deliveries > 0);
    return deliveries > 10 ? LAST_PAUSE_NS : FIRST_PAUSE_NS << (deliveries - 1);
}

/* Starts the pause before the next delivery. Without memory for a timer a turn must do. */
static void begin_pause(struct rw_context *cx, struct rwi_task_extra *extra)
{
    struct rwi_executor *executor = rwi_executor_of(cx->loop);

    RW_ASSERT(!extra->pausing);
    extra->pausing = true;
    if (extra->deliveries == 0 ||
        rw_timer_arm(cx->loop, &extra->pause, executor->now_ns + pause_of(extra->deliveries)) != 0) {
        rw_waker_wake(&cx->waker);
    }
}

/* An await that begins in a cancelled task: nothing is started; after the pause it fails. */
static enum rw_poll refuse_await(struct rw_context *cx, struct rw_value *out)
{
    RW_ASSERT(cx->task != NULL);
    struct rw_task *task = cx->task;
    struct rwi_task_extra *extra = need_extra(task);

    RW_ASSERT(task->effective);
    if (extra == NULL) { /* no memory for a pause: the budget of the turn is what holds it up */
        if (!rwi_budget_take(cx)) {
            return RW_PENDING;
        }
        *out = rw_failure(RW_ERR_CANCELLED);
        return RW_READY;
    }
    if (!extra->pausing) {
        begin_pause(cx, extra);
        return RW_PENDING;
    }
    if (rw_timer_is_armed(&extra->pause)) {
        return RW_PENDING;
    }
    extra->pausing = false;
    extra->deliveries++;
    *out = rwi_cancel_failure(task);
    return RW_READY;
}

/* An await that has begun, or that a shield protects. When it ends as cancelled, that was a delivery. */
static enum rw_poll end_await(struct rw_context *cx, struct rw_future *future, struct rw_value *out)
{
    RW_ASSERT(cx->task->effective);
    if ((future->vtable->flags & RW_FUTURE_SHIELDED) == 0) {
        rw_future_cancel(future);
    }
    enum rw_poll poll = rwi_poll(future, cx, out);

    if (poll == RW_READY && rw_is_failure(out) && out->code == RW_ERR_CANCELLED) {
        struct rwi_task_extra *extra = need_extra(cx->task);

        if (extra != NULL) {
            extra->deliveries++;
        }
        if (out->as.error == NULL) {
            *out = rwi_cancel_failure(cx->task);
        }
    }
    return poll;
}

enum rw_poll rw_task_await(struct rw_context *cx, struct rw_future *future, struct rw_value *out)
{
    struct rw_task *task = cx->task;

    RW_ASSERT(task != NULL);
    if (rwi_likely(!task->effective)) {
        return rwi_poll(future, cx, out);
    }
    if ((future->state & RW_FUTURE_POLLED) == 0 && (future->vtable->flags & RW_FUTURE_SHIELDED) == 0) {
        return refuse_await(cx, out);
    }
    return end_await(cx, future, out);
}
