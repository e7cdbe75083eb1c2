/* SPDX-License-Identifier: MIT
 *
 * channel_receive.c - taking values out of a channel: the act, the future, and the attempt that never waits.
 *
 * A receiver may take a value when there are more than others have claims to, or when it comes to make good its own claim.
 * The claim is to "the oldest value", not to a certain one: it is given back before the value is taken, so that both
 * ways meet in one test. Dropping the future in any state loses nothing, for it never holds a value.
 *
 * Invariant: a receiver that is WAITING after an operation would find nothing if it tried again.
 */
#include "flow/channel_ask.h"

#include "exec/executor.h"
#include "exec/future.h"
#include "exec/tree.h"

/* ---- the act --------------------------------------------------------------------------------------------------------- */

/* The oldest value: of the ring, or at a rendezvous of the first offer whose select still stands by it. */
static bool take_next(struct rwi_channel *channel, struct rw_value *out, struct rwi_wakes *wakes)
{
    struct rwi_waiter *offer;

    if (rwi_likely(channel->ring.count > 0)) {
        *out = rwi_ring_pop(&channel->ring);
        return true;
    }
    RW_ASSERT(channel->capacity == 0);
    while ((offer = rwi_channel_first(channel, RWI_WAITER_OFFERING)) != NULL) {
        RW_ASSERT(offer->state == RWI_WAITER_OFFERING);
        if (rwi_waiter_choose(offer)) {
            *out = offer->value;
            offer->value = rw_nil();
            rwi_channel_move(channel, offer, RWI_WAITER_TAKEN, false);
            rwi_channel_notify(channel, offer, wakes);
            return true;
        }
        rwi_channel_move(channel, offer, RWI_WAITER_IDLE, false);
    }
    return false;
}

static enum rw_poll attempt(struct rwi_waiter *waiter, struct rw_value *out, struct rwi_wakes *wakes)
{
    struct rwi_channel *channel = waiter->end->channel;
    bool was_claimed = waiter->state == RWI_WAITER_CLAIMED;
    bool taken = false;

    RW_ASSERT(waiter->state <= RWI_WAITER_FAILED);
    if (waiter->state == RWI_WAITER_FAILED) {
        return rwi_channel_fail(out, waiter->code);
    }
    if (waiter->state == RWI_WAITER_WAITING) {
        return RW_PENDING;
    }
    if (waiter->end->is_closed) {
        return rwi_channel_fail(out, RW_ERR_CLOSED);
    }
    if (was_claimed) {
        rwi_channel_move(channel, waiter, RWI_WAITER_IDLE, false);
    }
    RW_ASSERT(waiter->state == RWI_WAITER_IDLE);
    if (rwi_channel_available(channel) > rwi_channel_count(channel, RWI_WAITER_CLAIMED)) {
        taken = take_next(channel, out, wakes);
    }
    if (!taken && was_claimed) {
        rwi_channel_move(channel, waiter, RWI_WAITER_WAITING, true); /* what it was woken for was withdrawn */
    }
    if (channel->parked > 0 || channel->capacity == 0) {
        rwi_channel_settle(channel, wakes); /* taking may have removed offers that no longer stood */
    }
    if (taken) {
        return RW_READY;
    }
    return rwi_channel_is_drained(channel) ? rwi_channel_fail(out, RW_ERR_CLOSED) : RW_PENDING;
}

static bool express(struct rwi_channel *channel, struct rw_value *value)
{
    RW_ASSERT(channel->shared);
    RW_ASSERT(value->kind == RW_KIND_NIL);
    return rwi_channel_take_fast(channel, value);
}

const struct rwi_act rwi_receiving = {RWI_WAITER_WAITING, attempt, express};

