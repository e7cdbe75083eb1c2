/* SPDX-License-Identifier: MIT
 *
 * test_select.c - exactly one case happens, and the others have not.
 */
#include "flow/channel.h"

#include "flow/flow_test.h"

enum { CHANNELS = 3 };

struct bench {
    struct rig rig;
    struct rw_sender *tx[CHANNELS];
    struct rw_receiver *rx[CHANNELS];
};

static struct bench bench_open(size_t capacity, unsigned flags)
{
    struct bench bench = {.rig = rig_open()};

    for (int i = 0; i < CHANNELS; i++) {
        if (rw_channel_open(bench.rig.loop, capacity, flags, &bench.tx[i], &bench.rx[i]) != 0) {
            abort();
        }
    }
    return bench;
}

static bool bench_close(struct bench *bench)
{
    for (int i = 0; i < CHANNELS; i++) {
        rwi_channel_check(bench->rx[i]->end.channel);
        rw_sender_unref(bench->tx[i]);
        rw_receiver_unref(bench->rx[i]);
    }
    return rig_close(&bench->rig);
}

static struct rw_select_case receive_from(struct bench *bench, int i)
{
    return (struct rw_select_case){.kind = RW_SELECT_RECEIVE, .receiver = bench->rx[i]};
}

static struct rw_select_case send_to(struct bench *bench, int i, int64_t integer)
{
    return (struct rw_select_case){.kind = RW_SELECT_SEND, .sender = bench->tx[i], .value = rw_int(integer)};
}

static struct act selecting(struct bench *bench, const struct rw_select_case *cases, size_t count,
                            unsigned flags)
{
    return act_of(&bench->rig, rw_select(bench->rig.loop, cases, count, flags));
}

static int send_now(struct bench *bench, int i, int64_t integer)
{
    struct rw_value value = rw_int(integer);

    return rw_channel_try_send(bench->tx[i], &value);
}

static long long receive_now(struct bench *bench, int i)
{
    struct rw_value value;
    int err = rw_channel_try_receive(bench->rx[i], &value);

    return err != 0 ? err : value.as.integer;
}

/* Polls a select that should be ready: 100 * index + the integer it gave, or index and failure as -100 * index + code. */
static long long won(struct act *act)
{
    struct rw_value out;
    long long index;

    if (act_poll(act, &out) == RW_PENDING) {
        return -9999;
    }
    index = (long long)rw_select_index(act->future);
    act_drop(act);
    return rw_is_failure(&out) ? -100 * index + out.code
                               : 100 * index + (out.kind == RW_KIND_INT ? out.as.integer : 0);
}

static void the_one_that_is_ready_wins(unsigned flags)
{
    struct bench bench = bench_open(2, flags);
    struct rw_select_case cases[] = {receive_from(&bench, 0), receive_from(&bench, 1)};
    struct act select = selecting(&bench, cases, 2, RW_SELECT_BIASED);

    CHECK_INT(send_now(&bench, 1, 7), 0);
    CHECK_INT(won(&select), 107);
    CHECK(bench_close(&bench));
}

static void the_first_to_become_ready_wins_and_the_rest_is_untouched(unsigned flags)
{
    struct bench bench = bench_open(2, flags);
    struct rw_select_case cases[] = {receive_from(&bench, 0), receive_from(&bench, 1),
                                     receive_from(&bench, 2)};
    struct act select = selecting(&bench, cases, 3, RW_SELECT_BIASED);

    CHECK(act_waits(&select));
    CHECK_INT(send_now(&bench, 2, 1), 0);
    CHECK_INT(send_now(&bench, 1, 2), 0);
    CHECK(select.wakes > 0);
    CHECK_INT(won(&select), 102);
    CHECK_INT(receive_now(&bench, 2), 1);
    CHECK(bench_close(&bench));
}

