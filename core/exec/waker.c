/* SPDX-License-Identifier: MIT
 *
 * waker.c - waking and cancelling a task from another thread.
 *
 * A task is touched by its own thread only. What others hold is a cell: counted, made when the first waker is cloned or
 * the first abort handle is asked for, with a node for the loop's inbox. Who wakes sets a bit in `asked`; the one who
 * sets the first bit pushes the node. The loop takes it out, clears the bits, and does what they say.
 *
 * Invariants: the node is in the inbox exactly while `asked` is not 0, and holds a reference then; `task` is read and
 * written on the loop's thread only and is NULL once the task is done.
 *
 * Rejected: the node and an atomic state word in every task. Tasks that no other thread knows - nearly all - would pay 23
 * instead of 4 ns a cycle, and could not be freed while a stray waker is about (docs/design/0001).
 */
#include "exec/tree.h"

#include "base/check.h"
#include "base/inbox.h"
#include "base/mem.h"
#include "exec/executor.h"

enum { ASK_WAKE = 1, ASK_CANCEL = 2, DONE = 4 };

struct rwi_remote {
    struct rwi_inbox_node node;
    struct rwi_inbox *inbox;
    struct rw_task *task; /* the loop's thread only */
    uint32_t ref_count;   /* atomic */
    uint32_t asked;       /* atomic */
};

