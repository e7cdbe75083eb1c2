/* SPDX-License-Identifier: MIT
 *
 * socket.c - the life of a stream socket: made, adopted, closed, freed.
 *
 * A socket owns its descriptor, what it received and nobody has taken (`in`), and what it was given and has not sent
 * (`out`): so no read or write future owns a byte, and dropping one loses nothing.
 *
 *      OPEN --close, nothing unsent--> CLOSED
 *        \--close, bytes unsent--> CLOSING --sent, failed, abort, loop ends--> CLOSED
 *
 * Invariant: the descriptor is open, and the source attached, exactly while the state is not CLOSED; it is closed in
 * one place (shut_descriptor). A CLOSING socket holds a reference to itself, and takes part in nothing but its flush.
 */
#include "io/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/address.h"

bool rwi_socket_check(const struct rw_socket *socket)
{
    bool is_closed = socket->state == RWI_SOCKET_CLOSED;

    return (socket->source.reactor == NULL) == is_closed && (socket->source.fd < 0) == is_closed &&
           (socket->out.unsent > 0) == (socket->out.count > 0) && (!socket->shut_sent || socket->write_shut);
}

struct rw_value rwi_io_failure(int os_errno, const char *what)
{
    bool is_gone =
        os_errno == EPIPE || os_errno == ECONNRESET || os_errno == ECONNABORTED || os_errno == ENOTCONN;
    struct rw_value failure;

    RW_ASSERT(os_errno > 0);
    if (os_errno == ENOMEM || os_errno == ENOBUFS) {
        return rw_failure(RW_ERR_NOMEM);
    }
    if (!is_gone) {
        return rw_failure_errno(os_errno, what);
    }
    failure = rw_failure_format(RW_ERR_BROKEN, "%s: %s", what, strerror(os_errno));
    if (failure.as.error != NULL) {
        rw_error_set_errno(failure.as.error, os_errno);
    }
    return failure;
}

/* The only close of a socket's descriptor. */
static void shut_descriptor(struct rw_socket *socket)
{
    int fd = socket->source.fd;

    RW_ASSERT(socket->state != RWI_SOCKET_CLOSED);
    RW_ASSERT(fd >= 0);
    rwi_source_detach(&socket->source);
    rwi_list_remove(&socket->flush.node);
    socket->source.fd = -1;
    socket->sys->close(socket->sys->arg, fd);
    socket->state = RWI_SOCKET_CLOSED;
    rwi_queue_fini(&socket->out);
    rwi_buffer_fini(&socket->in);
}

/* Everyone who waits polls again and finds the socket closed. */
static void wake_all(struct rw_socket *socket)
{
    struct rw_waker reader = socket->source.reader;

    socket->source.reader.vtable = NULL;
    socket->reading = NULL;
    if (reader.vtable != NULL) {
        rw_waker_wake(&reader);
    }
    RW_ASSERT(socket->state != RWI_SOCKET_OPEN);
    rwi_socket_wake_writers(socket);
}

static void socket_loop_ends(struct rwi_source *source)
{
    struct rw_socket *socket = rwi_container_of(source, struct rw_socket, source);
    bool was_closing = socket->state == RWI_SOCKET_CLOSING;

    RW_ASSERT(socket->state != RWI_SOCKET_CLOSED);
    shut_descriptor(socket);
    if (was_closing) {
        rw_socket_unref(socket);
    }
}

static const struct rwi_source_ops socket_source_ops = {socket_loop_ends, NULL};

static void destroy_socket(struct rw_object *object)
{
    struct rw_socket *socket = rwi_socket_of_object(object);
    struct rw_loop *loop = socket->loop;

    if (socket->state == RWI_SOCKET_OPEN && socket->source.fd >= 0) {
        /* The last reference closes: what is unsent keeps the socket alive for a while. */
        object->ref_count = 1;
        rw_socket_close(socket);
        rw_socket_unref(socket);
        return;
    }
    RW_ASSERT(rwi_list_is_empty(&socket->waiters));
    RW_ASSERT(socket->state != RWI_SOCKET_CLOSING);
    rwi_mem_free(socket, sizeof *socket);
    rwi_object_gone(loop, socket);
}

