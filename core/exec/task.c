/* SPDX-License-Identifier: MIT
 *
 * task.c - a spawned future: its states, its end, and who is told.
 *
 *      spawn          run_task          PENDING, nobody woke it
 *   --> QUEUED --------> RUNNING ---------------------------> WAITING
 *          ^               |  \ PENDING, woken meanwhile         |
 *          |               |   `-(WOKEN)-> QUEUED <--- wake -----'
 *          |               v READY, or killed in any state
 *          `- - - - - -  DONE
 *
 * A task that is woken while it runs is WOKEN, which others see as RUNNING.
 *
 * set_state() is the only place that writes the state, and asserts the move. Invariants: a task that is QUEUED is in the
 * run queue exactly once; the executor holds one reference until it is DONE; `future` is NULL exactly when it is DONE;
 * a task that is not done hangs in its base scope's list, and has a scope.
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

enum { TASK_STEPS = sizeof(struct rw_task) / RWI_SLAB_STEP };

_Static_assert(sizeof(struct rw_task) % RWI_SLAB_STEP == 0, "a future that lies behind its task is aligned");

static const bool legal_moves[5][5] = {
    [RW_TASK_QUEUED] = {[RW_TASK_RUNNING] = true, [RW_TASK_DONE] = true},
    [RW_TASK_RUNNING] = {[RWI_TASK_WOKEN] = true, [RW_TASK_WAITING] = true, [RW_TASK_DONE] = true},
    [RWI_TASK_WOKEN] = {[RW_TASK_QUEUED] = true, [RW_TASK_DONE] = true},
    [RW_TASK_WAITING] = {[RW_TASK_QUEUED] = true, [RW_TASK_DONE] = true},
    [RW_TASK_DONE] = {false},
};

static void set_state(struct rw_task *task, unsigned state)
{
    RW_ASSERT(task->state <= RWI_TASK_WOKEN);
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
    RW_REQUIRE(task->scope != NULL || task->state == RW_TASK_DONE);
    RW_REQUIRE(task->loop != NULL);
    RW_REQUIRE(task->state <= RWI_TASK_WOKEN);
    RW_REQUIRE((task->future == NULL) == (task->state == RW_TASK_DONE));
    RW_REQUIRE((task->state == RW_TASK_QUEUED) == (task->job.next != NULL));
    RW_REQUIRE(task->state == RW_TASK_DONE || !rwi_list_is_empty(&task->sibling));
    return true;
}

struct rw_scope *rwi_task_base(const struct rw_task *task)
{
    struct rw_scope *scope = task->scope;

    RW_ASSERT(scope != NULL || task->state == RW_TASK_DONE);
    while (scope != NULL && scope->owner == task) {
        RW_ASSERT(scope->parent != NULL);
        scope = scope->parent;
    }
    return scope;
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

/* What few tasks have to say or to give back when they go. */
static __attribute__((noinline)) void settle_estate(struct rw_task *task)
{
    RW_ASSERT(task->state == RW_TASK_DONE);
    RW_ASSERT(task->future == NULL);
    if (rw_is_failure(&task->out.value) && !task->seen && task->out.value.code != RW_ERR_CANCELLED) {
        task->object.ref_count = 1; /* the hook may look at the task, not keep it */
        report_unhandled(task);
        RW_ASSERT(task->object.ref_count == 1);
    }
    rw_value_drop(&task->out.value);
    rwi_extra_free(task);
}

