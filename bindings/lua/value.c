/* SPDX-License-Identifier: MIT
 *
 * value.c - Lua values to values of the runtime and back.
 *
 * Scalars and strings are copied, handles are handles, errors are errors; what else there is (tables, functions,
 * threads, foreign userdata) becomes a native that keeps its identity, and is copied only when it reaches another
 * host. Lua 5.1 and LuaJIT have one kind of number: integral ones of up to 53 bits travel as integers, and integers
 * beyond that come in as an int64 object, so that a round trip is exact. Invariant: pushing what rwl_value_at made
 * gives an equal Lua value on every version. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lua/state.h"

#define EXACT 9007199254740992.0 /* 2^53 */

static struct rw_value number_at(lua_State *L, int index)
{
#if RWL_HAS_INTEGERS
    if (lua_isinteger(L, index)) {
        return rw_int(lua_tointeger(L, index));
    }
    return rw_double(lua_tonumber(L, index));
#else
    double number = lua_tonumber(L, index);

    if (number >= -EXACT && number <= EXACT && number == floor(number) && (number != 0 || !signbit(number))) {
        return rw_int((int64_t)number);
    }
    return rw_double(number);
#endif
}

static struct rw_value string_at(lua_State *L, int index)
{
    size_t size;
    const char *data = lua_tolstring(L, index, &size);
    struct rw_value text = rw_text(data, size);

    if (!rw_is_failure(&text) || text.code != RW_ERR_INVALID) {
        return text;
    }
    rw_value_drop(&text);
    return rw_bytes(data, size);
}

/* rw.bytes(s) and rw.text(s): {s} with a mark that says which. NIL when the table is none of these. */
static struct rw_value wrapped_at(lua_State *L, int index)
{
    struct rw_value value = rw_nil();
    size_t size;

    if (!luaL_getmetafield(L, index, "ropewalk.string")) {
        return value;
    }
    const char *kind = lua_tostring(L, -1);
    lua_rawgeti(L, index, 1);
    const char *data = lua_tolstring(L, -1, &size);
    if (kind != NULL && data != NULL) {
        value = strcmp(kind, "bytes") == 0 ? rw_bytes(data, size) : rw_text(data, size);
    }
    lua_pop(L, 2);
    return value;
}

static struct rw_value native_at(lua_State *L, struct rwl_state *state, int index)
{
    lua_pushvalue(L, index);
    struct rwl_native *native = rwl_native_try(L, state, false);

    return native != NULL ? rw_value_of_native(&native->head) : rw_failure(RW_ERR_NOMEM);
}

static struct rw_value userdata_at(lua_State *L, struct rwl_state *state, int index)
{
    enum rwl_type_id type = rwl_type_of(L, state, index);
    struct rwl_box *box = type != RWL_TYPE_COUNT ? rwl_box_at(L, index) : NULL;
    struct rw_value value = rw_nil();

    if (type == RWL_ERROR) {
        return rw_value_of_error(rw_error_ref(box->thing));
    }
    if (type == RWL_INT64) {
        return rw_int(box->in.integer);
    }
    if (type == RWL_FOREIGN && box->thing != NULL) {
        struct rw_native *native = box->thing;

        native = native->vtable->clone(native);
        return native != NULL ? rw_value_of_native(native) : rw_failure(RW_ERR_NOMEM);
    }
    if (type != RWL_TYPE_COUNT) {
        value = rwl_handle_value(L, state, index, type);
    }
    return value.kind != RW_KIND_NIL ? value : native_at(L, state, index);
}

struct rw_value rwl_value_at(lua_State *L, struct rwl_state *state, int index)
{
    if (index < 0) {
        index = lua_absindex(L, index);
    }
    switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TNONE:
        return rw_nil();
    case LUA_TBOOLEAN:
        return rw_bool(lua_toboolean(L, index) != 0);
    case LUA_TNUMBER:
        return number_at(L, index);
    case LUA_TSTRING:
        return string_at(L, index);
    case LUA_TLIGHTUSERDATA:
        return lua_touserdata(L, index) == NULL ? rw_nil() : native_at(L, state, index);
    case LUA_TUSERDATA:
        luaL_checkstack(L, 8, NULL);
        return userdata_at(L, state, index);
    case LUA_TTABLE: {
        luaL_checkstack(L, 8, NULL);
        struct rw_value value = wrapped_at(L, index);
        return value.kind != RW_KIND_NIL ? value : native_at(L, state, index);
    }
    default:
        luaL_checkstack(L, 8, NULL);
        return native_at(L, state, index);
    }
}

struct rw_value rwl_check_value(lua_State *L, struct rwl_state *state, int index)
{
    struct rw_value value = rwl_value_at(L, state, index);

    if (rw_is_failure(&value)) {
        rwl_raise(L, state, value);
    }
    return value;
}

void rwl_push_string(lua_State *L, const struct rw_value *value)
{
    size_t size;
    const char *data = rw_value_data(value, &size);

    lua_pushlstring(L, data, size);
}

void rwl_push_integer(lua_State *L, struct rwl_state *state, int64_t integer)
{
#if RWL_HAS_INTEGERS
    (void)state;
    lua_pushinteger(L, integer);
#else
    if (state == NULL || (integer >= -(int64_t)EXACT && integer <= (int64_t)EXACT)) {
        lua_pushnumber(L, (lua_Number)integer);
    } else {
        rwl_push_box(L, state, RWL_INT64)->in.integer = integer;
    }
#endif
}

