/* SPDX-License-Identifier: MIT
 *
 * loop.c - one turn of executor and reactor, and the life of a loop.
 *
 * A turn: mail from other threads; wait for, or look at, what the kernel has; fire due timers; run what was queued; flush what was
 * written. Only this file waits. While work is queued, turns that may wait look at the clock only once per LOOK_INTERVAL jobs,
 * and at the kernel once per POLL_PERIOD_NS, so that a pair of tasks that wake each other costs no system call; turns of a guest
 * always look (docs/design/0003, 0006).
 *
 * Invariant: between turns either the inbox is parked, so that a wake from another thread writes the descriptor that a host
 * may be sleeping on, or the deadline is now, because work is queued or `again` is set.
 *
 * An ended loop stays in memory as a zombie until the last object and future made from it is gone: scripts' collectors
 * free sockets and channels whenever they like.
 */
#include "loop.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "exec/tree.h"
#include "reactor/sim.h"

enum { LOOK_INTERVAL = 61, LOOKS_MAX = 16, LAST_TURNS = 200 };

#define POLL_PERIOD_NS INT64_C(20000)

static const struct rw_loop_options default_options;

/* With work queued the deadline is now: nobody sleeps before the next turn, so there is no need to park. */
static void park_between_turns(struct rw_loop *loop)
{
    RW_ASSERT(loop->inbox != NULL);
    loop->parked = !rwi_executor_has_work(&loop->executor);
    loop->again = loop->parked && !rwi_inbox_park(loop->inbox);
}

struct rw_loop *rwi_loop_new_on(const struct rwi_sys *sys, const struct rw_loop_options *options)
{
    RW_ASSERT(sys != NULL);
    RW_ASSERT(options != NULL);
    struct rw_loop *loop = rwi_mem_new(sizeof *loop);
    uint32_t budget = options->task_budget != 0 ? options->task_budget : RW_DEFAULT_TASK_BUDGET;

    if (loop == NULL) {
        goto no_memory;
    }
    loop->thread = pthread_self();
    loop->inbox = rwi_inbox_new();
    if (loop->inbox == NULL) {
        goto free_loop;
    }
    if (rwi_executor_init(&loop->executor, loop->inbox, budget) != 0) {
        errno = ENOMEM;
        goto fini_executor;
    }
    if (rwi_reactor_init(&loop->reactor, sys, loop->inbox) != 0) {
        goto fini_executor;
    }
    loop->executor.slabs.births = RW_CHECK_LEVEL >= 3 ? rwi_births_new(rwi_is_public) : NULL;
    loop->executor.outside = &loop->reactor;
    loop->executor.sys = sys;
    loop->executor.blocking_threads = options->blocking_threads;
    loop->executor.blocking_queue = options->blocking_queue;
    loop->polled_ns = rw_loop_update_now(loop);
    loop->look_at = LOOK_INTERVAL;
    park_between_turns(loop);
    return loop;

fini_executor:
    rwi_executor_fini(&loop->executor);
    rwi_inbox_unref(loop->inbox);
free_loop:
    rwi_mem_free(loop, sizeof *loop);
    return NULL;
no_memory:
    errno = ENOMEM;
    return NULL;
}

struct rw_loop *rw_loop_new(const struct rw_loop_options *options)
{
    if (options == NULL) {
        options = &default_options;
    }
    return rwi_loop_new_on(options->sim != NULL ? rwi_sim_sys(options->sim) : rwi_sys_real(), options);
}

void rwi_loop_bury(struct rw_loop *loop)
{
    RW_ASSERT(loop->executor.zombie);
    if (loop->executor.stats.objects_live > 0 || loop->executor.slabs.live > 0) {
        return;
    }
    rwi_births_free(loop->executor.slabs.births);
    rwi_executor_fini(&loop->executor);
    rwi_inbox_unref(loop->inbox);
    rwi_mem_free(loop, sizeof *loop);
}

/* Asks every task to end and gives them turns, without waiting, for as long as that gets anywhere. */
static void run_down(struct rw_loop *loop)
{
    RW_ASSERT(!loop->forked);
    RW_ASSERT(!loop->executor.ending);
    rw_scope_cancel(loop->executor.root, "the loop ends");
    for (int i = 0; i < LAST_TURNS && loop->executor.stats.tasks_live > 0; i++) {
        if (!rwi_executor_has_work(&loop->executor) && !rwi_inbox_has_mail(loop->inbox)) {
            break;
        }
        if (rw_loop_turn(loop, 0, 0) < 0) {
            break;
        }
    }
}

