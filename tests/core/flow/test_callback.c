/* SPDX-License-Identifier: MIT
 *
 * test_callback.c - a function that C keeps: called on its loop, from its own thread or another.
 */
#include "flow/flow_test.h"

struct script {
    struct rw_loop *loop;
    int64_t sum;
    int calls;
    int drops;
};

static struct rw_future *add(void *arg, struct rw_value argument)
{
    struct script *script = arg;

    script->calls++;
    script->sum += argument.as.integer;
    rw_value_drop(&argument);
    return rw_ready(script->loop, rw_int(script->sum));
}

static void drop_script(void *arg)
{
    ((struct script *)arg)->drops++;
}

static void a_call_gives_the_result(void)
{
    struct rig rig = rig_open();
    struct script script = {.loop = rig.loop};
    struct rw_callback *callback = rw_callback_new(rig.loop, add, drop_script, &script);

    CHECK_INT(ready_int(&rig, rw_callback_call(callback, rw_int(3))), 3);
    CHECK_INT(ready_int(&rig, rw_callback_call(callback, rw_int(4))), 7);
    CHECK(rw_callback_ref(callback) == callback);
    rw_callback_unref(callback);
    rw_loop_turn(rig.loop, 0, 0);
    CHECK_INT(script.drops, 0);
    rw_callback_unref(callback);
    rw_loop_turn(rig.loop, 0, 0);
    CHECK_INT(script.drops, 1);
    CHECK(rig_close(&rig));
}

struct poster {
    struct rw_callback *callback;
    int results[3];
};

static void *post_elsewhere(void *arg)
{
    struct poster *poster = arg;

    for (int i = 0; i < 3; i++) {
        poster->results[i] = rw_callback_post(poster->callback, rw_int(i + 1));
    }
    rw_callback_unref(poster->callback);
    return NULL;
}

static void another_thread_posts_and_lets_go(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);
    struct script script = {.loop = loop};
    struct poster poster = {.callback = rw_callback_new(loop, add, drop_script, &script)};
    pthread_t thread;

    CHECK(poster.callback != NULL);
    CHECK_INT(pthread_create(&thread, NULL, post_elsewhere, &poster), 0);
    while (script.drops == 0) {
        CHECK(rw_loop_turn(loop, RW_TURN_WAIT, 0) >= 0);
    }
    pthread_join(thread, NULL);
    CHECK_INT(poster.results[0] + poster.results[1] + poster.results[2], 0);
    while (script.calls < 3) {
        CHECK(rw_loop_turn(loop, 0, 0) >= 0);
    }
    CHECK_INT(script.sum, 6);
    CHECK_INT(script.drops, 1);
    rw_loop_free(loop);
}

static void after_the_loop_it_is_dropped_and_calls_are_refused(void)
{
    struct rig rig = rig_open();
    struct script script = {.loop = rig.loop};
    struct rw_callback *callback = rw_callback_new(rig.loop, add, drop_script, &script);

    CHECK(rig_close(&rig));
    CHECK_INT(rw_callback_post(callback, rw_text_of("late")), RW_ERR_CLOSED);
    rw_callback_unref(callback);
    CHECK_INT(script.drops, 1);
    CHECK_INT(script.calls, 0);
}

static void use_a_callback(void)
{
    struct rig rig = rig_open();
    struct script script = {.loop = rig.loop};
    struct rw_callback *callback =
        rig.loop != NULL ? rw_callback_new(rig.loop, add, drop_script, &script) : NULL;

    if (callback != NULL) {
        rw_callback_post(callback, rw_int(1));
        rw_loop_turn(rig.loop, 0, 0);
        rw_loop_turn(rig.loop, 0, 0);
        rw_callback_unref(callback);
    }
    rw_loop_free(rig.loop);
    rw_sim_free(rig.sim);
    if (rig.loop != NULL && script.drops != 1) {
        test_fail(__FILE__, __LINE__, "dropped once");
    }
}

static void every_failing_allocation_is_survived(void)
{
    test_each_allocation(use_a_callback);
}

static const struct test tests[] = {
    TEST(a_call_gives_the_result),
    TEST(another_thread_posts_and_lets_go),
    TEST(after_the_loop_it_is_dropped_and_calls_are_refused),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
