/* SPDX-License-Identifier: MIT
 *
 * sleep.c - futures of the clock: sleep_until, yield_now, timeout.
 *
 * Each may lie in the caller's memory, where awaiting it allocates nothing, or in a box of its own, which its drop frees; the
 * two differ in that only. Those that wait for a time embed their timer. Invariant: the timer is armed only between a PENDING poll and the next terminal one, and
 * dropping disarms it. A sleep whose deadline has passed still takes one turn: a loop of such sleeps lets others run.
 */
#include "base/check.h"
#include "exec/executor.h"
#include "exec/future.h"

/* Of a sleep only its place is in the heap of timers, with what it goes through as the place's kind. */
struct sleep {
    struct rw_future base;
    struct rw_loop *loop;
    union {
        int64_t deadline_ns;   /* NEW */
        struct rw_waker waker; /* WAITING and FIRED; borrowed */
    } as;
    struct rw_timer_place place;
};

enum sleep_phase { NEW = RWI_TIMER_SLEEP, WAITING, FIRED };

_Static_assert(sizeof(struct sleep) == sizeof(struct rw_sleep), "the door gives sleeps the room they need");

void rwi_sleep_fire(struct rw_timer_place *place)
{
    struct sleep *sleep = rwi_container_of(place, struct sleep, place);

    RW_ASSERT(place->kind == WAITING);
    place->kind = FIRED;
    rw_waker_wake(&sleep->as.waker);
}

/* The first poll: keeps the waker where the deadline was. */
static enum rw_poll begin_sleep(struct sleep *sleep, struct rw_context *cx, struct rw_value *out)
{
    struct rwi_executor *executor = rwi_executor_of(sleep->loop);
    int64_t deadline_ns = sleep->as.deadline_ns;

    RW_ASSERT(sleep->place.position == 0);
    sleep->as.waker = cx->waker;
    if (deadline_ns <= executor->now_ns) {
        sleep->place.kind = FIRED;
        rw_waker_wake(&cx->waker);
        return RW_PENDING;
    }
    sleep->place.kind = WAITING;
    if (deadline_ns == RW_NEVER) {
        return RW_PENDING;
    }
    if (executor->ending || rwi_timers_arm(&executor->timers, &sleep->place, deadline_ns) != 0) {
        *out = rw_failure(RW_ERR_NOMEM);
        return RW_READY;
    }
    return RW_PENDING;
}

static enum rw_poll poll_sleep(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct sleep *sleep = (struct sleep *)self;

    if (sleep->place.kind == FIRED) {
        if (!rwi_budget_take(cx)) {
            return RW_PENDING;
        }
        *out = rw_nil();
        return RW_READY;
    }
    if (rwi_unlikely((self->state & RW_FUTURE_CANCELLED) != 0)) {
        rwi_timers_disarm(&rwi_executor_of(sleep->loop)->timers, &sleep->place);
        *out = rw_failure(RW_ERR_CANCELLED);
        return RW_READY;
    }
    if (sleep->place.kind == NEW) {
        return begin_sleep(sleep, cx, out);
    }
    sleep->as.waker = cx->waker;
    return RW_PENDING;
}

static void cancel_sleep(struct rw_future *self)
{
    struct sleep *sleep = (struct sleep *)self;

    RW_ASSERT(sleep->place.kind != NEW);
    rw_waker_wake(&sleep->as.waker);
}

static void drop_sleep(struct rw_future *self)
{
    struct sleep *sleep = (struct sleep *)self;

    RW_ASSERT(sleep->loop != NULL);
    rwi_timers_disarm(&rwi_executor_of(sleep->loop)->timers, &sleep->place);
}

static void free_sleep(struct rw_future *self)
{
    struct sleep *sleep = (struct sleep *)self;

    drop_sleep(self);
    rwi_loop_release(sleep->loop, sleep, sizeof *sleep);
}

static const struct rw_future_vtable sleep_vtable = {"sleep", 0, poll_sleep, cancel_sleep, drop_sleep};
static const struct rw_future_vtable boxed_sleep_vtable = {"sleep", 0, poll_sleep, cancel_sleep, free_sleep};

static void init_sleep(struct sleep *sleep, const struct rw_future_vtable *vtable, struct rw_loop *loop,
                       int64_t deadline_ns)
{
    RW_REQUIRE(loop != NULL);
    rw_future_init(&sleep->base, vtable);
    sleep->loop = loop;
    sleep->as.deadline_ns = deadline_ns;
    sleep->place = (struct rw_timer_place){0, NEW};
}

void rw_sleep_init(struct rw_sleep *sleep, struct rw_loop *loop, int64_t deadline_ns)
{
    RW_REQUIRE(sleep != NULL);
    init_sleep((struct sleep *)(void *)sleep, &sleep_vtable, loop, deadline_ns);
}

struct rw_future *rw_sleep_until(struct rw_loop *loop, int64_t deadline_ns)
{
    RW_REQUIRE(loop != NULL);
    struct sleep *sleep = rwi_loop_alloc(loop, sizeof *sleep);

