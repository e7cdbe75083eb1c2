/* SPDX-License-Identifier: MIT
 *
 * procedure.h - what drives a procedure, be it behind a future or behind a stream.
 */
#ifndef RWI_EXEC_PROCEDURE_H
#define RWI_EXEC_PROCEDURE_H

#include <ropewalk.h>

struct rwi_procedure {
    struct rw_procedure self;
    struct rw_future *(*step)(struct rw_procedure *self, void *arg);
    void (*drop)(void *arg);
    void *arg;
    struct rw_future *awaited; /* NULL: a call is due */
};

/* Calls it until it waits, yields or ends. RW_READY: *out is what it has yielded, if self.is_yielding says so, or its outcome. */
enum rw_poll rwi_procedure_poll(struct rwi_procedure *procedure, struct rw_context *cx, struct rw_value *out);

/* In any state. */
void rwi_procedure_fini(struct rwi_procedure *procedure);

#endif
