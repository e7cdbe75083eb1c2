/* SPDX-License-Identifier: MIT
 *
 * run.h - behaviour cases on the C API: what the parts of the runner share.
 *
 * A task of a case is a script: a future whose poll function interprets steps, as a coroutine would run statements.
 * All tasks of a case share its variables.
 */
#ifndef RW_HARNESS_RUN_H
#define RW_HARNESS_RUN_H

#include <ropewalk.h>

#include "harness/case.h"
#include "harness/text.h"

enum variable_kind {
    VARIABLE_VALUE,
    VARIABLE_TASK,
    VARIABLE_SCOPE,
    VARIABLE_CHANNEL, /* both ends, or one of them */
    VARIABLE_ONESHOT,
    VARIABLE_BROADCAST,
    VARIABLE_SUBSCRIPTION,
    VARIABLE_PROMISE,
    VARIABLE_STREAM
};

struct variable {
    char *name;
    enum variable_kind kind;
    struct rw_value value;
    struct rw_task *task;
    struct rw_scope *scope;
    struct rw_sender *sender;
    struct rw_receiver *receiver;
    struct rw_oneshot_sender *oneshot;
    struct rw_future *oneshot_receiver;
    struct rw_broadcast *broadcast;
    struct rw_broadcast_receiver *subscription;
    struct rw_promise *promise;
    struct rw_stream *stream;
};

struct run {
    const struct behaviour_case *behaviour;
    struct rw_loop *loop;
    int64_t started_ns;
    struct variable *variables;
    size_t variable_count;
    char **trace;
    size_t trace_count;
    /* Where lines go instead of the trace; NULL: nowhere else. */
    void (*write)(void *arg, const char *line);
    void *write_arg;
};

/* Runs one case in virtual time. What it did is in the trace afterwards, its last lines included: what was left alive. */
void run_case(struct run *run, const struct behaviour_case *behaviour);
void run_free(struct run *run);

/* Adds `milliseconds label text` to the trace. */
void run_trace(struct run *run, const char *label, const char *text);

/* ---- variables (variables.c) ----------------------------------------------------------------------------------- */

/* The variable of that name, or NULL. */
struct variable *run_find(struct run *run, const char *name);

/* A fresh variable under that name; what the name held before is released. */
struct variable *run_set(struct run *run, const char *name, enum variable_kind kind);
void run_release_variables(struct run *run);

/* The value of an argument, owned by the caller. */
struct rw_value run_argument(struct run *run, const struct step_argument *argument);

/* ---- steps ------------------------------------------------------------------------------------------------------ */

/* A future for a step that waits (leaves.c); never NULL. */
struct rw_future *run_leaf(struct run *run, const struct step *step);

/* A future for join, first or select over the steps between `group` and its end; never NULL. */
struct rw_future *run_group(struct run *run, const struct step *group, const struct step *members,
                            size_t count);

/* The outcome of a step that does not wait (direct.c, streams.c). */
struct rw_value run_direct(struct run *run, const struct step *step, const char *label);
struct rw_value run_stream_step(struct run *run, const struct step *step);

/* A future that runs a task of the case (script.c); NULL on no memory. */
struct rw_future *script_new(struct run *run, const struct case_task *task, const char *label);

#endif
