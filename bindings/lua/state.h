/* SPDX-License-Identifier: MIT
 *
 * state.h - what the files of the Lua binding share: the record of a state, boxes, coroutines, awaiting.
 *
 * Every C function of the module is a closure whose first upvalue is a userdata that points at the record (LuaJIT reads a full one
 * faster than a light one); rwl_state() finds it. Functions marked "raises" may leave by a Lua error and are only
 * called from Lua; all others may be called from the loop, outside any protected call.
 */
#ifndef RWL_STATE_H
#define RWL_STATE_H

#include <stdint.h>
#include <string.h>

#include "host.h"
#include "lua/compat.h"
#include "lua/rwl.h"

struct rwl_state;
struct rwl_coroutine;

/* ---- types of boxed things ---- */

enum rwl_type_id {
    RWL_TASK,
    RWL_ABORT_HANDLE,
    RWL_SCOPE,
    RWL_PROMISE,
    RWL_FUTURE,
    RWL_SENDER,
    RWL_RECEIVER,
    RWL_PERMIT,
    RWL_ONESHOT_SENDER,
    RWL_BROADCAST,
    RWL_BROADCAST_RECEIVER,
    RWL_WATCH,
    RWL_WATCH_RECEIVER,
    RWL_SEMAPHORE,
    RWL_NOTIFY,
    RWL_STREAM,
    RWL_SINK,
    RWL_SOCKET,
    RWL_LISTENER,
    RWL_POOL,
    RWL_HANDLE,
    RWL_LOOP,
    RWL_SIM,
    RWL_JOIN_SET,
    RWL_ERROR,
    RWL_INT64,
    RWL_BUFFER,
    RWL_FOREIGN,
    RWL_TYPE_COUNT
};

/* Whether a function may suspend. AWAITS_TURN: it takes no argument and gives true; LuaJIT's trampoline gives it the state's userdata as
 * one, which is found sooner than an upvalue. AWAITS_ONE: it takes at most three arguments beyond `self` and gives one value
 * that is no failure, or nil, message, code; LuaJIT's trampoline then needs no varargs. AWAITS_TRUE: it takes
 * one argument at most, and that one value is true. */
enum rwl_awaits { RWL_PLAIN, RWL_AWAITS, RWL_AWAITS_ONE, RWL_AWAITS_TRUE, RWL_AWAITS_TURN };

struct rwl_method {
    const char *name;
    lua_CFunction function;
    enum rwl_awaits awaits;
};

/* `drop` ends the box's reference. `object` tells the counted object behind it, for types that travel as
 * handles; `object_name` is then its rw_object_type name and `of` finds it in a handle value. */
struct rwl_type {
    const char *name;
    const struct rwl_method *methods;
    void (*drop)(struct rwl_state *state, void *thing);
    struct rw_object *(*object)(void *thing);
    void *(*of)(const struct rw_value *value); /* borrowed; NULL when the value holds something else */
    void *(*ref)(void *thing);
    bool closes;                          /* has a `close` method that <close> variables call */
    const struct rwl_method *metamethods; /* beside, or in place of, those that all have */
};

/* A thread, and the slot that anchors it. */
struct rwl_thread {
    lua_State *L;
    uint32_t slot;
};

enum { RWL_IDLE_MAX = 256 };

struct rwl_list {
    struct rwl_list *next;
    struct rwl_list *prev;
};

enum { RWL_KNOWN_BOXES = 32 }; /* pairs; a power of two */

/* What a full userdata of ours stands for; it holds the address (rwl_box_at). `thing` is NULL once closed. */
struct rwl_box {
    void *thing;
    const void *userdata;
    union {
        struct rwl_list link; /* in the state's boxes */
        int64_t integer;      /* of an int64, which stands in no list and lies in its userdata */
    } in;
    uint8_t type;  /* enum rwl_type_id */
    uint8_t extra; /* what a type needs beside its thing */
};

/* The functions of a coroutine, one table per state: so a coroutine finds its state without a pointer of its own. */
struct rwl_kind {
    struct rw_future_vtable vtable;
    struct rwl_state *state;
};

/* ---- the record of a lua_State ---- */

