/* SPDX-License-Identifier: MIT
 *
 * err.c - the table of errors, as functions.
 *
 * The numbers run from -1 down without a gap, so that a lookup is one index; the compiler checks that below. The one
 * unknown row answers for every number outside.
 */
#include <ropewalk.h>
#include <string.h>

#include "base/check.h"

struct row {
    const char *name;
    const char *code;
    const char *python;
    const char *text;
};

static const struct row unknown_row = {"RW_ERR_UNKNOWN", "unknown", "Error", "unknown error"};

static const struct row rows[] = {{"RW_OK", "ok", "", "success"},
#define ROW(symbol, number, code, python, text) [-(number)] = {#symbol, code, python, text},
                                  RW_ERRORS(ROW)
#undef ROW
};

#define COUNT(symbol, number, code, python, text) +1
_Static_assert(RW_ERRORS(COUNT) == -RW_ERR_LAST, "the numbers of the errors have a gap");
#undef COUNT
_Static_assert(sizeof rows / sizeof rows[0] == -RW_ERR_LAST + 1, "a number lies outside the table");

static const struct row *row_of(int err)
{
    if (err > 0 || err < RW_ERR_LAST) {
        return &unknown_row;
    }
    RW_ASSERT(rows[-err].name != NULL);
    return &rows[-err];
}

const char *rw_err_name(int err)
{
    RW_ASSERT(row_of(err)->name != NULL);
    return row_of(err)->name;
}

const char *rw_err_code(int err)
{
    RW_ASSERT(row_of(err)->code != NULL);
    return row_of(err)->code;
}

const char *rw_err_python(int err)
{
    RW_ASSERT(row_of(err)->python != NULL);
    return row_of(err)->python;
}

const char *rw_err_text(int err)
{
    RW_ASSERT(row_of(err)->text != NULL);
    return row_of(err)->text;
}

int rw_err_number(const char *code)
{
    RW_REQUIRE(code != NULL);
    for (int err = -1; err >= RW_ERR_LAST; err--) {
        if (strcmp(row_of(err)->code, code) == 0) {
            return err;
        }
    }
    return 0;
}
