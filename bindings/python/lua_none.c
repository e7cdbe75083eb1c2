/* SPDX-License-Identifier: MIT
 *
 * lua_none.c - what stands in Lua's place in a build without Lua.
 *
 * The names are there in every build, so that a program can ask for Lua and be told how to get it. Invariant: this
 * file and lua*.c are never both compiled to something.
 */
#include "rwp.h"

#ifndef RWP_WITH_LUA

static PyObject *none_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct rwp_state *state = PyType_GetModuleState(type);

    (void)args;
    (void)kwargs;
    return rwp_raise(
        state, RW_ERR_UNSUPPORTED,
        "this build of ropewalk has no Lua: install liblua5.4-dev or libluajit-5.1-dev and build it again, "
        "with ROPEWALK_LUA=5.4 or ROPEWALK_LUA=luajit");
}

static PyType_Slot lua_slots[] = {
    {Py_tp_doc, "Lua() - not in this build: it raises UnsupportedError."},
    {Py_tp_new, none_new},
    {0, NULL},
};

static PyType_Slot object_slots[] = {
    {Py_tp_doc, "A Lua value; there are none in this build."},
    {0, NULL},
};

static PyType_Spec lua_spec = {
    "ropewalk._ropewalk.Lua", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, lua_slots,
};
static PyType_Spec object_spec = {"ropewalk._ropewalk.LuaObject", sizeof(PyObject), 0, RWP_TYPE_FLAGS,
                                  object_slots};

static PyObject *module_lua_version(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"lua_version", module_lua_version, METH_NOARGS,
     "lua_version() - the Lua that was built in; None without one."},
    {NULL, NULL, 0, NULL},
};

PyObject *rwp_lua_of_native(struct rwp_loop *loop, struct rw_native *native, bool is_table_too)
{
    (void)loop;
    (void)native;
    (void)is_table_too;
    return NULL;
}

bool rwp_lua_is_pack(const struct rw_value *value)
{
    (void)value;
    return false;
}

int rwp_lua_init(struct rwp_state *state)
{
    state->lua_type = rwp_add_type(state, &lua_spec, NULL, true);
    state->lua_object_type = rwp_add_type(state, &object_spec, NULL, true);
    if (state->lua_type == NULL || state->lua_object_type == NULL) {
        return -1;
    }
    return PyModule_AddFunctions(state->module, functions);
}

#endif
