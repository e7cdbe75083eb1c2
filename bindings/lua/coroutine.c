/* SPDX-License-Identifier: MIT
 *
 * coroutine.c - a Lua function as a future: its thread, what goes in, what comes out.
 *
 *      NEW --resume--> RUNNING --rwl_suspend--> AWAITING --the await's outcome--> RUNNING
 *                        |  \---emit----------> EMITTED --next item wanted------> RUNNING   (generators)
 *                        |  \---rwl_try-------> CALLING --in a new thread-------> RUNNING   (5.1)
 *                        `--returned or raised--> ENDED
 *
 * The thread is anchored once, in an array slot of the registry; a thread that has ended waits there for the next
 * function. Invariant: `root` is NULL exactly when no slot is held. Where Lua has continuations the outcome of an
 * await is turned into results inside the thread (await.c). On 5.1 and LuaJIT it is done before the thread goes on,
 * on the service thread: there no pcall can be active in a suspended 5.1 thread, so a failure simply ends it; on
 * LuaJIT a trampoline around each awaiting function raises what it is told to. */
#include <string.h>

#include "lua/state.h"

static struct rwl_coroutine *coroutine_of(struct rwh_coroutine *base)
{
    return (struct rwl_coroutine *)base;
}

/* ---- what goes in ---- */

#if RWL_HAS_YIELDK

static int deliver(struct rwl_coroutine *self, struct rw_value in, int *status)
{
    *status = LUA_OK;
    self->value = in;
    return 0;
}

#else

static int push_results(lua_State *L)
{
    struct rwl_coroutine *self = lua_touserdata(L, 1);
    int count;

    lua_settop(L, 0);
    count = self->finish(L, self->state, &self->value, self->extra);
    if (!lua_checkstack(self->thread, count + 2)) {
        return luaL_error(L, "too many results");
    }
    lua_xmove(L, self->thread, count);
    self->argument_count = count;
    return 0;
}

/* A plain scalar needs neither memory nor protection. */
static bool push_scalar(struct rwl_coroutine *self)
{
    const struct rw_value *value = &self->value;

    if (self->finish == rwl_finish_true && value->kind == RW_KIND_NIL) {
        lua_pushboolean(self->thread, 1);
        return true;
    }
    if (value->kind > RW_KIND_DOUBLE || value->kind == RW_KIND_INT ||
        (self->finish != rwl_finish_outcome && self->finish != rwl_finish_operation)) {
        return false;
    }
    rwl_push(self->thread, self->state, value);
    return true;
}

