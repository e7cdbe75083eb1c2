/* SPDX-License-Identifier: MIT
 *
 * time.h - futures of the clock.
 */
#ifndef ROPEWALK_TIME_H
#define ROPEWALK_TIME_H

#include "base.h"
#include "future.h"

/* Futures of rw_sleep_init, rw_yield_init and rw_timeout_init. Only `base` is the caller's to use. */
struct rw_sleep {
    struct rw_future base;
    void *own[4];
};

struct rw_yield {
    struct rw_future base;
    bool yielded;
};

struct rw_timeout {
    struct rw_future base;
    void *own[8];
};

RW_BEGIN_DECLS

/* Ready (nil) at the deadline; a deadline that has passed is ready at the first poll after one turn. */
RW_API struct rw_future *rw_sleep_until(struct rw_loop *loop, int64_t deadline_ns);

/* Ready (nil) one turn later. */
RW_API struct rw_future *rw_yield_now(struct rw_loop *loop);

/* The same two in the caller's memory, see "futures in the caller's memory" in future.h. */
RW_API void rw_sleep_init(struct rw_sleep *sleep, struct rw_loop *loop, int64_t deadline_ns);
RW_API void rw_yield_init(struct rw_yield *yield);

/* A yield inside a poll function of one's own, without a future: false at the first call, which has woken the task, so that
 * the caller answers RW_PENDING; true at the next one. `*yielded` is false to begin with, and again after true. */
static inline bool rw_yield_passed(struct rw_context *cx, bool *yielded)
{
    bool has_passed = *yielded;

    *yielded = !has_passed;
    if (!has_passed) {
        rw_waker_wake(&cx->waker);
    }
    return has_passed;
}

/* Ends with what `future` (taken) ends with, or with RW_ERR_TIMEOUT when the deadline came first: then the future is asked
 * to cancel and polled to its end; a value that still arrives is delivered, not lost. */
RW_API struct rw_future *rw_timeout(struct rw_loop *loop, struct rw_future *future, int64_t deadline_ns);

/* The same in the caller's memory, see future.h. `future` is dropped with it, and may lie in the caller's memory too. */
RW_API void rw_timeout_init(struct rw_timeout *timeout, struct rw_loop *loop, struct rw_future *future,
                            int64_t deadline_ns);

/* `now + delay` without overflow; a negative delay is RW_NOW's side of now. */
RW_API int64_t rw_deadline_after(const struct rw_loop *loop, int64_t delay_ns);

RW_END_DECLS

#endif
