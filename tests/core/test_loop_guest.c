/* SPDX-License-Identifier: MIT
 *
 * test_loop_guest.c - loops that are turned by a host with a main loop of its own.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec/script.h"

static bool real_begin(void)
{
    notes_size = 0;
    loop = rw_loop_new(NULL);
    return loop != NULL;
}

static void real_end(void)
{
    rw_loop_free(loop);
    loop = NULL;
}

/* ---- guests -------------------------------------------------------------------------------------------------------------
 *
 * A host that sleeps only on the descriptor and the deadline misses nothing. It waits here with poll(2) for at most a
 * minute: a wake that is lost ends in a failure, not in a long test. */

static bool guest_sleep(void)
{
    int64_t deadline_ns = rw_loop_deadline(loop);
    struct pollfd event = {.fd = rw_loop_fd(loop), .events = POLLIN};
    int timeout_ms = 60000;

    if (deadline_ns == RW_NOW) {
        timeout_ms = 0;
    } else if (deadline_ns != RW_NEVER) {
        int64_t left_ns = deadline_ns - rw_loop_update_now(loop);

        timeout_ms = left_ns <= 0 ? 0 : (int)((left_ns + 999999) / 1000000);
    }
    return poll(&event, 1, timeout_ms) != 0 || timeout_ms < 60000;
}

struct noise {
    struct rw_handle *handle;
    int pipe_fd;
    unsigned seed;
    int64_t posts;  /* made */
    int64_t writes; /* bytes */
};

static int64_t posts_seen;
static int64_t bytes_seen;
static int64_t naps_seen;

static void count_post(void *arg, struct rw_loop *on)
{
    (void)arg;
    (void)on;
    posts_seen++;
}

static void *make_noise(void *arg)
{
    struct noise *noise = arg;

    for (int i = 0; i < 4000; i++) {
        unsigned what = rand_r(&noise->seed) % 8;

        if (what < 4) {
            noise->posts += rw_handle_post(noise->handle, count_post, NULL, NULL) == 0;
        } else if (what < 6) {
            noise->writes += write(noise->pipe_fd, "x", 1) == 1;
        } else {
            for (unsigned spin = rand_r(&noise->seed) % 20000; spin > 0; spin--) {
                __asm__ volatile("");
            }
        }
    }
    rw_handle_unref(noise->handle);
    return NULL;
}

static void read_bytes(void *arg, unsigned events)
{
    char buffer[64];
    ssize_t size;

    (void)events;
    while ((size = read(*(int *)arg, buffer, sizeof buffer)) > 0) {
        bytes_seen += size;
    }
}

static struct rw_future *nap_often(struct script *self)
{
    SCRIPT_BEGIN(self);
    for (self->n = 0; self->n < 200; self->n++) {
        AWAIT(self, rw_sleep_until(self->loop, rw_deadline_after(self->loop, (self->n % 7) * 100000)));
        naps_seen++;
    }
    SCRIPT_END(self, rw_nil());
}

enum { NOISES = 3 };

static void run_guest(int64_t *turns)
{
    while (!rw_loop_is_idle(loop)) {
        CHECK(guest_sleep());
        CHECK(rw_loop_turn(loop, 0, 0) >= 0);
        ++*turns;
    }
}

