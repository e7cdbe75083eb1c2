/* SPDX-License-Identifier: MIT
 *
 * blocking.c - Lua functions that block, run on a pool in a lua_State of their own.
 *
 * What crosses is portable: arguments and results travel encoded, a function as its bytecode or by the name of its
 * module. So nothing of the caller's state is touched by the other thread. Invariant: a job owns all its memory,
 * and is freed once on the loop's thread, whether it ran or not.
 *
 * Rejected: keeping a state per thread. A fresh one costs some 50 us, and what one job leaves in globals is no
 * business of the next. */
#include <stdlib.h>
#include <string.h>

#include "lua/state.h"

struct job {
    struct rw_value code;      /* bytecode, or "module.function" */
    struct rw_value path;      /* package.path */
    struct rw_value cpath;     /* package.cpath */
    struct rw_value arguments; /* encoded list */
    struct rw_value result;
    bool by_name;
};

/* ---- on the pool's thread ---- */

static void set_path(lua_State *L, const char *field, const struct rw_value *value)
{
    lua_getglobal(L, "package");
    rwl_push_string(L, value);
    lua_setfield(L, -2, field);
    lua_pop(L, 1);
}

/* "module.function": the function of that name in the module of the name before the last dot. */
static void push_named(lua_State *L, const char *name)
{
    const char *dot = strrchr(name, '.');

    if (dot == NULL || dot == name || dot[1] == '\0') {
        luaL_error(L, "'%s' does not name a function: \"module.function\" expected", name);
    }
    lua_getglobal(L, "require");
    lua_pushlstring(L, name, (size_t)(dot - name));
    lua_call(L, 1, 1);
    if (lua_type(L, -1) != LUA_TTABLE) {
        luaL_error(L, "the module of '%s' is no table", name);
    }
    lua_getfield(L, -1, dot + 1);
    if (!lua_isfunction(L, -1)) {
        luaL_error(L, "there is no function '%s'", name);
    }
}

static void push_code(lua_State *L, const struct job *job)
{
    rwl_push_string(L, &job->code);
    size_t size;
    const char *code = lua_tolstring(L, -1, &size);

    if (job->by_name) {
        push_named(L, code);
    } else if (luaL_loadbuffer(L, code, size, "=blocking") != 0) {
        lua_error(L);
    }
}

static int push_arguments(lua_State *L, const struct job *job)
{
    size_t size;
    const char *data = rw_value_data(&job->arguments, &size);
    struct rw_value list = rw_value_decode(data, size);

    if (list.kind != RW_KIND_LIST) {
        rw_value_drop(&list);
        return luaL_error(L, "not enough memory");
    }
    int count = (int)rw_list_count(list.as.list);
    luaL_checkstack(L, count + 4, "too many arguments");
    for (int i = 0; i < count; i++) {
        rwl_push(L, NULL, rw_list_at(list.as.list, (size_t)i));
    }
    rw_value_drop(&list);
    return count;
}

static int add_traceback(lua_State *L)
{
    struct job *job = lua_touserdata(L, lua_upvalueindex(1));
    const char *message = lua_tostring(L, 1);
    struct rw_error *error;

    if (message == NULL) {
        message = luaL_callmeta(L, 1, "__tostring") ? lua_tostring(L, -1) : luaL_typename(L, 1);
    }
    error = rw_error_new(RW_ERR_SCRIPT, message, RW_ORIGIN_LUA);
    rwl_push_traceback(L, L, 1);
    if (error != NULL) {
        (void)rw_error_append_traceback(error, lua_tostring(L, -1));
    }
    rw_value_drop(&job->result);
    job->result = rw_failure_of(error);
    return 0;
}

static int work(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);

    luaL_openlibs(L);
    set_path(L, "path", &job->path);
    set_path(L, "cpath", &job->cpath);
    lua_settop(L, 1);
    lua_pushlightuserdata(L, job);
    lua_pushcclosure(L, add_traceback, 1);
    push_code(L, job);
    int base = lua_gettop(L) - 1;
    if (lua_pcall(L, push_arguments(L, job), LUA_MULTRET, 2) != 0) {
        return 0;
    }
    int count = lua_gettop(L) - base;
    struct rw_list *list = rw_list_new((size_t)count);
    struct rw_value failure = list == NULL ? rw_failure(RW_ERR_NOMEM) : rw_nil();
    for (int i = 1; i <= count && failure.kind == RW_KIND_NIL; i++) {
        struct rw_value item = rwl_portable_at(L, NULL, base + i, 0);

        if (rw_is_failure(&item)) {
            failure = item;
        } else if (rw_list_push(list, item) != 0) {
            failure = rw_failure(RW_ERR_NOMEM);
        }
    }
    rw_value_drop(&job->result);
    job->result = rw_value_of_list(list);
    if (rw_is_failure(&failure)) {
        rw_value_drop(&job->result);
        job->result = failure;
    }
    return 0;
}

static void run_job(void *arg, struct rw_value *out)
{
    struct job *job = arg;
    lua_State *L = luaL_newstate();

    if (L == NULL) {
        *out = rw_failure(RW_ERR_NOMEM);
        return;
    }
#if LUA_VERSION_NUM < 502
    int status = lua_cpcall(L, work, job);
#else
    lua_pushcfunction(L, work);
    lua_pushlightuserdata(L, job);
    int status = lua_pcall(L, 1, 0, 0);
#endif
    if (status != 0 && !rw_is_failure(&job->result)) {
        const char *message = lua_tostring(L, -1);

        rw_value_drop(&job->result);
        job->result = rw_failure_format(RW_ERR_SCRIPT, "%s",
                                        message != NULL ? message : "error in a blocking function");
    }
    lua_close(L);
    *out = job->result;
    job->result = rw_nil();
}

