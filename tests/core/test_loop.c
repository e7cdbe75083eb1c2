/* SPDX-License-Identifier: MIT
 *
 * test_loop.c - turns, sleeping, guests, blocking, threads, forks, and what outlives a loop.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
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

/* ---- turns ---------------------------------------------------------------------------------------------------------- */

struct slow_job {
    struct rw_job job;
    int64_t takes_ms;
};

static void run_slow(struct rw_job *job, struct rw_loop *on)
{
    (void)on;
    rw_sim_advance(sim, ((struct slow_job *)job)->takes_ms * 1000000);
    note("%lld", (long long)((struct slow_job *)job)->takes_ms);
}

static void a_turn_with_a_budget_leaves_the_rest_for_the_next(void)
{
    struct slow_job jobs[4];

    CHECK(world_begin());
    for (int i = 0; i < 4; i++) {
        jobs[i] = (struct slow_job){{NULL, run_slow}, i + 1};
        rw_loop_queue(loop, &jobs[i].job);
    }
    CHECK_INT(rw_loop_turn(loop, 0, 3000000), 2); /* 1 + 2 ms */
    CHECK_TEXT(noted(), "1 2");
    CHECK_INT(rw_loop_deadline(loop), RW_NOW);
    CHECK_INT(rw_loop_turn(loop, RW_TURN_WAIT, 1), 1); /* at least one */
    CHECK_INT(rw_loop_turn(loop, RW_TURN_WAIT, 100000000), 1);
    CHECK_TEXT(noted(), "3 4");
    world_end();
}

static void a_turn_looks_at_the_clock_and_fires_timers_even_with_work_queued(void)
{
    struct rw_value out = rw_nil();

    CHECK(world_begin());
    rw_task_detach(rw_spawn(loop, rw_sleep_until(loop, at(5)), NULL));
    run_turns(1);
    rw_sim_advance(sim, 7000000);
    CHECK_INT(now_ms(), 0);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    CHECK_INT(now_ms(), 7);
    rw_sim_advance(sim, 1000000);
    CHECK_INT(rw_loop_update_now(loop), at(8));
    CHECK_INT(rw_block_on(loop, rw_yield_now(loop), &out), 0);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_future *yield_often(struct script *self)
{
    SCRIPT_BEGIN(self);
    while (self->n-- > 0) {
        AWAIT(self, rw_yield_now(self->loop));
    }
    SCRIPT_END(self, rw_nil());
}

static int fire_count;

static void fire_again(struct rw_timer *timer, struct rw_loop *on)
{
    fire_count++;
    rw_timer_arm(on, timer, rw_loop_now(on));
}

static void timers_are_not_starved_by_tasks_that_wake_each_other(void)
{
    struct rw_timer timer;
    struct rw_value out;

    CHECK(real_begin());
    fire_count = 0;
    rw_timer_init(&timer, fire_again);
    rw_timer_arm(loop, &timer, rw_loop_now(loop));
    struct script *script = script_new_with(&script_vtable, yield_often, NULL);

    script->n = 6100;
    CHECK_INT(rw_block_on(loop, &script->base, &out), 0);
    CHECK(fire_count >= 90); /* once per 61 jobs */
    rw_timer_disarm(loop, &timer);
    real_end();
}

static struct rw_future *turn_inside(struct script *self)
{
    struct rw_value out;

    SCRIPT_BEGIN(self);
    note("%d", rw_loop_turn(self->loop, 0, 0) == RW_ERR_STATE);
    note("%d", rw_block_on(self->loop, rw_yield_now(self->loop), &out) == RW_ERR_STATE);
    note("%d", rw_loop_is_running(self->loop));
    SCRIPT_END(self, rw_nil());
}

static void a_turn_inside_a_turn_is_refused(void)
{
    CHECK(world_begin());
    CHECK(!rw_loop_is_running(loop));
    rw_task_detach(script_spawn(turn_inside, NULL));
    run_all();
    CHECK_TEXT(noted(), "1 1 1");
    CHECK(world_is_empty());
    world_end();
}

static void *turn_on_another_thread(void *arg)
{
    struct rw_value out;
    intptr_t wrong = rw_loop_turn(loop, 0, 0) != RW_ERR_THREAD;

    (void)arg;
    wrong += rw_loop_is_own_thread(loop);
    wrong += rw_block_on(loop, rw_failed(loop, RW_ERR_CLOSED), &out) != RW_ERR_THREAD;
    rw_loop_adopt_thread(loop);
    wrong += !rw_loop_is_own_thread(loop);
    wrong += rw_block_on(loop, rw_yield_now(loop), &out) != 0;
    return (void *)wrong;
}

static void a_loop_runs_on_its_own_thread_until_another_adopts_it(void)
{
    pthread_t thread;
    void *wrong = NULL;

    CHECK(real_begin());
    CHECK(rw_loop_is_own_thread(loop));
    CHECK_INT(pthread_create(&thread, NULL, turn_on_another_thread, NULL), 0);
    pthread_join(thread, &wrong);
    CHECK_INT((intptr_t)wrong, 0);
    CHECK_INT(rw_loop_turn(loop, 0, 0), RW_ERR_THREAD);
    rw_loop_adopt_thread(loop);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 0);
    real_end();
}

