/* SPDX-License-Identifier: MIT
 *
 * sys.h - all contact with the operating system, as one table of functions.
 *
 * The same code runs on the kernel (rwi_sys_real), under fault injection (a table that wraps another one) and in the
 * simulation. Every function answers 0 or a count, or a negative errno; none touches `errno`. All descriptors made here are
 * non-blocking and closed on exec. Functions of one table may be called from any thread unless it is a simulation's.
 */
#ifndef RWI_BASE_SYS_H
#define RWI_BASE_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct rw_sim;

struct rwi_sys {
    void *arg;          /* given to each function */
    struct rw_sim *sim; /* NULL: not a simulation */

    /* True where a read or write of fewer bytes than it could have taken means that the descriptor is drained or full, so
     * that no call is needed to be told "would block". Fault injection says false. */
    bool short_is_drained;

    int64_t (*clock_ns)(void *arg); /* monotonic */
    int (*random)(void *arg, void *buffer, size_t size);

    int (*socket)(void *arg, int domain, int type, int protocol);
    int (*socketpair)(void *arg, int fds[2]); /* Unix stream sockets */
    int (*bind)(void *arg, int fd, const struct sockaddr *address, socklen_t size);
    int (*listen)(void *arg, int fd, int backlog);
    int (*connect)(void *arg, int fd, const struct sockaddr *address, socklen_t size);
    int (*accept)(void *arg, int fd);
    int (*shutdown)(void *arg, int fd, int how);
    int (*close)(void *arg, int fd);
    int (*getsockopt)(void *arg, int fd, int level, int name, void *value, socklen_t *size);
    int (*setsockopt)(void *arg, int fd, int level, int name, const void *value, socklen_t size);
    int (*getsockname)(void *arg, int fd, struct sockaddr_storage *address, socklen_t *size);
    int (*getpeername)(void *arg, int fd, struct sockaddr_storage *address, socklen_t *size);
    int (*set_nonblocking)(void *arg, int fd);
    int (*unlink)(void *arg, const char *path);
    int (*chmod)(void *arg, const char *path, unsigned mode);
    int (*is_socket_path)(void *arg, const char *path); /* 1: a socket, 0: another thing */

    int64_t (*recv)(void *arg, int fd, void *buffer, size_t size);
    int64_t (*send)(void *arg, int fd, const void *buffer, size_t size); /* never SIGPIPE */
    int64_t (*sendv)(void *arg, int fd, const struct iovec *parts, int count);

    /* Not in simulations, which have a backend of their own. `timeout_ns` < 0: for ever. */
    int (*epoll_create)(void *arg);
    int (*epoll_ctl)(void *arg, int epoll_fd, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *arg, int epoll_fd, struct epoll_event *events, int capacity, int64_t timeout_ns);
};

/* The kernel. Static. */
const struct rwi_sys *rwi_sys_real(void);

#endif
