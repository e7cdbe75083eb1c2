/* SPDX-License-Identifier: MIT
 *
 * task.c - Task: its making, its cancelling and its end.
 *
 * A Task is an asyncio.Task by inheritance, so that isinstance and whoever relies on it are content; the base's own
 * fields stay zero, and every method that would look at them is replaced (here and in task_face.c). The future that the
 * executor polls is embedded in the object. Invariant: the executor holds one reference to the object from spawn until it
 * drops that future, and the object is in its loop's list for exactly that time.
 *
 *      PENDING --returned or raised--> FINISHED
 *         `-----CancelledError--------> CANCELLED        rwp_task_finish is the only writer of `state`
 */
#include "rwp.h"

/* ---- asyncio's set of tasks ---------------------------------------------------------------------------------------------- */

/* The set is a WeakSet; its own add and its callback on removal cost more than the task itself, so the reference goes
 * directly into the set inside it, and out again when the task is done. */
int rwp_task_register(struct rwp_state *state, struct rwp_task *self)
{
    if (state->register_task != NULL) {
        PyObject *done = PyObject_CallOneArg(state->register_task, rwp_task_object(self));

        self->scheduled = done != NULL ? Py_NewRef(Py_True) : NULL;
        Py_XDECREF(done);
        return done != NULL ? 0 : -1;
    }
    self->scheduled = PyWeakref_NewRef(rwp_task_object(self), NULL);
    if (self->scheduled == NULL) {
        return -1;
    }
    return PySet_Add(state->scheduled_data, self->scheduled);
}

void rwp_task_unregister(struct rwp_state *state, struct rwp_task *self)
{
    if (self->scheduled == Py_True) {
        PyObject *done = PyObject_CallOneArg(state->unregister_task, rwp_task_object(self));

        if (done == NULL) {
            PyErr_Clear();
        }
        Py_XDECREF(done);
        Py_CLEAR(self->scheduled);
    } else if (self->scheduled != NULL) {
        if (state->scheduled_data != NULL && PySet_Discard(state->scheduled_data, self->scheduled) < 0) {
            PyErr_Clear();
        }
        Py_CLEAR(self->scheduled);
    }
}

/* ---- making -------------------------------------------------------------------------------------------------------------- */

static void drop_rw_task(void *thing)
{
    rw_task_detach(thing);
}

static int check_coroutine(struct rwp_state *state, PyObject *coro)
{
    PyObject *answer;
    int is_true;

    if (PyCoro_CheckExact(coro)) {
        return 0;
    }
    answer = PyObject_CallOneArg(state->iscoroutine, coro);
    is_true = answer != NULL ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    if (is_true == 0) {
        PyErr_Format(PyExc_TypeError, "a coroutine was expected, got %R", coro);
    }
    return is_true == 1 ? 0 : -1;
}

static int set_name(struct rwp_task *self, PyObject *name)
{
    PyObject *text = PyUnicode_CheckExact(name) ? Py_NewRef(name) : PyObject_Str(name);

    if (text == NULL) {
        return -1;
    }
    Py_XSETREF(self->name, text);
    return 0;
}

static void join_list(struct rwp_task *self)
{
    struct rwp_loop *loop = rwp_task_loop(self);

    self->prev = NULL;
    self->next = loop->tasks;
    if (self->next != NULL) {
        self->next->prev = self;
    }
    loop->tasks = self;
}

static int hand_to_executor(struct rwp_task *self, struct rw_scope *scope)
{
    struct rwp_loop *loop = rwp_task_loop(self);
    struct rw_task *task;

    rw_future_init(&self->future, &rwp_task_vtable);
    Py_INCREF(rwp_task_object(self));
    join_list(self);
    self->queued = true;
    task = scope != NULL ? rw_scope_spawn(scope, &self->future, NULL)
                         : rw_spawn(loop->loop, &self->future, NULL);
    if (task == NULL) {
        /* The future was dropped, and the task with it marked as cancelled. */
        rwp_raise(loop->state, RW_ERR_STATE, scope != NULL ? "this scope has ended" : "the loop is ending");
        return -1;
    }
    if (scope != NULL) {
        self->log_destroy_pending = false;
        self->in_scope = true;
    }
    rwp_link_begin(&self->link, loop, task, drop_rw_task);
    return 0;
}

static int init_task(struct rwp_task *self, struct rwp_loop *loop, PyObject *coro, PyObject *name,
                     PyObject *context)
{
    struct rwp_state *state = loop->state;

    if (check_coroutine(state, coro) < 0) {
        return -1;
    }
    self->coro = Py_NewRef(coro);
    self->loop = Py_NewRef((PyObject *)loop);
    self->log_destroy_pending = true;
    self->number = ++state->task_number;
    self->context = context != NULL ? Py_NewRef(context) : PyContext_CopyCurrent();
    if (self->context == NULL || (name != NULL && set_name(self, name) < 0)) {
        return -1;
    }
    if (context != NULL && !PyContext_CheckExact(context)) {
        PyErr_Format(PyExc_TypeError, "a Context was expected, got %R", context);
        return -1;
    }
    return rwp_task_register(state, self);
}

