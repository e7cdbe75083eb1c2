/* SPDX-License-Identifier: MIT
 *
 * await.c - the one function by which Lua code waits.
 *
 * rwl_suspend polls the future at once, with the running task's own context: what is ready never leaves the thread.
 * Only what is pending is handed to the driver, by yielding. Another way to suspend (parking the C stack) would
 * replace rwl_wait and nothing else. Invariant: every function that ends in rwl_suspend has
 * asked rwl_check_awaiting before it made its future, so that nothing is left behind where one cannot await. */
#include "lua/state.h"

#if LUA_VERSION_NUM >= 502
/* In the thread again: the outcome is with the state. */
static int finish_here(lua_State *L, struct rwl_state *state)
{
    struct rwl_coroutine *self = state->current;

    if (self == NULL || self->thread != L) {
        return luaL_error(L, "the coroutine of a task was resumed by hand");
    }
    int count = rwl_finisher(self)(L, state, &state->value, *rwl_extra(self));
    rw_value_drop(&state->value);
    return count;
}
#endif

#if LUA_VERSION_NUM >= 503
static int go_on(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    return finish_here(L, (struct rwl_state *)context);
}
#define SUSPEND(L, state) lua_yieldk(L, 0, (lua_KContext)(state), go_on)
#elif LUA_VERSION_NUM == 502
static int go_on(lua_State *L)
{
    return finish_here(L, rwl_state(L));
}

/* For functions that are none of ours. */
static int go_on_foreign(lua_State *L)
{
    return finish_here(L, rwl_state_of(L));
}

static lua_CFunction continuation(struct rwl_state *state)
{
    bool is_foreign = state->is_foreign;

    state->is_foreign = false;
    return is_foreign ? go_on_foreign : go_on;
}
#define SUSPEND(L, state) lua_yieldk(L, 0, 0, continuation(state))
#else
#define SUSPEND(L, state) lua_yield(L, 0)
#endif

static const char *why_not(lua_State *L, const struct rwl_state *state)
{
    const struct rwl_coroutine *self = state->current;

    if (self == NULL) {
        return "cannot await outside a task: start one with rw.run(fn) or rw.spawn(fn)";
    }
    if (self->thread != L) {
        return "cannot await inside a coroutine of your own: only the task's own coroutine can; use rw.spawn "
               "or rw.stream";
    }
    if (rwl_may_yield(L, state)) {
        return NULL;
    }
#if LUA_VERSION_NUM < 502
    if (!rwl_is_jit()) {
        return "cannot await across a C call (table.sort, string.gsub, a metamethod, an iterator of for) or "
               "pcall in Lua 5.1: "
               "use rw.pcall, and call the awaiting function directly";
    }
#endif
    return "cannot await across a C call (table.sort, string.gsub, require, a finalizer): call the awaiting "
           "function directly";
}

/* Raises; the position is that of the Lua code which called, past the trampoline of LuaJIT. */
static int refuse(lua_State *L, const char *why)
{
    luaL_where(L, rwl_is_jit() ? 2 : 1);
    lua_pushstring(L, why);
    lua_concat(L, 2);
    return lua_error(L);
}

int rwl_refuse_awaiting(lua_State *L, struct rwl_state *state)
{
    return refuse(L, why_not(L, state));
}

bool rwl_may_try(struct rwl_state *state)
{
    return !rw_task_is_cancelled(state->cx->task) && rw_budget_take(state->cx);
}

int rwl_go_on(lua_State *L, struct rwl_state *state, const struct rw_value *outcome, rwl_finish *finish,
              intptr_t extra)
{
    rw_value_drop(&state->value);
    state->value = *outcome;
    int count = finish(L, state, &state->value, extra);
    rw_value_drop(&state->value);
    return count;
}

int rwl_wait(lua_State *L, struct rwl_state *state, struct rw_future *future, rwl_finish *finish,
             intptr_t extra)
{
    struct rwl_coroutine *self = state->current;

    *rwl_extra(self) = extra;
    self->base.leaf = future;
    rwl_set_finisher(self, finish);
    self->phase = RWL_PHASE_AWAITING;
    return SUSPEND(L, state);
}

int rwl_suspend(lua_State *L, struct rwl_state *state, struct rw_future *future, rwl_finish *finish,
                intptr_t extra)
{
    struct rwl_coroutine *self = state->current;
    struct rw_context *cx = state->cx;
    struct rw_value value;

    *rwl_extra(self) = extra; /* polling may change it: select.c */
    enum rw_poll poll = rw_task_await(cx, future, &value);

    state->current = self; /* others may have run inside it */
    state->cx = cx;
    if (poll == RW_READY) {
        rw_future_drop(future);
        return rwl_go_on(L, state, &value, finish, *rwl_extra(self));
    }
    return rwl_wait(L, state, future, finish, *rwl_extra(self));
}

struct rw_task *rwl_check_task(lua_State *L, struct rwl_state *state)
{
    if (state->current == NULL) {
        luaL_error(L, "not possible outside a task: start one with rw.run(fn) or rw.spawn(fn)");
    }
    return state->cx->task;
}

int rwl_finish_operation(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    (void)extra;
    if (rw_is_failure(value)) {
        return rwl_push_failure(L, state, value);
    }
    return rwl_push_all(L, state, value);
}

int rwl_finish_outcome(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    (void)extra;
    if (rw_is_failure(value)) {
        rwl_push_error(L, state, value);
        return lua_error(L);
    }
    return rwl_push_all(L, state, value);
}

int rwl_finish_true(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    (void)extra;
    if (rw_is_failure(value)) {
        return rwl_push_failure(L, state, value);
    }
    lua_pushboolean(L, 1);
    return 1;
}

int rwl_await_operation(lua_State *L, struct rwl_state *state, struct rw_future *future)
{
    const char *why = why_not(L, state);

    if (why != NULL) {
        rw_future_drop(future);
        return refuse(L, why);
    }
    state->is_foreign = true; /* and stays so where that raises, which only costs a look at the registry */
    int count = rwl_suspend(L, state, future, rwl_finish_operation, 0);
    state->is_foreign = false;
    return count;
}

int rwl_await(lua_State *L, struct rw_future *future)
{
    const char *why = why_not(L, rwl_state(L));

    if (why != NULL) {
        rw_future_drop(future);
        return refuse(L, why);
    }
    return rwl_suspend(L, rwl_state(L), future, rwl_finish_outcome, 0);
}
