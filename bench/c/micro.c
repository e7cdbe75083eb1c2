/* SPDX-License-Identifier: MIT
 *
 * micro.c - what one small thing costs in C, measured through the public door only.
 *
 * Each case is a future written as a user would write it: a struct with its state and a poll function. The cases in
 * tokio/src/main.rs do the same things in the same amounts, so that the two can be held against each other.
 *
 * Invariant: a case leaves the loop as it found it: no task, no future.
 */
#include <ropewalk.h>
#include <string.h>

#include "bench.h"

enum { COUNT = 100000, YIELDERS = 200, CAPACITY = 128, BATCH = 1000 };

static void fail(const char *what)
{
    fprintf(stderr, "micro: %s\n", what);
    exit(1);
}

static void run(struct rw_loop *loop, struct rw_future *future)
{
    struct rw_value value;

    if (rw_block_on(loop, future, &value) != 0 || rw_is_failure(&value)) {
        fail("a case has failed");
    }
    rw_value_drop(&value);
}

/* ---- futures that are ready at once, and that never are --------------------------------------------------------- */

struct plain_future {
    struct rw_future base;
    struct rw_loop *loop;
};

static enum rw_poll poll_at_once(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    (void)self;
    (void)cx;
    *out = rw_nil();
    return RW_READY;
}

static enum rw_poll poll_never(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    (void)self;
    (void)cx;
    (void)out;
    return RW_PENDING;
}

static void drop_plain(struct rw_future *self)
{
    struct plain_future *plain = (struct plain_future *)self;

    rw_loop_release(plain->loop, plain, sizeof *plain);
}

static const struct rw_future_vtable at_once = {"at once", 0, poll_at_once, NULL, drop_plain};
static const struct rw_future_vtable never = {"never", 0, poll_never, NULL, drop_plain};

static struct rw_future *new_plain(struct rw_loop *loop, const struct rw_future_vtable *vtable)
{
    struct plain_future *plain = rw_loop_alloc(loop, sizeof *plain);

    if (plain == NULL) {
        fail("out of memory");
    }
    rw_future_init(&plain->base, vtable);
    plain->loop = loop;
    return &plain->base;
}

/* ---- a future that awaits one thing after the other -------------------------------------------------------------- */

/* `next` starts the next operation, or ends the case with NULL. Lives in its case's memory. */
struct series {
    struct rw_future base;
    struct rw_future *(*next)(struct series *self, struct rw_context *cx);
    struct rw_future *waiting;
    size_t left;
    void *arg;
};

static enum rw_poll poll_series(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct series *series = (struct series *)self;

    for (;;) {
        if (series->waiting == NULL) {
            series->waiting = series->next(series, cx);
            if (series->waiting == NULL) {
                *out = rw_nil();
                return RW_READY;
            }
        }
        if (rw_poll(series->waiting, cx, out) == RW_PENDING) {
            return RW_PENDING;
        }
        if (rw_is_failure(out)) {
            fail(rw_value_message(out));
        }
        rw_value_drop(out);
        rw_future_drop(series->waiting);
        series->waiting = NULL;
    }
}

static void drop_series(struct rw_future *self)
{
    (void)self;
}

static const struct rw_future_vtable series_vtable = {"series", 0, poll_series, NULL, drop_series};

static struct rw_future *series_init(struct series *series,
                                     struct rw_future *(*next)(struct series *, struct rw_context *),
                                     size_t left, void *arg)
{
    *series = (struct series){.next = next, .left = left, .arg = arg};
    rw_future_init(&series->base, &series_vtable);
    return &series->base;
}

/* ---- the cases --------------------------------------------------------------------------------------------------- */

static struct rw_future *next_spawn(struct series *self, struct rw_context *cx)
{
    if (self->left == 0) {
        return NULL;
    }
    self->left--;
    struct rw_task *task = rw_spawn(cx->loop, new_plain(cx->loop, &at_once), NULL);
    struct rw_future *join = rw_task_join(task);

    rw_task_unref(task);
    return join;
}

static void spawn_join(void *arg, size_t count)
{
    struct series series;

    run(arg, series_init(&series, next_spawn, count, NULL));
}

/* Spawns a batch, then joins them in order. */
struct batch {
    struct rw_task *tasks[BATCH];
    size_t joined;
};

static struct rw_future *next_of_batch(struct series *self, struct rw_context *cx)
{
    struct batch *batch = self->arg;

