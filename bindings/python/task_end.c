/* SPDX-License-Identifier: MIT
 *
 * task_end.c - the end of a Python task: its result, and who is told.
 *
 * Callbacks are queued, never called in place. Most tasks have one, so the first has a place of its own. Invariant: the
 * result is set once, before the first callback is queued, and there are no callbacks from then on.
 */
#include "rwp.h"

static int add_to_list(struct rwp_task *self, PyObject *callback, PyObject *context)
{
    PyObject *entry;
    int failed;

    if (self->face.callbacks == NULL) {
        self->face.callbacks = PyList_New(0);
        if (self->face.callbacks == NULL) {
            return -1;
        }
    }
    entry = PyTuple_Pack(2, callback, context != NULL ? context : Py_None);
    failed = entry != NULL ? PyList_Append(self->face.callbacks, entry) : -1;
    Py_XDECREF(entry);
    return failed;
}

int rwp_task_add_callback(struct rwp_task *self, PyObject *callback, PyObject *context)
{
    if (self->face.state != RWP_TASK_PENDING) {
        return rwp_schedule(rwp_task_loop(self), callback, rwp_task_object(self), context);
    }
    if (self->face.callback != NULL || self->face.callbacks != NULL) {
        return add_to_list(self, callback, context);
    }
    self->face.callback = Py_NewRef(callback);
    self->face.callback_context = Py_XNewRef(context);
    return 0;
}

static int remove_first(struct rwp_task *self, PyObject *callback)
{
    int same = 0;

    if (self->face.callback != NULL) {
        PyObject *first = Py_NewRef(self->face.callback);

        same = PyObject_RichCompareBool(first, callback, Py_EQ);
        Py_DECREF(first);
    }
    if (same == 1) {
        Py_CLEAR(self->face.callback);
        Py_CLEAR(self->face.callback_context);
    }
    return same;
}

Py_ssize_t rwp_task_remove_callback(struct rwp_task *self, PyObject *callback)
{
    Py_ssize_t removed = remove_first(self, callback);
    PyObject *list = self->face.callbacks;

    if (removed < 0 || list == NULL) {
        return removed;
    }
    Py_INCREF(list);
    for (Py_ssize_t i = PyList_GET_SIZE(list); i > 0; i--) {
        PyObject *entry = i <= PyList_GET_SIZE(list) ? Py_NewRef(PyList_GET_ITEM(list, i - 1)) : NULL;
        int same = entry != NULL ? PyObject_RichCompareBool(PyTuple_GET_ITEM(entry, 0), callback, Py_EQ) : 0;

        Py_XDECREF(entry);
        if (same < 0 || (same == 1 && PyList_SetSlice(list, i - 1, i, NULL) < 0)) {
            removed = -1;
            break;
        }
        removed += same;
    }
    Py_DECREF(list);
    return removed;
}

static void schedule(struct rwp_task *self, PyObject *callback, PyObject *context)
{
    struct rwp_loop *loop = rwp_task_loop(self);

    if (rwp_schedule(loop, callback, rwp_task_object(self), context != Py_None ? context : NULL) < 0) {
        rwp_loop_report(loop, "a callback of a task could not be scheduled", "task", rwp_task_object(self));
    }
}

static void schedule_callbacks(struct rwp_task *self)
{
    PyObject *callback = self->face.callback, *context = self->face.callback_context;
    PyObject *callbacks = self->face.callbacks;

    self->face.callback = NULL;
    self->face.callback_context = NULL;
    self->face.callbacks = NULL;
    if (callback != NULL) {
        schedule(self, callback, context);
        Py_DECREF(callback);
        Py_XDECREF(context);
    }
    for (Py_ssize_t i = 0; callbacks != NULL && i < PyList_GET_SIZE(callbacks); i++) {
        PyObject *entry = PyList_GET_ITEM(callbacks, i);

        schedule(self, PyTuple_GET_ITEM(entry, 0), PyTuple_GET_ITEM(entry, 1));
    }
    Py_XDECREF(callbacks);
}

void rwp_task_finish(struct rwp_task *self, enum rwp_task_state state, PyObject *result, bool failed)
{
    struct rwp_task_face *face = &self->face;

    face->state = state;
    if (state == RWP_TASK_CANCELLED) {
        face->cancelled_exception = result;
    } else if (failed) {
        face->exception = result;
    } else {
        face->result = result;
    }
    face->log_traceback = failed && !self->face.in_scope;
    face->must_cancel = false;
    Py_CLEAR(face->awaiting);
    if (self->face.wakeup != NULL) {
        self->face.wakeup->task = NULL;
        Py_CLEAR(self->face.wakeup);
    }
    rwp_task_unregister(rwp_task_loop(self)->state, self);
    schedule_callbacks(self);
}

PyObject *rwp_task_result(struct rwp_task *self)
{
    struct rwp_task_face *face = &self->face;
    PyObject *error;

    if (face->state == RWP_TASK_PENDING) {
        PyErr_SetString(rwp_state_of(rwp_task_object(self))->invalid_state_error, "Result is not set.");
        return NULL;
    }
    face->log_traceback = false;
    if (face->result != NULL) {
        return Py_NewRef(face->result);
    }
    error = face->exception != NULL ? face->exception : face->cancelled_exception;
    error = error != NULL ? Py_NewRef(error) : rwp_task_cancelled_error(self);
    if (error != NULL) {
        rwp_exc_give(error);
    }
    return NULL;
}
