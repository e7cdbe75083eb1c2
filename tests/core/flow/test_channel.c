/* SPDX-License-Identifier: MIT
 *
 * test_channel.c - who gets what and who waits, on LOCAL and SHARED channels alike.
 */
#include "flow/channel.h"

#include "flow/flow_test.h"

struct pair {
    struct rig rig;
    struct rw_sender *tx;
    struct rw_receiver *rx;
};

static struct pair pair_open(size_t capacity, unsigned flags)
{
    struct pair pair = {.rig = rig_open()};

    if (rw_channel_open(pair.rig.loop, capacity, flags, &pair.tx, &pair.rx) != 0) {
        abort();
    }
    return pair;
}

static bool pair_close(struct pair *pair)
{
    bool clean = rwi_channel_check(pair->rx->end.channel);

    rw_sender_unref(pair->tx);
    rw_receiver_unref(pair->rx);
    return rig_close(&pair->rig) && clean;
}

static struct act sending(struct pair *pair, int64_t integer)
{
    return act_of(&pair->rig, rw_channel_send(pair->rig.loop, pair->tx, rw_int(integer)));
}

static struct act receiving(struct pair *pair)
{
    return act_of(&pair->rig, rw_channel_receive(pair->rig.loop, pair->rx));
}

static int send_now(struct pair *pair, int64_t integer)
{
    struct rw_value value = rw_int(integer);

    return rw_channel_try_send(pair->tx, &value);
}

static long long receive_now(struct pair *pair)
{
    struct rw_value value;
    int err = rw_channel_try_receive(pair->rx, &value);

    return err != 0 ? err : value.as.integer;
}

static void values_arrive_in_order(unsigned flags)
{
    struct pair pair = pair_open(3, flags);

    for (int i = 1; i <= 3; i++) {
        struct act send = sending(&pair, i);

        CHECK_INT(act_int(&send), 0);
    }
    CHECK_INT(rw_sender_count(pair.tx), 3);
    CHECK_INT(send_now(&pair, 4), RW_ERR_FULL);
    for (int i = 1; i <= 3; i++) {
        struct act receive = receiving(&pair);

        CHECK_INT(act_int(&receive), i);
    }
    CHECK_INT(receive_now(&pair), RW_ERR_EMPTY);
    CHECK(pair_close(&pair));
}

static void a_full_channel_holds_the_sender_back_until_a_value_is_taken(unsigned flags)
{
    struct pair pair = pair_open(1, flags);
    struct act second = sending(&pair, 2);
    struct act third = sending(&pair, 3);

    CHECK_INT(send_now(&pair, 1), 0);
    CHECK(act_waits(&second));
    CHECK(act_waits(&third));
    CHECK_INT(receive_now(&pair), 1);
    CHECK_INT(second.wakes, 1);
    CHECK_INT(third.wakes, 0);
    CHECK_INT(receive_now(&pair), 2);
    CHECK_INT(act_int(&second), 0);
    CHECK_INT(act_int(&third), 0);
    CHECK_INT(receive_now(&pair), 3);
    CHECK(pair_close(&pair));
}

static void receivers_are_served_in_the_order_they_came(unsigned flags)
{
    struct pair pair = pair_open(8, flags);
    struct act first = receiving(&pair);
    struct act second = receiving(&pair);

    CHECK(act_waits(&first));
    CHECK(act_waits(&second));
    CHECK_INT(send_now(&pair, 1), 0);
    CHECK_INT(first.wakes, 1);
    CHECK_INT(second.wakes, 0);
    CHECK_INT(receive_now(&pair), RW_ERR_EMPTY); /* it is spoken for */
    CHECK_INT(send_now(&pair, 2), 0);
    CHECK_INT(second.wakes, 1);
    CHECK_INT(act_int(&second), 1);
    CHECK_INT(act_int(&first), 2);
    CHECK(pair_close(&pair));
}

static void a_woken_receiver_that_is_dropped_passes_its_claim_on(unsigned flags)
{
    struct pair pair = pair_open(8, flags);
    struct act first = receiving(&pair);
    struct act second = receiving(&pair);

    CHECK(act_waits(&first));
    CHECK(act_waits(&second));
    CHECK_INT(send_now(&pair, 7), 0);
    act_drop(&first);
    CHECK_INT(second.wakes, 1);
    act_drop(&second);
    CHECK_INT(receive_now(&pair), 7);
    CHECK_INT(first.clones + second.clones, 0);
    CHECK(pair_close(&pair));
}

static void a_waiting_send_that_is_dropped_has_not_happened(unsigned flags)
{
    struct pair pair = pair_open(1, flags);
    struct act send = sending(&pair, 2);

    CHECK_INT(send_now(&pair, 1), 0);
    CHECK(act_waits(&send));
    act_drop(&send);
    CHECK_INT(receive_now(&pair), 1);
    CHECK_INT(receive_now(&pair), RW_ERR_EMPTY);
    CHECK(pair_close(&pair));
}

