/* SPDX-License-Identifier: MIT
 *
 * ring.h - a queue of values that grows as it is filled.
 */
#ifndef RWI_FLOW_RING_H
#define RWI_FLOW_RING_H

#include <ropewalk.h>

#include "base/check.h"

struct rwi_ring {
    struct rw_value *slots; /* NULL until the first push */
    size_t size;            /* a power of two, or 0 */
    size_t head;            /* of the oldest value, modulo size */
    size_t count;
};

/* Makes room for one more value. 0 or RW_ERR_NOMEM, and then nothing has changed. */
int rwi_ring_grow(struct rwi_ring *ring);

/* Drops what is left and gives the memory back; the ring is empty and usable afterwards. */
void rwi_ring_fini(struct rwi_ring *ring);

bool rwi_ring_check(const struct rwi_ring *ring);

/* Takes *value, which stays as it is, into a ring that has room. */
static inline void rwi_ring_put(struct rwi_ring *ring, const struct rw_value *value)
{
    RW_ASSERT(ring->count < ring->size);
    ring->slots[(ring->head + ring->count) & (ring->size - 1)] = *value;
    ring->count++;
}

/* Takes *value on success, and leaves nil there. 0 or RW_ERR_NOMEM. */
static inline int rwi_ring_push(struct rwi_ring *ring, struct rw_value *value)
{
    RW_ASSERT(ring->count <= ring->size);
    if (rwi_unlikely(ring->count == ring->size) && rwi_ring_grow(ring) != 0) {
        return RW_ERR_NOMEM;
    }
    rwi_ring_put(ring, value);
    *value = rw_nil();
    return 0;
}

/* The oldest value, moved to the caller. */
static inline struct rw_value rwi_ring_pop(struct rwi_ring *ring)
{
    struct rw_value value;

    RW_ASSERT(ring->count > 0);
    value = ring->slots[ring->head];
    ring->head = (ring->head + 1) & (ring->size - 1);
    ring->count--;
    return value;
}

/* The value `index` places behind the oldest; borrowed. */
static inline struct rw_value *rwi_ring_at(const struct rwi_ring *ring, size_t index)
{
    RW_ASSERT(index < ring->count);
    return &ring->slots[(ring->head + index) & (ring->size - 1)];
}

#endif
