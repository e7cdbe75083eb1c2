/* SPDX-License-Identifier: MIT
 *
 * test_socket.c - how sockets begin and end, on every backend.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

static void a_pair_is_connected(struct net *net)
{
    CHECK_INT(rw_socket_pair(net->loop, &net->client, &net->server), 0);
    CHECK_INT(net_code(net, net_write(net->client, "there")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 10)), "there");
    CHECK_INT(net_code(net, net_write(net->server, "back")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->client, 10)), "back");
}
NET_TEST(a_pair_is_connected)

static void both_ends_have_addresses(struct net *net)
{
    char local[64];
    char peer[64];

    CHECK(net_connect(net));
    CHECK_INT(rw_socket_local(net->client, local, sizeof local), 0);
    CHECK_INT(rw_socket_peer(net->server, peer, sizeof peer), 0);
    CHECK_TEXT(local, peer);
    CHECK(strncmp(local, "127.0.0.1:", 10) == 0);
    rw_socket_close(net->client);
    CHECK_INT(rw_socket_local(net->client, local, sizeof local), RW_ERR_CLOSED);
    CHECK_INT(rw_socket_peer(net->client, local, sizeof local), RW_ERR_CLOSED);
}
NET_TEST(both_ends_have_addresses)

static void closing_twice_is_harmless(struct net *net)
{
    CHECK(net_connect(net));
    CHECK(rw_socket_fd(net->client) >= 0);
    CHECK(!rw_socket_is_closed(net->client));
    rw_socket_close(net->client);
    rw_socket_close(net->client);
    rw_socket_abort(net->client);
    CHECK(rw_socket_is_closed(net->client));
    CHECK_INT(rw_socket_fd(net->client), -1);
    CHECK_TEXT(net_text(net, rw_socket_shutdown(net->client)), "closed");
    CHECK_TEXT(net_text(net, rw_socket_flush(net->client)), "closed");
    CHECK_INT(rw_socket_try_write(net->client, "x", 1), RW_ERR_CLOSED);
}
NET_TEST(closing_twice_is_harmless)

static void a_loop_that_ends_closes_its_sockets(struct net *net)
{
    CHECK(net_connect(net));
    CHECK_INT(rw_socket_try_write(net->client, "unsent", 6), 0);
    rw_socket_close(net->client);
    rw_loop_free(net->loop);
    net->loop = NULL;
    CHECK(rw_socket_is_closed(net->client));
    CHECK(rw_socket_is_closed(net->server));
    CHECK_INT(rw_socket_fd(net->server), -1);
    rw_socket_close(net->server);
}
NET_TEST(a_loop_that_ends_closes_its_sockets)

static void only_sockets_are_sockets(struct net *net)
{
    struct rw_value value = rw_int(1);
    struct rw_listener *listener;

    CHECK(rw_socket_of(&value) == NULL);
    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    value = rw_value_of_handle(rw_listener_object(listener));
    CHECK(rw_socket_of(&value) == NULL);
    rw_value_drop(&value);
}
NET_TEST(only_sockets_are_sockets)

static void a_foreign_descriptor_is_adopted(void)
{
    struct net net;
    int fds[2];

    net_open(&net, false);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK_INT(rw_socket_adopt(net.loop, fds[0], &net.client), 0);
    CHECK_INT(write(fds[1], "raw", 3), 3);
    CHECK_TEXT(net_text(&net, rw_socket_read(net.client, 10)), "raw");
    close(fds[1]);
    CHECK_TEXT(net_text(&net, rw_socket_read(net.client, 10)), "end");
    net_close(&net);
}

static void what_is_no_socket_is_closed_and_refused(void)
{
    struct net net;
    int fds[2];

    net_open(&net, false);
    CHECK_INT(pipe(fds), 0);
    CHECK_INT(rw_socket_adopt(net.loop, fds[0], &net.client), RW_ERR_OS);
    CHECK_INT(errno, ENOTSOCK);
    CHECK(net.client == NULL);
    CHECK_INT(close(fds[0]), -1);
    close(fds[1]);
    net_close(&net);
}

static void sockets_are_counted_while_they_live(struct net *net)
{
    struct rw_stats stats;

    CHECK_INT(rw_socket_pair(net->loop, &net->client, &net->server), 0);
    rw_stats(net->loop, &stats);
    CHECK_INT(stats.objects_live, 2);
    CHECK_INT(stats.fds_open, 2);
    rw_socket_close(net->client);
    rw_stats(net->loop, &stats);
    CHECK_INT(stats.objects_live, 2);
    CHECK_INT(stats.fds_open, 1);
}
NET_TEST(sockets_are_counted_while_they_live)

static void a_closed_socket_makes_both_ends_end(struct net *net)
{
    enum { SIZE = 4 << 20 };
    struct rw_bytes *bytes[2] = {rw_bytes_new(SIZE), rw_bytes_new(SIZE)};
    struct rw_task *task;

    /* Both write more than fits, nobody reads, one closes: its bytes still arrive. */
    CHECK(net_connect(net));
    memset(rw_bytes_data(bytes[0]), 'a', SIZE);
    memset(rw_bytes_data(bytes[1]), 'b', SIZE);
    rw_task_unref(rw_spawn(net->loop, rw_socket_write(net->client, rw_value_of_bytes(bytes[0])), NULL));
    task = rw_spawn(net->loop, rw_socket_write(net->server, rw_value_of_bytes(bytes[1])), NULL);
    net_turns(net, 10);
    rw_socket_close(net->client);
    CHECK_INT(net_code(net, rw_task_join(task)), 0);
    rw_task_unref(task);
    CHECK_INT(net_code(net, rw_socket_read_exactly(net->server, SIZE)), 0);
}
NET_TEST(a_closed_socket_makes_both_ends_end)

static const struct test tests[] = {
    NET_ENTRIES(a_pair_is_connected),
    NET_ENTRIES(both_ends_have_addresses),
    NET_ENTRIES(closing_twice_is_harmless),
    NET_ENTRIES(a_loop_that_ends_closes_its_sockets),
    NET_ENTRIES(only_sockets_are_sockets),
    TEST(a_foreign_descriptor_is_adopted),
    TEST(what_is_no_socket_is_closed_and_refused),
    NET_ENTRIES(sockets_are_counted_while_they_live),
    NET_ENTRIES(a_closed_socket_makes_both_ends_end),
};

TEST_MAIN(tests)
