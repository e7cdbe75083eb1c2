/* SPDX-License-Identifier: MIT
 *
 * socket.c - byte streams over TCP and Unix sockets.
 *
 * read and write try at once, from and into a buffer on the C stack, without a future, as long as the task has
 * budget and is not cancelled; only what must wait becomes a future. Formats are those of io.read: "l", "L", "a" or
 * a number, with or without a star; none at all means whatever is there. Invariant: a partial line at the end of
 * the stream is given out as the last line, as io.lines does. */
#include <string.h>

#include "lua/state.h"

#define CHUNK 16384
#define LINE_MAX_DEFAULT (1 << 20)
#define ALL_MAX_DEFAULT (1 << 28)

enum line_format { LINE_CHOMPED, LINE_WHOLE };

static struct rw_socket *check_socket(lua_State *L)
{
    return rwl_check(L, rwl_state(L), 1, RWL_SOCKET);
}

/* The end of the stream says "closed", as sockets do in Lua; its code says which kind of end. */
static int finish_read(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    if (rw_is_failure(value) && value->code == RW_ERR_END) {
        lua_pushnil(L);
        lua_pushliteral(L, "closed");
        lua_pushstring(L, rw_err_code(RW_ERR_END));
        return 3;
    }
    return rwl_finish_operation(L, state, value, extra);
}

/* What is left in the socket after an end in mid-line. */
static int push_rest(lua_State *L, struct rw_socket *socket)
{
    luaL_Buffer buffer;
    char chunk[1024];
    int64_t count;

    luaL_buffinit(L, &buffer);
    while ((count = rw_socket_try_read(socket, chunk, sizeof chunk)) > 0) {
        luaL_addlstring(&buffer, chunk, (size_t)count);
    }
    luaL_pushresult(&buffer);
    return 1;
}

static int push_line(lua_State *L, const struct rw_value *value, bool chomped)
{
    size_t size;
    const char *data = rw_value_data(value, &size);

    if (chomped && size > 0 && data[size - 1] == '\n') {
        size -= size > 1 && data[size - 2] == '\r' ? 2 : 1;
    }
    lua_pushlstring(L, data, size);
    return 1;
}

/* `extra` is the socket, with the format in its lowest bit. */
static int finish_line(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    struct rw_socket *socket = (struct rw_socket *)(extra & ~(intptr_t)1);

    if (!rw_is_failure(value)) {
        return push_line(L, value, (extra & 1) == LINE_CHOMPED);
    }
    if (value->code == RW_ERR_INCOMPLETE) {
        return push_rest(L, socket);
    }
    return finish_read(L, state, value, 0);
}

static int finish_next_line(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    if (rw_is_failure(value) && value->code != RW_ERR_INCOMPLETE && value->code != RW_ERR_END) {
        return rwl_finish_outcome(L, state, value, 0);
    }
    int count = finish_line(L, state, value, extra);
    if (count == 3) {
        lua_settop(L, lua_gettop(L) - 2);
        return 1;
    }
    return count;
}

static int read_line(lua_State *L, struct rwl_state *state, struct rw_socket *socket, enum line_format format)
{
    struct rw_future *future = rw_socket_read_until(socket, "\n", 1, LINE_MAX_DEFAULT);

    return rwl_suspend(L, state, future, finish_line, (intptr_t)socket | (intptr_t)format);
}

/* Whatever is there: at most `max` bytes. */
static int read_some(lua_State *L, struct rwl_state *state, struct rw_socket *socket, size_t max)
{
    if (rwl_may_try(state)) {
        char chunk[CHUNK];
        int64_t count = rw_socket_try_read(socket, chunk, max < sizeof chunk ? max : sizeof chunk);

        if (count > 0) {
            lua_pushlstring(L, chunk, (size_t)count);
            return 1;
        }
    }
    return rwl_suspend(L, state, rw_socket_read(socket, max), finish_read, 0);
}

static size_t check_size(lua_State *L, int index)
{
    return (size_t)rwl_check_integer(L, index, 1, (int64_t)RW_READ_MAX);
}

static int socket_read(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_socket *socket = rwl_check(L, state, 1, RWL_SOCKET);

    rwl_check_awaiting(L, state);
    if (lua_isnoneornil(L, 2)) {
        return read_some(L, state, socket, CHUNK);
    }
    if (lua_type(L, 2) == LUA_TNUMBER) {
        return rwl_suspend(L, state, rw_socket_read_exactly(socket, check_size(L, 2)), finish_read, 0);
    }
    const char *format = luaL_checkstring(L, 2);
    format += *format == '*';
    switch (*format) {
    case 'l':
        return read_line(L, state, socket, LINE_CHOMPED);
    case 'L':
        return read_line(L, state, socket, LINE_WHOLE);
    case 'a':
        return rwl_suspend(L, state, rw_socket_read_all(socket, ALL_MAX_DEFAULT), finish_read, 0);
    default:
        return luaL_argerror(L, 2, "invalid format: a number, \"l\", \"L\" or \"a\" expected");
    }
}

static int socket_read_some(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_socket *socket = rwl_check(L, state, 1, RWL_SOCKET);
    size_t max = lua_isnoneornil(L, 2) ? CHUNK : check_size(L, 2);

    rwl_check_awaiting(L, state);
    return read_some(L, state, socket, max);
}

