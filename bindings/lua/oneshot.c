/* SPDX-License-Identifier: MIT
 *
 * oneshot.c - one value, once. The receiving end is a future whose failure is returned, not raised.
 *
 * Awaiting the future takes it out of its box, so a value is received once; a wait that is cut off ends the
 * receiver, and the sender is told that nobody is there. Invariant: the sender's box is empty once it was closed. */
#include "lua/state.h"

static int new_oneshot(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *tx = rwl_push_box(L, state, RWL_ONESHOT_SENDER);
    struct rwl_box *rx = rwl_push_box(L, state, RWL_FUTURE);
    struct rw_oneshot_sender *sender;
    struct rw_future *receiver;
    int status = rw_oneshot_open(rwl_need_loop(L, state), &sender, &receiver);

    if (status != 0) {
        return rwl_raise_code(L, state, status);
    }
    tx->thing = sender;
    rx->thing = receiver;
    rx->extra = 1;
    return 2;
}

static int tx_send(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_oneshot_sender *sender = rwl_check(L, state, 1, RWL_ONESHOT_SENDER);
    struct rw_value value = rwl_check_value(L, state, 2);
    int status = rw_oneshot_send(sender, &value);

    if (status != 0) {
        rw_value_drop(&value);
    }
    return rwl_push_status(L, state, status);
}

static int tx_is_closed(lua_State *L)
{
    lua_pushboolean(L, rw_oneshot_is_closed(rwl_check(L, rwl_state(L), 1, RWL_ONESHOT_SENDER)));
    return 1;
}

static int tx_close(lua_State *L)
{
    struct rwl_box *box = rwl_check_box(L, rwl_state(L), 1, RWL_ONESHOT_SENDER);
    struct rw_oneshot_sender *sender = box->thing;

    box->thing = NULL;
    if (sender != NULL) {
        rw_oneshot_unref(sender);
    }
    return 0;
}

const struct rwl_method rwl_oneshot_functions[] = {{"oneshot", new_oneshot, RWL_PLAIN},
                                                   {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_oneshot_methods[] = {{"send", tx_send, RWL_PLAIN},
                                                 {"is_closed", tx_is_closed, RWL_PLAIN},
                                                 {"close", tx_close, RWL_PLAIN},
                                                 {NULL, NULL, RWL_PLAIN}};
