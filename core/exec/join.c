/* SPDX-License-Identifier: MIT
 *
 * join.c - awaiting a task.
 *
 * A join is a node in the task's list of joiners; when the task is done it is taken out and woken. Invariant: the node is in
 * that list only while the join waits, so dropping a join at any time unlinks it. Each join gets a clone of the outcome:
 * a task may be joined as often as anybody likes.
 */
#include "base/check.h"
#include "base/value.h"
#include "exec/tree.h"
#include "exec/executor.h"

struct join_future {
    struct rw_future base;
    struct rw_task *task;
    struct rwi_list node;
    struct rw_waker waker; /* borrowed */
    bool owned;            /* giving up on it cancels the task */
};

void rwi_join_wake(struct rwi_list *node)
{
    struct join_future *join = rwi_list_entry(node, struct join_future, node);

    RW_ASSERT(join->task->state == RW_TASK_DONE);
    rw_waker_wake(&join->waker);
}

static enum rw_poll poll_join(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct join_future *join = (struct join_future *)self;
    struct rw_task *task = join->task;

    if (task->state == RW_TASK_DONE) {
        if (!rwi_budget_take(cx)) {
            return RW_PENDING;
        }
        task->seen = true;
        *out = rwi_value_clone(&task->out.value);
        return RW_READY;
    }
    if (rwi_unlikely((self->state & RW_FUTURE_CANCELLED) != 0 && !join->owned)) {
        *out = rw_failure(RW_ERR_CANCELLED);
        return RW_READY;
    }
    if (rwi_unlikely(task == cx->task)) {
        *out = rw_failure_format(RW_ERR_STATE, "a task cannot await itself");
        return RW_READY;
    }
    join->waker = cx->waker;
    if (rwi_list_is_empty(&join->node)) {
        rwi_list_push_back(&task->out.joiners, &join->node);
    }
    return RW_PENDING;
}

/* An owned task is asked to end, and its end is waited for. */
static void cancel_join(struct rw_future *self)
{
    struct join_future *join = (struct join_future *)self;

    RW_ASSERT(join->task != NULL);
    if (join->owned) {
        rw_task_cancel(join->task, NULL);
    } else if (!rwi_list_is_empty(&join->node)) {
        rw_waker_wake(&join->waker);
    }
}

static void drop_join(struct rw_future *self)
{
    RW_ASSERT(((struct join_future *)self)->task->object.ref_count > 0);
    struct join_future *join = (struct join_future *)self;
    struct rw_loop *loop = join->task->loop;

    if (!rwi_list_is_empty(&join->node)) {
        rwi_list_remove(&join->node);
    }
    if (join->owned && join->task->state != RW_TASK_DONE) {
        rw_task_cancel(join->task, NULL);
    }
    rwi_task_unref(join->task);
    rwi_loop_release(loop, join, sizeof *join);
}

static const struct rw_future_vtable join_vtable = {"task.join", 0, poll_join, cancel_join, drop_join};

static struct rw_future *new_join(struct rw_task *task, bool owned)
{
    RW_REQUIRE(task != NULL);
    struct join_future *join = rwi_loop_alloc(task->loop, sizeof *join);

    if (join == NULL) {
        return rw_failed(task->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&join->base, &join_vtable);
    join->task = task;
    task->object.ref_count++;
    rwi_list_init(&join->node);
    join->owned = owned;
    return &join->base;
}

struct rw_future *rw_task_join(struct rw_task *task)
{
    return new_join(task, false);
}

struct rw_future *rw_task_join_owned(struct rw_task *task)
{
    return new_join(task, true);
}