PyObject *rwp_task_spawn(struct rwp_loop *loop, PyObject *coro, PyObject *name, PyObject *context,
                         struct rw_scope *scope)
{
    struct rwp_task *self = (struct rwp_task *)loop->state->task_type->tp_alloc(loop->state->task_type, 0);

    if (self == NULL) {
        return NULL;
    }
    if (init_task(self, loop, coro, name, context) < 0 || hand_to_executor(self, scope) < 0) {
        self->log_destroy_pending = false;
        Py_DECREF(self);
        return NULL;
    }
    return rwp_task_object(self);
}

/* Task(coro, *, loop=None, name=None, context=None), as asyncio's: for factories. */
static int task_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"coro", "loop", "name", "context", "eager_start", NULL};
    struct rwp_state *state = rwp_state_of(op);
    struct rwp_loop *loop;
    PyObject *coro, *loop_object = Py_None, *name = Py_None, *context = Py_None, *eager = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOOO:Task", names, &coro, &loop_object, &name,
                                     &context, &eager)) {
        return -1;
    }
    if (rwp_task_of(op)->coro != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "a task is made once");
        return -1;
    }
    if (loop_object != Py_None && !PyObject_TypeCheck(loop_object, state->loop_type)) {
        PyErr_SetString(PyExc_TypeError, "a ropewalk.Task runs on a ropewalk.EventLoop only");
        return -1;
    }
    loop = loop_object != Py_None ? (struct rwp_loop *)loop_object : rwp_running(state);
    if (loop == NULL || !rwp_loop_enter(loop)) {
        return -1;
    }
    if (init_task(rwp_task_of(op), loop, coro, name == Py_None ? NULL : name,
                  context == Py_None ? NULL : context) < 0) {
        return -1;
    }
    return hand_to_executor(rwp_task_of(op), NULL);
}

bool rwp_task_check(struct rwp_state *state, PyObject *object)
{
    return Py_TYPE(object) == state->task_type || PyType_IsSubtype(Py_TYPE(object), state->task_type);
}

/* ---- cancelling ----------------------------------------------------------------------------------------------------------- */

static int cancel_awaited(struct rwp_task *self, PyObject *message)
{
    struct rwp_state *state = rwp_task_loop(self)->state;
    PyObject *arguments[2] = {self->awaiting, message};
    PyObject *answer = PyObject_VectorcallMethod(state->names[RWP_N_CANCEL], arguments, 1,
                                                 message != NULL ? state->names_msg : NULL);
    int is_true = answer != NULL ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(answer);
    return is_true;
}

int rwp_task_cancel(struct rwp_task *self, PyObject *message)
{
    struct rwp_loop *loop = rwp_task_loop(self);

    self->log_traceback = false;
    if (self->state != RWP_TASK_PENDING) {
        return 0;
    }
    if (!rwp_loop_enter(loop)) {
        return -1;
    }
    message = message == Py_None ? NULL : message;
    self->cancelling++;
    if (self->awaiting != NULL && Py_TYPE(self->awaiting) != loop->state->op_type) {
        int taken = cancel_awaited(self, message);

        if (taken != 0) {
            return taken;
        }
    }
    self->must_cancel = true;
    Py_XSETREF(self->cancel_message, Py_XNewRef(message));
    if (self->awaiting != NULL && Py_TYPE(self->awaiting) == loop->state->op_type) {
        struct rwp_op *op = (struct rwp_op *)self->awaiting;

        if (op->link.thing != NULL) {
            rw_future_cancel(op->link.thing);
        }
        if (self->link.thing != NULL) {
            rw_task_wake(self->link.thing);
        }
    }
    return 1;
}

/* ---- the object ------------------------------------------------------------------------------------------------------------- */

/* The core's task keeps the outcome, and with an exception all that its frames refer to, this task included. While nobody
 * else holds the core's task, what it keeps is this object's. */
static PyObject *kept_by_core(struct rwp_task *self)
{
    struct rw_task *task = self->link.thing;

    if (self->state != RWP_TASK_FINISHED || task == NULL || rw_task_object(task)->ref_count != 1) {
        return NULL;
    }
    return rwp_sole_object(&self->outcome);
}

static int task_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct rwp_task *self = rwp_task_of(op);

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->loop);
    Py_VISIT(self->coro);
    Py_VISIT(self->context);
    Py_VISIT(self->name);
    Py_VISIT(self->awaiting);
    Py_VISIT(self->result);
    Py_VISIT(self->cancel_message);
    Py_VISIT(self->callbacks);
    Py_VISIT(self->wakeup);
    PyObject *kept = kept_by_core(self);

    Py_VISIT(kept);
    return 0;
}

