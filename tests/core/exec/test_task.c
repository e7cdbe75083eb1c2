/* SPDX-License-Identifier: MIT
 *
 * test_task.c - the life of a task: states, wakes, identity, its end, and who is told.
 */
#include "script.h"

static struct rw_future *wait_for_gate(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, gate_wait(self->data));
    note("%s", got(self));
    SCRIPT_END(self, rw_value_clone(&self->in));
}

static struct rw_future *fail_at_once(struct script *self)
{
    SCRIPT_BEGIN(self);
    SCRIPT_END(self, rw_failure_format(RW_ERR_SCRIPT, "%s", (const char *)self->data));
}

static enum rw_task_state state_seen;
static int tasks_seen;

static bool see_state(void *arg, const struct rw_task_info *info)
{
    (void)arg;
    tasks_seen++;
    state_seen = info->state;
    return true;
}

static enum rw_task_state look_at_state(void)
{
    tasks_seen = 0;
    rw_tasks(loop, see_state, NULL);
    return state_seen;
}

static void a_task_is_queued_then_waits_then_is_queued_by_its_wake(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = script_spawn(wait_for_gate, &gate);

    CHECK_INT(look_at_state(), RW_TASK_QUEUED);
    run_turns(1);
    CHECK_INT(look_at_state(), RW_TASK_WAITING);
    gate_open(&gate, rw_int(1));
    CHECK_INT(gate.poll_count, 1); /* queued, never run in place */
    CHECK_INT(look_at_state(), RW_TASK_QUEUED);
    rw_task_wake(task);
    rw_task_wake(task);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1); /* three wakes, one run */
    CHECK(rw_task_is_done(task));
    look_at_state();
    CHECK_INT(tasks_seen, 0);
    rw_task_wake(task);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 0);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

struct self_waking {
    struct rw_future base;
    int left;
};

static enum rw_poll poll_self_waking(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    struct self_waking *self = (struct self_waking *)future;

    if (look_at_state() != RW_TASK_RUNNING || rw_task_current(loop) != cx->task) {
        note("wrong");
    }
    note("%d", self->left);
    if (self->left-- > 0) {
        rw_waker_wake(&cx->waker);
        rw_waker_wake(&cx->waker);
        return RW_PENDING;
    }
    *out = rw_int(42);
    return RW_READY;
}

static void drop_self_waking(struct rw_future *future)
{
    rw_loop_release(loop, future, sizeof(struct self_waking));
}

static const struct rw_future_vtable self_waking_vtable = {"self waking", 0, poll_self_waking, NULL,
                                                           drop_self_waking};

