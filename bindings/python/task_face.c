/* SPDX-License-Identifier: MIT
 *
 * task_face.c - a Task as the world sees it: asyncio's methods and attributes, and ours.
 *
 * asyncio reaches a task by its public methods and by a handful of underscored attributes; all of them are here, because the
 * base's own would read fields that stay zero. An attribute that only reports (callbacks, source traceback) gives what
 * there is, or None.
 */
#include "rwp.h"

PyObject *rwp_task_name(struct rwp_task *self)
{
    if (self->face.name == NULL) {
        self->face.name = PyUnicode_FromFormat("Task-%lu", (unsigned long)self->face.number);
    }
    return Py_XNewRef(self->face.name);
}

static PyObject *or_none(PyObject *object)
{
    return Py_NewRef(object != NULL ? object : Py_None);
}

/* ---- state and outcome ------------------------------------------------------------------------------------------------------ */

static PyObject *task_done(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(rwp_task_of(op)->face.state != RWP_TASK_PENDING);
}

static PyObject *task_cancelled(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(rwp_task_of(op)->face.state == RWP_TASK_CANCELLED);
}

static PyObject *task_result(PyObject *op, PyObject *unused)
{
    (void)unused;
    return rwp_task_result(rwp_task_of(op));
}

static PyObject *task_exception(PyObject *op, PyObject *unused)
{
    struct rwp_task *self = rwp_task_of(op);

    (void)unused;
    if (self->face.state == RWP_TASK_PENDING) {
        PyErr_SetString(rwp_state_of(op)->invalid_state_error, "Exception is not set.");
        return NULL;
    }
    if (self->face.state == RWP_TASK_CANCELLED) {
        return rwp_task_result(self);
    }
    self->face.log_traceback = false;
    return or_none(self->face.exception);
}

static PyObject *task_set_result(PyObject *op, PyObject *unused)
{
    (void)op;
    (void)unused;
    PyErr_SetString(PyExc_RuntimeError, "Task does not support set_result operation");
    return NULL;
}

static PyObject *task_set_exception(PyObject *op, PyObject *unused)
{
    (void)op;
    (void)unused;
    PyErr_SetString(PyExc_RuntimeError, "Task does not support set_exception operation");
    return NULL;
}

static PyObject *task_add_done_callback(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "context", NULL};
    PyObject *callback, *context = NULL, *copied = NULL;
    int failed;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$O:add_done_callback", names, &callback, &context)) {
        return NULL;
    }
    if (context == NULL || context == Py_None) {
        context = copied = PyContext_CopyCurrent();
    }
    failed = context != NULL ? rwp_task_add_callback(rwp_task_of(op), callback, context) : -1;
    Py_XDECREF(copied);
    if (failed != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *task_remove_done_callback(PyObject *op, PyObject *callback)
{
    Py_ssize_t removed = rwp_task_remove_callback(rwp_task_of(op), callback);

    return removed >= 0 ? PyLong_FromSsize_t(removed) : NULL;
}

static PyObject *task_cancel(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"msg", NULL};
    PyObject *message = NULL;
    int done;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:cancel", names, &message)) {
        return NULL;
    }
    done = rwp_task_cancel(rwp_task_of(op), message);
    return done >= 0 ? PyBool_FromLong(done) : NULL;
}

static PyObject *task_cancelling(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLong(rwp_task_of(op)->face.cancelling);
}

static PyObject *task_uncancel(PyObject *op, PyObject *unused)
{
    struct rwp_task *self = rwp_task_of(op);

    (void)unused;
    if (self->face.cancelling > 0) {
        self->face.cancelling--;
#if PY_VERSION_HEX >= 0x030D0000
        if (self->face.cancelling == 0) {
            self->face.must_cancel = false;
        }
#endif
    }
    return PyLong_FromLong(self->face.cancelling);
}

static PyObject *task_make_cancelled_error(PyObject *op, PyObject *unused)
{
    struct rwp_task *self = rwp_task_of(op);

    (void)unused;
    if (self->face.cancelled_exception != NULL) {
        return Py_NewRef(self->face.cancelled_exception);
    }
    return rwp_task_cancelled_error(self);
}

/* ---- identity --------------------------------------------------------------------------------------------------------------- */

static PyObject *task_get_name(PyObject *op, PyObject *unused)
{
    (void)unused;
    return rwp_task_name(rwp_task_of(op));
}

static PyObject *task_set_name(PyObject *op, PyObject *name)
{
    PyObject *text = PyObject_Str(name);

    if (text == NULL) {
        return NULL;
    }
    Py_XSETREF(rwp_task_of(op)->face.name, text);
    Py_RETURN_NONE;
}

static PyObject *task_get_loop(PyObject *op, PyObject *unused)
{
    (void)unused;
    return or_none(rwp_task_of(op)->face.loop);
}

