/* SPDX-License-Identifier: MIT
 *
 * scope_exit.c - leaving a scope.
 *
 * `with` joins on the spot, since it has no children to wait for; `async with` awaits the core's join. Then rw_scope_close
 * decides, and here its outcome becomes what Python expects: the exception goes on, is swallowed, becomes TimeoutError, or
 * an ExceptionGroup of everything that failed in a scope with children.
 *
 * A CancelledError can also come from Task.cancel(), of which the core knows nothing. More cancel() than uncancel() since
 * the scope was entered means that it is not ours to swallow.
 */
#include "rwp_scope.h"

static bool is_cancelled_error(struct rwp_state *state, PyObject *exception)
{
    return exception != NULL && PyErr_GivenExceptionMatches(exception, state->cancelled_error);
}

static struct rw_value body_value(struct rwp_state *state, PyObject *exception)
{
    if (exception == NULL) {
        return rw_nil();
    }
    return is_cancelled_error(state, exception) ? rw_failure(RW_ERR_CANCELLED)
                                                : rwp_failure_of(state, exception);
}

static struct rwp_task *owner_of(struct rwp_scope *self)
{
    return rwp_task_of(self->task);
}

static bool was_cancelled_by_hand(struct rwp_scope *self)
{
    return (uint32_t)owner_of(self)->face.cancelling > self->cancelling;
}

/* The body's exception goes on: `return False`. */
static PyObject *let_through(void)
{
    Py_RETURN_FALSE;
}

static int add_exception(struct rwp_state *state, PyObject *list, struct rw_error *error, PyObject **urgent)
{
    struct rw_value value = rw_failure_of(rw_error_ref(error));
    PyObject *exception = rwp_exception_of(state, &value);
    int failed = exception != NULL ? PyList_Append(list, exception) : -1;

    rw_value_drop(&value);
    if (failed == 0 && *urgent == NULL &&
        (PyErr_GivenExceptionMatches(exception, PyExc_KeyboardInterrupt) ||
         PyErr_GivenExceptionMatches(exception, PyExc_SystemExit))) {
        *urgent = Py_NewRef(exception);
    }
    Py_XDECREF(exception);
    return failed;
}

static PyObject *raise_group(struct rwp_state *state, struct rw_error *first)
{
    PyObject *list = PyList_New(0);
    PyObject *urgent = NULL, *group;
    int failed = list != NULL ? add_exception(state, list, first, &urgent) : -1;

    for (size_t i = 0; failed == 0 && i < rw_error_other_count(first); i++) {
        failed = add_exception(state, list, rw_error_other(first, i), &urgent);
    }
    if (failed == 0) {
        group = urgent != NULL ? urgent
                               : PyObject_CallFunction(state->exception_group, "sO",
                                                       "unhandled errors in a scope", list);
        if (group != NULL) {
            rwp_exc_give(group);
        }
    } else {
        Py_XDECREF(urgent);
    }
    Py_XDECREF(list);
    return NULL;
}

static PyObject *raise_timeout(struct rwp_scope *self, struct rwp_state *state)
{
    PyObject *exception = PyObject_CallNoArgs(state->errors[-RW_ERR_TIMEOUT]);

    if (exception != NULL) {
        if (self->body != NULL) {
            PyException_SetCause(exception, Py_NewRef(self->body));
        }
        rwp_exc_give(exception);
    }
    return NULL;
}

/* Task.cancel() came while the children were waited for. */
static PyObject *raise_late_cancel(struct rwp_scope *self)
{
    PyObject *exception = rwp_task_cancelled_error(owner_of(self));

    owner_of(self)->face.must_cancel = false;
    if (exception != NULL) {
        rwp_exc_give(exception);
    }
    return NULL;
}

