/* SPDX-License-Identifier: MIT
 *
 * lua.c - rw.Lua(): a Lua state on the running loop.
 *
 * The state belongs to its Python object and to the loop, whichever ends first. Invariant: Lua is entered only on the loop's
 * thread with the GIL held, and every entry is protected: nothing longjmps over Python's frames. Chunks are text, never
 * bytecode. What has no plain form crosses as an object that stands for it (lua_object.c, lua_python.c).
 *
 * Modules in C that Lua code requires need Lua's symbols, which a Python module has loaded for itself alone: so the library is
 * opened once more with its symbols global, that of this one Lua version.
 */
#include "rwp_lua.h"

#ifdef RWP_WITH_LUA

#include <dlfcn.h>

#if __has_include(<luajit.h>)
#include <luajit.h>
#endif

#define BOX(op) ((struct rwp_box *)(op))

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

static const char helper_source[] = "return function(t, k) return t[k] end, function(t, k, v) t[k] = v end,\n"
                                    "function(t) return #t end, tostring\n";

static int open_protected(lua_State *L)
{
    struct rwp_home *home = lua_touserdata(L, 1);
    const char *path = lua_touserdata(L, 2);

    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", path, path, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_settop(L, 2);
    if (luaL_loadbufferx(L, helper_source, sizeof helper_source - 1, "=helpers", "t") != LUA_OK) {
        return lua_error(L);
    }
    lua_call(L, 0, RWP_HELPER_COUNT);
    for (int i = RWP_HELPER_COUNT - 1; i >= 0; i--) {
        home->helpers[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    return 0;
}

/* Which host natives of this state name: told by one of them. */
static int learn_host(struct rwp_home *home)
{
    struct rw_value value;

    rwp_lua_push_helper(home, RWP_HELPER_GET);
    if (rwl_to_value(home->L, -1, &value) != 0 || value.kind != RW_KIND_NATIVE) {
        lua_pop(home->L, 1);
        rw_value_drop(&value);
        PyErr_NoMemory();
        return -1;
    }
    home->host = value.as.native->host;
    rw_value_drop(&value);
    lua_pop(home->L, 1);
    return 0;
}

static void share_symbols(void)
{
    Dl_info info;

    if (dladdr((void *)(uintptr_t)&lua_settop, &info) != 0 && info.dli_fname != NULL) {
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
    }
}

static void leave_loop(struct rwp_home *home)
{
    struct rwp_home **link = &home->loop->homes;

    while (*link != NULL && *link != home) {
        link = &(*link)->next;
    }
    if (*link == home) {
        *link = home->next;
    }
}

static void close_home(void *thing)
{
    struct rwp_home *home = thing;

    leave_loop(home);
    if (home->L != NULL) {
        rwl_close(home->L);
        lua_close(home->L);
    }
    PyMem_Free(home);
}

static int fill_home(struct rwp_home *home, const char *path)
{
    int status;

    home->L = luaL_newstate();
    if (home->L == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    lua_pushcfunction(home->L, open_protected);
    lua_pushlightuserdata(home->L, home);
    lua_pushlightuserdata(home->L, (void *)(uintptr_t)path);
    status = lua_pcall(home->L, 2, 0, 0);
    if (status != LUA_OK) {
        const char *message = lua_tostring(home->L, -1);

        PyErr_Format(PyExc_RuntimeError, "the Lua state could not be opened: %s",
                     message != NULL ? message : "?");
        return -1;
    }
    status = rwl_open(home->L, home->loop->loop);
    if (status != 0) {
        rwp_raise(home->loop->state, status, NULL);
        return -1;
    }
    return learn_host(home) < 0 ? -1 : rwp_lua_add_python(home);
}

static struct rwp_home *new_home(struct rwp_loop *loop, const char *path)
{
    struct rwp_home *home = PyMem_Calloc(1, sizeof *home);

    if (home == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    home->loop = loop;
    home->next = loop->homes;
    loop->homes = home;
    if (fill_home(home, path) < 0) {
        close_home(home);
        return NULL;
    }
    return home;
}

/* Where the package keeps the pure Lua modules; new reference. */
static PyObject *module_path(void)
{
    PyObject *package = PyImport_ImportModule("ropewalk");
    PyObject *paths = package != NULL ? PyObject_GetAttrString(package, "__path__") : NULL;
    PyObject *first = paths != NULL ? PySequence_GetItem(paths, 0) : NULL;
    PyObject *path = first != NULL ? PyUnicode_FromFormat("%U/lua", first) : NULL;

    Py_XDECREF(package);
    Py_XDECREF(paths);
    Py_XDECREF(first);
    return path;
}

static PyObject *lua_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct rwp_state *state = PyType_GetModuleState(type);
    struct rwp_loop *loop;
    struct rwp_home *home;
    PyObject *path, *op;
    const char *text;

    if (PyTuple_GET_SIZE(args) != 0 || (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0)) {
        PyErr_SetString(PyExc_TypeError, "Lua() takes no arguments");
        return NULL;
    }
    loop = rwp_running(state);
    path = loop != NULL ? module_path() : NULL;
    text = path != NULL ? PyUnicode_AsUTF8(path) : NULL;
    if (text == NULL) {
        Py_XDECREF(path);
        return NULL;
    }
    share_symbols();
    home = new_home(loop, text);
    Py_DECREF(path);
    op = home != NULL ? rwp_box_new(type, loop, home, close_home) : NULL;
    if (op != NULL) {
        home->object = op;
    }
    return op;
}

/* ---- methods -------------------------------------------------------------------------------------------------------------- */

static PyObject *run_chunk(struct rwp_home *home, const char *source, Py_ssize_t size, const char *name)
{
    int base = lua_gettop(home->L);
    int count;

    if (!lua_checkstack(home->L, 8)) {
        return PyErr_NoMemory();
    }
    if (luaL_loadbufferx(home->L, source, (size_t)size, name, "t") != LUA_OK) {
        const char *message = lua_tostring(home->L, -1);

        PyErr_SetString(PyExc_SyntaxError, message != NULL ? message : "not a Lua chunk");
        lua_settop(home->L, base);
        return NULL;
    }
    count = rwp_lua_call_now(home, 0, LUA_MULTRET);
    return count >= 0 ? rwp_lua_pop(home, count) : NULL;
}

static PyObject *lua_execute(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"source", "name", NULL};
    struct rwp_home *home = rwp_link_thing(&BOX(op)->link);
    const char *source;
    const char *name = "execute";
    Py_ssize_t size;
    char chunk_name[128];

    if (home == NULL ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "s#|s:execute", names, &source, &size, &name)) {
        return NULL;
    }
    PyOS_snprintf(chunk_name, sizeof chunk_name, "=%s", name);
    return run_chunk(home, source, size, chunk_name);
}

static PyObject *lua_eval(PyObject *op, PyObject *source)
{
    struct rwp_home *home = rwp_link_thing(&BOX(op)->link);
    PyObject *chunk, *result;
    const char *text;
    Py_ssize_t size;

    if (home == NULL) {
        return NULL;
    }
    if (!PyUnicode_Check(source)) {
        PyErr_Format(PyExc_TypeError, "eval() takes Lua source as str, not %.100s", Py_TYPE(source)->tp_name);
        return NULL;
    }
    chunk = PyUnicode_FromFormat("return %U", source);
    text = chunk != NULL ? PyUnicode_AsUTF8AndSize(chunk, &size) : NULL;
    result = text != NULL ? run_chunk(home, text, size, "=eval") : NULL;
    Py_XDECREF(chunk);
    return result;
}

static void push_globals(struct rwp_home *home)
{
#if LUA_VERSION_NUM >= 502
    lua_pushglobaltable(home->L);
#else
    lua_pushvalue(home->L, LUA_GLOBALSINDEX);
#endif
}

static PyObject *lua_getitem(PyObject *op, PyObject *name)
{
    struct rwp_home *home = rwp_link_thing(&BOX(op)->link);

    if (home == NULL) {
        return NULL;
    }
    rwp_lua_push_helper(home, RWP_HELPER_GET);
    push_globals(home);
    if (rwp_lua_push(home, name) < 0) {
        lua_pop(home->L, 2);
        return NULL;
    }
    return rwp_lua_call_now(home, 2, 1) < 0 ? NULL : rwp_lua_pop(home, 1);
}

static int lua_setitem(PyObject *op, PyObject *name, PyObject *value)
{
    struct rwp_home *home = rwp_link_thing(&BOX(op)->link);

    if (home == NULL) {
        return -1;
    }
    rwp_lua_push_helper(home, RWP_HELPER_SET);
    push_globals(home);
    if (rwp_lua_push(home, name) < 0) {
        lua_pop(home->L, 2);
        return -1;
    }
    if (rwp_lua_push(home, value != NULL ? value : Py_None) < 0) {
        lua_pop(home->L, 3);
        return -1;
    }
    return rwp_lua_call_now(home, 3, 0) < 0 ? -1 : 0;
}

static PyObject *lua_globals(PyObject *op, PyObject *unused)
{
    struct rwp_home *home = rwp_link_thing(&BOX(op)->link);
    struct rw_value value;

    (void)unused;
    if (home == NULL) {
        return NULL;
    }
    push_globals(home);
    (void)rwl_to_value(home->L, -1, &value);
    lua_pop(home->L, 1);
    if (value.kind != RW_KIND_NATIVE) {
        rw_value_drop(&value);
        return PyErr_NoMemory();
    }
    return rwp_lua_object_new(home, value.as.native);
}

static PyObject *lua_require(PyObject *op, PyObject *name)
{
    struct rwp_home *home = rwp_link_thing(&BOX(op)->link);

    if (home == NULL) {
        return NULL;
    }
    lua_getglobal(home->L, "require");
    if (rwp_lua_push(home, name) < 0) {
        lua_pop(home->L, 1);
        return NULL;
    }
    return rwp_lua_call_now(home, 1, 1) < 0 ? NULL : rwp_lua_pop(home, 1);
}

static PyObject *lua_end(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (BOX(op)->link.thing != NULL && rwp_link_thing(&BOX(op)->link) == NULL) {
        return NULL;
    }
    rwp_link_end(&BOX(op)->link);
    Py_RETURN_NONE;
}

static PyObject *lua_enter(PyObject *op, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(op);
}

static PyObject *lua_exit(PyObject *op, PyObject *args)
{
    (void)args;
    return lua_end(op, NULL);
}

static PyMethodDef lua_methods[] = {
    {"execute", (PyCFunction)(void (*)(void))lua_execute, METH_VARARGS | METH_KEYWORDS,
     "execute(source, name='execute') - run a chunk now; its results: None, the one, or a tuple. It cannot "
     "await: give back a "
     "function and await that."},
    {"eval", lua_eval, METH_O, "eval(source) - the value of a Lua expression, now."},
    {"globals", lua_globals, METH_NOARGS, "globals() - the table of globals."},
    {"require", lua_require, METH_O, "require(name) - what Lua's require gives."},
    {"close", lua_end, METH_NOARGS, "close() - cancel its tasks and end the state. Idempotent."},
    {"__enter__", lua_enter, METH_NOARGS, NULL},
    {"__exit__", lua_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef lua_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct rwp_box, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot lua_slots[] = {
    {Py_tp_doc,
     "Lua() - a Lua state on the running loop: its tasks, channels and awaits are those of Python."},
    {Py_tp_new, lua_new},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, lua_methods},
    {Py_tp_members, lua_members},
    {Py_mp_subscript, lua_getitem},
    {Py_mp_ass_subscript, lua_setitem},
    {0, NULL},
};

static PyType_Spec lua_spec = {
    "ropewalk._ropewalk.Lua",
    sizeof(struct rwp_box),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    lua_slots,
};

PyObject *rwp_lua_of_native(struct rwp_loop *loop, struct rw_native *native, bool is_table_too)
{
    struct rwp_home *home = loop->homes;
    struct rw_value value = rw_value_of_native(native);
    int type;

    while (home != NULL && home->host != native->host) {
        home = home->next;
    }
    if (home == NULL || !lua_checkstack(home->L, 4) || rwl_push_value(home->L, &value) != 0) {
        return NULL;
    }
    type = lua_type(home->L, -1);
    lua_pop(home->L, 1);
    if (type == LUA_TTABLE && !is_table_too) {
        return NULL;
    }
    native = native->vtable->clone(native);
    return native != NULL ? rwp_lua_object_new(home, native) : PyErr_NoMemory();
}

bool rwp_lua_is_pack(const struct rw_value *value)
{
    return rwl_is_pack(value);
}

static PyObject *module_lua_version(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
#ifdef LUAJIT_VERSION
    return PyUnicode_FromString(LUAJIT_VERSION);
#else
    return PyUnicode_FromString(LUA_RELEASE);
#endif
}

static PyMethodDef functions[] = {
    {"lua_version", module_lua_version, METH_NOARGS,
     "lua_version() - the Lua that was built in, such as 'Lua 5.4.4'; None without one."},
    {NULL, NULL, 0, NULL},
};

int rwp_lua_init(struct rwp_state *state)
{
    state->lua_type = rwp_add_type(state, &lua_spec, NULL, true);
    if (state->lua_type == NULL || rwp_lua_object_init(state) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(state->module, functions);
}

#endif
