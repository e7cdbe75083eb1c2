/* SPDX-License-Identifier: MIT
 *
 * loop_future_face.c - a LoopFuture as the world sees it: asyncio.Future's methods and attributes.
 *
 * Texts and kinds of errors are asyncio's. Invariant: every name that the zeroed base would answer is answered here.
 */
#include "rwp_loop_future.h"

static PyObject *or_none(PyObject *object)
{
    return Py_NewRef(object != NULL ? object : Py_None);
}

/* ---- state and outcome ---------------------------------------------------------------------------------------------------- */

static PyObject *future_done(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(rwp_loop_future_of(op)->state != RWP_FUTURE_PENDING);
}

static PyObject *future_cancelled(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(rwp_loop_future_of(op)->state == RWP_FUTURE_CANCELLED);
}

static PyObject *future_result(PyObject *op, PyObject *unused)
{
    (void)unused;
    return rwp_loop_future_result(rwp_loop_future_of(op));
}

static PyObject *future_exception(PyObject *op, PyObject *unused)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);

    (void)unused;
    if (self->state == RWP_FUTURE_PENDING) {
        PyErr_SetString(self->loop->state->invalid_state_error, "Exception is not set.");
        return NULL;
    }
    if (self->state == RWP_FUTURE_CANCELLED) {
        return rwp_loop_future_result(self);
    }
    self->log_traceback = false;
    return Py_NewRef(self->failed ? self->result : Py_None);
}

/* 0, or -1 with InvalidStateError. */
static int must_be_pending(struct rwp_loop_future *self)
{
    if (self->state == RWP_FUTURE_PENDING) {
        return 0;
    }
    PyErr_SetString(self->loop->state->invalid_state_error, "invalid state");
    return -1;
}

static PyObject *future_set_result(PyObject *op, PyObject *result)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);

    if (must_be_pending(self) < 0 ||
        rwp_loop_future_finish(self, RWP_FUTURE_FINISHED, Py_NewRef(result), false) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* A StopIteration inside a coroutine would look like its end. Takes `exception`; the one to set, or NULL. */
static PyObject *without_stop_iteration(PyObject *exception)
{
    static const char text[] =
        "StopIteration interacts badly with generators and cannot be raised into a Future";

    if (!PyErr_GivenExceptionMatches(exception, PyExc_StopIteration)) {
        return exception;
    }
#if PY_VERSION_HEX >= 0x030C0000
    PyObject *error = PyObject_CallFunction(PyExc_RuntimeError, "s", text);

    if (error != NULL) {
        PyException_SetCause(error, Py_NewRef(exception));
        PyException_SetContext(error, Py_NewRef(exception));
    }
    Py_DECREF(exception);
    return error;
#else
    Py_DECREF(exception);
    PyErr_SetString(PyExc_TypeError, text);
    return NULL;
#endif
}

static PyObject *future_set_exception(PyObject *op, PyObject *kind)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);
    PyObject *exception;

    if (must_be_pending(self) < 0) {
        return NULL;
    }
    exception = PyExceptionClass_Check(kind) ? PyObject_CallNoArgs(kind) : Py_NewRef(kind);
    if (exception != NULL && !PyExceptionInstance_Check(exception)) {
        PyErr_SetString(PyExc_TypeError, "invalid exception object");
        Py_CLEAR(exception);
    }
    if (exception != NULL) {
        exception = without_stop_iteration(exception);
    }
    if (exception == NULL || must_be_pending(self) < 0) { /* a class may do anything when it is called */
        Py_XDECREF(exception);
        return NULL;
    }
    if (rwp_loop_future_finish(self, RWP_FUTURE_FINISHED, exception, true) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *future_add_done_callback(PyObject *op, PyObject *const *args, Py_ssize_t count,
                                          PyObject *names)
{
    PyObject *context = NULL;

    if (count != 1 || (names != NULL && PyTuple_GET_SIZE(names) > 1) ||
        (names != NULL && PyTuple_GET_SIZE(names) == 1 &&
         PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "context") != 0)) {
        PyErr_SetString(PyExc_TypeError, "add_done_callback() takes a callable, and context by keyword");
        return NULL;
    }
    if (names != NULL && PyTuple_GET_SIZE(names) == 1 && args[1] != Py_None) {
        context = args[1];
    }
    if (rwp_loop_future_add(rwp_loop_future_of(op), args[0], context) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *future_remove_done_callback(PyObject *op, PyObject *callback)
{
    Py_ssize_t removed = rwp_loop_future_remove(rwp_loop_future_of(op), callback);

    return removed >= 0 ? PyLong_FromSsize_t(removed) : NULL;
}

static PyObject *future_cancel(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"msg", NULL};
    struct rwp_loop_future *self = rwp_loop_future_of(op);
    PyObject *message = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:cancel", names, &message)) {
        return NULL;
    }
    self->log_traceback = false;
    if (self->state != RWP_FUTURE_PENDING) {
        Py_RETURN_FALSE;
    }
    Py_XSETREF(self->cancel_message, Py_XNewRef(message));
    if (rwp_loop_future_finish(self, RWP_FUTURE_CANCELLED, NULL, false) < 0) {
        return NULL;
    }
    Py_RETURN_TRUE;
}

static PyObject *future_make_cancelled_error(PyObject *op, PyObject *unused)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);

    (void)unused;
    if (self->cancel_message == NULL || self->cancel_message == Py_None) {
        return PyObject_CallNoArgs(self->loop->state->cancelled_error);
    }
    return PyObject_CallOneArg(self->loop->state->cancelled_error, self->cancel_message);
}

static PyObject *future_get_loop(PyObject *op, PyObject *unused)
{
    (void)unused;
    return or_none((PyObject *)rwp_loop_future_of(op)->loop);
}

