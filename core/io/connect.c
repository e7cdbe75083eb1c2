/* SPDX-License-Identifier: MIT
 *
 * connect.c - connecting to a host or a path.
 *
 *      RESOLVING --addresses--> TRYING <--refused, more addresses left-- WAITING
 *          |                      | \--in progress--> WAITING --writable, no error--> done
 *          failure                \--no address left--> failure of the last one
 *
 * Invariant: `socket` is the attempt under way and owns its descriptor; it is NULL in RESOLVING and between attempts. Dropping the future
 * closes it, so nothing is left behind by a cancel. An outcome is a socket that is attached already: its first read
 * needs no registration.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "io/dns.h"
#include "io/socket.h"

struct connect_future {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_future *resolving; /* NULL once done */
    struct rw_value addresses;
    size_t next_address;
    struct rw_socket *socket; /* the attempt that waits */
    struct rwi_address local; /* size 0: any */
    int last_errno;
    bool delay;
};

static const struct rwi_sys *sys_of(const struct connect_future *connect)
{
    RW_ASSERT(rwi_reactor_of(connect->loop) != NULL);
    return rwi_reactor_of(connect->loop)->sys;
}

/* Ends the attempt: nothing was ever written to it, so it closes at once. */
static void give_up(struct connect_future *connect)
{
    if (connect->socket != NULL) {
        RW_ASSERT(connect->socket->out.unsent == 0);
        rw_socket_unref(connect->socket);
        connect->socket = NULL;
    }
}

