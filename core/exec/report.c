/* SPDX-License-Identifier: MIT
 *
 * report.c - looking at the tasks of a loop, and waking all of them.
 *
 * Both walk the scope tree in preorder without recursion: it is the one register of tasks there is.
 */
#include "base/check.h"
#include "exec/executor.h"
#include "exec/tree.h"

static bool visit_scope(struct rw_scope *scope, bool (*visit)(void *arg, const struct rw_task_info *info),
                        void *arg)
{
    for (struct rwi_list *node = scope->tasks.next; node != &scope->tasks; node = node->next) {
        const struct rw_task *task = rwi_task_of_sibling(node);

        RW_ASSERT(task->base == scope);
        if (task->state == RW_TASK_DONE) {
            continue; /* asked from within its end: it is about to leave */
        }
        struct rw_task_info info = {.id = task->id,
                                    .name = rw_task_name(task),
                                    .future = task->future->vtable->name,
                                    .state = (enum rw_task_state)task->state,
                                    .polls = task->polls,
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
            RW_ASSERT(rwi_task_of_sibling(node)->base == scope);
            rw_task_wake(rwi_task_of_sibling(node));
        }
    }
}