/* What the core decided, in Python's terms. Takes `out`. */
static PyObject *conclude(struct rwp_scope *self, struct rwp_state *state, struct rw_value *out)
{
    bool body_cancelled = is_cancelled_error(state, self->body);
    PyObject *result;

    if (!rw_is_failure(out)) {
        if (self->has_children && self->body == NULL && owner_of(self)->face.must_cancel) {
            return raise_late_cancel(self);
        }
        if (body_cancelled && was_cancelled_by_hand(self)) {
            self->caught = false;
            return let_through();
        }
        return PyBool_FromLong(self->body != NULL);
    }
    if (out->code == RW_ERR_TIMEOUT && out->as.error == NULL) {
        return was_cancelled_by_hand(self) && body_cancelled ? let_through() : raise_timeout(self, state);
    }
    if (out->code == RW_ERR_CANCELLED || !self->has_children || out->as.error == NULL) {
        if (self->body != NULL) {
            rw_value_drop(out);
            return let_through();
        }
        return rwp_raise_value(state, out);
    }
    result = raise_group(state, out->as.error);
    rw_value_drop(out);
    return result;
}

/* The scope is joined: leaves it. `thing` was taken from the link. */
static PyObject *leave(struct rwp_scope *self, struct rw_scope *scope)
{
    struct rwp_state *state = self->link.state;
    struct rw_value out = rw_nil();
    PyObject *result;
    int err;

    rw_scope_ref(scope);
    err = rw_scope_close(scope, &out);
    self->called = rw_scope_cancel_called(scope);
    self->caught = rw_scope_caught(scope);
    rw_scope_unref(scope);
    self->state = SCOPE_CLOSED;
    if (err != 0) {
        rw_scope_abandon(scope);
        result = rwp_raise(state, RW_ERR_STATE, "scopes are left in the reverse order of entering");
    } else {
        result = conclude(self, state, &out);
    }
    Py_CLEAR(self->body);
    Py_CLEAR(self->task);
    return result;
}

/* 1: to be left; 0: there is nothing left to leave; -1: an exception. */
static int begin_leave(struct rwp_scope *self, PyObject *const *args, Py_ssize_t count)
{
    struct rwp_state *state = PyType_GetModuleState(Py_TYPE(self));
    struct rwp_loop *loop = self->link.loop;

    if (self->state == SCOPE_NEW || count != 3) {
        rwp_raise(state, RW_ERR_STATE, "this scope was never entered");
        return -1;
    }
    if (self->state != SCOPE_OPEN || self->link.thing == NULL || loop->closing || loop->cx == NULL) {
        return 0; /* the coroutine is being destroyed */
    }
    if (loop->entered != self->task) {
        rwp_raise(state, RW_ERR_STATE, "a scope is left by the task that entered it");
        return -1;
    }
    Py_XSETREF(self->body, args[1] != Py_None ? Py_NewRef(args[1]) : NULL);
    self->state = SCOPE_LEAVING;
    return 1;
}

PyObject *rwp_scope_exit(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rwp_scope *self = (struct rwp_scope *)op;
    int begun = begin_leave(self, args, count);
    struct rw_scope *scope;
    struct rw_future *join;
    struct rw_value value;
    enum rw_poll poll;

    if (begun <= 0) {
        return begun == 0 ? let_through() : NULL;
    }
    scope = rwp_link_take(&self->link);
    join = rw_scope_join(scope, body_value(self->link.loop->state, self->body));
    poll = rw_poll(join, self->link.loop->cx, &value);
    rw_future_drop(join);
    if (poll == RW_PENDING) {
        rw_scope_abandon(scope);
        self->state = SCOPE_CLOSED;
        Py_CLEAR(self->body);
        Py_CLEAR(self->task);
        return rwp_raise(self->link.loop->state, RW_ERR_STATE,
                         "this scope has children to wait for: enter it with `async with`");
    }
    rw_value_drop(&value);
    return leave(self, scope);
}

static PyObject *conclude_join(struct rwp_op *op, struct rw_value *value)
{
    struct rwp_scope *self = (struct rwp_scope *)op->owner;
    struct rw_scope *scope = rwp_link_take(&self->link);

    rw_value_drop(value);
    if (scope == NULL) {
        return let_through();
    }
    return leave(self, scope);
}

PyObject *rwp_scope_aexit(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rwp_scope *self = (struct rwp_scope *)op;
    int begun = begin_leave(self, args, count);
    struct rw_future *join;

    if (begun <= 0) {
        return begun == 0 ? rwp_op_done(PyType_GetModuleState(Py_TYPE(op)), let_through()) : NULL;
    }
    join = rw_scope_join(self->link.thing, body_value(self->link.loop->state, self->body));
    return rwp_op_new(self->link.loop, join, conclude_join, op);
}
