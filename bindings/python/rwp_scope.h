/* SPDX-License-Identifier: MIT
 *
 * rwp_scope.h - the Scope object, shared by scope.c and scope_exit.c.
 */
#ifndef RWP_SCOPE_H
#define RWP_SCOPE_H

#include "rwp.h"

enum rwp_scope_state { SCOPE_NEW, SCOPE_OPEN, SCOPE_LEAVING, SCOPE_CLOSED };

struct rwp_scope {
    PyObject_HEAD struct rwp_link link; /* thing: the struct rw_scope while open */
    PyObject *weakrefs;
    PyObject *task; /* who entered it */
    PyObject *body; /* the exception that the body raised */
    PyObject *name;
    int64_t timeout_ns;
    unsigned flags;
    uint32_t cancelling; /* of the task, when it entered */
    uint8_t state;
    bool has_children; /* made by scope() */
    bool cancel_early; /* cancel() before it was entered */
    bool called;
    bool caught;
};

/* __exit__ and __aexit__. */
PyObject *rwp_scope_exit(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *rwp_scope_aexit(PyObject *self, PyObject *const *args, Py_ssize_t count);

#endif