    if (sleep == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    init_sleep(sleep, &boxed_sleep_vtable, loop, deadline_ns);
    return &sleep->base;
}

struct boxed_yield {
    struct rw_yield yield;
    struct rw_loop *loop;
};

static enum rw_poll poll_yield(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct rw_yield *yield = (struct rw_yield *)self;

    RW_ASSERT(cx->loop != NULL);
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
    RW_ASSERT(((struct rw_yield *)self)->yielded);
    (void)self;
}

static void drop_yield(struct rw_future *self)
{
    RW_ASSERT(self != NULL); /* its waker was not kept: there is nothing to undo */
    (void)self;
}

static void free_yield(struct rw_future *self)
{
    struct boxed_yield *boxed = (struct boxed_yield *)self;

    rwi_loop_release(boxed->loop, boxed, sizeof *boxed);
}

static const struct rw_future_vtable yield_vtable = {"yield_now", 0, poll_yield, cancel_yield, drop_yield};
static const struct rw_future_vtable boxed_yield_vtable = {"yield_now", 0, poll_yield, cancel_yield,
                                                           free_yield};

void rw_yield_init(struct rw_yield *yield)
{
    RW_REQUIRE(yield != NULL);
    rw_future_init(&yield->base, &yield_vtable);
    yield->yielded = false;
}

struct rw_future *rw_yield_now(struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    struct boxed_yield *boxed = rwi_loop_alloc(loop, sizeof *boxed);

    if (boxed == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    rw_future_init(&boxed->yield.base, &boxed_yield_vtable);
    boxed->yield.yielded = false;
    boxed->loop = loop;
    return &boxed->yield.base;
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

struct timeout {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_future *inner;
    int64_t deadline_ns;
    struct rw_timer timer;
    struct rw_waker waker; /* borrowed */
    bool expired;
};

_Static_assert(sizeof(struct timeout) == sizeof(struct rw_timeout),
               "the door gives timeouts the room they need");

static void fire_timeout(struct rw_timer *timer, struct rw_loop *loop)
{
    struct timeout *timeout = rwi_container_of(timer, struct timeout, timer);

    RW_ASSERT(timeout->loop == loop);
    (void)loop;
    timeout->expired = true;
    rw_future_cancel(timeout->inner);
    rw_waker_wake(&timeout->waker);
}

static enum rw_poll end_timeout(struct timeout *timeout, struct rw_value *out)
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
    struct timeout *timeout = (struct timeout *)self;

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
    struct timeout *timeout = (struct timeout *)self;

    RW_ASSERT((self->state & RW_FUTURE_POLLED) != 0);
    rw_future_cancel(timeout->inner);
    rw_waker_wake(&timeout->waker);
}

static void drop_timeout(struct rw_future *self)
{
    struct timeout *timeout = (struct timeout *)self;

    RW_ASSERT(timeout->inner != NULL);
    rwi_timers_disarm(&rwi_executor_of(timeout->loop)->timers, &timeout->timer.place);
    rwi_future_drop(timeout->inner);
}

static void free_timeout(struct rw_future *self)
{
    struct timeout *timeout = (struct timeout *)self;

    drop_timeout(self);
    rwi_loop_release(timeout->loop, timeout, sizeof *timeout);
}

static const struct rw_future_vtable timeout_vtable = {"timeout", 0, poll_timeout, cancel_timeout,
                                                       drop_timeout};
static const struct rw_future_vtable boxed_timeout_vtable = {"timeout", 0, poll_timeout, cancel_timeout,
                                                             free_timeout};

static void init_timeout(struct timeout *timeout, const struct rw_future_vtable *vtable, struct rw_loop *loop,
                         struct rw_future *future, int64_t deadline_ns)
{
    RW_ASSERT(future != NULL);
    rw_future_init(&timeout->base, vtable);
    timeout->loop = loop;
    timeout->inner = future;
    timeout->deadline_ns = deadline_ns;
    timeout->expired = false;
    timeout->timer.place = (struct rw_timer_place){0, RWI_TIMER_PLAIN};
    timeout->timer.fire = fire_timeout;
}

void rw_timeout_init(struct rw_timeout *timeout, struct rw_loop *loop, struct rw_future *future,
                     int64_t deadline_ns)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(future != NULL);
    init_timeout((struct timeout *)(void *)timeout, &timeout_vtable, loop, future, deadline_ns);
}

struct rw_future *rw_timeout(struct rw_loop *loop, struct rw_future *future, int64_t deadline_ns)
{
    RW_REQUIRE(future != NULL);
    struct timeout *timeout = rwi_loop_alloc(loop, sizeof *timeout);

    if (timeout == NULL) {
        rw_future_drop(future);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    init_timeout(timeout, &boxed_timeout_vtable, loop, future, deadline_ns);
    return &timeout->base;
}
