/* SPDX-License-Identifier: MIT
 *
 * closing.c - Lua 5.4: the <close> variables of a coroutine that failed, closed where they may await.
 *
 * A thread that ended with an error has its <close> variables still open, and Lua closes those of a dead thread where nothing can be
 * awaited. So that is done under a hook which stops each handler before its first instruction and writes the call down; the calls are made
 * in a second thread, which takes the place of the first in its coroutine and ends with the same error. What a handler raises takes that
 * error's place, as in Lua.
 *
 * Invariant: each handler is called once: by the second thread when its call was written down, else (no memory) there and then.
 *
 * Rejected: a protected call at the root of each task, where Lua itself would go on: 80 bytes in every task that waits. */
#include "lua/state.h"

#if RWL_HAS_CLOSE

static const char stopped; /* what the hook raises; stands for the error among the arguments of a call */

/* The stack of the second thread: the function, the error, and for each call: how many arguments, the handler, the arguments. */
enum { ERROR_AT = 2, CALLS_AT = 3 };

struct closing {
    struct rwl_coroutine *self;
    const struct rw_value *failure;
    int argument_count; /* for the second thread; 0: nothing was to be closed */
};

static int count_varargs(lua_State *L, const lua_Debug *frame)
{
    int count = 0;

    while (lua_getlocal(L, frame, -count - 1) != NULL) {
        lua_pop(L, 1);
        count++;
    }
    return count;
}

/* The hook, at the call of a handler. */
static void stop_handler(lua_State *L, lua_Debug *frame)
{
    lua_State *thread = rwl_state_of(L)->closing;

    lua_getinfo(L, "fr", frame);
    int fixed = frame->ntransfer;
    int varargs = count_varargs(L, frame);

    if (!lua_checkstack(thread, fixed + varargs + 4)) {
        lua_sethook(L, NULL, 0, 0);
        lua_pop(L, 1);
        return;
    }
    lua_pushinteger(thread, fixed + varargs);
    lua_xmove(L, thread, 1);
    for (int i = 1; i <= fixed; i++) {
        (void)lua_getlocal(L, frame, i);
        lua_xmove(L, thread, 1);
    }
    for (int i = 1; i <= varargs; i++) {
        (void)lua_getlocal(L, frame, -i);
        lua_xmove(L, thread, 1);
    }
    lua_pushlightuserdata(L, (void *)&stopped);
    lua_error(L);
}

/* Makes the calls from `at` on; goes on here when a handler has awaited. */
static int call_handlers(lua_State *L, int status, lua_KContext at)
{
    while (at <= lua_gettop(L) || status > LUA_YIELD) {
        if (status > LUA_YIELD) {
            lua_replace(L, ERROR_AT);
            status = LUA_OK;
            continue;
        }
        int call = (int)at;
        int count = (int)lua_tointeger(L, call);

        luaL_checkstack(L, count + 4, NULL);
        for (int i = call + 1; i <= call + 1 + count; i++) {
            lua_pushvalue(L, lua_touserdata(L, i) == (void *)&stopped ? ERROR_AT : i);
        }
        at += count + 2;
        status = lua_pcallk(L, count, 0, 1, at, call_handlers);
    }
    lua_pushvalue(L, ERROR_AT);
    return lua_error(L);
}

/* The function of the second thread; its upvalue is the message handler. */
static int close_all(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    return call_handlers(L, LUA_OK, CALLS_AT);
}

/* In protected mode, on the state's own thread. The second thread is anchored before the first one is touched. */
static int close_thread(lua_State *L)
{
    struct closing *closing = lua_touserdata(L, 1);
    struct rwl_coroutine *self = closing->self;
    struct rwl_state *state = rwl_coroutine_state(self);
    struct rwl_thread first = {self->thread, self->base.base.own};

    rwl_push_error_object(L, state, closing->failure);
    struct rwl_thread second = rwl_thread_take(L, state); /* the last that may raise */
    lua_rawgeti(second.L, LUA_REGISTRYINDEX, state->main_ref);
    lua_xmove(L, second.L, 1);
    lua_pushlightuserdata(first.L, (void *)&stopped);
    state->closing = second.L;
    lua_sethook(first.L, stop_handler, LUA_MASKCALL, 0);
    rwl_reset_thread(first.L, L);
    lua_sethook(first.L, NULL, 0, 0);
    if (lua_gettop(second.L) == ERROR_AT) {
        rwl_thread_keep(state, &second);
        return 0;
    }
    closing->argument_count = lua_gettop(second.L) - 1;
    self->thread = second.L;
    self->base.base.own = second.slot;
    rwl_thread_keep(state, &first);
    return 0;
}

bool rwl_close_variables(struct rwl_coroutine *self, const struct rw_value *failure, int *argument_count)
{
    struct closing closing = {.self = self, .failure = failure};

    if (rwl_protect(rwl_coroutine_state(self), close_thread, &closing) != 0) {
        lua_pop(rwl_coroutine_state(self)->L, 1);
        rwl_reset_thread(self->thread, rwl_coroutine_state(self)->L);
    }
    *argument_count = closing.argument_count;
    return closing.argument_count > 0;
}

void rwl_open_closing(lua_State *L, struct rwl_state *state)
{
    lua_getfield(L, -1, "with_traceback");
    lua_pushcclosure(L, close_all, 1);
    state->main_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

#else

bool rwl_close_variables(struct rwl_coroutine *self, const struct rw_value *failure, int *argument_count)
{
    (void)self;
    (void)failure;
    (void)argument_count;
    return false;
}

void rwl_open_closing(lua_State *L, struct rwl_state *state)
{
    (void)L;
    (void)state;
}

#endif
