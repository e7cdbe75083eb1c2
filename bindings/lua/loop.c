/* SPDX-License-Identifier: MIT
 *
 * loop.c - the state's loop: run to the end, turned by a host, looked into.
 *
 * rw.run runs one function as a task, then ends every task that is left, as a scope around the whole program would.
 * While it waits the calling Lua thread is the `from` of each resume. Invariant: outside a turn no coroutine is
 * current. */
#include <string.h>
#include <unistd.h>

#include "lua/state.h"

static struct rw_loop *check_idle_loop(lua_State *L, struct rwl_state *state)
{
    struct rw_loop *loop = rwl_need_loop(L, state);

    if (state->current != NULL || rw_loop_is_running(loop)) {
        luaL_error(L, "the loop is running already: inside a task call the function itself, or rw.spawn it");
    }
    if (state->pid != (int)getpid()) {
        luaL_error(L, "this process was forked: its loop belongs to the parent");
    }
    if (!rw_loop_is_own_thread(loop)) {
        luaL_error(L, "this loop belongs to another thread");
    }
    return loop;
}

static void take_unhandled(void *arg, struct rw_task *task, const struct rw_value *value)
{
    struct rwl_state *state = arg;

    (void)task;
    if (state->first_unhandled.kind == RW_KIND_NIL) {
        state->first_unhandled = rw_value_clone(value);
    }
}

void rwl_watch_unhandled(struct rwl_state *state)
{
    rw_loop_set_unhandled(state->loop, take_unhandled, state);
}

void rwl_end_loop(struct rwl_state *state, struct rw_loop *loop)
{
    if (loop == NULL || rw_loop_is_running(loop)) {
        return; /* closed from inside a task (os.exit): the process ends with the loop as it is */
    }
    if (state->pid != (int)getpid()) {
        rw_loop_after_fork(loop);
    }
    rw_loop_free(loop);
}

/* ---- the tasks that are there ---- */

static bool is_first(void *arg, struct rw_task *task, struct rwl_coroutine *coroutine)
{
    (void)coroutine;
    *(struct rw_task **)arg = task;
    return false;
}

static bool cancel(void *arg, struct rw_task *task, struct rwl_coroutine *coroutine)
{
    (void)arg;
    (void)coroutine;
    rw_task_cancel(task, "the main function has ended");
    return true;
}

static struct rw_task *any_task(struct rwl_state *state)
{
    struct rw_task *task = NULL;

    rwl_tasks_visit(state, is_first, &task);
    return task;
}

void rwl_end_tasks(struct rwl_state *state)
{
    struct rw_task *task;
    int status = 0;

    while (status == 0 && (task = any_task(state)) != NULL) {
        struct rw_value value = rw_nil();

        rwl_tasks_visit(state, cancel, NULL);
        /* The handle's failure is the task's own: whether it was joined before is not changed by this wait. */
        status = rw_block_on(state->loop, rw_task_join(task), &value);
        rw_value_drop(&value);
    }
}

static const char *state_name(enum rw_task_state state)
{
    static const char *const names[] = {[RW_TASK_QUEUED] = "queued",
                                        [RW_TASK_RUNNING] = "running",
                                        [RW_TASK_WAITING] = "waiting",
                                        [RW_TASK_DONE] = "done"};

    return names[state];
}

/* Adds to the text on top of the stack. `task` is NULL for a coroutine that is none. */
static bool add_to_dump(void *arg, struct rw_task *task, struct rwl_coroutine *coroutine)
{
    lua_State *L = arg;

    if (coroutine->thread == NULL) {
        return true;
    }
    if (task != NULL) {
        lua_pushfstring(L, "task %d %s\n", (int)rw_task_id(task), rw_task_name(task));
    } else {
        lua_pushliteral(L, "coroutine\n");
    }
    rwl_push_traceback(L, coroutine->thread, 0);
    lua_pushliteral(L, "\n");
    lua_concat(L, 4);
    return true;
}

/* All Lua tasks with their tracebacks, as one string. */
static void push_dump(lua_State *L, struct rwl_state *state)
{
    lua_pushliteral(L, "");
    rwl_tasks_visit(state, add_to_dump, L);
    for (struct rwl_list *node = state->coroutines.next; node != &state->coroutines; node = node->next) {
        add_to_dump(L, NULL, rwl_coroutine_at(node));
    }
}

static int dump(lua_State *L)
{
    push_dump(L, rwl_state(L));
    return 1;
}

struct listing {
    lua_State *L;
    int count;
};

