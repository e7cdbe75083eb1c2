/* SPDX-License-Identifier: MIT
 *
 * spawn.c - how a coroutine comes to be and goes: its thread, the memory it lies in, and who knows it.
 *
 * A coroutine that is a task lies in the task's own block; one that is polled inside another task is a block of malloc and in a list of
 * the state's. Tasks are in no list of ours: the core's scopes know them all. What can raise comes first and ends in a seed, a
 * thread with its function on the stack; making the coroutine of that only succeeds or gives the seed back.
 *
 * The thread is anchored once, in an array slot of the registry; a thread whose function has ended waits with its slot for the next
 * one. Invariant: `thread` of a coroutine is NULL exactly when it holds no slot. */
#include <errno.h>
#include <stdlib.h>

#include "lua/state.h"

struct seed {
    struct rwl_thread thread;
    struct rwl_around *around;
};

/* One that is no task. */
struct boxed {
    struct rwl_coroutine coroutine;
    struct rwl_list link;
};

/* ---- threads ---- */

static void release_thread(struct rwl_state *state, const struct rwl_thread *thread)
{
    if (state->L != NULL) {
        rwl_slot_release(state, thread->slot);
    }
}

void rwl_thread_keep(struct rwl_state *state, const struct rwl_thread *thread)
{
    if (state->L == NULL || state->idle_count == RWL_IDLE_MAX) {
        release_thread(state, thread);
        return;
    }
    lua_settop(thread->L, 0);
    state->idle[state->idle_count++] = *thread;
}

struct rwl_thread rwl_thread_take(lua_State *L, struct rwl_state *state)
{
    struct rwl_thread thread;

    if (state->idle_count > 0) {
        thread = state->idle[--state->idle_count];
        /* As in a new thread: a host may stop scripts that run away by a hook, a script may have left one behind. */
        if (lua_gethook(thread.L) != lua_gethook(L)) {
            lua_sethook(thread.L, lua_gethook(L), lua_gethookmask(L), lua_gethookcount(L));
        }
        return thread;
    }
    luaL_checkstack(L, 4, NULL);
    thread.L = lua_newthread(L);
    thread.slot = rwl_slot_take(L, state);
    return thread;
}

void rwl_coroutine_give_up_thread(struct rwl_coroutine *self)
{
    if (self->thread != NULL) {
        release_thread(rwl_coroutine_state(self), &(struct rwl_thread){self->thread, self->base.base.own});
        self->thread = NULL;
    }
}

/* ---- what is around ---- */

struct rwl_around *rwl_need_around(struct rwl_coroutine *self)
{
    if (!self->has_around) {
        struct rwl_around *around = calloc(1, sizeof *around);

        if (around == NULL) {
            return NULL;
        }
        around->extra = self->more.extra;
        self->more.around = around;
        self->has_around = true;
    }
    return self->more.around;
}

static void free_around(struct rwl_around *around)
{
    rwl_native_unref(around->context);
    free(around);
}

/* rw.ctx: what the spawner has. */
static bool inherit_context(struct seed *seed, const struct rwl_coroutine *from)
{
    const struct rwl_around *around = from != NULL ? rwl_around(from) : NULL;

    if (around == NULL || around->context == NULL) {
        return true;
    }
    seed->around = calloc(1, sizeof *seed->around);
    if (seed->around == NULL) {
        return false;
    }
    seed->around->context = around->context;
    seed->around->context->ref_count++;
    return true;
}

/* ---- seeds ---- */

static void drop_seed(struct rwl_state *state, struct seed *seed)
{
    if (seed->around != NULL) {
        free_around(seed->around);
    }
    rwl_thread_keep(state, &seed->thread);
}

/* Of the function and `count` arguments on top of the stack, which are popped. Raises. */
static struct seed make_seed(lua_State *L, struct rwl_state *state, int count)
{
    (void)rwl_need_loop(L, state);
    struct seed seed = {rwl_thread_take(L, state), NULL};

    if (!lua_checkstack(seed.thread.L, count + 4) || !inherit_context(&seed, state->current)) {
        drop_seed(state, &seed);
        luaL_error(L, "not enough memory");
    }
    rwl_push_main(seed.thread.L, state, lua_iscfunction(L, -1 - count) != 0);
    lua_xmove(L, seed.thread.L, count + 1);
    return seed;
}

/* The head is made by who gave the memory. */
static void plant(struct rwl_coroutine *self, struct rwl_state *state, const struct seed *seed)
{
    self->base.leaf = NULL;
    self->base.base.own = seed->thread.slot;
    self->thread = seed->thread.L;
    self->has_around = seed->around != NULL;
    self->more.around = seed->around;
    self->phase = RWL_PHASE_NEW;
    self->is_generator = false;
    rwl_state_ref(state);
}

/* The end of both kinds. */
static void uproot(struct rwl_coroutine *self)
{
    struct rwl_state *state = rwl_coroutine_state(self);

    rwh_coroutine_drop_leaf(&self->base);
    if (self->has_around) {
        rwl_scopes_abandon(self);
        rwl_frames_drop(self);
        free_around(self->more.around);
    }
    if (self->thread != NULL && (self->phase == RWL_PHASE_ENDED || self->phase == RWL_PHASE_NEW)) {
        rwl_thread_keep(state, &(struct rwl_thread){self->thread, self->base.base.own});
    } else {
        rwl_coroutine_give_up_thread(self);
    }
}

