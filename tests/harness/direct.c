/* SPDX-License-Identifier: MIT
 *
 * direct.c - steps that are done at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run.h"

static struct rw_value outcome(int err)
{
    return err < 0 ? rw_failure(err) : rw_nil();
}

/* The words of a trace step, `$name` replaced by the variable's value. */
static char *fill_in(struct run *run, const char *words)
{
    struct text out = {0};

    while (*words != '\0') {
        size_t plain = strcspn(words, "$");

        text_add_sized(&out, words, plain);
        words += plain;
        if (*words != '$') {
            break;
        }
        size_t size = strspn(++words, "abcdefghijklmnopqrstuvwxyz0123456789_");
        char *name = text_copy(words, size);
        struct step_argument argument = {.reference = name};
        struct rw_value value = run_argument(run, &argument);
        char *shown = case_literal_format(&value);

        text_add(&out, shown);
        free(shown);
        free(name);
        rw_value_drop(&value);
        words += size;
    }
    return text_take(&out);
}

static struct rw_value trace(struct run *run, const char *label, const char *words)
{
    char *text = fill_in(run, words);

    run_trace(run, label, text);
    free(text);
    return rw_nil();
}

static struct rw_value spawn(struct run *run, const struct step *step)
{
    const struct step_argument *arguments = step->arguments;
    const char *label = arguments[1].given ? arguments[1].text : arguments[0].text;
    struct variable *scope = arguments[2].given ? run_find(run, arguments[2].text) : NULL;
    struct rw_spawn_options options = {.name = label};
    struct rw_future *script = script_new(run, case_find_task(run->behaviour, arguments[0].text), label);
    struct rw_task *task;

    if (script == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    if (arguments[2].given && (scope == NULL || scope->scope == NULL)) {
        rw_future_drop(script);
        return rw_failure(RW_ERR_TYPE);
    }
    errno = 0;
    task = scope != NULL ? rw_scope_spawn(scope->scope, script, &options)
                         : rw_spawn(run->loop, script, &options);
    if (task == NULL) {
        return rw_failure(errno == EINVAL ? RW_ERR_STATE : RW_ERR_NOMEM);
    }
    run_set(run, label, VARIABLE_TASK)->task = task;
    return rw_nil();
}

static struct rw_value cancel(struct variable *variable)
{
    if (variable->kind == VARIABLE_TASK && variable->task != NULL) {
        rw_task_cancel(variable->task, NULL);
    } else if (variable->kind == VARIABLE_SCOPE) {
        rw_scope_cancel(variable->scope, NULL);
    } else {
        return rw_failure(RW_ERR_TYPE);
    }
    return rw_nil();
}

static struct rw_value abort_task(struct variable *variable)
{
    struct rw_abort_handle *handle = variable->task != NULL ? rw_task_abort_handle(variable->task) : NULL;

    if (handle == NULL) {
        return rw_failure(RW_ERR_TYPE);
    }
    int err = rw_abort_handle_cancel(handle);

    rw_abort_handle_unref(handle);
    return outcome(err);
}

static struct rw_value open_channel(struct run *run, const struct step *step)
{
    const struct step_argument *arguments = step->arguments;
    bool is_shared = arguments[2].given && strcmp(arguments[2].text, "shared") == 0;
    size_t capacity = arguments[1].number == INT64_MAX ? RW_UNBOUNDED : (size_t)arguments[1].number;
    struct variable *variable = run_set(run, arguments[0].text, VARIABLE_CHANNEL);

    return outcome(rw_channel_open(run->loop, capacity, is_shared ? RW_CHANNEL_SHARED : RW_CHANNEL_LOCAL,
                                   &variable->sender, &variable->receiver));
}

static struct rw_value open_oneshot(struct run *run, const struct step *step)
{
    struct variable *variable = run_set(run, step->arguments[0].text, VARIABLE_ONESHOT);

    return outcome(rw_oneshot_open(run->loop, &variable->oneshot, &variable->oneshot_receiver));
}

static struct rw_value clone_end(struct run *run, const struct step *step)
{
    struct variable *from = run_find(run, step->arguments[0].text);
    bool is_sender = step->op == OP_CLONE_SENDER;

    if (from == NULL || (is_sender ? from->sender == NULL : from->receiver == NULL)) {
        return rw_failure(RW_ERR_TYPE);
    }
    struct rw_sender *sender = is_sender ? rw_sender_clone(from->sender) : NULL;
    struct rw_receiver *receiver = is_sender ? NULL : rw_receiver_clone(from->receiver);
    struct variable *to = run_set(run, step->arguments[1].text, VARIABLE_CHANNEL);

    to->sender = sender;
    to->receiver = receiver;
    return sender == NULL && receiver == NULL ? rw_failure(RW_ERR_NOMEM) : rw_nil();
}

static struct rw_value subscribe(struct run *run, const struct step *step)
{
    struct variable *from = run_find(run, step->arguments[0].text);

    if (from == NULL || from->kind != VARIABLE_BROADCAST) {
        return rw_failure(RW_ERR_TYPE);
    }
    struct rw_broadcast_receiver *receiver = rw_broadcast_subscribe(from->broadcast);

    run_set(run, step->arguments[1].text, VARIABLE_SUBSCRIPTION)->subscription = receiver;
    return receiver == NULL ? rw_failure(RW_ERR_NOMEM) : rw_nil();
}

static struct rw_value try_send(struct run *run, struct variable *to, const struct step *step)
{
    struct rw_value value = run_argument(run, &step->arguments[1]);
    int err = RW_ERR_TYPE;

