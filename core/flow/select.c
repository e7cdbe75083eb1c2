/* SPDX-License-Identifier: MIT
 *
 * select.c - wait for one of several things and do exactly that one.
 *
 * A select is active while it is polled and passive in between. Passive, it stands in the lines of all its channels:
 * its receivers at most hold claims, which bind nobody, but an offer may be taken by whoever makes room, on any thread. So
 * all offers share one choice, and who takes one must be the first to set it; offers that come second are passed over.
 * Active, it has withdrawn its offers first. From then on nobody can choose for it, and it tries its cases one
 * by one, each under its own channel's lock only; the first that answers is the winner, the others are left without a trace.
 *
 *      new --poll--> ACTIVE --nothing ready: join all--> PASSIVE --wake, poll: withdraw offers--> ACTIVE
 *                      |                                    \-- an offer is taken: winner set --\
 *                      +--a case is ready, or the winner was set--> DONE <----------------------/
 *
 * Invariant: offers stand in lines only while the select is passive; once `choice.winner` is set no other case takes effect.
 * What becomes ready between trying and joining is found by the join itself, which then wakes the select.
 *
 * Two selects on two threads that can only meet each other, over rendezvous channels, may withdraw at the same moment and
 * miss each other; both then join again, so a miss costs a turn, not the meeting.
 *
 * Rejected: locking all channels in order of address, as it would be held while other futures are polled.
 */
#include "exec/executor.h"
#include "exec/future.h"
#include "flow/channel_ask.h"

struct select_case {
    uint8_t kind;    /* enum rw_select_kind */
    int32_t refused; /* SEND: why this value cannot be sent */
    struct select_future *select;
    union {
        struct rwi_end *end;
        struct rw_future *future; /* NULL once dropped */
        int64_t deadline_ns;
    } on;
    union {
        struct rwi_waiter waiter;
        struct rw_timer timer;
    } by;
};

struct select_future {
    struct rw_future future;
    struct rw_loop *loop;
    struct rwi_choice choice;
    struct rw_waker waker; /* borrowed; for deadlines and cancel, while passive */
    size_t count;
    size_t start;
    size_t index; /* of the winner; `count` until there is one */
    bool has_default;
    bool is_passive;
    bool is_cancelled;
    struct select_case cases[];
};

static size_t size_of(size_t count)
{
    RW_ASSERT(count < SIZE_MAX / 2 / sizeof(struct select_case));
    return sizeof(struct select_future) + count * sizeof(struct select_case);
}

static struct rwi_channel *channel_of(const struct select_case *this)
{
    RW_ASSERT(this->kind == RW_SELECT_RECEIVE || this->kind == RW_SELECT_SEND);
    return this->on.end->channel;
}

static const struct rwi_act *act_of(const struct select_case *this)
{
    RW_ASSERT(this->kind == RW_SELECT_RECEIVE || this->kind == RW_SELECT_SEND);
    return this->kind == RW_SELECT_SEND ? &rwi_sending : &rwi_receiving;
}

static void fire(struct rw_timer *timer, struct rw_loop *loop)
{
    struct select_case *this = rwi_container_of(timer, struct select_case, by.timer);

    RW_ASSERT(this->kind == RW_SELECT_DEADLINE);
    RW_ASSERT(this->select->loop == loop);
    RW_ASSERT(this->select->is_passive);
    (void)loop;
    rw_waker_wake(&this->select->waker);
}

/* ---- making and ending cases ----------------------------------------------------------------------------------------- */

static void init_end(struct select_case *this, struct rwi_end *end)
{
    RW_REQUIRE(rwi_end_serves(end, this->select->loop));
    RW_ASSERT(end->object.ref_count > 0);
    this->on.end = rwi_end_ref(end);
    rwi_waiter_init(&this->by.waiter, end);
}

static void init_case(struct select_future *select, struct select_case *this,
                      const struct rw_select_case *from)
{
    RW_REQUIRE(from->kind <= RW_SELECT_DEFAULT);
    this->kind = (uint8_t)from->kind;
    this->refused = 0;
    this->select = select;
    switch (from->kind) {
    case RW_SELECT_RECEIVE:
        RW_REQUIRE(from->receiver != NULL);
        init_end(this, &from->receiver->end);
        break;
    case RW_SELECT_SEND:
        RW_REQUIRE(from->sender != NULL);
        init_end(this, &from->sender->end);
        this->by.waiter.value = from->value;
        this->by.waiter.choice = &select->choice;
        this->refused = rwi_channel_refuses(channel_of(this), &from->value);
        break;
    case RW_SELECT_FUTURE:
        RW_REQUIRE(from->future != NULL);
        this->on.future = from->future;
        break;
    case RW_SELECT_DEADLINE:
        this->on.deadline_ns = from->deadline_ns;
        rw_timer_init(&this->by.timer, fire);
        break;
    case RW_SELECT_DEFAULT:
        select->has_default = true;
        break;
    }
}

