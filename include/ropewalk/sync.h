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
struct rw_mutex;
struct rw_rwlock;
struct rw_condition;
struct rw_barrier;
struct rw_once;

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

/* One holder at a time. lock's outcome is nil once the caller holds it; unlock gives it to the first who waits and requires that
 * it is held. A lock future that is dropped after it was given the mutex passes it on. NULL only on no memory. */
RW_API struct rw_mutex *rw_mutex_new(struct rw_loop *loop);
RW_API struct rw_mutex *rw_mutex_ref(struct rw_mutex *mutex);
RW_API void rw_mutex_unref(struct rw_mutex *mutex);
RW_API struct rw_future *rw_mutex_lock(struct rw_mutex *mutex);
RW_API bool rw_mutex_try_lock(struct rw_mutex *mutex);
RW_API void rw_mutex_unlock(struct rw_mutex *mutex);
RW_API bool rw_mutex_is_locked(const struct rw_mutex *mutex);

/* Many readers or one writer, in the order of asking: a writer that waits holds later readers back. Outcomes are nil; each unlock
 * requires a holder of its kind. */
RW_API struct rw_rwlock *rw_rwlock_new(struct rw_loop *loop);
RW_API struct rw_rwlock *rw_rwlock_ref(struct rw_rwlock *rwlock);
RW_API void rw_rwlock_unref(struct rw_rwlock *rwlock);
RW_API struct rw_future *rw_rwlock_read(struct rw_rwlock *rwlock);
RW_API struct rw_future *rw_rwlock_write(struct rw_rwlock *rwlock);
RW_API bool rw_rwlock_try_read(struct rw_rwlock *rwlock);
RW_API bool rw_rwlock_try_write(struct rw_rwlock *rwlock);
RW_API void rw_rwlock_unlock_read(struct rw_rwlock *rwlock);
RW_API void rw_rwlock_unlock_write(struct rw_rwlock *rwlock);

/* wait requires that the caller holds the mutex: the first poll gives it up, and when the future is ready the caller holds it
 * again, whether the outcome is nil or RW_ERR_CANCELLED. One that is dropped earlier leaves the caller without it. notify
 * wakes at most `count` of those who wait now and gives how many; nothing is kept. */
RW_API struct rw_condition *rw_condition_new(struct rw_loop *loop);
RW_API struct rw_condition *rw_condition_ref(struct rw_condition *condition);
RW_API void rw_condition_unref(struct rw_condition *condition);
RW_API struct rw_future *rw_condition_wait(struct rw_condition *condition, struct rw_mutex *mutex);
RW_API size_t rw_condition_notify(struct rw_condition *condition, size_t count);

/* Holds everybody until `parties` (at least 1) wait, then lets all go and begins anew. The outcome is a number from 0 to parties - 1,
 * another one for each; the last to come gets the highest. Who is cancelled or dropped while waiting is not counted. */
RW_API struct rw_barrier *rw_barrier_new(struct rw_loop *loop, size_t parties);
RW_API struct rw_barrier *rw_barrier_ref(struct rw_barrier *barrier);
RW_API void rw_barrier_unref(struct rw_barrier *barrier);
RW_API struct rw_future *rw_barrier_wait(struct rw_barrier *barrier);
RW_API size_t rw_barrier_count(const struct rw_barrier *barrier); /* who wait now */

/* A value made once, by the first who asks: get's outcome is a clone of it, made by the future of make(arg, loop) unless it is
 * there already. While one makes it the others wait; if that one fails (it gets the failure), is cancelled or dropped, the next
 * of them makes it. drop(arg), may be NULL, is called once, whether make ran or not. value is borrowed, NULL before. */
RW_API struct rw_once *rw_once_new(struct rw_loop *loop);
RW_API struct rw_once *rw_once_ref(struct rw_once *once);
RW_API void rw_once_unref(struct rw_once *once);
RW_API struct rw_future *rw_once_get(struct rw_once *once,
                                     struct rw_future *(*make)(void *arg, struct rw_loop *loop),
                                     void (*drop)(void *arg), void *arg);
RW_API const struct rw_value *rw_once_value(const struct rw_once *once);

RW_END_DECLS

#endif
