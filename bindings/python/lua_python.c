/* SPDX-License-Identifier: MIT
 *
 * lua_python.c - Python as Lua sees it: `require "ropewalk.python"`, and Python objects that can be called, indexed and awaited.
 *
 * A Python object without a plain form is a foreign value of the Lua binding that carries a native back and forth; here it gets its
 * behaviour. These functions are called by Lua and may raise Lua errors, so each is in two halves: one that touches Python
 * and leaves nothing behind but a value, and one that pushes it or raises. Invariant: no reference to a Python object is
 * held where Lua can longjmp.
 */
#include "rwp_lua.h"

#ifdef RWP_WITH_LUA

static struct rwp_home *home_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* Pushes what a Python call gave (taken), or raises what it failed with. */
static int answer(lua_State *L, struct rw_value *value)
{
    int err = rwl_push_value(L, value);
    bool failed = rw_is_failure(value);

    rw_value_drop(value);
    return failed || err != 0 ? lua_error(L) : 1;
}

/* `object` (taken; NULL: the exception that is set) as a value. */
static struct rw_value value_of(struct rwp_home *home, PyObject *object)
{
    struct rw_value value;

    if (object == NULL) {
        return rwp_failure_taken(home->loop->state);
    }
    if (rwp_value_from(home->loop->state, object, &value) < 0) {
        value = rwp_failure_taken(home->loop->state);
    }
    Py_DECREF(object);
    return value;
}

/* The Lua value at `index` as a Python object; NULL with an exception. */
static PyObject *object_at(lua_State *L, struct rwp_home *home, int index)
{
    struct rw_value value;

    (void)rwl_to_value(L, index, &value);
    return rwp_object_from(home->loop, value);
}

static PyObject *arguments_from(lua_State *L, struct rwp_home *home, int first)
{
    int count = lua_gettop(L) - first + 1;
    PyObject *arguments = PyTuple_New(count > 0 ? count : 0);

    for (int i = 0; arguments != NULL && i < count; i++) {
        PyObject *argument = object_at(L, home, first + i);

        if (argument == NULL) {
            Py_CLEAR(arguments);
        } else {
            PyTuple_SET_ITEM(arguments, i, argument);
        }
    }
    return arguments;
}

static struct rw_value call_object(lua_State *L, struct rwp_home *home)
{
    PyObject *callable = object_at(L, home, 1);
    PyObject *arguments = callable != NULL ? arguments_from(L, home, 2) : NULL;
    PyObject *result = arguments != NULL ? PyObject_Call(callable, arguments, NULL) : NULL;

    Py_XDECREF(callable);
    Py_XDECREF(arguments);
    return value_of(home, result);
}

/* A text key is an attribute, anything else a subscript. */
static struct rw_value get_from(lua_State *L, struct rwp_home *home)
{
    PyObject *object = object_at(L, home, 1);
    PyObject *key = object != NULL ? object_at(L, home, 2) : NULL;
    PyObject *result = NULL;

    if (key != NULL) {
        result = PyUnicode_Check(key) ? PyObject_GetAttr(object, key) : PyObject_GetItem(object, key);
    }
    Py_XDECREF(object);
    Py_XDECREF(key);
    return value_of(home, result);
}

static struct rw_value set_in(lua_State *L, struct rwp_home *home)
{
    PyObject *object = object_at(L, home, 1);
    PyObject *key = object != NULL ? object_at(L, home, 2) : NULL;
    PyObject *item = key != NULL ? object_at(L, home, 3) : NULL;
    int err = -1;

    if (item != NULL) {
        err =
            PyUnicode_Check(key) ? PyObject_SetAttr(object, key, item) : PyObject_SetItem(object, key, item);
    }
    Py_XDECREF(object);
    Py_XDECREF(key);
    Py_XDECREF(item);
    return value_of(home, err == 0 ? Py_NewRef(Py_None) : NULL);
}

static struct rw_value text_of(lua_State *L, struct rwp_home *home)
{
    PyObject *object = object_at(L, home, 1);
    PyObject *text = object != NULL ? PyObject_Str(object) : NULL;

    Py_XDECREF(object);
    return value_of(home, text);
}

static struct rw_value length_of(lua_State *L, struct rwp_home *home)
{
    PyObject *object = object_at(L, home, 1);
    Py_ssize_t size = object != NULL ? PyObject_Size(object) : -1;

    Py_XDECREF(object);
    return value_of(home, size >= 0 ? PyLong_FromSsize_t(size) : NULL);
}

