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

static struct rwp_op *make(struct rwp_state *state)
{
    struct rwp_op *op;

    if (state->spare_op_count > 0) {
        state->spare_op_count--;
        op = (struct rwp_op *)state->spare_ops[state->spare_op_count];
        (void)PyObject_Init((PyObject *)op, state->op_type);
    } else {
        op = PyObject_New(struct rwp_op, state->op_type);
        if (op == NULL) {
            return NULL;
        }
    }
    op->owner = NULL;
    op->result = NULL;
    op->bridge = NULL;
    op->convert = NULL;
    op->state = RWP_OP_NEW;
    op->kind = RWP_OP_PLAIN;
    op->value = rw_nil();
    return op;
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
    rwp_link_begin(&op->link, loop, future, drop_future);
    return (PyObject *)op;
}

PyObject *rwp_op_done(struct rwp_state *state, PyObject *result)
{
    struct rwp_op *op = result != NULL ? make(state) : NULL;

    if (op == NULL) {
        Py_XDECREF(result);
        return NULL;
    }
    op->link.loop = NULL;
    op->link.state = state;
    op->link.thing = NULL;
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
    op->value = value;
    op->link.loop = loop;
    op->link.state = loop->state;
    op->link.thing = NULL;
    return (PyObject *)op;
}

/* A send or receive becomes a future when it is first needed. */
static struct rw_future *begin_channel(struct rwp_op *op)
{
    struct rwp_link *end = &((struct rwp_box *)op->owner)->link;
    struct rw_value value = op->value;
    void *thing = rwp_link_thing(end);

    if (thing == NULL) {
        return NULL;
    }
    op->value = rw_nil();
    op->link.loop = end->loop;
    if (op->kind == RWP_OP_SEND) {
        return rw_channel_send(end->loop->loop, thing, value);
    }
    return rw_channel_receive(end->loop->loop, thing);
}

/* The future, made if need be; borrowed. */
struct rw_future *rwp_op_need_future(struct rwp_op *op)
{
    struct rw_future *future;

    if (op->link.thing != NULL || op->kind == RWP_OP_PLAIN) {
        return rwp_link_thing(&op->link);
    }
    future = begin_channel(op);
    op->kind = RWP_OP_PLAIN;
    if (future == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
        return NULL;
    }
    rwp_link_begin(&op->link, op->link.loop, future, drop_future);
    return future;
}

void rwp_op_finish(struct rwp_op *op, struct rw_value *value)
{
    PyObject *result;

    if (op->convert != NULL) {
        result = op->convert(op, value);
    } else {
        result = rwp_object_from(op->link.loop, *value);
    }
    op->state = RWP_OP_DONE;
    if (result == NULL) {
        result = rwp_exc_take();
        op->state = RWP_OP_RAISED;
    }
    op->result = result;
    rw_future_drop(rwp_link_take(&op->link));
}

void rwp_stop_iteration(struct rwp_state *state, PyObject *value)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyStopIterationObject *stop = (PyStopIterationObject *)state->stop_iteration;

    if (stop == NULL) {
        state->stop_iteration = PyObject_CallNoArgs(PyExc_StopIteration);
        stop = (PyStopIterationObject *)state->stop_iteration;
    }
    if (stop != NULL && Py_REFCNT(stop) == 1) {
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

/* True in a step of a task of ours; not in one of asyncio's that a factory runs eagerly inside it. */
static struct rw_context *own_context(struct rwp_op *op)
{
    struct rwp_link *link = op->kind != RWP_OP_PLAIN ? &((struct rwp_box *)op->owner)->link : &op->link;
    struct rwp_loop *loop = link->thing != NULL ? link->loop : NULL;
    struct rwp_state *state;

    if (loop == NULL || loop->cx == NULL || loop->closing) {
        return NULL;
    }
    state = loop->state;
    if (loop->task_factory != NULL && state->current_tasks != NULL &&
        PyDict_GetItem(state->current_tasks, (PyObject *)loop) != loop->entered) {
        return NULL;
    }
    return loop->cx;
}

static PySendResult op_send(PyObject *self, PyObject *sent, PyObject **result)
{
    struct rwp_op *op = (struct rwp_op *)self;
    struct rw_context *cx;
    struct rw_future *future;
    struct rw_value value;

    (void)sent;
    *result = NULL;
    if (op->state == RWP_OP_DONE || op->state == RWP_OP_RAISED) {
        return give_result(op, result);
    }
    if (op->bridge != NULL) {
        return rwp_op_send_bridge(op, result);
    }
    if (op->state == RWP_OP_SPENT) {
        PyErr_SetString(PyExc_RuntimeError, "this operation has been awaited already");
        return PYGEN_ERROR;
    }
    cx = own_context(op);
    if (cx == NULL) {
        return rwp_op_begin_bridge(op) == 0 ? rwp_op_send_bridge(op, result) : PYGEN_ERROR;
    }
    future = rwp_op_need_future(op);
    if (future == NULL) {
        return PYGEN_ERROR;
    }
    op->state = RWP_OP_STARTED;
    if (rw_task_await(cx, future, &value) == RW_READY) {
        rwp_op_finish(op, &value);
        return give_result(op, result);
    }
    *result = Py_NewRef(self);
    return PYGEN_NEXT;
}

static PyObject *op_next(PyObject *self)
{
    PyObject *result;
    PySendResult sent = op_send(self, Py_None, &result);

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
    (void)sent;
    return op_next(self);
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
    rwp_link_end(&op->link);
    op->state = RWP_OP_SPENT;
    if (op->bridge != NULL) {
        PyObject *answer = PyObject_CallMethod(op->bridge, "cancel", NULL);

        Py_XDECREF(answer);
        PyErr_Clear();
    }
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
    rwp_link_end(&op->link);
    op->state = RWP_OP_SPENT;
    Py_RETURN_NONE;
}

static void op_dealloc(PyObject *self)
{
    struct rwp_op *op = (struct rwp_op *)self;
    PyTypeObject *type = Py_TYPE(self);
    struct rwp_state *state = PyType_GetModuleState(type);

    if (op->link.thing != NULL) {
        rwp_link_end(&op->link);
    }
    rw_value_drop(&op->value);
    Py_CLEAR(op->owner);
    Py_CLEAR(op->result);
    Py_CLEAR(op->bridge);
    if (state != NULL && state->spare_op_count < RWP_OP_SPARE) {
        state->spare_ops[state->spare_op_count] = self;
        state->spare_op_count++;
    } else {
        PyObject_Free(self);
    }
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
    static const char *const states[] = {"not begun", "pending", "done", "failed", "spent"};
    struct rwp_op *op = (struct rwp_op *)self;
    struct rw_future *future = op->link.thing;
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
