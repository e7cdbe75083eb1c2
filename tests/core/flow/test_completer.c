/* SPDX-License-Identifier: MIT
 *
 * test_completer.c - a result brought from any thread, once, or given up.
 */
#include "flow/flow_test.h"

static void it_completes_the_future(void)
{
    struct rig rig = rig_open();
    struct rw_future *future;
    struct rw_completer *completer = rw_completer_new(rig.loop, "test.answer", &future);
    struct act act = act_of(&rig, future);

    CHECK(act_waits(&act));
    CHECK_TEXT(future->vtable->name, "test.answer");
    CHECK(rw_completer_is_wanted(completer));
    CHECK_INT(rw_completer_complete(completer, rw_int(42)), 0);
    CHECK_INT(act.wakes, 0);
    rw_loop_turn(rig.loop, 0, 0);
    CHECK_INT(act.wakes, 1);
    CHECK_INT(act_int(&act), 42);
    CHECK(!rw_completer_is_wanted(completer));
    rw_completer_unref(completer);
    CHECK(rig_close(&rig));
}

static void the_second_result_is_refused(void)
{
    struct rig rig = rig_open();
    struct rw_future *future;
    struct rw_completer *completer = rw_completer_new(rig.loop, "test.answer", &future);
    struct act act = act_of(&rig, future);

    CHECK_INT(rw_completer_complete(completer, rw_int(1)), 0);
    CHECK_INT(rw_completer_complete(completer, rw_text_of("dropped")), RW_ERR_STATE);
    rw_completer_unref(completer);
    rw_loop_turn(rig.loop, 0, 0);
    CHECK_INT(act_int(&act), 1);
    CHECK(rig_close(&rig));
}

static void giving_it_up_is_told_by_name(void)
{
    struct rig rig = rig_open();
    struct rw_future *future;
    struct rw_completer *completer = rw_completer_new(rig.loop, "test.answer", &future);
    struct act act = act_of(&rig, future);
    struct rw_value out;

    CHECK(rw_completer_ref(completer) == completer);
    rw_completer_unref(completer);
    rw_loop_turn(rig.loop, 0, 0);
    CHECK(act_waits(&act));
    rw_completer_unref(completer);
    rw_loop_turn(rig.loop, 0, 0);
    CHECK_INT(act_poll(&act, &out), RW_READY);
    CHECK_INT(out.code, RW_ERR_BROKEN);
    CHECK_TEXT(rw_value_message(&out), "test.answer was given up without a result");
    rw_value_drop(&out);
    act_drop(&act);
    CHECK(rig_close(&rig));
}

static void destroy_nothing(struct rw_object *object)
{
    (void)object;
}

static void a_value_of_one_thread_is_refused_and_another_taken(void)
{
    static const struct rw_object_type type = {"local", false, destroy_nothing};
    struct rw_object local = {&type, 2};
    struct rig rig = rig_open();
    struct rw_future *future;
    struct rw_completer *completer = rw_completer_new(rig.loop, "test.answer", &future);
    struct act act = act_of(&rig, future);

    CHECK_INT(rw_completer_complete(completer, rw_value_of_handle(&local)), RW_ERR_TYPE);
    CHECK_INT(local.ref_count, 1);
    CHECK_INT(rw_completer_complete(completer, rw_int(5)), 0);
    rw_completer_unref(completer);
    rw_loop_turn(rig.loop, 0, 0);
    CHECK_INT(act_int(&act), 5);
    CHECK(rig_close(&rig));
}

static void nobody_has_to_wait(void)
{
    struct rig rig = rig_open();
    struct rw_future *future;
    struct rw_completer *completer = rw_completer_new(rig.loop, "test.answer", &future);

    rw_future_drop(future);
    CHECK(!rw_completer_is_wanted(completer));
    CHECK_INT(rw_completer_complete(completer, rw_text_of("late")), 0);
    rw_loop_turn(rig.loop, 0, 0);
    rw_completer_unref(completer);
    CHECK(rig_close(&rig));
}

static void it_outlives_its_loop(void)
{
    struct rig rig = rig_open();
    struct rw_future *future;
    struct rw_completer *completer = rw_completer_new(rig.loop, "test.answer", &future);

    rw_future_drop(future);
    CHECK(rig_close(&rig));
    CHECK(!rw_completer_is_wanted(completer));
    CHECK_INT(rw_completer_complete(completer, rw_text_of("late")), 0);
    rw_completer_unref(completer);
}

static void *complete_elsewhere(void *arg)
{
    struct rw_completer *completer = arg;

    rw_completer_complete(completer, rw_text_of("from afar"));
    rw_completer_unref(completer);
    return NULL;
}

/* On the kernel's loop, which sleeps: a lost wake would be a deadlock report or a hang. */
static void another_thread_completes_while_the_loop_sleeps(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);

    for (int i = 0; i < 200; i++) {
        struct rw_future *future;
        struct rw_completer *completer = rw_completer_new(loop, "test.answer", &future);
        struct rw_value out = rw_nil();
        pthread_t thread;

        CHECK(completer != NULL);
        CHECK_INT(pthread_create(&thread, NULL, complete_elsewhere, completer), 0);
        CHECK_INT(rw_block_on(loop, future, &out), 0);
        CHECK_TEXT(rw_value_data(&out, NULL), "from afar");
        rw_value_drop(&out);
        pthread_join(thread, NULL);
    }
    rw_loop_free(loop);
}

static void use_a_completer(void)
{
    struct rig rig = rig_open();
    struct rw_future *future;
    struct rw_completer *completer = rig.loop != NULL ? rw_completer_new(rig.loop, "test", &future) : NULL;

    if (completer != NULL) {
        rw_completer_unref(completer);
        rw_loop_turn(rig.loop, 0, 0);
        ready_int(&rig, future);
    }
    rw_loop_free(rig.loop);
    rw_sim_free(rig.sim);
}

static void every_failing_allocation_is_survived(void)
{
    test_each_allocation(use_a_completer);
}

static const struct test tests[] = {
    TEST(it_completes_the_future),
    TEST(the_second_result_is_refused),
    TEST(giving_it_up_is_told_by_name),
    TEST(a_value_of_one_thread_is_refused_and_another_taken),
    TEST(nobody_has_to_wait),
    TEST(it_outlives_its_loop),
    TEST(another_thread_completes_while_the_loop_sleeps),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
