/* SPDX-License-Identifier: MIT
 *
 * test_encode.c - values to bytes: the exact bytes, and what is refused.
 */
#include "test.h"

static bool encodes_to(struct rw_value value, const char *expected, size_t expected_size)
{
    struct rw_value out = rw_value_encode(&value);
    size_t size = 0;
    bool same = out.kind == RW_KIND_BYTES && memcmp(rw_value_data(&out, &size), expected, expected_size) == 0;

    rw_value_drop(&value);
    rw_value_drop(&out);
    return same && size == expected_size;
}

#define ENCODES_TO(value, bytes) encodes_to(value, bytes, sizeof(bytes) - 1)

static int code_of_encoding(struct rw_value value)
{
    struct rw_value out = rw_value_encode(&value);
    int code = rw_is_failure(&out) ? out.code : RW_OK;

    rw_value_drop(&value);
    rw_value_drop(&out);
    return code;
}

static void scalars_have_their_bytes(void)
{
    CHECK(ENCODES_TO(rw_nil(), "\x00"));
    CHECK(ENCODES_TO(rw_bool(false), "\x01"));
    CHECK(ENCODES_TO(rw_bool(true), "\x02"));
    CHECK(ENCODES_TO(rw_int(0), "\x03\x00"));
    CHECK(ENCODES_TO(rw_int(-1), "\x03\x01"));
    CHECK(ENCODES_TO(rw_int(64), "\x03\x80\x01"));
    CHECK(ENCODES_TO(rw_int(INT64_MIN), "\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    CHECK(ENCODES_TO(rw_double(1.0), "\x04\x00\x00\x00\x00\x00\x00\xf0\x3f"));
}

static void data_has_its_size_before_it(void)
{
    CHECK(ENCODES_TO(rw_bytes("\xff\x00", 2), "\x05\x02\xff\x00"));
    CHECK(ENCODES_TO(rw_text_of("hi"), "\x06\x02hi"));
    CHECK(ENCODES_TO(rw_text_of(""), "\x06\x00"));
}

static void containers_have_their_count_before_them(void)
{
    struct rw_list *list = rw_list_new(2);
    struct rw_map *map = rw_map_new(1);

    rw_list_push(list, rw_nil());
    rw_list_push(list, rw_int(1));
    rw_map_add(map, rw_text_of("k"), rw_value_of_list(list));
    CHECK(ENCODES_TO(rw_value_of_map(map), "\x08\x01\x06\x01k\x07\x02\x00\x03\x02"));
}

static void errors_have_only_what_they_carry(void)
{
    CHECK(
        ENCODES_TO(rw_value_of_error(rw_error_new(RW_ERR_CLOSED, NULL, RW_ORIGIN_LUA)), "\x09\x05\x01\x00"));
    CHECK(ENCODES_TO(rw_value_of_error(rw_error_new(RW_ERR_CLOSED, "closed", RW_ORIGIN_C)),
                     "\x09\x05\x00\x00"));
    CHECK(ENCODES_TO(rw_value_of_error(rw_error_new(RW_ERR_CLOSED, "m", RW_ORIGIN_C)),
                     "\x09\x05\x00\x01\x01m"));
    struct rw_value bare = rw_failure(RW_ERR_CLOSED);

    bare.failed = 0;
    CHECK(ENCODES_TO(bare, "\x09\x05\x00\x00"));
}

static const struct rw_native_vtable native_vtable = {"test", NULL, NULL, NULL};

static void what_is_not_portable_is_refused(void)
{
    struct rw_native native = {&native_vtable, NULL};
    struct rw_value value = {.kind = RW_KIND_NATIVE};

    value.as.native = &native;
    struct rw_value out = rw_value_encode(&value);

    CHECK_INT(out.code, RW_ERR_TYPE);
    rw_value_drop(&out);
    CHECK_INT(code_of_encoding(rw_failure(RW_ERR_CLOSED)), RW_ERR_TYPE);
}

static struct rw_value nested(int depth)
{
    struct rw_value value = rw_nil();

    for (int i = 0; i < depth; i++) {
        struct rw_list *list = rw_list_new(1);

        rw_list_push(list, value);
        value = rw_value_of_list(list);
    }
    return value;
}

static void deeper_than_the_limit_is_refused(void)
{
    CHECK_INT(code_of_encoding(nested(RW_VALUE_DEPTH_MAX)), RW_OK);
    CHECK_INT(code_of_encoding(nested(RW_VALUE_DEPTH_MAX + 1)), RW_ERR_LIMIT);
    CHECK_INT(code_of_encoding(nested(200000)), RW_ERR_LIMIT);
}

static struct rw_value everything(void)
{
    struct rw_list *list = rw_list_new(0);
    struct rw_error *error = rw_error_new(RW_ERR_OS, "message", RW_ORIGIN_PYTHON);

    if (error != NULL) {
        rw_error_set_type(error, "OSError");
        rw_error_append_traceback(error, "somewhere");
        rw_error_set_errno(error, 2);
    }
    if (list == NULL) {
        rw_error_unref(error);
        return rw_failure(RW_ERR_NOMEM);
    }
    rw_list_push(list, rw_value_of_error(error));
    rw_list_push(list,
                 rw_text_of("some text that is long enough to make the buffer grow once and once more"));
    return rw_value_of_list(list);
}

static void encode_everything(void)
{
    struct rw_value value = everything();
    struct rw_value out = rw_is_failure(&value) ? rw_nil() : rw_value_encode(&value);

    rw_value_drop(&value);
    rw_value_drop(&out);
}

static void every_allocation_may_fail(void)
{
    test_each_allocation(encode_everything);
}

static const struct test tests[] = {
    TEST(scalars_have_their_bytes),
    TEST(data_has_its_size_before_it),
    TEST(containers_have_their_count_before_them),
    TEST(errors_have_only_what_they_carry),
    TEST(what_is_not_portable_is_refused),
    TEST(deeper_than_the_limit_is_refused),
    TEST(every_allocation_may_fail),
};

TEST_MAIN(tests)
