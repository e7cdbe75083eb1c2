/* SPDX-License-Identifier: MIT
 *
 * test_listener.c - listening on ports and paths, on every backend.
 */
#include <errno.h>
#include <unistd.h>

#include "net.h"

static void a_port_of_zero_picks_one(struct net *net)
{
    struct rw_listener *listener;
    char local[64];
    char expected[64];

    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    CHECK(rw_listener_port(listener) != 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", rw_listener_port(listener));
    CHECK_INT(rw_listener_local(listener, local, sizeof local), 0);
    CHECK_TEXT(local, expected);
    rw_listener_close(listener);
    CHECK_INT(rw_listener_local(listener, local, sizeof local), RW_ERR_CLOSED);
    rw_listener_unref(listener);
}
NET_TEST(a_port_of_zero_picks_one)

static void a_port_in_use_is_refused(struct net *net)
{
    struct rw_listener *first;
    struct rw_listener *second;

    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &first), 0);
    errno = 0;
    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", rw_listener_port(first), NULL, &second), RW_ERR_OS);
    CHECK_INT(errno, EADDRINUSE);
    CHECK(second == NULL);
    rw_listener_unref(first);
}
NET_TEST(a_port_in_use_is_refused)

static void only_numbers_are_addresses_to_listen_on(struct net *net)
{
    struct rw_listener *listener;

    CHECK_INT(rw_tcp_listen(net->loop, "no.such.name", 0, NULL, &listener), RW_ERR_INVALID);
    CHECK_INT(rw_tcp_listen(net->loop, "1.2.3", 0, NULL, &listener), RW_ERR_INVALID);
    CHECK_INT(rw_unix_listen(net->loop, "", NULL, &listener), RW_ERR_INVALID);
}
NET_TEST(only_numbers_are_addresses_to_listen_on)

static void listening_on_all_addresses_takes_ipv4(struct net *net)
{
    struct rw_listener *listener;
    struct rw_task *connecting;

    CHECK_INT(rw_tcp_listen(net->loop, "*", 0, NULL, &listener), 0);
    connecting =
        rw_spawn(net->loop, rw_tcp_connect(net->loop, "127.0.0.1", rw_listener_port(listener), NULL), NULL);
    net->server = net_socket(net, rw_listener_accept(listener));
    net->client = net_socket(net, rw_task_join(connecting));
    rw_task_unref(connecting);
    rw_listener_unref(listener);
    CHECK(net->server != NULL);
    CHECK(net->client != NULL);
}
NET_TEST(listening_on_all_addresses_takes_ipv4)

static void a_stale_path_is_replaced_and_a_live_one_is_not(struct net *net)
{
    char path[64];
    struct rw_listener *first;
    struct rw_listener *second;

    snprintf(path, sizeof path, "/tmp/rw-test-%d-%d.sock", (int)getpid(), net->sim != NULL);
    CHECK_INT(rw_unix_listen(net->loop, path, NULL, &first), 0);
    errno = 0;
    CHECK_INT(rw_unix_listen(net->loop, path, NULL, &second), RW_ERR_OS);
    CHECK_INT(errno, EADDRINUSE);
    rw_listener_close(first);
    rw_listener_unref(first);
    CHECK_INT(rw_unix_listen(net->loop, path, &(struct rw_listen_options){.mode = 0600}, &second), 0);
    rw_listener_unref(second);
    unlink(path);
}
NET_TEST(a_stale_path_is_replaced_and_a_live_one_is_not)

static void a_path_that_is_no_socket_is_left_alone(void)
{
    struct net net;
    struct rw_listener *listener;
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "/tmp/rw-test-%d.file", (int)getpid());
    file = fopen(path, "w");
    CHECK(file != NULL);
    fclose(file);
    net_open(&net, false);
    CHECK_INT(rw_unix_listen(net.loop, path, NULL, &listener), RW_ERR_OS);
    CHECK_INT(access(path, F_OK), 0);
    unlink(path);
    net_close(&net);
}

static void unix_sockets_carry_bytes_both_ways(struct net *net)
{
    char path[64];
    char peer[64];
    struct rw_listener *listener;
    struct rw_task *connecting;

    snprintf(path, sizeof path, "/tmp/rw-test-%d-u%d.sock", (int)getpid(), net->sim != NULL);
    CHECK_INT(rw_unix_listen(net->loop, path, NULL, &listener), 0);
    connecting = rw_spawn(net->loop, rw_unix_connect(net->loop, path), NULL);
    net->server = net_socket(net, rw_listener_accept(listener));
    net->client = net_socket(net, rw_task_join(connecting));
    rw_task_unref(connecting);
    CHECK(net->server != NULL);
    CHECK(net->client != NULL);
    CHECK_INT(net_code(net, net_write(net->client, "ping")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 10)), "ping");
    CHECK_INT(net_code(net, net_write(net->server, "pong")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->client, 10)), "pong");
    CHECK_INT(rw_socket_peer(net->client, peer, sizeof peer), 0);
    CHECK_TEXT(peer, path);
    rw_listener_unref(listener);
    unlink(path);
}
NET_TEST(unix_sockets_carry_bytes_both_ways)

static void a_loop_that_ends_closes_its_listeners(struct net *net)
{
    struct rw_listener *listener;

    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    rw_loop_free(net->loop);
    net->loop = NULL;
    CHECK_INT(rw_listener_local(listener, (char[8]){0}, 8), RW_ERR_CLOSED);
    rw_listener_close(listener);
    rw_listener_unref(listener);
}
NET_TEST(a_loop_that_ends_closes_its_listeners)

static void listening_survives_every_failed_allocation(void)
{
    struct net net;
    struct rw_listener *listener = NULL;

    net_open(&net, true);
    if (net.loop != NULL && rw_tcp_listen(net.loop, "127.0.0.1", 80, NULL, &listener) == 0) {
        rw_listener_unref(listener);
    }
    if (net.sim != NULL) {
        net_close(&net);
    } else {
        rw_loop_free(net.loop);
    }
}

static void every_failed_allocation_is_survived(void)
{
    test_each_allocation(listening_survives_every_failed_allocation);
}

static const struct test tests[] = {
    NET_ENTRIES(a_port_of_zero_picks_one),
    NET_ENTRIES(a_port_in_use_is_refused),
    NET_ENTRIES(only_numbers_are_addresses_to_listen_on),
    NET_ENTRIES(listening_on_all_addresses_takes_ipv4),
    NET_ENTRIES(a_stale_path_is_replaced_and_a_live_one_is_not),
    TEST(a_path_that_is_no_socket_is_left_alone),
    NET_ENTRIES(unix_sockets_carry_bytes_both_ways),
    NET_ENTRIES(a_loop_that_ends_closes_its_listeners),
    TEST(every_failed_allocation_is_survived),
};

TEST_MAIN(tests)