/* Counted: natives and coroutines that are still held elsewhere may outlive the lua_State. `L` is NULL once that is
 * gone. */
struct rwl_state {
    lua_State *L; /* a thread of our own, anchored; for work outside any caller's stack */
    struct rw_loop *loop;
    struct rwl_coroutine *current; /* whose thread is being run */
    struct rw_context *cx;         /* what it is polled with */
    struct rw_value value; /* the outcome of its await on the way to `finish`, or what a generator emits */
    lua_State *from;       /* who turns the loop */
    struct rwl_kind task_kind;
    struct rwl_kind boxed_kind;
    struct rwl_list coroutines; /* those that are no tasks */
    size_t task_count;
    struct rwl_list natives;
    struct rwl_list boxes;
    struct rwl_box *free_boxes;                      /* linked by their things */
    struct rwl_box *known_boxes[RWL_KNOWN_BOXES][2]; /* that are alive, by their address (box.c) */
    const void *metatables[RWL_TYPE_COUNT];
    int metatable_refs[RWL_TYPE_COUNT];
    uint32_t ref_count;
    bool owns_loop;
    bool is_foreign; /* the function that awaits is none of ours */
    int pid;
    int boundary; /* 5.1, 5.2: where in a lua_State the depth of C calls is found; negative: not to be found (boundary.c) */
    int slots_ref; /* slot.c: the table of anchored values, and which of its places are free */
    uint32_t slot_count;
    uint32_t free_slot; /* 0: none */
    int idle_count;
    struct rwl_thread idle[RWL_IDLE_MAX]; /* whose functions have ended, to be used again */
    struct rw_value first_unhandled;      /* NIL, or a failure that nobody joined */
    struct rw_future *(*awaiter)(void *arg, struct rw_native *native); /* of foreign awaitables */
    void *awaiter_arg;
    struct rw_sim *sim;
    struct rw_loop *outer_loop; /* the loop in whose place the simulation runs */
    int cancelled_ref;
    int attempt_ref;  /* rwl_try_call's, made beforehand like the next */
    int describe_ref; /* what describes a raised value, made beforehand: it is needed when memory is short */
    int self_ref;     /* the userdata that points here */
    int main_ref;     /* 5.1: the function at the root of a task that is a C function; 5.4: closing.c's */
    lua_State *closing; /* 5.4: the thread in which calls are written down */
};

static inline struct rwl_state *rwl_state_at(lua_State *L, int index)
{
    return *(struct rwl_state **)lua_touserdata(L, index);
}

static inline struct rwl_state *rwl_state(lua_State *L)
{
    return rwl_state_at(L, lua_upvalueindex(1));
}

struct rwl_state *rwl_state_of(lua_State *L); /* by the registry; NULL when there is none */
void rwl_state_ref(struct rwl_state *state);
void rwl_state_unref(struct rwl_state *state);

/* The loop, made when it is first needed. Raises. */
struct rw_loop *rwl_need_loop(lua_State *L, struct rwl_state *state);
/* Reads the table of options at `index`. Raises what is wrong with it. */
typedef struct rw_value rwl_option_reader(void *options, const struct rw_value *map);
void rwl_read_options(lua_State *L, struct rwl_state *state, int index, rwl_option_reader *read,
                      void *options);
/* Makes it: there must be none. Raises. */
struct rw_loop *rwl_make_loop(lua_State *L, struct rwl_state *state, const struct rw_loop_options *options);

/* Cancels the tasks that are left and runs the loop until they have ended. */
void rwl_end_tasks(struct rwl_state *state);
/* Keeps the first failure that nobody joined, for rw.run to raise. */
void rwl_watch_unhandled(struct rwl_state *state);
/* Ends a loop, as far as it can be: not from inside it, and only in name after a fork. */
void rwl_end_loop(struct rwl_state *state, struct rw_loop *loop);

/* Pushes the module's table. Raises. */
void rwl_push_module(lua_State *L, struct rwl_state *state);

/* Calls `function(argument)` in protected mode on `state->L`. 0, or RW_ERR_NOMEM / RW_ERR_SCRIPT with the error
 * value left on top of state->L's stack for the caller to pop. */
int rwl_protect(struct rwl_state *state, lua_CFunction function, void *argument);

