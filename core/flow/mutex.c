/* SPDX-License-Identifier: MIT
 *
 * mutex.c - one holder at a time: a semaphore with a single permit, and the promise that only a holder gives it back.
 *
 * Invariant: the semaphore's one permit is available exactly while nobody holds the mutex.
 */
#include "base/mem.h"
#include "exec/executor.h"

struct rw_mutex {
    struct rw_object object;
    struct rw_loop *loop;
    struct rw_semaphore *permit;
};

static void destroy(struct rw_object *object)
{
    struct rw_mutex *mutex = (struct rw_mutex *)object;
    struct rw_loop *loop = mutex->loop;

    RW_ASSERT(object->ref_count == 0);
    rw_semaphore_unref(mutex->permit);
    rwi_mem_free(mutex, sizeof *mutex);
    rwi_object_gone(loop, mutex);
}

static const struct rw_object_type mutex_type = {"mutex", false, destroy};

struct rw_mutex *rw_mutex_new(struct rw_loop *loop)
{
    struct rw_mutex *mutex;

    RW_REQUIRE(loop != NULL);
    mutex = rwi_mem_new(sizeof *mutex);
    if (mutex == NULL) {
        return NULL;
    }
    mutex->permit = rw_semaphore_new(loop, 1);
    if (mutex->permit == NULL) {
        rwi_mem_free(mutex, sizeof *mutex);
        return NULL;
    }
    mutex->object.type = &mutex_type;
    mutex->object.ref_count = 1;
    mutex->loop = loop;
    rwi_object_born(loop, mutex);
    return mutex;
}

struct rw_mutex *rw_mutex_ref(struct rw_mutex *mutex)
{
    RW_REQUIRE(mutex != NULL);
    rw_object_ref(&mutex->object);
    return mutex;
}

void rw_mutex_unref(struct rw_mutex *mutex)
{
    rw_object_unref(mutex != NULL ? &mutex->object : NULL);
}

/* The future holds the semaphore; the mutex around it may go. */
struct rw_future *rw_mutex_lock(struct rw_mutex *mutex)
{
    RW_REQUIRE(mutex != NULL);
    return rw_semaphore_acquire(mutex->permit, 1);
}

bool rw_mutex_try_lock(struct rw_mutex *mutex)
{
    RW_REQUIRE(mutex != NULL);
    return rw_semaphore_try_acquire(mutex->permit, 1);
}

void rw_mutex_unlock(struct rw_mutex *mutex)
{
    RW_REQUIRE(mutex != NULL);
    RW_REQUIRE(rw_mutex_is_locked(mutex));
    rw_semaphore_release(mutex->permit, 1);
}

bool rw_mutex_is_locked(const struct rw_mutex *mutex)
{
    RW_REQUIRE(mutex != NULL);
    RW_ASSERT(rw_semaphore_available(mutex->permit) <= 1);
    return rw_semaphore_available(mutex->permit) == 0;
}
