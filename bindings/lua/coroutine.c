/* SPDX-License-Identifier: MIT
 *
 * coroutine.c - a Lua function as a future: its thread, what goes in, what comes out.
 *
 *      NEW --resume--> RUNNING --rwl_suspend--> AWAITING --the await's outcome--> RUNNING
 *                        |  \---yield_now-----> YIELDED --the next turn-------> RUNNING
 *                        |  \---emit----------> EMITTED --next item wanted------> RUNNING   (generators)
 *                        |  \---rwl_try-------> CALLING --in a new thread-------> RUNNING   (5.1)
 *                        `--returned or raised--> ENDED
 *
 * How it begins and goes is spawn.c's. Invariant: a script runs only between two assignments of `current`. Where Lua has continuations the outcome of an
 * await is turned into results inside the thread (await.c). On 5.1 and LuaJIT it is done before the thread goes on,
 * on the service thread: there no pcall can be active in a suspended 5.1 thread, so a failure simply ends it; on
 * LuaJIT a trampoline around each awaiting function raises what it is told to. */
#include "lua/state.h"

/* ---- what goes in ---- */

#if RWL_HAS_YIELDK

static inline int deliver(struct rwl_coroutine *self, int *status)
{
    (void)self;
    (void)status;
    return 0;
}

#else

struct delivery {
    struct rwl_coroutine *self;
    int count;
};

static int push_results(lua_State *L)
{
    struct delivery *delivery = lua_touserdata(L, 1);
    struct rwl_coroutine *self = delivery->self;

    lua_settop(L, 0);
    delivery->count =
        rwl_finisher(self)(L, rwl_coroutine_state(self), &rwl_coroutine_state(self)->value, *rwl_extra(self));
    if (!lua_checkstack(self->thread, delivery->count + 2)) {
        return luaL_error(L, "too many results");
    }
    lua_xmove(L, self->thread, delivery->count);
    return 0;
}

/* A plain scalar needs neither memory nor protection. */
static inline bool push_scalar(struct rwl_coroutine *self)
{
    const struct rw_value *value = &rwl_coroutine_state(self)->value;
    rwl_finish *finish = rwl_finisher(self);

    if (finish == rwl_finish_true && value->kind == RW_KIND_NIL) {
        lua_pushboolean(self->thread, 1);
        return true;
    }
    if (value->kind > RW_KIND_DOUBLE || value->kind == RW_KIND_INT ||
        (finish != rwl_finish_outcome && finish != rwl_finish_operation)) {
        return false;
    }
    rwl_push(self->thread, rwl_coroutine_state(self), value);
    return true;
}

/* Puts the results of the await on the thread; *status tells when it must end with an error instead. */
__attribute__((noinline)) static int deliver_protected(struct rwl_coroutine *self, int *status)
{
    lua_State *L = rwl_coroutine_state(self)->L;
    struct delivery delivery = {.self = self};

    if (rwl_protect(rwl_coroutine_state(self), push_results, &delivery) == 0) {
        return delivery.count;
    }
    if (rwl_is_jit()) {
        lua_pushlightuserdata(self->thread, rwl_raise_marker());
        lua_xmove(L, self->thread, 1);
        return 2;
    }
    lua_xmove(L, self->thread, 1);
    *status = LUA_ERRRUN;
    return 1;
}

static inline int deliver(struct rwl_coroutine *self, int *status)
{
    return push_scalar(self) ? 1 : deliver_protected(self, status);
}

#endif

/* ---- what comes out ---- */

struct results {
    struct rwl_coroutine *self;
    int count;
    struct rw_value value;
};

static int take_results(lua_State *L)
{
    struct results *results = lua_touserdata(L, 1);

    luaL_checkstack(L, results->count + 4, "too many results");
    lua_xmove(results->self->thread, L, results->count);
    results->value = rwl_pop_all(L, rwl_coroutine_state(results->self), results->count);
    return 0;
}

static struct rw_value result_of(struct rwl_coroutine *self, int count)
{
    struct results results = {.self = self, .count = count, .value = rw_nil()};
    int type = count == 1 ? lua_type(self->thread, -1) : LUA_TNIL;

    if (count == 0 || (count == 1 && (type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TNUMBER))) {
        return count == 0 ? rw_nil() : rwl_value_at(self->thread, rwl_coroutine_state(self), -1);
    }
    int status = rwl_protect(rwl_coroutine_state(self), take_results, &results);
    if (status != 0) {
        lua_pop(rwl_coroutine_state(self)->L, 1);
        return rw_failure(status);
    }
    return results.value;
}

/* The error value is on top of the thread. */
static struct rw_value failure_of(struct rwl_coroutine *self)
{
    lua_State *L = rwl_coroutine_state(self)->L;

    lua_xmove(self->thread, L, 1);
    struct rw_value failure = rwl_failure_at(L, rwl_coroutine_state(self), -1, self->thread);
    lua_pop(L, 1);
    return failure;
}

/* False: there are variables to be closed first, in a thread to be resumed with *count arguments. */
static bool end(struct rwl_coroutine *self, int status, struct rw_value *out, int *count)
{
    *out = status == LUA_OK ? result_of(self, *count) : failure_of(self);
    if (status != LUA_OK && rwl_close_variables(self, out, count)) {
        rw_value_drop(out);
        return false;
    }
    self->phase = RWL_PHASE_ENDED;
    if (status != LUA_OK && !RWL_HAS_CLOSE) {
        rwl_coroutine_give_up_thread(self); /* such a thread runs nothing any more */
    } else {
        lua_settop(self->thread, 0);
    }
    return true;
}

