/* SPDX-License-Identifier: MIT
 *
 * call.c - call_soon, call_later and their kin: making handles.
 *
 * A callback that only wakes one of our tasks (asyncio's futures call it through call_soon) makes no handle at all: the task is
 * queued at once, which is the same place in the same queue. From another thread a handle travels as a message and is
 * queued when it arrives; a loop that nobody runs is simply entered.
 *
 * Invariant: a queued or armed handle has a link, which owns one reference.
 */
#include "rwp_handle.h"

#include <math.h>

static int keep_args(struct rwp_handle *self, PyObject *const *args, Py_ssize_t count)
{
    self->count = count;
    if (count > RWP_INLINE_ARGS) {
        self->rest = PyTuple_New(count);
        if (self->rest == NULL) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (self->rest != NULL) {
            PyTuple_SET_ITEM(self->rest, i, Py_NewRef(args[i]));
        } else {
            self->args[i] = Py_NewRef(args[i]);
        }
    }
    return 0;
}

static int keep_source(struct rwp_handle *self)
{
    PyObject *module = PyImport_ImportModule("asyncio.format_helpers");

    self->source = module != NULL ? PyObject_CallMethod(module, "extract_stack", NULL) : NULL;
    Py_XDECREF(module);
    return self->source != NULL ? 0 : -1;
}

static struct rwp_handle *make(PyTypeObject *type, size_t size, struct rwp_loop *loop, PyObject *callback,
                               PyObject *const *args, Py_ssize_t count, PyObject *context)
{
    struct rwp_handle *self = (struct rwp_handle *)PyObject_New(struct rwp_handle, type);

    if (self == NULL) {
        return NULL;
    }
    memset((char *)self + sizeof(PyObject), 0, size - sizeof(PyObject));
    self->job.run = rwp_handle_run_job;
    self->loop = (struct rwp_loop *)Py_NewRef((PyObject *)loop);
    self->callback = Py_NewRef(callback);
    self->context = context != NULL ? Py_NewRef(context) : PyContext_CopyCurrent();
    if (self->context == NULL || keep_args(self, args, count) < 0 || (loop->debug && keep_source(self) < 0)) {
        Py_DECREF(self);
        return NULL;
    }
    return self;
}

static int check_callback(struct rwp_loop *loop, PyObject *callback, const char *method)
{
    if (loop->debug) {
        PyObject *checked = PyObject_CallMethod((PyObject *)loop, "_check_callback", "Os", callback, method);

        Py_XDECREF(checked);
        return checked != NULL ? 0 : -1;
    }
    if (!PyCallable_Check(callback)) {
        PyErr_Format(PyExc_TypeError, "a callable object was expected by %s(), got %R", method, callback);
        return -1;
    }
    return 0;
}

static void queue(struct rwp_handle *self)
{
    rwp_link_begin(&self->link, self->loop, Py_NewRef((PyObject *)self), rwp_handle_drop_queued);
    rw_loop_queue(self->loop->loop, &self->job);
}

PyObject *rwp_call_soon(struct rwp_loop *loop, PyObject *callback, PyObject *const *args, Py_ssize_t count,
                        PyObject *context)
{
    struct rwp_handle *self;

    if (Py_TYPE(callback) == loop->state->wakeup_type && count == 1) {
        rwp_wakeup_fire(callback, args[0]);
        Py_RETURN_NONE;
    }
    self = make(loop->state->handle_type, sizeof *self, loop, callback, args, count, context);
    if (self != NULL) {
        queue(self);
    }
    return (PyObject *)self;
}

int rwp_schedule(struct rwp_loop *loop, PyObject *callback, PyObject *arg, PyObject *context)
{
    PyObject *handle = rwp_call_soon(loop, callback, &arg, 1, context);

    Py_XDECREF(handle);
    return handle != NULL ? 0 : -1;
}

/* The one keyword of all these methods. */
static int read_context(PyObject *const *args, Py_ssize_t count, PyObject *names, PyObject **context)
{
    *context = NULL;
    if (names == NULL || PyTuple_GET_SIZE(names) == 0) {
        return 0;
    }
    if (PyTuple_GET_SIZE(names) != 1 ||
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "context") != 0) {
        PyErr_SetString(PyExc_TypeError, "the only keyword argument is context");
        return -1;
    }
    *context = args[count] != Py_None ? args[count] : NULL;
    return 0;
}

PyObject *rwp_method_call_soon(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    struct rwp_loop *loop = (struct rwp_loop *)op;
    PyObject *context;

    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "call_soon() needs a callback");
        return NULL;
    }
    if (!rwp_loop_enter(loop) || read_context(args, count, names, &context) < 0) {
        return NULL;
    }
    if (check_callback(loop, args[0], "call_soon") < 0) {
        return NULL;
    }
    return rwp_call_soon(loop, args[0], args + 1, count - 1, context);
}

