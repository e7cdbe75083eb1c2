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
#include "flow/channel_ask.h"

#include "base/value.h"
#include "exec/executor.h"
#include "exec/tree.h"

int rwi_channel_refuses_slow(const struct rw_value *value)
{
    RW_ASSERT(rw_is_failure(value) || value->kind >= RW_KIND_LIST);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    return rw_is_failure(value) ? RW_ERR_INVALID : rwi_value_bound(value);
}

/* ---- the act --------------------------------------------------------------------------------------------------------- */

static enum rw_poll attempt(struct rwi_waiter *waiter, struct rw_value *out, struct rwi_wakes *wakes)
{
    struct rwi_channel *channel = waiter->end->channel;

    RW_ASSERT(waiter->state <= RWI_WAITER_FAILED);
    *out = rw_nil();
    if (waiter->state == RWI_WAITER_TAKEN) {
        return RW_READY;
    }
    if (waiter->state == RWI_WAITER_FAILED) {
        return rwi_channel_fail(out, waiter->code);
    }
    if (waiter->state == RWI_WAITER_OFFERING) {
        return RW_PENDING;
    }
    RW_ASSERT(waiter->state == RWI_WAITER_IDLE);
    if (waiter->end->is_closed || channel->receiver_count == 0) {
        return rwi_channel_fail(out, RW_ERR_CLOSED);
    }
    if (!rwi_channel_has_room(channel) && !(waiter->meets && rwi_channel_can_meet(channel))) {
        return RW_PENDING;
    }
    if (rwi_ring_push(&channel->ring, &waiter->value) != 0) {
        return rwi_channel_fail(out, RW_ERR_NOMEM);
    }
    RW_ASSERT(waiter->value.kind == RW_KIND_NIL);
    if (channel->parked > 0) {
        rwi_channel_settle(channel, wakes);
    }
    return RW_READY;
}

static bool express(struct rwi_channel *channel, struct rw_value *value)
{
    bool is_sent = rwi_channel_put_fast(channel, value);

    RW_ASSERT(!rw_is_failure(value));
    if (is_sent) {
        *value = rw_nil();
    }
    return is_sent;
}

const struct rwi_act rwi_sending = {RWI_WAITER_OFFERING, attempt, express};

int rw_channel_try_send(struct rw_sender *sender, struct rw_value *value)
{
    struct rwi_waiter waiter;
    struct rw_value out;
    int err;

    RW_REQUIRE(sender != NULL);
    RW_REQUIRE(value != NULL);
    err = rwi_channel_refuses(sender->end.channel, value);
    if (err != 0) {
        return err;
    }
    if (express(sender->end.express, value) ||
        (sender->end.channel->shared && rwi_channel_ask_express(&sender->end, &rwi_sending, value))) {
        return 0;
    }
    rwi_waiter_init(&waiter, &sender->end);
    waiter.value = *value;
    waiter.meets = true;
    if (rwi_channel_ask_try(&waiter, &rwi_sending, &out) == RW_PENDING) {
        return RW_ERR_FULL;
    }
    if (rw_is_failure(&out)) {
        return out.code;
    }
    *value = rw_nil();
    return 0;
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

/* A value that nobody has to wait for, nor anybody but one receiver to be told of. */
static inline __attribute__((always_inline)) bool send_swiftly(struct rwi_end *end, struct rw_value *value)
{
    if (rwi_unlikely(!rwi_channel_put_fast(end->express, value) &&
                     !rwi_channel_put_claimed(end->express, value))) {
        return false;
    }
    RW_ASSERT(!end->is_closed);
    *value = rw_nil();
    return true;
}

static enum rw_poll send_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct rwi_request *request = (struct rwi_request *)self;

    RW_ASSERT(rwi_end_serves(request->end, cx->loop));
    if (rwi_unlikely(!rwi_budget_take(cx))) {
        return RW_PENDING;
    }
    if (rwi_likely(request->step.is_new && send_swiftly(request->end, &request->waiter.value))) {
        *out = rw_nil();
        return RW_READY;
    }
    if (request->step.refused != 0) {
        return rwi_channel_fail(out, request->step.refused);
    }
    if (request->step.is_cancelled) {
        return rwi_channel_fail(out, RW_ERR_CANCELLED);
    }
    return rwi_request_poll(request, &rwi_sending, cx, out);
}

