/* SPDX-License-Identifier: MIT
 *
 * test_waker.c - wakers and abort handles in other threads' hands; they outlive tasks and loops.
 */
#include <pthread.h>

#include "script.h"

/* ---- one thread: what each kind of waker does --------------------------------------------------------------------- */

struct keeping_future {
    struct rw_future base;
    struct rw_waker *kept;
    int *polls;
};

static enum rw_poll poll_keeping(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct keeping_future *keeping = (struct keeping_future *)self;

    (void)out;
    ++*keeping->polls;
    if (keeping->kept->vtable == NULL) {
        *keeping->kept = rw_waker_clone(&cx->waker);
    }
    return RW_PENDING;
}

static void drop_keeping(struct rw_future *self)
{
    rw_loop_release(loop, self, sizeof(struct keeping_future));
}

static const struct rw_future_vtable keeping_vtable = {"keeping", 0, poll_keeping, NULL, drop_keeping};

static struct rw_future *keeping_new(struct rw_waker *kept, int *polls)
{
    struct keeping_future *future = rw_loop_alloc(loop, sizeof *future);

    rw_future_init(&future->base, &keeping_vtable);
    future->kept = kept;
    future->polls = polls;
    return &future->base;
}

static void a_cloned_waker_wakes_its_task_any_number_of_times(void)
{
    struct rw_waker kept = {NULL, NULL};
    struct rw_stats stats;
    int polls = 0;

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, keeping_new(&kept, &polls), NULL);

    run_turns(1);
    CHECK(!rw_loop_is_idle(loop)); /* somebody may still wake it */
    struct rw_waker second = rw_waker_clone(&kept);

    rw_waker_wake(&kept);
    rw_waker_wake(&second);
    rw_waker_wake(&kept);
    CHECK_INT(polls, 1);
    run_turns(1);
    CHECK_INT(polls, 2); /* three wakes, one poll */
    rw_waker_drop(&kept);
    kept = second; /* so that the future does not clone once more */
    rw_waker_wake(&second);
    run_turns(1);
    CHECK_INT(polls, 3);
    rw_stats(loop, &stats);
    CHECK_INT(stats.wakes_remote, 2);
    rw_task_cancel(task, NULL);
    run_turns(1);
    CHECK(rw_task_is_done(task));
    rw_waker_wake(&second); /* of a task that is done */
    run_turns(1);
    rw_waker_drop(&second);
    CHECK(rw_loop_is_idle(loop) || rw_loop_turn(loop, 0, 0) == 0);
    CHECK(rw_loop_is_idle(loop));
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void without_memory_for_a_waker_every_task_is_woken(void)
{
    struct rw_waker kept = {NULL, NULL};
    struct gate gate = {.poll_count = 0};
    int polls = 0;

    CHECK(world_begin());
    struct rw_task *other = rw_spawn(loop, gate_wait(&gate), NULL);
    struct rw_task *task = rw_spawn(loop, keeping_new(&kept, &polls), NULL);

    test_fail_allocation(1, false);
    run_turns(1);
    test_fail_allocation(0, false);
    CHECK(kept.vtable != NULL);
    struct rw_waker second = rw_waker_clone(&kept);

    CHECK(!rw_loop_is_idle(loop));
    rw_waker_wake(&second);
    run_turns(1);
    CHECK_INT(polls, 2);
    CHECK_INT(gate.poll_count, 2);
    rw_waker_drop(&second);
    rw_task_cancel(other, NULL);
    rw_task_cancel(task, NULL);
    run_turns(2);
    rw_task_unref(other);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
    rw_waker_wake(&kept); /* its loop is gone */
    rw_waker_drop(&kept);
}

static void the_last_wake_before_the_last_waker_goes_is_not_missed(void)
{
    struct rw_waker kept = {NULL, NULL};
    int polls = 0;

    CHECK(world_begin());
    rw_task_detach(rw_spawn(loop, keeping_new(&kept, &polls), NULL));
    run_turns(1);
    rw_waker_wake(&kept);
    rw_waker_drop(&kept);
    CHECK(!rw_loop_is_idle(loop)); /* mail, though nobody holds anything */
    test_fail_allocation(1, false);
    run_turns(2);
    test_fail_allocation(0, false);
    CHECK_INT(polls, 2);
    rw_waker_wake(&kept); /* of last resort now */
    rw_waker_drop(&kept);
    CHECK(!rw_loop_is_idle(loop));
    run_turns(2);
    CHECK_INT(polls, 3);
    rw_waker_drop(&kept);
    world_end();
}

