/* SPDX-License-Identifier: MIT
 *
 * state.c - the record of a lua_State: made, found, closed.
 *
 * One record per lua_State, held by a userdata in the registry whose finalizer closes it. That userdata is the
 * first thing with a finalizer that the module makes, so lua_close finalizes it last. A record is counted, because
 * natives and coroutines may be held by the core for longer than the state lives. Invariant: `L` is NULL exactly
 * when the state has been closed; from then on nothing of Lua is touched and no script is entered. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lua/state.h"

static const char state_key;
static const char module_key;
static const char thread_key;
static const char raise_key;

void *rwl_raise_marker(void)
{
    return (void *)&raise_key;
}

void rwl_state_ref(struct rwl_state *state)
{
    state->ref_count++;
}

void rwl_state_unref(struct rwl_state *state)
{
    state->ref_count--;
    if (state->ref_count == 0) {
        rwl_boxes_free(state);
        free(state);
    }
}

struct rwl_state *rwl_state_of(lua_State *L)
{
    struct rwl_state **holder;

    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    holder = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return holder != NULL ? *holder : NULL;
}

/* ---- protection ---- */

int rwl_protect(struct rwl_state *state, lua_CFunction function, void *argument)
{
    lua_State *L = state->L;
#if LUA_VERSION_NUM < 502
    int status = lua_cpcall(L, function, argument);
#else
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, argument);
    int status = lua_pcall(L, 1, 0, 0);
#endif

    if (status == LUA_OK) {
        return 0;
    }
    return status == LUA_ERRMEM ? RW_ERR_NOMEM : RW_ERR_SCRIPT;
}

/* ---- functions ---- */

/* LuaJIT: a frame that can raise, around each awaiting function; compiled anew for each, so that traces do not
 * mix. */
static const char trampoline[] = "local %s, raise_, error_, select_ = ...\n"
                                 "local function finish(...)\n"
                                 "  if (...) == raise_ then error_(select_(2, ...), 0) end\n"
                                 "  return ...\n"
                                 "end\n"
                                 "return function(...) return finish(%s(...)) end\n";

static const char trampoline_of_one[] = "local %s, raise_, error_ = ...\n"
                                        "return function(self, a, b, c)\n"
                                        "  local x, y, z = %s(self, a, b, c)\n"
                                        "  if y == nil then return x end\n"
                                        "  if x == raise_ then error_(y, 0) end\n"
                                        "  return x, y, z\n"
                                        "end\n";

static const char trampoline_of_true[] = "local %s, raise_, error_ = ...\n"
                                         "return function(a)\n"
                                         "  local x, y, z = %s(a)\n"
                                         "  if y == nil then return true end\n"
                                         "  if x == raise_ then error_(y, 0) end\n"
                                         "  return x, y, z\n"
                                         "end\n";

static const char trampoline_of_turn[] = "local %s, raise_, error_, select_, state = ...\n"
                                         "return function()\n"
                                         "  local _, e = %s(state)\n"
                                         "  if e == nil then return true end\n"
                                         "  error_(e, 0)\n"
                                         "end\n";

static void wrap_in_trampoline(lua_State *L, struct rwl_state *state, enum rwl_awaits awaits,
                               const char *name)
{
    static const char *const sources[] = {[RWL_AWAITS] = trampoline,
                                          [RWL_AWAITS_ONE] = trampoline_of_one,
                                          [RWL_AWAITS_TRUE] = trampoline_of_true,
                                          [RWL_AWAITS_TURN] = trampoline_of_turn};

    lua_pushfstring(L, sources[awaits], name, name);
    if (luaL_loadbuffer(L, lua_tostring(L, -1), lua_rawlen(L, -1), "=ropewalk") != 0) {
        lua_error(L);
    }
    lua_remove(L, -2);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, rwl_raise_marker());
    lua_getglobal(L, "error");
    lua_getglobal(L, "select");
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->self_ref);
    lua_call(L, 5, 1);
}

