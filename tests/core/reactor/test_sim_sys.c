/* SPDX-License-Identifier: MIT
 *
 * test_sim_sys.c - the system table of a simulation, and the faults that its options ask for.
 */
#include <errno.h>

#include "sim_world.h"

static void unknown_descriptors_are_bad(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    const struct rwi_sys *sys = rwi_sim_sys(sim);
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char byte = 0;
    struct iovec part = {&byte, 1};

    CHECK_INT(sys->close(sim, 3), -EBADF);
    CHECK_INT(sys->recv(sim, 3, &byte, 1), -EBADF);
    CHECK_INT(sys->send(sim, 3, &byte, 1), -EBADF);
    CHECK_INT(sys->sendv(sim, 3, &part, 1), -EBADF);
    CHECK_INT(sys->listen(sim, 3, 1), -EBADF);
    CHECK_INT(sys->accept(sim, 3), -EBADF);
    CHECK_INT(sys->shutdown(sim, 3, SHUT_WR), -EBADF);
    CHECK_INT(sys->getsockname(sim, 3, &address, &size), -EBADF);
    CHECK_INT(sys->getpeername(sim, 3, &address, &size), -EBADF);
    CHECK_INT(sys->set_nonblocking(sim, 3), -EBADF);
    CHECK_INT(sys->socket(sim, AF_NETLINK, SOCK_STREAM, 0), -EAFNOSUPPORT);
    rw_sim_free(sim);
}

static void vectors_leave_as_one(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    const struct rwi_sys *sys = rwi_sim_sys(sim);
    struct iovec parts[3] = {{"ab", 2}, {"", 0}, {"cd", 2}};
    char buffer[10];
    int fds[2];

    CHECK_INT(sys->socketpair(sim, fds), 0);
    CHECK_INT(sys->sendv(sim, fds[0], parts, 3), 4);
    sim_settle(sim);
    CHECK_INT(sys->recv(sim, fds[1], buffer, sizeof buffer), 4);
    CHECK(memcmp(buffer, "abcd", 4) == 0);
    sys->close(sim, fds[0]);
    sys->close(sim, fds[1]);
    rw_sim_free(sim);
}

static void certain_faults_always_come(void)
{
    struct rw_sim_options interrupted = {.eintr_ppm = 1000000};
    struct rw_sim_options scarce = {.emfile_ppm = 1000000};
    struct rw_sim *sim = rw_sim_new(&scarce);
    int fds[2];
    char byte;

    CHECK_INT(rwi_sim_sys(sim)->socket(sim, AF_INET, SOCK_STREAM, 0), -EMFILE);
    CHECK_INT(rwi_sim_sys(sim)->socketpair(sim, fds), -EMFILE);
    rw_sim_free(sim);
    sim = rw_sim_new(&interrupted);
    CHECK_INT(rwi_sim_sys(sim)->socketpair(sim, fds), 0);
    CHECK_INT(rwi_sim_sys(sim)->recv(sim, fds[0], &byte, 1), -EINTR);
    CHECK_INT(rwi_sim_sys(sim)->send(sim, fds[0], &byte, 1), -EINTR);
    rwi_sim_sys(sim)->close(sim, fds[0]);
    rwi_sim_sys(sim)->close(sim, fds[1]);
    rw_sim_free(sim);
}

static void a_reset_breaks_both_ends(void)
{
    struct rw_sim_options options = {.reset_ppm = 1000000};
    struct rw_sim *sim = rw_sim_new(&options);
    const struct rwi_sys *sys = rwi_sim_sys(sim);
    int fds[2];
    char byte = 'x';

    CHECK_INT(sys->socketpair(sim, fds), 0);
    CHECK_INT(sys->send(sim, fds[0], &byte, 1), -ECONNRESET);
    sim_settle(sim);
    CHECK_INT(sys->recv(sim, fds[1], &byte, 1), -ECONNRESET);
    sys->close(sim, fds[0]);
    sys->close(sim, fds[1]);
    rw_sim_free(sim);
}

static void short_reads_are_announced(void)
{
    struct rw_sim_options options = {.short_io_ppm = 1};
    struct rw_sim *plain = rw_sim_new(NULL);
    struct rw_sim *faulty = rw_sim_new(&options);

    CHECK(rwi_sim_sys(plain)->short_is_drained);
    CHECK(!rwi_sim_sys(faulty)->short_is_drained);
    rw_sim_free(plain);
    rw_sim_free(faulty);
}

static void linger_of_zero_resets(void)
{
    struct rw_sim *sim = rw_sim_new(NULL);
    const struct rwi_sys *sys = rwi_sim_sys(sim);
    struct linger linger = {1, 0};
    int fds[2];
    char byte;

    CHECK_INT(sys->socketpair(sim, fds), 0);
    CHECK_INT(sys->setsockopt(sim, fds[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    sys->close(sim, fds[0]);
    sim_settle(sim);
    CHECK_INT(sys->recv(sim, fds[1], &byte, 1), -ECONNRESET);
    sys->close(sim, fds[1]);
    rw_sim_free(sim);
}

static void random_bytes_follow_the_seed(void)
{
    struct rw_sim *one = rw_sim_new(NULL);
    struct rw_sim *two = rw_sim_new(NULL);
    char a[16];
    char b[16];

    CHECK_INT(rwi_sim_sys(one)->random(one, a, sizeof a), 0);
    CHECK_INT(rwi_sim_sys(two)->random(two, b, sizeof b), 0);
    CHECK(memcmp(a, b, sizeof a) == 0);
    rw_sim_free(one);
    rw_sim_free(two);
}

static const struct test tests[] = {
    TEST(unknown_descriptors_are_bad),  TEST(vectors_leave_as_one),      TEST(certain_faults_always_come),
    TEST(a_reset_breaks_both_ends),     TEST(short_reads_are_announced), TEST(linger_of_zero_resets),
    TEST(random_bytes_follow_the_seed),
};

TEST_MAIN(tests)
