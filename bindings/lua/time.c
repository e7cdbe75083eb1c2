/* SPDX-License-Identifier: MIT
 *
 * time.c - waiting for the clock. Seconds as numbers; a negative time has passed.
 *
 * Invariant: a deadline is worked out from the loop's clock of this turn, once, before the task is suspended. */
#include "lua/state.h"

static int sleep_for(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    int64_t deadline = rwl_deadline_at(L, state, (luaL_checkany(L, 1), 1));

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_sleep_until(state->loop, deadline), rwl_finish_true, 0);
}

static int yield_now(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_yield_now(state->loop), rwl_finish_true, 0);
}

static int now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)rw_loop_now(rwl_need_loop(L, rwl_state(L))) / (lua_Number)RW_SECOND);
    return 1;
}

const struct rwl_method rwl_time_functions[] = {{"sleep", sleep_for, RWL_AWAITS_ONE},
                                                {"yield_now", yield_now, RWL_AWAITS_ONE},
                                                {"now", now, RWL_PLAIN},
                                                {NULL, NULL, RWL_PLAIN}};
