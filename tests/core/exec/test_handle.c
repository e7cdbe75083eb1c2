/* SPDX-License-Identifier: MIT
 *
 * test_handle.c - post, wake and spawn through a loop's handle, from its own thread and from others.
 */
#include <pthread.h>

#include "script.h"

static int drops;

static void count_drop(void *arg)
{
    (void)arg;
    drops++;
}

static void note_arg(void *arg, struct rw_loop *on)
{
    (void)on;
    note("%s", (const char *)arg);
}

static void what_is_posted_runs_later_in_the_order_of_posting(void)
{
    CHECK(world_begin());
    struct rw_handle *handle = rw_handle_new(loop);

    drops = 0;
    CHECK_INT(rw_handle_post(handle, note_arg, count_drop, "a"), 0);
    CHECK_INT(rw_handle_post(handle, note_arg, count_drop, "b"), 0);
    CHECK_INT(rw_handle_post(handle, note_arg, NULL, "c"), 0);
    CHECK_TEXT(noted(), "");
    run_turns(1);
    CHECK_TEXT(noted(), "a b c");
    CHECK_INT(drops, 0);
    rw_handle_unref(handle);
    rw_handle_unref(NULL);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_value note_slept(void *arg, struct rw_value value)
{
    (void)arg;
    note("slept@%lld", (long long)now_ms());
    return value;
}

static struct rw_future *make_noted_sleep(void *arg, struct rw_loop *on)
{
    (void)arg;
    note("made");
    return rw_map(on, rw_sleep_until(on, at(5)), note_slept, NULL, NULL);
}

static struct rw_future *make_nothing(void *arg, struct rw_loop *on)
{
    (void)arg;
    (void)on;
    return NULL;
}

static void a_future_is_made_and_spawned_on_the_loops_thread(void)
{
    CHECK(world_begin());
    struct rw_handle *handle = rw_handle_new(loop);

    drops = 0;
    CHECK_INT(rw_handle_spawn(handle, make_noted_sleep, count_drop, NULL), 0);
    CHECK_INT(rw_handle_spawn(handle, make_nothing, count_drop, NULL), 0);
    CHECK_TEXT(noted(), "");
    rw_handle_unref(handle);
    run_all();
    CHECK_TEXT(noted(), "made slept@5");
    CHECK_INT(drops, 0);
    CHECK(world_is_empty());
    world_end();
}

static void a_handle_outlives_its_loop(void)
{
    CHECK(world_begin());
    struct rw_handle *handle = rw_handle_ref(rw_handle_new(loop));

    rw_handle_unref(handle);
    world_end();
    drops = 0;
    CHECK_INT(rw_handle_post(handle, note_arg, count_drop, "never"), RW_ERR_CLOSED);
    CHECK_INT(rw_handle_spawn(handle, make_nothing, count_drop, NULL), RW_ERR_CLOSED);
    rw_handle_wake(handle);
    CHECK_INT(drops, 0);
    CHECK_TEXT(noted(), "");
    rw_handle_unref(handle);
}

static void post_when_dropped(void *arg)
{
    note("drop");
    CHECK_INT(rw_handle_post(arg, note_arg, count_drop, "b"), RW_ERR_CLOSED);
}

static void post_again(void *arg, struct rw_loop *on)
{
    (void)on;
    note("post");
    rw_handle_post(arg, post_again, post_when_dropped, arg);
}

static void what_does_not_run_before_the_loop_ends_is_dropped(void)
{
    CHECK(world_begin());
    struct rw_handle *handle = rw_handle_new(loop);

    drops = 0;
    rw_handle_post(handle, note_arg, count_drop, "in the inbox");
    rw_handle_post(handle, note_arg, NULL, "in the inbox");
    rw_handle_spawn(handle, make_nothing, count_drop, NULL);
    world_end();
    CHECK_INT(drops, 2);
    CHECK_TEXT(noted(), "");
    rw_handle_unref(handle);
}

static void a_posted_function_may_post_itself_until_the_loop_ends(void)
{
    CHECK(world_begin());
    struct rw_handle *handle = rw_handle_new(loop);

    drops = 0;
    rw_handle_post(handle, post_again, post_when_dropped, handle);
    run_turns(3);
    CHECK_TEXT(noted(), "post post post");
    world_end(); /* its drop finds the inbox closed */
    CHECK_TEXT(noted(), "drop");
    CHECK_INT(drops, 0);
    rw_handle_unref(handle);
}

static void a_handle_keeps_the_loop_from_being_idle(void)
{
    CHECK(world_begin());
    CHECK(rw_loop_is_idle(loop));
    struct rw_handle *handle = rw_handle_new(loop);
    struct rw_handle *same = rw_handle_ref(handle);

    CHECK(!rw_loop_is_idle(loop));
    rw_handle_unref(handle);
    CHECK(!rw_loop_is_idle(loop));
    rw_handle_unref(same);
    run_turns(1);
    CHECK(rw_loop_is_idle(loop));
    world_end();
}

/* ---- threads -------------------------------------------------------------------------------------------------------- */

enum { THREADS = 4, POSTS = 5000 };

struct poster {
    struct rw_handle *handle;
    int64_t id;
    int64_t last; /* seen on the loop's thread */
    bool is_out_of_order;
    int seen;
    int refused;
    int dropped; /* atomic */
};

struct post {
    struct poster *poster;
    int64_t number;
};

static int arrived;

static void arrive(void *arg, struct rw_loop *on)
{
    struct post *post = arg;

    (void)on;
    post->poster->is_out_of_order |= post->number <= post->poster->last;
    post->poster->last = post->number;
    post->poster->seen++;
    arrived++;
    free(post);
}

static void drop_post(void *arg)
{
    struct post *post = arg;

    post->poster->dropped++;
    free(post);
}

static void *post_all(void *arg)
{
    struct poster *poster = arg;

    for (int64_t i = 1; i <= POSTS; i++) {
        struct post *post = malloc(sizeof *post);

        *post = (struct post){poster, i};
        if (rw_handle_post(poster->handle, arrive, drop_post, post) != 0) {
            poster->refused++;
            free(post);
        }
    }
    rw_handle_unref(poster->handle);
    return NULL;
}

static void start_posters(struct poster *posters, pthread_t *threads)
{
    struct rw_handle *handle = rw_handle_new(loop);

    for (int i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){.handle = rw_handle_ref(handle), .id = i};
        pthread_create(&threads[i], NULL, post_all, &posters[i]);
    }
    rw_handle_unref(handle);
}

