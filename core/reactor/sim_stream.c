/* SPDX-License-Identifier: MIT
 *
 * sim_stream.c - bytes between the two ends of a simulated connection.
 *
 * A send copies into the far end's ring at once; the far end sees the bytes when their event arrives. Events of one direction
 * never overtake each other, whatever the latency. Invariant of an end: visible <= used <= buffer_size; bytes of the
 * ring beyond `visible` belong to events on their way. A send that found no room is told by a WINDOW event once the far
 * end has read.
 *
 * What closing does follows Linux: a close with unread bytes, and a send to an end that is gone, cause a reset; bytes that arrived
 * before a reset can still be read.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "reactor/reactor.h"
#include "reactor/sim.h"

static void check_end(const struct rwi_sim_socket *socket)
{
    RW_ASSERT(socket->visible <= socket->used);
    RW_ASSERT(socket->used <= socket->capacity);
    RW_ASSERT(socket->peer == NULL || socket->peer->peer == socket);
    (void)socket;
}

void rwi_sim_join(struct rwi_sim_socket *a, struct rwi_sim_socket *b)
{
    RW_ASSERT(a->peer == NULL);
    RW_ASSERT(b->peer == NULL);
    a->peer = b;
    b->peer = a;
    a->kind = RWI_SIM_STREAM;
    b->kind = RWI_SIM_STREAM;
}

unsigned rwi_sim_readiness(const struct rwi_sim_socket *socket)
{
    unsigned ready = 0;

    if (socket->kind == RWI_SIM_LISTENER) {
        return rwi_list_is_empty(&socket->queue) ? 0 : RWI_READ;
    }
    if (socket->kind == RWI_SIM_FRESH || socket->connecting) {
        return 0;
    }
    check_end(socket);
    if (socket->reset || socket->error != 0) {
        return RWI_READ | RWI_WRITE | RWI_HANGUP;
    }
    ready |= socket->visible > 0 || socket->fin ? RWI_READ : 0;
    ready |= socket->fin ? RWI_HANGUP : 0;
    ready |= socket->peer == NULL || socket->peer->used < socket->sim->options.buffer_size ? RWI_WRITE : 0;
    return ready;
}

/* Sends an event that must not overtake earlier ones to the same target. When memory is short it happens now. */
static void send_event(struct rwi_sim_socket *target, enum rwi_sim_event_kind kind, size_t size)
{
    struct rwi_sim_event event = {.target = target, .kind = kind, .size = size};

    RW_ASSERT(target->kind == RWI_SIM_STREAM);
    event.at_ns = rwi_sim_arrival(target->sim);
    if (event.at_ns < target->last_arrival_ns) {
        event.at_ns = target->last_arrival_ns;
    }
    target->last_arrival_ns = event.at_ns;
    if (rwi_sim_push(target->sim, &event) < 0) {
        rwi_sim_stream_event(target, &event);
    }
}

static size_t copy_out(struct rwi_sim_socket *socket, char *buffer, size_t size)
{
    size_t first = socket->capacity - socket->start;

    RW_ASSERT(size <= socket->visible);
    if (size == 0) {
        return 0; /* the ring may not be there yet */
    }
    first = first < size ? first : size;
    memcpy(buffer, socket->ring + socket->start, first);
    memcpy(buffer + first, socket->ring, size - first);
    socket->start = (socket->start + size) % socket->capacity;
    socket->used -= size;
    socket->visible -= size;
    return size;
}

static int take_error(struct rwi_sim_socket *socket)
{
    int error = socket->error;

    RW_ASSERT(error >= 0);
    socket->error = 0;
    return -error;
}

int64_t rwi_sim_recv(struct rwi_sim_socket *socket, void *buffer, size_t size)
{
    struct rw_sim *sim = socket->sim;
    size_t count;

    if (socket->kind != RWI_SIM_STREAM || socket->connecting) {
        return socket->connecting ? -EAGAIN : -ENOTCONN;
    }
    check_end(socket);
    if (socket->visible == 0) {
        if (socket->error != 0) {
            return take_error(socket);
        }
        return socket->fin || socket->reset ? 0 : -EAGAIN;
    }
    count = socket->visible < size ? socket->visible : size;
    if (count > 1 && rwi_sim_chance(sim, sim->options.short_io_ppm)) {
        count = 1 + (size_t)rwi_sim_below(sim, count - 1);
    }
    copy_out(socket, buffer, count);
    if (socket->peer != NULL && socket->peer->wants_window) {
        socket->peer->wants_window = false;
        send_event(socket->peer, RWI_SIM_WINDOW, 0);
    }
    return (int64_t)count;
}

