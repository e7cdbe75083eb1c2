/* SPDX-License-Identifier: MIT
 *
 * lua_object.c - a Lua function, userdata or table as a Python object.
 *
 * It holds a native of the Lua state: calling it gives an awaitable that, once awaited, runs the function as a Lua task and waits for its
 * end. Giving up the await cancels that task, and waits for it. Invariant: arguments are converted when the call is
 * made, so that a wrong one is reported where it was written.
 */
#include "rwp_lua.h"

#ifdef RWP_WITH_LUA

#define BOX(op) ((struct rwp_box *)(op))

struct call {
    struct rwp_loop *loop;
    const void *host;
    struct rw_native *function;
    PyObject *keeper; /* the Lua function's object */
    Py_ssize_t count;
    struct rw_value arguments[];
};

static void drop_native(void *thing)
{
    struct rw_native *native = thing;

    native->vtable->drop(native);
}

PyObject *rwp_lua_object_new(struct rwp_home *home, struct rw_native *native)
{
    PyObject *op = rwp_box_new(home->loop->state->lua_object_type, home->loop, native, drop_native);

    if (op != NULL) {
        BOX(op)->kept = Py_XNewRef(home->object); /* the state lives as long as what came out of it */
    }
    return op;
}

static struct rwp_home *home_of(struct rwp_loop *loop, const void *host)
{
    struct rwp_home *home = loop->homes;

    while (home != NULL && home->host != host) {
        home = home->next;
    }
    return home;
}

/* The state behind an object; NULL with ClosedError. */
static struct rwp_home *open_home(PyObject *op, struct rw_native **native)
{
    struct rwp_home *home;

    *native = rwp_link_thing(&BOX(op)->link);
    if (*native == NULL) {
        return NULL;
    }
    home = home_of(BOX(op)->link.loop, (*native)->host);
    if (home == NULL) {
        rwp_raise(BOX(op)->link.loop->state, RW_ERR_CLOSED, "the Lua state of this object is closed");
    }
    return home;
}