static void posts_of_one_thread_arrive_once_and_in_order(void)
{
    struct poster posters[THREADS];
    pthread_t threads[THREADS];

    loop = rw_loop_new(NULL);
    CHECK(loop != NULL);
    arrived = 0;
    start_posters(posters, threads);
    run_all(); /* until the last handle has gone and all has arrived */
    CHECK_INT(arrived, THREADS * POSTS);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(!posters[i].is_out_of_order);
        CHECK_INT(posters[i].seen, POSTS);
    }
    rw_loop_free(loop);
}

static void each_post_to_a_loop_that_ends_is_run_dropped_or_refused(void)
{
    for (int turns = 0; turns < 40; turns++) {
        struct poster posters[THREADS];
        pthread_t threads[THREADS];

        loop = rw_loop_new(NULL);
        CHECK(loop != NULL);
        start_posters(posters, threads);
        for (int i = 0; i < turns; i++) {
            rw_loop_turn(loop, 0, 0);
        }
        rw_loop_free(loop);
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            CHECK_INT(posters[i].seen + posters[i].dropped + posters[i].refused, POSTS);
        }
    }
}

static void posts_survive_a_failing_allocation(void)
{
    int refused = 0;

    if (!world_begin()) {
        return;
    }
    struct rw_handle *handle = rw_handle_new(loop);

    drops = 0;
    if (handle != NULL) {
        refused += rw_handle_post(handle, note_arg, count_drop, "x") != 0;
        refused += rw_handle_spawn(handle, make_noted_sleep, count_drop, NULL) != 0;
    }
    rw_loop_set_unhandled(loop, NULL, NULL);
    rw_handle_unref(handle);
    world_end();
    CHECK_INT(drops, handle != NULL ? 2 - refused : 0);
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(posts_survive_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(what_is_posted_runs_later_in_the_order_of_posting),
    TEST(a_future_is_made_and_spawned_on_the_loops_thread),
    TEST(a_handle_outlives_its_loop),
    TEST(what_does_not_run_before_the_loop_ends_is_dropped),
    TEST(a_posted_function_may_post_itself_until_the_loop_ends),
    TEST(a_handle_keeps_the_loop_from_being_idle),
    TEST(posts_of_one_thread_arrive_once_and_in_order),
    TEST(each_post_to_a_loop_that_ends_is_run_dropped_or_refused),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
