/* SPDX-License-Identifier: MIT
 *
 * test_broadcast.c - every receiver gets every value, or is told how many it missed.
 */
#include "flow/flow_test.h"

static void every_receiver_gets_what_came_after_it(void)
{
    struct rig rig = rig_open();
    struct rw_broadcast *broadcast = rw_broadcast_new(rig.loop, 4);
    struct rw_broadcast_receiver *early = rw_broadcast_subscribe(broadcast);
    struct act wait = act_of(&rig, rw_broadcast_receive(early));

    CHECK(act_waits(&wait));
    CHECK_INT(rw_broadcast_send(broadcast, rw_int(1)), 1);
    CHECK_INT(wait.wakes, 1);
    struct rw_broadcast_receiver *late = rw_broadcast_subscribe(broadcast);

    CHECK_INT(rw_broadcast_send(broadcast, rw_int(2)), 2);
    CHECK_INT(act_int(&wait), 1);
    CHECK_INT(ready_int(&rig, rw_broadcast_receive(early)), 2);
    CHECK_INT(ready_int(&rig, rw_broadcast_receive(late)), 2);
    rw_broadcast_receiver_unref(early);
    rw_broadcast_receiver_unref(late);
    rw_broadcast_unref(broadcast);
    CHECK(rig_close(&rig));
}

static void who_falls_behind_is_told_how_far(void)
{
    struct rig rig = rig_open();
    struct rw_broadcast *broadcast = rw_broadcast_new(rig.loop, 2);
    struct rw_broadcast_receiver *receiver = rw_broadcast_subscribe(broadcast);
    struct act lagged = act_of(&rig, rw_broadcast_receive(receiver));
    struct rw_value out;

    for (int i = 0; i < 5; i++) {
        CHECK_INT(rw_broadcast_send(broadcast, rw_text_of("overwritten")), 1);
    }
    CHECK_INT(rw_broadcast_send(broadcast, rw_int(5)), 1);
    CHECK_INT(act_poll(&lagged, &out), RW_READY);
    CHECK_INT(out.code, RW_ERR_LAGGED);
    CHECK_TEXT(rw_value_message(&out), "missed 4 values");
    CHECK_INT(rw_broadcast_missed(receiver), 4);
    rw_value_drop(&out);
    act_drop(&lagged);
    CHECK_INT(ready_int(&rig, rw_broadcast_receive(receiver)), -1001);
    CHECK_INT(ready_int(&rig, rw_broadcast_receive(receiver)), 5);
    rw_broadcast_receiver_unref(receiver);
    rw_broadcast_unref(broadcast);
    CHECK(rig_close(&rig));
}

static void a_closed_broadcast_is_received_to_its_end(void)
{
    struct rig rig = rig_open();
    struct rw_broadcast *broadcast = rw_broadcast_new(rig.loop, 2);
    struct rw_broadcast_receiver *receiver = rw_broadcast_subscribe(broadcast);
    struct act wait;

    CHECK_INT(rw_broadcast_send(rw_broadcast_ref(broadcast), rw_int(1)), 1);
    rw_broadcast_unref(broadcast);
    CHECK_INT(ready_int(&rig, rw_broadcast_receive(receiver)), 1);
    wait = act_of(&rig, rw_broadcast_receive(receiver));
    CHECK(act_waits(&wait));
    rw_broadcast_close(broadcast);
    CHECK_INT(rw_broadcast_send(broadcast, rw_text_of("dropped")), RW_ERR_CLOSED);
    rw_broadcast_unref(broadcast);
    CHECK_INT(wait.wakes, 1);
    rw_broadcast_receiver_unref(receiver); /* the future holds it */
    CHECK_INT(act_int(&wait), RW_ERR_CLOSED);
    CHECK(rig_close(&rig));
}

static void a_failure_cannot_be_sent(void)
{
    struct rig rig = rig_open();
    struct rw_broadcast *broadcast = rw_broadcast_new(rig.loop, 1);

    CHECK_INT(rw_broadcast_send(broadcast, rw_failure(RW_ERR_TIMEOUT)), RW_ERR_INVALID);
    CHECK_INT(rw_broadcast_send(broadcast, rw_text_of("nobody hears")), 0);
    rw_broadcast_unref(broadcast);
    CHECK(rig_close(&rig));
}

static void use_a_broadcast(void)
{
    struct rig rig = rig_open();
    struct rw_broadcast *broadcast = rig.loop != NULL ? rw_broadcast_new(rig.loop, 2) : NULL;
    struct rw_broadcast_receiver *receiver = broadcast != NULL ? rw_broadcast_subscribe(broadcast) : NULL;

    for (int i = 0; i < 4 && receiver != NULL; i++) {
        rw_broadcast_send(broadcast, rw_int(i));
    }
    if (receiver != NULL) {
        ready_int(&rig, rw_broadcast_receive(receiver));
        ready_int(&rig, rw_broadcast_receive(receiver));
    }
    rw_broadcast_receiver_unref(receiver);
    rw_broadcast_unref(broadcast);
    rw_loop_free(rig.loop);
    rw_sim_free(rig.sim);
}

static void every_failing_allocation_is_survived(void)
{
    test_each_allocation(use_a_broadcast);
}

static const struct test tests[] = {
    TEST(every_receiver_gets_what_came_after_it),    TEST(who_falls_behind_is_told_how_far),
    TEST(a_closed_broadcast_is_received_to_its_end), TEST(a_failure_cannot_be_sent),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
