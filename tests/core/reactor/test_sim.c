/* SPDX-License-Identifier: MIT
 *
 * test_sim.c - a simulation's clock, seed, events and names.
 */
#include "reactor/sim.h"

#include "test.h"

static void the_same_seed_gives_the_same_numbers(void)
{
    struct rw_sim_options options = {.seed = 42};
    struct rw_sim *one = rw_sim_new(&options);
    struct rw_sim *two = rw_sim_new(&options);

    for (int i = 0; i < 100; i++) {
        CHECK(rw_sim_random(one) == rw_sim_random(two));
    }
    rw_sim_free(one);
    rw_sim_free(two);
}

static void a_chance_of_nothing_draws_nothing(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    uint64_t before = sim->random;

    CHECK(!rwi_sim_chance(sim, 0));
    CHECK(sim->random == before);
    CHECK(rwi_sim_chance(sim, 1000000));
    for (int i = 0; i < 1000; i++) {
        CHECK(rwi_sim_below(sim, 7) < 7);
    }
    rw_sim_free(sim);
}

static void the_clock_is_moved_by_hand(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);

    CHECK_INT(rw_sim_now(sim), RW_SECOND);
    rw_sim_advance(sim, 5);
    CHECK_INT(rw_sim_now(sim), RW_SECOND + 5);
    rw_sim_free(sim);
    rw_sim_free(NULL);
}

static void events_come_in_order_of_time_then_of_making(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    struct rwi_sim_socket *sockets[2];
    int64_t last = 0;

    for (int i = 0; i < 2; i++) {
        CHECK_INT(rwi_sim_socket_new(sim, AF_UNIX, &sockets[i]), 0);
    }
    rwi_sim_join(sockets[0], sockets[1]);
    for (int i = 0; i < 500; i++) {
        struct rwi_sim_event event = {.target = sockets[i % 2], .kind = RWI_SIM_WINDOW};

        event.at_ns = sim->now_ns + (int64_t)rwi_sim_below(sim, 50);
        CHECK_INT(rwi_sim_push(sim, &event), 0);
    }
    rwi_sim_purge(sim, sockets[1]);
    CHECK_INT(sim->event_count, 250);
    while (rwi_sim_next_event(sim) != RW_NEVER) {
        CHECK(rwi_sim_next_event(sim) >= last);
        last = rwi_sim_next_event(sim);
        sim->now_ns = last;
        CHECK(rwi_sim_deliver(sim) > 0);
    }
    rwi_sim_socket_free(sockets[0]);
    rwi_sim_socket_free(sockets[1]);
    rw_sim_free(sim);
}

static void names_and_paths_are_remembered(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);

    CHECK_INT(rw_sim_add_name(sim, "a.test", "10.0.0.1"), 0);
    CHECK_INT(rw_sim_add_name(sim, "a.test", "10.0.0.2"), 0);
    CHECK_TEXT(rwi_sim_lookup(sim, "a.test"), "10.0.0.2");
    CHECK(rwi_sim_lookup(sim, "b.test") == NULL);
    CHECK_INT(rwi_sim_path_add(sim, "/run/x"), 0);
    CHECK(rwi_sim_path_exists(sim, "/run/x"));
    CHECK_INT(rwi_sim_path_remove(sim, "/run/x"), 0);
    CHECK(rwi_sim_path_remove(sim, "/run/x") < 0);
    rw_sim_free(sim);
}

static void name_with_scarce_memory(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);

    if (sim != NULL) {
        int err = rw_sim_add_name(sim, "a.test", "10.0.0.1");

        if (err != 0 && err != RW_ERR_NOMEM) {
            test_fail(__FILE__, __LINE__, "another error than no memory");
        }
    }
    rw_sim_free(sim);
}

static void every_failed_allocation_is_survived(void)
{
    test_each_allocation(name_with_scarce_memory);
}

static const struct test tests[] = {
    TEST(the_same_seed_gives_the_same_numbers), TEST(a_chance_of_nothing_draws_nothing),
    TEST(the_clock_is_moved_by_hand),           TEST(events_come_in_order_of_time_then_of_making),
    TEST(names_and_paths_are_remembered),       TEST(every_failed_allocation_is_survived),
};

TEST_MAIN(tests)