static void a_losing_claim_goes_to_the_next_receiver(unsigned flags)
{
    struct bench bench = bench_open(2, flags);
    struct rw_select_case cases[] = {receive_from(&bench, 0), receive_from(&bench, 1)};
    struct act select = selecting(&bench, cases, 2, RW_SELECT_BIASED);
    struct act receive = act_of(&bench.rig, rw_channel_receive(bench.rig.loop, bench.rx[1]));

    CHECK(act_waits(&select));
    CHECK(act_waits(&receive));
    CHECK_INT(send_now(&bench, 1, 5), 0);
    CHECK_INT(receive.wakes, 0);
    CHECK_INT(send_now(&bench, 0, 4), 0);
    CHECK_INT(won(&select), 4);
    CHECK_INT(receive.wakes, 1);
    CHECK_INT(act_int(&receive), 5);
    CHECK(bench_close(&bench));
}

static void only_one_of_several_offers_is_taken(unsigned flags)
{
    struct bench bench = bench_open(1, flags);
    struct rw_select_case cases[] = {send_to(&bench, 0, 1), send_to(&bench, 1, 2)};
    struct act select = selecting(&bench, cases, 2, RW_SELECT_BIASED);

    CHECK_INT(send_now(&bench, 0, 10), 0);
    CHECK_INT(send_now(&bench, 1, 20), 0);
    CHECK(act_waits(&select));
    CHECK_INT(receive_now(&bench, 1), 20);
    CHECK_INT(receive_now(&bench, 0), 10);
    CHECK_INT(receive_now(&bench, 0), RW_ERR_EMPTY);
    CHECK_INT(won(&select), 100);
    CHECK_INT(receive_now(&bench, 1), 2);
    CHECK_INT(receive_now(&bench, 1), RW_ERR_EMPTY);
    CHECK(bench_close(&bench));
}

static void a_dropped_select_has_sent_only_what_was_taken(unsigned flags)
{
    struct bench bench = bench_open(1, flags);
    struct rw_select_case cases[] = {send_to(&bench, 0, 1), receive_from(&bench, 1)};
    struct act taken = selecting(&bench, cases, 2, 0);
    struct act left = selecting(&bench, cases, 2, 0);

    CHECK_INT(send_now(&bench, 0, 10), 0);
    CHECK(act_waits(&taken));
    CHECK(act_waits(&left));
    CHECK_INT(receive_now(&bench, 0), 10);
    act_drop(&taken);
    act_drop(&left);
    CHECK_INT(receive_now(&bench, 0), 1);
    CHECK_INT(receive_now(&bench, 0), RW_ERR_EMPTY);
    CHECK(bench_close(&bench));
}

static void two_selects_meet_at_a_rendezvous(unsigned flags)
{
    struct bench bench = bench_open(0, flags);
    struct rw_select_case one[] = {send_to(&bench, 0, 1), receive_from(&bench, 1)};
    struct rw_select_case two[] = {receive_from(&bench, 0), send_to(&bench, 1, 2)};
    struct act first = selecting(&bench, one, 2, RW_SELECT_BIASED);
    struct act second = selecting(&bench, two, 2, RW_SELECT_BIASED);

    CHECK(act_waits(&first));
    CHECK_INT(won(&second), 1);
    CHECK_INT(first.wakes, 1);
    CHECK_INT(won(&first), 0);
    CHECK_INT(receive_now(&bench, 1), RW_ERR_EMPTY);
    CHECK(bench_close(&bench));
}

static void a_select_does_not_meet_itself(unsigned flags)
{
    struct bench bench = bench_open(0, flags);
    struct rw_select_case cases[] = {send_to(&bench, 0, 1), receive_from(&bench, 0)};
    struct act select = selecting(&bench, cases, 2, RW_SELECT_BIASED);
    struct act send = act_of(&bench.rig, rw_channel_send(bench.rig.loop, bench.tx[0], rw_int(9)));

    CHECK(act_waits(&select));
    CHECK(act_waits(&select));
    CHECK_INT(select.wakes, 0);
    CHECK(act_waits(&send));
    CHECK_INT(select.wakes, 1);
    CHECK_INT(won(&select), 109);
    CHECK_INT(act_int(&send), 0);
    CHECK(bench_close(&bench));
}

static void the_default_wins_when_nothing_is_ready(unsigned flags)
{
    struct bench bench = bench_open(0, flags);
    struct rw_select_case cases[] = {
        {.kind = RW_SELECT_DEFAULT}, receive_from(&bench, 0), send_to(&bench, 1, 4)};
    struct act select = selecting(&bench, cases, 3, 0);
    struct act receive = act_of(&bench.rig, rw_channel_receive(bench.rig.loop, bench.rx[1]));

    CHECK_INT(won(&select), 0);
    CHECK(act_waits(&receive));
    select = selecting(&bench, cases, 3, 0);
    CHECK_INT(won(&select), 200);
    CHECK_INT(act_int(&receive), 4);
    CHECK(bench_close(&bench));
}

