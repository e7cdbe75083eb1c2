/* SPDX-License-Identifier: MIT
 *
 * read.c - reading: what is there, an exact count, up to a delimiter, everything.
 *
 * Every read is a loop of two steps: can what was received satisfy it? if not, receive more. Bytes go through the
 * reactor's scratch memory, so that a socket that waits owns no buffer, and a plain read that finds the buffer empty makes
 * its value straight from there. Invariant: a byte received is in the socket's buffer or in a value handed out,
 * never in a future; one future at a time may wait (socket->reading).
 *
 * A receive that got fewer bytes than it asked for has emptied the socket, and the next attempt waits for an edge without asking
 * the kernel again; unless the other side has hung up, when the next one has to find that out.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "io/socket.h"

enum { DELIMITER_MAX = 64, DIRECT_MAX = 1 << 20, DISCARDS_MAX = 16 };

enum read_kind { READ_SOME, READ_EXACTLY, READ_UNTIL, READ_ALL };

struct read_future {
    struct rw_future base;
    struct rw_socket *socket;
    size_t size; /* exactly this many, or the most */
    size_t scanned;
    uint8_t kind; /* enum read_kind */
    uint8_t delimiter_size;
    char delimiter[];
};

static void note_received(struct rw_socket *socket, int64_t result, size_t asked)
{
    RW_ASSERT(result != 0 || asked > 0);
    if (result == 0) {
        socket->end_of_stream = true;
    } else if (result == -EAGAIN) {
        socket->source.ready &= (uint8_t)~RWI_READ;
    } else if (result < 0) {
        socket->read_error = (int)-result;
    } else if ((size_t)result < asked && socket->sys->short_is_drained &&
               (socket->source.ready & RWI_HANGUP) == 0) {
        socket->source.ready &= (uint8_t)~RWI_READ;
    }
}

static int64_t receive(struct rw_socket *socket, void *memory, size_t size)
{
    const struct rwi_sys *sys = socket->sys;
    int64_t result;

    RW_ASSERT(size > 0);
    do {
        result = sys->recv(sys->arg, socket->source.fd, memory, size);
    } while (result == -EINTR);
    note_received(socket, result, size);
    return result;
}

static bool may_receive(const struct rw_socket *socket)
{
    RW_ASSERT(socket->state != RWI_SOCKET_CLOSED);
    return !socket->end_of_stream && socket->read_error == 0 && (socket->source.ready & RWI_READ) != 0;
}

bool rwi_socket_discard(struct rw_socket *socket)
{
    void *scratch = rwi_reactor_of(socket->loop)->scratch;

    RW_ASSERT(socket->state == RWI_SOCKET_CLOSING);
    for (int i = 0; i < DISCARDS_MAX && may_receive(socket); i++) {
        receive(socket, scratch, RWI_SCRATCH_SIZE);
    }
    return !may_receive(socket);
}

/* Receives into the buffer; `wanted` more bytes would satisfy the reader. */
static void fill(struct rw_socket *socket, size_t wanted)
{
    char *scratch = rwi_reactor_of(socket->loop)->scratch;
    size_t size = RWI_SCRATCH_SIZE;
    char *memory = scratch;
    int64_t result;

    RW_ASSERT(may_receive(socket));
    if (wanted > RWI_SCRATCH_SIZE) {
        size = wanted < DIRECT_MAX ? wanted : DIRECT_MAX;
        memory = rwi_buffer_reserve(&socket->in, size);
        if (memory == NULL) {
            socket->read_error = ENOMEM;
            return;
        }
    }
    result = receive(socket, memory, size);
    if (result <= 0) {
        return;
    }
    if (memory != scratch) {
        rwi_buffer_commit(&socket->in, (size_t)result);
    } else if (rwi_buffer_append(&socket->in, scratch, (size_t)result) != 0) {
        /* Bytes are lost: say so for good rather than go on with a hole in the stream. */
        socket->read_error = ENOMEM;
    }
}

/* The first `size` bytes of the buffer as a value; they stay when there is no memory for it. */
static enum rw_poll give(struct rw_socket *socket, size_t size, struct rw_value *out)
{
    RW_ASSERT(size <= socket->in.size);
    *out = rw_bytes(rwi_buffer_data(&socket->in), size);
    if (!rw_is_failure(out)) {
        rwi_buffer_consume(&socket->in, size);
    }
    return RW_READY;
}

/* No more will come. What that means for a reader that still wanted some. */
static enum rw_poll give_end(const struct rw_socket *socket, struct rw_value *out)
{
    RW_ASSERT(socket->end_of_stream || socket->read_error != 0);
    if (socket->read_error != 0) {
        *out = rwi_io_failure(socket->read_error, "read");
    } else {
        *out = rw_failure(socket->in.size > 0 ? RW_ERR_INCOMPLETE : RW_ERR_END);
    }
    return RW_READY;
}