/* Jobs that still run on a pool have to end before the inbox may close. Their threads may need the host's lock to get there. */
static void await_blocking(struct rw_loop *loop)
{
    RW_ASSERT(loop->executor.ending);
    while (loop->executor.stats.blocking_live > 0 && loop->executor.sys->sim == NULL) {
        if (loop->hooks.before != NULL) {
            loop->hooks.before(loop->hooks.arg);
        }
        rwi_inbox_wait(loop->inbox);
        if (loop->hooks.after != NULL) {
            loop->hooks.after(loop->hooks.arg);
        }
        rwi_inbox_drain(loop->inbox, loop);
    }
}

void rw_loop_free(struct rw_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    RW_REQUIRE(!loop->executor.running);
    RW_REQUIRE(!loop->executor.zombie);
    if (!loop->forked) {
        RW_REQUIRE(rw_loop_is_own_thread(loop));
        run_down(loop);
    }
    rwi_executor_end(&loop->executor);
    if (!loop->forked) {
        await_blocking(loop);
        rw_pool_unref(loop->executor.pool);
    }
    loop->executor.pool = NULL;
    rwi_reactor_fini(&loop->reactor);
    rwi_inbox_close(loop->inbox);
    if (!loop->forked) {
        rwi_births_report(loop->executor.slabs.births);
    }
    loop->executor.zombie = true;
    rwi_loop_bury(loop);
}

