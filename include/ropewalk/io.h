/* SPDX-License-Identifier: MIT
 *
 * io.h - byte streams over TCP and Unix sockets, listeners, name resolution.
 *
 * A socket owns its descriptor, the bytes it has received and not yet given out, and the bytes it was given and has not yet
 * sent: so cancelling a read or a write loses nothing. Writes of one turn leave in one system call at its end. One
 * task may read and one may write at a time (RW_ERR_BUSY). Sockets and listeners are counted objects; the last
 * reference closes. All of it runs on the simulation too.
 */
#ifndef ROPEWALK_IO_H
#define ROPEWALK_IO_H

#include "base.h"
#include "future.h"
#include "value.h"

struct rw_socket;
struct rw_listener;
struct rw_stream;
struct rw_sink;

struct rw_listen_options {
    int backlog; /* 0: 1024 */
    bool reuse_port;
    bool ipv6_only;
    unsigned mode; /* Unix sockets: permission bits of the path; 0: as the umask has it */
};

struct rw_connect_options {
    const char *local_host; /* NULL: any */
    uint16_t local_port;
    bool delay; /* leave Nagle's algorithm on; off by default (TCP_NODELAY) */
};

/* What `size` may be at most in one read, and the limits a socket starts with. */
#define RW_READ_MAX ((size_t)1 << 30)
#define RW_WRITE_HIGH ((size_t)64 * 1024) /* above this many unsent bytes a write waits */

RW_BEGIN_DECLS

/* Connects: resolves `host` on the blocking pool (numeric addresses at once), tries the addresses in order. The outcome is a socket
 * handle (rw_socket_of borrows it), RW_ERR_DNS, or RW_ERR_OS with the last errno. Cancelling closes what was begun. */
RW_API struct rw_future *rw_tcp_connect(struct rw_loop *loop, const char *host, uint16_t port,
                                        const struct rw_connect_options *options);
RW_API struct rw_future *rw_unix_connect(struct rw_loop *loop, const char *path);

/* Listens on a numeric address ("" and "*": all). Port 0 picks one: rw_listener_port. A path that is a stale socket is replaced; a
 * live one gives EADDRINUSE. 0 with *out, or RW_ERR_OS with errno set, RW_ERR_INVALID for a bad address. */
RW_API int rw_tcp_listen(struct rw_loop *loop, const char *host, uint16_t port,
                         const struct rw_listen_options *options, struct rw_listener **out);
RW_API int rw_unix_listen(struct rw_loop *loop, const char *path, const struct rw_listen_options *options,
                          struct rw_listener **out);

/* The next connection as a socket handle. Out of descriptors (EMFILE, ENFILE, ENOMEM) it pauses and tries again: the outcome is a
 * connection or RW_ERR_CLOSED. Cancelling loses no connection. */
RW_API struct rw_future *rw_tcp_accept(struct rw_listener *listener);
RW_API struct rw_future *rw_listener_accept(struct rw_listener *listener);
RW_API uint16_t rw_listener_port(const struct rw_listener *listener);
RW_API int rw_listener_fd(const struct rw_listener *listener); /* -1 when closed; for options only */
RW_API void rw_listener_close(
    struct rw_listener *listener); /* pending accepts fail with RW_ERR_CLOSED; idempotent */
RW_API struct rw_listener *rw_listener_ref(struct rw_listener *listener);
RW_API void rw_listener_unref(struct rw_listener *listener);
RW_API struct rw_object *rw_listener_object(struct rw_listener *listener);
/* The connections as a stream of socket handles, which ends when the listener is closed. NULL on no memory. */
RW_API struct rw_stream *rw_listener_stream(struct rw_listener *listener);

/* Adopts a connected stream socket; it becomes non-blocking and is owned (closed) from here on, also on failure. */
RW_API int rw_socket_adopt(struct rw_loop *loop, int fd, struct rw_socket **out);
/* A connected pair of Unix sockets. */
RW_API int rw_socket_pair(struct rw_loop *loop, struct rw_socket **a, struct rw_socket **b);
RW_API struct rw_socket *rw_socket_of(const struct rw_value *value); /* borrowed; NULL when it is no socket */
RW_API struct rw_socket *rw_socket_ref(struct rw_socket *socket);
RW_API void rw_socket_unref(struct rw_socket *socket);
RW_API struct rw_object *rw_socket_object(struct rw_socket *socket);

