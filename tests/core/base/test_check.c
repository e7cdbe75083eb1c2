/* SPDX-License-Identifier: MIT
 *
 * test_check.c - what an assertion that does not hold says, and which levels are compiled in.
 */
#include "base/check.h"

#include <stddef.h>

#include "aborts.h"

static int one = 1;

static void require_two(void)
{
    RW_REQUIRE(one == 2);
}

static void require_one(void)
{
    RW_REQUIRE(one == 1);
    RW_ASSERT(one == 1);
    RW_VERIFY(one == 1);
}

static void assert_two(void)
{
    RW_ASSERT(one == 2);
}

static void verify_two(void)
{
    RW_VERIFY(one == 2);
}

static void misuse(void)
{
    rwi_check_misuse("the %s was put to a wrong use %d times", "thing", one);
}

static void note(void)
{
    rwi_check_note("%d left", one);
}

static void a_condition_that_does_not_hold_ends_the_process_and_says_where(void)
{
    CHECK(aborts(require_two));
    CHECK(strstr(said, "test_check.c:") != NULL);
    CHECK(strstr(said, "require_two: does not hold: one == 2") != NULL);
}

static void conditions_that_hold_cost_nothing_visible(void)
{
    CHECK(!aborts(require_one));
    CHECK_TEXT(said, "");
}

static void misuse_is_told_in_words(void)
{
    CHECK(aborts(misuse));
    CHECK_TEXT(said, "ropewalk: the thing was put to a wrong use 1 times\n");
    CHECK(!aborts(note));
    CHECK_TEXT(said, "ropewalk: 1 left\n");
}

static void levels_decide_what_is_checked(void)
{
    CHECK_INT(aborts(assert_two), RW_CHECK_LEVEL >= 2);
    CHECK_INT(aborts(verify_two), RW_CHECK_LEVEL >= 3);
}

struct holder {
    int first;
    int second;
};

static void a_member_leads_back_to_its_structure(void)
{
    struct holder holder = {1, 2};

    CHECK(rwi_container_of(&holder.second, struct holder, second) == &holder);
}

static const struct test tests[] = {
    TEST(a_condition_that_does_not_hold_ends_the_process_and_says_where),
    TEST(conditions_that_hold_cost_nothing_visible),
    TEST(misuse_is_told_in_words),
    TEST(levels_decide_what_is_checked),
    TEST(a_member_leads_back_to_its_structure),
};

TEST_MAIN(tests)
