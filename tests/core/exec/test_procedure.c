/* SPDX-License-Identifier: MIT
 *
 * test_procedure.c - functions in C that await: where they go on, what they see, and what is dropped once.
 */
#include "script.h"

static int drops;

static void count_drop(void *arg)
{
    (void)arg;
    drops++;
}

static struct rw_value outcome_of(struct rw_future *future)
{
    struct rw_value out = rw_nil();
    int err = rw_block_on(loop, future, &out);

    return err == 0 ? out : rw_failure(err);
}

struct job {
    int64_t sum;
    int rounds;
    struct gate *gate;
};

static struct rw_future *add_up(struct rw_procedure *self, void *arg)
{
    struct job *job = arg;

    RW_BEGIN(self);
    note("begin:%s", rw_kind_name(self->value.kind));
    while (job->rounds-- > 0) {
        RW_AWAIT(self, rw_sleep_until(self->loop, at(10 * (job->sum + 1))));
        RW_AWAIT(self, rw_ready(self->loop, rw_int(1)));
        job->sum += self->value.as.integer;
    }
    note("end@%lld", (long long)now_ms());
    RW_END(self, rw_int(job->sum));
}

static void a_procedure_goes_on_behind_each_await(void)
{
    struct job job = {.rounds = 3};

    CHECK(world_begin());
    drops = 0;
    CHECK_INT(outcome_of(rw_procedure(loop, "add_up", add_up, count_drop, &job)).as.integer, 3);
    CHECK_TEXT(noted(), "begin:nil end@30");
    CHECK_INT(drops, 1);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *see_failures(struct rw_procedure *self, void *arg)
{
    (void)arg;
    RW_BEGIN(self);
    RW_AWAIT(self, rw_failed(self->loop, RW_ERR_LIMIT));
    note("saw:%s", outcome_name(&self->value));
    RW_AWAIT(self, rw_ready(self->loop, rw_text_of("dropped where nobody takes it")));
    RW_TRY(self, rw_ready(self->loop, rw_text_of("kept")));
    note("took:%s", rw_value_data(&self->value, NULL));
    RW_TRY(self, rw_failed(self->loop, RW_ERR_BUSY));
    note("never");
    RW_END(self, rw_nil());
}

static void a_failure_is_seen_by_await_and_ends_try(void)
{
    CHECK(world_begin());
    CHECK_INT(outcome_of(rw_procedure(loop, "see", see_failures, NULL, NULL)).code, RW_ERR_BUSY);
    CHECK_TEXT(noted(), "saw:limit took:kept");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *give_back(struct rw_procedure *self, void *arg)
{
    (void)arg;
    RW_BEGIN(self);
    RW_AWAIT(self, rw_ready(self->loop, rw_text_of("x")));
    if (self->value.kind == RW_KIND_TEXT) {
        RW_RETURN(self, rw_value_take(&self->value));
    }
    RW_END(self, rw_failure(RW_ERR_STATE));
}

static void what_was_awaited_may_be_taken_and_returned(void)
{
    CHECK(world_begin());
    struct rw_value out = outcome_of(rw_procedure(loop, "give_back", give_back, NULL, NULL));

    CHECK_TEXT(rw_value_data(&out, NULL), "x");
    rw_value_drop(&out);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *await_in_switch(struct rw_procedure *self, void *arg)
{
    (void)arg;
    RW_BEGIN(self);
    switch (self->value.kind) {
    case RW_KIND_NIL:
        RW_AWAIT(self, rw_ready(self->loop, rw_nil()));
        break;
    default:
        break;
    }
    RW_END(self, rw_int(1));
}

static void an_await_in_a_switch_of_ones_own_is_an_error(void)
{
    CHECK(world_begin());
    CHECK_INT(outcome_of(rw_procedure(loop, "switch", await_in_switch, NULL, NULL)).code, RW_ERR_STATE);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *wait_at_gate(struct rw_procedure *self, void *arg)
{
    struct job *job = arg;

    RW_BEGIN(self);
    RW_AWAIT(self, gate_wait(job->gate));
    note("%s", outcome_name(&self->value));
    RW_END(self, rw_nil());
}

static void cancelling_drops_what_it_awaits_first_and_calls_it_no_more(void)
{
    for (int turns = 0; turns < 2; turns++) {
        struct gate gate = {.poll_count = 0};
        struct job job = {.gate = &gate};

        CHECK(world_begin());
        drops = 0;
        struct rw_task *task =
            rw_spawn(loop, rw_procedure(loop, "wait", wait_at_gate, count_drop, &job), NULL);

        run_turns(turns);
        rw_task_cancel(task, NULL);
        run_all();
        CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
        CHECK_INT(gate.cancel_count, 0);
        CHECK_INT(gate.drop_count, turns);
        CHECK_INT(drops, 1);
        CHECK_TEXT(noted(), "");
        rw_task_unref(task);
        CHECK(world_is_empty());
        world_end();
    }
}

static void one_that_is_never_polled_is_only_dropped(void)
{
    struct job job = {.rounds = 1};

    CHECK(world_begin());
    drops = 0;
    rw_future_drop(rw_procedure(loop, "add_up", add_up, count_drop, &job));
    CHECK_INT(drops, 1);
    CHECK_TEXT(noted(), "");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *spin(struct rw_procedure *self, void *arg)
{
    struct job *job = arg;

    RW_BEGIN(self);
    while (job->rounds-- > 0) {
        RW_AWAIT(self, rw_ready(self->loop, rw_nil()));
    }
    note("spun");
    RW_END(self, rw_nil());
}

static struct rw_future *say(struct rw_procedure *self, void *arg)
{
    (void)arg;
    RW_BEGIN(self);
    note("other");
    RW_END(self, rw_nil());
}

static void one_that_never_has_to_wait_lets_others_run(void)
{
    struct job job = {.rounds = 1000};

    CHECK(world_begin());
    rw_spawn_detached(loop, rw_procedure(loop, "spin", spin, NULL, &job));
    rw_spawn_detached(loop, rw_procedure(loop, "say", say, NULL, NULL));
    run_all();
    CHECK_TEXT(noted(), "other spun");
    CHECK(world_is_empty());
    world_end();
}

static bool find_name(void *arg, const struct rw_task_info *info)
{
    *(const char **)arg = info->future;
    return false;
}

static void reports_call_it_by_its_name(void)
{
    struct gate gate = {.poll_count = 0};
    struct job job = {.gate = &gate};
    const char *name = "";

    CHECK(world_begin());
    rw_spawn_detached(loop, rw_procedure(loop, "test.wait", wait_at_gate, NULL, &job));
    rw_tasks(loop, find_name, &name);
    CHECK_TEXT(name, "test.wait");
    world_end();
}

static void run_short_of_memory(void)
{
    struct job job = {.rounds = 2};

    if (!world_begin()) {
        return;
    }
    drops = 0;
    struct rw_value out = outcome_of(rw_procedure(loop, "add_up", add_up, count_drop, &job));

    CHECK(out.as.integer == 2 || out.code == RW_ERR_NOMEM || out.kind == RW_KIND_INT);
    CHECK_INT(drops, 1);
    noted();
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(run_short_of_memory);
}

static const struct test tests[] = {
    TEST(a_procedure_goes_on_behind_each_await),
    TEST(a_failure_is_seen_by_await_and_ends_try),
    TEST(what_was_awaited_may_be_taken_and_returned),
    TEST(an_await_in_a_switch_of_ones_own_is_an_error),
    TEST(cancelling_drops_what_it_awaits_first_and_calls_it_no_more),
    TEST(one_that_is_never_polled_is_only_dropped),
    TEST(one_that_never_has_to_wait_lets_others_run),
    TEST(reports_call_it_by_its_name),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