static int grow_ring(struct rwi_sim_socket *socket, size_t needed)
{
    size_t capacity = socket->capacity == 0 ? 256 : socket->capacity;
    size_t visible = socket->visible;
    char *ring;

    RW_ASSERT(needed <= socket->sim->options.buffer_size);
    while (capacity < needed) {
        capacity *= 2;
    }
    ring = rwi_mem_raw(capacity);
    if (ring == NULL) {
        return -ENOBUFS;
    }
    needed = socket->used;
    socket->visible = socket->used;
    copy_out(socket, ring, needed);
    rwi_mem_free(socket->ring, socket->capacity);
    socket->ring = ring;
    socket->capacity = capacity;
    socket->start = 0;
    socket->used = needed;
    socket->visible = visible;
    return 0;
}

static void copy_in(struct rwi_sim_socket *socket, const char *buffer, size_t size)
{
    size_t end = (socket->start + socket->used) % socket->capacity;
    size_t first = socket->capacity - end;

    RW_ASSERT(socket->used + size <= socket->capacity);
    first = first < size ? first : size;
    memcpy(socket->ring + end, buffer, first);
    memcpy(socket->ring, buffer + first, size - first);
    socket->used += size;
}

/* The far end is gone: the bytes vanish, and an answer says so. */
static int64_t send_into_nothing(struct rwi_sim_socket *socket, size_t size)
{
    RW_ASSERT(socket->peer == NULL);
    if (socket->domain == AF_UNIX) {
        return -EPIPE;
    }
    send_event(socket, RWI_SIM_RESET, ECONNRESET);
    return (int64_t)size;
}

int64_t rwi_sim_send(struct rwi_sim_socket *socket, const void *buffer, size_t size)
{
    struct rw_sim *sim = socket->sim;
    struct rwi_sim_socket *peer = socket->peer;
    size_t count;

    if (socket->kind != RWI_SIM_STREAM || socket->connecting) {
        return socket->connecting ? -EAGAIN : -EPIPE;
    }
    check_end(socket);
    if (socket->error != 0) {
        return take_error(socket);
    }
    if (socket->write_shut || socket->reset) {
        return -EPIPE;
    }
    if (peer == NULL) {
        return send_into_nothing(socket, size);
    }
    count = sim->options.buffer_size - peer->used;
    if (count == 0) {
        socket->wants_window = true;
        return -EAGAIN;
    }
    count = count < size ? count : size;
    if (count > 1 && rwi_sim_chance(sim, sim->options.short_io_ppm)) {
        count = 1 + (size_t)rwi_sim_below(sim, count - 1);
    }
    if (peer->used + count > peer->capacity && grow_ring(peer, peer->used + count) < 0) {
        return -ENOBUFS;
    }
    copy_in(peer, buffer, count);
    socket->wants_window = count < size;
    send_event(peer, RWI_SIM_DATA, count);
    return (int64_t)count;
}

int rwi_sim_shutdown_write(struct rwi_sim_socket *socket)
{
    if (socket->kind != RWI_SIM_STREAM || socket->connecting || socket->reset) {
        return -ENOTCONN;
    }
    RW_ASSERT(socket->fd >= 0);
    if (!socket->write_shut && socket->peer != NULL) {
        send_event(socket->peer, RWI_SIM_FIN, 0);
    }
    socket->write_shut = true;
    return 0;
}

void rwi_sim_part(struct rwi_sim_socket *socket)
{
    struct rwi_sim_socket *peer = socket->peer;

    if (peer == NULL) {
        return;
    }
    RW_ASSERT(peer->peer == socket);
    if (socket->used > 0 || socket->abortive) {
        send_event(peer, RWI_SIM_RESET, ECONNRESET);
    } else if (!socket->write_shut) {
        send_event(peer, RWI_SIM_FIN, 0);
    }
    peer->peer = NULL;
    socket->peer = NULL;
    if (peer->wants_window) {
        peer->wants_window = false;
        send_event(peer, RWI_SIM_WINDOW, 0);
    }
}

void rwi_sim_reset(struct rwi_sim_socket *socket, int error)
{
    struct rwi_sim_event here = {.target = socket, .kind = RWI_SIM_RESET, .size = (size_t)error};

    RW_ASSERT(error > 0);
    socket->abortive = true;
    rwi_sim_part(socket);
    rwi_sim_stream_event(socket, &here);
}

void rwi_sim_stream_event(struct rwi_sim_socket *socket, const struct rwi_sim_event *event)
{
    RW_ASSERT(socket->kind == RWI_SIM_STREAM);
    switch (event->kind) {
    case RWI_SIM_DATA:
        /* What was on its way when the connection broke is lost. */
        if (!socket->reset) {
            socket->visible += event->size;
            rwi_sim_raise(socket, RWI_READ);
        }
        break;
    case RWI_SIM_FIN:
        socket->fin = true;
        rwi_sim_raise(socket, RWI_READ | RWI_HANGUP);
        break;
    case RWI_SIM_RESET:
        if (!socket->reset) {
            socket->reset = true;
            socket->error = (int)event->size;
            rwi_sim_raise(socket, RWI_READ | RWI_WRITE | RWI_HANGUP);
        }
        break;
    default:
        RW_ASSERT(event->kind == RWI_SIM_WINDOW);
        rwi_sim_raise(socket, RWI_WRITE);
        break;
    }
    check_end(socket);
}
