/* SPDX-License-Identifier: MIT
 *
 * test_decode.c - bytes to values: what was encoded comes back, and nothing else is taken.
 */
#include "test.h"

static uint64_t random_state;

static uint64_t random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct rw_error *random_error(int depth)
{
    struct rw_error *error = rw_error_new(-1 - (int)(random_number() % 30),
                                          random_number() % 2 == 0 ? "m" : NULL, random_number() % 3);

    if (random_number() % 2 == 0) {
        rw_error_set_type(error, "Type");
    }
    if (random_number() % 2 == 0) {
        rw_error_append_traceback(error, "trace\nback");
    }
    rw_error_set_errno(error, (int)(random_number() % 3));
    if (depth > 0 && random_number() % 3 == 0) {
        rw_error_add_other(error, random_error(depth - 1));
    }
    return error;
}

static struct rw_value random_value(int depth);

static struct rw_value random_map(int depth)
{
    struct rw_map *map = rw_map_new(0);

    for (uint64_t n = random_number() % 20; n > 0; n--) {
        rw_map_add(map, rw_int((int64_t)(random_number() % 100)), random_value(depth - 1));
    }
    return rw_value_of_map(map);
}

static struct rw_value random_value(int depth)
{
    char data[20];
    struct rw_list *list;

    switch (random_number() % (depth > 0 ? 9 : 6)) {
    case 0:
        return rw_nil();
    case 1:
        return rw_bool(random_number() % 2 == 0);
    case 2:
        return rw_int((int64_t)(random_number() >> random_number() % 64));
    case 3:
        return rw_double((double)(int64_t)random_number() / 1024);
    case 4:
        return rw_bytes(data, (size_t)snprintf(data, sizeof data, "%u", (unsigned)random_number()));
    case 5:
        return rw_text_of("gr\xc3\xbc\xc3\x9f");
    case 6:
        list = rw_list_new(0);
        for (uint64_t n = random_number() % 6; n > 0; n--) {
            rw_list_push(list, random_value(depth - 1));
        }
        return rw_value_of_list(list);
    case 7:
        return random_map(depth);
    default:
        return rw_value_of_error(random_error(3));
    }
}

static void what_was_encoded_comes_back(void)
{
    random_state = 88172645463325252;
    for (int i = 0; i < 5000; i++) {
        struct rw_value value = random_value(5);
        struct rw_value bytes = rw_value_encode(&value);
        size_t size;
        const char *data = rw_value_data(&bytes, &size);
        struct rw_value back = rw_value_decode(data, size);
        struct rw_value again = rw_value_encode(&back);

        CHECK(!rw_is_failure(&back));
        CHECK(rw_value_equal(&value, &back));
        CHECK(rw_value_equal(&bytes, &again));
        rw_value_drop(&value);
        rw_value_drop(&bytes);
        rw_value_drop(&back);
        rw_value_drop(&again);
    }
}

static void every_shorter_input_is_refused(void)
{
    random_state = 7;
    for (int i = 0; i < 200; i++) {
        struct rw_value value = random_value(3);
        struct rw_value bytes = rw_value_encode(&value);
        size_t size;
        const char *data = rw_value_data(&bytes, &size);

        for (size_t cut = 0; cut < size; cut++) {
            struct rw_value back = rw_value_decode(data, cut);

            CHECK(rw_is_failure(&back));
            CHECK_INT(back.code, RW_ERR_INVALID);
            rw_value_drop(&back);
        }
        rw_value_drop(&value);
        rw_value_drop(&bytes);
    }
}

static bool is_refused(const char *data, size_t size)
{
    struct rw_value out = rw_value_decode(data, size);
    bool refused = rw_is_failure(&out) && out.code == RW_ERR_INVALID;

    rw_value_drop(&out);
    return refused;
}

#define IS_REFUSED(bytes) is_refused(bytes, sizeof(bytes) - 1)

