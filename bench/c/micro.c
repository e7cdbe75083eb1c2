/* SPDX-License-Identifier: MIT
 *
 * micro.c - what one small thing costs in C, measured through the public door only.
 *
 * Each case is a future written as a user would write it: a struct with its state, in which also lies what it awaits, and
 * a poll function. The cases in
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

static void drop_nothing(struct rw_future *self)
{
    (void)self;
}

static const struct rw_future_vtable at_once = {"at once", 0, poll_at_once, NULL, drop_nothing};
static const struct rw_future_vtable never = {"never", 0, poll_never, NULL, drop_nothing};

static struct rw_task *spawn_at_once(struct rw_loop *loop)
{
    struct rw_future *future;
    struct rw_task *task = rw_spawn_inline(loop, &at_once, sizeof *future, NULL, &future);

    if (task == NULL) {
        fail("no task");
    }
    return task;
}

/* ---- a future that awaits one thing after the other -------------------------------------------------------------- */

struct series {
    struct rw_future base;
    size_t left;
    void *arg;
    bool is_waiting;
};

/* The body of most poll functions below. `at` is what is awaited, in the series' own memory; `begin` starts the next one
 * there, or says that there is none. Nobody sends anything but numbers, so that no value needs to be dropped. */
static inline __attribute__((always_inline)) enum rw_poll drive(struct series *series, struct rw_future *at,
                                                                struct rw_context *cx, struct rw_value *out,
                                                                bool (*begin)(struct series *,
                                                                              struct rw_context *))
{
    for (;;) {
        if (!series->is_waiting && !begin(series, cx)) {
            *out = rw_nil();
            return RW_READY;
        }
        series->is_waiting = true;
        if (rw_poll(at, cx, out) == RW_PENDING) {
            return RW_PENDING;
        }
        rw_future_drop(at);
        if (rw_is_failure(out)) {
            return RW_READY;
        }
        series->is_waiting = false;
    }
}

/* Makes the futures of a struct whose first member is a series, and which awaits its member `at`. */
#define SERIES(begin, type, at)                                                                              \
    static enum rw_poll poll_##begin(struct rw_future *self, struct rw_context *cx, struct rw_value *out)    \
    {                                                                                                        \
        return drive((struct series *)self, &((struct type *)self)->at.base, cx, out, begin);                \
    }                                                                                                        \
    static const struct rw_future_vtable begin##_series = {#begin, 0, poll_##begin, NULL, drop_nothing}

static struct rw_future *series_init(struct series *series, const struct rw_future_vtable *vtable,
                                     size_t left, void *arg)
{
    rw_future_init(&series->base, vtable);
    series->is_waiting = false;
    series->left = left;
    series->arg = arg;
    return &series->base;
}

/* ---- the cases --------------------------------------------------------------------------------------------------- */

struct joining {
    struct series series;
    struct rw_join join;
};

static bool begin_spawn(struct series *self, struct rw_context *cx)
{
    if (self->left == 0) {
        return false;
    }
    self->left--;
    rw_join_init(&((struct joining *)self)->join, spawn_at_once(cx->loop), false);
    return true;
}

SERIES(begin_spawn, joining, join);

static void spawn_join(void *arg, size_t count)
{
    struct joining joining;

    run(arg, series_init(&joining.series, &begin_spawn_series, count, NULL));
}

/* Spawns a batch, then joins them in order. */
struct batch {
    struct rw_task *tasks[BATCH];
    size_t joined;
};

static bool begin_of_batch(struct series *self, struct rw_context *cx)
{
    struct batch *batch = self->arg;

    if (batch->joined == BATCH) {
        if (self->left < BATCH) {
            return false;
        }
        self->left -= BATCH;
        for (size_t i = 0; i < BATCH; i++) {
            batch->tasks[i] = spawn_at_once(cx->loop);
        }
        batch->joined = 0;
    }
    rw_join_init(&((struct joining *)self)->join, batch->tasks[batch->joined++], false);
    return true;
}

SERIES(begin_of_batch, joining, join);

static void spawn_batch(void *arg, size_t count)
{
    struct batch batch = {.joined = BATCH};
    struct joining joining;

    run(arg, series_init(&joining.series, &begin_of_batch_series, count, &batch));
}

struct yielding {
    struct rw_future base;
    size_t left;
    bool yielded;
};

static enum rw_poll poll_yielding(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct yielding *yielding = (struct yielding *)self;

    for (; yielding->left > 0; yielding->left--) {
        if (!rw_yield_passed(cx, &yielding->yielded)) {
            return RW_PENDING;
        }
    }
    *out = rw_nil();
    return RW_READY;
}