/* A receiver must not wait for what this very select offers. */
static void count_twins(struct select_future *select)
{
    for (size_t i = 0; i < select->count; i++) {
        struct select_case *this = &select->cases[i];

        RW_ASSERT(this->select == select);
        for (size_t j = 0; this->kind == RW_SELECT_RECEIVE && j < select->count; j++) {
            struct select_case *other = &select->cases[j];

            if (other->kind == RW_SELECT_SEND && channel_of(other) == channel_of(this) &&
                channel_of(this)->capacity == 0) {
                RW_ASSERT(this->by.waiter.twins < UINT16_MAX);
                this->by.waiter.twins++;
            }
        }
    }
}

/* Out of every line and heap; a claim goes to the next. */
static void leave_case(struct select_future *select, struct select_case *this)
{
    RW_ASSERT(this->select == select);
    switch (this->kind) {
    case RW_SELECT_RECEIVE:
    case RW_SELECT_SEND:
        rwi_channel_leave(channel_of(this), &this->by.waiter);
        RW_ASSERT(!rwi_waiter_is_in_line(&this->by.waiter));
        break;
    case RW_SELECT_FUTURE:
        rw_future_drop(this->on.future);
        this->on.future = NULL;
        break;
    case RW_SELECT_DEADLINE:
        rw_timer_disarm(select->loop, &this->by.timer);
        break;
    default:
        break;
    }
}

static void fini_case(struct select_future *select, struct select_case *this)
{
    leave_case(select, this);
    RW_ASSERT(this->select == select);
    if (this->kind == RW_SELECT_RECEIVE || this->kind == RW_SELECT_SEND) {
        RW_ASSERT(!rwi_waiter_is_in_line(&this->by.waiter));
        rw_value_drop(&this->by.waiter.value);
        rwi_end_unref(this->on.end);
    }
}

/* ---- the two phases -------------------------------------------------------------------------------------------------- */

/* Becomes active. True when an offer had been taken before it could be withdrawn: then that case has won. */
static bool withdraw_offers(struct select_future *select)
{
    struct rwi_waiter *winner;

    if (!select->is_passive) {
        return false;
    }
    for (size_t i = 0; i < select->count; i++) {
        if (select->cases[i].kind == RW_SELECT_SEND) {
            leave_case(select, &select->cases[i]);
        }
    }
    select->is_passive = false;
    winner = __atomic_load_n(&select->choice.winner, __ATOMIC_ACQUIRE);
    if (winner == NULL) {
        return false;
    }
    RW_ASSERT(winner->state == RWI_WAITER_TAKEN);
    select->index = (size_t)(rwi_container_of(winner, struct select_case, by.waiter) - select->cases);
    RW_ASSERT(select->index < select->count);
    RW_ASSERT(select->cases[select->index].kind == RW_SELECT_SEND);
    return true;
}

/* An offer that was thrown out has found its channel closed, or no memory; trying again will tell. */
static enum rw_poll try_offer(struct select_future *select, struct select_case *this, struct rw_value *out)
{
    RW_ASSERT(this->kind == RW_SELECT_SEND);
    RW_ASSERT(this->by.waiter.state == RWI_WAITER_IDLE || this->by.waiter.state == RWI_WAITER_FAILED);
    if (this->refused != 0) {
        return rwi_channel_fail(out, this->refused);
    }
    this->by.waiter.meets = select->has_default;
    return rwi_channel_ask_try(&this->by.waiter, &rwi_sending, out);
}

static enum rw_poll try_case(struct select_future *select, struct select_case *this, struct rw_context *cx,
                             struct rw_value *out)
{
    RW_ASSERT(!select->is_passive);
    RW_ASSERT(select->choice.winner == NULL);
    switch (this->kind) {
    case RW_SELECT_RECEIVE:
        return rwi_channel_ask_try(&this->by.waiter, &rwi_receiving, out);
    case RW_SELECT_SEND:
        return try_offer(select, this, out);
    case RW_SELECT_FUTURE:
        return rwi_poll(this->on.future, cx, out);
    case RW_SELECT_DEADLINE:
        *out = rw_nil();
        return this->on.deadline_ns <= rw_loop_now(select->loop) ? RW_READY : RW_PENDING;
    default:
        return RW_PENDING;
    }
}

static bool try_all(struct select_future *select, struct rw_context *cx, struct rw_value *out)
{
    RW_ASSERT(select->start < select->count);
    for (size_t i = 0; i < select->count; i++) {
        size_t index = (select->start + i) % select->count;

        if (try_case(select, &select->cases[index], cx, out) == RW_READY) {
            select->index = index;
            return true;
        }
    }
    for (size_t i = 0; select->has_default && i < select->count; i++) {
        if (select->cases[i].kind == RW_SELECT_DEFAULT) {
            select->index = i;
            *out = rw_nil();
            return true;
        }
    }
    RW_ASSERT(!select->has_default);
    return false;
}

