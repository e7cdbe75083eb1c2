/* SPDX-License-Identifier: MIT
 *
 * combine.c - join and first: several futures awaited as one.
 *
 * Arguments are judged before the first future is made, so that a wrong one leaves nothing behind. Functions among
 * them become tasks that are cancelled when they are not needed any more. */
#include <stdlib.h>

#include "lua/state.h"

typedef struct rw_future *gather(struct rw_loop *loop, struct rw_future *const *futures, size_t count);

static int gather_arguments(lua_State *L, gather *make, rwl_finish *finish)
{
    struct rwl_state *state = rwl_state(L);
    int count = lua_gettop(L);

    rwl_check_awaiting(L, state);
    for (int i = 1; i <= count; i++) {
        luaL_argcheck(L, rwl_is_awaitable(L, state, i), i,
                      "something to await expected (task, future, function)");
    }
    luaL_checkstack(L, 8, NULL);
    struct rw_future **futures = rwl_new_userdata(L, (size_t)(count + 1) * sizeof(struct rw_future *));
    for (int i = 0; i < count; i++) {
        futures[i] = rwl_check_future(L, state, i + 1);
    }
    return rwl_suspend(L, state, make(state->loop, futures, (size_t)count), finish, 0);
}

/* The values in order; of a function that returned several, the first. */
static int finish_join(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    if (rw_is_failure(value) || value->kind != RW_KIND_LIST) {
        return rwl_finish_outcome(L, state, value, extra);
    }
    int count = (int)rw_list_count(value->as.list);
    luaL_checkstack(L, count + 8, "too many results");
    for (int i = 0; i < count; i++) {
        int pushed = rwl_push_all(L, state, rw_list_at(value->as.list, (size_t)i));

        lua_pop(L, pushed - 1);
    }
    return count;
}

/* The index, from 1, and the values. */
static int finish_first(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    if (rw_is_failure(value) || value->kind != RW_KIND_LIST) {
        return rwl_finish_outcome(L, state, value, extra);
    }
    lua_pushinteger(L, (lua_Integer)rw_list_at(value->as.list, 0)->as.integer + 1);
    return 1 + rwl_push_all(L, state, rw_list_at(value->as.list, 1));
}

static int join(lua_State *L)
{
    if (lua_gettop(L) == 0) {
        return 0;
    }
    return gather_arguments(L, rw_join_all, finish_join);
}

static int first(lua_State *L)
{
    luaL_checkany(L, 1);
    return gather_arguments(L, rw_first_of, finish_first);
}

static int new_join_set(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *box = rwl_push_box(L, state, RWL_JOIN_SET);

    box->thing = rw_join_set_new(rwl_need_loop(L, state));
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

/* add(set, key, task): the set owns the task's end; closing the set cancels it. */
static int set_add(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_join_set *set = rwl_check(L, state, 1, RWL_JOIN_SET);
    uint64_t key = (uint64_t)rwl_check_integer(L, 2, 0, INT64_C(1) << 52);
    struct rw_task *task = rwl_check(L, state, 3, RWL_TASK);

    return rwl_push_status(L, state, rw_join_set_add(set, rw_task_join_owned(task), key));
}

static int set_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)rw_join_set_count(rwl_check(L, rwl_state(L), 1, RWL_JOIN_SET)));
    return 1;
}

/* The key of the next task that has ended; nil when none is left. */
static int finish_set(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    if (value->kind == RW_KIND_LIST) {
        rwl_push(L, state, rw_list_at(value->as.list, 0));
        return 1;
    }
    return rwl_finish_next(L, state, value, extra);
}

static int set_next(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_join_set *set = rwl_check(L, state, 1, RWL_JOIN_SET);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_join_set_next(set), finish_set, 0);
}

static int set_close(lua_State *L)
{
    struct rwl_box *box = rwl_check_box(L, rwl_state(L), 1, RWL_JOIN_SET);
    struct rw_join_set *set = box->thing;

    box->thing = NULL;
    rw_join_set_free(set);
    return 0;
}

const struct rwl_method rwl_combine_functions[] = {{"join", join, RWL_AWAITS},
                                                   {"first", first, RWL_AWAITS},
                                                   {"join_set", new_join_set, RWL_PLAIN},
                                                   {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_join_set_methods[] = {{"add", set_add, RWL_PLAIN},
                                                  {"count", set_count, RWL_PLAIN},
                                                  {"next", set_next, RWL_AWAITS_ONE},
                                                  {"close", set_close, RWL_PLAIN},
                                                  {NULL, NULL, RWL_PLAIN}};
