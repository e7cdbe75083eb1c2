/* SPDX-License-Identifier: MIT
 *
 * channel.h - the inside of a channel, for its ends, futures, permits and select.
 *
 * How a channel is asked to send, receive or reserve is channel_ask.h's. A waiter that was queued must be ended by an
 * operation that answers RW_READY or by rwi_channel_leave. Nothing here drops a value under the lock.
 */
#ifndef RWI_FLOW_CHANNEL_H
#define RWI_FLOW_CHANNEL_H

#include <pthread.h>

#include <ropewalk.h>

#include "base/refs.h"
#include "flow/ring.h"
#include "flow/waiter.h"

struct rwi_line {
    struct rwi_list list;
    size_t count;
};

struct rwi_channel {
    struct rwi_ring ring;
    size_t capacity;
    size_t permits; /* given out and not yet used */
    size_t parked;  /* waiters in all lines but CLAIMED: those to whom a change may matter */
    /* The express way, for when nobody is to be told: see rwi_channel_post. */
    size_t express_ceiling; /* a value may go in while fewer are in the ring */
    size_t express_floor;   /* one may come out while more are in the ring */
    bool shared;
    uint32_t sender_count; /* open ends */
    uint32_t receiver_count;
    uint32_t end_count; /* objects of both kinds that hold this channel; atomic */
    struct rwi_line lines[RWI_WAITER_LINES];
    uint64_t last_ticket;
    struct rw_loop *loop; /* LOCAL: the one it belongs to */
    pthread_mutex_t lock; /* SHARED */
};

/* What a sender and a receiver are alike. */
struct rwi_end {
    struct rw_object object;
    struct rwi_channel *express; /* the channel while LOCAL and this end open, else rwi_channel_none */
    struct rwi_channel *channel;
    bool is_closed; /* under the channel's lock */
};

struct rw_sender {
    struct rwi_end end;
};

struct rw_receiver {
    struct rwi_end end;
};

/* A channel that never lets anybody take the express way: for ends that may not look at theirs without a lock. */
extern const struct rwi_channel rwi_channel_none;

static inline struct rwi_channel *rwi_channel_express(struct rwi_channel *channel, bool is_closed)
{
    return is_closed || channel->shared ? (struct rwi_channel *)(uintptr_t)&rwi_channel_none : channel;
}

/* A channel with one end of each side open, but no end objects yet. NULL on no memory. */
struct rwi_channel *rwi_channel_new(struct rw_loop *loop, size_t capacity, bool shared);
void rwi_channel_free(struct rwi_channel *channel);

static inline void rwi_channel_lock(struct rwi_channel *channel)
{
    if (channel->shared) {
        pthread_mutex_lock(&channel->lock);
    }
}

/* ---- the state, under the lock ---- */

/* Asserts what the head of channel.c states. */
bool rwi_channel_check(const struct rwi_channel *channel);

static inline size_t rwi_channel_count(const struct rwi_channel *channel, enum rwi_waiter_state line)
{
    RW_ASSERT(line < RWI_WAITER_LINES);
    RW_ASSERT(line == RWI_WAITER_CLAIMED || channel->lines[line].count <= channel->parked);
    return channel->lines[line].count;
}

static inline struct rwi_waiter *rwi_channel_first(struct rwi_channel *channel, enum rwi_waiter_state line)
{
    RW_ASSERT(line < RWI_WAITER_LINES);
    RW_ASSERT(rwi_list_is_empty(&channel->lines[line].list) == (channel->lines[line].count == 0));
    return channel->lines[line].count > 0
               ? rwi_list_entry(channel->lines[line].list.next, struct rwi_waiter, node)
               : NULL;
}

static inline bool rwi_channel_has_room(const struct rwi_channel *channel)
{
    RW_ASSERT(channel->ring.count <= SIZE_MAX - channel->permits);
    return channel->ring.count + channel->permits < channel->capacity;
}

/* A receiver waits that no permit has been given for. */
static inline bool rwi_channel_can_meet(const struct rwi_channel *channel)
{
    RW_ASSERT(channel->permits <= channel->capacity || channel->capacity == 0);
    return channel->capacity == 0 && rwi_channel_count(channel, RWI_WAITER_WAITING) > channel->permits;
}