static void unref(struct rwi_remote *remote)
{
    if (__atomic_sub_fetch(&remote->ref_count, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    RW_ASSERT(remote->task == NULL);
    rwi_inbox_unref(remote->inbox);
    rwi_mem_free(remote, sizeof *remote);
}

static void take_remote(struct rwi_inbox_node *node, struct rw_loop *loop)
{
    struct rwi_remote *remote = rwi_container_of(node, struct rwi_remote, node);
    uint32_t asked = __atomic_fetch_and(&remote->asked, DONE, __ATOMIC_ACQ_REL);

    RW_ASSERT((asked & (ASK_WAKE | ASK_CANCEL)) != 0);
    if (loop != NULL && remote->task != NULL) {
        RW_ASSERT(remote->task->loop == loop);
        rwi_executor_of(loop)->stats.wakes_remote++;
        if ((asked & ASK_CANCEL) != 0) {
            rw_task_cancel(remote->task, NULL);
        }
        if ((asked & ASK_WAKE) != 0 && remote->task != NULL) {
            rw_task_wake(remote->task);
        }
    }
    unref(remote);
}

/* Any thread. False when the task is done or its loop gone. */
static bool ask(struct rwi_remote *remote, uint32_t bit)
{
    RW_ASSERT(remote->inbox != NULL);
    uint32_t before = __atomic_fetch_or(&remote->asked, bit, __ATOMIC_ACQ_REL);

    if ((before & DONE) != 0) {
        return false;
    }
    if ((before & (ASK_WAKE | ASK_CANCEL)) != 0) {
        return true; /* on its way already */
    }
    __atomic_add_fetch(&remote->ref_count, 1, __ATOMIC_RELAXED);
    if (!rwi_inbox_push(remote->inbox, &remote->node)) {
        unref(remote);
        return false;
    }
    return true;
}

static struct rwi_remote *need_remote(struct rw_task *task)
{
    struct rwi_remote **place = rwi_extra_remote(task, true);

    if (place != NULL && *place == NULL) {
        struct rwi_remote *remote = rwi_mem_new(sizeof *remote);

        if (remote == NULL) {
            return NULL;
        }
        remote->node.take = take_remote;
        remote->inbox = rwi_inbox_ref(rwi_executor_of(task->loop)->inbox);
        remote->task = task;
        remote->ref_count = 1; /* the task's */
        *place = remote;
    }
    RW_ASSERT(place == NULL || (*place)->task == task);
    return place != NULL ? *place : NULL;
}

void rwi_remote_detach(struct rw_task *task)
{
    RW_ASSERT(task->state == RW_TASK_DONE);
    struct rwi_remote **place = rwi_extra_remote(task, false);
    struct rwi_remote *remote = place != NULL ? *place : NULL;

    if (remote == NULL) {
        return;
    }
    *place = NULL;
    remote->task = NULL;
    __atomic_fetch_or(&remote->asked, DONE, __ATOMIC_ACQ_REL);
    unref(remote);
}

static void hold(struct rwi_inbox *inbox)
{
    __atomic_add_fetch(&inbox->holders, 1, __ATOMIC_RELAXED);
}

/* The last holder wakes the loop, which may find that nothing can happen any more. */
static void let_go(struct rwi_inbox *inbox)
{
    if (__atomic_sub_fetch(&inbox->holders, 1, __ATOMIC_ACQ_REL) == 0) {
        rwi_inbox_notify(inbox);
    }
}

static struct rw_waker clone_remote(void *data);

static void wake_remote(void *data)
{
    ask(data, ASK_WAKE);
}

static void drop_remote(void *data)
{
    struct rwi_remote *remote = data;
    struct rwi_inbox *inbox = rwi_inbox_ref(remote->inbox);

    unref(remote);
    let_go(inbox);
    rwi_inbox_unref(inbox);
}

static const struct rw_waker_vtable remote_waker = {clone_remote, wake_remote, drop_remote};

static struct rw_waker clone_remote(void *data)
{
    struct rwi_remote *remote = data;

    __atomic_add_fetch(&remote->ref_count, 1, __ATOMIC_RELAXED);
    hold(remote->inbox);
    return (struct rw_waker){&remote_waker, remote};
}

/* The waker of last resort: it makes the loop poll every task that waits. */
static struct rw_waker clone_loop_waker(void *data)
{
    struct rwi_inbox *inbox = data;

    hold(inbox);
    return (struct rw_waker){.data = rwi_inbox_ref(inbox)};
}

static void wake_loop(void *data)
{
    struct rwi_inbox *inbox = data;

    __atomic_store_n(&inbox->wake_all, 1, __ATOMIC_RELEASE);
    rwi_inbox_notify(inbox);
}

static void drop_loop_waker(void *data)
{
    let_go(data);
    rwi_inbox_unref(data);
}

static struct rw_waker clone_shared_loop_waker(void *data);

static const struct rw_waker_vtable loop_waker = {clone_shared_loop_waker, wake_loop, drop_loop_waker};

static struct rw_waker clone_shared_loop_waker(void *data)
{
    struct rw_waker waker = clone_loop_waker(data);

    waker.vtable = &loop_waker;
    return waker;
}

struct rw_waker rwi_remote_waker(struct rw_task *task)
{
    struct rwi_remote *remote = need_remote(task);

    RW_ASSERT(task->state != RW_TASK_DONE);
    if (remote == NULL) {
        return clone_shared_loop_waker(rwi_executor_of(task->loop)->inbox);
    }
    return clone_remote(remote);
}

bool rwi_remote_may_wake(const struct rw_loop *loop)
{
    return __atomic_load_n(&rwi_executor_of(loop)->inbox->holders, __ATOMIC_ACQUIRE) > 0;
}

/* An abort handle is a reference to the same cell, under another name. */
static struct rwi_remote *remote_of(struct rw_abort_handle *handle)
{
    RW_REQUIRE(handle != NULL);
    return (struct rwi_remote *)(void *)handle;
}

struct rw_abort_handle *rw_task_abort_handle(struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    struct rwi_remote *remote;

    if (task->state == RW_TASK_DONE) {
        remote = rwi_mem_new(sizeof *remote);
        if (remote == NULL) {
            return NULL;
        }
        remote->inbox = rwi_inbox_ref(rwi_executor_of(task->loop)->inbox);
        remote->asked = DONE;
    } else {
        remote = need_remote(task);
    }
    if (remote != NULL) {
        __atomic_add_fetch(&remote->ref_count, 1, __ATOMIC_RELAXED);
    }
    return (struct rw_abort_handle *)(void *)remote;
}

struct rw_abort_handle *rw_abort_handle_ref(struct rw_abort_handle *handle)
{
    __atomic_add_fetch(&remote_of(handle)->ref_count, 1, __ATOMIC_RELAXED);
    return handle;
}

void rw_abort_handle_unref(struct rw_abort_handle *handle)
{
    if (handle != NULL) {
        unref(remote_of(handle));
    }
}

int rw_abort_handle_cancel(struct rw_abort_handle *handle)
{
    return ask(remote_of(handle), ASK_CANCEL) ? 0 : RW_ERR_CLOSED;
}
