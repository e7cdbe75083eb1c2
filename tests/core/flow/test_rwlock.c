/* SPDX-License-Identifier: MIT
 *
 * test_rwlock.c - many readers or one writer, in the order of asking.
 */
#include "flow/stream_test.h"

static void readers_share_and_a_writer_is_alone(void)
{
    struct rig rig = rig_open();
    struct rw_rwlock *rwlock = rw_rwlock_new(rig.loop);
    struct act writer = act_of(&rig, rw_rwlock_write(rwlock));
    struct act late = act_of(&rig, rw_rwlock_read(rwlock));

    CHECK_INT(ready_int(&rig, rw_rwlock_read(rwlock)), 0);
    CHECK(rw_rwlock_try_read(rwlock));
    CHECK(!rw_rwlock_try_write(rwlock));
    CHECK(act_waits(&writer));
    CHECK(act_waits(&late)); /* behind the writer */
    CHECK(!rw_rwlock_try_read(rwlock));
    rw_rwlock_unlock_read(rwlock);
    CHECK_INT(writer.wakes, 0);
    rw_rwlock_unlock_read(rwlock);
    CHECK_INT(writer.wakes, 1);
    CHECK_INT(act_int(&writer), 0);
    CHECK_INT(late.wakes, 0);
    rw_rwlock_unlock_write(rwlock);
    CHECK_INT(late.wakes, 1);
    CHECK_INT(act_int(&late), 0);
    rw_rwlock_unlock_read(rwlock);
    CHECK(rw_rwlock_try_write(rwlock));
    rw_rwlock_unref(rw_rwlock_ref(rwlock));
    rw_rwlock_unref(rwlock);
    CHECK(rig_close(&rig));
}

static void a_writer_that_gives_up_lets_readers_in(void)
{
    struct rig rig = rig_open();
    struct rw_rwlock *rwlock = rw_rwlock_new(rig.loop);
    struct act writer = act_of(&rig, rw_rwlock_write(rwlock));
    struct act late = act_of(&rig, rw_rwlock_read(rwlock));

    CHECK(rw_rwlock_try_read(rwlock));
    CHECK(act_waits(&writer));
    CHECK(act_waits(&late));
    act_drop(&writer);
    CHECK_INT(late.wakes, 1);
    CHECK_INT(act_int(&late), 0);
    rw_rwlock_unref(rwlock);
    CHECK(rig_close(&rig));
}

static void use_a_rwlock(struct rig *rig)
{
    struct rw_rwlock *rwlock = rw_rwlock_new(rig->loop);

    if (rwlock != NULL && ready_int(rig, rw_rwlock_write(rwlock)) == 0) {
        rw_rwlock_unlock_write(rwlock);
    }
    rw_rwlock_unref(rwlock);
}

SURVIVES(use_a_rwlock)

static const struct test tests[] = {
    TEST(readers_share_and_a_writer_is_alone),
    TEST(a_writer_that_gives_up_lets_readers_in),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
