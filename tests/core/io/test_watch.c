/* SPDX-License-Identifier: MIT
 *
 * test_watch.c - readiness of descriptors that belong to a host.
 */
#include <errno.h>
#include <unistd.h>

#include "net.h"

struct seen {
    int calls;
    unsigned events;
    struct rw_watch *other; /* freed when called */
};

static void notify(void *arg, unsigned events)
{
    struct seen *seen = arg;

    seen->calls++;
    seen->events = events;
    rw_watch_free(seen->other);
    seen->other = NULL;
}

static void a_watch_is_told_once_a_turn_while_ready(struct net *net)
{
    struct seen seen = {0};
    struct rw_socket *raw;
    struct rw_watch *watch;
    int fds[2];

    if (net->sim == NULL) {
        CHECK_INT(pipe(fds), 0);
        CHECK_INT(rw_watch_new(net->loop, fds[0], RW_READABLE, notify, &seen, &watch), 0);
        net_turns(net, 2);
        CHECK_INT(seen.calls, 0);
        CHECK_INT(write(fds[1], "x", 1), 1);
        net_turns(net, 3);
        CHECK_INT(seen.calls, 3);
        CHECK_INT(seen.events, RW_READABLE);
        CHECK_INT(rw_watch_set(watch, 0), 0);
        net_turns(net, 2);
        CHECK_INT(seen.calls, 3);
        CHECK_INT(rw_watch_set(watch, RW_READABLE), 0);
        net_turns(net, 1);
        CHECK_INT(seen.calls, 4);
        close(fds[1]);
        net_turns(net, 1);
        CHECK_INT(seen.events & RW_HANGUP, RW_HANGUP);
        rw_watch_free(watch);
        net_turns(net, 1);
        CHECK_INT(seen.calls, 5);
        close(fds[0]);
        return;
    }
    CHECK_INT(rw_socket_pair(net->loop, &net->client, &raw), 0);
    CHECK_INT(rw_watch_new(net->loop, rw_socket_fd(raw), RW_READABLE, notify, &seen, &watch), RW_ERR_BUSY);
    CHECK_INT(rw_watch_new(net->loop, 0, RW_READABLE, notify, &seen, &watch), RW_ERR_UNSUPPORTED);
    rw_socket_unref(raw);
}
NET_TEST(a_watch_is_told_once_a_turn_while_ready)

static void one_watch_for_each_descriptor(void)
{
    struct net net;
    struct seen seen = {0};
    struct rw_watch *watch;
    struct rw_watch *second;
    int fds[2];

    net_open(&net, false);
    CHECK_INT(pipe(fds), 0);
    CHECK_INT(rw_watch_new(net.loop, fds[0], RW_READABLE, notify, &seen, &watch), 0);
    CHECK_INT(rw_watch_new(net.loop, fds[0], RW_READABLE, notify, &seen, &second), RW_ERR_BUSY);
    CHECK_INT(rw_watch_new(net.loop, -1, RW_READABLE, notify, &seen, &second), RW_ERR_OS);
    CHECK_INT(errno, EBADF);
    CHECK(second == NULL);
    rw_watch_free(watch);
    rw_watch_free(NULL);
    close(fds[0]);
    close(fds[1]);
    net_close(&net);
}

static void a_watch_may_free_another_that_is_ready_too(void)
{
    struct net net;
    struct seen seen[2] = {{0}, {0}};
    struct rw_watch *watches[2];
    int fds[2][2];

    net_open(&net, false);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(pipe(fds[i]), 0);
        CHECK_INT(write(fds[i][1], "x", 1), 1);
        CHECK_INT(rw_watch_new(net.loop, fds[i][0], RW_READABLE, notify, &seen[i], &watches[i]), 0);
    }
    seen[0].other = watches[1];
    seen[1].other = watches[0];
    net_turns(&net, 1);
    CHECK_INT(seen[0].calls + seen[1].calls, 1);
    rw_watch_free(seen[0].other == NULL ? watches[0] : watches[1]);
    for (int i = 0; i < 2; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
    net_close(&net);
}