/* ---- on the loop's thread ---- */

static void drop_job(void *arg)
{
    struct job *job = arg;

    rw_value_drop(&job->code);
    rw_value_drop(&job->path);
    rw_value_drop(&job->cpath);
    rw_value_drop(&job->arguments);
    rw_value_drop(&job->result);
    free(job);
}

static void check_upvalues(lua_State *L, int index)
{
    const char *name;

    for (int i = 1; (name = lua_getupvalue(L, index, i)) != NULL; i++) {
        lua_pop(L, 1);
        if (strcmp(name, "_ENV") != 0) {
            luaL_error(L,
                       "a blocking function runs in a state of its own and cannot use '%s' from outside: "
                       "pass it as an argument",
                       name);
        }
    }
}

static struct rw_value string_value(lua_State *L, int index)
{
    size_t size;
    const char *data = lua_tolstring(L, index, &size);

    return data != NULL ? rw_bytes(data, size) : rw_bytes("", 0);
}

/* Leaves the code (bytecode or name) in the place of the function. */
static bool take_code(lua_State *L, int index)
{
    if (lua_type(L, index) == LUA_TSTRING) {
        return true;
    }
    luaL_checktype(L, index, LUA_TFUNCTION);
    check_upvalues(L, index);
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "dump");
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    lua_replace(L, index);
    lua_pop(L, 1);
    return false;
}

static struct rw_value encode_arguments(lua_State *L, struct rwl_state *state, int first)
{
    int count = lua_gettop(L) - first + 1;
    struct rw_list *list = rw_list_new((size_t)(count > 0 ? count : 0));

    if (list == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    struct rw_value failure = rw_nil();
    for (int i = 0; i < count && failure.kind == RW_KIND_NIL; i++) {
        struct rw_value item = rwl_portable_at(L, state, first + i, 0);

        if (rw_is_failure(&item)) {
            failure = item;
        } else if (rw_list_push(list, item) != 0) {
            failure = rw_failure(RW_ERR_NOMEM);
        }
    }
    struct rw_value value = rw_value_of_list(list);
    struct rw_value encoded = rw_is_failure(&failure) ? failure : rw_value_encode(&value);
    rw_value_drop(&value);
    return encoded;
}

static struct rw_value package_field(lua_State *L, const char *field)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, field);
    struct rw_value value = string_value(L, -1);
    lua_pop(L, 2);
    return value;
}

static int finish_blocking(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra)
{
    if (rw_is_failure(value) || value->kind != RW_KIND_LIST) {
        return rwl_finish_operation(L, state, value, extra);
    }
    int count = (int)rw_list_count(value->as.list);
    luaL_checkstack(L, count + 4, "too many results");
    for (int i = 0; i < count; i++) {
        rwl_push(L, state, rw_list_at(value->as.list, (size_t)i));
    }
    return count;
}

static int start(lua_State *L, struct rw_pool *pool, int index)
{
    struct rwl_state *state = rwl_state(L);

    rwl_check_awaiting(L, state);
    bool by_name = take_code(L, index);
    struct rw_value arguments = encode_arguments(L, state, index + 1);
    if (rw_is_failure(&arguments)) {
        return rwl_raise(L, state, arguments);
    }
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        rw_value_drop(&arguments);
        return luaL_error(L, "not enough memory");
    }
    job->by_name = by_name;
    job->arguments = arguments;
    job->code = string_value(L, index);
    job->path = package_field(L, "path");
    job->cpath = package_field(L, "cpath");
    if (rw_is_failure(&job->code) || rw_is_failure(&job->path) || rw_is_failure(&job->cpath)) {
        drop_job(job);
        return luaL_error(L, "not enough memory");
    }
    return rwl_suspend(L, state, rw_spawn_blocking(state->loop, pool, run_job, drop_job, job),
                       finish_blocking, 0);
}

static int spawn_blocking(lua_State *L)
{
    return start(L, NULL, 1);
}

static int pool_spawn(lua_State *L)
{
    return start(L, rwl_check(L, rwl_state(L), 1, RWL_POOL), 2);
}

static uint32_t number_or(lua_State *L, int index, uint32_t standard, uint32_t most)
{
    return lua_isnoneornil(L, index) ? standard : (uint32_t)rwl_check_integer(L, index, 1, most);
}

/* pool(name, threads, queue), the last two within the bounds of the loop's options of that name */
static int new_pool(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    const char *name = luaL_checkstring(L, 1);
    uint32_t threads = number_or(L, 2, RW_DEFAULT_BLOCKING_THREADS, RW_MOST_BLOCKING_THREADS);
    uint32_t queue = number_or(L, 3, RW_DEFAULT_BLOCKING_QUEUE, RW_MOST_BLOCKING_QUEUE);
    struct rwl_box *box = rwl_push_box(L, state, RWL_POOL);

    box->thing = rw_pool_new(name, threads, queue);
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

const struct rwl_method rwl_blocking_functions[] = {
    {"spawn_blocking", spawn_blocking, RWL_AWAITS}, {"pool", new_pool, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN}};

const struct rwl_method rwl_pool_methods[] = {{"spawn_blocking", pool_spawn, RWL_AWAITS},
                                              {NULL, NULL, RWL_PLAIN}};
