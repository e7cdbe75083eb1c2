/* SPDX-License-Identifier: MIT
 *
 * stream.c - Stream: the core's streams as async iterators, and async iterators as the core's streams.
 *
 * A Python source is asked for one item at a time: its __anext__ becomes a future, StopAsyncIteration the end. Plain
 * iterables are walked in place, one item per poll.
 */
#include "rwp.h"

#define BOX(op) ((struct rwp_box *)(op))

struct source {
    struct rwp_loop *loop; /* strong */
    PyObject *iterator;
    bool is_async;
};

static void drop_stream(void *thing)
{
    rw_stream_unref(thing);
}

PyObject *rwp_stream_box(struct rwp_loop *loop, struct rw_stream *stream)
{
    return rwp_box_new(loop->state->stream_type, loop, stream, drop_stream);
}

/* ---- Python iterators as sources ------------------------------------------------------------------------------------------------- */

static void drop_source(void *arg)
{
    struct source *source = arg;

    Py_DECREF(source->iterator);
    Py_DECREF((PyObject *)source->loop);
    PyMem_Free(source);
}

/* __anext__ may have raised the end, or its awaitable will. */
static struct rw_value end_or_failure(struct rwp_state *state)
{
    if (PyErr_ExceptionMatches(PyExc_StopAsyncIteration)) {
        PyErr_Clear();
        return rw_failure(RW_ERR_END);
    }
    return rwp_failure_taken(state);
}

static struct rw_future *translate_end(void *arg, struct rw_value failure)
{
    struct rwp_loop *loop = arg;
    PyObject *exception = rwp_exception_of(loop->state, &failure);

    if (exception != NULL && PyErr_GivenExceptionMatches(exception, PyExc_StopAsyncIteration)) {
        rw_value_drop(&failure);
        failure = rw_failure(RW_ERR_END);
    }
    PyErr_Clear();
    Py_XDECREF(exception);
    return rw_ready(loop->loop, failure);
}

static void drop_loop(void *arg)
{
    Py_DECREF((PyObject *)arg);
}

static struct rw_future *next_async(struct source *source)
{
    struct rwp_loop *loop = source->loop;
    PyObject *awaitable = PyObject_CallMethodNoArgs(source->iterator, loop->state->names[RWP_N_ANEXT]);
    struct rw_future *future = awaitable != NULL ? rwp_future_of(loop, awaitable) : NULL;

    Py_XDECREF(awaitable);
    if (future == NULL) {
        return rw_ready(loop->loop, end_or_failure(loop->state));
    }
    return rw_or_else(loop->loop, future, translate_end, drop_loop, Py_NewRef((PyObject *)loop));
}

static struct rw_future *next_item(void *arg)
{
    struct source *source = arg;
    struct rwp_loop *loop = source->loop;
    PyObject *item;
    struct rw_value value;

    if (source->is_async) {
        return next_async(source);
    }
    item = PyIter_Next(source->iterator);
    if (item == NULL && !PyErr_Occurred()) {
        return NULL;
    }
    if (item == NULL || rwp_value_from(loop->state, item, &value) < 0) {
        value = rwp_failure_taken(loop->state);
    }
    Py_XDECREF(item);
    return rw_ready(loop->loop, value);
}

/* The iterator is taken; NULL with an exception. */
static struct rw_stream *stream_of_iterator(struct rwp_loop *loop, PyObject *iterator, bool is_async)
{
    struct source *source = iterator != NULL ? PyMem_Malloc(sizeof *source) : NULL;
    struct rw_stream *stream;

    if (source == NULL) {
        Py_XDECREF(iterator);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
        return NULL;
    }
    *source = (struct source){(struct rwp_loop *)Py_NewRef((PyObject *)loop), iterator, is_async};
    stream = rw_stream_from(loop->loop, next_item, drop_source, source);
    if (stream == NULL) {
        PyErr_NoMemory();
    }
    return stream;
}

struct rw_stream *rwp_stream_of(struct rwp_loop *loop, PyObject *object)
{
    struct rwp_state *state = loop->state;
    PyAsyncMethods *methods = Py_TYPE(object)->tp_as_async;
    void *thing;

