/* SPDX-License-Identifier: MIT
 *
 * broadcast.c - every receiver gets every value.
 *
 * The last `capacity` values lie in an array, value number n in slot n % capacity; each receiver knows the number it wants
 * next. A sender never waits: it overwrites the oldest, and a receiver that wanted it is told how many it has
 * missed, once, and goes on with the oldest still there.
 *
 * Invariants: next_number counts the values ever sent; the slots hold the last min(next_number, capacity) of them; a
 * receiver waits only while it has seen all of them and the broadcast is open.
 *
 * Rejected: dropping a value once all have seen it. It would take a count per slot to forget a little earlier.
 */
#include "base/list.h"
#include "base/mem.h"
#include "base/value.h"
#include "exec/executor.h"

struct rw_broadcast {
    struct rw_loop *loop;
    uint32_t sender_refs;
    uint32_t holders; /* receivers, and one for all senders together */
    size_t receiver_count;
    size_t capacity;
    uint64_t next_number;
    struct rwi_list waiting; /* receive_future.node */
    bool is_closed;
    struct rw_value slots[];
};

struct rw_broadcast_receiver {
    struct rw_broadcast *broadcast;
    uint32_t refs; /* the owner's, and one of each future */
    uint64_t next_number;
    uint64_t missed;
};

struct receive_future {
    struct rw_future future;
    struct rw_broadcast_receiver *receiver;
    struct rwi_list node;
    struct rw_waker waker; /* borrowed, while in the list */
};

static size_t size_of(size_t capacity)
{
    return sizeof(struct rw_broadcast) + capacity * sizeof(struct rw_value);
}

static uint64_t oldest_number(const struct rw_broadcast *broadcast)
{
    RW_ASSERT(broadcast->capacity > 0);
    return broadcast->next_number > broadcast->capacity ? broadcast->next_number - broadcast->capacity : 0;
}

static void drop_slots(struct rw_broadcast *broadcast)
{
    for (size_t i = 0; i < broadcast->capacity; i++) {
        rw_value_drop(&broadcast->slots[i]);
    }
    RW_ASSERT(broadcast->slots[0].kind == RW_KIND_NIL);
}

static void let_go(struct rw_broadcast *broadcast)
{
    struct rw_loop *loop = broadcast->loop;

    RW_ASSERT(broadcast->holders > 0);
    if (--broadcast->holders > 0) {
        return;
    }
    RW_ASSERT(rwi_list_is_empty(&broadcast->waiting));
    drop_slots(broadcast);
    rwi_mem_free(broadcast, size_of(broadcast->capacity));
    rwi_object_gone(loop, broadcast);
}

static void wake_all(struct rw_broadcast *broadcast)
{
    struct rwi_list *node;

    while ((node = rwi_list_pop_front(&broadcast->waiting)) != NULL) {
        rw_waker_wake(&rwi_list_entry(node, struct receive_future, node)->waker);
    }
    RW_ASSERT(rwi_list_is_empty(&broadcast->waiting));
}

struct rw_broadcast *rw_broadcast_new(struct rw_loop *loop, size_t capacity)
{
    struct rw_broadcast *broadcast;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(capacity > 0);
    if (capacity > SIZE_MAX / 2 / sizeof(struct rw_value)) {
        return NULL;
    }
    broadcast = rwi_mem_new(size_of(capacity));
    if (broadcast == NULL) {
        return NULL;
    }
    broadcast->loop = loop;
    broadcast->sender_refs = 1;
    broadcast->holders = 1;
    broadcast->capacity = capacity;
    rwi_list_init(&broadcast->waiting);
    rwi_object_born(loop, broadcast);
    return broadcast;
}

struct rw_broadcast *rw_broadcast_ref(struct rw_broadcast *broadcast)
{
    RW_REQUIRE(broadcast != NULL);
    RW_ASSERT(broadcast->sender_refs > 0);
    broadcast->sender_refs++;
    return broadcast;
}

void rw_broadcast_unref(struct rw_broadcast *broadcast)
{
    if (broadcast == NULL) {
        return;
    }
    RW_ASSERT(broadcast->sender_refs > 0);
    if (--broadcast->sender_refs == 0) {
        rw_broadcast_close(broadcast);
        let_go(broadcast);
    }
}

