/* SPDX-License-Identifier: MIT
 *
 * script.c - a task of a case as a future: poll interprets steps, as a coroutine would run statements.
 *
 *      STEPPING --a step that waits--> AWAITING --ready--> STEPPING
 *         |  failure                                          |
 *         v                                                   |
 *      UNWINDING --frames left--> (finally, scope exit) ------+
 *         |  no frame left, or the last step done
 *         v
 *      DONE
 *
 * Each open block is a frame. A failure walks up the frames until a shown block takes it; scopes are left through
 * rw_scope_join and rw_scope_close on every way out, so that the runner uses scopes as any host has to.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/run.h"

#define MILLISECOND (RW_SECOND / 1000)

enum waiting_for { WAIT_STEP, WAIT_GROUP, WAIT_ITEM, WAIT_CHILDREN };

struct frame {
    const struct step *block;
    size_t begin;           /* index of the block */
    int64_t rounds_left;    /* repeat */
    struct rw_scope *scope; /* scope, timeout, move_on, shield */
    bool is_cleaning;       /* try: the finally part runs */
    struct rw_value kept;   /* try: the failure to go on with after it */
};

struct script {
    struct rw_future base;
    struct run *run;
    const struct case_task *task;
    char *label;
    size_t at; /* the next step */
    struct frame frames[STEP_DEPTH];
    size_t depth;
    struct rw_future *awaited;
    enum waiting_for waiting_for;
    const struct step *step; /* what is being done */
    struct rw_value failure; /* being carried up */
    bool is_unwinding;
    bool is_done;
    struct rw_value result;
};

static struct frame *top(struct script *script)
{
    return &script->frames[script->depth - 1];
}

static void await(struct script *script, struct rw_future *future, enum waiting_for waiting_for)
{
    script->awaited = future;
    script->waiting_for = waiting_for;
}

/* ---- outcomes -------------------------------------------------------------------------------------------------- */

static void show(struct script *script, const struct step *step, const struct rw_value *outcome)
{
    char *value = case_literal_format(outcome);
    struct text text = {0};

    text_add(&text, step->text);
    text_add(&text, ": ");
    text_add(&text, value);
    run_trace(script->run, script->label, text.data);
    text_free(&text);
    free(value);
}

static void trace_end(struct script *script)
{
    struct text text = {0};

    if (script->failure.code == RW_ERR_CANCELLED) {
        text_add(&text, "cancelled");
    } else {
        char *value = case_literal_format(&script->failure);

        text_add(&text, "failed: ");
        text_add(&text, value);
        free(value);
    }
    run_trace(script->run, script->label, text.data);
    text_free(&text);
}

/* A step is done; `outcome` is taken. */
static void complete(struct script *script, const struct step *step, struct rw_value outcome)
{
    if (step->show) {
        show(script, step, &outcome);
        rw_value_drop(&outcome);
    } else if (rw_is_failure(&outcome)) {
        script->failure = outcome;
        script->is_unwinding = true;
    } else if (step->store != NULL) {
        run_set(script->run, step->store, VARIABLE_VALUE)->value = outcome;
    } else {
        rw_value_drop(&outcome);
    }
}

/* ---- blocks ---------------------------------------------------------------------------------------------------- */

static struct rw_future *next_item(struct script *script, const struct step *block)
{
    struct run *run = script->run;
    struct variable *from = run_find(run, block->arguments[0].text);
    struct rw_future *future = NULL;

    if (from != NULL && from->stream != NULL) {
        future = rw_stream_next(from->stream);
    } else if (from != NULL && from->receiver != NULL) {
        future = rw_channel_receive(run->loop, from->receiver);
    }
    return future != NULL ? future : rw_failed(run->loop, RW_ERR_TYPE);
}

static void leave_block(struct script *script, struct rw_value outcome)
{
    const struct step *block = top(script)->block;

    script->at = block->block_end + 1;
    script->depth--;
    complete(script, block, outcome);
}

static struct rw_scope *open_scope(struct script *script, const struct step *block, struct rw_task *task)
{
    struct rw_scope_options options = {0};

