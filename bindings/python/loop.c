/* SPDX-License-Identifier: MIT
 *
 * loop.c - LoopBase: the core's loop in Python's hands. asyncio's other methods are inherited in ropewalk._loop.
 *
 * run_forever, in Python, calls _run here, which turns the core's loop until somebody stops it. The GIL is let go of only
 * where a turn is about to sleep (the wait hooks of loop_open.c). A SystemExit or KeyboardInterrupt out of a callback or a task
 * cannot unwind a turn: it is kept until the turn has ended, while tasks and callbacks behind it queue themselves again.
 *
 * closing: links are ended first (all Python-owned things of the core), then the core's loop is freed; tasks are dropped
 * without being entered, as asyncio does.
 */
#include "rwp.h"

bool rwp_loop_is_mine(struct rwp_loop *self)
{
    if (self->loop == NULL || rw_loop_is_own_thread(self->loop)) {
        return true;
    }
    if (self->turning || self->released != NULL) {
        return false;
    }
    rw_loop_adopt_thread(self->loop);
    return true;
}

bool rwp_loop_enter(struct rwp_loop *self)
{
    if (self->loop == NULL || self->closing) {
        PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
        return false;
    }
    if (self->forked) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this event loop was made before fork(): the child can only close it");
        return false;
    }
    if (!rwp_loop_is_mine(self)) {
        rwp_raise(self->state, RW_ERR_THREAD,
                  "Non-thread-safe operation invoked on an event loop other than the current one");
        return false;
    }
    return true;
}

struct rwp_loop *rwp_running(struct rwp_state *state)
{
    struct rwp_loop *loop = state->active;

    if (loop != NULL && rwp_loop_is_here(loop)) {
        return loop;
    }
    PyObject *running = PyObject_CallNoArgs(state->get_running_loop);
    if (running == NULL) {
        return NULL;
    }
    if (!PyObject_TypeCheck(running, state->loop_type)) {
        PyErr_SetString(PyExc_RuntimeError,
                        running == Py_None
                            ? "no running event loop: ropewalk.run(main()) starts one"
                            : "the running event loop is not Ropewalk's: start with ropewalk.run(main())");
        Py_DECREF(running);
        return NULL;
    }
    loop = (struct rwp_loop *)running;
    Py_DECREF(running); /* its thread keeps it */
    return rwp_loop_enter(loop) ? loop : NULL;
}

struct rwp_task *rwp_current_task(struct rwp_state *state, const char *what)
{
    struct rwp_loop *loop = rwp_running(state);

    if (loop == NULL) {
        return NULL;
    }
    if (loop->cx == NULL || loop->entered == NULL || !rwp_task_check(state, loop->entered)) {
        PyErr_Format(PyExc_RuntimeError, "%s works inside a ropewalk task only", what);
        return NULL;
    }
    return rwp_task_of(loop->entered);
}

bool rwp_loop_keep_exit(struct rwp_loop *self, PyObject *exception)
{
    if (!PyErr_GivenExceptionMatches(exception, PyExc_SystemExit) &&
        !PyErr_GivenExceptionMatches(exception, PyExc_KeyboardInterrupt)) {
        return false;
    }
    Py_XSETREF(self->exit_exception, Py_NewRef(exception));
    return true;
}

void rwp_loop_report(struct rwp_loop *self, const char *message, const char *key, PyObject *object)
{
    PyObject *exception = rwp_exc_take();
    PyObject *context = Py_BuildValue("{s:s}", "message", message);
    PyObject *answer = NULL;

    if (context != NULL &&
        (exception == NULL || PyDict_SetItemString(context, "exception", exception) == 0) &&
        (object == NULL || PyDict_SetItemString(context, key, object) == 0)) {
        answer = PyObject_CallMethodOneArg((PyObject *)self, self->state->names[RWP_N_CALL_EXCEPTION_HANDLER],
                                           context);
    }
    if (answer == NULL) {
        PyObject *again = rwp_exc_take();

        if (again != NULL && !rwp_loop_keep_exit(self, again)) {
            rwp_exc_give(Py_NewRef(again));
            PyErr_WriteUnraisable((PyObject *)self);
        }
        Py_XDECREF(again);
    }
    Py_XDECREF(answer);
    Py_XDECREF(context);
    Py_XDECREF(exception);
}

/* ---- making and ending ------------------------------------------------------------------------------------------------- */

static PyObject *loop_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct rwp_loop *self = (struct rwp_loop *)type->tp_alloc(type, 0);

    (void)args;
    (void)kwargs;
    if (self == NULL) {
        return NULL;
    }
    rwp_ring_init(&self->links);
    rwp_ring_init(&self->ops);
    rwp_ring_init(&self->tasks);
    rwp_ring_init(&self->node);
    self->state = rwp_state_of((PyObject *)self);
    if (self->state == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    rwp_node_add(&self->state->loops, &self->node);
    return (PyObject *)self;
}

