/* SPDX-License-Identifier: MIT
 *
 * test_inbox_schedules.c - the inbox and its parker in every order of their atomic operations; and proof that the
 * explorer finds what it looks for.
 */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Looks at atomic words that only assertions need would multiply the schedules. */
#undef RW_CHECK_LEVEL
#define RW_CHECK_LEVEL 1

#include "base/check.h"
#include "base/mem.h"

#include "schedule.h"

/* inbox.c's write to the descriptor: an event of the model, and a point at which others may go on. */
static int events;

static ssize_t model_write(int fd, const void *data, size_t size)
{
    (void)fd;
    (void)data;
    schedule_point();
    events++;
    return (ssize_t)size;
}

#define write model_write
#include "base/inbox.c"
#undef write

enum { NODES = 3 };

static struct rwi_inbox *inbox;
static struct rwi_inbox_node nodes[NODES];
static int node_count;
static int taken_count;
static int taken_by_close;
static bool is_out_of_order;
static const struct rwi_inbox_node *last_taken;

static void take_node(struct rwi_inbox_node *self, struct rw_loop *on)
{
    taken_count++;
    taken_by_close += on == NULL;
    /* Nodes 0 and 1 come from one thread. */
    is_out_of_order = is_out_of_order || (self == &nodes[0] && last_taken == &nodes[1]);
    if (self == &nodes[0] || self == &nodes[1]) {
        last_taken = self;
    }
}

static bool has_event(void)
{
    return events > 0;
}

/* As a loop does: look, park, sleep until the descriptor is written, wake, look again. */
static void run_loop(int number)
{
    (void)number;
    while (taken_count < node_count) {
        rwi_inbox_unpark(inbox);
        rwi_inbox_drain(inbox, (struct rw_loop *)(void *)inbox);
        if (taken_count < node_count && rwi_inbox_park(inbox)) {
            schedule_block_until(has_event);
            events = 0;
        }
    }
}

static void push_two(int number)
{
    (void)number;
    rwi_inbox_push(inbox, &nodes[0]);
    rwi_inbox_push(inbox, &nodes[1]);
}

static void push_last(int number)
{
    (void)number;
    rwi_inbox_push(inbox, &nodes[node_count - 1]);
}

static void begin_inbox(int count)
{
    inbox = rwi_inbox_new();
    schedule.most_preemptions = 0;
    events = taken_count = taken_by_close = 0;
    is_out_of_order = false;
    last_taken = NULL;
    node_count = count;
    for (int i = 0; i < NODES; i++) {
        nodes[i] = (struct rwi_inbox_node){NULL, take_node};
    }
}

static bool end_inbox(void)
{
    bool is_well = taken_count == node_count && !is_out_of_order && inbox->head == NULL;

    rwi_inbox_unref(inbox);
    return is_well;
}

static void one_pusher(void)
{
    begin_inbox(1);
    schedule_add(run_loop);
    schedule_add(push_last);
}

static void pusher_of_two(void)
{
    begin_inbox(2);
    schedule_add(run_loop);
    schedule_add(push_two);
}

#if defined(__SANITIZE_THREAD__)
#define SKIP_ELSEWHERE()                                                                                     \
    do {                                                                                                     \
        test_skip("coroutines are not threads");                                                             \
        return;                                                                                              \
    } while (0)
#else
#define SKIP_ELSEWHERE()
#endif

static void no_push_is_missed_in_any_schedule(void)
{
    SKIP_ELSEWHERE();
    CHECK(schedule_all(one_pusher, end_inbox) > 10);
    CHECK(schedule_all(pusher_of_two, end_inbox) > 100);
}

/* ---- several pushers ------------------------------------------------------------------------------------------------- */

static void push_number(int number)
{
    rwi_inbox_push(inbox, &nodes[number - 1]); /* the loop is thread 0 */
}

static void pushers_of_one(void)
{
    begin_inbox(2);
    schedule.most_preemptions = 5; /* all of them are two million */
    schedule_add(run_loop);
    schedule_add(push_number);
    schedule_add(push_number);
}

static bool end_unordered(void)
{
    is_out_of_order = false;
    return end_inbox();
}

static void two_pushers_and_a_loop_miss_nothing_in_any_schedule(void)
{
    SKIP_ELSEWHERE();
    long count = schedule_all(pushers_of_one, end_unordered);

    CHECK(count > 1000);
}

/* ---- closing ----------------------------------------------------------------------------------------------------------- */

static int refused_count;

static void push_or_be_refused(int number)
{
    refused_count += !rwi_inbox_push(inbox, &nodes[number - 1]);
}

static void close_inbox(int number)
{
    (void)number;
    rwi_inbox_drain(inbox, (struct rw_loop *)(void *)inbox);
    rwi_inbox_close(inbox);
}

static void closing(void)
{
    begin_inbox(2);
    refused_count = 0;
    schedule_add(close_inbox);
    schedule_add(push_or_be_refused);
    schedule_add(push_or_be_refused);
}

static bool end_closed(void)
{
    bool is_well = taken_count + refused_count == 2;

    rwi_inbox_unref(inbox);
    return is_well;
}

static void each_node_is_taken_or_refused_when_an_inbox_closes(void)
{
    SKIP_ELSEWHERE();
    CHECK(schedule_all(closing, end_closed) > 100);
}

/* ---- what the explorer is worth ------------------------------------------------------------------------------------------
 *
 * The same parker with a mistake in it: it parks without noticing that it was notified since it last looked. */

static uint32_t broken_state;
static int broken_mail;

static void broken_loop(int number)
{
    (void)number;
    while (__atomic_load_n(&broken_mail, __ATOMIC_RELAXED) == 0) {
        (void)__atomic_exchange_n(&broken_state, RWI_PARKED, __ATOMIC_ACQ_REL);
        schedule_block_until(has_event);
    }
}

static void broken_pusher(int number)
{
    (void)number;
    __atomic_store_n(&broken_mail, 1, __ATOMIC_RELEASE);
    if (__atomic_exchange_n(&broken_state, RWI_NOTIFIED, __ATOMIC_ACQ_REL) == RWI_PARKED) {
        events++;
    }
}

static void begin_broken(void)
{
    broken_state = RWI_AWAKE;
    broken_mail = 0;
    events = 0;
    schedule_add(broken_loop);
    schedule_add(broken_pusher);
}

static bool end_broken(void)
{
    return true;
}

static void a_parker_that_loses_a_wake_is_found_out(void)
{
    SKIP_ELSEWHERE();
    CHECK(schedule_all(begin_broken, end_broken) < 0);
    CHECK(schedule.is_stuck);
}

static const struct test tests[] = {
    TEST(no_push_is_missed_in_any_schedule),
    TEST(two_pushers_and_a_loop_miss_nothing_in_any_schedule),
    TEST(each_node_is_taken_or_refused_when_an_inbox_closes),
    TEST(a_parker_that_loses_a_wake_is_found_out),
};

TEST_MAIN(tests)
