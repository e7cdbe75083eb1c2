/* SPDX-License-Identifier: MIT
 *
 * sleep.c - futures of the clock: sleep_until, yield_now, timeout.
 *
 * Those that wait for a time embed their timer. Invariant: the timer is armed only between a PENDING poll and the next terminal one, and
 * dropping disarms it. A sleep whose deadline has passed still takes one turn: a loop of such sleeps lets others run.
 */
#include "base/check.h"
#include "exec/executor.h"
#include "exec/future.h"

struct sleep_future {
    struct rw_future base;
    struct rw_loop *loop;
    int64_t deadline_ns;
    struct rw_timer timer;
    struct rw_waker waker; /* borrowed */
    bool fired;
};

static void fire_sleep(struct rw_timer *timer, struct rw_loop *loop)
{
    struct sleep_future *sleep = rwi_container_of(timer, struct sleep_future, timer);

    RW_ASSERT(sleep->loop == loop);
    (void)loop;
    sleep->fired = true;
    rw_waker_wake(&sleep->waker);
}

static enum rw_poll poll_sleep(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct sleep_future *sleep = (struct sleep_future *)self;

    if (sleep->fired) {
        if (!rwi_budget_take(cx)) {
            return RW_PENDING;
        }
        *out = rw_nil();
        return RW_READY;
    }
    if ((self->state & RW_FUTURE_CANCELLED) != 0) {
        rw_timer_disarm(sleep->loop, &sleep->timer);
        *out = rw_failure(RW_ERR_CANCELLED);
        return RW_READY;
    }
    sleep->waker = cx->waker;
    if (sleep->deadline_ns == RW_NEVER || rw_timer_is_armed(&sleep->timer)) {
        return RW_PENDING;
    }
    if (sleep->deadline_ns <= rwi_executor_of(sleep->loop)->now_ns) {
        sleep->fired = true;
        rw_waker_wake(&sleep->waker);
        return RW_PENDING;
    }
    if (rw_timer_arm(sleep->loop, &sleep->timer, sleep->deadline_ns) != 0) {
        *out = rw_failure(RW_ERR_NOMEM);
        return RW_READY;
    }
    return RW_PENDING;
}

static void cancel_sleep(struct rw_future *self)
{
    struct sleep_future *sleep = (struct sleep_future *)self;

    RW_ASSERT((self->state & RW_FUTURE_POLLED) != 0);
    rw_waker_wake(&sleep->waker);
}

static void drop_sleep(struct rw_future *self)
{
    struct sleep_future *sleep = (struct sleep_future *)self;

    rw_timer_disarm(sleep->loop, &sleep->timer);
    rwi_loop_release(sleep->loop, sleep, sizeof *sleep);
}

static const struct rw_future_vtable sleep_vtable = {"sleep", 0, poll_sleep, cancel_sleep, drop_sleep};

struct rw_future *rw_sleep_until(struct rw_loop *loop, int64_t deadline_ns)
{
    RW_REQUIRE(loop != NULL);
    struct sleep_future *sleep = rwi_loop_alloc(loop, sizeof *sleep);

