/* SPDX-License-Identifier: MIT
 *
 * relay.c - a waker of one's own that passes each wake on to whoever polls at the moment.
 *
 * Invariant: there is a waker exactly while there is an owner. A clone is a clone of the owner's waker, for only that one
 * is good on other threads; an owner that comes later polls the source, which then clones again.
 */
#include "flow/relay.h"

void rwi_relay_wake(struct rwi_relay *relay)
{
    RW_ASSERT((relay->owner == NULL) == (relay->waker.vtable == NULL));
    if (relay->owner != NULL) {
        rw_waker_wake(&relay->waker);
    }
}

static struct rw_waker clone(void *data)
{
    struct rwi_relay *relay = data;

    RW_ASSERT(relay->owner != NULL);
    return rw_waker_clone(&relay->waker);
}

static void wake(void *data)
{
    rwi_relay_wake(data);
}

/* Only clones are owned, and they are not ours. */
static void drop(void *data)
{
    RW_ASSERT(data != NULL);
    (void)data;
}

static const struct rw_waker_vtable relay_waker = {clone, wake, drop};

struct rw_context rwi_relay_context(struct rwi_relay *relay, const struct rw_context *cx)
{
    RW_ASSERT(relay->owner != NULL);
    return (struct rw_context){.waker = {&relay_waker, relay}, .loop = cx->loop, .task = cx->task};
}
