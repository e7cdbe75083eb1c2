/* SPDX-License-Identifier: MIT
 *
 * run_cases.c - the behaviour cases on the C API.
 *
 *      run_cases [--trace] [FILE...]
 *
 * Without files: those of this tree. With --trace nothing is compared: what happened is printed for another program to
 * compare, in lines of fields with tabs between them (docs/harness.md).
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run.h"

#ifndef RW_TEST_DATA
#define RW_TEST_DATA "tests"
#endif

struct totals {
    int passed;
    int failed;
    int skipped;
    bool trace_only;
};

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct text text = {0};
    char part[4096];
    size_t got;

    if (file == NULL) {
        return NULL;
    }
    while ((got = fread(part, 1, sizeof part, file)) > 0) {
        text_add_sized(&text, part, got);
    }
    fclose(file);
    *size = text.size;
    return text_take(&text);
}

static bool is_as_expected(const struct run *run, const struct behaviour_case *behaviour)
{
    if (run->trace_count != behaviour->expected_count) {
        return false;
    }
    for (size_t i = 0; i < run->trace_count; i++) {
        if (strcmp(run->trace[i], behaviour->expected[i]) != 0) {
            return false;
        }
    }
    return true;
}

static void print_difference(const struct run *run, const struct behaviour_case *behaviour)
{
    size_t count =
        run->trace_count > behaviour->expected_count ? run->trace_count : behaviour->expected_count;

    for (size_t i = 0; i < count; i++) {
        const char *actual = i < run->trace_count ? run->trace[i] : NULL;
        const char *expected = i < behaviour->expected_count ? behaviour->expected[i] : NULL;

        if (actual != NULL && expected != NULL && strcmp(actual, expected) == 0) {
            printf("#   %s\n", actual);
            continue;
        }
        if (expected != NULL) {
            printf("# - %s\n", expected);
        }
        if (actual != NULL) {
            printf("# + %s\n", actual);
        }
    }
}

static void compare(const struct behaviour_case *behaviour, const char *path, struct totals *totals)
{
    struct run run;

    run_case(&run, behaviour);
    if (is_as_expected(&run, behaviour)) {
        printf("ok %s\n", behaviour->name);
        totals->passed++;
    } else {
        printf("not ok %s\n# %s:%d\n", behaviour->name, path, behaviour->line);
        print_difference(&run, behaviour);
        totals->failed++;
    }
    run_free(&run);
}

static void print_trace(const struct behaviour_case *behaviour)
{
    struct run run;

    run_case(&run, behaviour);
    for (size_t i = 0; i < run.trace_count; i++) {
        printf("trace\t%s\n", run.trace[i]);
    }
    run_free(&run);
}

static void run_one(const struct behaviour_case *behaviour, const char *path, struct totals *totals)
{
    const char *reason = case_skip_reason(behaviour, "c");

    if (totals->trace_only) {
        printf("case\t%s\t%d\t%s\n", path, behaviour->line, behaviour->name);
        if (reason != NULL) {
            printf("skip\t%s\n", reason);
        } else {
            print_trace(behaviour);
        }
        fflush(stdout);
        return;
    }
    if (reason != NULL) {
        printf("skip %s %s\n", behaviour->name, reason);
        totals->skipped++;
        return;
    }
    compare(behaviour, path, totals);
    fflush(stdout);
}

static void run_file(const char *path, struct totals *totals)
{
    size_t size;
    char *text = read_file(path, &size);

    if (text == NULL) {
        printf("not ok %s\n# %s\n", path, strerror(errno));
        totals->failed++;
        return;
    }
    struct case_file *file = case_file_parse(text, size);

    if (file->error != NULL) {
        printf("%s%s\n# %s: %s\n", totals->trace_only ? "error\t" : "not ok ", path, path, file->error);
        totals->failed++;
    }
    for (size_t i = 0; i < file->case_count && file->error == NULL; i++) {
        run_one(&file->cases[i], path, totals);
    }
    case_file_free(file);
    free(text);
}

int main(int argc, char **argv)
{
    struct totals totals = {0};
    int first = 1;

    if (argc > 1 && strcmp(argv[1], "--trace") == 0) {
        totals.trace_only = true;
        first = 2;
    }
    for (int i = first; i < argc; i++) {
        run_file(argv[i], &totals);
    }
    if (first == argc) {
        glob_t found = {0};

        if (glob(RW_TEST_DATA "/cases/*.case", 0, NULL, &found) == 0) {
            for (size_t i = 0; i < found.gl_pathc; i++) {
                run_file(found.gl_pathv[i], &totals);
            }
        }
        globfree(&found);
    }
    if (!totals.trace_only) {
        printf("%d passed, %d failed, %d skipped\n", totals.passed, totals.failed, totals.skipped);
    }
    return totals.failed > 0 ? 1 : 0;
}
