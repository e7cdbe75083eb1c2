/* SPDX-License-Identifier: MIT
 *
 * echo_epoll.c - the echo server one would write by hand for this one purpose: the measure of the others.
 *
 * Level-triggered epoll, one recv and one send per event, one buffer for all connections, no allocation. A peer that
 * does not read what it is sent is dropped: keeping its bytes is what libraries are for. Prints its port.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER_SIZE = 16384 };

_Noreturn static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on_any_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 1024) != 0) {
        fail("listen");
    }
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        fail("getsockname");
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        fail("epoll_ctl");
    }
}

static void accept_all(int epoll, int listener)
{
    int on = 1;
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(epoll, fd);
    }
}

static void echo(int fd)
{
    static char buffer[BUFFER_SIZE];
    ssize_t size = recv(fd, buffer, sizeof buffer, 0);

    if (size > 0 && send(fd, buffer, (size_t)size, MSG_NOSIGNAL) == size) {
        return;
    }
    if (size >= 0 || errno != EAGAIN) {
        close(fd);
    }
}

int main(void)
{
    struct epoll_event events[EVENTS];
    int listener = listen_on_any_port();
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    watch(epoll, listener);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);

        if (count < 0 && errno != EINTR) {
            fail("epoll_wait");
        }
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) {
                accept_all(epoll, listener);
            } else {
                echo(events[i].data.fd);
            }
        }
    }
}