static void a_task_that_wakes_itself_runs_again_in_the_next_turn(void)
{
    CHECK(world_begin());
    struct self_waking *future = rw_loop_alloc(loop, sizeof *future);

    rw_future_init(&future->base, &self_waking_vtable);
    future->left = 2;
    struct rw_task *task = rw_spawn(loop, &future->base, NULL);

    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    CHECK_TEXT(noted(), "2");
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    CHECK_TEXT(noted(), "1");
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    CHECK_TEXT(noted(), "0");
    CHECK(rw_task_current(loop) == NULL);
    CHECK_INT(rw_task_value(task)->as.integer, 42);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void a_task_has_an_identity(void)
{
    struct gate gate = {.is_open = true};
    struct rw_spawn_options options = {.name = "worker"};

    CHECK(world_begin());
    struct rw_task *one = script_spawn(wait_for_gate, &gate);
    struct rw_task *two = rw_spawn(loop, script_new(wait_for_gate, &gate), &options);

    CHECK(rw_task_id(one) != rw_task_id(two));
    CHECK_TEXT(rw_task_name(one), "");
    CHECK_TEXT(rw_task_name(two), "worker");
    CHECK_INT(rw_task_set_name(one, "first"), 0);
    CHECK_INT(rw_task_set_name(two, NULL), 0);
    CHECK_TEXT(rw_task_name(one), "first");
    CHECK_TEXT(rw_task_name(two), "");
    CHECK(rw_task_loop(one) == loop);
    CHECK(rw_task_scope(one) == rw_task_scope(two));
    CHECK_INT(rw_scope_child_count(rw_task_scope(one)), 2);
    struct rw_value handle = rw_value_of_handle(rw_object_ref(rw_task_object(one)));
    struct rw_value number = rw_int(1);

    CHECK(rw_task_of(&handle) == one);
    CHECK(rw_task_of(&number) == NULL);
    rw_value_drop(&handle);
    CHECK(rw_task_value(one) == NULL);
    run_all();
    CHECK(rw_task_scope(one) == NULL);
    CHECK_TEXT(rw_task_name(one), "first");
    rw_task_unref(one);
    rw_task_unref(two);
    rw_task_unref(NULL);
    rw_task_detach(NULL);
    CHECK(world_is_empty());
    world_end();
}

static void a_detached_task_runs_to_its_end(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    rw_task_detach(script_spawn(wait_for_gate, &gate));
    run_turns(1);
    gate_open(&gate, rw_int(1));
    run_all();
    CHECK_TEXT(noted(), "ok");
    CHECK(world_is_empty());
    world_end();
}

static void the_order_of_spawning_is_the_order_of_running(void)
{
    static const char *const names[] = {"a", "b", "c", "d"};

    CHECK(world_begin());
    rw_loop_set_unhandled(loop, NULL, NULL);
    for (int i = 0; i < 4; i++) {
        struct rw_task *task = script_spawn(fail_at_once, (void *)(uintptr_t)names[i]);

        rw_task_mark_seen(task);
        rw_task_detach(task);
    }
    CHECK_INT(rw_loop_turn(loop, 0, 0), 4);
    world_end();
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void tell_done(void *arg, struct rw_task *task, const struct rw_value *value)
{
    note("%s:%s:%d", (const char *)arg, outcome_name(value), rw_task_is_done(task));
}

static struct rw_future *join_and_tell(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_task_join(self->data));
    note("joined:%s", got(self));
    SCRIPT_END(self, rw_nil());
}

static void the_callback_comes_once_before_joiners_run(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_spawn_options options = {.on_done = tell_done, .arg = "done"};

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, script_new(wait_for_gate, &gate), &options);

    rw_task_detach(script_spawn(join_and_tell, task));
    run_turns(2);
    gate_open(&gate, rw_int(1));
    run_all();
    CHECK_TEXT(noted(), "ok done:ok:1 joined:ok");
    rw_task_unref(task);
    options.arg = "killed";
    gate = (struct gate){.poll_count = 0};
    rw_task_detach(rw_spawn(loop, script_new(wait_for_gate, &gate), &options));
    run_turns(1);
    gate.is_deaf = true; /* does not end when it is asked to */
    world_end();
    CHECK_TEXT(noted(), "killed:cancelled:1");
}

static void tell_unhandled(void *arg, struct rw_task *task, const struct rw_value *value)
{
    note("%s %s: %s", (const char *)arg, rw_task_name(task), rw_value_message(value));
}

static void a_failure_that_nobody_saw_is_reported_when_the_task_goes(void)
{
    struct rw_spawn_options options = {.name = "lost"};

    CHECK(world_begin());
    rw_loop_set_unhandled(loop, tell_unhandled, "unhandled");
    struct rw_task *task = rw_spawn(loop, script_new(fail_at_once, "oops"), &options);

    run_all();
    CHECK_TEXT(noted(), "");
    rw_task_unref(task);
    CHECK_TEXT(noted(), "unhandled lost: oops");
    rw_task_detach(rw_spawn(loop, script_new(fail_at_once, "oops"), &options));
    run_all();
    CHECK_TEXT(noted(), "unhandled lost: oops");
    CHECK(world_is_empty());
    world_end();
}

static void a_failure_that_was_joined_read_or_marked_is_not_reported(void)
{
    struct rw_value out;

    CHECK(world_begin());
    rw_loop_set_unhandled(loop, tell_unhandled, "unhandled");
    struct rw_task *joined = script_spawn(fail_at_once, "joined");

    CHECK_INT(rw_block_on(loop, rw_task_join(joined), &out), 0);
    CHECK_TEXT(rw_value_message(&out), "joined");
    rw_value_drop(&out);
    rw_task_unref(joined);
    struct rw_task *read = script_spawn(fail_at_once, "read");
    struct rw_task *marked = script_spawn(fail_at_once, "marked");

    rw_task_mark_seen(marked);
    run_all();
    CHECK_TEXT(rw_value_message(rw_task_value(read)), "read");
    rw_task_unref(read);
    rw_task_unref(marked);
    CHECK_TEXT(noted(), "");
    CHECK(world_is_empty());
    world_end();
}

