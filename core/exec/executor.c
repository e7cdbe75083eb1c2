/* SPDX-License-Identifier: MIT
 *
 * executor.c - the run queue and one turn's worth of running.
 *
 * Jobs run first in, first out. A turn runs exactly the jobs that were queued when it began: a job that queues itself
 * cannot starve others, and the order is the same in every run. Invariant: what is queued hangs between queue_head and
 * queue_end, each with next != NULL; batch_last, unless it is NULL, is one of them, and they belong to the turn that is running
 * up to it. Nothing counts them: a count would be written twice for each job, and only emptiness matters.
 *
 * When nothing is queued the executor knows only the nearest deadline: waiting is loop.c's affair.
 */
#include "exec/executor.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "exec/tree.h"

enum { CHECK_MAX = 64 }; /* how far a checked build walks the queue */

struct rwi_loop_datum {
    struct rwi_loop_datum *next;
    const char *name;
    void *data;
    void (*drop)(void *data);
};

static bool check_queue(const struct rwi_executor *executor)
{
    const struct rw_job *job = executor->queue_head;
    const struct rw_job *last = NULL;
    bool is_batch_seen = executor->batch_last == NULL;

    for (int i = 0; job != &executor->queue_end; i++) {
        if (i == CHECK_MAX) {
            return true;
        }
        if (job == NULL) {
            return false;
        }
        is_batch_seen = is_batch_seen || job == executor->batch_last;
        last = job;
        job = job->next;
    }
    return is_batch_seen && (last == NULL || last == executor->queue_tail);
}

int rwi_executor_init(struct rwi_executor *executor, struct rwi_inbox *inbox, uint32_t budget)
{
    RW_ASSERT(budget > 0);
    memset(executor, 0, sizeof *executor);
    executor->queue_head = &executor->queue_end;
    executor->inbox = inbox;
    executor->budget = budget;
    executor->next_id = 1;
    rwi_timers_init(&executor->timers);
    rwi_slabs_init(&executor->slabs);
    executor->root = rwi_scope_new_root(rwi_executor_loop(executor));
    return executor->root != NULL ? 0 : RW_ERR_NOMEM;
}

static void drop_data(struct rwi_executor *executor)
{
    while (executor->data != NULL) {
        struct rwi_loop_datum *datum = executor->data;

        executor->data = datum->next;
        if (datum->drop != NULL && datum->data != NULL) {
            datum->drop(datum->data);
        }
        rwi_mem_free(datum, sizeof *datum);
    }
}

/* A killed task hands its children to the root, so the root runs empty in the end. */
static void kill_tasks(struct rwi_executor *executor)
{
    struct rw_scope *scope = executor->root;

    while (scope != NULL) {
        struct rwi_list *node = rwi_list_first(&scope->tasks);

        if (node == NULL) {
            scope = rwi_scope_next(executor->root, scope);
            continue;
        }
        rwi_task_kill(rwi_task_of_sibling(node));
        scope = executor->root;
    }
}

void rwi_executor_end(struct rwi_executor *executor)
{
    RW_ASSERT(!executor->running);
    executor->ending = true;
    kill_tasks(executor);
    drop_data(executor);
    while (rwi_executor_has_work(executor)) {
        rwi_letter_dispose(rwi_executor_take(executor));
    }
    rwi_timers_fini(&executor->timers);
}

void rwi_executor_fini(struct rwi_executor *executor)
{
    RW_ASSERT(!executor->running);
    RW_ASSERT(!rwi_executor_has_work(executor));
    rwi_scope_free_root(executor->root);
    rwi_timers_fini(&executor->timers);
    rwi_slabs_fini(&executor->slabs);
}

void rw_loop_queue(struct rw_loop *loop, struct rw_job *job)
{
    struct rwi_executor *executor = rwi_executor_of(loop);

    RW_REQUIRE(job->next == NULL);
    rwi_executor_push(executor, job);
    RW_VERIFY(check_queue(executor));
}

bool rw_loop_unqueue(struct rw_loop *loop, struct rw_job *job)
{
    RW_REQUIRE(job != NULL);
    struct rwi_executor *executor = rwi_executor_of(loop);
    struct rw_job **link = &executor->queue_head;
    struct rw_job *before = NULL;

    if (job->next == NULL) {
        return false;
    }
    while (*link != job) {
        RW_REQUIRE(*link != &executor->queue_end);
        before = *link;
        link = &before->next;
    }
    *link = job->next;
    job->next = NULL;
    if (executor->queue_tail == job) {
        executor->queue_tail = before;
    }
    if (executor->batch_last == job) {
        executor->batch_last = before; /* NULL: it was the last that was left */
    }
    RW_VERIFY(check_queue(executor));
    return true;
}

