/* SPDX-License-Identifier: MIT
 *
 * test_pool.c - threads that run jobs: how many, in what order, and how they end.
 */
#include "exec/pool.h"

#include "test.h"

struct piece {
    struct rwi_pool_job job;
    int *ran; /* atomic */
    pthread_mutex_t *gate;
};

static void run_piece(struct rwi_pool_job *job)
{
    struct piece *piece = (struct piece *)(void *)job;

    if (piece->gate != NULL) {
        pthread_mutex_lock(piece->gate);
        pthread_mutex_unlock(piece->gate);
    }
    __atomic_add_fetch(piece->ran, 1, __ATOMIC_RELAXED);
}

static void the_last_reference_waits_for_what_runs(void)
{
    struct rw_pool *pool = rw_pool_new("test", 3, 1000);
    struct piece pieces[100];
    int ran = 0;

    for (int i = 0; i < 100; i++) {
        pieces[i] = (struct piece){{.run = run_piece}, &ran, NULL};
        CHECK_INT(rwi_pool_submit(pool, &pieces[i].job), 0);
    }
    for (int i = 0; i < 100; i++) {
        /* Those still waiting are taken back: the pool may only be freed without any. */
        if (rwi_pool_withdraw(pool, &pieces[i].job)) {
            __atomic_add_fetch(&ran, 1, __ATOMIC_RELAXED);
        }
    }
    rw_pool_unref(rw_pool_ref(pool));
    rw_pool_unref(pool);
    CHECK_INT(ran, 100);
}

static void a_full_queue_refuses(void)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct rw_pool *pool = rw_pool_new(NULL, 1, 2);
    struct piece pieces[5];
    int accepted = 0;
    int withdrawn = 0;
    int ran = 0;

    pthread_mutex_lock(&gate);
    for (int i = 0; i < 5; i++) {
        int err;

        pieces[i] = (struct piece){{.run = run_piece}, &ran, &gate};
        err = rwi_pool_submit(pool, &pieces[i].job);
        CHECK(err == 0 || err == RW_ERR_FULL);
        accepted += err == 0;
    }
    CHECK(accepted >= 2);
    CHECK(accepted <= 3);
    for (int i = accepted - 1; i >= 0; i--) {
        withdrawn += rwi_pool_withdraw(pool, &pieces[i].job);
    }
    CHECK(withdrawn >= accepted - 1);
    pthread_mutex_unlock(&gate);
    rw_pool_unref(pool);
    CHECK_INT(ran + withdrawn, accepted);
}

static void a_pool_that_was_never_used_has_no_threads(void)
{
    rw_pool_unref(rw_pool_new("idle", 4096, 0));
    rw_pool_unref(NULL);
}

static void make_a_pool(void)
{
    rw_pool_unref(rw_pool_new("scarce", 2, 2));
}

static void every_failed_allocation_is_survived(void)
{
    test_each_allocation(make_a_pool);
}

static const struct test tests[] = {
    TEST(the_last_reference_waits_for_what_runs),
    TEST(a_full_queue_refuses),
    TEST(a_pool_that_was_never_used_has_no_threads),
    TEST(every_failed_allocation_is_survived),
};

TEST_MAIN(tests)