void rwl_wrap_awaiting(lua_State *L, const char *name)
{
    if (rwl_is_jit()) {
        wrap_in_trampoline(L, rwl_state_of(L), RWL_AWAITS, name);
    }
}

void rwl_push_method(lua_State *L, struct rwl_state *state, lua_CFunction function, enum rwl_awaits awaits,
                     const char *name, void *upvalue)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->self_ref);
    lua_pushlightuserdata(L, upvalue);
    lua_pushcclosure(L, function, 2);
    if (awaits != RWL_PLAIN && rwl_is_jit()) {
        wrap_in_trampoline(L, state, awaits, name);
    }
}

void rwl_set_methods(lua_State *L, struct rwl_state *state, const struct rwl_method *functions)
{
    for (; functions->name != NULL; functions++) {
        rwl_push_method(L, state, functions->function, functions->awaits, functions->name, NULL);
        lua_setfield(L, -2, functions->name);
    }
}

#if LUA_VERSION_NUM < 502
/* Lua 5.1 goes on in its interpreter after a yield, which must then have a Lua function to run at the root. */
static void make_main(lua_State *L, struct rwl_state *state)
{
    static const char main[] = "local function main(f, ...) return f(...) end return main";

    if (luaL_loadbuffer(L, main, sizeof main - 1, "=ropewalk") != 0) {
        lua_error(L);
    }
    lua_call(L, 0, 1);
    state->main_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void rwl_push_main(lua_State *L, struct rwl_state *state, bool calls_c)
{
    if (calls_c && !rwl_is_jit()) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->main_ref);
    }
}
#else
static void make_main(lua_State *L, struct rwl_state *state)
{
    (void)L;
    (void)state;
}

void rwl_push_main(lua_State *L, struct rwl_state *state, bool calls_c)
{
    (void)calls_c;
    (void)L;
    (void)state;
}
#endif

/* ---- the end ---- */

static void close_state(struct rwl_state *state)
{
    if (state->L == NULL) {
        return;
    }
    rwl_coroutines_close(state);
    rwl_boxes_close(state, true);
    rw_value_drop(&state->first_unhandled);
    if (state->sim != NULL) {
        rwl_end_loop(state, state->loop);
        rw_sim_free(state->sim);
        state->sim = NULL;
        state->loop = state->outer_loop;
    }
    if (state->owns_loop) {
        rwl_end_loop(state, state->loop);
    }
    rwl_natives_close(state);
    if (state->owns_loop) {
        state->loop = NULL; /* another's is still where natives say that the state is closed */
    }
    state->L = NULL;
}

static int collect_state(lua_State *L)
{
    struct rwl_state **holder = lua_touserdata(L, 1);

    if (holder != NULL && *holder != NULL) {
        struct rwl_state *state = *holder;

        *holder = NULL;
        close_state(state);
        rwl_state_unref(state);
    }
    return 0;
}

void rwl_close(lua_State *L)
{
    struct rwl_state *state = lua_checkstack(L, 4) ? rwl_state_of(L) : NULL;

    if (state != NULL) {
        close_state(state);
    }
}

/* ---- the beginning ---- */

static struct rwl_state *make_record(lua_State *L)
{
    struct rwl_state **holder = rwl_new_userdata(L, sizeof *holder);

    *holder = NULL;
    lua_newtable(L);
    lua_pushcfunction(L, collect_state);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    *holder = calloc(1, sizeof **holder);
    if (*holder == NULL) {
        luaL_error(L, "not enough memory");
        return NULL;
    }
    struct rwl_state *state = *holder;
    state->ref_count = 1;
    rwl_coroutines_open(state);
    state->natives.next = state->natives.prev = &state->natives;
    state->boxes.next = state->boxes.prev = &state->boxes;
    state->pid = (int)getpid();
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    return state;
}

