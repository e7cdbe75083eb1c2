/* SPDX-License-Identifier: MIT
 *
 * sim.c - the simulation, for ropewalk.testing: a loop with virtual time in the place of the state's own.
 *
 * begin puts a simulated loop where the state's loop is, end takes it away again and empties every box that was
 * made on it. Invariant: `sim` is set exactly while the state's loop is the simulated one. */
#include "lua/state.h"

static struct rw_value read_options(void *options, const struct rw_value *map)
{
    return rw_sim_options_read(options, map);
}

/* Descriptors that are still open when what nobody can reach has been collected. */
static size_t count_open(lua_State *L, struct rwl_state *state)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    for (int turns = 0; turns < 4 && !rw_loop_is_idle(state->loop); turns++) {
        (void)rw_loop_turn(state->loop, 0, 0);
    }
    return rw_sim_fd_count(state->sim);
}

/* How many descriptors the program left open in it. */
static size_t end_simulation(lua_State *L, struct rwl_state *state)
{
    state->from = L;
    rwl_end_tasks(state);
    state->from = state->L;
    size_t open_count = count_open(L, state);
    rwl_boxes_close(state, false);
    rw_loop_free(state->loop);
    rw_sim_free(state->sim);
    rw_value_drop(&state->first_unhandled);
    state->sim = NULL;
    state->loop = state->outer_loop;
    return open_count;
}

/* sim_end(): how many descriptors the program left open in the simulation. */
static int end(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    if (state->sim == NULL || rw_loop_is_running(state->loop)) {
        return luaL_error(L, "no simulation that could end");
    }
    lua_pushinteger(L, (lua_Integer)end_simulation(L, state));
    return 1;
}

/* sim_begin(options): the simulation. */
static int begin(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_sim_options options = {.seed = 0};

    lua_settop(L, 1);
    if (!lua_isnil(L, 1)) {
        luaL_checktype(L, 1, LUA_TTABLE);
        rwl_read_options(L, state, 1, read_options, &options);
    }
    if (state->sim != NULL && state->current == NULL && !rw_loop_is_running(state->loop)) {
        end_simulation(L, state); /* one that could not be ended: memory was short */
    }
    if (state->sim != NULL || state->current != NULL ||
        (state->loop != NULL && rw_loop_is_running(state->loop))) {
        return luaL_error(L, "a simulation cannot begin inside a running loop");
    }
    struct rwl_box *box = rwl_push_box(L, state, RWL_SIM);
    struct rw_sim *sim = rw_sim_new(&options);
    struct rw_loop_options loop_options = {.sim = sim};
    struct rw_loop *loop = sim != NULL ? rw_loop_new(&loop_options) : NULL;
    if (loop == NULL) {
        rw_sim_free(sim);
        return luaL_error(L, "not enough memory");
    }
    state->sim = sim;
    state->outer_loop = state->loop;
    state->loop = loop;
    rwl_watch_unhandled(state);
    box->thing = sim;
    return 1;
}

static struct rw_sim *check_sim(lua_State *L)
{
    return rwl_check(L, rwl_state(L), 1, RWL_SIM);
}

static int sim_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)rw_sim_now(check_sim(L)) / (lua_Number)RW_SECOND);
    return 1;
}

static int sim_advance(lua_State *L)
{
    rw_sim_advance(check_sim(L), rwl_check_duration(L, 2));
    return 0;
}

/* A number in [0, 1), from the seed. */
static int sim_random(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)(rw_sim_random(check_sim(L)) >> 11) / (lua_Number)(INT64_C(1) << 53));
    return 1;
}

static int sim_add_name(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    return rwl_push_status(L, state,
                           rw_sim_add_name(check_sim(L), luaL_checkstring(L, 2), luaL_checkstring(L, 3)));
}

static int sim_fd_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)rw_sim_fd_count(check_sim(L)));
    return 1;
}

const struct rwl_method rwl_sim_functions[] = {
    {"sim_begin", begin, RWL_PLAIN}, {"sim_end", end, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_sim_methods[] = {
    {"now", sim_now, RWL_PLAIN},           {"advance", sim_advance, RWL_PLAIN},
    {"random", sim_random, RWL_PLAIN},     {"add_name", sim_add_name, RWL_PLAIN},
    {"fd_count", sim_fd_count, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN},
};
