/* SPDX-License-Identifier: MIT
 *
 * api.c - the table of functions for modules written in C: registry["ropewalk.C_API"] (swig/ropewalk/lua.h).
 *
 * The table is the same for all states of this library; each function finds its state's record in the registry, since
 * functions of foreign modules have no upvalue of ours. What is wrong with an argument comes back as a message on the stack, never as
 * a Lua error, so that generated wrappers can let go of what they hold.
 *
 * Invariant: nothing here keeps an argument that it was not told to take. */
#define _GNU_SOURCE

#include <dlfcn.h>

#include "lua/state.h"

#include <swig/ropewalk/lua.h>

static const char types_key;

/* The record, or NULL with a message pushed. */
static struct rwl_state *state_at(lua_State *L)
{
    struct rwl_state *state = lua_checkstack(L, 8) ? rwl_state_of(L) : NULL;

    if (state != NULL && state->L != NULL) {
        return state;
    }
    lua_pushliteral(L, "this Lua state is being closed, or its loop has ended");
    return NULL;
}

static int refuse_type(lua_State *L, int index, const char *expected)
{
    lua_pushfstring(L, "%s expected, got %s", expected, luaL_typename(L, index));
    return -1;
}

/* ---- awaiting ---------------------------------------------------------------------------------------------------------- */

static int api_await(lua_State *L, struct rw_future *future, const char *name)
{
    struct rwl_state *state = state_at(L);

    if (future == NULL) {
        return luaL_error(L, "%s gave no future: out of memory", name);
    }
    if (state == NULL) {
        rw_future_drop(future);
        return lua_error(L);
    }
    return rwl_await_operation(L, state, future);
}

static void api_awaiting(lua_State *L)
{
    rwl_wrap_awaiting(L, "await");
}

static int need_loop(lua_State *L)
{
    rwl_need_loop(L, rwl_state_of(L));
    return 0;
}

static struct rw_loop *api_loop(lua_State *L, const char *name)
{
    struct rwl_state *state = state_at(L);

    if (state != NULL && state->loop != NULL) {
        return state->loop;
    }
    if (state != NULL) {
        lua_pushcfunction(L, need_loop);
        if (lua_pcall(L, 0, 0, 0) == LUA_OK) {
            return state->loop;
        }
    }
    lua_pushfstring(L, "%s: %s", name, lua_tostring(L, -1));
    return NULL;
}

/* ---- values -------------------------------------------------------------------------------------------------------------- */

static int api_push(lua_State *L, struct rw_value value)
{
    int status = rwl_push_value(L, &value);

    rw_value_drop(&value);
    if (status != 0) {
        lua_error(L);
    }
    return 1;
}

/* The failure is in a box's hands before anything can raise. */
static int push_failure(lua_State *L, struct rwl_state *state, struct rw_value *failure)
{
    struct rw_value held = *failure;

    if (failure->as.error != NULL) {
        luaL_checkstack(L, 8, NULL);
        rwl_push_box(L, state, RWL_ERROR)->thing = failure->as.error;
    }
    return rwl_push_failure(L, state, &held);
}

static int api_push_result(lua_State *L, struct rw_value value)
{
    struct rwl_state *state;

    if (!rw_is_failure(&value)) {
        return api_push(L, value);
    }
    state = state_at(L);
    if (state == NULL) {
        rw_value_drop(&value);
        return lua_error(L);
    }
    return push_failure(L, state, &value);
}

static int converted(lua_State *L, int status, struct rw_value *out)
{
    if (status == 0) {
        return 0;
    }
    lua_pushstring(L, rw_value_message(out));
    rw_value_drop(out);
    return -1;
}

static int api_to_value(lua_State *L, int index, struct rw_value *out)
{
    return converted(L, rwl_to_portable(L, index, out), out);
}

static int api_to_opaque(lua_State *L, int index, struct rw_value *out)
{
    return converted(L, rwl_to_value(L, index, out), out);
}

