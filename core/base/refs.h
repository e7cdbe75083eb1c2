/* SPDX-License-Identifier: MIT
 *
 * refs.h - counts of references that may be taken and given back on any thread.
 *
 * Taking needs no order: who takes has one already. Giving back releases what this owner wrote and, for the last one,
 * acquires what all the others wrote.
 */
#ifndef RWI_BASE_REFS_H
#define RWI_BASE_REFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

static inline void rwi_refs_take(uint32_t *refs)
{
    uint32_t before = __atomic_fetch_add(refs, 1, __ATOMIC_RELAXED);

    RW_REQUIRE(before != UINT32_MAX);
    RW_ASSERT(before > 0);
}

/* True for the last one: the caller frees. */
static inline bool rwi_refs_give(uint32_t *refs)
{
    uint32_t before = __atomic_fetch_sub(refs, 1, __ATOMIC_ACQ_REL);

    RW_ASSERT(before > 0);
    return before == 1;
}

/* True when the caller's reference is the only one, so that it may still change the thing. */
static inline bool rwi_refs_is_one(const uint32_t *refs)
{
    return __atomic_load_n(refs, __ATOMIC_ACQUIRE) == 1;
}

#endif
