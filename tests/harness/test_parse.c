/* SPDX-License-Identifier: MIT
 *
 * test_parse.c - files of cases: what is read, and what is said about files that cannot be.
 */
#include "core/test.h"
#include "harness/case.h"
#include "harness/text.h"

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct text text = {0};
    char part[4096];
    size_t got;

    while (file != NULL && (got = fread(part, 1, sizeof part, file)) > 0) {
        text_add_sized(&text, part, got);
    }
    if (file != NULL) {
        fclose(file);
    }
    return text_take(&text);
}

/* Checks one file against the message in the line before it. */
static void check_malformed(const char *message, size_t message_size, const char *text, size_t size)
{
    struct case_file *file = case_file_parse(text, size);
    bool as_expected = file->error != NULL && strlen(file->error) == message_size &&
                       memcmp(file->error, message, message_size) == 0;

    if (!as_expected) {
        test_fail(__FILE__, __LINE__, "another message than expected");
        printf("#   expected %.*s\n#   actual   %s\n", (int)message_size, message,
               file->error != NULL ? file->error : "none");
    }
    case_file_free(file);
}

static void malformed_files_are_refused_with_the_line_and_the_reason(void)
{
    char *text = read_text(RW_TEST_DATA "/harness/malformed.txt");
    char *entry = strstr(text, "\n! ");
    int count = 0;

    while (entry != NULL) {
        const char *message = entry + 3;
        const char *begin = strchr(message, '\n') + 1;

        entry = strstr(begin - 1, "\n! ");
        const char *end = entry != NULL ? entry + 1 : begin + strlen(begin);

        check_malformed(message, (size_t)(begin - 1 - message), begin, (size_t)(end - begin));
        count++;
    }
    free(text);
    CHECK(count > 40);
}

static struct case_file *parse(const char *text)
{
    return case_file_parse(text, strlen(text));
}

static void a_case_is_read_with_all_its_parts(void)
{
    struct case_file *file =
        parse("# a comment\n\ncase a name\nonly c lua: a reason\ntask main\n"
              "x = within 5 receive c\nspawn w as w2\ntask w\nexpect\n0 main x\n10 w y z\n");

    CHECK(file->error == NULL);
    CHECK_INT(file->case_count, 1);
    const struct behaviour_case *behaviour = &file->cases[0];
    const struct step *step = &behaviour->tasks[0].steps[0];

    CHECK_TEXT(behaviour->name, "a name");
    CHECK_INT(behaviour->line, 3);
    CHECK_TEXT(behaviour->notes[0].reason, "a reason");
    CHECK_INT(behaviour->task_count, 2);
    CHECK_INT(step->op, OP_RECEIVE);
    CHECK_INT(step->within_ms, 5);
    CHECK_TEXT(step->store, "x");
    CHECK_TEXT(step->text, "within 5 receive c");
    CHECK_TEXT(behaviour->tasks[0].steps[1].arguments[1].text, "w2");
    CHECK(!behaviour->tasks[0].steps[1].arguments[2].given);
    CHECK_TEXT(behaviour->expected[1], "10 w y z");
    case_file_free(file);
}

static void blocks_know_where_they_end(void)
{
    struct case_file *file =
        parse("case a\ntask main\ntry\nrepeat 2\nyield\nend\nfinally\nyield\nend\nexpect\n");
    const struct step *steps = file->cases[0].tasks[0].steps;

    CHECK(file->error == NULL);
    CHECK_INT(steps[0].block_end, 6);
    CHECK_INT(steps[0].middle, 4);
    CHECK_INT(steps[1].block_end, 3);
    CHECK_INT(steps[3].block_end, 1);
    case_file_free(file);
}

static void limits_name_languages_and_families(void)
{
    struct case_file *file = parse("case a\nonly lua python3.11: r\ntask main\nexpect\n"
                                   "case b\nnot lua5.1 luajit: s\ntask main\nexpect\n");
    const struct behaviour_case *only = &file->cases[0];
    const struct behaviour_case *not = &file->cases[1];

    CHECK(file->error == NULL);
    CHECK(case_skip_reason(only, "lua5.4") == NULL && case_skip_reason(only, "luajit") == NULL);
    CHECK(case_skip_reason(only, "python3.11") == NULL);
    CHECK_TEXT(case_skip_reason(only, "python3.12"), "r");
    CHECK_TEXT(case_skip_reason(only, "c"), "r");
    CHECK_TEXT(case_skip_reason(not, "luajit"), "s");
    CHECK(case_skip_reason(not, "lua5.4") == NULL && case_skip_reason(not, "c") == NULL);
    case_file_free(file);
}

static void lines_may_end_as_on_windows(void)
{
    struct case_file *file = parse("case a\r\n  task main\r\n    sleep 5\r\n  expect\r\n    5 main x\r\n");

    CHECK(file->error == NULL);
    CHECK_TEXT(file->cases[0].name, "a");
    CHECK_TEXT(file->cases[0].expected[0], "5 main x");
    case_file_free(file);
}

static const struct test tests[] = {
    TEST(malformed_files_are_refused_with_the_line_and_the_reason),
    TEST(a_case_is_read_with_all_its_parts),
    TEST(blocks_know_where_they_end),
    TEST(limits_name_languages_and_families),
    TEST(lines_may_end_as_on_windows),
};

TEST_MAIN(tests)