static void api_push_integer(lua_State *L, int64_t integer)
{
    rwl_push_integer(L, rwl_state_of(L), integer);
}

/* ---- handles ----------------------------------------------------------------------------------------------------------------- */

static struct rw_object *api_to_handle(lua_State *L, int index)
{
    struct rwl_state *state = state_at(L);
    struct rw_value value = rw_nil();

    if (state == NULL) {
        return NULL;
    }
    enum rwl_type_id type = rwl_type_of(L, state, index);
    if (type != RWL_TYPE_COUNT) {
        value = rwl_handle_value(L, state, index, type);
    }
    if (value.kind == RW_KIND_HANDLE) {
        return value.as.handle;
    }
    refuse_type(L, index, "a channel's end, a stream, a socket, a future or a task that is not closed");
    return NULL;
}

static struct rw_stream *api_to_stream(lua_State *L, int index)
{
    struct rw_object *object = api_to_handle(L, index);
    struct rw_value value = object != NULL ? rw_value_of_handle(object) : rw_nil();
    struct rw_stream *stream = NULL;

    if (object == NULL) {
        return NULL;
    }
    if (rw_stream_of(&value) != NULL) {
        return rw_stream_of(&value);
    }
    if (rw_receiver_of(&value) != NULL) {
        stream = rw_stream_of_channel(rwl_state_of(L)->loop, rw_receiver_of(&value));
    }
    if (stream == NULL) {
        lua_pushstring(L, rw_receiver_of(&value) != NULL ? "not enough memory"
                                                         : "a stream or a receiver expected");
    }
    rw_value_drop(&value);
    return stream;
}

struct future_call {
    struct rwl_state *state;
    struct rw_future *future;
};

static int make_future(lua_State *L)
{
    struct future_call *call = lua_touserdata(L, 2);

    call->future = rwl_check_future(L, call->state, 1);
    return 0;
}

static struct rw_future *api_to_future(lua_State *L, int index)
{
    struct future_call call = {.state = state_at(L)};

    if (call.state == NULL) {
        return NULL;
    }
    index = lua_absindex(L, index);
    lua_pushcfunction(L, make_future);
    lua_pushvalue(L, index);
    lua_pushlightuserdata(L, &call);
    return lua_pcall(L, 2, 0, 0) == LUA_OK ? call.future : NULL;
}

static void drop_function(void *arg)
{
    rwl_native_unref(arg);
}

static struct rw_future *call_function(void *arg, struct rw_value argument)
{
    return rwl_call_native(arg, argument);
}

struct callback_call {
    struct rwl_state *state;
    struct rwl_native *function;
};

static int make_native(lua_State *L)
{
    struct callback_call *call = lua_touserdata(L, 2);

    lua_pushvalue(L, 1);
    call->function = rwl_native_new(L, call->state, false);
    return 0;
}

static struct rw_callback *api_to_callback(lua_State *L, int index)
{
    struct callback_call call = {.state = state_at(L)};
    struct rw_loop *loop = call.state != NULL ? api_loop(L, "callback") : NULL;

    if (loop == NULL) {
        return NULL;
    }
    if (!lua_isfunction(L, index)) {
        refuse_type(L, index, "a function");
        return NULL;
    }
    index = lua_absindex(L, index);
    lua_pushcfunction(L, make_native);
    lua_pushvalue(L, index);
    lua_pushlightuserdata(L, &call);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        return NULL;
    }
    struct rw_callback *callback = rw_callback_new(loop, call_function, drop_function, call.function);
    if (callback == NULL) {
        lua_pushliteral(L, "not enough memory");
    }
    return callback;
}

/* ---- buffers and time -------------------------------------------------------------------------------------------------------- */

static int api_push_buffer(lua_State *L, struct rw_bytes *bytes)
{
    if (bytes == NULL) {
        return luaL_error(L, "not enough memory");
    }
    if (state_at(L) == NULL) {
        rwl_buffer_drop(NULL, bytes);
        return lua_error(L);
    }
    return rwl_push_buffer(L, bytes);
}

