/* SPDX-License-Identifier: MIT
 *
 * scope.c - Scope: the core's scopes as context managers.
 *
 * One type serves scope(), fail_after(), move_on_after() and shield(). `with` enters and leaves at once, so such a scope
 * cannot have children; `async with` waits for them on the way out. What leaving means is decided in the core
 * (rw_scope_close); here the outcome becomes what Python expects: the exception goes on, is swallowed, becomes
 * TimeoutError, or an ExceptionGroup of everything that failed in a scope with children.
 *
 * A CancelledError can also come from Task.cancel(), of which the core knows nothing. More cancel() than uncancel() since
 * the scope was entered means that it is not ours to swallow.
 */
#include "rwp_scope.h"

static void drop_scope(void *thing)
{
    rw_scope_abandon(thing);
}

static struct rwp_scope *make(PyObject *module, int64_t timeout_ns, unsigned flags)
{
    struct rwp_state *state = rwp_state_of_module(module);
    struct rwp_scope *self = PyObject_New(struct rwp_scope, state->scope_type);

    if (self != NULL) {
        memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
        self->timeout_ns = timeout_ns;
        self->flags = flags;
    }
    return self;
}

static void scope_dealloc(PyObject *op)
{
    struct rwp_scope *self = (struct rwp_scope *)op;
    PyTypeObject *type = Py_TYPE(op);

    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    rwp_link_end(&self->link);
    Py_XDECREF(self->task);
    Py_XDECREF(self->body);
    Py_XDECREF(self->name);
    PyObject_Free(op);
    Py_DECREF(type);
}

/* ---- entering -------------------------------------------------------------------------------------------------------------- */

static int enter(struct rwp_scope *self)
{
    struct rwp_state *state = PyType_GetModuleState(Py_TYPE(self));
    struct rwp_task *task;
    struct rwp_loop *loop;
    struct rw_scope_options options = {.flags = self->flags, .deadline_ns = RW_NEVER};
    struct rw_scope *scope;

    if (self->state != SCOPE_NEW) {
        rwp_raise(state, RW_ERR_STATE, "a scope is entered once");
        return -1;
    }
    task = rwp_current_task(state, "a scope");
    if (task == NULL) {
        return -1;
    }
    loop = rwp_task_loop(task);
    if (self->timeout_ns != RW_NEVER) {
        rw_loop_update_now(loop->loop);
        options.deadline_ns = rw_deadline_after(loop->loop, self->timeout_ns);
    }
    options.name = self->name != NULL ? PyUnicode_AsUTF8(self->name) : NULL;
    scope = rw_scope_open(loop->cx->task, &options);
    if (scope == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    rwp_link_begin(&self->link, loop, scope, drop_scope);
    self->task = Py_NewRef(rwp_task_object(task));
    self->cancelling = (uint32_t)task->face.cancelling;
    self->state = SCOPE_OPEN;
    if (self->cancel_early) {
        rw_scope_cancel(scope, NULL);
    }
    return 0;
}

static PyObject *scope_enter(PyObject *op, PyObject *unused)
{
    (void)unused;
    return enter((struct rwp_scope *)op) == 0 ? Py_NewRef(op) : NULL;
}

static PyObject *scope_aenter(PyObject *op, PyObject *unused)
{
    struct rwp_scope *self = (struct rwp_scope *)op;

    (void)unused;
    return enter(self) == 0 ? rwp_op_done(PyType_GetModuleState(Py_TYPE(op)), Py_NewRef(op)) : NULL;
}

/* ---- methods ---------------------------------------------------------------------------------------------------------------- */

static struct rw_scope *open_scope(struct rwp_scope *self)
{
    struct rwp_state *state = PyType_GetModuleState(Py_TYPE(self));

    if (self->state == SCOPE_NEW || self->state == SCOPE_CLOSED) {
        rwp_raise(state, RW_ERR_STATE,
                  self->state == SCOPE_NEW ? "enter the scope first" : "this scope has ended");
        return NULL;
    }
    return rwp_link_thing(&self->link);
}

struct rw_scope *rwp_scope_of(struct rwp_state *state, PyObject *object)
{
    if (Py_TYPE(object) != state->scope_type) {
        PyErr_SetString(PyExc_TypeError, "a Scope was expected");
        return NULL;
    }
    return open_scope((struct rwp_scope *)object);
}

static PyObject *scope_spawn(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"coro", "name", "context", NULL};
    struct rwp_scope *self = (struct rwp_scope *)op;
    PyObject *coro, *name = Py_None, *context = Py_None;
    struct rw_scope *scope;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OO:spawn", names, &coro, &name, &context)) {
        return NULL;
    }
    scope = open_scope(self);
    if (scope == NULL) {
        return NULL;
    }
    if (!self->has_children) {
        return rwp_raise(self->link.loop->state, RW_ERR_STATE, "only a ropewalk.scope() has children");
    }
    return rwp_task_spawn(self->link.loop, coro, name == Py_None ? NULL : name,
                          context == Py_None ? NULL : context, scope);
}

