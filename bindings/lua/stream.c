/* SPDX-License-Identifier: MIT
 *
 * stream.c - streams: sources, adapters, generators.
 *
 * An adapter takes the stream it is called on: the box it came from is empty afterwards, so that no stream has two
 * readers. Functions given to adapters run as coroutines in the task that reads; those of `buffered` are tasks of
 * their own. A generator is a coroutine that is resumed for each item: emit suspends it with the item as its value.
 * Invariant: a generator emits only while it runs as the topmost coroutine. */
#include <stdlib.h>

#include "lua/state.h"

/* ---- generators ---- */

static enum rw_poll poll_generator(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct rwl_coroutine *coroutine = self;

    if (coroutine->phase == RWL_PHASE_ENDED) {
        return RW_END;
    }
    if (rwl_coroutine_poll(&coroutine->base.base, cx, out) == RW_PENDING) {
        return RW_PENDING;
    }
    if (coroutine->phase != RWL_PHASE_ENDED || rw_is_failure(out)) {
        return RW_READY;
    }
    rw_value_drop(out);
    return RW_END;
}

static void drop_generator(void *self)
{
    rwl_coroutine_drop(self);
}

static const struct rw_stream_vtable generator_vtable = {"lua generator", poll_generator, NULL,
                                                         drop_generator};

/* The argument of a generator: emit(value). */
static int emit(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_coroutine *self = rwl_check_awaiting(L, state);

    if (!self->is_generator) {
        return luaL_error(L, "emit may only be called by the generator it was given to");
    }
    struct rw_value value = rwl_check_value(L, state, 1);
    rw_value_drop(&state->value);
    state->value = value;
    self->phase = RWL_PHASE_EMITTED;
    return lua_yield(L, 0);
}

/* The box is there before the stream is made: nothing is lost when Lua has no memory for it. */
static struct rwl_box *push_empty(lua_State *L, struct rwl_state *state)
{
    return rwl_push_box(L, state, RWL_STREAM);
}

