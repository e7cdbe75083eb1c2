/* SPDX-License-Identifier: MIT
 *
 * test_waiter.c - every waker that was collected is woken once and dropped once; a choice is made once.
 */
#include "flow/waiter.h"

#include "flow/flow_test.h"

static void every_collected_waker_is_woken_and_dropped_once(void)
{
    struct act acts[20] = {{0}};
    struct rwi_wakes wakes = {0};

    for (int i = 0; i < 20; i++) {
        rwi_wakes_add(&wakes, act_clone(&acts[i]));
    }
    rwi_wakes_flush(&wakes);
    for (int i = 0; i < 20; i++) {
        CHECK_INT(acts[i].wakes, 1);
        CHECK_INT(acts[i].clones, 0);
    }
    CHECK_INT(wakes.count, 0);
}

static void a_choice_is_made_once(void)
{
    struct rwi_choice choice = {NULL};
    struct rwi_waiter waiters[2];
    struct rwi_waiter alone;

    rwi_waiter_init(&alone, NULL);
    rwi_waiter_init(&waiters[0], NULL);
    rwi_waiter_init(&waiters[1], NULL);
    waiters[0].choice = &choice;
    waiters[1].choice = &choice;
    CHECK(rwi_waiter_choose(&alone));
    CHECK(rwi_waiter_choose(&waiters[1]));
    CHECK(!rwi_waiter_choose(&waiters[0]));
    CHECK(!rwi_waiter_choose(&waiters[1]));
    CHECK(choice.winner == &waiters[1]);
}

static const struct test tests[] = {
    TEST(every_collected_waker_is_woken_and_dropped_once),
    TEST(a_choice_is_made_once),
};

TEST_MAIN(tests)
