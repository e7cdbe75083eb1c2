/* SPDX-License-Identifier: MIT
 *
 * test_condition.c - waiting for a change of what a mutex guards.
 */
#include "flow/stream_test.h"

struct guarded {
    struct rig rig;
    struct rw_mutex *mutex;
    struct rw_condition *condition;
};

static struct guarded guarded_open(void)
{
    struct guarded guarded = {.rig = rig_open()};

    guarded.mutex = rw_mutex_new(guarded.rig.loop);
    guarded.condition = rw_condition_new(guarded.rig.loop);
    return guarded;
}

static bool guarded_close(struct guarded *guarded)
{
    rw_mutex_unref(guarded->mutex);
    rw_condition_unref(guarded->condition);
    return rig_close(&guarded->rig);
}

/* Locks and waits; true when pending, and then without the mutex. */
static bool begin_waiting(struct guarded *guarded, struct act *act)
{
    *act = act_of(&guarded->rig, rw_condition_wait(guarded->condition, guarded->mutex));
    return rw_mutex_try_lock(guarded->mutex) && act_waits(act) && !rw_mutex_is_locked(guarded->mutex);
}

static void who_is_notified_has_the_mutex_again(void)
{
    struct guarded guarded = guarded_open();
    struct act first;
    struct act second;

    CHECK(begin_waiting(&guarded, &first));
    CHECK(begin_waiting(&guarded, &second));
    CHECK(rw_mutex_try_lock(guarded.mutex));
    CHECK_INT(rw_condition_notify(guarded.condition, 1), 1);
    CHECK_INT(first.wakes, 1);
    CHECK(act_waits(&first)); /* for the mutex */
    rw_mutex_unlock(guarded.mutex);
    CHECK_INT(first.wakes, 2);
    CHECK_INT(act_int(&first), 0);
    CHECK(rw_mutex_is_locked(guarded.mutex));
    CHECK_INT(second.wakes, 0);
    CHECK_INT(rw_condition_notify(guarded.condition, SIZE_MAX), 1);
    rw_mutex_unlock(guarded.mutex);
    CHECK_INT(act_int(&second), 0);
    CHECK_INT(rw_condition_notify(guarded.condition, SIZE_MAX), 0);
    rw_mutex_unlock(guarded.mutex);
    CHECK(guarded_close(&guarded));
}

static void nothing_is_kept_for_late_comers(void)
{
    struct guarded guarded = guarded_open();
    struct act act;

    CHECK_INT(rw_condition_notify(guarded.condition, 1), 0);
    CHECK(begin_waiting(&guarded, &act));
    CHECK_INT(rw_condition_notify(guarded.condition, 1), 1);
    act_drop(&act); /* nobody to pass it on to */
    CHECK(begin_waiting(&guarded, &act));
    act_drop(&act);
    CHECK(guarded_close(&guarded));
}

static void a_wake_for_one_who_leaves_goes_to_the_next(void)
{
    struct guarded guarded = guarded_open();
    struct act first;
    struct act second;

    CHECK(begin_waiting(&guarded, &first));
    CHECK(begin_waiting(&guarded, &second));
    CHECK_INT(rw_condition_notify(guarded.condition, 1), 1);
    act_drop(&first);
    CHECK_INT(second.wakes, 1);
    CHECK_INT(act_int(&second), 0);
    rw_mutex_unlock(guarded.mutex);
    CHECK(guarded_close(&guarded));
}

static void a_cancelled_wait_ends_with_the_mutex(void)
{
    struct guarded guarded = guarded_open();
    struct act act;

    CHECK(begin_waiting(&guarded, &act));
    CHECK(rw_mutex_try_lock(guarded.mutex));
    rw_future_cancel(act.future);
    CHECK_INT(act.wakes, 1);
    CHECK(act_waits(&act));
    rw_mutex_unlock(guarded.mutex);
    CHECK_INT(act_int(&act), RW_ERR_CANCELLED);
    CHECK(rw_mutex_is_locked(guarded.mutex));
    rw_mutex_unlock(guarded.mutex);
    CHECK(guarded_close(&guarded));
}

static void use_a_condition(struct rig *rig)
{
    struct rw_mutex *mutex = rw_mutex_new(rig->loop);
    struct rw_condition *condition = rw_condition_new(rig->loop);

    if (mutex != NULL && condition != NULL && rw_mutex_try_lock(mutex)) {
        ready_int(rig, rw_condition_wait(condition, mutex));
    }
    rw_condition_unref(condition);
    rw_mutex_unref(mutex);
}

SURVIVES(use_a_condition)

static const struct test tests[] = {
    TEST(who_is_notified_has_the_mutex_again),        TEST(nothing_is_kept_for_late_comers),
    TEST(a_wake_for_one_who_leaves_goes_to_the_next), TEST(a_cancelled_wait_ends_with_the_mutex),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