static const struct rw_future_vtable yielding_vtable = {"yielding", 0, poll_yielding, NULL, drop_nothing};

/* Spawns all that yield, then joins them. */
struct crowd {
    struct rw_task *tasks[YIELDERS];
    size_t spawned;
    size_t joined;
};

static bool begin_of_crowd(struct series *self, struct rw_context *cx)
{
    struct crowd *crowd = self->arg;

    for (; crowd->spawned < YIELDERS; crowd->spawned++) {
        struct rw_future *future;
        struct rw_task *task =
            rw_spawn_inline(cx->loop, &yielding_vtable, sizeof(struct yielding), NULL, &future);

        if (task == NULL) {
            fail("no task");
        }
        ((struct yielding *)future)->left = self->left;
        ((struct yielding *)future)->yielded = false;
        crowd->tasks[crowd->spawned] = task;
    }
    if (crowd->joined == YIELDERS) {
        return false;
    }
    rw_join_init(&((struct joining *)self)->join, crowd->tasks[crowd->joined++], false);
    return true;
}

SERIES(begin_of_crowd, joining, join);

static void yield_many(void *arg, size_t count)
{
    struct crowd crowd = {.spawned = 0};
    struct joining joining;

    run(arg, series_init(&joining.series, &begin_of_crowd_series, count / YIELDERS, &crowd));
}

struct sending {
    struct series series;
    struct rw_send send;
};

static bool begin_send(struct series *self, struct rw_context *cx)
{
    (void)cx;
    if (self->left-- == 0) {
        return false;
    }
    rw_send_init(&((struct sending *)self)->send, self->arg, rw_int((int64_t)self->left));
    return true;
}

SERIES(begin_send, sending, send);

struct receiving {
    struct series series;
    struct rw_receive receive;
};

static bool begin_receive(struct series *self, struct rw_context *cx)
{
    (void)cx;
    rw_receive_init(&((struct receiving *)self)->receive, self->arg);
    return self->left-- > 0;
}

SERIES(begin_receive, receiving, receive);

static void messages(struct rw_loop *loop, size_t count, unsigned flags)
{
    struct rw_sender *sender;
    struct rw_receiver *receiver;
    struct sending sending;
    struct receiving receiving;

    if (rw_channel_open(loop, CAPACITY, flags, &sender, &receiver) != 0) {
        fail("no channel");
    }
    rw_task_detach(rw_spawn(loop, series_init(&sending.series, &begin_send_series, count, sender), NULL));
    run(loop, series_init(&receiving.series, &begin_receive_series, count, receiver));
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

static struct rw_future *open_oneshot(struct rw_loop *loop)
{
    struct rw_oneshot_sender *sender;
    struct rw_future *receiver;
    struct rw_value value = rw_int(1);

    if (rw_oneshot_open(loop, &sender, &receiver) != 0 || rw_oneshot_send(sender, &value) != 0) {
        fail("no oneshot");
    }
    rw_oneshot_unref(sender);
    return receiver;
}

/* `arg` is the receiver that is awaited. */
static enum rw_poll poll_oneshots(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct series *series = (struct series *)self;

    for (;;) {
        if (series->arg == NULL) {
            if (series->left-- == 0) {
                *out = rw_nil();
                return RW_READY;
            }
            series->arg = open_oneshot(cx->loop);
        }
        if (rw_poll(series->arg, cx, out) == RW_PENDING) {
            return RW_PENDING;
        }
        rw_value_drop(out);
        rw_future_drop(series->arg);
        series->arg = NULL;
    }
}

static const struct rw_future_vtable oneshots = {"oneshots", 0, poll_oneshots, NULL, drop_nothing};

static void oneshot(void *arg, size_t count)
{
    struct series series;

    run(arg, series_init(&series, &oneshots, count, NULL));
}

/* Armed by a first poll, then dropped, as when the operation was in time. */
static enum rw_poll poll_timeouts(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct series *series = (struct series *)self;

    for (; series->left > 0; series->left--) {
        int64_t deadline_ns = rw_deadline_after(cx->loop, 10 * RW_SECOND);
        struct rw_future operation;
        struct rw_timeout timeout;

        rw_future_init(&operation, &never);
        rw_timeout_init(&timeout, cx->loop, &operation, deadline_ns);
        if (rw_poll(&timeout.base, cx, out) != RW_PENDING) {
            fail("a timeout was ready");
        }
        rw_future_drop(&timeout.base);
    }
    *out = rw_nil();
    return RW_READY;
}

static const struct rw_future_vtable timeouts = {"timeouts", 0, poll_timeouts, NULL, drop_nothing};

static void timeout(void *arg, size_t count)
{
    struct series series;

    run(arg, series_init(&series, &timeouts, count, NULL));
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