static void a_closed_channel_wins(unsigned flags)
{
    struct bench bench = bench_open(1, flags);
    struct rw_select_case receives[] = {receive_from(&bench, 0), receive_from(&bench, 1)};
    struct rw_select_case sends[] = {send_to(&bench, 2, 1), receive_from(&bench, 0)};
    struct act receive = selecting(&bench, receives, 2, 0);
    struct act send = selecting(&bench, sends, 2, RW_SELECT_BIASED);

    CHECK(act_waits(&receive));
    CHECK_INT(send_now(&bench, 2, 1), 0);
    CHECK(act_waits(&send));
    rw_sender_close(bench.tx[1]);
    rw_receiver_close(bench.rx[2]);
    CHECK(receive.wakes > 0);
    CHECK(send.wakes > 0);
    CHECK_INT(won(&receive), -100 + RW_ERR_CLOSED);
    CHECK_INT(won(&send), RW_ERR_CLOSED);
    CHECK(bench_close(&bench));
}

static void a_deadline_wins_when_its_time_comes(unsigned flags)
{
    struct bench bench = bench_open(0, flags);
    struct rw_select_case cases[] = {receive_from(&bench, 0), {.kind = RW_SELECT_DEADLINE}};
    struct act select;

    cases[1].deadline_ns = rw_deadline_after(bench.rig.loop, RW_SECOND);
    select = selecting(&bench, cases, 2, 0);
    CHECK(act_waits(&select));
    rig_pass(&bench.rig, RW_SECOND / 2);
    CHECK_INT(select.wakes, 0);
    rig_pass(&bench.rig, RW_SECOND / 2);
    CHECK_INT(select.wakes, 1);
    CHECK_INT(won(&select), 100);
    CHECK(bench_close(&bench));
}

static void a_future_that_loses_is_dropped(unsigned flags)
{
    struct bench bench = bench_open(1, flags);
    struct rw_promise *promise = rw_promise_new(bench.rig.loop);
    struct rw_select_case cases[] = {receive_from(&bench, 0),
                                     {.kind = RW_SELECT_FUTURE, .future = rw_promise_wait(promise)}};
    struct act select = selecting(&bench, cases, 2, 0);

    CHECK(act_waits(&select));
    CHECK_INT(send_now(&bench, 0, 3), 0);
    CHECK_INT(won(&select), 3);
    cases[1].future = rw_promise_wait(promise);
    select = selecting(&bench, cases, 2, 0);
    CHECK(act_waits(&select));
    rw_promise_resolve(promise, rw_int(8));
    CHECK_INT(select.wakes, 1);
    CHECK_INT(won(&select), 108);
    rw_promise_unref(promise);
    CHECK(bench_close(&bench));
}

/* The future's poll puts a value where the select has looked already. */
static enum rw_poll sending_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out);

struct sending_future {
    struct rw_future future;
    struct bench *bench;
};

static void sending_drop(struct rw_future *self)
{
    (void)self;
}

static const struct rw_future_vtable sending_vtable = {"sending", 0, sending_poll, NULL, sending_drop};

static enum rw_poll sending_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct bench *bench = ((struct sending_future *)self)->bench;

    (void)cx;
    (void)out;
    send_now(bench, 0, 6);
    send_now(bench, 1, 7);
    return RW_PENDING;
}

static void what_becomes_ready_while_trying_is_noticed(unsigned flags)
{
    struct bench bench = bench_open(1, flags);
    struct sending_future sending = {.bench = &bench};
    struct rw_select_case cases[] = {receive_from(&bench, 0),
                                     {.kind = RW_SELECT_FUTURE, .future = &sending.future}};
    struct act select;

    rw_future_init(&sending.future, &sending_vtable);
    select = selecting(&bench, cases, 2, RW_SELECT_BIASED);
    CHECK(act_waits(&select));
    CHECK_INT(select.wakes, 1);
    CHECK_INT(won(&select), 6);
    CHECK_INT(receive_now(&bench, 1), 7);
    CHECK(bench_close(&bench));
}

