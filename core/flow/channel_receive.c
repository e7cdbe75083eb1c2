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

struct receive {
    struct rw_future future;
    struct rw_receiver *receiver;
    struct rwi_waiter waiter;
    bool is_new;     /* the waiter is not in use */
    bool is_waiting; /* the waiter may be in a line */
};

_Static_assert(sizeof(struct receive) == sizeof(struct rw_receive), "the door gives it the room it needs");

/* Holds a reference to its end, too. */
struct boxed_receive {
    struct receive receive;
    struct rw_loop *loop;
};

/* The long way: somebody has to be told, or to be waited for. */
static __attribute__((noinline)) enum rw_poll receive_slowly(struct receive *receive, struct rw_context *cx,
                                                             struct rw_value *out)
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
    struct receive *receive = (struct receive *)self;

    RW_ASSERT(receive->receiver->channel != NULL);
    RW_ASSERT(receive->receiver->channel->shared || receive->receiver->channel->loop == cx->loop);
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
    struct receive *receive = (struct receive *)self;

    if (rwi_unlikely(receive->is_waiting)) {
        rwi_channel_leave(receive->receiver->channel, &receive->waiter);
        receive->is_waiting = false;
    }
    RW_ASSERT(receive->is_new || !rwi_waiter_is_in_line(&receive->waiter));
    RW_ASSERT(receive->receiver != NULL);
}

static void receive_free(struct rw_future *self)
{
    struct boxed_receive *boxed = (struct boxed_receive *)self;
    struct rw_receiver *receiver = boxed->receive.receiver;

    RW_ASSERT(receiver->object.ref_count > 0);
    receive_drop(self);
    RW_ASSERT(boxed->loop != NULL);
    rwi_loop_release(boxed->loop, boxed, sizeof *boxed);
    rwi_end_unref(&receiver->object);
}

static const struct rw_future_vtable receive_vtable = {"channel.receive", 0, receive_poll, NULL,
                                                       receive_drop};
static const struct rw_future_vtable boxed_vtable = {"channel.receive", 0, receive_poll, NULL, receive_free};

static inline void init_receive(struct receive *receive, const struct rw_future_vtable *vtable,
                                struct rw_receiver *receiver)
{
    RW_ASSERT(receiver->object.ref_count > 0);
    RW_ASSERT(receiver->channel != NULL);
    rw_future_init(&receive->future, vtable);
    receive->receiver = receiver;
    receive->is_new = true;
    receive->is_waiting = false;
}

void rw_receive_init(struct rw_receive *receive, struct rw_receiver *receiver)
{
    RW_REQUIRE(receive != NULL);
    RW_REQUIRE(receiver != NULL);
    init_receive((struct receive *)(void *)receive, &receive_vtable, receiver);
}

struct rw_future *rw_channel_receive(struct rw_loop *loop, struct rw_receiver *receiver)
{
    struct boxed_receive *boxed;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(receiver != NULL);
    RW_REQUIRE(receiver->channel->shared || receiver->channel->loop == loop);
    boxed = rwi_loop_alloc(loop, sizeof *boxed);
    if (boxed == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    init_receive(&boxed->receive, &boxed_vtable, receiver);
    boxed->loop = loop;
    rwi_end_ref(&receiver->object);
    return &boxed->receive.future;
}
