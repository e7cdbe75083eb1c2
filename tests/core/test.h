/* SPDX-License-Identifier: MIT
 *
 * test.h - the frame of every C test program: a table of tests, checks, and memory that can be told to run out.
 *
 * A test is a function; its name, a sentence with underscores, is true when it passes. CHECK and its kin return from
 * the test on failure. All memory of the library goes through a counting allocator, and a test that ends with more
 * memory live than it began with has failed.
 */
#ifndef RW_TEST_H
#define RW_TEST_H

#include <pthread.h>
#include <ropewalk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
    const char *name;
    void (*run)(void);
};

#define TEST(function)                                                                                       \
    {                                                                                                        \
#function, function                                                                                  \
    }

struct test_state {
    bool failed;
    const char *skip_reason;
    uint64_t allocation_count; /* since the test began */
    uint64_t fail_at;          /* this allocation, and all after it until cleared; 0: none */
    bool fail_once;            /* only that one */
    int64_t live_bytes;
    int64_t live_blocks;
};

static struct test_state test_state;

/* The test has failed: say where and why, once per reason. */
static inline void test_fail(const char *file, int line, const char *what)
{
    test_state.failed = true;
    printf("# %s:%d: %s\n", file, line, what);
}

static inline void test_skip(const char *reason)
{
    test_state.skip_reason = reason;
}

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            test_fail(__FILE__, __LINE__, #condition);                                                       \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)

#define CHECK_INT(actual, expected)                                                                          \
    do {                                                                                                     \
        long long test_actual = (long long)(actual);                                                         \
        long long test_expected = (long long)(expected);                                                     \
        if (test_actual != test_expected) {                                                                  \
            test_fail(__FILE__, __LINE__, #actual " is not " #expected);                                     \
            printf("#   actual %lld, expected %lld\n", test_actual, test_expected);                          \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)

#define CHECK_TEXT(actual, expected)                                                                         \
    do {                                                                                                     \
        const char *test_actual = (actual);                                                                  \
        const char *test_expected = (expected);                                                              \
        if (test_actual == NULL || strcmp(test_actual, test_expected) != 0) {                                \
            test_fail(__FILE__, __LINE__, #actual " is not " #expected);                                     \
            printf("#   actual \"%s\", expected \"%s\"\n", test_actual != NULL ? test_actual : "(null)",     \
                   test_expected);                                                                           \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static inline bool test_may_allocate(void)
{
    uint64_t at = __atomic_add_fetch(&test_state.allocation_count, 1, __ATOMIC_RELAXED);
    uint64_t fail_at = test_state.fail_at;

    return fail_at == 0 || at < fail_at || (test_state.fail_once && at > fail_at);
}

static inline void test_count(int64_t bytes, int64_t blocks)
{
    __atomic_add_fetch(&test_state.live_bytes, bytes, __ATOMIC_RELAXED);
    __atomic_add_fetch(&test_state.live_blocks, blocks, __ATOMIC_RELAXED);
}

static inline void *test_acquire(void *arg, size_t size)
{
    (void)arg;
    void *memory = test_may_allocate() ? malloc(size) : NULL;

    if (memory != NULL) {
        memset(memory, 0xa5, size); /* nobody may count on zeroes */
        test_count((int64_t)size, 1);
    }
    return memory;
}

static inline void *test_resize(void *arg, void *memory, size_t old_size, size_t new_size)
{
    (void)arg;
    void *resized = test_may_allocate() ? realloc(memory, new_size) : NULL;

    if (resized != NULL) {
        test_count((int64_t)new_size - (int64_t)old_size, 0);
    }
    return resized;
}

static inline void test_release(void *arg, void *memory, size_t size)
{
    (void)arg;
    test_count(-(int64_t)size, -1);
    free(memory);
}

/* From now on the allocation `at` (1 is the next one) fails; with `once` those after it succeed again. 0: none fails. */
static inline void test_fail_allocation(uint64_t at, bool once)
{
    test_state.fail_at = at > 0 ? test_state.allocation_count + at : 0;
    test_state.fail_once = once;
}

/* Runs `body` again and again, with the first allocation failing, then the second ... until a run needs no more. The
 * body must clean up whatever happened; leaks are found by the caller's frame. */
static inline void test_each_allocation(void (*body)(void))
{
    for (uint64_t at = 1; !test_state.failed; at++) {
        uint64_t before = test_state.allocation_count;
        int64_t live = test_state.live_bytes;

        test_fail_allocation(at, false);
        body();
        test_fail_allocation(0, false);
        if (test_state.live_bytes != live) {
            test_fail(__FILE__, __LINE__, "memory was lost on the way out");
            printf("#   when allocation %llu failed\n", (unsigned long long)at);
        }
        if (test_state.allocation_count - before < at) {
            return;
        }
    }
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static inline void test_run_one(const struct test *test, int *counts)
{
    int64_t live = test_state.live_bytes;

    test_state.failed = false;
    test_state.skip_reason = NULL;
    test_state.fail_at = 0;
    test->run();
    test_state.fail_at = 0;
    if (!test_state.failed && test_state.live_bytes != live) {
        test_fail(__FILE__, __LINE__, "memory is still live at the end of the test");
        printf("#   %lld bytes\n", (long long)(test_state.live_bytes - live));
    }
    if (test_state.failed) {
        printf("not ok %s\n", test->name);
        counts[1]++;
    } else if (test_state.skip_reason != NULL) {
        printf("skip %s %s\n", test->name, test_state.skip_reason);
        counts[2]++;
    } else {
        printf("ok %s\n", test->name);
        counts[0]++;
    }
    fflush(stdout);
}

/* Runs the tests of a table, or only those whose names contain argv[1]; gives the exit status. */
static inline int test_main(const struct test *tests, size_t count, int argc, char **argv)
{
    static const struct rw_allocator allocator = {test_acquire, test_resize, test_release, NULL};
    int counts[3] = {0, 0, 0};

    rw_set_allocator(&allocator);
    for (size_t i = 0; i < count; i++) {
        if (argc < 2 || strstr(tests[i].name, argv[1]) != NULL) {
            test_run_one(&tests[i], counts);
        }
    }
    printf("%d passed, %d failed, %d skipped\n", counts[0], counts[1], counts[2]);
    return counts[1] > 0 ? 1 : 0;
}

#define TEST_MAIN(table)                                                                                     \
    int main(int argc, char **argv)                                                                          \
    {                                                                                                        \
        return test_main(table, sizeof(table) / sizeof(table)[0], argc, argv);                               \
    }

#endif
