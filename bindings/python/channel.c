/* SPDX-License-Identifier: MIT
 *
 * channel.c - Sender and Receiver.
 *
 * send() and receive() give ops that have not begun: select takes them apart again, and an await makes the core's
 * future. A SHARED channel takes portable copies only, since its other end may be on another thread; `kept` of its ends is
 * True to say so.
 */
#include "rwp.h"

#define BOX(op) ((struct rwp_box *)(op))

static void drop_sender(void *thing)
{
    rw_sender_unref(thing);
}

static void drop_receiver(void *thing)
{
    rw_receiver_unref(thing);
}

PyObject *rwp_sender_box(struct rwp_loop *loop, struct rw_sender *sender)
{
    return rwp_box_new(loop->state->sender_type, loop, sender, drop_sender);
}

PyObject *rwp_receiver_box(struct rwp_loop *loop, struct rw_receiver *receiver)
{
    return rwp_box_new(loop->state->receiver_type, loop, receiver, drop_receiver);
}

/* ---- sender -------------------------------------------------------------------------------------------------------------------- */

static PyObject *sender_send(PyObject *op, PyObject *object)
{
    struct rw_value value;

    if (rwp_link_thing(&BOX(op)->link) == NULL || rwp_channel_value(op, object, &value) < 0) {
        return NULL;
    }
    return rwp_op_new_channel(BOX(op)->link.loop, RWP_OP_SEND, op, value);
}

