/* SPDX-License-Identifier: MIT
 *
 * handle.c - the thread-safe face of a loop: post, wake, spawn.
 *
 * A handle is a counted hold on the loop's inbox, never on the loop. Invariant: each handle counts once among the inbox's holders
 * until its last reference goes, which is what keeps a loop from calling itself idle.
 */
#include "base/check.h"
#include "base/inbox.h"
#include "base/mem.h"
#include "exec/executor.h"

struct rw_handle {
    struct rwi_inbox *inbox;
    uint32_t ref_count; /* atomic */
};

struct rw_handle *rw_handle_new(struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    struct rw_handle *handle = rwi_mem_new(sizeof *handle);

    if (handle != NULL) {
        handle->inbox = rwi_inbox_ref(rwi_executor_of(loop)->inbox);
        handle->ref_count = 1;
        __atomic_add_fetch(&handle->inbox->holders, 1, __ATOMIC_RELAXED);
    }
    return handle;
}

struct rw_handle *rw_handle_ref(struct rw_handle *handle)
{
    RW_REQUIRE(handle != NULL);
    __atomic_add_fetch(&handle->ref_count, 1, __ATOMIC_RELAXED);
    return handle;
}

void rw_handle_unref(struct rw_handle *handle)
{
    if (handle == NULL || __atomic_sub_fetch(&handle->ref_count, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    if (__atomic_sub_fetch(&handle->inbox->holders, 1, __ATOMIC_ACQ_REL) == 0) {
        rwi_inbox_notify(handle->inbox); /* it may be idle now */
    }
    rwi_inbox_unref(handle->inbox);
    rwi_mem_free(handle, sizeof *handle);
}

void rw_handle_wake(struct rw_handle *handle)
{
    RW_REQUIRE(handle != NULL);
    rwi_inbox_notify(handle->inbox);
}

struct letter {
    struct rwi_inbox_node node;
    void (*fn)(void *arg, struct rw_loop *loop);
    struct rw_future *(*make)(void *arg, struct rw_loop *loop); /* instead of fn */
    void (*drop)(void *arg);
    void *arg;
    struct rw_job job;
};

static void spawn_made(const struct letter *letter, struct rw_loop *loop)
{
    struct rw_future *future = letter->make(letter->arg, loop);

    RW_ASSERT(letter->fn == NULL);
    if (future != NULL) {
        rw_task_detach(rw_spawn(loop, future, NULL));
    }
}

static void run_letter(struct rw_job *job, struct rw_loop *loop)
{
    struct letter *letter = rwi_container_of(job, struct letter, job);

    RW_ASSERT(letter->fn != NULL);
    letter->fn(letter->arg, loop);
    rwi_mem_free(letter, sizeof *letter);
}

/* Functions run from the run queue, like all host code; futures are only made here. */
static void take_letter(struct rwi_inbox_node *node, struct rw_loop *loop)
{
    struct letter *letter = rwi_container_of(node, struct letter, node);

    bool is_live = loop != NULL && !rwi_executor_of(loop)->ending;

    if (is_live && letter->fn != NULL) {
        letter->job.run = run_letter;
        rw_loop_queue(loop, &letter->job);
        return;
    }
    if (is_live) {
        spawn_made(letter, loop);
    } else if (letter->drop != NULL) {
        letter->drop(letter->arg);
    }
    rwi_mem_free(letter, sizeof *letter);
}

void rwi_letter_dispose(struct rw_job *job)
{
    if (job->run != run_letter) {
        return;
    }
    struct letter *letter = rwi_container_of(job, struct letter, job);

    if (letter->drop != NULL) {
        letter->drop(letter->arg);
    }
    rwi_mem_free(letter, sizeof *letter);
}

static int send(struct rw_handle *handle, const struct letter *content)
{
    RW_REQUIRE(handle != NULL);
    struct letter *letter = rwi_mem_new(sizeof *letter);

    if (letter == NULL) {
        return RW_ERR_NOMEM;
    }
    *letter = *content;
    letter->node.take = take_letter;
    if (!rwi_inbox_push(handle->inbox, &letter->node)) {
        rwi_mem_free(letter, sizeof *letter);
        return RW_ERR_CLOSED;
    }
    return 0;
}

int rw_handle_post(struct rw_handle *handle, void (*fn)(void *arg, struct rw_loop *loop),
                   void (*drop)(void *arg), void *arg)
{
    RW_REQUIRE(fn != NULL);
    return send(handle, &(struct letter){.fn = fn, .drop = drop, .arg = arg});
}

int rw_handle_spawn(struct rw_handle *handle, struct rw_future *(*make)(void *arg, struct rw_loop *loop),
                    void (*drop)(void *arg), void *arg)
{
    RW_REQUIRE(make != NULL);
    return send(handle, &(struct letter){.make = make, .drop = drop, .arg = arg});
}
