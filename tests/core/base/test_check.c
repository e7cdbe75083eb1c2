/* SPDX-License-Identifier: MIT
 *
 * test_check.c - what an assertion that does not hold says, and which levels are compiled in.
 */
#include "base/check.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char said[512];

/* Runs `act` in a process of its own. True when that was aborted; what it said is in `said`. */
static bool aborts(void (*act)(void))
{
    int fds[2];
    int status = 0;
    ssize_t size;

    if (pipe(fds) != 0) {
        return false;
    }
    fflush(stdout);
    pid_t child = fork();

    if (child == 0) {
        dup2(fds[1], 2);
        act();
        _exit(0);
    }
    close(fds[1]);
    size = read(fds[0], said, sizeof said - 1);
    said[size > 0 ? size : 0] = '\0';
    close(fds[0]);
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

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
    TEST(levels_decide_what_is_checked),
    TEST(a_member_leads_back_to_its_structure),
};

TEST_MAIN(tests)
