/* SPDX-License-Identifier: MIT
 *
 * scope.c - the tree of scopes: who belongs where, and how far a cancellation reaches.
 *
 *      open          rw_scope_join        last child done       rw_scope_close
 *   --> OPEN ---------> JOINING ------------> JOINED ------------> CLOSED
 *        \_______________________ rw_scope_abandon ________________^
 *
 * A task is in the list of its base scope until it is done; a scope is in the list of the scope that was its task's
 * current one when it was opened. Invariant: `effective` of a scope is true exactly when it was cancelled itself, failed, or
 * - unless it is a shield - what lies around it is cancelled: its owner (when it is the outermost that the owner has entered)
 * or its parent. Each change walks the subtree below it once, without recursion, since scripts decide how deep it is.
 *
 * What a scope gives back when it is left is decided in scope_exit.c.
 */
#include "exec/tree.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "exec/executor.h"

static const bool legal_moves[4][4] = {
    [RWI_SCOPE_OPEN] = {[RWI_SCOPE_JOINING] = true, [RWI_SCOPE_CLOSED] = true},
    [RWI_SCOPE_JOINING] = {[RWI_SCOPE_JOINED] = true, [RWI_SCOPE_CLOSED] = true},
    [RWI_SCOPE_JOINED] = {[RWI_SCOPE_CLOSED] = true},
    [RWI_SCOPE_CLOSED] = {false},
};

void rwi_scope_set_state(struct rw_scope *scope, enum rwi_scope_state state)
{
    RW_ASSERT(scope->state <= RWI_SCOPE_CLOSED);
    RW_ASSERT(legal_moves[scope->state][state]);
    scope->state = (uint8_t)state;
}

static struct rw_scope *scope_of_sibling(struct rwi_list *node)
{
    RW_ASSERT(node != NULL);
    return rwi_list_entry(node, struct rw_scope, sibling);
}

static void free_scope(struct rw_scope *scope)
{
    RW_ASSERT(scope->task_count == 0);
    RW_ASSERT(scope->state == RWI_SCOPE_CLOSED);
    RW_ASSERT(rwi_list_is_empty(&scope->children));
    RW_ASSERT(!rw_timer_is_armed(&scope->timer));
    for (size_t i = 0; i < scope->other_count; i++) {
        rw_error_unref(scope->others[i]);
    }
    rwi_mem_free(scope->others, scope->other_capacity * sizeof(struct rw_error *));
    rw_value_drop(&scope->failure);
    rw_value_drop(&scope->body);
    rwi_mem_free_text(scope->name);
    rwi_mem_free_text(scope->reason);
    rwi_mem_free(scope, sizeof *scope);
}

/* Lets go of the parents too: a loop, because scripts decide how deep scopes lie in each other. */
static void destroy_scope(struct rw_object *object)
{
    struct rw_scope *scope = rwi_container_of(object, struct rw_scope, object);
    struct rw_loop *loop = scope->loop;

    while (scope != NULL) {
        struct rw_scope *parent = scope->parent;
        const void *gone = scope;

        RW_ASSERT(scope->object.ref_count == 0);
        free_scope(scope);
        if (parent == NULL) {
            return; /* the root, which is not counted */
        }
        RW_ASSERT(parent->object.ref_count > 0);
        parent->object.ref_count--;
        scope = parent->object.ref_count == 0 ? parent : NULL;
        rwi_object_gone(loop, gone);
    }
}

static const struct rw_object_type scope_type = {"scope", false, destroy_scope};

static void pass_deadline(struct rw_timer *timer, struct rw_loop *loop)
{
    RW_ASSERT(!rw_timer_is_armed(timer));
    struct rw_scope *scope = rwi_container_of(timer, struct rw_scope, timer);

    RW_ASSERT(scope->loop == loop);
    RW_ASSERT(scope->state != RWI_SCOPE_CLOSED);
    (void)loop;
    if (!scope->cancel_called) {
        scope->deadline_passed = true;
        rw_scope_cancel(scope, "the deadline has passed");
    }
}

static int arm_deadline(struct rw_scope *scope, int64_t deadline_ns)
{
    RW_ASSERT(scope->state != RWI_SCOPE_CLOSED);
    if (deadline_ns == RW_NEVER) {
        rw_timer_disarm(scope->loop, &scope->timer);
    } else if (rw_timer_arm(scope->loop, &scope->timer, deadline_ns) != 0) {
        return RW_ERR_NOMEM;
    }
    RW_ASSERT(rw_timer_is_armed(&scope->timer) == (deadline_ns != RW_NEVER));
    scope->deadline_ns = deadline_ns;
    return 0;
}

static struct rw_scope *new_scope(struct rw_loop *loop)
{
    RW_ASSERT(loop != NULL);
    struct rw_scope *scope = rwi_mem_new(sizeof *scope);

