/* SPDX-License-Identifier: MIT
 *
 * test_scope.c - the tree of scopes: who is cancelled by what, and shields.
 */
#include "exec/tree.h"

#include <errno.h>

#include "script.h"

static struct rw_scope_options with_deadline(int64_t ms, unsigned flags)
{
    return (struct rw_scope_options){.deadline_ns = at(ms), .flags = flags};
}

/* ---- waiting for children ------------------------------------------------------------------------------------------ */

static struct rw_future *wait_for_two(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    start_at(self->scopes[0], sleeper, 10);
    start_at(self->scopes[0], sleeper, 20);
    note("body %zu", rw_scope_child_count(self->scopes[0]));
    LEAVE(self, 0, rw_int(7));
    note("left:%s%lld@%lld", got(self), (long long)self->in.as.integer, (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static void a_scope_ends_after_its_last_child(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(wait_for_two, NULL));
    run_all();
    CHECK_TEXT(noted(), "body 2 slept10@10 slept20@20 left:ok7@20");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *spawn_sibling(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_sleep_until(self->loop, at(5)));
    note("count %zu", rw_scope_child_count(rw_task_scope(self->task)));
    start_at(rw_task_scope(self->task), sleeper, 30);
    SCRIPT_END(self, rw_nil());
}

static struct rw_future *join_with_spawner(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    rw_task_detach(script_spawn_in(self->scopes[0], spawn_sibling, NULL));
    LEAVE(self, 0, rw_nil());
    note("left@%lld", (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static void a_child_may_spawn_into_a_scope_that_is_being_joined(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(join_with_spawner, NULL));
    run_all();
    CHECK_TEXT(noted(), "count 1 slept30@30 left@30");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *keep_scope(struct script *self)
{
    struct rw_scope **kept = self->data;

    SCRIPT_BEGIN(self);
    *kept = self->scopes[0] = rw_scope_open(self->task, &(struct rw_scope_options){.name = "kept"});
    rw_scope_ref(*kept);
    LEAVE(self, 0, rw_nil());
    SCRIPT_END(self, rw_nil());
}

static void a_closed_scope_refuses_children_and_stays_readable(void)
{
    struct rw_scope *kept = NULL;
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    rw_task_detach(script_spawn(keep_scope, &kept));
    run_all();
    errno = 0;
    CHECK(rw_scope_spawn(kept, gate_wait(&gate), NULL) == NULL);
    CHECK_INT(errno, EINVAL);
    CHECK_INT(gate.drop_count, 1);
    errno = 0;
    CHECK(rw_spawn(loop, gate_wait(&gate), &(struct rw_spawn_options){.scope = kept}) == NULL);
    CHECK_INT(errno, EINVAL);
    CHECK_INT(gate.drop_count, 2);
    CHECK(!rw_scope_is_open(kept));
    CHECK(!rw_scope_is_cancelled(kept));
    CHECK(!rw_scope_caught(kept));
    CHECK_INT(rw_scope_child_count(kept), 0);
    CHECK_INT(rw_scope_set_deadline(kept, at(1)), RW_ERR_STATE);
    rw_scope_cancel(kept, "too late");
    CHECK(!rw_scope_cancel_called(kept));
    CHECK(rw_scope_id(kept) > 0);
    CHECK(rw_scope_object(kept) != NULL);
    rw_scope_unref(kept);
    rw_scope_unref(NULL);
    CHECK(world_is_empty());
    world_end();
}

/* ---- cancelling ---------------------------------------------------------------------------------------------------- */

static struct rw_future *body_and_children(struct script *self)
{
    struct rw_scope **handle = self->data;

    SCRIPT_BEGIN(self);
    *handle = self->scopes[0] = rw_scope_open(self->task, NULL);
    start_at(*handle, sleeper, 50);
    start_at(*handle, sleeper, 60);
    AWAIT(self, rw_sleep_until(self->loop, at(100)));
    note("body:%s:%s@%lld", got(self), rw_value_message(&self->in), (long long)now_ms());
    LEAVE(self, 0, take_in(self));
    note("left:%s", got(self));
    AWAIT(self, rw_sleep_until(self->loop, at(200)));
    note("%s@%lld", got(self), (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static void cancelling_a_scope_ends_body_and_children_and_ends_there(void)
{
    struct rw_scope *scope = NULL;

    CHECK(world_begin());
    rw_task_detach(script_spawn(body_and_children, &scope));
    run_turns(2);
    rw_scope_cancel(scope, "enough");
    rw_scope_cancel(scope, "again");
    CHECK(rw_scope_is_cancelled(scope));
    CHECK(rw_scope_cancel_called(scope));
    CHECK(!rw_scope_deadline_passed(scope));
    rw_scope_ref(scope);
    run_all();
    CHECK_TEXT(noted(), "cancelled50@0 cancelled60@0 body:cancelled:enough@0 left:ok ok@200");
    CHECK(rw_scope_caught(scope));
    rw_scope_unref(scope);
    CHECK(world_is_empty());
    world_end();
}

static void cancelling_the_task_reaches_into_its_scope_and_goes_on(void)
{
    struct rw_scope *scope = NULL;

    CHECK(world_begin());
    struct rw_task *task = script_spawn(body_and_children, &scope);

    run_turns(2);
    rw_task_cancel(task, "away");
    CHECK(rw_scope_is_cancelled(scope));
    CHECK(!rw_scope_cancel_called(scope));
    run_all();
    CHECK_TEXT(noted(), "cancelled50@0 cancelled60@0 body:cancelled:away@0 left:cancelled cancelled@1");
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void both_from_inside_and_outside_is_from_outside(void)
{
    struct rw_scope *scope = NULL;

    CHECK(world_begin());
    struct rw_task *task = script_spawn(body_and_children, &scope);

    run_turns(2);
    rw_scope_cancel(scope, "own");
    rw_task_cancel(task, "away");
    run_all();
    CHECK_TEXT(noted(), "cancelled50@0 cancelled60@0 body:cancelled:away@0 left:cancelled cancelled@1");
    rw_task_unref(task);
    world_end();
}

static struct rw_future *spawn_into_cancelled(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    rw_scope_cancel(self->scopes[0], NULL);
    self->data = spawn_at(self->scopes[0], sleeper, 5);
    note("%d", rw_task_is_cancelled(self->data));
    AWAIT(self, rw_task_join(self->data));
    note("join:%s", got(self)); /* the body, cancelled too */
    LEAVE(self, 0, rw_int(1));
    note("left:%s child:%s", got(self), outcome_name(rw_task_value(self->data)));
    rw_task_unref(self->data);
    SCRIPT_END(self, rw_nil());
}

static void a_child_of_a_cancelled_scope_never_runs(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(spawn_into_cancelled, NULL));
    run_all();
    CHECK_TEXT(noted(), "1 join:cancelled left:ok child:cancelled");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *nested(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    self->scopes[1] = rw_scope_open(self->task, self->data);
    self->scopes[2] = rw_scope_open(self->task, NULL);
    start_at(self->scopes[1], sleeper, 30);
    start_at(self->scopes[2], sleeper, 40);
    rw_scope_cancel(self->scopes[0], "outer");
    note("%d%d%d", rw_scope_is_cancelled(self->scopes[0]), rw_scope_is_cancelled(self->scopes[1]),
         rw_scope_is_cancelled(self->scopes[2]));
    AWAIT(self, rw_sleep_until(self->loop, at(50)));
    note("%s@%lld", got(self), (long long)now_ms());
    LEAVE(self, 2, take_in(self));
    note("2:%s@%lld", got(self), (long long)now_ms());
    LEAVE(self, 1, take_in(self));
    note("1:%s@%lld", got(self), (long long)now_ms());
    AWAIT(self, rw_sleep_until(self->loop, at(60)));
    note("%s@%lld", got(self), (long long)now_ms());
    LEAVE(self, 0, take_in(self));
    note("0:%s@%lld", got(self), (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static void cancelling_an_outer_scope_reaches_the_inner_ones(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(nested, NULL));
    run_all();
    /* Children of a cancelled scope that have not begun never run. */
    CHECK_TEXT(noted(), "111 cancelled@0 2:cancelled@0 1:cancelled@0 cancelled@1 0:ok@1");
    CHECK(world_is_empty());
    world_end();
}

static void a_shield_keeps_outer_cancellations_from_all_that_is_inside(void)
{
    struct rw_scope_options shield = {.flags = RW_SCOPE_SHIELD};

    CHECK(world_begin());
    rw_task_detach(script_spawn(nested, &shield));
    run_all();
    CHECK_TEXT(noted(), "100 slept30@30 slept40@40 ok@50 2:ok@50 1:ok@50 cancelled@50 0:ok@50");
    CHECK(world_is_empty());
    world_end();
}

static void a_shield_is_cancelled_by_its_own_deadline(void)
{
    struct rw_scope_options shield = with_deadline(35, RW_SCOPE_SHIELD);

    CHECK(world_begin());
    rw_task_detach(script_spawn(nested, &shield));
    run_all();
    CHECK_TEXT(noted(),
               "100 slept30@30 cancelled40@35 cancelled@35 2:cancelled@35 1:ok@35 cancelled@36 0:ok@36");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *shield_around_body(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, &(struct rw_scope_options){.flags = RW_SCOPE_SHIELD});
    self->scopes[1] = rw_scope_open(self->task, NULL);
    AWAIT(self, rw_sleep_until(self->loop, at(20)));
    note("%s@%lld", got(self), (long long)now_ms());
    LEAVE(self, 1, take_in(self));
    LEAVE(self, 0, take_in(self));
    AWAIT(self, rw_sleep_until(self->loop, at(30)));
    note("%s@%lld", got(self), (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static void cancelling_a_task_inside_a_shield_waits_until_the_shield_is_left(void)
{
    CHECK(world_begin());
    struct rw_task *task = script_spawn(shield_around_body, NULL);

    run_turns(1);
    rw_task_cancel(task, NULL);
    CHECK(rw_task_is_cancelled(task));
    run_all();
    CHECK_TEXT(noted(), "ok@20 cancelled@20");
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *cancel_child_scope_owner(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    self->data = script_spawn_in(self->scopes[0], shield_around_body, NULL);
    AWAIT(self, rw_yield_now(self->loop));
    rw_scope_cancel(self->scopes[0], NULL);
    LEAVE(self, 0, rw_nil());
    note("left:%s@%lld", got(self), (long long)now_ms());
    rw_task_unref(self->data);
    SCRIPT_END(self, rw_nil());
}

static void a_shield_in_a_child_is_waited_for(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(cancel_child_scope_owner, NULL));
    run_all();
    CHECK_TEXT(noted(), "ok@20 cancelled@20 left:ok@20");
    CHECK(world_is_empty());
    world_end();
}

static void a_scope_of_a_loop_that_is_gone_refuses_children(void)
{
    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, rw_ready(loop, rw_nil()), NULL);
    struct rw_scope *root = rw_scope_ref(rw_task_scope(task));

    rw_task_detach(task);
    rw_loop_free(loop);
    CHECK(!rw_scope_is_open(root));
    rw_scope_cancel(root, "nothing to cancel");
    rw_scope_unref(root);
    rw_sim_free(sim);
}

static void scopes_survive_a_failing_allocation(void)
{
    if (!world_begin()) {
        return;
    }
    struct rw_task *task = script_spawn(sleeper, NULL);

    if (task != NULL) {
        rw_task_mark_seen(task);
        struct rw_scope_options options = {.name = "a name", .deadline_ns = at(5)};
        struct rw_scope *scope = rw_scope_open(task, &options);

        CHECK(!rw_task_is_cancelled(task)); /* not even for a moment: coroutines would have been told */
        if (scope != NULL) {
            start_at(scope, sleeper, 10);
            rw_scope_cancel(scope, "a reason");
            rw_scope_abandon(scope);
        }
    }
    rw_task_detach(task);
    run_all();
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(scopes_survive_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(a_scope_ends_after_its_last_child),
    TEST(a_child_may_spawn_into_a_scope_that_is_being_joined),
    TEST(a_closed_scope_refuses_children_and_stays_readable),
    TEST(cancelling_a_scope_ends_body_and_children_and_ends_there),
    TEST(cancelling_the_task_reaches_into_its_scope_and_goes_on),
    TEST(both_from_inside_and_outside_is_from_outside),
    TEST(a_child_of_a_cancelled_scope_never_runs),
    TEST(cancelling_an_outer_scope_reaches_the_inner_ones),
    TEST(a_shield_keeps_outer_cancellations_from_all_that_is_inside),
    TEST(a_shield_is_cancelled_by_its_own_deadline),
    TEST(cancelling_a_task_inside_a_shield_waits_until_the_shield_is_left),
    TEST(a_shield_in_a_child_is_waited_for),
    TEST(a_scope_of_a_loop_that_is_gone_refuses_children),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
