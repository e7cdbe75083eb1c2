/* SPDX-License-Identifier: MIT
 *
 * host.c - the coroutine driver.
 *
 * Invariant: `leaf` is NULL exactly while the coroutine runs or has ended. Going on while awaits are ready at once is a loop, not a
 * recursion; the leaves' own budget ends it.
 */
#include "host.h"

void rwh_coroutine_init(struct rwh_coroutine *self, const struct rw_future_vtable *vtable,
                        const struct rwh_coroutine_ops *ops)
{
    rw_future_init(&self->base, vtable);
    self->ops = ops;
    self->leaf = NULL;
}

/* The driver forgets the leaf before it goes: dropping may come back to the coroutine. */
static void drop_leaf(struct rwh_coroutine *self)
{
    struct rw_future *leaf = self->leaf;

    self->leaf = NULL;
    rw_future_drop(leaf);
}

enum rw_poll rwh_coroutine_poll(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    struct rwh_coroutine *self = (struct rwh_coroutine *)future;
    struct rw_value in = rw_nil();

    for (;;) {
        if (self->leaf != NULL) {
            if (rw_task_await(cx, self->leaf, &in) == RW_PENDING) {
                return RW_PENDING;
            }
            drop_leaf(self);
        }
        struct rw_future *leaf = NULL;
        enum rwh_step step = self->ops->resume(self, cx, in, &leaf, out);

        if (step == RWH_DONE) {
            return RW_READY;
        }
        self->leaf = leaf;
        if (step == RWH_PENDING) {
            return RW_PENDING;
        }
        in = rw_failure(RW_ERR_NOMEM); /* what the await gives where there is no leaf */
    }
}

void rwh_coroutine_drop(struct rw_future *future)
{
    struct rwh_coroutine *self = (struct rwh_coroutine *)future;

    drop_leaf(self);
    self->ops->drop(self);
}

bool rwh_coroutine_interrupt(struct rwh_coroutine *self)
{
    if (self->leaf == NULL) {
        return false;
    }
    rw_future_cancel(self->leaf);
    return true;
}
