/* SPDX-License-Identifier: MIT
 *
 * time.c - waiting for the clock. Seconds as numbers; a negative time has passed.
 *
 * Invariant: a deadline is worked out from the loop's clock of this turn, once, before the task is suspended. */
#include "lua/state.h"

/* Waits for one turn of the loop: true. The wake is on its way at once, so there is nothing to poll, and no future is made. In a
 * cancelled task this is refused as any await is. */
static inline int suspend_turn(lua_State *L, struct rwl_state *state)
{
    if (rw_task_is_cancelled(state->cx->task)) {
        return rwl_suspend(L, state, rw_yield_now(state->loop), rwl_finish_true, 0);
    }
    rw_waker_wake(&state->cx->waker);
    state->current->phase = RWL_PHASE_YIELDED;
    return lua_yield(L, 0);
}

static int sleep_for(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    int64_t deadline = rwl_deadline_at(L, state, (luaL_checkany(L, 1), 1));

    rwl_check_awaiting(L, state);
    if (deadline <= rw_loop_now(state->loop)) {
        return suspend_turn(L, state);
    }
    return rwl_suspend(L, state, rw_sleep_until(state->loop, deadline), rwl_finish_true, 0);
}

/* Compiled for each way to find the state. */
static inline __attribute__((always_inline)) int check_and_suspend(lua_State *L, struct rwl_state *state)
{
    rwl_check_awaiting(L, state);
    return suspend_turn(L, state);
}

static int yield_now(lua_State *L)
{
    if (rwl_is_jit()) {
        return check_and_suspend(L, rwl_state_at(L, 1));
    }
    return check_and_suspend(L, rwl_state(L));
}

static int now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)rw_loop_now(rwl_need_loop(L, rwl_state(L))) / (lua_Number)RW_SECOND);
    return 1;
}

const struct rwl_method rwl_time_functions[] = {{"sleep", sleep_for, RWL_AWAITS_TRUE},
                                                {"yield_now", yield_now, RWL_AWAITS_TURN},
                                                {"now", now, RWL_PLAIN},
                                                {NULL, NULL, RWL_PLAIN}};
