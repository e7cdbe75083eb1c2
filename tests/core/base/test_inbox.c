/* SPDX-License-Identifier: MIT
 *
 * test_inbox.c - what other threads send, and whether it ends the loop's sleep.
 */
#include "base/inbox.h"

#include <poll.h>
#include <unistd.h>

#include "test.h"

enum { PUSHERS = 3, PER_PUSHER = 20000 };

struct letter {
    struct rwi_inbox_node node;
    int pusher;
    int number;
};

struct record {
    int taken;
    int disposed;
    int last[PUSHERS];
    bool in_order;
};

static struct record record;
static int dummy;
static struct rw_loop *const some_loop = (struct rw_loop *)(void *)&dummy; /* never looked into */

static void take_letter(struct rwi_inbox_node *node, struct rw_loop *loop)
{
    struct letter *letter = (struct letter *)(void *)node;

    if (loop == NULL) {
        record.disposed++;
        return;
    }
    record.taken++;
    record.in_order = record.in_order && letter->number == record.last[letter->pusher] + 1;
    record.last[letter->pusher] = letter->number;
}

static void start_record(void)
{
    record = (struct record){.in_order = true};
}

static bool has_event(const struct rwi_inbox *inbox)
{
    struct pollfd event = {.fd = inbox->event_fd, .events = POLLIN};

    return poll(&event, 1, 0) == 1;
}

static void letters_come_out_in_the_order_of_pushing(void)
{
    struct rwi_inbox *inbox = rwi_inbox_new();
    struct letter letters[3];

    start_record();
    for (int i = 0; i < 3; i++) {
        letters[i] = (struct letter){{.take = take_letter}, 0, i + 1};
        CHECK(rwi_inbox_push(inbox, &letters[i].node));
    }
    CHECK(rwi_inbox_has_mail(inbox));
    CHECK_INT(rwi_inbox_drain(inbox, some_loop), 3);
    CHECK(record.in_order);
    CHECK_INT(rwi_inbox_drain(inbox, some_loop), 0);
    CHECK(!rwi_inbox_has_mail(inbox));
    rwi_inbox_close(inbox);
    rwi_inbox_unref(inbox);
}

static void only_a_parked_inbox_costs_a_system_call(void)
{
    struct rwi_inbox *inbox = rwi_inbox_new();
    struct letter letter = {{.take = take_letter}, 0, 1};

    start_record();
    CHECK(rwi_inbox_push(inbox, &letter.node));
    CHECK(!has_event(inbox));
    CHECK(!rwi_inbox_park(inbox));
    rwi_inbox_unpark(inbox);
    CHECK_INT(rwi_inbox_drain(inbox, some_loop), 1);
    CHECK(rwi_inbox_park(inbox));
    rwi_inbox_notify(inbox);
    CHECK(has_event(inbox));
    rwi_inbox_unpark(inbox);
    rwi_inbox_close(inbox);
    rwi_inbox_unref(inbox);
}

static void a_closed_inbox_disposes_and_refuses(void)
{
    struct rwi_inbox *inbox = rwi_inbox_new();
    struct letter letters[2] = {{{.take = take_letter}, 0, 1}, {{.take = take_letter}, 0, 2}};

    start_record();
    CHECK(rwi_inbox_push(inbox, &letters[0].node));
    rwi_inbox_close(inbox);
    CHECK_INT(record.disposed, 1);
    CHECK(rwi_inbox_is_closed(inbox));
    CHECK(!rwi_inbox_push(inbox, &letters[1].node));
    rwi_inbox_notify(inbox);
    rwi_inbox_unref(inbox);
}

struct pusher {
    struct rwi_inbox *inbox;
    struct letter *letters;
    int index;
    pthread_t thread;
};

static void *push_all(void *arg)
{
    struct pusher *pusher = arg;

    for (int i = 0; i < PER_PUSHER; i++) {
        pusher->letters[i] = (struct letter){{.take = take_letter}, pusher->index, i + 1};
        rwi_inbox_push(pusher->inbox, &pusher->letters[i].node);
    }
    rwi_inbox_unref(pusher->inbox);
    return NULL;
}

/* A lost wake hangs here: the loop sleeps whenever it finds nothing, as a real one does. */
static void no_wake_is_lost_between_threads(void)
{
    struct rwi_inbox *inbox = rwi_inbox_new();
    struct pusher pushers[PUSHERS];

    start_record();
    for (int i = 0; i < PUSHERS; i++) {
        pushers[i] = (struct pusher){.inbox = rwi_inbox_ref(inbox), .index = i};
        pushers[i].letters = malloc(PER_PUSHER * sizeof *pushers[i].letters);
        CHECK_INT(pthread_create(&pushers[i].thread, NULL, push_all, &pushers[i]), 0);
    }
    while (record.taken < PUSHERS * PER_PUSHER) {
        rwi_inbox_wait(inbox);
        rwi_inbox_drain(inbox, some_loop);
    }
    for (int i = 0; i < PUSHERS; i++) {
        pthread_join(pushers[i].thread, NULL);
        free(pushers[i].letters);
    }
    CHECK(record.in_order);
    rwi_inbox_close(inbox);
    rwi_inbox_unref(inbox);
}

static const struct test tests[] = {
    TEST(letters_come_out_in_the_order_of_pushing),
    TEST(only_a_parked_inbox_costs_a_system_call),
    TEST(a_closed_inbox_disposes_and_refuses),
    TEST(no_wake_is_lost_between_threads),
};

TEST_MAIN(tests)
