/* SPDX-License-Identifier: MIT
 *
 * broadcast.c - broadcast channels, and watch: one value that changes.
 *
 * A receiver that fell behind gets Lagged once, with the number of values it missed, and goes on with the oldest that is
 * still there.
 */
#include "rwp.h"

#define BOX(op) ((struct rwp_box *)(op))

static void drop_broadcast(void *thing)
{
    rw_broadcast_unref(thing);
}

static void drop_broadcast_receiver(void *thing)
{
    rw_broadcast_receiver_unref(thing);
}

static void drop_cell(void *thing)
{
    rw_watch_cell_unref(thing);
}

static void drop_cell_receiver(void *thing)
{
    rw_watch_receiver_unref(thing);
}

/* ---- broadcast ------------------------------------------------------------------------------------------------------------------ */

static PyObject *broadcast_send(PyObject *op, PyObject *object)
{
    struct rw_broadcast *broadcast = rwp_link_thing(&BOX(op)->link);
    struct rw_value value;
    int count;

    if (broadcast == NULL || rwp_value_from(BOX(op)->link.loop->state, object, &value) < 0) {
        return NULL;
    }
    count = rw_broadcast_send(broadcast, value);
    return count >= 0 ? PyLong_FromLong(count) : rwp_raise(BOX(op)->link.loop->state, count, NULL);
}

static PyObject *broadcast_subscribe(PyObject *op, PyObject *unused)
{
    struct rw_broadcast *broadcast = rwp_link_thing(&BOX(op)->link);
    struct rwp_loop *loop = BOX(op)->link.loop;

    (void)unused;
    if (broadcast == NULL) {
        return NULL;
    }
    return rwp_box_new(loop->state->broadcast_receiver_type, loop, rw_broadcast_subscribe(broadcast),
                       drop_broadcast_receiver);
}

static PyObject *broadcast_close(PyObject *op, PyObject *unused)
{
    struct rw_broadcast *broadcast = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    if (broadcast == NULL) {
        return NULL;
    }
    rw_broadcast_close(broadcast);
    Py_RETURN_NONE;
}

static PyObject *raise_lagged(struct rwp_op *op, struct rw_value *value)
{
    PyObject *receiver = op->owner;
    PyObject *missed = BOX(receiver)->link.thing != NULL
                           ? PyLong_FromUnsignedLongLong(rw_broadcast_missed(BOX(receiver)->link.thing))
                           : PyLong_FromLong(0);
    PyObject *exception;

    (void)rwp_raise_value(op->loop->state, value);
    exception = rwp_exc_take();
    if (missed == NULL || PyObject_SetAttrString(exception, "missed", missed) < 0) {
        PyErr_Clear();
    }
    Py_XDECREF(missed);
    rwp_exc_give(exception);
    return NULL;
}

static PyObject *convert_broadcast(struct rwp_op *op, struct rw_value *value)
{
    if (rw_is_failure(value) && value->code == RW_ERR_LAGGED) {
        return raise_lagged(op, value);
    }
    return rwp_object_from(op->loop, *value);
}

static PyObject *convert_next(struct rwp_op *op, struct rw_value *value)
{
    if (rw_is_failure(value) && value->code == RW_ERR_CLOSED) {
        rw_value_drop(value);
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return NULL;
    }
    return convert_broadcast(op, value);
}

static PyObject *broadcast_receive(PyObject *op, PyObject *unused)
{
    struct rw_broadcast_receiver *receiver = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return receiver != NULL
               ? rwp_op_new(BOX(op)->link.loop, rw_broadcast_receive(receiver), convert_broadcast, op)
               : NULL;
}

static PyObject *broadcast_next(PyObject *op)
{
    struct rw_broadcast_receiver *receiver = rwp_link_thing(&BOX(op)->link);

    return receiver != NULL ? rwp_op_new(BOX(op)->link.loop, rw_broadcast_receive(receiver), convert_next, op)
                            : NULL;
}

/* ---- watch ---------------------------------------------------------------------------------------------------------------------- */

