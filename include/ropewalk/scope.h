/* SPDX-License-Identifier: MIT
 *
 * scope.h - structured concurrency: no child outlives its scope.
 *
 * A scope owns tasks, a deadline and a cancelled flag. A task enters it (rw_scope_open), spawns children into it, and
 * leaves it in three steps: rw_scope_join waits for the children (cancelling them when the body failed), rw_scope_close
 * leaves it and turns body outcome and children's failures into one outcome. The first failure cancels the siblings.
 *
 *      OPEN --join--> JOINING --children gone--> JOINED --close--> gone
 *         cancel() in any state before close marks it and everything below, up to the next shield
 */
#ifndef ROPEWALK_SCOPE_H
#define ROPEWALK_SCOPE_H

#include "base.h"
#include "future.h"
#include "task.h"
#include "value.h"

enum rw_scope_flags {
    RW_SCOPE_SHIELD = 1, /* cancelling from outside stops here; its own deadline and cancel still work */
    RW_SCOPE_FAIL_AFTER =
        2, /* when its own deadline ended it, close gives RW_ERR_TIMEOUT instead of success */
    RW_SCOPE_SUPERVISOR = 4 /* a failing child does not cancel the others, nor fail the scope */
};

struct rw_scope_options {
    const char *name;    /* copied; NULL: none */
    int64_t deadline_ns; /* RW_NEVER for none; 0 is taken as none */
    unsigned flags;
};

RW_BEGIN_DECLS

/* Opens a scope inside the current scope of `task` and makes the task enter it. Counted object; NULL on no memory.
 * `options` may be NULL. Only the running task (or its driver) may open and close, strictly nested. */
RW_API struct rw_scope *rw_scope_open(struct rw_task *task, const struct rw_scope_options *options);

/* Spawns a child. A scope that is closed answers NULL with errno EINVAL; a cancelled one spawns a task that is cancelled. */
RW_API struct rw_task *rw_scope_spawn(struct rw_scope *scope, struct rw_future *future,
                                      const struct rw_spawn_options *options);

/* Cancels the body and all children, now and from now on; `reason` may be NULL. Idempotent. */
RW_API void rw_scope_cancel(struct rw_scope *scope, const char *reason);

/* Moves the deadline; RW_NEVER removes it. 0 or RW_ERR_NOMEM. */
RW_API int rw_scope_set_deadline(struct rw_scope *scope, int64_t deadline_ns);
RW_API int64_t rw_scope_deadline(const struct rw_scope *scope);
/* The nearest deadline of this scope and those around it, up to a shield. */
RW_API int64_t rw_scope_effective_deadline(const struct rw_scope *scope);

/* A future, shielded, that is ready (nil) when no child is left. `body` (taken) is how the body ended: a failure other
 * than success cancels the children first. Call it once. */
RW_API struct rw_future *rw_scope_join(struct rw_scope *scope, struct rw_value body);

/* Leaves a joined scope and drops the caller's reference. *out is the one outcome:
 * - a child's or the body's first failure that is not a cancellation, the others attached to its error;
 * - else RW_ERR_TIMEOUT when FAIL_AFTER and its own deadline ended it;
 * - else RW_ERR_CANCELLED when the body, or a child that it left running, was cancelled from outside this scope;
 * - else the body's value: a cancellation that this scope itself caused ends here.
 * Returns 0, or RW_ERR_STATE when children are left or a scope inside it is still open (nothing is changed). */
RW_API int rw_scope_close(struct rw_scope *scope, struct rw_value *out);

/* Drops a scope that was opened but never joined, because its task is being torn down: children are cancelled and
 * handed to the parent scope. For drop functions of coroutine drivers. */
RW_API void rw_scope_abandon(struct rw_scope *scope);

/* References (unref takes NULL); the scope as an object for a handle value (borrowed); what it is and how it stands.
 * A scope stays readable after it was closed. */
RW_API struct rw_scope *rw_scope_ref(struct rw_scope *scope);
RW_API void rw_scope_unref(struct rw_scope *scope);
RW_API struct rw_object *rw_scope_object(struct rw_scope *scope);
RW_API uint64_t rw_scope_id(const struct rw_scope *scope);
RW_API bool rw_scope_is_open(const struct rw_scope *scope);
RW_API bool rw_scope_is_cancelled(const struct rw_scope *scope);    /* by itself or from around it */
RW_API bool rw_scope_cancel_called(const struct rw_scope *scope);   /* rw_scope_cancel or its own deadline */
RW_API bool rw_scope_deadline_passed(const struct rw_scope *scope); /* its own deadline cancelled it */
RW_API bool rw_scope_caught(const struct rw_scope *scope); /* after close: a cancellation ended here */
RW_API size_t rw_scope_child_count(const struct rw_scope *scope);

RW_END_DECLS

#endif
