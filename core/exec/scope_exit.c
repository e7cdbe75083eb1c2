/* SPDX-License-Identifier: MIT
 *
 * scope_exit.c - leaving a scope: waiting for its children, and one outcome out of many.
 *
 * Failures that are not cancellations are kept in the order in which they happened, the body's among them. The first
 * cancels everything else in the scope. At the end the first one is the outcome and carries the others. A cancellation
 * that the scope itself caused ends at its border; one that came from outside goes on.
 *
 * Rejected: letting the body's failure always win. What happened first is the cause, what happened later is often its echo.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "exec/executor.h"
#include "exec/scope.h"
#include "exec/task.h"

/* Keeps a failure; without memory for the list the later ones are lost, the first never is. */
static void keep_failure(struct rw_scope *scope, const struct rw_value *failure)
{
    RW_ASSERT(rw_is_failure(failure));
    if (scope->failure_count == scope->failure_capacity) {
        size_t capacity = scope->failure_capacity == 0 ? 4 : scope->failure_capacity * 2;
        struct rw_error **failures = rwi_mem_resize(
            scope->failures, scope->failure_capacity * sizeof *failures, capacity * sizeof *failures);

        if (failures == NULL) {
            return;
        }
        scope->failures = failures;
        scope->failure_capacity = capacity;
    }
    struct rw_error *error = rw_value_error(failure);

    if (error != NULL) {
        scope->failures[scope->failure_count] = error;
        scope->failure_count++;
    }
}

static bool is_cancellation(const struct rw_value *value)
{
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    return rw_is_failure(value) && value->code == RW_ERR_CANCELLED;
}

static void note_failure(struct rw_scope *scope, const struct rw_value *failure)
{
    RW_ASSERT(scope->parent != NULL);
    if ((scope->flags & RW_SCOPE_SUPERVISOR) != 0) {
        return;
    }
    keep_failure(scope, failure);
    rwi_scope_abort(scope);
}

static void end_of_children(struct rw_scope *scope)
{
    RW_ASSERT(scope->task_count == 0);
    RW_ASSERT(scope->state == RWI_SCOPE_JOINING);
    rwi_scope_set_state(scope, RWI_SCOPE_JOINED);
    if (scope->joiner.vtable != NULL) {
        rw_waker_wake(&scope->joiner);
    }
}

void rwi_scope_release(struct rw_scope *scope, struct rw_task *task, const struct rw_value *outcome)
{
    RW_ASSERT(task->base == scope);
    RW_ASSERT(scope->task_count > 0);
    rwi_list_remove(&task->sibling);
    scope->task_count--;
    if (task->in_a_scope && rw_is_failure(outcome)) {
        task->seen = true; /* the scope answers for it */
        if (!is_cancellation(outcome)) {
            note_failure(scope, outcome);
        } else if (scope->deadline_passed) {
            scope->caught = true;
        }
    }
    if (scope->task_count == 0 && scope->state == RWI_SCOPE_JOINING) {
        end_of_children(scope);
    }
    RW_VERIFY(rwi_scope_check(scope));
    task->base = NULL;
    task->scope = NULL;
    if (scope->parent != NULL) {
        rw_scope_unref(scope);
    }
}

struct join_future {
    struct rw_future base;
    struct rw_scope *scope;
};

static enum rw_poll poll_join(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct rw_scope *scope = ((struct join_future *)self)->scope;

    RW_ASSERT(scope->state != RWI_SCOPE_OPEN);
    if (scope->state == RWI_SCOPE_JOINING) {
        scope->joiner = cx->waker;
        return RW_PENDING;
    }
    RW_ASSERT(scope->task_count == 0);
    *out = rw_nil();
    return RW_READY;
}

/* Children may not outlive their scope, whoever is impatient. */
static void cancel_join(struct rw_future *self)
{
    RW_ASSERT(((struct join_future *)self)->scope != NULL);
    rwi_scope_abort(((struct join_future *)self)->scope);
}

static void drop_join(struct rw_future *self)
{
    struct join_future *join = (struct join_future *)self;
    struct rw_loop *loop = join->scope->loop;

    RW_ASSERT(join->scope->object.ref_count > 0);
    join->scope->joiner.vtable = NULL;
    rw_scope_unref(join->scope);
    rwi_loop_release(loop, join, sizeof *join);
}

static const struct rw_future_vtable join_vtable = {"scope.join", RW_FUTURE_SHIELDED, poll_join, cancel_join,
                                                    drop_join};

struct rw_future *rw_scope_join(struct rw_scope *scope, struct rw_value body)
{
    struct join_future *join;

    RW_REQUIRE(scope->parent != NULL);
    RW_REQUIRE(scope->state == RWI_SCOPE_OPEN);
    rwi_scope_set_state(scope, RWI_SCOPE_JOINING);
    scope->body = body;
    if (is_cancellation(&body)) {
        rwi_scope_abort(scope);
    } else if (rw_is_failure(&body)) {
        keep_failure(scope, &body);
        rwi_scope_abort(scope);
    }
    if (scope->task_count == 0) {
        end_of_children(scope);
    }
    join = rwi_loop_alloc(scope->loop, sizeof *join);
    if (join == NULL) {
        return rw_failed(scope->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&join->base, &join_vtable);
    join->scope = rw_scope_ref(scope);
    return &join->base;
}

/* Takes the scope out of the tree. The task's current scope is its parent from here on. */
static void leave(struct rw_scope *scope)
{
    struct rw_task *owner = scope->owner;

    RW_ASSERT(rwi_list_is_empty(&scope->children));
    rwi_scope_set_state(scope, RWI_SCOPE_CLOSED);
    rw_timer_disarm(scope->loop, &scope->timer);
    rwi_list_remove(&scope->sibling);
    scope->owner = NULL;
    if (owner != NULL) {
        RW_ASSERT(owner->scope == scope);
        owner->scope = scope->parent;
        rwi_task_refresh_cancel(owner);
    }
}

static struct rw_value gather_failures(struct rw_scope *scope)
{
    RW_ASSERT(scope->failure_count > 0);
    struct rw_error *first = scope->failures[0];

