/* SPDX-License-Identifier: MIT
 *
 * test_once.c - a value made once, by the first who asks.
 */
#include "flow/stream_test.h"

struct maker {
    struct rw_promise *promise; /* NULL: ready at once, with 5 */
    int begun;
    int drops;
};

static struct rw_future *make(void *arg, struct rw_loop *loop)
{
    struct maker *maker = arg;

    maker->begun++;
    return maker->promise != NULL ? rw_promise_wait(maker->promise) : rw_ready(loop, rw_int(5));
}

static void count_drop(void *arg)
{
    ((struct maker *)arg)->drops++;
}

static struct act getting(struct rig *rig, struct rw_once *once, struct maker *maker)
{
    return act_of(rig, rw_once_get(once, make, count_drop, maker));
}

static void it_is_made_once_and_everybody_sees_it(void)
{
    struct rig rig = rig_open();
    struct rw_once *once = rw_once_new(rig.loop);
    struct maker slow = {.promise = rw_promise_new(rig.loop)};
    struct maker other = {.promise = NULL};
    struct act first = getting(&rig, once, &slow);
    struct act second = getting(&rig, once, &other);

    CHECK(rw_once_value(once) == NULL);
    CHECK(act_waits(&first));
    CHECK(act_waits(&second));
    rw_promise_resolve(slow.promise, rw_int(7));
    CHECK_INT(act_int(&first), 7);
    CHECK_INT(second.wakes, 1);
    CHECK_INT(act_int(&second), 7);
    CHECK_INT(rw_once_value(once)->as.integer, 7);
    struct act late = getting(&rig, once, &other);

    CHECK_INT(act_int(&late), 7);
    CHECK_INT(slow.begun, 1);
    CHECK_INT(other.begun, 0);
    CHECK_INT(slow.drops, 1);
    CHECK_INT(other.drops, 2);
    rw_promise_unref(slow.promise);
    rw_once_unref(rw_once_ref(once));
    rw_once_unref(once);
    CHECK(rig_close(&rig));
}

static void who_fails_or_leaves_passes_the_turn_on(void)
{
    struct rig rig = rig_open();
    struct rw_once *once = rw_once_new(rig.loop);
    struct maker failing = {.promise = rw_promise_new(rig.loop)};
    struct maker leaving = {.promise = rw_promise_new(rig.loop)};
    struct maker good = {.promise = NULL};
    struct act first = getting(&rig, once, &failing);
    struct act second = getting(&rig, once, &leaving);
    struct act third = getting(&rig, once, &good);

    CHECK(act_waits(&first));
    CHECK(act_waits(&second));
    CHECK(act_waits(&third));
    rw_promise_resolve(failing.promise, rw_failure(RW_ERR_LIMIT));
    CHECK_INT(act_int(&first), RW_ERR_LIMIT);
    CHECK_INT(second.wakes, 1);
    CHECK(act_waits(&second));
    CHECK_INT(leaving.begun, 1);
    act_drop(&second);
    CHECK_INT(third.wakes, 1);
    CHECK_INT(act_int(&third), 5);
    rw_promise_unref(failing.promise);
    rw_promise_unref(leaving.promise);
    rw_once_unref(once);
    CHECK(rig_close(&rig));
}

static void use_a_once(struct rig *rig)
{
    struct rw_once *once = rw_once_new(rig->loop);
    struct maker maker = {.promise = NULL};

    if (once != NULL) {
        ready_int(rig, rw_once_get(once, make, count_drop, &maker));
    }
    rw_once_unref(once);
}

SURVIVES(use_a_once)

static const struct test tests[] = {
    TEST(it_is_made_once_and_everybody_sees_it),
    TEST(who_fails_or_leaves_passes_the_turn_on),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