static bool list_task(void *arg, const struct rw_task_info *info)
{
    struct listing *listing = arg;
    lua_State *L = listing->L;

    lua_createtable(L, 0, 7);
    lua_pushinteger(L, (lua_Integer)info->id);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, info->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, info->future);
    lua_setfield(L, -2, "future");
    lua_pushstring(L, state_name(info->state));
    lua_setfield(L, -2, "state");
    lua_pushinteger(L, (lua_Integer)info->polls);
    lua_setfield(L, -2, "polls");
    lua_pushinteger(L, (lua_Integer)info->scope_id);
    lua_setfield(L, -2, "scope");
    lua_pushboolean(L, info->cancelled);
    lua_setfield(L, -2, "cancelled");
    lua_rawseti(L, -2, ++listing->count);
    return true;
}

static int tasks(lua_State *L)
{
    struct listing listing = {.L = L};

    lua_newtable(L);
    rw_tasks(rwl_need_loop(L, rwl_state(L)), list_task, &listing);
    return 1;
}

/* ---- run ---- */

/* The error object that leaves rw.run: its tostring shows the traceback, since nobody else will. */
static int raise_at_top(lua_State *L, struct rwl_state *state, struct rw_value failure)
{
    rwl_push_error_taken(L, state, failure);
    if (rwl_test_box(L, state, -1, RWL_ERROR) != NULL) {
        struct rwl_box *shown = rwl_push_box(L, state, RWL_ERROR);
        struct rwl_box *box = rwl_box_at(L, -2);

        shown->thing = rw_error_ref(box->thing);
        shown->extra = 1;
    }
    return lua_error(L);
}

struct report {
    struct rwl_state *state;
    struct rw_error *error;
};

static int add_tasks(lua_State *L)
{
    struct report *report = lua_touserdata(L, 1);

    push_dump(L, report->state);
    (void)rw_error_append_traceback(report->error, lua_tostring(L, -1));
    return 0;
}

static struct rw_value deadlock(struct rwl_state *state)
{
    struct rw_error *error = rw_error_new(RW_ERR_DEADLOCK, NULL, RW_ORIGIN_LUA);
    struct report report = {state, error};

    if (error != NULL && rwl_protect(state, add_tasks, &report) != 0) {
        lua_pop(state->L, 1);
    }
    if (error != NULL && rw_is_failure(&state->first_unhandled)) {
        struct rw_error *cause = rw_value_error(&state->first_unhandled);

        if (cause != NULL) {
            (void)rw_error_add_other(error, cause);
        }
    }
    return rw_failure_of(error);
}

static struct rw_task *spawn_main(lua_State *L, struct rwl_state *state)
{
    static const struct rw_spawn_options options = {.name = "main"};
    struct rw_task *task = rwl_coroutine_spawn(L, state, lua_gettop(L) - 1, &options);

    if (task == NULL) {
        luaL_error(L, "not enough memory");
    }
    return task;
}

static int run(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_loop *loop = check_idle_loop(L, state);
    lua_State *from = state->from;
    struct rw_value value = rw_nil();

    luaL_checktype(L, 1, LUA_TFUNCTION);
    struct rw_task *task = spawn_main(L, state);
    state->from = L;
    int status = rw_block_on(loop, rw_task_join(task), &value);
    if (status != 0) {
        rw_value_drop(&value);
        value = status == RW_ERR_DEADLOCK ? deadlock(state) : rw_failure(status);
    }
    rw_task_mark_seen(task);
    rw_task_unref(task);
    rwl_end_tasks(state);
    state->from = from;
    struct rw_value unhandled = state->first_unhandled;
    state->first_unhandled = rw_nil();
    if (!rw_is_failure(&value) && rw_is_failure(&unhandled)) {
        rw_value_drop(&value);
        value = unhandled;
    } else {
        rw_value_drop(&unhandled);
    }
    if (rw_is_failure(&value)) {
        return raise_at_top(L, state, value);
    }
    lua_settop(L, 0);
    return rwl_push_taken(L, state, value, rwl_push_all);
}

/* ---- guest mode ---- */

void rwl_read_options(lua_State *L, struct rwl_state *state, int index, rwl_option_reader *read,
                      void *options)
{
    struct rw_value map = rwl_portable_at(L, state, index, 0);
    struct rw_value answer = rw_is_failure(&map) ? map : read(options, &map);

    if (!rw_is_failure(&map)) {
        rw_value_drop(&map);
    }
    if (rw_is_failure(&answer)) {
        lua_pushstring(L, rw_value_message(&answer));
        rw_value_drop(&answer);
        luaL_argerror(L, index, lua_tostring(L, -1));
    }
}

static struct rw_value read_loop_options(void *options, const struct rw_value *map)
{
    return rw_loop_options_read(options, map);
}

