/* SPDX-License-Identifier: MIT
 *
 * test_all.c - join_all and first_of: values in order, the first failure, nothing left running.
 */
#include "script.h"

enum { GATES = 4 };

static struct gate gates[GATES];

static struct rw_future *wait_for_all(struct rw_future *(*combine)(struct rw_loop *,
                                                                   struct rw_future *const *, size_t))
{
    struct rw_future *futures[GATES];

    for (int i = 0; i < GATES; i++) {
        gates[i] = (struct gate){.poll_count = 0};
        futures[i] = gate_wait(&gates[i]);
    }
    return combine(loop, futures, GATES);
}

static void note_list(const struct rw_value *value)
{
    note("%s", outcome_name(value));
    for (size_t i = 0; value->kind == RW_KIND_LIST && i < rw_list_count(value->as.list); i++) {
        note("%lld", (long long)rw_list_at(value->as.list, i)->as.integer);
    }
}

static void note_task(struct rw_task *task)
{
    if (!rw_task_is_done(task)) {
        note("waits");
    } else {
        note_list(rw_task_value(task));
    }
}

static int sum_of_drops(void)
{
    int sum = 0;

    for (int i = 0; i < GATES; i++) {
        sum += gates[i].drop_count;
    }
    return sum;
}

static void join_all_gives_the_values_in_the_order_of_the_futures(void)
{
    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, wait_for_all(rw_join_all), NULL);

    run_turns(1);
    for (int i = GATES - 1; i >= 0; i--) {
        note_task(task);
        gate_open(&gates[i], rw_int(10 * i));
        run_turns(1);
    }
    note_task(task);
    CHECK_TEXT(noted(), "waits waits waits waits ok 0 10 20 30");
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void only_who_was_woken_is_polled(void)
{
    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, wait_for_all(rw_join_all), NULL);

    run_turns(1);
    for (int i = 0; i < GATES; i++) {
        gate_open(&gates[i], rw_nil());
        run_turns(1);
    }
    for (int i = 0; i < GATES; i++) {
        CHECK_INT(gates[i].poll_count, 2);
    }
    rw_task_unref(task);
    world_end();
}

static void the_first_failure_cancels_the_rest_and_waits_for_them(void)
{
    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, wait_for_all(rw_join_all), NULL);

    gates[3].is_deaf = true;
    run_turns(1);
    gate_open(&gates[0], rw_text_of("dropped on the way"));
    gate_open(&gates[1], rw_failure(RW_ERR_CLOSED));
    run_turns(3);
    note_task(task);
    CHECK_INT(gates[2].cancel_count, 1);
    CHECK_INT(gates[2].drop_count, 1);
    CHECK_INT(gates[3].drop_count, 0);
    gate_open(&gates[3], rw_int(1));
    run_turns(1);
    note_task(task);
    CHECK_TEXT(noted(), "waits closed");
    CHECK_INT(sum_of_drops(), GATES);
    rw_value_drop(&gates[0].value);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void joining_nothing_gives_an_empty_list(void)
{
    struct rw_value out;

    CHECK(world_begin());
    CHECK_INT(rw_block_on(loop, rw_join_all(loop, NULL, 0), &out), 0);
    CHECK_INT(out.kind, RW_KIND_LIST);
    CHECK_INT(rw_list_count(out.as.list), 0);
    rw_value_drop(&out);
    CHECK(world_is_empty());
    world_end();
}

static void the_first_one_wins_and_the_others_are_ended(void)
{
    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, wait_for_all(rw_first_of), NULL);

    run_turns(1);
    gate_open(&gates[2], rw_int(5));
    run_turns(2);
    note_task(task);
    CHECK_TEXT(noted(), "ok 2 5");
    CHECK_INT(gates[0].cancel_count, 1);
    CHECK_INT(sum_of_drops(), GATES);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_failure_may_be_the_first(void)
{
    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, wait_for_all(rw_first_of), NULL);

    run_turns(1);
    gate_open(&gates[1], rw_failure(RW_ERR_END));
    run_turns(2);
    note_task(task);
    CHECK_TEXT(noted(), "end");
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void the_first_of_nothing_is_an_error(void)
{
    struct rw_value out;

    CHECK(world_begin());
    CHECK_INT(rw_block_on(loop, rw_first_of(loop, NULL, 0), &out), 0);
    CHECK_INT(out.code, RW_ERR_INVALID);
    CHECK(world_is_empty());
    world_end();
}

