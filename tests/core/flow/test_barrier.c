/* SPDX-License-Identifier: MIT
 *
 * test_barrier.c - everybody waits until enough have come.
 */
#include "flow/stream_test.h"

static void the_last_to_come_opens_it(void)
{
    struct rig rig = rig_open();
    struct rw_barrier *barrier = rw_barrier_new(rig.loop, 3);
    struct act waits[4];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            waits[i] = act_of(&rig, rw_barrier_wait(barrier));
        }
        CHECK(act_waits(&waits[0]));
        CHECK(act_waits(&waits[1]));
        CHECK_INT(rw_barrier_count(barrier), 2);
        CHECK_INT(act_int(&waits[2]), 2);
        CHECK_INT(waits[0].wakes, 1);
        CHECK_INT(act_int(&waits[1]), 1);
        CHECK_INT(act_int(&waits[0]), 0);
        CHECK_INT(rw_barrier_count(barrier), 0);
    }
    rw_barrier_unref(rw_barrier_ref(barrier));
    rw_barrier_unref(barrier);
    CHECK(rig_close(&rig));
}

static void who_leaves_is_not_counted(void)
{
    struct rig rig = rig_open();
    struct rw_barrier *barrier = rw_barrier_new(rig.loop, 2);
    struct act first = act_of(&rig, rw_barrier_wait(barrier));
    struct act second = act_of(&rig, rw_barrier_wait(barrier));

    CHECK(act_waits(&first));
    act_drop(&first);
    CHECK(act_waits(&second));
    CHECK_INT(ready_int(&rig, rw_barrier_wait(barrier)), 1);
    act_drop(&second); /* released: the barrier has opened without it */
    CHECK_INT(rw_barrier_count(barrier), 0);
    rw_barrier_unref(barrier);
    CHECK(rig_close(&rig));
}

static void use_a_barrier(struct rig *rig)
{
    struct rw_barrier *barrier = rw_barrier_new(rig->loop, 1);

    if (barrier != NULL) {
        ready_int(rig, rw_barrier_wait(barrier));
    }
    rw_barrier_unref(barrier);
}

SURVIVES(use_a_barrier)

static const struct test tests[] = {
    TEST(the_last_to_come_opens_it),
    TEST(who_leaves_is_not_counted),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
