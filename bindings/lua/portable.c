/* SPDX-License-Identifier: MIT
 *
 * portable.c - copies of Lua tables for other hosts and threads, and the marks by which a table says what it is.
 *
 * A table is a list when it is marked so or its keys are exactly 1..n with n > 0; else it is a map. Copying stops
 * with an error at RW_VALUE_DEPTH_MAX levels, which is also how a cycle is found: nothing else bounds it. rw.null
 * stands for nil where a table cannot hold one. */
#include <string.h>

#include "lua/state.h"

static struct rw_value refuse(lua_State *L, int index)
{
    return rw_failure_format(RW_ERR_TYPE, "a Lua %s cannot be copied to another host",
                             luaL_typename(L, index));
}

/* Takes `item`; false when it is a failure or memory is short: then *failure is set. */
static bool add_item(struct rw_list *list, struct rw_value item, struct rw_value *failure)
{
    if (rw_is_failure(&item)) {
        *failure = item;
        return false;
    }
    if (rw_list_push(list, item) != 0) {
        *failure = rw_failure(RW_ERR_NOMEM);
        return false;
    }
    return true;
}

static struct rw_value copy_list(lua_State *L, struct rwl_state *state, int index, int count, int depth)
{
    struct rw_list *list = rw_list_new((size_t)count);
    struct rw_value failure = rw_nil();
    bool good = list != NULL;

    if (!good) {
        return rw_failure(RW_ERR_NOMEM);
    }
    for (int i = 1; good && i <= count; i++) {
        lua_rawgeti(L, index, i);
        good = add_item(list, rwl_portable_at(L, state, -1, depth), &failure);
        lua_pop(L, 1);
    }
    struct rw_value value = rw_value_of_list(list);
    if (!good) {
        rw_value_drop(&value);
        return failure;
    }
    return value;
}

/* Adds the pair on top of the stack. */
static bool add_pair(lua_State *L, struct rwl_state *state, struct rw_map *map, int depth,
                     struct rw_value *failure)
{
    struct rw_value key = rwl_portable_at(L, state, -2, depth);

    if (rw_is_failure(&key)) {
        *failure = key;
        return false;
    }
    struct rw_value item = rwl_portable_at(L, state, -1, depth);
    if (rw_is_failure(&item)) {
        rw_value_drop(&key);
        *failure = item;
        return false;
    }
    int status = rw_map_add(map, key, item);
    if (status != 0) {
        *failure = rw_failure(status);
        return false;
    }
    return true;
}

static struct rw_value copy_map(lua_State *L, struct rwl_state *state, int index, int depth)
{
    struct rw_map *map = rw_map_new(0);
    struct rw_value failure = rw_nil();
    bool good = map != NULL;

    if (!good) {
        return rw_failure(RW_ERR_NOMEM);
    }
    lua_pushnil(L);
    while (good && lua_next(L, index)) {
        good = add_pair(L, state, map, depth, &failure);
        lua_pop(L, good ? 1 : 2);
    }
    struct rw_value value = rw_value_of_map(map);
    if (!good) {
        rw_value_drop(&value);
        return failure;
    }
    return value;
}

/* 1..n and nothing else, n > 0. */
static bool is_sequence(lua_State *L, int index, int *count)
{
    size_t length = lua_rawlen(L, index);
    size_t keys = 0;

    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        keys++;
        bool in_range = lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) >= 1 &&
                        lua_tonumber(L, -1) <= (lua_Number)length;
        if (!in_range || lua_tonumber(L, -1) != (lua_Number)(int64_t)lua_tonumber(L, -1)) {
            lua_pop(L, 1);
            return false;
        }
    }
    *count = (int)length;
    return keys == length && keys > 0;
}

static struct rw_value copy_table(lua_State *L, struct rwl_state *state, int index, int depth)
{
    const char *kind = NULL;
    int count = (int)lua_rawlen(L, index);

