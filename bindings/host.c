/* SPDX-License-Identifier: MIT
 *
 * host.c - the part of the coroutine driver that is not on the way of every await.
 *
 * Invariant: `leaf` is set only while the coroutine is suspended, so what is asked of a running one finds nothing in flight.
 */
#include "host.h"

bool rwh_coroutine_interrupt(struct rwh_coroutine *self)
{
    if (self->leaf == NULL) {
        return false;
    }
    rw_future_cancel(self->leaf);
    return true;
}