static const char *api_to_data(lua_State *L, int index, size_t *size)
{
    struct rwl_state *state;

    if (lua_type(L, index) == LUA_TSTRING) {
        return lua_tolstring(L, index, size);
    }
    state = lua_isuserdata(L, index) ? state_at(L) : NULL;
    struct rwl_box *box = state != NULL ? rwl_test_box(L, state, index, RWL_BUFFER) : NULL;
    if (box == NULL || box->thing == NULL) {
        refuse_type(L, index, "a string or a buffer");
        return NULL;
    }
    *size = rw_bytes_size(box->thing);
    return rw_bytes_data(box->thing);
}

static int api_to_timeout(lua_State *L, int index, int64_t *out_ns)
{
    if (lua_isnoneornil(L, index)) {
        *out_ns = RW_NEVER;
        return 0;
    }
    double seconds = lua_tonumber(L, index);
    if (lua_type(L, index) != LUA_TNUMBER || seconds != seconds) {
        return refuse_type(L, index, "seconds (a number)");
    }
    if (seconds >= 9.2e9) {
        *out_ns = RW_NEVER;
    } else {
        *out_ns = seconds <= 0 ? 0 : (int64_t)(seconds * (double)RW_SECOND + 0.5);
    }
    return 0;
}

static int api_to_deadline(lua_State *L, int index, int64_t *out_ns)
{
    struct rw_loop *loop = api_loop(L, "deadline");
    int64_t delta_ns;

    if (loop == NULL || api_to_timeout(L, index, &delta_ns) < 0) {
        return -1;
    }
    if (delta_ns == RW_NEVER || __builtin_add_overflow(rw_loop_now(loop), delta_ns, out_ns)) {
        *out_ns = RW_NEVER;
    }
    return 0;
}

/* ---- foreign types ------------------------------------------------------------------------------------------------------------- */

typedef void push_object(lua_State *L, struct rw_object *object);

static void api_add_type(lua_State *L, const struct rw_object_type *type, push_object *push)
{
    luaL_checkstack(L, 8, NULL);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &types_key);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &types_key);
    }
    push_object **held = rwl_new_userdata(L, sizeof *held);
    *held = push;
    lua_rawsetp(L, -2, type);
    lua_pop(L, 1);
}

bool rwl_push_foreign_handle(lua_State *L, const struct rw_value *value)
{
    push_object **held = NULL;

    lua_rawgetp(L, LUA_REGISTRYINDEX, &types_key);
    if (lua_istable(L, -1)) {
        lua_rawgetp(L, -1, value->as.handle->type);
        held = lua_touserdata(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    if (held == NULL) {
        return false;
    }
    (*held)(L, rw_object_ref(value->as.handle));
    return true;
}

static void api_keep_loaded(const void *address)
{
    Dl_info info;

    if (dladdr(address, &info) != 0 && info.dli_fname != NULL) {
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    }
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------- */

static const struct rw_lua_api api = {
    .version = RW_LUA_API_VERSION,
    .size = sizeof api,
    .table = rw_table,
    .await = api_await,
    .awaiting = api_awaiting,
    .loop = api_loop,
    .push = api_push,
    .push_result = api_push_result,
    .to_value = api_to_value,
    .to_opaque = api_to_opaque,
    .to_integer = rwl_to_integer,
    .to_unsigned = rwl_to_unsigned,
    .push_integer = api_push_integer,
    .push_unsigned = rwl_push_unsigned,
    .to_future = api_to_future,
    .to_handle = api_to_handle,
    .to_stream = api_to_stream,
    .push_buffer = api_push_buffer,
    .to_data = api_to_data,
    .to_callback = api_to_callback,
    .to_timeout = api_to_timeout,
    .to_deadline = api_to_deadline,
    .add_type = api_add_type,
    .keep_loaded = api_keep_loaded,
};

void rwl_open_api(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)&api);
    lua_setfield(L, LUA_REGISTRYINDEX, RW_LUA_API_NAME);
}
