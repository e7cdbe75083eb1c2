/* SPDX-License-Identifier: MIT
 *
 * write.c - writing: queued at once, sent at the end of the turn, held back above a mark.
 *
 * A write hands its bytes to the socket's queue when first polled and has done its work then; what it may still wait for is
 * that fewer than RW_WRITE_HIGH bytes are unsent. So cancelling a write takes nothing back and tears nothing apart. All
 * sending happens in the flush: once at the end of each turn in which something was queued, and again when the
 * descriptor says that it can take more. Invariant: whenever bytes are unsent, the socket is either queued for a flush
 * or has left its own waker for the descriptor, unless it failed; then the queue is empty and stays so.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "io/socket.h"

enum write_kind { WRITE_DATA, WRITE_FLUSH, WRITE_SHUTDOWN };

struct write_future {
    struct rw_future base;
    struct rw_socket *socket;
    struct rw_value data;
    struct rwi_write_waiter waiter;
    uint8_t kind; /* enum write_kind */
    bool queued;
};

void rwi_socket_wake_writers(struct rw_socket *socket)
{
    struct rwi_list *node = socket->waiters.next;

    while (node != &socket->waiters) {
        struct rwi_write_waiter *waiter = rwi_list_entry(node, struct rwi_write_waiter, node);

        node = node->next;
        RW_ASSERT(waiter->waker.vtable != NULL);
        if (socket->out.unsent < waiter->below || socket->write_error != 0 ||
            socket->state != RWI_SOCKET_OPEN) {
            rwi_list_remove(&waiter->node);
            rw_waker_wake(&waiter->waker);
        }
    }
}

static void fail_writes(struct rw_socket *socket, int os_errno)
{
    RW_ASSERT(os_errno > 0);
    RW_ASSERT(socket->write_error == 0);
    socket->write_error = os_errno;
    rwi_queue_clear(&socket->out);
}

static int64_t send_many(struct rw_socket *socket, size_t *asked)
{
    const struct rwi_sys *sys = socket->sys;
    struct iovec parts[RWI_QUEUE_PARTS];
    int count = rwi_queue_parts(&socket->out, parts);

    RW_ASSERT(count > 1);
    *asked = 0;
    for (int i = 0; i < count; i++) {
        *asked += parts[i].iov_len;
    }
    return sys->sendv(sys->arg, socket->source.fd, parts, count);
}

static int64_t send_first(struct rw_socket *socket, size_t *asked)
{
    const char *data = rwi_queue_first(&socket->out, asked);

    RW_ASSERT(*asked > 0);
    return socket->sys->send(socket->sys->arg, socket->source.fd, data, *asked);
}

static void send_queue(struct rw_socket *socket)
{
    while (socket->out.count > 0 && (socket->source.ready & RWI_WRITE) != 0) {
        size_t asked;
        int64_t result = socket->out.count == 1 ? send_first(socket, &asked) : send_many(socket, &asked);

        if (result >= 0) {
            RW_ASSERT((size_t)result <= asked);
            rwi_queue_consume(&socket->out, (size_t)result);
            if ((size_t)result < asked && socket->sys->short_is_drained) {
                socket->source.ready &= (uint8_t)~RWI_WRITE;
            }
        } else if (result == -EAGAIN) {
            socket->source.ready &= (uint8_t)~RWI_WRITE;
        } else if (result != -EINTR) {
            fail_writes(socket, (int)-result);
        }
    }
}

/* The waker that the socket leaves for its own descriptor: more can be sent. */
static struct rw_waker clone_flush(void *data)
{
    RW_REQUIRE(data == NULL); /* it never leaves the reactor */
    return (struct rw_waker){NULL, NULL};
}

static void wake_flush(void *data)
{
    struct rw_socket *socket = data;

    RW_ASSERT(socket->source.reactor != NULL);
    rwi_reactor_flush_later(socket->source.reactor, &socket->flush);
}

static void drop_flush(void *data)
{
    RW_ASSERT(data != NULL);
    (void)data;
}

static const struct rw_waker_vtable flush_waker = {clone_flush, wake_flush, drop_flush};

static void send_end(struct rw_socket *socket)
{
    RW_ASSERT(socket->out.unsent == 0);
    RW_ASSERT(!socket->shut_sent);
    socket->shut_sent = true;
    if (socket->write_error == 0) {
        int result = socket->sys->shutdown(socket->sys->arg, socket->source.fd, SHUT_WR);

        if (result < 0) {
            socket->write_error = -result;
        }
    }
}

/* A closed socket that still has bytes to send throws away what it gets: an other end that does not read before it has
 * written would else wait for ever, and so would we. */
