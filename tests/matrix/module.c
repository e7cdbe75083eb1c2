/* SPDX-License-Identifier: MIT
 *
 * module.c - ropewalk._cases: tasks of behaviour cases that run in C, inside a Python process.
 *
 * The module lies in one library with ropewalk._ropewalk, so that both have the same core: a channel that Python made
 * is the channel that the C task sends to. It is made for tests only. A script's variables are those that Python
 * hands over; what it writes goes to a channel, as lines do from every language.
 */
#include "harness/run.h"
#include "python/rwp.h"

struct remote {
    PyObject_HEAD struct run run;
    struct case_file *file;
    struct rw_sender *trace;
};

PyMODINIT_FUNC PyInit__cases(void);

static void write_line(void *arg, const char *line)
{
    struct remote *self = arg;
    struct rw_value value = rw_text_of(line);

    if (rw_channel_try_send(self->trace, &value) < 0) {
        rw_value_drop(&value);
    }
}

static void remote_dealloc(PyObject *op)
{
    struct remote *self = (struct remote *)op;
    PyTypeObject *type = Py_TYPE(op);

    run_release_variables(&self->run);
    if (self->file != NULL) {
        case_file_free(self->file);
    }
    rw_sender_unref(self->trace);
    PyObject_Free(op);
    Py_DECREF(type);
}

static struct rwp_state *ropewalk_state(void)
{
    PyObject *module = PyImport_ImportModule("ropewalk._ropewalk");
    struct rwp_state *state = module != NULL ? rwp_state_of_module(module) : NULL;

    Py_XDECREF(module);
    return state;
}

/* Fills the variable in; takes `value`. */
static void adopt(struct variable *variable, struct rw_value *value)
{
    struct rw_task *task = rw_task_of(value);
    struct rw_promise *promise = rw_promise_of(value);

    if (task != NULL) {
        variable->kind = VARIABLE_TASK;
        variable->task = rw_task_ref(task);
    } else if (promise != NULL) {
        variable->kind = VARIABLE_PROMISE;
        variable->promise = rw_promise_ref(promise);
    } else {
        variable->value = *value;
        return;
    }
    rw_value_drop(value);
}

/* (sender, receiver), either of which may be None */
static int adopt_ends(struct rwp_state *state, struct variable *variable, PyObject *ends)
{
    for (Py_ssize_t i = 0; i < 2; i++) {
        struct rw_value value;

        if (rwp_value_portable(state, PyTuple_GET_ITEM(ends, i), &value) < 0) {
            return -1;
        }
        struct rw_sender *sender = rw_sender_of(&value);
        struct rw_receiver *receiver = rw_receiver_of(&value);

        variable->kind = VARIABLE_CHANNEL;
        if (sender != NULL) {
            variable->sender = rw_sender_ref(sender);
        }
        if (receiver != NULL) {
            variable->receiver = rw_receiver_ref(receiver);
        }
        rw_value_drop(&value);
    }
    return 0;
}

/* set(name, object): a variable of the task's; a channel is the tuple of its ends. */
static PyObject *remote_set(PyObject *op, PyObject *args)
{
    struct remote *self = (struct remote *)op;
    struct rwp_state *state = ropewalk_state();
    const char *name;
    PyObject *object;

    if (state == NULL || !PyArg_ParseTuple(args, "sO:set", &name, &object)) {
        return NULL;
    }
    struct variable *variable = run_set(&self->run, name, VARIABLE_VALUE);

    if (PyTuple_Check(object) && PyTuple_GET_SIZE(object) == 2) {
        if (adopt_ends(state, variable, object) < 0) {
            return NULL;
        }
        Py_RETURN_NONE;
    }
    struct rw_value value;

    if (rwp_value_portable(state, object, &value) < 0) {
        return NULL;
    }
    adopt(variable, &value);
    Py_RETURN_NONE;
}

