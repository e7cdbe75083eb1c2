/* SPDX-License-Identifier: MIT
 *
 * oneshot.c - one value, once.
 *
 * Sender and receiving future are two faces of one block of the loop's memory, which goes when both have gone: a oneshot costs one
 * allocation. What happened is told by two flags of the sender (gone, sent) and one of the receiver.
 *
 *      OPEN --send--> SENT --poll--> received
 *         \--sender gone--> the receiver gets RW_ERR_CLOSED
 *
 * Invariant: the block lives while `has_sender` or `has_receiver`; `value` is the receiver's while is_sent and not yet polled.
 */
#include "exec/executor.h"

struct rw_oneshot_sender {
    struct rw_future future; /* the receiver's face */
    struct rw_loop *loop;
    struct rw_waker waker; /* borrowed; none while nobody waits */
    struct rw_value value;
    bool has_sender;
    bool has_receiver;
    bool is_sent;
};

static void free_if_done(struct rw_oneshot_sender *cell)
{
    if (!cell->has_sender && !cell->has_receiver) {
        struct rw_loop *loop = cell->loop;

        RW_ASSERT(cell->value.kind == RW_KIND_NIL);
        rwi_loop_release(loop, cell, sizeof *cell);
        rwi_object_gone(loop, cell);
    }
}

static void wake_receiver(struct rw_oneshot_sender *cell)
{
    if (cell->waker.vtable != NULL) {
        RW_ASSERT(cell->has_receiver);
        rw_waker_wake(&cell->waker);
        cell->waker.vtable = NULL;
    }
}

static enum rw_poll receive_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct rw_oneshot_sender *cell = (struct rw_oneshot_sender *)self;

    RW_ASSERT(cell->has_receiver);
    if (cell->has_sender && !cell->is_sent) {
        cell->waker = cx->waker;
        return RW_PENDING;
    }
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    *out = cell->is_sent ? cell->value : rw_failure(RW_ERR_CLOSED);
    cell->value = rw_nil();
    return RW_READY;
}

static void receive_drop(struct rw_future *self)
{
    struct rw_oneshot_sender *cell = (struct rw_oneshot_sender *)self;
    struct rw_value left = cell->value;

    RW_ASSERT(cell->has_receiver);
    cell->value = rw_nil();
    cell->waker.vtable = NULL;
    cell->has_receiver = false;
    free_if_done(cell);
    /* Last, because it may hold the sender. */
    rw_value_drop(&left);
}

static const struct rw_future_vtable receive_vtable = {"oneshot.receive", 0, receive_poll, NULL,
                                                       receive_drop};

int rw_oneshot_open(struct rw_loop *loop, struct rw_oneshot_sender **sender, struct rw_future **receiver)
{
    struct rw_oneshot_sender *cell;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(sender != NULL);
    RW_REQUIRE(receiver != NULL);
    cell = rwi_loop_alloc(loop, sizeof *cell);
    *sender = cell;
    *receiver = cell != NULL ? &cell->future : NULL;
    if (cell == NULL) {
        return RW_ERR_NOMEM;
    }
    rw_future_init(&cell->future, &receive_vtable);
    cell->loop = loop;
    cell->waker.vtable = NULL;
    cell->value = rw_nil();
    cell->has_sender = true;
    cell->has_receiver = true;
    cell->is_sent = false;
    rwi_object_born(loop, cell);
    return 0;
}

int rw_oneshot_send(struct rw_oneshot_sender *sender, struct rw_value *value)
{
    RW_REQUIRE(sender != NULL);
    RW_REQUIRE(value != NULL);
    RW_ASSERT(sender->has_sender);
    if (sender->is_sent) {
        return RW_ERR_STATE;
    }
    if (!sender->has_receiver) {
        return RW_ERR_CLOSED;
    }
    sender->value = *value;
    *value = rw_nil();
    sender->is_sent = true;
    wake_receiver(sender);
    return 0;
}

bool rw_oneshot_is_closed(const struct rw_oneshot_sender *sender)
{
    RW_REQUIRE(sender != NULL);
    return !sender->has_receiver;
}

void rw_oneshot_unref(struct rw_oneshot_sender *sender)
{
    if (sender == NULL) {
        return;
    }
    RW_REQUIRE(sender->has_sender);
    sender->has_sender = false;
    wake_receiver(sender);
    free_if_done(sender);
}