/* ---- boxes ---- */

extern const struct rwl_type rwl_types[RWL_TYPE_COUNT];

void rwl_make_metatables(lua_State *L, struct rwl_state *state); /* raises */

/* Empties the boxes: all of them, or those that depend on a loop. */
void rwl_boxes_close(struct rwl_state *state, bool all);
/* With the state: the memory of all boxes, those too whose finalizers were never called. */
void rwl_boxes_free(struct rwl_state *state);

/* Pushes a box. An empty one first, so that nothing leaks when memory is short: then fill it. Raises. */
struct rwl_box *rwl_push_box(lua_State *L, struct rwl_state *state, enum rwl_type_id type);
/* That of a userdata which is known to be of ours. */
static inline struct rwl_box *rwl_box_at(lua_State *L, int index)
{
    return *(struct rwl_box **)lua_touserdata(L, index);
}

/* The box at `index` when it has this type, else NULL. */
struct rwl_box *rwl_test_box(lua_State *L, struct rwl_state *state, int index, enum rwl_type_id type);
/* The same; raises when it has another type. */
struct rwl_box *rwl_check_box(lua_State *L, struct rwl_state *state, int index, enum rwl_type_id type);
/* What is in it; raises when it is closed too. */
void *rwl_check(lua_State *L, struct rwl_state *state, int index, enum rwl_type_id type);

/* Which type a box has; RWL_TYPE_COUNT when it is none of ours. */
enum rwl_type_id rwl_type_of(lua_State *L, struct rwl_state *state, int index);

/* Pushes the userdata of a handle: the same one as before while that lives. Takes nothing. Raises. */
void rwl_push_handle(lua_State *L, struct rwl_state *state, const struct rw_value *value);
/* The handle that a box stands for: a new reference; NIL when it is none. May raise. */
struct rw_value rwl_handle_value(lua_State *L, struct rwl_state *state, int index, enum rwl_type_id type);

/* Puts `functions` into the table on top of the stack; the awaiting ones as such. Raises. */
void rwl_set_methods(lua_State *L, struct rwl_state *state, const struct rwl_method *functions);
/* `name` is for errors, where it awaits. */
void rwl_push_method(lua_State *L, struct rwl_state *state, lua_CFunction function, enum rwl_awaits awaits,
                     const char *name, void *upvalue);
/* Puts the trampoline around the function on top of the stack, where it needs one. Raises. */
void rwl_wrap_awaiting(lua_State *L, const char *name);
/* LuaJIT: the first result of an awaiting function that must raise the second one. */
void *rwl_raise_marker(void);

/* ---- anchored values ---- */

void rwl_slots_open(lua_State *L, struct rwl_state *state); /* raises */
/* Anchors the value on top of the stack, which it pops. Raises. */
uint32_t rwl_slot_take(lua_State *L, struct rwl_state *state);
/* Sees to it that the next take does not raise; false when there is no memory for that. */
bool rwl_slot_reserve(lua_State *L, struct rwl_state *state);
void rwl_slot_push(lua_State *L, const struct rwl_state *state, uint32_t slot);
void rwl_slot_release(struct rwl_state *state, uint32_t slot);

/* ---- natives ---- */

struct rwl_native {
    struct rw_native head;
    struct rwl_state *state;
    struct rwl_list link;
    uint32_t ref_count;
    uint32_t slot; /* in the registry */
    bool pack;     /* several results of one function: a table with n */
};

extern const struct rw_native_vtable rwl_native_vtable;

/* A native for the value on top of the stack, which it pops. Raises. */
struct rwl_native *rwl_native_new(lua_State *L, struct rwl_state *state, bool pack);
/* The same, without a raise: NULL on no memory. */
struct rwl_native *rwl_native_try(lua_State *L, struct rwl_state *state, bool pack);
/* The native inside a value if it belongs to this state, else NULL. */
struct rwl_native *rwl_native_of(const struct rw_value *value, const struct rwl_state *state);
void rwl_native_push(lua_State *L, const struct rwl_native *native);
void rwl_native_unref(struct rwl_native *native);
void rwl_natives_close(struct rwl_state *state);

