/* SPDX-License-Identifier: MIT
 *
 * listener.c - the life of a listening socket: bound, closed, freed.
 *
 * Invariant: the descriptor is open, and the source attached, exactly while source.fd is not -1; shut_listener is the one place that
 * closes it. A Unix path stays when its listener closes, as everywhere; a path where nobody listens any more is replaced by
 * the next who wants it, after a connect has proved that it is stale.
 */
#include "io/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/address.h"

enum { DEFAULT_BACKLOG = 1024 };

static void shut_listener(struct rw_listener *listener)
{
    int fd = listener->source.fd;

    RW_ASSERT(fd >= 0);
    rwi_source_detach(&listener->source);
    listener->source.fd = -1;
    listener->sys->close(listener->sys->arg, fd);
}

static void listener_loop_ends(struct rwi_source *source)
{
    struct rw_listener *listener = rwi_container_of(source, struct rw_listener, source);

    RW_ASSERT(source->fd >= 0);
    shut_listener(listener);
}

static const struct rwi_source_ops listener_ops = {listener_loop_ends, NULL};

static void destroy_listener(struct rw_object *object)
{
    struct rw_listener *listener = rwi_container_of(object, struct rw_listener, object);
    struct rw_loop *loop = listener->loop;

    rw_listener_close(listener);
    RW_ASSERT(listener->accepting == NULL);
    rwi_mem_free(listener, sizeof *listener);
    rwi_object_gone(loop, listener);
}

static const struct rw_object_type listener_type = {"listener", false, destroy_listener};

static void wake_accept(struct rw_listener *listener)
{
    struct rw_waker waker = listener->source.reader;

    listener->source.reader.vtable = NULL;
    if (waker.vtable != NULL) {
        RW_ASSERT(listener->accepting != NULL);
        rw_waker_wake(&waker);
    }
}

static void end_pause(struct rw_timer *timer, struct rw_loop *loop)
{
    struct rw_listener *listener = rwi_container_of(timer, struct rw_listener, pause);

    RW_ASSERT(listener->loop == loop);
    (void)loop;
    wake_accept(listener);
}

static struct rw_listener *new_listener(struct rw_loop *loop, int domain)
{
    struct rw_listener *listener = rwi_mem_new(sizeof *listener);

    if (listener == NULL) {
        return NULL;
    }
    listener->object = (struct rw_object){&listener_type, 1};
    listener->loop = loop;
    listener->sys = rwi_reactor_of(loop)->sys;
    listener->source.ops = &listener_ops;
    listener->source.fd = -1;
    listener->domain = domain;
    listener->pause_ns = RWI_FIRST_PAUSE_NS;
    rw_timer_init(&listener->pause, end_pause);
    rwi_object_born(loop, listener);
    return listener;
}

static int fail_os(int negative_errno)
{
    RW_ASSERT(negative_errno < 0);
    errno = -negative_errno;
    return negative_errno == -ENOMEM ? RW_ERR_NOMEM : RW_ERR_OS;
}

/* Takes `fd`, which is bound: listens on it. 0 or a negative errno with `fd` closed. */
static int open_listener(struct rw_listener *listener, int fd, int backlog)
{
    const struct rwi_sys *sys = listener->sys;
    int result = sys->listen(sys->arg, fd, backlog > 0 ? backlog : DEFAULT_BACKLOG);

    RW_ASSERT(listener->source.fd < 0);
    listener->source.fd = fd;
    if (result == 0) {
        result = rwi_source_attach(rwi_reactor_of(listener->loop), &listener->source);
    }
    if (result < 0) {
        listener->source.fd = -1;
        sys->close(sys->arg, fd);
    }
    return result;
}

static void set_option(const struct rwi_sys *sys, int fd, int level, int name)
{
    int on = 1;

    RW_ASSERT(fd >= 0);
    sys->setsockopt(sys->arg, fd, level, name, &on, sizeof on);
}

static int bind_tcp(const struct rwi_sys *sys, const struct rwi_address *address,
                    const struct rw_listen_options *options)
{
    int domain = address->storage.ss_family;
    int fd = sys->socket(sys->arg, domain, SOCK_STREAM, 0);
    int result;

    if (fd < 0) {
        return fd;
    }
    set_option(sys, fd, SOL_SOCKET, SO_REUSEADDR);
    if (options->reuse_port) {
        set_option(sys, fd, SOL_SOCKET, SO_REUSEPORT);
    }
    if (domain == AF_INET6) {
        int only = options->ipv6_only;

        sys->setsockopt(sys->arg, fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    }
    result = sys->bind(sys->arg, fd, (const struct sockaddr *)&address->storage, address->size);
    if (result < 0) {
        sys->close(sys->arg, fd);
        return result;
    }
    RW_ASSERT(result == 0);
    return fd;
}

static void note_port(struct rw_listener *listener)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;

    RW_ASSERT(listener->source.fd >= 0);
    if (listener->sys->getsockname(listener->sys->arg, listener->source.fd, &address, &size) == 0) {
        listener->port = rwi_address_port(&address);
    }
}