static enum rw_poll wait_for_bytes(struct rw_socket *socket, const struct rw_context *cx, const void *reader)
{
    RW_ASSERT((socket->source.ready & RWI_READ) == 0);
    RW_ASSERT(socket->reading == NULL || socket->reading == reader);
    socket->reading = reader;
    socket->source.reader = cx->waker;
    return RW_PENDING;
}

/* What ends a read before it looks at any byte. */
static bool is_refused(const struct rw_socket *socket, const void *reader, struct rw_value *out)
{
    if (socket->state != RWI_SOCKET_OPEN) {
        *out = rw_failure(RW_ERR_CLOSED);
        return true;
    }
    if (socket->reading != NULL && socket->reading != reader) {
        *out = rw_failure(RW_ERR_BUSY);
        return true;
    }
    RW_ASSERT(socket->source.reactor != NULL);
    return false;
}

static bool is_over(const struct rw_socket *socket)
{
    RW_ASSERT(socket->state == RWI_SOCKET_OPEN);
    return socket->end_of_stream || socket->read_error != 0;
}

enum rw_poll rwi_socket_poll_read(struct rw_socket *socket, struct rw_context *cx, const void *reader,
                                  size_t max, struct rw_value *out)
{
    char *scratch = rwi_reactor_of(socket->loop)->scratch;
    size_t size = max < RWI_SCRATCH_SIZE ? max : RWI_SCRATCH_SIZE;

    if (is_refused(socket, reader, out)) {
        return RW_READY;
    }
    if (socket->in.size > 0) {
        return give(socket, socket->in.size < max ? socket->in.size : max, out);
    }
    while (may_receive(socket)) {
        int64_t result = receive(socket, scratch, size);

        if (result > 0) {
            *out = rw_bytes(scratch, (size_t)result);
            if (rw_is_failure(out) && rwi_buffer_append(&socket->in, scratch, (size_t)result) != 0) {
                socket->read_error = ENOMEM;
            }
            return RW_READY;
        }
    }
    return is_over(socket) ? give_end(socket, out) : wait_for_bytes(socket, cx, reader);
}

static enum rw_poll poll_exactly(struct rw_socket *socket, struct rw_context *cx, const void *reader,
                                 size_t size, struct rw_value *out)
{
    if (is_refused(socket, reader, out)) {
        return RW_READY;
    }
    while (socket->in.size < size && may_receive(socket)) {
        fill(socket, size - socket->in.size);
    }
    if (socket->in.size >= size) {
        return give(socket, size, out);
    }
    return is_over(socket) ? give_end(socket, out) : wait_for_bytes(socket, cx, reader);
}

enum rw_poll rwi_socket_poll_until(struct rw_socket *socket, struct rw_context *cx, const void *reader,
                                   const void *delimiter, size_t delimiter_size, size_t max, size_t *scanned,
                                   struct rw_value *out)
{
    size_t found;

    if (is_refused(socket, reader, out)) {
        return RW_READY;
    }
    RW_ASSERT(delimiter_size > 0);
    for (;;) {
        found = rwi_buffer_find(&socket->in, delimiter, delimiter_size, max, scanned);
        if (found > 0) {
            *scanned = 0;
            return give(socket, found, out);
        }
        if (socket->in.size >= max) {
            *out = rw_failure(RW_ERR_LIMIT);
            return RW_READY;
        }
        if (!may_receive(socket)) {
            return is_over(socket) ? give_end(socket, out) : wait_for_bytes(socket, cx, reader);
        }
        fill(socket, 1);
    }
}

static enum rw_poll poll_all(struct rw_socket *socket, struct rw_context *cx, const void *reader, size_t max,
                             struct rw_value *out)
{
    if (is_refused(socket, reader, out)) {
        return RW_READY;
    }
    while (socket->in.size <= max && may_receive(socket)) {
        fill(socket, socket->in.size + 1);
    }
    if (socket->in.size > max) {
        *out = rw_failure(RW_ERR_LIMIT);
        return RW_READY;
    }
    if (socket->read_error != 0) {
        return give_end(socket, out);
    }
    return socket->end_of_stream ? give(socket, socket->in.size, out) : wait_for_bytes(socket, cx, reader);
}

void rwi_socket_leave_read(struct rw_socket *socket, const void *reader)
{
    RW_ASSERT(reader != NULL);
    if (socket->reading == reader) {
        socket->reading = NULL;
        socket->source.reader.vtable = NULL;
    }
}

static enum rw_poll poll_kind(struct read_future *read, struct rw_context *cx, struct rw_value *out)
{
    switch (read->kind) {
    case READ_SOME:
        return rwi_socket_poll_read(read->socket, cx, read, read->size, out);
    case READ_EXACTLY:
        return poll_exactly(read->socket, cx, read, read->size, out);
    case READ_UNTIL:
        return rwi_socket_poll_until(read->socket, cx, read, read->delimiter, read->delimiter_size,
                                     read->size, &read->scanned, out);
    default:
        RW_ASSERT(read->kind == READ_ALL);
        return poll_all(read->socket, cx, read, read->size, out);
    }
}

