/* SPDX-License-Identifier: MIT
 *
 * compat.h - one face for Lua 5.1, 5.2, 5.3, 5.4, 5.5 and LuaJIT.
 *
 * LuaJIT and PUC 5.1 share an ABI, so a module built against either may be loaded by the other: what differs
 * between the two is asked at run time, through symbols that only LuaJIT has (weak here).
 */
#ifndef RWL_COMPAT_H
#define RWL_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stddef.h>

#define RWL_HAS_YIELDK (LUA_VERSION_NUM >= 502)
#define RWL_HAS_INTEGERS (LUA_VERSION_NUM >= 503)
#define RWL_HAS_CLOSE (LUA_VERSION_NUM >= 504)

#if LUA_VERSION_NUM < 502
extern int lua_isyieldable(lua_State *L) __attribute__((weak));
extern void luaL_traceback(lua_State *L, lua_State *of, const char *message, int level) __attribute__((weak));

static inline bool rwl_is_jit(void)
{
    return lua_isyieldable != NULL;
}

/* PUC 5.1 and 5.2 do not tell: then yes. */
static inline bool rwl_may_yield_here(lua_State *L)
{
    return lua_isyieldable == NULL || lua_isyieldable(L) != 0;
}

static inline int lua_absindex(lua_State *L, int index)
{
    return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + index + 1;
}

static inline size_t lua_rawlen(lua_State *L, int index)
{
    return lua_objlen(L, index);
}

/* The key is made by the caller's stack room of two slots. */
static inline void lua_rawgetp(lua_State *L, int index, const void *key)
{
    index = lua_absindex(L, index);
    lua_pushlightuserdata(L, (void *)key);
    lua_rawget(L, index);
}

static inline void lua_rawsetp(lua_State *L, int index, const void *key)
{
    index = lua_absindex(L, index);
    lua_pushlightuserdata(L, (void *)key);
    lua_insert(L, -2);
    lua_rawset(L, index);
}
#else
static inline bool rwl_is_jit(void)
{
    return false;
}

static inline bool rwl_may_yield_here(lua_State *L)
{
#if LUA_VERSION_NUM >= 503
    return lua_isyieldable(L) != 0;
#else
    (void)L;
    return true;
#endif
}
#endif

/* The code of lua_resume. What it says about results is for rwl_result_count. */
static inline int rwl_resume(lua_State *thread, lua_State *from, int argument_count, int *results)
{
#if LUA_VERSION_NUM >= 504
    return lua_resume(thread, from, argument_count, results);
#elif LUA_VERSION_NUM >= 502
    (void)results;
    return lua_resume(thread, from, argument_count);
#else
    (void)results;
    (void)from;
    return lua_resume(thread, argument_count);
#endif
}

/* How many results a thread that has ended left. */
static inline int rwl_result_count(lua_State *thread, int results)
{
#if LUA_VERSION_NUM >= 504
    (void)thread;
    return results;
#else
    (void)results;
    return lua_gettop(thread);
#endif
}

static inline void *rwl_new_userdata(lua_State *L, size_t size)
{
#if LUA_VERSION_NUM >= 504
    return lua_newuserdatauv(L, size, 0);
#else
    return lua_newuserdata(L, size);
#endif
}

#if RWL_HAS_CLOSE
/* A thread that has failed, made ready for another function. */
static inline void rwl_reset_thread(lua_State *thread, lua_State *from)
{
#if LUA_VERSION_NUM >= 505 || LUA_VERSION_RELEASE_NUM >= 50406
    (void)lua_closethread(thread, from);
#else
    (void)from;
    (void)lua_resetthread(thread);
#endif
    lua_settop(thread, 0);
}
#endif

#ifndef LUA_OK
#define LUA_OK 0
#endif

#endif
