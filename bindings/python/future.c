/* SPDX-License-Identifier: MIT
 *
 * future.c - Future, a promise completed by hand; oneshot; and handles of other languages as Python objects.
 *
 * A Future may be awaited any number of times; each await is an op that gets a clone of the value. RemoteTask is the task of
 * another language: it can be awaited and cancelled, no more.
 */
#include "rwp.h"

#define BOX(op) ((struct rwp_box *)(op))

static void drop_promise(void *thing)
{
    rw_promise_unref(thing);
}

static void drop_oneshot(void *thing)
{
    rw_oneshot_unref(thing);
}

static void drop_task(void *thing)
{
    rw_task_unref(thing);
}

/* ---- Future --------------------------------------------------------------------------------------------------------------------- */

static PyObject *future_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct rwp_state *state = PyType_GetModuleState(type);
    struct rwp_loop *loop;

    if (PyTuple_GET_SIZE(args) != 0 || (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0)) {
        PyErr_SetString(PyExc_TypeError, "Future() takes no arguments");
        return NULL;
    }
    loop = rwp_running(state);
    return loop != NULL ? rwp_box_new(type, loop, rw_promise_new(loop->loop), drop_promise) : NULL;
}

static PyObject *future_await(PyObject *op)
{
    struct rw_promise *promise = rwp_link_thing(&BOX(op)->link);

    return promise != NULL ? rwp_op_new(BOX(op)->link.loop, rw_promise_wait(promise), NULL, op) : NULL;
}

