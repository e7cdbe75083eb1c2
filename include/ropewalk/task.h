/* SPDX-License-Identifier: MIT
 *
 * task.h - a future that runs on its own, with an identity.
 *
 * spawn queues the task; each run polls its future until that is ready. Whoever holds the task may join it (any number
 * of times, from any number of tasks), cancel it, or let go of it, which detaches it.
 *
 *      QUEUED --run--> RUNNING --PENDING--> WAITING --wake--> QUEUED
 *                         |  \--PENDING, woken meanwhile--> QUEUED
 *                         +--READY--> DONE
 *
 * Cancelling a task is level-triggered: from then on every await of the task fails with RW_ERR_CANCELLED, each time after at
 * least one turn and with a growing pause (none, then 1 ms doubling to 1 s), so that a task which swallows it cannot
 * spin. An await already in flight is asked to end and may still win with its value.
 */
#ifndef ROPEWALK_TASK_H
#define ROPEWALK_TASK_H

#include "base.h"
#include "future.h"
#include "value.h"

struct rw_scope;
struct rw_abort_handle;

enum rw_task_state { RW_TASK_QUEUED, RW_TASK_RUNNING, RW_TASK_WAITING, RW_TASK_DONE };

enum rw_task_class {
    RW_TASK_PINNED, /* stays on its loop; plain loads and stores */
    RW_TASK_MOVABLE /* may move between workers of a runtime's pool; treated as PINNED by a lone loop */
};

struct rw_spawn_options {
    const char *name;       /* copied; NULL: none */
    struct rw_scope *scope; /* the parent; NULL: the loop's root scope, see rw_spawn */
    enum rw_task_class task_class;
    /* Called once when the task is done, before joiners are woken, on the loop's thread; must not enter a script.
     * `value` is the outcome, borrowed. For hosts that keep their own task object. */
    void (*on_done)(void *arg, struct rw_task *task, const struct rw_value *value);
    void *arg;
};

/* A future of rw_join_init. Only `base` is the caller's to use. */
struct rw_join {
    struct rw_future base;
    void *own[6];
};

struct rw_task_info {
    uint64_t id;
    const char *name;   /* "" when unnamed */
    const char *future; /* the name of its future */
    enum rw_task_state state;
    uint64_t polls;
    uint64_t scope_id;
    bool cancelled;
};

RW_BEGIN_DECLS

/* Spawns `future` (taken) and gives a reference to the task; NULL with errno ENOMEM, or EINVAL where options->scope or the
 * loop has ended. Without options->scope the task belongs to
 * the loop's root scope: it outlives its spawner, is cancelled when the loop ends, and its failure is kept for who
 * joins it. When a failed task goes away unjoined, the loop's rw_loop_set_unhandled hook is told. */
RW_API struct rw_task *rw_spawn(struct rw_loop *loop, struct rw_future *future,
                                const struct rw_spawn_options *options);

/* Spawns `future` (taken) for nobody to join: its failure is reported to nobody either. 0, RW_ERR_NOMEM, or RW_ERR_CLOSED where the
 * loop has ended. */
RW_API int rw_spawn_detached(struct rw_loop *loop, struct rw_future *future);

/* The largest future that may lie in its task. */
#define RW_SPAWN_INLINE_MAX 4080

/* Spawns a future of `size` bytes that lies in the task's own memory: one block for both, which lives until the last reference
 * to the task has gone. *future has its head made; the caller fills in the rest, before the next turn (it is not zeroed, and
 * aligned to 16). Its drop function ends it and leaves its memory alone. NULL as for rw_spawn, and *future is NULL then. */
RW_API struct rw_task *rw_spawn_inline(struct rw_loop *loop, const struct rw_future_vtable *vtable,
                                       size_t size, const struct rw_spawn_options *options,
                                       struct rw_future **future);

/* One more reference. Loop's thread. */
RW_API struct rw_task *rw_task_ref(struct rw_task *task);
/* Lets go of a reference; with the last one the task runs on detached. rw_task_unref and rw_task_detach are the same
 * act under two names; both take NULL. */
RW_API void rw_task_unref(struct rw_task *task);
RW_API void rw_task_detach(struct rw_task *task);

/* A future for the task's outcome: each gives a clone. Cancelling or dropping it leaves the task alone. Keeps a reference. */
RW_API struct rw_future *rw_task_join(struct rw_task *task);