/* ---- values (raising forms of rwl.h) ---- */

struct rw_value rwl_value_at(lua_State *L, struct rwl_state *state, int index);
/* As an argument of a send and the like: raises on a value that cannot be made. */
struct rw_value rwl_check_value(lua_State *L, struct rwl_state *state, int index);
/* Without natives; `state` may be NULL (a state without a loop). A failure when it cannot be. */
struct rw_value rwl_portable_at(lua_State *L, struct rwl_state *state, int index, int depth);
void rwl_push(lua_State *L, struct rwl_state *state, const struct rw_value *value);
/* A number, or an int64 object where a number would not be exact. */
void rwl_push_integer(lua_State *L, struct rwl_state *state, int64_t integer);
/* integer.c, for modules in C (swig/ropewalk/lua.h): 0, or -1 with a message pushed. */
int rwl_to_integer(lua_State *L, int index, int64_t minimum, int64_t maximum, int64_t *out);
int rwl_to_unsigned(lua_State *L, int index, uint64_t maximum, uint64_t *out);
void rwl_push_unsigned(lua_State *L, uint64_t integer);
/* What `thing` of an int64 box is when its bits have no sign. */
void *rwl_unsigned_mark(void);
/* A value that is a pack becomes several. The number pushed. */
int rwl_push_all(lua_State *L, struct rwl_state *state, const struct rw_value *value);
/* The top `count` values as one: nil, the value, or a pack. Pops them. */
struct rw_value rwl_pop_all(lua_State *L, struct rwl_state *state, int count);
void rwl_open_values(lua_State *L,
                     struct rwl_state *state); /* rw.null, list, map, bytes, text into the module table */
void rwl_push_string(lua_State *L, const struct rw_value *value);
/* Keeps the names of the marks in memory, so that looking for them needs none. Raises. */
void rwl_keep_marks(lua_State *L);
void rwl_mark(lua_State *L, const char *mark); /* sets the "list" or "map" metatable of the table on top */

/* ---- errors ---- */

/* The error object of a failure or error value (a value that Lua raised itself comes back as it was). Raises. */
void rwl_push_error(lua_State *L, struct rwl_state *state, const struct rw_value *error);
/* The same, of a failure that is taken, also by a raise for want of memory. */
void rwl_push_error_taken(lua_State *L, struct rwl_state *state, struct rw_value failure);
/* Calls function(L, arg) in protected mode, on L itself, with the `count` values on top, which are taken: 0 with its results
 * pushed, RW_ERR_NOMEM or RW_ERR_SCRIPT with what was raised. Needs no memory of its own. */
typedef int rwl_attempt(lua_State *L, void *arg);
int rwl_try_call(lua_State *L, struct rwl_state *state, rwl_attempt *function, void *arg, int count);
/* What `push` makes of a value that is taken, also when that raises; gives how many it pushed. Raises. */
typedef int rwl_pusher(lua_State *L, struct rwl_state *state, const struct rw_value *value);
int rwl_push_taken(lua_State *L, struct rwl_state *state, struct rw_value value, rwl_pusher *push);
/* Always an error object. Raises. */
void rwl_push_error_object(lua_State *L, struct rwl_state *state, const struct rw_value *error);
/* What the value at `index`, raised in `thread`, is as a failure; with that thread's traceback when it has none
 * yet. */
struct rw_value rwl_failure_at(lua_State *L, struct rwl_state *state, int index, lua_State *thread);
/* Raises a failure; drops it. */
int rwl_raise(lua_State *L, struct rwl_state *state, struct rw_value failure);
/* Raises the failure of a bare code. */
int rwl_raise_code(lua_State *L, struct rwl_state *state, int code);
/* nil, message, code for what the world did; raises misuse, cancellation and script errors. Borrows. */
int rwl_push_failure(lua_State *L, struct rwl_state *state, const struct rw_value *failure);
int rwl_push_code(lua_State *L, struct rwl_state *state, int code);
/* A traceback of `of` as a string on L. */
void rwl_push_traceback(lua_State *L, lua_State *of, int level);
void rwl_open_errors(lua_State *L, struct rwl_state *state);
extern const struct rwl_method rwl_error_methods[];