int rw_channel_try_receive(struct rw_receiver *receiver, struct rw_value *out)
{
    struct rwi_waiter waiter;

    RW_REQUIRE(receiver != NULL);
    RW_REQUIRE(out != NULL);
    *out = rw_nil();
    if (rwi_channel_take_fast(receiver->end.express, out) ||
        (receiver->end.channel->shared && rwi_channel_ask_express(&receiver->end, &rwi_receiving, out))) {
        return 0;
    }
    rwi_waiter_init(&waiter, &receiver->end);
    if (rwi_channel_ask_try(&waiter, &rwi_receiving, out) == RW_PENDING) {
        return RW_ERR_EMPTY;
    }
    RW_ASSERT(waiter.state == RWI_WAITER_IDLE);
    if (rw_is_failure(out)) {
        int code = out->code;

        *out = rw_nil();
        return code;
    }
    return 0;
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

/* Nothing has come yet, and waiting for it is all there is to do. */
static inline bool wait_first(struct rwi_request *request, const struct rw_context *cx)
{
    struct rwi_channel *channel = request->end->express;

    if (rwi_unlikely(channel->ring.count != channel->lines[RWI_WAITER_CLAIMED].count ||
                     channel->parked != channel->lines[RWI_WAITER_WAITING].count ||
                     channel->sender_count == 0)) {
        return false;
    }
    RW_ASSERT(!channel->shared);
    RW_ASSERT(!request->end->is_closed);
    rwi_waiter_init(&request->waiter, request->end);
    request->waiter.waker = cx->waker;
    rwi_channel_enter_line(channel, &request->waiter, RWI_WAITER_WAITING);
    rwi_channel_close_express(channel);
    RW_VERIFY(rwi_channel_check(channel));
    request->step.is_new = false;
    request->step.is_waiting = true;
    return true;
}

/* The value that has come meanwhile; those who wait for room may then have it. */
static inline bool take_claimed(struct rwi_request *request, struct rw_value *out)
{
    struct rwi_channel *channel = request->end->express;
    struct rwi_wakes wakes;

    if (rwi_unlikely(channel->ring.count == 0 || request->waiter.state != RWI_WAITER_CLAIMED)) {
        return false;
    }
    RW_ASSERT(!channel->shared);
    RW_ASSERT(!request->end->is_closed);
    rwi_channel_leave_line(channel, &request->waiter, RWI_WAITER_CLAIMED);
    *out = rwi_ring_pop(&channel->ring);
    if (rwi_unlikely(channel->parked > 0)) {
        wakes.count = 0;
        rwi_channel_settle(channel, &wakes);
        RW_ASSERT(wakes.count == 0);
    }
    rwi_channel_post(channel);
    RW_VERIFY(rwi_channel_check(channel));
    request->step.is_waiting = false;
    return true;
}

static enum rw_poll receive_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct rwi_request *request = (struct rwi_request *)self;

    RW_ASSERT(rwi_end_serves(request->end, cx->loop));
    RW_ASSERT(request->step.refused == 0);
    if (rwi_unlikely(!rwi_budget_take(cx))) {
        return RW_PENDING;
    }
    if (request->step.is_new) {
        if (rwi_likely(rwi_channel_take_fast(request->end->express, out))) {
            return RW_READY;
        }
        if (wait_first(request, cx)) {
            return RW_PENDING;
        }
    } else if (take_claimed(request, out)) {
        return RW_READY;
    }
    return rwi_request_poll(request, &rwi_receiving, cx, out);
}

static const struct rw_future_vtable receive_vtable = {"channel.receive", 0, receive_poll, NULL,
                                                       rwi_request_drop};
static const struct rw_future_vtable boxed_vtable = {"channel.receive", 0, receive_poll, NULL,
                                                     rwi_request_free};
static const struct rw_value nothing;

void rw_receive_init(struct rw_receive *receive, struct rw_receiver *receiver)
{
    RW_REQUIRE(receive != NULL);
    RW_REQUIRE(receiver != NULL);
    rwi_request_init((struct rwi_request *)(void *)receive, &receive_vtable, &receiver->end, &nothing);
}

struct rw_future *rw_channel_receive(struct rw_loop *loop, struct rw_receiver *receiver)
{
    struct rwi_request *request;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(receiver != NULL);
    RW_REQUIRE(rwi_end_serves(&receiver->end, loop));
    request = rwi_request_new(loop, &boxed_vtable, &receiver->end, &nothing);
    return request != NULL ? &request->future : rw_failed(loop, RW_ERR_NOMEM);
}

enum rw_poll rw_channel_await_receive(struct rw_context *cx, struct rw_receiver *receiver,
                                      struct rw_future **future, struct rw_value *out)
{
    RW_REQUIRE(cx != NULL);
    RW_REQUIRE(receiver != NULL);
    RW_REQUIRE(rwi_end_serves(&receiver->end, cx->loop));
    struct rwi_executor *executor = rwi_executor_of(cx->loop);
    bool may_begin = executor->budget_left > 0 && !rwi_task_refuses(cx->task);
    struct rwi_request *request;

    if (may_begin && rwi_channel_take_fast(receiver->end.express, out)) {
        executor->budget_left--;
        *future = NULL;
        return RW_READY;
    }
    request = rwi_request_new(cx->loop, &boxed_vtable, &receiver->end, &nothing);
    if (may_begin && request != NULL && wait_first(request, cx)) {
        executor->budget_left--;
        rwi_future_pin(&request->future);
        *future = &request->future;
        return RW_PENDING;
    }
    return rwi_request_await(request, cx, future, out);
}
