/* SPDX-License-Identifier: MIT
 *
 * task_foreign.c - how a task of ours awaits what is asyncio's.
 *
 * A future yields itself and follows the protocol of `_asyncio_future_blocking`; it calls the task's wakeup when it is done,
 * and call_soon knows that callable. The await is the leaf in that wakeup, a future of the core, so that scopes cancel it like
 * any other. A bare None is the same leaf, ready one turn later.
 *
 * Invariant: the leaf is initialised anew for each await, and `awaiting` is what it waits for, or NULL for a turn.
 */
#include "rwp_loop_future.h"

static struct rwp_wakeup *wakeup_of(struct rw_future *future)
{
    return (struct rwp_wakeup *)(void *)((char *)future - offsetof(struct rwp_wakeup, leaf));
}

static int cancel_foreign_now(struct rwp_task *self, PyObject *message)
{
    struct rwp_state *state = rwp_task_loop(self)->state;
    PyObject *arguments[2] = {self->face.awaiting, message};
    PyObject *answer =
        PyObject_VectorcallMethod(state->names[RWP_N_CANCEL], arguments, 1,
                                  message != NULL && message != Py_None ? state->names_msg : NULL);
    int is_true = answer != NULL ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(answer);
    return is_true;
}

static enum rw_poll poll_foreign(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    struct rwp_wakeup *wakeup = wakeup_of(future);
    struct rwp_task *self = wakeup->task;

    if (wakeup->yielded && !wakeup->done) {
        wakeup->done = true;
        rw_waker_wake(&cx->waker);
        return RW_PENDING;
    }
    if (wakeup->cancel && !wakeup->done) {
        wakeup->cancel = false;
        if (self->face.awaiting == NULL || cancel_foreign_now(self, NULL) <= 0) {
            PyErr_Clear();
            *out = rw_failure(RW_ERR_CANCELLED);
            return RW_READY;
        }
    }
    if (!wakeup->done) {
        return RW_PENDING;
    }
    *out = rw_nil();
    return RW_READY;
}

/* From a scope: the future is asked in the next poll, since its cancel() is Python code. */
static void cancel_foreign(struct rw_future *future)
{
    wakeup_of(future)->cancel = true;
}

static void drop_foreign(struct rw_future *future)
{
    (void)future; /* embedded */
}

static const struct rw_future_vtable foreign_vtable = {"asyncio future", 0, poll_foreign, cancel_foreign,
                                                       drop_foreign};

void rwp_wakeup_fire(PyObject *op, PyObject *future)
{
    struct rwp_wakeup *wakeup = (struct rwp_wakeup *)op;
    struct rwp_task *self = wakeup->task;

    if (self != NULL && self->face.awaiting == future && self->thing != NULL) {
        wakeup->done = true;
        rw_task_wake(self->thing);
    }
}

static struct rwp_wakeup *need_wakeup(struct rwp_task *self)
{
    if (self->face.wakeup == NULL) {
        self->face.wakeup = PyObject_New(struct rwp_wakeup, rwp_task_loop(self)->state->wakeup_type);
        if (self->face.wakeup != NULL) {
            self->face.wakeup->task = self;
        }
    }
    return self->face.wakeup;
}

static int subscribe(struct rwp_task *self, PyObject *future)
{
    struct rwp_state *state = rwp_task_loop(self)->state;
    PyObject *wakeup = (PyObject *)need_wakeup(self);
    PyObject *arguments[3] = {future, wakeup, self->face.context};
    PyObject *answer;

    if (wakeup == NULL) {
        return -1;
    }
    if (rwp_loop_future_check(state, future)) {
        return rwp_loop_future_add(rwp_loop_future_of(future), wakeup, self->face.context);
    }
    if (rwp_task_check(state, future)) {
        return rwp_task_add_callback(rwp_task_of(future), wakeup, NULL);
    }
    answer =
        PyObject_VectorcallMethod(state->names[RWP_N_ADD_DONE_CALLBACK], arguments, 2, state->names_context);
    Py_XDECREF(answer);
    return answer != NULL ? 0 : -1;
}

void rwp_task_unsubscribe(struct rwp_task *self, PyObject *future)
{
    struct rwp_state *state = rwp_task_loop(self)->state;
    PyObject *answer;

    if (self->face.wakeup == NULL) {
        return;
    }
    if (rwp_loop_future_check(state, future)) {
        (void)rwp_loop_future_remove(rwp_loop_future_of(future), (PyObject *)self->face.wakeup);
        return;
    }
    if (rwp_task_check(state, future)) {
        (void)rwp_task_remove_callback(rwp_task_of(future), (PyObject *)self->face.wakeup);
        return;
    }
    answer = PyObject_CallMethodOneArg(future, state->names[RWP_N_REMOVE_DONE_CALLBACK],
                                       (PyObject *)self->face.wakeup);
    Py_XDECREF(answer);
    PyErr_Clear();
}

