/* SPDX-License-Identifier: MIT
 *
 * task.c - tasks as Lua sees them: spawned functions, their handles, and what each inherits.
 *
 * A handle holds a reference to the task; collecting it lets go of the task, which runs on. Joining raises what the
 * task raised. */
#include <string.h>

#include "lua/state.h"

static void push_task(lua_State *L, struct rwl_state *state, struct rw_task *task)
{
    struct rwl_box *box = rwl_push_box(L, state, RWL_TASK);

    box->thing = rw_task_ref(task);
}

/* spawn({name = ...}, fn, ...): the name, which takes the table's place on the stack. */
static void take_options(lua_State *L, int index, struct rw_spawn_options *options)
{
    lua_getfield(L, index, "name");
    options->name = luaL_optstring(L, -1, NULL);
    lua_replace(L, index);
}

int rwl_spawn_at(lua_State *L, struct rwl_state *state, int index, struct rw_scope *scope)
{
    struct rw_spawn_options options = {.scope = scope};
    int first = lua_type(L, index) == LUA_TTABLE ? index + 1 : index;
    int last = lua_gettop(L);

    bool needs_options = scope != NULL || first != index;

    luaL_checktype(L, first, LUA_TFUNCTION);
    if (first != index) {
        take_options(L, index, &options);
    }
    struct rwl_box *box = rwl_push_box(L, state, RWL_TASK);
    luaL_checkstack(L, last - first + 8, "too many arguments");
    for (int i = first; i <= last; i++) {
        lua_pushvalue(L, i);
    }
    box->thing = rwl_coroutine_spawn(L, state, last - first, needs_options ? &options : NULL);
    if (box->thing == NULL) {
        return luaL_error(L, scope != NULL && !rw_scope_is_open(scope) ? "this scope has ended"
                                                                       : "not enough memory");
    }
    return 1;
}

static int spawn(lua_State *L)
{
    return rwl_spawn_at(L, rwl_state(L), 1, NULL);
}

static int current(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    if (state->current == NULL) {
        lua_pushnil(L);
    } else {
        push_task(L, state, state->cx->task);
    }
    return 1;
}

static int task_await(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_task *task = rwl_check(L, state, 1, RWL_TASK);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_task_join(task), rwl_finish_outcome, 0);
}

static int task_cancel(lua_State *L)
{
    rw_task_cancel(rwl_check(L, rwl_state(L), 1, RWL_TASK), luaL_optstring(L, 2, NULL));
    return 0;
}

static int task_uncancel(lua_State *L)
{
    lua_pushboolean(L, rw_task_uncancel(rwl_check(L, rwl_state(L), 1, RWL_TASK)));
    return 1;
}

static int task_detach(lua_State *L)
{
    struct rwl_box *box = rwl_check_box(L, rwl_state(L), 1, RWL_TASK);
    struct rw_task *task = box->thing;

    box->thing = NULL;
    rw_task_detach(task);
    return 0;
}

static int task_abort_handle(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_task *task = rwl_check(L, state, 1, RWL_TASK);
    struct rwl_box *box = rwl_push_box(L, state, RWL_ABORT_HANDLE);

    box->thing = rw_task_abort_handle(task);
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int task_id(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)rw_task_id(rwl_check(L, rwl_state(L), 1, RWL_TASK)));
    return 1;
}

static int task_name(lua_State *L)
{
    lua_pushstring(L, rw_task_name(rwl_check(L, rwl_state(L), 1, RWL_TASK)));
    return 1;
}

static int task_set_name(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    return rwl_push_status(L, state,
                           rw_task_set_name(rwl_check(L, state, 1, RWL_TASK), luaL_checkstring(L, 2)));
}

static int task_is_done(lua_State *L)
{
    lua_pushboolean(L, rw_task_is_done(rwl_check(L, rwl_state(L), 1, RWL_TASK)));
    return 1;
}

static int task_is_cancelled(lua_State *L)
{
    lua_pushboolean(L, rw_task_is_cancelled(rwl_check(L, rwl_state(L), 1, RWL_TASK)));
    return 1;
}

static int abort_cancel(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    return rwl_push_status(L, state, rw_abort_handle_cancel(rwl_check(L, state, 1, RWL_ABORT_HANDLE)));
}

/* The table behind rw.ctx: never changed, only replaced, so that a child keeps what it inherited. */
static int get_context(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    const struct rwl_around *around = state->current != NULL ? rwl_around(state->current) : NULL;

    if (around == NULL || around->context == NULL) {
        lua_pushnil(L);
    } else {
        rwl_native_push(L, around->context);
    }
    return 1;
}

static int set_context(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    luaL_checktype(L, 1, LUA_TTABLE);
    rwl_check_task(L, state);
    lua_settop(L, 1);
    struct rwl_around *around = rwl_need_around(state->current);
    if (around == NULL) {
        return luaL_error(L, "not enough memory");
    }
    struct rwl_native *context = rwl_native_new(L, state, false);
    rwl_native_unref(around->context);
    around->context = context;
    return 0;
}

const struct rwl_method rwl_task_functions[] = {
    {"spawn", spawn, RWL_PLAIN},
    {"current", current, RWL_PLAIN},
    {"get_context", get_context, RWL_PLAIN},
    {"set_context", set_context, RWL_PLAIN},
    {NULL, NULL, RWL_PLAIN},
};

const struct rwl_method rwl_task_methods[] = {
    {"await", task_await, RWL_AWAITS},
    {"cancel", task_cancel, RWL_PLAIN},
    {"uncancel", task_uncancel, RWL_PLAIN},
    {"detach", task_detach, RWL_PLAIN},
    {"abort_handle", task_abort_handle, RWL_PLAIN},
    {"id", task_id, RWL_PLAIN},
    {"name", task_name, RWL_PLAIN},
    {"set_name", task_set_name, RWL_PLAIN},
    {"is_done", task_is_done, RWL_PLAIN},
    {"is_cancelled", task_is_cancelled, RWL_PLAIN},
    {NULL, NULL, RWL_PLAIN},
};

const struct rwl_method rwl_abort_methods[] = {{"cancel", abort_cancel, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN}};
