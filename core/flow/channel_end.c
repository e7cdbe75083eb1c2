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

static void let_go(struct rwi_channel *channel, const void *end)
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

static void destroy_sender(struct rw_object *object)
{
    struct rw_sender *sender = (struct rw_sender *)object;

    RW_ASSERT(object->ref_count == 0);
    rwi_channel_close_sender(sender);
    RW_ASSERT(sender->is_closed);
    let_go(sender->channel, sender);
    rwi_mem_free(sender, sizeof *sender);
}

static void destroy_receiver(struct rw_object *object)
{
    struct rw_receiver *receiver = (struct rw_receiver *)object;

    RW_ASSERT(object->ref_count == 0);
    rwi_channel_close_receiver(receiver);
    RW_ASSERT(receiver->is_closed);
    let_go(receiver->channel, receiver);
    rwi_mem_free(receiver, sizeof *receiver);
}

static const struct rw_object_type local_sender = {"sender", false, destroy_sender};
static const struct rw_object_type shared_sender = {"sender", true, destroy_sender};
static const struct rw_object_type local_receiver = {"receiver", false, destroy_receiver};
static const struct rw_object_type shared_receiver = {"receiver", true, destroy_receiver};

/* The channel already counts these ends as open. */
static void init_sender(struct rw_sender *sender, struct rwi_channel *channel, bool is_closed)
{
    RW_ASSERT(is_closed || channel->sender_count > 0);
    sender->object.type = channel->shared ? &shared_sender : &local_sender;
    sender->object.ref_count = 1;
    sender->express = rwi_channel_express(channel, is_closed);
    sender->channel = channel;
    sender->is_closed = is_closed;
    if (!channel->shared) {
        rwi_object_born(channel->loop, sender);
    }
}

static void init_receiver(struct rw_receiver *receiver, struct rwi_channel *channel, bool is_closed)
{
    RW_ASSERT(is_closed || channel->receiver_count > 0);
    receiver->object.type = channel->shared ? &shared_receiver : &local_receiver;
    receiver->object.ref_count = 1;
    receiver->express = rwi_channel_express(channel, is_closed);
    receiver->channel = channel;
    receiver->is_closed = is_closed;
    if (!channel->shared) {
        rwi_object_born(channel->loop, receiver);
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
    init_sender(*sender, channel, false);
    init_receiver(*receiver, channel, false);
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

/* A clone of a closed end is a closed end. */
struct rw_sender *rw_sender_clone(struct rw_sender *sender)
{
    struct rw_sender *clone = rwi_mem_new(sizeof *clone);
    struct rwi_wakes wakes = {0};

    RW_REQUIRE(sender != NULL);
    if (clone == NULL) {
        return NULL;
    }
    rwi_channel_lock(sender->channel);
    bool is_closed = sender->is_closed;

    RW_ASSERT(is_closed || sender->channel->sender_count > 0);
    sender->channel->sender_count += !is_closed;
    rwi_channel_unlock(sender->channel, &wakes);
    rwi_refs_take(&sender->channel->end_count);
    init_sender(clone, sender->channel, is_closed);
    return clone;
}

struct rw_receiver *rw_receiver_clone(struct rw_receiver *receiver)
{
    struct rw_receiver *clone = rwi_mem_new(sizeof *clone);
    struct rwi_wakes wakes = {0};

    RW_REQUIRE(receiver != NULL);
    if (clone == NULL) {
        return NULL;
    }
    rwi_channel_lock(receiver->channel);
    bool is_closed = receiver->is_closed;

    RW_ASSERT(is_closed || receiver->channel->receiver_count > 0);
    receiver->channel->receiver_count += !is_closed;
    rwi_channel_unlock(receiver->channel, &wakes);
    rwi_refs_take(&receiver->channel->end_count);
    init_receiver(clone, receiver->channel, is_closed);
    return clone;
}

void rwi_channel_close_sender(struct rw_sender *end)
{
    struct rwi_channel *channel = end->channel;
    struct rwi_wakes wakes;

    wakes.count = 0;
    rwi_channel_lock(channel);
    if (!end->is_closed) {
        RW_ASSERT(channel->sender_count > 0);
        end->is_closed = true;
        if (!channel->shared) {
            end->express = rwi_channel_express(channel, true);
        }
        channel->sender_count--;
        rwi_channel_throw_out_line(channel, RWI_WAITER_OFFERING, end, &wakes);
        rwi_channel_throw_out_line(channel, RWI_WAITER_RESERVING, end, &wakes);
        rwi_channel_settle(channel, &wakes);
    }
    rwi_channel_unlock(channel, &wakes);
}

void rwi_channel_close_receiver(struct rw_receiver *end)
{
    struct rwi_channel *channel = end->channel;
    struct rwi_ring left = {0};
    struct rwi_wakes wakes;

    wakes.count = 0;
    rwi_channel_lock(channel);
    if (!end->is_closed) {
        RW_ASSERT(channel->receiver_count > 0);
        end->is_closed = true;
        if (!channel->shared) {
            end->express = rwi_channel_express(channel, true);
        }
        channel->receiver_count--;
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

struct rw_sender *rw_sender_ref(struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->channel != NULL);
    rw_object_ref(&sender->object);
    return sender;
}

struct rw_receiver *rw_receiver_ref(struct rw_receiver *receiver)
{
    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->channel != NULL);
    rw_object_ref(&receiver->object);
    return receiver;
}

void rw_sender_unref(struct rw_sender *sender)
{
    RW_ASSERT(sender == NULL || sender->channel != NULL);
    rw_object_unref(sender != NULL ? &sender->object : NULL);
}

void rw_receiver_unref(struct rw_receiver *receiver)
{
    RW_ASSERT(receiver == NULL || receiver->channel != NULL);
    rw_object_unref(receiver != NULL ? &receiver->object : NULL);
}

void rw_sender_close(struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->channel != NULL);
    rwi_channel_close_sender(sender);
}

void rw_receiver_close(struct rw_receiver *receiver)
{
    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->channel != NULL);
    rwi_channel_close_receiver(receiver);
}

