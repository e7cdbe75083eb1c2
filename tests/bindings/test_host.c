/* SPDX-License-Identifier: MIT
 *
 * test_host.c - the coroutine driver that all hosts share, with a host whose coroutines are lists of steps.
 */
#include "host.h"

#include "exec/script.h"

/* One step of a coroutine: what it awaits, or how it ends. */
struct step {
    enum rwh_step kind;
    struct rw_future *(*await)(struct gate *gate);
    int64_t result;
};

struct listed {
    struct rwh_coroutine base;
    const struct step *steps;
    int at;
    struct gate *gate;
};

static enum rwh_step resume_listed(struct rwh_coroutine *coroutine, struct rw_context *cx, struct rw_value in,
                                   struct rw_value *out)
{
    struct listed *self = (struct listed *)coroutine;
    const struct step *step = &self->steps[self->at++];
    struct rw_value polled;

    if (in.kind == RW_KIND_INT) {
        note("%lld", (long long)in.as.integer);
    } else {
        note("%s", outcome_name(&in));
    }
    rw_value_drop(&in);
    if (step->kind == RWH_DONE) {
        *out = step->result < 0 ? rw_failure((int)step->result) : rw_int(step->result);
        return RWH_DONE;
    }
    coroutine->leaf = step->await(self->gate);
    if (coroutine->leaf == NULL && step->kind == RWH_PENDING) {
        rw_waker_wake(&cx->waker);
    } else if (step->kind == RWH_PENDING && rw_poll(coroutine->leaf, cx, &polled) == RW_READY) {
        note("ready too early");
    }
    return step->kind;
}

static enum rw_poll poll_listed(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    return rwh_coroutine_drive((struct rwh_coroutine *)future, cx, out, resume_listed);
}

static void drop_listed(struct rw_future *future)
{
    rwh_coroutine_drop_leaf((struct rwh_coroutine *)future);
    note("dropped");
    rw_loop_release(loop, future, sizeof(struct listed));
}

static const struct rw_future_vtable listed_vtable = {"listed", RW_FUTURE_COROUTINE, poll_listed, NULL,
                                                      drop_listed};

static struct listed *listed_new(const struct step *steps, struct gate *gate,
                                 const struct rw_future_vtable *vtable)
{
    struct listed *self = rw_loop_alloc(loop, sizeof *self);

    *self = (struct listed){.steps = steps, .gate = gate};
    rwh_coroutine_init(&self->base, vtable);
    return self;
}

static struct rw_task *spawn_listed(const struct step *steps, struct gate *gate)
{
    return rw_spawn(loop, &listed_new(steps, gate, &listed_vtable)->base.base, NULL);
}

static struct rw_future *await_ready(struct gate *gate)
{
    (void)gate;
    return rw_ready(loop, rw_int(7));
}

static struct rw_future *await_failure(struct gate *gate)
{
    (void)gate;
    return rw_failed(loop, RW_ERR_CLOSED);
}

static struct rw_future *await_nothing(struct gate *gate)
{
    (void)gate;
    return NULL;
}

static struct rw_future *await_gate(struct gate *gate)
{
    gate->is_open = false;
    return gate_wait(gate);
}

