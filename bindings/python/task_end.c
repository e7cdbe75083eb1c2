/* SPDX-License-Identifier: MIT
 *
 * task_end.c - the end of a Python task: its result, and who is told.
 *
 * Callbacks are queued, never called in place. Invariant: the result is set once, before the first callback is queued, and the
 * list of callbacks is empty from then on.
 */
#include "rwp.h"

int rwp_task_add_callback(struct rwp_task *self, PyObject *callback, PyObject *context)
{
    PyObject *entry;
    int failed;

    if (self->state != RWP_TASK_PENDING) {
        return rwp_schedule(rwp_task_loop(self), callback, rwp_task_object(self), context);
    }
    if (self->callbacks == NULL) {
        self->callbacks = PyList_New(0);
        if (self->callbacks == NULL) {
            return -1;
        }
    }
    entry = PyTuple_Pack(2, callback, context != NULL ? context : Py_None);
    failed = entry != NULL ? PyList_Append(self->callbacks, entry) : -1;
    Py_XDECREF(entry);
    return failed;
}

Py_ssize_t rwp_task_remove_callback(struct rwp_task *self, PyObject *callback)
{
    Py_ssize_t removed = 0;

    for (Py_ssize_t i = self->callbacks != NULL ? PyList_GET_SIZE(self->callbacks) : 0; i > 0; i--) {
        PyObject *entry =
            i <= PyList_GET_SIZE(self->callbacks) ? PyList_GET_ITEM(self->callbacks, i - 1) : NULL;
        int same = entry != NULL ? PyObject_RichCompareBool(PyTuple_GET_ITEM(entry, 0), callback, Py_EQ) : 0;

        if (same < 0) {
            return -1;
        }
        if (same == 1) {
            if (PyList_SetSlice(self->callbacks, i - 1, i, NULL) < 0) {
                return -1;
            }
            removed++;
        }
    }
    return removed;
}

static void schedule_callbacks(struct rwp_task *self)
{
    struct rwp_loop *loop = rwp_task_loop(self);
    PyObject *callbacks = self->callbacks;

    self->callbacks = NULL;
    if (callbacks == NULL) {
        return;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(callbacks); i++) {
        PyObject *entry = PyList_GET_ITEM(callbacks, i);
        PyObject *context = PyTuple_GET_ITEM(entry, 1);

        if (rwp_schedule(loop, PyTuple_GET_ITEM(entry, 0), rwp_task_object(self),
                         context != Py_None ? context : NULL) < 0) {
            rwp_loop_report(loop, "a callback of a task could not be scheduled", "task",
                            rwp_task_object(self));
        }
    }
    Py_DECREF(callbacks);
}

void rwp_task_finish(struct rwp_task *self, enum rwp_task_state state, PyObject *result, bool failed)
{
    self->state = (uint8_t)state;
    self->result = result;
    self->failed = failed;
    self->log_traceback = failed && !self->in_scope;
    self->must_cancel = false;
    Py_CLEAR(self->awaiting);
    if (self->wakeup != NULL) {
        ((struct rwp_wakeup *)self->wakeup)->task = NULL;
        Py_CLEAR(self->wakeup);
    }
    rwp_task_unregister(rwp_task_loop(self)->state, self);
    schedule_callbacks(self);
}

PyObject *rwp_task_result(struct rwp_task *self)
{
    struct rwp_state *state = rwp_task_loop(self)->state;
    PyObject *error;

    if (self->state == RWP_TASK_PENDING) {
        PyErr_SetString(state->invalid_state_error, "Result is not set.");
        return NULL;
    }
    self->log_traceback = false;
    if (self->state == RWP_TASK_FINISHED && !self->failed) {
        return Py_NewRef(self->result);
    }
    error = self->result != NULL ? Py_NewRef(self->result) : rwp_task_cancelled_error(self);
    if (error != NULL) {
        rwp_exc_give(error);
    }
    return NULL;
}
