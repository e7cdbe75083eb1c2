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
#include "rwp_handle.h"

static void let_go(struct rwp_handle *self)
{
    Py_CLEAR(self->callback);
    Py_CLEAR(self->context);
    for (int i = 0; i < RWP_INLINE_ARGS; i++) {
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
    rwp_loop_report(self->loop, text != NULL ? PyUnicode_AsUTF8(text) : "Exception in callback", "handle",
                    (PyObject *)self);
    Py_XDECREF(text);
}

static void enter_and_call(struct rwp_handle *self)
{
    PyObject *callback = Py_NewRef(self->callback);
    PyObject *context = Py_NewRef(self->context);
    int64_t begun_ns = rwp_slow_begin(self->loop);
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
    rwp_slow_end(self->loop, begun_ns, (PyObject *)self);
    Py_DECREF(context);
    Py_DECREF(callback);
}

void rwp_handle_run_job(struct rw_job *job, struct rw_loop *loop)
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
void rwp_handle_drop_queued(void *thing)
{
    struct rwp_handle *self = thing;

    if (self->loop->loop != NULL && self->job.next != NULL) {
        rw_loop_unqueue(self->loop->loop, &self->job);
    }
    let_go(self);
    Py_DECREF(self);
}

void rwp_handle_drop_armed(void *thing)
{
    struct rwp_timer_handle *self = thing;

    if (self->handle.loop->loop != NULL) {
        rw_timer_disarm(self->handle.loop->loop, &self->timer);
    }
    rwp_handle_drop_queued(&self->handle);
}

void rwp_handle_fire(struct rw_timer *timer, struct rw_loop *loop)
{
    struct rwp_timer_handle *self =
        (struct rwp_timer_handle *)(void *)((char *)timer - offsetof(struct rwp_timer_handle, timer));

    rw_loop_queue(loop, &self->handle.job);
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
    Py_XDECREF(self->source);
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

static PyObject *handle_get_source(PyObject *op, void *closure)
{
    struct rwp_handle *self = (struct rwp_handle *)op;

    (void)closure;
    return Py_NewRef(self->source != NULL ? self->source : Py_None);
}

static PyObject *timer_when(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyFloat_FromDouble(((struct rwp_timer_handle *)op)->when);
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
    {"_source_traceback", handle_get_source, NULL, NULL, NULL},
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

static PyType_Spec handle_spec = {"ropewalk._ropewalk.Handle", sizeof(struct rwp_handle), 0, RWP_TYPE_FLAGS,
                                  handle_slots};
static PyType_Spec timer_spec = {"ropewalk._ropewalk.TimerHandle", sizeof(struct rwp_timer_handle), 0,
                                 RWP_TYPE_FLAGS, timer_slots};

int rwp_handle_init(struct rwp_state *state)
{
    state->handle_type = rwp_add_type(state, &handle_spec, NULL, true);
    state->timer_type = rwp_add_type(state, &timer_spec, NULL, true);
    return state->handle_type != NULL && state->timer_type != NULL ? 0 : -1;
}
