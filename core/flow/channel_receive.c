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
#include "flow/channel.h"

#include "exec/executor.h"

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

static enum rw_poll try_receive(struct rw_receiver *end, struct rwi_waiter *waiter, struct rw_value *out,
                                struct rwi_wakes *wakes)
{
    struct rwi_channel *channel = end->channel;
    bool was_claimed = waiter->state == RWI_WAITER_CLAIMED;
    bool taken = false;

    RW_ASSERT(waiter->end == end);
    if (waiter->state == RWI_WAITER_FAILED) {
        return rwi_channel_fail(out, waiter->code);
    }
    if (waiter->state == RWI_WAITER_WAITING) {
        return RW_PENDING;
    }
    if (end->is_closed) {
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

/* The SHARED channel's short way, under its lock. */
static bool receive_if_quiet(struct rw_receiver *end, struct rw_value *out)
{
    struct rwi_channel *channel = end->channel;
    bool is_received;

    RW_ASSERT(channel->shared);
    rwi_channel_lock(channel);
    is_received = rwi_channel_is_quiet(channel) && !end->is_closed &&
                  channel->ring.count > rwi_channel_count(channel, RWI_WAITER_CLAIMED);
    if (is_received) {
        *out = rwi_ring_pop(&channel->ring);
    }
    RW_VERIFY(rwi_channel_check(channel));
    pthread_mutex_unlock(&channel->lock);
    return is_received;
}

enum rw_poll rwi_channel_receive(struct rw_receiver *end, struct rwi_waiter *waiter, struct rw_context *cx,
                                 struct rw_value *out)
{
    struct rwi_channel *channel = end->channel;
    struct rwi_wakes wakes;
    enum rw_poll poll;

    wakes.count = 0;
    rwi_channel_lock(channel);
    RW_ASSERT(waiter->end == end);
    RW_ASSERT(waiter->state <= RWI_WAITER_FAILED);
    poll = try_receive(end, waiter, out, &wakes);
    if (poll == RW_PENDING) {
        bool is_new = waiter->state == RWI_WAITER_IDLE;

        rwi_channel_join(channel, waiter, RWI_WAITER_WAITING, cx);
        if (is_new) {
            rwi_channel_settle(channel, &wakes);
        }
    }
    rwi_channel_unlock(channel, &wakes);
    return poll;
}

enum rw_poll rwi_channel_receive_try(struct rw_receiver *end, struct rwi_waiter *waiter, struct rw_value *out)
{
    struct rwi_wakes wakes;
    enum rw_poll poll;

    wakes.count = 0;
    rwi_channel_lock(end->channel);
    RW_ASSERT(waiter->end == end);
    poll = try_receive(end, waiter, out, &wakes);
    RW_ASSERT(poll == RW_READY || poll == RW_PENDING);
    rwi_channel_unlock(end->channel, &wakes);
    return poll;
}

void rwi_channel_receive_join(struct rw_receiver *end, struct rwi_waiter *waiter, struct rw_context *cx)
{
    struct rwi_channel *channel = end->channel;
    struct rwi_wakes wakes;

    wakes.count = 0;
    rwi_channel_lock(channel);
    RW_ASSERT(waiter->end == end);
    RW_ASSERT(waiter->state <= RWI_WAITER_FAILED);
    if (waiter->state == RWI_WAITER_CLAIMED || waiter->state == RWI_WAITER_FAILED) {
        rw_waker_wake(&cx->waker); /* another thread has come between trying and joining */
    } else {
        rwi_channel_join(channel, waiter, RWI_WAITER_WAITING, cx);
        if (end->is_closed) {
            rwi_channel_throw_out(channel, waiter, RW_ERR_CLOSED, &wakes);
        }
        rwi_channel_settle(channel, &wakes);
    }
    rwi_channel_unlock(channel, &wakes);
}

int rw_channel_try_receive(struct rw_receiver *receiver, struct rw_value *out)
{
    struct rwi_waiter waiter;

    RW_REQUIRE(receiver != NULL);
    RW_REQUIRE(out != NULL);
    if (rwi_channel_receive_fast(receiver, out) ||
        (receiver->channel->shared && receive_if_quiet(receiver, out))) {
        return 0;
    }
    rwi_waiter_init(&waiter, receiver);
    if (rwi_channel_receive_try(receiver, &waiter, out) == RW_PENDING) {
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

struct receive_future {
    struct rw_future future;
    struct rw_loop *loop;
    struct rw_receiver *receiver;
    struct rwi_waiter waiter;
    bool is_new;     /* the waiter is not in use */
    bool is_waiting; /* the waiter may be in a line */
};

/* The long way: somebody has to be told, or to be waited for. */
static __attribute__((noinline)) enum rw_poll receive_slowly(struct receive_future *receive,
                                                             struct rw_context *cx, struct rw_value *out)
{
    enum rw_poll poll;

    if (receive->is_new) {
        if (receive->receiver->channel->shared && receive_if_quiet(receive->receiver, out)) {
            return RW_READY;
        }
        rwi_waiter_init(&receive->waiter, receive->receiver);
        receive->is_new = false;
    }
    RW_ASSERT(receive->waiter.end == receive->receiver);
    poll = rwi_channel_receive(receive->receiver, &receive->waiter, cx, out);
    receive->is_waiting = poll == RW_PENDING;
    return poll;
}

static enum rw_poll receive_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct receive_future *receive = (struct receive_future *)self;

    RW_ASSERT(receive->loop == cx->loop);
    RW_ASSERT(receive->receiver->channel != NULL);
    if (rwi_unlikely(!rwi_budget_take(cx))) {
        return RW_PENDING;
    }
    if (rwi_unlikely(!receive->is_new || !rwi_channel_receive_fast(receive->receiver, out))) {
        return receive_slowly(receive, cx, out);
    }
    return RW_READY;
}

static void receive_drop(struct rw_future *self)
{
    struct receive_future *receive = (struct receive_future *)self;
    struct rw_receiver *receiver = receive->receiver;

    if (receive->is_waiting) {
        rwi_channel_leave(receiver->channel, &receive->waiter);
    }
    RW_ASSERT(receive->is_new || !rwi_waiter_is_in_line(&receive->waiter));
    RW_ASSERT(receive->loop != NULL);
    rwi_loop_release(receive->loop, receive, sizeof *receive);
    rwi_end_unref(&receiver->object);
}

static const struct rw_future_vtable receive_vtable = {"channel.receive", 0, receive_poll, NULL,
                                                       receive_drop};

struct rw_future *rw_channel_receive(struct rw_loop *loop, struct rw_receiver *receiver)
{
    struct receive_future *receive;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(receiver != NULL);
    RW_REQUIRE(receiver->channel->shared || receiver->channel->loop == loop);
    receive = rwi_loop_alloc(loop, sizeof *receive);
    if (receive == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    rw_future_init(&receive->future, &receive_vtable);
    receive->loop = loop;
    receive->receiver = receiver;
    rwi_end_ref(&receiver->object);
    receive->is_new = true;
    receive->is_waiting = false;
    return &receive->future;
}