/* Values that a receiver could take now, claimed or not. */
static inline size_t rwi_channel_available(const struct rwi_channel *channel)
{
    RW_ASSERT(channel->ring.count <= channel->ring.size);
    return channel->ring.count +
           (channel->capacity == 0 ? rwi_channel_count(channel, RWI_WAITER_OFFERING) : 0);
}

static inline bool rwi_channel_is_drained(const struct rwi_channel *channel)
{
    RW_ASSERT(channel->sender_count > 0 || rwi_channel_count(channel, RWI_WAITER_OFFERING) == 0);
    return channel->sender_count == 0 && rwi_channel_available(channel) == 0;
}

/* Nobody waits whom a change could matter to, and both sides are there. */
static inline bool rwi_channel_is_quiet(const struct rwi_channel *channel)
{
    return channel->parked == 0 && channel->receiver_count > 0;
}

/* Works out the express way anew, after anything else has changed the channel. */
static inline void rwi_channel_post(struct rwi_channel *channel)
{
    bool is_open = rwi_channel_is_quiet(channel);
    size_t room = channel->capacity > channel->permits ? channel->capacity - channel->permits : 0;

    channel->express_ceiling = !is_open ? 0 : room < channel->ring.size ? room : channel->ring.size;
    channel->express_floor = is_open ? channel->lines[RWI_WAITER_CLAIMED].count : SIZE_MAX;
}

/* The same when somebody waits. */
static inline void rwi_channel_close_express(struct rwi_channel *channel)
{
    RW_ASSERT(channel->parked > 0);
    channel->express_ceiling = 0;
    channel->express_floor = SIZE_MAX;
}

/* Gives the lock back, then wakes who was found to be woken. */
static inline void rwi_channel_unlock(struct rwi_channel *channel, struct rwi_wakes *wakes)
{
    rwi_channel_post(channel);
    if (channel->shared) {
        pthread_mutex_unlock(&channel->lock);
        if (wakes->count > 0) {
            rwi_wakes_flush(wakes);
        }
    }
    RW_ASSERT(wakes->count == 0);
}

/* Sends or receives by the express way, which is open most of the time. False: nothing was done, the long way is to be
 * taken. */
static inline bool rwi_channel_put_fast(struct rwi_channel *channel, const struct rw_value *value)
{
    if (rwi_unlikely(channel->ring.count >= channel->express_ceiling)) {
        return false;
    }
    RW_ASSERT(rwi_channel_has_room(channel));
    rwi_ring_put(&channel->ring, value);
    RW_VERIFY(rwi_channel_check(channel));
    return true;
}

static inline bool rwi_channel_take_fast(struct rwi_channel *channel, struct rw_value *out)
{
    if (rwi_unlikely(channel->ring.count <= channel->express_floor)) {
        return false;
    }
    RW_ASSERT(channel->receiver_count > 0);
    *out = rwi_ring_pop(&channel->ring);
    RW_VERIFY(rwi_channel_check(channel));
    return true;
}

/* What rwi_channel_move does with a waiter that stands in one line, and is to stand at the end of another. */
static inline void rwi_channel_enter_line(struct rwi_channel *channel, struct rwi_waiter *waiter,
                                          enum rwi_waiter_state line)
{
    RW_ASSERT(line < RWI_WAITER_LINES);
    RW_ASSERT(waiter->state == RWI_WAITER_IDLE);
    rwi_list_append_new(&channel->lines[line].list, &waiter->node);
    channel->lines[line].count++;
    channel->parked += line != RWI_WAITER_CLAIMED;
    waiter->state = (uint8_t)line;
}

static inline void rwi_channel_leave_line(struct rwi_channel *channel, struct rwi_waiter *waiter,
                                          enum rwi_waiter_state line)
{
    RW_ASSERT(waiter->state == line);
    RW_ASSERT(channel->lines[line].count > 0);
    rwi_list_remove(&waiter->node);
    channel->lines[line].count--;
    channel->parked -= line != RWI_WAITER_CLAIMED;
    waiter->state = RWI_WAITER_IDLE;
}

/* The second express way of a LOCAL channel, for when exactly one is to be told: a receiver that waits gets a claim to this
 * value. */
