/* SPDX-License-Identifier: MIT
 *
 * rwlock.c - many readers or one writer, in the order of asking.
 *
 * A semaphore with very many permits: a reader takes one, a writer all of them. Its rule that a large wish is not overtaken by
 * a smaller one is what keeps a stream of readers from starving a writer.
 *
 * Invariant: permits out are one per reader, or ALL for the writer.
 */
#include "base/mem.h"
#include "exec/executor.h"

#define ALL ((size_t)UINT32_MAX)

struct rw_rwlock {
    struct rw_object object;
    struct rw_loop *loop;
    struct rw_semaphore *permits;
};

static void destroy(struct rw_object *object)
{
    struct rw_rwlock *rwlock = (struct rw_rwlock *)object;
    struct rw_loop *loop = rwlock->loop;

    RW_ASSERT(object->ref_count == 0);
    rw_semaphore_unref(rwlock->permits);
    rwi_mem_free(rwlock, sizeof *rwlock);
    rwi_object_gone(loop, rwlock);
}

static const struct rw_object_type rwlock_type = {"rwlock", false, destroy};

struct rw_rwlock *rw_rwlock_new(struct rw_loop *loop)
{
    struct rw_rwlock *rwlock;

    RW_REQUIRE(loop != NULL);
    rwlock = rwi_mem_new(sizeof *rwlock);
    if (rwlock == NULL) {
        return NULL;
    }
    rwlock->permits = rw_semaphore_new(loop, ALL);
    if (rwlock->permits == NULL) {
        rwi_mem_free(rwlock, sizeof *rwlock);
        return NULL;
    }
    rwlock->object.type = &rwlock_type;
    rwlock->object.ref_count = 1;
    rwlock->loop = loop;
    rwi_object_born(loop, rwlock);
    return rwlock;
}

struct rw_rwlock *rw_rwlock_ref(struct rw_rwlock *rwlock)
{
    RW_REQUIRE(rwlock != NULL);
    rw_object_ref(&rwlock->object);
    return rwlock;
}

void rw_rwlock_unref(struct rw_rwlock *rwlock)
{
    rw_object_unref(rwlock != NULL ? &rwlock->object : NULL);
}

struct rw_future *rw_rwlock_read(struct rw_rwlock *rwlock)
{
    RW_REQUIRE(rwlock != NULL);
    return rw_semaphore_acquire(rwlock->permits, 1);
}

struct rw_future *rw_rwlock_write(struct rw_rwlock *rwlock)
{
    RW_REQUIRE(rwlock != NULL);
    return rw_semaphore_acquire(rwlock->permits, ALL);
}

bool rw_rwlock_try_read(struct rw_rwlock *rwlock)
{
    RW_REQUIRE(rwlock != NULL);
    return rw_semaphore_try_acquire(rwlock->permits, 1);
}

bool rw_rwlock_try_write(struct rw_rwlock *rwlock)
{
    RW_REQUIRE(rwlock != NULL);
    return rw_semaphore_try_acquire(rwlock->permits, ALL);
}

/* With the writer in, nothing is available; one reader in leaves ALL - 1 and a queued writer takes none of them. */
void rw_rwlock_unlock_read(struct rw_rwlock *rwlock)
{
    RW_REQUIRE(rwlock != NULL);
    RW_REQUIRE(rw_semaphore_available(rwlock->permits) > 0);
    RW_REQUIRE(rw_semaphore_available(rwlock->permits) < ALL);
    rw_semaphore_release(rwlock->permits, 1);
}

void rw_rwlock_unlock_write(struct rw_rwlock *rwlock)
{
    RW_REQUIRE(rwlock != NULL);
    RW_REQUIRE(rw_semaphore_available(rwlock->permits) == 0);
    rw_semaphore_release(rwlock->permits, ALL);
}
