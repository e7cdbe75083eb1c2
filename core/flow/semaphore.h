/* SPDX-License-Identifier: MIT
 *
 * semaphore.h - what is built on semaphores asks here.
 */
#ifndef RWI_FLOW_SEMAPHORE_H
#define RWI_FLOW_SEMAPHORE_H

#include <ropewalk.h>

/* The future is an acquire, and not the failure that stands in for one when there was no memory. */
bool rwi_semaphore_is_acquire(const struct rw_future *future);

#endif
