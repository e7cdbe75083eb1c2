/* SPDX-License-Identifier: MIT
 *
 * fault.h - a system table that wraps another one and fails on demand.
 *
 * Each kind of call can be told to fail its next calls with an errno, to be interrupted now and then, or to move one byte
 * at a time. Calls are counted, so a test can sweep: fail the first, then the second, until none is left.
 */
#ifndef RW_TEST_FAULT_H
#define RW_TEST_FAULT_H

#include <errno.h>

#include "base/sys.h"
#include "loop.h"
#include "reactor/sim.h"
#include "test.h"

enum fault_call {
    FAULT_SOCKET,
    FAULT_BIND,
    FAULT_LISTEN,
    FAULT_CONNECT,
    FAULT_ACCEPT,
    FAULT_RECV,
    FAULT_SEND,
    FAULT_SHUTDOWN,
    FAULT_GETSOCKNAME,
    FAULT_EPOLL_CREATE,
    FAULT_EPOLL_CTL,
    FAULT_EPOLL_WAIT,
    FAULT_CALLS
};

struct fault {
    struct rwi_sys sys;
    const struct rwi_sys *inner;
    uint64_t count[FAULT_CALLS]; /* calls so far */
    uint64_t total;
    uint64_t failing[FAULT_CALLS]; /* how many of the next calls fail */
    int error[FAULT_CALLS];
    uint64_t fail_total; /* this call of any kind fails; 0: none */
    int total_error;
    uint32_t interrupt_every; /* 0: never */
    bool one_byte;            /* reads and writes move one byte */
    int64_t open_count;       /* descriptors made and not closed */
};

static inline void fault_next(struct fault *fault, enum fault_call call, uint64_t count, int error)
{
    fault->failing[call] = count;
    fault->error[call] = error;
}

/* 0, or the negative errno that this call has to answer. */
static inline int fault_meet(struct fault *fault, enum fault_call call)
{
    bool may_interrupt =
        call == FAULT_RECV || call == FAULT_SEND || call == FAULT_ACCEPT || call == FAULT_EPOLL_WAIT;

    fault->count[call]++;
    fault->total++;
    if (fault->failing[call] > 0) {
        fault->failing[call]--;
        return -fault->error[call];
    }
    if (fault->fail_total == fault->total) {
        return -fault->total_error;
    }
    if (may_interrupt && fault->interrupt_every != 0 && fault->total % fault->interrupt_every == 0) {
        return -EINTR;
    }
    return 0;
}

static inline int64_t fault_clock_ns(void *arg)
{
    struct fault *fault = arg;
    return fault->inner->clock_ns(fault->inner->arg);
}

static inline int fault_random(void *arg, void *buffer, size_t size)
{
    struct fault *fault = arg;
    return fault->inner->random(fault->inner->arg, buffer, size);
}

static inline int fault_count_open(struct fault *fault, int result)
{
    fault->open_count += result >= 0;
    return result;
}

static inline int fault_socket(void *arg, int domain, int type, int protocol)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_SOCKET);
    return error < 0
               ? error
               : fault_count_open(fault, fault->inner->socket(fault->inner->arg, domain, type, protocol));
}

static inline int fault_socketpair(void *arg, int fds[2])
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_SOCKET);
    int result = error < 0 ? error : fault->inner->socketpair(fault->inner->arg, fds);
    fault->open_count += result == 0 ? 2 : 0;
    return result;
}

static inline int fault_bind(void *arg, int fd, const struct sockaddr *address, socklen_t size)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_BIND);
    return error < 0 ? error : fault->inner->bind(fault->inner->arg, fd, address, size);
}

static inline int fault_listen(void *arg, int fd, int backlog)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_LISTEN);
    return error < 0 ? error : fault->inner->listen(fault->inner->arg, fd, backlog);
}

static inline int fault_connect(void *arg, int fd, const struct sockaddr *address, socklen_t size)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_CONNECT);
    return error < 0 ? error : fault->inner->connect(fault->inner->arg, fd, address, size);
}

static inline int fault_accept(void *arg, int fd)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_ACCEPT);
    return error < 0 ? error : fault_count_open(fault, fault->inner->accept(fault->inner->arg, fd));
}

static inline int fault_shutdown(void *arg, int fd, int how)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_SHUTDOWN);
    return error < 0 ? error : fault->inner->shutdown(fault->inner->arg, fd, how);
}

static inline int fault_close(void *arg, int fd)
{
    struct fault *fault = arg;
    fault->open_count--;
    return fault->inner->close(fault->inner->arg, fd);
}

static inline int fault_getsockopt(void *arg, int fd, int level, int name, void *value, socklen_t *size)
{
    struct fault *fault = arg;
    return fault->inner->getsockopt(fault->inner->arg, fd, level, name, value, size);
}