    if (luaL_getmetafield(L, index, "ropewalk.kind")) {
        kind = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    if (kind != NULL ? strcmp(kind, "list") == 0 : is_sequence(L, index, &count)) {
        return copy_list(L, state, index, count, depth + 1);
    }
    return copy_map(L, state, index, depth + 1);
}

static struct rw_value copy_pack(lua_State *L, struct rwl_state *state, int index)
{
    lua_getfield(L, index, "n");
    int count = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return copy_list(L, state, index, count, 1);
}

/* Whether a value of the plain sort stands for itself on every host. */
static bool stands_for_itself(const struct rw_value *value)
{
    return value->kind != RW_KIND_NATIVE;
}

struct rw_value rwl_portable_at(lua_State *L, struct rwl_state *state, int index, int depth)
{
    index = lua_absindex(L, index);
    if (depth > RW_VALUE_DEPTH_MAX) {
        return rw_failure_format(RW_ERR_LIMIT,
                                 "a table that is nested too deeply, or contains itself, cannot be copied");
    }
    if (!lua_checkstack(L, 12)) {
        return rw_failure_format(RW_ERR_LIMIT, "the Lua stack is too deep to copy a table");
    }
    if (depth < 0) {
        return copy_pack(L, state, index);
    }
    int type = lua_type(L, index);
    if (type == LUA_TTABLE && !luaL_getmetafield(L, index, "ropewalk.string")) {
        return copy_table(L, state, index, depth);
    }
    if (type == LUA_TTABLE) {
        lua_pop(L, 1);
    }
    if (type == LUA_TFUNCTION || type == LUA_TTHREAD ||
        (type == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) != NULL) ||
        (type == LUA_TUSERDATA && (state == NULL || rwl_type_of(L, state, index) == RWL_TYPE_COUNT))) {
        return refuse(L, index);
    }
    struct rw_value value = rwl_value_at(L, state, index);
    if (stands_for_itself(&value) || rwl_native_of(&value, state) == NULL) {
        return value;
    }
    rw_value_drop(&value);
    return refuse(L, index);
}

void rwl_keep_marks(lua_State *L)
{
    static const char *const names[] = {"ropewalk.kind", "ropewalk.string", "n"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_pushstring(L, names[i]);
        (void)luaL_ref(L, LUA_REGISTRYINDEX); /* for as long as the state */
    }
}

void rwl_mark(lua_State *L, const char *mark)
{
    lua_pushfstring(L, "ropewalk.%s", mark);
    const char *name = lua_tostring(L, -1);

    if (luaL_newmetatable(L, name)) {
        lua_pushstring(L, mark);
        lua_setfield(L, -2,
                     strcmp(mark, "list") == 0 || strcmp(mark, "map") == 0 ? "ropewalk.kind"
                                                                           : "ropewalk.string");
    }
    lua_setmetatable(L, -3);
    lua_pop(L, 1);
}

static int mark_table(lua_State *L, const char *mark)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (lua_getmetatable(L, 1)) {
        return luaL_argerror(L, 1, "this table has a metatable already");
    }
    rwl_mark(L, mark);
    return 1;
}

static int make_list(lua_State *L)
{
    return mark_table(L, "list");
}

static int make_map(lua_State *L)
{
    return mark_table(L, "map");
}

static int wrap_string(lua_State *L, const char *mark)
{
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    rwl_mark(L, mark);
    return 1;
}

static int make_bytes(lua_State *L)
{
    return wrap_string(L, "bytes");
}

static int make_text(lua_State *L)
{
    size_t size;
    const char *data = luaL_checklstring(L, 1, &size);
    struct rw_value value = rw_text(data, size);
    bool good = !rw_is_failure(&value);

    rw_value_drop(&value);
    luaL_argcheck(L, good, 1, "this string is not UTF-8");
    return wrap_string(L, "text");
}

void rwl_open_values(lua_State *L, struct rwl_state *state)
{
    static const struct rwl_method functions[] = {
        {"list", make_list, RWL_PLAIN}, {"map", make_map, RWL_PLAIN}, {"bytes", make_bytes, RWL_PLAIN},
        {"text", make_text, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN},
    };

    rwl_set_methods(L, state, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
}
