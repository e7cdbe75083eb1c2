/* SPDX-License-Identifier: MIT
 *
 * test_reactor.c - sources, wakes, flushes and the parking of the inbox, on both backends.
 */
#include "reactor/reactor.h"

#include <poll.h>
#include <unistd.h>

#include "reactor/sim.h"
#include "test.h"

struct world {
    struct rw_sim *sim;
    const struct rwi_sys *sys;
    struct rwi_inbox *inbox;
    struct rwi_reactor reactor;
    int fds[2];
    struct rwi_source sources[2];
    int wakes;
};

static void forget(struct rwi_source *source)
{
    rwi_source_detach(source);
}

static const struct rwi_source_ops plain_ops = {forget, NULL};

static void count_wake(void *data)
{
    (*(int *)data)++;
}

static const struct rw_waker_vtable counting = {NULL, count_wake, NULL};

static struct rw_waker waker_of(struct world *world)
{
    return (struct rw_waker){&counting, &world->wakes};
}

static bool open_world(struct world *world, bool simulated)
{
    *world = (struct world){0};
    world->sim = simulated ? rw_sim_new(NULL) : NULL;
    world->sys = simulated ? rwi_sim_sys(world->sim) : rwi_sys_real();
    world->inbox = rwi_inbox_new();
    if (rwi_reactor_init(&world->reactor, world->sys, world->inbox) != 0) {
        return false;
    }
    if (world->sys->socketpair(world->sys->arg, world->fds) < 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        world->sources[i] = (struct rwi_source){.ops = &plain_ops, .fd = world->fds[i]};
        if (rwi_source_attach(&world->reactor, &world->sources[i]) < 0) {
            return false;
        }
    }
    /* The first edges say what is ready already. */
    rwi_reactor_wait(&world->reactor, 0);
    rwi_reactor_wait(&world->reactor, 0);
    return true;
}

static void close_world(struct world *world)
{
    rwi_reactor_fini(&world->reactor);
    world->sys->close(world->sys->arg, world->fds[0]);
    world->sys->close(world->sys->arg, world->fds[1]);
    rwi_inbox_close(world->inbox);
    rwi_inbox_unref(world->inbox);
    rw_sim_free(world->sim);
}

static void send_byte(struct world *world, int end)
{
    world->sys->send(world->sys->arg, world->fds[end], "x", 1);
}

static void an_edge_wakes_once(struct world *world)
{
    struct rwi_source *source = &world->sources[0];

    source->ready &= (uint8_t)~RWI_READ;
    source->reader = waker_of(world);
    CHECK_INT(rwi_reactor_wait(&world->reactor, 0), 0);
    CHECK_INT(world->wakes, 0);
    send_byte(world, 1);
    CHECK(rwi_reactor_wait(&world->reactor, RW_NEVER) > 0);
    CHECK_INT(world->wakes, 1);
    CHECK(source->reader.vtable == NULL);
    CHECK((source->ready & RWI_READ) != 0);
    rwi_reactor_wait(&world->reactor, 0);
    CHECK_INT(world->wakes, 1);
}

static void closing_the_other_end_is_an_edge_with_a_hangup(struct world *world)
{
    struct rwi_source *source = &world->sources[0];

    source->ready &= (uint8_t)~RWI_READ;
    source->reader = waker_of(world);
    world->sys->shutdown(world->sys->arg, world->fds[1], SHUT_WR);
    CHECK(rwi_reactor_wait(&world->reactor, RW_NEVER) > 0);
    CHECK_INT(world->wakes, 1);
    CHECK_INT(source->ready & (RWI_READ | RWI_HANGUP), RWI_READ | RWI_HANGUP);
}

static void only_waiters_count_as_waiting(struct world *world)
{
    CHECK(!rwi_reactor_has_waiters(&world->reactor));
    world->sources[1].reader = waker_of(world);
    send_byte(world, 0);
    CHECK(rwi_reactor_has_waiters(&world->reactor));
    CHECK_INT(rwi_reactor_source_count(&world->reactor), 2);
    rwi_source_detach(&world->sources[1]);
    rwi_source_detach(&world->sources[1]);
    CHECK(!rwi_reactor_has_waiters(&world->reactor));
    CHECK_INT(rwi_reactor_source_count(&world->reactor), 1);
}

static void mail_ends_a_sleep_before_it_begins(struct world *world)
{
    rwi_inbox_notify(world->inbox);
    CHECK_INT(rwi_reactor_sleep(&world->reactor, RW_NEVER), 0);
}

static void a_detached_source_gets_no_late_event(struct world *world)
{
    world->sources[1].ready &= (uint8_t)~RWI_READ;
    world->sources[1].reader = waker_of(world);
    send_byte(world, 0);
    CHECK(rwi_reactor_sleep(&world->reactor, 0) > 0);
    rwi_source_detach(&world->sources[1]);
    rwi_reactor_dispatch(&world->reactor);
    CHECK_INT(world->wakes, 0);
}

static int flush_runs;

static void run_flush(struct rwi_flush *flush)
{
    (void)flush;
    flush_runs++;
}

static void a_flush_runs_once_for_many_requests(struct world *world)
{
    struct rwi_flush flush = {.run = run_flush};

    flush_runs = 0;
    rwi_list_init(&flush.node);
    rwi_reactor_flush_later(&world->reactor, &flush);
    rwi_reactor_flush_later(&world->reactor, &flush);
    rwi_reactor_flush(&world->reactor);
    rwi_reactor_flush(&world->reactor);
    CHECK_INT(flush_runs, 1);
}

#define WORLD_TEST(function)                                                                                 \
    static void function##_on_epoll(void)                                                                    \
    {                                                                                                        \
        struct world world;                                                                                  \
        CHECK(open_world(&world, false));                                                                    \
        function(&world);                                                                                    \
        close_world(&world);                                                                                 \
    }                                                                                                        \
    static void function##_in_simulation(void)                                                               \
    {                                                                                                        \
        struct world world;                                                                                  \
        CHECK(open_world(&world, true));                                                                     \
        function(&world);                                                                                    \
        close_world(&world);                                                                                 \
    }

WORLD_TEST(an_edge_wakes_once)
WORLD_TEST(closing_the_other_end_is_an_edge_with_a_hangup)
WORLD_TEST(only_waiters_count_as_waiting)
WORLD_TEST(mail_ends_a_sleep_before_it_begins)
WORLD_TEST(a_detached_source_gets_no_late_event)
WORLD_TEST(a_flush_runs_once_for_many_requests)

#define ENTRIES(function) TEST(function##_on_epoll), TEST(function##_in_simulation)

static const struct test tests[] = {
    ENTRIES(an_edge_wakes_once),
    ENTRIES(closing_the_other_end_is_an_edge_with_a_hangup),
    ENTRIES(only_waiters_count_as_waiting),
    ENTRIES(mail_ends_a_sleep_before_it_begins),
    ENTRIES(a_detached_source_gets_no_late_event),
    ENTRIES(a_flush_runs_once_for_many_requests),
};

TEST_MAIN(tests)
