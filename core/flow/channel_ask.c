/* SPDX-License-Identifier: MIT
 *
 * channel_ask.c - asking a channel for something, now or later, and the future that does.
 *
 * Sending, receiving and reserving differ in what is done under the lock (struct rwi_act) and in the line in which one waits for it.
 * All the rest is here: the lock, queueing what cannot be done yet, settling what has changed, and the life of a request.
 *
 *      NEW --poll--> done, by the express way               (the usual one: of the waiter only the value is ever used)
 *       \---poll--> WAITING --woken, poll--> done
 *                      \---drop: out of its line
 *
 * Invariant: a request that is_waiting may be in a line; one that is not is in none, and dropping it asks nobody.
 */
#include "flow/channel_ask.h"

#include "exec/executor.h"

_Static_assert(sizeof(struct rwi_request) == sizeof(struct rw_send), "the door gives it the room it needs");
_Static_assert(sizeof(struct rwi_request) == sizeof(struct rw_receive),
               "the door gives it the room it needs");

/* ---- the question ---------------------------------------------------------------------------------------------------- */

enum rw_poll rwi_channel_ask(struct rwi_waiter *waiter, const struct rwi_act *act, struct rw_context *cx,
                             struct rw_value *out)
{
    struct rwi_channel *channel = waiter->end->channel;
    struct rwi_wakes wakes;
    enum rw_poll poll;

    wakes.count = 0;
    rwi_channel_lock(channel);
    RW_ASSERT(act->line < RWI_WAITER_LINES);
    RW_ASSERT(waiter->state <= RWI_WAITER_FAILED);
    poll = act->attempt(waiter, out, &wakes);
    if (poll == RW_PENDING) {
        rwi_channel_join(channel, waiter, act->line, cx);
        rwi_channel_settle(channel, &wakes);
    }
    RW_ASSERT(poll == RW_PENDING || !rwi_waiter_is_in_line(waiter));
    rwi_channel_unlock(channel, &wakes);
    return poll;
}

enum rw_poll rwi_channel_ask_try(struct rwi_waiter *waiter, const struct rwi_act *act, struct rw_value *out)
{
    struct rwi_channel *channel = waiter->end->channel;
    struct rwi_wakes wakes;
    enum rw_poll poll;

    wakes.count = 0;
    rwi_channel_lock(channel);
    poll = act->attempt(waiter, out, &wakes);
    RW_ASSERT(poll == RW_READY || poll == RW_PENDING);
    RW_VERIFY(rwi_channel_check(channel));
    rwi_channel_unlock(channel, &wakes);
    return poll;
}

void rwi_channel_ask_join(struct rwi_waiter *waiter, const struct rwi_act *act, struct rw_context *cx)
{
    struct rwi_channel *channel = waiter->end->channel;
    struct rwi_wakes wakes;

    wakes.count = 0;
    rwi_channel_lock(channel);
    RW_ASSERT(act->line < RWI_WAITER_LINES);
    RW_ASSERT(waiter->state <= RWI_WAITER_FAILED);
    if (waiter->state != RWI_WAITER_IDLE && waiter->state != act->line) {
        rw_waker_wake(&cx->waker); /* another thread has come between trying and joining */
    } else {
        rwi_channel_join(channel, waiter, act->line, cx);
        if (waiter->end->is_closed || channel->receiver_count == 0) {
            rwi_channel_throw_out(channel, waiter, RW_ERR_CLOSED, &wakes);
        }
        rwi_channel_settle(channel, &wakes);
    }
    rwi_channel_unlock(channel, &wakes);
}

bool rwi_channel_ask_express(struct rwi_end *end, const struct rwi_act *act, struct rw_value *value)
{
    struct rwi_channel *channel = end->channel;
    bool is_done;

    RW_ASSERT(channel->shared);
    rwi_channel_lock(channel);
    is_done = !end->is_closed && act->express(channel, value);
    RW_VERIFY(rwi_channel_check(channel));
    pthread_mutex_unlock(&channel->lock);
    return is_done;
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

/* Out of the line, and with it goes a value that was not sent. */
static __attribute__((noinline)) void abandon(struct rwi_request *request)
{
    if (request->step.is_waiting) {
        rwi_channel_leave(request->end->channel, &request->waiter);
        request->step.is_waiting = false;
        RW_ASSERT(!rwi_waiter_is_in_line(&request->waiter));
    }
    rw_value_drop(&request->waiter.value);
}

void rwi_request_drop(struct rw_future *self)
{
    struct rwi_request *request = (struct rwi_request *)self;

    RW_ASSERT(request->end != NULL);
    if (rwi_unlikely(request->step.is_waiting || request->waiter.value.kind != RW_KIND_NIL)) {
        abandon(request);
    }
    RW_ASSERT(request->waiter.value.kind == RW_KIND_NIL);
}

void rwi_request_free(struct rw_future *self)
{
    struct rwi_boxed_request *boxed = (struct rwi_boxed_request *)self;
    struct rwi_end *end = boxed->request.end;

    RW_ASSERT(boxed->loop != NULL);
    RW_ASSERT(end->object.ref_count > 0);
    rwi_request_drop(self);
    rwi_loop_release(boxed->loop, boxed, sizeof *boxed);
    rwi_end_unref(end);
}

enum rw_poll rwi_request_poll(struct rwi_request *request, const struct rwi_act *act, struct rw_context *cx,
                              struct rw_value *out)
{
    enum rw_poll poll;

    if (request->step.is_new) {
        struct rw_value value = request->waiter.value;

        if (request->end->channel->shared && rwi_channel_ask_express(request->end, act, &value)) {
            request->waiter.value = rw_nil();
            *out = value;
            return RW_READY;
        }
        rwi_waiter_init(&request->waiter, request->end);
        request->waiter.value = value;
        request->step.is_new = false;
    }
    RW_ASSERT(request->waiter.end == request->end);
    poll = rwi_channel_ask(&request->waiter, act, cx, out);
    request->step.is_waiting = poll == RW_PENDING;
    return poll;
}

enum rw_poll rwi_request_await(struct rwi_request *request, struct rw_context *cx, struct rw_future **future,
                               struct rw_value *out)
{
    enum rw_poll poll = RW_READY;

    if (request == NULL) {
        *out = rw_failure(RW_ERR_NOMEM);
    } else {
        poll = rw_task_await(cx, &request->future, out);
    }
    RW_ASSERT(cx->task != NULL);
    RW_ASSERT(poll == RW_READY || request != NULL);
    *future = poll == RW_PENDING ? &request->future : NULL;
    if (poll == RW_READY && request != NULL) {
        rwi_request_free(&request->future);
    }
    return poll;
}
