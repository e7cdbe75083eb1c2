/* SPDX-License-Identifier: MIT
 *
 * args.c - arguments that many functions take: durations, integers, and whatever can be awaited.
 *
 * All of these raise on a wrong argument and leave nothing behind: a future is made only after its argument was
 * found good. */
#include <math.h>

#include "lua/state.h"

int64_t rwl_check_duration(lua_State *L, int index)
{
    double seconds = luaL_checknumber(L, index);

    luaL_argcheck(L, !isnan(seconds), index, "seconds expected, got NaN");
    if (seconds >= 9.2e9) {
        return RW_NEVER;
    }
    return seconds <= 0 ? 0 : (int64_t)(seconds * (double)RW_SECOND);
}

int64_t rwl_deadline_at(lua_State *L, struct rwl_state *state, int index)
{
    if (lua_isnoneornil(L, index)) {
        return RW_NEVER;
    }
    int64_t delay = rwl_check_duration(L, index);
    return delay == RW_NEVER ? RW_NEVER : rw_deadline_after(rwl_need_loop(L, state), delay);
}

int64_t rwl_check_integer(lua_State *L, int index, int64_t least, int64_t most)
{
    double number = luaL_checknumber(L, index);

    if (!(number >= (double)least && number <= (double)most) || number != floor(number)) {
        luaL_argerror(L, index,
                      lua_pushfstring(L, "an integer from %f to %f expected", (double)least, (double)most));
    }
    return (int64_t)number;
}

bool rwl_is_awaitable(lua_State *L, struct rwl_state *state, int index)
{
    if (lua_isfunction(L, index)) {
        return true;
    }
    switch (rwl_type_of(L, state, index)) {
    case RWL_TASK:
    case RWL_PROMISE:
    case RWL_FUTURE:
        return rwl_box_at(L, index)->thing != NULL;
    case RWL_FOREIGN:
        return rwl_box_at(L, index)->thing != NULL && state->awaiter != NULL;
    default:
        return false;
    }
}

struct spawning {
    struct rwl_state *state;
    struct rw_task *task;
};

static int spawn_function(lua_State *L, void *arg)
{
    struct spawning *spawning = arg;

    spawning->task = rwl_coroutine_spawn(L, spawning->state, 0, NULL);
    return 0;
}

/* A function becomes a task of its own, cancelled when nobody waits for it any more. Raises nothing, since the caller may hold other
 * futures: without memory the future says so. */
static struct rw_future *spawn_owned(lua_State *L, struct rwl_state *state, int index)
{
    struct spawning spawning = {state, NULL};

    (void)rwl_need_loop(L, state);
    lua_pushvalue(L, index);
    if (rwl_try_call(L, state, spawn_function, &spawning, 1) != 0) {
        lua_pop(L, 1);
    }
    if (spawning.task == NULL) {
        return rw_failed(state->loop, RW_ERR_NOMEM);
    }
    struct rw_future *join = rw_task_join_owned(spawning.task);
    rw_task_unref(spawning.task);
    return join;
}

struct rw_future *rwl_check_future(lua_State *L, struct rwl_state *state, int index)
{
    struct rw_future *future = NULL;

    if (!rwl_is_awaitable(L, state, index)) {
        bool taken = rwl_type_of(L, state, index) == RWL_FUTURE;
        luaL_argerror(L, index,
                      taken
                          ? "this future was awaited already"
                          : lua_pushfstring(L, "something to await expected (task, future, function), got %s",
                                            luaL_typename(L, index)));
    }
    if (lua_isfunction(L, index)) {
        return spawn_owned(L, state, index);
    }
    struct rwl_box *box = rwl_box_at(L, index);
    switch (rwl_type_of(L, state, index)) {
    case RWL_TASK:
        return rw_task_join(box->thing);
    case RWL_PROMISE:
        return rw_promise_wait(box->thing);
    case RWL_FOREIGN:
        return state->awaiter(state->awaiter_arg, box->thing);
    default:
        future = box->thing;
        box->thing = NULL;
        return future;
    }
}
