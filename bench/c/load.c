/* SPDX-License-Identifier: MIT
 *
 * load.c - drives an echo server and says what a request cost it.
 *
 *      load PORT CONNECTIONS SIZE MILLISECONDS PID
 *
 * Each connection sends a message, waits until all of it has come back, and sends the next. After a warm-up of a quarter of the time
 * the window opens; the server's cost is the CPU time its process used within the window, by the kernel's own account, divided by
 * the requests answered in it. Prints `requests cpu_ns wall_ns`.
 *
 * Loopback only, and bounded: it ends by itself after the time, and with an error when the server is silent for five seconds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { MAX_CONNECTIONS = 1024, MAX_SIZE = 1 << 20, EVENTS = 512, SILENCE_MS = 5000 };

struct connection {
    int fd;
    size_t received;
};

static struct connection connections[MAX_CONNECTIONS];
static char message[MAX_SIZE];
static char received[MAX_SIZE];
static size_t message_size;

_Noreturn static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) != 0) {
        fail("clock_gettime");
    }
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void send_message(const struct connection *connection)
{
    if (send(connection->fd, message, message_size, MSG_NOSIGNAL) != (ssize_t)message_size) {
        fail("send");
    }
}

static void open_connection(struct connection *connection, uint16_t port, int epoll)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int on = 1;

    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        fail("connect");
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        fail("epoll_ctl");
    }
    send_message(connection);
}

/* True when the whole message has come back; the next one is on its way then. */
static bool receive(struct connection *connection)
{
    ssize_t size = recv(connection->fd, received, sizeof received, 0);

    if (size <= 0) {
        fail("recv");
    }
    connection->received += (size_t)size;
    if (connection->received < message_size) {
        return false;
    }
    connection->received = 0;
    send_message(connection);
    return true;
}

static uint64_t serve_events(int epoll)
{
    struct epoll_event events[EVENTS];
    uint64_t answered = 0;
    int count = epoll_wait(epoll, events, EVENTS, SILENCE_MS);

    if (count <= 0) {
        fail("the server is silent");
    }
    for (int i = 0; i < count; i++) {
        answered += receive(events[i].data.ptr);
    }
    return answered;
}

static void drive(int epoll, int64_t window_ns, clockid_t server)
{
    int64_t start_ns = clock_ns(CLOCK_MONOTONIC) + window_ns / 4;
    int64_t now_ns;
    uint64_t requests = 0;

    do {
        serve_events(epoll);
        now_ns = clock_ns(CLOCK_MONOTONIC);
    } while (now_ns < start_ns);
    start_ns = now_ns;
    int64_t cpu_ns = clock_ns(server);

    do {
        requests += serve_events(epoll);
        now_ns = clock_ns(CLOCK_MONOTONIC);
    } while (now_ns - start_ns < window_ns);
    printf("%llu %lld %lld\n", (unsigned long long)requests, (long long)(clock_ns(server) - cpu_ns),
           (long long)(now_ns - start_ns));
}

int main(int argc, char **argv)
{
    clockid_t server;
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (argc != 6) {
        fprintf(stderr, "usage: load PORT CONNECTIONS SIZE MILLISECONDS PID\n");
        return 2;
    }
    size_t count = strtoul(argv[2], NULL, 10);

    message_size = strtoul(argv[3], NULL, 10);
    if (count < 1 || count > MAX_CONNECTIONS || message_size < 1 || message_size > MAX_SIZE || epoll < 0) {
        fprintf(stderr, "load: out of range\n");
        return 2;
    }
    if (clock_getcpuclockid((pid_t)strtol(argv[5], NULL, 10), &server) != 0) {
        fprintf(stderr, "load: no such process\n");
        return 1;
    }
    memset(message, 'x', message_size);
    message[message_size - 1] = '\n';
    for (size_t i = 0; i < count; i++) {
        open_connection(&connections[i], (uint16_t)strtoul(argv[1], NULL, 10), epoll);
    }
    drive(epoll, strtoll(argv[4], NULL, 10) * 1000000, server);
    return 0;
}
