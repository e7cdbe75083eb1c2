/* SPDX-License-Identifier: MIT
 *
 * host.h - what every scripting host needs: a coroutine is a future.
 *
 * A host embeds struct rwh_coroutine in its own record of a coroutine and says how to resume it. The driver polls what the
 * coroutine awaits, under its task's cancellation, and resumes it with the outcome, again and again, until the
 * coroutine has ended or must wait. Written against <ropewalk.h> only.
 */
#ifndef RWH_HOST_H
#define RWH_HOST_H

#include <ropewalk.h>

enum rwh_step {
    RWH_AWAIT, /* *leaf is what it awaits now (taken); NULL: there was no memory for it, as the await will say */
    RWH_PENDING, /* the same, polled already with this context and pending */
    RWH_DONE     /* *out is how it ended */
};

struct rwh_coroutine;

struct rwh_coroutine_ops {
    /* Runs the coroutine until its next await or its end. `in` is the outcome of the last await (nil at the start), owned by the
     * callee. Scripts are entered from here and from nowhere else. */
    enum rwh_step (*resume)(struct rwh_coroutine *self, struct rw_context *cx, struct rw_value in,
                            struct rw_future **leaf, struct rw_value *out);
    /* Ends a coroutine that may be suspended, and frees its record. Must not run script code. */
    void (*drop)(struct rwh_coroutine *self);
};

struct rwh_coroutine {
    struct rw_future base; /* first; its vtable is the host's, made with RWH_COROUTINE_VTABLE */
    const struct rwh_coroutine_ops *ops;
    struct rw_future *leaf; /* what it awaits; NULL while it runs */
};

/* The vtable of a host's coroutines. `cancel` NULL: cancelling is level-triggered, in the core; else rw_task_cancel calls it and leaves
 * the rest to the host. */
#define RWH_COROUTINE_VTABLE(name, cancel)                                                                   \
    {                                                                                                        \
        name, RW_FUTURE_COROUTINE, rwh_coroutine_poll, cancel, rwh_coroutine_drop                            \
    }

void rwh_coroutine_init(struct rwh_coroutine *self, const struct rw_future_vtable *vtable,
                        const struct rwh_coroutine_ops *ops);

enum rw_poll rwh_coroutine_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out);
void rwh_coroutine_drop(struct rw_future *self);

/* Asks the await in flight to end, once (an edge). Does nothing while the coroutine runs. True when there was one. */
bool rwh_coroutine_interrupt(struct rwh_coroutine *self);

#endif
