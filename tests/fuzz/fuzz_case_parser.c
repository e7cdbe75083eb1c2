/* SPDX-License-Identifier: MIT
 *
 * fuzz_case_parser.c - any text at all into the parser of behaviour cases.
 *
 * Either it says what is wrong, naming a line, or every block of what it read is closed and every literal is written
 * as it can be read again.
 */
#include "fuzz.h"
#include "harness/case.h"

static const struct fuzz_seed seeds[] = {
    FUZZ_SEED("case a name\n  task main\n    sleep 10\n    trace done\n  expect\n    10 main done\n"),
    FUZZ_SEED(
        "case c\nonly c lua: because\ntask main\nchannel c unbounded kind shared\nshow send c \"x\\n\"\n"
        "spawn w as w2\nx = await w2\ntask w\nshow receive c\nreturn $x\nexpect\n0 w receive c: \"x\\n\"\n"),
    FUZZ_SEED(
        "case b\ntask main\nscope s deadline 10\ntry\nrepeat 3\nyield\nend\nfinally\nsleep 1\nend\nend\n"
        "expect\n"),
    FUZZ_SEED(
        "case v\ntask main\nx = value [nil, true, -12, 1.5, b\"\\xff\", {\"k\": [1, 2]}]\n"
        "show within 5 receive c\nselect mode biased\nreceive c\nsend d 1\nafter 5\ndefault\nend\nexpect\n"),
    FUZZ_SEED(
        "case j\nnot lua5.1: no\ntask main\njoin\nsleep 1\nawait t\nend\nfail \"x\"\nexpect\n0 main x\n"),
};

static void check_literal(const struct rw_value *value)
{
    char *text = case_literal_format(value);
    const char *at = text;
    struct rw_value again = case_literal_parse(&at, text + strlen(text));

    FUZZ_CHECK(rw_is_failure(&again) == 0);
    FUZZ_CHECK(*at == '\0');
    FUZZ_CHECK(rw_value_equal(value, &again));
    rw_value_drop(&again);
    free(text);
}

static void check_task(const struct case_task *task)
{
    for (size_t i = 0; i < task->step_count; i++) {
        const struct step *step = &task->steps[i];

        if (step->step_class == STEP_BLOCK || step->step_class == STEP_GROUP) {
            FUZZ_CHECK(step->block_end > i && step->block_end < task->step_count);
            FUZZ_CHECK(task->steps[step->block_end].block_end == i);
        }
        for (size_t a = 0; a < STEP_SLOTS; a++) {
            check_literal(&step->arguments[a].value);
        }
    }
}

static void parse(const uint8_t *data, size_t size)
{
    struct case_file *file = case_file_parse((const char *)data, size);

    if (file->error != NULL) {
        FUZZ_CHECK(strncmp(file->error, "line ", 5) == 0);
    } else {
        for (size_t c = 0; c < file->case_count; c++) {
            for (size_t t = 0; t < file->cases[c].task_count; t++) {
                check_task(&file->cases[c].tasks[t]);
            }
        }
    }
    case_file_free(file);
}

FUZZ_MAIN(parse, seeds)
