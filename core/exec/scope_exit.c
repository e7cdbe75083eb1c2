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
#include "exec/tree.h"

static bool is_cancellation(const struct rw_value *value)
{
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    RW_ASSERT(!rw_is_failure(value) || value->kind == RW_KIND_ERROR);
    return rw_is_failure(value) && value->code == RW_ERR_CANCELLED;
}

static bool grow_others(struct rw_scope *scope)
{
    size_t capacity = scope->other_capacity == 0 ? 4 : scope->other_capacity * 2;
    size_t old_size = scope->other_capacity * sizeof(struct rw_error *);

    RW_ASSERT(scope->other_count == scope->other_capacity);
    struct rw_error **others = rwi_mem_resize(scope->others, old_size, capacity * sizeof *others);

    if (others == NULL) {
        return false;
    }
    scope->others = others;
    scope->other_capacity = capacity;
    RW_ASSERT(scope->other_count < scope->other_capacity);
    return true;
}

/* Keeps a failure. Without memory for the list the later ones are lost; the first needs none. */
static void keep_failure(struct rw_scope *scope, const struct rw_value *failure)
{
    RW_ASSERT(rw_is_failure(failure));
    RW_ASSERT(!is_cancellation(failure));
    if (!rw_is_failure(&scope->failure)) {
        scope->failure = rw_value_clone(failure);
        return;
    }
    if (failure->as.error != NULL && failure->as.error == scope->failure.as.error) {
        return; /* the same again: the body raised what it had got from a child */
    }
    if (scope->other_count < scope->other_capacity || grow_others(scope)) {
        struct rw_error *error = rw_value_error(failure);

        if (error != NULL) {
            scope->others[scope->other_count] = error;
            scope->other_count++;
        }
    }
}

