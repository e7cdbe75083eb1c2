/* SPDX-License-Identifier: MIT
 *
 * watch.c - add_reader and add_writer: readiness of a descriptor that Python owns.
 *
 * One FdWatch per descriptor holds at most two handles. What the reactor tells is kept until the job runs, at most
 * once a turn; readiness is level-triggered, so nothing has to be remembered beyond that.
 */
#include "rwp_handle.h"

struct fd_watch {
    PyObject_HEAD struct rwp_link link; /* thing: the object itself, while it watches */
    struct rwp_loop *loop;              /* strong */
    struct rw_watch *watch;
    struct rw_job job;
    PyObject *reader;
    PyObject *writer;
    unsigned events;
    bool queued; /* the queue holds a reference */
};

static void run_watch(struct rw_job *job, struct rw_loop *loop)
{
    struct fd_watch *self = (struct fd_watch *)(void *)((char *)job - offsetof(struct fd_watch, job));
    unsigned events = self->events;

    (void)loop;
    self->events = 0;
    self->queued = false;
    if (!self->loop->closing && self->link.thing != NULL) {
        if ((events & (RW_READABLE | RW_HANGUP)) != 0 && self->reader != NULL) {
            rwp_handle_run_again(self->loop, self->reader);
        }
        if ((events & (RW_WRITABLE | RW_HANGUP)) != 0 && self->writer != NULL) {
            rwp_handle_run_again(self->loop, self->writer);
        }
    }
    Py_DECREF(self);
}

static void notify(void *arg, unsigned events)
{
    struct fd_watch *self = arg;

    self->events |= events;
    if (!self->queued) {
        self->queued = true;
        Py_INCREF(self);
        rw_loop_queue(self->loop->loop, &self->job);
    }
}

static void drop_watch(void *thing)
{
    struct fd_watch *self = thing;

    rw_watch_free(self->watch);
    self->watch = NULL;
    if (self->queued && rw_loop_unqueue(self->loop->loop, &self->job)) {
        self->queued = false;
        Py_DECREF(self);
    }
}

PyObject *rwp_method_watch(PyObject *op, PyObject *args)
{
    struct rwp_loop *loop = (struct rwp_loop *)op;
    struct fd_watch *self;
    int fd, err;

    if (!PyArg_ParseTuple(args, "i:_watch", &fd) || !rwp_loop_enter(loop)) {
        return NULL;
    }
    self = PyObject_GC_New(struct fd_watch, loop->state->fd_watch_type);
    if (self == NULL) {
        return NULL;
    }
    memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
    self->job.run = run_watch;
    self->loop = (struct rwp_loop *)Py_NewRef(op);
    err = rw_watch_new(loop->loop, fd, 0, notify, self, &self->watch);
    if (err != 0) {
        Py_DECREF(self);
        if (err == RW_ERR_OS) {
            return PyErr_SetFromErrno(PyExc_OSError);
        }
        return rwp_raise(loop->state, err, NULL);
    }
    rwp_link_begin(&self->link, loop, self, drop_watch);
    PyObject_GC_Track((PyObject *)self);
    return (PyObject *)self;
}

/* Handles are not the collector's: one that only we hold is a part of this object. */
static int traverse_handle(PyObject *op, visitproc visit, void *arg)
{
    struct rwp_handle *handle = (struct rwp_handle *)op;

    if (op == NULL || Py_REFCNT(op) != 1 || handle->link.thing != NULL) {
        return 0;
    }
    Py_VISIT((PyObject *)handle->loop);
    Py_VISIT(handle->callback);
    Py_VISIT(handle->context);
    Py_VISIT(handle->rest);
    for (int i = 0; i < RWP_INLINE_ARGS; i++) {
        Py_VISIT(handle->args[i]);
    }
    return 0;
}

static int watch_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct fd_watch *self = (struct fd_watch *)op;
    int stopped = traverse_handle(self->reader, visit, arg);

    if (stopped == 0) {
        stopped = traverse_handle(self->writer, visit, arg);
    }
    if (stopped != 0) {
        return stopped;
    }
    Py_VISIT(Py_TYPE(op));
    Py_VISIT((PyObject *)self->loop);
    return 0;
}

static int watch_clear(PyObject *op)
{
    struct fd_watch *self = (struct fd_watch *)op;

    Py_CLEAR(self->reader);
    Py_CLEAR(self->writer);
    return 0;
}

static void watch_dealloc(PyObject *op)
{
    struct fd_watch *self = (struct fd_watch *)op;
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->link.thing != NULL && rwp_loop_is_mine(self->loop)) {
        rwp_link_end(&self->link);
    }
    Py_XDECREF(self->reader);
    Py_XDECREF(self->writer);
    Py_XDECREF((PyObject *)self->loop);
    PyObject_GC_Del(op);
    Py_DECREF(type);
}

static PyObject *watch_set(PyObject *op, PyObject *args)
{
    struct fd_watch *self = (struct fd_watch *)op;
    PyObject *reader, *writer;
    unsigned events = 0;
    int err;

    if (!PyArg_ParseTuple(args, "OO:set", &reader, &writer) || rwp_link_thing(&self->link) == NULL) {
        return NULL;
    }
    Py_XSETREF(self->reader, reader == Py_None ? NULL : Py_NewRef(reader));
    Py_XSETREF(self->writer, writer == Py_None ? NULL : Py_NewRef(writer));
    events |= self->reader != NULL ? RW_READABLE : 0;
    events |= self->writer != NULL ? RW_WRITABLE : 0;
    err = rw_watch_set(self->watch, events);
    if (err == RW_ERR_OS) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    if (err != 0) {
        return rwp_raise(self->loop->state, err, NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *watch_close(PyObject *op, PyObject *unused)
{
    struct fd_watch *self = (struct fd_watch *)op;

    (void)unused;
    rwp_link_end(&self->link);
    Py_CLEAR(self->reader);
    Py_CLEAR(self->writer);
    Py_RETURN_NONE;
}

static PyObject *get_handle(PyObject *handle)
{
    return Py_NewRef(handle != NULL ? handle : Py_None);
}

static PyObject *watch_reader(PyObject *op, void *closure)
{
    (void)closure;
    return get_handle(((struct fd_watch *)op)->reader);
}

static PyObject *watch_writer(PyObject *op, void *closure)
{
    (void)closure;
    return get_handle(((struct fd_watch *)op)->writer);
}

static PyMethodDef watch_methods[] = {
    {"set", watch_set, METH_VARARGS, "set(reader, writer) - the handles to run; None for silence."},
    {"close", watch_close, METH_NOARGS, "close() - watch no longer."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef watch_getset[] = {
    {"reader", watch_reader, NULL, "The handle that runs when there is something to read.", NULL},
    {"writer", watch_writer, NULL, "The handle that runs when there is room to write.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot watch_slots[] = {
    {Py_tp_doc, "Readiness of one descriptor."},
    {Py_tp_dealloc, watch_dealloc},
    {Py_tp_traverse, watch_traverse},
    {Py_tp_clear, watch_clear},
    {Py_tp_methods, watch_methods},
    {Py_tp_getset, watch_getset},
    {0, NULL},
};

static PyType_Spec watch_spec = {"ropewalk._ropewalk.FdWatch", sizeof(struct fd_watch), 0,
                                 RWP_TYPE_FLAGS | Py_TPFLAGS_HAVE_GC, watch_slots};

int rwp_watch_init(struct rwp_state *state)
{
    state->fd_watch_type = rwp_add_type(state, &watch_spec, NULL, true);
    return state->fd_watch_type != NULL ? 0 : -1;
}
