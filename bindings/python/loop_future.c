/* SPDX-License-Identifier: MIT
 *
 * loop_future.c - LoopFuture: what loop.create_future() makes.
 *
 * An asyncio.Future by inheritance, as Task is an asyncio.Task: the base's own fields stay zero, and every method that would look
 * at them is replaced (here and in loop_future_face.c). It is its own iterator, so that `await` makes no object; a task
 * of ours knows it by its exact type and subscribes without a call through Python. In debug mode the loop makes asyncio's own
 * instead, which remember where they were made.
 *
 *      PENDING --set_result, set_exception--> FINISHED
 *         `---------------cancel------------> CANCELLED       rwp_loop_future_finish is the only writer of `state`
 *
 * Invariant: once it is done it has no callbacks; they are queued, in the order in which they were added.
 */
#include "rwp_loop_future.h"

/* ---- callbacks ------------------------------------------------------------------------------------------------------------ */

static int add_more(struct rwp_loop_future *self, PyObject *callback, PyObject *context)
{
    PyObject *entry = PyTuple_Pack(2, callback, context);
    int failed = entry == NULL;

    if (!failed && self->more == NULL) {
        self->more = PyList_New(0);
        failed = self->more == NULL;
    }
    if (!failed) {
        failed = PyList_Append(self->more, entry) < 0;
    }
    Py_XDECREF(entry);
    return failed ? -1 : 0;
}

int rwp_loop_future_add(struct rwp_loop_future *self, PyObject *callback, PyObject *context)
{
    PyObject *kept;
    int failed = 0;

    if (self->state != RWP_FUTURE_PENDING) {
        if (!rwp_loop_enter(self->loop)) {
            return -1;
        }
        return rwp_schedule(self->loop, callback, &self->head.ob_base, context);
    }
    kept = context != NULL ? Py_NewRef(context) : PyContext_CopyCurrent();
    if (kept == NULL) {
        return -1;
    }
    if (self->callback == NULL && self->more == NULL) {
        self->callback = Py_NewRef(callback);
        self->context = kept;
        return 0;
    }
    failed = add_more(self, callback, kept);
    Py_DECREF(kept);
    return failed;
}

static Py_ssize_t remove_first(struct rwp_loop_future *self, PyObject *callback)
{
    int same = self->callback != NULL ? PyObject_RichCompareBool(self->callback, callback, Py_EQ) : 0;

    if (same == 1) {
        Py_CLEAR(self->callback);
        Py_CLEAR(self->context);
    }
    return same;
}

Py_ssize_t rwp_loop_future_remove(struct rwp_loop_future *self, PyObject *callback)
{
    Py_ssize_t removed = remove_first(self, callback);

    for (Py_ssize_t i = self->more != NULL ? PyList_GET_SIZE(self->more) : 0; i > 0 && removed >= 0; i--) {
        /* What is compared may change the list, or end the future. */
        PyObject *entry = self->more != NULL && i <= PyList_GET_SIZE(self->more)
                              ? Py_NewRef(PyList_GET_ITEM(self->more, i - 1))
                              : NULL;
        int same = entry != NULL ? PyObject_RichCompareBool(PyTuple_GET_ITEM(entry, 0), callback, Py_EQ) : 0;

        if (same == 1 && self->more != NULL && i <= PyList_GET_SIZE(self->more)) {
            same = PyList_SetSlice(self->more, i - 1, i, NULL) == 0 ? 1 : -1;
        }
        Py_XDECREF(entry);
        removed = same >= 0 ? removed + same : -1;
    }
    return removed;
}

static int schedule_one(struct rwp_loop_future *self, PyObject *callback, PyObject *context)
{
    return rwp_schedule(self->loop, callback, &self->head.ob_base, context);
}

static int schedule_callbacks(struct rwp_loop_future *self)
{
    PyObject *callback = self->callback, *context = self->context, *more = self->more;
    int failed = 0;

    self->callback = NULL;
    self->context = NULL;
    self->more = NULL;
    if (callback != NULL) {
        failed = schedule_one(self, callback, context);
        Py_DECREF(callback);
        Py_DECREF(context);
    }
    for (Py_ssize_t i = 0; more != NULL && i < PyList_GET_SIZE(more) && failed == 0; i++) {
        PyObject *entry = PyList_GET_ITEM(more, i);

        failed = schedule_one(self, PyTuple_GET_ITEM(entry, 0), PyTuple_GET_ITEM(entry, 1));
    }
    Py_XDECREF(more);
    return failed;
}

/* ---- the outcome ---------------------------------------------------------------------------------------------------------- */

int rwp_loop_future_finish(struct rwp_loop_future *self, enum rwp_loop_future_state state, PyObject *result,
                           bool failed)
{
    if ((self->callback != NULL || self->more != NULL) && !rwp_loop_enter(self->loop)) {
        Py_XDECREF(result);
        return -1;
    }
    self->state = (uint8_t)state;
    self->result = result;
    self->failed = failed;
    self->log_traceback = failed;
    self->traceback = failed ? PyException_GetTraceback(result) : NULL;
    return schedule_callbacks(self);
}

static PyObject *raise_cancelled(struct rwp_loop_future *self)
{
    struct rwp_state *state = self->loop->state;
    PyObject *error = self->cancel_message == NULL || self->cancel_message == Py_None
                          ? PyObject_CallNoArgs(state->cancelled_error)
                          : PyObject_CallOneArg(state->cancelled_error, self->cancel_message);

    if (error != NULL) {
        rwp_exc_give(error);
    }
    return NULL;
}

