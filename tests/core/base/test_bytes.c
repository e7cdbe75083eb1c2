/* SPDX-License-Identifier: MIT
 *
 * test_bytes.c - byte strings and texts.
 */
#include "base/bytes.h"

#include "test.h"

static void bytes_keep_their_data_and_size(void)
{
    struct rw_value value = rw_bytes("a\0\xff", 3);
    size_t size;
    const char *data = rw_value_data(&value, &size);

    CHECK_INT(value.kind, RW_KIND_BYTES);
    CHECK_INT(size, 3);
    CHECK_INT(memcmp(data, "a\0\xff", 4), 0); /* a zero byte follows */
    rw_value_drop(&value);
    CHECK_INT(value.kind, RW_KIND_NIL);
}

static void empty_bytes_need_no_data(void)
{
    struct rw_value value = rw_bytes(NULL, 0);
    size_t size = 1;

    CHECK_TEXT(rw_value_data(&value, &size), "");
    CHECK_INT(size, 0);
    rw_value_drop(&value);
}

static void text_that_is_not_utf8_is_refused(void)
{
    struct rw_value value = rw_text("\xff", 1);

    CHECK(rw_is_failure(&value));
    CHECK_INT(value.code, RW_ERR_INVALID);
    CHECK_TEXT(rw_value_message(&value), "not valid UTF-8");
    rw_value_drop(&value);
}

static void text_of_a_c_string_is_text(void)
{
    struct rw_value value = rw_text_of("gr\xc3\xbc\xc3\x9f");

    CHECK_INT(value.kind, RW_KIND_TEXT);
    CHECK_TEXT(rw_value_data(&value, NULL), "gr\xc3\xbc\xc3\x9f");
    rw_value_drop(&value);
}

static void a_fresh_string_can_be_filled_and_cut(void)
{
    struct rw_bytes *bytes = rw_bytes_new(10);

    memcpy(rw_bytes_data(bytes), "0123456789", 10);
    rw_bytes_truncate(bytes, 4);
    CHECK_INT(rw_bytes_size(bytes), 4);
    CHECK_TEXT(rw_bytes_data(bytes), "0123");
    struct rw_value value = rw_value_of_bytes(bytes);

    rw_value_drop(&value);
}

static void a_size_that_cannot_be_is_no_memory(void)
{
    CHECK(rw_bytes_new(SIZE_MAX) == NULL);
    CHECK(rw_bytes_new(SIZE_MAX - 8) == NULL);
    struct rw_value value = rw_value_of_bytes(NULL);

    CHECK_INT(value.code, RW_ERR_NOMEM);
}

static void no_memory_gives_a_failure(void)
{
    test_fail_allocation(1, false);
    struct rw_value value = rw_text_of("x");

    CHECK(rw_is_failure(&value));
    CHECK_INT(value.code, RW_ERR_NOMEM);
    value = rw_text("\xff", 1);
    CHECK_INT(value.code, RW_ERR_INVALID);
    CHECK_TEXT(rw_value_message(&value), "invalid argument");
}

static void references_keep_a_string(void)
{
    struct rw_bytes *bytes = rw_bytes_new(1);

    CHECK(rwi_bytes_ref(bytes) == bytes);
    rwi_bytes_unref(bytes);
    rw_bytes_data(bytes)[0] = 'x';
    rwi_bytes_unref(bytes);
}

static const struct test tests[] = {
    TEST(bytes_keep_their_data_and_size),
    TEST(empty_bytes_need_no_data),
    TEST(text_that_is_not_utf8_is_refused),
    TEST(text_of_a_c_string_is_text),
    TEST(a_fresh_string_can_be_filled_and_cut),
    TEST(a_size_that_cannot_be_is_no_memory),
    TEST(no_memory_gives_a_failure),
    TEST(references_keep_a_string),
};

TEST_MAIN(tests)
