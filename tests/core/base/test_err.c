/* SPDX-License-Identifier: MIT
 *
 * test_err.c - the one table of errors.
 */
#include "test.h"

static void every_error_has_a_name_a_code_a_class_and_a_text(void)
{
    for (int err = -1; err >= RW_ERR_LAST; err--) {
        CHECK_INT(strncmp(rw_err_name(err), "RW_ERR_", 7), 0);
        CHECK(strlen(rw_err_code(err)) > 0);
        CHECK(strlen(rw_err_python(err)) > 0);
        CHECK(strlen(rw_err_text(err)) > 0);
    }
}

static void the_rows_are_where_their_numbers_say(void)
{
    CHECK_TEXT(rw_err_name(RW_ERR_CLOSED), "RW_ERR_CLOSED");
    CHECK_TEXT(rw_err_code(RW_ERR_CLOSED), "closed");
    CHECK_TEXT(rw_err_python(RW_ERR_CANCELLED), "CancelledError");
    CHECK_TEXT(rw_err_text(RW_ERR_TIMEOUT), "timeout");
    CHECK_TEXT(rw_err_name(RW_ERR_BROKEN), "RW_ERR_BROKEN");
    CHECK_TEXT(rw_err_name(RW_OK), "RW_OK");
}

static void codes_are_unique(void)
{
    for (int a = -1; a >= RW_ERR_LAST; a--) {
        for (int b = a - 1; b >= RW_ERR_LAST; b--) {
            CHECK(strcmp(rw_err_code(a), rw_err_code(b)) != 0);
            CHECK(strcmp(rw_err_name(a), rw_err_name(b)) != 0);
        }
    }
}

static void unknown_numbers_have_an_answer(void)
{
    static const int numbers[] = {1, 1000, RW_ERR_LAST - 1, -100000, INT32_MIN, INT32_MAX};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        CHECK_TEXT(rw_err_name(numbers[i]), "RW_ERR_UNKNOWN");
        CHECK_TEXT(rw_err_code(numbers[i]), "unknown");
        CHECK_TEXT(rw_err_python(numbers[i]), "Error");
        CHECK_TEXT(rw_err_text(numbers[i]), "unknown error");
    }
}

static void a_code_leads_back_to_its_number(void)
{
    for (int err = -1; err >= RW_ERR_LAST; err--) {
        CHECK_INT(rw_err_number(rw_err_code(err)), err);
    }
    CHECK_INT(rw_err_number("ok"), 0);
    CHECK_INT(rw_err_number("unknown"), 0);
    CHECK_INT(rw_err_number(""), 0);
}

static const struct test tests[] = {
    TEST(every_error_has_a_name_a_code_a_class_and_a_text),
    TEST(the_rows_are_where_their_numbers_say),
    TEST(codes_are_unique),
    TEST(unknown_numbers_have_an_answer),
    TEST(a_code_leads_back_to_its_number),
};

TEST_MAIN(tests)
