/* SPDX-License-Identifier: MIT
 *
 * test_channel_send.c - what may be sent where, and whose the value is afterwards.
 */
#include "flow/channel.h"

#include "flow/flow_test.h"

static void drop_native(struct rw_native *self)
{
    (void)self;
}

static const struct rw_native_vtable native_vtable = {.name = "test", .drop = drop_native};

static struct rw_value list_of(struct rw_value item)
{
    struct rw_list *list = rw_list_new(1);

    rw_list_push(list, item);
    return rw_value_of_list(list);
}

static struct rw_value map_of(struct rw_value item)
{
    struct rw_map *map = rw_map_new(1);

    rw_map_add(map, rw_text_of("key"), item);
    return rw_value_of_map(map);
}

/* Sends to a channel of that kind; what try_send and the future say must agree. */
static int sent(struct rig *rig, unsigned flags, struct rw_value value)
{
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value clone = rw_value_clone(&value);
    int by_future;
    int by_try;

    if (rw_channel_open(rig->loop, 4, flags, &tx, &rx) != 0) {
        abort();
    }
    by_future = (int)ready_int(rig, rw_channel_send(rig->loop, tx, value));
    by_try = rw_channel_try_send(tx, &clone);
    rw_value_drop(&clone);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    return by_future == by_try ? by_try : -999;
}

