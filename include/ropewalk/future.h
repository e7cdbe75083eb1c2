/* SPDX-License-Identifier: MIT
 *
 * future.h - a value that may not be there yet, and how somebody is told that it is.
 *
 * The model is Rust's: a future is lazy, does work only while it is polled, and promises before it answers
 * RW_PENDING that it has kept the context's waker and will wake it. It has exactly one terminal completion;
 * cancelling is a request, after which the future still has to be polled to its end or dropped. Once polled it does
 * not move (checked builds assert its address).
 *
 *      new --poll--> polled --poll: READY--> done          drop ends it in any state
 *                      |  cancel: a request    ^
 *                      +-----------------------+
 *
 * Futures in the caller's memory. What a future awaits most has, beside the function that gives it boxed (rw_yield_now,
 * rw_sleep_until, rw_task_join, rw_channel_send, rw_channel_receive), a struct to embed and a function of the name rw_x_init, so
 * that an await allocates nothing. `&x.base` is then a future as any other: drop ends it in any state and leaves its memory
 * alone, after which it may be made again in the same place. What it is made of must outlive it, where its contract
 * does not say that it takes a reference.
 */
#ifndef ROPEWALK_FUTURE_H
#define ROPEWALK_FUTURE_H

#include "base.h"
#include "value.h"

enum rw_poll {
    RW_PENDING = 0, /* the waker is kept; poll again after it woke */
    RW_READY = 1,   /* *out holds the value or the failure; do not poll again */
    RW_END = 2      /* streams only: there is no further item */
};

struct rw_loop;
struct rw_task;
struct rw_waker;

/* All functions get the waker's `data`. */
struct rw_waker_vtable {
    /* An owned waker that may be kept for any time and used on any thread. Fails never: where memory is short it gives
     * a waker that wakes its loop as a whole. */
    struct rw_waker (*clone)(void *data);
    void (*wake)(void *data); /* leaves the waker as it is */
    void (*drop)(void *data);
};

/* Two words, a value type. A waker found in a context is borrowed: it is good on this thread until the future that
 * kept it is dropped, is ready, or is polled with another one. Anything longer, or another thread: rw_waker_clone. */
struct rw_waker {
    const struct rw_waker_vtable *vtable;
    void *data;
};

/* What poll is given. `task` is the task being run; NULL where a host polls by hand. */
struct rw_context {
    struct rw_waker waker;
    struct rw_loop *loop;
    struct rw_task *task;
};

struct rw_future;

enum rw_future_flags {
    /* This future drives a coroutine through rw_task_await: cancelling reaches it there, as a failure of its await. */
    RW_FUTURE_COROUTINE = 1,
    /* rw_task_await polls it to its end even when the task is cancelled (the end of a scope waits for its children). */
    RW_FUTURE_SHIELDED = 2
};

struct rw_future_vtable {
    const char *name; /* for reports: "sleep", "channel.receive" */
    uint32_t flags;   /* enum rw_future_flags */
    /* RW_READY writes *out, which the caller then owns. May be called again only after RW_PENDING. */
    enum rw_poll (*poll)(struct rw_future *self, struct rw_context *cx, struct rw_value *out);
    /* A request to end early: make sure that the next poll, which follows a wake, is terminal as soon as it can be.
     * NULL where dropping is all there is: the task then drops the future and fails with RW_ERR_CANCELLED. */
    void (*cancel)(struct rw_future *self);
    /* Ends the future in any state and frees its memory. Nothing of it may be woken or written to afterwards. */
    void (*drop)(struct rw_future *self);
};

/* The head of every future; embed it first. `state` belongs to rw_poll and rw_future_cancel; `own` is for whoever embeds it, since the
 * room would be lost otherwise. */
struct rw_future {
    const struct rw_future_vtable *vtable;
    uint32_t state; /* address once polled (checked builds, its low bits) | RW_FUTURE_POLLED.. */
    uint32_t own;   /* zero at first */
};

enum rw_future_state { RW_FUTURE_POLLED = 1, RW_FUTURE_DONE = 2, RW_FUTURE_CANCELLED = 4 };

RW_BEGIN_DECLS

/* The part of rw_poll for cancelled futures, checked builds, and misuse. */
RW_API enum rw_poll rw_poll_slow(struct rw_future *future, struct rw_context *cx, struct rw_value *out);

