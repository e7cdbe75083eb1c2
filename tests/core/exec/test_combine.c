/* SPDX-License-Identifier: MIT
 *
 * test_combine.c - map, and_then, or_else and lazy: what runs when, and what is dropped once.
 */
#include "script.h"

static int drops;

static void count_drop(void *arg)
{
    (void)arg;
    drops++;
}

static struct rw_value add_one(void *arg, struct rw_value value)
{
    note("map");
    (void)arg;
    return rw_int(value.as.integer + 1);
}

static struct rw_value to_failure(void *arg, struct rw_value value)
{
    (void)arg;
    rw_value_drop(&value);
    return rw_failure(RW_ERR_LIMIT);
}

static struct rw_future *then_gate(void *arg, struct rw_value value)
{
    note("then:%s", outcome_name(&value));
    rw_value_drop(&value);
    return gate_wait(arg);
}

static struct rw_future *then_nothing(void *arg, struct rw_value value)
{
    (void)arg;
    rw_value_drop(&value);
    return NULL;
}

static struct rw_value outcome_of(struct rw_future *future)
{
    struct rw_value out = rw_nil();
    int err = rw_block_on(loop, future, &out);

    return err == 0 ? out : rw_failure(err);
}

static void map_changes_a_value_and_lets_a_failure_pass(void)
{
    CHECK(world_begin());
    drops = 0;
    struct rw_value out = outcome_of(rw_map(loop, rw_ready(loop, rw_int(1)), add_one, count_drop, NULL));

    CHECK_INT(out.as.integer, 2);
    out = outcome_of(rw_map(loop, rw_failed(loop, RW_ERR_CLOSED), add_one, count_drop, NULL));
    CHECK_INT(out.code, RW_ERR_CLOSED);
    out = outcome_of(rw_map(loop, rw_ready(loop, rw_text_of("owned")), to_failure, count_drop, NULL));
    CHECK_INT(out.code, RW_ERR_LIMIT);
    CHECK_TEXT(noted(), "map");
    CHECK_INT(drops, 3);
    CHECK(world_is_empty());
    world_end();
}

static void map_to_gives_a_value_that_was_there_before(void)
{
    CHECK(world_begin());
    struct rw_value out = outcome_of(rw_map_to(loop, rw_ready(loop, rw_text_of("dropped")), rw_text_of("x")));

    CHECK_TEXT(rw_value_data(&out, NULL), "x");
    rw_value_drop(&out);
    out = outcome_of(rw_map_to(loop, rw_failed(loop, RW_ERR_CLOSED), rw_text_of("dropped")));
    CHECK_INT(out.code, RW_ERR_CLOSED);
    rw_future_drop(rw_map_to(loop, rw_ready(loop, rw_nil()), rw_text_of("dropped")));
    CHECK(world_is_empty());
    world_end();
}

static void and_then_goes_on_after_a_value_only(void)
{
    struct gate gate = {.is_open = true, .value = rw_int(9)};

    CHECK(world_begin());
    drops = 0;
    struct rw_value out =
        outcome_of(rw_and_then(loop, rw_ready(loop, rw_text_of("x")), then_gate, count_drop, &gate));

    CHECK_INT(out.as.integer, 9);
    out = outcome_of(rw_and_then(loop, rw_failed(loop, RW_ERR_CLOSED), then_gate, count_drop, &gate));
    CHECK_INT(out.code, RW_ERR_CLOSED);
    CHECK_TEXT(noted(), "then:ok");
    CHECK_INT(gate.drop_count, 1);
    CHECK_INT(drops, 2);
    CHECK(world_is_empty());
    world_end();
}

static void or_else_goes_on_after_a_failure_only(void)
{
    struct gate gate = {.is_open = true, .value = rw_int(9)};

    CHECK(world_begin());
    drops = 0;
    struct rw_value out =
        outcome_of(rw_or_else(loop, rw_ready(loop, rw_int(3)), then_gate, count_drop, &gate));

    CHECK_INT(out.as.integer, 3);
    out = outcome_of(rw_or_else(loop, rw_failed(loop, RW_ERR_CLOSED), then_gate, count_drop, &gate));
    CHECK_INT(out.as.integer, 9);
    CHECK_TEXT(noted(), "then:closed");
    CHECK_INT(drops, 2);
    CHECK(world_is_empty());
    world_end();
}

static void a_function_without_memory_for_a_future_may_give_none(void)
{
    CHECK(world_begin());
    struct rw_value out = outcome_of(rw_and_then(loop, rw_ready(loop, rw_int(3)), then_nothing, NULL, NULL));

    CHECK_INT(out.code, RW_ERR_NOMEM);
    CHECK(world_is_empty());
    world_end();
}

/* ---- cancelling and dropping in every state ---------------------------------------------------------------------- */

static void cancel_reaches_whichever_future_is_waited_for(void)
{
    for (int first_open = 0; first_open < 2; first_open++) {
        struct gate first = {.is_open = first_open != 0};
        struct gate second = {.poll_count = 0};

        CHECK(world_begin());
        drops = 0;
        struct rw_task *task =
            rw_spawn(loop, rw_and_then(loop, gate_wait(&first), then_gate, count_drop, &second), NULL);

        run_turns(1);
        rw_task_cancel(task, NULL);
        run_all();
        CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
        CHECK_INT(first.cancel_count, !first_open);
        CHECK_INT(second.cancel_count, first_open);
        CHECK_INT(second.drop_count, first_open);
        CHECK_TEXT(noted(), first_open ? "then:ok" : "");
        CHECK_INT(drops, 1);
        rw_task_unref(task);
        CHECK(world_is_empty());
        world_end();
    }
}