    if (to->kind == VARIABLE_ONESHOT) {
        err = rw_oneshot_send(to->oneshot, &value);
    } else if (to->sender != NULL) {
        err = rw_channel_try_send(to->sender, &value);
    }
    if (err < 0) {
        rw_value_drop(&value);
    }
    return outcome(err);
}

static struct rw_value try_receive(struct variable *from)
{
    struct rw_value value = rw_nil();
    int err = from->receiver != NULL ? rw_channel_try_receive(from->receiver, &value) : RW_ERR_TYPE;

    return err < 0 ? rw_failure(err) : value;
}

static struct rw_value close_sender(struct variable *variable)
{
    if (variable->kind == VARIABLE_BROADCAST) {
        rw_broadcast_close(variable->broadcast);
    } else if (variable->kind == VARIABLE_ONESHOT) {
        rw_oneshot_unref(variable->oneshot);
        variable->oneshot = NULL;
    } else if (variable->sender != NULL) {
        rw_sender_close(variable->sender);
    } else {
        return rw_failure(RW_ERR_TYPE);
    }
    return rw_nil();
}

static struct rw_value close_receiver(struct variable *variable)
{
    if (variable->kind == VARIABLE_ONESHOT) {
        rw_future_drop(variable->oneshot_receiver);
        variable->oneshot_receiver = NULL;
    } else if (variable->receiver != NULL) {
        rw_receiver_close(variable->receiver);
    } else {
        return rw_failure(RW_ERR_TYPE);
    }
    return rw_nil();
}

static struct rw_value use_permit(struct run *run, struct variable *variable, const struct step *step)
{
    struct rw_permit *permit = rw_permit_of(&variable->value);

    if (permit == NULL) {
        return rw_failure(RW_ERR_TYPE);
    }
    if (step->op == OP_PERMIT_RELEASE) {
        rw_permit_release(permit);
        return rw_nil();
    }
    struct rw_value value = run_argument(run, &step->arguments[1]);
    int err = rw_permit_send(permit, &value);

    if (err < 0) {
        rw_value_drop(&value);
    }
    return outcome(err);
}

static struct rw_value count(const struct variable *variable)
{
    if (variable->receiver != NULL) {
        return rw_int((int64_t)rw_receiver_count(variable->receiver));
    }
    return variable->sender != NULL ? rw_int((int64_t)rw_sender_count(variable->sender))
                                    : rw_failure(RW_ERR_TYPE);
}

static struct rw_value settle(struct run *run, struct variable *variable, const struct step *step)
{
    if (variable->kind != VARIABLE_PROMISE) {
        return rw_failure(RW_ERR_TYPE);
    }
    struct rw_value value = step->op == OP_RESOLVE
                                ? run_argument(run, &step->arguments[1])
                                : rw_failure_format(RW_ERR_SCRIPT, "%s", step->arguments[1].text);

    return outcome(rw_promise_resolve(variable->promise, value));
}

static struct rw_value with_variable(struct run *run, struct variable *variable, const struct step *step)
{
    switch (step->op) {
    case OP_CANCEL:
        return cancel(variable);
    case OP_ABORT:
        return abort_task(variable);
    case OP_DETACH:
        rw_task_detach(variable->task);
        variable->task = NULL;
        return rw_nil();
    case OP_DONE:
        return variable->task != NULL ? rw_bool(rw_task_is_done(variable->task)) : rw_failure(RW_ERR_TYPE);
    case OP_RESOLVE:
    case OP_REJECT:
        return settle(run, variable, step);
    case OP_PUBLISH: {
        int sent = rw_broadcast_send(variable->broadcast, run_argument(run, &step->arguments[1]));

        return sent < 0 ? rw_failure(sent) : rw_int(sent);
    }
    case OP_TRY_SEND:
        return try_send(run, variable, step);
    case OP_TRY_RECEIVE:
        return try_receive(variable);
    case OP_CLOSE_SENDER:
        return close_sender(variable);
    case OP_CLOSE_RECEIVER:
        return close_receiver(variable);
    case OP_PERMIT_SEND:
    case OP_PERMIT_RELEASE:
        return use_permit(run, variable, step);
    case OP_COUNT:
        return count(variable);
    default:
        return run_stream_step(run, step);
    }
}

struct rw_value run_direct(struct run *run, const struct step *step, const char *label)
{
    struct variable *variable;

    switch (step->op) {
    case OP_TRACE:
        return trace(run, label, step->arguments[0].text);
    case OP_SPAWN:
        return spawn(run, step);
    case OP_FAIL:
        return rw_failure_format(RW_ERR_SCRIPT, "%s", step->arguments[0].text);
    case OP_VALUE:
        return run_argument(run, &step->arguments[0]);
    case OP_FUTURE:
        run_set(run, step->arguments[0].text, VARIABLE_PROMISE)->promise = rw_promise_new(run->loop);
        return rw_nil();
    case OP_CHANNEL:
        return open_channel(run, step);
    case OP_ONESHOT:
        return open_oneshot(run, step);
    case OP_BROADCAST:
        run_set(run, step->arguments[0].text, VARIABLE_BROADCAST)->broadcast =
            rw_broadcast_new(run->loop, (size_t)step->arguments[1].number);
        return rw_nil();
    case OP_SUBSCRIBE:
        return subscribe(run, step);
    case OP_CLONE_SENDER:
    case OP_CLONE_RECEIVER:
        return clone_end(run, step);
    case OP_STREAM_LIST:
    case OP_STREAM_INTERVAL:
    case OP_STREAM_TICKS:
        return run_stream_step(run, step);
    default:
        variable = run_find(run, step->arguments[0].text);
        return variable != NULL ? with_variable(run, variable, step) : rw_failure(RW_ERR_INVALID);
    }
}
