/* SPDX-License-Identifier: MIT
 *
 * loop_open.c - makes the core's loop of an EventLoop: its options, and the hooks that let go of the GIL.
 *
 * What options there are, and what is said of wrong ones, the core knows. Invariant: an object either has a loop with its hooks
 * set, or none.
 */
#include "rwp.h"

static void let_go(void *arg)
{
    struct rwp_loop *self = arg;

    self->released = PyEval_SaveThread();
}

static int take_back(void *arg)
{
    struct rwp_loop *self = arg;

    PyEval_RestoreThread(self->released);
    self->released = NULL;
    if (PyErr_CheckSignals() < 0) {
        Py_XSETREF(self->exit_exception, rwp_exc_take());
        return RW_ERR_CANCELLED;
    }
    return 0;
}

/* Failures of tasks are Python's own to report, in the task's finalizer. */
static void ignore_unhandled(void *arg, struct rw_task *task, const struct rw_value *value)
{
    (void)arg;
    (void)task;
    (void)value;
}

static struct rw_value read_loop(void *options, const struct rw_value *map)
{
    return rw_loop_options_read(options, map);
}

static struct rw_value read_sim(void *options, const struct rw_value *map)
{
    return rw_sim_options_read(options, map);
}

/* Of a dict, by the core's reader; -1 with what that says. */
static int read_options(struct rwp_state *state, PyObject *given,
                        struct rw_value (*read)(void *options, const struct rw_value *map), void *options)
{
    struct rw_value map, answer;

    if (rwp_value_portable(state, given, &map) < 0) {
        return -1;
    }
    answer = read(options, &map);
    rw_value_drop(&map);
    if (rw_is_failure(&answer)) {
        rwp_raise_value(state, &answer);
        return -1;
    }
    return 0;
}

static struct rw_sim *make_sim(struct rwp_state *state, PyObject *given)
{
    struct rw_sim_options options = {0};
    struct rw_sim *sim;

    if (read_options(state, given, read_sim, &options) < 0) {
        return NULL;
    }
    sim = rw_sim_new(&options);
    if (sim == NULL) {
        PyErr_NoMemory();
    }
    return sim;
}

PyObject *rwp_loop_open(PyObject *op, PyObject *args)
{
    struct rwp_loop *self = (struct rwp_loop *)op;
    struct rw_loop_options options = {0};
    struct rw_wait_hooks hooks = {let_go, take_back, self};
    PyObject *simulation, *given;

    if (!PyArg_ParseTuple(args, "OO!:_open", &simulation, &PyDict_Type, &given) ||
        read_options(self->state, given, read_loop, &options) < 0) {
        return NULL;
    }
    if (self->loop != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the loop is open already");
        return NULL;
    }
    if (PyDict_Check(simulation)) {
        self->sim = make_sim(self->state, simulation);
        if (self->sim == NULL) {
            return NULL;
        }
    }
    options.sim = self->sim;
    self->pool_threads =
        options.blocking_threads != 0 ? options.blocking_threads : RW_DEFAULT_BLOCKING_THREADS;
    self->pool_queue = options.blocking_queue != 0 ? options.blocking_queue : RW_DEFAULT_BLOCKING_QUEUE;
    self->loop = rw_loop_new(&options);
    if (self->loop == NULL) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    rw_loop_set_wait_hooks(self->loop, &hooks);
    rw_loop_set_unhandled(self->loop, ignore_unhandled, NULL);
    if (self->sim == NULL && (self->handle = rw_handle_new(self->loop)) == NULL) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}
