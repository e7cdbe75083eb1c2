/* SPDX-License-Identifier: MIT
 *
 * test_join.c - awaiting tasks: many joiners, owners, oneself, and giving up.
 */
#include "script.h"

static struct rw_future *wait_for_gate(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, gate_wait(self->data));
    SCRIPT_END(self, rw_value_clone(&self->in));
}

static struct rw_future *join_and_note(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_task_join(self->data));
    note("%s%lld", got(self), (long long)self->n);
    SCRIPT_END(self, rw_nil());
}

/* Awaits a future that lies elsewhere, and notes its kind or failure and `number`. */
static struct rw_future *await_and_note(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, self->data);
    note("%s%lld", rw_is_failure(&self->in) ? got(self) : rw_kind_name(self->in.kind), (long long)self->n);
    SCRIPT_END(self, rw_nil());
}

static struct rw_task *script_spawn_awaiting(struct rw_future *future, int number)
{
    struct script *script = script_new_with(&script_vtable, await_and_note, future);

    script->n = number;
    return rw_spawn(loop, &script->base, NULL);
}

static void every_joiner_gets_the_outcome_in_the_order_of_joining(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = script_spawn(wait_for_gate, &gate);

    for (int i = 0; i < 4; i++) {
        struct script *joiner = script_new_with(&script_vtable, join_and_note, task);

        joiner->n = i;
        rw_task_detach(rw_spawn(loop, &joiner->base, NULL));
    }
    run_turns(1);
    gate_open(&gate, rw_text_of("shared"));
    run_all();
    rw_value_drop(&gate.value);
    CHECK_TEXT(noted(), "ok0 ok1 ok2 ok3");
    struct rw_task *late = script_spawn(join_and_note, task);

    run_all();
    CHECK_TEXT(noted(), "ok0");
    rw_task_unref(late);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_failure_is_seen_by_each_joiner(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = script_spawn(wait_for_gate, &gate);

    rw_task_detach(script_spawn(join_and_note, task));
    rw_task_detach(script_spawn(join_and_note, task));
    run_turns(1);
    rw_task_detach(task); /* the joins keep it */
    gate_open(&gate, rw_failure(RW_ERR_CLOSED));
    run_all();
    CHECK_TEXT(noted(), "closed0 closed0");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *join_itself(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_task_join(self->task));
    note("%s: %s", got(self), rw_value_message(&self->in));
    SCRIPT_END(self, rw_nil());
}

static void a_task_cannot_await_itself(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(join_itself, NULL));
    run_all();
    CHECK_TEXT(noted(), "state: a task cannot await itself");
    CHECK(world_is_empty());
    world_end();
}

static void cancelling_or_dropping_a_join_leaves_the_task_alone(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = script_spawn(wait_for_gate, &gate);
    struct rw_task *joiner = script_spawn(join_and_note, task);
    struct rw_task *plain = rw_spawn(loop, rw_task_join(task), NULL);

    rw_future_drop(rw_task_join(task));
    run_turns(1);
    rw_task_cancel(joiner, NULL);
    rw_task_cancel(plain, NULL);
    run_turns(2);
    CHECK_TEXT(noted(), "cancelled0");
    CHECK(rw_task_is_done(plain));
    CHECK(!rw_task_is_cancelled(task));
    gate_open(&gate, rw_int(1));
    run_all();
    CHECK_INT(rw_task_value(task)->as.integer, 1);
    rw_task_unref(task);
    rw_task_unref(joiner);
    rw_task_unref(plain);
    CHECK(world_is_empty());
    world_end();
}

