/* SPDX-License-Identifier: MIT
 *
 * variables.c - what the tasks of a case have given names to.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/run.h"

static void release(struct variable *variable)
{
    rw_value_drop(&variable->value);
    rw_task_unref(variable->task);
    rw_sender_unref(variable->sender);
    rw_receiver_unref(variable->receiver);
    rw_future_drop(variable->oneshot_receiver);
    rw_oneshot_unref(variable->oneshot);
    rw_broadcast_receiver_unref(variable->subscription);
    rw_broadcast_unref(variable->broadcast);
    rw_promise_unref(variable->promise);
    rw_stream_unref(variable->stream);
    rw_scope_unref(variable->scope);
}

struct variable *run_find(struct run *run, const char *name)
{
    for (size_t i = 0; i < run->variable_count; i++) {
        if (strcmp(run->variables[i].name, name) == 0) {
            return &run->variables[i];
        }
    }
    return NULL;
}

struct variable *run_set(struct run *run, const char *name, enum variable_kind kind)
{
    struct variable *variable = run_find(run, name);

    if (variable == NULL) {
        run->variables = test_grow(run->variables, run->variable_count, sizeof *run->variables);
        variable = &run->variables[run->variable_count++];
        *variable = (struct variable){.name = text_copy(name, strlen(name)), .kind = kind};
        return variable;
    }
    struct variable old = *variable;

    *variable = (struct variable){.name = old.name, .kind = kind};
    release(&old);
    return variable;
}

void run_release_variables(struct run *run)
{
    for (size_t i = 0; i < run->variable_count; i++) {
        release(&run->variables[i]);
        free(run->variables[i].name);
    }
    free(run->variables);
    run->variables = NULL;
    run->variable_count = 0;
}

struct rw_value run_argument(struct run *run, const struct step_argument *argument)
{
    if (argument->reference == NULL) {
        return rw_value_clone(&argument->value);
    }
    const struct variable *variable = run_find(run, argument->reference);

    return variable != NULL ? rw_value_clone(&variable->value) : rw_nil();
}