static void of_two_that_are_ready_the_earlier_argument_wins(void)
{
    struct rw_value out;

    CHECK(world_begin());
    struct rw_future *both = rw_first(loop, rw_ready(loop, rw_int(1)), rw_ready(loop, rw_int(2)));

    CHECK_INT(rw_block_on(loop, both, &out), 0);
    note_list(&out);
    rw_value_drop(&out);
    CHECK_INT(rw_block_on(loop, rw_join(loop, rw_ready(loop, rw_int(1)), rw_ready(loop, rw_int(2))), &out),
              0);
    note_list(&out);
    rw_value_drop(&out);
    CHECK_TEXT(noted(), "ok 0 1 ok 1 2");
    CHECK(world_is_empty());
    world_end();
}

static void cancelling_the_whole_cancels_each_and_values_may_still_win(void)
{
    for (int wins = 0; wins < 2; wins++) {
        CHECK(world_begin());
        struct rw_task *task = rw_spawn(loop, wait_for_all(rw_join_all), NULL);

        for (int i = 0; i < GATES; i++) {
            gates[i].is_deaf = wins != 0;
        }
        run_turns(1);
        rw_task_cancel(task, NULL);
        run_turns(2);
        for (int i = 0; i < GATES; i++) {
            CHECK_INT(gates[i].cancel_count, 1);
            if (wins) {
                gate_open(&gates[i], rw_int(i));
            }
        }
        run_turns(2);
        note_task(task);
        CHECK_TEXT(noted(), wins ? "ok 0 1 2 3" : "cancelled");
        rw_task_unref(task);
        CHECK(world_is_empty());
        world_end();
    }
}

static void dropping_the_whole_drops_each_in_every_state(void)
{
    for (int opened = -1; opened <= GATES; opened++) {
        CHECK(world_begin());
        rw_task_detach(rw_spawn(loop, wait_for_all(rw_join_all), NULL));
        for (int i = 0; i < GATES; i++) {
            gates[i].is_deaf = true;
        }
        run_turns(opened >= 0);
        for (int i = 0; i < opened; i++) {
            gate_open(&gates[i], rw_text_of("a value to be dropped"));
            run_turns(1);
        }
        world_end();
        CHECK_INT(sum_of_drops(), GATES);
        for (int i = 0; i < opened; i++) {
            rw_value_drop(&gates[i].value);
        }
    }
}

static void a_thousand_futures_are_joined(void)
{
    static struct rw_future *futures[1000];
    struct rw_value out;

    CHECK(world_begin());
    for (int i = 0; i < 1000; i++) {
        futures[i] = rw_sleep_until(loop, at(1000 - i));
    }
    CHECK_INT(rw_block_on(loop, rw_join_all(loop, futures, 1000), &out), 0);
    CHECK_INT(rw_list_count(out.as.list), 1000);
    CHECK_INT(now_ms(), 1000);
    rw_value_drop(&out);
    CHECK(world_is_empty());
    world_end();
}

static void combinations_survive_a_failing_allocation(void)
{
    struct rw_value out = rw_nil();

    if (!world_begin()) {
        return;
    }
    struct rw_future *parts[3] = {rw_ready(loop, rw_int(1)), rw_sleep_until(loop, at(3)),
                                  rw_first(loop, rw_sleep_until(loop, at(2)), rw_yield_now(loop))};

    if (parts[0] == NULL) {
        parts[0] = rw_failed(loop, RW_ERR_NOMEM);
    }
    int err = rw_block_on(loop, rw_join_all(loop, parts, 3), &out);

    CHECK(err != 0 || out.kind == RW_KIND_LIST || out.code == RW_ERR_NOMEM);
    rw_value_drop(&out);
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(combinations_survive_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(join_all_gives_the_values_in_the_order_of_the_futures),
    TEST(only_who_was_woken_is_polled),
    TEST(the_first_failure_cancels_the_rest_and_waits_for_them),
    TEST(joining_nothing_gives_an_empty_list),
    TEST(the_first_one_wins_and_the_others_are_ended),
    TEST(a_failure_may_be_the_first),
    TEST(the_first_of_nothing_is_an_error),
    TEST(of_two_that_are_ready_the_earlier_argument_wins),
    TEST(cancelling_the_whole_cancels_each_and_values_may_still_win),
    TEST(dropping_the_whole_drops_each_in_every_state),
    TEST(a_thousand_futures_are_joined),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