/* ---- coroutines and awaiting ---- */

/* Pushes the results of an await, given its outcome (borrowed), on L, which is the task's thread or a service
 * thread: it must not look at arguments. May raise. */
typedef int rwl_finish(lua_State *L, struct rwl_state *state, struct rw_value *value, intptr_t extra);

/* Finishers: the outcome or nil, message, code; the outcome or the failure raised; true or nil, message, code. */
rwl_finish rwl_finish_operation;
rwl_finish rwl_finish_outcome;
rwl_finish rwl_finish_true;
rwl_finish rwl_finish_next; /* the next item; nil at the end; rw.null for nil; raises */

struct rwl_scope {
    struct rw_scope *scope;
    struct rw_loop *loop;
    struct rwl_coroutine *owner;
    struct rwl_scope *outer;
    int ref_count; /* the box's and, while open, the owner's */
};

struct rwl_frame;

enum rwl_phase {
    RWL_PHASE_YIELDED, /* rw.yield_now: waits for nothing but another turn */
    RWL_PHASE_AWAITING,
    RWL_PHASE_NEW,
    RWL_PHASE_RUNNING,
    RWL_PHASE_CALLING,
    RWL_PHASE_EMITTED,
    RWL_PHASE_ENDED
};

/* What is around the function of a coroutine, where there is anything. */
struct rwl_around {
    struct rwl_scope *scopes;   /* entered, innermost first */
    struct rwl_native *context; /* rw.ctx */
    struct rwl_frame *frame;    /* 5.1: protected calls in threads of their own */
    intptr_t extra;             /* as in the coroutine, whose room this pointer takes */
};

/* A function that runs as a future, driven by host.h. There is one per task, in the task's own block, so it is kept small: what is needed
 * only while it runs is with the state, what few have is apart, and the slot of its own thread is its head's `own`. */
struct rwl_coroutine {
    struct rwh_coroutine base; /* its vtable is in a rwl_kind */
    lua_State *thread; /* the innermost that runs; NULL once the function has ended and its thread is gone */
    union {
        intptr_t extra; /* of the await, for its finisher */
        struct rwl_around *around;
    } more;         /* rwl_extra, rwl_around */
    int32_t finish; /* rwl_finisher */
    uint8_t phase;  /* enum rwl_phase */
    bool has_around;
    bool is_generator;
};

static inline struct rwl_state *rwl_coroutine_state(const struct rwl_coroutine *self)
{
    return ((const struct rwl_kind *)self->base.base.vtable)->state;
}

static inline struct rwl_around *rwl_around(const struct rwl_coroutine *self)
{
    return self->has_around ? self->more.around : NULL;
}

static inline intptr_t *rwl_extra(struct rwl_coroutine *self)
{
    return self->has_around ? &self->more.around->extra : &self->more.extra;
}

/* The finisher is kept as its distance from one of them, which takes half the room: all are in this module. */
static inline void rwl_set_finisher(struct rwl_coroutine *self, rwl_finish *finish)
{
    self->finish = (int32_t)((intptr_t)finish - (intptr_t)rwl_finish_outcome);
}

static inline rwl_finish *rwl_finisher(const struct rwl_coroutine *self)
{
    return (rwl_finish *)((intptr_t)rwl_finish_outcome + self->finish);
}

/* A task from the function and `count` arguments on top of L's stack, which are popped: a reference to it, or NULL as rw_spawn.
 * Raises. */
struct rw_task *rwl_coroutine_spawn(lua_State *L, struct rwl_state *state, int count,
                                    const struct rw_spawn_options *options);