/* An item of a list or a map: no nil there. */
static void push_item(lua_State *L, struct rwl_state *state, const struct rw_value *value)
{
    if (value->kind == RW_KIND_NIL) {
        lua_pushlightuserdata(L, NULL);
    } else {
        rwl_push(L, state, value);
    }
}

static void push_list(lua_State *L, struct rwl_state *state, const struct rw_list *list)
{
    size_t count = rw_list_count(list);

    luaL_checkstack(L, 8, "too deep");
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_item(L, state, rw_list_at(list, i));
        lua_rawseti(L, -2, (int)i + 1);
    }
    rwl_mark(L, "list");
}

static void push_map(lua_State *L, struct rwl_state *state, const struct rw_map *map)
{
    size_t count = rw_map_count(map);

    luaL_checkstack(L, 8, "too deep");
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        const struct rw_value *key = rw_map_key(map, i);

        if (key->kind == RW_KIND_DOUBLE && isnan(key->as.number)) {
            continue; /* Lua has no such key */
        }
        rwl_push(L, state, key);
        push_item(L, state, rw_map_item(map, i));
        lua_rawset(L, -3);
    }
    rwl_mark(L, "map");
}

/* A native of another host: its portable copy, or, when it has none, a box that only carries it back. */
static void push_foreign(lua_State *L, struct rwl_state *state, struct rw_native *native)
{
    struct rw_value copy = rw_nil();

    if (native->host == state) {
        rwl_native_push(L, (struct rwl_native *)native);
        return;
    }
    if (native->vtable->portable(native, &copy) != 0) {
        rw_value_drop(&copy);
        struct rwl_box *box = rwl_push_box(L, state, RWL_FOREIGN);
        box->thing = native->vtable->clone(native);
        return;
    }
    rwl_push(L, state, &copy);
    rw_value_drop(&copy);
}

void rwl_push(lua_State *L, struct rwl_state *state, const struct rw_value *value)
{
    switch (value->kind) {
    case RW_KIND_NIL:
        lua_pushnil(L);
        break;
    case RW_KIND_BOOL:
        lua_pushboolean(L, value->as.boolean);
        break;
    case RW_KIND_INT:
        rwl_push_integer(L, state, value->as.integer);
        break;
    case RW_KIND_DOUBLE:
        lua_pushnumber(L, value->as.number);
        break;
    case RW_KIND_BYTES:
    case RW_KIND_TEXT:
        rwl_push_string(L, value);
        break;
    case RW_KIND_LIST:
        push_list(L, state, value->as.list);
        break;
    case RW_KIND_MAP:
        push_map(L, state, value->as.map);
        break;
    case RW_KIND_ERROR:
        if (state == NULL) {
            lua_pushstring(L, rw_value_message(value));
        } else {
            rwl_push_error(L, state, value);
        }
        break;
    case RW_KIND_HANDLE:
        rwl_push_handle(L, state, value);
        break;
    case RW_KIND_NATIVE:
        luaL_checkstack(L, 8, NULL);
        push_foreign(L, state, value->as.native);
        break;
    default:
        luaL_error(L, "a value of an unknown kind (%d)", value->kind);
    }
}

int rwl_push_all(lua_State *L, struct rwl_state *state, const struct rw_value *value)
{
    struct rwl_native *native = rwl_native_of(value, state);

    if (native == NULL || !native->pack) {
        rwl_push(L, state, value);
        return 1;
    }
    rwl_native_push(L, native);
    lua_getfield(L, -1, "n");
    int count = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    luaL_checkstack(L, count + 1, "too many results");
    int table = lua_gettop(L);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, table, i);
    }
    lua_remove(L, table);
    return count;
}

struct rw_value rwl_pop_all(lua_State *L, struct rwl_state *state, int count)
{
    struct rw_value value = rw_nil();

    if (count == 1) {
        value = rwl_value_at(L, state, -1);
    } else if (count > 1) {
        luaL_checkstack(L, 4, NULL);
        lua_createtable(L, count, 1);
        lua_insert(L, -count - 1);
        for (int i = count; i >= 1; i--) {
            lua_rawseti(L, -i - 1, i);
        }
        lua_pushinteger(L, count);
        lua_setfield(L, -2, "n");
        struct rwl_native *native = rwl_native_new(L, state, true);
        return rw_value_of_native(&native->head);
    }
    lua_pop(L, count);
    return value;
}

void *rwl_unsigned_mark(void)
{
    static const char mark;

    return (void *)&mark;
}

static int int64_text(lua_State *L)
{
    struct rwl_box *box = rwl_check_box(L, rwl_state(L), 1, RWL_INT64);
    char buffer[32];

    snprintf(buffer, sizeof buffer, box->thing != NULL ? "%llu" : "%lld", (long long)box->in.integer);
    lua_pushstring(L, buffer);
    return 1;
}

static int int64_number(lua_State *L)
{
    struct rwl_box *box = rwl_check_box(L, rwl_state(L), 1, RWL_INT64);

    lua_pushnumber(L,
                   box->thing != NULL ? (lua_Number)(uint64_t)box->in.integer : (lua_Number)box->in.integer);
    return 1;
}

const struct rwl_method rwl_int64_methods[] = {
    {"tostring", int64_text, RWL_PLAIN}, {"tonumber", int64_number, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN}};
const struct rwl_method rwl_int64_metamethods[] = {{"__tostring", int64_text, RWL_PLAIN},
                                                   {NULL, NULL, RWL_PLAIN}};