/* Puts the results of the await on the thread; *status tells when it must end with an error instead. */
static int deliver(struct rwl_coroutine *self, struct rw_value in, int *status)
{
    lua_State *L = self->state->L;

    *status = LUA_OK;
    self->value = in;
    if (push_scalar(self)) {
        return 1;
    }
    int failed = rwl_protect(self->state, push_results, self);
    rw_value_drop(&self->value);
    if (failed == 0) {
        return self->argument_count;
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

#endif

/* ---- what comes out ---- */

static void retire_thread(struct rwl_coroutine *self, int status)
{
    struct rwl_state *state = self->state;
    lua_State *root = self->root;

    self->root = NULL;
    self->thread = NULL;
    if (state->idle_count < (int)(sizeof state->idle_refs / sizeof state->idle_refs[0]) &&
        rwl_reset_thread(root, state->L, status)) {
        state->idle_refs[state->idle_count++] = self->slot;
    } else {
        rwl_slot_release(state, self->slot);
    }
}

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
    results->value = rwl_pop_all(L, results->self->state, results->count);
    return 0;
}

static struct rw_value result_of(struct rwl_coroutine *self, int count)
{
    struct results results = {.self = self, .count = count, .value = rw_nil()};
    int type = count == 1 ? lua_type(self->thread, -1) : LUA_TNIL;

    if (count == 0 || (count == 1 && (type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TNUMBER))) {
        return count == 0 ? rw_nil() : rwl_value_at(self->thread, self->state, -1);
    }
    int status = rwl_protect(self->state, take_results, &results);
    if (status != 0) {
        lua_pop(self->state->L, 1);
        return rw_failure(status);
    }
    return results.value;
}

/* The error value is on top of the thread. */
static struct rw_value failure_of(struct rwl_coroutine *self)
{
    lua_State *L = self->state->L;

    lua_xmove(self->thread, L, 1);
    struct rw_value failure = rwl_failure_at(L, self->state, -1, self->thread);
    lua_pop(L, 1);
    return failure;
}

static enum rwh_step end(struct rwl_coroutine *self, int status, int count, struct rw_value *out)
{
    *out = status == LUA_OK ? result_of(self, count) : failure_of(self);
    self->phase = RWL_PHASE_ENDED;
    retire_thread(self, status);
    return RWH_DONE;
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
    struct rwl_state *state = self->state;
    struct stray stray = {self, rw_error_new(RW_ERR_STATE, message, RW_ORIGIN_LUA)};

    if (stray.error != NULL && rwl_protect(state, describe_stray, &stray) != 0) {
        lua_pop(state->L, 1);
    }
    *out = rw_failure_of(stray.error);
    self->phase = RWL_PHASE_ENDED;
    self->root = NULL;
    rwl_slot_release(state, self->slot);
    return RWH_DONE;
}

/* ---- the turn in between ---- */

static enum rwh_step run(struct rwl_coroutine *self, int count, int status, struct rw_future **leaf,
                         struct rw_value *out)
{
    for (;;) {
        int results = count;

        self->phase = RWL_PHASE_RUNNING;
        if (status == LUA_OK) {
            status = rwl_resume(self->thread, self->state->from, count, &results);
        }
        if (status == LUA_YIELD) {
            if (self->phase == RWL_PHASE_AWAITING) {
                *leaf = self->suspended;
                return RWH_PENDING;
            }
            if (self->phase == RWL_PHASE_EMITTED) {
                *out = self->value;
                self->value = rw_nil();
                return RWH_DONE;
            }
            if (self->phase != RWL_PHASE_CALLING) {
                return end_stray(self, out);
            }
            status = LUA_OK;
            count = self->argument_count;
        } else if (rwl_frame_return(self, status, results, &count)) {
            status = LUA_OK;
        } else {
            return end(self, status, results, out);
        }
    }
}

static enum rwh_step resume(struct rwh_coroutine *base, struct rw_context *cx, struct rw_value in,
                            struct rw_future **leaf, struct rw_value *out)
{
    struct rwl_coroutine *self = coroutine_of(base);
    struct rwl_state *state = self->state;
    struct rwl_coroutine *outer = state->current;
    int status = LUA_OK;
    int count = 0;

    if (self->root == NULL) {
        rw_value_drop(&in);
        *out = rw_failure_format(RW_ERR_CANCELLED, "the Lua state was closed");
        return RWH_DONE;
    }
    state->current = self;
    self->cx = cx;
    if (self->phase == RWL_PHASE_AWAITING) {
        rw_value_drop(&self->value);
        count = deliver(self, in, &status);
    } else if (self->phase == RWL_PHASE_NEW) {
        count = self->argument_count;
    } else {
        lua_pushboolean(self->thread, 1);
        count = 1;
    }
    enum rwh_step step = run(self, count, status, leaf, out);
    self->cx = NULL;
    state->current = outer;
    return step;
}

static void unlink_coroutine(struct rwl_coroutine *self)
{
    self->link.prev->next = self->link.next;
    self->link.next->prev = self->link.prev;
    self->link.prev = &self->link;
    self->link.next = &self->link;
}

static void give_up_thread(struct rwl_coroutine *self)
{
    if (self->root != NULL) {
        rwl_slot_release(self->state, self->slot);
        self->root = NULL;
        self->thread = NULL;
    }
}

static void drop(struct rwh_coroutine *base)
{
    struct rwl_coroutine *self = coroutine_of(base);

    rwl_scopes_abandon(self);
    give_up_thread(self);
    rwl_frames_drop(self);
    unlink_coroutine(self);
    rw_value_drop(&self->value);
    rwl_native_unref(self->context);
    rwl_state_unref(self->state);
    rw_loop_release(self->loop, self, sizeof *self);
}

static const struct rw_future_vtable vtable = RWH_COROUTINE_VTABLE("lua", NULL);
static const struct rwh_coroutine_ops ops = {resume, drop};

/* Pushes a thread that nothing else uses; its slot in the registry. */
static lua_State *take_thread(lua_State *L, struct rwl_state *state, int *slot)
{
    if (state->idle_count > 0) {
        state->idle_count--;
        *slot = state->idle_refs[state->idle_count];
        rwl_slot_push(L, state, *slot);
    } else {
        lua_newthread(L);
        lua_pushvalue(L, -1);
        *slot = rwl_slot_take(L, state);
    }
    return lua_tothread(L, -1);
}

struct rwl_coroutine *rwl_coroutine_new(lua_State *L, struct rwl_state *state, int count)
{
    struct rw_loop *loop = rwl_need_loop(L, state);
    int slot;

    luaL_checkstack(L, 4, NULL);
    lua_State *thread = take_thread(L, state, &slot);
    lua_pop(L, 1);
    struct rwl_coroutine *self = rw_loop_alloc(loop, sizeof *self);
    if (self == NULL || !lua_checkstack(thread, count + 4)) {
        rwl_slot_release(state, slot);
        if (self != NULL) {
            rw_loop_release(loop, self, sizeof *self);
        }
        luaL_error(L, "not enough memory");
        return NULL;
    }
    memset(self, 0, sizeof *self);
    rwh_coroutine_init(&self->base, &vtable, &ops);
    rwl_push_main(thread, state, lua_iscfunction(L, -1 - count) != 0);
    lua_xmove(L, thread, count + 1);
    self->argument_count = lua_gettop(thread) - 1;
    self->state = state;
    self->loop = loop;
    self->root = thread;
    self->thread = thread;
    self->slot = slot;
    self->link.prev = state->coroutines.prev;
    self->link.next = &state->coroutines;
    state->coroutines.prev->next = &self->link;
    state->coroutines.prev = &self->link;
    if (state->current != NULL && state->current->context != NULL) {
        self->context = state->current->context;
        self->context->ref_count++;
    }
    rwl_state_ref(state);
    return self;
}

void rwl_coroutines_close(struct rwl_state *state)
{
    while (state->coroutines.next != &state->coroutines) {
        struct rwl_coroutine *self =
            (struct rwl_coroutine *)((char *)state->coroutines.next - offsetof(struct rwl_coroutine, link));

        unlink_coroutine(self);
        give_up_thread(self);
        if (self->task != NULL) {
            rw_task_cancel(self->task, "the Lua state was closed");
        }
    }
}

struct native_call {
    struct rwl_native *function;
    struct rw_value value;
    struct rwl_coroutine *coroutine;
};

static int make_call(lua_State *L)
{
    struct native_call *call = lua_touserdata(L, 1);

    rwl_native_push(L, call->function);
    int count = rwl_push_all(L, call->function->state, &call->value);
    call->coroutine = rwl_coroutine_new(L, call->function->state, count);
    return 0;
}

struct rw_future *rwl_call_native(struct rwl_native *function, struct rw_value value)
{
    struct native_call call = {.function = function, .value = value, .coroutine = NULL};
    struct rwl_state *state = function->state;
    int status = RW_ERR_CLOSED;

    if (state->L != NULL) {
        status = rwl_protect(state, make_call, &call);
        if (status != 0) {
            lua_pop(state->L, 1);
        }
    }
    rw_value_drop(&call.value);
    return status == 0 ? &call.coroutine->base.base : rw_failed(state->loop, status);
}
