/* SPDX-License-Identifier: MIT
 *
 * op_bridge.c - an op awaited by a task that is not ours.
 *
 * asyncio's own tasks, made by a custom factory, understand futures of asyncio's only. So the op's future is spawned, with a
 * driver behind it that completes such a future, and the op yields that. Invariant: `bridge` is set from then on until its
 * result has been given.
 */
#include "rwp.h"

struct driver {
    PyObject *future; /* asyncio's */
    PyObject *op;
};

static void drop_driver(void *arg)
{
    struct driver *driver = arg;

    Py_DECREF(driver->future);
    Py_DECREF(driver->op);
    PyMem_Free(driver);
}

/* The core's outcome goes into asyncio's future, whose callbacks resume whoever awaits it. */
static struct rw_value complete_bridge(struct rw_value *value, struct driver *driver)
{
    struct rwp_op *op = (struct rwp_op *)driver->op;
    struct rwp_state *state = op->link.loop->state;
    PyObject *done = PyObject_CallMethodNoArgs(driver->future, state->names[RWP_N_DONE]);
    PyObject *answer = NULL;

    if (done == Py_False) {
        PyObject *result = rwp_object_from(op->link.loop, *value);
        enum rwp_name method = result != NULL ? RWP_N_SET_RESULT : RWP_N_SET_EXCEPTION;

        if (result == NULL) {
            result = rwp_exc_take();
        }
        answer = PyObject_CallMethodOneArg(driver->future, state->names[method], result);
        Py_XDECREF(result);
    } else {
        rw_value_drop(value);
    }
    PyErr_Clear();
    Py_XDECREF(answer);
    Py_XDECREF(done);
    return rw_nil();
}

static struct rw_value bridge_value(void *arg, struct rw_value value)
{
    return complete_bridge(&value, arg);
}

static struct rw_future *bridge_failure(void *arg, struct rw_value failure)
{
    struct driver *driver = arg;

    (void)complete_bridge(&failure, driver);
    return rw_ready(((struct rwp_op *)driver->op)->link.loop->loop, rw_nil());
}

static int begin_driver(struct rwp_op *op, struct rw_future *future)
{
    struct rw_loop *loop = op->link.loop->loop;
    struct driver *good = PyMem_Malloc(sizeof *good);
    struct driver *bad = PyMem_Malloc(sizeof *bad);
    struct rw_task *task;

    if (good == NULL || bad == NULL) {
        PyMem_Free(good);
        PyMem_Free(bad);
        rw_future_drop(future);
        PyErr_NoMemory();
        return -1;
    }
    *good = (struct driver){Py_NewRef(op->bridge), Py_NewRef((PyObject *)op)};
    *bad = (struct driver){Py_NewRef(op->bridge), Py_NewRef((PyObject *)op)};
    future = rw_map(loop, future, bridge_value, drop_driver, good);
    future = rw_or_else(loop, future, bridge_failure, drop_driver, bad);
    task = future != NULL ? rw_spawn(loop, future, NULL) : NULL;
    if (task == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    rw_task_detach(task);
    return 0;
}

int rwp_op_begin_bridge(struct rwp_op *op)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of((PyObject *)op));
    struct rw_future *future;

    if (loop == NULL) {
        return -1;
    }
    if (op->link.loop != loop) {
        PyErr_SetString(PyExc_RuntimeError, "this operation belongs to another event loop");
        return -1;
    }
    future = rwp_op_take(op);
    if (future == NULL) {
        return -1;
    }
    op->bridge = PyObject_CallMethodNoArgs((PyObject *)loop, loop->state->names[RWP_N_CREATE_FUTURE]);
    if (op->bridge == NULL) {
        rw_future_drop(future);
        return -1;
    }
    return begin_driver(op, future);
}

PySendResult rwp_op_send_bridge(struct rwp_op *op, PyObject **result)
{
    struct rwp_state *state = rwp_state_of((PyObject *)op);
    PyObject *done = PyObject_CallMethodNoArgs(op->bridge, state->names[RWP_N_DONE]);
    int is_done = done != NULL ? PyObject_IsTrue(done) : -1;

    Py_XDECREF(done);
    if (is_done < 0) {
        return PYGEN_ERROR;
    }
    if (is_done == 0) {
        if (PyObject_SetAttr(op->bridge, state->names[RWP_N_BLOCKING], Py_True) < 0) {
            return PYGEN_ERROR;
        }
        *result = Py_NewRef(op->bridge);
        return PYGEN_NEXT;
    }
    *result = PyObject_CallMethodNoArgs(op->bridge, state->names[RWP_N_RESULT]);
    Py_CLEAR(op->bridge);
    op->state = RWP_OP_SPENT;
    return *result != NULL ? PYGEN_RETURN : PYGEN_ERROR;
}
