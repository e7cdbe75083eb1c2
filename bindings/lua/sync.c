/* SPDX-License-Identifier: MIT
 *
 * sync.c - semaphores and notifications. What else there is (mutex, rwlock, condition, barrier, once) the pure Lua
 * part builds of these two. */
#include "lua/state.h"

#define COUNT_MAX (INT64_C(1) << 40)

static size_t optional_count(lua_State *L, int index)
{
    return lua_isnoneornil(L, index) ? 1 : (size_t)rwl_check_integer(L, index, 1, COUNT_MAX);
}

static int new_semaphore(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    size_t permits = lua_isnoneornil(L, 1) ? 1 : (size_t)rwl_check_integer(L, 1, 0, COUNT_MAX);
    struct rwl_box *box = rwl_push_box(L, state, RWL_SEMAPHORE);

    box->thing = rw_semaphore_new(rwl_need_loop(L, state), permits);
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int semaphore_acquire(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_semaphore *semaphore = rwl_check(L, state, 1, RWL_SEMAPHORE);
    size_t count = optional_count(L, 2);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_semaphore_acquire(semaphore, count), rwl_finish_true, 0);
}

static int semaphore_try_acquire(lua_State *L)
{
    struct rw_semaphore *semaphore = rwl_check(L, rwl_state(L), 1, RWL_SEMAPHORE);

    lua_pushboolean(L, rw_semaphore_try_acquire(semaphore, optional_count(L, 2)));
    return 1;
}

static int semaphore_release(lua_State *L)
{
    struct rw_semaphore *semaphore = rwl_check(L, rwl_state(L), 1, RWL_SEMAPHORE);

    rw_semaphore_release(semaphore, optional_count(L, 2));
    return 0;
}

static int semaphore_available(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)rw_semaphore_available(rwl_check(L, rwl_state(L), 1, RWL_SEMAPHORE)));
    return 1;
}

static int semaphore_close(lua_State *L)
{
    rw_semaphore_close(rwl_check(L, rwl_state(L), 1, RWL_SEMAPHORE));
    return 0;
}

static int new_notify(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *box = rwl_push_box(L, state, RWL_NOTIFY);

    box->thing = rw_notify_new(rwl_need_loop(L, state));
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int notify_wait(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_notify *notify = rwl_check(L, state, 1, RWL_NOTIFY);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_notify_wait(notify), rwl_finish_true, 0);
}

static int notify_one(lua_State *L)
{
    rw_notify_one(rwl_check(L, rwl_state(L), 1, RWL_NOTIFY));
    return 0;
}

static int notify_all(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)rw_notify_all(rwl_check(L, rwl_state(L), 1, RWL_NOTIFY)));
    return 1;
}

const struct rwl_method rwl_sync_functions[] = {
    {"semaphore", new_semaphore, RWL_PLAIN}, {"notify", new_notify, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_semaphore_methods[] = {
    {"acquire", semaphore_acquire, RWL_AWAITS_ONE}, {"try_acquire", semaphore_try_acquire, RWL_PLAIN},
    {"release", semaphore_release, RWL_PLAIN},      {"available", semaphore_available, RWL_PLAIN},
    {"close", semaphore_close, RWL_PLAIN},          {NULL, NULL, RWL_PLAIN},
};

const struct rwl_method rwl_notify_methods[] = {{"wait", notify_wait, RWL_AWAITS_ONE},
                                                {"notify_one", notify_one, RWL_PLAIN},
                                                {"notify_all", notify_all, RWL_PLAIN},
                                                {NULL, NULL, RWL_PLAIN}};
