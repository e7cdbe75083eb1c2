/* SPDX-License-Identifier: MIT
 *
 * sim_socket.c - simulated descriptors: addresses, listening, connecting, accepting.
 *
 * A TCP connect takes two trips: the request arrives at the listener, where the far end is made and queued, then the answer
 * arrives at the caller. Unix sockets connect at once. Invariant: a socket is in the table exactly while it has a
 * descriptor; one without is in one listener's queue. Whoever frees a socket has parted it from its peer and
 * purged its events first (rwi_sim_socket_free does both).
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "base/check.h"
#include "base/mem.h"
#include "reactor/reactor.h"
#include "reactor/sim.h"

struct rwi_sim_socket *rwi_sim_socket_at(const struct rw_sim *sim, int fd)
{
    size_t index = (size_t)fd - RWI_SIM_FD_BASE;

    RW_ASSERT(sim != NULL);
    return fd >= RWI_SIM_FD_BASE && index < sim->socket_capacity ? sim->sockets[index] : NULL;
}

int rwi_sim_socket_new(struct rw_sim *sim, int domain, struct rwi_sim_socket **out)
{
    struct rwi_sim_socket *socket = rwi_mem_new(sizeof *socket);

    if (socket == NULL) {
        return -ENOMEM;
    }
    RW_ASSERT(sim->options.buffer_size > 0);
    socket->sim = sim;
    socket->fd = -1;
    socket->domain = domain;
    rwi_list_init(&socket->node);
    rwi_list_init(&socket->queue);
    *out = socket;
    return 0;
}

static int grow_table(struct rw_sim *sim)
{
    size_t capacity = sim->socket_capacity == 0 ? 32 : 2 * sim->socket_capacity;
    size_t size = sizeof(struct rwi_sim_socket *);
    struct rwi_sim_socket **sockets;

    RW_ASSERT(capacity > sim->socket_capacity);
    sockets = rwi_mem_resize(sim->sockets, sim->socket_capacity * size, capacity * size);
    if (sockets == NULL) {
        return -ENOMEM;
    }
    memset(sockets + sim->socket_capacity, 0, (capacity - sim->socket_capacity) * size);
    sim->sockets = sockets;
    sim->socket_capacity = capacity;
    return 0;
}

/* The lowest free number, as the kernel gives it: numbers are used again at once. */
int rwi_sim_socket_give_fd(struct rwi_sim_socket *socket)
{
    struct rw_sim *sim = socket->sim;
    size_t index = 0;

    RW_ASSERT(socket->fd < 0);
    while (index < sim->socket_capacity && sim->sockets[index] != NULL) {
        index++;
    }
    if (index == sim->socket_capacity && grow_table(sim) < 0) {
        return -ENOMEM;
    }
    sim->sockets[index] = socket;
    sim->fd_count++;
    socket->fd = RWI_SIM_FD_BASE + (int)index;
    return socket->fd;
}

void rwi_sim_socket_free(struct rwi_sim_socket *socket)
{
    struct rw_sim *sim = socket->sim;

    RW_ASSERT(socket->source == NULL);
    while (!rwi_list_is_empty(&socket->queue)) {
        struct rwi_list *node = rwi_list_pop_front(&socket->queue);
        struct rwi_sim_socket *waiting = rwi_list_entry(node, struct rwi_sim_socket, node);

        waiting->abortive = true;
        rwi_sim_socket_free(waiting);
    }
    rwi_sim_part(socket);
    rwi_sim_purge(sim, socket);
    rwi_list_remove(&socket->node);
    if (socket->fd >= 0) {
        RW_ASSERT(sim->sockets[socket->fd - RWI_SIM_FD_BASE] == socket);
        sim->sockets[socket->fd - RWI_SIM_FD_BASE] = NULL;
        sim->fd_count--;
    }
    rwi_mem_free(socket->ring, socket->capacity);
    rwi_mem_free(socket, sizeof *socket);
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
    RW_ASSERT(address->ss_family == AF_INET || address->ss_family == AF_INET6);
    return ntohs(address->ss_family == AF_INET ? ((const struct sockaddr_in *)address)->sin_port
                                               : ((const struct sockaddr_in6 *)address)->sin6_port);
}

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
    RW_ASSERT(port != 0);
    if (address->ss_family == AF_INET) {
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    } else {
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    }
}

static bool is_wildcard(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        return ((const struct sockaddr_in *)address)->sin_addr.s_addr == htonl(INADDR_ANY);
    }
    RW_ASSERT(address->ss_family == AF_INET6);
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    RW_ASSERT(a->ss_family == b->ss_family);
    if (a->ss_family == AF_INET) {
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    }
    return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr,
                              &((const struct sockaddr_in6 *)b)->sin6_addr);
}