static void linger(struct rw_socket *socket)
{
    RW_ASSERT(socket->out.count > 0);
    socket->source.reader = (struct rw_waker){&flush_waker, socket};
    if (!rwi_socket_discard(socket)) {
        rwi_reactor_flush_later(socket->source.reactor, &socket->flush);
        rwi_inbox_notify(socket->source.reactor->inbox);
    }
}

void rwi_socket_flush(struct rwi_flush *flush)
{
    struct rw_socket *socket = rwi_container_of(flush, struct rw_socket, flush);

    RW_ASSERT(socket->state != RWI_SOCKET_CLOSED);
    send_queue(socket);
    if (socket->out.count > 0) {
        socket->source.writer = (struct rw_waker){&flush_waker, socket};
        if (socket->state == RWI_SOCKET_CLOSING) {
            linger(socket);
        }
    } else if (socket->state == RWI_SOCKET_CLOSING) {
        rwi_socket_finish_close(socket);
        return;
    } else if (socket->write_shut && !socket->shut_sent) {
        send_end(socket);
    }
    if (!rwi_list_is_empty(&socket->waiters)) {
        rwi_socket_wake_writers(socket);
    }
    RW_VERIFY(rwi_socket_check(socket));
}

static void leave_write(struct rw_socket *socket, struct rwi_write_waiter *waiter)
{
    rwi_list_remove(&waiter->node);
    if (socket->writing == waiter) {
        socket->writing = NULL;
    }
    RW_ASSERT(rwi_list_is_empty(&waiter->node));
}

/* Ready (nil or a failure) when fewer than `below` bytes are unsent or nothing can be sent any more. */
enum rw_poll rwi_socket_poll_room(struct rw_socket *socket, struct rw_context *cx,
                                  struct rwi_write_waiter *waiter, size_t below, struct rw_value *out)
{
    RW_ASSERT(below > 0);
    leave_write(socket, waiter);
    if (socket->state != RWI_SOCKET_OPEN) {
        *out = rw_failure(RW_ERR_CLOSED);
        return RW_READY;
    }
    if (socket->write_error != 0) {
        *out = rwi_io_failure(socket->write_error, "write");
        return RW_READY;
    }
    if (socket->out.unsent < below) {
        *out = rw_nil();
        return RW_READY;
    }
    waiter->waker = cx->waker;
    waiter->below = below;
    rwi_list_push_back(&socket->waiters, &waiter->node);
    return RW_PENDING;
}

/* Checks every part before the first is queued: a bad list writes nothing. */
static int count_parts(const struct rw_value *data, size_t *count)
{
    *count = 1;
    if (data->kind == RW_KIND_BYTES || data->kind == RW_KIND_TEXT) {
        return 0;
    }
    if (data->kind != RW_KIND_LIST) {
        return RW_ERR_TYPE;
    }
    *count = rw_list_count(data->as.list);
    for (size_t i = 0; i < *count; i++) {
        const struct rw_value *part = rw_list_at(data->as.list, i);

        RW_ASSERT(part != NULL);
        if (part->kind != RW_KIND_BYTES && part->kind != RW_KIND_TEXT) {
            return RW_ERR_TYPE;
        }
    }
    return 0;
}

static void queue_parts(struct rw_socket *socket, struct rw_value *data)
{
    int err = 0;

    if (data->kind != RW_KIND_LIST) {
        err = rwi_queue_push(&socket->out, *data);
        *data = rw_nil();
    } else {
        for (size_t i = 0; i < rw_list_count(data->as.list); i++) {
            err |= rwi_queue_push(&socket->out, rw_value_clone(rw_list_at(data->as.list, i)));
        }
        rw_value_drop(data);
    }
    RW_ASSERT(err == 0); /* room was reserved */
    (void)err;
}

/* Takes *item into the queue; 0, or a negative error with *failure set and *item as it was. */
int rwi_socket_queue(struct rw_socket *socket, struct rw_value *item, struct rw_value *failure)
{
    size_t count = 0;
    int err = count_parts(item, &count);

    if (err == 0 && (socket->state != RWI_SOCKET_OPEN || socket->write_shut)) {
        err = RW_ERR_CLOSED;
    }
    if (err == 0 && socket->write_error != 0) {
        *failure = rwi_io_failure(socket->write_error, "write");
        return RW_ERR_BROKEN;
    }
    if (err == 0) {
        err = rwi_queue_reserve(&socket->out, count);
    }
    if (err != 0) {
        *failure = rw_failure(err);
        return err;
    }
    queue_parts(socket, item);
    RW_ASSERT(socket->source.reactor != NULL);
    rwi_reactor_flush_later(socket->source.reactor, &socket->flush);
    return 0;
}

int rwi_socket_shut(struct rw_socket *socket)
{
    if (socket->state != RWI_SOCKET_OPEN) {
        return RW_ERR_CLOSED;
    }
    RW_ASSERT(socket->source.reactor != NULL);
    if (!socket->write_shut) {
        socket->write_shut = true;
        rwi_reactor_flush_later(socket->source.reactor, &socket->flush);
    }
    return 0;
}

