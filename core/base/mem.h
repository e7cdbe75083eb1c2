/* SPDX-License-Identifier: MIT
 *
 * mem.h - all memory of the library, through the allocator hook of rw_set_allocator.
 */
#ifndef RWI_BASE_MEM_H
#define RWI_BASE_MEM_H

#include <stddef.h>

/* `size` zeroed bytes, aligned for anything; NULL on no memory. Any thread. */
void *rwi_mem_new(size_t size);

/* The same, not zeroed. */
void *rwi_mem_raw(size_t size);

/* realloc: the old memory stays when NULL is returned. `memory` may be NULL with old_size 0. */
void *rwi_mem_resize(void *memory, size_t old_size, size_t new_size);

/* Takes NULL. `size` is what was asked for. */
void rwi_mem_free(void *memory, size_t size);

/* A copy of a C string; freed by rwi_mem_free_text. */
char *rwi_mem_text(const char *text);
void rwi_mem_free_text(char *text);

#endif
