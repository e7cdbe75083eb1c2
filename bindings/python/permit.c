/* SPDX-License-Identifier: MIT
 *
 * permit.c - Permit: room for one value in a channel, reserved before there is a value.
 *
 * Invariant: a permit is used once, by send(), or given back, by close(), by the end of its `with`, or with the object.
 */
#include "rwp.h"

#define BOX(op) ((struct rwp_box *)(op))

static void drop_permit(void *thing)
{
    struct rw_permit *permit = thing;

    rw_permit_release(permit);
    rw_object_unref((struct rw_object *)permit);
}

PyObject *rwp_permit_box(struct rwp_loop *loop, struct rw_value *value)
{
    return rwp_box_new(loop->state->permit_type, loop, value->as.handle, drop_permit);
}

int rwp_channel_value(PyObject *op, PyObject *object, struct rw_value *out)
{
    struct rwp_state *state = BOX(op)->link.loop->state;

    return BOX(op)->kept != NULL ? rwp_value_portable(state, object, out)
                                 : rwp_value_from(state, object, out);
}

PyObject *rwp_permit_convert(struct rwp_op *op, struct rw_value *value)
{
    struct rwp_loop *loop = op->loop;
    PyObject *permit;

    if (rw_is_failure(value)) {
        return rwp_raise_value(loop->state, value);
    }
    permit = rwp_object_from(loop, *value);
    if (permit != NULL) {
        BOX(permit)->kept = Py_XNewRef(BOX(op->owner)->kept);
        Py_XSETREF(op->owner, Py_NewRef(permit));
    }
    return permit;
}

static PyObject *permit_send(PyObject *op, PyObject *object)
{
    struct rw_permit *permit = rwp_link_thing(&BOX(op)->link);
    struct rw_value value;
    int err;

    if (permit == NULL || rwp_channel_value(op, object, &value) < 0) {
        return NULL;
    }
    err = rw_permit_send(permit, &value);
    if (err != 0) {
        rw_value_drop(&value);
        return rwp_raise(BOX(op)->link.loop->state, err, NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *permit_close(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (BOX(op)->link.thing != NULL && rwp_loop_enter(BOX(op)->link.loop)) {
        rw_permit_release(BOX(op)->link.thing);
    }
    Py_RETURN_NONE;
}

static PyObject *permit_exit(PyObject *op, PyObject *args)
{
    (void)args;
    return permit_close(op, NULL);
}

static PyObject *permit_enter(PyObject *op, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(op);
}

static PyMethodDef permit_methods[] = {
    {"send", permit_send, METH_O, "send(value) - use the room; once."},
    {"close", permit_close, METH_NOARGS, "close() - give the room back if it was not used."},
    {"release", permit_close, METH_NOARGS, "release() - the same as close()."},
    {"__enter__", permit_enter, METH_NOARGS, NULL},
    {"__exit__", permit_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot permit_slots[] = {
    {Py_tp_doc, "Room for one value in a channel."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, permit_methods},
    {0, NULL},
};

static PyType_Spec permit_spec = {"ropewalk._ropewalk.Permit", sizeof(struct rwp_box), 0, RWP_TYPE_FLAGS,
                                  permit_slots};

int rwp_permit_init(struct rwp_state *state)
{
    state->permit_type = rwp_add_type(state, &permit_spec, NULL, true);
    return state->permit_type != NULL ? 0 : -1;
}
