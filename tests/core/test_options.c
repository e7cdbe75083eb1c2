/* SPDX-License-Identifier: MIT
 *
 * test_options.c - the options of a loop, as scripts write them.
 */
#include <math.h>

#include "test.h"

static struct rw_loop_options options;
static struct rw_sim_options sim_options;

/* The answer to a map with one option, which takes `value`; of a simulation if so. */
static struct rw_value read_one(bool of_sim, const char *name, struct rw_value value)
{
    struct rw_map *map = rw_map_new(1);

    (void)rw_map_add(map, rw_text_of(name), value);
    struct rw_value given = rw_value_of_map(map);
    struct rw_value answer =
        of_sim ? rw_sim_options_read(&sim_options, &given) : rw_loop_options_read(&options, &given);

    rw_value_drop(&given);
    return answer;
}

/* What setting `name` is answered with: a message, or "". */
static const char *answer_to(const char *name, struct rw_value value)
{
    static char text[200];
    struct rw_value answer = read_one(false, name, value);

    snprintf(text, sizeof text, "%s", rw_is_failure(&answer) ? rw_value_message(&answer) : "");
    rw_value_drop(&answer);
    return text;
}

static int code_of(const char *name, struct rw_value value)
{
    struct rw_value answer = read_one(false, name, value);
    int code = rw_is_failure(&answer) ? answer.code : 0;

    rw_value_drop(&answer);
    return code;
}

static const char *sim_answer_to(const char *name, struct rw_value value)
{
    static char text[400];
    struct rw_value answer = read_one(true, name, value);

    snprintf(text, sizeof text, "%s", rw_is_failure(&answer) ? rw_value_message(&answer) : "");
    rw_value_drop(&answer);
    return text;
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
    struct rw_map *map = rw_map_new(1);

    CHECK_INT(rw_map_add(map, rw_text_of("nonsense"), rw_int(1)), 0);
    struct rw_value given = rw_value_of_map(map);
    test_state.fail_at = test_state.allocation_count + 1;
    struct rw_value answer = rw_loop_options_read(&options, &given);
    test_state.fail_at = 0;
    CHECK(rw_is_failure(&answer));
    CHECK_INT(answer.code, RW_ERR_TYPE);
    rw_value_drop(&answer);
    rw_value_drop(&given);
}

static void what_is_no_map_is_refused(void)
{
    struct rw_value answer = rw_nil();
    struct rw_value number = rw_int(5);

    CHECK(!rw_is_failure(&answer));
    answer = rw_loop_options_read(&options, &answer);
    CHECK(!rw_is_failure(&answer)); /* nil: nothing was given */
    answer = rw_sim_options_read(&sim_options, &number);
    CHECK_TEXT(rw_value_message(&answer), "the options of a simulation are a map, not int");
    rw_value_drop(&answer);
}

static void times_and_chances_may_be_given_in_other_units(void)
{
    sim_options = (struct rw_sim_options){0};
    CHECK_TEXT(sim_answer_to("latency_max", rw_double(0.1)), "");
    CHECK_INT(sim_options.latency_max_ns, 100000000);
    CHECK_TEXT(sim_answer_to("latency_max_ns", rw_int(5)), "");
    CHECK_INT(sim_options.latency_max_ns, 5);
    CHECK_TEXT(sim_answer_to("short_io", rw_double(0.3)), "");
    CHECK_INT(sim_options.short_io_ppm, 300000);
    CHECK_TEXT(sim_answer_to("eintr", rw_int(1)), "");
    CHECK_INT(sim_options.eintr_ppm, 1000000);
    CHECK_TEXT(sim_answer_to("shuffle", rw_bool(true)), "");
    CHECK(sim_options.shuffle);
    CHECK_TEXT(sim_answer_to("seed", rw_int(INT64_MAX)), "");
    CHECK(sim_options.seed == INT64_MAX);
    CHECK_TEXT(sim_answer_to("seed", rw_nil()), "");
    CHECK_INT(sim_options.seed, 0);
}

static void a_simulations_wrong_option_is_refused(void)
{
    sim_options = (struct rw_sim_options){0};
    CHECK_TEXT(
        sim_answer_to("latency", rw_int(1)),
        "there is no simulation option 'latency': choose from seed, shuffle, latency_min_ns, "
        "latency_max_ns, short_io_ppm, eintr_ppm, reset_ppm, connect_fail_ppm, emfile_ppm, buffer_size");
    CHECK_TEXT(sim_answer_to("short_io", rw_double(1.5)),
               "simulation option 'short_io_ppm' is 1500000: 0 to 1000000 millionths are allowed");
    CHECK_TEXT(sim_answer_to("latency_max", rw_double(NAN)),
               "simulation option 'latency_max_ns' is nan: 0 to 4294967295 nanoseconds are allowed");
    CHECK_TEXT(sim_answer_to("shuffle", rw_int(1)), "simulation option 'shuffle' is a flag, not int");
    CHECK_TEXT(sim_answer_to("buffer_size", rw_int(0)),
               "simulation option 'buffer_size' is 0: 1 to 4294967295 bytes are allowed");
}

static void the_latencies_must_fit_together(void)
{
    sim_options = (struct rw_sim_options){0};
    CHECK_TEXT(sim_answer_to("latency_min", rw_double(0.5)), "");
    CHECK_INT(sim_options.latency_max_ns, 500000000);
    CHECK_TEXT(sim_answer_to("latency_max_ns", rw_int(7)),
               "simulation option 'latency_max_ns' is 7: less than latency_min_ns, 500000000");
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
    TEST(what_is_no_map_is_refused),
    TEST(times_and_chances_may_be_given_in_other_units),
    TEST(a_simulations_wrong_option_is_refused),
    TEST(the_latencies_must_fit_together),
    TEST(a_loop_takes_what_was_read),
};

TEST_MAIN(tests)
