/* SPDX-License-Identifier: MIT
 *
 * blocking.c - a future for what a function returns that runs on a pool.
 *
 *      new --first poll--> WAITING --a thread takes it--> RUNNING --fn returned--> node in the inbox --> DONE
 *                             \--dropped: withdrawn--> gone   \--dropped: abandoned, its value is dropped on arrival
 *
 * The job is the part that both threads know. Invariant: it is written by the pool's thread only while it runs, and by the loop's
 * thread before and after; what hands it over is the pool's lock on the way there and the loop's inbox on the way back.
 * `future` is the loop's thread's own, and NULL once nobody waits.
 *
 * In a simulation there are no threads: the jobs of a loop run on it, in order, one turn later.
 */
#include <errno.h>

#include "base/check.h"
#include "base/inbox.h"
#include "base/mem.h"
#include "base/sys.h"
#include "exec/executor.h"
#include "exec/pool.h"

struct blocking_future;

struct job {
    struct rwi_pool_job work;
    struct rwi_inbox_node node;
    struct rw_job inline_run; /* simulation */
    struct rwi_inbox *inbox;
    struct rw_loop *loop;
    struct blocking_future *future; /* NULL: abandoned */
    void (*fn)(void *arg, struct rw_value *out);
    void (*drop)(void *arg);
    void *arg;
    struct rw_value value;
};

struct blocking_future {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_pool *pool; /* a reference; NULL until the loop's own is taken */
    struct job *job;      /* NULL: not begun, or done */
    void (*fn)(void *arg, struct rw_value *out);
    void (*drop)(void *arg); /* NULL once the job has it */
    void *arg;
    struct rw_waker waker; /* borrowed */
    struct rw_value value;
    bool done;
};

static void free_job(struct job *job)
{
    if (job->drop != NULL) {
        job->drop(job->arg);
    }
    RW_ASSERT(job->future == NULL);
    rw_value_drop(&job->value);
    rwi_inbox_unref(job->inbox);
    rwi_mem_free(job, sizeof *job);
}

static void finish_job(struct job *job)
{
    struct blocking_future *future = job->future;

    RW_ASSERT(rwi_executor_of(job->loop)->stats.blocking_live > 0);
    rwi_executor_of(job->loop)->stats.blocking_live--;
    if (future != NULL) {
        RW_ASSERT(future->job == job);
        future->job = NULL;
        future->value = job->value;
        future->done = true;
        job->value = rw_nil();
        job->future = NULL;
        rw_waker_wake(&future->waker);
    }
    free_job(job);
}

static void take_job(struct rwi_inbox_node *node, struct rw_loop *loop)
{
    struct job *job = rwi_container_of(node, struct job, node);

    RW_ASSERT(loop != NULL); /* a loop waits for its jobs before it closes the inbox */
    RW_ASSERT(job->loop == loop);
    (void)loop;
    finish_job(job);
}

/* On the pool's thread. */
static void run_job(struct rwi_pool_job *work)
{
    struct job *job = rwi_container_of(work, struct job, work);
    struct rwi_inbox *inbox = rwi_inbox_ref(job->inbox);

    job->fn(job->arg, &job->value);
    if (!rwi_inbox_push(inbox, &job->node)) {
        RW_ASSERT(rwi_inbox_is_closed(inbox)); /* after a fork; the memory is the parent's copy */
    }
    rwi_inbox_unref(inbox);
}

/* In simulation: as if a thread had done it since the last turn. */
static void run_inline(struct rw_job *self, struct rw_loop *loop)
{
    struct job *job = rwi_container_of(self, struct job, inline_run);

    RW_ASSERT(job->loop == loop);
    (void)loop;
    job->fn(job->arg, &job->value);
    finish_job(job);
}

static bool is_simulated(const struct rw_loop *loop)
{
    RW_ASSERT(rwi_executor_of(loop)->sys != NULL);
    return rwi_executor_of(loop)->sys->sim != NULL;
}

static struct rw_pool *own_pool(struct rw_loop *loop)
{
    struct rwi_executor *executor = rwi_executor_of(loop);
    uint32_t threads =
        executor->blocking_threads != 0 ? executor->blocking_threads : RW_DEFAULT_BLOCKING_THREADS;
    uint32_t queue = executor->blocking_queue != 0 ? executor->blocking_queue : RW_DEFAULT_BLOCKING_QUEUE;

    RW_ASSERT(!executor->zombie);
    if (executor->pool == NULL) {
        executor->pool = rw_pool_new("blocking", threads, queue);
    }
    return executor->pool != NULL ? rw_pool_ref(executor->pool) : NULL;
}