static void the_start_rotates(unsigned flags)
{
    struct bench bench = bench_open(8, flags);
    struct rw_select_case cases[] = {receive_from(&bench, 0), receive_from(&bench, 1)};
    int wins[2] = {0, 0};

    for (int i = 0; i < 8; i++) {
        CHECK_INT(send_now(&bench, i % 2, 1), 0);
    }
    for (int i = 0; i < 8; i++) {
        struct act select = selecting(&bench, cases, 2, 0);

        wins[won(&select) / 100]++;
    }
    CHECK_INT(wins[0], 4);
    CHECK_INT(wins[1], 4);
    CHECK(bench_close(&bench));
}

static void a_cancelled_select_may_still_have_sent(unsigned flags)
{
    struct bench bench = bench_open(1, flags);
    struct rw_select_case cases[] = {send_to(&bench, 0, 1)};
    struct act late = selecting(&bench, cases, 1, 0);
    struct act early = selecting(&bench, cases, 1, 0);

    CHECK_INT(send_now(&bench, 0, 10), 0);
    CHECK(act_waits(&late));
    CHECK(act_waits(&early));
    CHECK_INT(receive_now(&bench, 0), 10);
    rw_future_cancel(late.future);
    rw_future_cancel(early.future);
    CHECK_INT(early.wakes, 1);
    CHECK_INT(won(&late), 0);
    CHECK_INT(won(&early), -100 + RW_ERR_CANCELLED);
    CHECK_INT(receive_now(&bench, 0), 1);
    CHECK(bench_close(&bench));
}

/* A select that is polled in vain keeps its place before a sender that came later. */
static void offers_keep_their_place(unsigned flags)
{
    struct bench bench = bench_open(1, flags);
    struct rw_select_case cases[] = {send_to(&bench, 0, 1), receive_from(&bench, 1)};
    struct act select = selecting(&bench, cases, 2, 0);
    struct act send = act_of(&bench.rig, rw_channel_send(bench.rig.loop, bench.tx[0], rw_int(2)));

    CHECK_INT(send_now(&bench, 0, 10), 0);
    CHECK(act_waits(&select));
    CHECK(act_waits(&send));
    CHECK(act_waits(&select));
    CHECK_INT(receive_now(&bench, 0), 10);
    CHECK_INT(receive_now(&bench, 0), 1);
    CHECK_INT(won(&select), 0);
    CHECK_INT(act_int(&send), 0);
    CHECK_INT(receive_now(&bench, 0), 2);
    CHECK(bench_close(&bench));
}

/* What a receiver was woken for may have been sent elsewhere meanwhile: it waits on, before those who came later. */
static void receivers_keep_their_place_when_an_offer_was_taken_elsewhere(unsigned flags)
{
    struct bench bench = bench_open(0, flags);
    struct rw_select_case cases[] = {send_to(&bench, 0, 1), send_to(&bench, 1, 2)};
    struct act select = selecting(&bench, cases, 2, 0);
    struct act first = act_of(&bench.rig, rw_channel_receive(bench.rig.loop, bench.rx[0]));
    struct act second = act_of(&bench.rig, rw_channel_receive(bench.rig.loop, bench.rx[0]));
    struct act send = act_of(&bench.rig, rw_channel_send(bench.rig.loop, bench.tx[0], rw_int(9)));

    CHECK(act_waits(&first));
    CHECK(act_waits(&second));
    CHECK(act_waits(&select));
    CHECK_INT(first.wakes, 1);
    CHECK_INT(receive_now(&bench, 1), 2);
    CHECK(act_waits(&first));
    CHECK(act_waits(&send));
    CHECK_INT(first.wakes, 2);
    CHECK_INT(second.wakes, 0);
    CHECK_INT(act_int(&first), 9);
    CHECK_INT(act_int(&send), 0);
    CHECK_INT(won(&select), 100);
    act_drop(&second);
    CHECK(bench_close(&bench));
}

