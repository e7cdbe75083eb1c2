/* SPDX-License-Identifier: MIT
 *
 * options.c - reads the options of loops and simulations as scripts write them.
 *
 * One reader for all languages: a binding hands over a map and raises what comes back, so that a wrong name or number is
 * answered in the same words everywhere. Names, bounds and defaults come from the tables in the headers. Invariant: a field is
 * written only with a number within its bounds, or with 0 for the default.
 */
#include <ropewalk.h>
#include <string.h>

#include "base/check.h"

struct row {
    struct rw_option option;
    size_t offset; /* of its field, which has `size` bytes */
    size_t size;
};

struct table {
    const char *what;
    const struct row *rows;
    size_t count;
};

static const struct row loop_rows[] = {
#define ROW(NAME, name, unit, standard, least, most, text)                                                   \
    {{#name, unit, text, standard, least, most}, offsetof(struct rw_loop_options, name), sizeof(uint32_t)},
    RW_LOOP_OPTIONS(ROW)
#undef ROW
};

static const struct row sim_rows[] = {
#define ROW(type, name, unit, standard, least, most, text)                                                   \
    {{#name, unit, text, standard, least, most}, offsetof(struct rw_sim_options, name), sizeof(type)},
    RW_SIM_OPTIONS(ROW)
#undef ROW
};

static const struct table loop_table = {"loop", loop_rows, sizeof loop_rows / sizeof loop_rows[0]};
static const struct table sim_table = {"simulation", sim_rows, sizeof sim_rows / sizeof sim_rows[0]};

/* Room for the names of a table; a test reads the longest list. */
enum { NAMES_MAX = 512 };

static const struct rw_option *option_at(const struct table *table, size_t index)
{
    RW_ASSERT(table->count > 0);
    return index < table->count ? &table->rows[index].option : NULL;
}

const struct rw_option *rw_loop_option(size_t index)
{
    RW_ASSERT(loop_rows[0].option.name != NULL);
    return option_at(&loop_table, index);
}

const struct rw_option *rw_sim_option(size_t index)
{
    RW_ASSERT(sim_rows[0].option.name != NULL);
    return option_at(&sim_table, index);
}

/* The scale of a name that is the row's without its ending; 1 for the row's own name, 0 for another one. */
static double scale_of(const struct row *row, const char *name, size_t size)
{
    static const struct {
        const char *ending;
        double scale;
    } units[] = {{"", 1}, {"_ns", 1e9}, {"_ppm", 1e6}};

    RW_ASSERT(name != NULL);
    if (strncmp(row->option.name, name, size) != 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(row->option.name + size, units[i].ending) == 0) {
            return units[i].scale;
        }
    }
    return 0;
}

static const struct row *find_row(const struct table *table, const char *name, size_t size, double *scale)
{
    RW_ASSERT(strlen(name) == size);
    for (size_t i = 0; i < table->count; i++) {
        *scale = scale_of(&table->rows[i], name, size);
        if (*scale != 0) {
            return &table->rows[i];
        }
    }
    return NULL;
}

static struct rw_value refuse_name(const struct table *table, const char *name)
{
    char names[NAMES_MAX] = "";

    for (size_t i = 0; i < table->count; i++) {
        RW_ASSERT(strlen(names) + strlen(table->rows[i].option.name) + 3 < sizeof names);
        strcat(strcat(names, i > 0 ? ", " : ""), table->rows[i].option.name);
    }
    return rw_failure_format(RW_ERR_TYPE, "there is no %s option '%s': choose from %s", table->what, name,
                             names);
}

static struct rw_value refuse_number(const struct table *table, const struct rw_option *option, double number)
{
    RW_ASSERT(option->least <= option->most);
    return rw_failure_format(RW_ERR_INVALID, "%s option '%s' is %.16g: %lld to %lld %s are allowed",
                             table->what, option->name, number, (long long)option->least,
                             (long long)option->most, option->unit);
}

static void write_field(const struct row *row, void *options, int64_t number)
{
    char *field = (char *)options + row->offset;

    RW_ASSERT(number == 0 || number >= row->option.least);
    RW_ASSERT(number <= row->option.most);
    if (row->size == sizeof(uint64_t)) {
        *(uint64_t *)(void *)field = (uint64_t)number;
    } else if (row->size == sizeof(uint32_t)) {
        *(uint32_t *)(void *)field = (uint32_t)number;
    } else {
        RW_ASSERT(row->size == sizeof(bool));
        *(bool *)(void *)field = number != 0;
    }
}

/* False when `value` is no number at all; what has a fraction, or is out of all bounds, becomes INT64_MIN. */
static bool to_number(const struct rw_value *value, double scale, int64_t *number, double *shown)
{
    RW_ASSERT(scale >= 1);
    if (value->kind == RW_KIND_INT && scale == 1) {
        *number = value->as.integer;
        *shown = (double)*number;
        return true;
    }
    if (value->kind != RW_KIND_INT && value->kind != RW_KIND_DOUBLE) {
        return false;
    }
    *shown = (value->kind == RW_KIND_INT ? (double)value->as.integer : value->as.number) * scale;
    bool is_small = *shown >= -1e15 && *shown <= 1e15; /* not so a NaN */
    *number = is_small ? (int64_t)(*shown + (scale > 1 ? 0.5 : 0)) : INT64_MIN;
    if (scale == 1 && *shown != (double)*number) {
        *number = INT64_MIN;
    }
    return true;
}

static struct rw_value read_option(const struct table *table, void *options, const struct rw_value *key,
                                   const struct rw_value *value)
{
    RW_ASSERT(options != NULL);
    size_t size = 0;
    const char *name = key->kind == RW_KIND_TEXT || key->kind == RW_KIND_BYTES ? rw_value_data(key, &size)
                                                                               : rw_kind_name(key->kind);
    double scale = 0, shown = 0;
    int64_t number = 0;
    const struct row *row = size > 0 && strlen(name) == size ? find_row(table, name, size, &scale) : NULL;

    if (row == NULL) {
        return refuse_name(table, name);
    }
    bool is_flag = row->size == sizeof(bool);
    bool is_good = value->kind == RW_KIND_NIL || (is_flag && value->kind == RW_KIND_BOOL) ||
                   (!is_flag && to_number(value, scale, &number, &shown));
    if (!is_good) {
        return rw_failure_format(RW_ERR_TYPE, "%s option '%s' is a %s%s, not %s", table->what,
                                 row->option.name, is_flag ? "" : "number of ", row->option.unit,
                                 rw_kind_name(value->kind));
    }
    if (value->kind == RW_KIND_BOOL) {
        number = value->as.boolean;
    } else if (value->kind != RW_KIND_NIL && (number < row->option.least || number > row->option.most)) {
        return refuse_number(table, &row->option, shown);
    }
    write_field(row, options, number);
    return rw_nil();
}

static struct rw_value read_map(const struct table *table, void *options, const struct rw_value *map)
{
    struct rw_value answer = rw_nil();

    RW_ASSERT(table->count > 0);
    if (map->kind == RW_KIND_NIL) {
        return rw_nil();
    }
    if (map->kind != RW_KIND_MAP) {
        return rw_failure_format(RW_ERR_TYPE, "the options of a %s are a map, not %s", table->what,
                                 rw_kind_name(map->kind));
    }
    for (size_t i = 0; !rw_is_failure(&answer) && i < rw_map_count(map->as.map); i++) {
        answer = read_option(table, options, rw_map_key(map->as.map, i), rw_map_item(map->as.map, i));
    }
    return answer;
}

struct rw_value rw_loop_options_read(struct rw_loop_options *options, const struct rw_value *map)
{
    RW_REQUIRE(options != NULL);
    RW_REQUIRE(map != NULL);
    return read_map(&loop_table, options, map);
}

struct rw_value rw_sim_options_read(struct rw_sim_options *options, const struct rw_value *map)
{
    RW_REQUIRE(options != NULL);
    RW_REQUIRE(map != NULL);
    struct rw_value answer = read_map(&sim_table, options, map);

    if (rw_is_failure(&answer)) {
        return answer;
    }
    if (options->latency_max_ns == 0) {
        options->latency_max_ns = options->latency_min_ns;
    }
    if (options->latency_max_ns < options->latency_min_ns) {
        return rw_failure_format(RW_ERR_INVALID,
                                 "simulation option 'latency_max_ns' is %u: less than latency_min_ns, %u",
                                 (unsigned)options->latency_max_ns, (unsigned)options->latency_min_ns);
    }
    return rw_nil();
}
