/* SPDX-License-Identifier: MIT
 *
 * sync.c - Semaphore and Notify. Lock, Event, Condition and the others are built on them in Python (ropewalk._sync).
 *
 * Both are fair and belong to the loop that was running when they were made. A cancelled acquire has either the permit or not:
 * the core takes care of that, so nothing is given back here.
 */
#include "rwp.h"

#define BOX(op) ((struct rwp_box *)(op))

static void drop_semaphore(void *thing)
{
    rw_semaphore_unref(thing);
}

static void drop_notify(void *thing)
{
    rw_notify_unref(thing);
}

static int read_permits(PyObject *const *args, Py_ssize_t count, Py_ssize_t *permits)
{
    *permits = 1;
    if (count > 1) {
        PyErr_SetString(PyExc_TypeError, "at most one argument was expected: a number of permits");
        return -1;
    }
    if (count == 1) {
        *permits = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
        if (*permits == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    if (*permits < 1) {
        PyErr_SetString(PyExc_ValueError, "at least one permit");
        return -1;
    }
    return 0;
}

static PyObject *semaphore_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"value", NULL};
    struct rwp_loop *loop;
    Py_ssize_t value = 1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|n:Semaphore", names, &value)) {
        return NULL;
    }
    if (value < 0) {
        PyErr_SetString(PyExc_ValueError, "a semaphore's value is 0 or more");
        return NULL;
    }
    loop = rwp_running(PyType_GetModuleState(type));
    return loop != NULL ? rwp_box_new(type, loop, rw_semaphore_new(loop->loop, (size_t)value), drop_semaphore)
                        : NULL;
}

static PyObject *semaphore_acquire(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rw_semaphore *semaphore = rwp_link_thing(&BOX(op)->link);
    Py_ssize_t permits;

    if (semaphore == NULL || read_permits(args, count, &permits) < 0) {
        return NULL;
    }
    return rwp_op_new(BOX(op)->link.loop, rw_semaphore_acquire(semaphore, (size_t)permits), NULL, op);
}

static PyObject *semaphore_acquire_nowait(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rw_semaphore *semaphore = rwp_link_thing(&BOX(op)->link);
    Py_ssize_t permits;

    if (semaphore == NULL || read_permits(args, count, &permits) < 0) {
        return NULL;
    }
    if (!rw_semaphore_try_acquire(semaphore, (size_t)permits)) {
        return rwp_raise(BOX(op)->link.loop->state, RW_ERR_FULL, NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *semaphore_release(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rw_semaphore *semaphore = rwp_link_thing(&BOX(op)->link);
    Py_ssize_t permits;

    if (semaphore == NULL || read_permits(args, count, &permits) < 0) {
        return NULL;
    }
    rw_semaphore_release(semaphore, (size_t)permits);
    Py_RETURN_NONE;
}

static PyObject *semaphore_close(PyObject *op, PyObject *unused)
{
    struct rw_semaphore *semaphore = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    if (semaphore == NULL) {
        return NULL;
    }
    rw_semaphore_close(semaphore);
    Py_RETURN_NONE;
}

static PyObject *semaphore_aenter(PyObject *op, PyObject *unused)
{
    (void)unused;
    return semaphore_acquire(op, NULL, 0);
}

static PyObject *semaphore_aexit(PyObject *op, PyObject *args)
{
    PyObject *released = semaphore_release(op, NULL, 0);

    (void)args;
    return released != NULL ? rwp_op_done(BOX(op)->link.state, released) : NULL;
}

static PyObject *semaphore_get_value(PyObject *op, void *closure)
{
    struct rw_semaphore *semaphore = rwp_link_thing(&BOX(op)->link);

    (void)closure;
    return semaphore != NULL ? PyLong_FromSize_t(rw_semaphore_available(semaphore)) : NULL;
}

static PyObject *notify_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct rwp_loop *loop;

    if (PyTuple_GET_SIZE(args) != 0 || (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0)) {
        PyErr_SetString(PyExc_TypeError, "Notify() takes no arguments");
        return NULL;
    }
    loop = rwp_running(PyType_GetModuleState(type));
    return loop != NULL ? rwp_box_new(type, loop, rw_notify_new(loop->loop), drop_notify) : NULL;
}

static PyObject *notify_wait(PyObject *op, PyObject *unused)
{
    struct rw_notify *notify = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return notify != NULL ? rwp_op_new(BOX(op)->link.loop, rw_notify_wait(notify), NULL, op) : NULL;
}

static PyObject *notify_one(PyObject *op, PyObject *unused)
{
    struct rw_notify *notify = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    if (notify == NULL) {
        return NULL;
    }
    rw_notify_one(notify);
    Py_RETURN_NONE;
}

static PyObject *notify_all(PyObject *op, PyObject *unused)
{
    struct rw_notify *notify = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return notify != NULL ? PyLong_FromSize_t(rw_notify_all(notify)) : NULL;
}

#define FAST(method) ((PyCFunction)(void (*)(void))(method))

static PyMethodDef semaphore_methods[] = {
    {"acquire", FAST(semaphore_acquire), METH_FASTCALL,
     "acquire(count=1) - wait for so many permits; first come, first served."},
    {"acquire_nowait", FAST(semaphore_acquire_nowait), METH_FASTCALL,
     "acquire_nowait(count=1) - take them now, or WouldBlock."},
    {"release", FAST(semaphore_release), METH_FASTCALL,
     "release(count=1) - give them back, or add new ones."},
    {"close", semaphore_close, METH_NOARGS, "close() - everybody who waits, now or later, gets ClosedError."},
    {"__aenter__", semaphore_aenter, METH_NOARGS, NULL},
    {"__aexit__", semaphore_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef semaphore_getset[] = {
    {"value", semaphore_get_value, NULL, "How many permits are free.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef notify_methods[] = {
    {"wait", notify_wait, METH_NOARGS, "wait() - until somebody notifies."},
    {"notify_one", notify_one, METH_NOARGS,
     "notify_one() - wake one who waits, or let the next wait() return at once."},
    {"notify_all", notify_all, METH_NOARGS, "notify_all() - wake all who wait now; gives how many."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot semaphore_slots[] = {
    {Py_tp_doc, "Semaphore(value=1) - a number of permits; `async with` holds one."},
    {Py_tp_new, semaphore_new},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, semaphore_methods},
    {Py_tp_getset, semaphore_getset},
    {0, NULL},
};

static PyType_Slot notify_slots[] = {
    {Py_tp_doc, "Notify() - wakes who waits."},
    {Py_tp_new, notify_new},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, notify_methods},
    {0, NULL},
};

static PyType_Spec semaphore_spec = {
    "ropewalk._ropewalk.Semaphore",
    sizeof(struct rwp_box),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    semaphore_slots,
};
static PyType_Spec notify_spec = {
    "ropewalk._ropewalk.Notify",
    sizeof(struct rwp_box),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    notify_slots,
};

int rwp_sync_init(struct rwp_state *state)
{
    state->semaphore_type = rwp_add_type(state, &semaphore_spec, NULL, true);
    state->notify_type = rwp_add_type(state, &notify_spec, NULL, true);
    return state->semaphore_type != NULL && state->notify_type != NULL ? 0 : -1;
}
