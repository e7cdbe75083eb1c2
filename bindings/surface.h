/* SPDX-License-Identifier: MIT
 *
 * surface.h - what the library says of itself to scripts: its errors, options and counters, as values.
 *
 * The scripts of both languages reach these through bindings/swig/surface.i, which the kit turns into `ropewalk.surface`.
 */
#ifndef ROPEWALK_BINDINGS_SURFACE_H
#define ROPEWALK_BINDINGS_SURFACE_H

#include <ropewalk.h>

/* A map from each error's code ("closed") to {number, name, python, text}. */
struct rw_value rwh_errors(void);

/* A map from each option of a loop to {default, least, most, unit, text}. */
struct rw_value rwh_options(void);

/* The same of a simulation's options. */
struct rw_value rwh_sim_options(void);

/* A map from each counter of stats to what it counts. */
struct rw_value rwh_counters(void);

/* A map from each counter to its number now, on a loop of the caller's thread. */
struct rw_value rwh_stats(struct rw_loop *loop);

#endif
