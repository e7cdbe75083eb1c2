/* SPDX-License-Identifier: MIT
 *
 * task_type.c - the type Task, as the collector and the interpreter see it.
 *
 * The type is made from asyncio.Task, whose fields it shares up to Python 3.13. Their layout is private, so it is verified when
 * the module is loaded: sizes and offsets must be those of struct rwp_task_face, and what is written through that must
 * be what asyncio's own getters read. Invariant: a field holds a counted object or NULL, whoever looks.
 */
#include "rwp.h"

/* The core's task keeps the outcome, and with an exception all that its frames refer to, this task included. While nobody
 * else holds the core's task, what it keeps is this object's. */
static PyObject *kept_by_core(struct rwp_task *self)
{
    const struct rw_value *value;

    if (self->face.state != RWP_TASK_FINISHED || self->thing == NULL ||
        rw_task_object(self->thing)->ref_count != 1) {
        return NULL;
    }
    value = rw_task_value(self->thing);
    return value != NULL ? rwp_sole_object(value) : NULL;
}

/* What traverse visits and clear clears, the loop apart. */
#define EACH_FIELD(ACT)                                                                                      \
    ACT(callback);                                                                                           \
    ACT(callback_context);                                                                                   \
    ACT(callbacks);                                                                                          \
    ACT(exception);                                                                                          \
    ACT(result);                                                                                             \
    ACT(source_traceback);                                                                                   \
    ACT(cancel_message);                                                                                     \
    ACT(cancelled_exception);                                                                                \
    ACT(awaiting);                                                                                           \
    ACT(coro);                                                                                               \
    ACT(name);                                                                                               \
    ACT(context)
#define VISIT(field) Py_VISIT(self->face.field)
#define CLEAR(field) Py_CLEAR(self->face.field)

static int task_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct rwp_task *self = rwp_task_of(op);
    PyObject *kept = kept_by_core(self);

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->face.loop);
    EACH_FIELD(VISIT);
    Py_VISIT(self->face.wakeup);
    Py_VISIT(kept);
#if PY_VERSION_HEX < 0x030D0000
    Py_VISIT(self->face.dict);
#else
    if (Py_TYPE(op)->tp_traverse == task_traverse) { /* a subclass visits it itself */
        return PyObject_VisitManagedDict(op, visit, arg);
    }
#endif
    return 0;
}

static int task_clear(PyObject *op)
{
    struct rwp_task *self = rwp_task_of(op);

    if (self->face.wakeup != NULL) {
        self->face.wakeup->task = NULL;
        Py_CLEAR(self->face.wakeup);
    }
    EACH_FIELD(CLEAR);
#if PY_VERSION_HEX < 0x030D0000
    Py_CLEAR(self->face.dict);
#else
    PyObject_ClearManagedDict(op);
#endif
    return 0;
}

static void task_dealloc(PyObject *op);

/* What asyncio itself keeps in its fields, where they are not ours. */
static void clear_base(PyObject *op)
{
#if PY_VERSION_HEX >= 0x030E0000
    PyTypeObject *type = Py_TYPE(op);

    while (type->tp_dealloc != task_dealloc) {
        type = type->tp_base; /* a subclass */
    }
    (void)type->tp_base->tp_clear(op);
#else
    (void)op;
#endif
}

static void task_dealloc(PyObject *op)
{
    struct rwp_task *self = rwp_task_of(op);
    PyTypeObject *type = Py_TYPE(op);

    /* Most tasks have nothing left to report. */
    if ((self->face.state == RWP_TASK_PENDING || self->face.log_traceback) &&
        PyObject_CallFinalizerFromDealloc(op) < 0) {
        return;
    }
    PyObject_GC_UnTrack(op);
    PyObject_ClearWeakRefs(op);
    rwp_task_end(self);
    (void)task_clear(op);
    clear_base(op);
    Py_CLEAR(self->face.loop);
    type->tp_free(op);
    Py_DECREF(type);
}

/* ---- what wakes it ----------------------------------------------------------------------------------------------------------- */

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

    /* By address: the task shows the future, and the future this. */
    return task != NULL ? PyUnicode_FromFormat("<wakeup of Task at %p>", (void *)rwp_task_object(task))
                        : PyUnicode_FromString("<wakeup of no task>");
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

/* ---- the type ------------------------------------------------------------------------------------------------------------------ */