static enum rw_poll poll_read(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct read_future *read = (struct read_future *)self;
    enum rw_poll poll;

    if (!rwi_budget_take(cx)) {
        return RW_PENDING;
    }
    poll = poll_kind(read, cx, out);
    if (poll == RW_READY) {
        rwi_socket_leave_read(read->socket, read);
    }
    RW_VERIFY(rwi_socket_check(read->socket));
    return poll;
}

static void drop_read(struct rw_future *self)
{
    struct read_future *read = (struct read_future *)self;
    struct rw_socket *socket = read->socket;
    struct rw_loop *loop = socket->loop;

    rwi_socket_leave_read(socket, read);
    rwi_loop_release(loop, read, sizeof *read + read->delimiter_size);
    rwi_socket_unref(socket);
}

static const struct rw_future_vtable read_vtables[] = {
    [READ_SOME] = {"socket.read", 0, poll_read, NULL, drop_read},
    [READ_EXACTLY] = {"socket.read_exactly", 0, poll_read, NULL, drop_read},
    [READ_UNTIL] = {"socket.read_until", 0, poll_read, NULL, drop_read},
    [READ_ALL] = {"socket.read_all", 0, poll_read, NULL, drop_read},
};

static struct rw_future *new_read(struct rw_socket *socket, enum read_kind kind, size_t size,
                                  const void *delimiter, size_t delimiter_size)
{
    struct read_future *read = rwi_loop_alloc(socket->loop, sizeof *read + delimiter_size);

    if (read == NULL) {
        return rw_failed(socket->loop, RW_ERR_NOMEM);
    }
    RW_ASSERT(delimiter_size <= DELIMITER_MAX);
    rw_future_init(&read->base, &read_vtables[kind]);
    read->socket = socket;
    socket->object.ref_count++;
    read->size = size;
    read->scanned = 0;
    read->kind = (uint8_t)kind;
    read->delimiter_size = (uint8_t)delimiter_size;
    if (delimiter_size > 0) {
        memcpy(read->delimiter, delimiter, delimiter_size);
    }
    return &read->base;
}

struct rw_future *rw_socket_read(struct rw_socket *socket, size_t max)
{
    RW_REQUIRE(socket != NULL);
    if (max == 0 || max > RW_READ_MAX) {
        return rw_failed(socket->loop, RW_ERR_INVALID);
    }
    return new_read(socket, READ_SOME, max, NULL, 0);
}

struct rw_future *rw_socket_read_exactly(struct rw_socket *socket, size_t size)
{
    RW_REQUIRE(socket != NULL);
    if (size > RW_READ_MAX) {
        return rw_failed(socket->loop, RW_ERR_INVALID);
    }
    return new_read(socket, READ_EXACTLY, size, NULL, 0);
}

struct rw_future *rw_socket_read_until(struct rw_socket *socket, const void *delimiter, size_t delimiter_size,
                                       size_t max)
{
    RW_REQUIRE(socket != NULL);
    if (delimiter_size == 0 || delimiter_size > DELIMITER_MAX || max == 0 || max > RW_READ_MAX) {
        return rw_failed(socket->loop, RW_ERR_INVALID);
    }
    return new_read(socket, READ_UNTIL, max, delimiter, delimiter_size);
}

struct rw_future *rw_socket_read_all(struct rw_socket *socket, size_t max)
{
    RW_REQUIRE(socket != NULL);
    if (max > RW_READ_MAX) {
        return rw_failed(socket->loop, RW_ERR_INVALID);
    }
    return new_read(socket, READ_ALL, max, NULL, 0);
}

int64_t rw_socket_try_read(struct rw_socket *socket, void *buffer, size_t size)
{
    int64_t result;

    RW_REQUIRE(socket != NULL);
    RW_REQUIRE(size > 0);
    if (socket->state != RWI_SOCKET_OPEN) {
        return RW_ERR_CLOSED;
    }
    if (socket->reading != NULL) {
        return RW_ERR_BUSY;
    }
    if (socket->in.size > 0) {
        size = socket->in.size < size ? socket->in.size : size;
        memcpy(buffer, rwi_buffer_data(&socket->in), size);
        rwi_buffer_consume(&socket->in, size);
        return (int64_t)size;
    }
    while (may_receive(socket)) {
        result = receive(socket, buffer, size);
        if (result > 0) {
            return result;
        }
    }
    if (socket->read_error != 0) {
        return socket->read_error == ENOMEM ? RW_ERR_NOMEM : RW_ERR_BROKEN;
    }
    return socket->end_of_stream ? 0 : RW_ERR_EMPTY;
}
