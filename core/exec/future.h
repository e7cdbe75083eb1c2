/* SPDX-License-Identifier: MIT
 *
 * future.h - rw_poll for callers inside the core, where the call must cost nothing.
 */
#ifndef RWI_EXEC_FUTURE_H
#define RWI_EXEC_FUTURE_H

#include <ropewalk.h>

#include "base/check.h"

/* The polls that are not the plain one: the first, after a cancel without a cancel function, and misuse. */
enum rw_poll rwi_poll_slow(struct rw_future *future, struct rw_context *cx, struct rw_value *out);

/* True when the future stands where it was first polled (checked builds). */
bool rwi_future_is_pinned(const struct rw_future *future);

/* As rw_poll. */
static inline enum rw_poll rwi_poll(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    const uintptr_t state_bits = RW_FUTURE_POLLED | RW_FUTURE_DONE | RW_FUTURE_CANCELLED;

    if (rwi_unlikely((future->state & state_bits) != RW_FUTURE_POLLED)) {
        return rwi_poll_slow(future, cx, out);
    }
    RW_ASSERT(rwi_future_is_pinned(future));
    enum rw_poll poll = future->vtable->poll(future, cx, out);

    RW_ASSERT(poll == RW_PENDING || poll == RW_READY);
    if (poll == RW_READY) {
        future->state |= RW_FUTURE_DONE;
    }
    return poll;
}

#endif