static void a_send_cancelled_too_late_says_that_it_happened(unsigned flags)
{
    struct pair pair = pair_open(1, flags);
    struct act early = sending(&pair, 2);
    struct act late = sending(&pair, 3);

    CHECK_INT(send_now(&pair, 1), 0);
    CHECK(act_waits(&early));
    CHECK(act_waits(&late));
    rw_future_cancel(early.future);
    CHECK_INT(early.wakes, 1);
    CHECK_INT(receive_now(&pair), 1);
    rw_future_cancel(late.future);
    CHECK_INT(act_int(&early), RW_ERR_CANCELLED);
    CHECK_INT(act_int(&late), 0);
    CHECK_INT(receive_now(&pair), 3);
    CHECK(pair_close(&pair));
}

static void a_rendezvous_ends_when_the_value_was_taken(unsigned flags)
{
    struct pair pair = pair_open(0, flags);
    struct act send = sending(&pair, 5);
    struct act receive = receiving(&pair);

    CHECK_INT(send_now(&pair, 1), RW_ERR_FULL);
    CHECK(act_waits(&receive));
    CHECK(act_waits(&send));
    CHECK_INT(receive.wakes, 1);
    CHECK_INT(send.wakes, 0);
    CHECK_INT(act_int(&receive), 5);
    CHECK_INT(send.wakes, 1);
    CHECK_INT(act_int(&send), 0);
    CHECK(pair_close(&pair));
}

static void a_rendezvous_sender_that_leaves_takes_its_value_along(unsigned flags)
{
    struct pair pair = pair_open(0, flags);
    struct act send = sending(&pair, 5);
    struct act receive = receiving(&pair);
    struct act other = sending(&pair, 6);

    CHECK(act_waits(&receive));
    CHECK(act_waits(&send));
    act_drop(&send);
    CHECK(act_waits(&receive));
    CHECK(act_waits(&other));
    CHECK_INT(act_int(&receive), 6);
    CHECK_INT(act_int(&other), 0);
    CHECK(pair_close(&pair));
}

static void trying_at_a_rendezvous_meets_who_waits(unsigned flags)
{
    struct pair pair = pair_open(0, flags);
    struct act receive = receiving(&pair);

    CHECK(act_waits(&receive));
    CHECK_INT(send_now(&pair, 1), 0);
    CHECK_INT(send_now(&pair, 2), RW_ERR_FULL);
    act_drop(&receive);
    CHECK_INT(receive_now(&pair), 1);
    CHECK(pair_close(&pair));
}

static void closing_senders_lets_receivers_drain_and_then_end(unsigned flags)
{
    struct pair pair = pair_open(4, flags);
    struct rw_sender *clone = rw_sender_clone(pair.tx);
    struct act receive = receiving(&pair);

    CHECK_INT(send_now(&pair, 1), 0);
    rw_sender_close(pair.tx);
    CHECK_INT(send_now(&pair, 2), RW_ERR_CLOSED);
    CHECK_INT(receive_now(&pair), 1);
    CHECK(act_waits(&receive)); /* the clone is open */
    rw_sender_unref(clone);
    CHECK_INT(receive.wakes, 1);
    CHECK_INT(act_int(&receive), RW_ERR_CLOSED);
    CHECK_INT(receive_now(&pair), RW_ERR_CLOSED);
    CHECK(rw_receiver_is_closed(pair.rx));
    CHECK(pair_close(&pair));
}

static void a_claimed_value_is_not_lost_at_the_end(unsigned flags)
{
    struct pair pair = pair_open(4, flags);
    struct act first = receiving(&pair);
    struct act second = receiving(&pair);

    CHECK(act_waits(&first));
    CHECK_INT(send_now(&pair, 1), 0);
    rw_sender_close(pair.tx);
    CHECK(act_waits(&second)); /* the first may yet go away */
    act_drop(&first);
    CHECK_INT(act_int(&second), 1);
    CHECK_INT(receive_now(&pair), RW_ERR_CLOSED);
    CHECK(pair_close(&pair));
}

static void closing_receivers_ends_senders_and_drops_what_is_queued(unsigned flags)
{
    struct pair pair = pair_open(1, flags);
    struct rw_receiver *clone = rw_receiver_clone(pair.rx);
    struct rw_value text = rw_text_of("queued");
    struct act send = act_of(&pair.rig, rw_channel_send(pair.rig.loop, pair.tx, rw_text_of("waiting")));

    CHECK_INT(rw_channel_try_send(pair.tx, &text), 0);
    CHECK(act_waits(&send));
    rw_receiver_close(pair.rx);
    CHECK_INT(receive_now(&pair), RW_ERR_CLOSED);
    CHECK(!rw_sender_is_closed(pair.tx));
    CHECK_INT(send.wakes, 0);
    rw_receiver_unref(clone);
    CHECK(rw_sender_is_closed(pair.tx));
    CHECK_INT(send.wakes, 1);
    CHECK_INT(act_int(&send), RW_ERR_CLOSED);
    CHECK_INT(send_now(&pair, 1), RW_ERR_CLOSED);
    CHECK(pair_close(&pair));
}