/* A wildcard of IPv6 takes IPv4 too, as Linux has it by default. */
static bool takes(const struct sockaddr_storage *listening, const struct sockaddr_storage *wanted)
{
    RW_ASSERT(listening->ss_family != AF_UNSPEC);
    if (listening->ss_family == AF_UNIX || wanted->ss_family == AF_UNIX) {
        return listening->ss_family == wanted->ss_family &&
               strcmp(((const struct sockaddr_un *)listening)->sun_path,
                      ((const struct sockaddr_un *)wanted)->sun_path) == 0;
    }
    if (port_of(listening) != port_of(wanted)) {
        return false;
    }
    if (listening->ss_family != wanted->ss_family) {
        return listening->ss_family == AF_INET6 && is_wildcard(listening);
    }
    return is_wildcard(listening) || same_host(listening, wanted);
}

static struct rwi_sim_socket *find_listener(const struct rw_sim *sim, const struct sockaddr_storage *wanted)
{
    RW_ASSERT(sim->socket_capacity == 0 || sim->sockets != NULL);
    for (size_t i = 0; i < sim->socket_capacity; i++) {
        struct rwi_sim_socket *socket = sim->sockets[i];

        if (socket != NULL && socket->kind == RWI_SIM_LISTENER && takes(&socket->address, wanted)) {
            return socket;
        }
    }
    return NULL;
}

static bool port_is_taken(const struct rw_sim *sim, const struct sockaddr_storage *address)
{
    RW_ASSERT(address->ss_family != AF_UNIX);
    for (size_t i = 0; i < sim->socket_capacity; i++) {
        const struct rwi_sim_socket *socket = sim->sockets[i];

        if (socket != NULL && socket->kind != RWI_SIM_STREAM && socket->address_size > 0 &&
            socket->address.ss_family != AF_UNIX && port_of(&socket->address) == port_of(address) &&
            (socket->address.ss_family != address->ss_family || is_wildcard(&socket->address) ||
             is_wildcard(address) || same_host(&socket->address, address))) {
            return true;
        }
    }
    return false;
}

static void pick_port(struct rw_sim *sim, struct sockaddr_storage *address)
{
    RW_ASSERT(sim->next_port >= 40000);
    do {
        set_port(address, sim->next_port);
        sim->next_port = sim->next_port == UINT16_MAX ? 40000 : (uint16_t)(sim->next_port + 1);
    } while (port_is_taken(sim, address));
}

int rwi_sim_bind(struct rwi_sim_socket *socket, const struct sockaddr *address, socklen_t size)
{
    struct sockaddr_storage wanted = {0};
    int result = 0;

    RW_ASSERT(size <= sizeof wanted);
    if (socket->address_size > 0 || address->sa_family != socket->domain) {
        return -EINVAL;
    }
    memcpy(&wanted, address, size);
    if (wanted.ss_family == AF_UNIX) {
        const char *path = ((const struct sockaddr_un *)&wanted)->sun_path;

        result = rwi_sim_path_exists(socket->sim, path) ? -EADDRINUSE : rwi_sim_path_add(socket->sim, path);
    } else if (port_of(&wanted) == 0) {
        pick_port(socket->sim, &wanted);
    } else if (port_is_taken(socket->sim, &wanted)) {
        result = -EADDRINUSE;
    }
    if (result == 0) {
        socket->address = wanted;
        socket->address_size = size;
    }
    return result;
}

int rwi_sim_listen(struct rwi_sim_socket *socket, int backlog)
{
    RW_ASSERT(socket->fd >= 0);
    if (socket->kind == RWI_SIM_STREAM || socket->address_size == 0) {
        return -EINVAL;
    }
    socket->kind = RWI_SIM_LISTENER;
    socket->backlog = backlog > 0 && backlog < RWI_SIM_BACKLOG_MAX ? (size_t)backlog : RWI_SIM_BACKLOG_MAX;
    return 0;
}

static int queue_far_end(struct rwi_sim_socket *socket, struct rwi_sim_socket *listener)
{
    struct rwi_sim_socket *far_end;

    RW_ASSERT(listener->kind == RWI_SIM_LISTENER);
    if (listener->queue_count >= listener->backlog) {
        return listener->domain == AF_UNIX ? -EAGAIN : -ECONNREFUSED;
    }
    if (rwi_sim_socket_new(socket->sim, listener->domain, &far_end) < 0) {
        return -ENOBUFS;
    }
    far_end->address = socket->remote;
    far_end->address_size = socket->remote_size;
    far_end->remote = socket->address;
    far_end->remote_size = socket->address_size;
    rwi_sim_join(socket, far_end);
    rwi_list_push_back(&listener->queue, &far_end->node);
    listener->queue_count++;
    rwi_sim_raise(listener, RWI_READ);
    return 0;
}

