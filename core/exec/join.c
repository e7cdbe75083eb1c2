/* SPDX-License-Identifier: MIT
 *
 * join.c - awaiting a task.
 *
 * A join is a node in the ring of its task's joiners, of which the task knows the first; when the task is done the ring is taken
 * from it and each is woken. Invariant: the node is in a ring exactly while `is_waiting`, so dropping a join at any
 * time unlinks it. Each join gets a clone of the outcome: a task may be joined as often as anybody likes.
 *
 * A join lies in the caller's memory or in a box of its own, which its drop frees; the two differ in that only.
 */
#include "base/check.h"
#include "base/value.h"
#include "exec/executor.h"
#include "exec/tree.h"

struct join {
    struct rw_future base;
    struct rw_task *task;
    struct rwi_list node;
    struct rw_waker waker; /* borrowed */
    bool is_waiting;
    bool owned; /* giving up on it cancels the task */
};

_Static_assert(sizeof(struct join) == sizeof(struct rw_join), "the door gives joins the room they need");

static void wait_in_ring(struct join *join)
{
    struct rw_task *task = join->task;

    RW_ASSERT(task->state != RW_TASK_DONE);
    RW_ASSERT(!join->is_waiting);
    join->is_waiting = true;
    rwi_list_init(&join->node);
    if (task->out.joiners == NULL) {
        task->out.joiners = &join->node;
    } else {
        rwi_list_push_back(task->out.joiners, &join->node);
    }
}

static void leave_ring(struct join *join)
{
    struct rw_task *task = join->task;

    RW_ASSERT(task->state != RW_TASK_DONE);
    RW_ASSERT(join->is_waiting);
    join->is_waiting = false;
    if (task->out.joiners == &join->node) {
        task->out.joiners = rwi_list_first(&join->node);
    }
    rwi_list_remove(&join->node);
}

/* A waker queues and runs nothing, so that no join goes while the ring is walked. */
void rwi_join_wake_all(struct rwi_list *first)
{
    struct rwi_list *next;

    for (struct rwi_list *node = first; node != NULL; node = next) {
        struct join *join = rwi_list_entry(node, struct join, node);

        RW_ASSERT(join->task->state == RW_TASK_DONE);
        RW_ASSERT(join->is_waiting);
        next = rwi_list_first(node);
        rwi_list_remove(node);
        join->is_waiting = false;
        rw_waker_wake(&join->waker);
    }
}

static enum rw_poll poll_join(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct join *join = (struct join *)self;
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
    if (!join->is_waiting) {
        wait_in_ring(join);
    }
    return RW_PENDING;
}

/* An owned task is asked to end, and its end is waited for. */
static void cancel_join(struct rw_future *self)
{
    struct join *join = (struct join *)self;

    RW_ASSERT(join->task != NULL);
    if (join->owned) {
        rw_task_cancel(join->task, NULL);
    } else if (join->is_waiting) {
        rw_waker_wake(&join->waker);
    }
}

static void drop_join(struct rw_future *self)
{
    struct join *join = (struct join *)self;

    RW_ASSERT(join->task->object.ref_count > 0);
    if (rwi_unlikely(join->is_waiting)) {
        leave_ring(join);
    }
    if (rwi_unlikely(join->owned) && join->task->state != RW_TASK_DONE) {
        rw_task_cancel(join->task, NULL);
    }
    rwi_task_unref(join->task);
}

static void free_join(struct rw_future *self)
{
    struct join *join = (struct join *)self;
    struct rw_loop *loop = join->task->loop;

    drop_join(self);
    rwi_loop_release(loop, join, sizeof *join);
}

static const struct rw_future_vtable join_vtable = {"task.join", 0, poll_join, cancel_join, drop_join};
static const struct rw_future_vtable boxed_vtable = {"task.join", 0, poll_join, cancel_join, free_join};

/* Takes the caller's reference to the task. */
static void init_join(struct join *join, const struct rw_future_vtable *vtable, struct rw_task *task,
                      bool owned)
{
    RW_ASSERT(task->object.ref_count > 0);
    rw_future_init(&join->base, vtable);
    join->task = task;
    join->is_waiting = false;
    join->owned = owned;
}

void rw_join_init(struct rw_join *join, struct rw_task *task, bool owned)
{
    RW_REQUIRE(join != NULL);
    RW_REQUIRE(task != NULL);
    init_join((struct join *)(void *)join, &join_vtable, task, owned);
}

static struct rw_future *new_join(struct rw_task *task, bool owned)
{
    RW_REQUIRE(task != NULL);
    struct join *join = rwi_loop_alloc(task->loop, sizeof *join);

    if (join == NULL) {
        return rw_failed(task->loop, RW_ERR_NOMEM);
    }
    task->object.ref_count++;
    init_join(join, &boxed_vtable, task, owned);
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
