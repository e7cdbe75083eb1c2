/* SPDX-License-Identifier: MIT
 *
 * select.c - rw.select: one of several things, and exactly that one.
 *
 * Each argument is a table: {rx, "receive"}, {tx, "send", value}, {future or task or function}, {timeout = s},
 * {default = true}; one without any of these is options ({biased = true}). Arguments are judged first, then the
 * cases are made. The winner's number is learnt by a thin future around the core's, which writes it where the
 * finisher finds it. */
#include <string.h>

#include "lua/state.h"

struct selection {
    struct rw_future base;
    struct rw_future *inner;
    struct rwl_coroutine *owner;
    struct rw_loop *loop;
};

static enum rw_poll poll_selection(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct selection *selection = (struct selection *)self;
    enum rw_poll result = rw_poll(selection->inner, cx, out);

    if (result == RW_READY) {
        *rwl_extra(selection->owner) = (intptr_t)rw_select_index(selection->inner);
    }
    return result;
}

static void cancel_selection(struct rw_future *self)
{
    rw_future_cancel(((struct selection *)self)->inner);
}

static void drop_selection(struct rw_future *self)
{
    struct selection *selection = (struct selection *)self;

    rw_future_drop(selection->inner);
    rw_loop_release(selection->loop, selection, sizeof *selection);
}

static const struct rw_future_vtable vtable = {"select", 0, poll_selection, cancel_selection, drop_selection};

/* Which kind of case the table at `index` is; leaves its first item and, for a send, its value on the stack. -1:
 * options. */
static int judge(lua_State *L, struct rwl_state *state, int index)
{
    luaL_checktype(L, index, LUA_TTABLE);
    lua_rawgeti(L, index, 1);
    enum rwl_type_id type = rwl_type_of(L, state, -1);
    if (type == RWL_RECEIVER || type == RWL_SENDER) {
        lua_rawgeti(L, index, 2);
        const char *action = lua_tostring(L, -1);
        const char *wanted = type == RWL_RECEIVER ? "receive" : "send";
        luaL_argcheck(L, action != NULL && strcmp(action, wanted) == 0, index,
                      "{rx, \"receive\"} or {tx, \"send\", value} expected");
        lua_pop(L, 1);
        rwl_check(L, state, lua_gettop(L), type);
        return type == RWL_RECEIVER ? RW_SELECT_RECEIVE : RW_SELECT_SEND;
    }
    if (!lua_isnil(L, -1)) {
        luaL_argcheck(L, rwl_is_awaitable(L, state, -1), index,
                      "this case holds nothing that can be awaited");
        return RW_SELECT_FUTURE;
    }
    lua_pop(L, 1);
    lua_getfield(L, index, "timeout");
    if (!lua_isnil(L, -1)) {
        (void)rwl_check_duration(L, -1);
        return RW_SELECT_DEADLINE;
    }
    lua_pop(L, 1);
    lua_getfield(L, index, "default");
    return lua_toboolean(L, -1) ? RW_SELECT_DEFAULT : -1;
}

/* Fills in a case that was judged good before. */
static void fill(lua_State *L, struct rwl_state *state, int index, struct rw_select_case *out)
{
    int kind = judge(L, state, index);
    int first = lua_gettop(L);
    bool is_end = kind == RW_SELECT_RECEIVE || kind == RW_SELECT_SEND;
    struct rwl_box *box = is_end ? rwl_box_at(L, first) : NULL;

    *out = (struct rw_select_case){.kind = (enum rw_select_kind)kind};
    switch (kind) {
    case RW_SELECT_RECEIVE:
        out->receiver = box->thing;
        break;
    case RW_SELECT_SEND:
        out->sender = box->thing;
        lua_rawgeti(L, index, 3);
        out->value = box->extra != 0 ? rwl_portable_at(L, state, -1, 0) : rwl_value_at(L, state, -1);
        break;
    case RW_SELECT_FUTURE:
        out->future = rwl_check_future(L, state, first);
        break;
    case RW_SELECT_DEADLINE:
        out->deadline_ns = rwl_deadline_at(L, state, first);
        break;
    default:
        break;
    }
}

static int finish_select(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t index)
{
    lua_pushinteger(L, (lua_Integer)index + 1);
    return 1 + rwl_finish_operation(L, state, value, 0);
}

static bool is_biased(lua_State *L, int index)
{
    lua_getfield(L, index, "biased");
    bool biased = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return biased;
}

/* How many of the arguments are cases; options are the last argument. */
static int judge_all(lua_State *L, struct rwl_state *state, unsigned *flags)
{
    int count = lua_gettop(L);

    for (int i = 1; i <= count; i++) {
        if (judge(L, state, i) < 0) {
            luaL_argcheck(L, i == count, i, "this is no case of select");
            *flags |= is_biased(L, i) ? RW_SELECT_BIASED : 0;
            lua_settop(L, count);
            return count - 1;
        }
        lua_settop(L, count);
    }
    return count;
}

static int select_cases(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    int top = lua_gettop(L);
    unsigned flags = 0;

    rwl_check_awaiting(L, state);
    luaL_checkstack(L, 12, NULL);
    int count = judge_all(L, state, &flags);
    luaL_argcheck(L, count > 0, 1, "a case of select expected");
    struct rw_select_case *cases = rwl_new_userdata(L, (size_t)count * sizeof *cases);
    struct selection *selection = rw_loop_alloc(state->loop, sizeof *selection);
    if (selection == NULL) {
        return luaL_error(L, "not enough memory");
    }
    for (int i = 0; i < count; i++) {
        fill(L, state, i + 1, &cases[i]);
        lua_settop(L, top + 1);
    }
    rw_future_init(&selection->base, &vtable);
    selection->owner = state->current;
    selection->loop = state->loop;
    selection->inner = rw_select(state->loop, cases, (size_t)count, flags);
    if (selection->inner == NULL) {
        rw_loop_release(state->loop, selection, sizeof *selection);
        return luaL_error(L, "not enough memory");
    }
    return rwl_suspend(L, state, &selection->base, finish_select, 0);
}

const struct rwl_method rwl_select_functions[] = {{"select", select_cases, RWL_AWAITS},
                                                  {NULL, NULL, RWL_PLAIN}};