static int submit(struct blocking_future *blocking, struct job *job)
{
    if (is_simulated(blocking->loop)) {
        rw_loop_queue(blocking->loop, &job->inline_run);
        return 0;
    }
    if (blocking->pool == NULL) {
        blocking->pool = own_pool(blocking->loop);
    }
    RW_ASSERT(job->work.run == run_job);
    return blocking->pool != NULL ? rwi_pool_submit(blocking->pool, &job->work) : RW_ERR_NOMEM;
}

/* 0 or a negative error; then `arg` is still the future's. */
static int begin(struct blocking_future *blocking)
{
    struct job *job = rwi_mem_new(sizeof *job);
    int err;

    if (job == NULL) {
        return RW_ERR_NOMEM;
    }
    RW_ASSERT(blocking->job == NULL);
    job->work.run = run_job;
    job->node.take = take_job;
    job->inline_run.run = run_inline;
    job->inbox = rwi_inbox_ref(rwi_executor_of(blocking->loop)->inbox);
    job->loop = blocking->loop;
    job->fn = blocking->fn;
    job->arg = blocking->arg;
    job->drop = blocking->drop;
    job->future = blocking;
    err = submit(blocking, job);
    if (err != 0) {
        job->future = NULL;
        job->drop = NULL;
        free_job(job);
        return err;
    }
    blocking->job = job;
    blocking->drop = NULL;
    rwi_executor_of(blocking->loop)->stats.blocking_live++;
    return 0;
}

static enum rw_poll poll_blocking(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct blocking_future *blocking = (struct blocking_future *)self;

    if (blocking->done) {
        if (!rw_budget_take(cx)) {
            return RW_PENDING;
        }
        *out = blocking->value;
        blocking->value = rw_nil();
        return RW_READY;
    }
    blocking->waker = cx->waker;
    if (blocking->job == NULL) {
        int err = begin(blocking);

        if (err != 0) {
            *out = err == RW_ERR_OS ? rw_failure_errno(errno, "starting a thread") : rw_failure(err);
            return RW_READY;
        }
    }
    RW_ASSERT(blocking->job->future == blocking);
    return RW_PENDING;
}

/* True: it waited, and will not run. What is simulated never runs beside us. */
static bool withdraw(struct blocking_future *blocking)
{
    if (is_simulated(blocking->loop)) {
        rw_loop_unqueue(blocking->loop, &blocking->job->inline_run);
        return true;
    }
    RW_ASSERT(blocking->pool != NULL);
    return rwi_pool_withdraw(blocking->pool, &blocking->job->work);
}

/* Takes a job that waits out of its queue; one that runs goes on, and nobody waits for it. */
static void abandon(struct blocking_future *blocking)
{
    struct job *job = blocking->job;
    bool was_waiting = withdraw(blocking);

    RW_ASSERT(job->future == blocking);
    job->future = NULL;
    blocking->job = NULL;
    if (was_waiting) {
        rwi_executor_of(blocking->loop)->stats.blocking_live--;
        free_job(job);
    }
}

static void drop_blocking(struct rw_future *self)
{
    struct blocking_future *blocking = (struct blocking_future *)self;

    if (blocking->job != NULL) {
        abandon(blocking);
    } else if (blocking->drop != NULL) {
        blocking->drop(blocking->arg);
    }
    RW_ASSERT(blocking->job == NULL);
    rw_value_drop(&blocking->value);
    rw_pool_unref(blocking->pool);
    rw_loop_release(blocking->loop, blocking, sizeof *blocking);
}

static const struct rw_future_vtable blocking_vtable = {"spawn_blocking", 0, poll_blocking, NULL,
                                                        drop_blocking};

struct rw_future *rw_spawn_blocking(struct rw_loop *loop, struct rw_pool *pool,
                                    void (*fn)(void *arg, struct rw_value *out), void (*drop)(void *arg),
                                    void *arg)
{
    struct blocking_future *blocking = rw_loop_alloc(loop, sizeof *blocking);

    RW_REQUIRE(fn != NULL);
    if (blocking == NULL) {
        if (drop != NULL) {
            drop(arg);
        }
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *blocking = (struct blocking_future){.loop = loop, .fn = fn, .drop = drop, .arg = arg};
    rw_future_init(&blocking->base, &blocking_vtable);
    if (pool != NULL) {
        blocking->pool = rw_pool_ref(pool);
    }
    return &blocking->base;
}