    if (block->op == OP_TIMEOUT || block->op == OP_MOVE_ON) {
        options.deadline_ns = rw_deadline_after(script->run->loop, block->arguments[0].number * MILLISECOND);
    }
    options.flags = block->op == OP_TIMEOUT ? RW_SCOPE_FAIL_AFTER : 0;
    options.flags |= block->op == OP_SHIELD ? RW_SCOPE_SHIELD : 0;
    struct rw_scope *scope = rw_scope_open(task, &options);

    if (scope != NULL && block->op == OP_SCOPE) {
        run_set(script->run, block->arguments[0].text, VARIABLE_SCOPE)->scope = rw_scope_ref(scope);
    }
    return scope;
}

static void enter_block(struct script *script, const struct step *block, struct rw_task *task)
{
    struct frame *frame = &script->frames[script->depth++];

    *frame =
        (struct frame){.block = block, .begin = script->at - 1, .rounds_left = block->arguments[0].number};
    switch (block->op) {
    case OP_REPEAT:
        if (frame->rounds_left == 0) {
            leave_block(script, rw_nil());
        }
        break;
    case OP_EACH:
        await(script, next_item(script, block), WAIT_ITEM);
        break;
    case OP_SCOPE:
    case OP_TIMEOUT:
    case OP_MOVE_ON:
    case OP_SHIELD:
        frame->scope = open_scope(script, block, task);
        if (frame->scope == NULL) {
            leave_block(script, rw_failure(RW_ERR_NOMEM));
        }
        break;
    default:
        break;
    }
}

/* The end of a block was reached, by its last step. */
static void end_block(struct script *script)
{
    struct frame *frame = top(script);

    if (frame->scope != NULL) {
        await(script, rw_scope_join(frame->scope, rw_nil()), WAIT_CHILDREN);
    } else if (frame->block->op == OP_REPEAT && --frame->rounds_left > 0) {
        script->at = frame->begin + 1;
    } else if (frame->block->op == OP_EACH) {
        script->at = frame->begin + 1;
        await(script, next_item(script, frame->block), WAIT_ITEM);
    } else {
        struct rw_value kept = frame->kept;

        frame->kept = rw_nil();
        leave_block(script, kept);
    }
}

/* Carries the failure one frame up. */
static void unwind(struct script *script)
{
    struct rw_value failure = script->failure;

    if (script->depth == 0) {
        trace_end(script);
        script->failure = rw_nil();
        script->result = failure;
        script->is_done = true;
        return;
    }
    struct frame *frame = top(script);

    script->is_unwinding = false;
    script->failure = rw_nil();
    if (frame->scope != NULL) {
        await(script, rw_scope_join(frame->scope, failure), WAIT_CHILDREN);
    } else if (frame->block->op == OP_TRY && !frame->is_cleaning) {
        frame->is_cleaning = true;
        frame->kept = failure;
        script->at = frame->block->middle + 1;
    } else {
        rw_value_drop(&frame->kept);
        leave_block(script, failure);
    }
}

/* ---- steps ----------------------------------------------------------------------------------------------------- */

static void begin_group(struct script *script, const struct step *group)
{
    size_t first = script->at;

    script->at = group->block_end + 1;
    await(script, run_group(script->run, group, &script->task->steps[first], group->block_end - first),
          WAIT_GROUP);
}

static void finish(struct script *script, struct rw_value result)
{
    script->result = result;
    script->is_done = true;
}

static void do_step(struct script *script, struct rw_context *cx)
{
    if (script->at == script->task->step_count) {
        finish(script, rw_nil());
        return;
    }
    const struct step *step = &script->task->steps[script->at++];

    script->step = step;
    switch (step->step_class) {
    case STEP_LEAF:
        await(script, run_leaf(script->run, step), WAIT_STEP);
        break;
    case STEP_GROUP:
        begin_group(script, step);
        break;
    case STEP_BLOCK:
        enter_block(script, step, cx->task);
        break;
    case STEP_MIDDLE: /* reached without a failure */
        top(script)->is_cleaning = true;
        break;
    case STEP_END:
        end_block(script);
        break;
    default:
        if (step->op == OP_RETURN) {
            finish(script, run_argument(script->run, &step->arguments[0]));
        } else {
            complete(script, step, run_direct(script->run, step, script->label));
        }
        break;
    }
}