    if (scope == NULL) {
        return NULL;
    }
    scope->object = (struct rw_object){&scope_type, 1};
    scope->loop = loop;
    scope->deadline_ns = RW_NEVER;
    scope->id = rwi_executor_of(loop)->next_id++;
    rwi_executor_of(loop)->scopes_made++;
    scope->state = RWI_SCOPE_OPEN;
    rwi_list_init(&scope->children);
    rwi_list_init(&scope->sibling);
    rwi_list_init(&scope->tasks);
    rw_timer_init(&scope->timer, pass_deadline);
    return scope;
}

struct rw_scope *rwi_scope_new_root(struct rw_loop *loop)
{
    RW_ASSERT(loop != NULL);
    struct rw_scope *root = new_scope(loop);

    if (root != NULL) {
        root->flags = RW_SCOPE_SUPERVISOR;
    }
    return root;
}

void rwi_scope_free_root(struct rw_scope *root)
{
    if (root == NULL) {
        return;
    }
    RW_ASSERT(rwi_list_is_empty(&root->tasks));
    RW_ASSERT(rwi_list_is_empty(&root->children));
    rwi_scope_set_state(root,
                        RWI_SCOPE_CLOSED); /* for who still holds it: nothing is spawned into it any more */
    rw_scope_unref(root);
}

bool rwi_scope_check(const struct rw_scope *scope)
{
    size_t count = 0;

    for (const struct rwi_list *node = scope->tasks.next; node != &scope->tasks; node = node->next) {
        const struct rw_task *task = rwi_list_entry(node, const struct rw_task, sibling);

        RW_REQUIRE(rwi_task_base(task) == scope);
        RW_REQUIRE(task->future != NULL || task->state == RW_TASK_DONE);
        count++;
    }
    RW_REQUIRE(count == scope->task_count);
    RW_REQUIRE(scope->parent == NULL || scope->effective || !(scope->cancel_called || scope->aborting));
    RW_REQUIRE(scope->state != RWI_SCOPE_JOINED || count == 0);
    return true;
}

struct rw_scope *rwi_scope_next(const struct rw_scope *top, struct rw_scope *scope)
{
    struct rwi_list *child = rwi_list_first(&scope->children);

    RW_ASSERT(top != NULL);
    if (child != NULL) {
        return scope_of_sibling(child);
    }
    while (scope != top) {
        if (scope->sibling.next != &scope->parent->children) {
            return scope_of_sibling(scope->sibling.next);
        }
        scope = scope->parent;
    }
    return NULL;
}

/* What lies around the scope is cancelled. */
static bool is_cancelled_outside(const struct rw_scope *scope)
{
    const struct rw_task *owner = scope->owner;

    if (scope->parent == NULL) {
        return false;
    }
    RW_ASSERT(scope->parent->loop == scope->loop);
    if (owner != NULL && scope->parent->owner != owner && owner->cancelled) {
        return true;
    }
    return scope->parent->effective;
}

bool rwi_scope_is_cancelled_outside(const struct rw_scope *scope)
{
    RW_ASSERT(scope->parent != NULL);
    return is_cancelled_outside(scope);
}

static bool work_out_effective(const struct rw_scope *scope)
{
    if (scope->cancel_called || scope->aborting) {
        return true;
    }
    RW_ASSERT(!scope->deadline_passed);
    return (scope->flags & RW_SCOPE_SHIELD) == 0 && is_cancelled_outside(scope);
}

static void refresh_tasks(struct rw_scope *scope)
{
    RW_ASSERT(scope->loop != NULL);
    for (struct rwi_list *node = scope->tasks.next; node != &scope->tasks; node = node->next) {
        rwi_task_refresh_cancel(rwi_task_of_sibling(node));
    }
    if (scope->owner != NULL) {
        rwi_task_refresh_cancel(scope->owner);
    }
}

/* Brings the scope and all below it up to date. A child whose answer did not change ends the walk there only in effect: its own
 * children find nothing to change either. A child task that is cancelled itself needs no visit. */
static void refresh_tree(struct rw_scope *top)
{
    RW_ASSERT(top->loop != NULL);
    struct rw_scope *scope = top;

    RW_ASSERT(top->state != RWI_SCOPE_CLOSED);
    while (scope != NULL) {
        bool effective = work_out_effective(scope);

        if (effective != scope->effective) {
            scope->effective = effective;
            refresh_tasks(scope);
        }
        scope = rwi_scope_next(top, scope);
    }
    RW_VERIFY(rwi_scope_check(top));
}

void rwi_scope_refresh_owned(struct rw_task *task)
{
    RW_ASSERT(task->state != RW_TASK_DONE);
    struct rw_scope *scope = task->scope;

    RW_ASSERT(scope != NULL);
    if (scope->owner != task) {
        return;
    }
    while (scope->parent->owner == task) {
        scope = scope->parent;
    }
    refresh_tree(scope);
}

