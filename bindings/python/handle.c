/* SPDX-License-Identifier: MIT
 *
 * handle.c - call_soon, call_later and their kin: Python callbacks as jobs of the core's run queue.
 *
 * A Handle embeds the job, a TimerHandle the timer too: nothing is allocated beside the object that the caller gets. While it is
 * queued or armed the loop owns one reference, held by the link. After its run a handle lets go of callback and
 * arguments, so that what it called can be collected.
 *
 * A callback that only wakes one of our tasks (asyncio's futures call it through call_soon) makes no handle at all: the
 * task is queued at once, which is the same place in the same queue.
 */
#include "rwp.h"

#include <math.h>

#define INLINE_ARGS 3

struct rwp_handle {
    PyObject_HEAD
    struct rwp_link link; /* thing: the handle itself, while the loop owns a reference */
    struct rw_job job;
    PyObject *weakrefs;
    struct rwp_loop *loop; /* strong */
    PyObject *callback;    /* NULL once run or cancelled */
    PyObject *context;
    PyObject *args[INLINE_ARGS];
    PyObject *rest; /* all arguments in a tuple, when there are more */
    Py_ssize_t count;
    bool cancelled;
};

struct timer_handle {
    struct rwp_handle handle;
    struct rw_timer timer;
    double when;
};

static void let_go(struct rwp_handle *self)
{
    Py_CLEAR(self->callback);
    Py_CLEAR(self->context);
    for (int i = 0; i < INLINE_ARGS; i++) {
        Py_CLEAR(self->args[i]);
    }
    Py_CLEAR(self->rest);
}

static PyObject *call(struct rwp_handle *self)
{
    PyObject *const *args = self->rest != NULL ? &PyTuple_GET_ITEM(self->rest, 0) : self->args;

    return PyObject_Vectorcall(self->callback, args, (size_t)self->count, NULL);
}

static void report(struct rwp_handle *self, PyObject *callback)
{
    PyObject *exception = rwp_exc_take();
    PyObject *text;

    if (rwp_loop_keep_exit(self->loop, exception)) {
        Py_DECREF(exception);
        return;
    }
    text = PyUnicode_FromFormat("Exception in callback %R", callback);
    if (text == NULL) {
        PyErr_Clear();
    }
    rwp_exc_give(exception);
    rwp_loop_report(self->loop, text != NULL ? PyUnicode_AsUTF8(text) : "Exception in callback", "handle", (PyObject *)self);
    Py_XDECREF(text);
}

static void enter_and_call(struct rwp_handle *self)
{
    PyObject *callback = Py_NewRef(self->callback);
    PyObject *context = Py_NewRef(self->context);
    PyObject *result;

    (void)rwp_loop_set_current(self->loop, NULL);
    if (PyContext_Enter(context) < 0) {
        report(self, callback);
    } else {
        result = call(self);
        (void)PyContext_Exit(context);
        if (result == NULL) {
            report(self, callback);
        }
        Py_XDECREF(result);
    }
    Py_DECREF(context);
    Py_DECREF(callback);
}

static void run_job(struct rw_job *job, struct rw_loop *loop)
{
    struct rwp_handle *self = (struct rwp_handle *)(void *)((char *)job - offsetof(struct rwp_handle, job));

    if (self->loop->exit_exception != NULL && !self->loop->closing) {
        rw_loop_queue(loop, job); /* the program is on its way out of this turn: later */
        return;
    }
    (void)rwp_link_take(&self->link);
    if (!self->cancelled && !self->loop->closing) {
        enter_and_call(self);
        let_go(self);
    }
    Py_DECREF(self);
}

void rwp_handle_run_again(struct rwp_loop *loop, PyObject *handle)
{
    struct rwp_handle *self = (struct rwp_handle *)handle;

    if (Py_TYPE(handle) != loop->state->handle_type || self->cancelled || self->callback == NULL) {
        return;
    }
    Py_INCREF(self);
    enter_and_call(self);
    Py_DECREF(self);
}

/* The loop's end, or cancel: out of queue and heap. */
static void drop_queued(void *thing)
{
    struct rwp_handle *self = thing;

    if (self->loop->loop != NULL && self->job.next != NULL) {
        rw_loop_unqueue(self->loop->loop, &self->job);
    }
    let_go(self);
    Py_DECREF(self);
}