static int task_clear(PyObject *op)
{
    struct rwp_task *self = rwp_task_of(op);

    if (self->wakeup != NULL) {
        ((struct rwp_wakeup *)self->wakeup)->task = NULL;
    }
    Py_CLEAR(self->coro);
    Py_CLEAR(self->context);
    Py_CLEAR(self->name);
    Py_CLEAR(self->awaiting);
    Py_CLEAR(self->result);
    Py_CLEAR(self->cancel_message);
    Py_CLEAR(self->callbacks);
    Py_CLEAR(self->wakeup);
    return 0;
}

static void task_dealloc(PyObject *op)
{
    struct rwp_task *self = rwp_task_of(op);
    PyTypeObject *type = Py_TYPE(op);
    struct rwp_state *state = self->loop != NULL ? rwp_task_loop(self)->state : rwp_state_of(op);
    inquiry clear_base = type->tp_base->tp_clear;

    /* Most tasks have nothing left to report. */
    if ((self->state == RWP_TASK_PENDING || self->log_traceback) &&
        PyObject_CallFinalizerFromDealloc(op) < 0) {
        return;
    }
    PyObject_GC_UnTrack(op);
    PyObject_ClearWeakRefs(op);
    if (state != NULL && self->scheduled != Py_True) {
        rwp_task_unregister(state, self); /* never handed to the executor */
    }
    rwp_link_end(&self->link);
    (void)task_clear(op);
    Py_CLEAR(self->loop);
    if (state != NULL && clear_base != NULL && type == state->task_type) {
        (void)clear_base(op);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

static void wakeup_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_Free(op);
    Py_DECREF(type);
}

/* Called by futures whose loop's call_soon is not ours. */
static PyObject *wakeup_call(PyObject *op, PyObject *args, PyObject *kwargs)
{
    (void)kwargs;
    if (PyTuple_GET_SIZE(args) == 1) {
        rwp_wakeup_fire(op, PyTuple_GET_ITEM(args, 0));
    }
    Py_RETURN_NONE;
}

static PyObject *wakeup_repr(PyObject *op)
{
    struct rwp_task *task = ((struct rwp_wakeup *)op)->task;

    return PyUnicode_FromFormat("<wakeup of %R>", task != NULL ? rwp_task_object(task) : Py_None);
}

static PyType_Slot wakeup_slots[] = {
    {Py_tp_doc, "What a future calls to wake a task."},
    {Py_tp_dealloc, wakeup_dealloc},
    {Py_tp_call, wakeup_call},
    {Py_tp_repr, wakeup_repr},
    {0, NULL},
};

static PyType_Spec wakeup_spec = {"ropewalk._ropewalk.Wakeup", sizeof(struct rwp_wakeup), 0, RWP_TYPE_FLAGS,
                                  wakeup_slots};

static PyType_Slot task_slots[] = {
    {Py_tp_doc, "A coroutine that runs on a ropewalk.EventLoop. Also an asyncio.Task."},
    {Py_tp_init, task_init},
    {Py_tp_dealloc, task_dealloc},
    {Py_tp_finalize, rwp_task_finalize},
    {Py_tp_traverse, task_traverse},
    {Py_tp_clear, task_clear},
    {Py_tp_repr, rwp_task_repr},
    {Py_tp_iter, rwp_task_iter},
    {Py_am_await, rwp_task_iter},
    {Py_tp_methods, rwp_task_methods},
    {Py_tp_getset, rwp_task_getset},
    {0, NULL},
};

static PyType_Spec task_spec = {
    "ropewalk._ropewalk.Task",
    sizeof(struct rwp_task),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    task_slots,
};

int rwp_task_init(struct rwp_state *state)
{
    PyObject *asyncio = PyImport_ImportModule("asyncio");
    PyObject *base = asyncio != NULL ? PyObject_GetAttrString(asyncio, "Task") : NULL;
    PyObject *bases = base != NULL ? PyTuple_Pack(1, base) : NULL;

    if (bases != NULL && (!PyType_Check(base) || ((PyTypeObject *)base)->tp_basicsize > RWP_TASK_BASE ||
                          ((PyTypeObject *)base)->tp_itemsize != 0)) {
        PyErr_SetString(PyExc_ImportError,
                        "this Python's asyncio.Task is not the one that ropewalk was built for");
        Py_CLEAR(bases);
    }
    if (bases != NULL) {
        state->task_type = rwp_add_type(state, &task_spec, bases, true);
        state->wakeup_type = rwp_add_type(state, &wakeup_spec, NULL, false);
    }
    Py_XDECREF(bases);
    Py_XDECREF(base);
    Py_XDECREF(asyncio);
    if (state->task_type == NULL || state->wakeup_type == NULL) {
        return -1;
    }
    return rwp_task_iter_init(state);
}
