/* SPDX-License-Identifier: MIT
 *
 * channel.h - values between tasks.
 *
 * A channel is a bounded queue with two kinds of ends, both cloneable (mpsc and mpmc alike). LOCAL channels belong to one
 * loop; SHARED ones may have ends on any thread and refuse natives and loop-bound handles with RW_ERR_TYPE. Sends
 * and receives are fair: first come, first served. A cancelled or dropped send has either happened or not; a
 * cancelled receive loses nothing. When the last sender is closed, receivers get what was sent, then RW_ERR_CLOSED; when the
 * last receiver is closed, senders get RW_ERR_CLOSED at once and what was queued is dropped.
 */
#ifndef ROPEWALK_CHANNEL_H
#define ROPEWALK_CHANNEL_H

#include "base.h"
#include "future.h"
#include "value.h"

#define RW_UNBOUNDED SIZE_MAX

enum rw_channel_flags { RW_CHANNEL_LOCAL = 0, RW_CHANNEL_SHARED = 1 };

struct rw_sender;
struct rw_receiver;
struct rw_permit;
struct rw_oneshot_sender;

/* Futures of rw_send_init and rw_receive_init. Only `base` is the caller's to use. */
struct rw_send {
    struct rw_future base;
    void *own[12];
};

struct rw_receive {
    struct rw_future base;
    void *own[12];
};

RW_BEGIN_DECLS

/* capacity 0 is a rendezvous: a send ends when its value was taken. RW_UNBOUNDED never makes a sender wait. Two ends with one
 * reference each. 0 or RW_ERR_NOMEM. A SHARED channel's ends may be used by any loop; `loop` may then be NULL. */
RW_API int rw_channel_open(struct rw_loop *loop, size_t capacity, unsigned flags, struct rw_sender **sender,
                           struct rw_receiver **receiver);

/* References to one end (the same end) and clones (another end of the same side). close ends this end; the object lives
 * until its references are gone; the last unref closes. Operations on a closed end fail with RW_ERR_CLOSED. */
RW_API struct rw_sender *rw_sender_ref(struct rw_sender *sender);
RW_API void rw_sender_unref(struct rw_sender *sender);
RW_API struct rw_sender *rw_sender_clone(struct rw_sender *sender);
RW_API void rw_sender_close(struct rw_sender *sender);
RW_API bool rw_sender_is_closed(const struct rw_sender *sender); /* this end, or all receivers */
RW_API struct rw_object *rw_sender_object(struct rw_sender *sender);
RW_API struct rw_receiver *rw_receiver_ref(struct rw_receiver *receiver);
RW_API void rw_receiver_unref(struct rw_receiver *receiver);
RW_API struct rw_receiver *rw_receiver_clone(struct rw_receiver *receiver);
RW_API void rw_receiver_close(struct rw_receiver *receiver);
RW_API bool rw_receiver_is_closed(const struct rw_receiver *receiver);
RW_API struct rw_object *rw_receiver_object(struct rw_receiver *receiver);

/* Values queued now, and the capacity. */
RW_API size_t rw_receiver_count(const struct rw_receiver *receiver);
RW_API size_t rw_sender_count(const struct rw_sender *sender);
RW_API size_t rw_sender_capacity(const struct rw_sender *sender);

/* For a host's garbage collector: calls `visit` with each queued value (borrowed) that nobody but the holder of `receiver` could
 * still get, so that whoever frees it frees them. None if the channel is SHARED, has another open receiver, or somebody else
 * holds this one. `visit` changes nothing; what it returns other than 0 ends the walk and is returned. */
RW_API int rw_receiver_visit(const struct rw_receiver *receiver,
                             int (*visit)(void *arg, const struct rw_value *value), void *arg);

/* Sends `value` (taken): nil when it is in the queue (rendezvous: taken), RW_ERR_CLOSED when nobody can receive it. */
RW_API struct rw_future *rw_channel_send(struct rw_loop *loop, struct rw_sender *sender,
                                         struct rw_value value);

/* The next value; RW_ERR_CLOSED when closed and empty. A value that is a failure cannot be sent (RW_ERR_INVALID). */
RW_API struct rw_future *rw_channel_receive(struct rw_loop *loop, struct rw_receiver *receiver);

/* The same two in the caller's memory (see future.h): awaiting them allocates nothing. The end is borrowed and must outlive the
 * future; a LOCAL channel's is polled on its own loop. */
RW_API void rw_send_init(struct rw_send *send, struct rw_sender *sender, struct rw_value value);
RW_API void rw_receive_init(struct rw_receive *receive, struct rw_receiver *receiver);

/* Without waiting. try_send takes *value on success only: 0, RW_ERR_FULL, RW_ERR_CLOSED, RW_ERR_TYPE, RW_ERR_NOMEM.
 * try_receive: 0, RW_ERR_EMPTY, RW_ERR_CLOSED. */
