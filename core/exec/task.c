/* SPDX-License-Identifier: MIT
 *
 * task.c - a spawned future: its states, its end, and who is told.
 *
 *      spawn          run_task          PENDING, nobody woke it
 *   --> QUEUED --------> RUNNING ---------------------------> WAITING
 *          ^               |  \ PENDING, woken meanwhile         |
 *          |               |   `--------> QUEUED <--- wake ------'
 *          |               v READY, or killed in any state
 *          `- - - - - -  DONE
 *
 * set_state() is the only place that writes the state, and asserts the move. Invariants: a task that is QUEUED is in the
 * run queue exactly once; the executor holds one reference until it is DONE; `future` is NULL exactly when it is DONE;
 * a task that is not done hangs in its base scope's list.
 *
 * All of this is plain loads and stores on the loop's thread. Other threads reach a task through its remote cell (waker.c).
 */
#include "exec/tree.h"

#include <errno.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "exec/executor.h"
#include "exec/future.h"

static const bool legal_moves[4][4] = {
    [RW_TASK_QUEUED] = {[RW_TASK_RUNNING] = true, [RW_TASK_DONE] = true},
    [RW_TASK_RUNNING] = {[RW_TASK_QUEUED] = true, [RW_TASK_WAITING] = true, [RW_TASK_DONE] = true},
    [RW_TASK_WAITING] = {[RW_TASK_QUEUED] = true, [RW_TASK_DONE] = true},
    [RW_TASK_DONE] = {false},
};

static void set_state(struct rw_task *task, enum rw_task_state state)
{
    RW_ASSERT(task->state <= RW_TASK_DONE);
    RW_ASSERT(legal_moves[task->state][state]);
    task->state = (uint8_t)state;
}

static struct rw_task *task_of_object(struct rw_object *object)
{
    RW_ASSERT(object != NULL);
    RW_ASSERT(!object->type->shared);
    return rwi_container_of(object, struct rw_task, object);
}

bool rwi_task_check(const struct rw_task *task)
{
    RW_REQUIRE(task->id > 0);
    RW_REQUIRE((task->base == NULL) == (task->scope == NULL));
    RW_REQUIRE(task->loop != NULL);
    RW_REQUIRE(task->state <= RW_TASK_DONE);
    RW_REQUIRE((task->future == NULL) == (task->state == RW_TASK_DONE));
    RW_REQUIRE((task->state == RW_TASK_QUEUED) == (task->job.next != NULL));
    RW_REQUIRE(task->state == RW_TASK_DONE || !rwi_list_is_empty(&task->sibling));
    return true;
}

static void report_unhandled(struct rw_task *task)
{
    struct rwi_executor *executor = rwi_executor_of(task->loop);

    RW_ASSERT(task->state == RW_TASK_DONE);
    RW_ASSERT(rw_is_failure(&task->out.value));
    if (executor->unhandled != NULL) {
        executor->unhandled(executor->unhandled_arg, task, &task->out.value);
        return;
    }
    fprintf(stderr, "ropewalk: task %llu %s failed and nobody joined it: %s\n", (unsigned long long)task->id,
            rw_task_name(task), rw_value_message(&task->out.value));
}

void rwi_task_destroy(struct rw_task *task)
{
    RW_ASSERT(task->object.ref_count == 0);
    RW_ASSERT(task->base == NULL);
    RW_ASSERT(task->future == NULL);
    struct rw_loop *loop = task->loop;

    RW_ASSERT(task->state == RW_TASK_DONE);
    RW_ASSERT(task->job.next == NULL);
    if (rw_is_failure(&task->out.value) && !task->seen && task->out.value.code != RW_ERR_CANCELLED) {
        task->object.ref_count = 1; /* the hook may look at the task, not keep it */
        report_unhandled(task);
        RW_ASSERT(task->object.ref_count == 1);
    }
    rw_value_drop(&task->out.value);
    if (task->extra != NULL) {
        rwi_extra_free(task);
    }
    rwi_loop_release(loop, task, sizeof *task);
}

static void destroy_task(struct rw_object *object)
{
    rwi_task_destroy(task_of_object(object));
}

static const struct rw_object_type task_type = {"task", false, destroy_task};

static void queue(struct rw_task *task)
{
    struct rwi_executor *executor = rwi_executor_of(task->loop);

    RW_ASSERT(task->job.next == NULL);
    if (rwi_unlikely(executor->ending)) {
        return; /* killed before long, in whatever state it is */
    }
    set_state(task, RW_TASK_QUEUED);
    rwi_executor_append(executor, &task->job);
}

