/* SPDX-License-Identifier: MIT
 *
 * surface.c - the tables of the public headers as values that every language can look at.
 *
 * Everything here is made from RW_ERRORS, RW_LOOP_OPTIONS, RW_SIM_OPTIONS and RW_STATS: a row that is added there is seen in all languages, and
 * nothing is written down a second time. Invariant: a map is whole, in the order of its table, or the result is a failure.
 */
#include "surface.h"

/* Takes `map`; the first failure stands for the whole. */
static struct rw_value finish(struct rw_map *map, int status)
{
    struct rw_value value = rw_value_of_map(map);

    if (status == 0) {
        return value;
    }
    rw_value_drop(&value);
    return rw_failure(status);
}

/* Takes `item`. Does nothing once something has failed. */
static int add(struct rw_map *map, int status, const char *key, struct rw_value item)
{
    if (status != 0) {
        rw_value_drop(&item);
        return status;
    }
    return rw_map_add(map, rw_text_of(key), item);
}

static struct rw_value error_row(int number)
{
    struct rw_map *row = rw_map_new(4);
    int status = row != NULL ? 0 : RW_ERR_NOMEM;

    status = add(row, status, "number", rw_int(number));
    status = add(row, status, "name", rw_text_of(rw_err_name(number)));
    status = add(row, status, "python", rw_text_of(rw_err_python(number)));
    status = add(row, status, "text", rw_text_of(rw_err_text(number)));
    return finish(row, status);
}

struct rw_value rwh_errors(void)
{
    struct rw_map *map = rw_map_new(-RW_ERR_LAST);
    int status = map != NULL ? 0 : RW_ERR_NOMEM;

    for (int number = -1; status == 0 && number >= RW_ERR_LAST; number--) {
        status = add(map, status, rw_err_code(number), error_row(number));
    }
    return finish(map, status);
}

static struct rw_value option_row(const struct rw_option *option)
{
    struct rw_map *row = rw_map_new(5);
    int status = row != NULL ? 0 : RW_ERR_NOMEM;

    status = add(row, status, "default", rw_int(option->standard));
    status = add(row, status, "least", rw_int(option->least));
    status = add(row, status, "most", rw_int(option->most));
    status = add(row, status, "unit", rw_text_of(option->unit));
    status = add(row, status, "text", rw_text_of(option->text));
    return finish(row, status);
}

static struct rw_value all_options(const struct rw_option *(*at)(size_t index))
{
    struct rw_map *map = rw_map_new(0);
    int status = map != NULL ? 0 : RW_ERR_NOMEM;
    const struct rw_option *option;

    for (size_t i = 0; status == 0 && (option = at(i)) != NULL; i++) {
        status = add(map, status, option->name, option_row(option));
    }
    return finish(map, status);
}

struct rw_value rwh_options(void)
{
    return all_options(rw_loop_option);
}

struct rw_value rwh_sim_options(void)
{
    return all_options(rw_sim_option);
}

struct rw_value rwh_counters(void)
{
    struct rw_map *map = rw_map_new(0);
    int status = map != NULL ? 0 : RW_ERR_NOMEM;

#define ADD(name, text) status = add(map, status, #name, rw_text_of(text));
    RW_STATS(ADD)
#undef ADD
    return finish(map, status);
}

struct rw_value rwh_stats(struct rw_loop *loop)
{
    struct rw_map *map = rw_map_new(0);
    int status = map != NULL ? 0 : RW_ERR_NOMEM;
    struct rw_stats stats;

    rw_stats(loop, &stats);
#define ADD(name, text) status = add(map, status, #name, rw_int((int64_t)stats.name));
    RW_STATS(ADD)
#undef ADD
    return finish(map, status);
}