/* How long this turn may sleep. */
static int64_t choose_timeout(struct rw_loop *loop, unsigned flags)
{
    RW_ASSERT(loop->executor.running);
    int64_t deadline_ns = rwi_executor_deadline(&loop->executor);

    if ((flags & RW_TURN_WAIT) == 0 || deadline_ns == RW_NOW || loop->again) {
        return 0;
    }
    if (deadline_ns == RW_NEVER) {
        return RW_NEVER;
    }
    int64_t now_ns = rw_loop_update_now(loop);

    return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

/* The hooks frame only the sleep: wakers may belong to a host and need its lock. */
static int wait_with_hooks(struct rw_loop *loop, int64_t timeout_ns)
{
    int hook_err = 0;

    RW_ASSERT(loop->executor.running);
    RW_ASSERT(timeout_ns >= 0);
    if (timeout_ns != 0 && loop->hooks.before != NULL) {
        loop->hooks.before(loop->hooks.arg);
    }
    int err = rwi_reactor_sleep(&loop->reactor, timeout_ns);

    if (timeout_ns != 0 && loop->hooks.after != NULL) {
        hook_err = loop->hooks.after(loop->hooks.arg);
    }
    if (err >= 0) {
        err = rwi_reactor_dispatch(&loop->reactor); /* also when the hook failed: edges come once */
    }
    return hook_err < 0 ? hook_err : err;
}

/* Jobs may be of any length: after some of them the clock says whether it is time for a system call. */
static bool is_time_to_poll(struct rw_loop *loop)
{
    struct rwi_executor *executor = &loop->executor;

    RW_ASSERT(executor->stats.jobs_run >= loop->look_at);
    if (executor->sys->sim != NULL || loop->looks == LOOKS_MAX) {
        return true; /* simulated time stands still until the reactor is asked */
    }
    int64_t now_ns = rw_loop_update_now(loop);

    if (now_ns - loop->polled_ns >= POLL_PERIOD_NS || rwi_timers_deadline(&executor->timers) <= now_ns) {
        return true;
    }
    loop->looks++;
    loop->look_at = executor->stats.jobs_run + LOOK_INTERVAL;
    return false;
}

static bool is_poll_due(struct rw_loop *loop, unsigned flags)
{
    if ((flags & RW_TURN_WAIT) == 0 || !rwi_executor_has_work(&loop->executor)) {
        return true;
    }
    return rwi_unlikely(loop->executor.stats.jobs_run >= loop->look_at) && is_time_to_poll(loop);
}

static bool has_mail(const struct rw_loop *loop)
{
    const struct rwi_inbox *inbox = loop->inbox;

    RW_ASSERT(!rwi_inbox_is_closed(inbox));
    return __atomic_load_n(&inbox->head, __ATOMIC_RELAXED) != NULL ||
           __atomic_load_n(&inbox->wake_all, __ATOMIC_RELAXED) != 0;
}

static void take_mail(struct rw_loop *loop)
{
    RW_ASSERT(loop->executor.running);
    if (!has_mail(loop)) {
        return;
    }
    rwi_inbox_drain(loop->inbox, loop);
    if (__atomic_exchange_n(&loop->inbox->wake_all, 0, __ATOMIC_ACQ_REL) != 0) {
        rwi_task_wake_all(loop);
    }
}

struct turn_budget {
    struct rw_loop *loop;
    int64_t end_ns;
};

static bool has_time(void *arg)
{
    const struct turn_budget *budget = arg;

    return budget->loop->executor.sys->clock_ns(budget->loop->executor.sys->arg) < budget->end_ns;
}

static size_t run_queue(struct rw_loop *loop, int64_t budget_ns)
{
    struct turn_budget budget = {loop, 0};

    RW_ASSERT(budget_ns >= 0);
    if (budget_ns == 0) {
        return rwi_executor_run(&loop->executor, NULL, NULL);
    }
    rw_loop_update_now(loop); /* a turn that did not look at the clock has an old one */
    budget.end_ns = rw_deadline_after(loop, budget_ns);
    return rwi_executor_run(&loop->executor, has_time, &budget);
}

/* The turn itself, readable on one screen. */
static int turn(struct rw_loop *loop, unsigned flags, int64_t budget_ns)
{
    RW_ASSERT(loop->executor.running);
    RW_ASSERT(loop->executor.current == NULL);
    struct rwi_executor *executor = &loop->executor;
    int err = 0;

    take_mail(loop);
    if (is_poll_due(loop, flags)) {
        err = wait_with_hooks(loop, choose_timeout(loop, flags));
        take_mail(loop);
        loop->polled_ns = rw_loop_update_now(loop);
        loop->look_at = executor->stats.jobs_run + LOOK_INTERVAL;
        loop->looks = 0;
        rwi_executor_fire_timers(executor);
    }
    if (err < 0) {
        return err;
    }
    size_t ran = run_queue(loop, budget_ns);

    rwi_reactor_flush(&loop->reactor);
    executor->stats.turns++;
    return ran > INT32_MAX ? INT32_MAX : (int)ran;
}

/* The same where there is nothing to ask anybody for. */
static inline int short_turn(struct rw_loop *loop)
{
    RW_ASSERT(loop->executor.running);
    RW_ASSERT(rwi_executor_has_work(&loop->executor));
    size_t ran = rwi_executor_run_batch(&loop->executor);

    if (rwi_unlikely(rwi_reactor_has_flushes(&loop->reactor))) {
        rwi_reactor_flush(&loop->reactor);
    }
    loop->executor.stats.turns++;
    return ran > INT32_MAX ? INT32_MAX : (int)ran;
}

/* 0 when the caller may turn the loop now. */
static int refuse_turn(const struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    if (!rw_loop_is_own_thread(loop)) {
        return RW_ERR_THREAD;
    }
    return loop->executor.running || loop->executor.ending || loop->forked ? RW_ERR_STATE : 0;
}

int rw_loop_turn(struct rw_loop *loop, unsigned flags, int64_t budget_ns)
{
    int err = refuse_turn(loop);

    if (err < 0) {
        return err;
    }
    loop->executor.running = true;
    if (loop->parked) {
        rwi_inbox_unpark(loop->inbox);
    }
    bool is_short = budget_ns <= 0 && !has_mail(loop) && !is_poll_due(loop, flags);
    int ran = rwi_likely(is_short) ? short_turn(loop) : turn(loop, flags, budget_ns < 0 ? 0 : budget_ns);

    park_between_turns(loop);
    loop->executor.running = false;
    return ran;
}

/* Turns that have nothing to ask the kernel for, one after the other. */
static void short_turns(struct rw_loop *loop, const struct rw_task *task)
{
    struct rwi_executor *executor = &loop->executor;

    do {
        short_turn(loop);
        if (rwi_unlikely(has_mail(loop))) {
            take_mail(loop);
        }
    } while (task->state != RW_TASK_DONE && rwi_executor_has_work(executor) &&
             executor->stats.jobs_run < loop->look_at);
}

/* Turns until the task is done. Nobody but the turn itself sleeps on the loop meanwhile, so the inbox stays awake
 * between turns. */
static int run_until_done(struct rw_loop *loop, const struct rw_task *task)
{
    RW_ASSERT(!loop->executor.running);
    int err = 0;

    loop->executor.running = true;
    rwi_inbox_unpark(loop->inbox);
    while (err >= 0 && task->state != RW_TASK_DONE) {
        if (!is_poll_due(loop, RW_TURN_WAIT)) {
            short_turns(loop, task);
        } else if (!rwi_executor_has_work(&loop->executor) && rw_loop_is_idle(loop)) {
            err = RW_ERR_DEADLOCK;
        } else {
            err = turn(loop, RW_TURN_WAIT, 0);
            loop->again = false;
        }
    }
    park_between_turns(loop);
    loop->executor.running = false;
    return err < 0 ? err : 0;
}

int rw_block_on(struct rw_loop *loop, struct rw_future *future, struct rw_value *out)
{
    RW_REQUIRE(future != NULL);
    RW_REQUIRE(out != NULL);
    *out = rw_nil();
    int err = refuse_turn(loop);

    if (err < 0) {
        rw_future_drop(future);
        return err;
    }
    struct rw_task *task = rw_spawn(loop, future, NULL);

    if (task == NULL) {
        return RW_ERR_NOMEM;
    }
    err = run_until_done(loop, task);

    if (rw_task_is_done(task)) {
        *out = rw_value_clone(rw_task_value(task));
        err = 0;
    } else {
        rwi_task_kill(task);
    }
    rw_task_unref(task);
    return err;
}

int rw_loop_fd(struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    int fd = rwi_reactor_fd(&loop->reactor);

    return fd >= 0 ? fd : RW_ERR_UNSUPPORTED;
}

int64_t rw_loop_deadline(const struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    /* Not parked: the last turn left work, which the host may have taken out again; a wake would not be seen. */
    return loop->again || !loop->parked ? RW_NOW : rwi_executor_deadline(&loop->executor);
}

bool rw_loop_is_idle(const struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    const struct rwi_executor *executor = &loop->executor;

    if (loop->again || rwi_executor_deadline(executor) != RW_NEVER) {
        return false;
    }
    /* Holders before mail: the last one may send and go between the two looks. */
    if (executor->stats.blocking_live > 0 || rwi_remote_may_wake(loop)) {
        return false;
    }
    return !has_mail(loop) && !rwi_reactor_has_waiters(&loop->reactor);
}

int64_t rw_loop_now(const struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    return loop->executor.now_ns;
}

int64_t rw_loop_update_now(struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    loop->executor.now_ns = loop->executor.sys->clock_ns(loop->executor.sys->arg);
    return loop->executor.now_ns;
}

bool rw_loop_is_running(const struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    return loop->executor.running;
}

bool rw_loop_is_own_thread(const struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    return pthread_equal(loop->thread, pthread_self()) != 0;
}

void rw_loop_adopt_thread(struct rw_loop *loop)
{
    RW_REQUIRE(!loop->executor.running);
    loop->thread = pthread_self();
}

void rw_loop_after_fork(struct rw_loop *loop)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(!loop->executor.zombie);
    loop->forked = true;
    loop->executor.running = false;
    rwi_inbox_unpark(loop->inbox); /* so that nothing of ours is written to the parent's descriptor */
    rwi_reactor_after_fork(&loop->reactor);
}

void rw_loop_set_wait_hooks(struct rw_loop *loop, const struct rw_wait_hooks *hooks)
{
    RW_REQUIRE(loop != NULL);
    loop->hooks = hooks != NULL ? *hooks : (struct rw_wait_hooks){0};
}

void rw_stats(const struct rw_loop *loop, struct rw_stats *out)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(out != NULL);
    *out = loop->executor.stats;
    out->tasks_spawned = loop->executor.next_id - 1 - loop->executor.scopes_made;
    out->timers_armed = loop->executor.timers.count;
    out->futures_live = loop->executor.slabs.live;
    out->fds_open = rwi_reactor_source_count(&loop->reactor);
}
