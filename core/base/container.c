/* SPDX-License-Identifier: MIT
 *
 * container.c - building lists and maps.
 *
 * Both are one growing array of values, changed only while they have one owner. A map of more than RWI_MAP_LINEAR
 * entries has an index of slots beside the array, at most half full, so that the order of insertion costs nothing
 * and adding stays cheap; entries are never removed, so that a probe ends at the first free slot.
 *
 * A failure is never stored: pushing one gives its code back, so that a constructor that ran out of memory can be
 * pushed without looking. An error as data (`failed` 0) is an item like others.
 */
#include "base/layout.h"

#include <string.h>

#include "base/equal.h"
#include "base/mem.h"
#include "base/refs.h"

#define VALUES_MAX (PTRDIFF_MAX / sizeof(struct rw_value) / 4)

static int reserve(struct rwi_container *container, size_t room)
{
    RW_ASSERT(container->used <= container->room);
    if (room <= container->room) {
        return RW_OK;
    }
    if (room > VALUES_MAX) {
        return RW_ERR_NOMEM;
    }
    struct rw_value *values =
        rwi_mem_resize(container->values, container->room * sizeof *values, room * sizeof *values);

    if (values == NULL) {
        return RW_ERR_NOMEM;
    }
    container->values = values;
    container->room = room;
    return RW_OK;
}

static int make_room(struct rwi_container *container, size_t more)
{
    RW_ASSERT(more == 1 || more == 2);
    if (container->room - container->used >= more) {
        return RW_OK;
    }
    return reserve(container, container->room > 0 ? container->room * 2 : 4);
}

void rwi_container_free(struct rwi_container *container)
{
    RW_ASSERT(container->refs == 0);
    if (container->values != NULL) {
        rwi_mem_free(container->values, container->room * sizeof(struct rw_value));
    }
    if (!container->is_map) {
        rwi_mem_free(container, sizeof(struct rw_list));
        return;
    }
    struct rw_map *map = rwi_container_of(container, struct rw_map, base);

    if (map->slots != NULL) {
        rwi_mem_free(map->slots, map->slot_count * sizeof *map->slots);
    }
    rwi_mem_free(map, sizeof *map);
}

struct rw_list *rw_list_new(size_t capacity)
{
    struct rw_list *list = rwi_mem_new(sizeof *list);

    if (list == NULL) {
        return NULL;
    }
    RW_ASSERT(list->base.used == 0);
    list->base.refs = 1;
    if (reserve(&list->base, capacity) != RW_OK) {
        rwi_mem_free(list, sizeof *list);
        return NULL;
    }
    return list;
}

int rw_list_push(struct rw_list *list, struct rw_value item)
{
    RW_REQUIRE(list != NULL);
    RW_REQUIRE(rwi_refs_is_one(&list->base.refs));
    int err = rw_is_failure(&item) ? item.code : make_room(&list->base, 1);

    if (err != RW_OK) {
        rw_value_drop(&item);
        return err;
    }
    list->base.values[list->base.used++] = item;
    return RW_OK;
}

size_t rw_list_count(const struct rw_list *list)
{
    RW_REQUIRE(list != NULL);
    return list->base.used;
}

const struct rw_value *rw_list_at(const struct rw_list *list, size_t index)
{
    RW_REQUIRE(list != NULL);
    RW_REQUIRE(index < list->base.used);
    return &list->base.values[index];
}

struct rw_value rw_value_of_list(struct rw_list *list)
{
    if (list == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    RW_ASSERT(!list->base.is_map);
    struct rw_value value = {.kind = RW_KIND_LIST};

    value.as.list = list;
    return value;
}

struct rw_map *rw_map_new(size_t capacity)
{
    struct rw_map *map = rwi_mem_new(sizeof *map);

