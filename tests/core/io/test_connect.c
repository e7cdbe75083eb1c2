/* SPDX-License-Identifier: MIT
 *
 * test_connect.c - connecting by number, name and path, on every backend.
 */
#include <errno.h>

#include "fault.h"
#include "net.h"

/* A port on which nobody listens. */
static uint16_t dead_port(struct net *net)
{
    struct rw_listener *listener;
    uint16_t port = 0;

    if (rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener) == 0) {
        port = rw_listener_port(listener);
        rw_listener_unref(listener);
    }
    return port;
}

static void a_refused_connection_tells_its_errno(struct net *net)
{
    struct rw_value out = net_wait(net, rw_tcp_connect(net->loop, "127.0.0.1", dead_port(net), NULL));
    struct rw_error *error;

    CHECK(rw_is_failure(&out));
    CHECK_INT(out.code, RW_ERR_OS);
    error = rw_value_error(&out);
    CHECK_INT(rw_error_errno(error), ECONNREFUSED);
    CHECK_TEXT(rw_error_message(error), "connect: Connection refused");
    rw_error_unref(error);
    rw_value_drop(&out);
}
NET_TEST(a_refused_connection_tells_its_errno)

static void names_are_resolved_first(struct net *net)
{
    struct rw_listener *listener;

    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    net->client = net_socket(net, rw_tcp_connect(net->loop, "localhost", rw_listener_port(listener), NULL));
    CHECK(net->client != NULL);
    net->server = net_socket(net, rw_listener_accept(listener));
    CHECK(net->server != NULL);
    CHECK_INT(net_code(net, net_write(net->client, "x")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 1)), "x");
    rw_listener_unref(listener);
}
NET_TEST(names_are_resolved_first)

static void bad_arguments_are_refused(struct net *net)
{
    struct rw_connect_options options = {.local_host = "nowhere"};
    char path[300];

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    CHECK_TEXT(net_text(net, rw_tcp_connect(net->loop, "", 80, NULL)), "invalid");
    CHECK_TEXT(net_text(net, rw_tcp_connect(net->loop, "127.0.0.1", 80, &options)), "invalid");
    CHECK_TEXT(net_text(net, rw_unix_connect(net->loop, "")), "invalid");
    CHECK_TEXT(net_text(net, rw_unix_connect(net->loop, path)), "invalid");
    CHECK_TEXT(net_text(net, rw_unix_connect(net->loop, "/nowhere/at/all")), "os");
}
NET_TEST(bad_arguments_are_refused)

static void the_local_end_can_be_chosen(struct net *net)
{
    struct rw_connect_options options = {
        .local_host = "127.0.0.1", .local_port = dead_port(net), .delay = true};
    struct rw_listener *listener;
    char local[64];
    char expected[64];

    CHECK_INT(rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener), 0);
    net->client =
        net_socket(net, rw_tcp_connect(net->loop, "127.0.0.1", rw_listener_port(listener), &options));
    CHECK(net->client != NULL);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", options.local_port);
    CHECK_INT(rw_socket_local(net->client, local, sizeof local), 0);
    CHECK_TEXT(local, expected);
    rw_listener_unref(listener);
}
NET_TEST(the_local_end_can_be_chosen)

static void a_cancelled_connect_leaves_nothing(void)
{
    struct rw_sim_options options = {.latency_min_ns = 1000000, .latency_max_ns = 1000000};
    struct net net;
    struct rw_task *connecting;

    net_open_with(&net, true, &options);
    connecting = rw_spawn(net.loop, rw_tcp_connect(net.loop, "127.0.0.1", 80, NULL), NULL);
    net_turns(&net, 2);
    CHECK_INT(rw_sim_fd_count(net.sim), 1);
    rw_task_cancel(connecting, NULL);
    CHECK_TEXT(net_text(&net, rw_task_join(connecting)), "cancelled");
    CHECK_INT(rw_sim_fd_count(net.sim), 0);
    rw_task_unref(connecting);
    net_close(&net);
}

static void every_address_is_tried(void)
{
    struct net net;
    struct rw_listener *listener;

    net_open(&net, true);
    CHECK_INT(rw_sim_add_name(net.sim, "server.test", "10.0.0.7"), 0);
    CHECK_INT(rw_tcp_listen(net.loop, "10.0.0.7", 7000, NULL, &listener), 0);
    net.client = net_socket(&net, rw_tcp_connect(net.loop, "server.test", 7000, NULL));
    CHECK(net.client != NULL);
    CHECK_TEXT(net_text(&net, rw_tcp_connect(net.loop, "other.test", 7000, NULL)), "dns");
    rw_listener_unref(listener);
    net_close(&net);
}

/* Each call of a connection and its first exchange fails in turn: the result is an error, and nothing is left open. */
static void connect_once(struct fault *fault)
{
    struct rw_loop *loop = fault_loop(fault);
    struct net net = {.loop = loop};

    if (loop != NULL) {
        if (net_connect(&net)) {
            net_code(&net, net_write(net.client, "ping"));
            rw_socket_close(net.client);
            net_code(&net, rw_socket_read_all(net.server, 10));
        }
        net_close(&net);
    }
}

static void every_failing_call_is_survived(bool simulated)
{
    static struct fault fault;
    struct rw_sim *sim = simulated ? rw_sim_new(NULL) : NULL;

    for (uint64_t at = 1; at < 200; at++) {
        fault_init(&fault, sim);
        fault.fail_total = at;
        fault.total_error = ENOMEM;
        connect_once(&fault);
        CHECK_INT(fault.open_count, 0);
        if (fault.total < at) {
            break;
        }
    }
    rw_sim_free(sim);
}

static void every_failing_call_is_survived_on_epoll(void)
{
    every_failing_call_is_survived(false);
}

static void every_failing_call_is_survived_in_simulation(void)
{
    every_failing_call_is_survived(true);
}

static void connect_with_scarce_memory(void)
{
    struct net net;

    net_open(&net, true);
    if (net.loop != NULL && net_connect(&net)) {
        net_code(&net, net_write(net.client, "ping"));
        net_code(&net, rw_socket_read(net.server, 10));
    }
    if (net.sim != NULL) {
        net_close(&net);
    } else {
        rw_loop_free(net.loop);
    }
}

static void every_failed_allocation_is_survived(void)
{
    test_each_allocation(connect_with_scarce_memory);
}

static const struct test tests[] = {
    NET_ENTRIES(a_refused_connection_tells_its_errno),
    NET_ENTRIES(names_are_resolved_first),
    NET_ENTRIES(bad_arguments_are_refused),
    NET_ENTRIES(the_local_end_can_be_chosen),
    TEST(a_cancelled_connect_leaves_nothing),
    TEST(every_address_is_tried),
    NET_ENTRIES(every_failing_call_is_survived),
    TEST(every_failed_allocation_is_survived),
};

TEST_MAIN(tests)
