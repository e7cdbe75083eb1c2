/* SPDX-License-Identifier: MIT
 *
 * test_sim_stream.c - bytes between the ends of a simulated connection.
 */
#include <errno.h>

#include "sim_world.h"

struct pair {
    struct rw_sim *sim;
    const struct rwi_sys *sys;
    int fds[2];
};

static void open_pair(struct pair *pair, const struct rw_sim_options *options)
{
    pair->sim = rw_sim_new(options);
    pair->sys = rwi_sim_sys(pair->sim);
    pair->sys->socketpair(pair->sim, pair->fds);
}

static void close_pair(struct pair *pair)
{
    pair->sys->close(pair->sim, pair->fds[0]);
    pair->sys->close(pair->sim, pair->fds[1]);
    CHECK_INT(rw_sim_fd_count(pair->sim), 0);
    rw_sim_free(pair->sim);
}

static int64_t take(struct pair *pair, int end, char *buffer, size_t size)
{
    return pair->sys->recv(pair->sim, pair->fds[end], buffer, size);
}

static int64_t put(struct pair *pair, int end, const char *text)
{
    return pair->sys->send(pair->sim, pair->fds[end], text, strlen(text));
}

static void bytes_are_seen_when_they_arrive(void)
{
    struct rw_sim_options options = {.latency_min_ns = 5, .latency_max_ns = 50};
    struct pair pair;
    char buffer[10];

    open_pair(&pair, &options);
    CHECK_INT(put(&pair, 0, "abc"), 3);
    CHECK_INT(put(&pair, 0, "def"), 3);
    CHECK_INT(take(&pair, 1, buffer, sizeof buffer), -EAGAIN);
    sim_settle(pair.sim);
    CHECK_INT(take(&pair, 1, buffer, 4), 4);
    CHECK(memcmp(buffer, "abcd", 4) == 0);
    CHECK_INT(take(&pair, 1, buffer, sizeof buffer), 2);
    CHECK_INT(take(&pair, 1, buffer, sizeof buffer), -EAGAIN);
    close_pair(&pair);
}

static void a_full_buffer_holds_the_sender_back(void)
{
    struct rw_sim_options options = {.buffer_size = 5};
    struct pair pair;
    char buffer[10];

    open_pair(&pair, &options);
    CHECK_INT(put(&pair, 0, "abcdefgh"), 5);
    CHECK_INT(put(&pair, 0, "fgh"), -EAGAIN);
    sim_settle(pair.sim);
    CHECK_INT(take(&pair, 1, buffer, 2), 2);
    CHECK_INT(put(&pair, 0, "fgh"), 2);
    sim_settle(pair.sim);
    CHECK_INT(take(&pair, 1, buffer, sizeof buffer), 5);
    CHECK(memcmp(buffer, "cdefg", 5) == 0);
    close_pair(&pair);
}

static void an_end_comes_after_the_bytes(void)
{
    struct rw_sim_options options = {.latency_min_ns = 1, .latency_max_ns = 1000};
    struct pair pair;
    char buffer[10];

    open_pair(&pair, &options);
    CHECK_INT(put(&pair, 0, "last"), 4);
    CHECK_INT(pair.sys->shutdown(pair.sim, pair.fds[0], SHUT_WR), 0);
    CHECK_INT(put(&pair, 0, "more"), -EPIPE);
    sim_settle(pair.sim);
    CHECK_INT(take(&pair, 1, buffer, sizeof buffer), 4);
    CHECK_INT(take(&pair, 1, buffer, sizeof buffer), 0);
    CHECK_INT(take(&pair, 1, buffer, sizeof buffer), 0);
    CHECK_INT(put(&pair, 1, "back"), 4);
    sim_settle(pair.sim);
    CHECK_INT(take(&pair, 0, buffer, sizeof buffer), 4);
    close_pair(&pair);
}

static void closing_with_unread_bytes_resets(void)
{
    struct pair pair;
    char buffer[10];

    open_pair(&pair, NULL);
    CHECK_INT(put(&pair, 0, "unread"), 6);
    CHECK_INT(put(&pair, 1, "arrived"), 7);
    sim_settle(pair.sim);
    pair.sys->close(pair.sim, pair.fds[1]);
    sim_settle(pair.sim);
    CHECK_INT(take(&pair, 0, buffer, sizeof buffer), 7);
    CHECK_INT(take(&pair, 0, buffer, sizeof buffer), -ECONNRESET);
    CHECK_INT(take(&pair, 0, buffer, sizeof buffer), 0);
    CHECK_INT(put(&pair, 0, "x"), -EPIPE);
    pair.sys->close(pair.sim, pair.fds[0]);
    rw_sim_free(pair.sim);
}

static void a_unix_socket_whose_peer_is_gone_is_a_broken_pipe(void)
{
    struct pair pair;

    open_pair(&pair, NULL);
    pair.sys->close(pair.sim, pair.fds[1]);
    CHECK_INT(put(&pair, 0, "x"), -EPIPE);
    pair.sys->close(pair.sim, pair.fds[0]);
    rw_sim_free(pair.sim);
}

static void a_tcp_peer_that_is_gone_answers_with_a_reset(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    const struct rwi_sys *sys = rwi_sim_sys(sim);
    int listener = sim_listening(sim, "127.0.0.1", 80);
    int client = sim_connecting(sim, "127.0.0.1", 80);
    char byte;

    sim_settle(sim);
    sys->close(sim, sys->accept(sim, listener));
    sim_settle(sim);
    CHECK_INT(sys->send(sim, client, "x", 1), 1);
    sim_settle(sim);
    CHECK_INT(sys->send(sim, client, "y", 1), -ECONNRESET);
    CHECK_INT(sys->recv(sim, client, &byte, 1), 0);
    sys->close(sim, client);
    sys->close(sim, listener);
    rw_sim_free(sim);
}

static void any_traffic_keeps_its_order(void)
{
    struct rw_sim_options options = {
        .seed = 9, .latency_max_ns = 500, .short_io_ppm = 300000, .buffer_size = 777};
    struct pair pair;
    uint32_t sent = 0;
    uint32_t received = 0;
    char buffer[300];

    open_pair(&pair, &options);
    while (received < 100000) {
        size_t size = 1 + rwi_sim_below(pair.sim, sizeof buffer);
        int64_t count;

        for (size_t i = 0; i < size; i++) {
            buffer[i] = (char)((sent + i) * 31 >> 3);
        }
        count = pair.sys->send(pair.sim, pair.fds[0], buffer, size);
        sent += count > 0 ? (uint32_t)count : 0;
        rw_sim_advance(pair.sim, 100);
        rwi_sim_deliver(pair.sim);
        count = take(&pair, 1, buffer, 1 + rwi_sim_below(pair.sim, sizeof buffer));
        for (int64_t i = 0; i < count; i++) {
            CHECK(buffer[i] == (char)((received + (uint32_t)i) * 31 >> 3));
        }
        received += count > 0 ? (uint32_t)count : 0;
    }
    close_pair(&pair);
}

static const struct test tests[] = {
    TEST(bytes_are_seen_when_they_arrive),
    TEST(a_full_buffer_holds_the_sender_back),
    TEST(an_end_comes_after_the_bytes),
    TEST(closing_with_unread_bytes_resets),
    TEST(a_unix_socket_whose_peer_is_gone_is_a_broken_pipe),
    TEST(a_tcp_peer_that_is_gone_answers_with_a_reset),
    TEST(any_traffic_keeps_its_order),
};

TEST_MAIN(tests)
