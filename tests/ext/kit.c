/* SPDX-License-Identifier: MIT
 *
 * kit.c - the functions of kit.h: each as short as what it shows.
 */
#include "kit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- futures --------------------------------------------------------------------------------------------------------- */

struct rw_future *kit_ready(struct rw_loop *loop, int64_t value)
{
    return rw_ready(loop, rw_int(value));
}

static struct rw_value give(void *arg, struct rw_value unused)
{
    struct rw_value *kept = arg;
    struct rw_value value = *kept;

    rw_value_drop(&unused);
    *kept = rw_nil();
    return value;
}

static void drop_kept(void *arg)
{
    rw_value_drop(arg);
    free(arg);
}

/* `value` when `first` has ended. */
static struct rw_future *value_after(struct rw_loop *loop, struct rw_future *first, struct rw_value value)
{
    struct rw_value *kept = malloc(sizeof *kept);

    if (kept == NULL) {
        rw_future_drop(first);
        rw_value_drop(&value);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *kept = value;
    return rw_map(loop, first, give, drop_kept, kept);
}

/* The plainest leaf: woken once, ready when polled again. */
struct tick {
    struct rw_future base;
    struct rw_loop *loop;
    int64_t value;
    bool woken;
};

static enum rw_poll poll_tick(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct tick *tick = (struct tick *)self;

    if (!tick->woken) {
        tick->woken = true;
        rw_waker_wake(&cx->waker);
        return RW_PENDING;
    }
    *out = rw_int(tick->value);
    return RW_READY;
}

static void drop_tick(struct rw_future *self)
{
    rw_loop_release(((struct tick *)self)->loop, self, sizeof(struct tick));
}

static const struct rw_future_vtable tick_vtable = {"kit.tick", 0, poll_tick, NULL, drop_tick};

struct rw_future *kit_tick(struct rw_loop *loop, int64_t value)
{
    struct tick *tick = rw_loop_alloc(loop, sizeof *tick);

    if (tick == NULL) {
        return NULL;
    }
    rw_future_init(&tick->base, &tick_vtable);
    tick->loop = loop;
    tick->value = value;
    tick->woken = false;
    return &tick->base;
}

struct rw_future *kit_later(struct rw_loop *loop, struct rw_value value, int64_t deadline_ns)
{
    return value_after(loop, rw_sleep_until(loop, deadline_ns), value);
}

struct rw_future *kit_add(struct rw_loop *loop, int64_t a, double b, const char *c, bool d)
{
    return rw_ready(loop, rw_double((double)a + b + (double)strlen(c) + (d ? 1 : 0)));
}

struct rw_future *kit_fail(struct rw_loop *loop, int code, const char *message)
{
    return rw_ready(loop, rw_failure_format(code, "%s", message));
}

struct rw_future *kit_hand_on(struct rw_future *future)
{
    return future;
}

/* ---- values ------------------------------------------------------------------------------------------------------------ */

struct rw_value kit_echo(struct rw_value value)
{
    return value;
}

struct rw_value kit_same(struct rw_value opaque)
{
    return opaque;
}

struct rw_value kit_describe(const struct rw_value *value)
{
    return rw_text_of(rw_kind_name(value->kind));
}

struct rw_value kit_failure(int code, const char *message)
{
    return rw_failure_format(code, "%s", message);
}

int64_t kit_int64(int64_t x)
{
    return x;
}

uint64_t kit_uint64(uint64_t x)
{
    return x;
}

int8_t kit_int8(int8_t x)
{
    return x;
}

unsigned short kit_unsigned_short(unsigned short x)
{
    return x;
}

double kit_double(double x)
{
    return x;
}

bool kit_negate(bool x)
{
    return !x;
}

int64_t kit_plus(int64_t a, int64_t b, int64_t c, int64_t d)
{
    return a + b + c + d;
}

int64_t kit_timeout(int64_t timeout_ns)
{
    return timeout_ns;
}

int64_t kit_remaining(struct rw_loop *loop, int64_t deadline_ns)
{
    return deadline_ns == RW_NEVER ? -1 : deadline_ns - rw_loop_now(loop);
}

/* ---- bytes, text, errors ------------------------------------------------------------------------------------------------- */

uint64_t kit_sum_bytes(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum += bytes[i];
    }
    return sum;
}

size_t kit_text_size(const char *text, size_t size)
{
    return strlen(text) <= size ? size : 0;
}

struct rw_bytes *kit_bytes(size_t count)
{
    struct rw_bytes *bytes = rw_bytes_new(count);

    for (size_t i = 0; bytes != NULL && i < count; i++) {
        rw_bytes_data(bytes)[i] = (char)i;
    }
    return bytes;
}

enum rw_err kit_check(int code)
{
    return (enum rw_err)code;
}

/* ---- channels, streams, callbacks ------------------------------------------------------------------------------------------ */

struct rw_future *kit_receive(struct rw_loop *loop, struct rw_receiver *receiver)
{
    return rw_channel_receive(loop, receiver);
}

struct rw_future *kit_send(struct rw_loop *loop, struct rw_sender *sender, struct rw_value value)
{
    return rw_channel_send(loop, sender, value);
}

struct rw_receiver *kit_filled_channel(struct rw_loop *loop, int count)
{
    struct rw_sender *sender = NULL;
    struct rw_receiver *receiver = NULL;

    if (rw_channel_open(loop, (size_t)count, 0, &sender, &receiver) != 0) {
        return NULL;
    }
    for (int i = 1; i <= count; i++) {
        struct rw_value value = rw_int(i);

        rw_channel_try_send(sender, &value);
    }
    rw_sender_unref(sender);
    return receiver;
}

