/* SPDX-License-Identifier: MIT
 *
 * task.h - what the scope, the waker and the loop need to know of a task. Only task.c changes its state.
 */
#ifndef RWI_EXEC_TASK_H
#define RWI_EXEC_TASK_H

#include <ropewalk.h>

#include "base/check.h"
#include "base/list.h"

struct rwi_task_extra;

/* A run touches the first 64 bytes only; together it is two cache lines, and slab.c gives it out aligned to them. */
struct rw_task {
    struct rw_job job;       /* first: the run queue finds the task by it */
    struct rw_object object; /* the references of handles, joins, and of the executor until it is done */
    struct rw_loop *loop;
    struct rw_future *future; /* NULL once done */
    uint8_t state;            /* enum rw_task_state */
    bool woken;               /* while running: run it once more */
    bool cancelled;           /* rw_task_cancel: level-triggered */
    bool effective;           /* cancelled by itself or by a scope around its awaits */
    bool started;
    bool seen;       /* somebody has looked at the outcome */
    bool in_a_scope; /* its base is a scope that collects failures, not the root */
    uint64_t polls;
    union {
        struct rwi_list joiners; /* until done */
        struct rw_value value;   /* from then on */
    } out;
    struct rwi_list sibling;      /* in base's tasks */
    struct rw_scope *base;        /* the scope it was spawned into */
    struct rw_scope *scope;       /* the innermost it has entered, else base */
    struct rwi_task_extra *extra; /* what few tasks have (cancel.h); NULL until needed */
    uint64_t id;
};

/* The last reference has gone. */
void rwi_task_destroy(struct rw_task *task);

/* As rw_task_unref, of a task. */
static inline void rwi_task_unref(struct rw_task *task)
{
    RW_ASSERT(task->object.ref_count > 0);
    task->object.ref_count--;
    if (task->object.ref_count == 0) {
        rwi_task_destroy(task);
    }
}

static inline struct rw_task *rwi_task_of_sibling(struct rwi_list *node)
{
    return rwi_list_entry(node, struct rw_task, sibling);
}

/* Works out whether the task is cancelled now, and tells its future when that has just become so. */
void rwi_task_refresh_cancel(struct rw_task *task);

/* Wakes every waiting task of the loop: for wakers that could not be made for want of memory. */
void rwi_task_wake_all(struct rw_loop *loop);

/* Ends a live task at once, without running it: its future is dropped, its outcome is RW_ERR_CANCELLED. */
void rwi_task_kill(struct rw_task *task);

bool rwi_task_check(const struct rw_task *task);

#endif
