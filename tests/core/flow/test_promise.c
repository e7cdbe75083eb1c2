/* SPDX-License-Identifier: MIT
 *
 * test_promise.c - a future made by hand: completed once, awaited by any number.
 */
#include "flow/flow_test.h"

static void every_waiter_gets_a_clone(void)
{
    struct rig rig = rig_open();
    struct rw_promise *promise = rw_promise_new(rig.loop);
    struct act first = act_of(&rig, rw_promise_wait(promise));
    struct act second = act_of(&rig, rw_promise_wait(promise));
    struct rw_value out;

    CHECK(act_waits(&first));
    CHECK(act_waits(&second));
    CHECK(rw_promise_value(promise) == NULL);
    CHECK_INT(rw_promise_resolve(promise, rw_text_of("done")), 0);
    CHECK_INT(first.wakes, 1);
    CHECK_INT(second.wakes, 1);
    CHECK_INT(act_poll(&first, &out), RW_READY);
    CHECK_TEXT(rw_value_data(&out, NULL), "done");
    rw_value_drop(&out);
    act_drop(&first);
    rw_promise_unref(promise);
    CHECK_INT(act_poll(&second, &out), RW_READY);
    rw_value_drop(&out);
    act_drop(&second);
    CHECK(rig_close(&rig));
}

static void it_is_completed_once(void)
{
    struct rig rig = rig_open();
    struct rw_promise *promise = rw_promise_new(rig.loop);

    CHECK(!rw_promise_is_done(promise));
    CHECK_INT(rw_promise_resolve(promise, rw_int(1)), 0);
    CHECK_INT(rw_promise_resolve(promise, rw_text_of("dropped")), RW_ERR_STATE);
    rw_promise_abandon(promise);
    CHECK(rw_promise_is_done(promise));
    CHECK_INT(rw_promise_value(promise)->as.integer, 1);
    CHECK_INT(ready_int(&rig, rw_promise_wait(promise)), 1);
    CHECK_INT(ready_int(&rig, rw_promise_wait(promise)), 1);
    rw_promise_unref(promise);
    CHECK(rig_close(&rig));
}

static void abandoning_breaks_it(void)
{
    struct rig rig = rig_open();
    struct rw_promise *promise = rw_promise_new(rig.loop);
    struct act wait = act_of(&rig, rw_promise_wait(promise));

    CHECK(act_waits(&wait));
    rw_promise_abandon(promise);
    rw_promise_unref(promise);
    CHECK_INT(wait.wakes, 1);
    CHECK_INT(act_int(&wait), RW_ERR_BROKEN);
    CHECK(rig_close(&rig));
}

static void cancelling_a_waiter_leaves_the_promise_alone(void)
{
    struct rig rig = rig_open();
    struct rw_promise *promise = rw_promise_new(rig.loop);
    struct act wait = act_of(&rig, rw_promise_wait(promise));

    CHECK(act_waits(&wait));
    rw_future_cancel(wait.future);
    CHECK_INT(act_int(&wait), RW_ERR_CANCELLED);
    CHECK_INT(rw_promise_resolve(promise, rw_int(2)), 0);
    CHECK_INT(wait.wakes, 0);
    rw_promise_unref(promise);
    CHECK(rig_close(&rig));
}

static void use_a_promise(void)
{
    struct rig rig = rig_open();
    struct rw_promise *promise = rig.loop != NULL ? rw_promise_new(rig.loop) : NULL;

    if (promise != NULL) {
        rw_promise_resolve(promise, rw_int(3));
        ready_int(&rig, rw_promise_wait(promise));
        rw_promise_unref(promise);
    }
    rw_loop_free(rig.loop);
    rw_sim_free(rig.sim);
}

static void every_failing_allocation_is_survived(void)
{
    test_each_allocation(use_a_promise);
}

static const struct test tests[] = {
    TEST(every_waiter_gets_a_clone),
    TEST(it_is_completed_once),
    TEST(abandoning_breaks_it),
    TEST(cancelling_a_waiter_leaves_the_promise_alone),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
