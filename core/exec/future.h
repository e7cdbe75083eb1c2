/* SPDX-License-Identifier: MIT
 *
 * future.h - rw_poll for callers inside the core, where the call must cost nothing.
 */
#ifndef RWI_EXEC_FUTURE_H
#define RWI_EXEC_FUTURE_H

#include <ropewalk.h>

#include "base/check.h"

enum { RWI_FUTURE_STATE_BITS = RW_FUTURE_POLLED | RW_FUTURE_DONE | RW_FUTURE_CANCELLED };

/* The polls that are not plain: after a cancel, and misuse. */
enum rw_poll rwi_poll_slow(struct rw_future *future, struct rw_context *cx, struct rw_value *out);

/* Checked builds: ends the process, naming the future, when it was moved after a poll, or when what its poll answered is none of
 * its values. */
void rwi_future_check_place(const struct rw_future *future);
void rwi_future_check_answer(const struct rw_future *future, enum rw_poll poll, const struct rw_value *out);

/* True when the future stands where it was first polled (checked builds). A caller that is not checked keeps no address. */
static inline bool rwi_future_is_pinned(const struct rw_future *future)
{
#if RW_CHECK_LEVEL >= 2
    uint32_t address = future->state & ~(uint32_t)RWI_FUTURE_STATE_BITS;

    return address == 0 || address == (uint32_t)(uintptr_t)future;
#else
    (void)future;
    return true;
#endif
}

/* Before the first poll: from here on it stays where it is. */
static inline void rwi_future_pin(struct rw_future *future)
{
    RW_ASSERT(((uintptr_t)future & RWI_FUTURE_STATE_BITS) == 0);
#if RW_CHECK_LEVEL >= 2
    future->state |= (uint32_t)(uintptr_t)future;
#endif
    future->state |= RW_FUTURE_POLLED;
}

/* As rw_future_drop, of a future. */
static inline void rwi_future_drop(struct rw_future *future)
{
#if RW_CHECK_LEVEL >= 2
    rwi_future_check_place(future);
#endif
    future->vtable->drop(future);
}

/* As rw_poll. */
static inline enum rw_poll rwi_poll(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    if (rwi_unlikely((future->state & (RW_FUTURE_DONE | RW_FUTURE_CANCELLED)) != 0)) {
        return rwi_poll_slow(future, cx, out);
    }
#if RW_CHECK_LEVEL >= 2
    if ((future->state & RW_FUTURE_POLLED) == 0) {
        rwi_future_pin(future);
    }
#endif
#if RW_CHECK_LEVEL >= 2
    rwi_future_check_place(future);
#endif
    future->state |= RW_FUTURE_POLLED;
    enum rw_poll poll = future->vtable->poll(future, cx, out);

#if RW_CHECK_LEVEL >= 2
    rwi_future_check_answer(future, poll, out);
#endif
    if (poll == RW_READY) {
        future->state |= RW_FUTURE_DONE;
    }
    return poll;
}

#endif
