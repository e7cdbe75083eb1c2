/* SPDX-License-Identifier: MIT
 *
 * test_backend_sim.c - when a simulation's clock moves, and who hears of what.
 */
#include "../net.h"

static void the_clock_jumps_to_the_next_timer(void)
{
    struct net net;
    int64_t began_ns;

    net_open(&net, true);
    began_ns = rw_sim_now(net.sim);
    CHECK_INT(net_code(&net, rw_sleep_until(net.loop, began_ns + 3600 * RW_SECOND)), 0);
    CHECK_INT(rw_sim_now(net.sim), began_ns + 3600 * RW_SECOND);
    net_close(&net);
}

static void the_clock_stands_while_something_runs(void)
{
    struct net net;
    int64_t began_ns;

    net_open(&net, true);
    began_ns = rw_sim_now(net.sim);
    rw_task_unref(rw_spawn(net.loop, rw_sleep_until(net.loop, began_ns + RW_SECOND), NULL));
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(net_code(&net, rw_yield_now(net.loop)), 0);
    }
    CHECK_INT(rw_sim_now(net.sim), began_ns);
    net_close(&net);
}

static void latency_is_the_time_a_byte_takes(void)
{
    struct rw_sim_options options = {.latency_min_ns = 5000000, .latency_max_ns = 5000000};
    struct net net;
    int64_t began_ns;

    net_open_with(&net, true, &options);
    CHECK_INT(rw_socket_pair(net.loop, &net.client, &net.server), 0);
    began_ns = rw_sim_now(net.sim);
    CHECK_INT(rw_socket_try_write(net.client, "x", 1), 0);
    CHECK_TEXT(net_text(&net, rw_socket_read(net.server, 1)), "x");
    CHECK_INT(rw_sim_now(net.sim) - began_ns, 5000000);
    net_close(&net);
}

static void nothing_to_come_is_a_deadlock(void)
{
    struct net net;

    net_open(&net, true);
    CHECK_INT(rw_socket_pair(net.loop, &net.client, &net.server), 0);
    CHECK_INT(net_code(&net, rw_socket_read(net.server, 1)), RW_ERR_DEADLOCK);
    net_close(&net);
}

static void two_loops_share_one_simulation(void)
{
    struct net net;
    struct rw_loop_options options = {0};
    struct rw_loop *other;
    struct rw_listener *listener;
    struct rw_task *accepting;
    struct rw_task *connecting;
    struct rw_stats stats;

    net_open(&net, true);
    options.sim = net.sim;
    other = rw_loop_new(&options);
    CHECK_INT(rw_tcp_listen(other, "127.0.0.1", 80, NULL, &listener), 0);
    accepting = rw_spawn(other, rw_listener_accept(listener), NULL);
    connecting = rw_spawn(net.loop, rw_tcp_connect(net.loop, "127.0.0.1", 80, NULL), NULL);
    for (int i = 0; i < 20; i++) {
        rw_loop_turn(net.loop, 0, 0);
        rw_loop_turn(other, 0, 0);
    }
    CHECK(rw_task_is_done(accepting));
    CHECK(rw_task_is_done(connecting));
    rw_task_unref(accepting);
    rw_task_unref(connecting);
    rw_listener_unref(listener);
    rw_stats(other, &stats);
    CHECK_INT(stats.objects_live, 0);
    rw_loop_free(other);
    net_close(&net);
}

static void *post_late(void *arg)
{
    rw_handle_wake(arg);
    rw_handle_unref(arg);
    return NULL;
}

static void other_threads_can_still_end_the_sleep(void)
{
    struct net net;
    pthread_t thread;

    net_open(&net, true);
    CHECK_INT(pthread_create(&thread, NULL, post_late, rw_handle_new(net.loop)), 0);
    /* Nothing is simulated: the loop waits for real until the handle is gone, and then is dead. */
    CHECK_INT(rw_socket_pair(net.loop, &net.client, &net.server), 0);
    CHECK_INT(net_code(&net, rw_socket_read(net.server, 1)), RW_ERR_DEADLOCK);
    pthread_join(thread, NULL);
    net_close(&net);
}

static uint64_t order; /* of completion, a digit of base 9 for each task */

static void note_done(void *arg, struct rw_task *task, const struct rw_value *value)
{
    (void)task;
    (void)value;
    order = order * 9 + (uint64_t)(uintptr_t)arg;
}

static uint64_t order_of(uint64_t seed, bool shuffle)
{
    struct rw_sim_options options = {.seed = seed, .shuffle = shuffle};
    struct rw_spawn_options spawn = {.on_done = note_done};
    struct net net;
    struct rw_socket *ends[8][2];

    order = 0;
    net_open_with(&net, true, &options);
    for (int i = 0; i < 8; i++) {
        rw_socket_pair(net.loop, &ends[i][0], &ends[i][1]);
        spawn.arg = (void *)(uintptr_t)(i + 1);
        rw_task_unref(rw_spawn(net.loop, rw_socket_read(ends[i][0], 1), &spawn));
    }
    net_turns(&net, 2);
    for (int i = 0; i < 8; i++) {
        rw_socket_try_write(ends[i][1], "x", 1);
    }
    net_turns(&net, 3);
    for (int i = 0; i < 8; i++) {
        rw_socket_unref(ends[i][0]);
        rw_socket_unref(ends[i][1]);
    }
    net_close(&net);
    return order;
}

static void the_seed_decides_the_order_if_asked(void)
{
    uint64_t different = 0;

    CHECK_INT(order_of(1, false), order_of(2, false));
    for (uint64_t seed = 1; seed < 10; seed++) {
        CHECK_INT(order_of(seed, true), order_of(seed, true));
        different += order_of(seed, true) != order_of(seed + 1, true);
    }
    CHECK(different > 0);
}

static const struct test tests[] = {
    TEST(the_clock_jumps_to_the_next_timer),   TEST(the_clock_stands_while_something_runs),
    TEST(latency_is_the_time_a_byte_takes),    TEST(nothing_to_come_is_a_deadlock),
    TEST(two_loops_share_one_simulation),      TEST(other_threads_can_still_end_the_sleep),
    TEST(the_seed_decides_the_order_if_asked),
};

TEST_MAIN(tests)