static int bind_local(const struct connect_future *connect, int fd, int domain)
{
    const struct rwi_sys *sys = sys_of(connect);
    int on = 1;

    if (connect->local.size == 0 || domain == AF_UNIX) {
        return 0;
    }
    if (connect->local.storage.ss_family != domain) {
        return -EAFNOSUPPORT;
    }
    RW_ASSERT(fd >= 0);
    sys->setsockopt(sys->arg, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return sys->bind(sys->arg, fd, (const struct sockaddr *)&connect->local.storage, connect->local.size);
}

static int connect_descriptor(const struct connect_future *connect, int fd, const struct rwi_address *address)
{
    const struct rwi_sys *sys = sys_of(connect);
    int domain = address->storage.ss_family;
    int result = bind_local(connect, fd, domain);

    if (result < 0) {
        return result;
    }
    if (domain != AF_UNIX && !connect->delay) {
        rwi_socket_set_nodelay(sys, fd);
    }
    RW_ASSERT(address->size > 0);
    do {
        result = sys->connect(sys->arg, fd, (const struct sockaddr *)&address->storage, address->size);
    } while (result == -EINTR);
    return result == -EALREADY ? -EINPROGRESS : result; /* the interrupted call had begun it */
}

/* Begins an attempt; 0: connected, -EINPROGRESS: the socket will be writable, else it failed and nothing is left. */
static int begin_attempt(struct connect_future *connect, const struct rwi_address *address)
{
    const struct rwi_sys *sys = sys_of(connect);
    int domain = address->storage.ss_family;
    struct rw_socket *socket = rwi_socket_new(connect->loop);
    int fd;
    int opened;
    int result;

    RW_ASSERT(connect->socket == NULL);
    if (socket == NULL) {
        return -ENOMEM;
    }
    fd = sys->socket(sys->arg, domain, SOCK_STREAM, 0);
    if (fd < 0) {
        rw_socket_unref(socket);
        return fd;
    }
    result = connect_descriptor(connect, fd, address);
    opened = result == 0 || result == -EINPROGRESS ? rwi_socket_open(socket, fd, domain != AF_UNIX) : result;
    if (opened < 0) {
        sys->close(sys->arg, fd);
        rw_socket_unref(socket);
        return opened;
    }
    connect->socket = socket;
    if (result == -EINPROGRESS) {
        /* Only an edge from the kernel says that it stands. */
        socket->source.ready = 0;
    }
    return result;
}

/* 0: it stands; -EINPROGRESS: not yet; else why it failed. */
static int check_attempt(struct connect_future *connect)
{
    const struct rwi_sys *sys = sys_of(connect);
    struct rw_socket *socket = connect->socket;
    int error = 0;
    socklen_t size = sizeof error;
    int result;

    if ((socket->source.ready & RWI_WRITE) == 0) {
        return -EINPROGRESS;
    }
    RW_ASSERT(socket->source.fd >= 0);
    result = sys->getsockopt(sys->arg, socket->source.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (result < 0 || error != 0) {
        return result < 0 ? result : -error;
    }
    socket->source.ready |= RWI_READ;
    return 0;
}

static struct rw_value describe_failure(const struct connect_future *connect)
{
    RW_ASSERT(connect->last_errno > 0);
    if (connect->last_errno == ENOMEM) {
        return rw_failure(RW_ERR_NOMEM);
    }
    return rw_failure_errno(connect->last_errno, "connect");
}

/* Tries addresses until one stands, one is under way, or none is left. */
static enum rw_poll try_addresses(struct connect_future *connect, const struct rw_context *cx,
                                  struct rw_value *out)
{
    for (;;) {
        struct rwi_address address;
        int result;

        if (connect->socket != NULL) {
            result = check_attempt(connect);
        } else if (rwi_dns_address_at(&connect->addresses, connect->next_address, &address)) {
            connect->next_address++;
            result = begin_attempt(connect, &address);
        } else {
            *out = describe_failure(connect);
            return RW_READY;
        }
        if (result == 0) {
            *out = rwi_socket_value(connect->socket);
            connect->socket = NULL;
            return RW_READY;
        }
        if (result == -EINPROGRESS) {
            RW_ASSERT(connect->socket != NULL);
            connect->socket->source.writer = cx->waker;
            return RW_PENDING;
        }
        give_up(connect);
        connect->last_errno = -result;
    }
}

static enum rw_poll poll_resolving(struct connect_future *connect, struct rw_context *cx,
                                   struct rw_value *out)
{
    enum rw_poll poll = rw_poll(connect->resolving, cx, out);

    RW_ASSERT(connect->next_address == 0);
    if (poll == RW_PENDING) {
        return RW_PENDING;
    }
    rw_future_drop(connect->resolving);
    connect->resolving = NULL;
    if (!rw_is_failure(out)) {
        connect->addresses = *out;
        *out = rw_nil();
    }
    return RW_READY;
}

static enum rw_poll poll_connect(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct connect_future *connect = (struct connect_future *)self;

    if (connect->resolving != NULL) {
        if (poll_resolving(connect, cx, out) == RW_PENDING) {
            return RW_PENDING;
        }
        if (rw_is_failure(out)) {
            return RW_READY;
        }
    }
    if (!rw_budget_take(cx)) {
        return RW_PENDING;
    }
    RW_ASSERT(connect->addresses.kind == RW_KIND_BYTES);
    return try_addresses(connect, cx, out);
}

static void drop_connect(struct rw_future *self)
{
    struct connect_future *connect = (struct connect_future *)self;

    give_up(connect);
    rw_future_drop(connect->resolving);
    rw_value_drop(&connect->addresses);
    RW_ASSERT(connect->socket == NULL);
    rw_loop_release(connect->loop, connect, sizeof *connect);
}

static const struct rw_future_vtable connect_vtable = {"connect", 0, poll_connect, NULL, drop_connect};

/* Takes `resolving`. */
static struct rw_future *new_connect(struct rw_loop *loop, struct rw_future *resolving,
                                     const struct rwi_address *local, bool delay)
{
    struct connect_future *connect = rw_loop_alloc(loop, sizeof *connect);

    RW_ASSERT(resolving != NULL);
    if (connect == NULL) {
        rw_future_drop(resolving);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *connect =
        (struct connect_future){.loop = loop, .resolving = resolving, .delay = delay, .last_errno = EINVAL};
    rw_future_init(&connect->base, &connect_vtable);
    if (local != NULL) {
        connect->local = *local;
    }
    return &connect->base;
}

static const struct rw_connect_options no_options;

struct rw_future *rw_tcp_connect(struct rw_loop *loop, const char *host, uint16_t port,
                                 const struct rw_connect_options *options)
{
    struct rwi_address local = {.size = 0};

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(host != NULL);
    options = options != NULL ? options : &no_options;
    if (options->local_host != NULL &&
        rwi_address_parse(options->local_host, options->local_port, &local) != 0) {
        return rw_failed(loop, RW_ERR_INVALID);
    }
    if (options->local_host == NULL && options->local_port != 0) {
        rwi_address_parse("0.0.0.0", options->local_port, &local);
    }
    return new_connect(loop, rwi_dns_addresses(loop, host, port), &local, options->delay);
}

struct rw_future *rw_unix_connect(struct rw_loop *loop, const char *path)
{
    struct rwi_address address;
    struct rw_value bytes;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(path != NULL);
    if (rwi_address_of_path(path, &address) != 0) {
        return rw_failed(loop, RW_ERR_INVALID);
    }
    bytes = rw_bytes(&address, sizeof address);
    if (rw_is_failure(&bytes)) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    return new_connect(loop, rw_ready(loop, bytes), NULL, false);
}
