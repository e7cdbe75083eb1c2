/* SPDX-License-Identifier: MIT
 *
 * test_births.c - the library's public functions are known. What modules leave behind is seen in tests/ext/checked.*.
 */
#include "exec/births.h"

#include "test.h"

static void public_functions_are_told_from_others(void)
{
    CHECK(rwi_is_public((const void *)(uintptr_t)rw_promise_new));
    CHECK(!rwi_is_public((const void *)(uintptr_t)rwi_births_new));
    CHECK(!rwi_is_public(NULL));
}

static void nobody_takes_notes_where_callers_cannot_be_told(void)
{
    int thing = 0;

    CHECK(rwi_births_new(rwi_is_public) == NULL);
    rwi_births_note(NULL, &thing);
    rwi_births_forget(NULL, &thing);
    rwi_births_report(NULL);
    rwi_births_free(NULL);
}

static const struct test tests[] = {
    TEST(public_functions_are_told_from_others),
    TEST(nobody_takes_notes_where_callers_cannot_be_told),
};

TEST_MAIN(tests)
