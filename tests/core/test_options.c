/* SPDX-License-Identifier: MIT
 *
 * test_options.c - the options of a loop, as scripts write them.
 */
#include <math.h>

#include "test.h"

static struct rw_loop_options options;

/* What setting `name` is answered with: a message, or "". */
static const char *answer_to(const char *name, struct rw_value value)
{
    static char text[200];
    struct rw_value answer = rw_loop_options_set(&options, name, &value);

    snprintf(text, sizeof text, "%s", rw_is_failure(&answer) ? rw_value_message(&answer) : "");
    rw_value_drop(&answer);
    rw_value_drop(&value);
    return text;
}

static int code_of(const char *name, struct rw_value value)
{
    struct rw_value answer = rw_loop_options_set(&options, name, &value);
    int code = rw_is_failure(&answer) ? answer.code : 0;

    rw_value_drop(&answer);
    rw_value_drop(&value);
    return code;
}

static void every_option_has_a_text_and_a_default_within_its_bounds(void)
{
    size_t count = 0;

    for (const struct rw_option *option; (option = rw_loop_option(count)) != NULL; count++) {
        CHECK(strlen(option->name) > 0 && strlen(option->unit) > 0 && strlen(option->text) > 0);
        CHECK(option->least >= 1); /* 0 means the default */
        CHECK(option->standard >= option->least && option->standard <= option->most);
        CHECK(option->most <= UINT32_MAX);
        CHECK_TEXT(answer_to(option->name, rw_int(option->least)), "");
        CHECK_TEXT(answer_to(option->name, rw_int(option->most)), "");
        CHECK_INT(code_of(option->name, rw_int(option->least - 1)), RW_ERR_INVALID);
        CHECK_INT(code_of(option->name, rw_int(option->most + 1)), RW_ERR_INVALID);
    }
    CHECK(count > 0);
    CHECK(rw_loop_option(count + 1) == NULL && rw_loop_option(SIZE_MAX) == NULL);
}

static void a_number_is_written_to_its_own_field(void)
{
    options = (struct rw_loop_options){0};
    CHECK_TEXT(answer_to("blocking_threads", rw_int(7)), "");
    CHECK_TEXT(answer_to("task_budget", rw_double(50.0)), "");
    CHECK_INT(options.blocking_threads, 7);
    CHECK_INT(options.task_budget, 50);
    CHECK_INT(options.blocking_queue, 0);
    CHECK_TEXT(answer_to("task_budget", rw_nil()), "");
    CHECK_INT(options.task_budget, 0);
}

static void what_is_refused_is_told_with_what_is_allowed(void)
{
    options = (struct rw_loop_options){.task_budget = 9};
    CHECK_TEXT(
        answer_to("task_buget", rw_int(1)),
        "there is no loop option 'task_buget': choose from task_budget, blocking_threads, blocking_queue");
    CHECK_TEXT(answer_to("task_budget", rw_int(0)),
               "loop option 'task_budget' is 0: 1 to 1000000 operations are allowed");
    CHECK_TEXT(answer_to("task_budget", rw_double(1.5)),
               "loop option 'task_budget' is 1.5: 1 to 1000000 operations are allowed");
    CHECK_TEXT(answer_to("task_budget", rw_text_of("many")),
               "loop option 'task_budget' is a number of operations, not text");
    CHECK_INT(code_of("", rw_int(1)), RW_ERR_TYPE);
    CHECK_INT(code_of("task_budget", rw_bool(true)), RW_ERR_TYPE);
    CHECK_INT(code_of("task_budget", rw_double(NAN)), RW_ERR_INVALID);
    CHECK_INT(code_of("task_budget", rw_double(-INFINITY)), RW_ERR_INVALID);
    CHECK_INT(code_of("task_budget", rw_int(INT64_MIN)), RW_ERR_INVALID);
    CHECK_INT(options.task_budget, 9);
}

static void without_memory_the_refusal_has_its_code(void)
{
    test_state.fail_at = test_state.allocation_count + 1;
    CHECK_INT(code_of("nonsense", rw_int(1)), RW_ERR_TYPE);
    CHECK_INT(code_of("task_budget", rw_int(0)), RW_ERR_INVALID);
    test_state.fail_at = 0;
}

static void a_loop_takes_what_was_read(void)
{
    options = (struct rw_loop_options){0};
    CHECK_TEXT(answer_to("blocking_queue", rw_int(1)), "");
    struct rw_loop *loop = rw_loop_new(&options);

    CHECK(loop != NULL);
    rw_loop_free(loop);
}

static const struct test tests[] = {
    TEST(every_option_has_a_text_and_a_default_within_its_bounds),
    TEST(a_number_is_written_to_its_own_field),
    TEST(what_is_refused_is_told_with_what_is_allowed),
    TEST(without_memory_the_refusal_has_its_code),
    TEST(a_loop_takes_what_was_read),
};

TEST_MAIN(tests)