static int fill(lua_State *L, struct rwl_box *box, struct rw_stream *stream)
{
    box->thing = stream;
    return stream != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int make_generator(lua_State *L, struct rwl_state *state)
{
    struct rw_loop *loop = rwl_need_loop(L, state);

    lua_settop(L, 1);
    struct rwl_box *box = push_empty(L, state);
    lua_pushvalue(L, 1);
    rwl_push_method(L, state, emit, RWL_AWAITS_TRUE, "emit", NULL);
    struct rwl_coroutine *coroutine = rwl_coroutine_new(L, state, 1);
    coroutine->is_generator = true;
    return fill(L, box, rw_stream_new(loop, &generator_vtable, coroutine));
}

/* ---- sources ---- */

int rwl_stream_of_receiver(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_receiver *receiver = rwl_check(L, state, 1, RWL_RECEIVER);

    struct rwl_box *box = push_empty(L, state);

    return fill(L, box, rw_stream_of_channel(rwl_need_loop(L, state), receiver));
}

static int stream_of_table(lua_State *L, struct rwl_state *state)
{
    struct rw_loop *loop = rwl_need_loop(L, state);
    struct rwl_box *box = push_empty(L, state);
    struct rw_list *list = rw_list_new(lua_rawlen(L, 1));
    int count = (int)lua_rawlen(L, 1);
    int status = list == NULL ? RW_ERR_NOMEM : 0;

    for (int i = 1; status == 0 && i <= count; i++) {
        lua_rawgeti(L, 1, i);
        struct rw_value item = rwl_value_at(L, state, -1);
        status = rw_is_failure(&item) ? RW_ERR_NOMEM : rw_list_push(list, item);
        lua_pop(L, 1);
    }
    struct rw_value value = list != NULL ? rw_value_of_list(list) : rw_nil();
    struct rw_stream *stream = status == 0 ? rw_stream_of_list(loop, list) : NULL;

    rw_value_drop(&value);
    return fill(L, box, stream);
}

/* stream(function(emit) ... end), stream(rx), stream{...} */
static int new_stream(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    if (lua_isfunction(L, 1)) {
        return make_generator(L, state);
    }
    if (rwl_test_box(L, state, 1, RWL_RECEIVER) != NULL) {
        return rwl_stream_of_receiver(L);
    }
    luaL_argcheck(L, lua_type(L, 1) == LUA_TTABLE, 1, "a generator function, a receiver or a list expected");
    return stream_of_table(L, state);
}

static int interval(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    int64_t period = rwl_check_duration(L, 1);

    luaL_argcheck(L, period > 0, 1, "a period above 0 expected");
    struct rwl_box *box = push_empty(L, state);
    return fill(L, box, rw_interval(rwl_need_loop(L, state), period));
}

/* ---- reading ---- */

int rwl_finish_next(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    if (rw_is_failure(value) && (value->code == RW_ERR_END || value->code == RW_ERR_CLOSED)) {
        lua_pushnil(L);
        return 1;
    }
    if (value->kind == RW_KIND_NIL) {
        lua_pushlightuserdata(L, NULL); /* a nil would end the loop */
        return 1;
    }
    return rwl_finish_outcome(L, state, value, extra);
}

static int stream_next(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_stream *stream = rwl_check(L, state, 1, RWL_STREAM);

    rwl_check_awaiting(L, state);
    return rwl_suspend(L, state, rw_stream_next(stream), rwl_finish_next, 0);
}

static int stream_iter(lua_State *L)
{
    rwl_check(L, rwl_state(L), 1, RWL_STREAM);
    lua_getfield(L, 1, "next");
    lua_pushvalue(L, 1);
    return 2;
}

static int stream_close(lua_State *L)
{
    struct rwl_box *box = rwl_check_box(L, rwl_state(L), 1, RWL_STREAM);

    if (box->thing != NULL) {
        rw_stream_close(box->thing);
    }
    return 0;
}

/* ---- adapters ---- */

static struct rw_stream *take_stream(lua_State *L, struct rwl_state *state, int index)
{
    struct rw_stream *stream = rwl_check(L, state, index, RWL_STREAM);
    struct rwl_box *box = rwl_box_at(L, index);

    box->thing = NULL;
    return stream;
}

static struct rw_future *call_function(void *arg, struct rw_value item)
{
    return rwl_call_native(arg, item);
}

static struct rw_future *call_with_clone(void *arg, const struct rw_value *item)
{
    return rwl_call_native(arg, rw_value_clone(item));
}

/* Each call is a task, so that several run at a time; dropping the stream cancels them. */
static struct rw_future *call_as_task(void *arg, struct rw_value item)
{
    struct rwl_native *function = arg;
    struct rw_loop *loop = function->state->loop;
    struct rw_task *task = rw_spawn(loop, rwl_call_native(function, item), NULL);

    if (task == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    struct rw_future *join = rw_task_join_owned(task);
    rw_task_unref(task);
    return join;
}

static void drop_function(void *arg)
{
    rwl_native_unref(arg);
}

/* The function of an adapter, once there is a box for the stream that will own it. */
static struct rwl_native *check_function(lua_State *L, struct rwl_state *state, int index,
                                         struct rwl_box **box)
{
    luaL_checktype(L, index, LUA_TFUNCTION);
    rwl_check(L, state, 1, RWL_STREAM);
    *box = push_empty(L, state);
    lua_pushvalue(L, index);
    return rwl_native_new(L, state, false);
}

static int stream_map(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *box;
    struct rwl_native *function = check_function(L, state, 2, &box);

    return fill(L, box, rw_stream_map(take_stream(L, state, 1), call_function, drop_function, function));
}

static int stream_filter(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *box;
    struct rwl_native *function = check_function(L, state, 2, &box);

    return fill(L, box, rw_stream_filter(take_stream(L, state, 1), call_with_clone, drop_function, function));
}

static int stream_buffered(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    size_t limit = (size_t)rwl_check_integer(L, 2, 1, INT64_C(1) << 30);
    struct rwl_box *box;
    struct rwl_native *function = check_function(L, state, 3, &box);

    return fill(L, box,
                rw_stream_buffered(take_stream(L, state, 1), limit, call_as_task, drop_function, function));
}

static int stream_take(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    uint64_t count = (uint64_t)rwl_check_integer(L, 2, 0, INT64_C(1) << 52);

    struct rwl_box *box = push_empty(L, state);

    return fill(L, box, rw_stream_take(take_stream(L, state, 1), count));
}

static int stream_chunks(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    size_t size = (size_t)rwl_check_integer(L, 2, 1, INT64_C(1) << 30);

    struct rwl_box *box = push_empty(L, state);

    return fill(L, box, rw_stream_chunks(take_stream(L, state, 1), size));
}

/* merge(a, b, ...), as a function and as a method. */
static int stream_merge(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    int count = lua_gettop(L);

    for (int i = 1; i <= count; i++) {
        rwl_check(L, state, i, RWL_STREAM);
        for (int j = 1; j < i; j++) {
            luaL_argcheck(L, !lua_rawequal(L, i, j), i, "the same stream twice");
        }
    }
    struct rw_stream **streams = rwl_new_userdata(L, (size_t)(count + 1) * sizeof(struct rw_stream *));
    struct rwl_box *box = push_empty(L, state);
    for (int i = 0; i < count; i++) {
        streams[i] = take_stream(L, state, i + 1);
    }
    return fill(L, box, rw_stream_merge(rwl_need_loop(L, state), streams, (size_t)count));
}

const struct rwl_method rwl_stream_functions[] = {{"stream", new_stream, RWL_PLAIN},
                                                  {"interval", interval, RWL_PLAIN},
                                                  {"merge", stream_merge, RWL_PLAIN},
                                                  {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_stream_methods[] = {
    {"next", stream_next, RWL_AWAITS_ONE},    {"iter", stream_iter, RWL_PLAIN},
    {"close", stream_close, RWL_PLAIN},       {"map", stream_map, RWL_PLAIN},
    {"filter", stream_filter, RWL_PLAIN},     {"take", stream_take, RWL_PLAIN},
    {"buffered", stream_buffered, RWL_PLAIN}, {"chunks", stream_chunks, RWL_PLAIN},
    {"merge", stream_merge, RWL_PLAIN},       {NULL, NULL, RWL_PLAIN},
};