static PyObject *task_get_coro(PyObject *op, PyObject *unused)
{
    (void)unused;
    return or_none(rwp_task_of(op)->face.coro);
}

static PyObject *task_get_context(PyObject *op, PyObject *unused)
{
    (void)unused;
    return or_none(rwp_task_of(op)->face.context);
}

static PyObject *call_asyncio(const char *function, PyObject *args)
{
    PyObject *module = PyImport_ImportModule("asyncio.base_tasks");
    PyObject *callable = module != NULL ? PyObject_GetAttrString(module, function) : NULL;
    PyObject *result = callable != NULL && args != NULL ? PyObject_CallObject(callable, args) : NULL;

    Py_XDECREF(callable);
    Py_XDECREF(module);
    Py_XDECREF(args);
    return result;
}

static PyObject *task_get_stack(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"limit", NULL};
    PyObject *limit = Py_None;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$O:get_stack", names, &limit)) {
        return NULL;
    }
    return call_asyncio("_task_get_stack", PyTuple_Pack(2, op, limit));
}

static PyObject *task_print_stack(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"limit", "file", NULL};
    PyObject *limit = Py_None, *file = Py_None;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OO:print_stack", names, &limit, &file)) {
        return NULL;
    }
    return call_asyncio("_task_print_stack", PyTuple_Pack(3, op, limit, file));
}

PyObject *rwp_task_repr(PyObject *op)
{
    if (rwp_task_of(op)->face.coro == NULL) {
        return PyUnicode_FromString("<Task, not begun>");
    }
    return call_asyncio("_task_repr", PyTuple_Pack(1, op));
}

static PyObject *task_detach(PyObject *op, PyObject *unused)
{
    (void)unused;
    rwp_task_of(op)->face.log_destroy_pending = false;
    Py_RETURN_NONE;
}

/* ---- attributes that asyncio looks at ----------------------------------------------------------------------------------------- */

static PyObject *get_blocking(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(rwp_task_of(op)->face.blocking);
}

static int set_blocking(PyObject *op, PyObject *value, void *closure)
{
    int is_true = value != NULL ? PyObject_IsTrue(value) : 0;

    (void)closure;
    rwp_task_of(op)->face.blocking = is_true == 1;
    return is_true < 0 ? -1 : 0;
}

static PyObject *get_state(PyObject *op, void *closure)
{
    static const char *const names[] = {"PENDING", "CANCELLED", "FINISHED"};

    (void)closure;
    return PyUnicode_FromString(names[rwp_task_of(op)->face.state]);
}

static PyObject *get_must_cancel(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(rwp_task_of(op)->face.must_cancel);
}

static PyObject *get_log_traceback(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(rwp_task_of(op)->face.log_traceback);
}

static int set_log_traceback(PyObject *op, PyObject *value, void *closure)
{
    int is_true = value != NULL ? PyObject_IsTrue(value) : 0;

    (void)closure;
    if (value == NULL || is_true != 0) {
        PyErr_SetString(value == NULL ? PyExc_AttributeError : PyExc_ValueError,
                        "_log_traceback can only be set to False");
        return -1;
    }
    rwp_task_of(op)->face.log_traceback = false;
    return 0;
}

static PyObject *get_log_destroy(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(rwp_task_of(op)->face.log_destroy_pending);
}

static int set_log_destroy(PyObject *op, PyObject *value, void *closure)
{
    int is_true = value != NULL ? PyObject_IsTrue(value) : 0;

    (void)closure;
    if (is_true >= 0) {
        rwp_task_of(op)->face.log_destroy_pending = is_true == 1;
    }
    return is_true < 0 ? -1 : 0;
}

static PyObject *get_object(PyObject *op, void *closure)
{
    return or_none(*(PyObject **)((char *)op + (uintptr_t)closure));
}

static int set_cancel_message(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    Py_XSETREF(rwp_task_of(op)->face.cancel_message, Py_XNewRef(value));
    return 0;
}

/* All callbacks as asyncio has them: a list of (callback, context), or None. */
static PyObject *get_callbacks(PyObject *op, void *closure)
{
    struct rwp_task_face *face = &rwp_task_of(op)->face;
    PyObject *list, *rest;

    (void)closure;
    if (face->callback == NULL) {
        return or_none(face->callbacks);
    }
    list = Py_BuildValue("[(OO)]", face->callback,
                         face->callback_context != NULL ? face->callback_context : Py_None);
    if (list == NULL || face->callbacks == NULL) {
        return list;
    }
    rest = PySequence_InPlaceConcat(list, face->callbacks);
    Py_DECREF(list);
    return rest;
}

static PyObject *get_none(PyObject *op, void *closure)
{
    (void)op;
    (void)closure;
    Py_RETURN_NONE;
}

#define OFFSET(field) ((void *)offsetof(struct rwp_task_face, field))