void rw_task_wake(struct rw_task *task)
{
    RW_ASSERT(task->object.ref_count > 0);
    if (rwi_likely(task->state == RW_TASK_WAITING)) {
        queue(task);
    } else if (task->state == RW_TASK_RUNNING) {
        task->woken = true;
    }
    RW_VERIFY(task->state == RW_TASK_RUNNING || rwi_task_check(task));
}

/* Tasks of the root scope, which nobody joins and which keeps no failures, come and go without further questions. */
static void enter_scope(struct rw_task *task, struct rw_scope *scope)
{
    RW_ASSERT(rwi_list_is_empty(&task->sibling));
    if (rwi_unlikely(scope->parent != NULL)) {
        rwi_scope_adopt(scope, task);
        return;
    }
    RW_ASSERT((scope->flags & RW_SCOPE_SUPERVISOR) != 0);
    task->base = scope;
    task->scope = scope;
    task->effective = scope->effective;
    rwi_list_push_back(&scope->tasks, &task->sibling);
    scope->task_count++;
}

static void leave_scope(struct rw_task *task)
{
    struct rw_scope *scope = task->base;

    RW_ASSERT(task->scope == scope);
    if (rwi_unlikely(scope->parent != NULL)) {
        rwi_scope_release(scope, task, &task->out.value);
        return;
    }
    RW_ASSERT(scope->state == RWI_SCOPE_OPEN);
    rwi_list_remove(&task->sibling);
    scope->task_count--;
    task->base = NULL;
    task->scope = NULL;
}

static void wake_joiners(struct rw_task *task, struct rwi_list *joiners)
{
    struct rwi_list *node;

    RW_ASSERT(joiners->next != NULL);
    task->seen = true;
    while ((node = rwi_list_pop_front(joiners)) != NULL) {
        rwi_join_wake(node);
    }
}

/* The one way into DONE. `value` is taken. */
static void finish(struct rw_task *task, struct rw_value value)
{
    RW_ASSERT(task->state != RW_TASK_WAITING || task->job.next == NULL);
    RW_ASSERT(task->base != NULL);
    struct rwi_list joiners;
    struct rw_future *future = task->future;
    bool is_joined = !rwi_list_is_empty(&task->out.joiners);

    RW_ASSERT(future != NULL);
    if (task->state == RW_TASK_QUEUED) {
        rw_loop_unqueue(task->loop, &task->job);
    }
    set_state(task, RW_TASK_DONE);
    if (is_joined) {
        rwi_list_init(&joiners);
        rwi_list_splice(&joiners, &task->out.joiners);
    }
    task->out.value = value;
    task->future = NULL;
    rw_future_drop(future);
    while (task->scope != task->base) {
        rw_scope_abandon(rw_scope_ref(task->scope)); /* a driver that did not leave what it had entered */
    }
    if (task->extra != NULL) {
        rwi_extra_done(task);
    }
    if (is_joined) {
        wake_joiners(task, &joiners);
    }
    if (task->extra != NULL) {
        rwi_remote_detach(task);
    }
    rwi_executor_of(task->loop)->stats.tasks_live--;
    leave_scope(task);
    rwi_task_unref(task);
}

void rwi_task_kill(struct rw_task *task)
{
    RW_ASSERT(task->object.ref_count > 0);
    RW_ASSERT(task->state != RW_TASK_RUNNING);
    RW_ASSERT(task->state != RW_TASK_DONE);
    finish(task, rw_failure(RW_ERR_CANCELLED));
}

static void wake_by_waker(void *data)
{
    RW_ASSERT(data != NULL);
    rw_task_wake(data);
}

static struct rw_waker clone_waker(void *data)
{
    RW_ASSERT(data != NULL);
    return rwi_remote_waker(data);
}

static void drop_waker(void *data)
{
    RW_ASSERT(data != NULL); /* borrowed: there is nothing to let go of */
    (void)data;
}

static const struct rw_waker_vtable task_waker = {clone_waker, wake_by_waker, drop_waker};

/* A task cancelled before its first run never runs. */
static bool is_still_born(const struct rw_task *task)
{
    RW_ASSERT(task->future != NULL);
    RW_ASSERT(task->state == RW_TASK_RUNNING);
    return rwi_unlikely(task->effective) && !task->started;
}