/* Like rw_task_join, but cancelling or dropping the future before its end cancels the task: for a caller who owns it. */
RW_API struct rw_future *rw_task_join_owned(struct rw_task *task);

/* Either of them in the caller's memory (see future.h). Takes the caller's reference to the task, which dropping the future
 * gives back: for who has just spawned it. */
RW_API void rw_join_init(struct rw_join *join, struct rw_task *task, bool owned);

/* Requests the task's end; `reason` (a text, may be NULL) becomes the message. Idempotent. A task not yet run never runs.
 * A coroutine future whose vtable has a cancel function is only told (edge), the rest is its own affair. */
RW_API void rw_task_cancel(struct rw_task *task, const char *reason);

/* Takes rw_task_cancel back: later awaits succeed again, what was delivered stays delivered. True if it was set. */
RW_API bool rw_task_uncancel(struct rw_task *task);

/* A handle that cancels from any thread; counted. cancel returns 0 or RW_ERR_CLOSED when the task is done or gone. It does
 * not keep a loop from being idle: a task that only such a handle could end is a deadlock. */
RW_API struct rw_abort_handle *rw_task_abort_handle(struct rw_task *task);
RW_API struct rw_abort_handle *rw_abort_handle_ref(struct rw_abort_handle *handle);
RW_API void rw_abort_handle_unref(struct rw_abort_handle *handle);
RW_API int rw_abort_handle_cancel(struct rw_abort_handle *handle);

/* Identity and state: the id is never used again; the name is "" when unnamed, lives until it is set again, and is
 * copied by set_name (0 or RW_ERR_NOMEM); loop, scope and object are borrowed. Loop's thread. */
RW_API uint64_t rw_task_id(const struct rw_task *task);
RW_API const char *rw_task_name(const struct rw_task *task);
RW_API int rw_task_set_name(struct rw_task *task, const char *name);
RW_API bool rw_task_is_done(const struct rw_task *task);
RW_API bool rw_task_is_cancelled(
    const struct rw_task *task); /* cancelled now, by itself or by a scope it is in */
RW_API struct rw_loop *rw_task_loop(const struct rw_task *task);
RW_API struct rw_scope *rw_task_scope(
    const struct rw_task *task); /* the innermost scope it has entered, or its parent; NULL once it is done */
RW_API struct rw_object *rw_task_object(struct rw_task *task);
RW_API struct rw_task *rw_task_of(const struct rw_value *value); /* borrowed; NULL when it is no task */
/* The outcome of a done task; borrowed, NULL before. Marks it as seen. */
RW_API const struct rw_value *rw_task_value(struct rw_task *task);
/* Says that a failure of this task was dealt with, so that it is not reported as unhandled. */
RW_API void rw_task_mark_seen(struct rw_task *task);

/* The task that is running on this loop, or NULL. */
RW_API struct rw_task *rw_task_current(const struct rw_loop *loop);

/* Wakes a task by hand (its own thread): it is polled in the next turn. */
RW_API void rw_task_wake(struct rw_task *task);

/* What a coroutine driver polls its current await with (in its poll function, with its own cx): rw_poll plus the task's cancellation, as described at the head.
 * A future not yet polled is not started in a cancelled task. The failure's message is the cancel's reason. */
RW_API enum rw_poll rw_task_await(struct rw_context *cx, struct rw_future *future, struct rw_value *out);

/* Calls visit for every live task of the loop, oldest first within a scope; stops when it returns false. */
RW_API void rw_tasks(struct rw_loop *loop, bool (*visit)(void *arg, const struct rw_task_info *info),
                     void *arg);

/* The same with each task and its future, both borrowed. `visit` may cancel; it must not end or spawn tasks. */
RW_API void rw_tasks_each(struct rw_loop *loop,
                          bool (*visit)(void *arg, struct rw_task *task, struct rw_future *future),
                          void *arg);

/* Is told of a failed task that goes away unjoined (`value` borrowed). Must not enter a script. NULL: a line on stderr. */
RW_API void rw_loop_set_unhandled(struct rw_loop *loop,
                                  void (*unhandled)(void *arg, struct rw_task *task,
                                                    const struct rw_value *value),
                                  void *arg);

RW_END_DECLS

#endif