    if (batch->joined == BATCH) {
        if (self->left < BATCH) {
            return NULL;
        }
        self->left -= BATCH;
        for (size_t i = 0; i < BATCH; i++) {
            batch->tasks[i] = rw_spawn(cx->loop, new_plain(cx->loop, &at_once), NULL);
        }
        batch->joined = 0;
    }
    struct rw_task *task = batch->tasks[batch->joined++];
    struct rw_future *join = rw_task_join(task);

    rw_task_unref(task);
    return join;
}

static void spawn_batch(void *arg, size_t count)
{
    struct batch batch = {.joined = BATCH};
    struct series series;

    run(arg, series_init(&series, next_of_batch, count, &batch));
}

static struct rw_future *next_yield(struct series *self, struct rw_context *cx)
{
    return self->left-- > 0 ? rw_yield_now(cx->loop) : NULL;
}

static void yield_many(void *arg, size_t count)
{
    struct series series[YIELDERS];

    for (size_t i = 0; i < YIELDERS; i++) {
        rw_task_detach(rw_spawn(arg, series_init(&series[i], next_yield, count / YIELDERS, NULL), NULL));
    }
    while (rw_loop_turn(arg, 0, 0) > 0) {
    }
}

static struct rw_future *next_send(struct series *self, struct rw_context *cx)
{
    return self->left-- > 0 ? rw_channel_send(cx->loop, self->arg, rw_int((int64_t)self->left)) : NULL;
}

static struct rw_future *next_receive(struct series *self, struct rw_context *cx)
{
    return self->left-- > 0 ? rw_channel_receive(cx->loop, self->arg) : NULL;
}

static void messages(struct rw_loop *loop, size_t count, unsigned flags)
{
    struct rw_sender *sender;
    struct rw_receiver *receiver;
    struct series sending;
    struct series receiving;

    if (rw_channel_open(loop, CAPACITY, flags, &sender, &receiver) != 0) {
        fail("no channel");
    }
    rw_task_detach(rw_spawn(loop, series_init(&sending, next_send, count, sender), NULL));
    run(loop, series_init(&receiving, next_receive, count, receiver));
    rw_sender_unref(sender);
    rw_receiver_unref(receiver);
}

static void messages_local(void *arg, size_t count)
{
    messages(arg, count, RW_CHANNEL_LOCAL);
}

static void messages_shared(void *arg, size_t count)
{
    messages(arg, count, RW_CHANNEL_SHARED);
}

static struct rw_future *next_oneshot(struct series *self, struct rw_context *cx)
{
    struct rw_oneshot_sender *sender;
    struct rw_future *receiver;
    struct rw_value value = rw_int(1);

    if (self->left-- == 0) {
        return NULL;
    }
    if (rw_oneshot_open(cx->loop, &sender, &receiver) != 0 || rw_oneshot_send(sender, &value) != 0) {
        fail("no oneshot");
    }
    rw_oneshot_unref(sender);
    return receiver;
}

static void oneshot(void *arg, size_t count)
{
    struct series series;

    run(arg, series_init(&series, next_oneshot, count, NULL));
}

/* Armed by a first poll, then dropped, as when the operation was in time. */
static struct rw_future *next_timeout(struct series *self, struct rw_context *cx)
{
    struct rw_value value;

    while (self->left-- > 0) {
        int64_t deadline_ns = rw_deadline_after(cx->loop, 10 * RW_SECOND);
        struct rw_future *timeout = rw_timeout(cx->loop, new_plain(cx->loop, &never), deadline_ns);

        if (rw_poll(timeout, cx, &value) != RW_PENDING) {
            fail("a timeout was ready");
        }
        rw_future_drop(timeout);
    }
    return NULL;
}

static void timeout(void *arg, size_t count)
{
    struct series series;

    run(arg, series_init(&series, next_timeout, count, NULL));
}

static const struct {
    const char *name;
    size_t count;
    void (*run)(void *arg, size_t count);
} cases[] = {
    {"spawn_join", COUNT, spawn_join},
    {"spawn_batch", COUNT, spawn_batch},
    {"yield", (size_t)COUNT * 4, yield_many},
    {"channel_local", COUNT, messages_local},
    {"channel_shared", COUNT, messages_shared},
    {"oneshot", COUNT, oneshot},
    {"timeout", COUNT, timeout},
};

/* All cases, or the one that is named: for a profiler. */
int main(int argc, char **argv)
{
    struct rw_loop *loop = rw_loop_new(NULL);

    if (loop == NULL) {
        fail("no loop");
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (argc < 2 || strcmp(argv[1], cases[i].name) == 0) {
            bench_measure(cases[i].name, cases[i].count, cases[i].run, loop);
        }
    }
    rw_loop_free(loop);
    return 0;
}