static void closing_an_end_ends_its_own_waiters_only(unsigned flags)
{
    struct pair pair = pair_open(4, flags);
    struct rw_receiver *clone = rw_receiver_clone(pair.rx);
    struct act own = receiving(&pair);
    struct act other = act_of(&pair.rig, rw_channel_receive(pair.rig.loop, clone));

    CHECK(act_waits(&own));
    CHECK(act_waits(&other));
    CHECK_INT(send_now(&pair, 9), 0);
    rw_receiver_close(pair.rx);
    CHECK_INT(other.wakes, 1);
    CHECK_INT(act_int(&own), RW_ERR_CLOSED);
    CHECK_INT(act_int(&other), 9);
    rw_receiver_unref(clone);
    CHECK(pair_close(&pair));
}

static void a_channel_may_hold_its_own_end(unsigned flags)
{
    struct pair pair = pair_open(4, flags);
    struct rw_value value = rw_value_of_handle(rw_sender_object(rw_sender_clone(pair.tx)));

    CHECK_INT(rw_channel_try_send(pair.tx, &value), 0);
    CHECK(pair_close(&pair)); /* the receiver's end drops it */
}

static void unbounded_never_waits(unsigned flags)
{
    struct pair pair = pair_open(RW_UNBOUNDED, flags);

    for (int i = 0; i < 1000; i++) {
        struct act send = sending(&pair, i);

        CHECK_INT(act_int(&send), 0);
    }
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(receive_now(&pair), i);
    }
    CHECK(pair_close(&pair));
}

/* A waiter with no memory to come into the ring is told so; nobody else is touched. */
static void an_offer_without_memory_fails(unsigned flags)
{
    struct pair pair = pair_open(1, flags);
    struct act reserve = act_of(&pair.rig, rw_channel_reserve(pair.rig.loop, pair.tx));
    struct act send = act_of(&pair.rig, rw_channel_send(pair.rig.loop, pair.tx, rw_text_of("no room")));
    struct rw_value permit;

    CHECK_INT(act_poll(&reserve, &permit), RW_READY);
    act_drop(&reserve);
    CHECK(act_waits(&send));
    test_fail_allocation(1, false);
    rw_permit_release(rw_permit_of(&permit));
    test_fail_allocation(0, false);
    CHECK_INT(send.wakes, 1);
    CHECK_INT(act_int(&send), RW_ERR_NOMEM);
    rw_value_drop(&permit);
    CHECK_INT(send_now(&pair, 1), 0);
    CHECK(pair_close(&pair));
}

BOTH(values_arrive_in_order)
BOTH(a_full_channel_holds_the_sender_back_until_a_value_is_taken)
BOTH(receivers_are_served_in_the_order_they_came)
BOTH(a_woken_receiver_that_is_dropped_passes_its_claim_on)
BOTH(a_waiting_send_that_is_dropped_has_not_happened)
BOTH(a_send_cancelled_too_late_says_that_it_happened)
BOTH(a_rendezvous_ends_when_the_value_was_taken)
BOTH(a_rendezvous_sender_that_leaves_takes_its_value_along)
BOTH(trying_at_a_rendezvous_meets_who_waits)
BOTH(closing_senders_lets_receivers_drain_and_then_end)
BOTH(a_claimed_value_is_not_lost_at_the_end)
BOTH(closing_receivers_ends_senders_and_drops_what_is_queued)
BOTH(closing_an_end_ends_its_own_waiters_only)
BOTH(a_channel_may_hold_its_own_end)
BOTH(unbounded_never_waits)
BOTH(an_offer_without_memory_fails)

static const struct test tests[] = {
    TEST_BOTH(values_arrive_in_order),
    TEST_BOTH(a_full_channel_holds_the_sender_back_until_a_value_is_taken),
    TEST_BOTH(receivers_are_served_in_the_order_they_came),
    TEST_BOTH(a_woken_receiver_that_is_dropped_passes_its_claim_on),
    TEST_BOTH(a_waiting_send_that_is_dropped_has_not_happened),
    TEST_BOTH(a_send_cancelled_too_late_says_that_it_happened),
    TEST_BOTH(a_rendezvous_ends_when_the_value_was_taken),
    TEST_BOTH(a_rendezvous_sender_that_leaves_takes_its_value_along),
    TEST_BOTH(trying_at_a_rendezvous_meets_who_waits),
    TEST_BOTH(closing_senders_lets_receivers_drain_and_then_end),
    TEST_BOTH(a_claimed_value_is_not_lost_at_the_end),
    TEST_BOTH(closing_receivers_ends_senders_and_drops_what_is_queued),
    TEST_BOTH(closing_an_end_ends_its_own_waiters_only),
    TEST_BOTH(a_channel_may_hold_its_own_end),
    TEST_BOTH(unbounded_never_waits),
    TEST_BOTH(an_offer_without_memory_fails),
};

TEST_MAIN(tests)
