/* SPDX-License-Identifier: MIT
 *
 * test_backend_epoll.c - what only the kernel's backend promises: the cost of an operation, the descriptor for hosts, forks.
 */
#include <errno.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../fault.h"
#include "../net.h"

static bool is_readable(int fd)
{
    struct pollfd event = {.fd = fd, .events = POLLIN};

    return poll(&event, 1, 0) == 1;
}

static void an_echo_costs_one_wait_one_receive_and_one_send(void)
{
    static struct fault fault;
    struct net net = {0};
    struct rw_task *reading;

    fault_init(&fault, NULL);
    fault.sys.short_is_drained = true;
    net.loop = fault_loop(&fault);
    CHECK(net_connect(&net));
    CHECK_INT(rw_socket_try_read(net.server, (char[1]){0}, 1), RW_ERR_EMPTY);
    for (int i = 0; i < 10; i++) {
        reading = rw_spawn(net.loop, rw_socket_read(net.server, 100), NULL);
        net_turns(&net, 1);
        CHECK_INT(net_code(&net, net_write(net.client, "ping")), 0);
        uint64_t receives = fault.count[FAULT_RECV];
        uint64_t sends = fault.count[FAULT_SEND];
        uint64_t controls = fault.count[FAULT_EPOLL_CTL];

        CHECK_TEXT(net_text(&net, rw_task_join(reading)), "ping");
        rw_task_unref(reading);
        CHECK_INT(rw_socket_try_write(net.server, "po", 2), 0);
        CHECK_INT(rw_socket_try_write(net.server, "ng", 2), 0);
        net_turns(&net, 1);
        CHECK_INT(fault.count[FAULT_RECV] - receives, 1);
        CHECK_INT(fault.count[FAULT_SEND] - sends, 1);
        CHECK_INT(fault.count[FAULT_EPOLL_CTL] - controls, 0);
        CHECK_TEXT(net_text(&net, rw_socket_read_exactly(net.client, 4)), "pong");
    }
    net_close(&net);
}

static void the_descriptor_is_readable_while_there_is_something_to_do(void)
{
    struct net net;
    struct rw_task *reading;

    net_open(&net, false);
    CHECK(net_connect(&net));
    reading = rw_spawn(net.loop, rw_socket_read(net.server, 100), NULL);
    net_turns(&net, 3);
    CHECK(!is_readable(rw_loop_fd(net.loop)));
    CHECK_INT(write(rw_socket_fd(net.client), "x", 1), 1);
    CHECK(is_readable(rw_loop_fd(net.loop)));
    CHECK(is_readable(rw_loop_fd(net.loop)));
    net_turns(&net, 1);
    CHECK(rw_task_is_done(reading));
    rw_task_unref(reading);
    net_close(&net);
}

static void *wake_it(void *arg)
{
    rw_handle_wake(arg);
    return NULL;
}

static void a_wake_from_another_thread_makes_the_descriptor_readable(void)
{
    struct net net;
    struct rw_handle *handle;
    pthread_t thread;

    net_open(&net, false);
    handle = rw_handle_new(net.loop);
    net_turns(&net, 2);
    CHECK(!is_readable(rw_loop_fd(net.loop)));
    CHECK_INT(pthread_create(&thread, NULL, wake_it, handle), 0);
    pthread_join(thread, NULL);
    CHECK(is_readable(rw_loop_fd(net.loop)) || rw_loop_deadline(net.loop) == RW_NOW);
    net_turns(&net, 2);
    CHECK(!is_readable(rw_loop_fd(net.loop)));
    rw_handle_unref(handle);
    net_close(&net);
}

static void a_forked_child_leaves_the_parents_sockets_alone(void)
{
    struct net net;
    int status;
    pid_t child;

    net_open(&net, false);
    CHECK(net_connect(&net));
    CHECK_INT(rw_socket_try_write(net.client, "from the parent", 15), 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        rw_loop_after_fork(net.loop);
        rw_socket_unref(net.client);
        rw_socket_unref(net.server);
        rw_loop_free(net.loop);
        _exit(7);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 7);
    CHECK_TEXT(net_text(&net, rw_socket_read_exactly(net.server, 15)), "from the parent");
    CHECK_INT(net_code(&net, net_write(net.server, "still here")), 0);
    CHECK_TEXT(net_text(&net, rw_socket_read(net.client, 100)), "still here");
    net_close(&net);
}

static void interrupts_and_single_bytes_change_nothing(void)
{
    static struct fault fault;
    struct net net = {0};

    fault_init(&fault, NULL);
    fault.interrupt_every = 3;
    fault.one_byte = true;
    net.loop = fault_loop(&fault);
    CHECK(net_connect(&net));
    CHECK_INT(net_code(&net, net_write(net.client, "one byte at a time\n")), 0);
    CHECK_TEXT(net_text(&net, rw_socket_read_until(net.server, "\n", 1, 100)), "one byte at a time\n");
    rw_socket_close(net.client);
    CHECK_TEXT(net_text(&net, rw_socket_read(net.server, 1)), "end");
    net_close(&net);
    CHECK_INT(fault.open_count, 0);
}

static const struct test tests[] = {
    TEST(an_echo_costs_one_wait_one_receive_and_one_send),
    TEST(the_descriptor_is_readable_while_there_is_something_to_do),
    TEST(a_wake_from_another_thread_makes_the_descriptor_readable),
    TEST(a_forked_child_leaves_the_parents_sockets_alone),
    TEST(interrupts_and_single_bytes_change_nothing),
};

TEST_MAIN(tests)
