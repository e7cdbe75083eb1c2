/* SPDX-License-Identifier: MIT
 *
 * interval.c - a stream of ticks.
 *
 * Ticks lie on a grid that begins at the first poll: tick n is due at start + n * period, and the item is n. Who comes
 * late gets the newest tick that is due, once; the numbers it skipped tell how many it has missed, and the grid does not move.
 *
 * Invariant: the timer is armed only between a poll that answered RW_PENDING and the next one.
 */
#include "exec/executor.h"
#include "flow/stream.h"

struct interval {
    struct rw_timer timer;
    struct rw_loop *loop;
    struct rw_waker waker; /* borrowed, while the timer is armed */
    int64_t start_ns;
    int64_t period_ns;
    int64_t next_tick; /* 0: not started */
};

static void fire(struct rw_timer *timer, struct rw_loop *loop)
{
    struct interval *interval = rwi_container_of(timer, struct interval, timer);

    RW_ASSERT(interval->loop == loop);
    (void)loop;
    rw_waker_wake(&interval->waker);
}

static enum rw_poll interval_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct interval *interval = self;
    int64_t now_ns = rw_loop_now(interval->loop);
    int64_t tick;

    if (interval->next_tick == 0) {
        interval->start_ns = now_ns;
    }
    tick = (now_ns - interval->start_ns) / interval->period_ns;
    RW_ASSERT(tick >= 0);
    if (tick >= interval->next_tick) {
        if (!rwi_budget_take(cx)) {
            return RW_PENDING;
        }
        rw_timer_disarm(interval->loop, &interval->timer);
        interval->next_tick = tick + 1;
        *out = rw_int(tick);
        return RW_READY;
    }
    interval->waker = cx->waker;
    int64_t left_ns = interval->next_tick * interval->period_ns - (now_ns - interval->start_ns);
    int err = rw_timer_arm(interval->loop, &interval->timer, rw_deadline_after(interval->loop, left_ns));

    if (err != 0) {
        *out = rw_failure(err);
        return RW_READY;
    }
    return RW_PENDING;
}

static void interval_drop(void *self)
{
    struct interval *interval = self;

    rw_timer_disarm(interval->loop, &interval->timer);
    RW_ASSERT(!rw_timer_is_armed(&interval->timer));
    rwi_loop_release(interval->loop, interval, sizeof *interval);
}

static const struct rw_stream_vtable interval_vtable = {"interval", interval_next, NULL, interval_drop};

struct rw_stream *rw_interval(struct rw_loop *loop, int64_t period_ns)
{
    struct interval *interval;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(period_ns > 0);
    RW_REQUIRE(period_ns <= INT64_MAX / 4);
    interval = rwi_loop_alloc(loop, sizeof *interval);
    if (interval == NULL) {
        return NULL;
    }
    *interval = (struct interval){.loop = loop, .period_ns = period_ns};
    rw_timer_init(&interval->timer, fire);
    return rw_stream_new(loop, &interval_vtable, interval);
}