PyObject *rwp_loop_future_repr(PyObject *op)
{
    PyObject *module = PyImport_ImportModule("asyncio.base_futures");
    PyObject *text = module != NULL ? PyObject_CallMethod(module, "_future_repr", "O", op) : NULL;

    Py_XDECREF(module);
    return text;
}

void rwp_loop_future_finalize(PyObject *op)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);
    PyObject *saved;

    if (!self->log_traceback || !self->failed) {
        return;
    }
    saved = rwp_exc_take();
    self->log_traceback = false;
    rwp_exc_give(Py_NewRef(self->result));
    rwp_loop_report(self->loop, "Future exception was never retrieved", "future", op);
    if (saved != NULL) {
        rwp_exc_give(saved);
    }
}

/* ---- attributes that asyncio looks at ------------------------------------------------------------------------------------- */

static PyObject *get_blocking(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(rwp_loop_future_of(op)->blocking);
}

static int set_blocking(PyObject *op, PyObject *value, void *closure)
{
    int is_true = value != NULL ? PyObject_IsTrue(value) : -1;

    (void)closure;
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "cannot delete attribute");
    } else if (is_true >= 0) {
        rwp_loop_future_of(op)->blocking = is_true == 1;
    }
    return is_true < 0 ? -1 : 0;
}

static PyObject *get_state(PyObject *op, void *closure)
{
    static const char *const names[] = {"PENDING", "CANCELLED", "FINISHED"};

    (void)closure;
    return PyUnicode_FromString(names[rwp_loop_future_of(op)->state]);
}

static PyObject *get_loop(PyObject *op, void *closure)
{
    (void)closure;
    return or_none((PyObject *)rwp_loop_future_of(op)->loop);
}

/* All callbacks in a list of (callback, context), or None. */
static PyObject *get_callbacks(PyObject *op, void *closure)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);
    PyObject *all, *entry;
    int failed = 0;

    (void)closure;
    if (self->callback == NULL) {
        return or_none(self->more);
    }
    entry = PyTuple_Pack(2, self->callback, self->context);
    all = PyList_New(0);
    if (entry == NULL || all == NULL || PyList_Append(all, entry) < 0 ||
        (self->more != NULL && PyList_SetSlice(all, 1, 1, self->more) < 0)) {
        failed = 1;
    }
    Py_XDECREF(entry);
    if (failed) {
        Py_CLEAR(all);
    }
    return all;
}

static PyObject *get_result(PyObject *op, void *closure)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);
    bool wants_failure = closure != NULL;

    return or_none(self->failed == wants_failure ? self->result : NULL);
}

static PyObject *get_log_traceback(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(rwp_loop_future_of(op)->log_traceback);
}

static int set_log_traceback(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value == NULL || PyObject_IsTrue(value) != 0) {
        PyErr_SetString(value == NULL ? PyExc_AttributeError : PyExc_ValueError,
                        "_log_traceback can only be set to False");
        return -1;
    }
    rwp_loop_future_of(op)->log_traceback = false;
    return 0;
}

static PyObject *get_cancel_message(PyObject *op, void *closure)
{
    (void)closure;
    return or_none(rwp_loop_future_of(op)->cancel_message);
}

static int set_cancel_message(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    Py_XSETREF(rwp_loop_future_of(op)->cancel_message, Py_XNewRef(value));
    return 0;
}

static PyObject *get_none(PyObject *op, void *closure)
{
    (void)op;
    (void)closure;
    Py_RETURN_NONE;
}

PyGetSetDef rwp_loop_future_getset[] = {
    {"_asyncio_future_blocking", get_blocking, set_blocking, NULL, NULL},
    {"_state", get_state, NULL, NULL, NULL},
    {"_loop", get_loop, NULL, NULL, NULL},
    {"_callbacks", get_callbacks, NULL, NULL, NULL},
    {"_result", get_result, NULL, NULL, NULL},
    {"_exception", get_result, NULL, NULL, (void *)1},
    {"_log_traceback", get_log_traceback, set_log_traceback, NULL, NULL},
    {"_cancel_message", get_cancel_message, set_cancel_message, NULL, NULL},
    {"_source_traceback", get_none, NULL, NULL, NULL},
    {"_asyncio_awaited_by", get_none, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define FAST(method) ((PyCFunction)(void (*)(void))(method))

PyMethodDef rwp_loop_future_methods[] = {
    {"done", future_done, METH_NOARGS, "done() - whether it has a result, an exception, or was cancelled."},
    {"cancelled", future_cancelled, METH_NOARGS, "cancelled() - whether it was cancelled."},
    {"result", future_result, METH_NOARGS, "result() - what was set, or the exception raised."},
    {"exception", future_exception, METH_NOARGS, "exception() - the exception that was set, or None."},
    {"set_result", future_set_result, METH_O, "set_result(result) - done, with this."},
    {"set_exception", future_set_exception, METH_O, "set_exception(exception) - done, with this."},
    {"add_done_callback", FAST(future_add_done_callback), METH_FASTCALL | METH_KEYWORDS,
     "add_done_callback(fn, *, context=None) - fn(future) is called in a turn after it is done."},
    {"remove_done_callback", future_remove_done_callback, METH_O,
     "remove_done_callback(fn) - gives how many were removed."},
    {"cancel", FAST(future_cancel), METH_VARARGS | METH_KEYWORDS,
     "cancel(msg=None) - done, as cancelled; False when it was done already."},
    {"_make_cancelled_error", future_make_cancelled_error, METH_NOARGS,
     "The CancelledError with the message of cancel()."},
    {"get_loop", future_get_loop, METH_NOARGS, "get_loop() - the loop that made it."},
    {NULL, NULL, 0, NULL},
};
