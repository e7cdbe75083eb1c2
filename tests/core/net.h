/* SPDX-License-Identifier: MIT
 *
 * net.h - what tests of sockets share: each runs on every backend, and blocks on one future at a time.
 *
 * A test takes a struct net and is listed with NET_TEST, which makes one test per backend of it. Failures of a block are
 * values, so that tests read as tables of what was asked and what came.
 */
#ifndef RW_TEST_NET_H
#define RW_TEST_NET_H

#include "test.h"

struct net {
    struct rw_sim *sim; /* NULL: the kernel */
    struct rw_loop *loop;
    struct rw_socket *client;
    struct rw_socket *server;
};

static inline void net_open_with(struct net *net, bool simulated, const struct rw_sim_options *sim_options)
{
    struct rw_loop_options options = {0};

    *net = (struct net){0};
    if (simulated) {
        net->sim = rw_sim_new(sim_options);
        options.sim = net->sim;
    }
    net->loop = rw_loop_new(&options);
}

static inline void net_open(struct net *net, bool simulated)
{
    net_open_with(net, simulated, NULL);
}

/* Frees what is left; in a simulation no descriptor may be. */
static inline void net_close(struct net *net)
{
    rw_socket_unref(net->client);
    rw_socket_unref(net->server);
    rw_loop_free(net->loop);
    if (net->sim != NULL && rw_sim_fd_count(net->sim) != 0) {
        test_fail(__FILE__, __LINE__, "descriptors are left open in the simulation");
    }
    rw_sim_free(net->sim);
}

/* Blocks until the future is done; its value or failure. */
static inline struct rw_value net_wait(struct net *net, struct rw_future *future)
{
    struct rw_value out;
    int err = rw_block_on(net->loop, future, &out);

    if (err != 0) {
        out = rw_failure(err);
    }
    return out;
}

/* The outcome's code: 0, or its error. */
static inline int net_code(struct net *net, struct rw_future *future)
{
    struct rw_value out = net_wait(net, future);
    int code = rw_is_failure(&out) ? out.code : 0;

    rw_value_drop(&out);
    return code;
}

/* The outcome as a text; the code of a failure. Static, good until the next call. */
static inline const char *net_text(struct net *net, struct rw_future *future)
{
    static char text[256];
    struct rw_value out = net_wait(net, future);

    if (rw_is_failure(&out)) {
        snprintf(text, sizeof text, "%s", rw_err_code(out.code));
    } else if (out.kind == RW_KIND_BYTES || out.kind == RW_KIND_TEXT) {
        size_t size;
        const char *data = rw_value_data(&out, &size);

        snprintf(text, sizeof text, "%.*s", (int)size, data);
    } else {
        snprintf(text, sizeof text, "%s", rw_kind_name(out.kind));
    }
    rw_value_drop(&out);
    return text;
}

/* The outcome as a socket that the caller owns; NULL for a failure. */
static inline struct rw_socket *net_socket(struct net *net, struct rw_future *future)
{
    struct rw_value out = net_wait(net, future);
    struct rw_socket *socket = rw_is_failure(&out) ? NULL : rw_socket_of(&out);

    if (socket != NULL) {
        rw_socket_ref(socket);
    }
    rw_value_drop(&out);
    return socket;
}

/* Connects net->client to net->server over TCP on the loopback; false when that failed. */
static inline bool net_connect(struct net *net)
{
    struct rw_listener *listener = NULL;

    if (rw_tcp_listen(net->loop, "127.0.0.1", 0, NULL, &listener) != 0) {
        return false;
    }
    net->client = net_socket(net, rw_tcp_connect(net->loop, "127.0.0.1", rw_listener_port(listener), NULL));
    if (net->client != NULL) {
        net->server = net_socket(net, rw_listener_accept(listener));
    }
    rw_listener_unref(listener);
    return net->server != NULL;
}

/* A few turns without waiting: what was queued gets done. */
static inline void net_turns(struct net *net, int count)
{
    for (int i = 0; i < count; i++) {
        rw_loop_turn(net->loop, 0, 0);
    }
}

static inline struct rw_future *net_write(struct rw_socket *socket, const char *text)
{
    return rw_socket_write(socket, rw_bytes(text, strlen(text)));
}

/* One test function for all backends. */
#define NET_TEST(function)                                                                                   \
    static void function##_on_epoll(void)                                                                    \
    {                                                                                                        \
        struct net net;                                                                                      \
        net_open(&net, false);                                                                               \
        function(&net);                                                                                      \
        net_close(&net);                                                                                     \
    }                                                                                                        \
    static void function##_in_simulation(void)                                                               \
    {                                                                                                        \
        struct net net;                                                                                      \
        net_open(&net, true);                                                                                \
        function(&net);                                                                                      \
        net_close(&net);                                                                                     \
    }

#define NET_ENTRIES(function) TEST(function##_on_epoll), TEST(function##_in_simulation)

#endif
