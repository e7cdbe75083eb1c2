/* SPDX-License-Identifier: MIT
 *
 * socket_stream.c - a socket as a stream of chunks, a stream of lines, and a sink.
 *
 * Each holds a reference to the socket and, while it waits, its place as reader or writer. Invariant: that place is left as soon as a
 * poll has ended, and when the stream or sink goes; bytes stay with the socket, so an item that nobody takes is not lost.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/socket.h"

enum { CHUNK_MAX = 65536 };

struct socket_stream {
    struct rw_socket *socket;
    size_t line_max; /* 0: chunks */
    size_t scanned;
};

struct socket_sink {
    struct rw_socket *socket;
    struct rwi_write_waiter waiter;
};

/* Without its "\n" or "\r\n". */
static struct rw_value trim_line(struct rw_value line, size_t max)
{
    size_t size;
    const char *data = rw_value_data(&line, &size);

    RW_ASSERT(size > 0);
    size -= data[size - 1] == '\n';
    size -= size > 0 && data[size - 1] == '\r';
    if (size > max) {
        rw_value_drop(&line);
        return rw_failure(RW_ERR_LIMIT);
    }
    rw_bytes_truncate(line.as.bytes, size);
    return line;
}

/* What follows the last newline is a line too. */
static enum rw_poll poll_last_line(struct socket_stream *stream, struct rw_context *cx, struct rw_value *out)
{
    RW_ASSERT(out->code == RW_ERR_INCOMPLETE);
    rw_value_drop(out);
    return rwi_socket_poll_read(stream->socket, cx, stream, stream->line_max, out);
}

static enum rw_poll poll_line(struct socket_stream *stream, struct rw_context *cx, struct rw_value *out)
{
    enum rw_poll poll = rwi_socket_poll_until(stream->socket, cx, stream, "\n", 1, stream->line_max + 2,
                                              &stream->scanned, out);

    if (poll != RW_READY) {
        return poll;
    }
    if (!rw_is_failure(out)) {
        *out = trim_line(*out, stream->line_max);
    } else if (out->code == RW_ERR_INCOMPLETE) {
        poll = poll_last_line(stream, cx, out);
    }
    RW_ASSERT(poll == RW_READY);
    return poll;
}

static enum rw_poll poll_stream(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct socket_stream *stream = self;
    enum rw_poll poll = stream->line_max > 0
                            ? poll_line(stream, cx, out)
                            : rwi_socket_poll_read(stream->socket, cx, stream, CHUNK_MAX, out);

    if (poll != RW_READY) {
        return poll;
    }
    rwi_socket_leave_read(stream->socket, stream);
    if (rw_is_failure(out) && out->code == RW_ERR_END) {
        rw_value_drop(out);
        return RW_END;
    }
    RW_ASSERT(rw_is_failure(out) || out->kind == RW_KIND_BYTES);
    return RW_READY;
}

static void drop_stream(void *self)
{
    struct socket_stream *stream = self;

    RW_ASSERT(stream->socket != NULL);
    rwi_socket_leave_read(stream->socket, stream);
    rw_socket_unref(stream->socket);
    rwi_mem_free(stream, sizeof *stream);
}

static const struct rw_stream_vtable chunks_vtable = {"socket.chunks", poll_stream, NULL, drop_stream};
static const struct rw_stream_vtable lines_vtable = {"socket.lines", poll_stream, NULL, drop_stream};

static struct rw_stream *new_stream(struct rw_socket *socket, const struct rw_stream_vtable *vtable,
                                    size_t line_max)
{
    struct socket_stream *stream = rwi_mem_new(sizeof *stream);

    if (stream == NULL) {
        return NULL;
    }
    RW_ASSERT(line_max <= RW_READ_MAX);
    stream->socket = rw_socket_ref(socket);
    stream->line_max = line_max;
    return rw_stream_new(socket->loop, vtable, stream);
}

struct rw_stream *rw_socket_stream(struct rw_socket *socket)
{
    RW_REQUIRE(socket != NULL);
    return new_stream(socket, &chunks_vtable, 0);
}

struct rw_stream *rw_socket_lines(struct rw_socket *socket, size_t max)
{
    RW_REQUIRE(socket != NULL);
    RW_REQUIRE(max > 0);
    return new_stream(socket, &lines_vtable, max < RW_READ_MAX - 2 ? max : RW_READ_MAX - 2);
}

static void leave_sink(struct socket_sink *sink)
{
    RW_ASSERT(sink->socket != NULL);
    rwi_list_remove(&sink->waiter.node);
}

static enum rw_poll poll_sink_send(void *self, struct rw_context *cx, struct rw_value *item,
                                   struct rw_value *out)
{
    struct socket_sink *sink = self;
    enum rw_poll poll = rwi_socket_poll_room(sink->socket, cx, &sink->waiter, RW_WRITE_HIGH, out);

    if (poll != RW_READY) {
        return poll;
    }
    if (!rw_is_failure(out)) {
        rwi_socket_queue(sink->socket, item, out);
    }
    RW_ASSERT(rwi_list_is_empty(&sink->waiter.node));
    rw_value_drop(item);
    return RW_READY;
}

static enum rw_poll poll_sink_flush(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct socket_sink *sink = self;

    RW_ASSERT(sink->socket != NULL);
    return rwi_socket_poll_room(sink->socket, cx, &sink->waiter, 1, out);
}

/* A closed sink is a stream that has ended: the other direction goes on. */
static enum rw_poll poll_sink_close(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct socket_sink *sink = self;
    int err = rwi_socket_shut(sink->socket);

    RW_ASSERT(err <= 0);
    if (err != 0) {
        *out = rw_failure(err);
        return RW_READY;
    }
    return rwi_socket_poll_room(sink->socket, cx, &sink->waiter, 1, out);
}

static void drop_sink(void *self)
{
    struct socket_sink *sink = self;

    leave_sink(sink);
    rw_socket_unref(sink->socket);
    RW_ASSERT(rwi_list_is_empty(&sink->waiter.node));
    rwi_mem_free(sink, sizeof *sink);
}

static const struct rw_sink_vtable sink_vtable = {"socket.sink", poll_sink_send, poll_sink_flush,
                                                  poll_sink_close, drop_sink};

struct rw_sink *rw_socket_sink(struct rw_socket *socket)
{
    struct socket_sink *sink = rwi_mem_new(sizeof *sink);

    RW_REQUIRE(socket != NULL);
    if (sink == NULL) {
        return NULL;
    }
    sink->socket = rw_socket_ref(socket);
    rwi_list_init(&sink->waiter.node);
    return rw_sink_new(socket->loop, &sink_vtable, sink);
}
