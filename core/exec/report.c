/* SPDX-License-Identifier: MIT
 *
 * report.c - looking at a task, or at all tasks of a loop, and waking all of them.
 *
 * Who looks at all walks the scope tree in preorder without recursion: it is the one register of tasks there is.
 */
#include "base/check.h"
#include "exec/executor.h"
#include "exec/tree.h"

static bool visit_scope(struct rw_scope *scope, bool (*visit)(void *arg, const struct rw_task_info *info),
                        void *arg)
{
    for (struct rwi_list *node = scope->tasks.next; node != &scope->tasks; node = node->next) {
        const struct rw_task *task = rwi_task_of_sibling(node);

        RW_ASSERT(rwi_task_base(task) == scope);
        if (task->state == RW_TASK_DONE) {
            continue; /* asked from within its end: it is about to leave */
        }
        struct rw_task_info info = {.id = task->id,
                                    .name = rw_task_name(task),
                                    .future = task->future->vtable->name,
                                    .state = rwi_task_is_running(task) ? RW_TASK_RUNNING
                                                                       : (enum rw_task_state)task->state,
                                    .polls = rwi_task_polls(task),
                                    .scope_id = scope->id,
                                    .cancelled = task->effective};

        if (!visit(arg, &info)) {
            return false;
        }
    }
    return true;
}

void rw_tasks(struct rw_loop *loop, bool (*visit)(void *arg, const struct rw_task_info *info), void *arg)
{
    struct rw_scope *root = rwi_executor_of(loop)->root;

    RW_REQUIRE(visit != NULL);
    for (struct rw_scope *scope = root; scope != NULL; scope = rwi_scope_next(root, scope)) {
        if (!visit_scope(scope, visit, arg)) {
            return;
        }
    }
}

void rwi_task_wake_all(struct rw_loop *loop)
{
    struct rw_scope *root = rwi_executor_of(loop)->root;

    for (struct rw_scope *scope = root; scope != NULL; scope = rwi_scope_next(root, scope)) {
        for (struct rwi_list *node = scope->tasks.next; node != &scope->tasks; node = node->next) {
            RW_ASSERT(rwi_task_base(rwi_task_of_sibling(node)) == scope);
            rw_task_wake(rwi_task_of_sibling(node));
        }
    }
}

bool rw_task_is_done(const struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    RW_ASSERT(task->object.ref_count > 0);
    return task->state == RW_TASK_DONE;
}

const struct rw_value *rw_task_value(struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    RW_ASSERT(task->object.ref_count > 0);
    if (task->state != RW_TASK_DONE) {
        return NULL;
    }
    task->seen = true;
    return &task->out.value;
}

void rw_task_mark_seen(struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    RW_ASSERT(task->object.ref_count > 0);
    task->seen = true;
}

uint64_t rw_task_id(const struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    RW_ASSERT(task->id > 0);
    return task->id;
}

struct rw_loop *rw_task_loop(const struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    RW_ASSERT(task->loop != NULL);
    return task->loop;
}

struct rw_scope *rw_task_scope(const struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    RW_ASSERT((task->scope == NULL) == (task->state == RW_TASK_DONE));
    return task->scope;
}

struct rw_task *rw_task_current(const struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    RW_ASSERT(loop != NULL);
    return rwi_executor_of(loop)->current;
}
