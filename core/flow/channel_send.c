/* SPDX-License-Identifier: MIT
 *
 * channel_send.c - putting values into a channel: the act, the future, and the attempt that never waits.
 *
 * The value stays in the waiter until it is in the ring or in a receiver's hands, and the waiter's state says which: TAKEN is the one
 * moment at which a send happens. Cancelling before it takes the value back; cancelling after it finds the send
 * done, and says so.
 *
 * Invariant: waiter->value is nil exactly when the send has happened (or has had nil to send).
 */
#include "flow/channel.h"

#include "base/value.h"
#include "exec/executor.h"

int rwi_channel_refuses_slow(const struct rw_value *value)
{
    RW_ASSERT(rw_is_failure(value) || value->kind >= RW_KIND_LIST);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    return rw_is_failure(value) ? RW_ERR_INVALID : rwi_value_bound(value);
}

/* ---- the act --------------------------------------------------------------------------------------------------------- */

static enum rw_poll try_send(struct rw_sender *end, struct rwi_waiter *waiter, bool meet,
                             struct rw_value *out, struct rwi_wakes *wakes)
{
    struct rwi_channel *channel = end->channel;

    RW_ASSERT(waiter->end == end);
    if (waiter->state == RWI_WAITER_TAKEN) {
        *out = rw_nil();
        return RW_READY;
    }
    if (waiter->state == RWI_WAITER_FAILED) {
        return rwi_channel_fail(out, waiter->code);
    }
    if (waiter->state == RWI_WAITER_OFFERING) {
        return RW_PENDING;
    }
    RW_ASSERT(waiter->state == RWI_WAITER_IDLE);
    if (end->is_closed || channel->receiver_count == 0) {
        return rwi_channel_fail(out, RW_ERR_CLOSED);
    }
    if (!rwi_channel_has_room(channel) && !(meet && rwi_channel_can_meet(channel))) {
        return RW_PENDING;
    }
    if (rwi_ring_push(&channel->ring, &waiter->value) != 0) {
        return rwi_channel_fail(out, RW_ERR_NOMEM);
    }
    if (channel->parked > 0) {
        rwi_channel_settle(channel, wakes);
    }
    *out = rw_nil();
    return RW_READY;
}

/* The SHARED channel's short way, under its lock. */
static bool send_if_quiet(struct rw_sender *end, const struct rw_value *value)
{
    struct rwi_channel *channel = end->channel;
    bool is_sent;

    RW_ASSERT(channel->shared);
    rwi_channel_lock(channel);
    is_sent = rwi_channel_is_quiet(channel) && !end->is_closed && rwi_channel_has_room(channel) &&
              channel->ring.count < channel->ring.size;
    if (is_sent) {
        rwi_ring_put(&channel->ring, value);
    }
    RW_VERIFY(rwi_channel_check(channel));
    pthread_mutex_unlock(&channel->lock);
    return is_sent;
}

enum rw_poll rwi_channel_send(struct rw_sender *end, struct rwi_waiter *waiter, struct rw_context *cx,
                              struct rw_value *out)
{
    struct rwi_channel *channel = end->channel;
    struct rwi_wakes wakes;
    enum rw_poll poll;

    wakes.count = 0;
    rwi_channel_lock(channel);
    RW_ASSERT(waiter->end == end);
    RW_ASSERT(waiter->state <= RWI_WAITER_FAILED);
    poll = try_send(end, waiter, false, out, &wakes);
    if (poll == RW_PENDING) {
        rwi_channel_join(channel, waiter, RWI_WAITER_OFFERING, cx);
        rwi_channel_settle(channel, &wakes);
    }
    rwi_channel_unlock(channel, &wakes);
    return poll;
}

enum rw_poll rwi_channel_send_try(struct rw_sender *end, struct rwi_waiter *waiter, bool meet,
                                  struct rw_value *out)
{
    struct rwi_wakes wakes;
    enum rw_poll poll;