static inline int fault_setsockopt(void *arg, int fd, int level, int name, const void *value, socklen_t size)
{
    struct fault *fault = arg;
    return fault->inner->setsockopt(fault->inner->arg, fd, level, name, value, size);
}

static inline int fault_getsockname(void *arg, int fd, struct sockaddr_storage *address, socklen_t *size)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_GETSOCKNAME);
    return error < 0 ? error : fault->inner->getsockname(fault->inner->arg, fd, address, size);
}

static inline int fault_getpeername(void *arg, int fd, struct sockaddr_storage *address, socklen_t *size)
{
    struct fault *fault = arg;
    return fault->inner->getpeername(fault->inner->arg, fd, address, size);
}

static inline int fault_set_nonblocking(void *arg, int fd)
{
    struct fault *fault = arg;
    return fault->inner->set_nonblocking(fault->inner->arg, fd);
}

static inline int fault_unlink(void *arg, const char *path)
{
    struct fault *fault = arg;
    return fault->inner->unlink(fault->inner->arg, path);
}

static inline int fault_chmod(void *arg, const char *path, unsigned mode)
{
    struct fault *fault = arg;
    return fault->inner->chmod(fault->inner->arg, path, mode);
}

static inline int fault_is_socket_path(void *arg, const char *path)
{
    struct fault *fault = arg;
    return fault->inner->is_socket_path(fault->inner->arg, path);
}

static inline int64_t fault_recv(void *arg, int fd, void *buffer, size_t size)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_RECV);
    return error < 0 ? error : fault->inner->recv(fault->inner->arg, fd, buffer, fault->one_byte ? 1 : size);
}

static inline int64_t fault_send(void *arg, int fd, const void *buffer, size_t size)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_SEND);
    return error < 0 ? error : fault->inner->send(fault->inner->arg, fd, buffer, fault->one_byte ? 1 : size);
}

static inline int64_t fault_sendv(void *arg, int fd, const struct iovec *parts, int count)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_SEND);
    if (error < 0) {
        return error;
    }
    if (fault->one_byte) {
        return fault->inner->send(fault->inner->arg, fd, parts[0].iov_base, 1);
    }
    return fault->inner->sendv(fault->inner->arg, fd, parts, count);
}

static inline int fault_epoll_create(void *arg)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_EPOLL_CREATE);
    return error < 0 ? error : fault_count_open(fault, fault->inner->epoll_create(fault->inner->arg));
}

/* Deleting a registration never fails: the kernel has no reason to. */
static inline int fault_epoll_ctl(void *arg, int epoll_fd, int op, int fd, struct epoll_event *event)
{
    struct fault *fault = arg;
    int error = op == EPOLL_CTL_DEL ? 0 : fault_meet(fault, FAULT_EPOLL_CTL);
    return error < 0 ? error : fault->inner->epoll_ctl(fault->inner->arg, epoll_fd, op, fd, event);
}

static inline int fault_epoll_wait(void *arg, int epoll_fd, struct epoll_event *events, int capacity,
                                   int64_t timeout_ns)
{
    struct fault *fault = arg;
    int error = fault_meet(fault, FAULT_EPOLL_WAIT);
    return error < 0 ? error
                     : fault->inner->epoll_wait(fault->inner->arg, epoll_fd, events, capacity, timeout_ns);
}

/* Wraps the simulation's table, or the kernel's when sim is NULL. */
static inline void fault_init(struct fault *fault, struct rw_sim *sim)
{
    *fault = (struct fault){.inner = sim != NULL ? rwi_sim_sys(sim) : rwi_sys_real()};
    fault->sys = (struct rwi_sys){
        .arg = fault,
        .sim = sim,
        .short_is_drained = false,
        .clock_ns = fault_clock_ns,
        .random = fault_random,
        .socket = fault_socket,
        .socketpair = fault_socketpair,
        .bind = fault_bind,
        .listen = fault_listen,
        .connect = fault_connect,
        .accept = fault_accept,
        .shutdown = fault_shutdown,
        .close = fault_close,
        .getsockopt = fault_getsockopt,
        .setsockopt = fault_setsockopt,
        .getsockname = fault_getsockname,
        .getpeername = fault_getpeername,
        .set_nonblocking = fault_set_nonblocking,
        .unlink = fault_unlink,
        .chmod = fault_chmod,
        .is_socket_path = fault_is_socket_path,
        .recv = fault_recv,
        .send = fault_send,
        .sendv = fault_sendv,
        .epoll_create = fault_epoll_create,
        .epoll_ctl = fault_epoll_ctl,
        .epoll_wait = fault_epoll_wait,
    };
}

/* A loop on the table. NULL as rw_loop_new. */
static inline struct rw_loop *fault_loop(struct fault *fault)
{
    static const struct rw_loop_options options;

    return rwi_loop_new_on(&fault->sys, &options);
}

#endif
