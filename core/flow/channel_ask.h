/* SPDX-License-Identifier: MIT
 *
 * channel_ask.h - what sending, receiving and reserving have in common: the question, and the future that asks it.
 *
 * A channel is asked with a waiter and an act. `try` does it or answers RW_PENDING and leaves the waiter as it was; `join` only
 * queues it; a plain question tries, then queues.
 */
#ifndef RWI_FLOW_CHANNEL_ASK_H
#define RWI_FLOW_CHANNEL_ASK_H

#include "base/check.h"
#include "exec/executor.h"
#include "flow/channel.h"

/* What is asked for. Both functions are called under the channel's lock. */
struct rwi_act {
    enum rwi_waiter_state line; /* where one waits for it */
    /* RW_READY with the outcome, or RW_PENDING. */
    enum rw_poll (*attempt)(struct rwi_waiter *waiter, struct rw_value *out, struct rwi_wakes *wakes);
    /* The express way: takes *value and leaves nil, or gives it. False: nothing was done. */
    bool (*express)(struct rwi_channel *channel, struct rw_value *value);
};

/* Receiving: a value, or RW_ERR_CLOSED. channel_receive.c's. */
extern const struct rwi_act rwi_receiving;
/* Sending waiter->value: nil, when the value is gone, or a failure, when it is still the waiter's. channel_send.c's. */
extern const struct rwi_act rwi_sending;
/* Reserving: nil, and then one permit is the caller's, or a failure. permit.c's. */
extern const struct rwi_act rwi_reserving;

enum rw_poll rwi_channel_ask(struct rwi_waiter *waiter, const struct rwi_act *act, struct rw_context *cx,
                             struct rw_value *out);
enum rw_poll rwi_channel_ask_try(struct rwi_waiter *waiter, const struct rwi_act *act, struct rw_value *out);
void rwi_channel_ask_join(struct rwi_waiter *waiter, const struct rwi_act *act, struct rw_context *cx);

/* The short way of a SHARED channel, under its lock. */
bool rwi_channel_ask_express(struct rwi_end *end, const struct rwi_act *act, struct rw_value *value);

/* ---- the future: rw_send and rw_receive, and what rw_channel_send and rw_channel_receive make ---- */

struct rwi_request {
    struct rw_future future;
    struct rwi_end *end;
    struct rwi_waiter waiter;
    struct {
        int32_t refused; /* why this value cannot be sent */
        bool is_new;     /* of the waiter only the value is in use, and nothing is wrong */
        bool is_waiting; /* the waiter may be in a line */
        bool is_cancelled;
    } step;
};

/* `value` is what it sends, or nil. */
static inline void rwi_request_init(struct rwi_request *request, const struct rw_future_vtable *vtable,
                                    struct rwi_end *end, const struct rw_value *value)
{
    RW_ASSERT(end->object.ref_count > 0);
    RW_ASSERT(end->channel != NULL);
    rw_future_init(&request->future, vtable);
    request->end = end;
    request->waiter.value = *value;
    request->step.refused = 0;
    request->step.is_new = true;
    request->step.is_waiting = false;
    request->step.is_cancelled = false;
}

void rwi_request_drop(struct rw_future *self);
void rwi_request_free(struct rw_future *self);

struct rwi_boxed_request {
    struct rwi_request request;
    struct rw_loop *loop;
};

/* One that holds its end; its vtable's drop is rwi_request_free. NULL on no memory. */
static inline struct rwi_request *rwi_request_new(struct rw_loop *loop, const struct rw_future_vtable *vtable,
                                                  struct rwi_end *end, const struct rw_value *value)
{
    struct rwi_boxed_request *boxed = rwi_loop_alloc(loop, sizeof *boxed);

    RW_ASSERT(vtable->drop == rwi_request_free);
    if (rwi_unlikely(boxed == NULL)) {
        return NULL;
    }
    rwi_request_init(&boxed->request, vtable, rwi_end_ref(end), value);
    boxed->loop = loop;
    return &boxed->request;
}

/* The long way: somebody has to be told, or to be waited for. */
enum rw_poll rwi_request_poll(struct rwi_request *request, const struct rwi_act *act, struct rw_context *cx,
                              struct rw_value *out);

/* Awaits a request (taken; NULL: there was no memory) in the task being polled: RW_PENDING and the future, or RW_READY, *out and none. */
enum rw_poll rwi_request_await(struct rwi_request *request, struct rw_context *cx, struct rw_future **future,
                               struct rw_value *out);

#endif
