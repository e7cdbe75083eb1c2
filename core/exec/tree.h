/* SPDX-License-Identifier: MIT
 *
 * tree.h - the tree of scopes and tasks: the layout of its nodes, and what its files ask of each other.
 *
 * Tasks and scopes know each other, so they are declared in one place that includes neither. Each has one file that moves its
 * state: task.c a task's, scope.c a scope's. cancel.c says when a cancellation reaches a task, scope_exit.c what a scope gives back,
 * waker.c how other threads reach a task, join.c how other tasks wait for one.
 */
#ifndef RWI_EXEC_TREE_H
#define RWI_EXEC_TREE_H

#include <ropewalk.h>

#include "base/list.h"

struct rwi_remote;

/* ---- tasks: task.c --------------------------------------------------------------------------------------- */

struct rwi_task_extra;

/* Beyond the states that others see: it runs and was woken meanwhile, so that it will run once more. */
enum { RWI_TASK_WOKEN = RW_TASK_DONE + 1 };

/* A run touches the first 56 bytes only. What a program has most of is idle tasks, hence the small types; its future may lie
 * behind it in the same block. */
struct rw_task {
    struct rw_job job;       /* first: the run queue finds the task by it */
    struct rw_object object; /* the references of handles, joins, and of the executor until it is done */
    struct rw_loop *loop;
    struct rw_future *future; /* NULL once done */
    uint32_t polls;           /* modulo 2^32: the rest is carried to `extra` */
    uint8_t state;            /* enum rw_task_state, or RWI_TASK_WOKEN */
    bool effective;           /* cancelled by itself or by a scope around its awaits */
    bool cancelled : 1;       /* rw_task_cancel: level-triggered */
    bool seen : 1;            /* somebody has looked at the outcome */
    uint8_t unused : 6;       /* so that these are written as one byte */
    uint8_t future_steps;     /* size of the future that lies behind the task, in RWI_SLAB_STEP */
    union {
        struct rwi_list *joiners; /* until done: the first of a ring of join.c's, or NULL */
        struct rw_value value;    /* from then on */
    } out;
    struct rwi_list sibling;      /* in its base's tasks */
    struct rw_scope *scope;       /* the innermost it has entered, else its base; NULL once done */
    struct rwi_task_extra *extra; /* what few tasks have (cancel.c); NULL until needed */
    uint64_t id;
};

/* The scope the task was spawned into: around all that it has entered. NULL once done. */
struct rw_scope *rwi_task_base(const struct rw_task *task);

static inline bool rwi_task_is_running(const struct rw_task *task)
{
    return task->state == RW_TASK_RUNNING || task->state == RWI_TASK_WOKEN;
}

/* Whether an await that begins now would be refused. */
static inline bool rwi_task_refuses(const struct rw_task *task)
{
    return task->effective;
}

/* How often it was run. */
uint64_t rwi_task_polls(const struct rw_task *task);

/* The last reference has gone. */
void rwi_task_destroy(struct rw_task *task);

