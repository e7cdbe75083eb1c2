/* SPDX-License-Identifier: MIT
 *
 * error.c - failures of the core as Lua sees them, and Lua errors as the core sees them.
 *
 * What the world does to an operation is returned: nil, message, code. Misuse, cancellation and what scripts raise
 * is thrown. What is thrown is an error object (a box with fields message, code, traceback, ...; its tostring is
 * the message), except that a value other than a string that Lua raised itself comes back as the same value: it
 * rides along as the error's native. Invariant: an error that went through another language and back is the same
 * object there, and here. */
#include <string.h>

#include "lua/state.h"

/* ---- from the core to Lua ---- */

void rwl_push_error_object(lua_State *L, struct rwl_state *state, const struct rw_value *value)
{
    struct rwl_box *box = rwl_push_box(L, state, RWL_ERROR);

    box->thing = rw_value_error(value);
    if (box->thing == NULL) {
        luaL_error(L, "not enough memory");
    }
}

/* A Lua table that was raised gets its siblings as a field, when it has none of that name. */
static void attach_others(lua_State *L, struct rwl_state *state, struct rw_error *error)
{
    if (rw_error_other_count(error) == 0 || lua_type(L, -1) != LUA_TTABLE) {
        return;
    }
    lua_pushliteral(L, "others");
    lua_rawget(L, -2);
    bool has_one = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (has_one) {
        return;
    }
    lua_pushliteral(L, "others");
    lua_createtable(L, (int)rw_error_other_count(error), 0);
    for (size_t i = 0; i < rw_error_other_count(error); i++) {
        struct rw_value other = {.kind = RW_KIND_ERROR, .as.error = rw_error_other(error, i)};
        other.code = rw_error_code(other.as.error);
        rwl_push_error(L, state, &other);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_rawset(L, -3);
}

void rwl_push_error(lua_State *L, struct rwl_state *state, const struct rw_value *value)
{
    luaL_checkstack(L, 12, NULL);
    if (value->as.error == NULL && value->code == RW_ERR_CANCELLED) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->cancelled_ref);
        return;
    }
    struct rw_native *native = value->as.error != NULL ? rw_error_native(value->as.error) : NULL;
    if (native != NULL && native->host == state) {
        rwl_native_push(L, (struct rwl_native *)native);
        attach_others(L, state, value->as.error);
        if (!lua_isnil(L, -1)) {
            return;
        }
        lua_pop(L, 1); /* error(nil): an object says more */
    }
    rwl_push_error_object(L, state, value);
}

/* ---- what is taken ---- */

struct attempt {
    rwl_attempt *function;
    void *arg;
};

static int make_attempt(lua_State *L)
{
    struct attempt *attempt = lua_touserdata(L, 1);

    lua_remove(L, 1);
    return attempt->function(L, attempt->arg);
}

int rwl_try_call(lua_State *L, struct rwl_state *state, rwl_attempt *function, void *arg, int count)
{
    struct attempt attempt = {function, arg};

    if (!lua_checkstack(L, 8)) {
        lua_pop(L, count);
        lua_pushnil(L);
        return RW_ERR_NOMEM;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->attempt_ref);
    lua_insert(L, -1 - count);
    lua_pushlightuserdata(L, &attempt);
    lua_insert(L, -1 - count);
    int status = lua_pcall(L, count + 1, LUA_MULTRET, 0);

    return status == LUA_OK ? 0 : status == LUA_ERRMEM ? RW_ERR_NOMEM : RW_ERR_SCRIPT;
}

struct gift {
    struct rwl_state *state;
    const struct rw_value *value;
    rwl_pusher *push;
};

static int give(lua_State *L, void *arg)
{
    struct gift *gift = arg;

    return gift->push(L, gift->state, gift->value);
}

int rwl_push_taken(lua_State *L, struct rwl_state *state, struct rw_value value, rwl_pusher *push)
{
    struct gift gift = {state, &value, push};
    int top = lua_gettop(L);
    int status = rwl_try_call(L, state, give, &gift, 0);

    rw_value_drop(&value);
    return status == 0 ? lua_gettop(L) - top : lua_error(L);
}

