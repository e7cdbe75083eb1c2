/* SPDX-License-Identifier: MIT
 *
 * buffer.c - bytes of the core's that a script looks at without a copy: #b, b:sub(i, j), b:byte(i, j), tostring(b).
 *
 * Indices are those of string.sub and string.byte. A buffer never changes. Invariant: the box holds one reference to the bytes, as a
 * value would. */
#include "lua/state.h"

static struct rw_bytes *bytes_at(lua_State *L)
{
    return rwl_check(L, rwl_state(L), 1, RWL_BUFFER);
}

void rwl_buffer_drop(struct rwl_state *state, void *thing)
{
    struct rw_value value = rw_value_of_bytes(thing);

    (void)state;
    rw_value_drop(&value);
}

static int make_box(lua_State *L)
{
    rwl_push_box(L, rwl_state_of(L), RWL_BUFFER);
    return 1;
}

int rwl_push_buffer(lua_State *L, struct rw_bytes *bytes)
{
    if (lua_checkstack(L, 8)) {
        lua_pushcfunction(L, make_box);
        if (lua_pcall(L, 0, 1, 0) == LUA_OK) {
            rwl_box_at(L, -1)->thing = bytes;
            return 1;
        }
    }
    rwl_buffer_drop(NULL, bytes);
    return luaL_error(L, "not enough memory");
}

static int buffer_length(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)rw_bytes_size(bytes_at(L)));
    return 1;
}

static int buffer_text(lua_State *L)
{
    struct rw_bytes *bytes = bytes_at(L);

    lua_pushlstring(L, rw_bytes_data(bytes), rw_bytes_size(bytes));
    return 1;
}

/* The range that string.sub's indices mean: from *first (0 is the first byte), its length. */
static size_t range_at(lua_State *L, size_t size, lua_Integer last, size_t *first)
{
    lua_Integer from = luaL_optinteger(L, 2, 1);
    lua_Integer to = luaL_optinteger(L, 3, last);

    from = from < 0 ? from + (lua_Integer)size + 1 : from;
    from = from < 1 ? 1 : from;
    to = to < 0 ? to + (lua_Integer)size + 1 : to;
    to = to > (lua_Integer)size ? (lua_Integer)size : to;
    *first = (size_t)from - 1;
    return from > to ? 0 : (size_t)(to - from) + 1;
}

static int buffer_sub(lua_State *L)
{
    struct rw_bytes *bytes = bytes_at(L);
    size_t first;
    size_t count = range_at(L, rw_bytes_size(bytes), -1, &first);

    lua_pushlstring(L, count > 0 ? rw_bytes_data(bytes) + first : "", count);
    return 1;
}

static int buffer_byte(lua_State *L)
{
    struct rw_bytes *bytes = bytes_at(L);
    size_t first;
    size_t count = range_at(L, rw_bytes_size(bytes), luaL_optinteger(L, 2, 1), &first);

    luaL_argcheck(L, count <= 1000, 3, "more than 1000 bytes at a time");
    luaL_checkstack(L, (int)count + 4, NULL);
    for (size_t i = 0; i < count; i++) {
        lua_pushinteger(L, (unsigned char)rw_bytes_data(bytes)[first + i]);
    }
    return (int)count;
}

/* For LuaJIT's ffi: good while the buffer lives. */
static int buffer_pointer(lua_State *L)
{
    lua_pushlightuserdata(L, rw_bytes_data(bytes_at(L)));
    return 1;
}

const struct rwl_method rwl_buffer_methods[] = {
    {"len", buffer_length, RWL_PLAIN},      {"sub", buffer_sub, RWL_PLAIN},
    {"byte", buffer_byte, RWL_PLAIN},       {"tostring", buffer_text, RWL_PLAIN},
    {"pointer", buffer_pointer, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN}};
const struct rwl_method rwl_buffer_metamethods[] = {
    {"__len", buffer_length, RWL_PLAIN}, {"__tostring", buffer_text, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN}};
