/* SPDX-License-Identifier: MIT
 *
 * permit.c - room in a channel, kept for one value.
 *
 * A permit counts as a value that is not there yet: room is what neither values nor permits fill. At a rendezvous, where
 * there is no room, it stands for a receiver that waits; should that one leave, the value waits in the ring
 * for the next. The permit keeps its end of the channel, and so the channel, open.
 *
 *      reserve future --granted, polled--> permit --send--> used
 *                          \--dropped--> room given back <--release, last unref--/
 *
 * Invariant: channel->permits counts the permits not used plus the reservers GRANTED.
 *
 * Rejected: making the permit object when it is granted. There would be no good answer to having no memory then, so
 * the future carries it from the start.
 */
#include "base/mem.h"
#include "exec/executor.h"
#include "flow/channel_ask.h"

struct rw_permit {
    struct rw_object object;
    struct rw_sender *sender;
    bool is_granted; /* counted in channel->permits */
};

/* ---- the act --------------------------------------------------------------------------------------------------------- */

static enum rw_poll try_reserve(struct rwi_waiter *waiter, struct rw_value *out, struct rwi_wakes *wakes)
{
    struct rwi_channel *channel = waiter->end->channel;

    (void)wakes;
    RW_ASSERT(waiter->value.kind == RW_KIND_NIL);
    if (waiter->state == RWI_WAITER_FAILED) {
        return rwi_channel_fail(out, waiter->code);
    }
    if (waiter->state == RWI_WAITER_GRANTED) {
        RW_ASSERT(channel->permits > 0);
        waiter->state = RWI_WAITER_IDLE;
    } else if (waiter->end->is_closed || channel->receiver_count == 0) {
        return rwi_channel_fail(out, RW_ERR_CLOSED);
    } else if (waiter->state == RWI_WAITER_IDLE &&
               (rwi_channel_has_room(channel) || rwi_channel_can_meet(channel))) {
        channel->permits++;
    } else {
        return RW_PENDING;
    }
    *out = rw_nil();
    return RW_READY;
}

/* Nobody reserves without waiting. */
static bool express(struct rwi_channel *channel, struct rw_value *value)
{
    RW_ASSERT(channel->shared);
    (void)channel;
    (void)value;
    return false;
}

const struct rwi_act rwi_reserving = {RWI_WAITER_RESERVING, try_reserve, express};

enum rw_poll rwi_channel_permit_send(struct rwi_end *end, struct rw_value *value, struct rw_value *out)
{
    struct rwi_channel *channel = end->channel;
    struct rwi_wakes wakes;
    enum rw_poll poll = RW_READY;

    wakes.count = 0;
    rwi_channel_lock(channel);
    RW_ASSERT(channel->permits > 0);
    *out = rw_nil();
    if (end->is_closed || channel->receiver_count == 0) {
        poll = rwi_channel_fail(out, RW_ERR_CLOSED);
    } else if (rwi_ring_push(&channel->ring, value) != 0) {
        poll = rwi_channel_fail(out, RW_ERR_NOMEM);
    } else {
        channel->permits--;
        rwi_channel_settle(channel, &wakes);
    }
    RW_ASSERT(channel->ring.count <= channel->capacity || channel->capacity == 0);
    rwi_channel_unlock(channel, &wakes);
    return poll;
}

void rwi_channel_permit_release(struct rwi_end *end)
{
    struct rwi_channel *channel = end->channel;
    struct rwi_wakes wakes;

    wakes.count = 0;
    rwi_channel_lock(channel);
    RW_ASSERT(channel->permits > 0);
    channel->permits--;
    rwi_channel_settle(channel, &wakes);
    rwi_channel_unlock(channel, &wakes);
}

/* ---- the object ------------------------------------------------------------------------------------------------------- */

static void permit_destroy(struct rw_object *object)
{
    struct rw_permit *permit = (struct rw_permit *)object;
    struct rw_sender *sender = permit->sender;

    RW_ASSERT(object->ref_count == 0);
    rw_permit_release(permit);
    if (!sender->end.channel->shared) {
        rwi_object_gone(sender->end.channel->loop, permit);
    }
    rwi_mem_free(permit, sizeof *permit);
    rw_sender_unref(sender);
}

