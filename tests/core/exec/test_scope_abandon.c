/* SPDX-License-Identifier: MIT
 *
 * test_scope_abandon.c - scopes that are never left, because their task is torn down.
 */
#include "script.h"

static void note_outcome(const struct rw_value *value)
{
    note("%s", outcome_name(value));
    if (!rw_is_failure(value) || value->as.error == NULL) {
        return;
    }
    note("'%s'", rw_value_message(value));
    for (size_t i = 0; i < rw_error_other_count(value->as.error); i++) {
        note("+'%s'", rw_error_message(rw_error_other(value->as.error, i)));
    }
}

static struct rw_task *kept[1];

static struct rw_future *go_without_leaving(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    self->scopes[1] = rw_scope_open(self->task, NULL);
    start_at(self->scopes[0], cleaner, 30);
    start_at(self->scopes[1], cleaner, 40);
    start_at(self->scopes[1], sleeper, 60);
    AWAIT(self, rw_yield_now(self->loop));
    SCRIPT_END(self, rw_int(5));
}

static void children_of_an_abandoned_scope_are_cancelled_and_handed_up(void)
{
    struct rw_value out;

    CHECK(world_begin());
    CHECK_INT(rw_block_on(loop, script_new(go_without_leaving, NULL), &out), 0);
    CHECK_INT(out.as.integer, 5);
    run_all();
    CHECK_TEXT(noted(), "cleaning@0 cancelled60@0 cleaning@0 clean@30 clean@40");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *fail_when_cancelled(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_sleep_until(self->loop, RW_NEVER));
    SCRIPT_END(self, rw_failure_format(RW_ERR_SCRIPT, "could not clean up"));
}

static struct rw_future *abandon_failing(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    kept[0] = script_spawn_in(self->scopes[0], fail_when_cancelled, NULL);
    AWAIT(self, rw_yield_now(self->loop));
    SCRIPT_END(self, rw_nil());
}

static struct rw_future *around_abandon(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    rw_task_detach(script_spawn_in(self->scopes[0], abandon_failing, NULL));
    LEAVE(self, 0, rw_nil());
    note_outcome(&self->in);
    rw_value_drop(&self->in);
    SCRIPT_END(self, rw_nil());
}

static void a_child_that_was_handed_up_fails_the_scope_it_is_in_now(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(around_abandon, NULL));
    run_all();
    CHECK_TEXT(noted(), "script 'could not clean up'");
    rw_task_unref(kept[0]);
    CHECK(world_is_empty());
    world_end();
}

static void tell_unhandled(void *arg, struct rw_task *task, const struct rw_value *value)
{
    (void)arg;
    (void)task;
    note("unhandled:%s", rw_value_message(value));
}

static void a_child_that_was_handed_up_to_the_root_is_reported_when_nobody_looks(void)
{
    CHECK(world_begin());
    rw_loop_set_unhandled(loop, tell_unhandled, NULL);
    rw_task_detach(script_spawn(abandon_failing, NULL));
    run_all();
    CHECK_TEXT(noted(), "");
    rw_task_unref(kept[0]);
    CHECK_TEXT(noted(), "unhandled:could not clean up");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *hold_scope_in_child(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, &(struct rw_scope_options){.flags = RW_SCOPE_SHIELD});
    AWAIT(self, rw_sleep_until(self->loop, at(20)));
    note("%s@%lld", got(self), (long long)now_ms());
    LEAVE(self, 0, take_in(self));
    AWAIT(self, rw_sleep_until(self->loop, at(90)));
    note("%s@%lld", got(self), (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static struct rw_future *abandon_with_inner_scopes(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    rw_task_detach(script_spawn_in(self->scopes[0], hold_scope_in_child, NULL));
    AWAIT(self, rw_yield_now(self->loop));
    SCRIPT_END(self, rw_nil());
}

static void scopes_of_a_child_that_was_handed_up_stay_as_they_are(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(abandon_with_inner_scopes, NULL));
    run_all();
    CHECK_TEXT(noted(), "ok@20 cancelled@20");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *die_while_joining(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    start_at(self->scopes[0], cleaner, 30);
    LEAVE(self, 0, rw_nil());
    note("left");
    SCRIPT_END(self, rw_nil());
}

static void a_loop_may_end_while_scopes_are_being_joined(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(die_while_joining, NULL));
    run_turns(2);
    world_end();
    CHECK_TEXT(noted(), "cleaning@0");
}

static const struct test tests[] = {
    TEST(children_of_an_abandoned_scope_are_cancelled_and_handed_up),
    TEST(a_child_that_was_handed_up_fails_the_scope_it_is_in_now),
    TEST(a_child_that_was_handed_up_to_the_root_is_reported_when_nobody_looks),
    TEST(scopes_of_a_child_that_was_handed_up_stay_as_they_are),
    TEST(a_loop_may_end_while_scopes_are_being_joined),
};

TEST_MAIN(tests)
