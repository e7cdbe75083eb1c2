/* SPDX-License-Identifier: MIT
 *
 * adapter.c - streams made of streams: map, filter, take, chunks, buffered, merge; and the sources stream() and interval().
 *
 * An adapter takes the core's stream out of the object it is called on, whose next use says that it is closed: two readers of
 * one source would each see half of it.
 */
#include "rwp.h"

#define BOX(op) ((struct rwp_box *)(op))

/* The stream, moved out of its object. */
static struct rw_stream *take_stream(PyObject *op)
{
    if (rwp_link_thing(&BOX(op)->link) == NULL) {
        return NULL;
    }
    return rwp_link_take(&BOX(op)->link);
}

PyObject *rwp_stream_map(PyObject *op, PyObject *fn)
{
    struct rwp_loop *loop = rwp_link_loop(&BOX(op)->link);
    struct rwp_call *call = loop != NULL ? rwp_call_new(loop, fn) : NULL;

    if (call == NULL) {
        return NULL;
    }
    return rwp_stream_box(loop, rw_stream_map(take_stream(op), rwp_call_future, rwp_call_drop, call));
}

PyObject *rwp_stream_filter(PyObject *op, PyObject *fn)
{
    struct rwp_loop *loop = rwp_link_loop(&BOX(op)->link);
    struct rwp_call *call = loop != NULL ? rwp_call_new(loop, fn) : NULL;

    if (call == NULL) {
        return NULL;
    }
    return rwp_stream_box(loop, rw_stream_filter(take_stream(op), rwp_call_truth, rwp_call_drop, call));
}

static int read_count(PyObject *number, Py_ssize_t least, Py_ssize_t *count)
{
    *count = PyNumber_AsSsize_t(number, PyExc_OverflowError);
    if (*count == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (*count < least) {
        PyErr_Format(PyExc_ValueError, "the count must be %zd or more", least);
        return -1;
    }
    return 0;
}

PyObject *rwp_stream_take(PyObject *op, PyObject *number)
{
    struct rwp_loop *loop = rwp_link_loop(&BOX(op)->link);
    Py_ssize_t count;

    if (loop == NULL || read_count(number, 0, &count) < 0) {
        return NULL;
    }
    return rwp_stream_box(loop, rw_stream_take(take_stream(op), (uint64_t)count));
}

PyObject *rwp_stream_chunks(PyObject *op, PyObject *number)
{
    struct rwp_loop *loop = rwp_link_loop(&BOX(op)->link);
    Py_ssize_t size;

    if (loop == NULL || read_count(number, 1, &size) < 0) {
        return NULL;
    }
    return rwp_stream_box(loop, rw_stream_chunks(take_stream(op), (size_t)size));
}

/* Without a function the items themselves are awaited. */
static PyObject *give_back(PyObject *module, PyObject *item)
{
    (void)module;
    return Py_NewRef(item);
}

static PyMethodDef give_back_method = {"give_back", give_back, METH_O, NULL};

PyObject *rwp_stream_buffered(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"limit", "fn", NULL};
    struct rwp_loop *loop = rwp_link_loop(&BOX(op)->link);
    PyObject *fn = Py_None;
    Py_ssize_t limit;
    struct rwp_call *call;

    if (loop == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "n|O:buffered", names, &limit, &fn)) {
        return NULL;
    }
    if (limit < 1) {
        PyErr_SetString(PyExc_ValueError, "the limit must be 1 or more");
        return NULL;
    }
    fn = fn != Py_None ? Py_NewRef(fn) : PyCFunction_New(&give_back_method, NULL);
    call = fn != NULL ? rwp_call_new(loop, fn) : NULL;
    Py_XDECREF(fn);
    if (call == NULL) {
        return NULL;
    }
    return rwp_stream_box(
        loop, rw_stream_buffered(take_stream(op), (size_t)limit, rwp_call_future, rwp_call_drop, call));
}

static PyObject *merge_of(struct rwp_loop *loop, struct rw_stream *first, PyObject *const *args,
                          Py_ssize_t count)
{
    Py_ssize_t filled = first != NULL ? 1 : 0, total = count + filled;
    struct rw_stream **streams = PyMem_Calloc(total > 0 ? (size_t)total : 1, sizeof *streams);
    PyObject *box = NULL;

    if (streams == NULL) {
        rw_stream_unref(first);
        return PyErr_NoMemory();
    }
    streams[0] = first;
    while (filled < total &&
           (streams[filled] = rwp_stream_of(loop, args[filled - (total - count)])) != NULL) {
        filled++;
    }
    if (filled == total) {
        box = rwp_stream_box(loop, rw_stream_merge(loop->loop, streams, (size_t)total));
    } else {
        while (filled > 0) {
            filled--;
            rw_stream_unref(streams[filled]);
        }
    }
    PyMem_Free(streams);
    return box;
}

PyObject *rwp_stream_merge(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rwp_loop *loop = rwp_link_loop(&BOX(op)->link);

    return loop != NULL ? merge_of(loop, take_stream(op), args, count) : NULL;
}

/* ---- functions ---------------------------------------------------------------------------------------------------------------------- */

static PyObject *module_merge(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));

    if (loop == NULL) {
        return NULL;
    }
    if (count == 0) {
        PyErr_SetString(PyExc_ValueError, "merge() needs a stream");
        return NULL;
    }
    return merge_of(loop, NULL, args, count);
}

static PyObject *module_stream(PyObject *module, PyObject *object)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    struct rw_stream *stream = loop != NULL ? rwp_stream_of(loop, object) : NULL;

    if (stream == NULL && loop != NULL && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    return stream != NULL ? rwp_stream_box(loop, stream) : NULL;
}

static PyObject *module_interval(PyObject *module, PyObject *seconds)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    int64_t period_ns;

    if (loop == NULL || rwp_seconds(seconds, &period_ns) < 0) {
        return NULL;
    }
    if (period_ns <= 0) {
        PyErr_SetString(PyExc_ValueError, "an interval must be more than 0 seconds");
        return NULL;
    }
    return rwp_stream_box(loop, rw_interval(loop->loop, period_ns));
}

static PyMethodDef functions[] = {
    {"stream", module_stream, METH_O,
     "stream(source) - a Stream of an (async) iterable, a receiver or a socket."},
    {"merge", (PyCFunction)(void (*)(void))module_merge, METH_FASTCALL,
     "merge(*streams) - the items of all as they come."},
    {"interval", module_interval, METH_O,
     "interval(seconds) - a Stream of 0, 1, 2 ... in that rhythm, the first at once; missed ticks are "
     "skipped."},
    {NULL, NULL, 0, NULL},
};

int rwp_adapter_init(struct rwp_state *state)
{
    return PyModule_AddFunctions(state->module, functions);
}
