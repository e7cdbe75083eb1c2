/* SPDX-License-Identifier: MIT
 *
 * bytes.c - byte strings and texts: one block of memory each, counted, immutable once shared.
 *
 * A zero byte always follows the data, so that C callers may use a text as a string. Both kinds of value share this
 * structure; what makes a text is the value's kind, given only after validation.
 */
#include "base/bytes.h"

#include <string.h>

#include "base/mem.h"
#include "base/refs.h"
#include "base/utf8.h"

struct rw_bytes {
    uint32_t refs;
    size_t size;
    size_t room; /* what was allocated for data, the zero byte not counted */
    char data[];
};

static size_t block_size(size_t room)
{
    RW_ASSERT(room < SIZE_MAX - sizeof(struct rw_bytes));
    return sizeof(struct rw_bytes) + room + 1;
}

struct rw_bytes *rw_bytes_new(size_t size)
{
    if (size >= PTRDIFF_MAX - sizeof(struct rw_bytes)) {
        return NULL;
    }
    struct rw_bytes *bytes = rwi_mem_raw(block_size(size));

    if (bytes == NULL) {
        return NULL;
    }
    bytes->refs = 1;
    bytes->size = size;
    bytes->room = size;
    bytes->data[size] = '\0';
    return bytes;
}

struct rw_bytes *rwi_bytes_ref(struct rw_bytes *bytes)
{
    RW_ASSERT(bytes != NULL);
    rwi_refs_take(&bytes->refs);
    return bytes;
}

void rwi_bytes_unref(struct rw_bytes *bytes)
{
    RW_ASSERT(bytes != NULL);
    if (rwi_refs_give(&bytes->refs)) {
        rwi_mem_free(bytes, block_size(bytes->room));
    }
}

char *rw_bytes_data(struct rw_bytes *bytes)
{
    RW_REQUIRE(bytes != NULL);
    return bytes->data;
}

size_t rw_bytes_size(const struct rw_bytes *bytes)
{
    RW_REQUIRE(bytes != NULL);
    return bytes->size;
}

void rw_bytes_truncate(struct rw_bytes *bytes, size_t size)
{
    RW_REQUIRE(bytes != NULL);
    RW_REQUIRE(size <= bytes->size);
    RW_REQUIRE(rwi_refs_is_one(&bytes->refs));
    bytes->size = size;
    bytes->data[size] = '\0';
}

static struct rw_value value_of(struct rw_bytes *bytes, enum rw_kind kind)
{
    RW_ASSERT(kind == RW_KIND_BYTES || kind == RW_KIND_TEXT);
    if (bytes == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    struct rw_value value = {.kind = (uint8_t)kind};

    value.as.bytes = bytes;
    return value;
}

static struct rw_value copy_of(const void *data, size_t size, enum rw_kind kind)
{
    struct rw_bytes *bytes = rw_bytes_new(size);

    RW_ASSERT(data != NULL || size == 0);
    if (bytes != NULL && size > 0) {
        memcpy(bytes->data, data, size);
    }
    return value_of(bytes, kind);
}

struct rw_value rw_value_of_bytes(struct rw_bytes *bytes)
{
    RW_ASSERT(bytes == NULL || rwi_refs_is_one(&bytes->refs));
    return value_of(bytes, RW_KIND_BYTES);
}

struct rw_value rw_bytes(const void *data, size_t size)
{
    RW_REQUIRE(data != NULL || size == 0);
    return copy_of(data, size, RW_KIND_BYTES);
}

struct rw_value rw_text(const char *data, size_t size)
{
    RW_REQUIRE(data != NULL || size == 0);
    if (!rwi_utf8_is_valid(data, size)) {
        return rw_failure_format(RW_ERR_INVALID, "not valid UTF-8");
    }
    return copy_of(data, size, RW_KIND_TEXT);
}

struct rw_value rw_text_of(const char *string)
{
    RW_REQUIRE(string != NULL);
    return rw_text(string, strlen(string));
}

const char *rw_value_data(const struct rw_value *value, size_t *size)
{
    RW_REQUIRE(value != NULL);
    RW_REQUIRE(value->kind == RW_KIND_BYTES || value->kind == RW_KIND_TEXT);
    if (size != NULL) {
        *size = value->as.bytes->size;
    }
    return value->as.bytes->data;
}