struct rw_object *rw_sender_object(struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->channel != NULL);
    return &sender->object;
}

struct rw_object *rw_receiver_object(struct rw_receiver *receiver)
{
    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->channel != NULL);
    return &receiver->object;
}

bool rw_sender_is_closed(const struct rw_sender *sender)
{
    struct rwi_wakes wakes = {0};
    bool is_closed;

    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->channel != NULL);
    rwi_channel_lock(sender->channel);
    is_closed = sender->is_closed || sender->channel->receiver_count == 0;
    rwi_channel_unlock(sender->channel, &wakes);
    return is_closed;
}

bool rw_receiver_is_closed(const struct rw_receiver *receiver)
{
    struct rwi_wakes wakes = {0};
    bool is_closed;

    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->channel != NULL);
    rwi_channel_lock(receiver->channel);
    is_closed = receiver->is_closed || rwi_channel_is_drained(receiver->channel);
    rwi_channel_unlock(receiver->channel, &wakes);
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
    const struct rwi_channel *channel = receiver->channel;
    bool is_sole = !channel->shared && !receiver->is_closed && receiver->object.ref_count == 1 &&
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
    RW_ASSERT(receiver->channel != NULL);
    return count_values(receiver->channel);
}

size_t rw_sender_count(const struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->channel != NULL);
    return count_values(sender->channel);
}

size_t rw_sender_capacity(const struct rw_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    RW_ASSERT(sender->channel != NULL);
    return sender->channel->capacity;
}

struct rw_sender *rw_sender_of(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    if (value->kind != RW_KIND_HANDLE ||
        (value->as.handle->type != &local_sender && value->as.handle->type != &shared_sender)) {
        return NULL;
    }
    return (struct rw_sender *)value->as.handle;
}

struct rw_receiver *rw_receiver_of(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    if (value->kind != RW_KIND_HANDLE ||
        (value->as.handle->type != &local_receiver && value->as.handle->type != &shared_receiver)) {
        return NULL;
    }
    return (struct rw_receiver *)value->as.handle;
}
