/* SPDX-License-Identifier: MIT
 *
 * sim.h - deterministic simulation: virtual time, an in-memory network with faults, and a seed.
 *
 * A loop made with rw_loop_options.sim has no contact with the kernel. Its clock stands while anything can run and jumps to
 * the next timer or network event when everything waits; it begins at one second. The same seed replays the same run. Several loops may share one simulation
 * (they are turned by the caller, in any order).
 */
#ifndef ROPEWALK_SIM_H
#define ROPEWALK_SIM_H

#include "base.h"

struct rw_sim;

struct rw_sim_options {
    uint64_t seed;
    bool shuffle;            /* the seed decides the order of what is ready at the same time; else FIFO */
    uint32_t latency_min_ns; /* of a packet, uniform */
    uint32_t latency_max_ns;
    uint32_t short_io_ppm; /* chance that a read or write moves fewer bytes than it could */
    uint32_t eintr_ppm;    /* chance that a system call is interrupted first */
    uint32_t reset_ppm;    /* chance per operation that a connection is reset */
    uint32_t connect_fail_ppm;
    uint32_t emfile_ppm;  /* chance that accept, socket or connect runs out of descriptors */
    uint32_t buffer_size; /* of a simulated socket, each direction; 0: 65536 */
};

RW_BEGIN_DECLS

/* Makes a simulation; options may be NULL (seed 0, no faults, no latency). Free it after its loops. */
RW_API struct rw_sim *rw_sim_new(const struct rw_sim_options *options);
RW_API void rw_sim_free(struct rw_sim *sim);
RW_API int64_t rw_sim_now(const struct rw_sim *sim);
/* Moves the clock by hand, as if that much time had passed. */
RW_API void rw_sim_advance(struct rw_sim *sim, int64_t delta_ns);
/* The next number of the seeded generator, for tests that want to be part of the same run. */
RW_API uint64_t rw_sim_random(struct rw_sim *sim);
/* Makes `host` resolve to `address`. 0 or RW_ERR_NOMEM. */
RW_API int rw_sim_add_name(struct rw_sim *sim, const char *host, const char *address);
/* Descriptors open now: 0 at the end of a clean test. */
RW_API size_t rw_sim_fd_count(const struct rw_sim *sim);

RW_END_DECLS

#endif
