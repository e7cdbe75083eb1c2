/* SPDX-License-Identifier: MIT
 *
 * try.c - a pcall that can be awaited across, for Lua 5.1, where the built-in one cannot.
 *
 * The function runs in a thread of its own, above the one that called; the driver runs the topmost thread of a
 * coroutine and hands the results, or the error, down when it ends. Invariant: the threads below the topmost one
 * are suspended inside rwl_try, each holding the thread above it on its stack. Elsewhere pcall does it, and none of
 * this is used. */
#include <stdlib.h>

#include "lua/state.h"

struct rwl_frame {
    lua_State *caller;
    struct rwl_frame *outer;
    bool traced; /* the error becomes an error object with a traceback */
};

void rwl_frames_drop(struct rwl_coroutine *coroutine)
{
    struct rwl_around *around = rwl_around(coroutine);

    while (around != NULL && around->frame != NULL) {
        struct rwl_frame *frame = around->frame;

        around->frame = frame->outer;
        free(frame);
    }
}

struct trace {
    struct rwl_coroutine *self;
    struct rw_value failure;
};

static int push_traced(lua_State *L)
{
    struct trace *trace = lua_touserdata(L, 1);
    struct rwl_box *box = rwl_push_box(L, rwl_coroutine_state(trace->self), RWL_ERROR);

    box->thing = rw_value_error(&trace->failure);
    lua_xmove(L, trace->self->thread, 1);
    return 0;
}

/* Puts an error object in the place of the error on top of the thread. */
static void trace_error(struct rwl_coroutine *self)
{
    lua_State *L = rwl_coroutine_state(self)->L;
    struct trace trace = {.self = self};

    lua_pushvalue(self->thread, -1);
    lua_xmove(self->thread, L, 1);
    trace.failure = rwl_failure_at(L, rwl_coroutine_state(self), -1, self->thread);
    lua_pop(L, 1);
    if (rwl_protect(rwl_coroutine_state(self), push_traced, &trace) != 0) {
        lua_pop(L, 1);
    }
    rw_value_drop(&trace.failure);
}

bool rwl_frame_return(struct rwl_coroutine *self, int status, int result_count, int *argument_count)
{
    struct rwl_around *around = rwl_around(self);
    struct rwl_frame *frame = around != NULL ? around->frame : NULL;

    if (frame == NULL) {
        return false;
    }
    if (status != LUA_OK) {
        result_count = 1;
        if (frame->traced) {
            trace_error(self);
        }
    }
    lua_State *caller = frame->caller;
    if (!lua_checkstack(caller, result_count + 2)) {
        status = LUA_ERRRUN;
        result_count = 1;
        lua_pushliteral(self->thread, "too many results");
    }
    lua_pushboolean(caller, status == LUA_OK);
    lua_xmove(self->thread, caller, result_count);
    *argument_count = result_count + 1;
    self->thread = caller;
    around->frame = frame->outer;
    free(frame);
    return true;
}

/* Where nothing can be awaited anyway: the plain pcall. */
static int call_here(lua_State *L)
{
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);

    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

static int call_in_thread(lua_State *L, bool traced)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_coroutine *self = state->current;
    int count = lua_gettop(L);

    luaL_checkany(L, 1);
    if (self == NULL || self->thread != L || !rwl_may_yield(L, state)) {
        return call_here(L);
    }
    lua_State *thread = lua_newthread(L);
    lua_insert(L, 1);
    luaL_argcheck(L, lua_checkstack(thread, count + 4), 1, "too many arguments");
    struct rwl_around *around = rwl_need_around(self);
    struct rwl_frame *frame = around != NULL ? malloc(sizeof *frame) : NULL;
    if (frame == NULL) {
        return luaL_error(L, "not enough memory");
    }
    rwl_push_main(thread, state, lua_iscfunction(L, 2) != 0);
    lua_xmove(L, thread, count);
    frame->caller = L;
    frame->outer = around->frame;
    frame->traced = traced;
    around->frame = frame;
    self->thread = thread;
    self->phase = RWL_PHASE_CALLING;
    return lua_yield(L, 0);
}

static int protected_call(lua_State *L)
{
    return call_in_thread(L, false);
}

static int traced_call(lua_State *L)
{
    return call_in_thread(L, true);
}

const struct rwl_method rwl_try_functions[] = {
    {"pcall", protected_call, RWL_PLAIN}, {"try", traced_call, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN}};