/* Becomes passive. 0, or why a deadline cannot be kept; then the caller is to end the select. */
static int join_all(struct select_future *select, struct rw_context *cx)
{
    int err = 0;

    RW_ASSERT(!select->is_passive);
    select->waker = cx->waker;
    select->is_passive = true;
    for (size_t i = 0; err == 0 && i < select->count; i++) {
        struct select_case *this = &select->cases[i];

        RW_ASSERT(this->kind != RW_SELECT_DEFAULT);
        if (this->kind == RW_SELECT_RECEIVE || this->kind == RW_SELECT_SEND) {
            rwi_channel_ask_join(&this->by.waiter, act_of(this), cx);
        } else if (this->kind == RW_SELECT_DEADLINE && this->on.deadline_ns != RW_NEVER &&
                   !rw_timer_is_armed(&this->by.timer)) {
            err = rw_timer_arm(select->loop, &this->by.timer, this->on.deadline_ns);
        }
    }
    return err;
}

static enum rw_poll finish(struct select_future *select)
{
    RW_ASSERT(!select->is_passive);
    for (size_t i = 0; i < select->count; i++) {
        leave_case(select, &select->cases[i]);
    }
    RW_ASSERT(select->index <= select->count);
    return RW_READY;
}

static enum rw_poll select_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct select_future *select = (struct select_future *)self;
    int err;

    RW_ASSERT(select->loop == cx->loop);
    RW_ASSERT(select->index == select->count);
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    if (withdraw_offers(select)) {
        *out = rw_nil();
        return finish(select);
    }
    if (select->is_cancelled || select->count == 0) {
        *out = rw_failure(select->is_cancelled ? RW_ERR_CANCELLED : RW_ERR_INVALID);
        return finish(select);
    }
    if (try_all(select, cx, out)) {
        return finish(select);
    }
    err = join_all(select, cx);
    if (err == 0) {
        return RW_PENDING;
    }
    *out = withdraw_offers(select) ? rw_nil() : rw_failure(err);
    return finish(select);
}

/* The next poll withdraws, and then knows whether the end came too late. */
static void select_cancel(struct rw_future *self)
{
    struct select_future *select = (struct select_future *)self;

    RW_ASSERT(select->index == select->count);
    select->is_cancelled = true;
    if (select->is_passive) {
        RW_ASSERT(select->waker.vtable != NULL);
        rw_waker_wake(&select->waker);
    }
}

static void select_drop(struct rw_future *self)
{
    struct select_future *select = (struct select_future *)self;

    RW_ASSERT(select->index <= select->count);
    withdraw_offers(select);
    for (size_t i = 0; i < select->count; i++) {
        fini_case(select, &select->cases[i]);
    }
    RW_ASSERT(!select->is_passive);
    rwi_loop_release(select->loop, select, size_of(select->count));
}

static const struct rw_future_vtable select_vtable = {"select", 0, select_poll, select_cancel, select_drop};

static void drop_given(const struct rw_select_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        RW_ASSERT(cases[i].kind <= RW_SELECT_DEFAULT);
        if (cases[i].kind == RW_SELECT_FUTURE) {
            RW_ASSERT(cases[i].future != NULL);
            rw_future_drop(cases[i].future);
        } else if (cases[i].kind == RW_SELECT_SEND) {
            struct rw_value value = cases[i].value;

            rw_value_drop(&value);
        }
    }
}

struct rw_future *rw_select(struct rw_loop *loop, const struct rw_select_case *cases, size_t count,
                            unsigned flags)
{
    struct select_future *select;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(cases != NULL || count == 0);
    RW_REQUIRE((flags & ~(unsigned)RW_SELECT_BIASED) == 0);
    RW_REQUIRE(count < UINT16_MAX);
    select = rwi_loop_alloc(loop, size_of(count));
    if (select == NULL) {
        drop_given(cases, count);
        return NULL;
    }
    rw_future_init(&select->future, &select_vtable);
    select->loop = loop;
    select->choice.winner = NULL;
    select->waker = (struct rw_waker){0};
    select->count = count;
    select->start = 0;
    if ((flags & RW_SELECT_BIASED) == 0 && count > 0) {
        select->start = rwi_executor_of(loop)->next_select++ % count;
    }
    select->index = count;
    select->has_default = false;
    select->is_passive = false;
    select->is_cancelled = false;
    for (size_t i = 0; i < count; i++) {
        init_case(select, &select->cases[i], &cases[i]);
    }
    count_twins(select);
    return &select->future;
}

size_t rw_select_index(const struct rw_future *future)
{
    const struct select_future *select = (const struct select_future *)future;

    RW_REQUIRE(future != NULL);
    RW_REQUIRE(future->vtable == &select_vtable);
    return select->index;
}
