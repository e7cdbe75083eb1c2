/* SPDX-License-Identifier: MIT
 *
 * test_oneshot.c - one value, once.
 */
#include "flow/flow_test.h"

struct ends {
    struct rig rig;
    struct rw_oneshot_sender *tx;
    struct act rx;
};

static struct ends ends_open(void)
{
    struct ends ends = {.rig = rig_open()};

    ends.rx = act_of(&ends.rig, NULL);
    if (rw_oneshot_open(ends.rig.loop, &ends.tx, &ends.rx.future) != 0) {
        abort();
    }
    return ends;
}

static void the_value_arrives(void)
{
    struct ends ends = ends_open();
    struct rw_value value = rw_int(5);

    CHECK(act_waits(&ends.rx));
    CHECK_INT(rw_oneshot_send(ends.tx, &value), 0);
    CHECK_INT(value.kind, RW_KIND_NIL);
    CHECK_INT(ends.rx.wakes, 1);
    CHECK_INT(act_int(&ends.rx), 5);
    rw_oneshot_unref(ends.tx);
    CHECK(rig_close(&ends.rig));
}

static void a_value_outlives_its_sender(void)
{
    struct ends ends = ends_open();
    struct rw_value value = rw_int(6);

    CHECK_INT(rw_oneshot_send(ends.tx, &value), 0);
    CHECK_INT(rw_oneshot_send(ends.tx, &value), RW_ERR_STATE);
    rw_oneshot_unref(ends.tx);
    CHECK_INT(act_int(&ends.rx), 6);
    CHECK(rig_close(&ends.rig));
}

static void a_sender_that_goes_ends_the_wait(void)
{
    struct ends ends = ends_open();

    CHECK(act_waits(&ends.rx));
    rw_oneshot_unref(ends.tx);
    CHECK_INT(ends.rx.wakes, 1);
    CHECK_INT(act_int(&ends.rx), RW_ERR_CLOSED);
    CHECK(rig_close(&ends.rig));
}

static void a_receiver_that_goes_is_noticed(void)
{
    struct ends ends = ends_open();
    struct rw_value value = rw_text_of("kept by the sender");

    CHECK(!rw_oneshot_is_closed(ends.tx));
    act_drop(&ends.rx);
    CHECK(rw_oneshot_is_closed(ends.tx));
    CHECK_INT(rw_oneshot_send(ends.tx, &value), RW_ERR_CLOSED);
    CHECK_INT(value.kind, RW_KIND_TEXT);
    rw_value_drop(&value);
    rw_oneshot_unref(ends.tx);
    CHECK(rig_close(&ends.rig));
}

static void a_value_nobody_took_is_dropped(void)
{
    struct ends ends = ends_open();
    struct rw_value value = rw_text_of("never received");

    CHECK_INT(rw_oneshot_send(ends.tx, &value), 0);
    act_drop(&ends.rx);
    rw_oneshot_unref(ends.tx);
    CHECK(rig_close(&ends.rig));
}

static void no_memory_is_an_error(void)
{
    struct rig rig = rig_open();
    struct rw_oneshot_sender *tx;
    struct rw_future *rx;

    test_fail_allocation(1, false);
    CHECK_INT(rw_oneshot_open(rig.loop, &tx, &rx), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    CHECK(tx == NULL && rx == NULL);
    CHECK(rig_close(&rig));
}

static const struct test tests[] = {
    TEST(the_value_arrives),
    TEST(a_value_outlives_its_sender),
    TEST(a_sender_that_goes_ends_the_wait),
    TEST(a_receiver_that_goes_is_noticed),
    TEST(a_value_nobody_took_is_dropped),
    TEST(no_memory_is_an_error),
};

TEST_MAIN(tests)