static const struct rw_object_type socket_type = {"socket", false, destroy_socket};

struct rw_socket *rwi_socket_new(struct rw_loop *loop)
{
    struct rw_socket *socket = rwi_mem_new(sizeof *socket);

    if (socket == NULL) {
        return NULL;
    }
    socket->object = (struct rw_object){&socket_type, 1};
    socket->loop = loop;
    socket->sys = rwi_reactor_of(loop)->sys;
    socket->source.ops = &socket_source_ops;
    socket->source.fd = -1;
    socket->flush.run = rwi_socket_flush;
    socket->state = RWI_SOCKET_CLOSED;
    rwi_list_init(&socket->flush.node);
    rwi_list_init(&socket->waiters);
    rwi_object_born(loop, socket);
    RW_ASSERT(rwi_socket_check(socket));
    return socket;
}

int rwi_socket_open(struct rw_socket *socket, int fd, bool is_tcp)
{
    int result;

    RW_ASSERT(socket->source.fd < 0);
    RW_ASSERT(fd >= 0);
    socket->source.fd = fd;
    result = rwi_source_attach(rwi_reactor_of(socket->loop), &socket->source);
    if (result < 0) {
        socket->source.fd = -1;
        return result;
    }
    socket->state = RWI_SOCKET_OPEN;
    socket->is_tcp = is_tcp;
    return 0;
}