/* ---- wait hooks ------------------------------------------------------------------------------------------------------ */

static int hook_result;

static void note_before(void *arg)
{
    note("before%s", (const char *)arg);
}

static int note_after(void *arg)
{
    note("after%s", (const char *)arg);
    return hook_result;
}

static const struct rw_wait_hooks noting_hooks = {note_before, note_after, "!"};

static void hooks_frame_a_wait_that_may_block_and_nothing_else(void)
{
    struct rw_value out;

    CHECK(world_begin());
    hook_result = 0;
    rw_loop_set_wait_hooks(loop, &noting_hooks);
    run_turns(2);
    CHECK_TEXT(noted(), "");
    CHECK_INT(rw_block_on(loop, rw_yield_now(loop), &out), 0);
    CHECK_TEXT(noted(), "");
    CHECK_INT(rw_block_on(loop, rw_sleep_until(loop, at(1)), &out), 0);
    CHECK_TEXT(noted(), "before! after!");
    rw_loop_set_wait_hooks(loop, NULL);
    CHECK_INT(rw_block_on(loop, rw_sleep_until(loop, at(2)), &out), 0);
    CHECK_TEXT(noted(), "");
    world_end();
}

static void note_events(void *arg, unsigned events)
{
    note("%s%u", (const char *)arg, events);
}

static void a_hook_that_fails_ends_the_turn_but_loses_no_event(void)
{
    struct rw_watch *watch = NULL;
    struct rw_value out;
    int fd = eventfd(0, EFD_NONBLOCK);
    struct gate gate = {.poll_count = 0};

    CHECK(real_begin());
    CHECK_INT(rw_watch_new(loop, fd, RW_READABLE, note_events, "event", &watch), 0);
    rw_loop_set_wait_hooks(loop, &noting_hooks);
    hook_result = RW_ERR_SCRIPT; /* as when a signal's handler has raised */
    CHECK_INT(eventfd_write(fd, 1), 0);
    CHECK_INT(rw_block_on(loop, gate_wait(&gate), &out), RW_ERR_SCRIPT);
    CHECK_INT(gate.drop_count, 1);
    CHECK_TEXT(noted(), "before! after! event1");
    hook_result = 0;
    rw_watch_free(watch);
    real_end();
    close(fd);
}

/* ---- blocking ---------------------------------------------------------------------------------------------------------- */

static void block_on_gives_values_and_failures(void)
{
    struct rw_value out;

    CHECK(world_begin());
    CHECK_INT(rw_block_on(loop, rw_ready(loop, rw_text_of("text")), &out), 0);
    CHECK_TEXT(rw_value_data(&out, NULL), "text");
    rw_value_drop(&out);
    CHECK_INT(rw_block_on(loop, rw_failed(loop, RW_ERR_BUSY), &out), 0);
    CHECK_INT(out.code, RW_ERR_BUSY);
    CHECK(world_is_empty());
    world_end();
}

static void nothing_left_that_could_wake_anyone_is_a_deadlock(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_value out;

    CHECK(world_begin());
    CHECK_INT(rw_block_on(loop, gate_wait(&gate), &out), RW_ERR_DEADLOCK);
    CHECK_INT(gate.drop_count, 1);
    CHECK_INT(out.kind, RW_KIND_NIL);
    CHECK_INT(rw_block_on(loop, rw_sleep_until(loop, RW_NEVER), &out), RW_ERR_DEADLOCK);
    CHECK(world_is_empty());
    world_end();
    CHECK(real_begin());
    gate = (struct gate){.poll_count = 0};
    CHECK_INT(rw_block_on(loop, gate_wait(&gate), &out), RW_ERR_DEADLOCK);
    real_end();
}

static void a_watch_that_listens_is_no_deadlock_and_a_silent_one_is(void)
{
    struct rw_watch *watch = NULL;
    int fd = eventfd(0, EFD_NONBLOCK);

    CHECK(real_begin());
    CHECK_INT(rw_watch_new(loop, fd, RW_READABLE, note_events, "", &watch), 0);
    CHECK(!rw_loop_is_idle(loop));
    CHECK_INT(rw_watch_set(watch, 0), 0);
    CHECK(rw_loop_is_idle(loop));
    rw_watch_free(watch);
    real_end();
    close(fd);
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

/* ---- the end ------------------------------------------------------------------------------------------------------------ */

static struct rw_future *clean_up_slowly(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_sleep_until(self->loop, RW_NEVER));
    note("%s", got(self));
    AWAIT(self, rw_shield(self->loop, rw_yield_now(self->loop), RW_NEVER));
    AWAIT(self, rw_shield(self->loop, rw_yield_now(self->loop), RW_NEVER));
    note("clean");
    SCRIPT_END(self, rw_nil());
}

