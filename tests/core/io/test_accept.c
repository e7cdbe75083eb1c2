/* SPDX-License-Identifier: MIT
 *
 * test_accept.c - taking connections, also when descriptors run out.
 */
#include <errno.h>

#include "fault.h"
#include "net.h"

static void accepts_take_connections_in_order(struct net *net)
{
    struct rw_listener *listener;
    char first[64];
    char second[64];

    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    uint16_t port = rw_listener_port(listener);
    struct rw_socket *one = net_socket(net, rw_tcp_connect(net->loop, "127.0.0.1", port, NULL));
    struct rw_socket *two = net_socket(net, rw_tcp_connect(net->loop, "127.0.0.1", port, NULL));

    net->server = net_socket(net, rw_tcp_accept(listener));
    net->client = net_socket(net, rw_listener_accept(listener));
    CHECK(net->client != NULL);
    CHECK_INT(rw_socket_local(one, first, sizeof first), 0);
    CHECK_INT(rw_socket_peer(net->server, second, sizeof second), 0);
    CHECK_TEXT(first, second);
    rw_socket_unref(one);
    rw_socket_unref(two);
    rw_listener_unref(listener);
}
NET_TEST(accepts_take_connections_in_order)

static void a_second_accept_is_refused_while_one_waits(struct net *net)
{
    struct rw_listener *listener;
    struct rw_task *waiting;

    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    waiting = rw_spawn(net->loop, rw_listener_accept(listener), NULL);
    net_turns(net, 2);
    CHECK_TEXT(net_text(net, rw_listener_accept(listener)), "busy");
    rw_task_cancel(waiting, NULL);
    CHECK_TEXT(net_text(net, rw_task_join(waiting)), "cancelled");
    rw_task_unref(waiting);
    net->client = net_socket(net, rw_tcp_connect(net->loop, "127.0.0.1", rw_listener_port(listener), NULL));
    net->server = net_socket(net, rw_listener_accept(listener));
    CHECK(net->server != NULL);
    rw_listener_unref(listener);
}
NET_TEST(a_second_accept_is_refused_while_one_waits)

static void closing_ends_a_waiting_accept(struct net *net)
{
    struct rw_listener *listener;
    struct rw_task *waiting;

    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    waiting = rw_spawn(net->loop, rw_listener_accept(listener), NULL);
    net_turns(net, 2);
    rw_listener_close(listener);
    rw_listener_close(listener);
    CHECK_TEXT(net_text(net, rw_task_join(waiting)), "closed");
    rw_task_unref(waiting);
    CHECK_TEXT(net_text(net, rw_listener_accept(listener)), "closed");
    rw_listener_unref(listener);
}
NET_TEST(closing_ends_a_waiting_accept)

static void a_connection_that_was_closed_early_is_still_accepted(struct net *net)
{
    struct rw_listener *listener;

    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    net->client = net_socket(net, rw_tcp_connect(net->loop, "127.0.0.1", rw_listener_port(listener), NULL));
    CHECK_INT(rw_socket_try_write(net->client, "note", 4), 0);
    rw_socket_close(net->client);
    net_turns(net, 2);
    net->server = net_socket(net, rw_listener_accept(listener));
    CHECK(net->server != NULL);
    CHECK_TEXT(net_text(net, rw_socket_read_all(net->server, 10)), "note");
    rw_listener_unref(listener);
}
NET_TEST(a_connection_that_was_closed_early_is_still_accepted)

/* Out of descriptors twice, the connection waits in the kernel and comes after the second pause. */
static void accept_waits_when_descriptors_run_out(struct net *net)
{
    static struct fault fault; /* outlives the loop */
    struct rw_listener *listener;

    rw_loop_free(net->loop);
    fault_init(&fault, net->sim);
    net->loop = fault_loop(&fault);
    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    net->client = net_socket(net, rw_tcp_connect(net->loop, "127.0.0.1", rw_listener_port(listener), NULL));
    CHECK(net->client != NULL);
    fault_next(&fault, FAULT_ACCEPT, 2, EMFILE);
    int64_t began_ns = rw_loop_update_now(net->loop);

    net->server = net_socket(net, rw_listener_accept(listener));
    CHECK(net->server != NULL);
    CHECK(rw_loop_now(net->loop) - began_ns >= 15 * RW_SECOND / 1000);
    CHECK_INT(fault.count[FAULT_ACCEPT], 3);
    rw_listener_unref(listener);
}
NET_TEST(accept_waits_when_descriptors_run_out)

static void accept_goes_on_after_a_connection_that_broke(struct net *net)
{
    static struct fault fault; /* outlives the loop */
    struct rw_listener *listener;

    rw_loop_free(net->loop);
    fault_init(&fault, net->sim);
    net->loop = fault_loop(&fault);
    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    net->client = net_socket(net, rw_tcp_connect(net->loop, "127.0.0.1", rw_listener_port(listener), NULL));
    fault_next(&fault, FAULT_ACCEPT, 3, ECONNABORTED);
    net->server = net_socket(net, rw_listener_accept(listener));
    CHECK(net->server != NULL);
    fault_next(&fault, FAULT_ACCEPT, 1, EIO);
    CHECK_TEXT(net_text(net, rw_listener_accept(listener)), "os");
    rw_listener_unref(listener);
}
NET_TEST(accept_goes_on_after_a_connection_that_broke)

static const struct test tests[] = {
    NET_ENTRIES(accepts_take_connections_in_order),
    NET_ENTRIES(a_second_accept_is_refused_while_one_waits),
    NET_ENTRIES(closing_ends_a_waiting_accept),
    NET_ENTRIES(a_connection_that_was_closed_early_is_still_accepted),
    NET_ENTRIES(accept_waits_when_descriptors_run_out),
    NET_ENTRIES(accept_goes_on_after_a_connection_that_broke),
};

TEST_MAIN(tests)
