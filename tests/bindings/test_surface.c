/* SPDX-License-Identifier: MIT
 *
 * test_surface.c - the tables of the headers as values.
 */
#include "surface.h"

#include "test.h"

static const struct rw_value *item_of(const struct rw_value *map, const char *key)
{
    return map->kind == RW_KIND_MAP ? rw_map_get(map->as.map, key) : NULL;
}

static void a_row_has_what_the_header_says(void)
{
    struct rw_value errors = rwh_errors();
    struct rw_value options = rwh_options();
    const struct rw_value *closed = item_of(&errors, "closed");
    const struct rw_value *budget = item_of(&options, "task_budget");

    CHECK(closed != NULL && budget != NULL);
    CHECK_INT(item_of(closed, "number")->as.integer, RW_ERR_CLOSED);
    CHECK_TEXT(rw_value_data(item_of(closed, "name"), NULL), "RW_ERR_CLOSED");
    CHECK_INT(item_of(budget, "default")->as.integer, RW_DEFAULT_TASK_BUDGET);
    CHECK_INT(item_of(budget, "most")->as.integer, RW_MOST_TASK_BUDGET);
    rw_value_drop(&errors);
    rw_value_drop(&options);
}

static void counters_and_stats_have_the_same_keys(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);
    struct rw_value counters = rwh_counters();
    struct rw_value stats = rwh_stats(loop);

    CHECK_INT(rw_map_count(stats.as.map), rw_map_count(counters.as.map));
    for (size_t i = 0; i < rw_map_count(stats.as.map); i++) {
        CHECK(rw_value_equal(rw_map_key(stats.as.map, i), rw_map_key(counters.as.map, i)));
        CHECK_INT(rw_map_item(stats.as.map, i)->kind, RW_KIND_INT);
    }
    rw_value_drop(&counters);
    rw_value_drop(&stats);
    rw_loop_free(loop);
}

static void check_without_memory(struct rw_value (*make)(void))
{
    bool failed = true;

    for (uint64_t n = 1; failed; n++) {
        test_state.fail_at = test_state.allocation_count + n;
        struct rw_value value = make();

        test_state.fail_at = 0;
        failed = rw_is_failure(&value);
        CHECK(!failed || value.code == RW_ERR_NOMEM);
        rw_value_drop(&value);
    }
}

static void a_map_is_whole_or_a_failure(void)
{
    check_without_memory(rwh_errors);
    check_without_memory(rwh_options);
    check_without_memory(rwh_sim_options);
    check_without_memory(rwh_counters);
}

static const struct test tests[] = {
    TEST(a_row_has_what_the_header_says),
    TEST(counters_and_stats_have_the_same_keys),
    TEST(a_map_is_whole_or_a_failure),
};

TEST_MAIN(tests)
