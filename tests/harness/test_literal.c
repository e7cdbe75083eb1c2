/* SPDX-License-Identifier: MIT
 *
 * test_literal.c - values as text, there and back.
 */
#include "core/test.h"
#include "harness/case.h"

/* Each is its own spelling. */
static const char *const spellings[] = {
    "nil",
    "true",
    "false",
    "0",
    "-7",
    "9223372036854775807",
    "-9223372036854775808",
    "0.25",
    "-1.0",
    "1e+300",
    "0.1",
    "inf",
    "-inf",
    "nan",
    "\"\"",
    "\"a \\\"quoted\\\" \\\\ \\n\\t\\x00 text\"",
    "\"gr\xc3\xbc\xc3\x9f\"",
    "b\"\"",
    "b\"\\xff\\x00x\"",
    "[]",
    "[1, [2.5, nil], \"x\"]",
    "{}",
    "{\"a\": 1, \"b\": [true]}",
    "{1: 2}",
};

static void each_value_has_one_spelling(void)
{
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        const char *at = spellings[i];
        struct rw_value value = case_literal_parse(&at, at + strlen(at));

        CHECK(!rw_is_failure(&value));
        CHECK_TEXT(at, "");
        char *text = case_literal_format(&value);

        CHECK_TEXT(text, spellings[i]);
        free(text);
        rw_value_drop(&value);
    }
}

static void maps_are_written_in_the_order_of_their_keys(void)
{
    const char *at = "{\"b\": 1, \"a\": 2, 3: 4}";
    struct rw_value value = case_literal_parse(&at, at + strlen(at));
    char *text = case_literal_format(&value);

    CHECK_TEXT(text, "{\"a\": 2, \"b\": 1, 3: 4}");
    free(text);
    rw_value_drop(&value);
}

static void errors_show_their_code_and_a_scripts_text(void)
{
    struct rw_value closed = rw_failure(RW_ERR_CLOSED);
    struct rw_error *error = rw_error_new(RW_ERR_SCRIPT, "boom", RW_ORIGIN_C);

    CHECK_INT(rw_error_add_other(error, rw_error_new(RW_ERR_OS, NULL, RW_ORIGIN_C)), 0);
    struct rw_value script = rw_failure_of(error);
    char *texts[] = {case_literal_format(&closed), case_literal_format(&script)};

    CHECK_TEXT(texts[0], "error closed");
    CHECK_TEXT(texts[1], "error script \"boom\" +1");
    free(texts[0]);
    free(texts[1]);
    rw_value_drop(&script);
}

static void what_nests_too_deep_is_refused(void)
{
    char text[200];

    memset(text, '[', sizeof text);
    const char *at = text;
    struct rw_value value = case_literal_parse(&at, text + sizeof text);

    CHECK_INT(value.code, RW_ERR_LIMIT);
    rw_value_drop(&value);
}

static const struct test tests[] = {
    TEST(each_value_has_one_spelling),
    TEST(maps_are_written_in_the_order_of_their_keys),
    TEST(errors_show_their_code_and_a_scripts_text),
    TEST(what_nests_too_deep_is_refused),
};

TEST_MAIN(tests)