static PyObject *scope_cancel(PyObject *op, PyObject *args)
{
    struct rwp_scope *self = (struct rwp_scope *)op;
    const char *reason = NULL;

    if (!PyArg_ParseTuple(args, "|z:cancel", &reason)) {
        return NULL;
    }
    if (self->state == SCOPE_NEW) {
        self->cancel_early = true;
        self->called = true;
    } else if (self->state != SCOPE_CLOSED) {
        struct rw_scope *scope = rwp_link_thing(&self->link);

        if (scope == NULL) {
            return NULL;
        }
        rw_scope_cancel(scope, reason);
    }
    Py_RETURN_NONE;
}

static PyObject *get_cancel_called(PyObject *op, void *closure)
{
    struct rwp_scope *self = (struct rwp_scope *)op;

    (void)closure;
    return PyBool_FromLong(self->link.thing != NULL ? rw_scope_cancel_called(self->link.thing)
                                                    : self->called);
}

static PyObject *get_caught(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((struct rwp_scope *)op)->caught);
}

static PyObject *get_deadline(PyObject *op, void *closure)
{
    struct rwp_scope *self = (struct rwp_scope *)op;
    int64_t deadline_ns;

    (void)closure;
    if (self->link.thing == NULL) {
        return PyFloat_FromDouble(Py_HUGE_VAL);
    }
    deadline_ns = rw_scope_deadline(self->link.thing);
    return PyFloat_FromDouble(deadline_ns == RW_NEVER ? Py_HUGE_VAL : (double)deadline_ns / 1e9);
}

