/* SPDX-License-Identifier: MIT
 *
 * waker.h - a task's face towards other threads.
 */
#ifndef RWI_EXEC_WAKER_H
#define RWI_EXEC_WAKER_H

#include <ropewalk.h>

/* An owned, thread-safe waker of the task. Never fails: see rw_waker_vtable.clone. */
struct rw_waker rwi_remote_waker(struct rw_task *task);

/* The task is done: wakers and abort handles still out do nothing from now on. */
void rwi_remote_detach(struct rw_task *task);

/* True while another thread may still wake something: wakers or handles are out. */
bool rwi_remote_may_wake(const struct rw_loop *loop);

#endif