    if (Py_TYPE(object) == state->stream_type) {
        thing = rwp_link_thing(&BOX(object)->link);
        return thing != NULL ? rw_stream_ref(thing) : NULL;
    }
    if (Py_TYPE(object) == state->receiver_type) {
        thing = rwp_link_thing(&BOX(object)->link);
        return thing != NULL ? rw_stream_of_channel(loop->loop, thing) : NULL;
    }
    if (Py_TYPE(object) == state->socket_type) {
        thing = rwp_link_thing(&BOX(object)->link);
        return thing != NULL ? rw_socket_stream(thing) : NULL;
    }
    if (methods != NULL && methods->am_aiter != NULL) {
        return stream_of_iterator(loop, PyObject_GetAIter(object), true);
    }
    return stream_of_iterator(loop, PyObject_GetIter(object), false);
}

/* ---- the type ---------------------------------------------------------------------------------------------------------------------- */

static PyObject *convert_next(struct rwp_op *op, struct rw_value *value)
{
    if (rw_is_failure(value) && value->code == RW_ERR_END) {
        rw_value_drop(value);
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return NULL;
    }
    return rwp_object_from(op->loop, *value);
}

static PyObject *stream_anext(PyObject *op)
{
    struct rw_stream *stream = rwp_link_thing(&BOX(op)->link);

    return stream != NULL ? rwp_op_new(BOX(op)->link.loop, rw_stream_next(stream), convert_next, op) : NULL;
}

static PyObject *stream_next(PyObject *op, PyObject *unused)
{
    struct rw_stream *stream = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return stream != NULL ? rwp_op_new(BOX(op)->link.loop, rw_stream_next(stream), NULL, op) : NULL;
}

static PyObject *stream_close(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (BOX(op)->link.thing != NULL) {
        if (!rwp_loop_enter(BOX(op)->link.loop)) {
            return NULL;
        }
        rw_stream_close(BOX(op)->link.thing);
    }
    Py_RETURN_NONE;
}

static PyObject *stream_aclose(PyObject *op, PyObject *unused)
{
    PyObject *closed = stream_close(op, unused);

    return closed != NULL ? rwp_op_done(BOX(op)->link.state, closed) : NULL;
}

static PyObject *stream_aenter(PyObject *op, PyObject *unused)
{
    (void)unused;
    return rwp_op_done(BOX(op)->link.state, Py_NewRef(op));
}

static PyObject *stream_aexit(PyObject *op, PyObject *args)
{
    (void)args;
    return stream_aclose(op, NULL);
}

static PyMemberDef stream_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct rwp_box, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef stream_methods[] = {
    {"next", stream_next, METH_NOARGS, "next() - the next item; EndOfStream at the end."},
    {"close", stream_close, METH_NOARGS, "close() - end the stream and let go of its source. Idempotent."},
    {"aclose", stream_aclose, METH_NOARGS, "aclose() - close(), to be awaited."},
    {"__aenter__", stream_aenter, METH_NOARGS, NULL},
    {"__aexit__", stream_aexit, METH_VARARGS, NULL},
    {"map", rwp_stream_map, METH_O, "map(fn) - a stream of fn(item); fn may be a coroutine function."},
    {"filter", rwp_stream_filter, METH_O,
     "filter(fn) - the items for which fn(item) is true; fn may be a coroutine function."},
    {"take", rwp_stream_take, METH_O, "take(count) - the first items."},
    {"chunks", rwp_stream_chunks, METH_O,
     "chunks(size) - lists of that many items; the last may be shorter."},
    {"buffered", (PyCFunction)(void (*)(void))rwp_stream_buffered, METH_VARARGS | METH_KEYWORDS,
     "buffered(limit, fn=None) - up to `limit` of fn(item) at a time, results in order."},
    {"merge", (PyCFunction)(void (*)(void))rwp_stream_merge, METH_FASTCALL,
     "merge(*streams) - the items of all as they come."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot stream_slots[] = {
    {Py_tp_doc,
     "Values one after the other; `async for` reads them. Adapters take the stream they are called on."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, stream_methods},
    {Py_tp_members, stream_members},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, stream_anext},
    {0, NULL},
};

static PyType_Spec stream_spec = {"ropewalk._ropewalk.Stream", sizeof(struct rwp_box), 0, RWP_TYPE_FLAGS,
                                  stream_slots};

int rwp_stream_init(struct rwp_state *state)
{
    state->stream_type = rwp_add_type(state, &stream_spec, NULL, true);
    return state->stream_type != NULL ? 0 : -1;
}