/* The first poll does the deed; 0, or a negative error with *out set. */
static int begin_write(struct write_future *write, struct rw_value *out)
{
    struct rw_socket *socket = write->socket;
    int err = 0;

    RW_ASSERT(!write->queued);
    if (write->kind == WRITE_DATA) {
        if (socket->writing != NULL) {
            *out = rw_failure(RW_ERR_BUSY);
            return RW_ERR_BUSY;
        }
        err = rwi_socket_queue(socket, &write->data, out);
    } else if (write->kind == WRITE_SHUTDOWN) {
        err = rwi_socket_shut(socket);
        if (err != 0) {
            *out = rw_failure(err);
        }
    }
    write->queued = err == 0;
    return err;
}

/* A shutdown is done when the other side has been told, which is after everything was sent. */
static bool is_shut(const struct write_future *write)
{
    RW_ASSERT(write->queued);
    return write->kind != WRITE_SHUTDOWN || write->socket->shut_sent;
}

static enum rw_poll wait_for_shut(struct write_future *write, struct rw_context *cx)
{
    RW_ASSERT(write->kind == WRITE_SHUTDOWN);
    write->waiter.waker = cx->waker;
    write->waiter.below = 1;
    rwi_list_push_back(&write->socket->waiters, &write->waiter.node);
    return RW_PENDING;
}

static enum rw_poll poll_write(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct write_future *write = (struct write_future *)self;
    enum rw_poll poll;

    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    if (!write->queued && begin_write(write, out) != 0) {
        return RW_READY;
    }
    poll = rwi_socket_poll_room(write->socket, cx, &write->waiter,
                                write->kind == WRITE_DATA ? RW_WRITE_HIGH : 1, out);
    if (poll == RW_PENDING && write->kind == WRITE_DATA) {
        write->socket->writing = &write->waiter;
    }
    if (poll == RW_READY && !rw_is_failure(out) && !is_shut(write)) {
        return wait_for_shut(write, cx);
    }
    return poll;
}

static void drop_write(struct rw_future *self)
{
    struct write_future *write = (struct write_future *)self;
    struct rw_socket *socket = write->socket;
    struct rw_loop *loop = socket->loop;

    leave_write(socket, &write->waiter);
    rw_value_drop(&write->data);
    rwi_loop_release(loop, write, sizeof *write);
    rwi_socket_unref(socket);
}

static const struct rw_future_vtable write_vtables[] = {
    [WRITE_DATA] = {"socket.write", 0, poll_write, NULL, drop_write},
    [WRITE_FLUSH] = {"socket.flush", 0, poll_write, NULL, drop_write},
    [WRITE_SHUTDOWN] = {"socket.shutdown", 0, poll_write, NULL, drop_write},
};

static struct rw_future *new_write(struct rw_socket *socket, enum write_kind kind, struct rw_value data)
{
    struct write_future *write = rwi_loop_alloc(socket->loop, sizeof *write);

    if (write == NULL) {
        rw_value_drop(&data);
        return rw_failed(socket->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&write->base, &write_vtables[kind]);
    write->socket = socket;
    socket->object.ref_count++;
    write->data = data;
    write->kind = (uint8_t)kind;
    write->queued = kind == WRITE_FLUSH;
    rwi_list_init(&write->waiter.node);
    return &write->base;
}

struct rw_future *rw_socket_write(struct rw_socket *socket, struct rw_value data)
{
    RW_REQUIRE(socket != NULL);
    return new_write(socket, WRITE_DATA, data);
}

struct rw_future *rw_socket_flush(struct rw_socket *socket)
{
    RW_REQUIRE(socket != NULL);
    return new_write(socket, WRITE_FLUSH, rw_nil());
}

struct rw_future *rw_socket_shutdown(struct rw_socket *socket)
{
    RW_REQUIRE(socket != NULL);
    return new_write(socket, WRITE_SHUTDOWN, rw_nil());
}

int rw_socket_try_write(struct rw_socket *socket, const void *data, size_t size)
{
    struct rw_value bytes;
    struct rw_value failure = rw_nil();
    int err;

    RW_REQUIRE(socket != NULL);
    RW_REQUIRE(data != NULL || size == 0);
    if (socket->state == RWI_SOCKET_OPEN && socket->write_error == 0 && socket->out.unsent >= RW_WRITE_HIGH) {
        return RW_ERR_FULL;
    }
    bytes = rw_bytes(size > 0 ? data : "", size);
    if (rw_is_failure(&bytes)) {
        return RW_ERR_NOMEM;
    }
    err = rwi_socket_queue(socket, &bytes, &failure);
    rw_value_drop(&failure);
    rw_value_drop(&bytes);
    return err;
}
