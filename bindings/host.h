/* SPDX-License-Identifier: MIT
 *
 * host.h - what every scripting host needs: a coroutine is a future.
 *
 * A host embeds struct rwh_coroutine in its own record of a coroutine and says how to resume it. The driver polls what the
 * coroutine awaits, under its task's cancellation, and resumes it with the outcome, again and again, until the
 * coroutine has ended or must wait. Written against <ropewalk.h> only.
 *
 * The driver is inline: a host's poll function is a call of rwh_coroutine_drive with its own `resume`, and the compiler makes one
 * function of the two.
 */
#ifndef RWH_HOST_H
#define RWH_HOST_H

#include <ropewalk.h>

enum rwh_step {
    RWH_AWAIT, /* `leaf` is what it awaits now (taken); NULL: there was no memory for it, as the await will say */
    RWH_PENDING, /* the same, polled already with this context and pending; NULL: the waker was woken, and the next poll resumes */
    RWH_DONE     /* *out is how it ended */
};

struct rwh_coroutine {
    struct rw_future base;  /* first; its vtable is the host's, with RW_FUTURE_COROUTINE among its flags */
    struct rw_future *leaf; /* what it awaits; NULL while it runs, or only lets others run */
};

/* Runs the coroutine until its next await or its end, and sets `leaf`. `in` is the outcome of the last await (nil at the start),
 * owned by the callee. Scripts are entered from here and from nowhere else. */
typedef enum rwh_step rwh_resume(struct rwh_coroutine *self, struct rw_context *cx, struct rw_value in,
                                 struct rw_value *out);

/* `vtable`'s cancel NULL: cancelling is level-triggered, in the core; else rw_task_cancel calls it and leaves the rest to the host. */
static inline void rwh_coroutine_init(struct rwh_coroutine *self, const struct rw_future_vtable *vtable)
{
    rw_future_init(&self->base, vtable);
    self->leaf = NULL;
}

/* Ends what it awaits: the beginning of a host's drop function. The driver forgets the leaf before it goes: dropping may come back to
 * the coroutine. Must not run script code. */
static inline void rwh_coroutine_drop_leaf(struct rwh_coroutine *self)
{
    struct rw_future *leaf = self->leaf;

    self->leaf = NULL;
    rw_future_drop(leaf);
}

/* The poll function. Going on while awaits are ready at once is a loop, not a recursion; the leaves' own budget ends it. */
static inline enum rw_poll rwh_coroutine_drive(struct rwh_coroutine *self, struct rw_context *cx,
                                               struct rw_value *out, rwh_resume *resume)
{
    struct rw_value in = rw_nil();

    for (;;) {
        if (self->leaf != NULL) {
            if (rw_task_await(cx, self->leaf, &in) == RW_PENDING) {
                return RW_PENDING;
            }
            rwh_coroutine_drop_leaf(self);
        }
        enum rwh_step step = resume(self, cx, in, out);

        if (step != RWH_AWAIT) {
            return step == RWH_DONE ? RW_READY : RW_PENDING;
        }
        in = rw_failure(RW_ERR_NOMEM); /* what the await gives where there is no leaf */
    }
}

/* Asks the await in flight to end, once (an edge). Does nothing while the coroutine runs. True when there was one. */
bool rwh_coroutine_interrupt(struct rwh_coroutine *self);

#endif
