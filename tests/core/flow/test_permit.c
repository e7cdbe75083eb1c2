/* SPDX-License-Identifier: MIT
 *
 * test_permit.c - room kept for one value.
 */
#include "flow/channel.h"

#include "flow/flow_test.h"

struct ends {
    struct rig rig;
    struct rw_sender *tx;
    struct rw_receiver *rx;
};

static struct ends ends_open(size_t capacity, unsigned flags)
{
    struct ends ends = {.rig = rig_open()};

    if (rw_channel_open(ends.rig.loop, capacity, flags, &ends.tx, &ends.rx) != 0) {
        abort();
    }
    return ends;
}

static bool ends_close(struct ends *ends)
{
    rwi_channel_check(ends->rx->end.channel);
    rw_sender_unref(ends->tx);
    rw_receiver_unref(ends->rx);
    return rig_close(&ends->rig);
}

static struct act reserving(struct ends *ends)
{
    return act_of(&ends->rig, rw_channel_reserve(ends->rig.loop, ends->tx));
}

/* The permit of a future that is ready; ends the future. */
static struct rw_value permit_from(struct act *act)
{
    struct rw_value value;

    act_poll(act, &value);
    act_drop(act);
    return value;
}

static int send_by(const struct rw_value *permit, int64_t integer)
{
    struct rw_value value = rw_int(integer);

    return rw_permit_send(rw_permit_of(permit), &value);
}

static int send_now(struct ends *ends, int64_t integer)
{
    struct rw_value value = rw_int(integer);

    return rw_channel_try_send(ends->tx, &value);
}

static long long receive_now(struct ends *ends)
{
    struct rw_value value;
    int err = rw_channel_try_receive(ends->rx, &value);

    return err != 0 ? err : value.as.integer;
}

static void a_permit_keeps_room_and_sends_once(unsigned flags)
{
    struct ends ends = ends_open(1, flags);
    struct act reserve = reserving(&ends);
    struct rw_value permit = permit_from(&reserve);

    CHECK(rw_permit_of(&permit) != NULL);
    CHECK_INT(send_now(&ends, 1), RW_ERR_FULL);
    CHECK_INT(send_by(&permit, 2), 0);
    CHECK_INT(send_by(&permit, 3), RW_ERR_STATE);
    CHECK_INT(receive_now(&ends), 2);
    rw_value_drop(&permit);
    CHECK_INT(send_now(&ends, 4), 0);
    CHECK(ends_close(&ends));
}

static void giving_it_back_serves_the_next(unsigned flags)
{
    struct ends ends = ends_open(1, flags);
    struct act reserve = reserving(&ends);
    struct rw_value permit = permit_from(&reserve);
    struct act next = reserving(&ends);
    struct act send = act_of(&ends.rig, rw_channel_send(ends.rig.loop, ends.tx, rw_int(5)));

    CHECK(act_waits(&next));
    CHECK(act_waits(&send));
    rw_permit_release(rw_permit_of(&permit));
    rw_permit_release(rw_permit_of(&permit));
    CHECK_INT(next.wakes, 1);
    CHECK_INT(send.wakes, 0);
    act_drop(&next); /* granted, and not wanted */
    CHECK_INT(send.wakes, 1);
    CHECK_INT(act_int(&send), 0);
    CHECK_INT(receive_now(&ends), 5);
    rw_value_drop(&permit);
    CHECK(ends_close(&ends));
}

static void dropping_the_handle_gives_it_back(unsigned flags)
{
    struct ends ends = ends_open(1, flags);
    struct act reserve = reserving(&ends);
    struct rw_value permit = permit_from(&reserve);

    rw_value_drop(&permit);
    CHECK_INT(send_now(&ends, 1), 0);
    CHECK(ends_close(&ends));
}

static void at_a_rendezvous_a_waiting_receiver_is_the_room(unsigned flags)
{
    struct ends ends = ends_open(0, flags);
    struct act reserve = reserving(&ends);
    struct act receive = act_of(&ends.rig, rw_channel_receive(ends.rig.loop, ends.rx));

    CHECK(act_waits(&reserve));
    CHECK(act_waits(&receive));
    CHECK_INT(reserve.wakes, 1);
    struct rw_value permit = permit_from(&reserve);

    CHECK_INT(send_now(&ends, 9), RW_ERR_FULL);
    CHECK_INT(send_by(&permit, 6), 0);
    CHECK_INT(receive.wakes, 1);
    CHECK_INT(act_int(&receive), 6);
    rw_value_drop(&permit);
    CHECK(ends_close(&ends));
}

