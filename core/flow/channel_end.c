/* SPDX-License-Identifier: MIT
 *
 * channel_end.c - the two kinds of ends of a channel: opening, cloning, closing.
 *
 * An end is a counted object of its own, so that "the last sender is closed" is about ends that somebody closed and
 * not about references. Each end object, open or not, holds the channel; the last one to go frees it.
 *
 * Invariant: sender_count and receiver_count are the ends not closed; end_count is the end objects of both kinds.
 */
#include "base/mem.h"
#include "base/refs.h"
#include "exec/executor.h"
#include "flow/channel.h"

/* ---- closing --------------------------------------------------------------------------------------------------------- */

/* Under the lock. True when it was open. */
static bool mark_closed(struct rwi_end *end, uint32_t *open_count)
{
    if (end->is_closed) {
        return false;
    }
    RW_ASSERT(*open_count > 0);
    RW_ASSERT(end->channel != NULL);
    (*open_count)--;
    end->is_closed = true;
    if (!end->channel->shared) {
        end->express = rwi_channel_express(end->channel, true);
    }
    return true;
}

/* Its own waiters fail, and if it was the last of its side, everybody's. */
static void close_sender(struct rwi_end *end)
{
    struct rwi_channel *channel = end->channel;
    struct rwi_wakes wakes;

    wakes.count = 0;
    rwi_channel_lock(channel);
    if (mark_closed(end, &channel->sender_count)) {
        rwi_channel_throw_out_line(channel, RWI_WAITER_OFFERING, end, &wakes);
        rwi_channel_throw_out_line(channel, RWI_WAITER_RESERVING, end, &wakes);
        rwi_channel_settle(channel, &wakes);
    }
    rwi_channel_unlock(channel, &wakes);
}

static void close_receiver(struct rwi_end *end)
{
    struct rwi_channel *channel = end->channel;
    struct rwi_ring left = {0};
    struct rwi_wakes wakes;

    wakes.count = 0;
    rwi_channel_lock(channel);
    if (mark_closed(end, &channel->receiver_count)) {
        rwi_channel_throw_out_line(channel, RWI_WAITER_WAITING, end, &wakes);
        rwi_channel_throw_out_line(channel, RWI_WAITER_CLAIMED, end, &wakes);
        if (channel->receiver_count == 0) {
            rwi_channel_throw_out_line(channel, RWI_WAITER_OFFERING, NULL, &wakes);
            rwi_channel_throw_out_line(channel, RWI_WAITER_RESERVING, NULL, &wakes);
            left = channel->ring;
            channel->ring = (struct rwi_ring){0};
        }
        rwi_channel_settle(channel, &wakes);
    }
    rwi_channel_unlock(channel, &wakes);
    /* Last, because a value that goes may hold the other end of this channel. */
    rwi_ring_fini(&left);
}

/* ---- making and ending ------------------------------------------------------------------------------------------------ */

static void let_go(struct rwi_channel *channel, const struct rwi_end *end)
{
    if (!channel->shared) {
        rwi_object_gone(channel->loop, end);
    }
    if (rwi_refs_give(&channel->end_count)) {
        RW_ASSERT(channel->sender_count == 0);
        RW_ASSERT(channel->receiver_count == 0);
        rwi_channel_free(channel);
    }
}

static void free_end(struct rwi_end *end)
{
    RW_ASSERT(end->object.ref_count == 0);
    RW_ASSERT(end->is_closed);
    let_go(end->channel, end);
    rwi_mem_free(end, sizeof *end);
}

static void destroy_sender(struct rw_object *object)
{
    struct rwi_end *end = (struct rwi_end *)object;

    close_sender(end);
    RW_ASSERT(object->type->destroy == destroy_sender);
    free_end(end);
}

static void destroy_receiver(struct rw_object *object)
{
    struct rwi_end *end = (struct rwi_end *)object;

    close_receiver(end);
    RW_ASSERT(object->type->destroy == destroy_receiver);
    free_end(end);
}