static void what_cannot_be_sent_wins_with_the_reason(unsigned flags)
{
    struct bench bench = bench_open(1, flags);
    struct rw_select_case cases[] = {receive_from(&bench, 0), send_to(&bench, 1, 0)};
    struct act select;

    cases[1].value = rw_failure(RW_ERR_TIMEOUT);
    select = selecting(&bench, cases, 2, 0);
    CHECK_INT(won(&select), -100 + RW_ERR_INVALID);
    select = selecting(&bench, NULL, 0, 0);
    CHECK_INT(won(&select), RW_ERR_INVALID);
    CHECK(bench_close(&bench));
}

static void select_everything(void)
{
    struct rig rig = rig_open();
    struct rw_sender *tx = NULL;
    struct rw_receiver *rx = NULL;

    if (rig.loop != NULL && rw_channel_open(rig.loop, 0, RW_CHANNEL_SHARED, &tx, &rx) == 0) {
        struct rw_select_case cases[] = {
            {.kind = RW_SELECT_RECEIVE, .receiver = rx},
            {.kind = RW_SELECT_SEND, .sender = tx, .value = rw_text_of("offered")},
            {.kind = RW_SELECT_FUTURE, .future = rw_sleep_until(rig.loop, RW_NEVER)},
            {.kind = RW_SELECT_DEADLINE, .deadline_ns = rw_deadline_after(rig.loop, RW_SECOND)}};
        struct act select = act_of(&rig, NULL);
        struct rw_value out;

        if (rw_is_failure(&cases[1].value)) {
            cases[1].value = rw_nil();
        }
        select.future = rw_select(rig.loop, cases, 4, 0);
        if (select.future != NULL && act_poll(&select, &out) == RW_READY) {
            rw_value_drop(&out);
        }
        act_drop(&select);
    }
    rw_sender_unref(tx);
    rw_receiver_unref(rx);
    rw_loop_free(rig.loop);
    rw_sim_free(rig.sim);
}

static void every_failing_allocation_is_survived(void)
{
    test_each_allocation(select_everything);
}

BOTH(the_one_that_is_ready_wins)
BOTH(the_first_to_become_ready_wins_and_the_rest_is_untouched)
BOTH(a_losing_claim_goes_to_the_next_receiver)
BOTH(only_one_of_several_offers_is_taken)
BOTH(a_dropped_select_has_sent_only_what_was_taken)
BOTH(two_selects_meet_at_a_rendezvous)
BOTH(a_select_does_not_meet_itself)
BOTH(the_default_wins_when_nothing_is_ready)
BOTH(a_closed_channel_wins)
BOTH(a_deadline_wins_when_its_time_comes)
BOTH(a_future_that_loses_is_dropped)
BOTH(what_becomes_ready_while_trying_is_noticed)
BOTH(the_start_rotates)
BOTH(a_cancelled_select_may_still_have_sent)
BOTH(offers_keep_their_place)
BOTH(receivers_keep_their_place_when_an_offer_was_taken_elsewhere)
BOTH(what_cannot_be_sent_wins_with_the_reason)

static const struct test tests[] = {
    TEST_BOTH(the_one_that_is_ready_wins),
    TEST_BOTH(the_first_to_become_ready_wins_and_the_rest_is_untouched),
    TEST_BOTH(a_losing_claim_goes_to_the_next_receiver),
    TEST_BOTH(only_one_of_several_offers_is_taken),
    TEST_BOTH(a_dropped_select_has_sent_only_what_was_taken),
    TEST_BOTH(two_selects_meet_at_a_rendezvous),
    TEST_BOTH(a_select_does_not_meet_itself),
    TEST_BOTH(the_default_wins_when_nothing_is_ready),
    TEST_BOTH(a_closed_channel_wins),
    TEST_BOTH(a_deadline_wins_when_its_time_comes),
    TEST_BOTH(a_future_that_loses_is_dropped),
    TEST_BOTH(what_becomes_ready_while_trying_is_noticed),
    TEST_BOTH(the_start_rotates),
    TEST_BOTH(a_cancelled_select_may_still_have_sent),
    TEST_BOTH(offers_keep_their_place),
    TEST_BOTH(receivers_keep_their_place_when_an_offer_was_taken_elsewhere),
    TEST_BOTH(what_cannot_be_sent_wins_with_the_reason),
    TEST(every_failing_allocation_is_survived),
};

TEST_MAIN(tests)
