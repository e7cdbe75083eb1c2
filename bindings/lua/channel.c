/* SPDX-License-Identifier: MIT
 *
 * channel.c - the two ends of a channel, and permits.
 *
 * A closed end keeps its object: operations on it answer nil, "closed", "closed". What is sent over a SHARED
 * channel is copied, since its receiver may be on another thread; the boxes remember which sort theirs is. */
#include <math.h>

#include "lua/state.h"

enum { LOCAL = 0, SHARED = 1 };

/* An end and its box, which knows whether it is shared. */
static struct rwl_box *check_end(lua_State *L, struct rwl_state *state, enum rwl_type_id type)
{
    struct rwl_box *box = rwl_check_box(L, state, 1, type);

    if (box->thing == NULL) {
        (void)rwl_check(L, state, 1, type); /* raises */
    }
    return box;
}

static bool wants_shared(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index)) {
        return false;
    }
    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, "shared");
    bool shared = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return shared;
}

static size_t check_capacity(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index) ||
        (lua_type(L, index) == LUA_TNUMBER && lua_tonumber(L, index) == HUGE_VAL)) {
        return RW_UNBOUNDED;
    }
    return (size_t)rwl_check_integer(L, index, 0, INT64_C(1) << 40);
}

static int new_channel(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    size_t capacity = check_capacity(L, 1);
    bool shared = wants_shared(L, 2);
    struct rwl_box *tx = rwl_push_box(L, state, RWL_SENDER);
    struct rwl_box *rx = rwl_push_box(L, state, RWL_RECEIVER);
    struct rw_sender *sender;
    struct rw_receiver *receiver;

    int status = rw_channel_open(rwl_need_loop(L, state), capacity,
                                 shared ? RW_CHANNEL_SHARED : RW_CHANNEL_LOCAL, &sender, &receiver);
    if (status != 0) {
        return rwl_raise_code(L, state, status);
    }
    tx->thing = sender;
    rx->thing = receiver;
    tx->extra = rx->extra = shared ? SHARED : LOCAL;
    return 2;
}

static struct rw_value value_to_send(lua_State *L, struct rwl_state *state, struct rwl_box *end, int index)
{
    struct rw_value value =
        end->extra == SHARED ? rwl_portable_at(L, state, index, 0) : rwl_value_at(L, state, index);

    if (rw_is_failure(&value)) {
        rwl_raise(L, state, value);
    }
    return value;
}

/* Where there is a future it has been polled already, and the thread waits. */
static int settle(lua_State *L, struct rwl_state *state, enum rw_poll poll, struct rw_future *future,
                  struct rw_value *outcome, rwl_finish *finish)
{
    return poll == RW_PENDING ? rwl_wait(L, state, future, finish, 0)
                              : rwl_go_on(L, state, outcome, finish, 0);
}

static int tx_send(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *box = check_end(L, state, RWL_SENDER);
    struct rw_future *future;
    struct rw_value outcome;

    rwl_check_awaiting(L, state);
    struct rw_value value = value_to_send(L, state, box, 2);
    enum rw_poll poll = rw_channel_await_send(state->cx, box->thing, value, &future, &outcome);
    return settle(L, state, poll, future, &outcome, rwl_finish_true);
}

static int tx_try_send(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *box = check_end(L, state, RWL_SENDER);
    struct rw_value value = value_to_send(L, state, box, 2);
    int status = rw_channel_try_send(box->thing, &value);

    if (status != 0) {
        rw_value_drop(&value);
    }
    return rwl_push_status(L, state, status);
}

static int tx_reserve(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_sender *sender = rwl_check(L, state, 1, RWL_SENDER);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_channel_reserve(state->loop, sender), rwl_finish_operation, 0);
}

static int tx_clone(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *from = check_end(L, state, RWL_SENDER);
    struct rwl_box *box = rwl_push_box(L, state, RWL_SENDER);

    box->extra = from->extra;
    box->thing = rw_sender_clone(from->thing);
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int tx_close(lua_State *L)
{
    rw_sender_close(rwl_check(L, rwl_state(L), 1, RWL_SENDER));
    return 0;
}

static int tx_is_closed(lua_State *L)
{
    lua_pushboolean(L, rw_sender_is_closed(rwl_check(L, rwl_state(L), 1, RWL_SENDER)));
    return 1;
}

static int tx_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)rw_sender_count(rwl_check(L, rwl_state(L), 1, RWL_SENDER)));
    return 1;
}

static int tx_capacity(lua_State *L)
{
    size_t capacity = rw_sender_capacity(rwl_check(L, rwl_state(L), 1, RWL_SENDER));

    lua_pushnumber(L, capacity == RW_UNBOUNDED ? HUGE_VAL : (lua_Number)capacity);
    return 1;
}

