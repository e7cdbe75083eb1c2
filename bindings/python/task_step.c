/* SPDX-License-Identifier: MIT
 *
 * task_step.c - a coroutine as a future: what happens when the executor polls a Python task.
 *
 *           first poll, or what it awaited is ready
 *   poll ---------------------------------------------> step: PyIter_Send or throw
 *     ^                                                   |  yields an Op, a future of asyncio's, or None
 *     `---- wake <--- keep it in `awaiting`, PENDING <----+
 *                                                         `  returns or raises: finish, READY
 *
 * An Op has polled itself when it comes out of the coroutine, and holds the outcome when it goes back in. A future of
 * asyncio's is awaited through the leaf in the task's wakeup, so that rw_task_await can apply the scopes' cancelling to it
 * like to any other await. A bare None is the same leaf, ready one turn later.
 *
 * Two kinds of cancel meet here. Task.cancel() is an edge: asked of what is awaited now, or kept in must_cancel for the next
 * step. A scope's cancel is a level and lives in the core: it comes as the outcome of rw_task_await.
 */
#include "rwp_loop_future.h"

static struct rwp_task *task_of_future(struct rw_future *future)
{
    return (struct rwp_task *)(void *)((char *)future - offsetof(struct rwp_task, future));
}

PyObject *rwp_task_cancelled_error(struct rwp_task *self)
{
    struct rwp_state *state = rwp_task_loop(self)->state;

    if (self->face.cancel_message == NULL || self->face.cancel_message == Py_None) {
        return PyObject_CallNoArgs(state->cancelled_error);
    }
    return PyObject_CallOneArg(state->cancelled_error, self->face.cancel_message);
}

/* ---- the end -------------------------------------------------------------------------------------------------------------- */

static enum rw_poll end_with_result(struct rwp_task *self, PyObject *result, struct rw_value *out)
{
    struct rwp_loop *loop = rwp_task_loop(self);

    if (self->face.must_cancel) {
        self->face.must_cancel = false;
        Py_DECREF(result);
        rwp_task_finish(self, RWP_TASK_CANCELLED, NULL, false);
        *out = rw_failure(RW_ERR_CANCELLED);
        return RW_READY;
    }
    if (rwp_value_from(loop->state, result, out) < 0) {
        PyErr_Clear();
        *out = rw_failure(RW_ERR_NOMEM);
    }
    rwp_task_finish(self, RWP_TASK_FINISHED, result, false);
    return RW_READY;
}

static enum rw_poll end_with_exception(struct rwp_task *self, struct rw_value *out)
{
    struct rwp_loop *loop = rwp_task_loop(self);
    PyObject *exception = rwp_exc_take();

    if (PyErr_GivenExceptionMatches(exception, loop->state->cancelled_error)) {
        *out = rw_failure(RW_ERR_CANCELLED);
        rwp_task_finish(self, RWP_TASK_CANCELLED, exception, false);
        return RW_READY;
    }
    *out = rwp_failure_of(loop->state, exception);
    rwp_task_finish(self, RWP_TASK_FINISHED, exception, true);
    if (rwp_loop_keep_exit(loop, exception)) {
        self->face.log_traceback = false; /* it ends the program: that is how it is seen */
    }
    return RW_READY;
}

/* ---- a step --------------------------------------------------------------------------------------------------------------- */

/* Throws `exception` (taken) into the coroutine. */
static PySendResult throw_in(struct rwp_task *self, PyObject *exception, PyObject **yielded)
{
    struct rwp_state *state = rwp_task_loop(self)->state;

    *yielded = PyObject_CallMethodOneArg(self->face.coro, state->names[RWP_N_THROW], exception);
    Py_DECREF(exception);
    if (*yielded != NULL) {
        return PYGEN_NEXT;
    }
    if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
        PyObject *stop = rwp_exc_take();

        *yielded = Py_XNewRef(((PyStopIterationObject *)stop)->value);
        Py_DECREF(stop);
        if (*yielded == NULL) {
            *yielded = Py_NewRef(Py_None);
        }
        return PYGEN_RETURN;
    }
    return PYGEN_ERROR;
}

