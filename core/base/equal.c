/* SPDX-License-Identifier: MIT
 *
 * equal.c - when two values are the same, and the hash that goes with it.
 *
 * Kinds never mix: 1, 1.0 and true are three values, text and bytes with equal data are two. Doubles are equal as
 * numbers, so that 0.0 is -0.0; a NaN equals every NaN, because a map must find the key it was given. Maps compare
 * without regard to order. Recursion ends at RW_VALUE_DEPTH_MAX; deeper values are unequal.
 */
#include "base/equal.h"

#include <string.h>

#include "base/check.h"
#include "base/layout.h"

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 32);
}

static uint64_t hash_data(uint64_t hash, const char *data, size_t size)
{
    RW_ASSERT(data != NULL);
    while (size >= sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, data, sizeof word);
        hash = mix(hash, word);
        data += sizeof word;
        size -= sizeof word;
    }
    uint64_t rest = size;

    for (size_t i = 0; i < size; i++) {
        rest = rest << 8 | (unsigned char)data[i];
    }
    return mix(hash, rest);
}

static uint64_t double_bits(double number)
{
    uint64_t bits;

    if (number != number || number == 0) {
        return number == 0 ? 0 : 1;
    }
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

uint64_t rwi_value_hash(const struct rw_value *value)
{
    RW_ASSERT(value != NULL);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    uint64_t hash = mix(0, value->kind);
    size_t size;

    switch (value->kind) {
    case RW_KIND_NIL:
        return hash;
    case RW_KIND_BOOL:
        return mix(hash, value->as.boolean);
    case RW_KIND_INT:
        return mix(hash, (uint64_t)value->as.integer);
    case RW_KIND_DOUBLE:
        return mix(hash, double_bits(value->as.number));
    case RW_KIND_BYTES:
    case RW_KIND_TEXT: {
        const char *data = rw_value_data(value, &size);

        return hash_data(hash, data, size);
    }
    case RW_KIND_LIST:
        return mix(hash, rw_list_count(value->as.list));
    case RW_KIND_MAP:
        return mix(hash, rw_map_count(value->as.map));
    case RW_KIND_ERROR:
        return mix(hash, (uint64_t)(int64_t)value->code);
    default:
        return mix(hash, (uintptr_t)value->as.handle);
    }
}

static bool equal_at(const struct rw_value *a, const struct rw_value *b, int depth);

static size_t find_at(const struct rw_map *map, const struct rw_value *key, int depth)
{
    RW_ASSERT(map->base.used % 2 == 0);
    size_t count = map->base.used / 2;

    if (map->slot_count == 0) {
        for (size_t i = 0; i < count; i++) {
            if (equal_at(&map->base.values[2 * i], key, depth)) {
                return i;
            }
        }
        return RWI_NOT_FOUND;
    }
    size_t mask = map->slot_count - 1;

    RW_ASSERT((map->slot_count & mask) == 0);
    for (size_t at = rwi_value_hash(key) & mask; map->slots[at] != 0; at = (at + 1) & mask) {
        size_t entry = map->slots[at] - 1;

        if (equal_at(&map->base.values[2 * entry], key, depth)) {
            return entry;
        }
    }
    return RWI_NOT_FOUND;
}

static bool lists_equal(const struct rw_list *a, const struct rw_list *b, int depth)
{
    RW_ASSERT(depth <= RW_VALUE_DEPTH_MAX);
    if (a->base.used != b->base.used) {
        return false;
    }
    for (size_t i = 0; i < a->base.used; i++) {
        if (!equal_at(&a->base.values[i], &b->base.values[i], depth)) {
            return false;
        }
    }
    return true;
}

static bool maps_equal(const struct rw_map *a, const struct rw_map *b, int depth)
{
    RW_ASSERT(depth <= RW_VALUE_DEPTH_MAX);
    if (a->base.used != b->base.used) {
        return false;
    }
    for (size_t i = 0; i < a->base.used; i += 2) {
        size_t entry = find_at(b, &a->base.values[i], depth);

        if (entry == RWI_NOT_FOUND ||
            !equal_at(&a->base.values[i + 1], &b->base.values[2 * entry + 1], depth)) {
            return false;
        }
    }
    return true;
}

static bool data_equal(const struct rw_value *a, const struct rw_value *b)
{
    RW_ASSERT(a->kind == b->kind);
    size_t a_size;
    size_t b_size;
    const char *a_data = rw_value_data(a, &a_size);
    const char *b_data = rw_value_data(b, &b_size);

    return a_size == b_size && memcmp(a_data, b_data, a_size) == 0;
}

/* Errors as data: what a reader can tell apart without the host they came from. */
static bool errors_equal(const struct rw_value *a, const struct rw_value *b)
{
    RW_ASSERT(a->kind == RW_KIND_ERROR);
    return a->code == b->code && a->failed == b->failed &&
           (a->as.error == b->as.error || strcmp(rw_value_message(a), rw_value_message(b)) == 0);
}

static bool equal_at(const struct rw_value *a, const struct rw_value *b, int depth)
{
    RW_ASSERT(a->kind <= RW_KIND_NATIVE);
    RW_ASSERT(b->kind <= RW_KIND_NATIVE);
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case RW_KIND_NIL:
        return true;
    case RW_KIND_BOOL:
        return a->as.boolean == b->as.boolean;
    case RW_KIND_INT:
        return a->as.integer == b->as.integer;
    case RW_KIND_DOUBLE:
        return a->as.number == b->as.number || double_bits(a->as.number) == double_bits(b->as.number);
    case RW_KIND_BYTES:
    case RW_KIND_TEXT:
        return data_equal(a, b);
    case RW_KIND_ERROR:
        return errors_equal(a, b);
    case RW_KIND_LIST:
        return a->as.list == b->as.list ||
               (depth < RW_VALUE_DEPTH_MAX && lists_equal(a->as.list, b->as.list, depth + 1));
    case RW_KIND_MAP:
        return a->as.map == b->as.map ||
               (depth < RW_VALUE_DEPTH_MAX && maps_equal(a->as.map, b->as.map, depth + 1));
    default:
        return a->as.handle == b->as.handle;
    }
}

size_t rwi_map_find(const struct rw_map *map, const struct rw_value *key)
{
    RW_ASSERT(map != NULL);
    RW_ASSERT(key != NULL);
    return find_at(map, key, 0);
}

bool rw_value_equal(const struct rw_value *a, const struct rw_value *b)
{
    RW_REQUIRE(a != NULL);
    RW_REQUIRE(b != NULL);
    return equal_at(a, b, 0);
}
