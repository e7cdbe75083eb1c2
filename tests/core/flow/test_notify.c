/* SPDX-License-Identifier: MIT
 *
 * test_notify.c - one waiter, or all who wait now; a notification for nobody is kept once.
 */
#include "flow/flow_test.h"

static void one_wakes_the_first(void)
{
    struct rig rig = rig_open();
    struct rw_notify *notify = rw_notify_new(rig.loop);
    struct act first = act_of(&rig, rw_notify_wait(notify));
    struct act second = act_of(&rig, rw_notify_wait(notify));

    CHECK(act_waits(&first));
    CHECK(act_waits(&second));
    rw_notify_one(notify);
    CHECK_INT(first.wakes, 1);
    CHECK_INT(second.wakes, 0);
    act_drop(&first); /* passes it on */
    CHECK_INT(second.wakes, 1);
    CHECK_INT(act_int(&second), 0);
    rw_notify_unref(notify);
    CHECK(rig_close(&rig));
}

static void one_for_nobody_is_kept_once(void)
{
    struct rig rig = rig_open();
    struct rw_notify *notify = rw_notify_new(rig.loop);
    struct act wait;

    rw_notify_one(notify);
    rw_notify_one(notify);
    CHECK_INT(ready_int(&rig, rw_notify_wait(notify)), 0);
    wait = act_of(&rig, rw_notify_wait(notify));
    CHECK(act_waits(&wait));
    act_drop(&wait);
    rw_notify_unref(notify);
    CHECK(rig_close(&rig));
}

static void all_wakes_who_waits_and_keeps_nothing(void)
{
    struct rig rig = rig_open();
    struct rw_notify *notify = rw_notify_new(rig.loop);
    struct act waits[3];
    struct act late;

    for (int i = 0; i < 3; i++) {
        waits[i] = act_of(&rig, rw_notify_wait(notify));
        CHECK(act_waits(&waits[i]));
    }
    CHECK_INT(rw_notify_all(notify), 3);
    late = act_of(&rig, rw_notify_wait(notify));
    CHECK(act_waits(&late));
    act_drop(&waits[0]); /* passes nothing on */
    CHECK_INT(late.wakes, 0);
    CHECK_INT(act_int(&waits[1]), 0);
    CHECK_INT(act_int(&waits[2]), 0);
    act_drop(&late);
    CHECK_INT(rw_notify_all(notify), 0);
    rw_notify_unref(rw_notify_ref(notify));
    rw_notify_unref(notify);
    CHECK(rig_close(&rig));
}

static void no_memory_is_an_error(void)
{
    struct rig rig = rig_open();
    struct rw_notify *notify = rw_notify_new(rig.loop);

    test_fail_allocation(1, false);
    CHECK(rw_notify_new(rig.loop) == NULL);
    CHECK_INT(ready_int(&rig, rw_notify_wait(notify)), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    rw_notify_unref(notify);
    CHECK(rig_close(&rig));
}

static const struct test tests[] = {
    TEST(one_wakes_the_first),
    TEST(one_for_nobody_is_kept_once),
    TEST(all_wakes_who_waits_and_keeps_nothing),
    TEST(no_memory_is_an_error),
};

TEST_MAIN(tests)
