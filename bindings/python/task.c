/* SPDX-License-Identifier: MIT
 *
 * task.c - Task: its making, its cancelling and its end.
 *
 * A Task is an asyncio.Task by inheritance, so that isinstance and whoever relies on it are content; the base's own
 * fields hold what they would in a task of its own, as far as their layout is known (rwp.h), and every method that would look at
 * them is replaced (task_face.c). The future that the executor polls is embedded in the object. Invariant: the executor
 * holds one reference to the object from spawn until it drops that future.
 *
 *      PENDING --returned or raised--> FINISHED
 *         `-----CancelledError--------> CANCELLED        rwp_task_finish is the only writer of `state`
 */
#include "rwp.h"

/* ---- making -------------------------------------------------------------------------------------------------------------- */

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
    Py_XSETREF(self->face.name, text);
    return 0;
}

struct rw_task *rwp_task_thing(struct rwp_task *self)
{
    if (self->thing == NULL) {
        PyErr_SetString(rwp_state_of(rwp_task_object(self))->errors[-RW_ERR_CLOSED],
                        "the event loop of this object is closed");
        return NULL;
    }
    return rwp_loop_enter(rwp_task_loop(self)) ? self->thing : NULL;
}

/* In the ring exactly while the executor holds it or it holds the core's task. */
static struct rw_task *take_thing(struct rwp_task *self)
{
    struct rw_task *thing = self->thing;

    self->thing = NULL;
    if (thing != NULL && !self->face.queued) {
        rwp_node_remove(&self->node);
    }
    return thing;
}

void rwp_task_leave(struct rwp_task *self)
{
    if (self->face.queued && self->thing == NULL) {
        rwp_node_remove(&self->node);
    }
    self->face.queued = false;
}

void rwp_task_orphan(struct rwp_node *node)
{
    rw_task_detach(take_thing((struct rwp_task *)(void *)((char *)node - offsetof(struct rwp_task, node))));
}

static int hand_to_executor(struct rwp_task *self, struct rw_scope *scope)
{
    struct rwp_loop *loop = rwp_task_loop(self);
    struct rw_task *task;

    rw_future_init(&self->future, &rwp_task_vtable);
    Py_INCREF(rwp_task_object(self));
    rwp_node_add(&loop->tasks, &self->node);
    self->face.queued = true;
    task = scope != NULL ? rw_scope_spawn(scope, &self->future, NULL)
                         : rw_spawn(loop->loop, &self->future, NULL);
    if (task == NULL) {
        /* The future was dropped, and the task with it marked as cancelled. */
        rwp_raise(loop->state, RW_ERR_STATE, scope != NULL ? "this scope has ended" : "the loop is ending");
        return -1;
    }
    if (scope != NULL) {
        self->face.log_destroy_pending = false;
        self->face.in_scope = true;
    }
    self->thing = task;
    return 0;
}

static PyObject *source_traceback(void)
{
    PyObject *module = PyImport_ImportModule("asyncio.format_helpers");
    PyObject *stack = module != NULL ? PyObject_CallMethod(module, "extract_stack", NULL) : NULL;

    Py_XDECREF(module);
    return stack;
}

static int init_task(struct rwp_task *self, struct rwp_loop *loop, PyObject *coro, PyObject *name,
                     PyObject *context)
{
    struct rwp_state *state = loop->state;

    if (check_coroutine(state, coro) < 0) {
        return -1;
    }
    self->face.coro = Py_NewRef(coro);
    self->face.loop = Py_NewRef((PyObject *)loop);
    self->face.log_destroy_pending = true;
    self->face.number = ++state->task_number;
    self->face.context = context != NULL ? Py_NewRef(context) : PyContext_CopyCurrent();
    if (self->face.context == NULL || (name != NULL && set_name(self, name) < 0)) {
        return -1;
    }
    if (context != NULL && !PyContext_CheckExact(context)) {
        PyErr_Format(PyExc_TypeError, "a Context was expected, got %R", context);
        return -1;
    }
    if (loop->debug && (self->face.source_traceback = source_traceback()) == NULL) {
        return -1;
    }
    return state->register_task != NULL ? rwp_task_register(state, self) : 0;
}

PyObject *rwp_task_spawn(struct rwp_loop *loop, PyObject *coro, PyObject *name, PyObject *context,
                         struct rw_scope *scope)
{
    struct rwp_task *self = (struct rwp_task *)loop->state->task_type->tp_alloc(loop->state->task_type, 0);

    if (self == NULL) {
        return NULL;
    }
    if (init_task(self, loop, coro, name, context) < 0 || hand_to_executor(self, scope) < 0) {
        self->face.log_destroy_pending = false;
        Py_DECREF(self);
        return NULL;
    }
    return rwp_task_object(self);
}

int rwp_task_refuse_eager(PyObject *eager)
{
    int is_true = eager != NULL ? PyObject_IsTrue(eager) : 0;

    if (is_true > 0) {
        PyErr_SetString(
            PyExc_NotImplementedError,
            "a ropewalk.Task begins in the loop's next turn, never eagerly: leave eager_start out, or "
            "set asyncio.eager_task_factory");
    }
    return is_true == 0 ? 0 : -1;
}

/* Task(coro, *, loop=None, name=None, context=None), as asyncio's: for factories. */
int rwp_task_new_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"coro", "loop", "name", "context", "eager_start", NULL};
    struct rwp_state *state = rwp_state_of(op);
    struct rwp_loop *loop;
    PyObject *coro, *loop_object = Py_None, *name = Py_None, *context = Py_None, *eager = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOOO:Task", names, &coro, &loop_object, &name,
                                     &context, &eager)) {
        return -1;
    }
    if (rwp_task_refuse_eager(eager) < 0) {
        return -1;
    }
    if (rwp_task_of(op)->face.coro != NULL) {
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
    PyObject *arguments[2] = {self->face.awaiting, message};
    PyObject *answer = PyObject_VectorcallMethod(state->names[RWP_N_CANCEL], arguments, 1,
                                                 message != NULL ? state->names_msg : NULL);
    int is_true = answer != NULL ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(answer);
    return is_true;
}

int rwp_task_cancel(struct rwp_task *self, PyObject *message)
{
    struct rwp_loop *loop = rwp_task_loop(self);

    self->face.log_traceback = false;
    if (self->face.state != RWP_TASK_PENDING) {
        return 0;
    }
    if (!rwp_loop_enter(loop)) {
        return -1;
    }
    message = message == Py_None ? NULL : message;
    self->face.cancelling++;
    if (self->face.awaiting != NULL && Py_TYPE(self->face.awaiting) != loop->state->op_type) {
        int taken = cancel_awaited(self, message);

        if (taken != 0) {
            return taken;
        }
    }
    self->face.must_cancel = true;
    Py_XSETREF(self->face.cancel_message, Py_XNewRef(message));
    if (self->face.awaiting != NULL && Py_TYPE(self->face.awaiting) == loop->state->op_type) {
        struct rwp_op *op = (struct rwp_op *)self->face.awaiting;

        if (op->future != NULL) {
            rw_future_cancel(op->future);
        }
        if (self->thing != NULL) {
            rw_task_wake(self->thing);
        }
    }
    return 1;
}

static void detach(void *thing)
{
    rw_task_detach(thing);
}

void rwp_task_end(struct rwp_task *self)
{
    struct rw_task *thing = take_thing(self);

    if (thing != NULL) {
        rwp_link_drop(rwp_task_loop(self), thing, detach);
    }
}