/* Reads: BYTES. read: what is there, 1..max bytes, RW_ERR_END at the end of the stream. read_exactly: `size` bytes; an earlier end
 * is RW_ERR_INCOMPLETE (RW_ERR_END when nothing had come), what came stays readable. read_until: up to and including `delimiter`
 * (1..64 bytes); RW_ERR_LIMIT when `max` bytes hold none (they stay readable), an end before it as in read_exactly.
 * read_all: everything up to the end of the stream, RW_ERR_LIMIT beyond `max`. A reset is RW_ERR_BROKEN with its errno. */
RW_API struct rw_future *rw_socket_read(struct rw_socket *socket, size_t max);
RW_API struct rw_future *rw_socket_read_exactly(struct rw_socket *socket, size_t size);
RW_API struct rw_future *rw_socket_read_until(struct rw_socket *socket, const void *delimiter,
                                              size_t delimiter_size, size_t max);
RW_API struct rw_future *rw_socket_read_all(struct rw_socket *socket, size_t max);

/* Direct read for hosts with their own memory: gives out what is buffered or on the socket now, without waiting. The count (> 0), 0
 * at the end of the stream, RW_ERR_EMPTY when nothing is there now, RW_ERR_BUSY, RW_ERR_CLOSED, RW_ERR_BROKEN. */
RW_API int64_t rw_socket_try_read(struct rw_socket *socket, void *buffer, size_t size);

/* Writes: takes the value (BYTES, TEXT, or a LIST of them: vectored), nil when it is queued and less than RW_WRITE_HIGH bytes
 * are unsent. It is sent at the end of the turn. An error met while sending is reported by this and all later
 * writes. flush: nil when everything has been handed to the kernel. */
RW_API struct rw_future *rw_socket_write(struct rw_socket *socket, struct rw_value data);
RW_API struct rw_future *rw_socket_flush(struct rw_socket *socket);
/* Copies into the write queue at once; 0, RW_ERR_FULL when above the mark (nothing taken), RW_ERR_CLOSED, RW_ERR_BROKEN, NOMEM. */
RW_API int rw_socket_try_write(struct rw_socket *socket, const void *data, size_t size);
RW_API size_t rw_socket_unsent(const struct rw_socket *socket);

/* Half-close: flushes, then sends the end of the stream; reading goes on. close flushes what it can within the loop's turns, in the
 * background, and closes; pending operations fail with RW_ERR_CLOSED. abort closes at once, with a reset on TCP. */
RW_API struct rw_future *rw_socket_shutdown(struct rw_socket *socket);
RW_API void rw_socket_close(struct rw_socket *socket);
RW_API void rw_socket_abort(struct rw_socket *socket);
RW_API bool rw_socket_is_closed(const struct rw_socket *socket);
RW_API int rw_socket_fd(
    const struct rw_socket *socket); /* -1 when closed; for options only, never to close or read */

/* "127.0.0.1:80", "[::1]:80", "/path"; written into `buffer`, cut at its size. 0 or RW_ERR_CLOSED. */
RW_API int rw_socket_peer(const struct rw_socket *socket, char *buffer, size_t size);
RW_API int rw_socket_local(const struct rw_socket *socket, char *buffer, size_t size);
RW_API int rw_listener_local(const struct rw_listener *listener, char *buffer, size_t size);

/* The bytes of a socket as a stream of BYTES chunks, of lines (without "\n" or "\r\n", at most `max` long), and the socket as a sink. */
RW_API struct rw_stream *rw_socket_stream(struct rw_socket *socket);
RW_API struct rw_stream *rw_socket_lines(struct rw_socket *socket, size_t max);
RW_API struct rw_sink *rw_socket_sink(struct rw_socket *socket);

/* getaddrinfo on the blocking pool: a list of maps {family = "inet"|"inet6", address = text, port = int}. RW_ERR_DNS. In
 * simulation only names given to rw_sim_add_name, "localhost" and numeric addresses resolve. */
RW_API struct rw_future *rw_dns_resolve(struct rw_loop *loop, const char *host, uint16_t port);

RW_END_DECLS

#endif