    wakes.count = 0;
    rwi_channel_lock(end->channel);
    RW_ASSERT(waiter->end == end);
    poll = try_send(end, waiter, meet, out, &wakes);
    RW_ASSERT(poll == RW_READY || poll == RW_PENDING);
    rwi_channel_unlock(end->channel, &wakes);
    return poll;
}

void rwi_channel_send_join(struct rw_sender *end, struct rwi_waiter *waiter, struct rw_context *cx)
{
    struct rwi_channel *channel = end->channel;
    struct rwi_wakes wakes;

    wakes.count = 0;
    rwi_channel_lock(channel);
    RW_ASSERT(waiter->end == end);
    RW_ASSERT(waiter->state == RWI_WAITER_IDLE);
    rwi_channel_join(channel, waiter, RWI_WAITER_OFFERING, cx);
    if (end->is_closed || channel->receiver_count == 0) {
        rwi_channel_throw_out(channel, waiter, RW_ERR_CLOSED, &wakes);
    }
    rwi_channel_settle(channel, &wakes);
    rwi_channel_unlock(channel, &wakes);
}

int rw_channel_try_send(struct rw_sender *sender, struct rw_value *value)
{
    struct rwi_waiter waiter;
    struct rw_value out;
    int err;

    RW_REQUIRE(sender != NULL);
    RW_REQUIRE(value != NULL);
    err = rwi_channel_refuses(sender->channel, value);
    if (err != 0) {
        return err;
    }
    if (rwi_channel_send_fast(sender, value)) {
        *value = rw_nil();
        return 0;
    }
    if (sender->channel->shared && send_if_quiet(sender, value)) {
        *value = rw_nil();
        return 0;
    }
    rwi_waiter_init(&waiter, sender);
    waiter.value = *value;
    if (rwi_channel_send_try(sender, &waiter, true, &out) == RW_PENDING) {
        return RW_ERR_FULL;
    }
    if (rw_is_failure(&out)) {
        return out.code;
    }
    *value = rw_nil();
    return 0;
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

struct send {
    struct rw_future future;
    struct rw_sender *sender;
    struct rwi_waiter waiter;
    struct {
        int32_t refused; /* why this value cannot be sent */
        bool is_new;     /* of the waiter only the value is in use, and nothing is wrong */
        bool is_waiting; /* the waiter may be in a line */
        bool is_cancelled;
    } step;
};

_Static_assert(sizeof(struct send) == sizeof(struct rw_send), "the door gives it the room it needs");

/* Holds a reference to its end, too. */
struct boxed_send {
    struct send send;
    struct rw_loop *loop;
};

/* The long way: somebody has to be told, or to be waited for. */
static __attribute__((noinline)) enum rw_poll send_slowly(struct send *send, struct rw_context *cx,
                                                          struct rw_value *out)
{
    enum rw_poll poll;

    if (send->step.refused != 0) {
        return rwi_channel_fail(out, send->step.refused);
    }
    if (send->step.is_cancelled) {
        return rwi_channel_fail(out, RW_ERR_CANCELLED);
    }
    if (send->step.is_new) {
        struct rw_value value = send->waiter.value;

        if (send->sender->channel->shared && send_if_quiet(send->sender, &value)) {
            send->waiter.value = rw_nil();
            *out = rw_nil();
            return RW_READY;
        }

        rwi_waiter_init(&send->waiter, send->sender);
        send->waiter.value = value;
        send->step.is_new = false;
    }
    RW_ASSERT(send->waiter.end == send->sender);
    poll = rwi_channel_send(send->sender, &send->waiter, cx, out);
    send->step.is_waiting = poll == RW_PENDING;
    return poll;
}

static enum rw_poll send_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct send *send = (struct send *)self;

    RW_ASSERT(send->sender->channel->shared || send->sender->channel->loop == cx->loop);
    if (rwi_unlikely(!rwi_budget_take(cx))) {
        return RW_PENDING;
    }
    if (rwi_unlikely(!send->step.is_new || !rwi_channel_send_fast(send->sender, &send->waiter.value))) {
        return send_slowly(send, cx, out);
    }
    send->waiter.value.kind = RW_KIND_NIL;
    *out = rw_nil();
    return RW_READY;
}

