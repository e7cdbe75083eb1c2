/* SPDX-License-Identifier: MIT
 *
 * blocking.h - work that blocks, on threads of its own.
 */
#ifndef ROPEWALK_BLOCKING_H
#define ROPEWALK_BLOCKING_H

#include "base.h"
#include "future.h"

struct rw_pool;

RW_BEGIN_DECLS

/* A pool of at most `threads` threads, started when needed, with at most `queue` jobs waiting. Counted; belongs to no loop; any thread.
 * The last unref lets running jobs end and joins the threads. In simulation jobs run on the loop's own thread, in order, a turn later. */
RW_API struct rw_pool *rw_pool_new(const char *name, uint32_t threads, uint32_t queue);
RW_API struct rw_pool *rw_pool_ref(struct rw_pool *pool);
RW_API void rw_pool_unref(struct rw_pool *pool);

/* Runs fn(arg) on the pool (NULL: the loop's own); its *out (value or failure) is the outcome. drop(arg), may be NULL, is called once
 * afterwards, on the loop's thread. The queue being full is RW_ERR_FULL. Cancelling takes a job out of the queue; one that runs is
 * waited for by nobody: the outcome is RW_ERR_CANCELLED at once, its value is dropped on arrival. Starts when first polled. */
RW_API struct rw_future *rw_spawn_blocking(struct rw_loop *loop, struct rw_pool *pool,
                                           void (*fn)(void *arg, struct rw_value *out),
                                           void (*drop)(void *arg), void *arg);

RW_END_DECLS

#endif
