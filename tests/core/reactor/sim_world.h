/* SPDX-License-Identifier: MIT
 *
 * sim_world.h - a simulation used through its system table, without a reactor: time is moved by hand.
 */
#ifndef RW_TEST_SIM_WORLD_H
#define RW_TEST_SIM_WORLD_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "reactor/sim.h"
#include "test.h"

static inline struct sockaddr_in sim_inet(const char *host, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

static inline struct sockaddr_un sim_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

/* Lets everything on its way arrive. */
static inline void sim_settle(struct rw_sim *sim)
{
    while (rwi_sim_next_event(sim) != RW_NEVER) {
        sim->now_ns = rwi_sim_next_event(sim) > sim->now_ns ? rwi_sim_next_event(sim) : sim->now_ns;
        rwi_sim_deliver(sim);
    }
}

/* A listening descriptor, or a negative errno. */
static inline int sim_listening(struct rw_sim *sim, const char *host, uint16_t port)
{
    const struct rwi_sys *sys = rwi_sim_sys(sim);
    struct sockaddr_in address = sim_inet(host, port);
    int fd = sys->socket(sim, AF_INET, SOCK_STREAM, 0);
    int result = sys->bind(sim, fd, (struct sockaddr *)&address, sizeof address);

    if (result == 0) {
        result = sys->listen(sim, fd, 2);
    }
    if (result < 0) {
        sys->close(sim, fd);
        return result;
    }
    return fd;
}

/* A descriptor on its way to the port. */
static inline int sim_connecting(struct rw_sim *sim, const char *host, uint16_t port)
{
    const struct rwi_sys *sys = rwi_sim_sys(sim);
    struct sockaddr_in address = sim_inet(host, port);
    int fd = sys->socket(sim, AF_INET, SOCK_STREAM, 0);

    sys->connect(sim, fd, (struct sockaddr *)&address, sizeof address);
    return fd;
}

static inline int sim_error(struct rw_sim *sim, int fd)
{
    int error = 0;
    socklen_t size = sizeof error;

    rwi_sim_sys(sim)->getsockopt(sim, fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

#endif
