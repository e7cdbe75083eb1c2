/* SPDX-License-Identifier: MIT
 *
 * await.c - anything awaitable as a future of the core, and Python functions as the functions of combinators.
 *
 * An op gives its own future. A task of ours is joined. Everything else becomes a task first: a coroutine directly, other
 * awaitables inside a coroutine that awaits them. Who drops such a future cancels the task that was made for it.
 */
#include "rwp.h"

struct rwp_call {
    struct rwp_loop *loop; /* strong */
    PyObject *callable;
};

int rwp_is_awaitable(struct rwp_state *state, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    if (type == state->op_type || PyCoro_CheckExact(object)) {
        return 1;
    }
    return type->tp_as_async != NULL && type->tp_as_async->am_await != NULL ? 1 : 0;
}

static struct rw_future *future_of_done(struct rwp_loop *loop, struct rwp_task *task)
{
    PyObject *result = rwp_task_result(task);
    struct rw_value value;

    if (result == NULL) {
        value = rwp_failure_taken(loop->state);
    } else if (rwp_value_from(loop->state, result, &value) < 0) {
        value = rwp_failure_taken(loop->state);
    }
    Py_XDECREF(result);
    return rw_ready(loop->loop, value);
}

static struct rw_future *future_of_task(struct rwp_loop *loop, PyObject *object)
{
    struct rwp_task *task = rwp_task_of(object);

    if (task->face.loop != (PyObject *)loop) {
        PyErr_SetString(PyExc_RuntimeError, "this task belongs to another event loop");
        return NULL;
    }
    if (task->face.state != RWP_TASK_PENDING || task->thing == NULL) {
        return future_of_done(loop, task);
    }
    task->face.in_scope = true; /* who joins it is told */
    return rw_task_join(task->thing);
}

static struct rw_future *future_of_coroutine(struct rwp_loop *loop, PyObject *coro)
{
    PyObject *task = rwp_task_spawn(loop, coro, NULL, NULL, NULL);
    struct rw_future *future;

    if (task == NULL) {
        return NULL;
    }
    rwp_task_of(task)->face.in_scope = true;
    rwp_task_of(task)->face.log_destroy_pending = false;
    future = rw_task_join_owned(rwp_task_of(task)->thing);
    Py_DECREF(task);
    return future;
}

static struct rw_future *make_future(struct rwp_loop *loop, PyObject *awaitable)
{
    struct rwp_state *state = loop->state;
    struct rw_future *future;
    PyObject *coro;
    int is_awaitable;

    if (Py_TYPE(awaitable) == state->op_type) {
        return rwp_op_take((struct rwp_op *)awaitable);
    }
    if (rwp_task_check(state, awaitable)) {
        return future_of_task(loop, awaitable);
    }
    if (PyCoro_CheckExact(awaitable)) {
        return future_of_coroutine(loop, awaitable);
    }
    is_awaitable = rwp_is_awaitable(state, awaitable);
    if (is_awaitable == 0 && !PyGen_Check(awaitable)) {
        PyErr_Format(PyExc_TypeError, "an awaitable was expected, not %.100s", Py_TYPE(awaitable)->tp_name);
        return NULL;
    }
    coro = PyObject_CallOneArg(state->wrap_awaitable, awaitable);
    future = coro != NULL ? future_of_coroutine(loop, coro) : NULL;
    Py_XDECREF(coro);
    return future;
}

struct rw_future *rwp_future_of(struct rwp_loop *loop, PyObject *awaitable)
{
    struct rw_future *future = make_future(loop, awaitable);

    if (future == NULL && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    return future;
}

struct rw_future *rwp_future_of_call(struct rwp_loop *loop, PyObject *object)
{
    struct rw_future *future = NULL;
    struct rw_value value;

    if (object != NULL && rwp_is_awaitable(loop->state, object) == 1) {
        future = rwp_future_of(loop, object);
        Py_DECREF(object);
        if (future != NULL) {
            return future;
        }
        object = NULL;
    }
    if (object == NULL || rwp_value_from(loop->state, object, &value) < 0) {
        value = rwp_failure_taken(loop->state);
    }
    Py_XDECREF(object);
    return rw_ready(loop->loop, value);
}

struct rwp_call *rwp_call_new(struct rwp_loop *loop, PyObject *callable)
{
    struct rwp_call *call;

    if (!PyCallable_Check(callable)) {
        PyErr_Format(PyExc_TypeError, "a callable was expected, not %.100s", Py_TYPE(callable)->tp_name);
        return NULL;
    }
    call = PyMem_Malloc(sizeof *call);
    if (call == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    call->loop = (struct rwp_loop *)Py_NewRef((PyObject *)loop);
    call->callable = Py_NewRef(callable);
    return call;
}

void rwp_call_drop(void *arg)
{
    struct rwp_call *call = arg;

    Py_DECREF(call->callable);
    Py_DECREF((PyObject *)call->loop);
    PyMem_Free(call);
}

struct rw_future *rwp_call_future(void *arg, struct rw_value item)
{
    struct rwp_call *call = arg;
    PyObject *object, *result = NULL;

    if (rw_is_failure(&item)) {
        object = rwp_exception_of(call->loop->state, &item);
        rw_value_drop(&item);
    } else {
        object = rwp_object_from(call->loop, item);
    }
    if (object != NULL) {
        result = PyObject_CallOneArg(call->callable, object);
        Py_DECREF(object);
    }
    return rwp_future_of_call(call->loop, result);
}

/* What is true in Python need not be true elsewhere: 0, "" and empty lists are. */
static struct rw_value truth(void *arg, struct rw_value value)
{
    struct rwp_call *call = arg;
    PyObject *object = rwp_object_from(call->loop, value);
    int is_true = object != NULL ? PyObject_IsTrue(object) : -1;

    Py_XDECREF(object);
    return is_true >= 0 ? rw_bool(is_true == 1) : rwp_failure_taken(call->loop->state);
}

struct rw_future *rwp_call_truth(void *arg, const struct rw_value *item)
{
    struct rwp_call *call = arg;
    struct rw_future *future = rwp_call_future(arg, rw_value_clone(item));

    return rw_map(call->loop->loop, future, truth, NULL, call);
}