static void item_arrived(struct script *script, struct rw_value outcome)
{
    const struct step *block = top(script)->block;

    if (!rw_is_failure(&outcome)) {
        run_set(script->run, block->arguments[1].text, VARIABLE_VALUE)->value = outcome;
        return;
    }
    if (outcome.code == RW_ERR_CLOSED || outcome.code == RW_ERR_END) {
        rw_value_drop(&outcome);
    }
    leave_block(script, outcome);
}

static void children_gone(struct script *script, struct rw_value outcome)
{
    struct frame *frame = top(script);
    struct rw_value result = rw_nil();

    rw_value_drop(&outcome);
    if (rw_scope_close(frame->scope, &result) < 0) {
        result = rw_failure(RW_ERR_STATE);
    }
    frame->scope = NULL;
    leave_block(script, result);
}

/* {index, value}; a failure stays what it is. */
static struct rw_value with_index(size_t index, struct rw_value outcome)
{
    if (rw_is_failure(&outcome)) {
        return outcome;
    }
    struct rw_list *list = rw_list_new(2);

    if (list == NULL || rw_list_push(list, rw_int((int64_t)index)) < 0 || rw_list_push(list, outcome) < 0) {
        return rw_failure(RW_ERR_NOMEM);
    }
    return rw_value_of_list(list);
}

static void resume(struct script *script, struct rw_value outcome, size_t index)
{
    const struct step *step = script->step;

    switch (script->waiting_for) {
    case WAIT_ITEM:
        item_arrived(script, outcome);
        return;
    case WAIT_CHILDREN:
        children_gone(script, outcome);
        return;
    case WAIT_GROUP:
        complete(script, step, step->op == OP_SELECT ? with_index(index, outcome) : outcome);
        return;
    default:
        if (step->op == OP_RESERVE && step->arguments[1].given && !rw_is_failure(&outcome)) {
            run_set(script->run, step->arguments[1].text, VARIABLE_VALUE)->value = outcome;
            outcome = rw_nil();
        }
        complete(script, step, outcome);
        return;
    }
}

/* True when the awaited future is done. */
static bool go_on(struct script *script, struct rw_context *cx)
{
    struct rw_value outcome = rw_nil();
    size_t index = 0;

    if (rw_task_await(cx, script->awaited, &outcome) == RW_PENDING) {
        return false;
    }
    if (script->waiting_for == WAIT_GROUP && script->step->op == OP_SELECT && !rw_is_failure(&outcome)) {
        index = rw_select_index(script->awaited);
    }
    rw_future_drop(script->awaited);
    script->awaited = NULL;
    resume(script, outcome, index);
    return true;
}

/* ---- the future ------------------------------------------------------------------------------------------------ */

static enum rw_poll poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct script *script = (struct script *)self;

    while (!script->is_done) {
        if (script->awaited != NULL) {
            if (!go_on(script, cx)) {
                return RW_PENDING;
            }
        } else if (script->is_unwinding) {
            unwind(script);
        } else {
            do_step(script, cx);
        }
    }
    *out = script->result;
    script->result = rw_nil();
    return RW_READY;
}

static void drop(struct rw_future *self)
{
    struct script *script = (struct script *)self;

    rw_future_drop(script->awaited);
    while (script->depth > 0) {
        struct frame *frame = top(script);

        if (frame->scope != NULL) {
            rw_scope_abandon(frame->scope);
        }
        rw_value_drop(&frame->kept);
        script->depth--;
    }
    rw_value_drop(&script->failure);
    rw_value_drop(&script->result);
    free(script->label);
    rw_loop_release(script->run->loop, script, sizeof *script);
}

static const struct rw_future_vtable vtable = {"script", RW_FUTURE_COROUTINE, poll, NULL, drop};

struct rw_future *script_new(struct run *run, const struct case_task *task, const char *label)
{
    struct script *script = rw_loop_alloc(run->loop, sizeof *script);

    if (script == NULL) {
        return NULL;
    }
    *script = (struct script){.run = run, .task = task, .label = text_copy(label, strlen(label))};
    rw_future_init(&script->base, &vtable);
    return &script->base;
}