static void an_abort_handle_cancels_and_tells_when_it_is_too_late(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, gate_wait(&gate), NULL);
    struct rw_abort_handle *handle = rw_task_abort_handle(task);
    struct rw_abort_handle *same = rw_abort_handle_ref(handle);

    run_turns(1);
    CHECK_INT(rw_abort_handle_cancel(handle), 0);
    CHECK_INT(rw_abort_handle_cancel(same), 0);
    CHECK(!rw_task_is_cancelled(task)); /* by letter */
    run_turns(1);
    CHECK(rw_task_is_done(task));
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    CHECK_INT(rw_abort_handle_cancel(handle), RW_ERR_CLOSED);
    struct rw_abort_handle *late = rw_task_abort_handle(task);

    CHECK_INT(rw_abort_handle_cancel(late), RW_ERR_CLOSED);
    rw_abort_handle_unref(late);
    rw_abort_handle_unref(same);
    rw_abort_handle_unref(NULL);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
    CHECK_INT(rw_abort_handle_cancel(handle), RW_ERR_CLOSED);
    rw_abort_handle_unref(handle);
}

static void an_abort_handle_does_not_keep_a_loop_from_being_idle(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, gate_wait(&gate), NULL);
    struct rw_abort_handle *handle = rw_task_abort_handle(task);

    CHECK_INT(rw_block_on(loop, rw_task_join(task), &out), RW_ERR_DEADLOCK);
    rw_task_unref(task);
    rw_abort_handle_unref(handle);
    world_end();
}

static void a_waker_sent_but_not_taken_when_the_loop_ends_is_freed(void)
{
    struct rw_waker kept = {NULL, NULL};
    int polls = 0;

    CHECK(world_begin());
    rw_task_detach(rw_spawn(loop, rw_shield(loop, keeping_new(&kept, &polls), RW_NEVER), NULL));
    run_turns(1);
    rw_waker_wake(&kept);
    world_end();
    rw_waker_wake(&kept);
    rw_waker_drop(&kept);
}

/* ---- several threads ------------------------------------------------------------------------------------------------ */

enum { THREADS = 4, ROUNDS = 3000 };

static struct rw_loop *real_loop;

/* A counter that threads raise; the future is ready once it has seen `target`. */
struct counter {
    pthread_mutex_t lock;
    struct rw_waker waker;
    int value;
    int target;
};

struct counter_future {
    struct rw_future base;
    struct counter *counter;
    struct rw_loop *on;
};

static enum rw_poll poll_counter(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct counter *counter = ((struct counter_future *)self)->counter;
    enum rw_poll poll = RW_PENDING;

    pthread_mutex_lock(&counter->lock);
    if (counter->value >= counter->target) {
        *out = rw_int(counter->value);
        poll = RW_READY;
    } else {
        rw_waker_drop(&counter->waker);
        counter->waker = rw_waker_clone(&cx->waker);
    }
    pthread_mutex_unlock(&counter->lock);
    return poll;
}

static void drop_counter(struct rw_future *self)
{
    struct counter_future *future = (struct counter_future *)self;

    pthread_mutex_lock(&future->counter->lock);
    rw_waker_drop(&future->counter->waker);
    pthread_mutex_unlock(&future->counter->lock);
    rw_loop_release(future->on, future, sizeof *future);
}

static const struct rw_future_vtable counter_vtable = {"counter", 0, poll_counter, NULL, drop_counter};

static struct rw_future *counter_new(struct rw_loop *on, struct counter *counter)
{
    struct counter_future *future = rw_loop_alloc(on, sizeof *future);

    rw_future_init(&future->base, &counter_vtable);
    future->counter = counter;
    future->on = on;
    return &future->base;
}

static void *raise_counter(void *arg)
{
    struct counter *counter = arg;

    for (int i = 0; i < ROUNDS; i++) {
        struct rw_waker waker = {NULL, NULL};

        pthread_mutex_lock(&counter->lock);
        counter->value++;
        if (counter->waker.vtable != NULL) {
            waker = rw_waker_clone(&counter->waker);
        }
        pthread_mutex_unlock(&counter->lock);
        if (waker.vtable != NULL) {
            rw_waker_wake(&waker);
            rw_waker_drop(&waker);
        }
    }
    return NULL;
}

static void no_wake_from_other_threads_is_lost(void)
{
    for (int target = 1; target <= THREADS * ROUNDS; target = target * 3 + 1) {
        struct counter counter = {.lock = PTHREAD_MUTEX_INITIALIZER, .target = target};
        pthread_t threads[THREADS];
        struct rw_value out = rw_nil();

        real_loop = rw_loop_new(NULL);
        CHECK(real_loop != NULL);
        struct rw_handle *handle = rw_handle_new(real_loop); /* not idle before the threads have begun */

        for (int i = 0; i < THREADS; i++) {
            CHECK_INT(pthread_create(&threads[i], NULL, raise_counter, &counter), 0);
        }
        CHECK_INT(rw_block_on(real_loop, counter_new(real_loop, &counter), &out), 0);
        CHECK(out.as.integer >= target);
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
        rw_handle_unref(handle);
        rw_loop_free(real_loop);
    }
}