static void make_loop(lua_State *L, struct rwl_state *state)
{
    struct rw_loop_options options = {0};

    luaL_checktype(L, 1, LUA_TTABLE);
    rwl_read_options(L, state, 1, read_loop_options, &options);
    if (state->loop != NULL || state->L == NULL) {
        luaL_error(L, "this state has its loop already: options go to the first call of rw.loop");
    }
    rwl_make_loop(L, state, &options);
}

/* loop(options): the state's loop; made here when options are given. */
static int get_loop(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    if (!lua_isnoneornil(L, 1)) {
        make_loop(L, state);
    }
    rwl_push_box(L, state, RWL_LOOP)->thing = rwl_need_loop(L, state);
    return 1;
}

static int loop_fd(lua_State *L)
{
    int fd = rw_loop_fd(rwl_check(L, rwl_state(L), 1, RWL_LOOP));

    if (fd < 0) {
        return rwl_push_code(L, rwl_state(L), fd);
    }
    lua_pushinteger(L, fd);
    return 1;
}

/* Seconds until the next turn is due: 0 when work is queued, nil when nothing is. */
static int loop_deadline(lua_State *L)
{
    struct rw_loop *loop = rwl_check(L, rwl_state(L), 1, RWL_LOOP);
    int64_t deadline = rw_loop_deadline(loop);

    if (deadline == RW_NEVER) {
        lua_pushnil(L);
        return 1;
    }
    int64_t now = rw_loop_update_now(loop);
    lua_pushnumber(L, deadline <= now ? 0 : (lua_Number)(deadline - now) / (lua_Number)RW_SECOND);
    return 1;
}

/* turn(wait, budget in seconds): how many tasks and jobs were run. */
static int loop_turn(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rw_loop *loop = rwl_check(L, state, 1, RWL_LOOP);
    unsigned flags = lua_toboolean(L, 2) ? RW_TURN_WAIT : 0;
    int64_t budget = lua_isnoneornil(L, 3) ? 0 : rwl_check_duration(L, 3);
    lua_State *from = state->from;

    check_idle_loop(L, state);
    state->from = L;
    int status = rw_loop_turn(loop, flags, budget);
    state->from = from;
    if (status < 0) {
        return rwl_raise_code(L, state, status);
    }
    if (rw_is_failure(&state->first_unhandled)) {
        struct rw_value unhandled = state->first_unhandled;

        state->first_unhandled = rw_nil();
        return raise_at_top(L, state, unhandled);
    }
    lua_pushinteger(L, status);
    return 1;
}

static int loop_is_idle(lua_State *L)
{
    lua_pushboolean(L, rw_loop_is_idle(rwl_check(L, rwl_state(L), 1, RWL_LOOP)));
    return 1;
}

static int loop_is_running(lua_State *L)
{
    lua_pushboolean(L, rw_loop_is_running(rwl_check(L, rwl_state(L), 1, RWL_LOOP)));
    return 1;
}

static int new_handle(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *box = rwl_push_box(L, state, RWL_HANDLE);

    box->thing = rw_handle_new(rwl_need_loop(L, state));
    return box->thing != NULL ? 1 : luaL_error(L, "not enough memory");
}

static int handle_wake(lua_State *L)
{
    rw_handle_wake(rwl_check(L, rwl_state(L), 1, RWL_HANDLE));
    return 0;
}

static int handle_spawn(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);

    rwl_check(L, state, 1, RWL_HANDLE);
    return rwl_spawn_at(L, state, 2, NULL);
}

static int handle_close(lua_State *L)
{
    struct rwl_box *box = rwl_check_box(L, rwl_state(L), 1, RWL_HANDLE);
    struct rw_handle *handle = box->thing;

    box->thing = NULL;
    if (handle != NULL) {
        rw_handle_unref(handle);
    }
    return 0;
}

const struct rwl_method rwl_loop_functions[] = {
    {"run", run, RWL_PLAIN},     {"loop", get_loop, RWL_PLAIN}, {"handle", new_handle, RWL_PLAIN},
    {"tasks", tasks, RWL_PLAIN}, {"dump", dump, RWL_PLAIN},     {NULL, NULL, RWL_PLAIN},
};

const struct rwl_method rwl_loop_methods[] = {
    {"fd", loop_fd, RWL_PLAIN},
    {"deadline", loop_deadline, RWL_PLAIN},
    {"turn", loop_turn, RWL_PLAIN},
    {"is_idle", loop_is_idle, RWL_PLAIN},
    {"is_running", loop_is_running, RWL_PLAIN},
    {NULL, NULL, RWL_PLAIN},
};

const struct rwl_method rwl_handle_methods[] = {{"wake", handle_wake, RWL_PLAIN},
                                                {"spawn", handle_spawn, RWL_PLAIN},
                                                {"close", handle_close, RWL_PLAIN},
                                                {NULL, NULL, RWL_PLAIN}};
