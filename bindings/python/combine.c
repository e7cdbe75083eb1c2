/* SPDX-License-Identifier: MIT
 *
 * combine.c - functions that make awaitables: sleep, yield_now, spawn, select, and the methods map, and_then, or_else.
 *
 * The arguments of select become cases one by one; when one of them is refused, those already taken are dropped, which cancels
 * what was spawned for them.
 */
#include "rwp.h"

/* ---- the clock ---------------------------------------------------------------------------------------------------------------- */

static PyObject *module_sleep(PyObject *module, PyObject *seconds)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    int64_t delay_ns;

    if (loop == NULL || rwp_seconds(seconds, &delay_ns) < 0) {
        return NULL;
    }
    if (delay_ns == RW_NEVER) {
        return rwp_op_new(loop, rw_sleep_until(loop->loop, RW_NEVER), NULL, NULL);
    }
    if (delay_ns <= 0) {
        return rwp_op_new(loop, rw_yield_now(loop->loop), NULL, NULL);
    }
    return rwp_op_new(loop, rw_sleep_until(loop->loop, rw_deadline_after(loop->loop, delay_ns)), NULL, NULL);
}

/* METH_FASTCALL, since the interpreter calls nothing faster. */
static PyObject *module_yield_now(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    struct rwp_loop *loop;

    (void)args;
    if (count != 0) {
        PyErr_SetString(PyExc_TypeError, "yield_now() takes no arguments");
        return NULL;
    }
    loop = rwp_running(rwp_state_of_module(module));
    return loop != NULL ? rwp_op_new(loop, rw_yield_now(loop->loop), NULL, NULL) : NULL;
}

/* ---- tasks --------------------------------------------------------------------------------------------------------------------- */

struct spawn_options {
    PyObject *name, *context, *scope, *eager_start;
};

static int read_options(PyObject *const *values, PyObject *names, struct spawn_options *options)
{
    const struct {
        const char *name;
        PyObject **where;
    } known[] = {{"name", &options->name},
                 {"context", &options->context},
                 {"scope", &options->scope},
                 {"eager_start", &options->eager_start}};
    Py_ssize_t count = names != NULL ? PyTuple_GET_SIZE(names) : 0;

    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        size_t k = 0;

        while (k < sizeof known / sizeof known[0] && PyUnicode_CompareWithASCIIString(name, known[k].name)) {
            k++;
        }
        if (k == sizeof known / sizeof known[0]) {
            PyErr_Format(PyExc_TypeError, "spawn() got an unexpected keyword argument '%U'", name);
            return -1;
        }
        *known[k].where = values[i] != Py_None ? values[i] : NULL;
    }
    return rwp_task_refuse_eager(options->eager_start);
}

static PyObject *module_spawn(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    struct rwp_state *state = rwp_state_of_module(module);
    struct spawn_options options = {NULL, NULL, NULL, NULL};
    struct rw_scope *scope = NULL;
    struct rwp_loop *loop;

    if (count != 1) {
        PyErr_Format(PyExc_TypeError, "spawn() takes one coroutine (%zd given)", count);
        return NULL;
    }
    if (names != NULL && read_options(args + 1, names, &options) < 0) {
        return NULL;
    }
    loop = rwp_running(state);
    if (loop == NULL) {
        return NULL;
    }
    if (options.scope != NULL && (scope = rwp_scope_of(state, options.scope)) == NULL) {
        return NULL;
    }
    return rwp_task_spawn(loop, args[0], options.name, options.context, scope);
}

/* ---- select --------------------------------------------------------------------------------------------------------------------------- */

static PyObject *raise_with_index(struct rwp_op *op, struct rw_value *value, size_t index)
{
    PyObject *exception, *number = PyLong_FromSize_t(index);

    (void)rwp_raise_value(op->loop->state, value);
    exception = rwp_exc_take();
    if (number == NULL || PyObject_SetAttrString(exception, "index", number) < 0) {
        PyErr_Clear();
    }
    Py_XDECREF(number);
    rwp_exc_give(exception);
    return NULL;
}

static PyObject *conclude_select(struct rwp_op *op, struct rw_value *value)
{
    size_t index = rw_select_index(op->future);
    Py_ssize_t count = PyLong_AsSsize_t(op->owner);
    PyObject *object;

    if (rw_is_failure(value)) {
        return raise_with_index(op, value, index);
    }
    if ((Py_ssize_t)index == count) {
        rw_value_drop(value);
        return rwp_raise(op->loop->state, RW_ERR_TIMEOUT, NULL);
    }
    object = rwp_object_from(op->loop, *value);
    return object != NULL ? Py_BuildValue("(nN)", (Py_ssize_t)index, object) : NULL;
}

static int fill_case(struct rwp_loop *loop, PyObject *arg, struct rw_select_case *out)
{
    struct rwp_op *op = (struct rwp_op *)arg;

    *out = (struct rw_select_case){.kind = RW_SELECT_FUTURE, .value = rw_nil()};
    if (Py_TYPE(arg) == loop->state->op_type && op->kind != RWP_OP_PLAIN && op->state == RWP_OP_NEW) {
        void *end = rwp_link_thing(&((struct rwp_box *)op->owner)->link);

        if (end == NULL) {
            return -1;
        }
        if (op->kind == RWP_OP_RECEIVE) {
            out->kind = RW_SELECT_RECEIVE;
            out->receiver = end;
        } else {
            out->kind = RW_SELECT_SEND;
            out->sender = end;
            out->value = op->at.value;
        }
        op->kind = RWP_OP_PLAIN;
        op->state = RWP_OP_SPENT;
        return 0;
    }
    out->future = rwp_future_of(loop, arg);
    return out->future != NULL ? 0 : -1;
}

