/* SPDX-License-Identifier: MIT
 *
 * sink.c - Sink: where items go, with back-pressure; and forward(stream, sink).
 *
 * A Sink is a channel's sender, a socket, or a Python function of one item. A function's result may be awaitable: then the
 * next item waits for it, which is the back-pressure. The core's sink keeps the item until then; here it is the future
 * that `poll_send` is in the middle of.
 */
#include "rwp.h"

#define BOX(op) ((struct rwp_box *)(op))

struct function_sink {
    struct rwp_call *call;
    struct rw_future *sending; /* NULL between items */
};

static void drop_sink(void *thing)
{
    rw_sink_unref(thing);
}

PyObject *rwp_sink_box(struct rwp_loop *loop, struct rw_sink *sink)
{
    return rwp_box_new(loop->state->sink_type, loop, sink, drop_sink);
}

/* ---- a Python function as a sink ---------------------------------------------------------------------------------------------------- */

static enum rw_poll poll_send(void *arg, struct rw_context *cx, struct rw_value *item, struct rw_value *out)
{
    struct function_sink *sink = arg;
    struct rw_value result;

    if (sink->sending == NULL) {
        sink->sending = rwp_call_future(sink->call, rw_value_clone(item));
    }
    if (rw_poll(sink->sending, cx, &result) == RW_PENDING) {
        return RW_PENDING;
    }
    rw_future_drop(sink->sending);
    sink->sending = NULL;
    rw_value_drop(item);
    if (rw_is_failure(&result)) {
        *out = result;
    } else {
        rw_value_drop(&result);
        *out = rw_nil();
    }
    return RW_READY;
}

static enum rw_poll poll_nothing(void *arg, struct rw_context *cx, struct rw_value *out)
{
    (void)arg;
    (void)cx;
    *out = rw_nil();
    return RW_READY;
}

static void drop_function(void *arg)
{
    struct function_sink *sink = arg;

    rw_future_drop(sink->sending);
    rwp_call_drop(sink->call);
    PyMem_Free(sink);
}

static const struct rw_sink_vtable function_vtable = {"python function", poll_send, poll_nothing,
                                                      poll_nothing, drop_function};

static struct rw_sink *sink_of_function(struct rwp_loop *loop, PyObject *callable)
{
    struct rwp_call *call = rwp_call_new(loop, callable);
    struct function_sink *self = call != NULL ? PyMem_Malloc(sizeof *self) : NULL;

    if (self == NULL) {
        if (call != NULL) {
            rwp_call_drop(call);
            PyErr_NoMemory();
        }
        return NULL;
    }
    *self = (struct function_sink){call, NULL};
    return rw_sink_new(loop->loop, &function_vtable, self);
}

struct rw_sink *rwp_sink_of(struct rwp_loop *loop, PyObject *object)
{
    struct rwp_state *state = loop->state;
    PyTypeObject *type = Py_TYPE(object);
    struct rw_sink *sink = NULL;
    void *thing;

    if (type == state->sink_type || type == state->sender_type || type == state->socket_type) {
        thing = rwp_link_thing(&BOX(object)->link);
        if (thing == NULL) {
            return NULL;
        }
        if (type == state->sink_type) {
            sink = rw_sink_ref(thing);
        } else if (type == state->sender_type) {
            sink = rw_sink_of_channel(loop->loop, thing);
        } else {
            sink = rw_socket_sink(thing);
        }
    } else {
        sink = sink_of_function(loop, object);
    }
    if (sink == NULL && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    return sink;
}

/* ---- the type ------------------------------------------------------------------------------------------------------------------------- */

static PyObject *sink_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"target", NULL};
    struct rwp_loop *loop;
    struct rw_sink *sink;
    PyObject *target;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Sink", names, &target)) {
        return NULL;
    }
    loop = rwp_running(PyType_GetModuleState(type));
    sink = loop != NULL ? rwp_sink_of(loop, target) : NULL;
    return sink != NULL ? rwp_sink_box(loop, sink) : NULL;
}

static PyObject *sink_send(PyObject *op, PyObject *object)
{
    struct rw_sink *sink = rwp_link_thing(&BOX(op)->link);
    struct rw_value value;

    if (sink == NULL || rwp_value_from(BOX(op)->link.loop->state, object, &value) < 0) {
        return NULL;
    }
    return rwp_op_new(BOX(op)->link.loop, rw_sink_send(sink, value), NULL, op);
}

static PyObject *sink_flush(PyObject *op, PyObject *unused)
{
    struct rw_sink *sink = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return sink != NULL ? rwp_op_new(BOX(op)->link.loop, rw_sink_flush(sink), NULL, op) : NULL;
}

static PyObject *sink_close(PyObject *op, PyObject *unused)
{
    struct rw_sink *sink = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return sink != NULL ? rwp_op_new(BOX(op)->link.loop, rw_sink_close(sink), NULL, op) : NULL;
}

static PyMethodDef sink_methods[] = {
    {"send", sink_send, METH_O, "send(item) - wait until it is taken."},
    {"flush", sink_flush, METH_NOARGS, "flush() - wait until everything sent has gone on its way."},
    {"close", sink_close, METH_NOARGS, "close() - flush, then close; to be awaited."},
    {"aclose", sink_close, METH_NOARGS, "aclose() - the same as close()."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot sink_slots[] = {
    {Py_tp_doc, "Sink(target) - takes items for a Sender, a socket, or a (coroutine) function of one item."},
    {Py_tp_new, sink_new},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, sink_methods},
    {0, NULL},
};

static PyType_Spec sink_spec = {
    "ropewalk._ropewalk.Sink",
    sizeof(struct rwp_box),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    sink_slots,
};

static PyObject *module_forward(PyObject *module, PyObject *args)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    PyObject *source, *target;
    struct rw_stream *stream;
    struct rw_sink *sink;

    if (loop == NULL || !PyArg_ParseTuple(args, "OO:forward", &source, &target)) {
        return NULL;
    }
    stream = rwp_stream_of(loop, source);
    if (stream == NULL) {
        return NULL;
    }
    sink = rwp_sink_of(loop, target);
    if (sink == NULL) {
        rw_stream_unref(stream);
        return NULL;
    }
    return rwp_op_new(loop, rw_forward(stream, sink), NULL, NULL);
}

static PyMethodDef functions[] = {
    {"forward", module_forward, METH_VARARGS,
     "forward(stream, sink) - move every item, then flush and close the sink; gives how many were moved."},
    {NULL, NULL, 0, NULL},
};

int rwp_sink_init(struct rwp_state *state)
{
    state->sink_type = rwp_add_type(state, &sink_spec, NULL, true);
    return state->sink_type != NULL ? PyModule_AddFunctions(state->module, functions) : -1;
}