PyGetSetDef rwp_task_getset[] = {
    {"_asyncio_future_blocking", get_blocking, set_blocking, NULL, NULL},
    {"_state", get_state, NULL, NULL, NULL},
    {"_loop", get_object, NULL, NULL, OFFSET(loop)},
    {"_coro", get_object, NULL, NULL, OFFSET(coro)},
    {"_callbacks", get_callbacks, NULL, NULL, NULL},
    {"_result", get_object, NULL, NULL, OFFSET(result)},
    {"_exception", get_object, NULL, NULL, OFFSET(exception)},
    {"_cancel_message", get_object, set_cancel_message, NULL, OFFSET(cancel_message)},
    {"_must_cancel", get_must_cancel, NULL, NULL, NULL},
    {"_log_traceback", get_log_traceback, set_log_traceback, NULL, NULL},
    {"_log_destroy_pending", get_log_destroy, set_log_destroy, NULL, NULL},
    {"_fut_waiter", get_object, NULL, NULL, OFFSET(awaiting)},
    {"_source_traceback", get_object, NULL, NULL, OFFSET(source_traceback)},
    {"_asyncio_awaited_by", get_none, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define WITH_KEYWORDS(method) ((PyCFunction)(void (*)(void))(method)), METH_VARARGS | METH_KEYWORDS

PyMethodDef rwp_task_methods[] = {
    {"done", task_done, METH_NOARGS, "done() - whether it has ended."},
    {"cancelled", task_cancelled, METH_NOARGS, "cancelled() - whether it ended by being cancelled."},
    {"result", task_result, METH_NOARGS, "result() - what the coroutine returned, or its exception raised."},
    {"exception", task_exception, METH_NOARGS, "exception() - what the coroutine raised, or None."},
    {"set_result", task_set_result, METH_O, "Not possible: a task's result is its coroutine's."},
    {"set_exception", task_set_exception, METH_O, "Not possible: a task's exception is its coroutine's."},
    {"add_done_callback", WITH_KEYWORDS(task_add_done_callback),
     "add_done_callback(fn, *, context=None) - fn(task) at its end."},
    {"remove_done_callback", task_remove_done_callback, METH_O,
     "remove_done_callback(fn) - gives how many were removed."},
    {"cancel", WITH_KEYWORDS(task_cancel),
     "cancel(msg=None) - raise CancelledError in it; False when it has ended."},
    {"cancelling", task_cancelling, METH_NOARGS,
     "cancelling() - how many cancel() are not undone by uncancel()."},
    {"uncancel", task_uncancel, METH_NOARGS, "uncancel() - undo one cancel(); gives how many remain."},
    {"_make_cancelled_error", task_make_cancelled_error, METH_NOARGS,
     "The CancelledError with the message of cancel()."},
    {"get_name", task_get_name, METH_NOARGS, "get_name() - its name."},
    {"set_name", task_set_name, METH_O, "set_name(name) - change its name."},
    {"get_loop", task_get_loop, METH_NOARGS, "get_loop() - the loop it runs on."},
    {"get_coro", task_get_coro, METH_NOARGS, "get_coro() - the coroutine it runs."},
    {"get_context", task_get_context, METH_NOARGS, "get_context() - the context it runs in."},
    {"get_stack", WITH_KEYWORDS(task_get_stack), "get_stack(*, limit=None) - its frames, oldest first."},
    {"print_stack", WITH_KEYWORDS(task_print_stack),
     "print_stack(*, limit=None, file=None) - print its frames."},
    {"detach", task_detach, METH_NOARGS, "detach() - nobody will await it; it runs on by itself."},
    {"abort_handle", rwp_task_abort_handle, METH_NOARGS,
     "abort_handle() - cancels this task from any thread."},
    {NULL, NULL, 0, NULL},
};

void rwp_task_finalize(PyObject *op)
{
    struct rwp_task *self = rwp_task_of(op);
    PyObject *saved = rwp_exc_take();

    if (self->face.state == RWP_TASK_PENDING && self->face.coro != NULL && self->face.log_destroy_pending &&
        self->face.loop != NULL) {
        rwp_loop_report(rwp_task_loop(self), "Task was destroyed but it is pending!", "task", op);
    } else if (self->face.exception != NULL && self->face.log_traceback && self->face.loop != NULL) {
        PyObject *text = PyUnicode_FromFormat("%s exception was never retrieved", _PyType_Name(Py_TYPE(op)));

        self->face.log_traceback = false;
        rwp_exc_give(Py_NewRef(self->face.exception));
        rwp_loop_report(rwp_task_loop(self), text != NULL ? PyUnicode_AsUTF8(text) : "", "future", op);
        Py_XDECREF(text);
    }
    if (saved != NULL) {
        rwp_exc_give(saved);
    }
}