static void the_value_of_a_permit_waits_when_its_receiver_went_away(unsigned flags)
{
    struct ends ends = ends_open(0, flags);
    struct act receive = act_of(&ends.rig, rw_channel_receive(ends.rig.loop, ends.rx));

    CHECK(act_waits(&receive));
    struct act reserve = reserving(&ends);
    struct rw_value permit = permit_from(&reserve);

    act_drop(&receive);
    CHECK_INT(send_by(&permit, 7), 0);
    CHECK_INT(receive_now(&ends), 7);
    rw_value_drop(&permit);
    CHECK(ends_close(&ends));
}

static void a_permit_of_a_closed_channel_cannot_send(unsigned flags)
{
    struct ends ends = ends_open(2, flags);
    struct act reserve = reserving(&ends);
    struct rw_value first = permit_from(&reserve);

    reserve = reserving(&ends);
    struct rw_value second = permit_from(&reserve);
    struct act waiting = reserving(&ends);

    CHECK(act_waits(&waiting));
    rw_receiver_close(ends.rx);
    CHECK_INT(send_by(&first, 1), RW_ERR_CLOSED);
    CHECK_INT(act_int(&waiting), RW_ERR_CLOSED);
    waiting = reserving(&ends);
    CHECK_INT(act_int(&waiting), RW_ERR_CLOSED);
    rw_value_drop(&first);
    rw_value_drop(&second);
    CHECK(ends_close(&ends));
}

static void a_permit_keeps_its_end_open(unsigned flags)
{
    struct rig rig = rig_open();
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_value value;

    CHECK_INT(rw_channel_open(rig.loop, 1, flags, &tx, &rx), 0);
    struct act reserve = act_of(&rig, rw_channel_reserve(rig.loop, tx));
    struct rw_value permit = permit_from(&reserve);

    rw_sender_unref(tx);
    CHECK_INT(rw_channel_try_receive(rx, &value), RW_ERR_EMPTY);
    CHECK_INT(send_by(&permit, 8), 0);
    rw_value_drop(&permit);
    CHECK_INT(rw_channel_try_receive(rx, &value), 0);
    CHECK_INT(rw_channel_try_receive(rx, &value), RW_ERR_CLOSED);
    rw_receiver_unref(rx);
    CHECK(rig_close(&rig));
}

static void what_cannot_be_sent_leaves_the_permit(unsigned flags)
{
    struct ends ends = ends_open(1, flags);
    struct act reserve = reserving(&ends);
    struct rw_value permit = permit_from(&reserve);
    struct rw_value failure = rw_failure(RW_ERR_TIMEOUT);

    CHECK_INT(rw_permit_send(rw_permit_of(&permit), &failure), RW_ERR_INVALID);
    test_fail_allocation(1, false);
    CHECK_INT(send_by(&permit, 1), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    CHECK_INT(send_by(&permit, 1), 0);
    CHECK(rw_permit_of(&failure) == NULL);
    rw_value_drop(&permit);
    CHECK(ends_close(&ends));
}

static void no_memory_is_an_error(unsigned flags)
{
    struct ends ends = ends_open(1, flags);

    for (uint64_t at = 1; at <= 2; at++) {
        test_fail_allocation(at, false);
        CHECK_INT(ready_int(&ends.rig, rw_channel_reserve(ends.rig.loop, ends.tx)), RW_ERR_NOMEM);
        test_fail_allocation(0, false);
    }
    CHECK_INT(send_now(&ends, 1), 0);
    CHECK(ends_close(&ends));
}

BOTH(a_permit_keeps_room_and_sends_once)
BOTH(giving_it_back_serves_the_next)
BOTH(dropping_the_handle_gives_it_back)
BOTH(at_a_rendezvous_a_waiting_receiver_is_the_room)
BOTH(the_value_of_a_permit_waits_when_its_receiver_went_away)
BOTH(a_permit_of_a_closed_channel_cannot_send)
BOTH(a_permit_keeps_its_end_open)
BOTH(what_cannot_be_sent_leaves_the_permit)
BOTH(no_memory_is_an_error)

static const struct test tests[] = {
    TEST_BOTH(a_permit_keeps_room_and_sends_once),
    TEST_BOTH(giving_it_back_serves_the_next),
    TEST_BOTH(dropping_the_handle_gives_it_back),
    TEST_BOTH(at_a_rendezvous_a_waiting_receiver_is_the_room),
    TEST_BOTH(the_value_of_a_permit_waits_when_its_receiver_went_away),
    TEST_BOTH(a_permit_of_a_closed_channel_cannot_send),
    TEST_BOTH(a_permit_keeps_its_end_open),
    TEST_BOTH(what_cannot_be_sent_leaves_the_permit),
    TEST_BOTH(no_memory_is_an_error),
};

TEST_MAIN(tests)
