/* SPDX-License-Identifier: MIT
 *
 * op.c - Op: a future of the core as an awaitable.
 *
 *      NEW --first send: polled--> STARTED --ready--> DONE or RAISED --result given--> SPENT
 *        \______________ ready at once _______________^
 *
 * An op is its own iterator. In a task of ours the first send polls the future right there, with the task's context: what is
 * ready never suspends. Otherwise the op yields itself; the task knows it by its exact type, polls the future when it is
 * woken, leaves the outcome in the op, and resumes the coroutine, which finds it. Any other task (asyncio's own, through a
 * custom factory) gets asyncio's protocol: the op spawns a driver that completes a future of asyncio's, and yields that.
 *
 * Python objects of this type are made once per await, so they come from a free list.
 */
#include "rwp.h"

static void drop_future(void *thing)
{
    rw_future_drop(thing);
}

/* Spare objects keep their reference to the type. */
static struct rwp_op *make(struct rwp_state *state)
{
    struct rwp_op *op;

    if (state->spare_op_count > 0) {
        state->spare_op_count--;
        op = (struct rwp_op *)state->spare_ops[state->spare_op_count];
        Py_SET_REFCNT((PyObject *)op, 1);
    } else {
        op = PyObject_New(struct rwp_op, state->op_type);
        if (op == NULL) {
            return NULL;
        }
    }
    op->future = NULL;
    op->owner = NULL;
    op->result = NULL;
    op->convert = NULL;
    op->state = RWP_OP_NEW;
    op->kind = RWP_OP_PLAIN;
    return op;
}

/* Takes the future; from here on the loop's end, or rwp_op_release, takes it away. */
static void hold(struct rwp_op *op, struct rwp_loop *loop, struct rw_future *future)
{
    op->loop = loop;
    op->future = future;
    rwp_node_add(&loop->ops, &op->at.node);
}

struct rw_future *rwp_op_release(struct rwp_op *op)
{
    struct rw_future *future = op->future;

    if (future != NULL) {
        rwp_node_remove(&op->at.node);
        op->future = NULL;
    }
    return future;
}

void rwp_op_orphan(struct rwp_node *node)
{
    struct rwp_op *op = (struct rwp_op *)(void *)((char *)node - offsetof(struct rwp_op, at.node));
    struct rw_future *future = rwp_op_release(op);

    op->loop = NULL; /* the object may outlive it */
    rw_future_drop(future);
}

/* Whoever gave it up may be on any thread. */
static void give_up(struct rwp_op *op)
{
    struct rw_future *future = rwp_op_release(op);

    if (future != NULL) {
        rwp_link_drop(op->loop, future, drop_future);
    }
}

PyObject *rwp_op_new(struct rwp_loop *loop, struct rw_future *future,
                     PyObject *(*convert)(struct rwp_op *op, struct rw_value *value), PyObject *owner)
{
    struct rwp_op *op;

    if (future == NULL) {
        return PyErr_NoMemory();
    }
    op = make(loop->state);
    if (op == NULL) {
        rw_future_drop(future);
        return NULL;
    }
    op->convert = convert;
    op->owner = Py_XNewRef(owner);
    hold(op, loop, future);
    return (PyObject *)op;
}

PyObject *rwp_op_done(struct rwp_state *state, PyObject *result)
{
    struct rwp_op *op = result != NULL ? make(state) : NULL;

    if (op == NULL) {
        Py_XDECREF(result);
        return NULL;
    }
    op->loop = NULL;
    op->result = result;
    op->state = RWP_OP_DONE;
    return (PyObject *)op;
}

PyObject *rwp_op_new_channel(struct rwp_loop *loop, enum rwp_op_kind kind, PyObject *owner,
                             struct rw_value value)
{
    struct rwp_op *op = make(loop->state);

    if (op == NULL) {
        rw_value_drop(&value);
        return NULL;
    }
    op->kind = (uint8_t)kind;
    op->owner = Py_NewRef(owner);
    op->loop = loop;
    op->at.value = value;
    return (PyObject *)op;
}

