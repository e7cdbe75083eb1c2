/* SPDX-License-Identifier: MIT
 *
 * test_model_threads.c - SHARED channels between loops on threads of their own: every value arrives once.
 *
 * Each thread has a loop and runs one worker, a future that does one operation after the other: it sends its numbers, or
 * receives until the channel is closed, and on its way gives up some operations that are in flight. Which thread is
 * faster does not matter to the outcome.
 */
#include "flow/channel.h"

#include "flow/flow_test.h"

enum { THREADS_MAX = 4, NUMBERS = 4000 };

struct worker {
    struct rw_future future;
    struct rw_loop *loop;
    pthread_t thread;
    struct rw_sender *tx;   /* sends `left` numbers from `next` on, then lets go */
    struct rw_receiver *rx; /* receives until closed, then lets go */
    int next;
    int left;
    struct rw_future *doing;
    bool is_select;
    bool sends; /* what `doing` is, when no select */
    unsigned random;
    int *arrivals; /* shared; atomic */
    int failures;
};

static unsigned pick(struct worker *worker, unsigned bound)
{
    worker->random = worker->random * 1103515245u + 12345u;
    return worker->random >> 16 & 0x7fff ? (worker->random >> 16 & 0x7fff) % bound : 0;
}

static void begin(struct worker *worker)
{
    struct rw_select_case cases[2] = {
        {.kind = RW_SELECT_SEND, .sender = worker->tx, .value = rw_int(worker->next)},
        {.kind = RW_SELECT_RECEIVE, .receiver = worker->rx}};

    worker->is_select = worker->tx != NULL && worker->rx != NULL;
    worker->sends = worker->tx != NULL;
    if (worker->is_select) {
        worker->doing = rw_select(worker->loop, cases, 2, 0);
    } else if (worker->sends) {
        worker->doing = rw_channel_send(worker->loop, worker->tx, rw_int(worker->next));
    } else {
        worker->doing = rw_channel_receive(worker->loop, worker->rx);
    }
}

static void count_sent(struct worker *worker)
{
    worker->next++;
    worker->left--;
    if (worker->left == 0) {
        rw_sender_unref(worker->tx);
        worker->tx = NULL;
    }
}

static void count_received(struct worker *worker, const struct rw_value *out)
{
    if (rw_is_failure(out)) {
        worker->failures += out->code != RW_ERR_CLOSED;
        rw_receiver_unref(worker->rx);
        worker->rx = NULL;
    } else {
        __atomic_add_fetch(&worker->arrivals[out->as.integer], 1, __ATOMIC_RELAXED);
    }
}

static void finish(struct worker *worker, const struct rw_value *out)
{
    bool sent = worker->is_select ? rw_select_index(worker->doing) == 0 : worker->sends;

    if (rw_is_failure(out) && out->code == RW_ERR_CANCELLED) {
        return; /* not happened: again */
    }
    if (!sent) {
        count_received(worker, out);
    } else {
        worker->failures += rw_is_failure(out);
        count_sent(worker);
    }
}

static enum rw_poll worker_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct worker *worker = (struct worker *)self;

    while (worker->tx != NULL || worker->rx != NULL) {
        enum rw_poll poll;

        if (worker->doing == NULL) {
            begin(worker);
        }
        poll = rw_poll(worker->doing, cx, out);
        if (poll == RW_PENDING && pick(worker, 4) == 0) {
            rw_future_cancel(worker->doing);
            poll = rw_poll(worker->doing, cx, out);
        }
        if (poll == RW_PENDING) {
            return RW_PENDING;
        }
        finish(worker, out);
        rw_future_drop(worker->doing);
        worker->doing = NULL;
    }
    *out = rw_nil();
    return RW_READY;
}

static void worker_drop(struct rw_future *self)
{
    struct worker *worker = (struct worker *)self;

    rw_future_drop(worker->doing);
    rw_sender_unref(worker->tx);
    rw_receiver_unref(worker->rx);
}

static const struct rw_future_vtable worker_vtable = {"worker", 0, worker_poll, NULL, worker_drop};

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct rw_value out = rw_nil();

    worker->loop = rw_loop_new(NULL);
    rw_future_init(&worker->future, &worker_vtable);
    worker->failures += rw_block_on(worker->loop, &worker->future, &out) != 0;
    rw_value_drop(&out);
    rw_loop_free(worker->loop);
    return NULL;
}

static int run_workers(struct worker *workers, int count)
{
    int failures = 0;

    for (int i = 0; i < count; i++) {
        workers[i].random = (unsigned)i + 1;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            abort();
        }
    }
    for (int i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        failures += workers[i].failures;
    }
    return failures;
}

static int arrivals[THREADS_MAX * NUMBERS + 1];

static bool all_arrived(int count)
{
    for (int i = 1; i <= count; i++) {
        if (arrivals[i] != 1) {
            printf("# %d arrived %d times\n", i, arrivals[i]);
            return false;
        }
    }
    return true;
}

static void producers_and_consumers(size_t capacity)
{
    struct worker workers[THREADS_MAX] = {{.next = 0}};
    struct rw_sender *tx;
    struct rw_receiver *rx;

    memset(arrivals, 0, sizeof arrivals);
    CHECK_INT(rw_channel_open(NULL, capacity, RW_CHANNEL_SHARED, &tx, &rx), 0);
    workers[0] = (struct worker){.tx = tx, .next = 1, .left = NUMBERS};
    workers[1] = (struct worker){.tx = rw_sender_clone(tx), .next = NUMBERS + 1, .left = NUMBERS};
    workers[2] = (struct worker){.rx = rx};
    workers[3] = (struct worker){.rx = rw_receiver_clone(rx)};
    for (int i = 0; i < 4; i++) {
        workers[i].arrivals = arrivals;
    }
    CHECK_INT(run_workers(workers, 4), 0);
    CHECK(all_arrived(2 * NUMBERS));
}

static void a_bounded_channel_loses_nothing_between_threads(void)
{
    producers_and_consumers(4);
}

static void an_unbounded_channel_loses_nothing_between_threads(void)
{
    producers_and_consumers(RW_UNBOUNDED);
}

static void a_rendezvous_loses_nothing_between_threads(void)
{
    producers_and_consumers(0);
}

/* Everybody sends to the next and receives from the one before, by select, in a ring. */
static void ring_of_selects(int count, size_t capacity)
{
    struct worker workers[THREADS_MAX] = {{.next = 0}};

    memset(arrivals, 0, sizeof arrivals);
    for (int i = 0; i < count; i++) {
        CHECK_INT(
            rw_channel_open(NULL, capacity, RW_CHANNEL_SHARED, &workers[i].tx, &workers[(i + 1) % count].rx),
            0);
    }
    for (int i = 0; i < count; i++) {
        workers[i].next = 1 + i * NUMBERS;
        workers[i].left = NUMBERS;
        workers[i].arrivals = arrivals;
    }
    CHECK_INT(run_workers(workers, count), 0);
    CHECK(all_arrived(count * NUMBERS));
}

static void two_selects_that_only_meet_each_other_do_meet(void)
{
    ring_of_selects(2, 0);
}

static void selects_in_a_ring_lose_nothing(void)
{
    ring_of_selects(4, 0);
    ring_of_selects(3, 1);
}

static const struct test tests[] = {
    TEST(a_bounded_channel_loses_nothing_between_threads),
    TEST(an_unbounded_channel_loses_nothing_between_threads),
    TEST(a_rendezvous_loses_nothing_between_threads),
    TEST(two_selects_that_only_meet_each_other_do_meet),
    TEST(selects_in_a_ring_lose_nothing),
};

TEST_MAIN(tests)
