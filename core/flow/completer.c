/* SPDX-License-Identifier: MIT
 *
 * completer.c - one result, brought from any thread.
 *
 * Completer and future are two faces of one block outside the loop's slabs, because either may go last and on any thread.
 * The writing face changes only `state`, `value` before it is sent, and the counts; everything else is the loop's.
 * The block travels to the loop by a node of its own, so completing needs no memory and cannot fail for want of it.
 *
 *      OPEN --complete, or the last owner gone: value stored--> SENT --taken from the inbox--> is_there
 *
 * Invariant: `value` is written by whoever moved OPEN to SENT, and read only on the loop's thread after is_there was set; the
 * block's references are one for the owners together, one for the future, and one for the node on its way.
 */
#include "base/inbox.h"
#include "base/mem.h"
#include "base/value.h"
#include "exec/executor.h"

enum { OPEN, SENT };

struct rw_completer {
    struct rw_future future;
    struct rw_future_vtable vtable; /* a copy, for the name's sake */
    struct rw_loop *loop;           /* the loop's thread only */
    struct rwi_inbox *inbox;
    struct rwi_inbox_node node;
    struct rw_waker waker; /* borrowed; none while nobody waits */
    struct rw_value value;
    uint32_t ref_count;   /* atomic */
    uint32_t owner_count; /* atomic */
    uint32_t state;       /* atomic */
    uint32_t wanted;      /* atomic */
    bool is_there;
};

static void release(struct rw_completer *completer)
{
    if (__atomic_sub_fetch(&completer->ref_count, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    rw_value_drop(&completer->value);
    rwi_inbox_unref(completer->inbox);
    rwi_mem_free(completer, sizeof *completer);
}

static void let_go_of_loop(struct rw_completer *completer)
{
    RW_ASSERT(__atomic_load_n(&completer->inbox->holders, __ATOMIC_RELAXED) > 0);
    if (__atomic_sub_fetch(&completer->inbox->holders, 1, __ATOMIC_ACQ_REL) == 0) {
        rwi_inbox_notify(completer->inbox); /* it may be idle now */
    }
}

/* ---- the loop's side ----------------------------------------------------------------------------------------------- */

static void take_result(struct rwi_inbox_node *node, struct rw_loop *loop)
{
    struct rw_completer *completer = rwi_container_of(node, struct rw_completer, node);

    RW_ASSERT(!completer->is_there);
    RW_ASSERT(__atomic_load_n(&completer->state, __ATOMIC_RELAXED) == SENT);
    completer->is_there = true;
    if (loop != NULL && completer->waker.vtable != NULL) {
        rw_waker_wake(&completer->waker);
        completer->waker.vtable = NULL;
    }
    let_go_of_loop(completer);
    release(completer);
}

static enum rw_poll wait_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct rw_completer *completer = rwi_container_of(self, struct rw_completer, future);

    RW_ASSERT(cx->loop == completer->loop);
    if (!completer->is_there) {
        completer->waker = cx->waker;
        return RW_PENDING;
    }
    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    *out = completer->value;
    completer->value = rw_nil();
    return RW_READY;
}

static void wait_drop(struct rw_future *self)
{
    struct rw_completer *completer = rwi_container_of(self, struct rw_completer, future);
    struct rw_loop *loop = completer->loop;

    RW_ASSERT(__atomic_load_n(&completer->ref_count, __ATOMIC_RELAXED) > 0);
    completer->waker.vtable = NULL;
    __atomic_store_n(&completer->wanted, 0, __ATOMIC_RELAXED);
    release(completer);
    rwi_object_gone(loop, completer);
}

struct rw_completer *rw_completer_new(struct rw_loop *loop, const char *name, struct rw_future **out)
{
    struct rw_completer *completer;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(name != NULL);
    RW_REQUIRE(out != NULL);
    completer = rwi_mem_new(sizeof *completer);
    if (completer == NULL) {
        return NULL;
    }
    completer->vtable = (struct rw_future_vtable){name, 0, wait_poll, NULL, wait_drop};
    rw_future_init(&completer->future, &completer->vtable);
    completer->loop = loop;
    completer->inbox = rwi_inbox_ref(rwi_executor_of(loop)->inbox);
    __atomic_add_fetch(&completer->inbox->holders, 1, __ATOMIC_RELAXED);
    completer->node.take = take_result;
    completer->ref_count = 2;
    completer->owner_count = 1;
    completer->wanted = 1;
    rwi_object_born(loop, completer);
    *out = &completer->future;
    return completer;
}

/* ---- any thread ------------------------------------------------------------------------------------------------------ */

/* The block goes on its way; takes `value`. False when another was quicker. */
static bool send(struct rw_completer *completer, struct rw_value value)
{
    uint32_t expected = OPEN;

    RW_ASSERT(value.kind <= RW_KIND_NATIVE);
    if (!__atomic_compare_exchange_n(&completer->state, &expected, SENT, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
        rw_value_drop(&value);
        return false;
    }
    completer->value = value;
    __atomic_add_fetch(&completer->ref_count, 1, __ATOMIC_RELAXED);
    if (!rwi_inbox_push(completer->inbox, &completer->node)) {
        let_go_of_loop(completer);
        release(completer);
    }
    return true;
}

struct rw_completer *rw_completer_ref(struct rw_completer *completer)
{
    RW_REQUIRE(completer != NULL);
    RW_ASSERT(__atomic_load_n(&completer->owner_count, __ATOMIC_RELAXED) > 0);
    __atomic_add_fetch(&completer->owner_count, 1, __ATOMIC_RELAXED);
    return completer;
}

void rw_completer_unref(struct rw_completer *completer)
{
    if (completer == NULL || __atomic_sub_fetch(&completer->owner_count, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    if (__atomic_load_n(&completer->state, __ATOMIC_ACQUIRE) == OPEN) {
        send(completer,
             rw_failure_format(RW_ERR_BROKEN, "%s was given up without a result", completer->vtable.name));
    }
    release(completer);
}

int rw_completer_complete(struct rw_completer *completer, struct rw_value value)
{
    RW_REQUIRE(completer != NULL);
    RW_ASSERT(__atomic_load_n(&completer->owner_count, __ATOMIC_RELAXED) > 0);
    int err = rwi_value_bound(&value);

    if (err != 0) {
        rw_value_drop(&value);
        return err;
    }
    return send(completer, value) ? 0 : RW_ERR_STATE;
}

bool rw_completer_is_wanted(const struct rw_completer *completer)
{
    RW_REQUIRE(completer != NULL);
    return __atomic_load_n(&completer->wanted, __ATOMIC_RELAXED) != 0 &&
           !rwi_inbox_is_closed(completer->inbox);
}