static PyObject *cell_send(PyObject *op, PyObject *object)
{
    struct rw_watch_cell *cell = rwp_link_thing(&BOX(op)->link);
    struct rw_value value;
    int err;

    if (cell == NULL || rwp_value_from(BOX(op)->link.loop->state, object, &value) < 0) {
        return NULL;
    }
    err = rw_watch_cell_send(cell, value);
    if (err < 0) {
        return rwp_raise(BOX(op)->link.loop->state, err, NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *cell_subscribe(PyObject *op, PyObject *unused)
{
    struct rw_watch_cell *cell = rwp_link_thing(&BOX(op)->link);
    struct rwp_loop *loop = BOX(op)->link.loop;

    (void)unused;
    if (cell == NULL) {
        return NULL;
    }
    return rwp_box_new(loop->state->watch_receiver_type, loop, rw_watch_cell_subscribe(cell),
                       drop_cell_receiver);
}

static PyObject *cell_close(PyObject *op, PyObject *unused)
{
    struct rw_watch_cell *cell = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    if (cell == NULL) {
        return NULL;
    }
    rw_watch_cell_close(cell);
    Py_RETURN_NONE;
}

static PyObject *cell_get_value(PyObject *op, void *closure)
{
    struct rw_watch_receiver *receiver = rwp_link_thing(&BOX(op)->link);

    (void)closure;
    return receiver != NULL ? rwp_object_from(BOX(op)->link.loop, rw_watch_receiver_value(receiver)) : NULL;
}

static PyObject *cell_changed(PyObject *op, PyObject *unused)
{
    struct rw_watch_receiver *receiver = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return receiver != NULL ? rwp_op_new(BOX(op)->link.loop, rw_watch_receiver_changed(receiver), NULL, op)
                            : NULL;
}

static PyObject *cell_next(PyObject *op)
{
    struct rw_watch_receiver *receiver = rwp_link_thing(&BOX(op)->link);

    return receiver != NULL
               ? rwp_op_new(BOX(op)->link.loop, rw_watch_receiver_changed(receiver), convert_next, op)
               : NULL;
}

/* ---- types ----------------------------------------------------------------------------------------------------------------------- */

static PyMethodDef broadcast_methods[] = {
    {"send", broadcast_send, METH_O,
     "send(value) - to all who have subscribed, at once; gives how many that are."},
    {"subscribe", broadcast_subscribe, METH_NOARGS,
     "subscribe() - a receiver of everything that is sent from here on."},
    {"close", broadcast_close, METH_NOARGS, "close() - receivers get what is left, then ClosedError."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef broadcast_receiver_methods[] = {
    {"receive", broadcast_receive, METH_NOARGS,
     "receive() - the next value; Lagged when some were missed, ClosedError."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef cell_methods[] = {
    {"send", cell_send, METH_O, "send(value) - change the value."},
    {"subscribe", cell_subscribe, METH_NOARGS, "subscribe() - a receiver that sees the value change."},
    {"close", cell_close, METH_NOARGS, "close() - the value changes no more: ClosedError for who waits."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef cell_receiver_methods[] = {
    {"changed", cell_changed, METH_NOARGS,
     "changed() - the next value that this receiver has not seen; ClosedError."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef cell_receiver_getset[] = {
    {"value", cell_get_value, NULL, "The value now; it counts as seen.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot broadcast_slots[] = {
    {Py_tp_doc, "Sends every value to all subscribers."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, broadcast_methods},
    {0, NULL},
};

static PyType_Slot broadcast_receiver_slots[] = {
    {Py_tp_doc, "One subscriber of a broadcast."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, broadcast_receiver_methods},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, broadcast_next},
    {0, NULL},
};

static PyType_Slot cell_slots[] = {
    {Py_tp_doc, "One value that changes, with subscribers."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, cell_methods},
    {0, NULL},
};

static PyType_Slot cell_receiver_slots[] = {
    {Py_tp_doc, "One subscriber of a watched value."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, cell_receiver_methods},
    {Py_tp_getset, cell_receiver_getset},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, cell_next},
    {0, NULL},
};

static PyType_Spec specs[] = {
    {"ropewalk._ropewalk.Broadcast", sizeof(struct rwp_box), 0, RWP_TYPE_FLAGS, broadcast_slots},
    {"ropewalk._ropewalk.BroadcastReceiver", sizeof(struct rwp_box), 0, RWP_TYPE_FLAGS,
     broadcast_receiver_slots},
    {"ropewalk._ropewalk.Watch", sizeof(struct rwp_box), 0, RWP_TYPE_FLAGS, cell_slots},
    {"ropewalk._ropewalk.WatchReceiver", sizeof(struct rwp_box), 0, RWP_TYPE_FLAGS, cell_receiver_slots},
};

static PyObject *module_broadcast(PyObject *module, PyObject *args)
{
    struct rwp_loop *loop;
    Py_ssize_t capacity;

    if (!PyArg_ParseTuple(args, "n:broadcast", &capacity)) {
        return NULL;
    }
    if (capacity < 1) {
        PyErr_SetString(PyExc_ValueError, "a broadcast's capacity is 1 or more");
        return NULL;
    }
    loop = rwp_running(rwp_state_of_module(module));
    if (loop == NULL) {
        return NULL;
    }
    return rwp_box_new(loop->state->broadcast_type, loop, rw_broadcast_new(loop->loop, (size_t)capacity),
                       drop_broadcast);
}

static PyObject *module_watch(PyObject *module, PyObject *object)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    struct rw_value value;

    if (loop == NULL || rwp_value_from(loop->state, object, &value) < 0) {
        return NULL;
    }
    return rwp_box_new(loop->state->watch_type, loop, rw_watch_cell_new(loop->loop, value), drop_cell);
}

static PyMethodDef functions[] = {
    {"broadcast", module_broadcast, METH_VARARGS, "broadcast(capacity) - every subscriber gets every value."},
    {"watch", module_watch, METH_O, "watch(value) - a value that changes, and who wants to see it change."},
    {NULL, NULL, 0, NULL},
};

int rwp_broadcast_init(struct rwp_state *state)
{
    PyTypeObject **types[] = {&state->broadcast_type, &state->broadcast_receiver_type, &state->watch_type,
                              &state->watch_receiver_type};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        *types[i] = rwp_add_type(state, &specs[i], NULL, true);
        if (*types[i] == NULL) {
            return -1;
        }
    }
    return PyModule_AddFunctions(state->module, functions);
}
