/* SPDX-License-Identifier: MIT
 *
 * error.h - error values, as the rest of the core sees them beyond the public door.
 */
#ifndef RWI_BASE_ERROR_H
#define RWI_BASE_ERROR_H

#include <ropewalk.h>

/* Makes an error whose message is the first `size` bytes of `message`, copied. One reference, NULL on no memory. */
struct rw_error *rwi_error_new_sized(int code, const char *message, size_t size, enum rw_origin origin);

#endif