static void run_task(struct rw_job *job, struct rw_loop *loop)
{
    RW_ASSERT(job->next == NULL);
    struct rwi_executor *executor = rwi_executor_of(loop);
    struct rw_task *task = rwi_container_of(job, struct rw_task, job);
    struct rw_context cx = {{&task_waker, task}, loop, task};
    struct rw_value value;

    RW_ASSERT(task->loop == loop);
    set_state(task, RW_TASK_RUNNING);
    if (rwi_unlikely(is_still_born(task))) {
        finish(task, rwi_cancel_failure(task));
        return;
    }
    task->started = true;
    task->woken = false;
    task->polls++;
    executor->stats.polls++;
    executor->current = task;
    executor->budget_left = executor->budget;
    enum rw_poll poll = rwi_poll(task->future, &cx, &value);

    executor->current = NULL;
    if (poll == RW_READY) {
        finish(task, value);
    } else if (task->woken) {
        queue(task);
    } else {
        set_state(task, RW_TASK_WAITING);
    }
}

/* Field by field: compilers clear a structure of this size as a whole in a way that takes longer than all the rest. */
static void init_task(struct rw_task *task, struct rw_loop *loop, struct rw_future *future)
{
    RW_ASSERT(future != NULL);
    RW_ASSERT(loop != NULL);
    task->job = (struct rw_job){NULL, run_task};
    task->object = (struct rw_object){&task_type, 2}; /* the caller's and the executor's */
    task->loop = loop;
    task->future = future;
    task->state = RW_TASK_WAITING;
    task->woken = false;
    task->cancelled = false;
    task->effective = false;
    task->started = false;
    task->seen = false;
    task->in_a_scope = false;
    rwi_list_init(&task->out.joiners);
    rwi_list_init(&task->sibling);
    task->base = NULL;
    task->scope = NULL;
    task->extra = NULL;
    task->id = rwi_executor_of(loop)->next_id++;
    task->polls = 0;
}

struct rw_task *rw_spawn(struct rw_loop *loop, struct rw_future *future,
                         const struct rw_spawn_options *options)
{
    struct rwi_executor *executor = rwi_executor_of(loop);
    struct rw_scope *scope = options != NULL && options->scope != NULL ? options->scope : executor->root;
    bool is_refused = executor->ending || (scope->state != RWI_SCOPE_OPEN && !rw_scope_is_open(scope));
    struct rw_task *task = is_refused ? NULL : rwi_loop_alloc(loop, sizeof *task);

    RW_REQUIRE(future != NULL);
    RW_REQUIRE(scope->loop == loop);
    if (task == NULL) {
        errno = is_refused ? EINVAL : ENOMEM;
        rw_future_drop(future);
        return NULL;
    }
    init_task(task, loop, future);
    if (options != NULL && rwi_extra_init(task, options) != 0) {
        rwi_loop_release(loop, task, sizeof *task);
        rw_future_drop(future);
        return NULL;
    }
    enter_scope(task, scope);
    executor->stats.tasks_spawned++;
    executor->stats.tasks_live++;
    queue(task);
    RW_VERIFY(rwi_task_check(task));
    return task;
}

struct rw_task *rw_task_ref(struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    RW_ASSERT(task->object.ref_count > 0);
    task->object.ref_count++;
    return task;
}

void rw_task_unref(struct rw_task *task)
{
    if (task != NULL) {
        rwi_task_unref(task);
    }
}

void rw_task_detach(struct rw_task *task)
{
    rw_task_unref(task);
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

struct rw_object *rw_task_object(struct rw_task *task)
{
    RW_REQUIRE(task != NULL);
    RW_ASSERT(task->object.type == &task_type);
    return &task->object;
}

struct rw_task *rw_task_of(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    if (value->kind != RW_KIND_HANDLE || value->as.handle->type != &task_type) {
        return NULL;
    }
    return task_of_object(value->as.handle);
}

struct rw_task *rw_task_current(const struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    RW_ASSERT(loop != NULL);
    return rwi_executor_of(loop)->current;
}

void rw_loop_set_unhandled(struct rw_loop *loop,
                           void (*unhandled)(void *arg, struct rw_task *task, const struct rw_value *value),
                           void *arg)
{
    RW_REQUIRE(loop != NULL);
    struct rwi_executor *executor = rwi_executor_of(loop);

    RW_ASSERT(loop != NULL);
    executor->unhandled = unhandled;
    executor->unhandled_arg = arg;
}
