/* SPDX-License-Identifier: MIT
 *
 * sim_sys.c - the system table of a simulation, and the faults that its options ask for.
 *
 * Each call finds its socket by descriptor, may fail by chance first, and hands on to sim_socket.c or sim_stream.c.
 * Invariant: chances are drawn only for options that are set, so that a run without faults draws nothing and stays
 * the same when a call is added. A short read or write is a fault here, not a sign of being drained, so with short_io the
 * table says so.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "reactor/reactor.h"
#include "reactor/sim.h"

static struct rw_sim *sim_of(void *arg)
{
    struct rw_sim *sim = arg;

    RW_ASSERT(sim->sys.sim == sim);
    return sim;
}

static int64_t sim_clock_ns(void *arg)
{
    return sim_of(arg)->now_ns;
}

static int sim_random(void *arg, void *buffer, size_t size)
{
    char *bytes = buffer;

    RW_ASSERT(buffer != NULL);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)rw_sim_random(sim_of(arg));
    }
    return 0;
}

static bool interrupts(struct rw_sim *sim)
{
    return rwi_sim_chance(sim, sim->options.eintr_ppm);
}

static int new_descriptor(struct rw_sim *sim, int domain)
{
    struct rwi_sim_socket *socket;
    int result;

    if (rwi_sim_chance(sim, sim->options.emfile_ppm)) {
        return -EMFILE;
    }
    result = rwi_sim_socket_new(sim, domain, &socket);
    if (result < 0) {
        return result;
    }
    result = rwi_sim_socket_give_fd(socket);
    if (result < 0) {
        rwi_sim_socket_free(socket);
    }
    return result;
}

static int sim_socket(void *arg, int domain, int type, int protocol)
{
    (void)protocol;
    RW_ASSERT((type & 0xf) == SOCK_STREAM);
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) {
        return -EAFNOSUPPORT;
    }
    return new_descriptor(sim_of(arg), domain);
}

static int sim_close(void *arg, int fd)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);

    if (socket == NULL) {
        return -EBADF;
    }
    RW_ASSERT(socket->fd == fd);
    rwi_sim_socket_free(socket);
    return 0;
}

static int sim_socketpair(void *arg, int fds[2])
{
    struct rw_sim *sim = sim_of(arg);

    fds[0] = new_descriptor(sim, AF_UNIX);
    if (fds[0] < 0) {
        return fds[0];
    }
    fds[1] = new_descriptor(sim, AF_UNIX);
    if (fds[1] < 0) {
        sim_close(arg, fds[0]);
        return fds[1];
    }
    rwi_sim_join(rwi_sim_socket_at(sim, fds[0]), rwi_sim_socket_at(sim, fds[1]));
    return 0;
}

static int sim_bind(void *arg, int fd, const struct sockaddr *address, socklen_t size)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);

    RW_ASSERT(address != NULL);
    return socket != NULL ? rwi_sim_bind(socket, address, size) : -EBADF;
}

static int sim_listen(void *arg, int fd, int backlog)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);

    RW_ASSERT(socket == NULL || socket->fd == fd);
    return socket != NULL ? rwi_sim_listen(socket, backlog) : -EBADF;
}

static int sim_connect(void *arg, int fd, const struct sockaddr *address, socklen_t size)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);

    RW_ASSERT(address != NULL);
    if (socket == NULL) {
        return -EBADF;
    }
    return interrupts(socket->sim) ? -EINTR : rwi_sim_connect(socket, address, size);
}

static int sim_accept(void *arg, int fd)
{
    struct rw_sim *sim = sim_of(arg);
    struct rwi_sim_socket *listener = rwi_sim_socket_at(sim, fd);

    RW_ASSERT(listener == NULL || listener->fd == fd);
    if (listener == NULL) {
        return -EBADF;
    }
    if (interrupts(sim)) {
        return -EINTR;
    }
    if (!rwi_list_is_empty(&listener->queue) && rwi_sim_chance(sim, sim->options.emfile_ppm)) {
        return -EMFILE;
    }
    return rwi_sim_accept(listener);
}

static int sim_shutdown(void *arg, int fd, int how)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);

    RW_ASSERT(how == SHUT_WR || how == SHUT_RDWR);
    (void)how;
    return socket != NULL ? rwi_sim_shutdown_write(socket) : -EBADF;
}

static int sim_getsockopt(void *arg, int fd, int level, int name, void *value, socklen_t *size)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);
    int answer = 0;

    if (socket == NULL) {
        return -EBADF;
    }
    RW_ASSERT(*size >= sizeof answer);
    if (level == SOL_SOCKET && name == SO_ERROR) {
        answer = socket->error;
        socket->error = 0;
    }
    memcpy(value, &answer, sizeof answer);
    *size = sizeof answer;
    return 0;
}

static int sim_setsockopt(void *arg, int fd, int level, int name, const void *value, socklen_t size)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);

    if (socket == NULL) {
        return -EBADF;
    }
    if (level == SOL_SOCKET && name == SO_LINGER) {
        const struct linger *linger = value;

        RW_ASSERT(size == sizeof *linger);
        socket->abortive = linger->l_onoff && linger->l_linger == 0;
    }
    (void)size;
    return 0;
}

static int sim_getsockname(void *arg, int fd, struct sockaddr_storage *address, socklen_t *size)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);

    RW_ASSERT(*size >= sizeof *address);
    if (socket == NULL) {
        return -EBADF;
    }
    *address = socket->address;
    address->ss_family = (sa_family_t)socket->domain;
    *size = socket->address_size > 0 ? socket->address_size : sizeof address->ss_family;
    return 0;
}

static int sim_getpeername(void *arg, int fd, struct sockaddr_storage *address, socklen_t *size)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);

    RW_ASSERT(*size >= sizeof *address);
    if (socket == NULL) {
        return -EBADF;
    }
    if (socket->kind != RWI_SIM_STREAM) {
        return -ENOTCONN;
    }
    *address = socket->remote;
    address->ss_family = (sa_family_t)socket->domain;
    *size = socket->remote_size > 0 ? socket->remote_size : sizeof address->ss_family;
    return 0;
}

static int sim_set_nonblocking(void *arg, int fd)
{
    return rwi_sim_socket_at(sim_of(arg), fd) != NULL ? 0 : -EBADF;
}

static int sim_unlink(void *arg, const char *path)
{
    RW_ASSERT(path != NULL);
    return rwi_sim_path_remove(sim_of(arg), path);
}

static int sim_chmod(void *arg, const char *path, unsigned mode)
{
    (void)mode;
    RW_ASSERT(path != NULL);
    return rwi_sim_path_exists(sim_of(arg), path) ? 0 : -ENOENT;
}

static int sim_is_socket_path(void *arg, const char *path)
{
    return rwi_sim_path_exists(sim_of(arg), path) ? 1 : -ENOENT;
}

/* What a read or write may meet before it does anything. */
static int meet_fault(struct rwi_sim_socket *socket)
{
    struct rw_sim *sim = socket->sim;

    RW_ASSERT(socket->fd >= 0);
    if (interrupts(sim)) {
        return -EINTR;
    }
    if (socket->peer != NULL && !socket->connecting && rwi_sim_chance(sim, sim->options.reset_ppm)) {
        rwi_sim_reset(socket, ECONNRESET);
    }
    return 0;
}

