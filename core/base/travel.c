/* SPDX-License-Identifier: MIT
 *
 * travel.c - whether a value may leave its thread.
 *
 * Natives belong to one interpreter and most handles to one loop; whatever contains one stays with it. The walk looks at
 * lists, maps and errors to the depth that crosses a border at all, so a value of any depth costs a bounded time.
 *
 * Invariant: what passes holds only scalars, counted bytes, and handles whose counts are atomic.
 */
#include "base/layout.h"
#include "base/value.h"

static int bound_error(const struct rw_error *error)
{
    RW_ASSERT(error != NULL);
    RW_ASSERT(rw_error_code(error) <= 0);
    if (rw_error_native(error) != NULL) {
        return RW_ERR_TYPE;
    }
    for (size_t i = 0; i < rw_error_other_count(error); i++) {
        if (rw_error_native(rw_error_other(error, i)) != NULL) {
            return RW_ERR_TYPE;
        }
    }
    return 0;
}

static int bound_to_thread(const struct rw_value *value, int depth);

static int bound_container(const struct rwi_container *container, int depth)
{
    int err = 0;

    RW_ASSERT(container != NULL);
    RW_ASSERT(container->used <= container->room);
    for (size_t i = 0; err == 0 && i < container->used; i++) {
        err = bound_to_thread(&container->values[i], depth + 1);
    }
    return err;
}

/* 0 when nothing in the value belongs to one loop or interpreter. */
static int bound_to_thread(const struct rw_value *value, int depth)
{
    RW_ASSERT(depth >= 0);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    if (depth > RW_VALUE_DEPTH_MAX) {
        return RW_ERR_LIMIT;
    }
    switch (value->kind) {
    case RW_KIND_LIST:
        return bound_container(&value->as.list->base, depth);
    case RW_KIND_MAP:
        return bound_container(&value->as.map->base, depth);
    case RW_KIND_ERROR:
        return value->as.error != NULL ? bound_error(value->as.error) : 0;
    case RW_KIND_HANDLE:
        return value->as.handle->type->shared ? 0 : RW_ERR_TYPE;
    case RW_KIND_NATIVE:
        return RW_ERR_TYPE;
    default:
        return 0;
    }
}

int rwi_value_bound(const struct rw_value *value)
{
    RW_ASSERT(value != NULL);
    return bound_to_thread(value, 0);
}