/* Tasks that the executor holds stay in the ring, behind those that are still to be looked at. */
static void end_tasks(struct rwp_loop *self)
{
    size_t count = 0;

    for (struct rwp_node *node = self->tasks.next; node != &self->tasks; node = node->next) {
        count++;
    }
    for (; count > 0 && self->tasks.next != &self->tasks; count--) {
        struct rwp_node *node = self->tasks.next;

        rwp_node_remove(node);
        rwp_node_add(&self->tasks, node);
        rwp_task_orphan(node);
    }
}

static void end_links(struct rwp_loop *self)
{
    while (self->ops.next != &self->ops) {
        rwp_op_orphan(self->ops.next);
    }
    while (self->links.next != &self->links) {
        struct rwp_link *link = (struct rwp_link *)(void *)self->links.next;
        void *thing = rwp_link_take(link);

        link->loop = NULL; /* the object may outlive us */
        link->drop(thing);
    }
    end_tasks(self);
}

static void close_loop(struct rwp_loop *self)
{
    struct rw_loop *loop = self->loop;

    if (loop == NULL || self->closing) {
        return;
    }
    self->closing = true;
    (void)rwp_loop_is_mine(self);
    rwp_transports_end(self);
    end_links(self);
    if (!self->forked) {
        rwp_blocking_end(self);
    }
    rw_loop_free(loop);
    end_links(self);
    self->loop = NULL;
    rw_handle_unref(self->handle);
    self->handle = NULL;
    PyMem_RawFree(self->scratch);
    self->scratch = NULL;
    if (self->sim != NULL) {
        rw_sim_free(self->sim);
        self->sim = NULL;
    }
    Py_CLEAR(self->task_factory);
    if (self->state->active == self) {
        self->state->active = NULL;
    }
}

static PyObject *loop_close(PyObject *op, PyObject *unused)
{
    struct rwp_loop *self = (struct rwp_loop *)op;

    (void)unused;
    if (self->turning) {
        PyErr_SetString(PyExc_RuntimeError, "Cannot close a running event loop");
        return NULL;
    }
    close_loop(self);
    Py_RETURN_NONE;
}

static struct rwp_task *task_of_node(struct rwp_node *node)
{
    return (struct rwp_task *)(void *)((char *)node - offsetof(struct rwp_task, node));
}

static int loop_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct rwp_loop *self = (struct rwp_loop *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->task_factory);
    Py_VISIT(self->exit_exception);
    for (struct rwp_node *node = self->tasks.next; node != &self->tasks; node = node->next) {
        struct rwp_task *task = task_of_node(node);

        if (task->face.queued) {
            Py_VISIT(rwp_task_object(task)); /* the reference that the executor holds */
        }
    }
    return rwp_transports_traverse(self, visit, arg);
}

static int loop_clear(PyObject *op)
{
    struct rwp_loop *self = (struct rwp_loop *)op;

    if (!self->turning) {
        close_loop(self);
    }
    Py_CLEAR(self->task_factory);
    Py_CLEAR(self->exit_exception);
    return 0;
}

static void loop_dealloc(PyObject *op)
{
    struct rwp_loop *self = (struct rwp_loop *)op;
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)loop_clear(op);
    for (struct rwp_node *node = self->tasks.next; node != &self->tasks; node = node->next) {
        task_of_node(node)->face.loop = NULL;
    }
    rwp_node_remove(&self->node);
    type->tp_free(op);
    Py_DECREF(type);
}

/* ---- running ----------------------------------------------------------------------------------------------------------- */

/* A program that runs the loop in short pieces must get its I/O too: the first turn of each looks at the kernel. */
static int one_turn(struct rwp_loop *self, bool may_wait)
{
    int ran;

    if (self->sim != NULL && !self->stopping && rw_loop_is_idle(self->loop)) {
        rwp_raise(self->state, RW_ERR_DEADLOCK, NULL);
        return -1;
    }
    ran = rw_loop_turn(self->loop, may_wait && !self->stopping ? RW_TURN_WAIT : 0, 0);
    self->entered = NULL;
    if (self->published != NULL && rwp_loop_publish(self) < 0) {
        return -1;
    }
    if (self->exit_exception != NULL) {
        rwp_exc_give(self->exit_exception);
        self->exit_exception = NULL;
        return -1;
    }
    if (ran < 0) {
        rwp_raise(self->state, ran, NULL);
        return -1;
    }
    return 0;
}

