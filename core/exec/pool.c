/* SPDX-License-Identifier: MIT
 *
 * pool.c - a bounded queue of jobs and up to so many threads that run them.
 *
 * One mutex guards everything; a job is milliseconds, a lock is not what it waits for. Threads start when a job finds
 * none idle, and stay. Invariant: under the lock, a job in the queue is not running, and thread_count <= thread_max; a thread that
 * sleeps is counted in idle_count, so a submit that finds more idle threads than queued jobs need not start one.
 *
 * Threads block all signals: those belong to the host's threads.
 */
#include "exec/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/refs.h"

struct rw_pool {
    uint32_t ref_count; /* atomic */
    uint32_t thread_max;
    uint32_t queue_max;
    char *name;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct rwi_list queue;
    uint32_t queue_count;
    uint32_t thread_count;
    uint32_t idle_count;
    bool stopping;
    pthread_t threads[];
};

static size_t pool_size(uint32_t threads)
{
    RW_ASSERT(threads > 0);
    return sizeof(struct rw_pool) + threads * sizeof(pthread_t);
}

struct rw_pool *rw_pool_new(const char *name, uint32_t threads, uint32_t queue)
{
    struct rw_pool *pool;

    RW_REQUIRE(threads > 0);
    RW_REQUIRE(threads <= 4096);
    pool = rwi_mem_new(pool_size(threads));
    if (pool == NULL) {
        return NULL;
    }
    pool->name = rwi_mem_text(name != NULL ? name : "pool");
    if (pool->name == NULL) {
        rwi_mem_free(pool, pool_size(threads));
        return NULL;
    }
    pool->ref_count = 1;
    pool->thread_max = threads;
    pool->queue_max = queue;
    rwi_list_init(&pool->queue);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    return pool;
}

struct rw_pool *rw_pool_ref(struct rw_pool *pool)
{
    RW_REQUIRE(pool != NULL);
    rwi_refs_take(&pool->ref_count);
    return pool;
}

static void free_pool(struct rw_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    RW_ASSERT(pool->queue_count == 0);
    RW_ASSERT(pool->idle_count <= pool->thread_count);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    rwi_mem_free_text(pool->name);
    rwi_mem_free(pool, pool_size(pool->thread_max));
}

void rw_pool_unref(struct rw_pool *pool)
{
    if (pool != NULL && rwi_refs_give(&pool->ref_count)) {
        free_pool(pool);
    }
}

/* Under the lock. NULL: the pool stops. */
static struct rwi_pool_job *wait_for_job(struct rw_pool *pool)
{
    while (pool->queue_count == 0 && !pool->stopping) {
        pool->idle_count++;
        pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle_count--;
    }
    RW_ASSERT(pool->queue_count > 0 || pool->stopping);
    if (pool->queue_count == 0) {
        return NULL;
    }
    pool->queue_count--;
    return rwi_list_entry(rwi_list_pop_front(&pool->queue), struct rwi_pool_job, node);
}

static void *work(void *arg)
{
    struct rw_pool *pool = arg;
    struct rwi_pool_job *job;

    pthread_mutex_lock(&pool->lock);
    while ((job = wait_for_job(pool)) != NULL) {
        pthread_mutex_unlock(&pool->lock);
        RW_ASSERT(job->run != NULL);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Under the lock. 0 or an errno. */
static int start_thread(struct rw_pool *pool)
{
    sigset_t all;
    sigset_t before;
    int error;

    RW_ASSERT(pool->thread_count < pool->thread_max);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&pool->threads[pool->thread_count], NULL, work, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        pool->thread_count++;
    }
    return error;
}

static int submit_locked(struct rw_pool *pool, struct rwi_pool_job *job)
{
    bool is_served = pool->idle_count > pool->queue_count;

    RW_ASSERT(!pool->stopping);
    if (!is_served && pool->thread_count == pool->thread_max && pool->queue_count >= pool->queue_max) {
        return RW_ERR_FULL;
    }
    if (!is_served && pool->thread_count < pool->thread_max) {
        int error = start_thread(pool);

        if (error != 0 && pool->thread_count == 0) {
            errno = error;
            return RW_ERR_OS;
        }
    }
    rwi_list_push_back(&pool->queue, &job->node);
    pool->queue_count++;
    pthread_cond_signal(&pool->work);
    return 0;
}

int rwi_pool_submit(struct rw_pool *pool, struct rwi_pool_job *job)
{
    int err;

    RW_ASSERT(job->run != NULL);
    rwi_list_init(&job->node);
    pthread_mutex_lock(&pool->lock);
    err = submit_locked(pool, job);
    pthread_mutex_unlock(&pool->lock);
    return err;
}

bool rwi_pool_withdraw(struct rw_pool *pool, struct rwi_pool_job *job)
{
    bool was_waiting;

    pthread_mutex_lock(&pool->lock);
    was_waiting = !rwi_list_is_empty(&job->node);
    if (was_waiting) {
        RW_ASSERT(pool->queue_count > 0);
        rwi_list_remove(&job->node);
        pool->queue_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return was_waiting;
}