static struct rw_future *never_give_up(struct script *self)
{
    SCRIPT_BEGIN(self);
    for (;;) {
        AWAIT(self, rw_sleep_until(self->loop, RW_NEVER));
        self->n++;
    }
    SCRIPT_END(self, rw_nil());
}

static void an_ending_loop_lets_its_tasks_clean_up_for_some_turns(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(clean_up_slowly, NULL));
    rw_task_detach(script_spawn(never_give_up, NULL));
    run_turns(1);
    world_end();
    CHECK_TEXT(noted(), "cancelled clean");
    rw_loop_free(NULL);
}

static struct rw_future *yield_for_ever(struct script *self)
{
    SCRIPT_BEGIN(self);
    for (;;) {
        self->n++;
        AWAIT(self, rw_shield(self->loop, rw_yield_now(self->loop), RW_NEVER));
    }
    SCRIPT_END(self, rw_nil());
}

static void a_task_that_ends_never_does_not_keep_a_loop_from_ending(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(yield_for_ever, NULL));
    run_turns(1);
    world_end();
}

static void objects_and_futures_outlive_their_loop(void)
{
    struct gate gate = {.is_deaf = true};
    struct rw_abortable *abortable = NULL;

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, gate_wait(&gate), NULL);
    struct rw_future *join = rw_task_join(task);
    struct rw_future *sleep = rw_timeout(loop, rw_sleep_until(loop, at(5)), at(9));
    struct rw_future *group =
        rw_join(loop, gate_wait(&gate), rw_abortable(loop, rw_yield_now(loop), &abortable));
    struct rw_join_set *set = rw_join_set_new(loop);
    struct rw_abort_handle *abort_handle = rw_task_abort_handle(task);
    struct rw_scope *scope = rw_scope_open(task, NULL);

    rw_scope_ref(scope);
    rw_join_set_add(set, gate_wait(&gate), 1);
    run_turns(1);
    rw_loop_free(loop);
    CHECK_INT(gate.drop_count, 1);
    CHECK(!rw_scope_is_open(scope));
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    CHECK(rw_spawn(loop, rw_failed(loop, RW_ERR_CLOSED), NULL) == NULL);
    rw_abortable_abort(abortable);
    rw_abortable_unref(abortable);
    rw_future_drop(join);
    rw_join_set_free(set);
    rw_future_drop(group);
    rw_scope_unref(scope);
    rw_scope_abandon(scope);
    rw_future_drop(sleep);
    CHECK_INT(rw_abort_handle_cancel(abort_handle), RW_ERR_CLOSED);
    rw_abort_handle_unref(abort_handle);
    rw_task_unref(task); /* the last: the loop's memory goes with it */
    CHECK_INT(gate.drop_count, 3);
    rw_sim_free(sim);
}

/* ---- fork ---------------------------------------------------------------------------------------------------------------- */

static int leave_child(struct rw_waker *kept)
{
    struct rw_value out;

    rw_loop_after_fork(loop);
    if (rw_loop_turn(loop, 0, 0) != RW_ERR_STATE) {
        return 2;
    }
    if (rw_block_on(loop, rw_failed(loop, RW_ERR_CLOSED), &out) == 0) {
        return 3;
    }
    if (kept->vtable != NULL) {
        rw_waker_wake(kept);
        rw_waker_drop(kept);
    }
    rw_loop_free(loop);
    return 0;
}

struct forking_future {
    struct rw_future base;
    struct rw_waker *kept;
};

static enum rw_poll poll_forking(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct forking_future *forking = (struct forking_future *)self;

    (void)out;
    if (forking->kept->vtable == NULL) {
        *forking->kept = rw_waker_clone(&cx->waker);
    }
    return RW_PENDING;
}

static void drop_forking(struct rw_future *self)
{
    rw_loop_release(loop, self, sizeof(struct forking_future));
}

static const struct rw_future_vtable forking_vtable = {"forking", 0, poll_forking, NULL, drop_forking};

