/* SPDX-License-Identifier: MIT
 *
 * procedure.c - a function in C that is called from await to await.
 *
 *      (a call is due) --it gives a future--> (awaited) --ready--> (a call is due)
 *             \--it gives none: has yielded, or is done
 *
 * Invariant: `awaited` is the one future it waits for, and NULL exactly while a call is due; `self.value` is what that call
 * gets, and nil while it waits. Calls follow each other in a loop, not by recursion, however many a peer may cause.
 *
 * Rejected: passing a cancel on to what is awaited, so that a procedure could clean up in further steps. Each await would
 * have to tell a cancel from a failure; and what has to be awaited while cleaning up is better off in a task of its own.
 */
#include "exec/procedure.h"

#include "base/check.h"
#include "exec/executor.h"
#include "exec/future.h"

/* False: not yet. */
static bool await_next(struct rwi_procedure *procedure, struct rw_context *cx)
{
    RW_ASSERT(procedure->self.value.kind == RW_KIND_NIL);
    if (rwi_poll(procedure->awaited, cx, &procedure->self.value) == RW_PENDING) {
        return false;
    }
    rw_future_drop(procedure->awaited);
    procedure->awaited = NULL;
    return true;
}

enum rw_poll rwi_procedure_poll(struct rwi_procedure *procedure, struct rw_context *cx, struct rw_value *out)
{
    struct rw_procedure *self = &procedure->self;

    self->loop = cx->loop;
    for (;;) {
        if (procedure->awaited != NULL && !await_next(procedure, cx)) {
            return RW_PENDING;
        }
        RW_ASSERT(procedure->awaited == NULL);
        if (!rwi_budget_take(cx)) {
            return RW_PENDING;
        }
        self->is_yielding = false;
        procedure->awaited = procedure->step(self, procedure->arg);
        if (procedure->awaited == NULL) {
            *out = self->value;
            self->value = rw_nil();
            return RW_READY;
        }
        RW_REQUIRE(!self->is_yielding);
        rw_value_drop(&self->value);
    }
}

void rwi_procedure_fini(struct rwi_procedure *procedure)
{
    RW_ASSERT(procedure->step != NULL);
    RW_ASSERT(procedure->awaited == NULL || procedure->self.value.kind == RW_KIND_NIL);
    rw_future_drop(procedure->awaited);
    if (procedure->drop != NULL) {
        procedure->drop(procedure->arg);
    }
    rw_value_drop(&procedure->self.value);
}

/* ---- as a future ----------------------------------------------------------------------------------------------------- */

struct procedure_future {
    struct rw_future future;
    struct rw_future_vtable vtable; /* a copy, for the name's sake */
    struct rw_loop *loop;
    struct rwi_procedure procedure;
};

static enum rw_poll procedure_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct procedure_future *future = (struct procedure_future *)self;
    enum rw_poll poll = rwi_procedure_poll(&future->procedure, cx, out);

    RW_REQUIRE(!future->procedure.self.is_yielding); /* else: only streams yield */
    return poll;
}

static void procedure_drop(struct rw_future *self)
{
    struct procedure_future *future = (struct procedure_future *)self;

    RW_ASSERT(future->loop != NULL);
    rwi_procedure_fini(&future->procedure);
    rwi_loop_release(future->loop, future, sizeof *future);
}

struct rw_future *rw_procedure(struct rw_loop *loop, const char *name,
                               struct rw_future *(*step)(struct rw_procedure *self, void *arg),
                               void (*drop)(void *arg), void *arg)
{
    struct procedure_future *future;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(name != NULL);
    RW_REQUIRE(step != NULL);
    future = rwi_loop_alloc(loop, sizeof *future);
    if (future == NULL) {
        if (drop != NULL) {
            drop(arg);
        }
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *future = (struct procedure_future){.vtable = {name, 0, procedure_poll, NULL, procedure_drop},
                                        .loop = loop,
                                        .procedure = {.step = step, .drop = drop, .arg = arg}};
    rw_future_init(&future->future, &future->vtable);
    return &future->future;
}