void rwi_socket_set_nodelay(const struct rwi_sys *sys, int fd)
{
    int on = 1;

    RW_ASSERT(fd >= 0);
    sys->setsockopt(sys->arg, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int fail_os(int negative_errno)
{
    RW_ASSERT(negative_errno < 0);
    errno = -negative_errno;
    return negative_errno == -ENOMEM ? RW_ERR_NOMEM : RW_ERR_OS;
}

int rw_socket_adopt(struct rw_loop *loop, int fd, struct rw_socket **out)
{
    const struct rwi_sys *sys = rwi_reactor_of(loop)->sys;
    struct rw_socket *socket = rwi_socket_new(loop);
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    int result;

    RW_REQUIRE(out != NULL);
    *out = NULL;
    if (socket == NULL) {
        sys->close(sys->arg, fd);
        return RW_ERR_NOMEM;
    }
    result = sys->getsockname(sys->arg, fd, &address, &size);
    if (result == 0) {
        result = sys->set_nonblocking(sys->arg, fd);
    }
    if (result == 0) {
        result = rwi_socket_open(socket, fd, address.ss_family != AF_UNIX);
    }
    if (result < 0) {
        sys->close(sys->arg, fd);
        rw_socket_unref(socket);
        return fail_os(result);
    }
    *out = socket;
    return 0;
}

int rw_socket_pair(struct rw_loop *loop, struct rw_socket **a, struct rw_socket **b)
{
    const struct rwi_sys *sys = rwi_reactor_of(loop)->sys;
    int fds[2];
    int result = sys->socketpair(sys->arg, fds);

    RW_REQUIRE(a != NULL);
    RW_REQUIRE(b != NULL);
    *a = NULL;
    *b = NULL;
    if (result < 0) {
        return fail_os(result);
    }
    result = rw_socket_adopt(loop, fds[0], a);
    if (result != 0) {
        sys->close(sys->arg, fds[1]);
        return result;
    }
    result = rw_socket_adopt(loop, fds[1], b);
    if (result != 0) {
        rw_socket_unref(*a);
        *a = NULL;
    }
    return result;
}

struct rw_value rwi_socket_value(struct rw_socket *socket)
{
    RW_ASSERT(socket->object.ref_count > 0);
    return rw_value_of_handle(&socket->object);
}

struct rw_socket *rw_socket_of(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    if (value->kind != RW_KIND_HANDLE || value->as.handle->type != &socket_type) {
        return NULL;
    }
    return rwi_socket_of_object(value->as.handle);
}

struct rw_socket *rw_socket_ref(struct rw_socket *socket)
{
    RW_REQUIRE(socket != NULL);
    rw_object_ref(&socket->object);
    return socket;
}

void rw_socket_unref(struct rw_socket *socket)
{
    if (socket != NULL) {
        RW_ASSERT(socket->object.ref_count > 0);
        rw_object_unref(&socket->object);
    }
}

struct rw_object *rw_socket_object(struct rw_socket *socket)
{
    RW_REQUIRE(socket != NULL);
    return &socket->object;
}

void rwi_socket_finish_close(struct rw_socket *socket)
{
    RW_ASSERT(socket->state == RWI_SOCKET_CLOSING);
    shut_descriptor(socket);
    rwi_socket_wake_writers(socket);
    rw_socket_unref(socket);
}

void rw_socket_close(struct rw_socket *socket)
{
    RW_REQUIRE(socket != NULL);
    if (socket->state != RWI_SOCKET_OPEN) {
        return;
    }
    RW_ASSERT(rwi_socket_check(socket));
    socket->state = RWI_SOCKET_CLOSING;
    socket->write_shut = true;
    rw_socket_ref(socket);
    wake_all(socket);
    if (socket->out.unsent == 0 || socket->write_error != 0) {
        rwi_socket_finish_close(socket);
        return;
    }
    rwi_reactor_flush_later(socket->source.reactor, &socket->flush);
}

void rw_socket_abort(struct rw_socket *socket)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    RW_REQUIRE(socket != NULL);
    if (socket->state == RWI_SOCKET_CLOSED) {
        return;
    }
    if (socket->is_tcp) {
        socket->sys->setsockopt(socket->sys->arg, socket->source.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    rw_socket_ref(socket);
    if (socket->state == RWI_SOCKET_OPEN) {
        socket->state = RWI_SOCKET_CLOSING;
        rw_socket_ref(socket);
        wake_all(socket);
    }
    rwi_socket_finish_close(socket);
    rw_socket_unref(socket);
}

bool rw_socket_is_closed(const struct rw_socket *socket)
{
    RW_REQUIRE(socket != NULL);
    return socket->state != RWI_SOCKET_OPEN;
}

int rw_socket_fd(const struct rw_socket *socket)
{
    RW_REQUIRE(socket != NULL);
    return socket->state == RWI_SOCKET_OPEN ? socket->source.fd : -1;
}

size_t rw_socket_unsent(const struct rw_socket *socket)
{
    RW_REQUIRE(socket != NULL);
    return socket->out.unsent;
}

int rw_socket_peer(const struct rw_socket *socket, char *buffer, size_t size)
{
    struct sockaddr_storage address;
    socklen_t address_size = sizeof address;

    RW_REQUIRE(size > 0);
    if (socket->state != RWI_SOCKET_OPEN ||
        socket->sys->getpeername(socket->sys->arg, socket->source.fd, &address, &address_size) < 0) {
        return RW_ERR_CLOSED;
    }
    rwi_address_format(&address, address_size, buffer, size);
    return 0;
}

int rw_socket_local(const struct rw_socket *socket, char *buffer, size_t size)
{
    struct sockaddr_storage address;
    socklen_t address_size = sizeof address;

    RW_REQUIRE(size > 0);
    if (socket->state != RWI_SOCKET_OPEN ||
        socket->sys->getsockname(socket->sys->arg, socket->source.fd, &address, &address_size) < 0) {
        return RW_ERR_CLOSED;
    }
    rwi_address_format(&address, address_size, buffer, size);
    return 0;
}