/* A send or receive becomes a future when it is first needed. */
static struct rw_future *begin_channel(struct rwp_op *op)
{
    struct rwp_link *end = &((struct rwp_box *)op->owner)->link;
    bool is_send = op->kind == RWP_OP_SEND;
    void *thing = rwp_link_thing(end);
    struct rw_future *future;

    if (thing == NULL) {
        return NULL;
    }
    op->kind = RWP_OP_PLAIN;
    future = is_send ? rw_channel_send(end->loop->loop, thing, op->at.value)
                     : rw_channel_receive(end->loop->loop, thing);
    if (future == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    hold(op, end->loop, future);
    return future;
}

struct rw_future *rwp_op_need_future(struct rwp_op *op)
{
    if (op->kind != RWP_OP_PLAIN) {
        return begin_channel(op);
    }
    if (op->future == NULL) {
        PyErr_SetString(rwp_state_of((PyObject *)op)->errors[-RW_ERR_CLOSED],
                        "the event loop of this object is closed");
        return NULL;
    }
    return rwp_loop_enter(op->loop) ? op->future : NULL;
}

void rwp_op_finish(struct rwp_op *op, struct rw_value *value)
{
    PyObject *result;

    if (op->convert != NULL) {
        result = op->convert(op, value);
    } else if (value->kind == RW_KIND_NIL) {
        result = Py_NewRef(Py_None);
    } else {
        result = rwp_object_from(op->loop, *value);
    }
    op->state = RWP_OP_DONE;
    if (result == NULL) {
        result = rwp_exc_take();
        op->state = RWP_OP_RAISED;
    }
    op->result = result;
    rw_future_drop(rwp_op_release(op));
}

#if PY_VERSION_HEX >= 0x030C0000
/* Nobody notices that such an object lives a little longer. */
static bool is_plain(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);

    return value == Py_None || type == &PyLong_Type || type == &PyBool_Type || type == &PyFloat_Type ||
           type == &PyUnicode_Type || type == &PyBytes_Type;
}
#endif

void rwp_stop_iteration(struct rwp_state *state, PyObject *value)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyStopIterationObject *stop = (PyStopIterationObject *)state->stop_iteration;

    if (stop == NULL) {
        state->stop_iteration = PyObject_CallNoArgs(PyExc_StopIteration);
        stop = (PyStopIterationObject *)state->stop_iteration;
    }
    if (stop != NULL && Py_REFCNT(stop) == 1 && is_plain(value)) {
        Py_XSETREF(stop->value, value);
        PyErr_SetRaisedException(Py_NewRef((PyObject *)stop));
        return;
    }
    PyErr_Clear();
#endif
    PyObject *exception = PyObject_CallOneArg(PyExc_StopIteration, value);

    (void)state;
    Py_DECREF(value);
    if (exception != NULL) {
        rwp_exc_give(exception);
    }
}

/* ---- the awaitable ------------------------------------------------------------------------------------------------------ */

static PySendResult give_result(struct rwp_op *op, PyObject **result)
{
    PyObject *held = op->result;

    op->result = NULL;
    if (op->state == RWP_OP_RAISED) {
        op->state = RWP_OP_SPENT;
        rwp_exc_give(held);
        *result = NULL;
        return PYGEN_ERROR;
    }
    op->state = RWP_OP_SPENT;
    *result = held;
    return PYGEN_RETURN;
}

/* The context of the step of a task of ours that this thread is in. */
static struct rw_context *own_context(struct rwp_op *op)
{
    struct rwp_link *end = op->kind != RWP_OP_PLAIN ? &((struct rwp_box *)op->owner)->link : NULL;
    struct rwp_loop *loop = op->future != NULL                  ? op->loop
                            : end != NULL && end->thing != NULL ? end->loop
                                                                : NULL;

    if (loop == NULL || !rwp_loop_is_here(loop)) {
        return NULL;
    }
    return loop->cx;
}