/* Takes the value back unless it was taken. Leaving forgets the waker, so that the wake comes first. */
static void send_cancel(struct rw_future *self)
{
    struct send *send = (struct send *)self;
    struct rwi_channel *channel = send->sender->channel;
    struct rwi_wakes wakes;

    if (send->step.is_new || send->step.refused != 0) {
        send->step.is_cancelled = true;
        send->step.is_new = false;
        return;
    }
    wakes.count = 0;
    rwi_channel_lock(channel);
    if (send->waiter.state == RWI_WAITER_OFFERING) {
        rwi_channel_notify(channel, &send->waiter, &wakes);
        rwi_channel_move(channel, &send->waiter, RWI_WAITER_IDLE, false);
        rwi_channel_settle(channel, &wakes);
    }
    RW_ASSERT(!rwi_waiter_is_in_line(&send->waiter));
    send->step.is_cancelled = send->waiter.state == RWI_WAITER_IDLE;
    rwi_channel_unlock(channel, &wakes);
}

/* Takes a send that has not happened out of the line, and drops its value. */
static __attribute__((noinline)) void send_abandon(struct send *send)
{
    if (send->step.is_waiting) {
        rwi_channel_leave(send->sender->channel, &send->waiter);
        send->step.is_waiting = false;
        RW_ASSERT(!rwi_waiter_is_in_line(&send->waiter));
    }
    rw_value_drop(&send->waiter.value);
    RW_ASSERT(send->waiter.value.kind == RW_KIND_NIL);
}

static void send_drop(struct rw_future *self)
{
    struct send *send = (struct send *)self;

    RW_ASSERT(send->sender != NULL);
    if (rwi_unlikely(send->step.is_waiting || send->waiter.value.kind != RW_KIND_NIL)) {
        send_abandon(send);
    }
    RW_ASSERT(send->waiter.value.kind == RW_KIND_NIL);
}

static void send_free(struct rw_future *self)
{
    struct boxed_send *boxed = (struct boxed_send *)self;
    struct rw_sender *sender = boxed->send.sender;

    RW_ASSERT(boxed->loop != NULL);
    RW_ASSERT(sender->object.ref_count > 0);
    send_drop(self);
    rwi_loop_release(boxed->loop, boxed, sizeof *boxed);
    rwi_end_unref(&sender->object);
}

static const struct rw_future_vtable send_vtable = {"channel.send", 0, send_poll, send_cancel, send_drop};
static const struct rw_future_vtable boxed_vtable = {"channel.send", 0, send_poll, send_cancel, send_free};

static inline void init_send(struct send *send, const struct rw_future_vtable *vtable,
                             struct rw_sender *sender, struct rw_value value)
{
    RW_ASSERT(sender->object.ref_count > 0);
    RW_ASSERT(sender->channel != NULL);
    rw_future_init(&send->future, vtable);
    send->sender = sender;
    send->waiter.value = value;
    send->step.refused = rwi_channel_refuses(sender->channel, &value);
    send->step.is_new = send->step.refused == 0;
    send->step.is_waiting = false;
    send->step.is_cancelled = false;
}

void rw_send_init(struct rw_send *send, struct rw_sender *sender, struct rw_value value)
{
    RW_REQUIRE(send != NULL);
    RW_REQUIRE(sender != NULL);
    init_send((struct send *)(void *)send, &send_vtable, sender, value);
}

struct rw_future *rw_channel_send(struct rw_loop *loop, struct rw_sender *sender, struct rw_value value)
{
    struct boxed_send *boxed;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(sender != NULL);
    RW_REQUIRE(sender->channel->shared || sender->channel->loop == loop);
    boxed = rwi_loop_alloc(loop, sizeof *boxed);
    if (boxed == NULL) {
        rw_value_drop(&value);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    init_send(&boxed->send, &boxed_vtable, sender, value);
    boxed->loop = loop;
    rwi_end_ref(&sender->object);
    return &boxed->send.future;
}