/* ---- what the coroutine yielded ------------------------------------------------------------------------------------------ */

PyObject *rwp_task_bad_yield(const char *format, struct rwp_task *self, PyObject *yielded)
{
    PyErr_Format(PyExc_RuntimeError, format, rwp_task_object(self), yielded);
    return rwp_exc_take();
}

static void refuse_yield(struct rwp_task *self, PyObject *future)
{
    PyErr_Format(PyExc_RuntimeError, "yield was used instead of yield from in task %R with %R",
                 rwp_task_object(self), future);
}

static void refuse_loop(struct rwp_task *self, PyObject *future)
{
    PyErr_Format(PyExc_RuntimeError, "Task %R got Future %R attached to a different loop",
                 rwp_task_object(self), future);
}

/* claim_future for what create_future makes. */
static int claim_loop_future(struct rwp_task *self, struct rwp_loop_future *future)
{
    if (!future->blocking) {
        refuse_yield(self, &future->head.ob_base);
        return -1;
    }
    if ((PyObject *)future->loop != self->face.loop) {
        refuse_loop(self, &future->head.ob_base);
        return -1;
    }
    future->blocking = false;
    return 1;
}

/* 1: it follows asyncio's protocol; 0: it does not; -1: RuntimeError raised. */
static int claim_future(struct rwp_task *self, PyObject *future)
{
    struct rwp_state *state = rwp_task_loop(self)->state;
    PyObject *blocking, *loop;
    int is_true;

    if (rwp_loop_future_check(state, future)) {
        return claim_loop_future(self, rwp_loop_future_of(future));
    }
    blocking = PyObject_GetAttr(future, state->names[RWP_N_BLOCKING]);
    if (blocking == NULL || blocking == Py_None) {
        PyErr_Clear();
        Py_XDECREF(blocking);
        return 0;
    }
    is_true = PyObject_IsTrue(blocking);
    Py_DECREF(blocking);
    if (is_true <= 0) {
        refuse_yield(self, future);
        return -1;
    }
    loop = PyObject_CallMethodNoArgs(future, state->names[RWP_N_GET_LOOP]);
    if (loop == NULL) {
        PyErr_Clear();
    } else if (loop != self->face.loop) {
        Py_DECREF(loop);
        refuse_loop(self, future);
        return -1;
    }
    Py_XDECREF(loop);
    if (future == rwp_task_object(self)) {
        PyErr_Format(PyExc_RuntimeError, "Task cannot await on itself: %R", future);
        return -1;
    }
    return PyObject_SetAttr(future, state->names[RWP_N_BLOCKING], Py_False) == 0 ? 1 : -1;
}

static void begin_foreign(struct rwp_task *self, PyObject *future)
{
    struct rwp_wakeup *wakeup = self->face.wakeup;

    rw_future_init(&wakeup->leaf, &foreign_vtable);
    wakeup->done = false;
    wakeup->cancel = false;
    wakeup->yielded = future == NULL;
    Py_XSETREF(self->face.awaiting, future);
}

/* Takes `yielded`. NULL when the task now awaits it; else the exception to throw in. */
PyObject *rwp_task_await_foreign(struct rwp_task *self, PyObject *yielded)
{
    int claimed;

    if (yielded == Py_None) {
        Py_DECREF(yielded);
        if (need_wakeup(self) == NULL) {
            return rwp_exc_take();
        }
        begin_foreign(self, NULL);
        return NULL;
    }
    claimed = claim_future(self, yielded);
    if (claimed == 0) {
        PyObject *error =
            PyGen_Check(yielded)
                ? rwp_task_bad_yield("yield was used instead of yield from for generator in task %R with %R",
                                     self, yielded)
                : rwp_task_bad_yield("Task %R got bad yield: %R", self, yielded);

        Py_DECREF(yielded);
        return error;
    }
    if (claimed < 0 || subscribe(self, yielded) < 0) {
        Py_DECREF(yielded);
        return rwp_exc_take();
    }
    begin_foreign(self, yielded);
    if (self->face.must_cancel) {
        int taken = cancel_foreign_now(self, self->face.cancel_message);

        if (taken < 0) {
            return rwp_exc_take();
        }
        self->face.must_cancel = taken == 0;
    }
    return NULL;
}