static int64_t sim_recv(void *arg, int fd, void *buffer, size_t size)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);
    int fault;

    RW_ASSERT(size > 0);
    if (socket == NULL) {
        return -EBADF;
    }
    fault = meet_fault(socket);
    return fault < 0 ? fault : rwi_sim_recv(socket, buffer, size);
}

static int64_t sim_send(void *arg, int fd, const void *buffer, size_t size)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);
    int fault;

    RW_ASSERT(size > 0);
    if (socket == NULL) {
        return -EBADF;
    }
    fault = meet_fault(socket);
    return fault < 0 ? fault : rwi_sim_send(socket, buffer, size);
}

/* One call for all parts: it can be interrupted only before it began, and stops short only where there is no room. */
static int64_t sim_sendv(void *arg, int fd, const struct iovec *parts, int count)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(sim_of(arg), fd);
    int64_t sent = 0;
    int64_t result;

    RW_ASSERT(count > 0);
    if (socket == NULL) {
        return -EBADF;
    }
    result = meet_fault(socket);
    for (int i = 0; i < count && result >= 0; i++) {
        result = rwi_sim_send(socket, parts[i].iov_base, parts[i].iov_len);
        sent += result > 0 ? result : 0;
        if (result < (int64_t)parts[i].iov_len) {
            break;
        }
    }
    if (result < 0 && sent > 0 && result != -EAGAIN) {
        rwi_sim_raise(socket, RWI_WRITE); /* the next call tells why */
    }
    return sent > 0 ? sent : result;
}

void rwi_sim_fill_sys(struct rw_sim *sim)
{
    RW_ASSERT(sim->sys.sim == NULL);
    sim->sys = (struct rwi_sys){
        .arg = sim,
        .sim = sim,
        .short_is_drained = sim->options.short_io_ppm == 0,
        .clock_ns = sim_clock_ns,
        .random = sim_random,
        .socket = sim_socket,
        .socketpair = sim_socketpair,
        .bind = sim_bind,
        .listen = sim_listen,
        .connect = sim_connect,
        .accept = sim_accept,
        .shutdown = sim_shutdown,
        .close = sim_close,
        .getsockopt = sim_getsockopt,
        .setsockopt = sim_setsockopt,
        .getsockname = sim_getsockname,
        .getpeername = sim_getpeername,
        .set_nonblocking = sim_set_nonblocking,
        .unlink = sim_unlink,
        .chmod = sim_chmod,
        .is_socket_path = sim_is_socket_path,
        .recv = sim_recv,
        .send = sim_send,
        .sendv = sim_sendv,
    };
}
