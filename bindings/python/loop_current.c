/* SPDX-License-Identifier: MIT
 *
 * loop_current.c - what asyncio.current_task() answers.
 *
 * Up to Python 3.13 asyncio keeps the current task in a dict by loop. To write it there at every step would cost more than
 * the rest of the step, and hardly anybody asks; but nobody can ask without hashing the loop. So a step only notes
 * the task in `entered`, and the loop's tp_hash brings the dict up to date first (docs/design/0015). A subclass with a
 * __hash__ of its own, and Python 3.14, which keeps the task per thread, are told at every step.
 *
 * Invariant: asyncio has been told of `published`; who asks finds `entered`; after a turn both are NULL.
 */
#include "rwp.h"

static int tell_thread(struct rwp_loop *self)
{
    PyObject *arguments[2] = {(PyObject *)self, self->entered != NULL ? self->entered : Py_None};
    PyObject *before = PyObject_Vectorcall(self->state->swap_current_task, arguments, 2, NULL);

    Py_XDECREF(before);
    return before != NULL ? 0 : -1;
}

int rwp_loop_publish(struct rwp_loop *self)
{
    PyObject *tasks = self->state->current_tasks;

    self->published = self->entered;
    if (tasks == NULL) {
        return self->state->swap_current_task != NULL ? tell_thread(self) : 0;
    }
    if (self->entered != NULL) {
        return PyDict_SetItem(tasks, (PyObject *)self, self->entered);
    }
    if (PyDict_DelItem(tasks, (PyObject *)self) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_KeyError)) {
            return -1;
        }
        PyErr_Clear();
    }
    return 0;
}

Py_hash_t rwp_loop_hash(PyObject *op)
{
    struct rwp_loop *self = (struct rwp_loop *)op;

    if (self->published != self->entered && rwp_loop_publish(self) < 0) {
        return -1;
    }
    return PyBaseObject_Type.tp_hash(op);
}