static PyObject *sender_send_nowait(PyObject *op, PyObject *object)
{
    struct rw_sender *sender = rwp_link_thing(&BOX(op)->link);
    struct rw_value value;
    int err;

    if (sender == NULL || rwp_channel_value(op, object, &value) < 0) {
        return NULL;
    }
    err = rw_channel_try_send(sender, &value);
    if (err != 0) {
        rw_value_drop(&value);
        return rwp_raise(BOX(op)->link.loop->state, err, NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *sender_reserve(PyObject *op, PyObject *unused)
{
    struct rw_sender *sender = rwp_link_thing(&BOX(op)->link);
    struct rwp_loop *loop = BOX(op)->link.loop;

    (void)unused;
    return sender != NULL ? rwp_op_new(loop, rw_channel_reserve(loop->loop, sender), rwp_permit_convert, op)
                          : NULL;
}

static PyObject *sender_clone(PyObject *op, PyObject *unused)
{
    struct rw_sender *sender = rwp_link_thing(&BOX(op)->link);
    PyObject *clone;

    (void)unused;
    if (sender == NULL) {
        return NULL;
    }
    clone = rwp_sender_box(BOX(op)->link.loop, rw_sender_clone(sender));
    if (clone != NULL) {
        BOX(clone)->kept = Py_XNewRef(BOX(op)->kept);
    }
    return clone;
}

static PyObject *sender_close(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (BOX(op)->link.thing != NULL) {
        if (!rwp_loop_enter(BOX(op)->link.loop)) {
            return NULL;
        }
        rw_sender_close(BOX(op)->link.thing);
    }
    Py_RETURN_NONE;
}

static PyObject *done_op(PyObject *op, PyObject *made)
{
    PyObject *result = made != NULL ? rwp_op_done(BOX(op)->link.state, made) : NULL;

    return result;
}

static PyObject *sender_aclose(PyObject *op, PyObject *unused)
{
    return done_op(op, sender_close(op, unused));
}

static PyObject *box_enter(PyObject *op, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(op);
}

static PyObject *box_aenter(PyObject *op, PyObject *unused)
{
    (void)unused;
    return done_op(op, Py_NewRef(op));
}

static PyObject *sender_exit(PyObject *op, PyObject *args)
{
    (void)args;
    return sender_close(op, NULL);
}

static PyObject *sender_aexit(PyObject *op, PyObject *args)
{
    (void)args;
    return sender_aclose(op, NULL);
}

static PyObject *sender_get_closed(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(BOX(op)->link.thing == NULL || rw_sender_is_closed(BOX(op)->link.thing));
}

static PyObject *sender_get_capacity(PyObject *op, void *closure)
{
    struct rw_sender *sender = rwp_link_thing(&BOX(op)->link);
    size_t capacity;

    (void)closure;
    if (sender == NULL) {
        return NULL;
    }
    capacity = rw_sender_capacity(sender);
    return capacity != RW_UNBOUNDED ? PyLong_FromSize_t(capacity) : Py_NewRef(Py_None);
}

static Py_ssize_t sender_length(PyObject *op)
{
    return BOX(op)->link.thing != NULL ? (Py_ssize_t)rw_sender_count(BOX(op)->link.thing) : 0;
}

/* ---- receiver ------------------------------------------------------------------------------------------------------------------- */

static PyObject *receiver_receive(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (rwp_link_thing(&BOX(op)->link) == NULL) {
        return NULL;
    }
    return rwp_op_new_channel(BOX(op)->link.loop, RWP_OP_RECEIVE, op, rw_nil());
}

static PyObject *receiver_receive_nowait(PyObject *op, PyObject *unused)
{
    struct rw_receiver *receiver = rwp_link_thing(&BOX(op)->link);
    struct rw_value value;
    int err;

    (void)unused;
    if (receiver == NULL) {
        return NULL;
    }
    err = rw_channel_try_receive(receiver, &value);
    return err == 0 ? rwp_object_from(BOX(op)->link.loop, value)
                    : rwp_raise(BOX(op)->link.loop->state, err, NULL);
}

static PyObject *convert_next(struct rwp_op *op, struct rw_value *value)
{
    if (rw_is_failure(value) && value->code == RW_ERR_CLOSED) {
        rw_value_drop(value);
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return NULL;
    }
    return rwp_object_from(op->loop, *value);
}

static PyObject *receiver_next(PyObject *op)
{
    PyObject *made = receiver_receive(op, NULL);

    if (made != NULL) {
        ((struct rwp_op *)made)->convert = convert_next;
    }
    return made;
}

static PyObject *receiver_clone(PyObject *op, PyObject *unused)
{
    struct rw_receiver *receiver = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return receiver != NULL ? rwp_receiver_box(BOX(op)->link.loop, rw_receiver_clone(receiver)) : NULL;
}

static PyObject *receiver_close(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (BOX(op)->link.thing != NULL) {
        if (!rwp_loop_enter(BOX(op)->link.loop)) {
            return NULL;
        }
        rw_receiver_close(BOX(op)->link.thing);
    }
    Py_RETURN_NONE;
}

static PyObject *receiver_aclose(PyObject *op, PyObject *unused)
{
    return done_op(op, receiver_close(op, unused));
}

static PyObject *receiver_exit(PyObject *op, PyObject *args)
{
    (void)args;
    return receiver_close(op, NULL);
}

static PyObject *receiver_aexit(PyObject *op, PyObject *args)
{
    (void)args;
    return receiver_aclose(op, NULL);
}

static PyObject *receiver_get_closed(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(BOX(op)->link.thing == NULL || rw_receiver_is_closed(BOX(op)->link.thing));
}

static PyObject *receiver_stream(PyObject *op, PyObject *unused)
{
    struct rw_receiver *receiver = rwp_link_thing(&BOX(op)->link);
    struct rwp_loop *loop = BOX(op)->link.loop;

    (void)unused;
    return receiver != NULL ? rwp_stream_box(loop, rw_stream_of_channel(loop->loop, receiver)) : NULL;
}

static Py_ssize_t receiver_length(PyObject *op)
{
    return BOX(op)->link.thing != NULL ? (Py_ssize_t)rw_receiver_count(BOX(op)->link.thing) : 0;
}

struct visit {
    visitproc visit;
    void *arg;
};

static int visit_value(void *arg, const struct rw_value *value)
{
    const struct visit *visit = arg;
    PyObject *kept = rwp_sole_object(value);

    return kept != NULL ? visit->visit(kept, visit->arg) : 0;
}

/* What is queued is this object's while nobody else could receive it. */
static int receiver_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct visit values = {visit, arg};

    Py_VISIT(Py_TYPE(op));
    return BOX(op)->link.thing != NULL ? rw_receiver_visit(BOX(op)->link.thing, visit_value, &values) : 0;
}

/* ---- types ----------------------------------------------------------------------------------------------------------------------- */

static PyMemberDef box_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct rwp_box, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef sender_methods[] = {
    {"send", sender_send, METH_O,
     "send(value) - wait for room, then send; ClosedError when nobody can receive."},
    {"send_nowait", sender_send_nowait, METH_O, "send_nowait(value) - send at once, or WouldBlock."},
    {"reserve", sender_reserve, METH_NOARGS,
     "reserve() - wait for room and keep it: a Permit (also with `async with`)."},
    {"clone", sender_clone, METH_NOARGS,
     "clone() - one more sender; the channel closes when the last one does."},
    {"close", sender_close, METH_NOARGS, "close() - this sender sends no more. Idempotent."},
    {"aclose", sender_aclose, METH_NOARGS, "aclose() - close(), to be awaited."},
    {"__enter__", box_enter, METH_NOARGS, NULL},
    {"__exit__", sender_exit, METH_VARARGS, NULL},
    {"__aenter__", box_aenter, METH_NOARGS, NULL},
    {"__aexit__", sender_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef sender_getset[] = {
    {"closed", sender_get_closed, NULL, "Whether this end, or every receiver, is closed.", NULL},
    {"capacity", sender_get_capacity, NULL, "How many values wait at most; None for no bound.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot sender_slots[] = {
    {Py_tp_doc, "The sending end of a channel."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, sender_methods},
    {Py_tp_getset, sender_getset},
    {Py_tp_members, box_members},
    {Py_sq_length, sender_length},
    {0, NULL},
};

static PyMethodDef receiver_methods[] = {
    {"receive", receiver_receive, METH_NOARGS,
     "receive() - the next value; ClosedError when closed and empty."},
    {"receive_nowait", receiver_receive_nowait, METH_NOARGS,
     "receive_nowait() - a value that is there, or WouldBlock."},
    {"clone", receiver_clone, METH_NOARGS, "clone() - one more receiver; each value goes to one of them."},
    {"close", receiver_close, METH_NOARGS, "close() - this receiver receives no more. Idempotent."},
    {"aclose", receiver_aclose, METH_NOARGS, "aclose() - close(), to be awaited."},
    {"stream", receiver_stream, METH_NOARGS, "stream() - its values as a Stream."},
    {"__enter__", box_enter, METH_NOARGS, NULL},
    {"__exit__", receiver_exit, METH_VARARGS, NULL},
    {"__aenter__", box_aenter, METH_NOARGS, NULL},
    {"__aexit__", receiver_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef receiver_getset[] = {
    {"closed", receiver_get_closed, NULL,
     "Whether this end is closed, or all senders are and nothing is left.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot receiver_slots[] = {
    {Py_tp_doc, "The receiving end of a channel; `async for` ends when it is closed."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_traverse, receiver_traverse},
    {Py_tp_clear, rwp_box_clear},
    {Py_tp_methods, receiver_methods},
    {Py_tp_getset, receiver_getset},
    {Py_tp_members, box_members},
    {Py_sq_length, receiver_length},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, receiver_next},
    {0, NULL},
};

static PyType_Spec sender_spec = {"ropewalk._ropewalk.Sender", sizeof(struct rwp_box), 0, RWP_TYPE_FLAGS,
                                  sender_slots};
static PyType_Spec receiver_spec = {"ropewalk._ropewalk.Receiver", sizeof(struct rwp_box), 0,
                                    RWP_TYPE_FLAGS | Py_TPFLAGS_HAVE_GC, receiver_slots};
static int read_capacity(PyObject *object, size_t *capacity)
{
    Py_ssize_t number;

    if (object == Py_None || (PyFloat_Check(object) && PyFloat_AS_DOUBLE(object) == Py_HUGE_VAL)) {
        *capacity = RW_UNBOUNDED;
        return 0;
    }
    number = PyNumber_AsSsize_t(object, PyExc_OverflowError);
    if (number == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (number < 0) {
        PyErr_SetString(PyExc_ValueError, "a channel's capacity is 0 or more");
        return -1;
    }
    *capacity = (size_t)number;
    return 0;
}

static PyObject *module_channel(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"capacity", "shared", NULL};
    struct rwp_loop *loop;
    struct rw_sender *sender;
    struct rw_receiver *receiver;
    PyObject *object = NULL, *tx, *rx;
    size_t capacity = 0;
    int shared = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|Op:channel", names, &object, &shared) ||
        (object != NULL && read_capacity(object, &capacity) < 0)) {
        return NULL;
    }
    loop = rwp_running(rwp_state_of_module(module));
    if (loop == NULL) {
        return NULL;
    }
    if (rw_channel_open(loop->loop, capacity, shared ? RW_CHANNEL_SHARED : RW_CHANNEL_LOCAL, &sender,
                        &receiver) != 0) {
        return PyErr_NoMemory();
    }
    tx = rwp_sender_box(loop, sender);
    rx = rwp_receiver_box(loop, receiver);
    if (tx != NULL && shared) {
        BOX(tx)->kept = Py_NewRef(Py_True);
    }
    return tx != NULL && rx != NULL ? Py_BuildValue("(NN)", tx, rx) : NULL;
}

static PyMethodDef functions[] = {
    {"channel", (PyCFunction)(void (*)(void))module_channel, METH_VARARGS | METH_KEYWORDS,
     "channel(capacity=0, shared=False) - (sender, receiver); capacity 0: each send waits for its receiver, "
     "None: no bound."},
    {NULL, NULL, 0, NULL},
};

int rwp_channel_init(struct rwp_state *state)
{
    state->sender_type = rwp_add_type(state, &sender_spec, NULL, true);
    state->receiver_type = rwp_add_type(state, &receiver_spec, NULL, true);
    if (state->sender_type == NULL || state->receiver_type == NULL || rwp_permit_init(state) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(state->module, functions);
}
