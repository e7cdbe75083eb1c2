/* SPDX-License-Identifier: MIT
 *
 * test_sys_real.c - the table over the kernel: answers are counts or negative errnos, descriptors never block.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/sys.h"
#include "test.h"

static void descriptors_do_not_block_and_do_not_survive_exec(void)
{
    const struct rwi_sys *sys = rwi_sys_real();
    int fds[3];
    char byte;

    CHECK_INT(sys->socketpair(sys->arg, fds), 0);
    fds[2] = sys->socket(sys->arg, AF_INET, SOCK_STREAM, 0);
    for (int i = 0; i < 3; i++) {
        CHECK(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
        CHECK(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
    }
    CHECK_INT(sys->recv(sys->arg, fds[0], &byte, 1), -EAGAIN);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(sys->close(sys->arg, fds[i]), 0);
    }
}

static void a_send_to_nobody_is_an_error_not_a_signal(void)
{
    const struct rwi_sys *sys = rwi_sys_real();
    struct iovec part = {"x", 1};
    int fds[2];

    CHECK_INT(sys->socketpair(sys->arg, fds), 0);
    CHECK_INT(sys->close(sys->arg, fds[1]), 0);
    CHECK_INT(sys->send(sys->arg, fds[0], "x", 1), -EPIPE);
    CHECK_INT(sys->sendv(sys->arg, fds[0], &part, 1), -EPIPE);
    CHECK_INT(sys->close(sys->arg, fds[0]), 0);
}

static void the_clock_never_goes_back(void)
{
    const struct rwi_sys *sys = rwi_sys_real();
    int64_t before = sys->clock_ns(sys->arg);

    for (int i = 0; i < 1000; i++) {
        int64_t now = sys->clock_ns(sys->arg);

        CHECK(now >= before);
        before = now;
    }
}

static void random_bytes_differ(void)
{
    const struct rwi_sys *sys = rwi_sys_real();
    char a[32];
    char b[32];

    CHECK_INT(sys->random(sys->arg, a, sizeof a), 0);
    CHECK_INT(sys->random(sys->arg, b, sizeof b), 0);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

static void errors_are_negative_errnos(void)
{
    const struct rwi_sys *sys = rwi_sys_real();

    errno = 0;
    CHECK_INT(sys->close(sys->arg, 1 << 20), -EBADF);
    CHECK_INT(sys->unlink(sys->arg, "/no/such/path"), -ENOENT);
    CHECK_INT(sys->chmod(sys->arg, "/no/such/path", 0600), -ENOENT);
    CHECK_INT(sys->is_socket_path(sys->arg, "/no/such/path"), -ENOENT);
    CHECK_INT(sys->is_socket_path(sys->arg, "/tmp"), 0);
    CHECK_INT(sys->set_nonblocking(sys->arg, 1 << 20), -EBADF);
    CHECK(sys->sim == NULL);
}

static void a_wait_that_may_not_block_does_not(void)
{
    const struct rwi_sys *sys = rwi_sys_real();
    struct epoll_event events[4];
    int epoll_fd = sys->epoll_create(sys->arg);

    CHECK(epoll_fd >= 0);
    CHECK_INT(sys->epoll_wait(sys->arg, epoll_fd, events, 4, 0), 0);
    CHECK_INT(sys->epoll_wait(sys->arg, epoll_fd, events, 4, 1000), 0);
    CHECK_INT(sys->close(sys->arg, epoll_fd), 0);
}

static const struct test tests[] = {
    TEST(descriptors_do_not_block_and_do_not_survive_exec),
    TEST(a_send_to_nobody_is_an_error_not_a_signal),
    TEST(the_clock_never_goes_back),
    TEST(random_bytes_differ),
    TEST(errors_are_negative_errnos),
    TEST(a_wait_that_may_not_block_does_not),
};

TEST_MAIN(tests)