/* The same as a future that is no task: it is to be polled inside one. Raises. */
struct rwl_coroutine *rwl_coroutine_new(lua_State *L, struct rwl_state *state, int count);
/* All tasks of the state, the oldest of each scope first, until `visit` returns false; and one of its other coroutines. */
typedef bool rwl_visit(void *arg, struct rw_task *task, struct rwl_coroutine *coroutine);
void rwl_tasks_visit(struct rwl_state *state, rwl_visit *visit, void *arg);
struct rwl_coroutine *rwl_coroutine_at(struct rwl_list *link);
/* An anchored thread with an empty stack: one that was kept, or a new one, which raises. */
struct rwl_thread rwl_thread_take(lua_State *L, struct rwl_state *state);
/* For the next one to take. What is on its stack goes. */
void rwl_thread_keep(struct rwl_state *state, const struct rwl_thread *thread);
/* Lets go of its thread; nothing can be run in it any more. */
void rwl_coroutine_give_up_thread(struct rwl_coroutine *coroutine);
/* What is around it, made when first needed. NULL on no memory. */
struct rwl_around *rwl_need_around(struct rwl_coroutine *coroutine);
void rwl_coroutines_open(struct rwl_state *state);
/* Cuts all off from a state that goes away. */
void rwl_coroutines_close(struct rwl_state *state);
/* The poll function of a coroutine, and the drop function of one that is no task: its vtable's, and a generator's. */
enum rw_poll rwl_coroutine_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out);
void rwl_coroutine_drop(struct rw_future *self);
/* The function at the root of a coroutine, where one is needed. 5.1: a Lua function around a C function (`calls_c`),
 * which alone could not be resumed. */
void rwl_push_main(lua_State *L, struct rwl_state *state, bool calls_c);
/* A future that calls `function` (a native, not taken) with one value (taken). */
struct rw_future *rwl_call_native(struct rwl_native *function, struct rw_value value);

/* Awaits `future` (taken) in the running task and lets `finish` push the results. The function's return statement.
 * Raises. */
int rwl_suspend(lua_State *L, struct rwl_state *state, struct rw_future *future, rwl_finish *finish,
                intptr_t extra);
/* Its two halves, for what has been polled with the task's context already: the outcome (taken), or a future that is pending (taken). */
int rwl_go_on(lua_State *L, struct rwl_state *state, const struct rw_value *outcome, rwl_finish *finish,
              intptr_t extra);
int rwl_wait(lua_State *L, struct rwl_state *state, struct rw_future *future, rwl_finish *finish,
             intptr_t extra);
/* The same for a function that is none of ours, which has no upvalue; the outcome is as rwl_finish_operation gives it. */
int rwl_await_operation(lua_State *L, struct rwl_state *state, struct rw_future *future);
/* True when an operation may be tried at once, without a future: budget is left and the task is not cancelled. */
bool rwl_may_try(struct rwl_state *state);
/* The task that is running, or raises. */
struct rw_task *rwl_check_task(lua_State *L, struct rwl_state *state);

/* Whether the running C function may be suspended. boundary.c finds where 5.1 and 5.2 keep their depth of C calls. */
void rwl_boundary_open(lua_State *L, struct rwl_state *state);

static inline bool rwl_may_yield(lua_State *L, const struct rwl_state *state)
{
#if LUA_VERSION_NUM >= 503
    (void)state;
    return rwl_may_yield_here(L);
#else
    uint16_t depth[2];

    if (rwl_is_jit() || state->boundary < 0) {
        return rwl_may_yield_here(L);
    }
    memcpy(depth, (const char *)L + state->boundary, sizeof depth);
    return LUA_VERSION_NUM == 501 ? depth[0] == depth[1] : depth[0] == 0;
#endif
}

/* Raises, saying why nothing can be awaited here. */
int rwl_refuse_awaiting(lua_State *L, struct rwl_state *state);

/* The coroutine of the running task when it may suspend here; else raises. */
static inline struct rwl_coroutine *rwl_check_awaiting(lua_State *L, struct rwl_state *state)
{
    struct rwl_coroutine *self = state->current;

    if (__builtin_expect(self == NULL || self->thread != L || !rwl_may_yield(L, state), 0)) {
        rwl_refuse_awaiting(L, state);
    }
    return self;
}

/* scope.c */
void rwl_scope_drop(struct rwl_state *state, void *thing);
void rwl_scopes_abandon(struct rwl_coroutine *coroutine);
/* The function spawn: options, function and arguments from `index` on; leaves the task's box on top of them. Raises. */
int rwl_spawn_at(lua_State *L, struct rwl_state *state, int index, struct rw_scope *scope);

/* try.c: pcall in a thread of its own, for 5.1. return: ends the innermost such thread, whose results or error
 * become those of the call in the thread around it; false when there is none. */