static void a_host_that_sleeps_on_descriptor_and_deadline_misses_nothing(void)
{
    struct noise noises[NOISES];
    pthread_t threads[NOISES];
    struct rw_watch *watch = NULL;
    int fds[2];
    int64_t posts = 0;
    int64_t bytes = 0;
    int64_t turns = 0;

    CHECK(real_begin());
    posts_seen = bytes_seen = naps_seen = 0;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    CHECK_INT(rw_watch_new(loop, fds[0], RW_READABLE, read_bytes, &fds[0], &watch), 0);
    rw_task_detach(script_spawn(nap_often, NULL));
    struct rw_handle *handle = rw_handle_new(loop);

    for (int i = 0; i < NOISES; i++) {
        noises[i] = (struct noise){rw_handle_ref(handle), fds[1], (unsigned)i + 1, 0, 0};
        CHECK_INT(pthread_create(&threads[i], NULL, make_noise, &noises[i]), 0);
    }
    rw_handle_unref(handle);
    /* Idle means for ever, so the watch would keep it from that: it listens until naps and posts are over. */
    while (rw_loop_deadline(loop) != RW_NEVER || naps_seen < 200) {
        CHECK(guest_sleep());
        CHECK(rw_loop_turn(loop, 0, 0) >= 0);
        turns++;
    }
    CHECK_INT(naps_seen, 200);
    rw_watch_set(watch, 0);
    run_guest(&turns); /* until the last handle has gone */
    rw_watch_set(watch, RW_READABLE);
    for (int i = 0; i < NOISES; i++) {
        pthread_join(threads[i], NULL);
        posts += noises[i].posts;
        bytes += noises[i].writes;
    }
    while (bytes_seen < bytes) {
        CHECK(guest_sleep());
        CHECK(rw_loop_turn(loop, 0, 0) >= 0);
    }
    CHECK_INT(posts_seen, posts);
    CHECK_INT(bytes_seen, bytes);
    rw_watch_free(watch);
    real_end();
    close(fds[0]);
    close(fds[1]);
}

static void *post_one(void *arg)
{
    rw_handle_post(arg, count_post, NULL, NULL);
    return NULL;
}

static void nothing(struct rw_job *job, struct rw_loop *on)
{
    (void)job;
    (void)on;
}

struct queueing_job {
    struct rw_job job;
    struct rw_job *other;
};

static void queue_other(struct rw_job *job, struct rw_loop *on)
{
    rw_loop_queue(on, ((struct queueing_job *)job)->other);
}

static void a_wake_is_seen_after_the_host_took_back_the_work_that_a_turn_left(void)
{
    struct rw_job left = {NULL, nothing};
    struct queueing_job job = {{NULL, queue_other}, &left};
    pthread_t thread;

    CHECK(real_begin());
    posts_seen = 0;
    struct rw_handle *handle = rw_handle_new(loop);

    rw_loop_queue(loop, &job.job);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    CHECK(rw_loop_unqueue(loop, &left)); /* now nothing is queued, and nobody is parked */
    CHECK_INT(pthread_create(&thread, NULL, post_one, handle), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 3 && posts_seen == 0; i++) {
        CHECK(guest_sleep());
        CHECK(rw_loop_turn(loop, 0, 0) >= 0);
    }
    CHECK_INT(posts_seen, 1);
    rw_handle_unref(handle);
    real_end();
}

static void the_descriptor_is_readable_for_as_long_as_a_turn_has_something_to_do(void)
{
    pthread_t thread;

    CHECK(real_begin());
    posts_seen = 0;
    struct rw_handle *handle = rw_handle_new(loop);
    struct pollfd event = {.fd = rw_loop_fd(loop), .events = POLLIN};

    CHECK_INT(rw_loop_turn(loop, 0, 0), 0);
    CHECK_INT(poll(&event, 1, 0), 0);
    CHECK_INT(rw_loop_deadline(loop), RW_NEVER);
    CHECK_INT(pthread_create(&thread, NULL, post_one, handle), 0);
    pthread_join(thread, NULL);
    CHECK_INT(poll(&event, 1, 0), 1);
    CHECK_INT(poll(&event, 1, 0), 1); /* level: looking does not use it up */
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    CHECK_INT(posts_seen, 1);
    rw_loop_turn(loop, 0, 0);
    CHECK_INT(poll(&event, 1, 0), 0);
    rw_handle_unref(handle);
    real_end();
}

static void a_simulated_loop_has_no_descriptor(void)
{
    CHECK(world_begin());
    CHECK_INT(rw_loop_fd(loop), RW_ERR_UNSUPPORTED);
    world_end();
}

static const struct test tests[] = {
    TEST(a_host_that_sleeps_on_descriptor_and_deadline_misses_nothing),
    TEST(a_wake_is_seen_after_the_host_took_back_the_work_that_a_turn_left),
    TEST(the_descriptor_is_readable_for_as_long_as_a_turn_has_something_to_do),
    TEST(a_simulated_loop_has_no_descriptor),
};

TEST_MAIN(tests)
