/* SPDX-License-Identifier: MIT
 *
 * watch.c - one value that changes, and receivers that want to know when.
 *
 * The cell counts versions; a receiver remembers the one it has seen. Whoever is late sees the newest value only: what
 * came in between is nobody's. A change seen through rw_watch_receiver_value counts as seen.
 *
 * Invariant: a receiver waits only while it has seen the newest version and the cell is open.
 */
#include "base/list.h"
#include "base/mem.h"
#include "base/value.h"
#include "exec/executor.h"

struct rw_watch_cell {
    struct rw_loop *loop;
    uint32_t holders; /* the owner, and receivers */
    uint64_t version;
    struct rw_value value;
    struct rwi_list waiting; /* changed_future.node */
    bool is_closed;
};

struct rw_watch_receiver {
    struct rw_watch_cell *cell;
    uint32_t refs; /* the owner's, and one of each future */
    uint64_t seen;
};

struct changed_future {
    struct rw_future future;
    struct rw_watch_receiver *receiver;
    struct rwi_list node;
    struct rw_waker waker; /* borrowed, while in the list */
};

static void let_go(struct rw_watch_cell *cell)
{
    struct rw_loop *loop = cell->loop;

    RW_ASSERT(cell->holders > 0);
    if (--cell->holders > 0) {
        return;
    }
    RW_ASSERT(rwi_list_is_empty(&cell->waiting));
    rw_value_drop(&cell->value);
    rwi_mem_free(cell, sizeof *cell);
    rwi_object_gone(loop, cell);
}

static void wake_all(struct rw_watch_cell *cell)
{
    struct rwi_list *node;

    while ((node = rwi_list_pop_front(&cell->waiting)) != NULL) {
        rw_waker_wake(&rwi_list_entry(node, struct changed_future, node)->waker);
    }
    RW_ASSERT(rwi_list_is_empty(&cell->waiting));
}

struct rw_watch_cell *rw_watch_cell_new(struct rw_loop *loop, struct rw_value value)
{
    struct rw_watch_cell *cell;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(!rw_is_failure(&value));
    cell = rwi_mem_new(sizeof *cell);
    if (cell == NULL) {
        rw_value_drop(&value);
        return NULL;
    }
    cell->loop = loop;
    cell->holders = 1;
    cell->value = value;
    rwi_list_init(&cell->waiting);
    rwi_object_born(loop, cell);
    return cell;
}

void rw_watch_cell_unref(struct rw_watch_cell *cell)
{
    if (cell != NULL) {
        rw_watch_cell_close(cell);
        let_go(cell);
    }
}

int rw_watch_cell_send(struct rw_watch_cell *cell, struct rw_value value)
{
    struct rw_value old;

    RW_REQUIRE(cell != NULL);
    if (cell->is_closed || rw_is_failure(&value)) {
        rw_value_drop(&value);
        return cell->is_closed ? RW_ERR_CLOSED : RW_ERR_INVALID;
    }
    old = cell->value;
    cell->value = value;
    cell->version++;
    RW_ASSERT(cell->version > 0);
    wake_all(cell);
    rw_value_drop(&old);
    return 0;
}

void rw_watch_cell_close(struct rw_watch_cell *cell)
{
    RW_REQUIRE(cell != NULL);
    cell->is_closed = true;
    wake_all(cell);
}

struct rw_watch_receiver *rw_watch_cell_subscribe(struct rw_watch_cell *cell)
{
    struct rw_watch_receiver *receiver;

    RW_REQUIRE(cell != NULL);
    receiver = rwi_mem_new(sizeof *receiver);
    if (receiver == NULL) {
        return NULL;
    }
    receiver->cell = cell;
    receiver->refs = 1;
    receiver->seen = cell->version;
    cell->holders++;
    rwi_object_born(cell->loop, receiver);
    return receiver;
}

struct rw_value rw_watch_receiver_value(struct rw_watch_receiver *receiver)
{
    RW_REQUIRE(receiver != NULL);
    RW_ASSERT(receiver->seen <= receiver->cell->version);
    receiver->seen = receiver->cell->version;
    return rwi_value_clone(&receiver->cell->value);
}

void rw_watch_receiver_unref(struct rw_watch_receiver *receiver)
{
    struct rw_watch_cell *cell;

    if (receiver == NULL) {
        return;
    }
    RW_ASSERT(receiver->refs > 0);
    if (--receiver->refs > 0) {
        return;
    }
    cell = receiver->cell;
    rwi_mem_free(receiver, sizeof *receiver);
    rwi_object_gone(cell->loop, receiver);
    let_go(cell);
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

static enum rw_poll changed_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct changed_future *changed = (struct changed_future *)self;
    struct rw_watch_cell *cell = changed->receiver->cell;

    RW_ASSERT(cell->loop == cx->loop);
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    if (changed->receiver->seen < cell->version) {
        *out = rw_watch_receiver_value(changed->receiver);
        return RW_READY;
    }
    if (cell->is_closed) {
        *out = rw_failure(RW_ERR_CLOSED);
        return RW_READY;
    }
    changed->waker = cx->waker;
    if (rwi_list_is_empty(&changed->node)) {
        rwi_list_push_back(&cell->waiting, &changed->node);
    }
    return RW_PENDING;
}

static void changed_drop(struct rw_future *self)
{
    struct changed_future *changed = (struct changed_future *)self;
    struct rw_watch_receiver *receiver = changed->receiver;

    RW_ASSERT(receiver->refs > 0);
    rwi_list_remove(&changed->node);
    rwi_loop_release(receiver->cell->loop, changed, sizeof *changed);
    rw_watch_receiver_unref(receiver);
}

static const struct rw_future_vtable changed_vtable = {"watch.changed", 0, changed_poll, NULL, changed_drop};

struct rw_future *rw_watch_receiver_changed(struct rw_watch_receiver *receiver)
{
    struct changed_future *changed;

    RW_REQUIRE(receiver != NULL);
    changed = rwi_loop_alloc(receiver->cell->loop, sizeof *changed);
    if (changed == NULL) {
        return rw_failed(receiver->cell->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&changed->future, &changed_vtable);
    changed->receiver = receiver;
    receiver->refs++;
    rwi_list_init(&changed->node);
    return &changed->future;
}