static PyObject *loop_run(PyObject *op, PyObject *unused)
{
    struct rwp_loop *self = (struct rwp_loop *)op;
    struct rwp_loop *before = self->state->active;
    bool may_wait = self->sim != NULL;
    int failed;

    (void)unused;
    if (!rwp_loop_enter(self)) {
        return NULL;
    }
    if (self->turning) {
        PyErr_SetString(PyExc_RuntimeError, "This event loop is already running");
        return NULL;
    }
    rw_loop_adopt_thread(self->loop);
    self->thread = pthread_self();
    self->turning = true;
    do {
        self->state->active = self;
        failed = one_turn(self, may_wait);
        may_wait = true;
    } while (failed == 0 && !self->stopping);
    self->turning = false;
    self->stopping = false;
    self->state->active = before;
    if (failed != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *loop_stop(PyObject *op, PyObject *unused)
{
    struct rwp_loop *self = (struct rwp_loop *)op;

    (void)unused;
    self->stopping = true;
    if (self->turning && !rwp_loop_is_mine(self)) {
        rw_handle_wake(self->handle);
    }
    Py_RETURN_NONE;
}

static PyObject *loop_time(PyObject *op, PyObject *unused)
{
    struct rwp_loop *self = (struct rwp_loop *)op;
    struct timespec now;

    (void)unused;
    if (self->sim != NULL && self->loop != NULL) {
        return PyFloat_FromDouble((double)rw_loop_update_now(self->loop) / 1e9);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    return PyFloat_FromDouble((double)now.tv_sec + (double)now.tv_nsec / 1e9);
}

static PyObject *loop_after_fork(PyObject *op, PyObject *unused)
{
    struct rwp_loop *self = (struct rwp_loop *)op;

    (void)unused;
    if (self->loop != NULL && !self->forked) {
        rw_loop_after_fork(self->loop);
        self->forked = true;
        self->turning = false;
        self->released = NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *loop_set_debug(PyObject *op, PyObject *enabled)
{
    int is_true = PyObject_IsTrue(enabled);

    if (is_true < 0) {
        return NULL;
    }
    ((struct rwp_loop *)op)->debug = is_true == 1;
    Py_RETURN_NONE;
}

#define FAST(method) ((PyCFunction)(void (*)(void))(method))

static PyMethodDef loop_methods[] = {
    {"_open", rwp_loop_open, METH_VARARGS,
     "_open(simulation, options) - make the core's loop with a dict of options; simulation: None, or a dict "
     "of its own."},
    {"_close", loop_close, METH_NOARGS, "_close() - free the core's loop."},
    {"_run", loop_run, METH_NOARGS, "_run() - turn the loop until stop() was called."},
    {"_after_fork", loop_after_fork, METH_NOARGS,
     "_after_fork() - in the child: leave the parent's loop alone."},
    {"_set_debug", loop_set_debug, METH_O, "_set_debug(enabled) - whether handles are checked."},
    {"_random", rwp_loop_sim_random, METH_NOARGS,
     "_random() - the next number of the simulation's generator."},
    {"_add_name", rwp_loop_sim_add_name, METH_VARARGS,
     "_add_name(host, address) - a name of the simulated network."},
    {"_watch", rwp_method_watch, METH_VARARGS,
     "_watch(fd) - an object that runs handles when a descriptor is ready."},
    {"_transport", rwp_method_transport, METH_VARARGS,
     "_transport(sock, protocol, waiter, extra, server) - a transport of a connected stream socket."},
    {"_make_handle", FAST(rwp_method_make_handle), METH_FASTCALL,
     "_make_handle(callback, *args) - a handle that is not queued."},
    {"stop", loop_stop, METH_NOARGS, "stop() - end run_forever() after this turn."},
    {"time", loop_time, METH_NOARGS, "time() - the loop's clock in seconds."},
    {"create_task", FAST(rwp_loop_create_task), METH_VARARGS | METH_KEYWORDS,
     "create_task(coro, *, name=None, context=None) - spawn a coroutine; gives its Task."},
    {"create_future", rwp_loop_create_future, METH_NOARGS, "create_future() - a Future of this loop."},
    {"set_task_factory", rwp_loop_set_task_factory, METH_O,
     "set_task_factory(factory) - what create_task calls; None: Task."},
    {"get_task_factory", rwp_loop_get_task_factory, METH_NOARGS,
     "get_task_factory() - what was set, or None."},
    {"call_soon", FAST(rwp_method_call_soon), METH_FASTCALL | METH_KEYWORDS,
     "call_soon(callback, *args, context=None) - call it in the next turn; gives a Handle."},
    {"call_soon_threadsafe", FAST(rwp_method_call_soon_threadsafe), METH_FASTCALL | METH_KEYWORDS,
     "call_soon_threadsafe(callback, *args, context=None) - the same from any thread."},
    {"call_later", FAST(rwp_method_call_later), METH_FASTCALL | METH_KEYWORDS,
     "call_later(delay, callback, *args, context=None) - call it after `delay` seconds; gives a "
     "TimerHandle."},
    {"call_at", FAST(rwp_method_call_at), METH_FASTCALL | METH_KEYWORDS,
     "call_at(when, callback, *args, context=None) - call it when time() is `when`."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot loop_slots[] = {
    {Py_tp_doc, "The part of EventLoop that is written in C."},
    {Py_tp_new, loop_new},
    {Py_tp_dealloc, loop_dealloc},
    {Py_tp_traverse, loop_traverse},
    {Py_tp_clear, loop_clear},
    {Py_tp_hash, rwp_loop_hash},
    {Py_tp_methods, loop_methods},
    {0, NULL},
};

static PyType_Spec loop_spec = {
    "ropewalk._ropewalk.LoopBase",
    sizeof(struct rwp_loop),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    loop_slots,
};

int rwp_loop_init(struct rwp_state *state)
{
    state->loop_type = rwp_add_type(state, &loop_spec, NULL, true);
    return state->loop_type != NULL ? 0 : -1;
}
