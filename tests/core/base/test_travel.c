/* SPDX-License-Identifier: MIT
 *
 * test_travel.c - which values may leave their thread.
 */
#include <base/value.h>

#include "test.h"

static void destroy_nothing(struct rw_object *object)
{
    (void)object;
}

static const struct rw_object_type local_type = {"local", false, destroy_nothing};
static const struct rw_object_type shared_type = {"shared", true, destroy_nothing};

static struct rw_native *same_native(struct rw_native *self)
{
    return self;
}

static void drop_native(struct rw_native *self)
{
    (void)self;
}

static const struct rw_native_vtable native_vtable = {"test", same_native, drop_native, NULL};

static void scalars_and_bytes_travel(void)
{
    struct rw_value values[] = {rw_nil(),       rw_bool(true),   rw_int(1),
                                rw_double(1.5), rw_text_of("x"), rw_bytes("y", 1)};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        CHECK_INT(rwi_value_bound(&values[i]), 0);
        rw_value_drop(&values[i]);
    }
}

static void a_handle_travels_when_it_is_shared(void)
{
    struct rw_object local = {&local_type, 1}, shared = {&shared_type, 1};
    struct rw_value value = {.kind = RW_KIND_HANDLE, .as.handle = &local};

    CHECK_INT(rwi_value_bound(&value), RW_ERR_TYPE);
    value.as.handle = &shared;
    CHECK_INT(rwi_value_bound(&value), 0);
}

static void what_holds_a_native_stays(void)
{
    struct rw_native native = {&native_vtable, NULL};
    struct rw_list *list = rw_list_new(2);
    struct rw_map *map = rw_map_new(1);

    CHECK_INT(rw_list_push(list, rw_int(1)), 0);
    CHECK_INT(rw_map_add(map, rw_int(1), rw_value_of_list(list)), 0);
    struct rw_value value = rw_value_of_map(map);

    CHECK_INT(rwi_value_bound(&value), 0);
    rw_value_drop(&value);
    list = rw_list_new(1);
    CHECK_INT(rw_list_push(list, rw_value_of_native(&native)), 0);
    value = rw_value_of_list(list);
    CHECK_INT(rwi_value_bound(&value), RW_ERR_TYPE);
    rw_value_drop(&value);
}

static void an_error_with_a_native_stays(void)
{
    struct rw_native native = {&native_vtable, NULL};
    struct rw_error *error = rw_error_new(RW_ERR_CLOSED, "x", RW_ORIGIN_C);
    struct rw_value value = rw_failure_of(rw_error_ref(error));

    CHECK_INT(rwi_value_bound(&value), 0);
    rw_value_drop(&value);
    CHECK_INT(rw_error_set_native(error, &native), 0);
    value = rw_failure_of(error);
    CHECK_INT(rwi_value_bound(&value), RW_ERR_TYPE);
    rw_value_drop(&value);
}

static void too_deep_is_a_limit(void)
{
    struct rw_value value = rw_int(1);

    for (int i = 0; i < RW_VALUE_DEPTH_MAX + 2; i++) {
        struct rw_list *list = rw_list_new(1);

        CHECK_INT(rw_list_push(list, value), 0);
        value = rw_value_of_list(list);
    }
    CHECK_INT(rwi_value_bound(&value), RW_ERR_LIMIT);
    rw_value_drop(&value);
}

static const struct test tests[] = {
    TEST(scalars_and_bytes_travel),  TEST(a_handle_travels_when_it_is_shared),
    TEST(what_holds_a_native_stays), TEST(an_error_with_a_native_stays),
    TEST(too_deep_is_a_limit),
};

TEST_MAIN(tests)
