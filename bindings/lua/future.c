/* SPDX-License-Identifier: MIT
 *
 * future.c - futures as Lua values: promises completed by hand, what is made of them, and awaiting anything.
 *
 * A promise and a task can be awaited any number of times; a future made by a combinator is lazy and awaited once.
 * The functions given to and_then and or_else run as coroutines inside the awaiting task, so they may await
 * themselves; the pure Lua part makes map of and_then, and awaits the futures that they return. */
#include "lua/state.h"

/* How a future box fails: by raising (0), or, for operations, with nil, message, code. */
enum { RAISES = 0, RETURNS = 1 };

static int new_promise(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *box = rwl_push_box(L, state, RWL_PROMISE);

    box->thing = rw_promise_new(rwl_need_loop(L, state));
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int refuse_second(lua_State *L, struct rwl_state *state)
{
    return rwl_raise(L, state, rw_failure_format(RW_ERR_STATE, "this future has been completed already"));
}

static int promise_resolve(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_promise *promise = rwl_check(L, state, 1, RWL_PROMISE);

    if (rw_promise_is_done(promise)) {
        return refuse_second(L, state);
    }
    return rwl_push_status(L, state, rw_promise_resolve(promise, rwl_pop_all(L, state, lua_gettop(L) - 1)));
}

static int promise_reject(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_promise *promise = rwl_check(L, state, 1, RWL_PROMISE);

    luaL_checkany(L, 2);
    if (rw_promise_is_done(promise)) {
        return refuse_second(L, state);
    }
    return rwl_push_status(L, state, rw_promise_resolve(promise, rwl_failure_at(L, state, 2, NULL)));
}

static int promise_is_done(lua_State *L)
{
    lua_pushboolean(L, rw_promise_is_done(rwl_check(L, rwl_state(L), 1, RWL_PROMISE)));
    return 1;
}

/* Gives up completing it: who waits gets the error code "broken". */
static int promise_abandon(lua_State *L)
{
    rw_promise_abandon(rwl_check(L, rwl_state(L), 1, RWL_PROMISE));
    return 0;
}

static int await_any(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    rwl_finish *finish = rwl_finish_outcome;

    rwl_check_awaiting(L, state);
    if (rwl_type_of(L, state, 1) == RWL_FUTURE && rwl_box_at(L, 1)->extra == RETURNS) {
        finish = rwl_finish_operation;
    }
    return rwl_suspend(L, state, rwl_check_future(L, state, 1), finish, 0);
}

static int is_awaitable(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    lua_pushboolean(L, !lua_isfunction(L, 1) && rwl_is_awaitable(L, state, 1));
    return 1;
}

static struct rw_future *call_function(void *arg, struct rw_value value)
{
    return rwl_call_native(arg, value);
}

/* A failure is handed over as data: the error object. */
static struct rw_future *call_with_failure(void *arg, struct rw_value failure)
{
    failure.failed = 0;
    return rwl_call_native(arg, failure);
}

static void drop_function(void *arg)
{
    rwl_native_unref(arg);
}

typedef struct rw_future *combine(struct rw_loop *loop, struct rw_future *future,
                                  struct rw_future *(*fn)(void *arg, struct rw_value value),
                                  void (*drop)(void *arg), void *arg);

static int chain(lua_State *L, combine *make, struct rw_future *(*call)(void *arg, struct rw_value value))
{
    struct rwl_state *state = rwl_state(L);
    struct rw_loop *loop = rwl_need_loop(L, state);

    luaL_checktype(L, 2, LUA_TFUNCTION);
    luaL_argcheck(L, rwl_is_awaitable(L, state, 1), 1, "this future was awaited already");
    struct rwl_box *box = rwl_push_box(L, state, RWL_FUTURE);
    box->thing = rwl_check_future(L, state, 1);
    lua_pushvalue(L, 2);
    struct rwl_native *function = rwl_native_new(L, state, false);
    box->thing = make(loop, box->thing, call, drop_function, function);
    return 1;
}

static int and_then(lua_State *L)
{
    return chain(L, rw_and_then, call_function);
}

static int or_else(lua_State *L)
{
    return chain(L, rw_or_else, call_with_failure);
}

const struct rwl_method rwl_future_functions[] = {
    {"future", new_promise, RWL_PLAIN},        {"await", await_any, RWL_AWAITS},
    {"is_awaitable", is_awaitable, RWL_PLAIN}, {"and_then", and_then, RWL_PLAIN},
    {"or_else", or_else, RWL_PLAIN},           {NULL, NULL, RWL_PLAIN},
};

const struct rwl_method rwl_future_methods[] = {
    {"await", await_any, RWL_AWAITS}, {"receive", await_any, RWL_AWAITS}, {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_promise_methods[] = {
    {"resolve", promise_resolve, RWL_PLAIN}, {"reject", promise_reject, RWL_PLAIN},
    {"abandon", promise_abandon, RWL_PLAIN}, {"is_done", promise_is_done, RWL_PLAIN},
    {"await", await_any, RWL_AWAITS},        {NULL, NULL, RWL_PLAIN},
};
