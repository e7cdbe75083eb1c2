/* SPDX-License-Identifier: MIT
 *
 * layout.h - lists and maps from inside: for container.c, which builds them, and for value.c, equal.c and codec.c,
 * which walk them.
 */
#ifndef RWI_BASE_LAYOUT_H
#define RWI_BASE_LAYOUT_H

#include <ropewalk.h>

/* Maps of up to this many entries are searched from front to back and have no index. */
#define RWI_MAP_LINEAR 8

/* What lists and maps have in common. Both are one array of values; a map's holds key, item, key, item ... */
struct rwi_container {
    uint32_t refs;
    bool is_map;
    size_t used;                     /* values in the array */
    size_t room;                     /* values it can hold */
    struct rw_value *values;         /* NULL while room is 0 */
    struct rwi_container *next_dead; /* while being freed */
};

struct rw_list {
    struct rwi_container base;
};

struct rw_map {
    struct rwi_container base;
    uint32_t *slots;   /* open addressing; number of the entry + 1, 0 when free; NULL for small maps */
    size_t slot_count; /* a power of two, at least twice the entries; 0 for small maps */
};

/* Frees the memory of one container whose values have been dropped. */
void rwi_container_free(struct rwi_container *container);

#endif