/* Takes the value back unless it was taken. Leaving forgets the waker, so that the wake comes first. */
static void send_cancel(struct rw_future *self)
{
    struct rwi_request *request = (struct rwi_request *)self;
    struct rwi_channel *channel = request->end->channel;
    struct rwi_wakes wakes;

    if (request->step.is_new || request->step.refused != 0) {
        request->step.is_cancelled = true;
        request->step.is_new = false;
        return;
    }
    wakes.count = 0;
    rwi_channel_lock(channel);
    if (request->waiter.state == RWI_WAITER_OFFERING) {
        rwi_channel_notify(channel, &request->waiter, &wakes);
        rwi_channel_move(channel, &request->waiter, RWI_WAITER_IDLE, false);
        rwi_channel_settle(channel, &wakes);
    }
    RW_ASSERT(!rwi_waiter_is_in_line(&request->waiter));
    request->step.is_cancelled = request->waiter.state == RWI_WAITER_IDLE;
    rwi_channel_unlock(channel, &wakes);
}

static const struct rw_future_vtable send_vtable = {"channel.send", 0, send_poll, send_cancel,
                                                    rwi_request_drop};
static const struct rw_future_vtable boxed_vtable = {"channel.send", 0, send_poll, send_cancel,
                                                     rwi_request_free};

static inline void note_refusal(struct rwi_request *request)
{
    RW_ASSERT(request->step.is_new);
    request->step.refused = rwi_channel_refuses(request->end->channel, &request->waiter.value);
    request->step.is_new = request->step.refused == 0;
}

void rw_send_init(struct rw_send *send, struct rw_sender *sender, struct rw_value value)
{
    struct rwi_request *request = (struct rwi_request *)(void *)send;

    RW_REQUIRE(send != NULL);
    RW_REQUIRE(sender != NULL);
    rwi_request_init(request, &send_vtable, &sender->end, &value);
    note_refusal(request);
}

/* Takes the value, also when there is no memory (NULL). */
static struct rwi_request *new_send(struct rw_loop *loop, struct rw_sender *sender, struct rw_value *value)
{
    struct rwi_request *request = rwi_request_new(loop, &boxed_vtable, &sender->end, value);

    if (request == NULL) {
        rw_value_drop(value);
        return NULL;
    }
    note_refusal(request);
    return request;
}

struct rw_future *rw_channel_send(struct rw_loop *loop, struct rw_sender *sender, struct rw_value value)
{
    struct rwi_request *request;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(sender != NULL);
    RW_REQUIRE(rwi_end_serves(&sender->end, loop));
    request = new_send(loop, sender, &value);
    return request != NULL ? &request->future : rw_failed(loop, RW_ERR_NOMEM);
}

enum rw_poll rw_channel_await_send(struct rw_context *cx, struct rw_sender *sender, struct rw_value value,
                                   struct rw_future **future, struct rw_value *out)
{
    RW_REQUIRE(cx != NULL);
    RW_REQUIRE(sender != NULL);
    RW_REQUIRE(rwi_end_serves(&sender->end, cx->loop));
    struct rwi_executor *executor = rwi_executor_of(cx->loop);

    if (rwi_likely(executor->budget_left > 0 && !rwi_task_refuses(cx->task) &&
                   rwi_channel_refuses(sender->end.channel, &value) == 0 &&
                   send_swiftly(&sender->end, &value))) {
        executor->budget_left--;
        *future = NULL;
        *out = rw_nil();
        return RW_READY;
    }
    return rwi_request_await(new_send(cx->loop, sender, &value), cx, future, out);
}
