/* SPDX-License-Identifier: MIT
 *
 * test_caller.c - names of functions in other objects. That callers are found is seen from modules: tests/ext/checked.*.
 */
#define _GNU_SOURCE
#include "base/caller.h"

#include <dlfcn.h>

#include "test.h"

static void a_library_in_the_main_program_cannot_tell_its_callers(void)
{
    CHECK(!rwi_caller_can_tell());
    CHECK(rwi_caller_find(NULL) == NULL);
}

static void functions_of_other_objects_have_names(void)
{
    char name[RWI_CALLER_MAX];

    rwi_caller_describe(dlsym(RTLD_DEFAULT, "a64l"), name);
    CHECK(strncmp(name, "a64l", strlen("a64l")) == 0);
    CHECK(strstr(name, " (libc.") != NULL);
}

static void functions_without_a_name_have_a_place(void)
{
    char name[RWI_CALLER_MAX];

    rwi_caller_describe((const void *)(uintptr_t)functions_without_a_name_have_a_place, name);
    CHECK(strstr(name, "test_caller+0x") != NULL);
}

static void what_is_no_longer_loaded_is_told_so(void)
{
    char name[RWI_CALLER_MAX];
    int on_stack = 0;

    rwi_caller_describe(&on_stack, name);
    CHECK_TEXT(name, "a module that is no longer loaded");
}

static const struct test tests[] = {
    TEST(a_library_in_the_main_program_cannot_tell_its_callers),
    TEST(functions_of_other_objects_have_names),
    TEST(functions_without_a_name_have_a_place),
    TEST(what_is_no_longer_loaded_is_told_so),
};

TEST_MAIN(tests)