/* A step may be entered inside another one's only by hosts that nest loops; then the outer task is the current one again. */
static PySendResult resume(struct rwp_task *self, struct rw_context *cx, PyObject *exception,
                           PyObject **yielded)
{
    struct rwp_loop *loop = rwp_task_loop(self);
    struct rw_context *outer = loop->cx;
    PyObject *outer_task = loop->entered;
    PySendResult sent;

    *yielded = NULL;
    if (rwp_loop_set_current(loop, rwp_task_object(self)) < 0 || PyContext_Enter(self->face.context) < 0) {
        loop->entered = outer_task;
        Py_XDECREF(exception);
        return PYGEN_ERROR;
    }
    loop->cx = cx;
    if (exception == NULL) {
        sent = PyIter_Send(self->face.coro, Py_None, yielded);
    } else {
        sent = throw_in(self, exception, yielded);
    }
    loop->cx = outer;
    loop->entered = outer_task;
    (void)PyContext_Exit(self->face.context);
    rwp_stop_forget(loop->state);
    return sent;
}

/* What the coroutine yielded is awaited from here on. NULL, or the exception to throw in at once. */
static PyObject *take_yielded(struct rwp_task *self, struct rw_context *cx, PyObject *yielded)
{
    struct rwp_op *op = (struct rwp_op *)yielded;

    if (Py_TYPE(yielded) != rwp_task_loop(self)->state->op_type) {
        return rwp_task_await_foreign(self, yielded);
    }
    if (op->state != RWP_OP_STARTED || op->future == NULL) {
        PyObject *error = rwp_task_bad_yield("Task %R got bad yield: %R", self, yielded);

        Py_DECREF(yielded);
        return error;
    }
    Py_XSETREF(self->face.awaiting, yielded);
    if (self->face.must_cancel) {
        rw_future_cancel(op->future);
        rw_waker_wake(&cx->waker);
    }
    return NULL;
}

/* The exception that an await which ended as CANCELLED raises: with asyncio's message if it was Task.cancel(). */
static PyObject *cancellation(struct rwp_task *self, struct rw_value *failure)
{
    PyObject *exception;

    if (self->face.must_cancel) {
        self->face.must_cancel = false;
        rw_value_drop(failure);
        exception = rwp_task_cancelled_error(self);
    } else {
        exception = rwp_exception_of(rwp_task_loop(self)->state, failure);
        rw_value_drop(failure);
    }
    return exception != NULL ? exception : rwp_exc_take();
}

/* A turn given up has no outcome that could be lost, and is over before a cancel could end it: the cancel takes its place, or a
 * task that does nothing else could not be cancelled. */
static bool is_turn(const struct rw_future *future)
{
    return strcmp(future->vtable->name, "yield_now") == 0;
}

static bool is_cancelled(const struct rw_value *value)
{
    return rw_is_failure(value) && value->code == RW_ERR_CANCELLED;
}

/* Polls an awaited op; true when the coroutine can go on. */
static bool poll_op(struct rwp_task *self, struct rw_context *cx)
{
    struct rwp_op *op = (struct rwp_op *)self->face.awaiting;
    struct rw_value value;

    if (op->future == NULL) {
        return true;
    }
    if (rw_task_await(cx, op->future, &value) == RW_PENDING) {
        return false;
    }
    if (self->face.must_cancel && (is_cancelled(&value) || is_turn(op->future))) {
        rw_future_drop(rwp_op_release(op));
        op->result = cancellation(self, &value);
        op->state = RWP_OP_RAISED;
    } else {
        rwp_op_finish(op, &value);
    }
    return true;
}

/* What a future of asyncio's ended with is thrown in, as asyncio's own tasks do; its value comes from its iterator. */
static PyObject *exception_of_future(struct rwp_task *self)
{
    struct rwp_state *state = rwp_task_loop(self)->state;
    PyObject *awaited = self->face.awaiting;
    PyObject *result;

    if (rwp_loop_future_check(state, awaited)) {
        result = rwp_loop_future_result(rwp_loop_future_of(awaited));
    } else if (rwp_task_check(state, awaited)) {
        result = rwp_task_result(rwp_task_of(awaited));
    } else {
        result = PyObject_CallMethodNoArgs(awaited, state->names[RWP_N_RESULT]);
    }
    Py_XDECREF(result);
    return result == NULL ? rwp_exc_take() : NULL;
}

/* As poll_op for the foreign leaf; *exception is what to throw in, if anything. */
static bool poll_leaf(struct rwp_task *self, struct rw_context *cx, PyObject **exception)
{
    struct rw_value value;

    if (rw_task_await(cx, &self->face.wakeup->leaf, &value) == RW_PENDING) {
        return false;
    }
    if (is_cancelled(&value)) {
        if (self->face.awaiting != NULL) {
            rwp_task_unsubscribe(self, self->face.awaiting);
        }
        *exception = cancellation(self, &value);
        return true;
    }
    if (self->face.awaiting != NULL) {
        *exception = exception_of_future(self);
    }
    return true;
}

