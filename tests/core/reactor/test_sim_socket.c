/* SPDX-License-Identifier: MIT
 *
 * test_sim_socket.c - simulated addresses, listening, connecting and accepting, as Linux does them.
 */
#include <errno.h>

#include "sim_world.h"

static void a_connection_takes_two_trips(void)
{
    struct rw_sim_options options = {.latency_min_ns = 10, .latency_max_ns = 10};
    struct rw_sim *sim = rw_sim_new(&options);
    const struct rwi_sys *sys = rwi_sim_sys(sim);
    int listener = sim_listening(sim, "127.0.0.1", 80);
    int client = sim_connecting(sim, "127.0.0.1", 80);

    CHECK_INT(sys->accept(sim, listener), -EAGAIN);
    CHECK_INT(sys->send(sim, client, "x", 1), -EAGAIN);
    rw_sim_advance(sim, 10);
    rwi_sim_deliver(sim);
    int server = sys->accept(sim, listener);

    CHECK(server >= RWI_SIM_FD_BASE);
    CHECK_INT(sys->send(sim, client, "x", 1), -EAGAIN);
    rw_sim_advance(sim, 10);
    rwi_sim_deliver(sim);
    CHECK_INT(sys->send(sim, client, "x", 1), 1);
    sys->close(sim, server);
    sys->close(sim, client);
    sys->close(sim, listener);
    CHECK_INT(rw_sim_fd_count(sim), 0);
    rw_sim_free(sim);
}

static void nobody_listening_is_a_refusal(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    int client = sim_connecting(sim, "127.0.0.1", 81);

    sim_settle(sim);
    CHECK_INT(sim_error(sim, client), ECONNREFUSED);
    CHECK_INT(sim_error(sim, client), 0);
    rwi_sim_sys(sim)->close(sim, client);
    rw_sim_free(sim);
}

static void a_full_queue_is_a_refusal(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    int listener = sim_listening(sim, "0.0.0.0", 80);
    int clients[3];

    for (int i = 0; i < 3; i++) {
        clients[i] = sim_connecting(sim, "10.0.0.1", 80);
    }
    sim_settle(sim);
    CHECK_INT(sim_error(sim, clients[0]), 0);
    CHECK_INT(sim_error(sim, clients[1]), 0);
    CHECK_INT(sim_error(sim, clients[2]), ECONNREFUSED);
    for (int i = 0; i < 3; i++) {
        rwi_sim_sys(sim)->close(sim, clients[i]);
    }
    rwi_sim_sys(sim)->close(sim, listener);
    rw_sim_free(sim);
}

static void closing_a_listener_resets_who_was_not_accepted(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    int listener = sim_listening(sim, "127.0.0.1", 80);
    int client = sim_connecting(sim, "127.0.0.1", 80);
    char byte;

    sim_settle(sim);
    rwi_sim_sys(sim)->close(sim, listener);
    sim_settle(sim);
    CHECK_INT(rwi_sim_sys(sim)->recv(sim, client, &byte, 1), -ECONNRESET);
    rwi_sim_sys(sim)->close(sim, client);
    rw_sim_free(sim);
}

static void ports_and_addresses_conflict_as_in_linux(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    int one = sim_listening(sim, "127.0.0.1", 80);

    CHECK_INT(sim_listening(sim, "127.0.0.1", 80), -EADDRINUSE);
    CHECK_INT(sim_listening(sim, "0.0.0.0", 80), -EADDRINUSE);
    int two = sim_listening(sim, "127.0.0.2", 80);

    CHECK(two > 0);
    rwi_sim_sys(sim)->close(sim, one);
    int three = sim_listening(sim, "127.0.0.1", 80);

    CHECK(three > 0);
    rwi_sim_sys(sim)->close(sim, two);
    rwi_sim_sys(sim)->close(sim, three);
    rw_sim_free(sim);
}

static void paths_stay_after_their_listener(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    const struct rwi_sys *sys = rwi_sim_sys(sim);
    struct sockaddr_un address = sim_path("/run/it");
    int fd = sys->socket(sim, AF_UNIX, SOCK_STREAM, 0);
    int other = sys->socket(sim, AF_UNIX, SOCK_STREAM, 0);

    CHECK_INT(sys->connect(sim, other, (struct sockaddr *)&address, sizeof address), -ENOENT);
    CHECK_INT(sys->bind(sim, fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(sys->connect(sim, other, (struct sockaddr *)&address, sizeof address), -ECONNREFUSED);
    CHECK_INT(sys->listen(sim, fd, 5), 0);
    CHECK_INT(sys->connect(sim, other, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(sys->close(sim, fd), 0);
    CHECK_INT(sys->is_socket_path(sim, "/run/it"), 1);
    CHECK_INT(sys->unlink(sim, "/run/it"), 0);
    CHECK_INT(sys->is_socket_path(sim, "/run/it"), -ENOENT);
    CHECK_INT(sys->close(sim, other), 0);
    rw_sim_free(sim);
}

static void numbers_are_used_again(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    const struct rwi_sys *sys = rwi_sim_sys(sim);
    int first = sys->socket(sim, AF_INET, SOCK_STREAM, 0);
    int second = sys->socket(sim, AF_INET, SOCK_STREAM, 0);

    CHECK(second != first);
    CHECK_INT(sys->close(sim, first), 0);
    CHECK_INT(sys->socket(sim, AF_INET, SOCK_STREAM, 0), first);
    CHECK_INT(rw_sim_fd_count(sim), 2);
    CHECK_INT(sys->close(sim, first), 0);
    CHECK_INT(sys->close(sim, second), 0);
    CHECK_INT(sys->close(sim, second), -EBADF);
    rw_sim_free(sim);
}

static const struct test tests[] = {
    TEST(a_connection_takes_two_trips),
    TEST(nobody_listening_is_a_refusal),
    TEST(a_full_queue_is_a_refusal),
    TEST(closing_a_listener_resets_who_was_not_accepted),
    TEST(ports_and_addresses_conflict_as_in_linux),
    TEST(paths_stay_after_their_listener),
    TEST(numbers_are_used_again),
};

TEST_MAIN(tests)
