/* SPDX-License-Identifier: MIT
 *
 * buffer.c - received bytes that nobody has taken yet.
 *
 * One block of memory with a window on it. Taking moves the window's start. When the room behind the window is too small the
 * bytes move to the front, if at least as many were taken before them, else into a block twice as large: so each byte
 * is moved a bounded number of times. Invariant: start + size <= capacity, and start is 0 when size is.
 *
 * Rejected: a ring. Delimiters and takers want the bytes in one piece.
 */
#define _GNU_SOURCE

#include "io/buffer.h"

#include <ropewalk.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { FIRST_CAPACITY = 256, KEPT_CAPACITY = 4096 };

static void check(const struct rwi_buffer *buffer)
{
    RW_ASSERT(buffer->start + buffer->size <= buffer->capacity);
    RW_ASSERT(buffer->size > 0 || buffer->start == 0);
    (void)buffer;
}

void rwi_buffer_fini(struct rwi_buffer *buffer)
{
    check(buffer);
    rwi_mem_free(buffer->memory, buffer->capacity);
    *buffer = (struct rwi_buffer){0};
}

/* A larger block, with the bytes at its front. */
static int grow(struct rwi_buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : 2 * buffer->capacity;
    char *memory;

    RW_ASSERT(needed > 0);
    while (capacity < needed) {
        capacity *= 2;
    }
    memory = rwi_mem_raw(capacity);
    if (memory == NULL) {
        return RW_ERR_NOMEM;
    }
    if (buffer->size > 0) {
        memcpy(memory, rwi_buffer_data(buffer), buffer->size);
    }
    rwi_mem_free(buffer->memory, buffer->capacity);
    buffer->memory = memory;
    buffer->capacity = capacity;
    buffer->start = 0;
    return 0;
}

char *rwi_buffer_reserve(struct rwi_buffer *buffer, size_t size)
{
    size_t behind = buffer->capacity - buffer->start - buffer->size;

    check(buffer);
    RW_ASSERT(size < SIZE_MAX / 4);
    if (behind < size) {
        if (buffer->start >= buffer->size && buffer->start + behind >= size) {
            memcpy(buffer->memory, rwi_buffer_data(buffer), buffer->size);
            buffer->start = 0;
        } else if (grow(buffer, buffer->size + size) != 0) {
            return NULL;
        }
    }
    return buffer->memory + buffer->start + buffer->size;
}

void rwi_buffer_commit(struct rwi_buffer *buffer, size_t size)
{
    RW_ASSERT(buffer->start + buffer->size + size <= buffer->capacity);
    buffer->size += size;
}

int rwi_buffer_append(struct rwi_buffer *buffer, const void *data, size_t size)
{
    char *room = rwi_buffer_reserve(buffer, size);

    if (room == NULL) {
        return RW_ERR_NOMEM;
    }
    memcpy(room, data, size);
    rwi_buffer_commit(buffer, size);
    return 0;
}

void rwi_buffer_consume(struct rwi_buffer *buffer, size_t size)
{
    RW_ASSERT(size <= buffer->size);
    buffer->start += size;
    buffer->size -= size;
    if (buffer->size > 0) {
        return;
    }
    buffer->start = 0;
    if (buffer->capacity > KEPT_CAPACITY) {
        rwi_buffer_fini(buffer);
    }
}

size_t rwi_buffer_find(const struct rwi_buffer *buffer, const void *delimiter, size_t delimiter_size,
                       size_t limit, size_t *scanned)
{
    size_t end = buffer->size < limit ? buffer->size : limit;
    const char *data = rwi_buffer_data(buffer);
    const char *found;

    RW_ASSERT(delimiter_size > 0);
    check(buffer);
    if (end < delimiter_size || *scanned > end - delimiter_size) {
        return 0;
    }
    found = memmem(data + *scanned, end - *scanned, delimiter, delimiter_size);
    if (found == NULL) {
        *scanned = end - delimiter_size + 1;
        return 0;
    }
    return (size_t)(found - data) + delimiter_size;
}
