/* SPDX-License-Identifier: MIT
 *
 * gather.c - gather, join and first: several awaitables as one.
 *
 * Arguments become futures one by one; when one of them is refused, those already taken are dropped, which cancels what was
 * spawned for them. With return_exceptions each failure becomes a value before the core's join sees it. The core's join is then
 * told nothing of a cancellation by its children, so the future around it remembers that it was asked to end: a
 * gather that is cancelled is cancelled, whatever its children gave.
 */
#include "rwp.h"

struct settle {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_future *inner;
};

static enum rw_poll poll_settle(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct settle *settle = (struct settle *)self;

    if (rw_poll(settle->inner, cx, out) == RW_PENDING) {
        return RW_PENDING;
    }
    if ((self->state & RW_FUTURE_CANCELLED) != 0) {
        rw_value_drop(out);
        *out = rw_failure(RW_ERR_CANCELLED);
    }
    return RW_READY;
}

static void cancel_settle(struct rw_future *self)
{
    rw_future_cancel(((struct settle *)self)->inner);
}

static void drop_settle(struct rw_future *self)
{
    struct settle *settle = (struct settle *)self;

    rw_future_drop(settle->inner);
    rw_loop_release(settle->loop, settle, sizeof *settle);
}

static const struct rw_future_vtable settle_vtable = {"gather", 0, poll_settle, cancel_settle, drop_settle};

/* Takes `inner`. */
static struct rw_future *settle(struct rw_loop *loop, struct rw_future *inner)
{
    struct settle *made = rw_loop_alloc(loop, sizeof *made);

    if (made == NULL) {
        rw_future_drop(inner);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    rw_future_init(&made->base, &settle_vtable);
    made->loop = loop;
    made->inner = inner;
    return &made->base;
}

static struct rw_future *as_value(void *arg, struct rw_value failure)
{
    struct rwp_loop *loop = arg;

    failure.failed = 0;
    return rw_ready(loop->loop, failure);
}

static void drop_futures(struct rw_future **futures, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        rw_future_drop(futures[i]);
    }
    PyMem_Free(futures);
}

static struct rw_future **take_futures(struct rwp_loop *loop, PyObject *const *args, Py_ssize_t count)
{
    struct rw_future **futures = PyMem_Calloc(count > 0 ? (size_t)count : 1, sizeof *futures);

    if (futures == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        futures[i] = rwp_future_of(loop, args[i]);
        if (futures[i] == NULL) {
            drop_futures(futures, i);
            return NULL;
        }
    }
    return futures;
}

static PyObject *gather(PyObject *module, PyObject *const *args, Py_ssize_t count, bool failures_too)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    struct rw_future **futures = loop != NULL ? take_futures(loop, args, count) : NULL;
    struct rw_future *all;

    if (futures == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; failures_too && i < count; i++) {
        futures[i] = rw_or_else(loop->loop, futures[i], as_value, NULL, loop);
    }
    all = rw_join_all(loop->loop, futures, (size_t)count);
    PyMem_Free(futures);
    return rwp_op_new(loop, failures_too ? settle(loop->loop, all) : all, NULL, NULL);
}

static PyObject *module_gather(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    int failures_too = 0;

    if (names != NULL && PyTuple_GET_SIZE(names) > 0) {
        if (PyTuple_GET_SIZE(names) > 1 ||
            PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "return_exceptions") != 0) {
            PyErr_SetString(PyExc_TypeError, "gather() takes no keyword but return_exceptions");
            return NULL;
        }
        failures_too = PyObject_IsTrue(args[count]);
    }
    return failures_too >= 0 ? gather(module, args, count, failures_too == 1) : NULL;
}

static PyObject *module_join(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    return gather(module, args, count, false);
}

PyObject *rwp_op_tuple(struct rwp_op *op, struct rw_value *value)
{
    bool is_several = value->kind == RW_KIND_LIST || rwp_lua_is_pack(value);
    PyObject *object = rwp_object_from(op->loop, *value);
    PyObject *tuple;

    if (object == NULL || !is_several || !PyList_CheckExact(object)) {
        return object;
    }
    tuple = PyList_AsTuple(object);
    Py_DECREF(object);
    return tuple;
}

static PyObject *module_first(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    struct rw_future **futures;
    PyObject *op;

    if (loop == NULL) {
        return NULL;
    }
    if (count == 0) {
        PyErr_SetString(PyExc_ValueError, "first() needs something to wait for");
        return NULL;
    }
    futures = take_futures(loop, args, count);
    if (futures == NULL) {
        return NULL;
    }
    op = rwp_op_new(loop, rw_first_of(loop->loop, futures, (size_t)count), rwp_op_tuple, NULL);
    PyMem_Free(futures);
    return op;
}

#define FAST(method) ((PyCFunction)(void (*)(void))(method))

static PyMethodDef functions[] = {
    {"gather", FAST(module_gather), METH_FASTCALL | METH_KEYWORDS,
     "gather(*awaitables, return_exceptions=False) - a list of all results; the first failure cancels the "
     "others, "
     "unless failures are to be in the list."},
    {"join", FAST(module_join), METH_FASTCALL,
     "join(*awaitables) - a list of all results; the first failure cancels the others."},
    {"first", FAST(module_first), METH_FASTCALL,
     "first(*awaitables) - (index, result) of the first to be ready; the others are cancelled."},
    {NULL, NULL, 0, NULL},
};

int rwp_gather_init(struct rwp_state *state)
{
    return PyModule_AddFunctions(state->module, functions);
}
