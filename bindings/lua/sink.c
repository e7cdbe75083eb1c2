/* SPDX-License-Identifier: MIT
 *
 * sink.c - sinks, and forward, which takes a stream and a sink and moves all items.
 *
 * A sink is shared by its box and by what sends into it; forward empties both boxes it is given. Invariant: a stream or
 * sink that was given to forward has no second user. */
#include "lua/state.h"

/* The box is there before the sink is made: nothing is lost when Lua has no memory for it. */
static int fill(lua_State *L, struct rwl_box *box, struct rw_sink *sink)
{
    box->thing = sink;
    return sink != NULL ? 1 : luaL_error(L, "not enough memory");
}

int rwl_sink_of_sender(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_sender *sender = rwl_check(L, state, 1, RWL_SENDER);

    struct rwl_box *box = rwl_push_box(L, state, RWL_SINK);

    return fill(L, box, rw_sink_of_channel(rwl_need_loop(L, state), sender));
}

int rwl_sink_of_socket(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    struct rw_socket *socket = rwl_check(L, state, 1, RWL_SOCKET);
    struct rwl_box *box = rwl_push_box(L, state, RWL_SINK);

    return fill(L, box, rw_socket_sink(socket));
}

/* sink(tx) or sink(socket) */
static int new_sink(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    if (rwl_test_box(L, state, 1, RWL_SOCKET) != NULL) {
        return rwl_sink_of_socket(L);
    }
    return rwl_sink_of_sender(L);
}

static int sink_send(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_sink *sink = rwl_check(L, state, 1, RWL_SINK);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_sink_send(sink, rwl_check_value(L, state, 2)), rwl_finish_true, 0);
}

static int sink_flush(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_sink *sink = rwl_check(L, state, 1, RWL_SINK);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_sink_flush(sink), rwl_finish_true, 0);
}

static int sink_close(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_sink *sink = rwl_check(L, state, 1, RWL_SINK);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_sink_close(sink), rwl_finish_true, 0);
}

/* forward(stream, sink): how many items were moved. Both boxes are empty afterwards. */
static int forward(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_stream *stream = rwl_check(L, state, 1, RWL_STREAM);
    struct rw_sink *sink = rwl_check(L, state, 2, RWL_SINK);

    rwl_check_awaiting(L, state);
    rwl_box_at(L, 1)->thing = NULL;
    rwl_box_at(L, 2)->thing = NULL;
    return rwl_suspend(L, state, rw_forward(stream, sink), rwl_finish_operation, 0);
}

const struct rwl_method rwl_sink_functions[] = {
    {"sink", new_sink, RWL_PLAIN}, {"forward", forward, RWL_AWAITS}, {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_sink_methods[] = {{"send", sink_send, RWL_AWAITS_ONE},
                                              {"flush", sink_flush, RWL_AWAITS_ONE},
                                              {"close", sink_close, RWL_AWAITS_ONE},
                                              {NULL, NULL, RWL_PLAIN}};
