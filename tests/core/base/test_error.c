/* SPDX-License-Identifier: MIT
 *
 * test_error.c - error values and all they carry.
 */
#include "base/error.h"

#include <errno.h>

#include "test.h"

static int native_drops;

static void drop_native(struct rw_native *self)
{
    (void)self;
    native_drops++;
}

static const struct rw_native_vtable native_vtable = {"test", NULL, drop_native, NULL};

static void an_error_keeps_its_fields(void)
{
    struct rw_error *error = rw_error_new(RW_ERR_SCRIPT, "it broke", RW_ORIGIN_LUA);

    CHECK_INT(rw_error_set_type(error, "KeyError"), 0);
    CHECK_INT(rw_error_set_errno(error, 5), 0);
    CHECK_INT(rw_error_code(error), RW_ERR_SCRIPT);
    CHECK_INT(rw_error_errno(error), 5);
    CHECK_INT(rw_error_origin(error), RW_ORIGIN_LUA);
    CHECK_TEXT(rw_error_message(error), "it broke");
    CHECK_TEXT(rw_error_type(error), "KeyError");
    CHECK(rw_error_traceback(error) == NULL);
    CHECK(rw_error_native(error) == NULL);
    rw_error_unref(error);
}

static void an_error_without_a_message_has_the_codes_text(void)
{
    struct rw_error *error = rw_error_new(RW_ERR_CLOSED, NULL, RW_ORIGIN_C);

    CHECK_TEXT(rw_error_message(error), "closed");
    CHECK(rw_error_type(error) == NULL);
    rw_error_unref(error);
}

static void an_errno_becomes_a_message(void)
{
    struct rw_error *error = rw_error_from_errno(ENOENT, "open");

    CHECK_INT(rw_error_code(error), RW_ERR_OS);
    CHECK_INT(rw_error_errno(error), ENOENT);
    CHECK_TEXT(rw_error_message(error), "open: No such file or directory");
    rw_error_unref(error);
}

static void tracebacks_are_added_below(void)
{
    struct rw_error *error = rw_error_new(RW_ERR_SCRIPT, "x", RW_ORIGIN_PYTHON);

    CHECK_INT(rw_error_append_traceback(error, "inner"), 0);
    CHECK_INT(rw_error_append_traceback(error, "middle\n"), 0);
    CHECK_INT(rw_error_append_traceback(error, "outer"), 0);
    CHECK_TEXT(rw_error_traceback(error), "inner\nmiddle\nouter");
    rw_error_unref(error);
}

static void siblings_are_kept_in_order(void)
{
    struct rw_error *error = rw_error_new(RW_ERR_SCRIPT, "first", RW_ORIGIN_C);

    for (int i = 0; i < 10; i++) {
        char message[32];

        snprintf(message, sizeof message, "other %d", i);
        CHECK_INT(rw_error_add_other(error, rw_error_new(RW_ERR_OS, message, RW_ORIGIN_C)), 0);
    }
    CHECK_INT(rw_error_other_count(error), 10);
    CHECK_TEXT(rw_error_message(rw_error_other(error, 0)), "other 0");
    CHECK_TEXT(rw_error_message(rw_error_other(error, 9)), "other 9");
    rw_error_unref(error);
}

static void the_native_is_dropped_with_the_error(void)
{
    struct rw_native natives[2] = {{&native_vtable, NULL}, {&native_vtable, NULL}};
    struct rw_error *error = rw_error_new(RW_ERR_SCRIPT, "x", RW_ORIGIN_C);

    native_drops = 0;
    rw_error_set_native(error, &natives[0]);
    rw_error_set_native(error, &natives[1]);
    CHECK_INT(native_drops, 1);
    CHECK(rw_error_native(error) == &natives[1]);
    rw_error_ref(error);
    rw_error_unref(error);
    CHECK_INT(native_drops, 1);
    rw_error_unref(error);
    CHECK_INT(native_drops, 2);
}

static void a_long_chain_of_siblings_is_freed_without_the_stack(void)
{
    struct rw_error *error = rw_error_new(RW_ERR_OS, NULL, RW_ORIGIN_C);

    for (int i = 0; i < 500000; i++) {
        struct rw_error *outer = rw_error_new(RW_ERR_OS, NULL, RW_ORIGIN_C);

        CHECK_INT(rw_error_add_other(outer, error), 0);
        error = outer;
    }
    rw_error_unref(error);
}

static void a_message_ends_at_its_first_zero_byte(void)
{
    struct rw_error *error = rwi_error_new_sized(RW_ERR_OS, "a\0b", 3, RW_ORIGIN_C);

    CHECK_TEXT(rw_error_message(error), "a");
    rw_error_unref(error);
}

static void build_everything(void)
{
    struct rw_error *error = rw_error_new(RW_ERR_OS, "x", RW_ORIGIN_C);

    if (error == NULL) {
        return;
    }
    rw_error_set_type(error, "T");
    rw_error_append_traceback(error, "a");
    rw_error_append_traceback(error, "b");
    struct rw_error *other = rw_error_from_errno(EINTR, "read");

    if (other != NULL) {
        rw_error_add_other(error, other);
    }
    rw_error_unref(error);
}

static void every_allocation_may_fail(void)
{
    test_each_allocation(build_everything);
}

static void an_error_tells_whether_it_is_shared(void)
{
    struct rw_error *error = rw_error_new(RW_ERR_OS, NULL, RW_ORIGIN_C);

    CHECK(!rw_error_is_shared(error));
    rw_error_ref(error);
    CHECK(rw_error_is_shared(error));
    rw_error_unref(error);
    CHECK(!rw_error_is_shared(error));
    rw_error_unref(error);
}

static void unref_takes_null(void)
{
    rw_error_unref(NULL);
    CHECK(!test_state.failed);
}

static const struct test tests[] = {
    TEST(an_error_keeps_its_fields),
    TEST(an_error_without_a_message_has_the_codes_text),
    TEST(an_errno_becomes_a_message),
    TEST(tracebacks_are_added_below),
    TEST(siblings_are_kept_in_order),
    TEST(the_native_is_dropped_with_the_error),
    TEST(a_long_chain_of_siblings_is_freed_without_the_stack),
    TEST(a_message_ends_at_its_first_zero_byte),
    TEST(every_allocation_may_fail),
    TEST(an_error_tells_whether_it_is_shared),
    TEST(unref_takes_null),
};

TEST_MAIN(tests)
