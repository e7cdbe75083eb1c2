/* SPDX-License-Identifier: MIT
 *
 * loop_task.c - create_task and task factories.
 *
 * Without a factory a coroutine becomes a Task of ours at once. With one, the factory gets what asyncio would give it, which
 * changed in Python 3.13.3: from there on all keywords. A task that is to start eagerly is asyncio's own: the first step of one
 * of ours runs in the executor's turn, never inside a call.
 */
#include "rwp.h"

/* Calls what makes a task of asyncio's, whose first step may run at once: that is no step of a task of ours, even inside
 * one, so the context is out of sight for as long. */
static PyObject *call_for_task(struct rwp_loop *self, PyObject *callable, PyObject *args, PyObject *kwargs)
{
    struct rw_context *cx = self->cx;
    PyObject *task;

    self->cx = NULL;
    task = PyObject_Call(callable, args, kwargs);
    self->cx = cx;
    return task;
}

static PyObject *create_by_factory(struct rwp_loop *self, PyObject *coro, PyObject *kwargs)
{
    PyObject *args = PyTuple_Pack(2, (PyObject *)self, coro);
    PyObject *passed = kwargs != NULL ? PyDict_Copy(kwargs) : PyDict_New();
    PyObject *name = NULL;
    PyObject *task = NULL;

    if (args == NULL || passed == NULL) {
        goto done;
    }
#if PY_VERSION_HEX < 0x030D0300
    name = Py_XNewRef(PyDict_GetItemString(passed, "name"));
    if (name != NULL && PyDict_DelItemString(passed, "name") < 0) {
        goto done;
    }
    if (PyDict_GetItemString(passed, "context") == Py_None && PyDict_DelItemString(passed, "context") < 0) {
        goto done;
    }
#endif
    task = call_for_task(self, self->task_factory, args, passed);
    if (task != NULL && name != NULL && name != Py_None) {
        PyObject *set = PyObject_CallMethod(task, "set_name", "O", name);

        Py_XDECREF(set);
        if (set == NULL) {
            PyErr_Clear();
        }
    }
done:
    Py_XDECREF(name);
    Py_XDECREF(passed);
    Py_XDECREF(args);
    return task;
}

#if PY_VERSION_HEX >= 0x030C0000
static PyObject *create_eager(struct rwp_loop *self, PyObject *coro, PyObject *name, PyObject *context)
{
    PyObject *args = PyTuple_Pack(1, coro);
    PyObject *kwargs =
        Py_BuildValue("{s:O,s:O,s:O,s:O}", "loop", (PyObject *)self, "name", name != NULL ? name : Py_None,
                      "context", context != NULL ? context : Py_None, "eager_start", Py_True);
    PyObject *task = args != NULL && kwargs != NULL
                         ? call_for_task(self, (PyObject *)self->state->task_type->tp_base, args, kwargs)
                         : NULL;

    Py_XDECREF(kwargs);
    Py_XDECREF(args);
    return task;
}
#endif

PyObject *rwp_loop_create_task(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"coro", "name", "context", "eager_start", NULL};
    struct rwp_loop *self = (struct rwp_loop *)op;
    PyObject *coro, *name = NULL, *context = NULL, *eager = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOO:create_task", names, &coro, &name, &context,
                                     &eager)) {
        return NULL;
    }
    if (!rwp_loop_enter(self)) {
        return NULL;
    }
    if (self->task_factory != NULL) {
        return create_by_factory(self, coro, kwargs);
    }
    if (eager != NULL && eager != Py_None) {
        int is_eager = PyObject_IsTrue(eager);

        if (is_eager < 0) {
            return NULL;
        }
#if PY_VERSION_HEX >= 0x030C0000
        if (is_eager) {
            return create_eager(self, coro, name, context);
        }
#endif
    }
    if (rwp_task_refuse_eager(eager) < 0) {
        return NULL;
    }
    return rwp_task_spawn(self, coro, name == Py_None ? NULL : name, context == Py_None ? NULL : context,
                          NULL);
}

PyObject *rwp_loop_set_task_factory(PyObject *op, PyObject *factory)
{
    struct rwp_loop *self = (struct rwp_loop *)op;

    if (factory != Py_None && !PyCallable_Check(factory)) {
        PyErr_SetString(PyExc_TypeError, "task factory must be a callable or None");
        return NULL;
    }
    Py_XSETREF(self->task_factory, factory == Py_None ? NULL : Py_NewRef(factory));
    Py_RETURN_NONE;
}

PyObject *rwp_loop_get_task_factory(PyObject *op, PyObject *unused)
{
    struct rwp_loop *self = (struct rwp_loop *)op;

    (void)unused;
    return Py_NewRef(self->task_factory != NULL ? self->task_factory : Py_None);
}