static void a_cancel_that_the_first_future_outruns_reaches_the_second(void)
{
    struct gate first = {.is_deaf = true};
    struct gate second = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task =
        rw_spawn(loop, rw_and_then(loop, gate_wait(&first), then_gate, NULL, &second), NULL);

    run_turns(1);
    rw_task_cancel(task, NULL);
    run_turns(1);
    gate_open(&first, rw_int(1));
    run_all();
    CHECK_TEXT(noted(), "then:ok");
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    CHECK_INT(second.poll_count, 0);
    CHECK_INT(second.drop_count, 1);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *cancel_self_then(void *arg, struct rw_value value)
{
    rw_value_drop(&value);
    rw_task_cancel(rw_task_current(loop), NULL);
    return gate_wait(arg);
}

static struct rw_future *cancel_self_lazily(void *arg, struct rw_loop *on)
{
    rw_task_cancel(rw_task_current(on), NULL);
    return gate_wait(arg);
}

static void a_function_may_cancel_the_task_that_runs_it(void)
{
    struct gate second = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *tasks[2] = {
        rw_spawn(loop, rw_and_then(loop, rw_ready(loop, rw_nil()), cancel_self_then, NULL, &second), NULL),
        rw_spawn(loop, rw_lazy(loop, cancel_self_lazily, NULL, &second), NULL)};

    run_all();
    for (int i = 0; i < 2; i++) {
        CHECK_INT(rw_task_value(tasks[i])->code, RW_ERR_CANCELLED);
        rw_task_unref(tasks[i]);
    }
    CHECK_INT(second.poll_count, 0);
    CHECK_INT(second.drop_count, 2);
    CHECK(world_is_empty());
    world_end();
}

static void dropping_drops_what_is_inside_once_in_every_state(void)
{
    for (int turns = 0; turns < 3; turns++) {
        struct gate first = {.poll_count = 0};
        struct gate second = {.poll_count = 0};

        CHECK(world_begin());
        drops = 0;
        rw_task_detach(
            rw_spawn(loop, rw_and_then(loop, gate_wait(&first), then_gate, count_drop, &second), NULL));
        run_turns(turns > 0);
        if (turns > 1) {
            gate_open(&first, rw_int(1));
            run_turns(1);
        }
        world_end();
        CHECK_INT(first.drop_count, 1);
        CHECK_INT(second.drop_count, turns > 1);
        CHECK_INT(drops, 1);
    }
}

/* ---- lazy --------------------------------------------------------------------------------------------------------- */

static struct rw_future *countdown(void *arg, struct rw_loop *on)
{
    intptr_t left = (intptr_t)arg;

    if (left == 0) {
        return rw_ready(on, rw_int(0));
    }
    struct rw_future *inner = rw_lazy(on, countdown, NULL, (void *)(left - 1));

    return rw_map(on, inner, add_one, NULL, NULL);
}

static void lazy_futures_recurse(void)
{
    CHECK(world_begin());
    struct rw_value out = outcome_of(rw_lazy(loop, countdown, NULL, (void *)(intptr_t)300));

    CHECK_INT(out.as.integer, 300);
    noted();
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *make_gate(void *arg, struct rw_loop *on)
{
    (void)on;
    note("made");
    return gate_wait(arg);
}

static void a_lazy_future_is_made_when_it_is_first_polled(void)
{
    struct gate gate = {.is_open = true, .value = rw_int(4)};

    CHECK(world_begin());
    drops = 0;
    struct rw_future *lazy = rw_lazy(loop, make_gate, count_drop, &gate);

    CHECK_TEXT(noted(), "");
    rw_future_drop(lazy);
    lazy = rw_lazy(loop, make_gate, count_drop, &gate);
    rw_future_cancel(lazy);
    CHECK_INT(outcome_of(lazy).code, RW_ERR_CANCELLED);
    CHECK_TEXT(noted(), "");
    CHECK_INT(outcome_of(rw_lazy(loop, make_gate, count_drop, &gate)).as.integer, 4);
    CHECK_TEXT(noted(), "made");
    CHECK_INT(drops, 3);
    CHECK(world_is_empty());
    world_end();
}

static void chains_survive_a_failing_allocation(void)
{
    struct gate gate = {.is_open = true, .value = rw_int(4)};

    if (!world_begin()) {
        return;
    }
    drops = 0;
    struct rw_future *first =
        rw_map(loop, rw_lazy(loop, make_gate, count_drop, &gate), add_one, count_drop, NULL);
    struct rw_future *then = rw_and_then(loop, first, then_gate, count_drop, &gate);
    struct rw_future *last = rw_or_else(loop, then, then_gate, count_drop, &gate);
    struct rw_value out = outcome_of(rw_map_to(loop, last, rw_int(4)));

    CHECK(out.as.integer == 4 || out.code == RW_ERR_NOMEM);
    CHECK_INT(drops, 4);
    noted();
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(chains_survive_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(map_changes_a_value_and_lets_a_failure_pass),
    TEST(map_to_gives_a_value_that_was_there_before),
    TEST(and_then_goes_on_after_a_value_only),
    TEST(or_else_goes_on_after_a_failure_only),
    TEST(a_function_without_memory_for_a_future_may_give_none),
    TEST(cancel_reaches_whichever_future_is_waited_for),
    TEST(a_cancel_that_the_first_future_outruns_reaches_the_second),
    TEST(a_function_may_cancel_the_task_that_runs_it),
    TEST(dropping_drops_what_is_inside_once_in_every_state),
    TEST(lazy_futures_recurse),
    TEST(a_lazy_future_is_made_when_it_is_first_polled),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