static int receive(lua_State *L, rwl_finish *finish)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_receiver *receiver = rwl_check(L, state, 1, RWL_RECEIVER);
    struct rw_future *future;
    struct rw_value outcome;

    rwl_check_awaiting(L, state);
    enum rw_poll poll = rw_channel_await_receive(state->cx, receiver, &future, &outcome);
    return settle(L, state, poll, future, &outcome, finish);
}

static int rx_receive(lua_State *L)
{
    return receive(L, rwl_finish_operation);
}

static int rx_next(lua_State *L)
{
    return receive(L, rwl_finish_next);
}

static int rx_iter(lua_State *L)
{
    rwl_check(L, rwl_state(L), 1, RWL_RECEIVER);
    lua_getfield(L, 1, "next");
    lua_pushvalue(L, 1);
    return 2;
}

static int rx_try_receive(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_value value = rw_nil();
    int status = rw_channel_try_receive(rwl_check(L, state, 1, RWL_RECEIVER), &value);

    if (status != 0) {
        return rwl_push_code(L, state, status);
    }
    int count = rwl_push_all(L, state, &value);
    rw_value_drop(&value);
    return count;
}

static int rx_clone(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *from = check_end(L, state, RWL_RECEIVER);
    struct rwl_box *box = rwl_push_box(L, state, RWL_RECEIVER);

    box->extra = from->extra;
    box->thing = rw_receiver_clone(from->thing);
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int rx_close(lua_State *L)
{
    rw_receiver_close(rwl_check(L, rwl_state(L), 1, RWL_RECEIVER));
    return 0;
}

static int rx_is_closed(lua_State *L)
{
    lua_pushboolean(L, rw_receiver_is_closed(rwl_check(L, rwl_state(L), 1, RWL_RECEIVER)));
    return 1;
}

static int rx_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)rw_receiver_count(rwl_check(L, rwl_state(L), 1, RWL_RECEIVER)));
    return 1;
}

static struct rw_permit *check_permit(lua_State *L)
{
    struct rw_value value = {.kind = RW_KIND_HANDLE};

    value.as.handle = rwl_check(L, rwl_state(L), 1, RWL_PERMIT);
    return rw_permit_of(&value);
}

static int permit_send(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_permit *permit = check_permit(L);
    struct rw_value value = rwl_check_value(L, state, 2);
    int status = rw_permit_send(permit, &value);

    if (status == RW_ERR_TYPE) { /* a shared channel wants a copy */
        rw_value_drop(&value);
        value = rwl_portable_at(L, state, 2, 0);
        status = rw_is_failure(&value) ? value.code : rw_permit_send(permit, &value);
    }
    if (status != 0) {
        rw_value_drop(&value);
    }
    return rwl_push_status(L, state, status);
}

static int permit_release(lua_State *L)
{
    rw_permit_release(check_permit(L));
    return 0;
}

const struct rwl_method rwl_channel_functions[] = {{"channel", new_channel, RWL_PLAIN},
                                                   {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_sender_methods[] = {
    {"send", tx_send, RWL_AWAITS_ONE},       {"try_send", tx_try_send, RWL_PLAIN},
    {"reserve", tx_reserve, RWL_AWAITS_ONE}, {"clone", tx_clone, RWL_PLAIN},
    {"close", tx_close, RWL_PLAIN},          {"is_closed", tx_is_closed, RWL_PLAIN},
    {"count", tx_count, RWL_PLAIN},          {"capacity", tx_capacity, RWL_PLAIN},
    {"sink", rwl_sink_of_sender, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN},
};

const struct rwl_method rwl_receiver_methods[] = {
    {"receive", rx_receive, RWL_AWAITS_ONE},
    {"next", rx_next, RWL_AWAITS_ONE},
    {"iter", rx_iter, RWL_PLAIN},
    {"clone", rx_clone, RWL_PLAIN},
    {"close", rx_close, RWL_PLAIN},
    {"try_receive", rx_try_receive, RWL_PLAIN},
    {"count", rx_count, RWL_PLAIN},
    {"is_closed", rx_is_closed, RWL_PLAIN},
    {"stream", rwl_stream_of_receiver, RWL_PLAIN},
    {NULL, NULL, RWL_PLAIN},
};

const struct rwl_method rwl_permit_methods[] = {{"send", permit_send, RWL_PLAIN},
                                                {"release", permit_release, RWL_PLAIN},
                                                {"close", permit_release, RWL_PLAIN},
                                                {NULL, NULL, RWL_PLAIN}};
