/* SPDX-License-Identifier: MIT
 *
 * byhand_lua.c - the functions of tests/ext/kit.c for Lua, written by hand: what SWIG's wrappers are held against.
 */
#include <lua.h>

#include <lauxlib.h>
#include <ropewalk/lua.h>
#include <ropewalk/module.c>

#include "kit.h"

static const struct rw_lua_api *api;

static int64_t integer_at(lua_State *L, int index)
{
    int64_t integer;

    if (api->to_integer(L, index, INT64_MIN, INT64_MAX, &integer) < 0) {
        lua_error(L);
    }
    return integer;
}

static int ready(lua_State *L)
{
    return api->await(L, kit_ready(api->loop(L, "ready"), integer_at(L, 1)), "ready");
}

static int tick(lua_State *L)
{
    return api->await(L, kit_tick(api->loop(L, "tick"), integer_at(L, 1)), "tick");
}

static int add(lua_State *L)
{
    struct rw_loop *loop = api->loop(L, "add");

    return api->await(L,
                      kit_add(loop, integer_at(L, 1), luaL_checknumber(L, 2), luaL_checkstring(L, 3),
                              lua_toboolean(L, 4) != 0),
                      "add");
}

static int plus(lua_State *L)
{
    api->push_integer(L, kit_plus(integer_at(L, 1), integer_at(L, 2), integer_at(L, 3), integer_at(L, 4)));
    return 1;
}

static int int64(lua_State *L)
{
    api->push_integer(L, kit_int64(integer_at(L, 1)));
    return 1;
}

int luaopen_byhand(lua_State *L);

__attribute__((visibility("default"))) int luaopen_byhand(lua_State *L)
{
    static const luaL_Reg functions[] = {{"ready", ready}, {"tick", tick}, {"add", add}};

    api = ropewalk_require(L);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        lua_pushcfunction(L, functions[i].func);
        api->awaiting(L);
        lua_setfield(L, -2, functions[i].name);
    }
    lua_pushcfunction(L, plus);
    lua_setfield(L, -2, "plus");
    lua_pushcfunction(L, int64);
    lua_setfield(L, -2, "int64");
    return 1;
}