static void malformed_input_is_refused(void)
{
    CHECK(IS_REFUSED(""));
    CHECK(IS_REFUSED("\x0a"));         /* an unknown tag */
    CHECK(IS_REFUSED("\xff"));         /* another */
    CHECK(IS_REFUSED("\x00\x00"));     /* something behind the value */
    CHECK(IS_REFUSED("\x03\x80\x00")); /* a number in a longer form than needed */
    CHECK(IS_REFUSED("\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")); /* more than 64 bits */
    CHECK(IS_REFUSED("\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    CHECK(IS_REFUSED("\x06\x01\xff"));                                     /* text that is none */
    CHECK(IS_REFUSED("\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));     /* a size beyond the input */
    CHECK(IS_REFUSED("\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00")); /* a count beyond the input */
    CHECK(IS_REFUSED("\x08\x01\x00\x00"));                                 /* nil as a key */
    CHECK(IS_REFUSED("\x08\x02\x02\x00\x02\x00"));                         /* a key twice */
    CHECK(IS_REFUSED("\x09\x00\x00\x00"));                                 /* an error without an error */
    CHECK(IS_REFUSED("\x09\x02\x00\x00"));                                 /* a positive code */
    CHECK(IS_REFUSED("\x09\x05\x03\x00"));                                 /* an unknown origin */
    CHECK(IS_REFUSED("\x09\x05\x00\x20"));                                 /* an unknown field */
    CHECK(IS_REFUSED("\x09\x05\x00\x01\x01\x00"));                         /* a zero byte in a message */
    CHECK(IS_REFUSED("\x09\x05\x00\x01\x06"
                     "closed"));               /* the code's own text as a message */
    CHECK(IS_REFUSED("\x09\x05\x00\x08\x00")); /* errno 0 */
    CHECK(IS_REFUSED("\x09\x05\x00\x10\x00")); /* no siblings at all */
}

static void deep_input_is_refused(void)
{
    char data[400];

    for (size_t i = 0; i < sizeof data; i += 2) {
        data[i] = '\x07';
        data[i + 1] = '\x01';
    }
    CHECK(is_refused(data, sizeof data));
    data[2 * RW_VALUE_DEPTH_MAX] = '\x00';
    struct rw_value out = rw_value_decode(data, 2 * RW_VALUE_DEPTH_MAX + 1);

    CHECK_INT(out.kind, RW_KIND_LIST);
    rw_value_drop(&out);
    data[2 * RW_VALUE_DEPTH_MAX] = '\x07';
    data[2 * RW_VALUE_DEPTH_MAX + 1] = '\x00';
    CHECK(is_refused(data, 2 * RW_VALUE_DEPTH_MAX + 2));
}

static void a_count_is_not_believed_before_it_is_read(void)
{
    char data[4096];
    int64_t live = test_state.live_bytes;
    uint64_t allocations = test_state.allocation_count;

    memset(data, '\x07', sizeof data);
    for (size_t i = 1; i < sizeof data; i += 2) {
        data[i] = '\x7f';
    }
    CHECK(is_refused(data, sizeof data));
    CHECK_INT(test_state.live_bytes, live);
    CHECK(test_state.allocation_count - allocations < 300);
}

static void decode_everything(void)
{
    static const char data[] = "\x07\x03\x09\x17\x02\x1f\x01m\x01t\x02tb\x04\x01\x05\x00\x00"
                               "\x08\x01\x03\x00\x06\x02hi\x05\x01x";
    struct rw_value out = rw_value_decode(data, sizeof data - 1);

    if (rw_is_failure(&out) && out.code != RW_ERR_NOMEM) {
        test_fail(__FILE__, __LINE__, "refused for another reason than memory");
    }
    rw_value_drop(&out);
}

static void every_allocation_may_fail(void)
{
    test_each_allocation(decode_everything);
}

static const struct test tests[] = {
    TEST(what_was_encoded_comes_back),
    TEST(every_shorter_input_is_refused),
    TEST(malformed_input_is_refused),
    TEST(deep_input_is_refused),
    TEST(a_count_is_not_believed_before_it_is_read),
    TEST(every_allocation_may_fail),
};

TEST_MAIN(tests)