static struct rw_value import_named(lua_State *L, struct rwp_home *home)
{
    PyObject *name = object_at(L, home, 1);
    PyObject *module = NULL;

    if (name != NULL && PyUnicode_Check(name)) {
        module = PyImport_Import(name);
    } else if (name != NULL) {
        PyErr_SetString(PyExc_TypeError, "import takes the name of a module");
    }
    Py_XDECREF(name);
    return value_of(home, module);
}

/* The same as [key] in Python, whatever the key. */
static struct rw_value get_item(lua_State *L, struct rwp_home *home)
{
    PyObject *object = object_at(L, home, 1);
    PyObject *key = object != NULL ? object_at(L, home, 2) : NULL;
    PyObject *result = key != NULL ? PyObject_GetItem(object, key) : NULL;

    Py_XDECREF(object);
    Py_XDECREF(key);
    return value_of(home, result);
}

/* What Lua calls: the half that touches Python is the second upvalue. */
struct action {
    struct rw_value (*run)(lua_State *L, struct rwp_home *home);
};

static const struct action call_action = {call_object};
static const struct action get_action = {get_from};
static const struct action set_action = {set_in};
static const struct action text_action = {text_of};
static const struct action length_action = {length_of};
static const struct action import_action = {import_named};
static const struct action item_action = {get_item};

static int act(lua_State *L)
{
    const struct action *action = lua_touserdata(L, lua_upvalueindex(2));
    struct rw_value value = action->run(L, home_of(L));

    return answer(L, &value);
}

/* ---- awaiting --------------------------------------------------------------------------------------------------------------- */

static struct rw_future *future_of_failure(struct rwp_loop *loop)
{
    return rw_ready(loop->loop, rwp_failure_taken(loop->state));
}

static struct rw_future *await_native(void *arg, struct rw_native *native)
{
    struct rwp_home *home = arg;
    struct rwp_loop *loop = home->loop;
    PyObject *object = rwp_native_object(loop->state, native);
    struct rw_future *future;

    if (object == NULL) {
        return rw_failed(loop->loop, RW_ERR_TYPE);
    }
    Py_INCREF(object);
    if (rwp_is_awaitable(loop->state, object) != 1) {
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_TypeError, "object %.100s cannot be awaited", Py_TYPE(object)->tp_name);
        }
        Py_DECREF(object);
        return future_of_failure(loop);
    }
    future = rwp_future_of(loop, object);
    Py_DECREF(object);
    return future != NULL ? future : future_of_failure(loop);
}

/* ---- the module --------------------------------------------------------------------------------------------------------------- */

static void set_action_as(lua_State *L, struct rwp_home *home, const char *name, const struct action *action)
{
    lua_pushlightuserdata(L, home);
    lua_pushlightuserdata(L, (void *)(uintptr_t)action);
    lua_pushcclosure(L, act, 2);
    lua_setfield(L, -2, name);
}

static int python_open(lua_State *L)
{
    struct rwp_home *home = home_of(L);
    struct rw_value builtins = value_of(home, PyImport_ImportModule("builtins"));

    lua_newtable(L);
    set_action_as(L, home, "import", &import_action);
    set_action_as(L, home, "str", &text_action);
    set_action_as(L, home, "getitem", &item_action);
    (void)rwl_push_value(L, &builtins);
    rw_value_drop(&builtins);
    lua_setfield(L, -2, "builtins");
    return 1;
}

static int add_protected(lua_State *L)
{
    struct rwp_home *home = lua_touserdata(L, 1);

    rwl_push_foreign_metatable(L);
    set_action_as(L, home, "__call", &call_action);
    set_action_as(L, home, "__index", &get_action);
    set_action_as(L, home, "__newindex", &set_action);
    set_action_as(L, home, "__tostring", &text_action);
    set_action_as(L, home, "__len", &length_action);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushlightuserdata(L, home);
    lua_pushcclosure(L, python_open, 1);
    lua_setfield(L, -2, "ropewalk.python");
    return 0;
}

int rwp_lua_add_python(struct rwp_home *home)
{
    lua_pushcfunction(home->L, add_protected);
    lua_pushlightuserdata(home->L, home);
    if (lua_pcall(home->L, 1, 0, 0) != LUA_OK) {
        lua_pop(home->L, 1);
        PyErr_NoMemory();
        return -1;
    }
    rwl_set_awaiter(home->L, await_native, home);
    return 0;
}

#endif
