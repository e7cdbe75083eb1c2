/* SPDX-License-Identifier: MIT
 *
 * test_scope_exit.c - one outcome out of many: failures of body and children, supervisors, deadlines.
 */
#include "exec/tree.h"

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

static struct rw_scope_options options;
static struct rw_task *kept[3];

/* Children that fail at the times in `data`; a body that sleeps until n, then fails if m. */
static struct rw_future *failing_children(struct script *self)
{
    const int64_t *times = self->data;

    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, &options);
    if (self->scopes[0] == NULL) {
        SCRIPT_RETURN(self, rw_failure(RW_ERR_NOMEM));
    }
    for (int i = 0; times[i] != 0; i++) {
        kept[i] = spawn_at(self->scopes[0], failer, times[i]);
    }
    start_at(self->scopes[0], sleeper, 100);
    AWAIT(self, rw_sleep_until(self->loop, at(self->n)));
    note("body:%s@%lld", got(self), (long long)now_ms());
    if (self->m != 0 && !rw_is_failure(&self->in)) {
        self->in = rw_failure_format(RW_ERR_SCRIPT, "body");
    }
    LEAVE(self, 0, take_in(self));
    note("left@%lld", (long long)now_ms());
    SCRIPT_END(self, take_in(self));
}

struct failing_row {
    const char *name;
    int64_t times[4];
    int64_t body_ms;
    bool body_fails;
    unsigned flags;
    const char *expected;
};

static const struct failing_row failing_rows[] = {
    {"no failure", {0}, 20, false, 0, "body:ok@20 slept100@100 left@100 ok"},
    {"a child fails first",
     {10, 0},
     20,
     true,
     0,
     "cancelled100@10 body:cancelled@10 left@10 script 'failed10'"},
    {"the body fails first", {30, 0}, 20, true, 0, "body:ok@20 cancelled100@20 left@20 script 'body'"},
    {"all in one turn",
     {10, 10, 10, 0},
     10,
     true,
     0,
     "body:ok@10 cancelled100@10 left@10 script 'body' "
     "+'failed10' +'failed10' +'failed10'"},
    {"a child fails after the body",
     {30, 0},
     20,
     false,
     0,
     "body:ok@20 cancelled100@30 left@30 script 'failed30'"},
    {"a supervisor goes on",
     {10, 30, 0},
     20,
     false,
     RW_SCOPE_SUPERVISOR,
     "body:ok@20 slept100@100 left@100 ok"},
    {"a supervisor's body fails",
     {10, 30, 0},
     20,
     true,
     RW_SCOPE_SUPERVISOR,
     "body:ok@20 cancelled100@20 left@20 script 'body'"},
};

static void the_first_failure_cancels_the_others_and_carries_them(void)
{
    for (size_t i = 0; i < sizeof failing_rows / sizeof failing_rows[0]; i++) {
        const struct failing_row *row = &failing_rows[i];
        struct rw_value out;

        CHECK(world_begin());
        options = (struct rw_scope_options){.flags = row->flags};
        struct script *script =
            script_new_with(&script_vtable, failing_children, (void *)(uintptr_t)row->times);

        script->n = row->body_ms;
        script->m = row->body_fails;
        CHECK_INT(rw_block_on(loop, &script->base, &out), 0);
        note_outcome(&out);
        rw_value_drop(&out);
        for (int child = 0; row->times[child] != 0; child++) {
            CHECK(rw_task_is_done(kept[child]));
            rw_task_mark_seen(kept[child]); /* a supervisor does not answer for its children */
            rw_task_unref(kept[child]);
        }
        CHECK_TEXT(noted(), row->expected);
        CHECK(world_is_empty());
        world_end();
    }
}