static void shared_channels_refuse_what_belongs_to_one_thread(void)
{
    struct rig rig = rig_open();
    struct rw_promise *promise = rw_promise_new(rig.loop);
    struct rw_sender *tx;
    struct rw_receiver *rx;

    CHECK_INT(rw_channel_open(NULL, 1, RW_CHANNEL_SHARED, &tx, &rx), 0);
    struct rw_value handle = rw_value_of_handle(rw_promise_object(promise));
    struct rw_value shared = rw_value_of_handle(rw_sender_object(tx));

    CHECK_INT(sent(&rig, RW_CHANNEL_SHARED, rw_value_clone(&handle)), RW_ERR_TYPE);
    CHECK_INT(sent(&rig, RW_CHANNEL_SHARED, list_of(rw_value_clone(&handle))), RW_ERR_TYPE);
    CHECK_INT(sent(&rig, RW_CHANNEL_SHARED, map_of(list_of(rw_value_clone(&handle)))), RW_ERR_TYPE);
    CHECK_INT(sent(&rig, RW_CHANNEL_LOCAL, map_of(rw_value_clone(&handle))), 0);
    CHECK_INT(sent(&rig, RW_CHANNEL_SHARED, list_of(rw_value_clone(&shared))), 0);
    CHECK_INT(sent(&rig, RW_CHANNEL_SHARED, list_of(map_of(rw_text_of("portable")))), 0);
    rw_value_drop(&handle);
    rw_value_drop(&shared);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

static void shared_channels_refuse_natives_in_errors_too(void)
{
    struct rw_native native = {&native_vtable, NULL};
    struct rw_sender *tx;
    struct rw_receiver *rx;

    CHECK_INT(rw_channel_open(NULL, 4, RW_CHANNEL_SHARED, &tx, &rx), 0);
    struct rw_value bare = rw_value_of_native(&native);
    struct rw_error *error = rw_error_new(RW_ERR_SCRIPT, "with a native", RW_ORIGIN_LUA);

    CHECK_INT(rw_error_set_native(error, &native), 0);
    struct rw_error *outer = rw_error_new(RW_ERR_SCRIPT, "with a sibling", RW_ORIGIN_LUA);

    CHECK_INT(rw_error_add_other(outer, error), 0);
    struct rw_value data = rw_value_of_error(outer);
    struct rw_value plain = rw_value_of_error(rw_error_new(RW_ERR_SCRIPT, "plain", RW_ORIGIN_C));

    CHECK_INT(rw_channel_try_send(tx, &bare), RW_ERR_TYPE);
    CHECK_INT(rw_channel_try_send(tx, &data), RW_ERR_TYPE);
    CHECK_INT(rw_channel_try_send(tx, &plain), 0);
    CHECK_INT(plain.kind, RW_KIND_NIL);
    rw_value_drop(&bare);
    rw_value_drop(&data);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
}

static void what_nests_too_deeply_is_refused(void)
{
    struct rig rig = rig_open();
    struct rw_value deep = rw_nil();

    for (int i = 0; i < RW_VALUE_DEPTH_MAX + 2; i++) {
        deep = list_of(deep);
    }
    CHECK_INT(sent(&rig, RW_CHANNEL_SHARED, deep), RW_ERR_LIMIT);
    CHECK(rig_close(&rig));
}

static void a_failure_cannot_be_sent(void)
{
    struct rig rig = rig_open();

    CHECK_INT(sent(&rig, RW_CHANNEL_LOCAL, rw_failure(RW_ERR_TIMEOUT)), RW_ERR_INVALID);
    CHECK_INT(sent(&rig, RW_CHANNEL_SHARED, rw_failure(RW_ERR_TIMEOUT)), RW_ERR_INVALID);
    CHECK(rig_close(&rig));
}

static void try_send_takes_the_value_on_success_only(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value first = rw_text_of("first");
    struct rw_value second = rw_text_of("second");

    CHECK_INT(rw_channel_open(rig.loop, 1, 0, &tx, &rx), 0);
    test_fail_allocation(1, false);
    CHECK_INT(rw_channel_try_send(tx, &first), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    CHECK_INT(first.kind, RW_KIND_TEXT);
    CHECK_INT(rw_channel_try_send(tx, &first), 0);
    CHECK_INT(first.kind, RW_KIND_NIL);
    CHECK_INT(rw_channel_try_send(tx, &second), RW_ERR_FULL);
    rw_receiver_close(rx);
    CHECK_INT(rw_channel_try_send(tx, &second), RW_ERR_CLOSED);
    CHECK_INT(second.kind, RW_KIND_TEXT);
    rw_value_drop(&second);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

static void a_future_that_fails_drops_its_value(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value text = rw_text_of("dropped");

    CHECK_INT(rw_channel_open(rig.loop, 1, 0, &tx, &rx), 0);
    test_fail_allocation(1, false);
    CHECK_INT(ready_int(&rig, rw_channel_send(rig.loop, tx, text)), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    rw_receiver_close(rx);
    CHECK_INT(ready_int(&rig, rw_channel_send(rig.loop, tx, rw_text_of("closed"))), RW_ERR_CLOSED);
    struct rw_future *never_polled = rw_channel_send(rig.loop, tx, rw_text_of("never polled"));

    rw_future_cancel(never_polled);
    rw_future_drop(never_polled);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

static void a_send_in_the_callers_memory_waits_and_gives_its_value_back(unsigned flags)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_send sends[3];
    struct rw_value out;

    CHECK_INT(rw_channel_open(rig.loop, 1, flags, &tx, &rx), 0);
    rw_send_init(&sends[0], tx, rw_text_of("first"));
    CHECK_INT(ready_int(&rig, &sends[0].base), 0);
    rw_send_init(&sends[1], tx, rw_text_of("second"));
    rw_send_init(&sends[2], tx, rw_text_of("third"));
    struct act one = act_of(&rig, &sends[1].base);
    struct act two = act_of(&rig, &sends[2].base);

    CHECK(act_waits(&one));
    CHECK(act_waits(&two));
    act_drop(&one); /* with its value */
    CHECK_INT(rw_channel_try_receive(rx, &out), 0);
    CHECK_TEXT(rw_value_data(&out, NULL), "first");
    rw_value_drop(&out);
    CHECK_INT(two.wakes, 1);
    CHECK_INT(act_int(&two), 0);
    CHECK_INT(rw_channel_try_receive(rx, &out), 0);
    CHECK_TEXT(rw_value_data(&out, NULL), "third");
    rw_value_drop(&out);
    rw_send_init(&sends[0], tx, rw_failure(RW_ERR_BROKEN)); /* in the same place */
    CHECK_INT(ready_int(&rig, &sends[0].base), RW_ERR_INVALID);
    rw_send_init(&sends[0], tx, rw_text_of("never polled"));
    rw_future_drop(&sends[0].base);
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

BOTH(a_send_in_the_callers_memory_waits_and_gives_its_value_back)

static const struct test tests[] = {
    TEST(shared_channels_refuse_what_belongs_to_one_thread),
    TEST(shared_channels_refuse_natives_in_errors_too),
    TEST(what_nests_too_deeply_is_refused),
    TEST(a_failure_cannot_be_sent),
    TEST(try_send_takes_the_value_on_success_only),
    TEST(a_future_that_fails_drops_its_value),
    TEST_BOTH(a_send_in_the_callers_memory_waits_and_gives_its_value_back),
};

TEST_MAIN(tests)
