/* SPDX-License-Identifier: MIT
 *
 * test_mem.c - all memory comes through the hook, and goes back with its size.
 */
#include "base/mem.h"

#include "test.h"

static void new_memory_is_zeroed(void)
{
    char *memory = rwi_mem_new(100);

    for (int i = 0; i < 100; i++) {
        CHECK_INT(memory[i], 0);
    }
    CHECK(test_state.live_bytes >= 100);
    rwi_mem_free(memory, 100);
}

static void resizing_keeps_the_content(void)
{
    char *memory = rwi_mem_resize(NULL, 0, 4);

    memcpy(memory, "abc", 4);
    memory = rwi_mem_resize(memory, 4, 4000);
    CHECK_TEXT(memory, "abc");
    rwi_mem_free(memory, 4000);
}

static void no_memory_is_null_and_keeps_the_old(void)
{
    char *memory = rwi_mem_raw(4);

    test_fail_allocation(1, false);
    CHECK(rwi_mem_new(1) == NULL);
    CHECK(rwi_mem_raw(1) == NULL);
    CHECK(rwi_mem_resize(memory, 4, 8) == NULL);
    CHECK(rwi_mem_text("x") == NULL);
    rwi_mem_free(memory, 4);
    rwi_mem_free(NULL, 0);
}

static void texts_are_copied(void)
{
    char *text = rwi_mem_text("some text");

    CHECK_TEXT(text, "some text");
    rwi_mem_free_text(text);
    rwi_mem_free_text(NULL);
}

static const struct test tests[] = {
    TEST(new_memory_is_zeroed),
    TEST(resizing_keeps_the_content),
    TEST(no_memory_is_null_and_keeps_the_old),
    TEST(texts_are_copied),
};

TEST_MAIN(tests)