struct counting {
    struct rw_loop *loop;
    int next;
    int last;
};

static struct rw_future *count_on(void *arg)
{
    struct counting *counting = arg;

    if (counting->next > counting->last) {
        return NULL;
    }
    counting->next++;
    return rw_ready(counting->loop, rw_int(counting->next - 1));
}

struct rw_stream *kit_count_to(struct rw_loop *loop, int count)
{
    struct counting *counting = malloc(sizeof *counting);

    if (counting == NULL) {
        return NULL;
    }
    *counting = (struct counting){loop, 1, count};
    return rw_stream_from(loop, count_on, free, counting);
}

struct rw_future *kit_next(struct rw_stream *stream)
{
    return rw_stream_next(stream);
}

struct rw_future *kit_call(struct rw_callback *callback, struct rw_value argument)
{
    return rw_callback_call(callback, argument);
}

struct posting {
    struct rw_callback *callback;
    struct rw_value argument;
};

static void *post_there(void *arg)
{
    struct posting *posting = arg;

    rw_callback_post(posting->callback, posting->argument);
    rw_callback_unref(posting->callback);
    free(posting);
    return NULL;
}

/* A thread that ends by itself. */
static bool start(void *(*run)(void *arg), void *arg)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, arg) != 0) {
        return false;
    }
    pthread_detach(thread);
    return true;
}

enum rw_err kit_post_from_thread(struct rw_callback *callback, struct rw_value argument)
{
    struct posting *posting = malloc(sizeof *posting);

    if (posting == NULL) {
        rw_value_drop(&argument);
        return RW_ERR_NOMEM;
    }
    *posting = (struct posting){rw_callback_ref(callback), argument};
    if (!start(post_there, posting)) {
        rw_value_drop(&posting->argument);
        rw_callback_unref(posting->callback);
        free(posting);
        return RW_ERR_OS;
    }
    return RW_OK;
}

/* ---- completions ---------------------------------------------------------------------------------------------------------------- */

struct thread_job {
    struct rw_completer *completer;
    int64_t value;
};

static void *complete_there(void *arg)
{
    struct thread_job *job = arg;

    rw_completer_complete(job->completer, rw_int(job->value));
    rw_completer_unref(job->completer);
    free(job);
    return NULL;
}

struct rw_future *kit_from_thread(struct rw_loop *loop, int64_t value)
{
    struct thread_job *job = malloc(sizeof *job);
    struct rw_future *future = NULL;

    if (job == NULL) {
        return NULL;
    }
    *job = (struct thread_job){rw_completer_new(loop, "kit.from_thread", &future), value};
    if (job->completer == NULL || !start(complete_there, job)) {
        rw_completer_unref(job->completer); /* the future says that it was given up */
        free(job);
    }
    return future;
}

static struct rw_completer *last;

/* Long after the host has closed its state, and with it whatever modules it could unload. */
__attribute__((destructor)) static void complete_last(void)
{
    if (last != NULL) {
        rw_completer_complete(last, rw_nil());
        rw_completer_unref(last);
    }
}

struct rw_future *kit_when_process_ends(struct rw_loop *loop)
{
    struct rw_future *future = NULL;

    if (last == NULL) {
        last = rw_completer_new(loop, "kit.when_process_ends", &future);
    }
    return future;
}

struct rw_future *kit_given_up(struct rw_loop *loop)
{
    struct rw_future *future = NULL;
    struct rw_completer *completer = rw_completer_new(loop, "kit.given_up", &future);

    rw_completer_unref(completer);
    return future;
}

/* The first result stands; what the second was told comes with it. */
struct rw_future *kit_twice(struct rw_loop *loop)
{
    struct rw_promise *promise = rw_promise_new(loop);

    if (promise == NULL) {
        return NULL;
    }
    rw_promise_resolve(promise, rw_int(1));
    struct rw_future *future =
        value_after(loop, rw_promise_wait(promise), rw_int(rw_promise_resolve(promise, rw_int(2))));
    rw_promise_unref(promise);
    return future;
}

/* Nobody is left who could complete it. */
struct rw_future *kit_never(struct rw_loop *loop)
{
    struct rw_promise *promise = rw_promise_new(loop);
    struct rw_future *future = promise != NULL ? rw_promise_wait(promise) : NULL;

    rw_promise_unref(promise);
    return future;
}

/* ---- an object -------------------------------------------------------------------------------------------------------------------- */

struct kit_counter {
    struct rw_object object;
    struct rw_loop *loop;
    int64_t value;
};

static int live_counters;

static void destroy_counter(struct rw_object *object)
{
    live_counters--;
    free(object);
}

const struct rw_object_type kit_counter_type = {"kit.counter", false, destroy_counter};

struct kit_counter *kit_counter_now(struct rw_loop *loop, int64_t start)
{
    struct kit_counter *counter = malloc(sizeof *counter);

    if (counter != NULL) {
        *counter = (struct kit_counter){{&kit_counter_type, 1}, loop, start};
        live_counters++;
    }
    return counter;
}

struct rw_future *kit_new_counter(struct rw_loop *loop, int64_t start)
{
    struct kit_counter *counter = kit_counter_now(loop, start);

    return counter != NULL ? rw_ready(loop, rw_value_of_handle(&counter->object)) : NULL;
}

int64_t kit_counter_add(struct kit_counter *counter, int64_t amount)
{
    counter->value += amount;
    return counter->value;
}

struct rw_future *kit_counter_wait(struct kit_counter *counter, int64_t amount)
{
    counter->value += amount;
    return kit_tick(counter->loop, counter->value);
}

int kit_live_counters(void)
{
    return live_counters;
}
