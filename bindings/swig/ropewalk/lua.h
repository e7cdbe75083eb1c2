/* SPDX-License-Identifier: MIT
 *
 * lua.h - what the Lua module offers to modules written in C, with SWIG (ropewalk.i does all of this) or by hand.
 *
 * `require "ropewalk"` leaves a table of functions in the registry. A module compiled with ROPEWALK_MODULE calls
 * ropewalk_require(L) once in its luaopen function, includes ropewalk/module.c in one of its files, and is linked to
 * nothing of ours: rw_ functions lead to the library that runs in this state. All functions belong to the thread of the
 * state's loop.
 *
 * How they fail: `to_` functions never raise for what is wrong with an argument; they give -1 (or NULL) with a message pushed, so that
 * the caller can clean up before it calls lua_error. Functions that push results may raise when memory is short. Members are
 * only added at the end; a module made for a newer table is refused when it is required, with a sentence that says why.
 */
#ifndef ROPEWALK_LUA_H
#define ROPEWALK_LUA_H

#include <lua.h>

#include <lauxlib.h>
#include <ropewalk/table.h>

/* Changes only when a member changes its meaning; must be equal on both sides. */
#define RW_LUA_API_VERSION 1
#define RW_LUA_API_NAME "ropewalk.C_API"

struct rw_lua_api {
    uint32_t version;                      /* RW_LUA_API_VERSION */
    uint32_t size;                         /* of the library's table, in bytes */
    const struct rw_table *(*table)(void); /* the library's functions */

    /* Awaits `future` (taken; NULL means that memory ran out while it was made) in the task that called. The function's return
     * statement. Results are the value, or nil, message, code for what the world did; what else failed is raised. `name` is
     * the function that gave the future, for messages. */
    int (*await)(lua_State *L, struct rw_future *future, const char *name);
    /* To be called once for each function that ends in `await`, with the function on top of the stack: leaves there what scripts
     * shall call. Lua 5.1 and LuaJIT need a frame of Lua around it to raise from; elsewhere it is the same function. */
    void (*awaiting)(lua_State *L);
    /* The loop of the state, made if need be; NULL with a message pushed. */
    struct rw_loop *(*loop)(lua_State *L, const char *name);
    /* Pushes a value, which is taken. push gives 1 and pushes a failure as its error object; push_result gives how many were pushed:
     * the value, or nil, message, code; it raises failures that are misuse, as `await` does. Both raise on no memory. */
    int (*push)(lua_State *L, struct rw_value value);
    int (*push_result)(lua_State *L, struct rw_value value);
    /* The value at `index`, owned by the caller. Tables are copied; what has no form outside Lua (a function) fails. to_opaque passes
     * such a value through as a native instead, to come back as the same one. */
    int (*to_value)(lua_State *L, int index, struct rw_value *out);
    int (*to_opaque)(lua_State *L, int index, struct rw_value *out);
    /* Integers of 64 bits without a double in between: numbers that are integral, and int64 objects. A number out of the bounds, or
     * with a fraction, fails. Beyond 2^53 Lua 5.1, 5.2 and LuaJIT get an int64 object, which prints and compares as one. */
    int (*to_integer)(lua_State *L, int index, int64_t minimum, int64_t maximum, int64_t *out);
    int (*to_unsigned)(lua_State *L, int index, uint64_t maximum, uint64_t *out);
    void (*push_integer)(lua_State *L, int64_t integer);
    void (*push_unsigned)(lua_State *L, uint64_t integer);
    /* A future of what can be awaited (a future, a task, a function, which becomes a task): owned, never polled before. */
    struct rw_future *(*to_future)(lua_State *L, int index);
    /* The core's object behind a sender, receiver, stream, socket, future or task: one reference. A stream is also made of a
     * receiver. */
    struct rw_object *(*to_handle)(lua_State *L, int index);
    struct rw_stream *(*to_stream)(lua_State *L, int index);
    /* Pushes a buffer that looks at `bytes`, which is taken: #b, b:sub(i, j), b:byte(i, j), tostring(b). Raises on no memory. */
    int (*push_buffer)(lua_State *L, struct rw_bytes *bytes);
    /* The data of a string or a buffer, good while that lives; NULL with a message pushed. */
    const char *(*to_data)(lua_State *L, int index, size_t *size);
    /* A function as a callback: one reference. It is called in a task of its own coroutine and may await. */
    struct rw_callback *(*to_callback)(lua_State *L, int index);
    /* Seconds to nanoseconds, and to a deadline of the loop that many seconds from now. nil is RW_NEVER. */
    int (*to_timeout)(lua_State *L, int index, int64_t *out_ns);
    int (*to_deadline)(lua_State *L, int index, int64_t *out_ns);
    /* Keeps the shared object around `address` loaded for good. A state that ends unloads its modules, while futures, objects
     * and blocking jobs of theirs may still be at work on a loop that lives on. */
    void (*keep_loaded)(const void *address);
    /* From here on values that are handles of `type` are pushed by `push`, which takes the object's reference and may raise. A
     * second call replaces the first. */
    void (*add_type)(lua_State *L, const struct rw_object_type *type,
                     void (*push)(lua_State *L, struct rw_object *object));
};

#ifdef ROPEWALK_MODULE

/* Sees to it that the tables fit together, and lets this module's rw_ functions use the library's. Raises. */
static inline void ropewalk_fits(lua_State *L, const struct rw_lua_api *api)
{
    if (api->version != RW_LUA_API_VERSION || api->table()->table_version != RW_TABLE_VERSION) {
        luaL_error(L,
                   "this module was built for version %d.%d of Ropewalk's tables, and ropewalk %s has %d.%d: "
                   "build the "
                   "module again with the ropewalk that is installed",
                   RW_LUA_API_VERSION, RW_TABLE_VERSION, api->table()->version(), (int)api->version,
                   (int)api->table()->table_version);
    }
    if (api->size < sizeof(struct rw_lua_api) || api->table()->table_size < sizeof(struct rw_table)) {
        luaL_error(L,
                   "this module was built with ropewalk " RW_VERSION_STRING
                   " and uses functions that ropewalk %s does not have: install ropewalk " RW_VERSION_STRING
                   " or newer",
                   api->table()->version());
    }
    if (ropewalk_table != NULL && ropewalk_table != api->table()) {
        luaL_error(L, "this module is at work for another copy of Ropewalk in this process");
    }
    ropewalk_table = api->table();
}

/* Requires "ropewalk" if need be and gives its table, which is good in every state of the same library. Raises. */
static inline const struct rw_lua_api *ropewalk_require(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, RW_LUA_API_NAME);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_getglobal(L, "require");
        lua_pushliteral(L, "ropewalk");
        lua_call(L, 1, 0);
        lua_getfield(L, LUA_REGISTRYINDEX, RW_LUA_API_NAME);
    }
    const struct rw_lua_api *api = (const struct rw_lua_api *)lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (api == NULL) {
        luaL_error(L, "the module 'ropewalk' of this state is none that C modules can use");
    }
    ropewalk_fits(L, api);
    api->keep_loaded(&ropewalk_table);
    return api;
}

#elif defined(ROPEWALK_BUILTIN)

/* For what is compiled into the library itself: its table is there, and fits. */
static inline const struct rw_lua_api *ropewalk_require(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, RW_LUA_API_NAME);
    const struct rw_lua_api *api = (const struct rw_lua_api *)lua_touserdata(L, -1);
    lua_pop(L, 1);
    return api;
}

#endif

#endif
