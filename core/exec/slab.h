/* SPDX-License-Identifier: MIT
 *
 * slab.h - memory of one loop: free lists by size class, so that a future costs a few nanoseconds.
 */
#ifndef RWI_EXEC_SLAB_H
#define RWI_EXEC_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { RWI_SLAB_STEP = 16, RWI_SLAB_MAX = 512, RWI_SLAB_CLASSES = RWI_SLAB_MAX / RWI_SLAB_STEP };

struct rwi_slab_block {
    struct rwi_slab_block *next;
};

struct rwi_slab_chunk;

struct rwi_slabs {
    struct rwi_slab_block *free[RWI_SLAB_CLASSES];
    struct rwi_slab_chunk *chunks;
    uint64_t live; /* blocks given out */
};

void rwi_slabs_init(struct rwi_slabs *slabs);

/* Gives back all chunks. Blocks still out become invalid. */
void rwi_slabs_fini(struct rwi_slabs *slabs);

/* Not zeroed, aligned to 16; NULL on no memory. Above RWI_SLAB_MAX it comes from the allocator directly. */
void *rwi_slabs_alloc(struct rwi_slabs *slabs, size_t size);
void rwi_slabs_release(struct rwi_slabs *slabs, void *memory, size_t size);

#endif
