/* SPDX-License-Identifier: MIT
 *
 * sys_real.c - the system table over the kernel.
 *
 * Each function is one system call that answers with -errno instead of setting errno, so that tables can be stacked.
 * Invariant: no descriptor leaves this file that is blocking or survives an exec.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/sys.h"

static int answer(int result)
{
    return result < 0 ? -errno : result;
}

static int64_t answer_size(ssize_t result)
{
    return result < 0 ? -errno : result;
}

static int64_t real_clock_ns(void *arg)
{
    struct timespec now;

    (void)arg;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int real_random(void *arg, void *buffer, size_t size)
{
    (void)arg;
    RW_ASSERT(size <= 256);
    return getrandom(buffer, size, 0) == (ssize_t)size ? 0 : -EIO;
}

static int real_socket(void *arg, int domain, int type, int protocol)
{
    (void)arg;
    return answer(socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

static int real_socketpair(void *arg, int fds[2])
{
    (void)arg;
    return answer(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
}

static int real_bind(void *arg, int fd, const struct sockaddr *address, socklen_t size)
{
    (void)arg;
    RW_ASSERT(fd >= 0);
    return answer(bind(fd, address, size));
}

static int real_listen(void *arg, int fd, int backlog)
{
    (void)arg;
    RW_ASSERT(fd >= 0);
    return answer(listen(fd, backlog));
}

static int real_connect(void *arg, int fd, const struct sockaddr *address, socklen_t size)
{
    (void)arg;
    RW_ASSERT(fd >= 0);
    return answer(connect(fd, address, size));
}

static int real_accept(void *arg, int fd)
{
    (void)arg;
    RW_ASSERT(fd >= 0);
    return answer(accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

static int real_shutdown(void *arg, int fd, int how)
{
    (void)arg;
    RW_ASSERT(fd >= 0);
    return answer(shutdown(fd, how));
}

static int real_close(void *arg, int fd)
{
    (void)arg;
    RW_ASSERT(fd >= 0);
    return answer(close(fd));
}

static int real_getsockopt(void *arg, int fd, int level, int name, void *value, socklen_t *size)
{
    (void)arg;
    RW_ASSERT(fd >= 0);
    return answer(getsockopt(fd, level, name, value, size));
}

static int real_setsockopt(void *arg, int fd, int level, int name, const void *value, socklen_t size)
{
    (void)arg;
    RW_ASSERT(fd >= 0);
    return answer(setsockopt(fd, level, name, value, size));
}

static int real_getsockname(void *arg, int fd, struct sockaddr_storage *address, socklen_t *size)
{
    (void)arg;
    RW_ASSERT(*size >= sizeof *address);
    return answer(getsockname(fd, (struct sockaddr *)address, size));
}

static int real_getpeername(void *arg, int fd, struct sockaddr_storage *address, socklen_t *size)
{
    (void)arg;
    RW_ASSERT(*size >= sizeof *address);
    return answer(getpeername(fd, (struct sockaddr *)address, size));
}

static int real_set_nonblocking(void *arg, int fd)
{
    int flags = fcntl(fd, F_GETFL);

    (void)arg;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return -errno;
    }
    return 0;
}

static int real_unlink(void *arg, const char *path)
{
    (void)arg;
    RW_ASSERT(path != NULL);
    return answer(unlink(path));
}

static int real_chmod(void *arg, const char *path, unsigned mode)
{
    (void)arg;
    RW_ASSERT(path != NULL);
    return answer(chmod(path, (mode_t)mode));
}

static int real_is_socket_path(void *arg, const char *path)
{
    struct stat status;

    (void)arg;
    RW_ASSERT(path != NULL);
    if (lstat(path, &status) < 0) {
        return -errno;
    }
    return S_ISSOCK(status.st_mode) ? 1 : 0;
}

static int64_t real_recv(void *arg, int fd, void *buffer, size_t size)
{
    (void)arg;
    RW_ASSERT(size > 0);
    return answer_size(recv(fd, buffer, size, 0));
}

static int64_t real_send(void *arg, int fd, const void *buffer, size_t size)
{
    (void)arg;
    RW_ASSERT(size > 0);
    return answer_size(send(fd, buffer, size, MSG_NOSIGNAL));
}

static int64_t real_sendv(void *arg, int fd, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};

    (void)arg;
    RW_ASSERT(count > 0);
    return answer_size(sendmsg(fd, &message, MSG_NOSIGNAL));
}

static int real_epoll_create(void *arg)
{
    (void)arg;
    return answer(epoll_create1(EPOLL_CLOEXEC));
}

static int real_epoll_ctl(void *arg, int epoll_fd, int op, int fd, struct epoll_event *event)
{
    (void)arg;
    RW_ASSERT(epoll_fd >= 0);
    return answer(epoll_ctl(epoll_fd, op, fd, event));
}

static int real_epoll_wait(void *arg, int epoll_fd, struct epoll_event *events, int capacity,
                           int64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    int count;

    (void)arg;
    RW_ASSERT(capacity > 0);
    if (timeout_ns <= 0) {
        return answer(epoll_wait(epoll_fd, events, capacity, timeout_ns < 0 ? -1 : 0));
    }
    count = epoll_pwait2(epoll_fd, events, capacity, &timeout, NULL);
    /* Older kernels lack the call; older sandboxes forbid what they do not know. */
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
        int64_t millis = (timeout_ns + 999999) / 1000000;

        count = epoll_wait(epoll_fd, events, capacity, millis > INT32_MAX ? INT32_MAX : (int)millis);
    }
    return answer(count);
}

static const struct rwi_sys real_sys = {
    .short_is_drained = true,
    .clock_ns = real_clock_ns,
    .random = real_random,
    .socket = real_socket,
    .socketpair = real_socketpair,
    .bind = real_bind,
    .listen = real_listen,
    .connect = real_connect,
    .accept = real_accept,
    .shutdown = real_shutdown,
    .close = real_close,
    .getsockopt = real_getsockopt,
    .setsockopt = real_setsockopt,
    .getsockname = real_getsockname,
    .getpeername = real_getpeername,
    .set_nonblocking = real_set_nonblocking,
    .unlink = real_unlink,
    .chmod = real_chmod,
    .is_socket_path = real_is_socket_path,
    .recv = real_recv,
    .send = real_send,
    .sendv = real_sendv,
    .epoll_create = real_epoll_create,
    .epoll_ctl = real_epoll_ctl,
    .epoll_wait = real_epoll_wait,
};

const struct rwi_sys *rwi_sys_real(void)
{
    return &real_sys;
}
