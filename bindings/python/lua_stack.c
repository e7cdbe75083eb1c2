/* SPDX-License-Identifier: MIT
 *
 * lua_stack.c - Python objects on a Lua stack and back, and calls of Lua functions at once.
 *
 * Invariant: whatever happens, each function leaves the stack as its comment in rwp_lua.h says: no value is left behind by a
 * failure, and Lua raises nothing through here.
 */
#include "rwp_lua.h"

#ifdef RWP_WITH_LUA

int rwp_lua_push(struct rwp_home *home, PyObject *object)
{
    struct rw_value value;
    int err;

    if (!lua_checkstack(home->L, 4)) {
        PyErr_NoMemory();
        return -1;
    }
    if (rwp_value_from(home->loop->state, object, &value) < 0) {
        return -1;
    }
    err = rwl_push_value(home->L, &value);
    rw_value_drop(&value);
    if (err != 0) {
        struct rw_value failure;

        (void)rwl_to_value(home->L, -1, &failure);
        lua_pop(home->L, 1);
        failure.failed = failure.kind == RW_KIND_ERROR;
        if (failure.failed == 0) {
            rw_value_drop(&failure);
            failure = rw_failure(err);
        }
        rwp_raise_value(home->loop->state, &failure);
    }
    return err != 0 ? -1 : 0;
}

static PyObject *object_at(struct rwp_home *home, int index)
{
    struct rw_value value;

    (void)rwl_to_value(home->L, index, &value);
    return rwp_object_from(home->loop, value);
}

PyObject *rwp_lua_pop(struct rwp_home *home, int count)
{
    PyObject *object = count == 0   ? Py_NewRef(Py_None)
                       : count == 1 ? object_at(home, -1)
                                    : PyTuple_New(count);

    for (int i = 0; object != NULL && count > 1 && i < count; i++) {
        PyObject *item = object_at(home, i - count);

        if (item == NULL) {
            Py_CLEAR(object);
        } else {
            PyTuple_SET_ITEM(object, i, item);
        }
    }
    lua_pop(home->L, count);
    return object;
}

int rwp_lua_call_now(struct rwp_home *home, int nargs, int nresults)
{
    int base = lua_gettop(home->L) - nargs - 1;
    struct rw_value failure = rw_nil();

    if (rwl_call_now(home->L, nargs, nresults, &failure) != 0) {
        lua_settop(home->L, base);
        rwp_raise_value(home->loop->state, &failure);
        return -1;
    }
    return lua_gettop(home->L) - base;
}

void rwp_lua_push_helper(struct rwp_home *home, enum rwp_helper helper)
{
    lua_rawgeti(home->L, LUA_REGISTRYINDEX, home->helpers[helper]);
}

#endif