    for (size_t i = 1; i < scope->failure_count; i++) {
        if (scope->failures[i] != first) {
            (void)rw_error_add_other(first,
                                     rw_error_ref(scope->failures[i])); /* no memory: one fewer is told */
        }
    }
    return rw_failure_of(rw_error_ref(first));
}

static struct rw_value decide_outcome(struct rw_scope *scope)
{
    bool was_cancelled = is_cancellation(&scope->body);
    bool from_outside = (scope->flags & RW_SCOPE_SHIELD) == 0 && rwi_scope_is_cancelled_outside(scope);

    RW_ASSERT(scope->state == RWI_SCOPE_JOINED);
    if (scope->failure_count > 0) {
        return gather_failures(scope);
    }
    if (was_cancelled && (!scope->cancel_called || from_outside)) {
        return rw_value_clone(&scope->body);
    }
    scope->caught = scope->caught || was_cancelled;
    if (scope->caught && scope->deadline_passed && (scope->flags & RW_SCOPE_FAIL_AFTER) != 0) {
        return rw_failure(RW_ERR_TIMEOUT);
    }
    return was_cancelled ? rw_nil() : rw_value_clone(&scope->body);
}

int rw_scope_close(struct rw_scope *scope, struct rw_value *out)
{
    RW_REQUIRE(scope->parent != NULL);
    if (scope->state != RWI_SCOPE_JOINED || !rwi_list_is_empty(&scope->children)) {
        return RW_ERR_STATE;
    }
    if (scope->owner != NULL && scope->owner->scope != scope) {
        return RW_ERR_STATE;
    }
    *out = decide_outcome(scope);
    leave(scope);
    rw_scope_unref(scope);
    return 0;
}

/* Hands a child to the parent scope; it is cancelled already and stays so by itself. */
static void hand_up(struct rw_scope *scope, struct rw_task *task)
{
    struct rw_scope *parent = scope->parent;

    RW_ASSERT(task->base == scope);
    task->cancelled = true;
    rwi_list_remove(&task->sibling);
    scope->task_count--;
    rwi_list_push_back(&parent->tasks, &task->sibling);
    parent->task_count++;
    task->base = parent->parent != NULL ? rw_scope_ref(parent) : parent;
    if (task->scope == scope) {
        task->scope = parent;
    }
    rw_scope_unref(scope);
}

static void hand_up_scope(struct rw_scope *scope, struct rw_scope *child)
{
    RW_ASSERT(child->parent == scope);
    rwi_list_remove(&child->sibling);
    child->parent = rw_scope_ref(scope->parent);
    rwi_list_push_back(&scope->parent->children, &child->sibling);
    rw_scope_unref(scope);
}

void rw_scope_abandon(struct rw_scope *scope)
{
    struct rwi_list *node;

    RW_REQUIRE(scope->parent != NULL);
    if (scope->state == RWI_SCOPE_CLOSED) {
        rw_scope_unref(scope);
        return;
    }
    while (scope->owner != NULL && scope->owner->scope != scope) {
        rw_scope_abandon(
            rw_scope_ref(scope->owner->scope)); /* inner ones first; at most as deep as one level */
    }
    rwi_scope_abort(scope);
    while ((node = rwi_list_first(&scope->tasks)) != NULL) {
        hand_up(scope, rwi_task_of_sibling(node));
    }
    while ((node = rwi_list_first(&scope->children)) != NULL) {
        hand_up_scope(scope, rwi_list_entry(node, struct rw_scope, sibling));
    }
    leave(scope);
    rw_scope_unref(scope);
}

struct rw_scope *rw_scope_ref(struct rw_scope *scope)
{
    RW_ASSERT(scope->object.ref_count > 0);
    rw_object_ref(&scope->object);
    return scope;
}

void rw_scope_unref(struct rw_scope *scope)
{
    if (scope != NULL) {
        RW_ASSERT(scope->object.ref_count > 0);
        rw_object_unref(&scope->object);
    }
}

struct rw_object *rw_scope_object(struct rw_scope *scope)
{
    return &scope->object;
}

uint64_t rw_scope_id(const struct rw_scope *scope)
{
    return scope->id;
}

bool rw_scope_is_open(const struct rw_scope *scope)
{
    return scope->state == RWI_SCOPE_OPEN || (scope->state == RWI_SCOPE_JOINING && scope->task_count > 0);
}

bool rw_scope_is_cancelled(const struct rw_scope *scope)
{
    return scope->effective;
}

bool rw_scope_cancel_called(const struct rw_scope *scope)
{
    return scope->cancel_called;
}

bool rw_scope_deadline_passed(const struct rw_scope *scope)
{
    return scope->deadline_passed;
}

bool rw_scope_caught(const struct rw_scope *scope)
{
    return scope->caught;
}

size_t rw_scope_child_count(const struct rw_scope *scope)
{
    return scope->task_count;
}

int64_t rw_scope_deadline(const struct rw_scope *scope)
{
    return scope->deadline_ns;
}