static inline bool rwi_channel_put_claimed(struct rwi_channel *channel, const struct rw_value *value)
{
    struct rwi_waiter *waiter;

    if (rwi_unlikely(channel->lines[RWI_WAITER_WAITING].count == 0 ||
                     channel->ring.count >= channel->ring.size || !rwi_channel_has_room(channel))) {
        return false;
    }
    RW_ASSERT(!channel->shared);
    waiter = rwi_channel_first(channel, RWI_WAITER_WAITING);
    RW_ASSERT(waiter->twins == 0); /* there is room, so this is no rendezvous */
    rwi_ring_put(&channel->ring, value);
    rwi_channel_leave_line(channel, waiter, RWI_WAITER_WAITING);
    rwi_channel_enter_line(channel, waiter, RWI_WAITER_CLAIMED);
    rwi_channel_post(channel);
    RW_VERIFY(rwi_channel_check(channel));
    rw_waker_wake(&waiter->waker);
    return true;
}

/* A reference to an end, for its futures; given back by rwi_end_unref. */
static inline struct rwi_end *rwi_end_ref(struct rwi_end *end)
{
    RW_ASSERT(end->object.ref_count > 0);
    RW_ASSERT(end->channel != NULL);
    if (rwi_unlikely(end->object.type->shared)) {
        rwi_refs_take(&end->object.ref_count);
    } else {
        end->object.ref_count++;
    }
    return end;
}

static inline void rwi_end_unref(struct rwi_end *end)
{
    RW_ASSERT(end->object.ref_count > 0);
    RW_ASSERT(end->channel != NULL);
    if (rwi_likely(!end->object.type->shared && end->object.ref_count > 1)) {
        end->object.ref_count--;
    } else {
        rw_object_unref(&end->object);
    }
}

/* Whether a future of `loop` may use this end. */
static inline bool rwi_end_serves(const struct rwi_end *end, const struct rw_loop *loop)
{
    RW_ASSERT(end->channel != NULL);
    RW_ASSERT(loop != NULL);
    return end->channel->shared || end->channel->loop == loop;
}

/* The one way in which a waiter's state changes. It goes to the end of a line; `first` puts it at the head. */
void rwi_channel_move(struct rwi_channel *channel, struct rwi_waiter *waiter, enum rwi_waiter_state state,
                      bool first);

/* Queues an idle waiter, or keeps the newer waker of one that is in that line already. */
void rwi_channel_join(struct rwi_channel *channel, struct rwi_waiter *waiter, enum rwi_waiter_state line,
                      struct rw_context *cx);

/* Queued, not run. A SHARED waiter that has no waker has been woken already. */
void rwi_channel_notify(struct rwi_channel *channel, struct rwi_waiter *waiter, struct rwi_wakes *wakes);

/* Out of its line with a failure; everybody of a line (`end` NULL), or those who came through `end`, with RW_ERR_CLOSED. */
void rwi_channel_throw_out(struct rwi_channel *channel, struct rwi_waiter *waiter, int code,
                           struct rwi_wakes *wakes);
void rwi_channel_throw_out_line(struct rwi_channel *channel, enum rwi_waiter_state line,
                                const struct rwi_end *end, struct rwi_wakes *wakes);

/* Restores the invariants after any change. */
void rwi_channel_settle(struct rwi_channel *channel, struct rwi_wakes *wakes);

static inline enum rw_poll rwi_channel_fail(struct rw_value *out, int code)
{
    RW_ASSERT(code < 0);
    *out = rw_failure(code);
    return RW_READY;
}

/* ---- operations, which take the lock ---- */

/* 0, or why this value cannot be sent: RW_ERR_INVALID (a failure), RW_ERR_TYPE (bound to a loop, channel SHARED). */
int rwi_channel_refuses_slow(const struct rw_value *value);

static inline int rwi_channel_refuses(const struct rwi_channel *channel, const struct rw_value *value)
{
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    if (rwi_likely(!rw_is_failure(value) && (value->kind < RW_KIND_LIST || !channel->shared))) {
        return 0;
    }
    return rwi_channel_refuses_slow(value);
}

/* Sends by a permit (RW_READY as for send; RW_ERR_NOMEM keeps the permit), or gives it back. */
enum rw_poll rwi_channel_permit_send(struct rwi_end *end, struct rw_value *value, struct rw_value *out);
void rwi_channel_permit_release(struct rwi_end *end);

/* Ends a waiter that may be in a line: takes it out, gives a claim or an unused permit back. One that is TAKEN or FAILED
 * stays so. waiter->value is the caller's to drop. */
void rwi_channel_leave(struct rwi_channel *channel, struct rwi_waiter *waiter);

#endif
