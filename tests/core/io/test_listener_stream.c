/* SPDX-License-Identifier: MIT
 *
 * test_listener_stream.c - the connections of a listener as a stream: in a channel, without a script, until it is closed.
 */
#include "../test.h"

struct world {
    struct rw_sim *sim;
    struct rw_loop *loop;
    struct rw_listener *listener;
};

static bool open_world(struct world *world)
{
    world->sim = rw_sim_new(NULL);
    world->loop = rw_loop_new(&(struct rw_loop_options){.sim = world->sim});
    return rw_tcp_listen(world->loop, "127.0.0.1", 0, NULL, &world->listener) == 0;
}

static void close_world(struct world *world)
{
    rw_listener_unref(world->listener);
    rw_loop_free(world->loop);
    rw_sim_free(world->sim);
}

static struct rw_future *dial(struct world *world)
{
    return rw_tcp_connect(world->loop, "127.0.0.1", rw_listener_port(world->listener), NULL);
}

static void connections_come_one_after_the_other(void)
{
    struct world world;
    struct rw_value both;

    CHECK(open_world(&world));
    struct rw_stream *stream = rw_listener_stream(world.listener);

    for (int i = 0; i < 3; i++) {
        struct rw_future *pair = rw_join(world.loop, dial(&world), rw_stream_next(stream));

        CHECK_INT(rw_block_on(world.loop, pair, &both), 0);
        CHECK(!rw_is_failure(&both));
        CHECK(rw_socket_of(rw_list_at(both.as.list, 1)) != NULL);
        rw_value_drop(&both);
    }
    rw_stream_unref(stream);
    close_world(&world);
}

static void closing_the_listener_ends_the_stream(void)
{
    struct world world;
    struct rw_value end;

    CHECK(open_world(&world));
    struct rw_stream *stream = rw_listener_stream(world.listener);

    rw_listener_close(world.listener);
    CHECK_INT(rw_block_on(world.loop, rw_stream_next(stream), &end), 0);
    CHECK_INT(end.code, RW_ERR_END);
    rw_stream_unref(stream);
    close_world(&world);
}

static void a_cancelled_next_loses_no_connection(void)
{
    struct world world;
    struct rw_value value;

    CHECK(open_world(&world));
    struct rw_stream *stream = rw_listener_stream(world.listener);
    int64_t soon = rw_deadline_after(world.loop, 1000);

    CHECK_INT(rw_block_on(world.loop, rw_timeout(world.loop, rw_stream_next(stream), soon), &value), 0);
    CHECK_INT(value.code, RW_ERR_TIMEOUT);
    CHECK_INT(rw_block_on(world.loop, rw_join(world.loop, dial(&world), rw_stream_next(stream)), &value), 0);
    CHECK(!rw_is_failure(&value));
    rw_value_drop(&value);
    rw_stream_unref(stream);
    close_world(&world);
}

static const struct test tests[] = {
    TEST(connections_come_one_after_the_other),
    TEST(closing_the_listener_ends_the_stream),
    TEST(a_cancelled_next_loses_no_connection),
};

TEST_MAIN(tests)
