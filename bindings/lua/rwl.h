/* SPDX-License-Identifier: MIT
 *
 * rwl.h - the Lua binding as seen from C: a host that has a loop and a lua_State of its own puts them together
 * here.
 *
 * Every function of this header is protected: it never raises a Lua error nor longjmps out, and leaves the stack as
 * its comment says. All of them belong to the loop's thread and to a state that rwl_open was called on; `L` may be
 * any thread (coroutine) of that state unless said otherwise. A plain Lua program needs none of this: it says
 * `require "ropewalk"`, which finds luaopen_ropewalk_core.
 */
#ifndef RWL_H
#define RWL_H

#include <lua.h>

#include "ropewalk.h"

/* The entry of the C module `ropewalk.core`: pushes its table. Raises on no memory, as such entries may. */
RW_API int luaopen_ropewalk_core(lua_State *L);

/* Makes `L` a state on an existing loop, which stays the caller's and must outlive the state or be told by
 * rwl_close. It puts `ropewalk.core` into package.preload; the pure Lua part (`ropewalk`) is found by
 * package.path, as set by the caller. 0, RW_ERR_STATE when the state has a loop already, RW_ERR_NOMEM. */
int rwl_open(lua_State *L, struct rw_loop *loop);

/* Cuts the state off from its loop: Lua tasks in flight are cancelled without being entered again, and natives that
 * other parts of the program still hold become empty. lua_close does the same by itself, so this is for a loop that
 * ends first. Idempotent. */
void rwl_close(lua_State *L);

/* Turns the value at `index` into `out` (owned by the caller). Scalars and strings are copied (a string is TEXT
 * when it is UTF-8, else BYTES); handles are handles; errors are errors; anything else is a NATIVE that keeps
 * its identity and is copied by its `portable`. Returns 0, or a negative code with *out a failure of that code.
 * The stack is unchanged. */
int rwl_to_value(lua_State *L, int index, struct rw_value *out);

/* The same without any native of this state in it: tables are copied; RW_ERR_TYPE for what cannot be (a function),
 * RW_ERR_LIMIT for a cycle or too deep a nesting. */
int rwl_to_portable(lua_State *L, int index, struct rw_value *out);

/* Pushes one Lua value for `value` (borrowed). A NIL inside a list or map becomes rw.null; natives of other
 * hosts are asked for their portable copy; a failure is pushed as its error object. Returns 0 with one value
 * pushed, or a negative code with an error object pushed instead. */
int rwl_push_value(lua_State *L, const struct rw_value *value);

/* Pops a function and `nargs` arguments above it and makes them a Lua task; `options` may be NULL. Gives a
 * reference to the task, whose outcome is the function's result (nil; one value; or, from several, a native
 * whose portable copy is a list), or the failure that it raised, with message and traceback. NULL on no memory
 * or when the state is closed. */
struct rw_task *rwl_spawn(lua_State *L, int nargs, const struct rw_spawn_options *options);

/* Whether `value` is such a native: several results of one function. */
bool rwl_is_pack(const struct rw_value *value);

/* Calls a function with `nargs` arguments at once, in the current thread, where it cannot await: pops them and
 * pushes `nresults` results (or LUA_MULTRET). 0, or a negative code with *failure the error (message, traceback)
 * and nothing pushed. */
int rwl_call_now(lua_State *L, int nargs, int nresults, struct rw_value *failure);

/* For C functions that a host adds to a state: awaits `future` (taken) in the task that called the function.
 * Must be the function's return statement: `return rwl_await(L, future)`. The outcome is one result, or, for a
 * failure, the error raised. Raises a clear error outside a task. The function must have been pushed by
 * rwl_push_awaiting. This function alone is allowed to raise: it is called from Lua. */
int rwl_await(lua_State *L, struct rw_future *future);

/* Pushes `fn` as a function that may end in rwl_await, with one upvalue for its own use: a light userdata,
 * lua_touserdata(L, lua_upvalueindex(2)). 0 or RW_ERR_NOMEM. */
int rwl_push_awaiting(lua_State *L, lua_CFunction fn, void *upvalue);

/* How values of the host that are no values of the runtime (natives whose portable copy fails) are awaited in
 * this state: `rw.await(x)`, `rw.join`, `rw.select` call it with the native (borrowed) and take the future it
 * gives, never NULL. */
void rwl_set_awaiter(lua_State *L, struct rw_future *(*awaiter)(void *arg, struct rw_native *native),
                     void *arg);

/* Pushes the metatable that those values have in this state, so that the host can say how they are called,
 * indexed and printed. Requires an opened state and room for one value. */
void rwl_push_foreign_metatable(lua_State *L);

/* The loop of a state; NULL when rwl_open (or the module's own loop) is not there yet or any more. */
struct rw_loop *rwl_loop_of(lua_State *L);

#endif
