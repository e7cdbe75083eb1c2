/* SPDX-License-Identifier: MIT
 *
 * mem.c - the allocator hook.
 *
 * The one process-wide variable of the core: values travel between loops and threads and are released by whoever
 * holds them last, so memory cannot belong to a loop (docs/design/0002). It is set before first use or not at all.
 */
#include "base/mem.h"

#include <ropewalk.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static void *acquire_malloc(void *arg, size_t size)
{
    (void)arg;
    return malloc(size);
}

static void *resize_malloc(void *arg, void *memory, size_t old_size, size_t new_size)
{
    (void)arg;
    (void)old_size;
    return realloc(memory, new_size);
}

static void release_malloc(void *arg, void *memory, size_t size)
{
    (void)arg;
    (void)size;
    free(memory);
}

static const struct rw_allocator malloc_allocator = {acquire_malloc, resize_malloc, release_malloc, NULL};
static struct rw_allocator hook = {acquire_malloc, resize_malloc, release_malloc, NULL};

void rw_set_allocator(const struct rw_allocator *allocator)
{
    RW_REQUIRE(allocator == NULL || allocator->acquire != NULL);
    RW_REQUIRE(allocator == NULL || allocator->resize != NULL);
    RW_REQUIRE(allocator == NULL || allocator->release != NULL);
    hook = allocator != NULL ? *allocator : malloc_allocator;
}

const char *rw_version(void)
{
    return RW_VERSION_STRING;
}

void *rwi_mem_raw(size_t size)
{
    RW_ASSERT(size > 0);
    return hook.acquire(hook.arg, size);
}

void *rwi_mem_new(size_t size)
{
    void *memory = rwi_mem_raw(size);

    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

void *rwi_mem_resize(void *memory, size_t old_size, size_t new_size)
{
    RW_ASSERT(new_size > 0);
    RW_ASSERT(memory != NULL || old_size == 0);
    if (memory == NULL) {
        return rwi_mem_raw(new_size);
    }
    return hook.resize(hook.arg, memory, old_size, new_size);
}

void rwi_mem_free(void *memory, size_t size)
{
    RW_ASSERT(memory == NULL || size > 0);
    if (memory != NULL) {
        hook.release(hook.arg, memory, size);
    }
}

char *rwi_mem_text(const char *text)
{
    RW_ASSERT(text != NULL);
    size_t size = strlen(text) + 1;
    char *copy = rwi_mem_raw(size);

    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void rwi_mem_free_text(char *text)
{
    if (text != NULL) {
        rwi_mem_free(text, strlen(text) + 1);
    }
}