/* After the await of something of asyncio's: a cancel() that came too late for it is due now. */
static void deliver_cancel(struct rwp_task *self, PyObject **exception)
{
    if (!self->face.must_cancel) {
        return;
    }
    self->face.must_cancel = false;
    if (*exception == NULL ||
        !PyErr_GivenExceptionMatches(*exception, rwp_task_loop(self)->state->cancelled_error)) {
        Py_XSETREF(*exception, rwp_task_cancelled_error(self));
    }
}

/* Whether there is something to go on with; false while what is awaited is pending. */
static bool poll_awaited(struct rwp_task *self, struct rw_context *cx, PyObject **exception)
{
    PyObject *awaited = self->face.awaiting;

    if (awaited != NULL && Py_TYPE(awaited) == rwp_task_loop(self)->state->op_type) {
        if (!poll_op(self, cx)) {
            return false;
        }
    } else {
        bool is_yield = self->face.wakeup != NULL && self->face.wakeup->yielded;

        if ((awaited != NULL || is_yield) && !poll_leaf(self, cx, exception)) {
            return false;
        }
        deliver_cancel(self, exception);
        if (is_yield) {
            self->face.wakeup->yielded = false;
        }
    }
    self->face.awaiting = NULL;
    Py_XDECREF(awaited);
    return true;
}

static enum rw_poll run(struct rwp_task *self, struct rw_context *cx, struct rw_value *out)
{
    PyObject *exception = NULL;
    PyObject *yielded;

    while (poll_awaited(self, cx, &exception)) {
        PySendResult sent = resume(self, cx, exception, &yielded);

        exception = NULL;
        if (sent == PYGEN_RETURN) {
            return end_with_result(self, yielded, out);
        }
        if (sent == PYGEN_ERROR) {
            return end_with_exception(self, out);
        }
        exception = take_yielded(self, cx, yielded);
        if (exception == NULL && self->face.awaiting != NULL &&
            Py_TYPE(self->face.awaiting) == rwp_task_loop(self)->state->op_type) {
            return RW_PENDING; /* it has polled itself */
        }
    }
    return RW_PENDING;
}

static enum rw_poll poll_task(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    struct rwp_task *self = task_of_future(future);
    struct rwp_loop *loop = rwp_task_loop(self);
    enum rw_poll poll;

    if (loop->closing) {
        *out = rw_failure(RW_ERR_CANCELLED);
        return RW_READY;
    }
    if (loop->exit_exception != NULL) {
        rw_waker_wake(&cx->waker);
        return RW_PENDING;
    }
    int64_t begun_ns = rwp_slow_begin(loop);

    poll = run(self, cx, out);
    rwp_slow_end(loop, begun_ns, rwp_task_object(self));
    if (poll == RW_READY && loop->published == rwp_task_object(self)) {
        (void)rwp_loop_publish(loop); /* asyncio keeps no task that is done */
    }
    return poll;
}

/* rw_task_cancel, an abort handle, a dropped owner: Task.cancel() of whoever holds it from outside. */
static void cancel_task(struct rw_future *future)
{
    struct rwp_task *self = task_of_future(future);

    if (!rwp_task_loop(self)->closing && rwp_task_cancel(self, NULL) < 0) {
        PyErr_WriteUnraisable(rwp_task_object(self));
    }
}

/* The executor lets go: the task is done, or it never ran, or the loop ends. */
static void drop_task(struct rw_future *future)
{
    struct rwp_task *self = task_of_future(future);

    rwp_task_leave(self);
    rwp_task_unregister(rwp_task_loop(self)->state, self);
    if (self->face.state == RWP_TASK_PENDING && !rwp_task_loop(self)->closing) {
        PyObject *closed =
            PyObject_CallMethodNoArgs(self->face.coro, rwp_task_loop(self)->state->names[RWP_N_CLOSE]);

        Py_XDECREF(closed);
        PyErr_Clear();
        rwp_task_finish(self, RWP_TASK_CANCELLED, NULL, false);
    }
    Py_DECREF(rwp_task_object(self));
}

const struct rw_future_vtable rwp_task_vtable = {"python coroutine", RW_FUTURE_COROUTINE, poll_task,
                                                 cancel_task, drop_task};
