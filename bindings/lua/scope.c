/* SPDX-License-Identifier: MIT
 *
 * scope.c - scopes: entered, spawned into, and left in one awaiting step.
 *
 * The pure Lua part calls the body in protected mode between enter and leave. A record per scope is linked to the
 * coroutine that entered it, so that dropping the coroutine abandons what it had open. Invariant: `owner` is set
 * exactly while the scope is open; the records of a coroutine are linked innermost first. */
#include <stdlib.h>

#include "lua/state.h"

static void unref_record(struct rwl_scope *record)
{
    record->ref_count--;
    if (record->ref_count == 0) {
        rw_scope_unref(record->scope);
        free(record);
    }
}

void rwl_scope_drop(struct rwl_state *state, void *thing)
{
    (void)state;
    unref_record(thing);
}

void rwl_scopes_abandon(struct rwl_coroutine *coroutine)
{
    struct rwl_around *around = rwl_around(coroutine);

    while (around != NULL && around->scopes != NULL) {
        struct rwl_scope *record = around->scopes;

        around->scopes = record->outer;
        record->owner = NULL;
        rw_scope_abandon(record->scope);
        unref_record(record);
    }
}

static bool flag_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    bool set = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return set;
}

static void read_options(lua_State *L, struct rwl_state *state, struct rw_scope_options *options)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "timeout");
    options->deadline_ns = rwl_deadline_at(L, state, -1);
    lua_pop(L, 1);
    lua_getfield(L, 1, "name");
    options->name = luaL_optstring(L, -1, NULL);
    options->flags |= flag_field(L, 1, "shield") ? RW_SCOPE_SHIELD : 0;
    options->flags |= flag_field(L, 1, "fail_after") ? RW_SCOPE_FAIL_AFTER : 0;
    options->flags |= flag_field(L, 1, "supervisor") ? RW_SCOPE_SUPERVISOR : 0;
}

static int enter(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_scope_options options = {.deadline_ns = RW_NEVER};

    lua_settop(L, 1);
    if (!lua_isnil(L, 1)) {
        read_options(L, state, &options);
    }
    rwl_check_awaiting(L, state);
    struct rwl_box *box = rwl_push_box(L, state, RWL_SCOPE);
    struct rwl_around *around = rwl_need_around(state->current);
    struct rwl_scope *record = around != NULL ? malloc(sizeof *record) : NULL;
    struct rw_scope *scope = record != NULL ? rw_scope_open(state->cx->task, &options) : NULL;
    if (scope == NULL) {
        free(record);
        return luaL_error(L, "not enough memory");
    }
    record->scope = rw_scope_ref(scope);
    record->loop = state->loop;
    record->owner = state->current;
    record->outer = around->scopes;
    record->ref_count = 2;
    around->scopes = record;
    box->thing = record;
    return 1;
}

static struct rwl_scope *check_scope(lua_State *L)
{
    return rwl_check(L, rwl_state(L), 1, RWL_SCOPE);
}

static int push_caught(lua_State *L, const struct rwl_scope *record)
{
    const char *code =
        rw_err_code(rw_scope_deadline_passed(record->scope) ? RW_ERR_TIMEOUT : RW_ERR_CANCELLED);

    lua_pushnil(L);
    lua_pushstring(L, code);
    lua_pushstring(L, code);
    return 3;
}

/* All children have ended: leaves the scope. True; or nil and how it was cut short; or raises the first failure. */
static int finish_leave(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    struct rwl_scope *record = (struct rwl_scope *)extra;
    struct rw_value outcome = rw_nil();

    if (rw_is_failure(value)) {
        return rwl_finish_outcome(L, state, value, 0);
    }
    if (rw_scope_close(record->scope, &outcome) != 0) {
        return luaL_error(L, "scopes of one task must be left in the reverse order of entering");
    }
    rwl_around(record->owner)->scopes = record->outer;
    record->owner = NULL;
    unref_record(record);
    if (rw_is_failure(&outcome)) {
        if (outcome.code == RW_ERR_TIMEOUT && outcome.as.error == NULL) {
            return push_caught(L, record);
        }
        return rwl_raise(L, state, outcome);
    }
    rw_value_drop(&outcome);
    if (rw_scope_caught(record->scope)) {
        return push_caught(L, record);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* leave(scope, ok, error): how the body ended. */
static int leave(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_scope *record = check_scope(L);
    struct rw_value body = rw_nil();

    rwl_check_awaiting(L, state);
    if (record->owner != state->current || rwl_around(record->owner)->scopes != record ||
        !rw_scope_is_open(record->scope)) {
        return luaL_error(L, "this scope is not the innermost one of the running task");
    }
    if (!lua_toboolean(L, 2)) {
        body = rwl_failure_at(L, state, 3, NULL);
    }
    return rwl_suspend(L, state, rw_scope_join(record->scope, body), finish_leave, (intptr_t)record);
}

static int scope_spawn(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_scope *record = check_scope(L);

    if (record->owner == NULL) {
        return luaL_error(L, "this scope has ended");
    }
    if (record->loop != state->loop) {
        return luaL_error(L, "this scope belongs to another loop than the one that runs now");
    }
    return rwl_spawn_at(L, state, 2, record->scope);
}

static int scope_cancel(lua_State *L)
{
    struct rwl_scope *record = check_scope(L);

    if (record->owner != NULL) {
        rw_scope_cancel(record->scope, luaL_optstring(L, 2, NULL));
    }
    return 0;
}

static int scope_set_timeout(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_scope *record = check_scope(L);

    if (record->owner == NULL) {
        return luaL_error(L, "this scope has ended");
    }
    return rwl_push_status(L, state, rw_scope_set_deadline(record->scope, rwl_deadline_at(L, state, 2)));
}

static int scope_is_cancelled(lua_State *L)
{
    lua_pushboolean(L, rw_scope_is_cancelled(check_scope(L)->scope));
    return 1;
}

static int scope_is_open(lua_State *L)
{
    lua_pushboolean(L, check_scope(L)->owner != NULL);
    return 1;
}

static int scope_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)rw_scope_child_count(check_scope(L)->scope));
    return 1;
}

const struct rwl_method rwl_scope_functions[] = {
    {"enter", enter, RWL_PLAIN}, {"leave", leave, RWL_AWAITS}, {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_scope_methods[] = {
    {"spawn", scope_spawn, RWL_PLAIN},
    {"cancel", scope_cancel, RWL_PLAIN},
    {"set_timeout", scope_set_timeout, RWL_PLAIN},
    {"is_cancelled", scope_is_cancelled, RWL_PLAIN},
    {"is_open", scope_is_open, RWL_PLAIN},
    {"count", scope_count, RWL_PLAIN},
    {NULL, NULL, RWL_PLAIN},
};