bool rwl_frame_return(struct rwl_coroutine *coroutine, int status, int result_count, int *argument_count);
void rwl_frames_drop(struct rwl_coroutine *coroutine);
extern const struct rwl_method rwl_try_functions[];

/* closing.c: what a thread that failed left to be closed, in 5.4. True: a second thread that does it and then fails in the
 * same way has taken its place, to be resumed with so many arguments. Else it is ready for another function. */
void rwl_open_closing(lua_State *L, struct rwl_state *state); /* with the module's table on top; raises */
bool rwl_close_variables(struct rwl_coroutine *coroutine, const struct rw_value *failure,
                         int *argument_count);

/* ---- arguments and small things ---- */

/* Seconds to nanoseconds. Raises on what is no number or NaN. */
int64_t rwl_check_duration(lua_State *L, int index);
int64_t rwl_deadline_at(lua_State *L, struct rwl_state *state, int index); /* nil: RW_NEVER */
int64_t rwl_check_integer(lua_State *L, int index, int64_t least, int64_t most);
/* Raises when code is an error of misuse; else pushes true, or nil, message, code. */
int rwl_push_status(lua_State *L, struct rwl_state *state, int code);
/* Whether a value can be awaited: a task, a promise, a future not yet awaited, a foreign awaitable, or a
 * function (which becomes a task). check gives the future for it; raises when it cannot. */
bool rwl_is_awaitable(lua_State *L, struct rwl_state *state, int index);
struct rw_future *rwl_check_future(lua_State *L, struct rwl_state *state, int index);

/* A buffer that looks at `bytes` (taken). Raises on no memory. */
int rwl_push_buffer(lua_State *L, struct rw_bytes *bytes);
void rwl_buffer_drop(struct rwl_state *state, void *thing);

/* api.c: the table for modules in C, into the registry; and what pushes the handles of their types: false when nobody has
 * added this one. Both raise. */
void rwl_open_api(lua_State *L);
bool rwl_push_foreign_handle(lua_State *L, const struct rw_value *value);

int rwl_stream_of_receiver(lua_State *L);
int rwl_sink_of_sender(lua_State *L);
int rwl_sink_of_socket(lua_State *L);

/* One per concept: functions of the module table and methods of the types. */
extern const struct rwl_method rwl_task_functions[], rwl_task_methods[], rwl_abort_methods[];
extern const struct rwl_method rwl_scope_functions[], rwl_scope_methods[];
extern const struct rwl_method rwl_time_functions[];
extern const struct rwl_method rwl_future_functions[], rwl_future_methods[], rwl_promise_methods[];
extern const struct rwl_method rwl_combine_functions[], rwl_join_set_methods[], rwl_box_functions[];
extern const struct rwl_method rwl_channel_functions[], rwl_sender_methods[], rwl_receiver_methods[];
extern const struct rwl_method rwl_permit_methods[];
extern const struct rwl_method rwl_oneshot_functions[], rwl_oneshot_methods[];
extern const struct rwl_method rwl_broadcast_functions[], rwl_broadcast_methods[],
    rwl_broadcast_receiver_methods[];
extern const struct rwl_method rwl_watch_methods[], rwl_watch_receiver_methods[];
extern const struct rwl_method rwl_select_functions[];
extern const struct rwl_method rwl_sync_functions[], rwl_semaphore_methods[], rwl_notify_methods[];
extern const struct rwl_method rwl_stream_functions[], rwl_stream_methods[];
extern const struct rwl_method rwl_sink_functions[], rwl_sink_methods[];
extern const struct rwl_method rwl_socket_functions[], rwl_socket_methods[], rwl_listener_methods[];
extern const struct rwl_method rwl_blocking_functions[], rwl_pool_methods[];
extern const struct rwl_method rwl_loop_functions[], rwl_loop_methods[], rwl_handle_methods[];
extern const struct rwl_method rwl_sim_functions[], rwl_sim_methods[];
extern const struct rwl_method rwl_surface_functions[];
extern const struct rwl_method rwl_int64_methods[], rwl_int64_metamethods[];
extern const struct rwl_method rwl_buffer_methods[], rwl_buffer_metamethods[];

#endif
