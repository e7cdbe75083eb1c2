/* SPDX-License-Identifier: MIT
 *
 * streams.c - the steps that make streams out of things and out of streams.
 *
 * An adapter takes the stream it is given: the old name is empty afterwards.
 */
#include <stdlib.h>

#include "harness/run.h"

#define MILLISECOND (RW_SECOND / 1000)

/* What the functions of adapters are told: a loop and a number. */
struct told {
    struct rw_loop *loop;
    int64_t number;
    int64_t done;
};

static struct told *tell(struct run *run, int64_t number)
{
    struct told *told = test_memory(sizeof *told);

    told->loop = run->loop;
    told->number = number;
    return told;
}

static struct rw_future *add(void *arg, struct rw_value item)
{
    const struct told *told = arg;
    int64_t sum = item.as.integer + told->number;

    rw_value_drop(&item);
    return rw_ready(told->loop, rw_int(sum));
}

static struct rw_future *is_multiple(void *arg, const struct rw_value *item)
{
    const struct told *told = arg;

    return rw_ready(told->loop, rw_bool(item->as.integer % told->number == 0));
}

static struct rw_value instead(void *arg, struct rw_value value)
{
    int64_t *result = arg;

    rw_value_drop(&value);
    return rw_int(*result);
}

static struct rw_future *sleep_then(struct rw_loop *loop, int64_t delay_ms, int64_t result)
{
    int64_t *kept = test_memory(sizeof *kept);

    *kept = result;
    return rw_map(loop, rw_sleep_until(loop, rw_deadline_after(loop, delay_ms * MILLISECOND)), instead, free,
                  kept);
}

/* An item of `n` takes n milliseconds and gives 10 n. */
static struct rw_future *slow_times_ten(void *arg, struct rw_value item)
{
    const struct told *told = arg;

    return sleep_then(told->loop, item.as.integer, item.as.integer * 10);
}

struct ticks {
    struct rw_loop *loop;
    int64_t next;
    int64_t count;
    int64_t delay_ms;
};

static struct rw_future *next_tick(void *arg)
{
    struct ticks *ticks = arg;

    if (ticks->next == ticks->count) {
        return NULL;
    }
    return sleep_then(ticks->loop, ticks->delay_ms, ticks->next++);
}

static struct rw_stream *ticks_stream(struct run *run, int64_t count, int64_t delay_ms)
{
    struct ticks *ticks = test_memory(sizeof *ticks);

    *ticks = (struct ticks){run->loop, 0, count, delay_ms};
    return rw_stream_from(run->loop, next_tick, free, ticks);
}

static struct rw_stream *list_stream(struct run *run, const struct step_argument *argument)
{
    struct rw_value list = run_argument(run, argument);
    struct rw_stream *stream = list.kind == RW_KIND_LIST ? rw_stream_of_list(run->loop, list.as.list) : NULL;

    rw_value_drop(&list);
    return stream;
}

static struct rw_stream *take_stream(struct run *run, const char *name)
{
    struct variable *variable = run_find(run, name);

    if (variable == NULL || variable->stream == NULL) {
        return NULL;
    }
    struct rw_stream *stream = variable->stream;

    variable->stream = NULL;
    return stream;
}

static struct rw_stream *merge(struct run *run, struct rw_stream *first, const char *second_name)
{
    struct rw_stream *streams[2] = {first, take_stream(run, second_name)};

    if (streams[1] == NULL) {
        rw_stream_unref(first);
        return NULL;
    }
    return rw_stream_merge(run->loop, streams, 2);
}

static struct rw_stream *adapt(struct run *run, const struct step *step)
{
    struct rw_stream *stream = take_stream(run, step->arguments[0].text);
    int64_t number = step->arguments[1].number;

    if (stream == NULL) {
        return NULL;
    }
    switch (step->op) {
    case OP_MAP:
        return rw_stream_map(stream, add, free, tell(run, number));
    case OP_FILTER:
        return rw_stream_filter(stream, is_multiple, free, tell(run, number));
    case OP_TAKE:
        return rw_stream_take(stream, (uint64_t)number);
    case OP_MERGE:
        return merge(run, stream, step->arguments[1].text);
    case OP_CHUNKS:
        return rw_stream_chunks(stream, (size_t)number);
    default:
        return rw_stream_buffered(stream, (size_t)number, slow_times_ten, free, tell(run, 0));
    }
}

static struct rw_stream *make(struct run *run, const struct step *step)
{
    const struct step_argument *arguments = step->arguments;
    const struct variable *variable;

    switch (step->op) {
    case OP_STREAM_LIST:
        return list_stream(run, &arguments[0]);
    case OP_STREAM_INTERVAL:
        return rw_interval(run->loop, arguments[0].number * MILLISECOND);
    case OP_STREAM_TICKS:
        return ticks_stream(run, arguments[0].number, arguments[1].number);
    case OP_STREAM_CHANNEL:
        variable = run_find(run, arguments[0].text);
        return variable->receiver != NULL ? rw_stream_of_channel(run->loop, variable->receiver) : NULL;
    default:
        return adapt(run, step);
    }
}

/* The new name is the last argument. */
static const char *name_of_result(const struct step *step)
{
    return step->arguments[step->arguments[2].given ? 2 : 1].text;
}

struct rw_value run_stream_step(struct run *run, const struct step *step)
{
    if (step->op == OP_CLOSE_STREAM) {
        struct variable *variable = run_find(run, step->arguments[0].text);

        if (variable->stream == NULL) {
            return rw_failure(RW_ERR_TYPE);
        }
        rw_stream_close(variable->stream);
        return rw_nil();
    }
    struct rw_stream *stream = make(run, step);

    if (stream == NULL) {
        return rw_failure(RW_ERR_TYPE);
    }
    run_set(run, name_of_result(step), VARIABLE_STREAM)->stream = stream;
    return rw_nil();
}
