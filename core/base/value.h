/* SPDX-License-Identifier: MIT
 *
 * value.h - values for callers inside the core, where copying a number must cost nothing.
 */
#ifndef RWI_BASE_VALUE_H
#define RWI_BASE_VALUE_H

#include <ropewalk/value.h>

#include "base/check.h"

/* As rw_value_clone. */
static inline struct rw_value rwi_value_clone(const struct rw_value *value)
{
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    return value->kind < RW_KIND_BYTES ? *value : rw_value_clone(value);
}

/* 0 when nothing in the value belongs to one loop or interpreter, so that it may go to another thread; else RW_ERR_TYPE, or
 * RW_ERR_LIMIT when it is nested too deeply to tell. */
int rwi_value_bound(const struct rw_value *value);

#endif
