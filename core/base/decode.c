/* SPDX-License-Identifier: MIT
 *
 * decode.c - bytes to portable values; the input may be anything.
 *
 * The invariant: nothing is read past `end`, nothing is allocated that the input has not paid for with bytes of its
 * own (up to a fixed factor), and nothing goes deeper than RW_VALUE_DEPTH_MAX.
 */
#include <ropewalk.h>
#include <string.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/error.h"
#include "base/mem.h"

static int64_t unzigzag(uint64_t number)
{
    return (int64_t)(number >> 1 ^ ((number & 1) != 0 ? UINT64_MAX : 0));
}

/* Containers begin no larger than this, whatever the input claims, and grow as items are really read. */
#define FIRST_ROOM 16

struct reader {
    const unsigned char *at;
    const unsigned char *end;
};

static size_t left(const struct reader *reader)
{
    RW_ASSERT(reader->at <= reader->end);
    return (size_t)(reader->end - reader->at);
}

static bool get_byte(struct reader *reader, unsigned *byte)
{
    if (left(reader) == 0) {
        return false;
    }
    *byte = *reader->at++;
    RW_ASSERT(reader->at <= reader->end);
    return true;
}

/* Only the shortest form: no last byte of zero after others, no bits beyond 64. */
static bool get_number(struct reader *reader, uint64_t *number)
{
    unsigned byte = 0x80;

    *number = 0;
    for (unsigned shift = 0; (byte & 0x80) != 0; shift += 7) {
        if (shift > 63 || !get_byte(reader, &byte)) {
            return false;
        }
        if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0)) {
            return false;
        }
        *number |= (uint64_t)(byte & 0x7f) << shift;
    }
    RW_ASSERT((byte & 0x80) == 0);
    return true;
}

/* A count of things of at least one byte each. */
static bool get_count(struct reader *reader, size_t *count)
{
    uint64_t number;

    if (!get_number(reader, &number) || number > left(reader)) {
        return false;
    }
    *count = (size_t)number;
    RW_ASSERT(*count <= left(reader));
    return true;
}

static bool get_data(struct reader *reader, const char **data, size_t *size)
{
    if (!get_count(reader, size)) {
        return false;
    }
    *data = (const char *)reader->at;
    reader->at += *size;
    RW_ASSERT(reader->at <= reader->end);
    return true;
}

static struct rw_value malformed(void)
{
    return rw_failure_format(RW_ERR_INVALID, "malformed value");
}

static struct rw_value get_double(struct reader *reader)
{
    uint64_t bits = 0;
    double number;

    RW_ASSERT(sizeof bits == sizeof number);
    if (left(reader) < sizeof bits) {
        return malformed();
    }
    for (size_t i = 0; i < sizeof bits; i++) {
        bits |= (uint64_t)*reader->at++ << 8 * i;
    }
    memcpy(&number, &bits, sizeof number);
    return rw_double(number);
}

static bool is_c_string(const char *data, size_t size)
{
    return memchr(data, '\0', size) == NULL;
}

struct body {
    int code;
    unsigned origin;
    unsigned flags;
};

static bool get_body_head(struct reader *reader, struct body *body)
{
    uint64_t code;

    if (!get_number(reader, &code) || !get_byte(reader, &body->origin) || !get_byte(reader, &body->flags)) {
        return false;
    }
    if (unzigzag(code) >= 0 || unzigzag(code) < INT32_MIN) {
        return false;
    }
    body->code = (int)unzigzag(code);
    RW_ASSERT(body->code < 0);
    return body->origin <= RW_ORIGIN_PYTHON && body->flags <= RWI_HAS_ALL;
}

/* Reads one C string and hands it to `set` as such. */
static int get_string(struct reader *reader, struct rw_error *error,
                      int (*set)(struct rw_error *, const char *))
{
    const char *data;
    size_t size;

    RW_ASSERT(set != NULL);
    if (!get_data(reader, &data, &size) || !is_c_string(data, size)) {
        return RW_ERR_INVALID;
    }
    char *copy = rwi_mem_raw(size + 1);

    if (copy == NULL) {
        return RW_ERR_NOMEM;
    }
    memcpy(copy, data, size);
    copy[size] = '\0';
    int err = set(error, copy);

    rwi_mem_free(copy, size + 1);
    return err;
}

static int get_error(struct reader *reader, int depth, struct rw_error **out);

static int get_others(struct reader *reader, struct rw_error *error, int depth)
{
    size_t count;

    RW_ASSERT(depth <= RW_VALUE_DEPTH_MAX);
    if (!get_count(reader, &count) || count == 0) {
        return RW_ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        struct rw_error *other;
        int err = get_error(reader, depth + 1, &other);

        err = err != RW_OK ? err : rw_error_add_other(error, other);
        if (err != RW_OK) {
            return err;
        }
    }
    return RW_OK;
}

static int get_errno(struct reader *reader, struct rw_error *error)
{
    uint64_t number;

    RW_ASSERT(error != NULL);
    if (!get_number(reader, &number) || unzigzag(number) == 0 || unzigzag(number) > INT32_MAX ||
        unzigzag(number) < INT32_MIN) {
        return RW_ERR_INVALID;
    }
    return rw_error_set_errno(error, (int)unzigzag(number));
}

static int get_fields(struct reader *reader, struct rw_error *error, unsigned flags, int depth)
{
    int err = RW_OK;

    RW_ASSERT(flags <= RWI_HAS_ALL);
    if ((flags & RWI_HAS_TYPE) != 0) {
        err = get_string(reader, error, rw_error_set_type);
    }
    if (err == RW_OK && (flags & RWI_HAS_TRACEBACK) != 0) {
        err = get_string(reader, error, rw_error_append_traceback);
    }
    if (err == RW_OK && (flags & RWI_HAS_ERRNO) != 0) {
        err = get_errno(reader, error);
    }
    if (err == RW_OK && (flags & RWI_HAS_OTHERS) != 0) {
        err = get_others(reader, error, depth);
    }
    return err;
}