static void a_child_keeps_its_own_failure_as_it_was(void)
{
    static const int64_t times[] = {10, 10, 0};
    struct rw_value out;

    CHECK(world_begin());
    options = (struct rw_scope_options){.flags = 0};
    struct script *script = script_new_with(&script_vtable, failing_children, (void *)(uintptr_t)times);

    script->n = 20;
    CHECK_INT(rw_block_on(loop, &script->base, &out), 0);
    noted();
    note_outcome(&out);
    note_outcome(rw_task_value(kept[0]));
    note_outcome(rw_task_value(kept[1]));
    CHECK_TEXT(noted(), "script 'failed10' +'failed10' script 'failed10' script 'failed10'");
    rw_value_drop(&out);
    rw_task_unref(kept[0]);
    rw_task_unref(kept[1]);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *join_failing_child(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    kept[0] = spawn_at(self->scopes[0], failer, 10);
    AWAIT(self, rw_shield(self->loop, rw_task_join(kept[0]), RW_NEVER));
    note_outcome(&self->in);
    LEAVE(self, 0, take_in(self)); /* raised again by the body */
    SCRIPT_END(self, take_in(self));
}

static void a_failure_that_the_body_raises_again_is_told_once_and_unchanged(void)
{
    struct rw_value out;

    CHECK(world_begin());
    CHECK_INT(rw_block_on(loop, script_new(join_failing_child, NULL), &out), 0);
    note_outcome(&out);
    CHECK_TEXT(noted(), "script 'failed10' script 'failed10'");
    CHECK(out.as.error == rw_task_value(kept[0])->as.error);
    rw_value_drop(&out);
    rw_task_unref(kept[0]);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *slow_cleanup(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    start_at(self->scopes[0], cleaner, 40);
    start_at(self->scopes[0], failer, 10);
    LEAVE(self, 0, rw_nil());
    note("left:%s@%lld", got(self), (long long)now_ms());
    rw_value_drop(&self->in);
    SCRIPT_END(self, rw_nil());
}

static void no_child_outlives_its_scope_however_long_it_cleans_up(void)
{
    struct rw_stats stats;

    CHECK(world_begin());
    struct rw_task *task = script_spawn(slow_cleanup, NULL);

    run_turns(2);
    rw_task_cancel(task, NULL); /* nor does impatience help */
    rw_task_cancel(task, NULL);
    run_all();
    CHECK_TEXT(noted(), "cleaning@0 clean@40 left:cancelled@40");
    rw_stats(loop, &stats);
    CHECK(stats.polls < 30); /* nobody span */
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *nested_failure(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    start_at(self->scopes[0], sleeper, 50);
    self->scopes[1] = rw_scope_open(self->task, NULL);
    start_at(self->scopes[1], failer, 10);
    start_at(self->scopes[1], failer, 10);
    LEAVE(self, 1, rw_nil());
    note_outcome(&self->in);
    LEAVE(self, 0, take_in(self));
    note_outcome(&self->in);
    note("@%lld", (long long)now_ms());
    rw_value_drop(&self->in);
    SCRIPT_END(self, rw_nil());
}

static void a_failure_passes_through_the_scopes_around_it(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(nested_failure, NULL));
    run_all();
    CHECK_TEXT(noted(), "script 'failed10' +'failed10' cancelled50@10 script 'failed10' +'failed10' @10");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *close_too_early(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    self->scopes[1] = rw_scope_open(self->task, NULL);
    note("%d", rw_scope_close(self->scopes[0], &self->in) == RW_ERR_STATE);
    start_at(self->scopes[1], sleeper, 5);
    self->leaf = rw_scope_join(self->scopes[0], rw_nil());
    rw_future_drop(self->leaf); /* joined, with the inner one open */
    self->leaf = NULL;
    note("%d", rw_scope_close(self->scopes[0], &self->in) == RW_ERR_STATE);
    note("%d", rw_scope_close(self->scopes[1], &self->in) == RW_ERR_STATE);
    LEAVE(self, 1, rw_nil());
    note("%d", rw_scope_close(self->scopes[0], &self->in));
    self->scopes[0] = NULL;
    SCRIPT_END(self, rw_nil());
}

static void a_scope_is_not_closed_before_what_is_in_it(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(close_too_early, NULL));
    run_all();
    CHECK_TEXT(noted(), "1 1 1 slept5@5 0");
    CHECK(world_is_empty());
    world_end();
}

/* ---- deadlines over children --------------------------------------------------------------------------------------- */

static struct rw_future *child_over_deadline(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, &options);
    start_at(self->scopes[0], sleeper, 50);
    LEAVE(self, 0, rw_int(1)); /* the body is done long before */
    note("left:%s@%lld", got(self), (long long)now_ms());
    SCRIPT_END(self, rw_nil());
}

static void a_deadline_that_ends_the_children_is_a_timeout_where_asked_for(void)
{
    static const struct {
        unsigned flags;
        const char *expected;
    } rows[] = {{0, "cancelled50@10 left:ok@10"}, {RW_SCOPE_FAIL_AFTER, "cancelled50@10 left:timeout@10"}};

    for (size_t i = 0; i < 2; i++) {
        CHECK(world_begin());
        options = (struct rw_scope_options){.deadline_ns = at(10), .flags = rows[i].flags};
        rw_task_detach(script_spawn(child_over_deadline, NULL));
        run_all();
        CHECK_TEXT(noted(), rows[i].expected);
        CHECK(world_is_empty());
        world_end();
    }
}

static struct rw_future *fail_after_deadline(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, &options);
    AWAIT(self, rw_sleep_until(self->loop, at(50)));
    LEAVE(self, 0, rw_failure_format(RW_ERR_SCRIPT, "while cleaning up"));
    note_outcome(&self->in);
    rw_value_drop(&self->in);
    SCRIPT_END(self, rw_nil());
}

