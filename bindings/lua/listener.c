/* SPDX-License-Identifier: MIT
 *
 * listener.c - connecting, listening, accepting, resolving. The pure Lua part groups these as rw.tcp, rw.unix and
 * rw.dns.
 *
 * Arguments are judged before anything is opened; what the system refuses comes back as nil, message, code.
 * Invariant: a listener or socket exists only inside a box, which closes it when it is collected. */
#include <errno.h>
#include <string.h>

#include "lua/state.h"

static uint16_t check_port(lua_State *L, int index)
{
    return (uint16_t)rwl_check_integer(L, index, 0, 65535);
}

/* A path without a zero byte in it. */
static const char *check_name(lua_State *L, int index)
{
    size_t size;
    const char *name = luaL_checklstring(L, index, &size);

    luaL_argcheck(L, strlen(name) == size, index, "a name without zero bytes expected");
    return name;
}

static int tcp_connect(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    const char *host = check_name(L, 1);
    uint16_t port = check_port(L, 2);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_tcp_connect(state->loop, host, port, NULL), rwl_finish_operation, 0);
}

static int unix_connect(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    const char *path = check_name(L, 1);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_unix_connect(state->loop, path), rwl_finish_operation, 0);
}

static void read_options(lua_State *L, int index, struct rw_listen_options *options)
{
    if (lua_isnoneornil(L, index)) {
        return;
    }
    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, "backlog");
    options->backlog = lua_isnil(L, -1) ? 0 : (int)luaL_checkinteger(L, -1);
    lua_getfield(L, index, "reuse_port");
    options->reuse_port = lua_toboolean(L, -1) != 0;
    lua_getfield(L, index, "ipv6_only");
    options->ipv6_only = lua_toboolean(L, -1) != 0;
    lua_getfield(L, index, "mode");
    options->mode = lua_isnil(L, -1) ? 0 : (unsigned)luaL_checkinteger(L, -1);
    lua_pop(L, 4);
}

static int fill(lua_State *L, struct rwl_state *state, struct rwl_box *box, int status, int os_error,
                struct rw_listener *listener)
{
    if (status == 0) {
        box->thing = listener;
        return 1;
    }
    struct rw_value failure = status == RW_ERR_OS ? rw_failure_errno(os_error, "listen") : rw_failure(status);
    int count = rwl_push_failure(L, state, &failure);
    rw_value_drop(&failure);
    return count;
}

static int tcp_listen(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_listen_options options = {.backlog = 0};
    struct rw_listener *listener = NULL;

    read_options(L, 3, &options);
    const char *host = check_name(L, 1);
    uint16_t port = check_port(L, 2);
    struct rwl_box *box = rwl_push_box(L, state, RWL_LISTENER);
    int status = rw_tcp_listen(rwl_need_loop(L, state), host, port, &options, &listener);
    return fill(L, state, box, status, errno, listener);
}

static int unix_listen(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_listen_options options = {.backlog = 0};
    struct rw_listener *listener = NULL;

    read_options(L, 2, &options);
    const char *path = check_name(L, 1);
    struct rwl_box *box = rwl_push_box(L, state, RWL_LISTENER);
    int status = rw_unix_listen(rwl_need_loop(L, state), path, &options, &listener);
    return fill(L, state, box, status, errno, listener);
}

static int socket_pair(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *a = rwl_push_box(L, state, RWL_SOCKET);
    struct rwl_box *b = rwl_push_box(L, state, RWL_SOCKET);
    struct rw_socket *first;
    struct rw_socket *second;
    int status = rw_socket_pair(rwl_need_loop(L, state), &first, &second);

    if (status != 0) {
        return fill(L, state, a, status, errno, NULL);
    }
    a->thing = first;
    b->thing = second;
    return 2;
}

static int listener_accept(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_listener *listener = rwl_check(L, state, 1, RWL_LISTENER);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_listener_accept(listener), rwl_finish_operation, 0);
}

static int listener_next(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_listener *listener = rwl_check(L, state, 1, RWL_LISTENER);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_listener_accept(listener), rwl_finish_next, 0);
}

static int listener_iter(lua_State *L)
{
    rwl_check(L, rwl_state(L), 1, RWL_LISTENER);
    lua_getfield(L, 1, "next");
    lua_pushvalue(L, 1);
    return 2;
}

static int listener_port(lua_State *L)
{
    lua_pushinteger(L, rw_listener_port(rwl_check(L, rwl_state(L), 1, RWL_LISTENER)));
    return 1;
}

static int listener_address(lua_State *L)
{
    char address[256];
    int status = rw_listener_local(rwl_check(L, rwl_state(L), 1, RWL_LISTENER), address, sizeof address);

    return status == 0 ? (lua_pushstring(L, address), 1) : rwl_push_code(L, rwl_state(L), status);
}

static int listener_close(lua_State *L)
{
    rw_listener_close(rwl_check(L, rwl_state(L), 1, RWL_LISTENER));
    return 0;
}

static int resolve(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    const char *host = check_name(L, 1);
    uint16_t port = lua_isnoneornil(L, 2) ? 0 : check_port(L, 2);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_dns_resolve(state->loop, host, port), rwl_finish_operation, 0);
}

const struct rwl_method rwl_socket_functions[] = {
    {"tcp_connect", tcp_connect, RWL_AWAITS},
    {"tcp_listen", tcp_listen, RWL_PLAIN},
    {"unix_connect", unix_connect, RWL_AWAITS},
    {"unix_listen", unix_listen, RWL_PLAIN},
    {"socket_pair", socket_pair, RWL_PLAIN},
    {"dns_resolve", resolve, RWL_AWAITS},
    {NULL, NULL, RWL_PLAIN},
};

const struct rwl_method rwl_listener_methods[] = {
    {"accept", listener_accept, RWL_AWAITS_ONE},
    {"next", listener_next, RWL_AWAITS_ONE},
    {"iter", listener_iter, RWL_PLAIN},
    {"port", listener_port, RWL_PLAIN},
    {"close", listener_close, RWL_PLAIN},
    {"address", listener_address, RWL_PLAIN},
    {NULL, NULL, RWL_PLAIN},
};
