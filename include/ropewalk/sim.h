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
#include "value.h"

struct rw_sim;

/* What a simulation can be told. RW_SIM_OPTIONS is the single source, as RW_LOOP_OPTIONS is of loops.
 * X(type, name, unit, default, least, most, what it is) */
#define RW_SIM_OPTIONS(X)                                                                                    \
    X(uint64_t, seed, "number", 0, 0, INT64_MAX, "decides everything that is left to chance")                \
    X(bool, shuffle, "flag", 0, 0, 1, "the seed decides the order of what is ready at the same time")        \
    X(uint32_t, latency_min_ns, "nanoseconds", 0, 0, UINT32_MAX, "the least time a packet takes")            \
    X(uint32_t, latency_max_ns, "nanoseconds", 0, 0, UINT32_MAX, "the most; at least the least")             \
    X(uint32_t, short_io_ppm, "millionths", 0, 0, 1000000,                                                   \
      "chance that a read or write moves fewer bytes than it could")                                         \
    X(uint32_t, eintr_ppm, "millionths", 0, 0, 1000000, "chance that a system call is interrupted first")    \
    X(uint32_t, reset_ppm, "millionths", 0, 0, 1000000, "chance per operation that a connection is reset")   \
    X(uint32_t, connect_fail_ppm, "millionths", 0, 0, 1000000, "chance that a connection is refused")        \
    X(uint32_t, emfile_ppm, "millionths", 0, 0, 1000000,                                                     \
      "chance that accept, socket or connect runs out of descriptors")                                       \
    X(uint32_t, buffer_size, "bytes", 65536, 1, UINT32_MAX, "of a simulated socket, each direction")

struct rw_sim_options {
#define RW_OPTION_FIELD(type, name, unit, standard, least, most, text) type name; /* 0: the default */
    RW_SIM_OPTIONS(RW_OPTION_FIELD)
#undef RW_OPTION_FIELD
};

RW_BEGIN_DECLS

/* The options of a simulation, in order; NULL behind the last. Any thread. */
RW_API const struct rw_option *rw_sim_option(size_t index);

/* Reads what a script gave, as rw_loop_options_read does. A name may be written without its _ns, with seconds, or without its _ppm,
 * with a probability. A latency_max_ns that is not given is latency_min_ns. Any thread. */
RW_API struct rw_value rw_sim_options_read(struct rw_sim_options *options, const struct rw_value *map);

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
