/* SPDX-License-Identifier: MIT
 *
 * socket.h - the inside of a stream socket, for its reads, writes and streams.
 */
#ifndef RWI_IO_SOCKET_H
#define RWI_IO_SOCKET_H

#include <ropewalk.h>

#include "base/list.h"
#include "base/sys.h"
#include "exec/executor.h"
#include "io/buffer.h"
#include "io/queue.h"
#include "reactor/reactor.h"

enum rwi_socket_state { RWI_SOCKET_OPEN, RWI_SOCKET_CLOSING, RWI_SOCKET_CLOSED };

struct rw_socket {
    struct rw_object object;
    struct rw_loop *loop;
    const struct rwi_sys *sys;
    struct rwi_source source; /* its fd is the socket's only name for it; -1 once closed */
    struct rwi_flush flush;
    uint8_t state;      /* enum rwi_socket_state */
    bool end_of_stream; /* the other side will send no more */
    bool write_shut;    /* no more writes are taken */
    bool shut_sent;     /* and the other side has been told */
    bool is_tcp;
    int read_error;          /* errno; 0: none */
    int write_error;         /* errno; 0: none */
    const void *reading;     /* the future that waits for bytes; NULL: none */
    const void *writing;     /* the write that waits for room; NULL: none */
    struct rwi_list waiters; /* struct rwi_write_waiter */
    struct rwi_buffer in;
    struct rwi_queue out;
};

/* Waits until fewer than `below` bytes are unsent, the socket failed, or is closed. */
struct rwi_write_waiter {
    struct rwi_list node;
    struct rw_waker waker; /* borrowed */
    size_t below;
};

static inline struct rw_socket *rwi_socket_of_object(struct rw_object *object)
{
    return rwi_container_of(object, struct rw_socket, object);
}

/* The loop's reactor: the one place where io/ learns what lies outside the executor. */
static inline struct rwi_reactor *rwi_reactor_of(const struct rw_loop *loop)
{
    return rwi_executor_of(loop)->outside;
}

/* A socket without a descriptor yet; one reference. NULL on no memory. */
struct rw_socket *rwi_socket_new(struct rw_loop *loop);

/* Gives it `fd` (non-blocking) and attaches it. On failure the descriptor stays the caller's. 0 or a negative errno. */
int rwi_socket_open(struct rw_socket *socket, int fd, bool is_tcp);

/* Small writes leave at once: they are coalesced here already. */
void rwi_socket_set_nodelay(const struct rwi_sys *sys, int fd);

/* A value that holds the caller's reference. */
struct rw_value rwi_socket_value(struct rw_socket *socket);

/* RW_ERR_BROKEN for what says that the other end is gone, RW_ERR_OS for the rest; both carry the errno. */
struct rw_value rwi_io_failure(int os_errno, const char *what);

/* write.c's: what the end of the turn does; wakes who waited; and what the descriptor does when it can take more. */
void rwi_socket_flush(struct rwi_flush *flush);
void rwi_socket_wake_writers(struct rw_socket *socket);

/* socket.c's, for the flush: everything is sent, or never will be. */
void rwi_socket_finish_close(struct rw_socket *socket);

/* read.c's, for streams: one poll for bytes. Whoever polled calls leave before it goes. */
enum rw_poll rwi_socket_poll_read(struct rw_socket *socket, struct rw_context *cx, const void *reader,
                                  size_t max, struct rw_value *out);
enum rw_poll rwi_socket_poll_until(struct rw_socket *socket, struct rw_context *cx, const void *reader,
                                   const void *delimiter, size_t delimiter_size, size_t max, size_t *scanned,
                                   struct rw_value *out);
/* For a closing socket: receives what is there and forgets it. False: stopped before the end, to let others run. */
bool rwi_socket_discard(struct rw_socket *socket);
void rwi_socket_leave_read(struct rw_socket *socket, const void *reader);

/* write.c's, for sinks. Takes *item when it answers RW_READY. `waiter` is in no list before and after the operation. */
enum rw_poll rwi_socket_poll_room(struct rw_socket *socket, struct rw_context *cx,
                                  struct rwi_write_waiter *waiter, size_t below, struct rw_value *out);
int rwi_socket_queue(struct rw_socket *socket, struct rw_value *item, struct rw_value *failure);
int rwi_socket_shut(struct rw_socket *socket);

bool rwi_socket_check(const struct rw_socket *socket);

/* As rw_socket_unref, for operations, which are rarely the last to go. */
static inline void rwi_socket_unref(struct rw_socket *socket)
{
    RW_ASSERT(socket->object.ref_count > 0);
    if (rwi_likely(socket->object.ref_count > 1)) {
        socket->object.ref_count--;
    } else {
        rw_socket_unref(socket);
    }
}

#endif
