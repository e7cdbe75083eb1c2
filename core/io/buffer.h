/* SPDX-License-Identifier: MIT
 *
 * buffer.h - received bytes that nobody has taken yet: appended at the end, taken from the front.
 */
#ifndef RWI_IO_BUFFER_H
#define RWI_IO_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct rwi_buffer {
    char *memory;
    size_t capacity;
    size_t start; /* of the bytes */
    size_t size;  /* how many */
};

/* A zeroed buffer is an empty one. fini leaves it so. */
void rwi_buffer_fini(struct rwi_buffer *buffer);

static inline const char *rwi_buffer_data(const struct rwi_buffer *buffer)
{
    return buffer->size > 0 ? buffer->memory + buffer->start : "";
}

/* Room for `size` bytes after the last one; NULL on no memory. commit says how many of them were filled. */
char *rwi_buffer_reserve(struct rwi_buffer *buffer, size_t size);
void rwi_buffer_commit(struct rwi_buffer *buffer, size_t size);

/* Both with a copy. 0 or RW_ERR_NOMEM (nothing appended). */
int rwi_buffer_append(struct rwi_buffer *buffer, const void *data, size_t size);

/* Forgets the first `size` bytes. An empty buffer gives large memory back. */
void rwi_buffer_consume(struct rwi_buffer *buffer, size_t size);

/* Looks for the delimiter in the first `limit` bytes, from `*scanned` on, which is moved so that a later call does not look twice. The
 * number of bytes up to and including the delimiter, or 0. */
size_t rwi_buffer_find(const struct rwi_buffer *buffer, const void *delimiter, size_t delimiter_size,
                       size_t limit, size_t *scanned);

#endif
