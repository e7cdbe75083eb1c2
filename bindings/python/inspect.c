/* SPDX-License-Identifier: MIT
 *
 * inspect.c - stats() and tasks(): what the running loop counts and who lives on it.
 *
 * Both give plain dicts: what a console or a test looks at, not objects to work with.
 */
#include "rwp.h"
#include "surface.h"

static PyObject *module_stats(PyObject *module, PyObject *unused)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));

    (void)unused;
    return loop != NULL ? rwp_object_from(loop, rwh_stats(loop->loop)) : NULL;
}

struct listing {
    PyObject *list;
    PyObject *names; /* of our tasks, by their id in the core, which knows no names of theirs */
};

static PyObject *names_of_tasks(struct rwp_loop *loop)
{
    PyObject *names = PyDict_New();
    struct rwp_node *node = loop->tasks.next;

    for (; names != NULL && node != &loop->tasks; node = node->next) {
        struct rwp_task *task = (struct rwp_task *)(void *)((char *)node - offsetof(struct rwp_task, node));
        PyObject *id = task->thing != NULL ? PyLong_FromUnsignedLongLong(rw_task_id(task->thing)) : NULL;
        PyObject *name = id != NULL ? rwp_task_name(task) : NULL;

        if (name != NULL && PyDict_SetItem(names, id, name) < 0) {
            Py_CLEAR(names);
        }
        Py_XDECREF(name);
        Py_XDECREF(id);
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(names);
    }
    return names;
}

/* New reference. */
static PyObject *name_of(struct listing *listing, const struct rw_task_info *info, PyObject *id)
{
    PyObject *name = info->name[0] == '\0' ? PyDict_GetItemWithError(listing->names, id) : NULL;

    if (name != NULL || PyErr_Occurred()) {
        return Py_XNewRef(name);
    }
    return PyUnicode_DecodeUTF8(info->name, (Py_ssize_t)strlen(info->name), "replace");
}

static bool add_task(void *arg, const struct rw_task_info *info)
{
    static const char *const states[] = {"queued", "running", "waiting", "done"};
    struct listing *listing = arg;
    PyObject *id = PyLong_FromUnsignedLongLong(info->id);
    PyObject *name = id != NULL ? name_of(listing, info, id) : NULL;
    PyObject *dict = NULL;
    bool added;

    if (name != NULL) {
        dict = Py_BuildValue("{s:O,s:O,s:s,s:s,s:K,s:K,s:O}", "id", id, "name", name, "future", info->future,
                             "state", states[info->state], "polls", (unsigned long long)info->polls, "scope",
                             (unsigned long long)info->scope_id, "cancelled",
                             info->cancelled ? Py_True : Py_False);
    }
    added = dict != NULL && PyList_Append(listing->list, dict) == 0;
    Py_XDECREF(dict);
    Py_XDECREF(name);
    Py_XDECREF(id);
    return added;
}

static PyObject *module_tasks(PyObject *module, PyObject *unused)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    struct listing listing = {NULL, loop != NULL ? names_of_tasks(loop) : NULL};

    (void)unused;
    listing.list = listing.names != NULL ? PyList_New(0) : NULL;
    if (listing.list != NULL) {
        rw_tasks(loop->loop, add_task, &listing);
        if (PyErr_Occurred()) {
            Py_CLEAR(listing.list);
        }
    }
    Py_XDECREF(listing.names);
    return listing.list;
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
    /* Modules that SWIG makes have their state in globals, so that only the first interpreter can have them. */
    bool is_main = PyInterpreterState_Get() == PyInterpreterState_Main();

    if (PyModule_AddObjectRef(state->module, "_is_main_interpreter", is_main ? Py_True : Py_False) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(state->module, functions);
}