static void nobody_is_told_of_a_task_that_was_spawned_detached(void)
{
    CHECK(world_begin());
    rw_loop_set_unhandled(loop, tell_unhandled, NULL);
    CHECK_INT(rw_spawn_detached(loop, rw_failed(loop, RW_ERR_LIMIT)), 0);
    run_all();
    CHECK_TEXT(noted(), "");
    test_fail_allocation(1, false);
    CHECK_INT(rw_spawn_detached(loop, rw_failed(loop, RW_ERR_LIMIT)), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    CHECK(world_is_empty());
    world_end();
}

static void a_cancelled_task_is_not_reported(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    rw_loop_set_unhandled(loop, tell_unhandled, "unhandled");
    struct rw_task *task = script_spawn(wait_for_gate, &gate);

    run_turns(1);
    rw_task_cancel(task, "no longer wanted");
    rw_task_detach(task);
    run_all();
    CHECK_TEXT(noted(), "cancelled");
    world_end();
}

static void an_ending_loop_wakes_joiners_that_do_not_run_any_more(void)
{
    struct gate gate = {.is_deaf = true};
    struct rw_value handle;

    CHECK(world_begin());
    struct rw_task *task = script_spawn(wait_for_gate, &gate);

    rw_task_detach(rw_spawn(loop, rw_shield(loop, rw_task_join(task), RW_NEVER), NULL));
    rw_task_detach(
        rw_spawn(loop, rw_shield(loop, gate_wait(&(struct gate){.is_deaf = true}), RW_NEVER), NULL));
    handle = rw_value_of_handle(rw_object_ref(rw_task_object(task)));
    run_turns(2);
    rw_loop_free(loop);
    CHECK(rw_task_is_done(task)); /* readable for as long as somebody holds it */
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    rw_task_cancel(task, "too late");
    rw_task_wake(task);
    CHECK(rw_task_scope(task) == NULL);
    rw_value_drop(&handle);
    rw_task_unref(task);
    rw_sim_free(sim);
}

static struct rw_future *spawn_late(struct script *self)
{
    note("ran");
    SCRIPT_BEGIN(self);
    SCRIPT_END(self, rw_nil());
}

static enum rw_poll poll_never(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    (void)self;
    (void)cx;
    (void)out;
    return RW_PENDING;
}

static void ignore_cancel(struct rw_future *self)
{
    (void)self;
}

static void drop_and_spawn(struct rw_future *self)
{
    struct rw_task *task = script_spawn(spawn_late, NULL);

    note(task == NULL ? "refused" : "accepted");
    rw_loop_release(loop, self, sizeof *self);
}

static const struct rw_future_vtable spawner_vtable = {"spawner", 0, poll_never, ignore_cancel,
                                                       drop_and_spawn};

static void nothing_is_spawned_into_an_ending_loop(void)
{
    CHECK(world_begin());
    struct rw_future *future = rw_loop_alloc(loop, sizeof *future);

    rw_future_init(future, &spawner_vtable);
    rw_task_detach(rw_spawn(loop, future, NULL));
    run_turns(1);
    world_end();
    CHECK_TEXT(noted(), "refused");
}

static void a_task_survives_a_failing_allocation(void)
{
    struct rw_spawn_options options = {.name = "worker", .on_done = tell_done, .arg = "done"};
    struct gate gate = {.is_open = true};

    if (!world_begin()) {
        return;
    }
    struct rw_task *task = rw_spawn(loop, script_new(wait_for_gate, &gate), &options);

    if (task != NULL) {
        (void)rw_task_set_name(task, "another");
        rw_task_cancel(task, "a reason");
        rw_task_mark_seen(task);
    }
    rw_task_detach(task);
    run_all();
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(a_task_survives_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(a_task_is_queued_then_waits_then_is_queued_by_its_wake),
    TEST(a_task_that_wakes_itself_runs_again_in_the_next_turn),
    TEST(a_task_has_an_identity),
    TEST(a_detached_task_runs_to_its_end),
    TEST(the_order_of_spawning_is_the_order_of_running),
    TEST(the_callback_comes_once_before_joiners_run),
    TEST(a_failure_that_nobody_saw_is_reported_when_the_task_goes),
    TEST(a_failure_that_was_joined_read_or_marked_is_not_reported),
    TEST(nobody_is_told_of_a_task_that_was_spawned_detached),
    TEST(a_cancelled_task_is_not_reported),
    TEST(an_ending_loop_wakes_joiners_that_do_not_run_any_more),
    TEST(nothing_is_spawned_into_an_ending_loop),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