static int push_native(struct rwp_home *home, struct rw_native *native)
{
    struct rw_value value = rw_value_of_native(native);

    if (!lua_checkstack(home->L, 6) || rwl_push_value(home->L, &value) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* ---- calling ------------------------------------------------------------------------------------------------------------- */

static void drop_call(void *arg)
{
    struct call *call = arg;

    call->function->vtable->drop(call->function);
    for (Py_ssize_t i = 0; i < call->count; i++) {
        rw_value_drop(&call->arguments[i]);
    }
    Py_DECREF(call->keeper);
    PyMem_Free(call);
}

/* The failure that lies on the stack, which is put back to `base`. */
static struct rw_future *fail(struct rwp_home *home, int base, struct rw_loop *loop)
{
    struct rw_value failure;

    (void)rwl_to_value(home->L, -1, &failure);
    lua_settop(home->L, base);
    if (failure.kind != RW_KIND_ERROR) {
        rw_value_drop(&failure);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    failure.failed = 1;
    return rw_ready(loop, failure);
}

static struct rw_future *begin_call(void *arg, struct rw_loop *loop)
{
    struct call *call = arg;
    struct rwp_home *home = home_of(call->loop, call->host);
    struct rw_value function = rw_value_of_native(call->function);
    int base = home != NULL ? lua_gettop(home->L) : 0;

    if (home == NULL) {
        return rw_failed(loop, RW_ERR_CLOSED);
    }
    if (!lua_checkstack(home->L, (int)call->count + 8)) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    if (rwl_push_value(home->L, &function) != 0) {
        return fail(home, base, loop);
    }
    for (Py_ssize_t i = 0; i < call->count; i++) {
        if (rwl_push_value(home->L, &call->arguments[i]) != 0) {
            return fail(home, base, loop);
        }
    }
    struct rw_task *task = rwl_spawn(home->L, (int)call->count, NULL);

    if (task == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    struct rw_future *join = rw_task_join_owned(task);

    rw_task_unref(task);
    return join;
}

static struct call *new_call(struct rwp_loop *loop, PyObject *op, struct rw_native *native, PyObject *args)
{
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    struct call *call = PyMem_Malloc(sizeof *call + (size_t)count * sizeof call->arguments[0]);

    if (call == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    call->loop = loop;
    call->host = native->host;
    call->function = native->vtable->clone(native);
    call->keeper = Py_NewRef(op);
    call->count = 0;
    while (call->count < count) {
        struct rw_value *argument = &call->arguments[call->count];

        if (rwp_value_from(loop->state, PyTuple_GET_ITEM(args, call->count), argument) < 0) {
            drop_call(call);
            return NULL;
        }
        call->count++;
    }
    return call;
}

static PyObject *object_call(PyObject *op, PyObject *args, PyObject *kwargs)
{
    struct rw_native *native;
    struct rwp_home *home = open_home(op, &native);
    struct call *call;

    if (home == NULL) {
        return NULL;
    }
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "a Lua function takes no keyword arguments");
        return NULL;
    }
    if (PyTuple_GET_SIZE(args) > 200) {
        PyErr_SetString(PyExc_TypeError, "a Lua function takes at most 200 arguments from Python");
        return NULL;
    }
    call = new_call(home->loop, op, native, args);
    if (call == NULL) {
        return NULL;
    }
    return rwp_op_new(home->loop, rw_lazy(home->loop->loop, begin_call, drop_call, call), rwp_op_tuple, NULL);
}

/* ---- looking inside --------------------------------------------------------------------------------------------------------- */

static PyObject *call_helper(struct rwp_home *home, struct rw_native *native, enum rwp_helper helper,
                             PyObject *key)
{
    int nargs = key != NULL ? 2 : 1;

    rwp_lua_push_helper(home, helper);
    if (push_native(home, native) < 0) {
        lua_pop(home->L, 1);
        return NULL;
    }
    if (key != NULL && rwp_lua_push(home, key) < 0) {
        lua_pop(home->L, 2);
        return NULL;
    }
    return rwp_lua_call_now(home, nargs, 1) < 0 ? NULL : rwp_lua_pop(home, 1);
}

static PyObject *object_getitem(PyObject *op, PyObject *key)
{
    struct rw_native *native;
    struct rwp_home *home = open_home(op, &native);

    return home != NULL ? call_helper(home, native, RWP_HELPER_GET, key) : NULL;
}

static int object_setitem(PyObject *op, PyObject *key, PyObject *value)
{
    struct rw_native *native;
    struct rwp_home *home = open_home(op, &native);
    int base = home != NULL ? lua_gettop(home->L) : 0;

    if (home == NULL) {
        return -1;
    }
    rwp_lua_push_helper(home, RWP_HELPER_SET);
    if (push_native(home, native) < 0 || rwp_lua_push(home, key) < 0 ||
        rwp_lua_push(home, value != NULL ? value : Py_None) < 0) {
        lua_settop(home->L, base);
        return -1;
    }
    return rwp_lua_call_now(home, 3, 0) < 0 ? -1 : 0;
}

static Py_ssize_t object_length(PyObject *op)
{
    struct rw_native *native;
    struct rwp_home *home = open_home(op, &native);
    PyObject *length = home != NULL ? call_helper(home, native, RWP_HELPER_LENGTH, NULL) : NULL;
    Py_ssize_t size = length != NULL ? PyNumber_AsSsize_t(length, PyExc_OverflowError) : -1;

    Py_XDECREF(length);
    return size;
}

static PyObject *object_repr(PyObject *op)
{
    struct rw_native *native = BOX(op)->link.thing;
    struct rwp_home *home = native != NULL && rwp_loop_is_mine(BOX(op)->link.loop)
                                ? home_of(BOX(op)->link.loop, native->host)
                                : NULL;
    PyObject *text, *repr;

    if (home == NULL) {
        return PyUnicode_FromString("<Lua value (closed)>");
    }
    text = call_helper(home, native, RWP_HELPER_TEXT, NULL);
    repr = text != NULL ? PyUnicode_FromFormat("<Lua %S>", text) : NULL;
    Py_XDECREF(text);
    return repr;
}

static PyMemberDef object_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct rwp_box, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot object_slots[] = {
    {Py_tp_doc, "A Lua value. Calling a function gives an awaitable; [key] reads a table's field."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_call, object_call},
    {Py_tp_repr, object_repr},
    {Py_mp_subscript, object_getitem},
    {Py_mp_ass_subscript, object_setitem},
    {Py_mp_length, object_length},
    {Py_tp_members, object_members},
    {0, NULL},
};

static PyType_Spec object_spec = {"ropewalk._ropewalk.LuaObject", sizeof(struct rwp_box), 0, RWP_TYPE_FLAGS,
                                  object_slots};

int rwp_lua_object_init(struct rwp_state *state)
{
    state->lua_object_type = rwp_add_type(state, &object_spec, NULL, true);
    return state->lua_object_type != NULL ? 0 : -1;
}

#endif