static void a_watch_survives_its_loop(void)
{
    struct net net;
    struct seen seen = {0};
    struct rw_watch *watch;
    int fds[2];

    net_open(&net, false);
    CHECK_INT(pipe(fds), 0);
    CHECK_INT(rw_watch_new(net.loop, fds[0], RW_READABLE, notify, &seen, &watch), 0);
    net_close(&net);
    CHECK_INT(rw_watch_set(watch, RW_WRITABLE), RW_ERR_CLOSED);
    rw_watch_free(watch);
    close(fds[0]);
    close(fds[1]);
}

/* ---- futures --------------------------------------------------------------------------------------------------------- */

struct pipe_watch {
    struct net net;
    struct rw_watch *watch;
    int fds[2];
};

static void open_pipe(struct pipe_watch *p)
{
    net_open(&p->net, false);
    CHECK_INT(pipe(p->fds), 0);
    CHECK_INT(rw_watch_new(p->net.loop, p->fds[0], 0, NULL, NULL, &p->watch), 0);
}

static void close_pipe(struct pipe_watch *p)
{
    rw_watch_free(p->watch);
    net_close(&p->net);
    close(p->fds[0]);
    close(p->fds[1]);
}

static int64_t net_int(struct net *net, struct rw_future *future)
{
    struct rw_value out = net_wait(net, future);

    return rw_is_failure(&out) ? out.code : out.as.integer;
}

/* What the task has come to: the events, a code, or 1000 while it waits. Takes the task when it is done. */
static int64_t result_of(struct rw_task *task)
{
    const struct rw_value *value = rw_task_value(task);
    int64_t result = value == NULL ? 1000 : rw_is_failure(value) ? value->code : value->as.integer;

    if (value != NULL) {
        rw_task_unref(task);
    }
    return result;
}

static void all_who_wait_for_an_event_are_woken_by_it(void)
{
    struct pipe_watch p;
    struct rw_task *tasks[3];

    open_pipe(&p);
    for (int i = 0; i < 3; i++) {
        tasks[i] = rw_spawn(p.net.loop, rw_watch_wait(p.watch, i < 2 ? RW_READABLE : RW_WRITABLE), NULL);
    }
    net_turns(&p.net, 2);
    CHECK_INT(result_of(tasks[0]), 1000);
    CHECK_INT(write(p.fds[1], "x", 1), 1);
    net_turns(&p.net, 2);
    CHECK_INT(result_of(tasks[0]), RW_READABLE);
    CHECK_INT(result_of(tasks[1]), RW_READABLE);
    CHECK_INT(result_of(tasks[2]), 1000);
    close(p.fds[1]);
    p.fds[1] = dup(p.fds[0]);
    net_turns(&p.net, 2);
    CHECK_INT(result_of(tasks[2]) & RW_HANGUP, RW_HANGUP);
    CHECK_INT(net_int(&p.net, rw_watch_wait(p.watch, RW_READABLE)) & RW_READABLE, RW_READABLE);
    close_pipe(&p);
}

static void waiting_and_being_told_go_together(void)
{
    struct net net;
    struct seen seen = {0};
    struct rw_watch *watch;
    int fds[2];

    net_open(&net, false);
    CHECK_INT(pipe(fds), 0);
    CHECK_INT(rw_watch_new(net.loop, fds[1], 0, notify, &seen, &watch), 0);
    CHECK_INT(net_int(&net, rw_watch_wait(watch, RW_WRITABLE)), RW_WRITABLE);
    CHECK_INT(seen.calls, 0);
    CHECK_INT(rw_watch_set(watch, RW_WRITABLE), 0);
    CHECK_INT(net_int(&net, rw_watch_wait(watch, RW_WRITABLE)), RW_WRITABLE);
    CHECK(seen.calls > 0);
    rw_watch_free(watch);
    close(fds[0]);
    close(fds[1]);
    net_close(&net);
}