size_t rwi_executor_run(struct rwi_executor *executor, bool (*more)(void *arg), void *arg)
{
    struct rw_loop *loop = rwi_executor_loop(executor);
    size_t ran = 0;

    RW_ASSERT(executor->batch_last == NULL);
    if (!rwi_executor_has_work(executor)) {
        return 0;
    }
    if (more == NULL) {
        return rwi_executor_run_batch(executor);
    }
    executor->batch_last = executor->queue_tail;
    do {
        struct rw_job *job = rwi_executor_take(executor);

        ran++;
        job->run(job, loop);
    } while (more(arg) && executor->batch_last != NULL);
    executor->batch_last = NULL;
    executor->stats.jobs_run += ran;
    return ran;
}

size_t rwi_executor_fire_timers(struct rwi_executor *executor)
{
    RW_ASSERT(executor->timers.floor_ns == RW_NOW);
    struct rw_loop *loop = rwi_executor_loop(executor);
    uint64_t limit = executor->timers.next_sequence;
    struct rw_timer_place *place;
    size_t fired = 0;

    /* A timer that arms itself for the past again and again must not get in front of those that are due. */
    executor->timers.floor_ns = executor->now_ns;
    while ((place = rwi_timers_pop(&executor->timers, executor->now_ns, limit)) != NULL) {
        if (place->kind >= RWI_TIMER_SLEEP) {
            rwi_sleep_fire(place);
        } else {
            struct rw_timer *timer = rwi_container_of(place, struct rw_timer, place);

            timer->fire(timer, loop);
        }
        fired++;
    }
    executor->timers.floor_ns = RW_NOW;
    executor->stats.timers_fired += fired;
    return fired;
}

int64_t rwi_executor_deadline(const struct rwi_executor *executor)
{
    RW_ASSERT(executor->queue_head != NULL);
    return rwi_executor_has_work(executor) ? RW_NOW : rwi_timers_deadline(&executor->timers);
}

void rw_timer_init(struct rw_timer *timer, void (*fire)(struct rw_timer *self, struct rw_loop *loop))
{
    RW_REQUIRE(fire != NULL);
    *timer = (struct rw_timer){.fire = fire};
}

int rw_timer_arm(struct rw_loop *loop, struct rw_timer *timer, int64_t deadline_ns)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(timer->fire != NULL);
    if (rwi_unlikely(rwi_executor_of(loop)->ending)) {
        return RW_ERR_CLOSED;
    }
    return rwi_timers_arm(&rwi_executor_of(loop)->timers, &timer->place, deadline_ns);
}

void rw_timer_disarm(struct rw_loop *loop, struct rw_timer *timer)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(timer != NULL);
    rwi_timers_disarm(&rwi_executor_of(loop)->timers, &timer->place);
}

/* True: the budget is used up and the task has been woken. Whoever polls by hand, not in a turn, has no budget. */
bool rwi_budget_refuse(struct rw_context *cx)
{
    struct rwi_executor *executor = rwi_executor_of(cx->loop);

    RW_ASSERT(executor->budget_left == 0);
    if (executor->current == NULL) {
        return false;
    }
    executor->stats.budget_yields++;
    rw_waker_wake(&cx->waker);
    return true;
}

bool rw_budget_take(struct rw_context *cx)
{
    return rwi_budget_take(cx);
}

void *rw_loop_alloc(struct rw_loop *loop, size_t size)
{
    RW_REQUIRE(loop != NULL);
    return rwi_loop_alloc(loop, size);
}

void rw_loop_release(struct rw_loop *loop, void *memory, size_t size)
{
    RW_REQUIRE(memory != NULL);
    rwi_loop_release(loop, memory, size);
}

static struct rwi_loop_datum *find_datum(const struct rwi_executor *executor, const char *name)
{
    struct rwi_loop_datum *datum = executor->data;

    while (datum != NULL && strcmp(datum->name, name) != 0) {
        datum = datum->next;
    }
    return datum;
}

int rw_loop_set_data(struct rw_loop *loop, const char *name, void *data, void (*drop)(void *data))
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(name != NULL);
    struct rwi_executor *executor = rwi_executor_of(loop);
    struct rwi_loop_datum *datum = find_datum(executor, name);

    if (datum == NULL) {
        datum = rwi_mem_new(sizeof *datum);
        if (datum == NULL) {
            return RW_ERR_NOMEM;
        }
        datum->next = executor->data;
        datum->name = name;
        executor->data = datum;
    }
    datum->data = data;
    datum->drop = drop;
    return 0;
}

void *rw_loop_get_data(const struct rw_loop *loop, const char *name)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(name != NULL);
    const struct rwi_loop_datum *datum = find_datum(rwi_executor_of(loop), name);

    return datum != NULL ? datum->data : NULL;
}
