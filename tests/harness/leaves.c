/* SPDX-License-Identifier: MIT
 *
 * leaves.c - steps that wait, as futures: alone, and in groups.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/run.h"

#define MILLISECOND (RW_SECOND / 1000)

static struct rw_future *or_failed(struct run *run, struct rw_future *future, int code)
{
    return future != NULL ? future : rw_failed(run->loop, code);
}

static int64_t deadline_after_ms(struct run *run, int64_t delay_ms)
{
    return rw_deadline_after(run->loop, delay_ms * MILLISECOND);
}

static struct rw_future *receive(struct run *run, struct variable *from)
{
    struct rw_future *future = NULL;

    if (from->kind == VARIABLE_CHANNEL && from->receiver != NULL) {
        future = rw_channel_receive(run->loop, from->receiver);
    } else if (from->kind == VARIABLE_SUBSCRIPTION) {
        future = rw_broadcast_receive(from->subscription);
    } else if (from->kind == VARIABLE_ONESHOT) {
        future = from->oneshot_receiver;
        from->oneshot_receiver = NULL;
    }
    return or_failed(run, future, RW_ERR_TYPE);
}

static struct rw_future *await_variable(struct run *run, struct variable *what)
{
    if (what->kind == VARIABLE_TASK) {
        return rw_task_join(what->task);
    }
    return what->kind == VARIABLE_PROMISE ? rw_promise_wait(what->promise)
                                          : rw_failed(run->loop, RW_ERR_TYPE);
}

/* The sink takes the place of the channel's sender; the stream is used up. */
static struct rw_future *forward(struct run *run, struct variable *from, struct variable *to)
{
    if (from->kind != VARIABLE_STREAM || from->stream == NULL || to == NULL || to->sender == NULL) {
        return rw_failed(run->loop, RW_ERR_TYPE);
    }
    struct rw_sink *sink = rw_sink_of_channel(run->loop, to->sender);

    if (sink == NULL) {
        return rw_failed(run->loop, RW_ERR_NOMEM);
    }
    struct rw_stream *stream = from->stream;

    from->stream = NULL;
    return rw_forward(stream, sink);
}

static struct rw_future *send(struct run *run, struct variable *to, const struct step *step)
{
    if (to->sender == NULL) {
        return rw_failed(run->loop, RW_ERR_TYPE);
    }
    return rw_channel_send(run->loop, to->sender, run_argument(run, &step->arguments[1]));
}

static struct rw_future *plain_leaf(struct run *run, const struct step *step)
{
    if (step->op == OP_SLEEP) {
        return rw_sleep_until(run->loop, deadline_after_ms(run, step->arguments[0].number));
    }
    if (step->op == OP_YIELD) {
        return rw_yield_now(run->loop);
    }
    struct variable *variable = run_find(run, step->arguments[0].text);

    if (variable == NULL) {
        return rw_failed(run->loop, RW_ERR_INVALID);
    }
    switch (step->op) {
    case OP_AWAIT:
        return await_variable(run, variable);
    case OP_RECEIVE:
        return receive(run, variable);
    case OP_SEND:
        return send(run, variable, step);
    case OP_NEXT:
        return variable->stream != NULL ? rw_stream_next(variable->stream)
                                        : rw_failed(run->loop, RW_ERR_TYPE);
    case OP_FORWARD:
        return forward(run, variable, run_find(run, step->arguments[1].text));
    case OP_RESERVE:
        return variable->sender != NULL ? rw_channel_reserve(run->loop, variable->sender)
                                        : rw_failed(run->loop, RW_ERR_TYPE);
    default:
        return rw_failed(run->loop, RW_ERR_UNSUPPORTED);
    }
}

struct rw_future *run_leaf(struct run *run, const struct step *step)
{
    struct rw_future *future = or_failed(run, plain_leaf(run, step), RW_ERR_NOMEM);

    if (step->within_ms >= 0) {
        future = rw_timeout(run->loop, future, deadline_after_ms(run, step->within_ms));
    }
    return or_failed(run, future, RW_ERR_NOMEM);
}

/* ---- groups ---------------------------------------------------------------------------------------------------- */

static void fill_choice(struct run *run, const struct step *step, struct rw_select_case *choice)
{
    struct variable *variable =
        step->arguments[0].text != NULL ? run_find(run, step->arguments[0].text) : NULL;

    *choice = (struct rw_select_case){0};
    if (step->op == OP_DEFAULT) {
        choice->kind = RW_SELECT_DEFAULT;
    } else if (step->op == OP_AFTER) {
        choice->kind = RW_SELECT_DEADLINE;
        choice->deadline_ns = deadline_after_ms(run, step->arguments[0].number);
    } else if (step->op == OP_RECEIVE && variable != NULL && variable->receiver != NULL) {
        choice->kind = RW_SELECT_RECEIVE;
        choice->receiver = variable->receiver;
    } else if (step->op == OP_SEND && variable != NULL && variable->sender != NULL) {
        choice->kind = RW_SELECT_SEND;
        choice->sender = variable->sender;
        choice->value = run_argument(run, &step->arguments[1]);
    } else {
        choice->kind = RW_SELECT_FUTURE;
        choice->future = run_leaf(run, step);
    }
}

static struct rw_future *select_of(struct run *run, const struct step *group, const struct step *members,
                                   size_t count)
{
    struct rw_select_case *choices = test_memory(count * sizeof *choices);
    const char *mode = group->arguments[0].text;
    bool biased = mode != NULL && strcmp(mode, "biased") == 0;

    for (size_t i = 0; i < count; i++) {
        fill_choice(run, &members[i], &choices[i]);
    }
    struct rw_future *future = rw_select(run->loop, choices, count, biased ? RW_SELECT_BIASED : 0);

    free(choices);
    return or_failed(run, future, RW_ERR_NOMEM);
}

struct rw_future *run_group(struct run *run, const struct step *group, const struct step *members,
                            size_t count)
{
    if (group->op == OP_SELECT) {
        return select_of(run, group, members, count);
    }
    struct rw_future **futures = test_memory(count * sizeof *futures);

    for (size_t i = 0; i < count; i++) {
        futures[i] = run_leaf(run, &members[i]);
    }
    struct rw_future *future = group->op == OP_JOIN ? rw_join_all(run->loop, futures, count)
                                                    : rw_first_of(run->loop, futures, count);

    free(futures);
    return or_failed(run, future, RW_ERR_NOMEM);
}
