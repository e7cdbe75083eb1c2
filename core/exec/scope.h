/* SPDX-License-Identifier: MIT
 *
 * scope.h - the scope tree as tasks see it.
 */
#ifndef RWI_EXEC_SCOPE_H
#define RWI_EXEC_SCOPE_H

#include <ropewalk.h>

#include "base/list.h"

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

#endif
