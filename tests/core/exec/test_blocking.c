/* SPDX-License-Identifier: MIT
 *
 * test_blocking.c - functions that block, as futures.
 */
#include "net.h"

struct work {
    int runs;
    int drops;
    pthread_mutex_t gate; /* held by the test: the job waits */
    bool gated;
};

static void work_init(struct work *work)
{
    *work = (struct work){0};
    pthread_mutex_init(&work->gate, NULL);
}

static void run_work(void *arg, struct rw_value *out)
{
    struct work *work = arg;

    if (work->gated) {
        pthread_mutex_lock(&work->gate);
        pthread_mutex_unlock(&work->gate);
    }
    *out = rw_int(__atomic_add_fetch(&work->runs, 1, __ATOMIC_RELAXED));
}

static void drop_work(void *arg)
{
    ((struct work *)arg)->drops++;
}

static void the_value_of_the_function_is_the_outcome(struct net *net)
{
    struct work work;
    struct rw_value out;

    work_init(&work);
    out = net_wait(net, rw_spawn_blocking(net->loop, NULL, run_work, drop_work, &work));
    CHECK_INT(out.kind, RW_KIND_INT);
    CHECK_INT(out.as.integer, 1);
    CHECK_INT(work.drops, 1);
}
NET_TEST(the_value_of_the_function_is_the_outcome)

static void a_hundred_jobs_end_on_few_threads(struct net *net)
{
    struct rw_future *futures[100];
    struct work work;

    work_init(&work);
    for (int i = 0; i < 100; i++) {
        futures[i] = rw_spawn_blocking(net->loop, NULL, run_work, drop_work, &work);
    }
    CHECK_TEXT(net_text(net, rw_join_all(net->loop, futures, 100)), "list");
    CHECK_INT(work.runs, 100);
    CHECK_INT(work.drops, 100);
}
NET_TEST(a_hundred_jobs_end_on_few_threads)

static void nothing_runs_before_the_first_poll(struct net *net)
{
    struct work work;

    work_init(&work);
    rw_future_drop(rw_spawn_blocking(net->loop, NULL, run_work, drop_work, &work));
    CHECK_INT(work.runs, 0);
    CHECK_INT(work.drops, 1);
}
NET_TEST(nothing_runs_before_the_first_poll)

static void a_full_queue_is_told(void)
{
    struct net net;
    struct work held;
    struct work quick;
    struct rw_pool *pool = rw_pool_new("small", 1, 1);
    struct rw_task *running;
    struct rw_task *waiting;

    net_open(&net, false);
    work_init(&held);
    work_init(&quick);
    held.gated = true;
    pthread_mutex_lock(&held.gate);
    running = rw_spawn(net.loop, rw_spawn_blocking(net.loop, pool, run_work, drop_work, &held), NULL);
    net_turns(&net, 1);
    waiting = rw_spawn(net.loop, rw_spawn_blocking(net.loop, pool, run_work, drop_work, &held), NULL);
    net_turns(&net, 1);
    /* The thread may or may not have taken the first: one more fills the queue for certain. */
    for (int i = 0; i < 2; i++) {
        rw_task_unref(
            rw_spawn(net.loop, rw_spawn_blocking(net.loop, pool, run_work, drop_work, &quick), NULL));
    }
    net_turns(&net, 1);
    CHECK_TEXT(net_text(&net, rw_spawn_blocking(net.loop, pool, run_work, drop_work, &quick)), "full");
    pthread_mutex_unlock(&held.gate);
    CHECK_INT(net_code(&net, rw_task_join(running)), 0);
    net_code(&net, rw_task_join(waiting));
    rw_task_unref(running);
    rw_task_unref(waiting);
    net_close(&net);
    rw_pool_unref(pool);
    CHECK_INT(held.drops, 2);
    CHECK_INT(quick.drops, 3);
}

static void a_cancelled_job_that_waits_never_runs(void)
{
    struct net net;
    struct work held;
    struct work waiting;
    struct rw_pool *pool = rw_pool_new("one", 1, 10);
    struct rw_task *first;
    struct rw_task *second;

    net_open(&net, false);
    work_init(&held);
    work_init(&waiting);
    held.gated = true;
    pthread_mutex_lock(&held.gate);
    first = rw_spawn(net.loop, rw_spawn_blocking(net.loop, pool, run_work, drop_work, &held), NULL);
    second = rw_spawn(net.loop, rw_spawn_blocking(net.loop, pool, run_work, drop_work, &waiting), NULL);
    net_turns(&net, 1);
    rw_task_cancel(second, NULL);
    CHECK_TEXT(net_text(&net, rw_task_join(second)), "cancelled");
    CHECK_INT(waiting.drops, 1);
    rw_task_cancel(first, NULL);
    CHECK_TEXT(net_text(&net, rw_task_join(first)), "cancelled");
    pthread_mutex_unlock(&held.gate);
    rw_task_unref(first);
    rw_task_unref(second);
    net_close(&net);
    rw_pool_unref(pool);
    CHECK_INT(waiting.runs, 0);
    CHECK_INT(held.drops, 1);
}

static void a_loop_waits_for_its_jobs_before_it_is_gone(void)
{
    struct net net;
    struct work work;

    for (int i = 0; i < 50; i++) {
        net_open(&net, false);
        work_init(&work);
        rw_task_unref(
            rw_spawn(net.loop, rw_spawn_blocking(net.loop, NULL, run_work, drop_work, &work), NULL));
        net_turns(&net, 1);
        net_close(&net);
        CHECK_INT(work.drops, 1);
    }
}

static void block_with_scarce_memory(void)
{
    struct net net;
    struct work work;

    work_init(&work);
    net_open(&net, false);
    if (net.loop != NULL) {
        net_code(&net, rw_spawn_blocking(net.loop, NULL, run_work, drop_work, &work));
        if (work.drops != 1) {
            test_fail(__FILE__, __LINE__, "the argument was not dropped once");
        }
    }
    net_close(&net);
}

static void every_failed_allocation_is_survived(void)
{
    test_each_allocation(block_with_scarce_memory);
}

static const struct test tests[] = {
    NET_ENTRIES(the_value_of_the_function_is_the_outcome),
    NET_ENTRIES(a_hundred_jobs_end_on_few_threads),
    NET_ENTRIES(nothing_runs_before_the_first_poll),
    TEST(a_full_queue_is_told),
    TEST(a_cancelled_job_that_waits_never_runs),
    TEST(a_loop_waits_for_its_jobs_before_it_is_gone),
    TEST(every_failed_allocation_is_survived),
};

TEST_MAIN(tests)
