/* SPDX-License-Identifier: MIT
 *
 * report.c - looking at a task, or at all tasks of a loop, and waking all of them.
 *
 * Who looks at all walks the scope tree in preorder without recursion: it is the one register of tasks there is.
 */
#include "base/check.h"
#include "exec/executor.h"
#include "exec/tree.h"

typedef bool visit_task(void *arg, struct rw_task *task, struct rw_future *future);

static bool visit_scope(struct rw_scope *scope, visit_task *visit, void *arg)
{
    for (struct rwi_list *node = scope->tasks.next; node != &scope->tasks; node = node->next) {
        struct rw_task *task = rwi_task_of_sibling(node);

        RW_ASSERT(rwi_task_base(task) == scope);
        if (task->state == RW_TASK_DONE) {
            continue; /* asked from within its end: it is about to leave */
        }
        if (!visit(arg, task, task->future)) {
            return false;
        }
    }
    return true;
}

void rw_tasks_each(struct rw_loop *loop, visit_task *visit, void *arg)
{
    struct rw_scope *root = rwi_executor_of(loop)->root;

    RW_REQUIRE(visit != NULL);
    for (struct rw_scope *scope = root; scope != NULL; scope = rwi_scope_next(root, scope)) {
        if (!visit_scope(scope, visit, arg)) {
            return;
        }
    }
}

struct telling {
    bool (*visit)(void *arg, const struct rw_task_info *info);
    void *arg;
};

static bool tell(void *arg, struct rw_task *task, struct rw_future *future)
{
    struct telling *telling = arg;
    struct rw_task_info info = {.id = task->id,
                                .name = rw_task_name(task),
                                .future = future->vtable->name,
                                .state = rwi_task_is_running(task) ? RW_TASK_RUNNING
                                                                   : (enum rw_task_state)task->state,
                                .polls = rwi_task_polls(task),
                                .scope_id = rwi_task_base(task)->id,
                                .cancelled = task->effective};

    RW_ASSERT(task->state != RW_TASK_DONE);
    return telling->visit(telling->arg, &info);
}

void rw_tasks(struct rw_loop *loop, bool (*visit)(void *arg, const struct rw_task_info *info), void *arg)
{
    struct telling telling = {visit, arg};

    RW_REQUIRE(visit != NULL);
    rw_tasks_each(loop, tell, &telling);
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
