/* SPDX-License-Identifier: MIT
 *
 * slab.h - memory of one loop: free lists by size class, so that a future costs a few nanoseconds.
 */
#ifndef RWI_EXEC_SLAB_H
#define RWI_EXEC_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "exec/births.h"

enum { RWI_SLAB_STEP = 16, RWI_SLAB_MAX = 512, RWI_SLAB_CLASSES = RWI_SLAB_MAX / RWI_SLAB_STEP };

struct rwi_slab_block {
    struct rwi_slab_block *next;
};

struct rwi_slab_chunk;

struct rwi_slabs {
    struct rwi_slab_block *free[RWI_SLAB_CLASSES];
    struct rwi_slab_chunk *chunks;
    uint64_t live;             /* blocks given out */
    struct rwi_births *births; /* the loop's; NULL: nobody takes notes */
};

void rwi_slabs_init(struct rwi_slabs *slabs);

/* Gives back all chunks. Blocks still out become invalid. */
void rwi_slabs_fini(struct rwi_slabs *slabs);

/* What the inline fast paths below leave over: a refill, and sizes above RWI_SLAB_MAX. */
void *rwi_slabs_alloc_slow(struct rwi_slabs *slabs, size_t size);
void rwi_slabs_release_slow(struct rwi_slabs *slabs, void *memory, size_t size);

static inline size_t rwi_slab_class(size_t size)
{
    return (size - 1) / RWI_SLAB_STEP;
}

/* Not zeroed, aligned to 16; NULL on no memory. Above RWI_SLAB_MAX, and always in builds of level 3, it comes from the
 * allocator directly. */
static inline void *rwi_slabs_alloc(struct rwi_slabs *slabs, size_t size)
{
#if RW_CHECK_LEVEL < 3
    if (rwi_likely(size <= RWI_SLAB_MAX)) {
        struct rwi_slab_block *block = slabs->free[rwi_slab_class(size)];

        if (rwi_likely(block != NULL)) {
            slabs->free[rwi_slab_class(size)] = block->next;
            __builtin_prefetch(block->next, 1); /* whoever is next would wait for it */
            slabs->live++;
            return block;
        }
    }
#endif
    return rwi_slabs_alloc_slow(slabs, size);
}

/* Both by number of steps, for sizes that are no constant. */
static inline void *rwi_slabs_alloc_steps(struct rwi_slabs *slabs, size_t steps)
{
#if RW_CHECK_LEVEL < 3
    struct rwi_slab_block *block = steps <= RWI_SLAB_CLASSES ? slabs->free[steps - 1] : NULL;

    if (rwi_likely(block != NULL)) {
        slabs->free[steps - 1] = block->next;
        __builtin_prefetch(block->next, 1);
        slabs->live++;
        return block;
    }
#endif
    return rwi_slabs_alloc_slow(slabs, steps * RWI_SLAB_STEP);
}

static inline void rwi_slabs_release(struct rwi_slabs *slabs, void *memory, size_t size)
{
#if RW_CHECK_LEVEL < 3
    if (rwi_likely(size <= RWI_SLAB_MAX)) {
        struct rwi_slab_block *block = (struct rwi_slab_block *)memory;

        block->next = slabs->free[rwi_slab_class(size)];
        slabs->free[rwi_slab_class(size)] = block;
        slabs->live--;
        return;
    }
#endif
    rwi_slabs_release_slow(slabs, memory, size);
}

static inline void rwi_slabs_release_steps(struct rwi_slabs *slabs, void *memory, size_t steps)
{
#if RW_CHECK_LEVEL < 3
    if (rwi_likely(steps <= RWI_SLAB_CLASSES)) {
        struct rwi_slab_block *block = (struct rwi_slab_block *)memory;

        block->next = slabs->free[steps - 1];
        slabs->free[steps - 1] = block;
        slabs->live--;
        return;
    }
#endif
    rwi_slabs_release_slow(slabs, memory, steps * RWI_SLAB_STEP);
}

#endif