static int connect_unix(struct rwi_sim_socket *socket)
{
    struct rwi_sim_socket *listener = find_listener(socket->sim, &socket->remote);
    const char *path = ((const struct sockaddr_un *)&socket->remote)->sun_path;
    int result;

    RW_ASSERT(socket->domain == AF_UNIX);
    if (rwi_sim_chance(socket->sim, socket->sim->options.connect_fail_ppm)) {
        return -ECONNREFUSED;
    }
    if (listener == NULL) {
        return rwi_sim_path_exists(socket->sim, path) ? -ECONNREFUSED : -ENOENT;
    }
    result = queue_far_end(socket, listener);
    if (result == 0) {
        socket->kind = RWI_SIM_STREAM;
    }
    return result;
}

/* A port of its own for the near end, at the address it talks to: as on the loopback interface. */
static void name_near_end(struct rwi_sim_socket *socket)
{
    if (socket->address_size == 0) {
        struct sockaddr_storage address = socket->remote;

        pick_port(socket->sim, &address);
        socket->address = address;
        socket->address_size = socket->remote_size;
    }
    RW_ASSERT(port_of(&socket->address) != 0);
}

int rwi_sim_connect(struct rwi_sim_socket *socket, const struct sockaddr *address, socklen_t size)
{
    struct rw_sim *sim = socket->sim;
    struct rwi_sim_event event = {.target = socket, .kind = RWI_SIM_ARRIVES};
    int result;

    RW_ASSERT(size <= sizeof socket->remote);
    if (socket->kind != RWI_SIM_FRESH) {
        return socket->connecting ? -EALREADY : -EISCONN;
    }
    memset(&socket->remote, 0, sizeof socket->remote);
    memcpy(&socket->remote, address, size);
    socket->remote_size = size;
    if (socket->domain == AF_UNIX) {
        return connect_unix(socket);
    }
    name_near_end(socket);
    event.at_ns = rwi_sim_arrival(sim);
    result = rwi_sim_push(sim, &event);
    if (result < 0) {
        return -ENOBUFS;
    }
    socket->kind = RWI_SIM_STREAM;
    socket->connecting = true;
    return -EINPROGRESS;
}

static void answer_request(struct rwi_sim_socket *socket)
{
    struct rw_sim *sim = socket->sim;
    struct rwi_sim_event answer = {.target = socket, .kind = RWI_SIM_CONNECTED};
    struct rwi_sim_socket *listener = find_listener(sim, &socket->remote);
    int result = -ECONNREFUSED;

    RW_ASSERT(socket->connecting);
    if (listener != NULL && !rwi_sim_chance(sim, sim->options.connect_fail_ppm)) {
        result = queue_far_end(socket, listener);
    }
    if (result < 0) {
        answer.kind = RWI_SIM_REFUSED;
        answer.size = (size_t)-result;
    }
    answer.at_ns = rwi_sim_arrival(sim);
    socket->last_arrival_ns = answer.at_ns;
    if (rwi_sim_push(sim, &answer) < 0) {
        rwi_sim_connect_event(socket, &answer);
    }
}

void rwi_sim_connect_event(struct rwi_sim_socket *socket, const struct rwi_sim_event *event)
{
    RW_ASSERT(socket->kind == RWI_SIM_STREAM);
    if (event->kind == RWI_SIM_ARRIVES) {
        answer_request(socket);
        return;
    }
    socket->connecting = false;
    if (event->kind == RWI_SIM_REFUSED) {
        socket->error = (int)event->size;
        rwi_sim_raise(socket, RWI_READ | RWI_WRITE | RWI_HANGUP);
    } else {
        rwi_sim_raise(socket, RWI_WRITE);
    }
}

int rwi_sim_accept(struct rwi_sim_socket *listener)
{
    struct rwi_sim_socket *socket;
    int fd;

    if (listener->kind != RWI_SIM_LISTENER) {
        return -EINVAL;
    }
    if (rwi_list_is_empty(&listener->queue)) {
        return -EAGAIN;
    }
    RW_ASSERT(listener->queue_count > 0);
    socket = rwi_list_entry(listener->queue.next, struct rwi_sim_socket, node);
    fd = rwi_sim_socket_give_fd(socket);
    if (fd >= 0) {
        rwi_list_remove(&socket->node);
        listener->queue_count--;
    }
    return fd;
}