static void a_forked_child_frees_its_loop_and_the_parent_notices_nothing(void)
{
    struct rw_waker kept = {NULL, NULL};
    int status = 0;

    CHECK(real_begin());
    struct forking_future *future = rw_loop_alloc(loop, sizeof *future);

    rw_future_init(&future->base, &forking_vtable);
    future->kept = &kept;
    rw_task_detach(rw_spawn(loop, &future->base, NULL));
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 0);
    struct pollfd event = {.fd = rw_loop_fd(loop), .events = POLLIN};

    fflush(stdout);
    pid_t child = fork();

    if (child == 0) {
        _exit(leave_child(&kept));
    }
    CHECK(child > 0);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    CHECK_INT(poll(&event, 1, 0), 0); /* the child's wake was not ours */
    CHECK_INT(rw_loop_turn(loop, 0, 0), 0);
    rw_waker_wake(&kept);
    CHECK_INT(poll(&event, 1, 0), 1);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    rw_waker_drop(&kept);
    real_end();
}

/* ---- memory -------------------------------------------------------------------------------------------------------------- */

static struct rw_future *mixed_body(struct script *self)
{
    SCRIPT_BEGIN(self);
    self->scopes[0] =
        rw_scope_open(self->task, &(struct rw_scope_options){.name = "mixed", .deadline_ns = at(50)});
    if (self->scopes[0] == NULL) {
        SCRIPT_RETURN(self, rw_failure(RW_ERR_NOMEM));
    }
    start_at(self->scopes[0], sleeper, 3);
    start_at(self->scopes[0], cleaner, 6);
    start_at(self->scopes[0], failer, 4);
    AWAIT(self, rw_timeout(self->loop, rw_sleep_until(self->loop, at(90)), at(70)));
    LEAVE(self, 0, take_in(self));
    AWAIT(self, rw_join(self->loop, rw_yield_now(self->loop),
                        rw_first(self->loop, rw_sleep_until(self->loop, at(95)), rw_yield_now(self->loop))));
    SCRIPT_END(self, take_in(self));
}

static void ignore_unhandled(void *arg, struct rw_task *task, const struct rw_value *value)
{
    (void)arg;
    (void)task;
    (void)value;
}

static void a_mixed_workload(void)
{
    struct rw_value out = rw_nil();

    if (!world_begin()) {
        return;
    }
    rw_loop_set_unhandled(loop, ignore_unhandled, NULL);
    struct rw_handle *handle = rw_handle_new(loop);
    int err = rw_block_on(loop, script_new(mixed_body, NULL), &out);

    CHECK(err == 0 || err == RW_ERR_NOMEM);
    rw_value_drop(&out);
    if (handle != NULL) {
        (void)rw_handle_post(handle, count_post, NULL, NULL);
    }
    rw_handle_unref(handle);
    run_all();
    CHECK(world_is_empty());
    world_end();
    noted();
}

static void a_mixed_workload_survives_every_allocation_failure(void)
{
    test_each_allocation(a_mixed_workload);
}

static void make_real_loop(void)
{
    struct rw_loop *on = rw_loop_new(NULL);

    CHECK(on != NULL || errno == ENOMEM);
    rw_loop_free(on);
}

static void a_loop_that_cannot_be_made_leaves_nothing_behind(void)
{
    test_each_allocation(make_real_loop);
}

static const struct test tests[] = {
    TEST(a_turn_with_a_budget_leaves_the_rest_for_the_next),
    TEST(a_turn_looks_at_the_clock_and_fires_timers_even_with_work_queued),
    TEST(timers_are_not_starved_by_tasks_that_wake_each_other),
    TEST(a_turn_inside_a_turn_is_refused),
    TEST(a_loop_runs_on_its_own_thread_until_another_adopts_it),
    TEST(hooks_frame_a_wait_that_may_block_and_nothing_else),
    TEST(a_hook_that_fails_ends_the_turn_but_loses_no_event),
    TEST(block_on_gives_values_and_failures),
    TEST(nothing_left_that_could_wake_anyone_is_a_deadlock),
    TEST(a_watch_that_listens_is_no_deadlock_and_a_silent_one_is),
    TEST(a_host_that_sleeps_on_descriptor_and_deadline_misses_nothing),
    TEST(a_wake_is_seen_after_the_host_took_back_the_work_that_a_turn_left),
    TEST(the_descriptor_is_readable_for_as_long_as_a_turn_has_something_to_do),
    TEST(a_simulated_loop_has_no_descriptor),
    TEST(an_ending_loop_lets_its_tasks_clean_up_for_some_turns),
    TEST(a_task_that_ends_never_does_not_keep_a_loop_from_ending),
    TEST(objects_and_futures_outlive_their_loop),
    TEST(a_forked_child_frees_its_loop_and_the_parent_notices_nothing),
    TEST(a_mixed_workload_survives_every_allocation_failure),
    TEST(a_loop_that_cannot_be_made_leaves_nothing_behind),
};

TEST_MAIN(tests)