    if (sleep == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    rw_future_init(&sleep->base, &sleep_vtable);
    sleep->loop = loop;
    sleep->deadline_ns = deadline_ns;
    sleep->fired = false;
    rw_timer_init(&sleep->timer, fire_sleep);
    return &sleep->base;
}

struct yield_future {
    struct rw_future base;
    struct rw_loop *loop;
    bool yielded;
};

static enum rw_poll poll_yield(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct yield_future *yield = (struct yield_future *)self;

    RW_ASSERT(yield->loop == cx->loop);
    if (!yield->yielded) {
        yield->yielded = true;
        rw_waker_wake(&cx->waker);
        return RW_PENDING;
    }
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    *out = rw_nil();
    return RW_READY;
}

/* Its wake is on the way already. */
static void cancel_yield(struct rw_future *self)
{
    RW_ASSERT(((struct yield_future *)self)->yielded);
    (void)self;
}

static void drop_yield(struct rw_future *self)
{
    struct yield_future *yield = (struct yield_future *)self;

    rwi_loop_release(yield->loop, yield, sizeof *yield);
}

static const struct rw_future_vtable yield_vtable = {"yield_now", 0, poll_yield, cancel_yield, drop_yield};

struct rw_future *rw_yield_now(struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    struct yield_future *yield = rwi_loop_alloc(loop, sizeof *yield);

    if (yield == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    rw_future_init(&yield->base, &yield_vtable);
    yield->loop = loop;
    yield->yielded = false;
    return &yield->base;
}

int64_t rw_deadline_after(const struct rw_loop *loop, int64_t delay_ns)
{
    RW_REQUIRE(loop != NULL);
    int64_t now_ns = rwi_executor_of(loop)->now_ns;
    int64_t deadline_ns;

    if (__builtin_add_overflow(now_ns, delay_ns, &deadline_ns)) {
        return delay_ns > 0 ? RW_NEVER : RW_NOW;
    }
    return deadline_ns;
}

struct timeout_future {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_future *inner;
    int64_t deadline_ns;
    struct rw_timer timer;
    struct rw_waker waker; /* borrowed */
    bool expired;
};

static void fire_timeout(struct rw_timer *timer, struct rw_loop *loop)
{
    struct timeout_future *timeout = rwi_container_of(timer, struct timeout_future, timer);

    RW_ASSERT(timeout->loop == loop);
    (void)loop;
    timeout->expired = true;
    rw_future_cancel(timeout->inner);
    rw_waker_wake(&timeout->waker);
}

static enum rw_poll end_timeout(struct timeout_future *timeout, struct rw_value *out)
{
    RW_ASSERT((timeout->base.state & RW_FUTURE_POLLED) != 0);
    rw_timer_disarm(timeout->loop, &timeout->timer);
    if (timeout->expired && rw_is_failure(out) && out->code == RW_ERR_CANCELLED) {
        bool from_outside = (timeout->base.state & RW_FUTURE_CANCELLED) != 0;

        if (!from_outside) {
            rw_value_drop(out);
            *out = rw_failure(RW_ERR_TIMEOUT);
        }
    }
    return RW_READY;
}

static enum rw_poll poll_timeout(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct timeout_future *timeout = (struct timeout_future *)self;

    if (rwi_poll(timeout->inner, cx, out) == RW_READY) {
        return end_timeout(timeout, out);
    }
    timeout->waker = cx->waker;
    if (timeout->expired || timeout->deadline_ns == RW_NEVER || rw_timer_is_armed(&timeout->timer)) {
        return RW_PENDING;
    }
    if (timeout->deadline_ns <= rwi_executor_of(timeout->loop)->now_ns) {
        fire_timeout(&timeout->timer, timeout->loop);
        return RW_PENDING;
    }
    if (rw_timer_arm(timeout->loop, &timeout->timer, timeout->deadline_ns) != 0) {
        *out = rw_failure(RW_ERR_NOMEM);
        return RW_READY;
    }
    return RW_PENDING;
}

/* The inner one is asked; a waker is kept in case it has no cancel of its own to wake with. */
static void cancel_timeout(struct rw_future *self)
{
    struct timeout_future *timeout = (struct timeout_future *)self;

    RW_ASSERT((self->state & RW_FUTURE_POLLED) != 0);
    rw_future_cancel(timeout->inner);
    rw_waker_wake(&timeout->waker);
}

static void drop_timeout(struct rw_future *self)
{
    struct timeout_future *timeout = (struct timeout_future *)self;

    rwi_timers_disarm(&rwi_executor_of(timeout->loop)->timers, &timeout->timer);
    rw_future_drop(timeout->inner);
    rwi_loop_release(timeout->loop, timeout, sizeof *timeout);
}

static const struct rw_future_vtable timeout_vtable = {"timeout", 0, poll_timeout, cancel_timeout,
                                                       drop_timeout};

struct rw_future *rw_timeout(struct rw_loop *loop, struct rw_future *future, int64_t deadline_ns)
{
    RW_REQUIRE(future != NULL);
    struct timeout_future *timeout = rwi_loop_alloc(loop, sizeof *timeout);

    if (timeout == NULL) {
        rw_future_drop(future);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    rw_future_init(&timeout->base, &timeout_vtable);
    timeout->loop = loop;
    timeout->inner = future;
    timeout->deadline_ns = deadline_ns;
    timeout->expired = false;
    rw_timer_init(&timeout->timer, fire_timeout);
    return &timeout->base;
}