/* As rw_task_unref, of a task. */
static inline void rwi_task_unref(struct rw_task *task)
{
    RW_ASSERT(task->object.ref_count > 0);
    if (--task->object.ref_count == 0) {
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

/* ---- scopes: scope.c, scope_exit.c ----------------------------------------------------------------------- */

enum rwi_scope_state { RWI_SCOPE_OPEN, RWI_SCOPE_JOINING, RWI_SCOPE_JOINED, RWI_SCOPE_CLOSED };

struct rw_scope {
    struct rw_object object;
    struct rw_loop *loop;
    struct rw_scope *parent;  /* NULL: the root */
    struct rw_task *owner;    /* the task that entered it; NULL for the root, and once it has left */
    struct rwi_list children; /* scopes opened inside it */
    struct rwi_list sibling;  /* in parent's children */
    struct rwi_list tasks;    /* spawned into it, not yet done */
    size_t task_count;
    uint64_t id;
    uint8_t state; /* enum rwi_scope_state */
    uint8_t flags; /* enum rw_scope_flags */
    bool cancel_called;
    bool deadline_passed;
    bool aborting;  /* a child or the body failed */
    bool effective; /* cancelled by itself or from around it */
    bool caught;
    bool cut_short; /* a child ended by a cancellation from outside this scope */
    struct rw_timer timer;
    int64_t deadline_ns;
    char *name;
    char *reason;
    struct rw_future
        join; /* the future of rw_scope_join: there is one, so that waiting for children never fails */
    struct rw_waker joiner;   /* of the join future; borrowed */
    struct rw_value body;     /* how the body ended, once joining */
    struct rw_value failure;  /* the first that was not a cancellation; nil: none */
    struct rw_error **others; /* the later ones, in the order they happened */
    size_t other_count;
    size_t other_capacity;
};

struct rw_scope *rwi_scope_new_root(struct rw_loop *loop);
void rwi_scope_free_root(struct rw_scope *root);

/* The one way in which `state` changes; asserts the move. */
void rwi_scope_set_state(struct rw_scope *scope, enum rwi_scope_state state);

/* Cancels what is in the scope because a part of it failed. */
void rwi_scope_abort(struct rw_scope *scope);

/* What lies around the scope is cancelled, whether or not a shield keeps it out. */
bool rwi_scope_is_cancelled_outside(const struct rw_scope *scope);

/* A task enters and leaves the scope's list. `adopt` keeps a reference to the scope until `release`. */
void rwi_scope_adopt(struct rw_scope *scope, struct rw_task *task);
void rwi_scope_release(struct rw_scope *scope, struct rw_task *task, const struct rw_value *outcome);

/* Why an await of this task fails: the reason of the nearest cancelled scope, or NULL. */
const char *rwi_scope_reason(const struct rw_scope *scope);

/* Brings `effective` of the scopes that `task` has entered up to date after the task itself was (un)cancelled. */
void rwi_scope_refresh_owned(struct rw_task *task);

/* The next scope of the tree below `top` in preorder, NULL at the end; no recursion. */
struct rw_scope *rwi_scope_next(const struct rw_scope *top, struct rw_scope *scope);

bool rwi_scope_check(const struct rw_scope *scope);

/* ---- names, callbacks, cancelling: cancel.c; joins: join.c ----------------------------------------------- */

/* Where the task's face towards other threads is kept (waker.c); NULL while it has none, and none was `needed` or memory ran
 * out. What it points at is NULL until waker.c has made one. */
struct rwi_remote **rwi_extra_remote(struct rw_task *task, bool needed);

/* Name and callback out of the options. 0 or RW_ERR_NOMEM. */
int rwi_extra_init(struct rw_task *task, const struct rw_spawn_options *options);
void rwi_extra_free(struct rw_task *task);

/* Its count of polls has wrapped around. */
void rwi_extra_carry_polls(struct rw_task *task);

/* Calls the on_done callback and stops the pause timer. */
void rwi_extra_done(struct rw_task *task);

/* The failure that an await of this cancelled task gets, with the reason as its message. */
struct rw_value rwi_cancel_failure(const struct rw_task *task);

/* Wakes who joins a task that has just ended; `first` was its `out.joiners`. */
void rwi_join_wake_all(struct rwi_list *first);

/* ---- other threads: waker.c ------------------------------------------------------------------------------ */

/* An owned, thread-safe waker of the task. Never fails: see rw_waker_vtable.clone. */
struct rw_waker rwi_remote_waker(struct rw_task *task);

/* The task is done: wakers and abort handles still out do nothing from now on. */
void rwi_remote_detach(struct rw_task *task);

/* True while another thread may still wake something: wakers or handles are out. */
bool rwi_remote_may_wake(const struct rw_loop *loop);

#endif
