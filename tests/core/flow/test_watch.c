/* SPDX-License-Identifier: MIT
 *
 * test_watch.c - one value that changes; a receiver waits for a version it has not seen.
 */
#include "flow/flow_test.h"

static void a_change_is_seen_once_and_only_the_newest(void)
{
    struct rig rig = rig_open();
    struct rw_watch_cell *cell = rw_watch_cell_new(rig.loop, rw_int(0));
    struct rw_watch_receiver *receiver = rw_watch_cell_subscribe(cell);
    struct act changed = act_of(&rig, rw_watch_receiver_changed(receiver));

    CHECK_INT(rw_watch_receiver_value(receiver).as.integer, 0);
    CHECK(act_waits(&changed));
    CHECK_INT(rw_watch_cell_send(cell, rw_text_of("passed over")), 0);
    CHECK_INT(rw_watch_cell_send(cell, rw_int(2)), 0);
    CHECK_INT(changed.wakes, 1);
    CHECK_INT(act_int(&changed), 2);
    changed = act_of(&rig, rw_watch_receiver_changed(receiver));
    CHECK(act_waits(&changed));
    CHECK_INT(rw_watch_cell_send(cell, rw_int(3)), 0);
    CHECK_INT(rw_watch_receiver_value(receiver).as.integer, 3);
    CHECK(act_waits(&changed)); /* seen by the look */
    act_drop(&changed);
    rw_watch_receiver_unref(receiver);
    rw_watch_cell_unref(cell);
    CHECK(rig_close(&rig));
}

static void the_last_change_is_seen_before_the_end(void)
{
    struct rig rig = rig_open();
    struct rw_watch_cell *cell = rw_watch_cell_new(rig.loop, rw_nil());
    struct rw_watch_receiver *receiver = rw_watch_cell_subscribe(cell);
    struct act changed = act_of(&rig, rw_watch_receiver_changed(receiver));

    CHECK(act_waits(&changed));
    CHECK_INT(rw_watch_cell_send(cell, rw_int(1)), 0);
    rw_watch_cell_close(cell);
    CHECK_INT(rw_watch_cell_send(cell, rw_int(2)), RW_ERR_CLOSED);
    rw_watch_cell_unref(cell);
    CHECK_INT(act_int(&changed), 1);
    CHECK_INT(ready_int(&rig, rw_watch_receiver_changed(receiver)), RW_ERR_CLOSED);
    CHECK_INT(rw_watch_receiver_value(receiver).as.integer, 1);
    rw_watch_receiver_unref(receiver);
    CHECK(rig_close(&rig));
}

static void use_a_cell(void)
{
    struct rig rig = rig_open();
    struct rw_watch_cell *cell = rig.loop != NULL ? rw_watch_cell_new(rig.loop, rw_int(1)) : NULL;
    struct rw_watch_receiver *receiver = cell != NULL ? rw_watch_cell_subscribe(cell) : NULL;

    if (receiver != NULL) {
        rw_watch_cell_send(cell, rw_int(2));
        ready_int(&rig, rw_watch_receiver_changed(receiver));
    }
    rw_watch_receiver_unref(receiver);
    rw_watch_cell_unref(cell);
    rw_loop_free(rig.loop);
    rw_sim_free(rig.sim);
}

static void every_failing_allocation_is_survived(void)
{
    test_each_allocation(use_a_cell);
}

static const struct test tests[] = {
    TEST(a_change_is_seen_once_and_only_the_newest),
    TEST(the_last_change_is_seen_before_the_end),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