/* LOCAL, SHARED */
static const struct rw_object_type sender_types[] = {{"sender", false, destroy_sender},
                                                     {"sender", true, destroy_sender}};
static const struct rw_object_type receiver_types[] = {{"receiver", false, destroy_receiver},
                                                       {"receiver", true, destroy_receiver}};

_Static_assert(sizeof(struct rw_sender) == sizeof(struct rwi_end), "a sender is an end and no more");
_Static_assert(sizeof(struct rw_receiver) == sizeof(struct rwi_end), "a receiver is an end and no more");

/* The channel already counts this end as open. */
static void init_end(struct rwi_end *end, const struct rw_object_type *types, struct rwi_channel *channel,
                     bool is_closed)
{
    RW_ASSERT(is_closed || channel->sender_count + channel->receiver_count > 0);
    end->object.type = &types[channel->shared];
    end->object.ref_count = 1;
    end->express = rwi_channel_express(channel, is_closed);
    end->channel = channel;
    end->is_closed = is_closed;
    if (!channel->shared) {
        rwi_object_born(channel->loop, end);
    }
}

int rw_channel_open(struct rw_loop *loop, size_t capacity, unsigned flags, struct rw_sender **sender,
                    struct rw_receiver **receiver)
{
    bool shared = (flags & RW_CHANNEL_SHARED) != 0;
    struct rwi_channel *channel;

    RW_REQUIRE(loop != NULL || shared);
    RW_REQUIRE((flags & ~(unsigned)RW_CHANNEL_SHARED) == 0);
    RW_REQUIRE(sender != NULL);
    RW_REQUIRE(receiver != NULL);
    channel = rwi_channel_new(loop, capacity, shared);
    *sender = rwi_mem_new(sizeof **sender);
    *receiver = rwi_mem_new(sizeof **receiver);
    if (channel == NULL || *sender == NULL || *receiver == NULL) {
        goto no_memory;
    }
    channel->end_count = 2;
    init_end(&(*sender)->end, sender_types, channel, false);
    init_end(&(*receiver)->end, receiver_types, channel, false);
    return 0;

no_memory:
    if (channel != NULL) {
        rwi_channel_free(channel);
    }
    rwi_mem_free(*sender, sizeof **sender);
    rwi_mem_free(*receiver, sizeof **receiver);
    *sender = NULL;
    *receiver = NULL;
    return RW_ERR_NOMEM;
}

/* A clone of a closed end is a closed end. `open_count` is its side's. */
static struct rwi_end *clone_end(struct rwi_end *end, const struct rw_object_type *types,
                                 uint32_t *open_count)
{
    struct rwi_end *clone = rwi_mem_new(sizeof *clone);
    struct rwi_wakes wakes = {0};

    if (clone == NULL) {
        return NULL;
    }
    rwi_channel_lock(end->channel);
    bool is_closed = end->is_closed;

    RW_ASSERT(is_closed || *open_count > 0);
    *open_count += !is_closed;
    rwi_channel_unlock(end->channel, &wakes);
    rwi_refs_take(&end->channel->end_count);
    init_end(clone, types, end->channel, is_closed);
    return clone;
}

struct rw_sender *rw_sender_clone(struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->end.channel != NULL);
    return (struct rw_sender *)clone_end(&sender->end, sender_types, &sender->end.channel->sender_count);
}

struct rw_receiver *rw_receiver_clone(struct rw_receiver *receiver)
{
    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->end.channel != NULL);
    return (struct rw_receiver *)clone_end(&receiver->end, receiver_types,
                                           &receiver->end.channel->receiver_count);
}

struct rw_sender *rw_sender_ref(struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->end.channel != NULL);
    rw_object_ref(&sender->end.object);
    return sender;
}

