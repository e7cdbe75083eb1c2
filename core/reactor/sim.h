/* SPDX-License-Identifier: MIT
 *
 * sim.h - the inside of a simulation: its system table, its events, its descriptors.
 */
#ifndef RWI_REACTOR_SIM_H
#define RWI_REACTOR_SIM_H

#include <ropewalk.h>

#include "base/sys.h"

/* The table to give to rwi_reactor_init; lives as long as the simulation. */
const struct rwi_sys *rwi_sim_sys(struct rw_sim *sim);

#endif