/* spawn(task, label): runs that task of the case; gives the task. */
static PyObject *remote_spawn(PyObject *op, PyObject *args)
{
    struct remote *self = (struct remote *)op;
    struct rwp_state *state = ropewalk_state();
    struct rwp_loop *loop = state != NULL ? rwp_running(state) : NULL;
    const char *name;
    const char *label;

    if (loop == NULL || !PyArg_ParseTuple(args, "ss:spawn", &name, &label)) {
        return NULL;
    }
    const struct case_task *found = case_find_task(self->run.behaviour, name);
    struct rw_spawn_options options = {.name = label};
    struct rw_future *script = found != NULL ? script_new(&self->run, found, label) : NULL;
    struct rw_task *task = script != NULL ? rw_spawn(loop->loop, script, &options) : NULL;

    if (task == NULL) {
        return PyErr_NoMemory();
    }
    struct rw_value value = rw_value_of_handle(rw_object_ref(rw_task_object(task)));

    rw_task_unref(task);
    return rwp_object_from(loop, value);
}

/* Takes `file`; the case is the one that begins in `line`. */
static int open_case(struct remote *self, struct rwp_loop *loop, struct case_file *file, int line)
{
    self->file = file;
    self->run.loop = loop->loop;
    self->run.write = write_line;
    self->run.write_arg = self;
    if (file->error != NULL) {
        PyErr_SetString(PyExc_ValueError, file->error);
        return -1;
    }
    for (size_t i = 0; i < file->case_count; i++) {
        if (file->cases[i].line == line) {
            self->run.behaviour = &file->cases[i];
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "no case begins in line %d", line);
    return -1;
}

/* Remote(text, line, trace, started): the tasks of one case; lines go to the sender `trace`, times count from `started`. */
static PyObject *remote_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct rwp_state *state = ropewalk_state();
    struct rwp_loop *loop = state != NULL ? rwp_running(state) : NULL;
    const char *text;
    Py_ssize_t size;
    int line;
    PyObject *trace;
    double started;
    struct rw_value value;

    (void)kwargs;
    if (loop == NULL || !PyArg_ParseTuple(args, "s#iOd:Remote", &text, &size, &line, &trace, &started) ||
        rwp_value_portable(state, trace, &value) < 0) {
        return NULL;
    }
    struct remote *self = PyObject_New(struct remote, type);

    if (self == NULL) {
        rw_value_drop(&value);
        return NULL;
    }
    self->run = (struct run){.started_ns = (int64_t)(started * (double)RW_SECOND + 0.5)};
    self->file = NULL;
    self->trace = rw_sender_of(&value) != NULL ? rw_sender_ref(rw_sender_of(&value)) : NULL;
    rw_value_drop(&value);
    if (self->trace == NULL) {
        PyErr_SetString(PyExc_TypeError, "trace is a sender");
    } else if (open_case(self, loop, case_file_parse(text, (size_t)size), line) == 0) {
        return (PyObject *)self;
    }
    Py_DECREF(self);
    return NULL;
}

static PyMethodDef remote_methods[] = {
    {"set", remote_set, METH_VARARGS, "set(name, object) - a variable; a channel is the tuple of its ends."},
    {"spawn", remote_spawn, METH_VARARGS, "spawn(task, label) - run that task of the case."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot remote_slots[] = {
    {Py_tp_doc, "The tasks of a case, run in C."},
    {Py_tp_new, remote_new},
    {Py_tp_dealloc, remote_dealloc},
    {Py_tp_methods, remote_methods},
    {0, NULL},
};

static PyType_Spec remote_spec = {"ropewalk._cases.Remote", sizeof(struct remote), 0, Py_TPFLAGS_DEFAULT,
                                  remote_slots};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_cases", "Tasks of behaviour cases in C.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__cases(void)
{
    PyObject *self = PyModule_Create(&module);
    PyObject *type = self != NULL ? PyType_FromSpec(&remote_spec) : NULL;

    if (type == NULL || PyModule_AddObjectRef(self, "Remote", type) < 0) {
        Py_XDECREF(type);
        Py_XDECREF(self);
        return NULL;
    }
    Py_DECREF(type);
    return self;
}
