/* SPDX-License-Identifier: MIT
 *
 * waiter.c - wakers that are to be woken once a lock is free.
 *
 * Waking another loop may write to its eventfd, which is no thing to do while others spin on a channel's lock. The
 * batch lies on the stack of who holds the lock; when it overflows (a close with many waiters), waking under the
 * lock is slow but right, for a waker never runs anything in place.
 *
 * Invariant: the batch owns the first `count` wakers, and none of them belongs to a waiter any more.
 */
#include "flow/waiter.h"

void rwi_wakes_flush(struct rwi_wakes *wakes)
{
    RW_ASSERT(wakes->count <= RWI_WAKES_MAX);
    for (size_t i = 0; i < wakes->count; i++) {
        RW_ASSERT(wakes->wakers[i].vtable != NULL);
        rw_waker_wake(&wakes->wakers[i]);
        rw_waker_drop(&wakes->wakers[i]);
    }
    wakes->count = 0;
}

void rwi_wakes_add(struct rwi_wakes *wakes, struct rw_waker waker)
{
    RW_ASSERT(waker.vtable != NULL);
    if (wakes->count == RWI_WAKES_MAX) {
        rwi_wakes_flush(wakes);
    }
    RW_ASSERT(wakes->count < RWI_WAKES_MAX);
    wakes->wakers[wakes->count++] = waker;
}
