/* SPDX-License-Identifier: MIT
 *
 * cancel.h - what a task has beyond its bare life: name, callback, how a cancellation is delivered to it, its face
 * towards other threads.
 */
#ifndef RWI_EXEC_CANCEL_H
#define RWI_EXEC_CANCEL_H

#include <ropewalk.h>

#include "base/list.h"

struct rwi_remote;

/* Where the task's face towards other threads is kept (waker.c); NULL while it has none, and none was `needed` or memory ran
 * out. What it points at is NULL until waker.c has made one. */
struct rwi_remote **rwi_extra_remote(struct rw_task *task, bool needed);

/* Name and callback out of the options. 0 or RW_ERR_NOMEM. */
int rwi_extra_init(struct rw_task *task, const struct rw_spawn_options *options);
void rwi_extra_free(struct rw_task *task);

/* Calls the on_done callback and stops the pause timer. */
void rwi_extra_done(struct rw_task *task);

/* The failure that an await of this cancelled task gets, with the reason as its message. */
struct rw_value rwi_cancel_failure(const struct rw_task *task);

/* Wakes the join future that owns this node, which has been taken out of the task's list. */
void rwi_join_wake(struct rwi_list *node);

#endif