static void a_wake_in_the_last_moment_is_no_deadlock(void)
{
    for (int round = 0; round < 300; round++) {
        struct counter counter = {.lock = PTHREAD_MUTEX_INITIALIZER, .target = ROUNDS};
        pthread_t thread;
        struct rw_value out = rw_nil();

        real_loop = rw_loop_new(NULL);
        CHECK(real_loop != NULL);
        struct rw_task *task = rw_spawn(real_loop, counter_new(real_loop, &counter), NULL);

        rw_loop_turn(real_loop, 0, 0); /* the waker is out; nothing else keeps the loop from being idle */
        CHECK_INT(pthread_create(&thread, NULL, raise_counter, &counter), 0);
        CHECK_INT(rw_block_on(real_loop, rw_task_join(task), &out), 0);
        CHECK_INT(out.as.integer, ROUNDS);
        pthread_join(thread, NULL);
        rw_task_unref(task);
        rw_loop_free(real_loop);
    }
}

struct abort_arg {
    struct rw_abort_handle *handle;
    int cancelled;
    int closed;
};

static void *abort_again_and_again(void *arg)
{
    struct abort_arg *self = arg;

    while (self->closed == 0) {
        if (rw_abort_handle_cancel(self->handle) == 0) {
            self->cancelled++;
        } else {
            self->closed++;
        }
    }
    rw_abort_handle_unref(self->handle);
    return NULL;
}

static void tasks_are_cancelled_from_several_threads(void)
{
    for (int round = 0; round < 100; round++) {
        struct abort_arg args[THREADS];
        pthread_t threads[THREADS];
        struct rw_value out = rw_nil();

        real_loop = rw_loop_new(NULL);
        CHECK(real_loop != NULL);
        struct rw_handle *keeper = rw_handle_new(real_loop);
        struct rw_task *task = rw_spawn(real_loop, rw_sleep_until(real_loop, RW_NEVER), NULL);
        struct rw_abort_handle *handle = rw_task_abort_handle(task);

        for (int i = 0; i < THREADS; i++) {
            args[i] = (struct abort_arg){rw_abort_handle_ref(handle), 0, 0};
            CHECK_INT(pthread_create(&threads[i], NULL, abort_again_and_again, &args[i]), 0);
        }
        rw_abort_handle_unref(handle);
        CHECK_INT(rw_block_on(real_loop, rw_task_join(task), &out), 0);
        CHECK_INT(out.code, RW_ERR_CANCELLED);
        rw_task_unref(task);
        if (round % 2 == 0) { /* with threads still at it */
            rw_loop_free(real_loop);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
        if (round % 2 != 0) {
            rw_loop_free(real_loop);
        }
        rw_handle_unref(keeper);
    }
}

static void *wake_until_told(void *arg)
{
    struct counter *counter = arg;
    bool is_over = false;

    while (!is_over) {
        pthread_mutex_lock(&counter->lock);
        struct rw_waker waker = rw_waker_clone(&counter->waker);

        is_over = counter->value != 0;
        pthread_mutex_unlock(&counter->lock);
        rw_waker_wake(&waker);
        rw_waker_drop(&waker);
    }
    return NULL;
}

static void a_loop_may_go_while_others_wake_it(void)
{
    for (int round = 0; round < 50; round++) {
        struct rw_waker kept = {NULL, NULL};
        struct counter counter = {.lock = PTHREAD_MUTEX_INITIALIZER};
        pthread_t threads[THREADS];
        int polls = 0;

        loop = rw_loop_new(NULL);
        CHECK(loop != NULL);
        rw_task_detach(rw_spawn(loop, keeping_new(&kept, &polls), NULL));
        rw_loop_turn(loop, 0, 0);
        counter.waker = kept;
        for (int i = 0; i < THREADS; i++) {
            CHECK_INT(pthread_create(&threads[i], NULL, wake_until_told, &counter), 0);
        }
        for (int i = 0; i < 20; i++) {
            rw_loop_turn(loop, RW_TURN_WAIT, 0);
        }
        rw_loop_free(loop);
        pthread_mutex_lock(&counter.lock);
        counter.value = 1;
        pthread_mutex_unlock(&counter.lock);
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
        rw_waker_drop(&kept);
        CHECK(polls > 1);
    }
}

static const struct test tests[] = {
    TEST(a_cloned_waker_wakes_its_task_any_number_of_times),
    TEST(without_memory_for_a_waker_every_task_is_woken),
    TEST(the_last_wake_before_the_last_waker_goes_is_not_missed),
    TEST(an_abort_handle_cancels_and_tells_when_it_is_too_late),
    TEST(an_abort_handle_does_not_keep_a_loop_from_being_idle),
    TEST(a_waker_sent_but_not_taken_when_the_loop_ends_is_freed),
    TEST(no_wake_from_other_threads_is_lost),
    TEST(a_wake_in_the_last_moment_is_no_deadlock),
    TEST(tasks_are_cancelled_from_several_threads),
    TEST(a_loop_may_go_while_others_wake_it),
};

TEST_MAIN(tests)
