/* SPDX-License-Identifier: MIT
 *
 * rwp_lua.h - what the files about Lua states inside Python share.
 */
#ifndef RWP_LUA_H
#define RWP_LUA_H

#include "rwp.h"

#ifdef RWP_WITH_LUA

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "lua/rwl.h"

/* Small Lua functions through which everything that may raise is done, protected. */
enum rwp_helper { RWP_HELPER_GET, RWP_HELPER_SET, RWP_HELPER_LENGTH, RWP_HELPER_TEXT, RWP_HELPER_COUNT };

/* A Lua state on a loop. Belongs to its Lua object's link; the loop knows all of them. */
struct rwp_home {
    struct rwp_home *next; /* in loop->homes */
    struct rwp_loop *loop; /* borrowed: the link goes before the loop */
    lua_State *L;
    PyObject *object; /* the Lua object, borrowed: it goes after the link */
    const void *host; /* what natives of this state call their host */
    int helpers[RWP_HELPER_COUNT];
};

/* Pushes `object` (any Python object) onto the Lua stack; -1 with an exception and nothing pushed. */
int rwp_lua_push(struct rwp_home *home, PyObject *object);

/* Pops `count` values: None, the one value, or a tuple of several. NULL with an exception; popped in any case. */
PyObject *rwp_lua_pop(struct rwp_home *home, int count);

/* Calls what lies below `nargs` arguments, now; `nresults` as in Lua. Pops them; -1 with the Lua error raised, or the number of
 * results that are left on the stack. */
int rwp_lua_call_now(struct rwp_home *home, int nargs, int nresults);

/* Pushes a helper. */
void rwp_lua_push_helper(struct rwp_home *home, enum rwp_helper helper);

/* Adds `ropewalk.python` to package.preload and teaches the state how Python's objects behave. -1 with an exception. */
int rwp_lua_add_python(struct rwp_home *home);

/* A Python object that stands for a Lua value (a native of `home`; one reference is taken, also on failure). */
PyObject *rwp_lua_object_new(struct rwp_home *home, struct rw_native *native);

int rwp_lua_object_init(struct rwp_state *state);

#endif

#endif