static void drop_armed(void *thing)
{
    struct timer_handle *self = thing;

    if (self->handle.loop->loop != NULL) {
        rw_timer_disarm(self->handle.loop->loop, &self->timer);
    }
    drop_queued(&self->handle);
}

static void fire(struct rw_timer *timer, struct rw_loop *loop)
{
    struct timer_handle *self = (struct timer_handle *)(void *)((char *)timer - offsetof(struct timer_handle, timer));

    rw_loop_queue(loop, &self->handle.job);
}

/* ---- making ------------------------------------------------------------------------------------------------------------ */

static int keep_args(struct rwp_handle *self, PyObject *const *args, Py_ssize_t count)
{
    self->count = count;
    if (count > INLINE_ARGS) {
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

static struct rwp_handle *make(PyTypeObject *type, size_t size, struct rwp_loop *loop, PyObject *callback, PyObject *const *args,
                               Py_ssize_t count, PyObject *context)
{
    struct rwp_handle *self = (struct rwp_handle *)PyObject_New(struct rwp_handle, type);

    if (self == NULL) {
        return NULL;
    }
    memset((char *)self + sizeof(PyObject), 0, size - sizeof(PyObject));
    self->job.run = run_job;
    self->loop = (struct rwp_loop *)Py_NewRef((PyObject *)loop);
    self->callback = Py_NewRef(callback);
    self->context = context != NULL ? Py_NewRef(context) : PyContext_CopyCurrent();
    if (self->context == NULL || keep_args(self, args, count) < 0) {
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
    rwp_link_begin(&self->link, self->loop, Py_NewRef((PyObject *)self), drop_queued);
    rw_loop_queue(self->loop->loop, &self->job);
}

PyObject *rwp_call_soon(struct rwp_loop *loop, PyObject *callback, PyObject *const *args, Py_ssize_t count, PyObject *context)
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
    if (PyTuple_GET_SIZE(names) != 1 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "context") != 0) {
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

    rwp_link_begin(&self->link, self->loop, self, drop_queued); /* the message's reference goes over */
    rw_loop_queue(loop, &self->job);
}

static void drop_posted(void *arg)
{
    Py_DECREF((PyObject *)arg);
}

static PyObject *post(struct rwp_loop *loop, PyObject *const *args, Py_ssize_t count, PyObject *context)
{
    struct rwp_handle *self = make(loop->state->handle_type, sizeof *self, loop, args[0], args + 1, count - 1, context);

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

PyObject *rwp_method_call_soon_threadsafe(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *names)
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
    if (read_context(args, count, names, &context) < 0 || check_callback(loop, args[0], "call_soon_threadsafe") < 0) {
        return NULL;
    }
    if (rw_loop_is_own_thread(loop->loop) || loop->sim != NULL) {
        return rwp_call_soon(loop, args[0], args + 1, count - 1, context);
    }
    return post(loop, args, count, context);
}

static PyObject *call_at(struct rwp_loop *loop, double when, PyObject *const *args, Py_ssize_t count, PyObject *context)
{
    struct timer_handle *self;
    double deadline = ceil(when * 1e9);

    self = (struct timer_handle *)make(loop->state->timer_type, sizeof *self, loop, args[0], args + 1, count - 1, context);
    if (self == NULL) {
        return NULL;
    }
    self->when = when;
    rw_timer_init(&self->timer, fire);
    if (rw_timer_arm(loop->loop, &self->timer, deadline < 9.2e18 ? (int64_t)deadline : RW_NEVER - 1) != 0) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    rwp_link_begin(&self->handle.link, loop, Py_NewRef((PyObject *)self), drop_armed);
    return (PyObject *)self;
}

static PyObject *read_and_call_at(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *names, bool relative)
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
    return (PyObject *)make(loop->state->handle_type, sizeof(struct rwp_handle), loop, args[0], args + 1, count - 1, NULL);
}

/* ---- the types ---------------------------------------------------------------------------------------------------------- */

static void handle_dealloc(PyObject *op)
{
    struct rwp_handle *self = (struct rwp_handle *)op;
    PyTypeObject *type = Py_TYPE(op);

    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    let_go(self);
    Py_XDECREF((PyObject *)self->loop);
    PyObject_Free(op);
    Py_DECREF(type);
}

static PyObject *handle_cancel(PyObject *op, PyObject *unused)
{
    struct rwp_handle *self = (struct rwp_handle *)op;

    (void)unused;
    self->cancelled = true;
    if (self->link.thing != NULL && rwp_loop_is_mine(self->loop)) {
        if (self->job.next == NULL) {
            rwp_link_end(&self->link); /* an armed timer */
        } else {
            let_go(self); /* it stays queued, and is found cancelled when its turn comes */
        }
    }
    Py_RETURN_NONE;
}

static PyObject *handle_cancelled(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((struct rwp_handle *)op)->cancelled);
}

