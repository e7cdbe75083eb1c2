/* SPDX-License-Identifier: MIT
 *
 * time.h - futures of the clock.
 */
#ifndef ROPEWALK_TIME_H
#define ROPEWALK_TIME_H

#include "base.h"
#include "future.h"

RW_BEGIN_DECLS

/* Ready (nil) at the deadline; a deadline that has passed is ready at the first poll after one turn. */
RW_API struct rw_future *rw_sleep_until(struct rw_loop *loop, int64_t deadline_ns);

/* Ready (nil) one turn later. */
RW_API struct rw_future *rw_yield_now(struct rw_loop *loop);

/* Ends with what `future` (taken) ends with, or with RW_ERR_TIMEOUT when the deadline came first: then the future is asked
 * to cancel and polled to its end; a value that still arrives is delivered, not lost. */
RW_API struct rw_future *rw_timeout(struct rw_loop *loop, struct rw_future *future, int64_t deadline_ns);

/* `now + delay` without overflow; a negative delay is RW_NOW's side of now. */
RW_API int64_t rw_deadline_after(const struct rw_loop *loop, int64_t delay_ns);

RW_END_DECLS

#endif
