/* SPDX-License-Identifier: MIT
 *
 * executor.h - who runs next, on one loop: the run queue, the turn's clock and budget, timers, slabs, counters.
 *
 * It is the first member of struct rw_loop, so that everything below loop.c finds it from the public pointer without
 * knowing the rest of the loop.
 */
#ifndef RWI_EXEC_EXECUTOR_H
#define RWI_EXEC_EXECUTOR_H

#include <ropewalk.h>

#include "base/list.h"
#include "exec/slab.h"
#include "exec/timer.h"

struct rwi_inbox;
struct rwi_sys;

struct rwi_executor {
    struct rw_job
        *queue_head; /* ends with the executor's own `queue_end`, so that next != NULL means "queued" */
    struct rw_job *queue_tail; /* good while something is queued */
    struct rw_job queue_end;
    struct rw_job *batch_last; /* the last job of the turn that is running; NULL: none is left of it */
    struct rw_task *current;
    int64_t now_ns;
    uint32_t budget;
    uint32_t budget_left;
    struct rwi_timers timers;
    struct rwi_slabs slabs;
    struct rw_scope *root;
    struct rwi_inbox *inbox; /* shared with other threads */
    void *outside;           /* the loop's reactor, for io/ only */
    uint64_t next_id;        /* of a task or scope */
    uint64_t scopes_made;    /* so many of the ids */
    uint32_t next_select;    /* where the next select begins to try */
    struct rw_stats stats;
    void (*unhandled)(void *arg, struct rw_task *task, const struct rw_value *value);
    void *unhandled_arg;
    struct rwi_loop_datum *data;
    const struct rwi_sys *sys;
    struct rw_pool *pool; /* the loop's own blocking pool; NULL until one is needed; blocking.c's */
    uint32_t blocking_threads;
    uint32_t blocking_queue;
    bool running; /* inside a turn */
    bool ending;  /* rw_loop_free has begun: nothing new is spawned or queued */
    bool zombie;  /* it has ended; its memory stays until the last object and future made from it is gone */
};

/* A job that will not run any more: if it was posted by a handle, its argument is dropped. handle.c's. */
void rwi_letter_dispose(struct rw_job *job);

static inline bool rwi_executor_has_work(const struct rwi_executor *executor)
{
    return executor->queue_head != &executor->queue_end;
}

/* rwi_executor_push where it is known that the loop is not ending. */
static inline void rwi_executor_append(struct rwi_executor *executor, struct rw_job *job)
{
    RW_ASSERT(job->run != NULL);
    RW_ASSERT(job->next == NULL);
    RW_ASSERT(!executor->ending);
    job->next = &executor->queue_end;
    if (rwi_executor_has_work(executor)) {
        executor->queue_tail->next = job;
    } else {
        executor->queue_head = job;
    }
    executor->queue_tail = job;
}

/* rw_loop_queue for callers inside. `job` must not be queued. */
static inline void rwi_executor_push(struct rwi_executor *executor, struct rw_job *job)
{
    if (rwi_likely(!executor->ending)) { /* else nothing will run any more */
        rwi_executor_append(executor, job);
    }
}

/* Frees a zombie once nothing made from it is left; does nothing otherwise. loop.c's. */
void rwi_loop_bury(struct rw_loop *loop);

static inline struct rwi_executor *rwi_executor_of(const struct rw_loop *loop)
{
    return (struct rwi_executor *)(void *)(uintptr_t)loop;
}

static inline struct rw_loop *rwi_executor_loop(struct rwi_executor *executor)
{
    return (struct rw_loop *)(void *)executor;
}

/* Makes the root scope too. 0 or RW_ERR_NOMEM. The inbox stays the caller's. */
int rwi_executor_init(struct rwi_executor *executor, struct rwi_inbox *inbox, uint32_t budget);

/* The loop ends: kills the tasks that are left, drops hosts' data, forgets timers and queued jobs. */
void rwi_executor_end(struct rwi_executor *executor);

/* Frees what is left: after rwi_executor_end, when no object and no future made from it lives. */
void rwi_executor_fini(struct rwi_executor *executor);

/* Runs what is queued now, and nothing that is queued meanwhile. `more(arg)` is asked between jobs and may end it early; NULL:
 * never. Returns how many ran. */
size_t rwi_executor_run(struct rwi_executor *executor, bool (*more)(void *arg), void *arg);

/* The first job, taken out. */
static inline struct rw_job *rwi_executor_take(struct rwi_executor *executor)
{
    struct rw_job *job = executor->queue_head;

    RW_ASSERT(job != &executor->queue_end);
    executor->queue_head = job->next;
    __builtin_prefetch(job->next, 1); /* many tasks do not fit the first cache */
    __builtin_prefetch((char *)job->next + 64, 1);
    job->next = NULL;
    if (job == executor->batch_last) {
        executor->batch_last = NULL;
    }
    return job;
}

/* rwi_executor_run without anybody to ask, for the loop that does nothing else between two looks at the kernel.
 * Something is queued. */
static inline size_t rwi_executor_run_batch(struct rwi_executor *executor)
{
    struct rw_loop *loop = (struct rw_loop *)(void *)executor;
    size_t ran = 0;

    RW_ASSERT(executor->batch_last == NULL);
    RW_ASSERT(rwi_executor_has_work(executor));
    executor->batch_last = executor->queue_tail;
    do {
        struct rw_job *job = rwi_executor_take(executor);

        ran++;
        job->run(job, loop);
    } while (executor->batch_last != NULL);
    executor->stats.jobs_run += ran;
    return ran;
}

/* Fires the timers that are due at now_ns; those armed while it fires wait for the next call. Returns how many fired. */
size_t rwi_executor_fire_timers(struct rwi_executor *executor);

/* RW_NOW with work queued, else the first timer's deadline. */
int64_t rwi_executor_deadline(const struct rwi_executor *executor);

/* rw_loop_alloc and rw_loop_release for callers inside. */
static inline void *rwi_loop_alloc(struct rw_loop *loop, size_t size)
{
    return rwi_slabs_alloc(&rwi_executor_of(loop)->slabs, size);
}

static inline void rwi_loop_release(struct rw_loop *loop, void *memory, size_t size)
{
    struct rwi_executor *executor = rwi_executor_of(loop);

    rwi_slabs_release(&executor->slabs, memory, size);
    if (rwi_unlikely(executor->zombie)) {
        rwi_loop_bury(loop);
    }
}

/* rw_budget_take for leaves inside. */
bool rwi_budget_refuse(struct rw_context *cx);

static inline bool rwi_budget_take(struct rw_context *cx)
{
    struct rwi_executor *executor = rwi_executor_of(cx->loop);

    if (rwi_likely(executor->budget_left > 0)) {
        executor->budget_left--;
        return true;
    }
    return !rwi_budget_refuse(cx);
}

/* Every loop-local object calls these when it is made and when it goes; the latter last, since the loop may go with it: the
 * object is a mere address then. */
static inline void rwi_object_born(struct rw_loop *loop, const void *object)
{
    struct rwi_executor *executor = rwi_executor_of(loop);

    executor->stats.objects_live++;
    rwi_births_note(executor->slabs.births, object);
}

static inline void rwi_object_gone(struct rw_loop *loop, const void *object)
{
    struct rwi_executor *executor = rwi_executor_of(loop);

    executor->stats.objects_live--;
    rwi_births_forget(executor->slabs.births, object);
    if (executor->zombie) {
        rwi_loop_bury(loop);
    }
}

#endif