/* A send or receive that is over at once needs no future. */
static enum rw_poll await_channel(struct rwp_op *op, struct rw_context *cx, struct rw_value *value)
{
    void *end = ((struct rwp_box *)op->owner)->link.thing;
    bool is_send = op->kind == RWP_OP_SEND;
    struct rw_future *future;
    enum rw_poll poll;

    op->kind = RWP_OP_PLAIN;
    poll = is_send ? rw_channel_await_send(cx, end, op->at.value, &future, value)
                   : rw_channel_await_receive(cx, end, &future, value);
    if (poll == RW_PENDING) {
        hold(op, op->loop, future);
    }
    return poll;
}

/* What the first send does: polls, in a task of ours. */
static PySendResult start(struct rwp_op *op, PyObject **result)
{
    struct rw_context *cx = own_context(op);
    struct rw_value value;
    enum rw_poll poll;

    if (cx == NULL) {
        return rwp_op_begin_bridge(op) == 0 ? rwp_op_send_bridge(op, result) : PYGEN_ERROR;
    }
    op->state = RWP_OP_STARTED;
    poll = op->future != NULL ? rw_task_await(cx, op->future, &value) : await_channel(op, cx, &value);
    if (poll == RW_READY) {
        rwp_op_finish(op, &value);
        return give_result(op, result);
    }
    *result = Py_NewRef((PyObject *)op);
    return PYGEN_NEXT;
}

static PySendResult op_send(PyObject *self, PyObject *sent, PyObject **result)
{
    struct rwp_op *op = (struct rwp_op *)self;

    (void)sent;
    *result = NULL;
    switch ((enum rwp_op_state)op->state) {
    case RWP_OP_DONE:
    case RWP_OP_RAISED:
        return give_result(op, result);
    case RWP_OP_BRIDGED:
        return rwp_op_send_bridge(op, result);
    case RWP_OP_SPENT:
        PyErr_SetString(PyExc_RuntimeError, "this operation has been awaited already");
        return PYGEN_ERROR;
    case RWP_OP_NEW:
    case RWP_OP_STARTED:
        break;
    }
    return start(op, result);
}

/* A result of None needs no StopIteration: that is what the end of an iterator means. */
static PyObject *op_next(PyObject *self)
{
    PyObject *result;
    PySendResult sent = op_send(self, Py_None, &result);

    if (sent == PYGEN_RETURN && result == Py_None) {
        Py_DECREF(result);
        return NULL;
    }
    if (sent == PYGEN_RETURN) {
        rwp_stop_iteration(PyType_GetModuleState(Py_TYPE(self)), result);
        return NULL;
    }
    return sent == PYGEN_NEXT ? result : NULL;
}

static PyObject *op_await(PyObject *self)
{
    return Py_NewRef(self);
}

static PyObject *op_method_send(PyObject *self, PyObject *sent)
{
    PyObject *result = op_next(self);

    (void)sent;
    if (result == NULL && !PyErr_Occurred()) {
        PyErr_SetNone(PyExc_StopIteration);
    }
    return result;
}

/* Gives the operation up; a future of asyncio's that stands for it is cancelled. */
static void end(struct rwp_op *op)
{
    PyObject *bridge = op->state == RWP_OP_BRIDGED ? op->result : NULL;

    give_up(op);
    op->state = RWP_OP_SPENT;
    if (bridge != NULL) {
        PyObject *answer = PyObject_CallMethod(bridge, "cancel", NULL);

        op->result = NULL;
        Py_DECREF(bridge);
        Py_XDECREF(answer);
        PyErr_Clear();
    }
}

/* Whoever throws gives the operation up. */
static PyObject *op_throw(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct rwp_op *op = (struct rwp_op *)self;
    PyObject *exception = count == 3 && args[1] != Py_None ? args[1] : count > 0 ? args[0] : NULL;

    if (exception == NULL) {
        PyErr_SetString(PyExc_TypeError, "throw() needs an exception");
        return NULL;
    }
    end(op);
    if (PyExceptionInstance_Check(exception)) {
        rwp_exc_give(Py_NewRef(exception));
    } else {
        PyErr_SetNone(exception);
    }
    return NULL;
}

