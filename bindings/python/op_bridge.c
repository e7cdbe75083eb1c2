/* SPDX-License-Identifier: MIT
 *
 * op_bridge.c - an op awaited by a task that is not ours.
 *
 * asyncio's own tasks, made by a custom factory, understand futures of asyncio's only. So the op yields such a future, and a
 * task of the core drives the op's own: its outcome completes asyncio's future. Whoever cancels that, as Task.cancel()
 * does, cancels the driver, and with it the operation.
 *
 * Invariant: an op is BRIDGED, and `result` is asyncio's future, from then on until the outcome has been given.
 */
#include "rwp.h"

struct driver {
    struct rw_future base;
    struct rwp_loop *loop; /* borrowed: its end drops this future */
    struct rw_future *inner;
    PyObject *target;      /* asyncio's future */
    struct rw_waker waker; /* borrowed */
};

/* The core's outcome goes into asyncio's future, whose callbacks resume whoever awaits it. Takes the value. */
static void complete(struct driver *driver, struct rw_value *value)
{
    struct rwp_state *state = driver->loop->state;
    PyObject *result = rwp_object_from(driver->loop, *value);
    enum rwp_name method = result != NULL ? RWP_N_SET_RESULT : RWP_N_SET_EXCEPTION;
    PyObject *answer;

    if (result == NULL) {
        result = rwp_exc_take();
    }
    answer = PyObject_CallMethodOneArg(driver->target, state->names[method], result);
    if (answer == NULL && !PyErr_ExceptionMatches(state->invalid_state_error)) {
        PyErr_WriteUnraisable(driver->target);
    }
    PyErr_Clear(); /* cancelled meanwhile: nobody waits for it */
    Py_XDECREF(answer);
    Py_DECREF(result);
}

static enum rw_poll poll_driver(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct driver *driver = (struct driver *)self;
    struct rw_future *inner = driver->inner;
    struct rw_value value;

    driver->waker = cx->waker;
    if (rw_poll(inner, cx, &value) == RW_PENDING) {
        return RW_PENDING;
    }
    driver->inner = NULL;
    rw_future_drop(inner);
    complete(driver, &value);
    *out = rw_nil();
    return RW_READY;
}

static void cancel_driver(struct rw_future *self)
{
    struct driver *driver = (struct driver *)self;

    rw_future_cancel(driver->inner);
    rw_waker_wake(&driver->waker);
}

static void drop_driver(struct rw_future *self)
{
    struct driver *driver = (struct driver *)self;
    struct rwp_loop *loop = driver->loop;

    rw_future_drop(driver->inner);
    Py_DECREF(driver->target);
    rw_loop_release(loop->loop, driver, sizeof *driver);
}

static const struct rw_future_vtable driver_vtable = {"python operation", 0, poll_driver, cancel_driver,
                                                      drop_driver};

/* Takes the future, also when it fails. */
static struct rw_task *spawn_driver(struct rwp_loop *loop, struct rw_future *inner, PyObject *target)
{
    struct driver *driver = rw_loop_alloc(loop->loop, sizeof *driver);
    struct rw_task *task;

    if (driver == NULL) {
        rw_future_drop(inner);
        PyErr_NoMemory();
        return NULL;
    }
    *driver = (struct driver){.loop = loop, .inner = inner, .target = Py_NewRef(target)};
    rw_future_init(&driver->base, &driver_vtable);
    task = rw_spawn(loop->loop, &driver->base, NULL);
    if (task == NULL) {
        PyErr_NoMemory();
    }
    return task;
}

/* asyncio's future is done: by the driver, or because it was cancelled. */
static PyObject *target_done(PyObject *abort_handle, PyObject *target)
{
    (void)target;
    rwp_abort_handle_cancel(abort_handle);
    Py_RETURN_NONE;
}

static PyMethodDef target_done_method = {"target_done", target_done, METH_O, NULL};

static int watch_target(struct rwp_state *state, struct rw_task *task, PyObject *target)
{
    PyObject *handle = rwp_abort_handle_new(state, task);
    PyObject *callback = handle != NULL ? PyCFunction_New(&target_done_method, handle) : NULL;
    PyObject *answer =
        callback != NULL ? PyObject_CallMethodOneArg(target, state->names[RWP_N_ADD_DONE_CALLBACK], callback)
                         : NULL;

    Py_XDECREF(callback);
    Py_XDECREF(handle);
    Py_XDECREF(answer);
    return answer != NULL ? 0 : -1;
}

int rwp_op_begin_bridge(struct rwp_op *op)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of((PyObject *)op));
    struct rw_future *future;
    struct rw_task *task;
    PyObject *target;
    int failed;

    if (loop == NULL) {
        return -1;
    }
    if (op->state != RWP_OP_NEW || op->loop != loop) {
        PyErr_SetString(PyExc_RuntimeError, op->state != RWP_OP_NEW
                                                ? "this operation is being awaited already"
                                                : "this operation belongs to another event loop");
        return -1;
    }
    target = PyObject_CallMethodNoArgs((PyObject *)loop, loop->state->names[RWP_N_CREATE_FUTURE]);
    future = target != NULL ? rwp_op_take(op) : NULL;
    task = future != NULL ? spawn_driver(loop, future, target) : NULL;
    if (task == NULL) {
        Py_XDECREF(target);
        return -1;
    }
    failed = watch_target(loop->state, task, target);
    if (failed != 0) {
        rw_task_cancel(task, NULL);
        Py_DECREF(target);
    } else {
        op->state = RWP_OP_BRIDGED;
        op->result = target;
    }
    rw_task_detach(task);
    return failed;
}

PySendResult rwp_op_send_bridge(struct rwp_op *op, PyObject **result)
{
    struct rwp_state *state = rwp_state_of((PyObject *)op);
    PyObject *done = PyObject_CallMethodNoArgs(op->result, state->names[RWP_N_DONE]);
    int is_done = done != NULL ? PyObject_IsTrue(done) : -1;
    PyObject *target;

    Py_XDECREF(done);
    if (is_done < 0) {
        return PYGEN_ERROR;
    }
    if (is_done == 0) {
        if (PyObject_SetAttr(op->result, state->names[RWP_N_BLOCKING], Py_True) < 0) {
            return PYGEN_ERROR;
        }
        *result = Py_NewRef(op->result);
        return PYGEN_NEXT;
    }
    target = op->result;
    op->result = NULL;
    op->state = RWP_OP_SPENT;
    *result = PyObject_CallMethodNoArgs(target, state->names[RWP_N_RESULT]);
    Py_DECREF(target);
    return *result != NULL ? PYGEN_RETURN : PYGEN_ERROR;
}
