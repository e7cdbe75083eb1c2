/* SPDX-License-Identifier: MIT
 *
 * test_mutex.c - one holder at a time, first come, first served.
 */
#include "flow/stream_test.h"

static void it_is_held_by_one_and_passed_on_in_order(void)
{
    struct rig rig = rig_open();
    struct rw_mutex *mutex = rw_mutex_new(rig.loop);
    struct act second = act_of(&rig, rw_mutex_lock(mutex));
    struct act third = act_of(&rig, rw_mutex_lock(mutex));

    CHECK(!rw_mutex_is_locked(mutex));
    CHECK_INT(ready_int(&rig, rw_mutex_lock(mutex)), 0);
    CHECK(rw_mutex_is_locked(mutex));
    CHECK(!rw_mutex_try_lock(mutex));
    CHECK(act_waits(&second));
    CHECK(act_waits(&third));
    rw_mutex_unlock(mutex);
    CHECK_INT(second.wakes, 1);
    CHECK(!rw_mutex_try_lock(mutex)); /* it is the second's already */
    act_drop(&second);
    CHECK_INT(third.wakes, 1);
    CHECK_INT(act_int(&third), 0);
    rw_mutex_unlock(mutex);
    CHECK(rw_mutex_try_lock(mutex));
    rw_mutex_unref(rw_mutex_ref(mutex));
    rw_mutex_unref(mutex);
    CHECK(rig_close(&rig));
}

static void use_a_mutex(struct rig *rig)
{
    struct rw_mutex *mutex = rw_mutex_new(rig->loop);

    if (mutex != NULL && ready_int(rig, rw_mutex_lock(mutex)) == 0) {
        rw_mutex_unlock(mutex);
    }
    rw_mutex_unref(mutex);
}

SURVIVES(use_a_mutex)

static const struct test tests[] = {
    TEST(it_is_held_by_one_and_passed_on_in_order),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