static int push_error(lua_State *L, struct rwl_state *state, const struct rw_value *value)
{
    rwl_push_error(L, state, value);
    return 1;
}

static int push_object(lua_State *L, struct rwl_state *state, const struct rw_value *value)
{
    rwl_push_error_object(L, state, value);
    return 1;
}

void rwl_push_error_taken(lua_State *L, struct rwl_state *state, struct rw_value failure)
{
    if (failure.as.error != NULL) {
        (void)rwl_push_taken(L, state, failure, push_error);
    } else {
        rwl_push_error(L, state, &failure);
    }
}

int rwl_raise(lua_State *L, struct rwl_state *state, struct rw_value failure)
{
    rwl_push_error_taken(L, state, failure);
    return lua_error(L);
}

int rwl_raise_code(lua_State *L, struct rwl_state *state, int code)
{
    return rwl_raise(L, state, rw_failure(code));
}

static bool is_of_the_world(int code)
{
    switch (code) {
    case RW_ERR_TIMEOUT:
    case RW_ERR_CLOSED:
    case RW_ERR_END:
    case RW_ERR_FULL:
    case RW_ERR_EMPTY:
    case RW_ERR_OS:
    case RW_ERR_DNS:
    case RW_ERR_LIMIT:
    case RW_ERR_INCOMPLETE:
    case RW_ERR_LAGGED:
    case RW_ERR_BROKEN:
        return true;
    default:
        return false;
    }
}

int rwl_push_failure(lua_State *L, struct rwl_state *state, const struct rw_value *failure)
{
    if (!is_of_the_world(failure->code)) {
        rwl_push_error(L, state, failure);
        return lua_error(L);
    }
    lua_pushnil(L);
    lua_pushstring(L, rw_value_message(failure));
    lua_pushstring(L, rw_err_code(failure->code));
    return 3;
}

int rwl_push_code(lua_State *L, struct rwl_state *state, int code)
{
    struct rw_value failure = rw_failure(code);

    return rwl_push_failure(L, state, &failure);
}

int rwl_push_status(lua_State *L, struct rwl_state *state, int code)
{
    if (code < 0) {
        return rwl_push_code(L, state, code);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* ---- from Lua to the core ---- */

static void add_frame(lua_State *L, luaL_Buffer *buffer, const lua_Debug *frame)
{
    if (frame->currentline > 0) {
        lua_pushfstring(L, "\n\t%s:%d: in ", frame->short_src, frame->currentline);
    } else {
        lua_pushfstring(L, "\n\t%s: in ", frame->short_src);
    }
    luaL_addvalue(buffer);
    if (*frame->namewhat != '\0') {
        lua_pushfstring(L, "function '%s'", frame->name);
    } else if (*frame->what == 'm') {
        lua_pushliteral(L, "main chunk");
    } else {
        lua_pushfstring(L, "function <%s:%d>", frame->short_src, frame->linedefined);
    }
    luaL_addvalue(buffer);
}

static void push_plain_traceback(lua_State *L, lua_State *of, int level)
{
    lua_Debug frame;
    luaL_Buffer buffer;

    luaL_buffinit(L, &buffer);
    luaL_addstring(&buffer, "stack traceback:");
    for (int shown = 0; shown < 24 && lua_getstack(of, level, &frame); shown++, level++) {
        lua_getinfo(of, "Snl", &frame);
        add_frame(L, &buffer, &frame);
    }
    luaL_pushresult(&buffer);
}

void rwl_push_traceback(lua_State *L, lua_State *of, int level)
{
#if LUA_VERSION_NUM < 502
    if (luaL_traceback == NULL) {
        push_plain_traceback(L, of, level);
        return;
    }
#else
    (void)push_plain_traceback;
#endif
    luaL_traceback(L, of, NULL, level);
}

/* The text of any value that was raised. Leaves it on the stack. */
static const char *push_message(lua_State *L, int index)
{
    if (lua_type(L, index) == LUA_TSTRING || lua_type(L, index) == LUA_TNUMBER) {
        lua_pushvalue(L, index);
        return lua_tostring(L, -1);
    }
    if (luaL_callmeta(L, index, "__tostring") && lua_type(L, -1) == LUA_TSTRING) {
        return lua_tostring(L, -1);
    }
    return lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, index));
}

