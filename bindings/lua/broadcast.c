/* SPDX-License-Identifier: MIT
 *
 * broadcast.c - one sender's values to all receivers (broadcast), and one value that changes (watch).
 *
 * Each box holds one reference; closing a receiver's box ends it, so that it no longer counts as somebody who
 * listens. Invariant: a box that is empty is closed for good. */
#include "lua/state.h"

static int new_broadcast(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    size_t capacity = (size_t)rwl_check_integer(L, 1, 1, INT64_C(1) << 30);
    struct rwl_box *box = rwl_push_box(L, state, RWL_BROADCAST);

    box->thing = rw_broadcast_new(rwl_need_loop(L, state), capacity);
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int broadcast_send(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_broadcast *broadcast = rwl_check(L, state, 1, RWL_BROADCAST);
    int status = rw_broadcast_send(broadcast, rwl_check_value(L, state, 2));

    if (status < 0) {
        return rwl_push_code(L, state, status);
    }
    lua_pushinteger(L, status);
    return 1;
}

static int broadcast_close(lua_State *L)
{
    rw_broadcast_close(rwl_check(L, rwl_state(L), 1, RWL_BROADCAST));
    return 0;
}

static int broadcast_subscribe(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_broadcast *broadcast = rwl_check(L, state, 1, RWL_BROADCAST);
    struct rwl_box *box = rwl_push_box(L, state, RWL_BROADCAST_RECEIVER);

    box->thing = rw_broadcast_subscribe(broadcast);
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int receiver_receive(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_broadcast_receiver *receiver = rwl_check(L, state, 1, RWL_BROADCAST_RECEIVER);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_broadcast_receive(receiver), rwl_finish_operation, 0);
}

static int receiver_missed(lua_State *L)
{
    lua_pushinteger(L,
                    (lua_Integer)rw_broadcast_missed(rwl_check(L, rwl_state(L), 1, RWL_BROADCAST_RECEIVER)));
    return 1;
}

static int receiver_close(lua_State *L)
{
    struct rwl_box *box = rwl_check_box(L, rwl_state(L), 1, RWL_BROADCAST_RECEIVER);
    struct rw_broadcast_receiver *receiver = box->thing;

    box->thing = NULL;
    if (receiver != NULL) {
        rw_broadcast_receiver_unref(receiver);
    }
    return 0;
}

static int new_watch(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *box = rwl_push_box(L, state, RWL_WATCH);

    box->thing = rw_watch_cell_new(rwl_need_loop(L, state), rwl_check_value(L, state, 1));
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int watch_send(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_watch_cell *cell = rwl_check(L, state, 1, RWL_WATCH);

    return rwl_push_status(L, state, rw_watch_cell_send(cell, rwl_check_value(L, state, 2)));
}

static int watch_close(lua_State *L)
{
    rw_watch_cell_close(rwl_check(L, rwl_state(L), 1, RWL_WATCH));
    return 0;
}

static int watch_subscribe(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_watch_cell *cell = rwl_check(L, state, 1, RWL_WATCH);
    struct rwl_box *box = rwl_push_box(L, state, RWL_WATCH_RECEIVER);

    box->thing = rw_watch_cell_subscribe(cell);
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int watch_value(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_value value = rw_watch_receiver_value(rwl_check(L, state, 1, RWL_WATCH_RECEIVER));
    int count = rwl_push_all(L, state, &value);

    rw_value_drop(&value);
    return count;
}

static int watch_changed(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_watch_receiver *receiver = rwl_check(L, state, 1, RWL_WATCH_RECEIVER);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_watch_receiver_changed(receiver), rwl_finish_operation, 0);
}

static int watch_receiver_close(lua_State *L)
{
    struct rwl_box *box = rwl_check_box(L, rwl_state(L), 1, RWL_WATCH_RECEIVER);
    struct rw_watch_receiver *receiver = box->thing;

    box->thing = NULL;
    if (receiver != NULL) {
        rw_watch_receiver_unref(receiver);
    }
    return 0;
}

const struct rwl_method rwl_broadcast_functions[] = {
    {"broadcast", new_broadcast, RWL_PLAIN}, {"watch", new_watch, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_broadcast_methods[] = {{"send", broadcast_send, RWL_PLAIN},
                                                   {"close", broadcast_close, RWL_PLAIN},
                                                   {"subscribe", broadcast_subscribe, RWL_PLAIN},
                                                   {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_broadcast_receiver_methods[] = {{"receive", receiver_receive, RWL_AWAITS_ONE},
                                                            {"missed", receiver_missed, RWL_PLAIN},
                                                            {"close", receiver_close, RWL_PLAIN},
                                                            {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_watch_methods[] = {{"send", watch_send, RWL_PLAIN},
                                               {"close", watch_close, RWL_PLAIN},
                                               {"subscribe", watch_subscribe, RWL_PLAIN},
                                               {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_watch_receiver_methods[] = {{"value", watch_value, RWL_PLAIN},
                                                        {"changed", watch_changed, RWL_AWAITS_ONE},
                                                        {"close", watch_receiver_close, RWL_PLAIN},
                                                        {NULL, NULL, RWL_PLAIN}};
