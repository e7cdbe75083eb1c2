/* SPDX-License-Identifier: MIT
 *
 * notify.c - waking tasks that wait for "something has changed".
 *
 * notify_one wakes the first waiter; when there is none, one permit is kept (never more) and the next wait takes it. A waiter
 * that was woken so and goes away without having been polled passes it on. notify_all wakes those who wait now and keeps nothing.
 *
 *      wait   NEW --permit--> (ready)
 *              \--join--> WAITING --one--> CHOSEN --poll--> (ready), --drop--> the next
 *                            \--all--> RELEASED --poll--> (ready)
 *
 * Invariant: a permit is kept only while nobody waits.
 */
#include "flow/notify.h"

#include "base/list.h"
#include "base/mem.h"
#include "exec/executor.h"

struct rw_notify {
    struct rw_object object;
    struct rw_loop *loop;
    struct rwi_list waiting; /* wait_future.node */
    bool has_permit;
    bool is_forgetful; /* keeps none */
};

enum wait_state { NEW, WAITING, CHOSEN, RELEASED, DONE };

struct wait_future {
    struct rw_future future;
    struct rw_notify *notify;
    struct rwi_list node;
    struct rw_waker waker; /* borrowed, while WAITING */
    enum wait_state state;
};

static void destroy(struct rw_object *object)
{
    struct rw_notify *notify = (struct rw_notify *)object;
    struct rw_loop *loop = notify->loop;

    RW_ASSERT(rwi_list_is_empty(&notify->waiting));
    rwi_mem_free(notify, sizeof *notify);
    rwi_object_gone(loop, notify);
}

static const struct rw_object_type notify_type = {"notify", false, destroy};

struct rw_notify *rw_notify_new(struct rw_loop *loop)
{
    struct rw_notify *notify;

    RW_REQUIRE(loop != NULL);
    notify = rwi_mem_new(sizeof *notify);
    if (notify == NULL) {
        return NULL;
    }
    notify->object.type = &notify_type;
    notify->object.ref_count = 1;
    notify->loop = loop;
    rwi_list_init(&notify->waiting);
    rwi_object_born(loop, notify);
    return notify;
}

struct rw_notify *rw_notify_ref(struct rw_notify *notify)
{
    RW_REQUIRE(notify != NULL);
    rw_object_ref(&notify->object);
    return notify;
}

void rw_notify_unref(struct rw_notify *notify)
{
    rw_object_unref(notify != NULL ? &notify->object : NULL);
}

/* Wakes the first who waits; false when nobody does. */
static bool wake_first(struct rw_notify *notify, enum wait_state state)
{
    struct rwi_list *node = rwi_list_pop_front(&notify->waiting);
    struct wait_future *wait;

    if (node == NULL) {
        return false;
    }
    wait = rwi_list_entry(node, struct wait_future, node);
    RW_ASSERT(wait->state == WAITING);
    wait->state = state;
    rw_waker_wake(&wait->waker);
    return true;
}

void rw_notify_one(struct rw_notify *notify)
{
    RW_REQUIRE(notify != NULL);
    RW_ASSERT(!notify->has_permit || rwi_list_is_empty(&notify->waiting));
    if (!wake_first(notify, CHOSEN)) {
        notify->has_permit = !notify->is_forgetful;
    }
}

void rwi_notify_forget(struct rw_notify *notify)
{
    RW_ASSERT(!notify->has_permit);
    notify->is_forgetful = true;
}

bool rwi_notify_first(struct rw_notify *notify)
{
    RW_ASSERT(notify->is_forgetful);
    return wake_first(notify, CHOSEN);
}

size_t rw_notify_all(struct rw_notify *notify)
{
    size_t count = 0;

    RW_REQUIRE(notify != NULL);
    while (wake_first(notify, RELEASED)) {
        count++;
    }
    RW_ASSERT(rwi_list_is_empty(&notify->waiting));
    return count;
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

static enum rw_poll wait_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct wait_future *wait = (struct wait_future *)self;
    struct rw_notify *notify = wait->notify;

    RW_ASSERT(notify->loop == cx->loop);
    if (wait->state == NEW && notify->has_permit) {
        notify->has_permit = false;
        wait->state = CHOSEN;
    }
    if (wait->state == CHOSEN || wait->state == RELEASED) {
        if (!rwi_budget_take(cx)) {
            return RW_PENDING;
        }
        wait->state = DONE;
        *out = rw_nil();
        return RW_READY;
    }
    /* Lined up whatever the budget: a condition gives its mutex up in the belief that it is. */
    wait->waker = cx->waker;
    if (wait->state == NEW) {
        wait->state = WAITING;
        rwi_list_push_back(&notify->waiting, &wait->node);
    }
    RW_ASSERT(wait->state == WAITING);
    return RW_PENDING;
}

static void wait_drop(struct rw_future *self)
{
    struct wait_future *wait = (struct wait_future *)self;
    struct rw_notify *notify = wait->notify;

    rwi_list_remove(&wait->node);
    if (wait->state == CHOSEN) {
        rw_notify_one(notify);
    }
    RW_ASSERT(notify->object.ref_count > 0);
    rwi_loop_release(notify->loop, wait, sizeof *wait);
    rw_notify_unref(notify);
}

static const struct rw_future_vtable wait_vtable = {"notify.wait", 0, wait_poll, NULL, wait_drop};

struct rw_future *rw_notify_wait(struct rw_notify *notify)
{
    struct wait_future *wait;

    RW_REQUIRE(notify != NULL);
    wait = rwi_loop_alloc(notify->loop, sizeof *wait);
    if (wait == NULL) {
        return rw_failed(notify->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&wait->future, &wait_vtable);
    wait->notify = rw_notify_ref(notify);
    rwi_list_init(&wait->node);
    wait->state = NEW;
    return &wait->future;
}
