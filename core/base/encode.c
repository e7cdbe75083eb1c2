/* SPDX-License-Identifier: MIT
 *
 * encode.c - portable values to bytes.
 *
 * One growing buffer, one pass. Recursion ends at RW_VALUE_DEPTH_MAX, and the output at ENCODED_MAX: a list that holds
 * one list many times over, level upon level, is small in memory and endless on paper.
 */
#include <ropewalk.h>
#include <string.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/mem.h"

#define ENCODED_MAX ((size_t)1 << 30)

struct writer {
    char *data;
    size_t used;
    size_t room;
};

static int put(struct writer *writer, const void *data, size_t size)
{
    RW_ASSERT(writer->used <= writer->room);
    if (size > ENCODED_MAX - writer->used) {
        return RW_ERR_LIMIT;
    }
    if (size > writer->room - writer->used) {
        size_t room = writer->room > 0 ? writer->room * 2 : 64;

        while (room < writer->used + size) {
            room *= 2;
        }
        char *grown = rwi_mem_resize(writer->data, writer->room, room);

        if (grown == NULL) {
            return RW_ERR_NOMEM;
        }
        writer->data = grown;
        writer->room = room;
    }
    if (size > 0) {
        memcpy(writer->data + writer->used, data, size);
    }
    writer->used += size;
    return RW_OK;
}

static int put_byte(struct writer *writer, unsigned byte)
{
    unsigned char out = (unsigned char)byte;

    RW_ASSERT(byte <= UINT8_MAX);
    return put(writer, &out, 1);
}

static int put_number(struct writer *writer, uint64_t number)
{
    unsigned char out[10];
    size_t size = 0;

    while (number >= 0x80) {
        out[size++] = (unsigned char)(number | 0x80);
        number >>= 7;
    }
    out[size++] = (unsigned char)number;
    RW_ASSERT(size <= sizeof out);
    return put(writer, out, size);
}

static uint64_t zigzag(int64_t number)
{
    return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static int put_data(struct writer *writer, const char *data, size_t size)
{
    int err = put_number(writer, size);

    RW_ASSERT(data != NULL);
    return err != RW_OK ? err : put(writer, data, size);
}

static int put_double(struct writer *writer, double number)
{
    uint64_t bits;
    unsigned char out[8];

    RW_ASSERT(sizeof bits == sizeof number);
    memcpy(&bits, &number, sizeof bits);
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (unsigned char)(bits >> 8 * i);
    }
    return put(writer, out, sizeof out);
}

static unsigned flags_of(const struct rw_error *error)
{
    RW_ASSERT(error != NULL);
    /* A message that is the code's own text needs no bytes, and is its own text again on the other side. */
    unsigned flags =
        strcmp(rw_error_message(error), rw_err_text(rw_error_code(error))) != 0 ? RWI_HAS_MESSAGE : 0;

    flags |= rw_error_type(error) != NULL ? RWI_HAS_TYPE : 0;
    flags |= rw_error_traceback(error) != NULL ? RWI_HAS_TRACEBACK : 0;
    flags |= rw_error_errno(error) != 0 ? RWI_HAS_ERRNO : 0;
    flags |= rw_error_other_count(error) > 0 ? RWI_HAS_OTHERS : 0;
    return flags;
}

static int put_body(struct writer *writer, const struct rw_error *error, int depth)
{
    if (depth > RW_VALUE_DEPTH_MAX) {
        return RW_ERR_LIMIT;
    }
    unsigned flags = flags_of(error);
    int err = put_number(writer, zigzag(rw_error_code(error)));

    RW_ASSERT(flags <= RWI_HAS_ALL);
    err = err != RW_OK ? err : put_byte(writer, rw_error_origin(error));
    err = err != RW_OK ? err : put_byte(writer, flags);
    if (err == RW_OK && (flags & RWI_HAS_MESSAGE) != 0) {
        err = put_data(writer, rw_error_message(error), strlen(rw_error_message(error)));
    }
    if (err == RW_OK && (flags & RWI_HAS_TYPE) != 0) {
        err = put_data(writer, rw_error_type(error), strlen(rw_error_type(error)));
    }
    if (err == RW_OK && (flags & RWI_HAS_TRACEBACK) != 0) {
        err = put_data(writer, rw_error_traceback(error), strlen(rw_error_traceback(error)));
    }
    if (err == RW_OK && (flags & RWI_HAS_ERRNO) != 0) {
        err = put_number(writer, zigzag(rw_error_errno(error)));
    }
    if (err == RW_OK && (flags & RWI_HAS_OTHERS) != 0) {
        err = put_number(writer, rw_error_other_count(error));
        for (size_t i = 0; err == RW_OK && i < rw_error_other_count(error); i++) {
            err = put_body(writer, rw_error_other(error, i), depth + 1);
        }
    }
    return err;
}