static void queue_posted(void *arg, struct rw_loop *loop)
{
    struct rwp_handle *self = arg;

    rwp_link_begin(&self->link, self->loop, self,
                   rwp_handle_drop_queued); /* the message's reference goes over */
    rw_loop_queue(loop, &self->job);
}

static void drop_posted(void *arg)
{
    Py_DECREF((PyObject *)arg);
}

static PyObject *post(struct rwp_loop *loop, PyObject *const *args, Py_ssize_t count, PyObject *context)
{
    struct rwp_handle *self =
        make(loop->state->handle_type, sizeof *self, loop, args[0], args + 1, count - 1, context);

    if (self == NULL) {
        return NULL;
    }
    Py_INCREF(self);
    if (loop->handle == NULL || rw_handle_post(loop->handle, queue_posted, drop_posted, self) != 0) {
        Py_DECREF(self);
        Py_DECREF(self);
        return rwp_raise(loop->state, RW_ERR_UNSUPPORTED, "another thread cannot reach this loop");
    }
    return (PyObject *)self;
}

PyObject *rwp_method_call_soon_threadsafe(PyObject *op, PyObject *const *args, Py_ssize_t count,
                                          PyObject *names)
{
    struct rwp_loop *loop = (struct rwp_loop *)op;
    PyObject *context;

    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "call_soon_threadsafe() needs a callback");
        return NULL;
    }
    if (loop->loop == NULL || loop->closing || loop->forked) {
        PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
        return NULL;
    }
    if (read_context(args, count, names, &context) < 0 ||
        check_callback(loop, args[0], "call_soon_threadsafe") < 0) {
        return NULL;
    }
    if (rwp_loop_is_mine(loop) || loop->sim != NULL) {
        return rwp_call_soon(loop, args[0], args + 1, count - 1, context);
    }
    return post(loop, args, count, context);
}

static PyObject *call_at(struct rwp_loop *loop, double when, PyObject *const *args, Py_ssize_t count,
                         PyObject *context)
{
    struct rwp_timer_handle *self;
    double deadline = ceil(when * 1e9);

    self = (struct rwp_timer_handle *)make(loop->state->timer_type, sizeof *self, loop, args[0], args + 1,
                                           count - 1, context);
    if (self == NULL) {
        return NULL;
    }
    self->when = when;
    rw_timer_init(&self->timer, rwp_handle_fire);
    if (rw_timer_arm(loop->loop, &self->timer, deadline < 9.2e18 ? (int64_t)deadline : RW_NEVER - 1) != 0) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    rwp_link_begin(&self->handle.link, loop, Py_NewRef((PyObject *)self), rwp_handle_drop_armed);
    return (PyObject *)self;
}

static PyObject *read_and_call_at(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *names,
                                  bool relative)
{
    struct rwp_loop *loop = (struct rwp_loop *)op;
    const char *method = relative ? "call_later" : "call_at";
    PyObject *context, *now;
    double when;

    if (count < 2) {
        PyErr_Format(PyExc_TypeError, "%s() needs a time and a callback", method);
        return NULL;
    }
    if (!rwp_loop_enter(loop) || read_context(args, count, names, &context) < 0) {
        return NULL;
    }
    when = PyFloat_AsDouble(args[0]);
    if ((when == -1.0 && PyErr_Occurred()) || check_callback(loop, args[1], method) < 0) {
        return NULL;
    }
    if (when != when) {
        PyErr_SetString(PyExc_ValueError, "a time must not be nan");
        return NULL;
    }
    if (relative) {
        now = PyObject_CallMethod(op, "time", NULL);
        if (now == NULL) {
            return NULL;
        }
        when += PyFloat_AsDouble(now);
        Py_DECREF(now);
    }
    return call_at(loop, when, args + 1, count - 1, context);
}

PyObject *rwp_method_call_later(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    return read_and_call_at(op, args, count, names, true);
}

PyObject *rwp_method_call_at(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    return read_and_call_at(op, args, count, names, false);
}

PyObject *rwp_method_make_handle(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rwp_loop *loop = (struct rwp_loop *)op;

    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "_make_handle() needs a callback");
        return NULL;
    }
    if (check_callback(loop, args[0], "add_reader") < 0) {
        return NULL;
    }
    return (PyObject *)make(loop->state->handle_type, sizeof(struct rwp_handle), loop, args[0], args + 1,
                            count - 1, NULL);
}
