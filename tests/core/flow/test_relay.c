/* SPDX-License-Identifier: MIT
 *
 * test_relay.c - a wake reaches whoever owns the relay at that moment, and nobody else.
 */
#include "flow/relay.h"

#include "flow/flow_test.h"

static void a_wake_reaches_the_owner_of_the_moment(void)
{
    struct rwi_relay relay = {NULL, {NULL, NULL}};
    struct act acts[2] = {{0}};

    for (int i = 0; i < 2; i++) {
        struct rw_context outer = {.waker = {&act_waker, &acts[i]}};

        CHECK(!rwi_relay_is_busy(&relay, &acts[i]));
        rwi_relay_enter(&relay, &acts[i], &outer);
        CHECK(rwi_relay_is_busy(&relay, &acts[1 - i]));
        struct rw_context inner = rwi_relay_context(&relay, &outer);

        rw_waker_wake(&inner.waker);
        CHECK_INT(acts[i].wakes, 1);
        rwi_relay_leave(&relay, &acts[1 - i]); /* not the owner */
        rw_waker_wake(&inner.waker);
        CHECK_INT(acts[i].wakes, 2);
        rwi_relay_leave(&relay, &acts[i]);
        rw_waker_wake(&inner.waker);
        CHECK_INT(acts[i].wakes, 2);
    }
}

static const struct test tests[] = {TEST(a_wake_reaches_the_owner_of_the_moment)};

TEST_MAIN(tests)