static PyObject *select_of(struct rwp_loop *loop, PyObject *args, int64_t deadline_ns, bool has_timeout,
                           unsigned flags)
{
    Py_ssize_t count = PyTuple_GET_SIZE(args), filled = 0;
    struct rw_select_case *cases = PyMem_Calloc((size_t)count + 1, sizeof *cases);
    PyObject *op = NULL, *number;

    if (cases == NULL) {
        return PyErr_NoMemory();
    }
    while (filled < count && fill_case(loop, PyTuple_GET_ITEM(args, filled), &cases[filled]) == 0) {
        filled++;
    }
    number = filled == count ? PyLong_FromSsize_t(count) : NULL;
    if (number != NULL) {
        cases[count] = (struct rw_select_case){
            .kind = RW_SELECT_DEADLINE, .deadline_ns = deadline_ns, .value = rw_nil()};
        op = rwp_op_new(loop, rw_select(loop->loop, cases, (size_t)count + (has_timeout ? 1 : 0), flags),
                        conclude_select, number);
        Py_DECREF(number);
    } else {
        for (Py_ssize_t i = 0; i < filled; i++) {
            rw_future_drop(cases[i].future);
            rw_value_drop(&cases[i].value);
        }
    }
    PyMem_Free(cases);
    return op;
}

static PyObject *module_select(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"timeout", "biased", NULL};
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    PyObject *empty = PyTuple_New(0);
    PyObject *timeout = Py_None;
    int64_t delay_ns = 0;
    int biased = 0, parsed;

    if (loop == NULL || empty == NULL) {
        Py_XDECREF(empty);
        return NULL;
    }
    parsed = PyArg_ParseTupleAndKeywords(empty, kwargs, "|$Op:select", names, &timeout, &biased);
    Py_DECREF(empty);
    if (!parsed || (timeout != Py_None && rwp_seconds(timeout, &delay_ns) < 0)) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(args) == 0 && timeout == Py_None) {
        PyErr_SetString(PyExc_ValueError, "select() needs something to wait for");
        return NULL;
    }
    return select_of(loop, args, rw_deadline_after(loop->loop, delay_ns), timeout != Py_None,
                     biased != 0 ? RW_SELECT_BIASED : 0);
}

/* ---- methods of awaitables ---------------------------------------------------------------------------------------------------------- */

static PyObject *chain(PyObject *self, PyObject *fn,
                       struct rw_future *(*combine)(struct rw_loop *loop, struct rw_future *future,
                                                    struct rw_future *(*call)(void *arg,
                                                                              struct rw_value value),
                                                    void (*drop)(void *arg), void *arg))
{
    struct rwp_loop *loop = rwp_running(rwp_state_of(self));
    struct rwp_call *call = loop != NULL ? rwp_call_new(loop, fn) : NULL;
    struct rw_future *future = call != NULL ? rwp_future_of(loop, self) : NULL;

    if (future == NULL) {
        if (call != NULL) {
            rwp_call_drop(call);
        }
        return NULL;
    }
    return rwp_op_new(loop, combine(loop->loop, future, rwp_call_future, rwp_call_drop, call), NULL, NULL);
}

PyObject *rwp_op_map(PyObject *self, PyObject *fn)
{
    return chain(self, fn, rw_and_then);
}

PyObject *rwp_op_and_then(PyObject *self, PyObject *fn)
{
    return chain(self, fn, rw_and_then);
}

PyObject *rwp_op_or_else(PyObject *self, PyObject *fn)
{
    return chain(self, fn, rw_or_else);
}

static PyObject *module_awaitable(PyObject *module, PyObject *object)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    struct rw_future *future = loop != NULL ? rwp_future_of(loop, object) : NULL;

    return future != NULL ? rwp_op_new(loop, future, NULL, NULL) : NULL;
}

#define FAST(method) ((PyCFunction)(void (*)(void))(method))

static PyMethodDef functions[] = {
    {"sleep", module_sleep, METH_O, "sleep(seconds) - wait that long; 0 or less: one turn of the loop."},
    {"yield_now", FAST(module_yield_now), METH_FASTCALL, "yield_now() - let everybody else run once."},
    {"spawn", FAST(module_spawn), METH_FASTCALL | METH_KEYWORDS,
     "spawn(coro, *, name=None, context=None, scope=None) - run a coroutine as a task of the running loop."},
    {"select", FAST(module_select), METH_VARARGS | METH_KEYWORDS,
     "select(*operations, timeout=None, biased=False) - do exactly one of them; gives (index, result)."},
    {"future_of", module_awaitable, METH_O,
     "future_of(awaitable) - an operation with map, and_then and or_else."},
    {NULL, NULL, 0, NULL},
};

int rwp_combine_init(struct rwp_state *state)
{
    return PyModule_AddFunctions(state->module, functions);
}