static int put_error(struct writer *writer, const struct rw_value *value, int depth)
{
    RW_ASSERT(value->kind == RW_KIND_ERROR);
    if (value->failed != 0) {
        return RW_ERR_TYPE;
    }
    int err = put_byte(writer, RWI_TAG_ERROR);

    if (err != RW_OK) {
        return err;
    }
    if (value->as.error != NULL) {
        return put_body(writer, value->as.error, depth + 1);
    }
    err = put_number(writer, zigzag(value->code));
    err = err != RW_OK ? err : put_byte(writer, RW_ORIGIN_C);
    return err != RW_OK ? err : put_byte(writer, 0);
}

static int put_value(struct writer *writer, const struct rw_value *value, int depth);

static int put_list(struct writer *writer, const struct rw_list *list, int depth)
{
    int err = put_byte(writer, RWI_TAG_LIST);

    RW_ASSERT(depth < RW_VALUE_DEPTH_MAX);
    err = err != RW_OK ? err : put_number(writer, rw_list_count(list));
    for (size_t i = 0; err == RW_OK && i < rw_list_count(list); i++) {
        err = put_value(writer, rw_list_at(list, i), depth + 1);
    }
    return err;
}

static int put_map(struct writer *writer, const struct rw_map *map, int depth)
{
    int err = put_byte(writer, RWI_TAG_MAP);

    RW_ASSERT(depth < RW_VALUE_DEPTH_MAX);
    err = err != RW_OK ? err : put_number(writer, rw_map_count(map));
    for (size_t i = 0; err == RW_OK && i < rw_map_count(map); i++) {
        err = put_value(writer, rw_map_key(map, i), depth + 1);
        err = err != RW_OK ? err : put_value(writer, rw_map_item(map, i), depth + 1);
    }
    return err;
}

static int put_tagged_data(struct writer *writer, const struct rw_value *value, enum rwi_tag tag)
{
    size_t size;
    const char *data = rw_value_data(value, &size);
    int err = put_byte(writer, tag);

    RW_ASSERT(tag == RWI_TAG_BYTES || tag == RWI_TAG_TEXT);
    return err != RW_OK ? err : put_data(writer, data, size);
}

static int put_value(struct writer *writer, const struct rw_value *value, int depth)
{
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    int err;

    switch (value->kind) {
    case RW_KIND_NIL:
        return put_byte(writer, RWI_TAG_NIL);
    case RW_KIND_BOOL:
        return put_byte(writer, value->as.boolean ? RWI_TAG_TRUE : RWI_TAG_FALSE);
    case RW_KIND_INT:
        err = put_byte(writer, RWI_TAG_INT);
        return err != RW_OK ? err : put_number(writer, zigzag(value->as.integer));
    case RW_KIND_DOUBLE:
        err = put_byte(writer, RWI_TAG_DOUBLE);
        return err != RW_OK ? err : put_double(writer, value->as.number);
    case RW_KIND_BYTES:
        return put_tagged_data(writer, value, RWI_TAG_BYTES);
    case RW_KIND_TEXT:
        return put_tagged_data(writer, value, RWI_TAG_TEXT);
    case RW_KIND_LIST:
        return depth < RW_VALUE_DEPTH_MAX ? put_list(writer, value->as.list, depth) : RW_ERR_LIMIT;
    case RW_KIND_MAP:
        return depth < RW_VALUE_DEPTH_MAX ? put_map(writer, value->as.map, depth) : RW_ERR_LIMIT;
    case RW_KIND_ERROR:
        return put_error(writer, value, depth);
    default:
        return RW_ERR_TYPE;
    }
}

static struct rw_value encode_failure(int err)
{
    RW_ASSERT(err < 0);
    if (err == RW_ERR_TYPE) {
        return rw_failure_format(err, "a handle, a native or a failure inside a value cannot be encoded");
    }
    if (err == RW_ERR_LIMIT) {
        return rw_failure_format(err, "nested deeper than %d, or larger than can be encoded",
                                 RW_VALUE_DEPTH_MAX);
    }
    return rw_failure(err);
}

struct rw_value rw_value_encode(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    struct writer writer = {NULL, 0, 0};
    int err = put_value(&writer, value, 0);
    struct rw_value out = err == RW_OK ? rw_bytes(writer.data, writer.used) : encode_failure(err);

    RW_ASSERT(out.kind == RW_KIND_BYTES || rw_is_failure(&out));
    rwi_mem_free(writer.data, writer.room);
    return out;
}