static void a_failure_counts_more_than_a_timeout(void)
{
    CHECK(world_begin());
    options = (struct rw_scope_options){.deadline_ns = at(10), .flags = RW_SCOPE_FAIL_AFTER};
    rw_task_detach(script_spawn(fail_after_deadline, NULL));
    run_all();
    CHECK_TEXT(noted(), "script 'while cleaning up'");
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *child_cancelled_alone(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, NULL);
    start_at(self->scopes[0], sleeper, 20);
    kept[0] = spawn_at(self->scopes[0], sleeper, 50);
    AWAIT(self, rw_sleep_until(self->loop, at(5)));
    rw_task_cancel(kept[0], NULL);
    rw_task_unref(kept[0]);
    LEAVE(self, 0, rw_nil());
    note("left:%s", got(self));
    SCRIPT_END(self, rw_nil());
}

static void cancelling_one_child_is_no_failure_of_the_scope(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(child_cancelled_alone, NULL));
    run_all();
    CHECK_TEXT(noted(), "cancelled50@5 slept20@20 left:ok");
    CHECK(world_is_empty());
    world_end();
}

static void exits_survive_a_failing_allocation(void)
{
    static const int64_t times[] = {10, 10, 10, 0};
    struct rw_value out = rw_nil();

    if (!world_begin()) {
        return;
    }
    memset(kept, 0, sizeof kept);
    options = (struct rw_scope_options){.flags = 0};
    struct script *script = script_new_with(&script_vtable, failing_children, (void *)(uintptr_t)times);

    if (script != NULL) {
        script->n = 10;
        script->m = 1;
        if (rw_block_on(loop, &script->base, &out) == 0) {
            CHECK(rw_is_failure(&out)); /* the first failure is never lost */
        }
    }
    for (int i = 0; i < 3; i++) {
        rw_task_unref(kept[i]);
    }
    rw_value_drop(&out);
    run_all();
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(exits_survive_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(the_first_failure_cancels_the_others_and_carries_them),
    TEST(a_child_keeps_its_own_failure_as_it_was),
    TEST(a_failure_that_the_body_raises_again_is_told_once_and_unchanged),
    TEST(no_child_outlives_its_scope_however_long_it_cleans_up),
    TEST(a_failure_passes_through_the_scopes_around_it),
    TEST(a_scope_is_not_closed_before_what_is_in_it),
    TEST(a_deadline_that_ends_the_children_is_a_timeout_where_asked_for),
    TEST(a_failure_counts_more_than_a_timeout),
    TEST(cancelling_one_child_is_no_failure_of_the_scope),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
