/* SPDX-License-Identifier: MIT
 *
 * face.c - rwl.h for hosts: each function is a protected call around what the binding does itself.
 *
 * Invariant: nothing here lets a Lua error out; what went wrong comes back as a code and a failure value. */
#include "lua/state.h"

struct face_call {
    int (*function)(lua_State *L, struct face_call *call);
    struct rwl_state *state;
    const struct rw_value *in;
    struct rw_value out;
    const struct rw_spawn_options *options;
    struct rw_task *made;
};

static int run_call(lua_State *L, void *arg)
{
    struct face_call *call = arg;

    return call->function(L, call);
}

/* Calls function(L, call) with `count` values from the top of the stack, and leaves what it gives, or what was raised. */
static int protect(lua_State *L, int (*function)(lua_State *L, struct face_call *call),
                   struct face_call *call, int count)
{
    call->function = function;
    return rwl_try_call(L, call->state, run_call, call, count);
}

static struct rwl_state *state_for(lua_State *L)
{
    return lua_checkstack(L, 8) ? rwl_state_of(L) : NULL;
}

static int fail(struct rw_value *out, int code)
{
    *out = rw_failure(code);
    return code;
}

static int convert(lua_State *L, struct face_call *call)
{
    call->out = rwl_value_at(L, call->state, 1);
    return 0;
}

static int convert_portable(lua_State *L, struct face_call *call)
{
    call->out = rwl_portable_at(L, call->state, 1, 0);
    return 0;
}

static int convert_at(lua_State *L, int index, int (*function)(lua_State *L, struct face_call *call),
                      struct rw_value *out)
{
    struct face_call call = {.state = state_for(L), .out = rw_nil()};

    if (call.state == NULL) {
        return fail(out, RW_ERR_STATE);
    }
    lua_pushvalue(L, index);
    int status = protect(L, function, &call, 1);
    if (status != 0) {
        *out = rwl_failure_at(L, call.state, -1, NULL);
        out->code = status == RW_ERR_NOMEM ? status : out->code;
        lua_pop(L, 1);
        return out->code;
    }
    *out = call.out;
    return rw_is_failure(out) ? out->code : 0;
}

int rwl_to_value(lua_State *L, int index, struct rw_value *out)
{
    return convert_at(L, index, convert, out);
}

int rwl_to_portable(lua_State *L, int index, struct rw_value *out)
{
    return convert_at(L, index, convert_portable, out);
}

static int push(lua_State *L, struct face_call *call)
{
    rwl_push(L, call->state, call->in);
    return 1;
}

int rwl_push_value(lua_State *L, const struct rw_value *value)
{
    struct face_call call = {.state = state_for(L), .in = value, .out = rw_nil()};

    if (call.state == NULL) {
        lua_pushnil(L);
        return RW_ERR_STATE;
    }
    return protect(L, push, &call, 0);
}

static int make_task(lua_State *L, struct face_call *call)
{
    call->made = rwl_coroutine_spawn(L, call->state, lua_gettop(L) - 1, call->options);
    return 0;
}

struct rw_task *rwl_spawn(lua_State *L, int nargs, const struct rw_spawn_options *options)
{
    struct face_call call = {.state = state_for(L), .options = options, .made = NULL};

    if (call.state == NULL || call.state->L == NULL || call.state->loop == NULL) {
        lua_pop(L, nargs + 1);
        return NULL;
    }
    if (protect(L, make_task, &call, nargs + 1) != 0) {
        lua_pop(L, 1);
    }
    return call.made;
}

static int describe_error(lua_State *L)
{
    struct rwl_state *state = rwl_state_of(L);
    struct rwl_box *box = rwl_push_box(L, state, RWL_ERROR);
    struct rw_value failure = rwl_failure_at(L, state, 1, L);

    box->thing = rw_value_error(&failure);
    rw_value_drop(&failure);
    return 1;
}

int rwl_call_now(lua_State *L, int nargs, int nresults, struct rw_value *failure)
{
    struct rwl_state *state = state_for(L);
    int handler = lua_gettop(L) - nargs;

    if (state == NULL || !lua_checkstack(L, 4)) {
        lua_pop(L, nargs + 1);
        return fail(failure, RW_ERR_STATE);
    }
    lua_pushcfunction(L, describe_error);
    lua_insert(L, handler);
    int status = lua_pcall(L, nargs, nresults, handler);
    lua_remove(L, handler);
    if (status == LUA_OK) {
        return 0;
    }
    *failure = rwl_failure_at(L, state, -1, NULL);
    lua_pop(L, 1);
    return failure->code;
}

int rwl_push_awaiting(lua_State *L, lua_CFunction fn, void *upvalue)
{
    struct rwl_state *state = state_for(L);

    if (state == NULL || !lua_checkstack(L, 8)) {
        return RW_ERR_NOMEM;
    }
    rwl_push_method(L, state, fn, RWL_AWAITS, "await", upvalue);
    return 0;
}

void rwl_push_foreign_metatable(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, rwl_state_of(L)->metatable_refs[RWL_FOREIGN]);
}

void rwl_set_awaiter(lua_State *L, struct rw_future *(*awaiter)(void *arg, struct rw_native *native),
                     void *arg)
{
    struct rwl_state *state = state_for(L);

    if (state != NULL) {
        state->awaiter = awaiter;
        state->awaiter_arg = arg;
    }
}