static void a_coroutine_goes_from_await_to_await_to_its_end(void)
{
    static const struct step steps[] = {{RWH_AWAIT, await_ready, 0},
                                        {RWH_AWAIT, await_failure, 0},
                                        {RWH_AWAIT, await_gate, 0},
                                        {RWH_DONE, NULL, 42}};
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = spawn_listed(steps, &gate);

    run_turns(1); /* awaits that are ready at once do not take a turn */
    CHECK_TEXT(noted(), "ok 7 closed");
    gate_open(&gate, rw_int(3));
    run_turns(1);
    CHECK_TEXT(noted(), "3 dropped");
    CHECK_INT(rw_task_value(task)->as.integer, 42);
    CHECK_INT(gate.drop_count, 1);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_coroutine_may_fail(void)
{
    static const struct step steps[] = {{RWH_DONE, NULL, RW_ERR_LIMIT}};
    struct rw_value out;

    CHECK(world_begin());
    CHECK_INT(rw_block_on(loop, &listed_new(steps, NULL, &listed_vtable)->base.base, &out), 0);
    CHECK_INT(out.code, RW_ERR_LIMIT);
    CHECK(world_is_empty());
    world_end();
}

static void a_leaf_that_was_polled_already_is_waited_for(void)
{
    static const struct step steps[] = {{RWH_PENDING, await_gate, 0}, {RWH_DONE, NULL, 1}};
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = spawn_listed(steps, &gate);

    run_turns(1);
    CHECK_INT(gate.poll_count, 1);
    gate_open(&gate, rw_int(5));
    run_turns(1);
    CHECK_TEXT(noted(), "ok 5 dropped");
    CHECK_INT(gate.poll_count, 2);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_coroutine_that_awaits_nothing_goes_on_in_the_next_turn(void)
{
    static const struct step steps[] = {{RWH_PENDING, await_nothing, 0}, {RWH_DONE, NULL, 1}};

    CHECK(world_begin());
    rw_task_detach(spawn_listed(steps, NULL));
    run_turns(1);
    CHECK_TEXT(noted(), "ok");
    run_turns(1);
    CHECK_TEXT(noted(), "ok dropped");
    CHECK(world_is_empty());
    world_end();
}

static void an_await_without_memory_for_its_leaf_fails(void)
{
    static const struct step steps[] = {{RWH_AWAIT, await_nothing, 0}, {RWH_DONE, NULL, 1}};

    CHECK(world_begin());
    rw_task_detach(spawn_listed(steps, NULL));
    run_all();
    CHECK_TEXT(noted(), "ok nomem dropped");
    CHECK(world_is_empty());
    world_end();
}

static void awaits_that_are_ready_at_once_end_with_the_budget(void)
{
    static struct step steps[1001];
    struct rw_stats stats;

    CHECK(world_begin());
    for (int i = 0; i < 1000; i++) {
        steps[i] = (struct step){RWH_AWAIT, await_ready, 0};
    }
    steps[1000] = (struct step){RWH_DONE, NULL, 1};
    rw_task_detach(spawn_listed(steps, NULL));
    run_all();
    rw_stats(loop, &stats);
    CHECK_INT(stats.polls, 8);
    CHECK(world_is_empty());
    world_end();
}

static void a_level_cancel_fails_each_await(void)
{
    static const struct step steps[] = {
        {RWH_AWAIT, await_gate, 0}, {RWH_AWAIT, await_gate, 0}, {RWH_DONE, NULL, 1}};
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = spawn_listed(steps, &gate);

    run_turns(1);
    rw_task_cancel(task, NULL);
    run_all();
    CHECK_TEXT(noted(), "ok cancelled cancelled dropped");
    CHECK_INT(now_ms(), 1);
    CHECK_INT(gate.poll_count, 2);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void interrupt_edge(struct rw_future *future)
{
    note(rwh_coroutine_interrupt((struct rwh_coroutine *)future) ? "interrupted" : "runs");
}

static const struct rw_future_vtable edge_vtable = {"edge", RW_FUTURE_COROUTINE, poll_listed, interrupt_edge,
                                                    drop_listed};

static struct rw_future *cancel_self(struct gate *gate)
{
    rw_task_cancel(rw_task_current(loop), NULL);
    return await_gate(gate);
}

static void an_edge_ends_the_await_in_flight_and_no_other(void)
{
    static const struct step steps[] = {
        {RWH_AWAIT, await_gate, 0}, {RWH_AWAIT, cancel_self, 0}, {RWH_DONE, NULL, 1}};
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, &listed_new(steps, &gate, &edge_vtable)->base.base, NULL);

    run_turns(1);
    rw_task_cancel(task, NULL);
    CHECK_TEXT(noted(), "ok interrupted");
    run_turns(1);
    CHECK_TEXT(noted(), "cancelled runs"); /* nothing in flight to end: the host's own affair */
    gate_open(&gate, rw_int(2));
    run_all();
    CHECK_TEXT(noted(), "2 dropped");
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_coroutine_is_dropped_in_every_state(void)
{
    static const struct step steps[] = {{RWH_AWAIT, await_gate, 0}, {RWH_DONE, NULL, 1}};

    for (int turns = 0; turns < 2; turns++) {
        struct gate gate = {.is_deaf = true};

        CHECK(world_begin());
        rw_task_detach(spawn_listed(steps, &gate));
        run_turns(turns);
        world_end();
        CHECK_TEXT(noted(), turns > 0 ? "ok dropped" : "dropped");
        CHECK_INT(gate.drop_count, turns);
    }
}

static const struct test tests[] = {
    TEST(a_coroutine_goes_from_await_to_await_to_its_end),
    TEST(a_coroutine_may_fail),
    TEST(a_leaf_that_was_polled_already_is_waited_for),
    TEST(an_await_without_memory_for_its_leaf_fails),
    TEST(awaits_that_are_ready_at_once_end_with_the_budget),
    TEST(a_level_cancel_fails_each_await),
    TEST(an_edge_ends_the_await_in_flight_and_no_other),
    TEST(a_coroutine_is_dropped_in_every_state),
    TEST(a_coroutine_that_awaits_nothing_goes_on_in_the_next_turn),
};

TEST_MAIN(tests)
