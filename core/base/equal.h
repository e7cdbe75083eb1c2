/* SPDX-License-Identifier: MIT
 *
 * equal.h - equality of values, and finding one among the keys of a map.
 */
#ifndef RWI_BASE_EQUAL_H
#define RWI_BASE_EQUAL_H

#include <ropewalk.h>

#define RWI_NOT_FOUND SIZE_MAX

/* A number that is the same for equal values. */
uint64_t rwi_value_hash(const struct rw_value *value);

/* The entry of `map` whose key equals `key`, or RWI_NOT_FOUND. */
size_t rwi_map_find(const struct rw_map *map, const struct rw_value *key);

#endif
