/* SPDX-License-Identifier: MIT
 *
 * bare.c - the least an await can cost in Lua: lua_resume from C, lua_yield from a C function, nothing between them.
 *
 * One program per Lua, since each has a lua_resume of its own shape.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "../c/bench.h"

enum { COUNT = 200000 };

static int resume(lua_State *thread, lua_State *from)
{
#if LUA_VERSION_NUM >= 504
    int count = 0;

    return lua_resume(thread, from, 0, &count);
#elif LUA_VERSION_NUM >= 502
    return lua_resume(thread, from, 0);
#else
    (void)from;
    return lua_resume(thread, 0);
#endif
}

static int yield(lua_State *thread)
{
    return lua_yield(thread, 0);
}

static void resume_and_yield(void *arg, size_t count)
{
    lua_State *main_thread = arg;
    lua_State *thread = lua_newthread(main_thread);

    lua_getglobal(main_thread, "body");
    lua_xmove(main_thread, thread, 1);
    for (size_t i = 0; i < count; i++) {
        if (resume(thread, main_thread) != LUA_YIELD) {
            exit(1);
        }
    }
    lua_pop(main_thread, 1);
}

int main(void)
{
    lua_State *main_thread = luaL_newstate();

    if (main_thread == NULL) {
        return 1;
    }
    luaL_openlibs(main_thread);
    lua_pushcfunction(main_thread, yield);
    lua_setglobal(main_thread, "yield");
    if (luaL_dostring(main_thread, "local yield = yield function body() while true do yield() end end") !=
        0) {
        return 1;
    }
    bench_measure("bare", COUNT, resume_and_yield, main_thread);
    lua_close(main_thread);
    return 0;
}