RW_API int rw_channel_try_send(struct rw_sender *sender, struct rw_value *value);
RW_API int rw_channel_try_receive(struct rw_receiver *receiver, struct rw_value *out);

/* The same two for hosts, which await them at once: as rw_task_await of what rw_channel_send or rw_channel_receive makes, in the task
 * that is being polled with `cx`, but what is ready needs no future. RW_READY: *out, and *future is NULL. RW_PENDING: *future
 * is the caller's, and has been polled. No memory is a failure in *out. */
RW_API enum rw_poll rw_channel_await_send(struct rw_context *cx, struct rw_sender *sender,
                                          struct rw_value value, struct rw_future **future,
                                          struct rw_value *out);
RW_API enum rw_poll rw_channel_await_receive(struct rw_context *cx, struct rw_receiver *receiver,
                                             struct rw_future **future, struct rw_value *out);

/* Waits for room and keeps it: the outcome is a handle value of a permit. A permit sends once without waiting or gives the room
 * back. With capacity 0 a permit is given when a receiver waits. rw_permit_of borrows it from the value. */
RW_API struct rw_future *rw_channel_reserve(struct rw_loop *loop, struct rw_sender *sender);
RW_API struct rw_permit *rw_permit_of(const struct rw_value *value);
RW_API int rw_permit_send(struct rw_permit *permit,
                          struct rw_value *value);       /* as try_send; RW_ERR_STATE when used */
RW_API void rw_permit_release(struct rw_permit *permit); /* gives the room back; idempotent */

/* The sender or receiver that a handle value holds, borrowed; NULL when it holds something else. */
RW_API struct rw_sender *rw_sender_of(const struct rw_value *value);
RW_API struct rw_receiver *rw_receiver_of(const struct rw_value *value);

/* One value, once. The future gives it, or RW_ERR_CLOSED when the sender went away without sending. */
RW_API int rw_oneshot_open(struct rw_loop *loop, struct rw_oneshot_sender **sender,
                           struct rw_future **receiver);
RW_API int rw_oneshot_send(struct rw_oneshot_sender *sender,
                           struct rw_value *value);                       /* 0, CLOSED, STATE when used */
RW_API bool rw_oneshot_is_closed(const struct rw_oneshot_sender *sender); /* the receiver is gone */
RW_API void rw_oneshot_unref(struct rw_oneshot_sender *sender);

/* Broadcast: each receiver gets every value sent after it subscribed; one that falls more than `capacity` behind gets
 * RW_ERR_LAGGED once (the message says how many were missed) and goes on with the oldest still there. */
struct rw_broadcast;
struct rw_broadcast_receiver;
RW_API struct rw_broadcast *rw_broadcast_new(struct rw_loop *loop, size_t capacity);
RW_API struct rw_broadcast *rw_broadcast_ref(struct rw_broadcast *broadcast);
RW_API void rw_broadcast_unref(struct rw_broadcast *broadcast);
RW_API int rw_broadcast_send(struct rw_broadcast *broadcast,
                             struct rw_value value); /* takes; never waits; count of receivers */
RW_API void rw_broadcast_close(struct rw_broadcast *broadcast);
RW_API struct rw_broadcast_receiver *rw_broadcast_subscribe(struct rw_broadcast *broadcast);
RW_API struct rw_future *rw_broadcast_receive(struct rw_broadcast_receiver *receiver);
RW_API uint64_t
rw_broadcast_missed(const struct rw_broadcast_receiver *receiver); /* how many at the last RW_ERR_LAGGED */
RW_API void rw_broadcast_receiver_unref(struct rw_broadcast_receiver *receiver);

/* Watch: one value that changes; a receiver waits for a version it has not seen. */
struct rw_watch_cell;
struct rw_watch_receiver;
RW_API struct rw_watch_cell *rw_watch_cell_new(struct rw_loop *loop, struct rw_value value);
RW_API void rw_watch_cell_unref(struct rw_watch_cell *cell);
RW_API int rw_watch_cell_send(struct rw_watch_cell *cell, struct rw_value value); /* takes */
RW_API void rw_watch_cell_close(struct rw_watch_cell *cell);
RW_API struct rw_watch_receiver *rw_watch_cell_subscribe(struct rw_watch_cell *cell);
RW_API struct rw_value rw_watch_receiver_value(
    struct rw_watch_receiver *receiver); /* a clone; marks it seen */
RW_API struct rw_future *rw_watch_receiver_changed(
    struct rw_watch_receiver *receiver); /* the new value; CLOSED */
RW_API void rw_watch_receiver_unref(struct rw_watch_receiver *receiver);

RW_END_DECLS

#endif