static PyObject *handle_get_context(PyObject *op, PyObject *unused)
{
    struct rwp_handle *self = (struct rwp_handle *)op;

    (void)unused;
    return Py_NewRef(self->context != NULL ? self->context : Py_None);
}

static PyObject *handle_run(PyObject *op, PyObject *unused)
{
    (void)unused;
    rwp_handle_run_again(((struct rwp_handle *)op)->loop, op);
    Py_RETURN_NONE;
}

static PyObject *handle_repr(PyObject *op)
{
    struct rwp_handle *self = (struct rwp_handle *)op;
    const char *name = _PyType_Name(Py_TYPE(op));

    if (self->cancelled) {
        return PyUnicode_FromFormat("<%s cancelled>", name);
    }
    if (self->callback == NULL) {
        return PyUnicode_FromFormat("<%s done>", name);
    }
    return PyUnicode_FromFormat("<%s %R>", name, self->callback);
}

static PyObject *handle_get_cancelled(PyObject *op, void *closure)
{
    (void)closure;
    return handle_cancelled(op, NULL);
}

static PyObject *timer_when(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyFloat_FromDouble(((struct timer_handle *)op)->when);
}

static PyMethodDef handle_methods[] = {
    {"cancel", handle_cancel, METH_NOARGS, "cancel() - it will not be called."},
    {"cancelled", handle_cancelled, METH_NOARGS, "cancelled() - whether cancel() was called."},
    {"get_context", handle_get_context, METH_NOARGS, "get_context() - the context it runs in."},
    {"_run", handle_run, METH_NOARGS, "_run() - call it now."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef timer_methods[] = {
    {"cancel", handle_cancel, METH_NOARGS, "cancel() - it will not be called."},
    {"cancelled", handle_cancelled, METH_NOARGS, "cancelled() - whether cancel() was called."},
    {"get_context", handle_get_context, METH_NOARGS, "get_context() - the context it runs in."},
    {"when", timer_when, METH_NOARGS, "when() - the time() at which it is due, in seconds."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef handle_getset[] = {
    {"_cancelled", handle_get_cancelled, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef handle_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct rwp_handle, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot handle_slots[] = {
    {Py_tp_doc, "A callback that waits for its turn."},
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_repr, handle_repr},
    {Py_tp_methods, handle_methods},
    {Py_tp_getset, handle_getset},
    {Py_tp_members, handle_members},
    {0, NULL},
};

static PyType_Slot timer_slots[] = {
    {Py_tp_doc, "A callback that waits for its time."},
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_repr, handle_repr},
    {Py_tp_methods, timer_methods},
    {Py_tp_getset, handle_getset},
    {Py_tp_members, handle_members},
    {0, NULL},
};

static PyType_Spec handle_spec = {"ropewalk._ropewalk.Handle", sizeof(struct rwp_handle), 0, RWP_TYPE_FLAGS, handle_slots};
static PyType_Spec timer_spec = {"ropewalk._ropewalk.TimerHandle", sizeof(struct timer_handle), 0, RWP_TYPE_FLAGS, timer_slots};

int rwp_handle_init(struct rwp_state *state)
{
    state->handle_type = rwp_add_type(state, &handle_spec, NULL, true);
    state->timer_type = rwp_add_type(state, &timer_spec, NULL, true);
    return state->handle_type != NULL && state->timer_type != NULL ? 0 : -1;
}