static PyType_Slot task_slots[] = {
    {Py_tp_doc, "A coroutine that runs on a ropewalk.EventLoop. Also an asyncio.Task."},
    {Py_tp_init, rwp_task_new_init},
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

static bool has_our_layout(PyTypeObject *base)
{
    if (base->tp_itemsize != 0) {
        return false;
    }
#if PY_VERSION_HEX < 0x030D0000
    return base->tp_basicsize == (Py_ssize_t)sizeof(struct rwp_task_face) &&
           base->tp_dictoffset == (Py_ssize_t)offsetof(struct rwp_task_face, dict) &&
           base->tp_weaklistoffset == (Py_ssize_t)offsetof(struct rwp_task_face, weakrefs);
#elif PY_VERSION_HEX < 0x030E0000
    return base->tp_basicsize == (Py_ssize_t)sizeof(struct rwp_task_face) && base->tp_dictoffset <= 0 &&
           base->tp_weaklistoffset <= 0;
#else
    return base->tp_basicsize <= (Py_ssize_t)offsetof(struct rwp_task_face, loop) &&
           base->tp_dictoffset <= 0 && base->tp_weaklistoffset <= 0;
#endif
}

#if PY_VERSION_HEX < 0x030E0000
/* 1 when asyncio's getter of that name gives what the field holds, 0 when it does not, -1 with an exception. */
static int reads_as(PyObject *base, PyObject *task, PyObject **field, const char *name)
{
    PyObject *getter = PyObject_GetAttrString(base, name);
    PyObject *probe = getter != NULL ? PyBytes_FromString(name) : NULL;
    PyObject *before = *field, *read = NULL;
    int same;

    if (probe != NULL) {
        *field = probe;
        read = PyObject_CallMethod(getter, "__get__", "O", task);
        *field = before;
    }
    same = read != NULL ? read == probe : -1;
    Py_XDECREF(read);
    Py_XDECREF(probe);
    Py_XDECREF(getter);
    return same;
}

/* asyncio's getters answer only for a task that has a loop: any object does. */
static int is_read_alike(PyTypeObject *type, PyObject *base)
{
    PyObject *task = type->tp_alloc(type, 0);
    struct rwp_task_face *face = task != NULL ? &rwp_task_of(task)->face : NULL;
    int same = face != NULL ? reads_as(base, task, &face->loop, "_loop") : -1;

    if (same == 1) {
        face->loop = Py_NewRef(base);
        same = reads_as(base, task, &face->cancel_message, "_cancel_message");
    }
    same = same == 1 ? reads_as(base, task, &face->source_traceback, "_source_traceback") : same;
    same = same == 1 ? reads_as(base, task, &face->awaiting, "_fut_waiter") : same;
    same = same == 1 ? reads_as(base, task, &face->coro, "_coro") : same;
    if (face != NULL) {
        Py_CLEAR(face->loop);
        Py_DECREF(task);
    }
    return same;
}
#else
static int is_read_alike(PyTypeObject *type, PyObject *base)
{
    (void)type;
    (void)base;
    return 1;
}
#endif

static int make_type(struct rwp_state *state, PyObject *base)
{
    PyObject *bases;
    int alike = PyType_Check(base) && has_our_layout((PyTypeObject *)base);

    if (alike == 1) {
        bases = PyTuple_Pack(1, base);
        state->task_type = bases != NULL ? rwp_add_type(state, &task_spec, bases, true) : NULL;
        Py_XDECREF(bases);
        alike = state->task_type != NULL ? is_read_alike(state->task_type, base) : -1;
    }
    if (alike == 0) {
        PyErr_SetString(PyExc_ImportError,
                        "this Python's asyncio.Task is not the one that ropewalk was built for");
    }
    return alike == 1 ? 0 : -1;
}

int rwp_task_init(struct rwp_state *state)
{
    PyObject *asyncio = PyImport_ImportModule("asyncio");
    PyObject *base = asyncio != NULL ? PyObject_GetAttrString(asyncio, "Task") : NULL;
    int failed = base != NULL ? make_type(state, base) : -1;

    Py_XDECREF(base);
    Py_XDECREF(asyncio);
    state->wakeup_type = failed == 0 ? rwp_add_type(state, &wakeup_spec, NULL, false) : NULL;
    if (state->wakeup_type == NULL) {
        return -1;
    }
    return rwp_task_set_init(state) == 0 ? rwp_task_iter_init(state) : -1;
}
