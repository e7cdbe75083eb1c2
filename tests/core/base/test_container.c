/* SPDX-License-Identifier: MIT
 *
 * test_container.c - building lists and maps.
 */
#include "base/layout.h"

#include "test.h"

static void a_list_keeps_its_items_in_order(void)
{
    struct rw_list *list = rw_list_new(0);

    for (int i = 0; i < 1000; i++) {
        CHECK_INT(rw_list_push(list, rw_int(i)), 0);
    }
    CHECK_INT(rw_list_count(list), 1000);
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(rw_list_at(list, (size_t)i)->as.integer, i);
    }
    struct rw_value value = rw_value_of_list(list);

    rw_value_drop(&value);
}

static void a_failure_is_not_stored_but_reported(void)
{
    struct rw_list *list = rw_list_new(1);

    CHECK_INT(rw_list_push(list, rw_failure(RW_ERR_NOMEM)), RW_ERR_NOMEM);
    CHECK_INT(rw_list_push(list, rw_failure_format(RW_ERR_INVALID, "no")), RW_ERR_INVALID);
    CHECK_INT(rw_list_count(list), 0);
    CHECK_INT(rw_list_push(list, rw_value_of_error(rw_error_new(RW_ERR_OS, "x", RW_ORIGIN_C))), 0);
    struct rw_value value = rw_value_of_list(list);

    rw_value_drop(&value);
}

static void a_map_finds_its_texts(void)
{
    struct rw_map *map = rw_map_new(4);

    for (int i = 0; i < 2000; i++) {
        char key[32];

        snprintf(key, sizeof key, "k%d", i);
        CHECK_INT(rw_map_add(map, rw_text_of(key), rw_int(i)), 0);
    }
    CHECK_INT(rw_map_count(map), 2000);
    CHECK_INT(rw_map_get(map, "k0")->as.integer, 0);
    CHECK_INT(rw_map_get(map, "k1999")->as.integer, 1999);
    CHECK(rw_map_get(map, "k2000") == NULL);
    CHECK(rw_map_get(map, "k") == NULL);
    CHECK_TEXT(rw_value_data(rw_map_key(map, 7), NULL), "k7");
    CHECK_INT(rw_map_item(map, 7)->as.integer, 7);
    struct rw_value value = rw_value_of_map(map);

    rw_value_drop(&value);
}

static void an_equal_key_replaces_in_place(void)
{
    struct rw_map *map = rw_map_new(0);

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 100; i++) {
            CHECK_INT(rw_map_add(map, rw_int(i), rw_int(i + round * 1000)), 0);
        }
    }
    CHECK_INT(rw_map_count(map), 100);
    CHECK_INT(rw_map_key(map, 50)->as.integer, 50);
    CHECK_INT(rw_map_item(map, 50)->as.integer, 1050);
    struct rw_value value = rw_value_of_map(map);

    rw_value_drop(&value);
}

static void keys_of_different_kinds_are_different_keys(void)
{
    struct rw_map *map = rw_map_new(0);

    CHECK_INT(rw_map_add(map, rw_int(1), rw_nil()), 0);
    CHECK_INT(rw_map_add(map, rw_double(1), rw_nil()), 0);
    CHECK_INT(rw_map_add(map, rw_bool(true), rw_nil()), 0);
    CHECK_INT(rw_map_add(map, rw_text_of("1"), rw_nil()), 0);
    CHECK_INT(rw_map_add(map, rw_bytes("1", 1), rw_nil()), 0);
    CHECK_INT(rw_map_count(map), 5);
    CHECK_INT(rw_map_add(map, rw_double(0.0), rw_int(1)), 0);
    CHECK_INT(rw_map_add(map, rw_double(-0.0), rw_int(2)), 0);
    CHECK_INT(rw_map_count(map), 6);
    struct rw_value value = rw_value_of_map(map);

    rw_value_drop(&value);
}

static void a_key_may_not_be_nil_or_a_failure(void)
{
    struct rw_map *map = rw_map_new(0);

    CHECK_INT(rw_map_add(map, rw_nil(), rw_text_of("dropped")), RW_ERR_INVALID);
    CHECK_INT(rw_map_add(map, rw_failure(RW_ERR_LIMIT), rw_text_of("dropped")), RW_ERR_LIMIT);
    CHECK_INT(rw_map_add(map, rw_text_of("dropped"), rw_failure(RW_ERR_NOMEM)), RW_ERR_NOMEM);
    CHECK_INT(rw_map_count(map), 0);
    struct rw_value value = rw_value_of_map(map);

    rw_value_drop(&value);
}