static PyObject *resolve(PyObject *op, struct rw_value value)
{
    int err = rw_promise_resolve(BOX(op)->link.thing, value);

    if (err != 0) {
        PyErr_SetString(BOX(op)->link.loop->state->invalid_state_error, "this Future has its result already");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *future_set_result(PyObject *op, PyObject *object)
{
    struct rw_value value;

    if (rwp_link_thing(&BOX(op)->link) == NULL ||
        rwp_value_from(BOX(op)->link.loop->state, object, &value) < 0) {
        return NULL;
    }
    return resolve(op, value);
}

static PyObject *future_set_exception(PyObject *op, PyObject *object)
{
    PyObject *exception;
    struct rw_value value;

    if (rwp_link_thing(&BOX(op)->link) == NULL) {
        return NULL;
    }
    exception = PyExceptionClass_Check(object) ? PyObject_CallNoArgs(object) : Py_NewRef(object);
    if (exception == NULL || !PyExceptionInstance_Check(exception)) {
        Py_XDECREF(exception);
        PyErr_SetString(PyExc_TypeError, "an exception was expected");
        return NULL;
    }
    value = rwp_failure_of(BOX(op)->link.loop->state, exception);
    Py_DECREF(exception);
    return resolve(op, value);
}

static PyObject *future_done(PyObject *op, PyObject *unused)
{
    struct rw_promise *promise = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return promise != NULL ? PyBool_FromLong(rw_promise_is_done(promise)) : NULL;
}

static PyObject *future_result(PyObject *op, PyObject *unused)
{
    struct rw_promise *promise = rwp_link_thing(&BOX(op)->link);
    struct rwp_loop *loop = BOX(op)->link.loop;

    (void)unused;
    if (promise == NULL) {
        return NULL;
    }
    if (!rw_promise_is_done(promise)) {
        PyErr_SetString(loop->state->invalid_state_error, "Result is not set.");
        return NULL;
    }
    return rwp_object_from(loop, rw_value_clone(rw_promise_value(promise)));
}

/* While nobody else holds the promise, what its value keeps is this object's. */
static int future_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct rw_promise *promise = BOX(op)->link.thing;
    const struct rw_value *value = promise != NULL ? rw_promise_value(promise) : NULL;

    Py_VISIT(Py_TYPE(op));
    if (value != NULL && rw_promise_object(promise)->ref_count == 1) {
        PyObject *kept = rwp_sole_object(value);

        Py_VISIT(kept);
    }
    return 0;
}

static PyMethodDef future_methods[] = {
    {"set_result", future_set_result, METH_O,
     "set_result(value) - complete it; InvalidStateError the second time."},
    {"set_exception", future_set_exception, METH_O,
     "set_exception(exception) - let it fail; InvalidStateError the second time."},
    {"done", future_done, METH_NOARGS, "done() - whether it is complete."},
    {"result", future_result, METH_NOARGS,
     "result() - the value, or the exception raised; InvalidStateError before."},
    {"map", rwp_op_map, METH_O, "map(fn) - an awaitable of fn(result)."},
    {"and_then", rwp_op_and_then, METH_O, "and_then(fn) - goes on with what fn(result) gives to await."},
    {"or_else", rwp_op_or_else, METH_O,
     "or_else(fn) - on failure goes on with what fn(exception) gives to await."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef box_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct rwp_box, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot future_slots[] = {
    {Py_tp_doc, "Future() - a value that somebody sets by hand; any number of tasks may await it."},
    {Py_tp_new, future_new},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_traverse, future_traverse},
    {Py_tp_clear, rwp_box_clear},
    {Py_am_await, future_await},
    {Py_tp_methods, future_methods},
    {Py_tp_members, box_members},
    {0, NULL},
};

static PyType_Spec future_spec = {
    "ropewalk._ropewalk.Future",
    sizeof(struct rwp_box),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_GC,
    future_slots,
};

/* ---- oneshot ---------------------------------------------------------------------------------------------------------------------- */

static PyObject *oneshot_send(PyObject *op, PyObject *object)
{
    struct rw_oneshot_sender *sender = rwp_link_thing(&BOX(op)->link);
    struct rw_value value;
    int err;

    if (sender == NULL || rwp_value_from(BOX(op)->link.loop->state, object, &value) < 0) {
        return NULL;
    }
    err = rw_oneshot_send(sender, &value);
    if (err != 0) {
        rw_value_drop(&value);
        return rwp_raise(BOX(op)->link.loop->state, err, NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *oneshot_close(PyObject *op, PyObject *unused)
{
    (void)unused;
    rwp_link_end(&BOX(op)->link);
    Py_RETURN_NONE;
}

static PyObject *oneshot_get_closed(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(BOX(op)->link.thing == NULL || rw_oneshot_is_closed(BOX(op)->link.thing));
}

static PyMethodDef oneshot_methods[] = {
    {"send", oneshot_send, METH_O,
     "send(value) - once; ClosedError when nobody will receive, StateError when used."},
    {"close", oneshot_close, METH_NOARGS, "close() - nothing will be sent: the receiver gets ClosedError."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef oneshot_getset[] = {
    {"closed", oneshot_get_closed, NULL, "Whether the receiver is gone, or close() was called.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot oneshot_slots[] = {
    {Py_tp_doc, "The sending end of a oneshot."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, oneshot_methods},
    {Py_tp_getset, oneshot_getset},
    {0, NULL},
};

static PyType_Spec oneshot_spec = {"ropewalk._ropewalk.OneshotSender", sizeof(struct rwp_box), 0,
                                   RWP_TYPE_FLAGS, oneshot_slots};

static PyObject *module_oneshot(PyObject *module, PyObject *unused)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    struct rw_oneshot_sender *sender;
    struct rw_future *receiver;
    PyObject *tx, *rx;

    (void)unused;
    if (loop == NULL) {
        return NULL;
    }
    if (rw_oneshot_open(loop->loop, &sender, &receiver) != 0) {
        return PyErr_NoMemory();
    }
    tx = rwp_box_new(loop->state->oneshot_type, loop, sender, drop_oneshot);
    rx = rwp_op_new(loop, receiver, NULL, NULL);
    return tx != NULL && rx != NULL ? Py_BuildValue("(NN)", tx, rx) : NULL;
}

/* ---- tasks of other languages ---------------------------------------------------------------------------------------------------------- */

static PyObject *remote_await(PyObject *op)
{
    struct rw_task *task = rwp_link_thing(&BOX(op)->link);

    return task != NULL ? rwp_op_new(BOX(op)->link.loop, rw_task_join(task), rwp_op_tuple, op) : NULL;
}

static PyObject *remote_cancel(PyObject *op, PyObject *args)
{
    struct rw_task *task = rwp_link_thing(&BOX(op)->link);
    const char *reason = NULL;
    bool was_done;

    if (task == NULL || !PyArg_ParseTuple(args, "|z:cancel", &reason)) {
        return NULL;
    }
    was_done = rw_task_is_done(task);
    rw_task_cancel(task, reason);
    return PyBool_FromLong(!was_done);
}

static PyObject *remote_done(PyObject *op, PyObject *unused)
{
    struct rw_task *task = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return task != NULL ? PyBool_FromLong(rw_task_is_done(task)) : NULL;
}

static PyObject *remote_name(PyObject *op, PyObject *unused)
{
    struct rw_task *task = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return task != NULL ? PyUnicode_FromString(rw_task_name(task)) : NULL;
}

static PyMethodDef remote_methods[] = {
    {"cancel", remote_cancel, METH_VARARGS, "cancel(reason=None) - cancel the task; False when it is done."},
    {"done", remote_done, METH_NOARGS, "done() - whether it has ended."},
    {"get_name", remote_name, METH_NOARGS, "get_name() - its name."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot remote_slots[] = {
    {Py_tp_doc, "A task that is not a Python coroutine; await it for its result: several are a tuple."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_am_await, remote_await},
    {Py_tp_methods, remote_methods},
    {0, NULL},
};

static PyType_Spec remote_spec = {"ropewalk._ropewalk.RemoteTask", sizeof(struct rwp_box), 0, RWP_TYPE_FLAGS,
                                  remote_slots};

PyObject *rwp_remote_task_box(struct rwp_loop *loop, struct rw_task *task)
{
    return rwp_box_new(loop->state->remote_type, loop, task, drop_task);
}

/* ---- handles --------------------------------------------------------------------------------------------------------------------------- */

static PyObject *box_of_handle(struct rwp_loop *loop, struct rw_value *value)
{
    if (rw_sender_of(value) != NULL) {
        return rwp_sender_box(loop, rw_sender_of(value));
    }
    if (rw_receiver_of(value) != NULL) {
        return rwp_receiver_box(loop, rw_receiver_of(value));
    }
    if (rw_stream_of(value) != NULL) {
        return rwp_stream_box(loop, rw_stream_of(value));
    }
    if (rw_socket_of(value) != NULL) {
        return rwp_socket_box(loop, rw_socket_of(value));
    }
    if (rw_task_of(value) != NULL) {
        return rwp_remote_task_box(loop, rw_task_of(value));
    }
    if (rw_promise_of(value) != NULL) {
        return rwp_box_new(loop->state->future_type, loop, rw_promise_of(value), drop_promise);
    }
    if (rw_permit_of(value) != NULL) {
        return rwp_permit_box(loop, value);
    }
    return rwp_api_object(loop->state, value);
}

PyObject *rwp_object_of_handle(struct rwp_loop *loop, struct rw_value *value)
{
    return box_of_handle(loop, value);
}

struct rw_object *rwp_handle_of_object(struct rwp_state *state, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    struct rw_object *handle = NULL;
    void *thing;

    if (rwp_task_check(state, object)) {
        thing = rwp_task_of(object)->thing;
        return thing != NULL ? rw_object_ref(rw_task_object(thing)) : NULL;
    }
    if (type != state->sender_type && type != state->receiver_type && type != state->stream_type &&
        type != state->socket_type && type != state->future_type && type != state->remote_type) {
        return NULL;
    }
    thing = rwp_link_thing(&BOX(object)->link);
    if (thing == NULL) {
        return NULL;
    }
    if (type == state->sender_type) {
        handle = rw_sender_object(thing);
    } else if (type == state->receiver_type) {
        handle = rw_receiver_object(thing);
    } else if (type == state->stream_type) {
        handle = rw_stream_object(thing);
    } else if (type == state->socket_type) {
        handle = rw_socket_object(thing);
    } else if (type == state->future_type) {
        handle = rw_promise_object(thing);
    } else {
        handle = rw_task_object(thing);
    }
    return rw_object_ref(handle);
}

static PyMethodDef functions[] = {
    {"oneshot", module_oneshot, METH_NOARGS, "oneshot() - (sender, awaitable): one value, once."},
    {NULL, NULL, 0, NULL},
};

int rwp_future_init(struct rwp_state *state)
{
    state->future_type = rwp_add_type(state, &future_spec, NULL, true);
    state->oneshot_type = rwp_add_type(state, &oneshot_spec, NULL, true);
    state->remote_type = rwp_add_type(state, &remote_spec, NULL, true);
    if (state->future_type == NULL || state->oneshot_type == NULL || state->remote_type == NULL) {
        return -1;
    }
    return PyModule_AddFunctions(state->module, functions);
}