    if (map == NULL) {
        return NULL;
    }
    RW_ASSERT(map->slots == NULL);
    map->base.refs = 1;
    map->base.is_map = true;
    if (capacity > VALUES_MAX || reserve(&map->base, capacity * 2) != RW_OK) {
        rwi_mem_free(map, sizeof *map);
        return NULL;
    }
    return map;
}

static void index_entry(struct rw_map *map, size_t entry)
{
    RW_ASSERT(entry < map->base.used / 2);
    size_t mask = map->slot_count - 1;
    size_t at = rwi_value_hash(&map->base.values[2 * entry]) & mask;

    while (map->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    map->slots[at] = (uint32_t)(entry + 1);
}

/* Makes the index large enough for one more entry. */
static int grow_index(struct rw_map *map)
{
    size_t count = map->base.used / 2;

    RW_ASSERT(map->slot_count == 0 || count <= map->slot_count / 2);
    if (count < RWI_MAP_LINEAR || count + 1 <= map->slot_count / 2) {
        return RW_OK;
    }
    size_t slot_count = map->slot_count > 0 ? map->slot_count * 2 : 4 * RWI_MAP_LINEAR;

    if (count >= UINT32_MAX / 4) {
        return RW_ERR_LIMIT;
    }
    uint32_t *slots = rwi_mem_new(slot_count * sizeof *slots);

    if (slots == NULL) {
        return RW_ERR_NOMEM;
    }
    if (map->slots != NULL) {
        rwi_mem_free(map->slots, map->slot_count * sizeof *map->slots);
    }
    map->slots = slots;
    map->slot_count = slot_count;
    for (size_t entry = 0; entry < count; entry++) {
        index_entry(map, entry);
    }
    return RW_OK;
}

static int append(struct rw_map *map, struct rw_value key, struct rw_value item)
{
    RW_ASSERT(key.kind != RW_KIND_NIL);
    int err = make_room(&map->base, 2);

    if (err == RW_OK) {
        err = grow_index(map);
    }
    if (err != RW_OK) {
        return err;
    }
    map->base.values[map->base.used] = key;
    map->base.values[map->base.used + 1] = item;
    map->base.used += 2;
    if (map->slot_count > 0) {
        index_entry(map, map->base.used / 2 - 1);
    }
    return RW_OK;
}

static int why_not(const struct rw_value *key, const struct rw_value *item)
{
    RW_ASSERT(key != NULL);
    RW_ASSERT(item != NULL);
    if (rw_is_failure(key)) {
        return key->code;
    }
    if (rw_is_failure(item)) {
        return item->code;
    }
    return key->kind == RW_KIND_NIL ? RW_ERR_INVALID : RW_OK;
}

int rw_map_add(struct rw_map *map, struct rw_value key, struct rw_value item)
{
    RW_REQUIRE(map != NULL);
    RW_REQUIRE(rwi_refs_is_one(&map->base.refs));
    int err = why_not(&key, &item);
    size_t entry = err == RW_OK ? rwi_map_find(map, &key) : RWI_NOT_FOUND;

    if (entry != RWI_NOT_FOUND) {
        rw_value_drop(&key);
        rw_value_drop(&map->base.values[2 * entry + 1]);
        map->base.values[2 * entry + 1] = item;
        return RW_OK;
    }
    if (err == RW_OK) {
        err = append(map, key, item);
    }
    if (err != RW_OK) {
        rw_value_drop(&key);
        rw_value_drop(&item);
    }
    return err;
}

size_t rw_map_count(const struct rw_map *map)
{
    RW_REQUIRE(map != NULL);
    return map->base.used / 2;
}

const struct rw_value *rw_map_key(const struct rw_map *map, size_t index)
{
    RW_REQUIRE(map != NULL);
    RW_REQUIRE(index < map->base.used / 2);
    return &map->base.values[2 * index];
}

const struct rw_value *rw_map_item(const struct rw_map *map, size_t index)
{
    RW_REQUIRE(map != NULL);
    RW_REQUIRE(index < map->base.used / 2);
    return &map->base.values[2 * index + 1];
}

/* Compares without making a value of the key, so that it cannot run out of memory. */
const struct rw_value *rw_map_get(const struct rw_map *map, const char *text_key)
{
    RW_REQUIRE(map != NULL);
    RW_REQUIRE(text_key != NULL);
    size_t wanted = strlen(text_key);

    for (size_t i = 0; i < map->base.used; i += 2) {
        const struct rw_value *key = &map->base.values[i];
        size_t size = 0;
        const char *data = key->kind == RW_KIND_TEXT ? rw_value_data(key, &size) : NULL;

        if (data != NULL && size == wanted && memcmp(data, text_key, size) == 0) {
            return &map->base.values[i + 1];
        }
    }
    return NULL;
}

struct rw_value rw_value_of_map(struct rw_map *map)
{
    if (map == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    RW_ASSERT(map->base.is_map);
    struct rw_value value = {.kind = RW_KIND_MAP};

    value.as.map = map;
    return value;
}

/* ---- building without looking ---------------------------------------------------------------------------------------- */

void rw_value_push(struct rw_value *list, struct rw_value item)
{
    RW_REQUIRE(list != NULL);
    RW_REQUIRE(list->kind == RW_KIND_LIST || rw_is_failure(list));
    if (rw_is_failure(list)) {
        rw_value_drop(&item);
    } else if (rw_is_failure(&item)) {
        rw_value_drop(list);
        *list = item;
    } else if (rw_list_push(list->as.list, item) != RW_OK) {
        rw_value_drop(list);
        *list = rw_failure(RW_ERR_NOMEM);
    }
}

void rw_value_add(struct rw_value *map, const char *key, struct rw_value item)
{
    RW_REQUIRE(map != NULL);
    RW_REQUIRE(map->kind == RW_KIND_MAP || rw_is_failure(map));
    if (rw_is_failure(map)) {
        rw_value_drop(&item);
        return;
    }
    struct rw_value failure = item;

    if (!rw_is_failure(&item)) {
        int err = rw_map_add(map->as.map, rw_text_of(key), item);

        if (err == RW_OK) {
            return;
        }
        failure = rw_failure(err);
    }
    rw_value_drop(map);
    *map = failure;
}