static void null_means_no_memory(void)
{
    struct rw_value list = rw_value_of_list(NULL);
    struct rw_value map = rw_value_of_map(NULL);

    CHECK_INT(list.code, RW_ERR_NOMEM);
    CHECK_INT(map.code, RW_ERR_NOMEM);
    CHECK(rw_is_failure(&list) && rw_is_failure(&map));
    CHECK(rw_list_new(SIZE_MAX) == NULL);
    CHECK(rw_map_new(SIZE_MAX / 2) == NULL);
}

static void a_whole_is_built_without_looking_at_each_part(void)
{
    struct rw_value list = rw_value_of_list(rw_list_new(1));
    struct rw_value map = rw_value_of_map(rw_map_new(1));

    rw_value_push(&list, rw_int(1));
    rw_value_push(&list, rw_text_of("two"));
    CHECK_INT(rw_list_count(list.as.list), 2);
    rw_value_add(&map, "list", list);
    rw_value_add(&map, "n", rw_int(3));
    CHECK_INT(rw_list_at(rw_map_get(map.as.map, "list")->as.list, 0)->as.integer, 1);
    CHECK_INT(rw_map_get(map.as.map, "n")->as.integer, 3);
    rw_value_drop(&map);
}

static void a_part_that_failed_is_what_the_whole_becomes(void)
{
    struct rw_value list = rw_value_of_list(rw_list_new(1));
    struct rw_value maps[2] = {rw_value_of_map(rw_map_new(1)), rw_value_of_map(rw_map_new(1))};

    rw_value_push(&list, rw_text_of("dropped"));
    rw_value_push(&list, rw_failure_format(RW_ERR_LIMIT, "the first"));
    rw_value_push(&list, rw_failure_format(RW_ERR_INVALID, "the second"));
    rw_value_push(&list, rw_text_of("dropped too"));
    CHECK_TEXT(rw_value_message(&list), "the first");
    rw_value_add(&maps[0], "text", rw_text_of("dropped"));
    rw_value_add(&maps[0], "list", list);
    rw_value_add(&maps[0], "more", rw_text_of("dropped"));
    CHECK_TEXT(rw_value_message(&maps[0]), "the first");
    rw_value_add(&maps[1], "\xff", rw_text_of("dropped"));
    CHECK_INT(maps[1].code, RW_ERR_INVALID);
    rw_value_drop(&maps[0]);
    rw_value_drop(&maps[1]);
}

static void build_both(void)
{
    struct rw_list *list = rw_list_new(0);
    struct rw_map *map = rw_map_new(2);

    for (int i = 0; i < 40; i++) {
        if (list != NULL) {
            rw_list_push(list, rw_text_of("item"));
        }
        if (map != NULL) {
            rw_map_add(map, rw_int(i), rw_text_of("item"));
        }
    }
    struct rw_value values[] = {rw_value_of_list(list), rw_value_of_map(map)};

    for (int i = 0; i < 10; i++) {
        rw_value_push(&values[0], rw_text_of("item"));
        rw_value_add(&values[1], "key", rw_text_of("item"));
    }
    CHECK(values[0].kind == RW_KIND_LIST || values[0].code == RW_ERR_NOMEM);
    CHECK(values[1].kind == RW_KIND_MAP || values[1].code == RW_ERR_NOMEM);
    rw_value_drop(&values[0]);
    rw_value_drop(&values[1]);
}

static void every_allocation_may_fail(void)
{
    test_each_allocation(build_both);
}

static const struct test tests[] = {
    TEST(a_list_keeps_its_items_in_order),
    TEST(a_failure_is_not_stored_but_reported),
    TEST(a_map_finds_its_texts),
    TEST(an_equal_key_replaces_in_place),
    TEST(keys_of_different_kinds_are_different_keys),
    TEST(a_key_may_not_be_nil_or_a_failure),
    TEST(null_means_no_memory),
    TEST(a_whole_is_built_without_looking_at_each_part),
    TEST(a_part_that_failed_is_what_the_whole_becomes),
    TEST(every_allocation_may_fail),
};

TEST_MAIN(tests)