/* Begins with a bound descriptor, or the negative errno that came instead of one. */
static int finish_listen(struct rw_loop *loop, int fd, int domain, int backlog, struct rw_listener **out)
{
    struct rw_listener *listener;
    int result;

    if (fd < 0) {
        return fail_os(fd);
    }
    RW_ASSERT(*out == NULL);
    listener = new_listener(loop, domain);
    if (listener == NULL) {
        rwi_reactor_of(loop)->sys->close(rwi_reactor_of(loop)->sys->arg, fd);
        return RW_ERR_NOMEM;
    }
    result = open_listener(listener, fd, backlog);
    if (result < 0) {
        rw_listener_unref(listener);
        return fail_os(result);
    }
    note_port(listener);
    *out = listener;
    return 0;
}

static const struct rw_listen_options no_options;

int rw_tcp_listen(struct rw_loop *loop, const char *host, uint16_t port,
                  const struct rw_listen_options *options, struct rw_listener **out)
{
    struct rwi_address address;
    int fd;

    RW_REQUIRE(host != NULL);
    RW_REQUIRE(out != NULL);
    *out = NULL;
    options = options != NULL ? options : &no_options;
    if (host[0] == '\0' || strcmp(host, "*") == 0) {
        /* All addresses of both families, or of the older one where there is only that. */
        rwi_address_parse("::", port, &address);
        fd = bind_tcp(rwi_reactor_of(loop)->sys, &address, options);
        if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) {
            rwi_address_parse("0.0.0.0", port, &address);
            fd = bind_tcp(rwi_reactor_of(loop)->sys, &address, options);
        }
    } else if (strcmp(host, "localhost") == 0 && rwi_address_parse("127.0.0.1", port, &address) == 0) {
        fd = bind_tcp(rwi_reactor_of(loop)->sys, &address, options);
    } else if (rwi_address_parse(host, port, &address) == 0) {
        fd = bind_tcp(rwi_reactor_of(loop)->sys, &address, options);
    } else {
        return RW_ERR_INVALID;
    }
    return finish_listen(loop, fd, address.storage.ss_family, options->backlog, out);
}

/* True when a socket lies at the path and nobody listens there. */
static bool is_stale(const struct rwi_sys *sys, const char *path, const struct rwi_address *address)
{
    int fd;
    int result;

    if (sys->is_socket_path(sys->arg, path) != 1) {
        return false;
    }
    fd = sys->socket(sys->arg, AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) {
        return false;
    }
    RW_ASSERT(address->size > 0);
    result = sys->connect(sys->arg, fd, (const struct sockaddr *)&address->storage, address->size);
    sys->close(sys->arg, fd);
    return result == -ECONNREFUSED;
}

static int bind_unix(const struct rwi_sys *sys, const char *path, const struct rwi_address *address,
                     unsigned mode)
{
    int fd = sys->socket(sys->arg, AF_UNIX, SOCK_STREAM, 0);
    int result;

    if (fd < 0) {
        return fd;
    }
    result = sys->bind(sys->arg, fd, (const struct sockaddr *)&address->storage, address->size);
    if (result == -EADDRINUSE && is_stale(sys, path, address)) {
        sys->unlink(sys->arg, path);
        result = sys->bind(sys->arg, fd, (const struct sockaddr *)&address->storage, address->size);
    }
    if (result == 0 && mode != 0) {
        result = sys->chmod(sys->arg, path, mode);
    }
    if (result < 0) {
        sys->close(sys->arg, fd);
        return result;
    }
    RW_ASSERT(result == 0);
    return fd;
}

int rw_unix_listen(struct rw_loop *loop, const char *path, const struct rw_listen_options *options,
                   struct rw_listener **out)
{
    struct rwi_address address;
    int fd;

    RW_REQUIRE(path != NULL);
    RW_REQUIRE(out != NULL);
    *out = NULL;
    options = options != NULL ? options : &no_options;
    if (rwi_address_of_path(path, &address) != 0) {
        return RW_ERR_INVALID;
    }
    fd = bind_unix(rwi_reactor_of(loop)->sys, path, &address, options->mode);
    return finish_listen(loop, fd, AF_UNIX, options->backlog, out);
}

uint16_t rw_listener_port(const struct rw_listener *listener)
{
    RW_REQUIRE(listener != NULL);
    return listener->port;
}

int rw_listener_fd(const struct rw_listener *listener)
{
    RW_REQUIRE(listener != NULL);
    return listener->source.fd;
}

void rw_listener_close(struct rw_listener *listener)
{
    RW_REQUIRE(listener != NULL);
    if (listener->source.fd < 0) {
        return;
    }
    rw_timer_disarm(listener->loop, &listener->pause);
    wake_accept(listener);
    shut_listener(listener);
}

struct rw_listener *rw_listener_ref(struct rw_listener *listener)
{
    RW_REQUIRE(listener != NULL);
    rw_object_ref(&listener->object);
    return listener;
}

void rw_listener_unref(struct rw_listener *listener)
{
    if (listener != NULL) {
        RW_ASSERT(listener->object.ref_count > 0);
        rw_object_unref(&listener->object);
    }
}

struct rw_object *rw_listener_object(struct rw_listener *listener)
{
    RW_REQUIRE(listener != NULL);
    return &listener->object;
}

int rw_listener_local(const struct rw_listener *listener, char *buffer, size_t size)
{
    struct sockaddr_storage address;
    socklen_t address_size = sizeof address;

    RW_REQUIRE(size > 0);
    if (listener->source.fd < 0 ||
        listener->sys->getsockname(listener->sys->arg, listener->source.fd, &address, &address_size) < 0) {
        return RW_ERR_CLOSED;
    }
    rwi_address_format(&address, address_size, buffer, size);
    return 0;
}