static void note_failure(struct rw_scope *scope, const struct rw_value *failure)
{
    RW_ASSERT(rw_is_failure(failure));
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

static bool is_reached_from_outside(const struct rw_scope *scope)
{
    RW_ASSERT(scope->state != RWI_SCOPE_CLOSED);
    return scope->parent != NULL && (scope->flags & RW_SCOPE_SHIELD) == 0 &&
           rwi_scope_is_cancelled_outside(scope);
}

void rwi_scope_release(struct rw_scope *scope, struct rw_task *task, const struct rw_value *outcome)
{
    RW_ASSERT(task->scope == scope);
    RW_ASSERT(scope->task_count > 0);
    rwi_list_remove(&task->sibling);
    scope->task_count--;
    if ((scope->flags & RW_SCOPE_SUPERVISOR) == 0 && rw_is_failure(outcome)) {
        task->seen = true; /* the scope answers for it */
        if (!is_cancellation(outcome)) {
            note_failure(scope, outcome);
        } else if (scope->deadline_passed) {
            scope->caught = true;
        } else {
            scope->cut_short = scope->cut_short || is_reached_from_outside(scope);
        }
    }
    if (scope->task_count == 0 && scope->state == RWI_SCOPE_JOINING) {
        end_of_children(scope);
    }
    RW_VERIFY(rwi_scope_check(scope));
    task->scope = NULL;
    if (scope->parent != NULL) {
        rw_scope_unref(scope);
    }
}

static struct rw_scope *scope_of_join(struct rw_future *join)
{
    struct rw_scope *scope = rwi_container_of(join, struct rw_scope, join);

    RW_ASSERT(scope->object.ref_count > 0);
    RW_ASSERT(scope->state != RWI_SCOPE_OPEN);
    return scope;
}

static enum rw_poll poll_join(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct rw_scope *scope = scope_of_join(self);

    if (scope->state == RWI_SCOPE_JOINING) {
        RW_ASSERT(scope->task_count > 0);
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
    RW_ASSERT((self->state & RW_FUTURE_POLLED) != 0);
    rwi_scope_abort(scope_of_join(self));
}

static void drop_join(struct rw_future *self)
{
    struct rw_scope *scope = scope_of_join(self);

    RW_ASSERT(scope->parent != NULL);
    scope->joiner.vtable = NULL;
    rw_scope_unref(scope);
}

static const struct rw_future_vtable join_vtable = {"scope.join", RW_FUTURE_SHIELDED, poll_join, cancel_join,
                                                    drop_join};

struct rw_future *rw_scope_join(struct rw_scope *scope, struct rw_value body)
{
    RW_REQUIRE(scope != NULL);
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
    rw_future_init(&scope->join, &join_vtable);
    rw_scope_ref(scope);
    return &scope->join;
}

/* Takes the scope out of the tree. The task's current scope is its parent from here on. */
static void leave(struct rw_scope *scope)
{
    RW_ASSERT(scope->parent != NULL);
    RW_ASSERT(rwi_list_is_empty(&scope->tasks));
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

/* The first failure as it is when it is alone; else a copy of it that carries the others. */
static struct rw_value gather_failures(struct rw_scope *scope)
{
    RW_ASSERT(rw_is_failure(&scope->failure));
    if (scope->other_count == 0) {
        return rw_value_clone(&scope->failure);
    }
    struct rw_error *first = rw_value_error(&scope->failure);
    struct rw_error *copy = first != NULL ? rw_error_copy(first) : NULL;

    rw_error_unref(first);
    if (copy == NULL) {
        return rw_value_clone(&scope->failure);
    }
    for (size_t i = 0; i < scope->other_count; i++) {
        RW_ASSERT(scope->others[i] != NULL);
        (void)rw_error_add_other(copy, rw_error_ref(scope->others[i])); /* no memory: one fewer is told */
    }
    return rw_failure_of(copy);
}

static struct rw_value decide_outcome(struct rw_scope *scope)
{
    RW_ASSERT(scope->task_count == 0);
    bool was_cancelled = is_cancellation(&scope->body);
    bool from_outside = is_reached_from_outside(scope);

    RW_ASSERT(scope->state == RWI_SCOPE_JOINED);
    if (rw_is_failure(&scope->failure)) {
        return gather_failures(scope);
    }
    if (was_cancelled && (!scope->cancel_called || from_outside)) {
        return rw_value_clone(&scope->body);
    }
    if (scope->cut_short && from_outside) {
        return rw_failure(RW_ERR_CANCELLED); /* the body had ended, but what it had begun did not */
    }
    scope->caught = scope->caught || was_cancelled;
    if (scope->caught && scope->deadline_passed && (scope->flags & RW_SCOPE_FAIL_AFTER) != 0) {
        return rw_failure(RW_ERR_TIMEOUT);
    }
    return was_cancelled ? rw_nil() : rw_value_clone(&scope->body);
}

int rw_scope_close(struct rw_scope *scope, struct rw_value *out)
{
    RW_REQUIRE(scope != NULL);
    RW_REQUIRE(out != NULL);
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
    RW_ASSERT(scope->effective);
    struct rw_scope *parent = scope->parent;

    RW_ASSERT(rwi_task_base(task) == scope);
    RW_ASSERT(task->effective || task->scope != scope); /* else it is inside a shield of its own */
    task->cancelled = true;
    rwi_list_remove(&task->sibling);
    scope->task_count--;
    rwi_list_push_back(&parent->tasks, &task->sibling);
    parent->task_count++;
    if (parent->parent != NULL) {
        rw_scope_ref(parent); /* the root outlives every task */
    }
    if (task->scope == scope) {
        task->scope = parent; /* else a scope of its own is, which is handed up next */
    }
    rw_scope_unref(scope);
}

static void hand_up_scope(struct rw_scope *scope, struct rw_scope *child)
{
    RW_ASSERT(child->state != RWI_SCOPE_CLOSED);
    RW_ASSERT(child->parent == scope);
    rwi_list_remove(&child->sibling);
    child->parent = rw_scope_ref(scope->parent);
    rwi_list_push_back(&scope->parent->children, &child->sibling);
    rw_scope_unref(scope);
}

void rw_scope_abandon(struct rw_scope *scope)
{
    RW_REQUIRE(scope != NULL);
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
    RW_REQUIRE(scope != NULL);
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
    RW_REQUIRE(scope != NULL);
    RW_ASSERT(scope->object.ref_count > 0);
    return &scope->object;
}

uint64_t rw_scope_id(const struct rw_scope *scope)
{
    RW_REQUIRE(scope != NULL);
    RW_ASSERT(scope->object.ref_count > 0);
    return scope->id;
}

bool rw_scope_is_open(const struct rw_scope *scope)
{
    RW_REQUIRE(scope != NULL);
    RW_ASSERT(scope->object.ref_count > 0);
    return scope->state == RWI_SCOPE_OPEN || (scope->state == RWI_SCOPE_JOINING && scope->task_count > 0);
}

bool rw_scope_is_cancelled(const struct rw_scope *scope)
{
    RW_REQUIRE(scope != NULL);
    RW_ASSERT(scope->object.ref_count > 0);
    return scope->effective;
}

bool rw_scope_cancel_called(const struct rw_scope *scope)
{
    RW_REQUIRE(scope != NULL);
    RW_ASSERT(scope->object.ref_count > 0);
    return scope->cancel_called;
}

bool rw_scope_deadline_passed(const struct rw_scope *scope)
{
    RW_REQUIRE(scope != NULL);
    RW_ASSERT(!scope->deadline_passed || scope->cancel_called);
    return scope->deadline_passed;
}

bool rw_scope_caught(const struct rw_scope *scope)
{
    RW_REQUIRE(scope != NULL);
    RW_ASSERT(scope->object.ref_count > 0);
    return scope->caught;
}

size_t rw_scope_child_count(const struct rw_scope *scope)
{
    RW_REQUIRE(scope != NULL);
    RW_ASSERT(scope->object.ref_count > 0);
    return scope->task_count;
}

int64_t rw_scope_deadline(const struct rw_scope *scope)
{
    RW_REQUIRE(scope != NULL);
    RW_ASSERT(scope->object.ref_count > 0);
    return scope->deadline_ns;
}