void rwi_task_destroy(struct rw_task *task)
{
    RW_ASSERT(task->scope == NULL);
    RW_ASSERT(task->future == NULL);
    RW_ASSERT(task->state == RW_TASK_DONE);
    RW_ASSERT(task->job.next == NULL);
    struct rwi_executor *executor = rwi_executor_of(task->loop);

    RW_ASSERT(task->object.ref_count == 0);
    if (rwi_unlikely(task->out.value.kind >= RW_KIND_BYTES || task->extra != NULL)) {
        settle_estate(task);
    }
    rwi_slabs_release_steps(&executor->slabs, task, TASK_STEPS + task->future_steps);
    if (rwi_unlikely(executor->zombie)) {
        rwi_loop_bury(rwi_executor_loop(executor));
    }
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

static inline void wake(struct rw_task *task)
{
    RW_ASSERT(task->object.ref_count > 0);
    if (rwi_likely(task->state == RW_TASK_WAITING)) {
        queue(task);
    } else if (task->state == RW_TASK_RUNNING) {
        set_state(task, RWI_TASK_WOKEN);
    }
    RW_VERIFY(rwi_task_is_running(task) || rwi_task_check(task));
}

void rw_task_wake(struct rw_task *task)
{
    RW_ASSERT(task != NULL);
    wake(task);
}

/* Tasks of the root scope, which nobody joins and which keeps no failures, come and go without further questions. */
static inline void enter_root(struct rw_task *task, struct rw_scope *root)
{
    RW_ASSERT((root->flags & RW_SCOPE_SUPERVISOR) != 0);
    RW_ASSERT(root->parent == NULL);
    task->scope = root;
    task->effective = root->effective;
    rwi_list_append_new(&root->tasks, &task->sibling);
    root->task_count++;
}

static inline void leave_scope(struct rw_task *task)
{
    struct rw_scope *scope = task->scope;

    RW_ASSERT(scope->owner != task);
    RW_ASSERT(scope->task_count > 0);
    if (rwi_unlikely(scope->parent != NULL)) {
        rwi_scope_release(scope, task, &task->out.value);
        return;
    }
    RW_ASSERT(scope->state == RWI_SCOPE_OPEN);
    rwi_list_cut(&task->sibling);
    scope->task_count--;
    task->scope = NULL;
}

/* The one way into DONE. `value` is taken. Compiled into the run, where tasks end most. */
static inline __attribute__((always_inline)) void finish(struct rw_task *task, struct rw_value value)
{
    RW_ASSERT(task->state != RW_TASK_WAITING || task->job.next == NULL);
    RW_ASSERT(task->scope != NULL);
    struct rw_future *future = task->future;
    struct rwi_list *joiners = task->out.joiners;

    RW_ASSERT(future != NULL);
    if (rwi_unlikely(task->state == RW_TASK_QUEUED)) {
        rw_loop_unqueue(task->loop, &task->job);
    }
    set_state(task, RW_TASK_DONE);
    task->out.value = value;
    task->future = NULL;
    if (rwi_unlikely(task->extra != NULL)) {
        rwi_extra_done(task);
    }
    if (joiners != NULL) {
        task->seen = true;
        rwi_join_wake_all(
            joiners); /* before anything else is dropped, which might be a join of this very task */
    }
    rwi_future_drop(future);
    while (rwi_unlikely(task->scope->owner == task)) {
        rw_scope_abandon(rw_scope_ref(task->scope)); /* a driver that did not leave what it had entered */
    }
    if (rwi_unlikely(task->extra != NULL)) {
        rwi_remote_detach(task);
    }
    rwi_executor_of(task->loop)->stats.tasks_live--;
    leave_scope(task);
    rwi_task_unref(task);
}

static __attribute__((noinline)) void end_unrun(struct rw_task *task, struct rw_value value)
{
    RW_ASSERT(rw_is_failure(&value));
    RW_ASSERT(task->state != RW_TASK_DONE);
    finish(task, value);
}

void rwi_task_kill(struct rw_task *task)
{
    RW_ASSERT(task->object.ref_count > 0);
    RW_ASSERT(!rwi_task_is_running(task));
    RW_ASSERT(task->state != RW_TASK_DONE);
    end_unrun(task, rw_failure(RW_ERR_CANCELLED));
}

static void wake_by_waker(void *data)
{
    RW_ASSERT(data != NULL);
    wake(data);
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
    return task->effective && (task->future->state & RW_FUTURE_POLLED) == 0;
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
        end_unrun(task, rwi_cancel_failure(task));
        return;
    }
    if (rwi_unlikely(++task->polls == 0)) {
        rwi_extra_carry_polls(task);
    }
    executor->stats.polls++;
    executor->current = task;
    executor->budget_left = executor->budget;
    enum rw_poll poll = rwi_poll(task->future, &cx, &value);

    executor->current = NULL;
    if (poll == RW_READY) {
        finish(task, value);
    } else if (task->state == RWI_TASK_WOKEN) {
        queue(task);
    } else {
        set_state(task, RW_TASK_WAITING);
    }
}

/* Field by field: compilers clear a structure of this size as a whole in a way that takes longer than all the rest.
 * The caller sets what says in which scope it is. */
static inline void init_task(struct rw_task *task, struct rw_loop *loop, size_t future_steps)
{
    RW_ASSERT(loop != NULL);
    RW_ASSERT(future_steps <= UINT8_MAX);
    task->job = (struct rw_job){NULL, run_task};
    task->object = (struct rw_object){&task_type, 2}; /* the caller's and the executor's */
    task->loop = loop;
    task->future = (struct rw_future *)(void *)(task + 1);
    task->polls = 0;
    task->state = RW_TASK_WAITING;
    task->effective = false;
    task->cancelled = false;
    task->seen = false;
    task->unused = 0;
    task->future_steps = (uint8_t)future_steps;
    task->out.joiners = NULL;
    task->extra = NULL;
    task->id = rwi_executor_of(loop)->next_id++;
}