void rwi_scope_abort(struct rw_scope *scope)
{
    RW_ASSERT(scope->state != RWI_SCOPE_CLOSED);
    RW_ASSERT(scope->parent != NULL);
    if (!scope->aborting) {
        scope->aborting = true;
        refresh_tree(scope);
    }
}

void rw_scope_cancel(struct rw_scope *scope, const char *reason)
{
    RW_REQUIRE(scope != NULL);
    if (scope->cancel_called || scope->state == RWI_SCOPE_CLOSED) {
        return;
    }
    RW_ASSERT(scope->object.ref_count > 0);
    if (reason != NULL && scope->reason == NULL) {
        scope->reason = rwi_mem_text(reason); /* no memory: cancelled without a reason */
    }
    scope->cancel_called = true;
    refresh_tree(scope);
}

const char *rwi_scope_reason(const struct rw_scope *scope)
{
    while (scope != NULL) {
        RW_ASSERT(scope->loop != NULL);
        if (scope->cancel_called) {
            return scope->reason;
        }
        if (scope->aborting) {
            return "a sibling task has failed";
        }
        if (scope->owner != NULL && scope->owner->cancelled) {
            return NULL;
        }
        scope = scope->parent;
    }
    return NULL;
}

void rwi_scope_adopt(struct rw_scope *scope, struct rw_task *task)
{
    RW_ASSERT(task->future != NULL);
    RW_ASSERT(scope->state != RWI_SCOPE_CLOSED);
    if (scope->parent != NULL) {
        rw_scope_ref(scope); /* the root outlives every task */
    }
    task->scope = scope;
    rwi_list_append_new(&scope->tasks, &task->sibling);
    scope->task_count++;
    task->effective = scope->effective; /* true: it never runs */
}

struct rw_task *rw_scope_spawn(struct rw_scope *scope, struct rw_future *future,
                               const struct rw_spawn_options *options)
{
    struct rw_spawn_options with_scope = {0};

    RW_REQUIRE(scope != NULL);
    RW_REQUIRE(future != NULL);
    if (!rw_scope_is_open(scope)) { /* asked before the loop is looked at, which may be gone */
        rw_future_drop(future);
        errno = EINVAL;
        return NULL;
    }
    if (options != NULL) {
        with_scope = *options;
    }
    with_scope.scope = scope;
    return rw_spawn(scope->loop, future, &with_scope);
}

static int take_options(struct rw_scope *scope, const struct rw_scope_options *options)
{
    RW_ASSERT(scope->parent == NULL);
    RW_REQUIRE(options->flags <= (RW_SCOPE_SHIELD | RW_SCOPE_FAIL_AFTER | RW_SCOPE_SUPERVISOR));
    scope->flags = (uint8_t)options->flags;
    if (options->name != NULL) {
        scope->name = rwi_mem_text(options->name);
        if (scope->name == NULL) {
            return RW_ERR_NOMEM;
        }
    }
    return options->deadline_ns != 0 ? arm_deadline(scope, options->deadline_ns) : 0;
}

struct rw_scope *rw_scope_open(struct rw_task *task, const struct rw_scope_options *options)
{
    RW_REQUIRE(task != NULL);
    RW_REQUIRE(task->state != RW_TASK_DONE);
    struct rw_scope *scope = new_scope(task->loop);

    if (scope == NULL) {
        return NULL;
    }
    /* All that can fail comes before the task notices. */
    if (options != NULL && take_options(scope, options) != 0) {
        rwi_scope_set_state(scope, RWI_SCOPE_CLOSED);
        free_scope(scope);
        return NULL;
    }
    scope->parent = rw_scope_ref(task->scope);
    scope->owner = task;
    rwi_object_born(scope->loop, scope);
    rwi_list_push_back(&scope->parent->children, &scope->sibling);
    task->scope = scope;
    scope->effective = work_out_effective(scope);
    rwi_task_refresh_cancel(task);
    RW_VERIFY(rwi_scope_check(scope));
    return scope;
}

int rw_scope_set_deadline(struct rw_scope *scope, int64_t deadline_ns)
{
    RW_REQUIRE(scope != NULL);
    RW_REQUIRE(scope->parent != NULL);
    return scope->state != RWI_SCOPE_CLOSED ? arm_deadline(scope, deadline_ns) : RW_ERR_STATE;
}

int64_t rw_scope_effective_deadline(const struct rw_scope *scope)
{
    RW_REQUIRE(scope != NULL);
    int64_t nearest = RW_NEVER;

    for (; scope != NULL; scope = scope->parent) {
        nearest = scope->deadline_ns < nearest ? scope->deadline_ns : nearest;
        if (scope->effective) {
            return RW_NOW;
        }
        if ((scope->flags & RW_SCOPE_SHIELD) != 0) {
            break;
        }
    }
    return nearest;
}