int rw_broadcast_send(struct rw_broadcast *broadcast, struct rw_value value)
{
    struct rw_value *slot;
    struct rw_value old;

    RW_REQUIRE(broadcast != NULL);
    if (broadcast->is_closed || rw_is_failure(&value)) {
        rw_value_drop(&value);
        return broadcast->is_closed ? RW_ERR_CLOSED : RW_ERR_INVALID;
    }
    slot = &broadcast->slots[broadcast->next_number % broadcast->capacity];
    old = *slot;
    *slot = value;
    broadcast->next_number++;
    wake_all(broadcast);
    int receiver_count = broadcast->receiver_count < INT32_MAX ? (int)broadcast->receiver_count : INT32_MAX;

    RW_ASSERT(receiver_count >= 0);
    rw_value_drop(&old);
    return receiver_count;
}

void rw_broadcast_close(struct rw_broadcast *broadcast)
{
    RW_REQUIRE(broadcast != NULL);
    broadcast->is_closed = true;
    wake_all(broadcast);
}

struct rw_broadcast_receiver *rw_broadcast_subscribe(struct rw_broadcast *broadcast)
{
    struct rw_broadcast_receiver *receiver;

    RW_REQUIRE(broadcast != NULL);
    receiver = rwi_mem_new(sizeof *receiver);
    if (receiver == NULL) {
        return NULL;
    }
    receiver->broadcast = broadcast;
    receiver->refs = 1;
    receiver->next_number = broadcast->next_number;
    broadcast->holders++;
    broadcast->receiver_count++;
    rwi_object_born(broadcast->loop, receiver);
    return receiver;
}

uint64_t rw_broadcast_missed(const struct rw_broadcast_receiver *receiver)
{
    RW_REQUIRE(receiver != NULL);
    return receiver->missed;
}

void rw_broadcast_receiver_unref(struct rw_broadcast_receiver *receiver)
{
    struct rw_broadcast *broadcast;

    if (receiver == NULL) {
        return;
    }
    RW_ASSERT(receiver->refs > 0);
    if (--receiver->refs > 0) {
        return;
    }
    broadcast = receiver->broadcast;
    broadcast->receiver_count--;
    rwi_mem_free(receiver, sizeof *receiver);
    rwi_object_gone(broadcast->loop, receiver);
    let_go(broadcast);
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

static struct rw_value report_lag(struct rw_broadcast_receiver *receiver)
{
    uint64_t oldest = oldest_number(receiver->broadcast);

    RW_ASSERT(receiver->next_number < oldest);
    receiver->missed = oldest - receiver->next_number;
    receiver->next_number = oldest;
    return rw_failure_format(RW_ERR_LAGGED, "missed %llu values", (unsigned long long)receiver->missed);
}

static enum rw_poll receive_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct receive_future *receive = (struct receive_future *)self;
    struct rw_broadcast_receiver *receiver = receive->receiver;
    struct rw_broadcast *broadcast = receiver->broadcast;

    RW_ASSERT(broadcast->loop == cx->loop);
    RW_ASSERT(receiver->next_number <= broadcast->next_number);
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    if (receiver->next_number < oldest_number(broadcast)) {
        *out = report_lag(receiver);
    } else if (receiver->next_number < broadcast->next_number) {
        *out = rwi_value_clone(&broadcast->slots[receiver->next_number % broadcast->capacity]);
        receiver->next_number++;
    } else if (broadcast->is_closed) {
        *out = rw_failure(RW_ERR_CLOSED);
    } else {
        receive->waker = cx->waker;
        if (rwi_list_is_empty(&receive->node)) {
            rwi_list_push_back(&broadcast->waiting, &receive->node);
        }
        return RW_PENDING;
    }
    return RW_READY;
}

static void receive_drop(struct rw_future *self)
{
    struct receive_future *receive = (struct receive_future *)self;
    struct rw_broadcast_receiver *receiver = receive->receiver;

    RW_ASSERT(receiver->refs > 0);
    rwi_list_remove(&receive->node);
    rwi_loop_release(receiver->broadcast->loop, receive, sizeof *receive);
    rw_broadcast_receiver_unref(receiver);
}

static const struct rw_future_vtable receive_vtable = {"broadcast.receive", 0, receive_poll, NULL,
                                                       receive_drop};

struct rw_future *rw_broadcast_receive(struct rw_broadcast_receiver *receiver)
{
    struct receive_future *receive;

    RW_REQUIRE(receiver != NULL);
    receive = rwi_loop_alloc(receiver->broadcast->loop, sizeof *receive);
    if (receive == NULL) {
        return rw_failed(receiver->broadcast->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&receive->future, &receive_vtable);
    receive->receiver = receiver;
    receiver->refs++;
    rwi_list_init(&receive->node);
    return &receive->future;
}