static void add_functions(lua_State *L, struct rwl_state *state)
{
    static const struct rwl_method *const parts[] = {
        rwl_task_functions,      rwl_scope_functions,    rwl_time_functions,   rwl_future_functions,
        rwl_combine_functions,   rwl_channel_functions,  rwl_select_functions, rwl_oneshot_functions,
        rwl_broadcast_functions, rwl_sync_functions,     rwl_stream_functions, rwl_sink_functions,
        rwl_socket_functions,    rwl_blocking_functions, rwl_loop_functions,   rwl_sim_functions,
        rwl_box_functions,       rwl_surface_functions,
    };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        rwl_set_methods(L, state, parts[i]);
    }
    if (LUA_VERSION_NUM < 502 && !rwl_is_jit()) {
        rwl_set_methods(L, state, rwl_try_functions);
    }
}

static struct rwl_state *open_state(lua_State *L)
{
    struct rwl_state *state = make_record(L);

    state->L = lua_newthread(L);
    state->from = state->L;
    lua_rawsetp(L, LUA_REGISTRYINDEX, &thread_key);
    *(struct rwl_state **)rwl_new_userdata(L, sizeof state) = state;
    state->self_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    rwl_slots_open(L, state);
    rwl_boundary_open(L, state);
    rwl_make_metatables(L, state);
    lua_newtable(L);
    add_functions(L, state);
    rwl_open_values(L, state);
    rwl_open_errors(L, state);
    make_main(L, state);
    rwl_keep_marks(L);
    rwl_open_closing(L, state);
    lua_pushstring(L, rw_version());
    lua_setfield(L, -2, "VERSION");
    rwl_open_api(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &module_key);
    return state;
}

void rwl_push_module(lua_State *L, struct rwl_state *state)
{
    (void)state;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key);
}

struct rw_loop *rwl_need_loop(lua_State *L, struct rwl_state *state)
{
    if (state->L == NULL) {
        luaL_error(L, "this Lua state is being closed, or its loop has ended");
    }
    return state->loop != NULL ? state->loop : rwl_make_loop(L, state, NULL);
}

struct rw_loop *rwl_make_loop(lua_State *L, struct rwl_state *state, const struct rw_loop_options *options)
{
    state->loop = rw_loop_new(options);
    if (state->loop == NULL) {
        luaL_error(L, "cannot make a loop: %s", strerror(errno));
    }
    state->owns_loop = true;
    state->pid = (int)getpid();
    rwl_watch_unhandled(state);
    return state->loop;
}

int luaopen_ropewalk_core(lua_State *L)
{
    struct rwl_state *state = rwl_state_of(L);

    if (state == NULL) {
        state = open_state(L);
    }
    rwl_push_module(L, state);
    return 1;
}

struct opening {
    struct rw_loop *loop;
    int status;
};

static int open_on_loop(lua_State *L)
{
    struct opening *opening = lua_touserdata(L, 1);
    struct rwl_state *state = rwl_state_of(L);

    if (state == NULL) {
        state = open_state(L);
    }
    if (state->loop != NULL || state->L == NULL) {
        opening->status = RW_ERR_STATE;
        return 0;
    }
    state->loop = opening->loop;
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_ropewalk_core);
    lua_setfield(L, -2, "ropewalk.core");
    return 0;
}

int rwl_open(lua_State *L, struct rw_loop *loop)
{
    struct opening opening = {.loop = loop, .status = 0};

    if (!lua_checkstack(L, 8)) {
        return RW_ERR_NOMEM;
    }
#if LUA_VERSION_NUM < 502
    int status = lua_cpcall(L, open_on_loop, &opening);
#else
    lua_pushcfunction(L, open_on_loop);
    lua_pushlightuserdata(L, &opening);
    int status = lua_pcall(L, 1, 0, 0);
#endif
    if (status != LUA_OK) {
        lua_pop(L, 1);
        return RW_ERR_NOMEM;
    }
    return opening.status;
}

struct rw_loop *rwl_loop_of(lua_State *L)
{
    struct rwl_state *state = lua_checkstack(L, 4) ? rwl_state_of(L) : NULL;

    return state != NULL && state->L != NULL ? state->loop : NULL;
}