static int get_error(struct reader *reader, int depth, struct rw_error **out)
{
    struct body body;
    const char *message = NULL;
    size_t size = 0;

    if (depth > RW_VALUE_DEPTH_MAX || !get_body_head(reader, &body)) {
        return RW_ERR_INVALID;
    }
    if ((body.flags & RWI_HAS_MESSAGE) != 0) {
        const char *own = rw_err_text(body.code);

        if (!get_data(reader, &message, &size) || !is_c_string(message, size) ||
            (size == strlen(own) && memcmp(message, own, size) == 0)) {
            return RW_ERR_INVALID;
        }
    }
    *out = rwi_error_new_sized(body.code, message, size, (enum rw_origin)body.origin);
    if (*out == NULL) {
        return RW_ERR_NOMEM;
    }
    int err = get_fields(reader, *out, body.flags, depth);

    if (err != RW_OK) {
        rw_error_unref(*out);
        *out = NULL;
    }
    RW_ASSERT(err == RW_OK || *out == NULL);
    return err;
}

static struct rw_value get_value(struct reader *reader, int depth);

static struct rw_value get_list(struct reader *reader, int depth)
{
    size_t count;

    RW_ASSERT(depth <= RW_VALUE_DEPTH_MAX);
    if (depth == RW_VALUE_DEPTH_MAX || !get_count(reader, &count)) {
        return malformed();
    }
    struct rw_value out = rw_value_of_list(rw_list_new(count < FIRST_ROOM ? count : FIRST_ROOM));

    for (size_t i = 0; !rw_is_failure(&out) && i < count; i++) {
        struct rw_value item = get_value(reader, depth + 1);

        if (rw_is_failure(&item)) {
            rw_value_drop(&out);
            return item;
        }
        if (rw_list_push(out.as.list, item) != RW_OK) {
            rw_value_drop(&out);
            return rw_failure(RW_ERR_NOMEM);
        }
    }
    return out;
}

/* One entry; a key that is nil, a failure or there already is malformed. */
static struct rw_value get_entry(struct reader *reader, struct rw_map *map, int depth)
{
    size_t before = rw_map_count(map);
    struct rw_value key = get_value(reader, depth + 1);

    RW_ASSERT(depth < RW_VALUE_DEPTH_MAX);
    if (rw_is_failure(&key)) {
        return key;
    }
    struct rw_value item = get_value(reader, depth + 1);

    if (rw_is_failure(&item)) {
        rw_value_drop(&key);
        return item;
    }
    int err = rw_map_add(map, key, item);

    if (err == RW_ERR_NOMEM) {
        return rw_failure(err);
    }
    return err == RW_OK && rw_map_count(map) > before ? rw_nil() : malformed();
}

static struct rw_value get_map(struct reader *reader, int depth)
{
    size_t count;

    RW_ASSERT(depth <= RW_VALUE_DEPTH_MAX);
    if (depth == RW_VALUE_DEPTH_MAX || !get_count(reader, &count) || count > left(reader) / 2) {
        return malformed();
    }
    struct rw_value out = rw_value_of_map(rw_map_new(count < FIRST_ROOM ? count : FIRST_ROOM));

    for (size_t i = 0; !rw_is_failure(&out) && i < count; i++) {
        struct rw_value failure = get_entry(reader, out.as.map, depth);

        if (rw_is_failure(&failure)) {
            rw_value_drop(&out);
            return failure;
        }
    }
    return out;
}

static struct rw_value get_value(struct reader *reader, int depth)
{
    unsigned tag;
    uint64_t number;
    const char *data;
    size_t size;
    struct rw_error *error;

    RW_ASSERT(depth <= RW_VALUE_DEPTH_MAX);
    if (!get_byte(reader, &tag)) {
        return malformed();
    }
    switch (tag) {
    case RWI_TAG_NIL:
        return rw_nil();
    case RWI_TAG_FALSE:
    case RWI_TAG_TRUE:
        return rw_bool(tag == RWI_TAG_TRUE);
    case RWI_TAG_INT:
        return get_number(reader, &number) ? rw_int(unzigzag(number)) : malformed();
    case RWI_TAG_DOUBLE:
        return get_double(reader);
    case RWI_TAG_BYTES:
        return get_data(reader, &data, &size) ? rw_bytes(data, size) : malformed();
    case RWI_TAG_TEXT:
        return get_data(reader, &data, &size) ? rw_text(data, size) : malformed();
    case RWI_TAG_LIST:
        return get_list(reader, depth);
    case RWI_TAG_MAP:
        return get_map(reader, depth);
    case RWI_TAG_ERROR: {
        int err = get_error(reader, depth + 1, &error);

        if (err == RW_OK) {
            return rw_value_of_error(error);
        }
        return err == RW_ERR_INVALID ? malformed() : rw_failure(err);
    }
    default:
        return malformed();
    }
}

struct rw_value rw_value_decode(const void *data, size_t size)
{
    RW_REQUIRE(data != NULL || size == 0);
    struct reader reader = {data, size > 0 ? (const unsigned char *)data + size : data};
    struct rw_value out = get_value(&reader, 0);

    if (left(&reader) > 0 && !rw_is_failure(&out)) {
        rw_value_drop(&out);
        out = malformed();
    }
    return out;
}
