/* SPDX-License-Identifier: MIT
 *
 * sync.h - state shared by the tasks of one loop: fair, cancel-safe, woken in the order of waiting.
 *
 * All are counted objects of one loop. A cancelled wait has either the thing or not, never half.
 */
#ifndef ROPEWALK_SYNC_H
#define ROPEWALK_SYNC_H

#include "base.h"
#include "future.h"

struct rw_semaphore;
struct rw_notify;

RW_BEGIN_DECLS

/* A counting semaphore; a mutex is one with a single permit. acquire's outcome is nil once `count` permits are the caller's. */
RW_API struct rw_semaphore *rw_semaphore_new(struct rw_loop *loop, size_t permits);
RW_API struct rw_semaphore *rw_semaphore_ref(struct rw_semaphore *semaphore);
RW_API void rw_semaphore_unref(struct rw_semaphore *semaphore);
RW_API struct rw_future *rw_semaphore_acquire(struct rw_semaphore *semaphore, size_t count);
RW_API bool rw_semaphore_try_acquire(struct rw_semaphore *semaphore, size_t count);
RW_API void rw_semaphore_release(struct rw_semaphore *semaphore, size_t count);
RW_API size_t rw_semaphore_available(const struct rw_semaphore *semaphore);
/* Wakes every waiter with RW_ERR_CLOSED, and all later ones. */
RW_API void rw_semaphore_close(struct rw_semaphore *semaphore);

/* Wakes waiters: one (or keeps one permit when none waits), or all who wait now. */
RW_API struct rw_notify *rw_notify_new(struct rw_loop *loop);
RW_API struct rw_notify *rw_notify_ref(struct rw_notify *notify);
RW_API void rw_notify_unref(struct rw_notify *notify);
RW_API struct rw_future *rw_notify_wait(struct rw_notify *notify);
RW_API void rw_notify_one(struct rw_notify *notify);
RW_API size_t rw_notify_all(struct rw_notify *notify);

RW_END_DECLS

#endif
