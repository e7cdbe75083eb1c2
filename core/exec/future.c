/* SPDX-License-Identifier: MIT
 *
 * future.c - the rules every future obeys, kept in one place: polled until ready and never after, pinned once
 * polled, asked to cancel at most once.
 *
 * The state holds three bits and, in checked builds, the low bits of the address at which the future was first polled. rw_poll
 * is the only way to a future's poll function, which makes the rules hold for third parties too.
 */
#include "exec/future.h"

#include "base/check.h"
#include "exec/executor.h"

/* The future of last resort: it needs no memory, is never written to, and may be handed out many times. Being done from the start
 * is what tells rw_poll and rw_future_cancel to leave it alone. */
static void drop_nothing(struct rw_future *self)
{
    RW_ASSERT((self->state & RW_FUTURE_DONE) != 0);
    (void)self;
}

static const struct rw_future_vtable no_memory_vtable = {"no memory", 0, NULL, NULL, drop_nothing};
static const struct rw_future no_memory = {&no_memory_vtable, RW_FUTURE_DONE, 0};

static enum rw_poll poll_done(const struct rw_future *future, struct rw_value *out)
{
    if (future != &no_memory) {
        rwi_check_misuse("the future '%s' was polled again after it was ready", future->vtable->name);
    }
    *out = rw_failure(RW_ERR_NOMEM);
    return RW_READY;
}

void rwi_future_check_place(const struct rw_future *future)
{
    if (!rwi_future_is_pinned(future)) {
        rwi_check_misuse("the future '%s' was moved after its first poll", future->vtable->name);
    }
}

void rwi_future_check_answer(const struct rw_future *future, enum rw_poll poll, const struct rw_value *out)
{
    if (RW_CHECK_LEVEL < 2 || poll == RW_PENDING) {
        return;
    }
    if (poll != RW_READY) {
        rwi_check_misuse("the poll function of '%s' answered %d, which is neither RW_PENDING nor RW_READY",
                         future->vtable->name, (int)poll);
    }
    if (out->kind > RW_KIND_NATIVE) {
        rwi_check_misuse("the future '%s' gave a value of an unknown kind (%d)", future->vtable->name,
                         out->kind);
    }
}

enum rw_poll rwi_poll_slow(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    uint32_t state = future->state;

    if ((state & RW_FUTURE_DONE) != 0) {
        return poll_done(future, out);
    }
    if ((state & RW_FUTURE_CANCELLED) != 0 &&
        ((state & RW_FUTURE_POLLED) == 0 || future->vtable->cancel == NULL)) {
        future->state = state | RW_FUTURE_DONE;
        *out = rw_failure(RW_ERR_CANCELLED);
        return RW_READY;
    }
    if ((state & RW_FUTURE_POLLED) == 0) {
        rwi_future_pin(future);
    }
    rwi_future_check_place(future);
    enum rw_poll poll = future->vtable->poll(future, cx, out);

    rwi_future_check_answer(future, poll, out);
    if (poll == RW_READY) {
        future->state |= RW_FUTURE_DONE;
    }
    return poll;
}

enum rw_poll rw_poll_slow(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    return rwi_poll(future, cx, out);
}

void rw_future_cancel(struct rw_future *future)
{
    uint32_t state = future->state;

    if ((state & (RW_FUTURE_CANCELLED | RW_FUTURE_DONE)) != 0) {
        return;
    }
    future->state = state | RW_FUTURE_CANCELLED;
    if ((state & RW_FUTURE_POLLED) != 0 && future->vtable->cancel != NULL) {
        rwi_future_check_place(future);
        future->vtable->cancel(future);
    }
}

void rw_future_drop_slow(struct rw_future *future)
{
    RW_REQUIRE(future != NULL);
    rwi_future_drop(future);
}

struct ready_future {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_value value;
};

static enum rw_poll poll_ready(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct ready_future *ready = (struct ready_future *)self;

    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    *out = ready->value;
    ready->value = rw_nil();
    return RW_READY;
}

/* It is as good as done: a cancel comes too late. */
static void cancel_ready(struct rw_future *self)
{
    RW_ASSERT((self->state & RW_FUTURE_DONE) == 0);
}

static void drop_ready(struct rw_future *self)
{
    struct ready_future *ready = (struct ready_future *)self;

    rw_value_drop(&ready->value);
    rwi_loop_release(ready->loop, ready, sizeof *ready);
}

static const struct rw_future_vtable ready_vtable = {"ready", 0, poll_ready, cancel_ready, drop_ready};

struct rw_future *rw_ready(struct rw_loop *loop, struct rw_value value)
{
    struct ready_future *ready = rwi_loop_alloc(loop, sizeof *ready);

    if (ready == NULL) {
        rw_value_drop(&value);
        return (struct rw_future *)(uintptr_t)&no_memory;
    }
    rw_future_init(&ready->base, &ready_vtable);
    ready->loop = loop;
    ready->value = value;
    return &ready->base;
}

struct rw_future *rw_failed(struct rw_loop *loop, int code)
{
    RW_REQUIRE(code < 0);
    return rw_ready(loop, rw_failure(code));
}
