/* SPDX-License-Identifier: MIT
 *
 * bytes.h - counted byte strings, as the other parts of the core share them.
 */
#ifndef RWI_BASE_BYTES_H
#define RWI_BASE_BYTES_H

#include <ropewalk.h>

/* References; any thread. */
struct rw_bytes *rwi_bytes_ref(struct rw_bytes *bytes);
void rwi_bytes_unref(struct rw_bytes *bytes);

#endif
