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

static const struct test tests[] = {
    NET_ENTRIES(a_watch_is_told_once_a_turn_while_ready),
    TEST(one_watch_for_each_descriptor),
    TEST(a_watch_may_free_another_that_is_ready_too),
    TEST(a_watch_survives_its_loop),
};

TEST_MAIN(tests)