struct stray {
    struct rwl_coroutine *self;
    struct rw_error *error;
};

static int describe_stray(lua_State *L)
{
    struct stray *stray = lua_touserdata(L, 1);

    rwl_push_traceback(L, stray->self->thread, 0);
    (void)rw_error_append_traceback(stray->error, lua_tostring(L, -1));
    return 0;
}

/* coroutine.yield called by the function itself: there is nobody to take what it yields. */
static enum rwh_step end_stray(struct rwl_coroutine *self, struct rw_value *out)
{
    static const char message[] =
        "coroutine.yield outside a coroutine of your own: a task waits by rw.sleep, rw.yield_now ...";
    struct rwl_state *state = rwl_coroutine_state(self);
    struct stray stray = {self, rw_error_new(RW_ERR_STATE, message, RW_ORIGIN_LUA)};

    if (stray.error != NULL && rwl_protect(state, describe_stray, &stray) != 0) {
        lua_pop(state->L, 1);
    }
    *out = rw_failure_of(stray.error);
    self->phase = RWL_PHASE_ENDED;
    rwl_coroutine_give_up_thread(self);
    return RWH_DONE;
}

/* ---- the turn in between ---- */

/* What the thread did, other than to wait; goes on until it does. */
__attribute__((noinline)) static enum rwh_step settle(struct rwl_coroutine *self, int status, int results,
                                                      struct rw_value *out)
{
    struct rwl_state *state = rwl_coroutine_state(self);

    for (;;) {
        int count;

        if (status == LUA_YIELD) {
            if (self->phase <= RWL_PHASE_AWAITING) {
                return RWH_PENDING;
            }
            if (self->phase == RWL_PHASE_EMITTED) {
                *out = state->value;
                state->value = rw_nil();
                return RWH_DONE;
            }
            if (self->phase != RWL_PHASE_CALLING) {
                return end_stray(self, out);
            }
            count = lua_gettop(self->thread) - 1;
        } else {
            count = rwl_result_count(self->thread, results);
            if (!rwl_frame_return(self, status, count, &count) && end(self, status, out, &count)) {
                return RWH_DONE;
            }
        }
        self->phase = RWL_PHASE_RUNNING;
        status = rwl_resume(self->thread, state->from, count, &results);
    }
}

/* The result of a turn that was waited for, or of emit. LuaJIT's trampolines say it themselves. */
static inline int push_true(struct rwl_coroutine *self)
{
    if (rwl_is_jit()) {
        return 0;
    }
    lua_pushboolean(self->thread, 1);
    return 1;
}

static enum rwh_step refuse_to_run(struct rw_value *in, struct rw_value *out)
{
    rw_value_drop(in);
    *out = rw_failure_format(RW_ERR_CANCELLED, "the Lua state was closed");
    return RWH_DONE;
}

/* A finisher that raised has left its value. */
static inline void end_turn(struct rwl_state *state)
{
    if (state->value.kind != RW_KIND_NIL) {
        rw_value_drop(&state->value);
    }
    state->current = NULL;
}

static enum rwh_step resume(struct rwh_coroutine *base, struct rw_context *cx, struct rw_value in,
                            struct rw_value *out)
{
    struct rwl_coroutine *self = (struct rwl_coroutine *)base;
    struct rwl_state *state = rwl_coroutine_state(self);
    enum rwh_step step = RWH_PENDING;
    int status = LUA_OK;
    int count;

    if (self->thread == NULL) {
        return refuse_to_run(&in, out);
    }
    state->current = self;
    state->cx = cx;
    if (self->phase == RWL_PHASE_AWAITING) {
        state->value = in;
        count = deliver(self, &status);
    } else if (self->phase == RWL_PHASE_NEW) {
        count = lua_gettop(self->thread) - 1;
    } else {
        count = push_true(self);
    }
    self->phase = RWL_PHASE_RUNNING;
    if (status == LUA_OK) {
        status = rwl_resume(self->thread, state->from, count, &count);
    }
    if (status != LUA_YIELD || self->phase > RWL_PHASE_AWAITING) {
        step = settle(self, status, count, out);
    }
    end_turn(state);
    return step;
}

__attribute__((noinline)) static enum rw_poll drive(struct rwl_coroutine *self, struct rw_context *cx,
                                                    struct rw_value *out)
{
    return rwh_coroutine_drive(&self->base, cx, out, resume);
}

__attribute__((noinline)) static enum rw_poll settle_turn(struct rwl_coroutine *self, int status, int count,
                                                          struct rw_value *out)
{
    struct rwl_state *state = rwl_coroutine_state(self);
    enum rwh_step step = settle(self, status, count, out);

    end_turn(state);
    return step == RWH_DONE ? RW_READY : RW_PENDING;
}

/* From one turn to the next, which is what a task that computes does most, there is neither a leaf nor an outcome. The rest is as
 * in resume. */
enum rw_poll rwl_coroutine_poll(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    struct rwl_coroutine *self = (struct rwl_coroutine *)future;

    if (self->phase != RWL_PHASE_YIELDED || self->thread == NULL) {
        return drive(self, cx, out);
    }
    struct rwl_state *state = rwl_coroutine_state(self);

    state->current = self;
    state->cx = cx;
    self->phase = RWL_PHASE_RUNNING;
    int count = push_true(self);
    int status = rwl_resume(self->thread, state->from, count, &count);
    if (status != LUA_YIELD || self->phase > RWL_PHASE_AWAITING) {
        return settle_turn(self, status, count, out);
    }
    end_turn(rwl_coroutine_state(self));
    return RW_PENDING;
}