static void dropping_an_owned_join_cancels_the_task(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = script_spawn(wait_for_gate, &gate);

    run_turns(1);
    rw_future_drop(rw_task_join_owned(task));
    CHECK(rw_task_is_cancelled(task));
    run_all();
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void cancelling_an_owned_join_cancels_the_task_and_waits_for_its_end(void)
{
    struct gate gate = {.is_deaf = true};

    CHECK(world_begin());
    struct rw_task *task = script_spawn(wait_for_gate, &gate);
    struct rw_task *owner = rw_spawn(loop, rw_task_join_owned(task), NULL);

    run_turns(1);
    rw_task_cancel(owner, NULL);
    run_turns(3);
    CHECK(rw_task_is_cancelled(task));
    CHECK(!rw_task_is_done(owner));
    gate_open(&gate, rw_int(9));
    run_all();
    CHECK_INT(rw_task_value(owner)->as.integer, 9); /* the value won */
    rw_task_unref(task);
    rw_task_unref(owner);
    CHECK(world_is_empty());
    world_end();
}

static void an_owned_join_of_a_done_task_cancels_nobody(void)
{
    struct gate gate = {.is_open = true, .value = rw_int(4)};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_task *task = script_spawn(wait_for_gate, &gate);

    run_all();
    CHECK_INT(rw_block_on(loop, rw_task_join_owned(task), &out), 0);
    CHECK_INT(out.as.integer, 4);
    rw_future_drop(rw_task_join_owned(task));
    CHECK(!rw_task_is_cancelled(task));
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_join_in_its_callers_memory_takes_the_reference(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_join joins[3];
    struct rw_value out;

    CHECK(world_begin());
    struct rw_task *task = script_spawn(wait_for_gate, &gate);

    for (int i = 0; i < 3; i++) {
        rw_join_init(&joins[i], rw_task_ref(task), false);
        rw_task_detach(script_spawn_awaiting(&joins[i].base, i));
    }
    rw_task_unref(task); /* the joins keep it */
    run_turns(1);
    gate_open(&gate, rw_int(7));
    run_all();
    CHECK_TEXT(noted(), "int0 int1 int2");
    task = script_spawn(wait_for_gate, &gate);
    rw_join_init(&joins[0], task, true);
    CHECK_INT(rw_block_on(loop, &joins[0].base, &out), 0);
    CHECK_INT(out.as.integer, 7);
    CHECK(world_is_empty());
    world_end();
}

static void joins_that_are_dropped_leave_the_others_waiting(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_task *joiners[4];
    struct rw_join joins[4];

    CHECK(world_begin());
    struct rw_task *task = script_spawn(wait_for_gate, &gate);

    for (int i = 0; i < 4; i++) {
        rw_join_init(&joins[i], rw_task_ref(task), false);
        joiners[i] = script_spawn_awaiting(&joins[i].base, i);
    }
    run_turns(1);
    rw_task_cancel(joiners[0], NULL); /* the first of them, and one between others */
    rw_task_cancel(joiners[2], NULL);
    run_turns(2);
    CHECK_TEXT(noted(), "cancelled0 cancelled2");
    gate_open(&gate, rw_int(1));
    run_all();
    CHECK_TEXT(noted(), "int1 int3");
    for (int i = 0; i < 4; i++) {
        rw_task_unref(joiners[i]);
    }
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void an_owned_join_in_its_callers_memory_cancels_when_it_is_dropped(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_join join;

    CHECK(world_begin());
    rw_join_init(&join, script_spawn(wait_for_gate, &gate), true);
    run_turns(1);
    rw_future_drop(&join.base);
    run_all();
    CHECK_INT(gate.drop_count, 1);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *join_next(struct script *self)
{
    SCRIPT_BEGIN(self);
    if (self->n > 0) {
        struct script *next = script_new_with(&script_vtable, join_next, NULL);

        next->n = self->n - 1;
        struct rw_task *task = rw_spawn(self->loop, &next->base, NULL);
        struct rw_future *join = rw_task_join(task);

        rw_task_detach(task);
        AWAIT(self, join);
    }
    SCRIPT_END(self, rw_int(self->in.as.integer + 1));
}

static void a_thousand_tasks_may_join_each_other_in_a_chain(void)
{
    struct rw_value out;
    struct script *first;

    CHECK(world_begin());
    first = script_new_with(&script_vtable, join_next, NULL);
    first->n = 1000;
    CHECK_INT(rw_block_on(loop, &first->base, &out), 0);
    CHECK_INT(out.as.integer, 1001);
    CHECK(world_is_empty());
    world_end();
}

static void two_tasks_that_await_each_other_are_a_deadlock(void)
{
    struct gate never = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    struct script *one = script_new_with(&script_vtable, join_and_note, NULL);
    struct rw_task *first = rw_spawn(loop, &one->base, NULL);
    struct rw_task *second = script_spawn(join_and_note, first);

    one->data = second;
    CHECK_INT(rw_block_on(loop, gate_wait(&never), &out), RW_ERR_DEADLOCK);
    CHECK_INT(never.drop_count, 1);
    rw_task_cancel(first, NULL);
    run_all();
    CHECK_TEXT(noted(), "cancelled0 ok0");
    rw_task_unref(first);
    rw_task_unref(second);
    CHECK(world_is_empty());
    world_end();
}

static void joins_survive_a_failing_allocation(void)
{
    struct gate gate = {.is_open = true, .value = rw_int(4)};
    struct rw_value out = rw_nil();

    if (!world_begin()) {
        return;
    }
    struct rw_task *task = script_spawn(wait_for_gate, &gate);

    if (task != NULL) {
        rw_task_mark_seen(task);
        int err = rw_block_on(loop, rw_task_join_owned(task), &out);

        CHECK(err != 0 || out.code == RW_ERR_NOMEM || out.as.integer == 4);
    }
    rw_task_unref(task);
    rw_value_drop(&out);
    run_all();
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(joins_survive_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(every_joiner_gets_the_outcome_in_the_order_of_joining),
    TEST(a_failure_is_seen_by_each_joiner),
    TEST(a_task_cannot_await_itself),
    TEST(cancelling_or_dropping_a_join_leaves_the_task_alone),
    TEST(dropping_an_owned_join_cancels_the_task),
    TEST(cancelling_an_owned_join_cancels_the_task_and_waits_for_its_end),
    TEST(an_owned_join_of_a_done_task_cancels_nobody),
    TEST(a_thousand_tasks_may_join_each_other_in_a_chain),
    TEST(two_tasks_that_await_each_other_are_a_deadlock),
    TEST(a_join_in_its_callers_memory_takes_the_reference),
    TEST(joins_that_are_dropped_leave_the_others_waiting),
    TEST(an_owned_join_in_its_callers_memory_cancels_when_it_is_dropped),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