struct raised {
    struct rwl_state *state;
    lua_State *thread; /* whose traceback to take; NULL: none */
    int code;
    struct rw_error *error;
};

/* With the raised value and the struct as arguments: in protected mode, since __tostring may do anything. */
static int describe_raised(lua_State *L)
{
    struct raised *raised = lua_touserdata(L, 2);
    int type = lua_type(L, 1);

    struct rwl_box *box = rwl_test_box(L, raised->state, 1, RWL_ERROR);

    if (box != NULL && box->thing != NULL) { /* it is empty when memory was short as it was made */
        raised->error = rw_error_ref(box->thing);
        return 0;
    }
    raised->error = rw_error_new(RW_ERR_SCRIPT, push_message(L, 1), RW_ORIGIN_LUA);
    if (raised->error == NULL) {
        return 0;
    }
    if (raised->thread != NULL) {
        rwl_push_traceback(L, raised->thread, raised->thread == L ? 2 : 0); /* without the handler itself */
        (void)rw_error_append_traceback(raised->error, lua_tostring(L, -1));
    }
    if (type != LUA_TSTRING && type != LUA_TNUMBER) {
        lua_pushvalue(L, 1);
        (void)rw_error_set_native(raised->error, &rwl_native_new(L, raised->state, false)->head);
    }
    return 0;
}

struct rw_value rwl_failure_at(lua_State *L, struct rwl_state *state, int index, lua_State *thread)
{
    struct raised raised = {.state = state, .thread = thread, .error = NULL};

    if (!lua_checkstack(L, 6)) {
        return rw_failure(RW_ERR_NOMEM);
    }
    index = lua_absindex(L, index);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->describe_ref);
    lua_pushvalue(L, index);
    lua_pushlightuserdata(L, &raised);
    if (lua_pcall(L, 2, 0, 0) != 0) {
        lua_pop(L, 1);
    }
    if (raised.error == NULL) {
        return rw_failure_format(RW_ERR_SCRIPT, "an error that could not be described");
    }
    return rw_failure_of(raised.error);
}

/* ---- the object ---- */

static int error_text(lua_State *L)
{
    struct rw_error *error = rwl_check(L, rwl_state(L), 1, RWL_ERROR);
    struct rwl_box *box = rwl_box_at(L, 1);

    lua_pushstring(L, rw_error_message(error));
    if (box->extra != 0 && rw_error_traceback(error) != NULL) {
        lua_pushfstring(L, "%s\n%s", lua_tostring(L, -1), rw_error_traceback(error));
    }
    return 1;
}

