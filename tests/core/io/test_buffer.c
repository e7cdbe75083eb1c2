/* SPDX-License-Identifier: MIT
 *
 * test_buffer.c - the buffer of received bytes, against a plain model.
 */
#include "io/buffer.h"

#include "test.h"

enum { MODEL_MAX = 20000 };

static uint32_t next_random(uint32_t *state, uint32_t bound)
{
    *state = *state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)*state * bound >> 32);
}

static void bytes_come_out_as_they_went_in(void)
{
    static char model[MODEL_MAX];
    struct rwi_buffer buffer = {0};
    uint32_t random = 7;
    size_t in = 0;
    size_t out = 0;

    for (int i = 0; i < MODEL_MAX; i++) {
        model[i] = (char)next_random(&random, 256);
    }
    while (out < MODEL_MAX) {
        size_t add = next_random(&random, 700);
        size_t take = next_random(&random, 700);

        add = add < MODEL_MAX - in ? add : MODEL_MAX - in;
        CHECK_INT(rwi_buffer_append(&buffer, model + in, add), 0);
        in += add;
        CHECK_INT(buffer.size, in - out);
        CHECK(memcmp(rwi_buffer_data(&buffer), model + out, buffer.size) == 0);
        take = take < buffer.size ? take : buffer.size;
        rwi_buffer_consume(&buffer, take);
        out += take;
    }
    rwi_buffer_fini(&buffer);
}

static void an_empty_buffer_gives_large_memory_back(void)
{
    struct rwi_buffer buffer = {0};

    CHECK(rwi_buffer_reserve(&buffer, 100000) != NULL);
    rwi_buffer_commit(&buffer, 100000);
    rwi_buffer_consume(&buffer, 99999);
    CHECK(buffer.capacity >= 100000);
    rwi_buffer_consume(&buffer, 1);
    CHECK_INT(buffer.capacity, 0);
    CHECK_INT(rwi_buffer_append(&buffer, "x", 1), 0);
    rwi_buffer_consume(&buffer, 1);
    CHECK(buffer.capacity > 0);
    rwi_buffer_fini(&buffer);
}

static void memory_stays_in_proportion(void)
{
    struct rwi_buffer buffer = {0};
    char block[1000] = "";

    CHECK_INT(rwi_buffer_append(&buffer, block, sizeof block), 0);
    for (int i = 0; i < 10000; i++) {
        CHECK_INT(rwi_buffer_append(&buffer, block, 10), 0);
        rwi_buffer_consume(&buffer, 10);
    }
    CHECK(buffer.capacity <= 8192);
    rwi_buffer_fini(&buffer);
}

static void a_delimiter_is_found_across_pieces(void)
{
    struct rwi_buffer buffer = {0};
    size_t scanned = 0;

    CHECK_INT(rwi_buffer_find(&buffer, "\r\n", 2, 100, &scanned), 0);
    CHECK_INT(rwi_buffer_append(&buffer, "line\r", 5), 0);
    CHECK_INT(rwi_buffer_find(&buffer, "\r\n", 2, 100, &scanned), 0);
    CHECK_INT(scanned, 4);
    CHECK_INT(rwi_buffer_append(&buffer, "\nmore", 5), 0);
    CHECK_INT(rwi_buffer_find(&buffer, "\r\n", 2, 100, &scanned), 6);
    rwi_buffer_fini(&buffer);
}

static void a_delimiter_beyond_the_limit_is_not_found(void)
{
    struct rwi_buffer buffer = {0};
    size_t scanned = 0;

    CHECK_INT(rwi_buffer_append(&buffer, "abcdef\n", 7), 0);
    CHECK_INT(rwi_buffer_find(&buffer, "\n", 1, 6, &scanned), 0);
    scanned = 0;
    CHECK_INT(rwi_buffer_find(&buffer, "\n", 1, 7, &scanned), 7);
    rwi_buffer_fini(&buffer);
}

static void no_memory_leaves_what_is_there(void)
{
    struct rwi_buffer buffer = {0};

    CHECK_INT(rwi_buffer_append(&buffer, "kept", 4), 0);
    test_fail_allocation(1, false);
    CHECK(rwi_buffer_reserve(&buffer, 5000) == NULL);
    CHECK_INT(rwi_buffer_append(&buffer, "x", 1), 0);
    test_fail_allocation(0, false);
    CHECK_INT(buffer.size, 5);
    CHECK(memcmp(rwi_buffer_data(&buffer), "keptx", 5) == 0);
    rwi_buffer_fini(&buffer);
}

static const struct test tests[] = {
    TEST(bytes_come_out_as_they_went_in),
    TEST(an_empty_buffer_gives_large_memory_back),
    TEST(memory_stays_in_proportion),
    TEST(a_delimiter_is_found_across_pieces),
    TEST(a_delimiter_beyond_the_limit_is_not_found),
    TEST(no_memory_leaves_what_is_there),
};

TEST_MAIN(tests)
