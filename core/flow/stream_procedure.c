/* SPDX-License-Identifier: MIT
 *
 * stream_procedure.c - a stream of what a procedure yields.
 *
 * The procedure lies in the source and is called only while somebody waits for an item; between two items it stands where it
 * has yielded. Invariant: once it has ended it is not called again.
 */
#include "base/check.h"
#include "exec/executor.h"
#include "exec/procedure.h"
#include "flow/stream.h"

struct procedure_source {
    struct rw_stream_vtable vtable; /* a copy, for the name's sake */
    struct rw_loop *loop;
    struct rwi_procedure procedure;
    bool has_ended;
};

static enum rw_poll procedure_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct procedure_source *source = self;

    RW_ASSERT(source->loop == cx->loop);
    if (source->has_ended) {
        return RW_END;
    }
    if (rwi_procedure_poll(&source->procedure, cx, out) == RW_PENDING) {
        return RW_PENDING;
    }
    source->has_ended = !source->procedure.self.is_yielding;
    if (!source->has_ended || rw_is_failure(out)) {
        return RW_READY;
    }
    RW_REQUIRE(out->kind == RW_KIND_NIL); /* else: a stream returned a value instead of yielding it */
    return RW_END;
}

static void procedure_drop(void *self)
{
    struct procedure_source *source = self;

    RW_ASSERT(source->loop != NULL);
    rwi_procedure_fini(&source->procedure);
    rwi_loop_release(source->loop, source, sizeof *source);
}

struct rw_stream *rw_stream_procedure(struct rw_loop *loop, const char *name,
                                      struct rw_future *(*step)(struct rw_procedure *self, void *arg),
                                      void (*drop)(void *arg), void *arg)
{
    struct procedure_source *source;

    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(name != NULL);
    RW_REQUIRE(step != NULL);
    source = rwi_loop_alloc(loop, sizeof *source);
    if (source == NULL) {
        if (drop != NULL) {
            drop(arg);
        }
        return NULL;
    }
    *source = (struct procedure_source){.vtable = {name, procedure_next, NULL, procedure_drop},
                                        .loop = loop,
                                        .procedure = {.step = step, .drop = drop, .arg = arg}};
    return rw_stream_new(loop, &source->vtable, source);
}
