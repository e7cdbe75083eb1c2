/* SPDX-License-Identifier: MIT
 *
 * fuzz_read_until.c - any bytes in any pieces through a socket's reads, against a plain model.
 *
 * The input is a program: the first byte is the delimiter's size, then the delimiter, then steps. A step either sends
 * a piece of the rest or asks for a read of some kind; whatever comes back has to be what the model, a flat string, says.
 * Reads that have to wait are dropped, as by a cancel: they must not have taken anything.
 */
#define _GNU_SOURCE
#include <ropewalk.h>

#include "fuzz.h"

enum { STREAM_MAX = 4096 };

struct world {
    struct rw_sim *sim;
    struct rw_loop *loop;
    struct rw_socket *near;
    struct rw_socket *far;
    const uint8_t *data;
    size_t size;
    size_t at;
    char delimiter[8];
    size_t delimiter_size;
    char sent[STREAM_MAX]; /* everything, in order */
    size_t sent_size;
    size_t taken;
    bool ended;
};

static uint8_t next_byte(struct world *world)
{
    return world->at < world->size ? world->data[world->at++] : 0;
}

static void never_wake(void *data)
{
    (void)data;
}

static struct rw_waker clone_nothing(void *data);
static const struct rw_waker_vtable idle_vtable = {clone_nothing, never_wake, never_wake};

static struct rw_waker clone_nothing(void *data)
{
    return (struct rw_waker){&idle_vtable, data};
}

static void turn(struct world *world)
{
    for (int i = 0; i < 3; i++) {
        FUZZ_CHECK(rw_loop_turn(world->loop, 0, 0) >= 0);
    }
}

static void send_piece(struct world *world)
{
    size_t size = next_byte(world);

    if (size > world->size - world->at) {
        size = world->size - world->at;
    }
    if (world->ended || world->sent_size + size > STREAM_MAX) {
        return;
    }
    memcpy(world->sent + world->sent_size, world->data + world->at, size);
    FUZZ_CHECK(rw_socket_try_write(world->far, world->data + world->at, size) == 0);
    world->sent_size += size;
    world->at += size;
    turn(world);
}

/* Polls once, then drops. A value is given to the caller. */
static bool poll_once(struct world *world, struct rw_future *future, struct rw_value *out)
{
    struct rw_context cx = {.waker = {&idle_vtable, NULL}, .loop = world->loop};
    enum rw_poll poll = rw_poll(future, &cx, out);

    rw_future_drop(future);
    return poll == RW_READY;
}

static void expect_bytes(struct world *world, struct rw_value *value, size_t expected)
{
    size_t size;
    const char *data = rw_value_data(value, &size);

    FUZZ_CHECK(size == expected);
    FUZZ_CHECK(memcmp(data, world->sent + world->taken, size) == 0);
    world->taken += size;
    rw_value_drop(value);
}

static void expect_code(struct rw_value *value, int code)
{
    FUZZ_CHECK(rw_is_failure(value));
    FUZZ_CHECK(value->code == code);
    rw_value_drop(value);
}

static int end_code(const struct world *world)
{
    return world->sent_size > world->taken ? RW_ERR_INCOMPLETE : RW_ERR_END;
}

static void read_until(struct world *world)
{
    size_t max = 1 + next_byte(world);
    size_t left = world->sent_size - world->taken;
    size_t visible = left < max ? left : max;
    const char *from = world->sent + world->taken;
    const char *found = memmem(from, visible, world->delimiter, world->delimiter_size);
    struct rw_future *future =
        rw_socket_read_until(world->near, world->delimiter, world->delimiter_size, max);
    struct rw_value out;
    bool is_ready = poll_once(world, future, &out);

    if (found != NULL) {
        FUZZ_CHECK(is_ready);
        expect_bytes(world, &out, (size_t)(found - from) + world->delimiter_size);
    } else if (left >= max) {
        FUZZ_CHECK(is_ready);
        expect_code(&out, RW_ERR_LIMIT);
    } else if (world->ended) {
        FUZZ_CHECK(is_ready);
        expect_code(&out, end_code(world));
    } else {
        FUZZ_CHECK(!is_ready);
    }
}

static void read_exactly(struct world *world)
{
    size_t size = next_byte(world);
    size_t left = world->sent_size - world->taken;
    struct rw_value out;
    bool is_ready = poll_once(world, rw_socket_read_exactly(world->near, size), &out);

    if (left >= size) {
        FUZZ_CHECK(is_ready);
        expect_bytes(world, &out, size);
    } else if (world->ended) {
        FUZZ_CHECK(is_ready);
        expect_code(&out, end_code(world));
    } else {
        FUZZ_CHECK(!is_ready);
    }
}

static void read_some(struct world *world)
{
    size_t max = 1 + next_byte(world);
    size_t left = world->sent_size - world->taken;
    struct rw_value out;
    bool is_ready = poll_once(world, rw_socket_read(world->near, max), &out);

    if (left > 0) {
        size_t size;

        FUZZ_CHECK(is_ready);
        FUZZ_CHECK(rw_value_data(&out, &size) != NULL);
        FUZZ_CHECK(size > 0 && size <= max);
        expect_bytes(world, &out, size);
    } else if (world->ended) {
        FUZZ_CHECK(is_ready);
        expect_code(&out, RW_ERR_END);
    } else {
        FUZZ_CHECK(!is_ready);
    }
}

static void end_stream(struct world *world)
{
    if (!world->ended) {
        world->ended = true;
        rw_socket_close(world->far);
        turn(world);
    }
}

static void step(struct world *world)
{
    switch (next_byte(world) % 8) {
    case 0:
    case 1:
    case 2:
        send_piece(world);
        break;
    case 3:
    case 4:
        read_until(world);
        break;
    case 5:
        read_exactly(world);
        break;
    case 6:
        read_some(world);
        break;
    default:
        if (next_byte(world) > 200) {
            end_stream(world);
        }
        break;
    }
}

static void run(const uint8_t *data, size_t size)
{
    static struct world world;
    struct rw_loop_options options = {0};

    world = (struct world){.data = data, .size = size};
    world.sim = rw_sim_new(NULL);
    options.sim = world.sim;
    world.loop = rw_loop_new(&options);
    FUZZ_CHECK(rw_socket_pair(world.loop, &world.near, &world.far) == 0);
    world.delimiter_size = 1 + next_byte(&world) % sizeof world.delimiter;
    for (size_t i = 0; i < world.delimiter_size; i++) {
        world.delimiter[i] = (char)next_byte(&world);
    }
    while (world.at < world.size) {
        step(&world);
    }
    rw_socket_unref(world.near);
    rw_socket_unref(world.far);
    rw_loop_free(world.loop);
    FUZZ_CHECK(rw_sim_fd_count(world.sim) == 0);
    rw_sim_free(world.sim);
}

static const struct fuzz_seed seeds[] = {
    FUZZ_SEED("\x00\n\x00\x0ahello\nyou\n\x03\x64\x03\x64\x03\x64"),
    FUZZ_SEED("\x01\r\n\x00\x03"
              "a\r\n\x00\x02\r\r\x03\x10\x00\x01\n\x03\x10\x07\xff\x06\x0a"),
    FUZZ_SEED("\x02"
              "aab\x00\x06"
              "aaaaab\x03\x20\x05\x02\x03\x02\x07\xff\x03\x20"),
};

FUZZ_MAIN(run, seeds)