static int socket_read_until(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_socket *socket = check_socket(L);
    size_t size;
    const char *delimiter = luaL_checklstring(L, 2, &size);
    size_t max = lua_isnoneornil(L, 3) ? LINE_MAX_DEFAULT : check_size(L, 3);

    luaL_argcheck(L, size >= 1 && size <= 64, 2, "a delimiter of 1 to 64 bytes expected");
    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_socket_read_until(socket, delimiter, size, max), finish_read, 0);
}

static int socket_next_line(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_socket *socket = check_socket(L);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_socket_read_until(socket, "\n", 1, LINE_MAX_DEFAULT), finish_next_line,
                       (intptr_t)socket | LINE_CHOMPED);
}

static int socket_lines(lua_State *L)
{
    check_socket(L);
    lua_getfield(L, 1, "next_line");
    lua_pushvalue(L, 1);
    return 2;
}

/* One string as it is; several as a list, which is sent in one go. */
static struct rw_value data_at(lua_State *L, int first)
{
    int count = lua_gettop(L) - first + 1;
    size_t size;

    for (int i = 0; i < count; i++) {
        luaL_checklstring(L, first + i, NULL);
    }
    if (count == 1) {
        const char *data = lua_tolstring(L, first, &size);
        return rw_bytes(data, size);
    }
    struct rw_list *list = rw_list_new((size_t)count);
    if (list == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    for (int i = 0; i < count; i++) {
        const char *data = lua_tolstring(L, first + i, &size);
        if (rw_list_push(list, rw_bytes(data, size)) != 0) {
            break;
        }
    }
    return rw_value_of_list(list);
}

static int socket_write(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_socket *socket = rwl_check(L, state, 1, RWL_SOCKET);
    size_t size;

    rwl_check_awaiting(L, state);
    const char *data = luaL_checklstring(L, 2, &size);
    if (lua_gettop(L) == 2 && size > 0 && rwl_may_try(state) &&
        rw_socket_try_write(socket, data, size) == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    struct rw_value value = data_at(L, 2);
    if (rw_is_failure(&value)) {
        return rwl_raise(L, state, value);
    }
    return rwl_suspend(L, state, rw_socket_write(socket, value), rwl_finish_true, 0);
}

static int socket_flush(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_socket *socket = check_socket(L);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_socket_flush(socket), rwl_finish_true, 0);
}

static int socket_shutdown(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_socket *socket = check_socket(L);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_socket_shutdown(socket), rwl_finish_true, 0);
}

static int socket_close(lua_State *L)
{
    rw_socket_close(check_socket(L));
    return 0;
}

static int socket_abort(lua_State *L)
{
    rw_socket_abort(check_socket(L));
    return 0;
}

static int socket_is_closed(lua_State *L)
{
    lua_pushboolean(L, rw_socket_is_closed(check_socket(L)));
    return 1;
}

static int socket_unsent(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)rw_socket_unsent(check_socket(L)));
    return 1;
}

static int socket_fd(lua_State *L)
{
    lua_pushinteger(L, rw_socket_fd(check_socket(L)));
    return 1;
}

static int socket_peer(lua_State *L)
{
    char address[256];
    int status = rw_socket_peer(check_socket(L), address, sizeof address);

    return status == 0 ? (lua_pushstring(L, address), 1) : rwl_push_code(L, rwl_state(L), status);
}

static int socket_address(lua_State *L)
{
    char address[256];
    int status = rw_socket_local(check_socket(L), address, sizeof address);

    return status == 0 ? (lua_pushstring(L, address), 1) : rwl_push_code(L, rwl_state(L), status);
}

static int socket_stream(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_socket *socket = check_socket(L);
    struct rwl_box *box = rwl_push_box(L, state, RWL_STREAM);

    box->thing = rw_socket_stream(socket);
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int socket_line_stream(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_socket *socket = check_socket(L);
    size_t max = lua_isnoneornil(L, 2) ? LINE_MAX_DEFAULT : check_size(L, 2);
    struct rwl_box *box = rwl_push_box(L, state, RWL_STREAM);

    box->thing = rw_socket_lines(socket, max);
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

const struct rwl_method rwl_socket_methods[] = {
    {"read", socket_read, RWL_AWAITS_ONE},
    {"read_some", socket_read_some, RWL_AWAITS_ONE},
    {"read_until", socket_read_until, RWL_AWAITS_ONE},
    {"next_line", socket_next_line, RWL_AWAITS_ONE},
    {"lines", socket_lines, RWL_PLAIN},
    {"write", socket_write, RWL_AWAITS},
    {"flush", socket_flush, RWL_AWAITS_ONE},
    {"shutdown", socket_shutdown, RWL_AWAITS_ONE},
    {"close", socket_close, RWL_PLAIN},
    {"abort", socket_abort, RWL_PLAIN},
    {"is_closed", socket_is_closed, RWL_PLAIN},
    {"unsent", socket_unsent, RWL_PLAIN},
    {"fd", socket_fd, RWL_PLAIN},
    {"peer", socket_peer, RWL_PLAIN},
    {"address", socket_address, RWL_PLAIN},
    {"stream", socket_stream, RWL_PLAIN},
    {"line_stream", socket_line_stream, RWL_PLAIN},
    {"sink", rwl_sink_of_socket, RWL_PLAIN},
    {NULL, NULL, RWL_PLAIN},
};