static const struct rw_object_type local_permit = {"permit", false, permit_destroy};
static const struct rw_object_type shared_permit = {"permit", true, permit_destroy};

static struct rw_permit *permit_new(struct rw_sender *sender)
{
    struct rw_permit *permit = rwi_mem_new(sizeof *permit);

    RW_ASSERT(sender->end.channel != NULL);
    if (permit == NULL) {
        return NULL;
    }
    permit->object.type = sender->end.channel->shared ? &shared_permit : &local_permit;
    permit->object.ref_count = 1;
    permit->sender = rw_sender_ref(sender);
    if (!sender->end.channel->shared) {
        rwi_object_born(sender->end.channel->loop, permit);
    }
    return permit;
}

struct rw_permit *rw_permit_of(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    if (value->kind != RW_KIND_HANDLE ||
        (value->as.handle->type != &local_permit && value->as.handle->type != &shared_permit)) {
        return NULL;
    }
    return (struct rw_permit *)value->as.handle;
}

int rw_permit_send(struct rw_permit *permit, struct rw_value *value)
{
    struct rw_value out;
    int err;

    RW_REQUIRE(permit != NULL);
    RW_REQUIRE(value != NULL);
    if (!permit->is_granted) {
        return RW_ERR_STATE;
    }
    err = rwi_channel_refuses(permit->sender->end.channel, value);
    if (err != 0) {
        return err;
    }
    rwi_channel_permit_send(&permit->sender->end, value, &out);
    if (rw_is_failure(&out)) {
        return out.code;
    }
    permit->is_granted = false;
    return 0;
}

void rw_permit_release(struct rw_permit *permit)
{
    RW_REQUIRE(permit != NULL);
    RW_ASSERT(permit->sender != NULL);
    if (permit->is_granted) {
        permit->is_granted = false;
        rwi_channel_permit_release(&permit->sender->end);
    }
}

/* ---- the future ------------------------------------------------------------------------------------------------------- */

struct reserve_future {
    struct rw_future future;
    struct rw_loop *loop;
    struct rw_permit *permit; /* NULL once handed out */
    struct rwi_waiter waiter;
};

static enum rw_poll reserve_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct reserve_future *reserve = (struct reserve_future *)self;
    enum rw_poll poll;

    RW_ASSERT(reserve->loop == cx->loop);
    RW_ASSERT(reserve->permit != NULL);
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    poll = rwi_channel_ask(&reserve->waiter, &rwi_reserving, cx, out);
    if (poll == RW_READY && !rw_is_failure(out)) {
        reserve->permit->is_granted = true;
        *out = rw_value_of_handle(&reserve->permit->object);
        reserve->permit = NULL;
    }
    return poll;
}

static void reserve_drop(struct rw_future *self)
{
    struct reserve_future *reserve = (struct reserve_future *)self;

    if (reserve->permit != NULL) {
        struct rwi_channel *channel = reserve->permit->sender->end.channel;

        RW_ASSERT(!reserve->permit->is_granted);
        rwi_channel_leave(channel, &reserve->waiter);
        rw_object_unref(&reserve->permit->object);
    }
    RW_ASSERT(!rwi_waiter_is_in_line(&reserve->waiter));
    rwi_loop_release(reserve->loop, reserve, sizeof *reserve);
}

static const struct rw_future_vtable reserve_vtable = {"channel.reserve", 0, reserve_poll, NULL,
                                                       reserve_drop};

struct rw_future *rw_channel_reserve(struct rw_loop *loop, struct rw_sender *sender)
{
    struct reserve_future *reserve;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(sender != NULL);
    RW_REQUIRE(rwi_end_serves(&sender->end, loop));
    reserve = rwi_loop_alloc(loop, sizeof *reserve);
    if (reserve == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    reserve->permit = permit_new(sender);
    if (reserve->permit == NULL) {
        rwi_loop_release(loop, reserve, sizeof *reserve);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    rw_future_init(&reserve->future, &reserve_vtable);
    reserve->loop = loop;
    rwi_waiter_init(&reserve->waiter, &sender->end);
    return &reserve->future;
}