/* ---- tasks ---- */

static void drop_task(struct rw_future *future)
{
    struct rwl_state *state = rwl_coroutine_state((struct rwl_coroutine *)future);

    uproot((struct rwl_coroutine *)future);
    state->task_count--;
    rwl_state_unref(state);
}

struct rw_task *rwl_coroutine_spawn(lua_State *L, struct rwl_state *state, int count,
                                    const struct rw_spawn_options *options)
{
    struct rw_future *future = NULL;
    struct rw_task *task = NULL;
    struct seed seed = make_seed(L, state, count);

    errno = EINVAL;
    if (options == NULL || options->scope == NULL || rw_scope_is_open(options->scope)) {
        task = rw_spawn_inline(state->loop, &state->task_kind.vtable, sizeof(struct rwl_coroutine), options,
                               &future);
    }
    if (task == NULL) {
        drop_seed(state, &seed);
        return NULL;
    }
    plant((struct rwl_coroutine *)future, state, &seed);
    state->task_count++;
    return task;
}

struct visiting {
    struct rwl_state *state;
    rwl_visit *visit;
    void *arg;
};

static bool visit_task(void *arg, struct rw_task *task, struct rw_future *future)
{
    struct visiting *visiting = arg;

    if (future->vtable != &visiting->state->task_kind.vtable) {
        return true;
    }
    return visiting->visit(visiting->arg, task, (struct rwl_coroutine *)future);
}

void rwl_tasks_visit(struct rwl_state *state, rwl_visit *visit, void *arg)
{
    struct visiting visiting = {state, visit, arg};

    if (state->task_count == 0) {
        return; /* the loop is not looked at: it may have gone before us */
    }
    rw_tasks_each(state->loop, visit_task, &visiting);
    if (state->outer_loop != NULL) {
        rw_tasks_each(state->outer_loop, visit_task, &visiting);
    }
}

/* ---- those polled inside a task ---- */

static struct boxed *boxed_at(struct rwl_list *link)
{
    return (struct boxed *)((char *)link - offsetof(struct boxed, link));
}

struct rwl_coroutine *rwl_coroutine_at(struct rwl_list *link)
{
    return &boxed_at(link)->coroutine;
}

static void unlink_boxed(struct boxed *boxed)
{
    boxed->link.prev->next = boxed->link.next;
    boxed->link.next->prev = boxed->link.prev;
    boxed->link.prev = &boxed->link;
    boxed->link.next = &boxed->link;
}

void rwl_coroutine_drop(struct rw_future *future)
{
    struct boxed *boxed = (struct boxed *)future;
    struct rwl_state *state = rwl_coroutine_state(&boxed->coroutine);

    uproot(&boxed->coroutine);
    unlink_boxed(boxed);
    free(boxed);
    rwl_state_unref(state);
}

struct rwl_coroutine *rwl_coroutine_new(lua_State *L, struct rwl_state *state, int count)
{
    struct seed seed = make_seed(L, state, count);
    struct boxed *boxed = malloc(sizeof *boxed);

    if (boxed == NULL) {
        drop_seed(state, &seed);
        luaL_error(L, "not enough memory");
        return NULL;
    }
    rw_future_init(&boxed->coroutine.base.base, &state->boxed_kind.vtable);
    plant(&boxed->coroutine, state, &seed);
    boxed->link.prev = state->coroutines.prev;
    boxed->link.next = &state->coroutines;
    state->coroutines.prev->next = &boxed->link;
    state->coroutines.prev = &boxed->link;
    return &boxed->coroutine;
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

/* ---- the beginning and the end of the state ---- */

void rwl_coroutines_open(struct rwl_state *state)
{
    static const struct rw_future_vtable task = {"lua", RW_FUTURE_COROUTINE, rwl_coroutine_poll, NULL,
                                                 drop_task};
    static const struct rw_future_vtable boxed = {"lua", RW_FUTURE_COROUTINE, rwl_coroutine_poll, NULL,
                                                  rwl_coroutine_drop};

    state->task_kind = (struct rwl_kind){task, state};
    state->boxed_kind = (struct rwl_kind){boxed, state};
    state->coroutines.next = state->coroutines.prev = &state->coroutines;
}

static bool cut_off(void *arg, struct rw_task *task, struct rwl_coroutine *coroutine)
{
    (void)arg;
    rwl_coroutine_give_up_thread(coroutine);
    rw_task_cancel(task, "the Lua state was closed");
    return true;
}

void rwl_coroutines_close(struct rwl_state *state)
{
    while (state->coroutines.next != &state->coroutines) {
        struct boxed *boxed = boxed_at(state->coroutines.next);

        unlink_boxed(boxed);
        rwl_coroutine_give_up_thread(&boxed->coroutine);
    }
    rwl_tasks_visit(state, cut_off, NULL);
    state->idle_count = 0;
}