static inline void start(struct rw_task *task, struct rwi_executor *executor)
{
    RW_ASSERT(task->scope != NULL);
    RW_ASSERT(task->job.next == NULL);
    executor->stats.tasks_live++;
    set_state(task, RW_TASK_QUEUED);
    rwi_executor_append(executor, &task->job);
    RW_VERIFY(rwi_task_check(task));
}

static struct rw_task *refuse(int os_errno)
{
    RW_ASSERT(os_errno == EINVAL || os_errno == ENOMEM);
    errno = os_errno;
    RW_ASSERT(errno != 0);
    return NULL;
}

static __attribute__((noinline)) struct rw_task *spawn_with(struct rw_loop *loop, size_t future_steps,
                                                            const struct rw_spawn_options *options)
{
    struct rwi_executor *executor = rwi_executor_of(loop);
    struct rw_scope *scope = options->scope != NULL ? options->scope : executor->root;

    RW_ASSERT(options != NULL);
    RW_REQUIRE(scope->loop == loop);
    if (executor->ending || !rw_scope_is_open(scope)) {
        return refuse(EINVAL);
    }
    struct rw_task *task = rwi_slabs_alloc_steps(&executor->slabs, TASK_STEPS + future_steps);

    if (task == NULL) {
        return refuse(ENOMEM);
    }
    init_task(task, loop, future_steps);
    if (rwi_extra_init(task, options) != 0) {
        rwi_slabs_release_steps(&executor->slabs, task, TASK_STEPS + future_steps);
        return refuse(ENOMEM);
    }
    rwi_scope_adopt(scope, task);
    start(task, executor);
    return task;
}

/* Its future lies behind it until the caller says otherwise. Compiled for each kind of spawning. */
static inline __attribute__((always_inline)) struct rw_task *spawn(struct rw_loop *loop, size_t future_steps,
                                                                   const struct rw_spawn_options *options)
{
    struct rwi_executor *executor = rwi_executor_of(loop);
    struct rw_task *task;

    if (rwi_unlikely(options != NULL)) {
        return spawn_with(loop, future_steps, options);
    }
    RW_ASSERT(executor->ending || executor->root->state == RWI_SCOPE_OPEN);
    if (rwi_unlikely(executor->ending)) {
        return refuse(EINVAL);
    }
    task = rwi_slabs_alloc_steps(&executor->slabs, TASK_STEPS + future_steps);
    if (rwi_unlikely(task == NULL)) {
        return refuse(ENOMEM);
    }
    init_task(task, loop, future_steps);
    enter_root(task, executor->root);
    start(task, executor);
    return task;
}

struct rw_task *rw_spawn(struct rw_loop *loop, struct rw_future *future,
                         const struct rw_spawn_options *options)
{
    RW_REQUIRE(future != NULL);
    struct rw_task *task = spawn(loop, 0, options);

    if (rwi_unlikely(task == NULL)) {
        int os_errno = errno;

        rw_future_drop(future);
        errno = os_errno;
        return NULL;
    }
    RW_ASSERT(task->state == RW_TASK_QUEUED);
    task->future = future;
    return task;
}

int rw_spawn_detached(struct rw_loop *loop, struct rw_future *future)
{
    struct rw_task *task = rw_spawn(loop, future, NULL);

    if (task == NULL) {
        return errno == ENOMEM ? RW_ERR_NOMEM : RW_ERR_CLOSED;
    }
    RW_ASSERT(!task->seen);
    task->seen = true;
    rw_task_unref(task);
    return 0;
}

struct rw_task *rw_spawn_inline(struct rw_loop *loop, const struct rw_future_vtable *vtable, size_t size,
                                const struct rw_spawn_options *options, struct rw_future **future)
{
    RW_REQUIRE(vtable != NULL);
    RW_REQUIRE(size - sizeof(struct rw_future) <= RW_SPAWN_INLINE_MAX - sizeof(struct rw_future));
    struct rw_task *task = spawn(loop, (size + RWI_SLAB_STEP - 1) / RWI_SLAB_STEP, options);

    if (rwi_unlikely(task == NULL)) {
        *future = NULL;
        return NULL;
    }
    *future = (struct rw_future *)(void *)(task + 1);
    RW_ASSERT(task->future == *future);
    rw_future_init(*future, vtable);
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