static int set_deadline(PyObject *op, PyObject *value, void *closure)
{
    struct rw_scope *scope = open_scope((struct rwp_scope *)op);
    int64_t deadline_ns;

    (void)closure;
    if (scope == NULL || value == NULL || rwp_seconds(value, &deadline_ns) < 0) {
        return -1;
    }
    if (rw_scope_set_deadline(scope, deadline_ns) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static PyObject *get_child_count(PyObject *op, void *closure)
{
    struct rwp_scope *self = (struct rwp_scope *)op;

    (void)closure;
    return PyLong_FromSize_t(self->link.thing != NULL ? rw_scope_child_count(self->link.thing) : 0);
}

static PyObject *scope_repr(PyObject *op)
{
    static const char *const states[] = {"not entered", "open", "leaving", "closed"};
    struct rwp_scope *self = (struct rwp_scope *)op;

    if (self->name != NULL) {
        return PyUnicode_FromFormat("<Scope %R, %s>", self->name, states[self->state]);
    }
    return PyUnicode_FromFormat("<Scope, %s>", states[self->state]);
}

#define FAST(method) ((PyCFunction)(void (*)(void))(method))

static PyMethodDef scope_methods[] = {
    {"__enter__", scope_enter, METH_NOARGS, NULL},
    {"__exit__", FAST(rwp_scope_exit), METH_FASTCALL, NULL},
    {"__aenter__", scope_aenter, METH_NOARGS, NULL},
    {"__aexit__", FAST(rwp_scope_aexit), METH_FASTCALL, NULL},
    {"spawn", FAST(scope_spawn), METH_VARARGS | METH_KEYWORDS,
     "spawn(coro, *, name=None, context=None) - run a coroutine as a child of this scope; gives its Task."},
    {"cancel", scope_cancel, METH_VARARGS,
     "cancel(reason=None) - cancel the body and all children, now and from now on."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef scope_getset[] = {
    {"cancel_called", get_cancel_called, NULL, "Whether cancel() was called or the deadline has passed.",
     NULL},
    {"cancelled_caught", get_caught, NULL, "After leaving: whether a cancellation ended here.", NULL},
    {"deadline", get_deadline, set_deadline,
     "When it is cancelled, in seconds of loop.time(); inf for never.", NULL},
    {"child_count", get_child_count, NULL, "How many children are running.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef scope_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct rwp_scope, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot scope_slots[] = {
    {Py_tp_doc, "A part of a task's life that can be cancelled as a whole. Made by scope(), fail_after() and "
                "their kin."},
    {Py_tp_dealloc, scope_dealloc},
    {Py_tp_repr, scope_repr},
    {Py_tp_methods, scope_methods},
    {Py_tp_getset, scope_getset},
    {Py_tp_members, scope_members},
    {0, NULL},
};

static PyType_Spec scope_spec = {"ropewalk._ropewalk.Scope", sizeof(struct rwp_scope), 0, RWP_TYPE_FLAGS,
                                 scope_slots};

/* ---- makers ------------------------------------------------------------------------------------------------------------------ */

static int read_timeout(PyObject *seconds, int64_t *timeout_ns)
{
    if (seconds == Py_None) {
        *timeout_ns = RW_NEVER;
        return 0;
    }
    return rwp_seconds(seconds, timeout_ns);
}

static PyObject *make_with(PyObject *module, PyObject *seconds, unsigned flags)
{
    int64_t timeout_ns;

    return read_timeout(seconds, &timeout_ns) == 0 ? (PyObject *)make(module, timeout_ns, flags) : NULL;
}

static PyObject *module_fail_after(PyObject *module, PyObject *seconds)
{
    return make_with(module, seconds, RW_SCOPE_FAIL_AFTER);
}

static PyObject *module_move_on_after(PyObject *module, PyObject *seconds)
{
    return make_with(module, seconds, 0);
}

static PyObject *module_shield(PyObject *module, PyObject *args)
{
    PyObject *seconds = Py_None;

    return PyArg_ParseTuple(args, "|O:shield", &seconds) ? make_with(module, seconds, RW_SCOPE_SHIELD) : NULL;
}

static PyObject *module_scope(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"name", "timeout", "shield", NULL};
    PyObject *name = Py_None, *seconds = Py_None;
    struct rwp_scope *self;
    int64_t timeout_ns;
    int shield = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOp:scope", names, &name, &seconds, &shield) ||
        read_timeout(seconds, &timeout_ns) < 0) {
        return NULL;
    }
    if (name != Py_None && !PyUnicode_Check(name)) {
        PyErr_SetString(PyExc_TypeError, "a scope's name is a str");
        return NULL;
    }
    self = make(module, timeout_ns, shield != 0 ? RW_SCOPE_SHIELD : 0);
    if (self != NULL) {
        self->has_children = true;
        self->name = name != Py_None ? Py_NewRef(name) : NULL;
    }
    return (PyObject *)self;
}

static PyMethodDef functions[] = {
    {"scope", FAST(module_scope), METH_VARARGS | METH_KEYWORDS,
     "scope(name=None, timeout=None, shield=False) - a nursery for tasks: none outlives the `async with` "
     "block."},
    {"fail_after", module_fail_after, METH_O,
     "fail_after(seconds) - cancel the block after that time; TimeoutError then."},
    {"timeout", module_fail_after, METH_O, "timeout(seconds) - the same as fail_after()."},
    {"move_on_after", module_move_on_after, METH_O,
     "move_on_after(seconds) - leave the block after that time, without error."},
    {"shield", module_shield, METH_VARARGS,
     "shield(seconds=None) - cancelling from outside waits until the block has ended."},
    {NULL, NULL, 0, NULL},
};

int rwp_scope_init(struct rwp_state *state)
{
    state->scope_type = rwp_add_type(state, &scope_spec, NULL, true);
    return state->scope_type != NULL ? PyModule_AddFunctions(state->module, functions) : -1;
}
