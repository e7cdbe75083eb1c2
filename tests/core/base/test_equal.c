/* SPDX-License-Identifier: MIT
 *
 * test_equal.c - when two values are the same.
 */
#include "base/equal.h"

#include <math.h>

#include "test.h"

static bool same(struct rw_value a, struct rw_value b)
{
    bool equal = rw_value_equal(&a, &b);

    if (equal != rw_value_equal(&b, &a) || (equal && rwi_value_hash(&a) != rwi_value_hash(&b))) {
        test_fail(__FILE__, __LINE__, "equality is not symmetric, or equal values differ in their hash");
    }
    rw_value_drop(&a);
    rw_value_drop(&b);
    return equal;
}

static struct rw_value list_of(int64_t a, int64_t b)
{
    struct rw_list *list = rw_list_new(2);

    rw_list_push(list, rw_int(a));
    rw_list_push(list, rw_int(b));
    return rw_value_of_list(list);
}

static struct rw_value nested(int depth)
{
    struct rw_value value = rw_int(1);

    for (int i = 0; i < depth; i++) {
        struct rw_list *list = rw_list_new(1);

        rw_list_push(list, value);
        value = rw_value_of_list(list);
    }
    return value;
}

static void scalars_are_equal_to_themselves_only(void)
{
    CHECK(same(rw_nil(), rw_nil()));
    CHECK(same(rw_bool(true), rw_bool(true)) && !same(rw_bool(true), rw_bool(false)));
    CHECK(same(rw_int(INT64_MIN), rw_int(INT64_MIN)) && !same(rw_int(0), rw_int(1)));
    CHECK(same(rw_double(1.5), rw_double(1.5)) && !same(rw_double(1.5), rw_double(-1.5)));
    CHECK(same(rw_double(0.0), rw_double(-0.0)));
    CHECK(same(rw_double(NAN), rw_double(-NAN)));
    CHECK(!same(rw_int(1), rw_double(1)));
    CHECK(!same(rw_int(1), rw_bool(true)));
}

static void data_is_compared_by_content_and_kind(void)
{
    CHECK(same(rw_text_of("abc"), rw_text_of("abc")));
    CHECK(!same(rw_text_of("abc"), rw_text_of("abd")));
    CHECK(!same(rw_text_of("abc"), rw_text_of("ab")));
    CHECK(!same(rw_text_of("abc"), rw_bytes("abc", 3)));
    CHECK(same(rw_text_of("a longer text than a word"), rw_text_of("a longer text than a word")));
}

static void lists_are_compared_item_by_item(void)
{
    CHECK(same(list_of(1, 2), list_of(1, 2)));
    CHECK(!same(list_of(1, 2), list_of(2, 1)));
    CHECK(!same(list_of(1, 2), rw_value_of_list(rw_list_new(0))));
    CHECK(!same(rw_value_of_list(rw_list_new(0)), rw_value_of_map(rw_map_new(0))));
}

static struct rw_value map_from(int first, int count, int step)
{
    struct rw_map *map = rw_map_new(0);

    for (int i = 0; i < count; i++) {
        int64_t key = first + i * step;

        rw_map_add(map, rw_int(key), rw_int(key * key));
    }
    return rw_value_of_map(map);
}

static void maps_are_compared_without_order(void)
{
    CHECK(same(map_from(0, 5, 1), map_from(4, 5, -1)));
    CHECK(same(map_from(0, 100, 1), map_from(99, 100, -1)));
    CHECK(!same(map_from(0, 100, 1), map_from(1, 100, 1)));
    CHECK(!same(map_from(0, 5, 1), map_from(0, 4, 1)));
}

static void errors_are_compared_by_code_and_message(void)
{
    CHECK(same(rw_failure(RW_ERR_CLOSED), rw_failure(RW_ERR_CLOSED)));
    CHECK(same(rw_failure(RW_ERR_CLOSED), rw_failure_format(RW_ERR_CLOSED, "closed")));
    CHECK(!same(rw_failure(RW_ERR_CLOSED), rw_failure(RW_ERR_END)));
    CHECK(!same(rw_failure_format(RW_ERR_OS, "a"), rw_failure_format(RW_ERR_OS, "b")));
    CHECK(!same(rw_failure(RW_ERR_OS), rw_value_of_error(rw_error_new(RW_ERR_OS, NULL, RW_ORIGIN_C))));
}

static void deeper_than_the_limit_is_unequal(void)
{
    CHECK(same(nested(RW_VALUE_DEPTH_MAX), nested(RW_VALUE_DEPTH_MAX)));
    CHECK(!same(nested(RW_VALUE_DEPTH_MAX + 1), nested(RW_VALUE_DEPTH_MAX + 1)));
    CHECK(!same(nested(100000), nested(100000)));
}

static const struct test tests[] = {
    TEST(scalars_are_equal_to_themselves_only),    TEST(data_is_compared_by_content_and_kind),
    TEST(lists_are_compared_item_by_item),         TEST(maps_are_compared_without_order),
    TEST(errors_are_compared_by_code_and_message), TEST(deeper_than_the_limit_is_unequal),
};

TEST_MAIN(tests)