static void push_others(lua_State *L, struct rwl_state *state, struct rw_error *error)
{
    size_t count = rw_error_other_count(error);

    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        struct rw_value other = {.kind = RW_KIND_ERROR, .as.error = rw_error_other(error, i)};

        other.code = rw_error_code(other.as.error);
        rwl_push_error(L, state, &other);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

static const char *origin_name(const struct rw_error *error)
{
    static const char *const names[] = {
        [RW_ORIGIN_C] = "c", [RW_ORIGIN_LUA] = "lua", [RW_ORIGIN_PYTHON] = "python"};

    return names[rw_error_origin(error)];
}

static int error_index(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_error *error = rwl_check(L, state, 1, RWL_ERROR);
    const char *key = luaL_checkstring(L, 2);

    if (strcmp(key, "message") == 0) {
        lua_pushstring(L, rw_error_message(error));
    } else if (strcmp(key, "code") == 0) {
        lua_pushstring(L, rw_err_code(rw_error_code(error)));
    } else if (strcmp(key, "traceback") == 0) {
        lua_pushstring(L, rw_error_traceback(error));
    } else if (strcmp(key, "type") == 0) {
        lua_pushstring(L, rw_error_type(error));
    } else if (strcmp(key, "errno") == 0 && rw_error_errno(error) != 0) {
        lua_pushinteger(L, rw_error_errno(error));
    } else if (strcmp(key, "origin") == 0) {
        lua_pushstring(L, origin_name(error));
    } else if (strcmp(key, "others") == 0) {
        push_others(L, state, error);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int is_cancelled(lua_State *L)
{
    struct rwl_box *box = rwl_test_box(L, rwl_state(L), 1, RWL_ERROR);

    lua_pushboolean(L, box != NULL && rw_error_code(box->thing) == RW_ERR_CANCELLED);
    return 1;
}

static int is_error(lua_State *L)
{
    lua_pushboolean(L, rwl_test_box(L, rwl_state(L), 1, RWL_ERROR) != NULL);
    return 1;
}

static int code_number(lua_State *L, const char *code)
{
    int number = rw_err_number(code);

    return number != 0 ? number : luaL_error(L, "there is no error code '%s'", code);
}

/* rw.error(message, code): an error object to raise or to reject with. */
static int new_error(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    const char *message = luaL_checkstring(L, 1);
    int code = code_number(L, luaL_optstring(L, 2, "script"));
    struct rwl_box *box = rwl_push_box(L, state, RWL_ERROR);

    box->thing = rw_error_new(code, message, RW_ORIGIN_LUA);
    if (box->thing == NULL) {
        return luaL_error(L, "not enough memory");
    }
    rwl_push_traceback(L, L, 1);
    (void)rw_error_append_traceback(box->thing, lua_tostring(L, -1));
    lua_pop(L, 1);
    return 1;
}

/* The message handler of scopes and tasks: an error object, so that the traceback is kept. Without memory for that the error
 * stays what it was: a handler that raises would be called for what it raised. */
static int with_traceback(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_value failure = rwl_failure_at(L, state, 1, L);
    struct gift gift = {state, &failure, push_object};

    if (rwl_try_call(L, state, give, &gift, 0) != 0) {
        lua_settop(L, 1);
    }
    rw_value_drop(&failure);
    return 1;
}

/* Raises what an error object stands for: the value that Lua raised itself, where there is one. */
static int rethrow(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    if (rwl_test_box(L, state, 1, RWL_ERROR) == NULL) {
        lua_settop(L, 1);
        return lua_error(L);
    }
    return rwl_raise(L, state, rw_failure_of(rw_error_ref(rwl_check(L, state, 1, RWL_ERROR))));
}

const struct rwl_method rwl_error_methods[] = {{NULL, NULL, RWL_PLAIN}};

void rwl_open_errors(lua_State *L, struct rwl_state *state)
{
    static const struct rwl_method functions[] = {
        {"is_cancelled", is_cancelled, RWL_PLAIN}, {"is_error", is_error, RWL_PLAIN},
        {"error", new_error, RWL_PLAIN},           {"with_traceback", with_traceback, RWL_PLAIN},
        {"rethrow", rethrow, RWL_PLAIN},           {NULL, NULL, RWL_PLAIN},
    };

    rwl_set_methods(L, state, functions);
    lua_pushcfunction(L, make_attempt);
    state->attempt_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushcfunction(L, describe_raised);
    state->describe_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->metatable_refs[RWL_ERROR]);
    rwl_push_method(L, state, error_text, RWL_PLAIN, "", NULL);
    lua_setfield(L, -2, "__tostring");
    rwl_push_method(L, state, error_index, RWL_PLAIN, "", NULL);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    rwl_push_box(L, state, RWL_ERROR)->thing = rw_error_new(RW_ERR_CANCELLED, NULL, RW_ORIGIN_C);
    lua_pushvalue(L, -1);
    state->cancelled_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_setfield(L, -2, "CANCELLED");
}
