/* SPDX-License-Identifier: MIT
 *
 * test_join_set.c - a growing set of futures, taken in the order in which they end.
 */
#include "script.h"

static struct gate gates[4];

static void add_gates(struct rw_join_set *set)
{
    for (int i = 0; i < 4; i++) {
        gates[i] = (struct gate){.poll_count = 0};
        rw_join_set_add(set, gate_wait(&gates[i]), (uint64_t)(100 + i));
    }
}

static void note_pair(const struct rw_value *value)
{
    if (value->kind != RW_KIND_LIST) {
        note("%s", outcome_name(value));
        return;
    }
    const struct rw_value *item = rw_list_at(value->as.list, 1);

    note("%lld=", (long long)rw_list_at(value->as.list, 0)->as.integer);
    note(item->kind == RW_KIND_ERROR ? "error%lld" : "%lld",
         (long long)(item->kind == RW_KIND_ERROR ? item->code : item->as.integer));
}

/* Takes all, until the end. */
static struct rw_future *take_all(struct script *self)
{
    SCRIPT_BEGIN(self);
    for (;;) {
        AWAIT(self, rw_join_set_next(self->data));
        note_pair(&self->in);
        if (rw_is_failure(&self->in)) {
            SCRIPT_RETURN(self, rw_nil());
        }
    }
    SCRIPT_END(self, rw_nil());
}

static void outcomes_come_in_the_order_of_ending_with_their_keys(void)
{
    CHECK(world_begin());
    struct rw_join_set *set = rw_join_set_new(loop);

    add_gates(set);
    CHECK_INT(rw_join_set_count(set), 4);
    rw_task_detach(script_spawn(take_all, set));
    run_turns(1);
    gate_open(&gates[2], rw_int(2));
    run_turns(1);
    gate_open(&gates[3], rw_failure(RW_ERR_CLOSED)); /* a failure is data here */
    gate_open(&gates[0], rw_int(0));
    run_turns(2);
    gate_open(&gates[1], rw_int(1));
    run_all();
    CHECK_TEXT(noted(), "102= 2 103= error-3 100= 0 101= 1 end");
    CHECK_INT(rw_join_set_count(set), 0);
    rw_join_set_free(set);
    CHECK(world_is_empty());
    world_end();
}

static void what_is_added_while_somebody_waits_is_taken_too(void)
{
    CHECK(world_begin());
    struct rw_join_set *set = rw_join_set_new(loop);

    gates[0] = (struct gate){.poll_count = 0};
    rw_join_set_add(set, gate_wait(&gates[0]), 1);
    rw_task_detach(script_spawn(take_all, set));
    run_turns(1);
    rw_join_set_add(set, rw_ready(loop, rw_int(7)), 2);
    run_turns(1);
    CHECK_TEXT(noted(), "2= 7");
    gate_open(&gates[0], rw_int(8));
    run_all();
    CHECK_TEXT(noted(), "1= 8 end");
    rw_join_set_free(set);
    CHECK(world_is_empty());
    world_end();
}

static void only_one_may_wait_at_a_time(void)
{
    struct rw_value out;

    CHECK(world_begin());
    struct rw_join_set *set = rw_join_set_new(loop);

    add_gates(set);
    struct rw_task *first = rw_spawn(loop, rw_join_set_next(set), NULL);

    run_turns(1);
    CHECK_INT(rw_block_on(loop, rw_join_set_next(set), &out), 0);
    CHECK_INT(out.code, RW_ERR_BUSY);
    rw_task_cancel(first, NULL);
    run_all();
    CHECK_INT(rw_task_value(first)->code, RW_ERR_CANCELLED);
    CHECK_INT(rw_join_set_count(set), 4); /* nothing is lost */
    gate_open(&gates[1], rw_int(5));
    CHECK_INT(rw_block_on(loop, rw_join_set_next(set), &out), 0);
    note_pair(&out);
    rw_value_drop(&out);
    CHECK_TEXT(noted(), "101= 5");
    rw_task_unref(first);
    rw_join_set_free(set);
    CHECK_INT(gates[0].drop_count, 1);
    CHECK(world_is_empty());
    world_end();
}

static int wake_count;

static void count_wake(void *data)
{
    (void)data;
    wake_count++;
}

static void a_next_that_is_done_does_not_stand_in_the_way(void)
{
    static const struct rw_waker_vtable counting = {NULL, count_wake, NULL};
    struct rw_value out;

    CHECK(world_begin());
    wake_count = 0;
    struct rw_context cx = {{&counting, NULL}, loop, NULL};
    struct rw_join_set *set = rw_join_set_new(loop);
    struct rw_future *done = rw_join_set_next(set);
    struct rw_future *next = rw_join_set_next(set);

    rw_join_set_add(set, rw_ready(loop, rw_int(1)), 1);
    rw_join_set_add(set, rw_ready(loop, rw_int(2)), 2);
    CHECK_INT(rw_poll(done, &cx, &out), RW_READY);
    rw_value_drop(&out);
    CHECK_INT(rw_poll(next, &cx, &out), RW_READY); /* while the first is not dropped yet */
    rw_value_drop(&out);
    rw_join_set_add(set, rw_ready(loop, rw_int(3)), 3);
    CHECK_INT(wake_count, 0);
    rw_future_drop(done);
    rw_future_drop(next);
    rw_join_set_free(set);
    rw_join_set_free(NULL);
    CHECK(world_is_empty());
    world_end();
}

static void a_set_that_is_freed_ends_who_waits(void)
{
    CHECK(world_begin());
    struct rw_join_set *set = rw_join_set_new(loop);

    add_gates(set);
    struct rw_future *unpolled = rw_join_set_next(set);
    struct rw_task *task = rw_spawn(loop, rw_join_set_next(set), NULL);

    rw_future_drop(unpolled);
    run_turns(1);
    rw_join_set_free(set);
    run_all();
    CHECK_INT(rw_task_value(task)->code, RW_ERR_END);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void an_empty_set_is_at_its_end(void)
{
    struct rw_value out;

    CHECK(world_begin());
    struct rw_join_set *set = rw_join_set_new(loop);

    CHECK_INT(rw_block_on(loop, rw_join_set_next(set), &out), 0);
    CHECK_INT(out.code, RW_ERR_END);
    rw_join_set_free(set);
    CHECK(world_is_empty());
    world_end();
}

static void sets_survive_a_failing_allocation(void)
{
    if (!world_begin()) {
        return;
    }
    struct rw_join_set *set = rw_join_set_new(loop);

    if (set != NULL) {
        int added = rw_join_set_add(set, rw_sleep_until(loop, at(2)), 1);

        CHECK_INT(rw_join_set_count(set), added == 0);
        struct rw_task *task = script_spawn(take_all, set);

        if (task != NULL) {
            rw_task_mark_seen(task);
        }
        rw_task_detach(task);
        run_all();
    }
    rw_join_set_free(set);
    noted();
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(sets_survive_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(outcomes_come_in_the_order_of_ending_with_their_keys),
    TEST(what_is_added_while_somebody_waits_is_taken_too),
    TEST(only_one_may_wait_at_a_time),
    TEST(a_next_that_is_done_does_not_stand_in_the_way),
    TEST(a_set_that_is_freed_ends_who_waits),
    TEST(an_empty_set_is_at_its_end),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
