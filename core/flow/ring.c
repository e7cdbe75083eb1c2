/* SPDX-License-Identifier: MIT
 *
 * ring.c - a queue of values that grows as it is filled.
 *
 * An array whose size is a power of two, so that an index wraps by a mask. It doubles when a value finds it full and
 * never shrinks: a channel that was deep once is likely to be so again.
 *
 * Invariant: `count` values lie from `head` on, wrapping; size is 0 or a power of two, count <= size.
 *
 * Rejected: reserving the capacity at once. Most channels of a large capacity never hold more than a few values.
 */
#include "flow/ring.h"

#include "base/mem.h"

enum { FIRST_SIZE = 8 };

int rwi_ring_grow(struct rwi_ring *ring)
{
    size_t size = ring->size == 0 ? FIRST_SIZE : ring->size * 2;
    struct rw_value *slots;

    RW_ASSERT(ring->count == ring->size);
    if (size > SIZE_MAX / 2 / sizeof *slots) {
        return RW_ERR_NOMEM;
    }
    slots = rwi_mem_raw(size * sizeof *slots);
    if (slots == NULL) {
        return RW_ERR_NOMEM;
    }
    for (size_t i = 0; i < ring->count; i++) {
        slots[i] = *rwi_ring_at(ring, i);
    }
    rwi_mem_free(ring->slots, ring->size * sizeof *slots);
    ring->slots = slots;
    ring->size = size;
    ring->head = 0;
    RW_VERIFY(rwi_ring_check(ring));
    return 0;
}

void rwi_ring_fini(struct rwi_ring *ring)
{
    RW_VERIFY(rwi_ring_check(ring));
    while (ring->count > 0) {
        struct rw_value value = rwi_ring_pop(ring);

        rw_value_drop(&value);
    }
    rwi_mem_free(ring->slots, ring->size * sizeof *ring->slots);
    *ring = (struct rwi_ring){0};
}

bool rwi_ring_check(const struct rwi_ring *ring)
{
    RW_ASSERT(ring->count <= ring->size);
    RW_ASSERT((ring->size & (ring->size - 1)) == 0);
    RW_ASSERT(ring->size == 0 || ring->head < ring->size);
    RW_ASSERT((ring->slots == NULL) == (ring->size == 0));
    return true;
}