PyObject *rwp_loop_future_result(struct rwp_loop_future *self)
{
    if (self->state == RWP_FUTURE_PENDING) {
        PyErr_SetString(self->loop->state->invalid_state_error, "Result is not set.");
        return NULL;
    }
    if (self->state == RWP_FUTURE_CANCELLED) {
        return raise_cancelled(self);
    }
    self->log_traceback = false;
    if (!self->failed) {
        return Py_NewRef(self->result);
    }
    /* Raised again and again, its traceback must not grow. */
    if (PyException_SetTraceback(self->result, self->traceback != NULL ? self->traceback : Py_None) == 0) {
        rwp_exc_give(Py_NewRef(self->result));
    }
    return NULL;
}

/* ---- await ---------------------------------------------------------------------------------------------------------------- */

static PySendResult future_send(PyObject *op, PyObject *sent, PyObject **result)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);

    (void)sent;
    *result = NULL;
    if (self->state != RWP_FUTURE_PENDING) {
        *result = rwp_loop_future_result(self);
        return *result != NULL ? PYGEN_RETURN : PYGEN_ERROR;
    }
    if (self->blocking) {
        PyErr_SetString(PyExc_RuntimeError, "await wasn't used with future");
        return PYGEN_ERROR;
    }
    self->blocking = true;
    *result = Py_NewRef(op);
    return PYGEN_NEXT;
}

static PyObject *future_next(PyObject *op)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);
    PyObject *result;
    PySendResult sent = future_send(op, Py_None, &result);

    if (sent == PYGEN_RETURN) {
        rwp_stop_iteration(self->loop->state, result);
        return NULL;
    }
    return sent == PYGEN_NEXT ? result : NULL;
}

/* ---- the object ----------------------------------------------------------------------------------------------------------- */

PyObject *rwp_loop_create_future(PyObject *op, PyObject *unused)
{
    struct rwp_loop *loop = (struct rwp_loop *)op;
    PyTypeObject *type = loop->state->loop_future_type;
    struct rwp_loop_future *self;

    (void)unused;
    if (loop->debug || type == NULL) {
        PyObject *names = PyTuple_Pack(1, loop->state->names[RWP_N_LOOP]);
        PyObject *made = names != NULL ? PyObject_Vectorcall(loop->state->future_class, &op, 0, names) : NULL;

        Py_XDECREF(names);
        return made;
    }
    self = rwp_loop_future_of(type->tp_alloc(type, 0));
    if (self != NULL) {
        self->loop = (struct rwp_loop *)Py_NewRef(op);
    }
    return (PyObject *)(void *)self;
}

static int future_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);

#if PY_VERSION_HEX < 0x030C0000
    Py_VISIT(Py_TYPE(op)); /* from 3.12 on the base does */
#endif
    Py_VISIT((PyObject *)self->loop);
    Py_VISIT(self->callback);
    Py_VISIT(self->context);
    Py_VISIT(self->more);
    Py_VISIT(self->result);
    Py_VISIT(self->traceback);
    Py_VISIT(self->cancel_message);
    return Py_TYPE(op)->tp_base->tp_traverse(op, visit, arg);
}

/* The loop stays until the end: methods ask it for the module's state. */
static int future_clear(PyObject *op)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);

    Py_CLEAR(self->callback);
    Py_CLEAR(self->context);
    Py_CLEAR(self->more);
    Py_CLEAR(self->traceback);
    Py_CLEAR(self->cancel_message);
    if (self->state == RWP_FUTURE_FINISHED) {
        Py_XSETREF(self->result, Py_NewRef(Py_None));
        self->failed = false;
    }
    return Py_TYPE(op)->tp_base->tp_clear(op);
}

static void future_dealloc(PyObject *op)
{
    struct rwp_loop_future *self = rwp_loop_future_of(op);
    PyTypeObject *type = Py_TYPE(op);

    if (self->log_traceback && PyObject_CallFinalizerFromDealloc(op) < 0) {
        return;
    }
    PyObject_GC_UnTrack(op);
    PyObject_ClearWeakRefs(op);
    (void)future_clear(op);
    Py_XDECREF(self->result);
    Py_XDECREF((PyObject *)self->loop);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyType_Slot future_slots[] = {
    {Py_tp_doc, "A result that is not there yet, as asyncio.Future."},
    {Py_tp_dealloc, future_dealloc},
    {Py_tp_finalize, rwp_loop_future_finalize},
    {Py_tp_traverse, future_traverse},
    {Py_tp_clear, future_clear},
    {Py_tp_repr, rwp_loop_future_repr},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, future_next},
    {Py_am_await, PyObject_SelfIter},
    {Py_am_send, future_send},
    {Py_tp_methods, rwp_loop_future_methods},
    {Py_tp_getset, rwp_loop_future_getset},
    {0, NULL},
};

static PyType_Spec future_spec = {"ropewalk._ropewalk.LoopFuture", sizeof(struct rwp_loop_future), 0,
                                  RWP_TYPE_FLAGS | Py_TPFLAGS_HAVE_GC, future_slots};

/* With an asyncio.Future that is larger than what was built for, the loop makes asyncio's own. */
int rwp_loop_future_init(struct rwp_state *state)
{
    PyTypeObject *base = (PyTypeObject *)state->future_class;
    PyObject *bases;

    if (!PyType_Check(state->future_class) || base->tp_basicsize > RWP_FUTURE_BASE ||
        base->tp_itemsize != 0 || base->tp_traverse == NULL || base->tp_clear == NULL ||
        !PyType_IS_GC(base)) {
        return 0;
    }
    bases = PyTuple_Pack(1, state->future_class);
    if (bases == NULL) {
        return -1;
    }
    state->loop_future_type = rwp_add_type(state, &future_spec, bases, true);
    Py_DECREF(bases);
    return state->loop_future_type != NULL ? 0 : -1;
}
