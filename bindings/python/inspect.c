/* SPDX-License-Identifier: MIT
 *
 * inspect.c - stats() and tasks(): what the running loop counts and who lives on it.
 *
 * Both give plain dicts: what a console or a test looks at, not objects to work with.
 */
#include "rwp.h"

static int add_number(PyObject *dict, const char *name, uint64_t number)
{
    PyObject *object = PyLong_FromUnsignedLongLong(number);
    int failed = object != NULL ? PyDict_SetItemString(dict, name, object) : -1;

    Py_XDECREF(object);
    return failed;
}

static PyObject *module_stats(PyObject *module, PyObject *unused)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    struct rw_stats stats;
    PyObject *dict;

    (void)unused;
    if (loop == NULL) {
        return NULL;
    }
    rw_stats(loop->loop, &stats);
    dict = PyDict_New();
#define ADD(name) (dict != NULL && add_number(dict, #name, stats.name) == 0)
    if (!(ADD(turns) && ADD(polls) && ADD(tasks_spawned) && ADD(tasks_live) && ADD(jobs_run) &&
          ADD(timers_armed) && ADD(timers_fired) && ADD(wakes_remote) && ADD(fds_open) && ADD(objects_live) &&
          ADD(futures_live) && ADD(blocking_live) && ADD(budget_yields))) {
        Py_CLEAR(dict);
    }
#undef ADD
    return dict;
}

static bool add_task(void *arg, const struct rw_task_info *info)
{
    static const char *const states[] = {"queued", "running", "waiting", "done"};
    PyObject *list = arg;
    PyObject *dict = Py_BuildValue(
        "{s:K,s:s,s:s,s:s,s:K,s:K,s:O}", "id", (unsigned long long)info->id, "name", info->name, "future",
        info->future, "state", states[info->state], "polls", (unsigned long long)info->polls, "scope",
        (unsigned long long)info->scope_id, "cancelled", info->cancelled ? Py_True : Py_False);
    bool added = dict != NULL && PyList_Append(list, dict) == 0;

    Py_XDECREF(dict);
    return added;
}

static PyObject *module_tasks(PyObject *module, PyObject *unused)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    PyObject *list = loop != NULL ? PyList_New(0) : NULL;

    (void)unused;
    if (list != NULL) {
        rw_tasks(loop->loop, add_task, list);
        if (PyErr_Occurred()) {
            Py_CLEAR(list);
        }
    }
    return list;
}

static PyObject *module_running(PyObject *module, PyObject *unused)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));

    (void)unused;
    return Py_XNewRef((PyObject *)loop);
}

static PyMethodDef functions[] = {
    {"stats", module_stats, METH_NOARGS, "stats() - the running loop's counters, as a dict."},
    {"tasks", module_tasks, METH_NOARGS, "tasks() - the running loop's tasks of all languages, each a dict."},
    {"running_loop", module_running, METH_NOARGS,
     "running_loop() - the EventLoop of this thread; RuntimeError without one."},
    {NULL, NULL, 0, NULL},
};

int rwp_inspect_init(struct rwp_state *state)
{
    return PyModule_AddFunctions(state->module, functions);
}
