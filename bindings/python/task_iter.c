/* SPDX-License-Identifier: MIT
 *
 * task_iter.c - the two small objects around a task: the iterator of `await task`, and AbortHandle.
 *
 * The iterator yields the task itself once, by asyncio's protocol, so that tasks of either kind can await it. Invariant: it
 * holds the task until it has given its result. An AbortHandle holds no Python object at all: it may cancel from any thread.
 */
#include "rwp.h"

struct abort_handle {
    PyObject_HEAD struct rw_abort_handle *handle;
};

struct task_iter {
    PyObject_HEAD PyObject *task; /* NULL once exhausted */
};

PyObject *rwp_task_iter(PyObject *task)
{
    struct rwp_state *state =
        rwp_task_of(task)->face.loop != NULL ? rwp_task_loop(rwp_task_of(task))->state : rwp_state_of(task);
    struct task_iter *self = PyObject_New(struct task_iter, state->task_iter_type);

    if (self != NULL) {
        self->task = Py_NewRef(task);
    }
    return (PyObject *)self;
}

static void iter_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    Py_XDECREF(((struct task_iter *)op)->task);
    PyObject_Free(op);
    Py_DECREF(type);
}

static PySendResult iter_send(PyObject *op, PyObject *sent, PyObject **result)
{
    struct task_iter *self = (struct task_iter *)op;
    struct rwp_task *task;

    (void)sent;
    *result = NULL;
    if (self->task == NULL) {
        return PYGEN_ERROR;
    }
    task = rwp_task_of(self->task);
    if (task->face.state == RWP_TASK_PENDING) {
        if (task->face.blocking) {
            PyErr_SetString(PyExc_RuntimeError, "await wasn't used with future");
            return PYGEN_ERROR;
        }
        task->face.blocking = true;
        *result = Py_NewRef(self->task);
        return PYGEN_NEXT;
    }
    *result = rwp_task_result(task);
    Py_CLEAR(self->task);
    return *result != NULL ? PYGEN_RETURN : PYGEN_ERROR;
}

static PyObject *iter_next(PyObject *op)
{
    PyObject *result;
    PySendResult sent = iter_send(op, Py_None, &result);

    if (sent == PYGEN_RETURN) {
        rwp_stop_iteration(PyType_GetModuleState(Py_TYPE(op)), result);
        return NULL;
    }
    return sent == PYGEN_NEXT ? result : NULL;
}

static PyObject *iter_method_send(PyObject *op, PyObject *sent)
{
    (void)sent;
    return iter_next(op);
}

static PyObject *iter_throw(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    PyObject *exception = count == 3 && args[1] != Py_None ? args[1] : count > 0 ? args[0] : NULL;

    Py_CLEAR(((struct task_iter *)op)->task);
    if (exception == NULL) {
        PyErr_SetString(PyExc_TypeError, "throw() needs an exception");
    } else if (PyExceptionInstance_Check(exception)) {
        rwp_exc_give(Py_NewRef(exception));
    } else {
        PyErr_SetNone(exception);
    }
    return NULL;
}

static PyObject *iter_close(PyObject *op, PyObject *unused)
{
    (void)unused;
    Py_CLEAR(((struct task_iter *)op)->task);
    Py_RETURN_NONE;
}

static PyMethodDef iter_methods[] = {
    {"send", iter_method_send, METH_O, "send(None) - go on."},
    {"throw", (PyCFunction)(void (*)(void))iter_throw, METH_FASTCALL, "throw(exception) - await no longer."},
    {"close", iter_close, METH_NOARGS, "close() - await no longer."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot iter_slots[] = {
    {Py_tp_doc, "The iterator of `await task`."},
    {Py_tp_dealloc, iter_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iter_next},
    {Py_am_send, iter_send},
    {Py_tp_methods, iter_methods},
    {0, NULL},
};

static PyType_Spec iter_spec = {"ropewalk._ropewalk.TaskIter", sizeof(struct task_iter), 0, RWP_TYPE_FLAGS,
                                iter_slots};

/* ---- abort handles ---------------------------------------------------------------------------------------------------------- */

PyObject *rwp_abort_handle_new(struct rwp_state *state, struct rw_task *task)
{
    struct abort_handle *made = PyObject_New(struct abort_handle, state->abort_type);

    if (made == NULL) {
        return NULL;
    }
    made->handle = rw_task_abort_handle(task);
    if (made->handle == NULL) {
        Py_DECREF(made);
        return PyErr_NoMemory();
    }
    return (PyObject *)made;
}

bool rwp_abort_handle_cancel(PyObject *handle)
{
    return rw_abort_handle_cancel(((struct abort_handle *)handle)->handle) == 0;
}

PyObject *rwp_task_abort_handle(PyObject *op, PyObject *unused)
{
    struct rw_task *task = rwp_task_thing(rwp_task_of(op));

    (void)unused;
    return task != NULL ? rwp_abort_handle_new(rwp_state_of(op), task) : NULL;
}

static void abort_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    rw_abort_handle_unref(((struct abort_handle *)op)->handle);
    PyObject_Free(op);
    Py_DECREF(type);
}

static PyObject *abort_cancel(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(rwp_abort_handle_cancel(op));
}

static PyMethodDef abort_methods[] = {
    {"cancel", abort_cancel, METH_NOARGS,
     "cancel() - cancel the task, from any thread; False when it is done already."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot abort_slots[] = {
    {Py_tp_doc, "Cancels a task from any thread."},
    {Py_tp_dealloc, abort_dealloc},
    {Py_tp_methods, abort_methods},
    {0, NULL},
};

static PyType_Spec abort_spec = {"ropewalk._ropewalk.AbortHandle", sizeof(struct abort_handle), 0,
                                 RWP_TYPE_FLAGS, abort_slots};

int rwp_task_iter_init(struct rwp_state *state)
{
    state->task_iter_type = rwp_add_type(state, &iter_spec, NULL, false);
    state->abort_type = rwp_add_type(state, &abort_spec, NULL, true);
    return state->task_iter_type != NULL && state->abort_type != NULL ? 0 : -1;
}
