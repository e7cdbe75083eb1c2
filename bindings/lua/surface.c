/* SPDX-License-Identifier: MIT
 *
 * surface.c - `ropewalk.surface` for Lua: the module that SWIG makes of bindings/swig/surface.i, inside this one.
 *
 * It is compiled in rather than beside, so that one file is installed per Lua, and a Lua state that Python hosts has it too. What
 * SWIG generates is included here, where it can be kept from showing a symbol. Invariant: opening it leaves the globals of the
 * state as they were. */
#include <pthread.h>

#include "lua/state.h"

#define ROPEWALK_BUILTIN 1
#define SWIGEXPORT static
#include <surface_lua.c>

/* Two helpers of SWIG's, which it leaves among the globals: those of a module of the program's own stay. */
static const char *const swig_globals[] = {"swig_type", "swig_equals"};

/* What SWIG sets up when a module is opened belongs to all states, whatever threads they are on. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

enum { GLOBAL_COUNT = sizeof swig_globals / sizeof swig_globals[0] };

static void push_globals(lua_State *L)
{
#if LUA_VERSION_NUM < 502
    lua_pushvalue(L, LUA_GLOBALSINDEX);
#else
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
#endif
}

/* surface(): the module, made anew. */
static int open_surface(lua_State *L)
{
    lua_settop(L, 0);
    push_globals(L);
    for (int i = 0; i < GLOBAL_COUNT; i++) {
        lua_pushstring(L, swig_globals[i]);
        lua_rawget(L, 1);
    }
    lua_pushcfunction(L, luaopen_surface);
    pthread_mutex_lock(&opening);
    int status = lua_pcall(L, 0, 1, 0);
    pthread_mutex_unlock(&opening);
    if (status != LUA_OK) {
        return lua_error(L);
    }
    for (int i = 0; i < GLOBAL_COUNT; i++) {
        lua_pushstring(L, swig_globals[i]);
        lua_pushvalue(L, 2 + i);
        lua_rawset(L, 1);
    }
    return 1;
}

const struct rwl_method rwl_surface_functions[] = {{"surface", open_surface, RWL_PLAIN},
                                                   {NULL, NULL, RWL_PLAIN}};