static void a_descriptor_that_nobody_waits_for_keeps_no_loop_busy(void)
{
    struct pipe_watch p;
    struct rw_task *task;

    open_pipe(&p);
    CHECK(rw_loop_is_idle(p.net.loop));
    task = rw_spawn(p.net.loop, rw_watch_wait(p.watch, RW_READABLE), NULL);
    net_turns(&p.net, 1);
    CHECK(!rw_loop_is_idle(p.net.loop));
    rw_task_cancel(task, NULL);
    net_turns(&p.net, 2);
    CHECK_INT(result_of(task), RW_ERR_CANCELLED);
    CHECK(rw_loop_is_idle(p.net.loop));
    CHECK_INT(write(p.fds[1], "x", 1), 1);
    CHECK_INT(net_int(&p.net, rw_watch_wait(p.watch, RW_READABLE)), RW_READABLE);
    CHECK(rw_loop_is_idle(p.net.loop)); /* though there is something to read */
    close_pipe(&p);
}

static void who_has_read_for_others_wakes_them(void)
{
    struct pipe_watch p;
    struct rw_task *task;

    open_pipe(&p);
    rw_watch_wake(p.watch);
    task = rw_spawn(p.net.loop, rw_watch_wait(p.watch, RW_READABLE), NULL);
    net_turns(&p.net, 1);
    rw_watch_wake(p.watch);
    net_turns(&p.net, 1);
    CHECK_INT(result_of(task), 0);
    close_pipe(&p);
}

static void a_future_may_outlive_its_watch(void)
{
    struct pipe_watch p;
    struct rw_task *task;
    struct rw_future *late;

    open_pipe(&p);
    task = rw_spawn(p.net.loop, rw_watch_wait(p.watch, RW_READABLE), NULL);
    late = rw_watch_wait(p.watch, RW_READABLE);
    net_turns(&p.net, 1);
    rw_watch_free(p.watch);
    p.watch = NULL;
    net_turns(&p.net, 1);
    CHECK_INT(result_of(task), RW_ERR_CLOSED);
    CHECK_INT(net_code(&p.net, late), RW_ERR_CLOSED);
    close_pipe(&p);
}

static void a_future_of_another_loop_is_refused(void)
{
    struct pipe_watch p;
    struct net other;

    open_pipe(&p);
    net_open(&other, false);
    CHECK_INT(net_code(&other, rw_watch_wait(p.watch, RW_READABLE)), RW_ERR_THREAD);
    net_close(&other);
    close_pipe(&p);
}

static void wait_short_of_memory(void)
{
    struct pipe_watch p;

    net_open(&p.net, false);
    CHECK_INT(pipe(p.fds), 0);
    CHECK_INT(write(p.fds[1], "x", 1), 1);
    if (p.net.loop != NULL && rw_watch_new(p.net.loop, p.fds[0], 0, NULL, NULL, &p.watch) == 0) {
        int code = net_code(&p.net, rw_watch_wait(p.watch, RW_READABLE));

        CHECK(code == 0 || code == RW_ERR_NOMEM);
        rw_watch_free(p.watch);
    }
    rw_loop_free(p.net.loop);
    close(p.fds[0]);
    close(p.fds[1]);
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(wait_short_of_memory);
}

static const struct test tests[] = {
    NET_ENTRIES(a_watch_is_told_once_a_turn_while_ready),
    TEST(one_watch_for_each_descriptor),
    TEST(a_watch_may_free_another_that_is_ready_too),
    TEST(a_watch_survives_its_loop),
    TEST(all_who_wait_for_an_event_are_woken_by_it),
    TEST(waiting_and_being_told_go_together),
    TEST(a_descriptor_that_nobody_waits_for_keeps_no_loop_busy),
    TEST(who_has_read_for_others_wakes_them),
    TEST(a_future_may_outlive_its_watch),
    TEST(a_future_of_another_loop_is_refused),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
