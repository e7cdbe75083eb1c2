/* SPDX-License-Identifier: MIT
 *
 * test_semaphore.c - permits are given in the order in which they were asked for.
 */
#include "flow/flow_test.h"

static void a_large_wish_is_not_overtaken(void)
{
    struct rig rig = rig_open();
    struct rw_semaphore *semaphore = rw_semaphore_new(rig.loop, 2);
    struct act large = act_of(&rig, rw_semaphore_acquire(semaphore, 3));
    struct act small = act_of(&rig, rw_semaphore_acquire(semaphore, 1));

    CHECK(act_waits(&large));
    CHECK(act_waits(&small));
    CHECK(!rw_semaphore_try_acquire(semaphore, 1));
    rw_semaphore_release(semaphore, 1);
    CHECK_INT(large.wakes, 1);
    CHECK_INT(small.wakes, 0);
    CHECK_INT(rw_semaphore_available(semaphore), 0);
    CHECK_INT(act_int(&large), 0);
    rw_semaphore_release(semaphore, 3);
    CHECK_INT(act_int(&small), 0);
    CHECK_INT(rw_semaphore_available(semaphore), 2);
    rw_semaphore_unref(semaphore);
    CHECK(rig_close(&rig));
}

static void who_leaves_lets_the_next_go(void)
{
    struct rig rig = rig_open();
    struct rw_semaphore *semaphore = rw_semaphore_new(rig.loop, 1);
    struct act large = act_of(&rig, rw_semaphore_acquire(semaphore, 3));
    struct act small = act_of(&rig, rw_semaphore_acquire(semaphore, 1));
    struct act last = act_of(&rig, rw_semaphore_acquire(semaphore, 1));

    CHECK(act_waits(&large));
    CHECK(act_waits(&small));
    CHECK(act_waits(&last));
    act_drop(&large);
    CHECK_INT(small.wakes, 1);
    act_drop(&small); /* had it already */
    CHECK_INT(last.wakes, 1);
    CHECK_INT(act_int(&last), 0);
    CHECK_INT(rw_semaphore_available(semaphore), 0);
    rw_semaphore_unref(semaphore);
    CHECK(rig_close(&rig));
}

static void closing_ends_all_waits(void)
{
    struct rig rig = rig_open();
    struct rw_semaphore *semaphore = rw_semaphore_new(rig.loop, 0);
    struct act wait = act_of(&rig, rw_semaphore_acquire(semaphore, 1));

    CHECK(act_waits(&wait));
    rw_semaphore_close(semaphore);
    CHECK_INT(wait.wakes, 1);
    CHECK_INT(act_int(&wait), RW_ERR_CLOSED);
    CHECK_INT(ready_int(&rig, rw_semaphore_acquire(semaphore, 0)), RW_ERR_CLOSED);
    CHECK(!rw_semaphore_try_acquire(semaphore, 0));
    rw_semaphore_unref(semaphore);
    CHECK(rig_close(&rig));
}

/* Random acquires, drops and releases: nobody is served out of turn and no permit is lost. */
static void no_permit_is_lost(void)
{
    enum { ACTS = 16, PERMITS = 5 };
    struct rig rig = rig_open();
    struct rw_semaphore *semaphore = rw_semaphore_new(rig.loop, PERMITS);
    struct act acts[ACTS] = {{0}};
    size_t wants[ACTS] = {0};
    size_t held = 0;
    unsigned seed = 1;

    for (int step = 0; step < 20000; step++) {
        seed = seed * 1103515245u + 12345u;
        struct act *act = &acts[seed >> 16 & (ACTS - 1)];
        size_t *wish = &wants[act - acts];

        if (act->future == NULL) {
            *wish = 1 + (seed >> 8) % PERMITS;
            *act = act_of(&rig, rw_semaphore_acquire(semaphore, *wish));
        } else if ((seed >> 21) % 4 == 0) {
            act_drop(act);
        } else if (act_int(act) == 0) {
            held += *wish;
        }
        CHECK(rw_semaphore_available(semaphore) + held <= PERMITS);
        if ((seed >> 24) % 3 == 0) {
            rw_semaphore_release(semaphore, held);
            held = 0;
        }
    }
    for (int i = 0; i < ACTS; i++) {
        act_drop(&acts[i]);
    }
    CHECK_INT(rw_semaphore_available(semaphore) + held, PERMITS);
    rw_semaphore_unref(semaphore);
    CHECK(rig_close(&rig));
}

static void no_memory_is_an_error(void)
{
    struct rig rig = rig_open();
    struct rw_semaphore *semaphore = rw_semaphore_new(rig.loop, 1);

    test_fail_allocation(1, false);
    CHECK(rw_semaphore_new(rig.loop, 1) == NULL);
    CHECK_INT(ready_int(&rig, rw_semaphore_acquire(semaphore, 1)), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    CHECK_INT(rw_semaphore_available(semaphore), 1);
    rw_semaphore_unref(rw_semaphore_ref(semaphore));
    rw_semaphore_unref(semaphore);
    CHECK(rig_close(&rig));
}

static const struct test tests[] = {
    TEST(a_large_wish_is_not_overtaken), TEST(who_leaves_lets_the_next_go),
    TEST(closing_ends_all_waits),        TEST(no_permit_is_lost),
    TEST(no_memory_is_an_error),
};

TEST_MAIN(tests)
