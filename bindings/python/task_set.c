/* SPDX-License-Identifier: MIT
 *
 * task_set.c - what asyncio.all_tasks() answers.
 *
 * Up to Python 3.13 asyncio keeps its tasks in a WeakSet. A weak reference and a place in that set cost each task more time
 * than its whole run and 120 bytes, and hardly anybody looks. So the set inside the WeakSet is replaced, once, by one of
 * a type of ours, which adds the live tasks of all loops before it is iterated or counted (docs/design/0015). From 3.14 on
 * asyncio links tasks through their own fields, and each is registered when it is made.
 *
 * Invariant: a task is in the set only while `registered`, and a task that is done is not.
 */
#include "rwp.h"

static PyObject *set_of_asyncio(struct rwp_state *state)
{
    return PyObject_GetAttrString(state->scheduled_tasks, "data");
}

static int add_reference(struct rwp_state *state, struct rwp_task *self)
{
    PyObject *reference = PyWeakref_NewRef(rwp_task_object(self), NULL);
    PyObject *set = reference != NULL ? set_of_asyncio(state) : NULL;
    int failed = set != NULL ? PySet_Add(set, reference) : -1;

    Py_XDECREF(set);
    Py_XDECREF(reference);
    return failed;
}

/* There is one weak reference without a callback per object: asking again gives the one in the set. */
static int discard_reference(struct rwp_state *state, struct rwp_task *self)
{
    PyObject *reference = PyWeakref_NewRef(rwp_task_object(self), NULL);
    PyObject *set = reference != NULL ? set_of_asyncio(state) : NULL;
    int found = set != NULL ? PySet_Discard(set, reference) : -1;

    Py_XDECREF(set);
    Py_XDECREF(reference);
    return found;
}

static int call_asyncio(PyObject *function, struct rwp_task *self)
{
    PyObject *done = PyObject_CallOneArg(function, rwp_task_object(self));

    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

int rwp_task_register(struct rwp_state *state, struct rwp_task *self)
{
    int failed =
        state->register_task != NULL ? call_asyncio(state->register_task, self) : add_reference(state, self);

    self->face.registered = failed == 0;
    return failed;
}

void rwp_task_unregister(struct rwp_state *state, struct rwp_task *self)
{
    PyObject *saved;
    int failed = 0;

    if (!self->face.registered) {
        return;
    }
    self->face.registered = false;
    saved = rwp_exc_take();
    if (state->unregister_task != NULL) {
        failed = call_asyncio(state->unregister_task, self);
    } else if (state->scheduled_tasks != NULL) {
        failed = discard_reference(state, self);
    }
    if (failed < 0) {
        PyErr_Clear();
    }
    if (saved != NULL) {
        rwp_exc_give(saved);
    }
}

/* ---- the set ---------------------------------------------------------------------------------------------------------------- */

static struct rwp_task *task_of_node(struct rwp_node *node)
{
    return (struct rwp_task *)(void *)((char *)node - offsetof(struct rwp_task, node));
}

/* Registering may collect garbage, and that may end tasks: the one that we stand on is kept. */
static int add_tasks(struct rwp_state *state, struct rwp_loop *loop)
{
    struct rwp_node *node = loop->tasks.next;
    int failed = 0;

    while (failed == 0 && node != &loop->tasks) {
        struct rwp_task *task = task_of_node(node);
        PyObject *kept = Py_NewRef(rwp_task_object(task));

        if (task->face.queued && !task->face.registered && task->face.state == RWP_TASK_PENDING) {
            failed = rwp_task_register(state, task);
        }
        node = task->face.queued || task->thing != NULL ? node->next : loop->tasks.next;
        Py_DECREF(kept);
    }
    return failed;
}

static int add_all(PyObject *op)
{
    struct rwp_state *state = PyType_GetModuleState(Py_TYPE(op));

    if (state == NULL || state->scheduled_tasks == NULL) {
        return 0; /* the interpreter is ending */
    }
    if (state->scheduled_before != NULL && PyObject_Size(state->scheduled_before) < 0) {
        return -1;
    }
    for (struct rwp_node *node = state->loops.next; node != &state->loops; node = node->next) {
        if (add_tasks(state, (struct rwp_loop *)(void *)((char *)node - offsetof(struct rwp_loop, node))) <
            0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *set_iter(PyObject *op)
{
    return add_all(op) == 0 ? PySet_Type.tp_iter(op) : NULL;
}

static Py_ssize_t set_length(PyObject *op)
{
    return add_all(op) == 0 ? PySet_Type.tp_as_sequence->sq_length(op) : -1;
}

static int set_contains(PyObject *op, PyObject *reference)
{
    return add_all(op) == 0 ? PySet_Type.tp_as_sequence->sq_contains(op, reference) : -1;
}

static int set_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return PySet_Type.tp_traverse(op, visit, arg);
}

static int set_clear(PyObject *op)
{
    return PySet_Type.tp_clear(op);
}

static PyType_Slot set_slots[] = {
    {Py_tp_doc, "The set inside asyncio's WeakSet of tasks: adds the live ones before it is looked at."},
    {Py_tp_iter, set_iter},
    {Py_tp_traverse, set_traverse},
    {Py_tp_clear, set_clear},
    {Py_sq_length, set_length},
    {Py_sq_contains, set_contains},
    {0, NULL},
};

static PyType_Spec set_spec = {"ropewalk._ropewalk.TaskSet", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                               set_slots};

/* Another copy of this module may have been here before: its set is kept, and asked as well. */
static int replace_set(struct rwp_state *state)
{
    PyObject *before = set_of_asyncio(state);
    PyObject *set = before != NULL ? PyObject_CallOneArg((PyObject *)state->task_set_type, before) : NULL;
    int failed = set != NULL ? PyObject_SetAttrString(state->scheduled_tasks, "data", set) : -1;

    if (failed == 0 && !PyAnySet_CheckExact(before)) {
        state->scheduled_before = Py_NewRef(before);
    }
    Py_XDECREF(set);
    Py_XDECREF(before);
    return failed;
}

int rwp_task_set_init(struct rwp_state *state)
{
    PyObject *bases;

    if (state->register_task != NULL) {
        return 0;
    }
    bases = PyTuple_Pack(1, (PyObject *)&PySet_Type);
    if (bases != NULL) {
        state->task_set_type = rwp_add_type(state, &set_spec, bases, false);
        Py_DECREF(bases);
    }
    return state->task_set_type != NULL ? replace_set(state) : -1;
}