struct rw_receiver *rw_receiver_ref(struct rw_receiver *receiver)
{
    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->end.channel != NULL);
    rw_object_ref(&receiver->end.object);
    return receiver;
}

void rw_sender_unref(struct rw_sender *sender)
{
    RW_ASSERT(sender == NULL || sender->end.channel != NULL);
    rw_object_unref(sender != NULL ? &sender->end.object : NULL);
}

void rw_receiver_unref(struct rw_receiver *receiver)
{
    RW_ASSERT(receiver == NULL || receiver->end.channel != NULL);
    rw_object_unref(receiver != NULL ? &receiver->end.object : NULL);
}

void rw_sender_close(struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->end.channel != NULL);
    close_sender(&sender->end);
}

void rw_receiver_close(struct rw_receiver *receiver)
{
    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->end.channel != NULL);
    close_receiver(&receiver->end);
}

struct rw_object *rw_sender_object(struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->end.channel != NULL);
    return &sender->end.object;
}

struct rw_object *rw_receiver_object(struct rw_receiver *receiver)
{
    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->end.channel != NULL);
    return &receiver->end.object;
}

bool rw_sender_is_closed(const struct rw_sender *sender)
{
    struct rwi_wakes wakes = {0};
    bool is_closed;

    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->end.channel != NULL);
    rwi_channel_lock(sender->end.channel);
    is_closed = sender->end.is_closed || sender->end.channel->receiver_count == 0;
    rwi_channel_unlock(sender->end.channel, &wakes);
    return is_closed;
}

bool rw_receiver_is_closed(const struct rw_receiver *receiver)
{
    struct rwi_wakes wakes = {0};
    bool is_closed;

    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->end.channel != NULL);
    rwi_channel_lock(receiver->end.channel);
    is_closed = receiver->end.is_closed || rwi_channel_is_drained(receiver->end.channel);
    rwi_channel_unlock(receiver->end.channel, &wakes);
    return is_closed;
}

static size_t count_values(struct rwi_channel *channel)
{
    struct rwi_wakes wakes = {0};
    size_t count;

    rwi_channel_lock(channel);
    count = channel->ring.count;
    RW_ASSERT(count <= channel->ring.size);
    rwi_channel_unlock(channel, &wakes);
    return count;
}

int rw_receiver_visit(const struct rw_receiver *receiver,
                      int (*visit)(void *arg, const struct rw_value *value), void *arg)
{
    RW_REQUIRE(receiver != NULL);
    RW_REQUIRE(visit != NULL);
    const struct rwi_channel *channel = receiver->end.channel;
    bool is_sole = !channel->shared && !receiver->end.is_closed && receiver->end.object.ref_count == 1 &&
                   channel->receiver_count == 1;
    size_t count = is_sole ? channel->ring.count : 0;
    int result = 0;

    RW_ASSERT(!is_sole || channel->loop != NULL);
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = visit(arg, rwi_ring_at(&channel->ring, i));
        RW_ASSERT(channel->ring.count == count);
    }
    return result;
}

size_t rw_receiver_count(const struct rw_receiver *receiver)
{
    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->end.channel != NULL);
    return count_values(receiver->end.channel);
}

size_t rw_sender_count(const struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->end.channel != NULL);
    return count_values(sender->end.channel);
}

size_t rw_sender_capacity(const struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->end.channel != NULL);
    return sender->end.channel->capacity;
}

struct rw_sender *rw_sender_of(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    if (value->kind != RW_KIND_HANDLE ||
        (value->as.handle->type != &sender_types[0] && value->as.handle->type != &sender_types[1])) {
        return NULL;
    }
    return (struct rw_sender *)value->as.handle;
}

struct rw_receiver *rw_receiver_of(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    if (value->kind != RW_KIND_HANDLE ||
        (value->as.handle->type != &receiver_types[0] && value->as.handle->type != &receiver_types[1])) {
        return NULL;
    }
    return (struct rw_receiver *)value->as.handle;
}