/* Polls a future. Requires that it is not done. */
static inline enum rw_poll rw_poll(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
#if defined(RW_CHECK_LEVEL) && RW_CHECK_LEVEL >= 2
    return rw_poll_slow(future, cx, out);
#else
    if ((future->state & ~(uint32_t)RW_FUTURE_POLLED) != 0) {
        return rw_poll_slow(future, cx, out);
    }
    future->state = RW_FUTURE_POLLED;
    enum rw_poll poll = future->vtable->poll(future, cx, out);

    if (poll == RW_READY) {
        future->state |= RW_FUTURE_DONE;
    }
    return poll;
#endif
}

/* Requests the end of a polled future; the second call does nothing. A future not yet polled, or without a cancel
 * function, is only marked: its next poll answers RW_READY with RW_ERR_CANCELLED without running it. */
RW_API void rw_future_cancel(struct rw_future *future);

/* The part of rw_future_drop for checked builds. */
RW_API void rw_future_drop_slow(struct rw_future *future);

/* Ends a future in any state; takes NULL. */
static inline void rw_future_drop(struct rw_future *future)
{
    if (future != NULL) {
#if defined(RW_CHECK_LEVEL) && RW_CHECK_LEVEL >= 2
        rw_future_drop_slow(future);
#else
        future->vtable->drop(future);
#endif
    }
}

static inline void rw_future_init(struct rw_future *future, const struct rw_future_vtable *vtable)
{
    future->vtable = vtable;
    future->state = 0;
    future->own = 0;
}

static inline void rw_waker_wake(const struct rw_waker *waker)
{
    waker->vtable->wake(waker->data);
}

static inline struct rw_waker rw_waker_clone(const struct rw_waker *waker)
{
    return waker->vtable->clone(waker->data);
}

static inline void rw_waker_drop(struct rw_waker *waker)
{
    if (waker->vtable != NULL) {
        waker->vtable->drop(waker->data);
        waker->vtable = NULL;
    }
}

/* Memory from the loop's slabs: a free list per size class, a few nanoseconds. The size must be given back. */
RW_API void *rw_loop_alloc(struct rw_loop *loop, size_t size);
RW_API void rw_loop_release(struct rw_loop *loop, void *memory, size_t size);

/* Futures that are ready at once: with a value or a failure (taken), or with the failure that has only a code: what every
 * constructor gives when it could not make its future. Boxed; on no memory a static future that fails with RW_ERR_NOMEM, so
 * never NULL. */
RW_API struct rw_future *rw_ready(struct rw_loop *loop, struct rw_value value);
RW_API struct rw_future *rw_failed(struct rw_loop *loop, int code);

/* A leaf that does real work calls this first in its poll: false means the task has used up its budget of this turn,
 * has been woken, and the leaf answers RW_PENDING. */
RW_API bool rw_budget_take(struct rw_context *cx);

/* A future made by hand: a promise is completed once, by resolve or reject; any number of futures wait for it. */
struct rw_promise;
RW_API struct rw_promise *rw_promise_new(struct rw_loop *loop);
RW_API struct rw_promise *rw_promise_ref(struct rw_promise *promise);
RW_API void rw_promise_unref(struct rw_promise *promise);
RW_API struct rw_object *rw_promise_object(struct rw_promise *promise);
RW_API struct rw_promise *rw_promise_of(
    const struct rw_value *value); /* borrowed; NULL when it is no promise */

/* Completes it and wakes who waits. Takes `value` (which may be a failure). RW_ERR_STATE when it is complete already.
 * When the last reference that could complete it goes, the futures fail with RW_ERR_BROKEN: rw_promise_abandon. */
RW_API int rw_promise_resolve(struct rw_promise *promise, struct rw_value value);
RW_API void rw_promise_abandon(struct rw_promise *promise);
RW_API bool rw_promise_is_done(const struct rw_promise *promise);
/* The value it was completed with; borrowed, NULL before. */
RW_API const struct rw_value *rw_promise_value(const struct rw_promise *promise);

/* A future for its value: each one gives a clone. Cancelling such a future leaves the promise alone. */
RW_API struct rw_future *rw_promise_wait(struct rw_promise *promise);

RW_END_DECLS

#endif
