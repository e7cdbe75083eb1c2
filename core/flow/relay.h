/* SPDX-License-Identifier: MIT
 *
 * relay.h - a waker of one's own that passes each wake on to whoever polls at the moment.
 *
 * A source keeps the waker it was polled with for longer than one future lives: the next future may come from another
 * task. So a stream gives its source its own waker, which stays good as long as the stream, and remembers here who is to be woken.
 */
#ifndef RWI_FLOW_RELAY_H
#define RWI_FLOW_RELAY_H

#include <ropewalk.h>

#include "base/check.h"

struct rwi_relay {
    const void *owner;     /* NULL: nobody waits */
    struct rw_waker waker; /* the owner's; borrowed */
};

/* A context as `cx`, but with the relay's waker. */
struct rw_context rwi_relay_context(struct rwi_relay *relay, const struct rw_context *cx);

static inline bool rwi_relay_is_busy(const struct rwi_relay *relay, const void *owner)
{
    RW_ASSERT(owner != NULL);
    return relay->owner != NULL && relay->owner != owner;
}

static inline void rwi_relay_enter(struct rwi_relay *relay, const void *owner, const struct rw_context *cx)
{
    RW_ASSERT(!rwi_relay_is_busy(relay, owner));
    relay->owner = owner;
    relay->waker = cx->waker;
}

static inline void rwi_relay_leave(struct rwi_relay *relay, const void *owner)
{
    if (relay->owner == owner) {
        relay->owner = NULL;
        relay->waker.vtable = NULL;
    }
}

/* Wakes the owner, if there is one. */
void rwi_relay_wake(struct rwi_relay *relay);

#endif