static PyObject *op_close(PyObject *self, PyObject *unused)
{
    struct rwp_op *op = (struct rwp_op *)self;

    (void)unused;
    end(op);
    Py_RETURN_NONE;
}

static void op_dealloc(PyObject *self)
{
    struct rwp_op *op = (struct rwp_op *)self;
    PyTypeObject *type = Py_TYPE(self);
    struct rwp_state *state = PyType_GetModuleState(type);

    give_up(op);
    if (op->kind == RWP_OP_SEND) {
        rw_value_drop(&op->at.value);
    }
    Py_CLEAR(op->owner);
    Py_CLEAR(op->result);
    if (state != NULL && state->spare_op_count < RWP_OP_SPARE) {
        state->spare_ops[state->spare_op_count] = self;
        state->spare_op_count++;
        return;
    }
    PyObject_Free(self);
    Py_DECREF(type);
}

/* `async with tx.reserve() as permit`, `async with connect_tcp(...) as socket`: what it gave is closed at the end. */
static PyObject *op_aenter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(self);
}

static PyObject *op_aexit(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct rwp_op *op = (struct rwp_op *)self;
    PyObject *closed;

    (void)args;
    (void)count;
    if (op->owner == NULL || op->state != RWP_OP_SPENT) {
        return rwp_raise(rwp_state_of(self), RW_ERR_STATE, "this operation was never entered");
    }
    closed = PyObject_CallMethodNoArgs(op->owner, rwp_state_of(self)->names[RWP_N_CLOSE]);
    if (closed == NULL) {
        return NULL;
    }
    Py_DECREF(closed);
    return rwp_op_done(rwp_state_of(self), Py_NewRef(Py_False));
}

static PyObject *op_repr(PyObject *self)
{
    static const char *const states[] = {"not begun", "pending", "done", "failed", "spent", "bridged"};
    struct rwp_op *op = (struct rwp_op *)self;
    struct rw_future *future = op->future;
    const char *name = future != NULL ? future->vtable->name : "operation";

    return PyUnicode_FromFormat("<Op %s, %s>", name, states[op->state]);
}

static PyMethodDef op_methods[] = {
    {"send", op_method_send, METH_O, "send(None) - go on: yields while pending."},
    {"throw", (PyCFunction)(void (*)(void))op_throw, METH_FASTCALL,
     "throw(exception) - give the operation up."},
    {"close", op_close, METH_NOARGS, "close() - drop the operation; nothing happens if it had not begun."},
    {"__aenter__", op_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)(void (*)(void))op_aexit, METH_FASTCALL, NULL},
    {"map", rwp_op_map, METH_O, "map(fn) - an awaitable of fn(result)."},
    {"and_then", rwp_op_and_then, METH_O, "and_then(fn) - goes on with what fn(result) gives to await."},
    {"or_else", rwp_op_or_else, METH_O,
     "or_else(fn) - on failure goes on with what fn(exception) gives to await."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot op_slots[] = {
    {Py_tp_doc, "An operation that can be awaited once. Nothing happens before it is."},
    {Py_tp_dealloc, op_dealloc},
    {Py_tp_repr, op_repr},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, op_next},
    {Py_am_await, op_await},
    {Py_am_send, op_send},
    {Py_tp_methods, op_methods},
    {0, NULL},
};

static PyType_Spec op_spec = {"ropewalk._ropewalk.Op", sizeof(struct rwp_op), 0, RWP_TYPE_FLAGS, op_slots};

int rwp_op_init(struct rwp_state *state)
{
    state->op_type = rwp_add_type(state, &op_spec, NULL, true);
    return state->op_type != NULL ? 0 : -1;
}
