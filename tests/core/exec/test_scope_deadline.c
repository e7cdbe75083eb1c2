/* SPDX-License-Identifier: MIT
 *
 * test_scope_deadline.c - scopes with deadlines, and scopes in each other to any depth.
 */
#include "script.h"

static struct rw_scope_options with_deadline(int64_t ms, unsigned flags)
{
    return (struct rw_scope_options){.deadline_ns = at(ms), .flags = flags};
}

/* ---- deadlines ------------------------------------------------------------------------------------------------------ */

static struct rw_future *within_deadline(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, self->data);
    AWAIT(self, rw_sleep_until(self->loop, at(self->n)));
    note("%s:%s@%lld", got(self), rw_is_failure(&self->in) ? rw_value_message(&self->in) : "",
         (long long)now_ms());
    rw_scope_ref(self->scopes[0]);
    self->data = self->scopes[0];
    LEAVE(self, 0, take_in(self));
    note("left:%s passed:%d caught:%d", got(self), rw_scope_deadline_passed(self->data),
         rw_scope_caught(self->data));
    rw_scope_unref(self->data);
    SCRIPT_END(self, rw_nil());
}

static void a_deadline_is_a_cancel_with_a_reason(void)
{
    static const struct {
        int64_t sleep_ms;
        unsigned flags;
        const char *expected;
    } rows[] = {
        {5, 0, "ok:@5 left:ok passed:0 caught:0"},
        {50, 0, "cancelled:the deadline has passed@10 left:ok passed:1 caught:1"},
        {5, RW_SCOPE_FAIL_AFTER, "ok:@5 left:ok passed:0 caught:0"},
        {50, RW_SCOPE_FAIL_AFTER, "cancelled:the deadline has passed@10 left:timeout passed:1 caught:1"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(world_begin());
        struct rw_scope_options options = with_deadline(10, rows[i].flags);
        struct script *script = script_new_with(&script_vtable, within_deadline, &options);

        script->n = rows[i].sleep_ms;
        rw_task_detach(rw_spawn(loop, &script->base, NULL));
        run_all();
        CHECK_TEXT(noted(), rows[i].expected);
        CHECK(world_is_empty());
        world_end();
    }
}

static struct rw_future *move_deadlines(struct script *self)
{
    struct rw_scope_options outer = with_deadline(40, 0);
    struct rw_scope_options inner = with_deadline(90, 0);

    SCRIPT_BEGIN(self);
    self->scopes[0] = rw_scope_open(self->task, &outer);
    self->scopes[1] = rw_scope_open(self->task, &inner);
    note("%d", rw_scope_deadline(self->scopes[1]) == at(90));
    note("%d", rw_scope_effective_deadline(self->scopes[1]) == at(40));
    self->scopes[2] = rw_scope_open(self->task, &(struct rw_scope_options){.flags = RW_SCOPE_SHIELD});
    note("%d", rw_scope_effective_deadline(self->scopes[2]) == RW_NEVER);
    LEAVE(self, 2, rw_nil());
    rw_scope_set_deadline(self->scopes[0], RW_NEVER);
    note("%d", rw_scope_effective_deadline(self->scopes[1]) == at(90));
    AWAIT(self, rw_sleep_until(self->loop, at(50)));
    note("%s@%lld", got(self), (long long)now_ms());
    rw_scope_set_deadline(self->scopes[0], at(60));
    AWAIT(self, rw_sleep_until(self->loop, at(70)));
    note("%s@%lld", got(self), (long long)now_ms());
    note("%d", rw_scope_effective_deadline(self->scopes[1]) == RW_NOW);
    LEAVE(self, 1, take_in(self));
    note("1:%s", got(self));
    LEAVE(self, 0, take_in(self));
    note("0:%s", got(self));
    SCRIPT_END(self, rw_nil());
}

static void deadlines_can_be_moved_and_the_nearest_around_counts(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(move_deadlines, NULL));
    run_all();
    CHECK_TEXT(noted(), "1 1 1 1 ok@50 cancelled@60 1 1:cancelled 0:ok");
    CHECK(world_is_empty());
    world_end();
}

/* ---- depth ---------------------------------------------------------------------------------------------------------- */

enum { DEPTH = 10000 };

static struct rw_scope *deep[DEPTH];

static struct rw_future *dive(struct script *self)
{
    SCRIPT_BEGIN(self);
    for (int i = 0; i < DEPTH; i++) {
        deep[i] = rw_scope_open(self->task, NULL);
    }
    AWAIT(self, rw_sleep_until(self->loop, RW_NEVER));
    note("%s", got(self));
    for (self->n = DEPTH - 1; self->n >= self->m; self->n--) {
        AWAIT(self, rw_scope_join(deep[self->n], rw_failure(RW_ERR_CANCELLED)));
        rw_value_drop(&self->in);
        rw_scope_close(deep[self->n], &self->in);
        note(self->n == self->m ? "%s" : "%.0s", got(self));
        notes_size -= self->n == self->m ? 0 : 1;
    }
    SCRIPT_END(self, rw_nil());
}

static void ten_thousand_scopes_in_each_other_are_cancelled_without_recursion(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(dive, NULL));
    run_turns(1);
    rw_scope_cancel(deep[0], NULL);
    CHECK(rw_scope_is_cancelled(deep[DEPTH - 1]));
    run_all();
    CHECK_TEXT(noted(), "cancelled ok");
    CHECK(world_is_empty());
    world_end();
}

static void a_task_that_dies_leaves_ten_thousand_scopes_without_recursion(void)
{
    CHECK(world_begin());
    struct script *script = script_new_with(&script_vtable, dive, NULL);

    script->m = DEPTH; /* leaves none by itself */
    rw_task_detach(rw_spawn(loop, &script->base, NULL));
    run_turns(1);
    for (int i = 0; i < DEPTH - 1; i++) {
        rw_scope_unref(deep[i]); /* held by those inside only */
    }
    rw_scope_cancel(deep[0], NULL);
    run_all();
    CHECK(!rw_scope_is_open(deep[DEPTH - 1]));
    rw_scope_unref(deep[DEPTH - 1]); /* the last hold on all of them */
    CHECK(world_is_empty());
    world_end();
}

static const struct test tests[] = {
    TEST(a_deadline_is_a_cancel_with_a_reason),
    TEST(deadlines_can_be_moved_and_the_nearest_around_counts),
    TEST(ten_thousand_scopes_in_each_other_are_cancelled_without_recursion),
    TEST(a_task_that_dies_leaves_ten_thousand_scopes_without_recursion),
};

TEST_MAIN(tests)
