/* SPDX-License-Identifier: MIT
 *
 * accept.c - taking connections from a listener.
 *
 * An accept makes its socket before it asks the kernel for a connection, so that a connection that was taken is never
 * lost for want of memory. When descriptors run out the connection stays in the kernel's queue and the listener pauses:
 *
 *      LISTENING --EMFILE, ENFILE, ENOMEM--> PAUSED, 5 ms doubling to 1 s --timer--> LISTENING
 *
 * Invariant: while paused the timer is armed and nobody asks the kernel; one accept at a time may wait.
 */
#include <errno.h>

#include "base/check.h"
#include "io/listener.h"

struct accept_future {
    struct rw_future base;
    struct rw_listener *listener;
};

static bool is_shortage(int result)
{
    RW_ASSERT(result < 0);
    return result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS;
}

/* A connection that broke before it was accepted, or news of the network meant for it: look at the next one. */
static bool is_passing(int result)
{
    RW_ASSERT(result < 0);
    switch (-result) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static enum rw_poll wait_for_connection(struct accept_future *accept, const struct rw_context *cx)
{
    struct rw_listener *listener = accept->listener;

    RW_ASSERT(listener->accepting == NULL || listener->accepting == accept);
    listener->accepting = accept;
    listener->source.reader = cx->waker;
    return RW_PENDING;
}

static enum rw_poll pause_listener(struct accept_future *accept, const struct rw_context *cx,
                                   struct rw_value *out)
{
    struct rw_listener *listener = accept->listener;

    RW_ASSERT(!rw_timer_is_armed(&listener->pause));
    if (rw_timer_arm(listener->loop, &listener->pause,
                     rw_deadline_after(listener->loop, listener->pause_ns)) != 0) {
        *out = rw_failure(RW_ERR_NOMEM);
        return RW_READY;
    }
    listener->pause_ns = 2 * listener->pause_ns < RW_SECOND ? 2 * listener->pause_ns : RW_SECOND;
    return wait_for_connection(accept, cx);
}

/* Opens `socket` on an accepted descriptor and makes it the outcome. */
static enum rw_poll deliver(struct rw_listener *listener, struct rw_socket *socket, int fd,
                            struct rw_value *out)
{
    bool is_tcp = listener->domain != AF_UNIX;
    int result;

    RW_ASSERT(fd >= 0);
    listener->pause_ns = RWI_FIRST_PAUSE_NS;
    if (is_tcp) {
        rwi_socket_set_nodelay(listener->sys, fd);
    }
    result = rwi_socket_open(socket, fd, is_tcp);
    if (result < 0) {
        listener->sys->close(listener->sys->arg, fd);
        rw_socket_unref(socket);
        *out = rwi_io_failure(-result, "accept");
        return RW_READY;
    }
    *out = rwi_socket_value(socket);
    return RW_READY;
}

static enum rw_poll try_accept(struct accept_future *accept, const struct rw_context *cx,
                               struct rw_value *out)
{
    struct rw_listener *listener = accept->listener;
    struct rw_socket *socket = rwi_socket_new(listener->loop);
    int result;

    if (socket == NULL) {
        return pause_listener(accept, cx, out);
    }
    do {
        result = listener->sys->accept(listener->sys->arg, listener->source.fd);
    } while (result < 0 && is_passing(result));
    if (result >= 0) {
        return deliver(listener, socket, result, out);
    }
    rw_socket_unref(socket);
    if (result == -EAGAIN) {
        listener->source.ready &= (uint8_t)~RWI_READ;
        return wait_for_connection(accept, cx);
    }
    if (is_shortage(result)) {
        return pause_listener(accept, cx, out);
    }
    RW_ASSERT(result < 0);
    *out = rwi_io_failure(-result, "accept");
    return RW_READY;
}

static enum rw_poll poll_open(struct accept_future *accept, const struct rw_context *cx, struct rw_value *out)
{
    struct rw_listener *listener = accept->listener;

    if (listener->source.fd < 0) {
        *out = rw_failure(RW_ERR_CLOSED);
        return RW_READY;
    }
    if (listener->accepting != NULL && listener->accepting != accept) {
        *out = rw_failure(RW_ERR_BUSY);
        return RW_READY;
    }
    RW_ASSERT(listener->source.reactor != NULL);
    if ((listener->source.ready & RWI_READ) == 0 || rw_timer_is_armed(&listener->pause)) {
        return wait_for_connection(accept, cx);
    }
    return try_accept(accept, cx, out);
}

static void leave_accept(struct accept_future *accept)
{
    RW_ASSERT(accept->listener != NULL);
    if (accept->listener->accepting == accept) {
        accept->listener->accepting = NULL;
        accept->listener->source.reader.vtable = NULL;
    }
}

static enum rw_poll poll_accept(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct accept_future *accept = (struct accept_future *)self;
    enum rw_poll poll;

    if (!rw_budget_take(cx)) {
        return RW_PENDING;
    }
    poll = poll_open(accept, cx, out);
    if (poll == RW_READY) {
        leave_accept(accept);
    }
    return poll;
}

static void drop_accept(struct rw_future *self)
{
    struct accept_future *accept = (struct accept_future *)self;
    struct rw_listener *listener = accept->listener;

    leave_accept(accept);
    rw_loop_release(listener->loop, accept, sizeof *accept);
    rw_listener_unref(listener);
}

static const struct rw_future_vtable accept_vtable = {"listener.accept", 0, poll_accept, NULL, drop_accept};

struct rw_future *rw_listener_accept(struct rw_listener *listener)
{
    struct accept_future *accept = rw_loop_alloc(listener->loop, sizeof *accept);

    RW_REQUIRE(listener != NULL);
    if (accept == NULL) {
        return rw_failed(listener->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&accept->base, &accept_vtable);
    accept->listener = rw_listener_ref(listener);
    return &accept->base;
}

struct rw_future *rw_tcp_accept(struct rw_listener *listener)
{
    RW_REQUIRE(listener != NULL);
    return rw_listener_accept(listener);
}
