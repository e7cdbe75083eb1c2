/* SPDX-License-Identifier: MIT
 *
 * options.c - reads the options of a loop as scripts write them.
 *
 * One reader for all languages: a binding hands over names and values and raises what comes back, so that a wrong name or
 * number is answered in the same words everywhere. Names, bounds and defaults come from the table in the header. Invariant:
 * a field is written only with a number within its bounds, or with 0 for the default.
 */
#include <ropewalk.h>
#include <string.h>

#include "base/check.h"

struct row {
    struct rw_option option;
    size_t offset; /* in struct rw_loop_options */
};

static const struct row rows[] = {
#define ROW(NAME, name, unit, standard, least, most, text)                                                   \
    {{#name, unit, text, standard, least, most}, offsetof(struct rw_loop_options, name)},
    RW_LOOP_OPTIONS(ROW)
#undef ROW
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0], NAMES_MAX = 256 };

const struct rw_option *rw_loop_option(size_t index)
{
    RW_ASSERT(rows[0].option.name != NULL);
    return index < ROW_COUNT ? &rows[index].option : NULL;
}

static const struct row *find_row(const char *name)
{
    RW_ASSERT(name != NULL);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].option.name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static struct rw_value refuse_name(const char *name)
{
    char names[NAMES_MAX] = "";

    for (size_t i = 0; i < ROW_COUNT; i++) {
        RW_ASSERT(strlen(names) + strlen(rows[i].option.name) + 3 < sizeof names);
        strcat(strcat(names, i > 0 ? ", " : ""), rows[i].option.name);
    }
    return rw_failure_format(RW_ERR_TYPE, "there is no loop option '%s': choose from %s", name, names);
}

static struct rw_value refuse_number(const struct rw_option *option, double number)
{
    RW_ASSERT(option->least <= option->most);
    return rw_failure_format(RW_ERR_INVALID, "loop option '%s' is %.16g: %lld to %lld %s are allowed",
                             option->name, number, (long long)option->least, (long long)option->most,
                             option->unit);
}

struct rw_value rw_loop_options_set(struct rw_loop_options *options, const char *name,
                                    const struct rw_value *value)
{
    RW_REQUIRE(options != NULL);
    RW_REQUIRE(name != NULL);
    RW_REQUIRE(value != NULL);
    const struct row *row = find_row(name);

    if (row == NULL) {
        return refuse_name(name);
    }
    const struct rw_option *option = &row->option;
    uint32_t *field = (uint32_t *)(void *)((char *)options + row->offset);

    if (value->kind == RW_KIND_NIL) {
        *field = 0;
        return rw_nil();
    }
    if (value->kind != RW_KIND_INT && value->kind != RW_KIND_DOUBLE) {
        return rw_failure_format(RW_ERR_TYPE, "loop option '%s' is a number of %s, not %s", option->name,
                                 option->unit, rw_kind_name(value->kind));
    }
    /* A Lua without integers gives doubles. NaN is in no bounds. */
    double number = value->kind == RW_KIND_INT ? (double)value->as.integer : value->as.number;

    if (!(number >= (double)option->least && number <= (double)option->most) ||
        number != (double)(uint32_t)number) {
        return refuse_number(option, number);
    }
    *field = (uint32_t)number;
    return rw_nil();
}
