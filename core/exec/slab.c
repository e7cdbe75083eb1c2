/* SPDX-License-Identifier: MIT
 *
 * slab.c - free lists by size class over chunks that are given back when the loop ends.
 *
 * Invariant: a block on free list c is c*16+16 bytes long and in no use; where that is a multiple of a cache line it is
 * aligned to one. Chunks never shrink: a loop keeps the memory of its
 * busiest moment. In checked builds (level 3) every block is an allocation of its own, so that sanitizers and
 * allocation-failure tests see each one.
 *
 * Rejected: malloc per future. It costs 20 ns and more a pair, and its locks are for threads that a loop does not have.
 */
#include "exec/slab.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { CHUNK_SIZE = 16 * 1024, CACHE_LINE = 64 };

struct rwi_slab_chunk {
    struct rwi_slab_chunk *next;
    uint64_t padding; /* keeps blocks aligned to 16 */
};

void rwi_slabs_init(struct rwi_slabs *slabs)
{
    memset(slabs, 0, sizeof *slabs);
}

void rwi_slabs_fini(struct rwi_slabs *slabs)
{
    while (slabs->chunks != NULL) {
        struct rwi_slab_chunk *chunk = slabs->chunks;

        slabs->chunks = chunk->next;
        rwi_mem_free(chunk, CHUNK_SIZE);
    }
    memset(slabs->free, 0, sizeof slabs->free);
}

#if RW_CHECK_LEVEL < 3
static void *refill(struct rwi_slabs *slabs, size_t class)
{
    size_t size = (class + 1) * RWI_SLAB_STEP;
    struct rwi_slab_chunk *chunk = rwi_mem_raw(CHUNK_SIZE);

    if (chunk == NULL) {
        return NULL;
    }
    RW_ASSERT(sizeof *chunk % RWI_SLAB_STEP == 0);
    chunk->next = slabs->chunks;
    slabs->chunks = chunk;
    char *block = (char *)(chunk + 1);

    block += size % CACHE_LINE == 0 ? -(uintptr_t)block % CACHE_LINE : 0;
    for (size_t left = (size_t)((char *)chunk + CHUNK_SIZE - block); left >= 2 * size; left -= size) {
        struct rwi_slab_block *free_block = (struct rwi_slab_block *)(void *)block;

        free_block->next = slabs->free[class];
        slabs->free[class] = free_block;
        block += size;
    }
    return block;
}
#endif

void *rwi_slabs_alloc_slow(struct rwi_slabs *slabs, size_t size)
{
    void *memory;

    RW_ASSERT(size > 0);
#if RW_CHECK_LEVEL < 3
    memory = size <= RWI_SLAB_MAX ? refill(slabs, rwi_slab_class(size)) : rwi_mem_raw(size);
#else
    memory = rwi_mem_raw(size);
#endif
    slabs->live += memory != NULL;
    if (memory != NULL) {
        rwi_births_note(slabs->births, memory);
    }
    return memory;
}

void rwi_slabs_release_slow(struct rwi_slabs *slabs, void *memory, size_t size)
{
    RW_ASSERT(memory != NULL);
    RW_ASSERT(slabs->live > 0);
    slabs->live--;
    rwi_births_forget(slabs->births, memory);
    rwi_mem_free(memory, size);
}
