/* SPDX-License-Identifier: MIT
 *
 * rwp.h - what the files of the Python binding share: the module's state, the objects' layouts, and the few functions that
 * cross from one file to another.
 *
 * Three rules hold everywhere. The GIL is held in every function, except between the two wait hooks of loop.c and on a
 * pool's thread. An object that owns a thing of the core hangs in its loop's list by a struct rwp_link, so that closing the
 * loop takes the thing away first; every method asks for it by rwp_link_thing, which raises when it is gone. Nothing is
 * kept in C globals: one interpreter, one struct rwp_state.
 */
#ifndef RWP_H
#define RWP_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ropewalk.h"

#define RWP_TYPE_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION)
#define RWP_OP_SPARE 64
#define RWP_ERR_COUNT (1 - RW_ERR_LAST)

struct rwp_api;
struct rwp_loop;
struct rwp_state;

/* ---- links ------------------------------------------------------------------------------------------------------- */

/* A ring, and the place of something in it. */
struct rwp_node {
    struct rwp_node *next;
    struct rwp_node *prev;
};

static inline void rwp_ring_init(struct rwp_node *ring)
{
    ring->next = ring;
    ring->prev = ring;
}

static inline void rwp_node_add(struct rwp_node *ring, struct rwp_node *node)
{
    node->next = ring;
    node->prev = ring->prev;
    ring->prev->next = node;
    ring->prev = node;
}

static inline void rwp_node_remove(struct rwp_node *node)
{
    node->next->prev = node->prev;
    node->prev->next = node->next;
}

struct rwp_link {
    struct rwp_node node;
    struct rwp_loop *loop; /* borrowed; good while there is a thing, NULL once the loop is closed */
    struct rwp_state *state;
    void *thing;
    void (*drop)(void *thing);
};

/* Drops what belonged to a link, on the loop's own thread whoever calls. */
void rwp_link_drop(struct rwp_loop *loop, void *thing, void (*drop)(void *thing));
/* Takes `thing`; from here on the loop's end, or rwp_link_end, drops it. */
void rwp_link_begin(struct rwp_link *link, struct rwp_loop *loop, void *thing, void (*drop)(void *thing));
/* Drops the thing, on the loop's own thread whoever calls; idempotent. */
void rwp_link_end(struct rwp_link *link);
/* Leaves the list and gives the thing back to the caller. */
void *rwp_link_take(struct rwp_link *link);
/* The thing, or NULL with ClosedError raised; checks the thread too. */
static inline void *rwp_link_thing(struct rwp_link *link);
void *rwp_link_thing_slow(struct rwp_link *link);
/* The link's loop, or NULL with RuntimeError. */
struct rwp_loop *rwp_link_loop(struct rwp_link *link);

/* A Python object that is one thing of the core: senders, sockets, streams ... */
struct rwp_box {
    PyObject_HEAD struct rwp_link link;
    PyObject *weakrefs;
    PyObject *kept; /* what must live as long */
};

PyObject *rwp_box_new(PyTypeObject *type, struct rwp_loop *loop, void *thing, void (*drop)(void *thing));
void rwp_box_dealloc(PyObject *self);
/* tp_clear of boxes whose thing keeps Python objects. */
int rwp_box_clear(PyObject *self);

/* ---- module state ------------------------------------------------------------------------------------------------ */

enum rwp_name {
    RWP_N_BLOCKING,
    RWP_N_ADD_DONE_CALLBACK,
    RWP_N_REMOVE_DONE_CALLBACK,
    RWP_N_CANCEL,
    RWP_N_CONTEXT,
    RWP_N_MSG,
    RWP_N_RESULT,
    RWP_N_GET_LOOP,
    RWP_N_THROW,
    RWP_N_CLOSE,
    RWP_N_CALL_EXCEPTION_HANDLER,
    RWP_N_CREATE_FUTURE,
    RWP_N_SET_RESULT,
    RWP_N_SET_EXCEPTION,
    RWP_N_DONE,
    RWP_N_RUN,
    RWP_N_LOOP,
    RWP_N_NAME,
    RWP_N_ANEXT,
    RWP_N_CONNECTION_MADE,
    RWP_N_CONNECTION_LOST,
    RWP_N_DATA_RECEIVED,
    RWP_N_EOF_RECEIVED,
    RWP_N_GET_BUFFER,
    RWP_N_BUFFER_UPDATED,
    RWP_N_PAUSE_WRITING,
    RWP_N_RESUME_WRITING,
    RWP_NAME_COUNT
};

struct rwp_state {
    PyObject *module;
    PyTypeObject *loop_type;
    PyTypeObject *handle_type;
    PyTypeObject *timer_type;
    PyTypeObject *op_type;
    PyTypeObject *task_type;
    PyTypeObject *task_iter_type;
    PyTypeObject *wakeup_type;
    PyTypeObject *abort_type;
    PyTypeObject *scope_type;
    PyTypeObject *future_type;
    PyTypeObject *remote_type;
    PyTypeObject *sender_type;
    PyTypeObject *receiver_type;
    PyTypeObject *permit_type;
    PyTypeObject *oneshot_type;
    PyTypeObject *broadcast_type;
    PyTypeObject *broadcast_receiver_type;
    PyTypeObject *watch_type;
    PyTypeObject *watch_receiver_type;
    PyTypeObject *stream_type;
    PyTypeObject *sink_type;
    PyTypeObject *socket_type;
    PyTypeObject *listener_type;
    PyTypeObject *pool_type;
    PyTypeObject *semaphore_type;
    PyTypeObject *notify_type;
    PyTypeObject *join_set_type;
    PyTypeObject *fd_watch_type;
    PyTypeObject *transport_type;
    PyTypeObject *buffer_type;
    PyTypeObject *loop_future_type; /* NULL: this Python's asyncio.Future cannot be inherited */
    PyTypeObject *lua_type;
    PyTypeObject *task_set_type; /* up to 3.13 */
    PyTypeObject *lua_object_type;
    PyObject *errors[RWP_ERR_COUNT]; /* exception classes; index -code */
    PyObject *error_class;           /* ropewalk.Error */
    PyObject *cancelled_error;
    PyObject *invalid_state_error;
    PyObject *exception_group;
    PyObject *future_class; /* asyncio.Future */
    PyObject *iscoroutine;
    PyObject *get_running_loop; /* asyncio's, None when there is none */
    PyObject *current_tasks;    /* dict up to 3.13 */
    PyObject *swap_current_task;
    PyObject *register_task; /* from 3.14 on */
    PyObject *unregister_task;
    PyObject *scheduled_tasks;   /* asyncio's weak set of foreign tasks */
    PyObject *scheduled_before;  /* what was the set inside it before ours */
    PyObject *buffered_protocol; /* asyncio.BufferedProtocol */
    PyObject *wrap_awaitable;    /* async def: awaits its argument */
    PyObject *names[RWP_NAME_COUNT];
    PyObject *names_context;  /* ("context",) */
    PyObject *names_msg;      /* ("msg",) */
    PyObject *stop_iteration; /* reused while nobody else holds it */
    PyObject *spare_ops[RWP_OP_SPARE];
    int spare_op_count;
    struct rwp_native *spare_natives;
    int spare_native_count;
    struct rwp_node loops;   /* every LoopBase */
    struct rwp_loop *active; /* borrowed: the loop that ran last; a hint */
    uint64_t task_number;
    struct rwp_api *api; /* api.c */
};

extern struct PyModuleDef rwp_module;

static inline struct rwp_state *rwp_state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}

/* Of an object of one of the module's types, or of a Python subclass of it. */
struct rwp_state *rwp_state_of(PyObject *object);

/* Each file adds its types and functions; 0, or -1 with an exception. */
int rwp_errors_init(struct rwp_state *state);
int rwp_value_init(struct rwp_state *state);
int rwp_loop_init(struct rwp_state *state);
int rwp_handle_init(struct rwp_state *state);
int rwp_watch_init(struct rwp_state *state);
int rwp_transport_init(struct rwp_state *state);
int rwp_loop_future_init(struct rwp_state *state);
int rwp_op_init(struct rwp_state *state);
int rwp_task_init(struct rwp_state *state);
int rwp_scope_init(struct rwp_state *state);
int rwp_future_init(struct rwp_state *state);
int rwp_combine_init(struct rwp_state *state);
int rwp_gather_init(struct rwp_state *state);
int rwp_channel_init(struct rwp_state *state);
int rwp_broadcast_init(struct rwp_state *state);
int rwp_stream_init(struct rwp_state *state);
int rwp_adapter_init(struct rwp_state *state);
int rwp_sink_init(struct rwp_state *state);
int rwp_socket_init(struct rwp_state *state);
int rwp_listener_init(struct rwp_state *state);
int rwp_blocking_init(struct rwp_state *state);
int rwp_sync_init(struct rwp_state *state);
int rwp_inspect_init(struct rwp_state *state);
int rwp_lua_init(struct rwp_state *state);
int rwp_api_init(struct rwp_state *state);
void rwp_api_end(struct rwp_state *state);

/* Makes a heap type, adds it to the module under its own name when `is_public`; borrowed by the state. */
PyTypeObject *rwp_add_type(struct rwp_state *state, PyType_Spec *spec, PyObject *bases, bool is_public);

/* ---- exceptions ---------------------------------------------------------------------------------------------------- */

/* The exception that is set, normalised, with its traceback; NULL when none is. Clears it. */
PyObject *rwp_exc_take(void);
/* Sets an exception object (taken). */
void rwp_exc_give(PyObject *exception);
/* Raises the class of `code` with the text; returns NULL. */
PyObject *rwp_raise(struct rwp_state *state, int code, const char *text);
/* Raises what a failure says; takes the value; returns NULL. The original object when it came from this interpreter. */
PyObject *rwp_raise_value(struct rwp_state *state, struct rw_value *value);
/* The exception of an error value, as an object; new reference, NULL with an exception. */
PyObject *rwp_exception_of(struct rwp_state *state, const struct rw_value *value);
/* A failure that carries the exception (borrowed), its text and its traceback. */
struct rw_value rwp_failure_of(struct rwp_state *state, PyObject *exception);
/* The same of the exception that is set, which is cleared. */
struct rw_value rwp_failure_taken(struct rwp_state *state);

/* ---- values -------------------------------------------------------------------------------------------------------- */

/* Never fails but by RW_ERR_NOMEM: then -1 with MemoryError. What has no plain form passes as a native. */
int rwp_value_from(struct rwp_state *state, PyObject *object, struct rw_value *out);
/* Without natives: a copy; -1 with an exception for what cannot be copied. */
int rwp_value_portable(struct rwp_state *state, PyObject *object, struct rw_value *out);
/* Takes the value (also when it fails). Failures are raised. */
PyObject *rwp_object_from(struct rwp_loop *loop, struct rw_value value);
/* The same where there may be no loop (NULL): one is needed for handles and natives only, and then must run. */
PyObject *rwp_object_of(struct rwp_state *state, struct rwp_loop *loop, struct rw_value value);
/* The object of a handle whose type a module in C has added; else TypeError. Takes the value. */
PyObject *rwp_api_object(struct rwp_state *state, struct rw_value *value);
/* The Python object inside a native of this interpreter, borrowed; NULL when it is another's. */
PyObject *rwp_native_object(struct rwp_state *state, const struct rw_native *native);
struct rw_native *rwp_native_new(struct rwp_state *state, PyObject *object);
/* The Python object (borrowed) that only `value` keeps through a native of this interpreter, so that the collector may count the
 * value's owner as the object's; NULL when there is none, or when somebody else may hold the native too. */
PyObject *rwp_sole_object(const struct rw_value *value);
/* The handle object (sender, stream, task ...) in Python's clothes; takes the value's reference. */
PyObject *rwp_object_of_handle(struct rwp_loop *loop, struct rw_value *value);
/* A reference to the core's object that a Python handle stands for, or NULL (no exception). */
struct rw_object *rwp_handle_of_object(struct rwp_state *state, PyObject *object);

/* Seconds (a number) to nanoseconds; -1 with an exception for nan and what is no number. Infinity is RW_NEVER. */
int rwp_seconds(PyObject *number, int64_t *out_ns);

/* ---- the loop -------------------------------------------------------------------------------------------------------- */

struct rwp_loop {
    PyObject_HEAD struct rwp_state *state;
    struct rw_loop *loop; /* NULL once closed */
    struct rw_handle *handle;
    struct rw_sim *sim;
    struct rw_pool *pool; /* of to_thread; NULL until needed */
    uint32_t pool_threads;
    uint32_t pool_queue;
    struct rw_context *cx;            /* while a task of ours is being stepped */
    struct rwp_node node;             /* in the module's state */
    struct rwp_node links;            /* of boxes, handles, scopes */
    struct rwp_node ops;              /* that hold a future */
    struct rwp_node tasks;            /* that the executor holds, or that hold the core's task */
    struct rwp_home *homes;           /* the Lua states on it */
    struct rwp_transport *transports; /* those that the loop holds */
    char *scratch;                    /* what transports receive into; NULL until one does */
    PyObject *entered;                /* the task that is being stepped; borrowed, the executor holds it */
    PyObject *published;              /* the one that asyncio has been told of; borrowed, asyncio holds it */
    PyObject *exit_exception;         /* SystemExit or KeyboardInterrupt on its way out */
    PyObject *task_factory;
    PyThreadState *released; /* between the wait hooks */
    pthread_t thread;        /* who turns it, while it is turning */
    bool stopping;
    bool turning;
    bool closing;
    bool debug;
    bool forked;
};

/* The running loop of this thread if it is one of ours, else NULL with RuntimeError. Borrowed. */
struct rwp_loop *rwp_running(struct rwp_state *state);
/* True when the caller may touch the loop now: its own thread, or nobody is in it. Else false with ThreadError. */
bool rwp_loop_enter(struct rwp_loop *self);
/* Whether the caller is inside a turn of the loop: then it is open, and the caller's. */
static inline bool rwp_loop_is_here(const struct rwp_loop *self)
{
    return self->turning && pthread_equal(self->thread, pthread_self());
}

static inline void *rwp_link_thing(struct rwp_link *link)
{
    return link->thing != NULL && rwp_loop_is_here(link->loop) ? link->thing : rwp_link_thing_slow(link);
}

/* As enter, quietly. */
bool rwp_loop_is_mine(struct rwp_loop *self);
/* The task of ours that is being run now, borrowed; NULL with RuntimeError naming `what` needs one. */
struct rwp_task *rwp_current_task(struct rwp_state *state, const char *what);
/* asyncio.current_task(): what is `entered`, from here on (loop_current.c). 0, or -1 with an exception. */
int rwp_loop_publish(struct rwp_loop *self);
/* tp_hash of the loop: brings asyncio up to date first, which looks tasks up by their loop. */
Py_hash_t rwp_loop_hash(PyObject *self);

/* Whether asyncio learns of the current task only when it asks. */
static inline bool rwp_loop_is_asked(struct rwp_loop *self)
{
    return self->state->current_tasks != NULL && Py_TYPE(self)->tp_hash == rwp_loop_hash;
}

/* `task` (NULL: none) is being stepped from here on. */
static inline int rwp_loop_set_current(struct rwp_loop *self, PyObject *task)
{
    self->entered = task;
    return self->published == task || rwp_loop_is_asked(self) ? 0 : rwp_loop_publish(self);
}
/* Reports to loop.call_exception_handler: message, and the exception that is set (taken). */
void rwp_loop_report(struct rwp_loop *self, const char *message, const char *key, PyObject *object);
/* Takes the exception that is set; when it must end the program it is kept for the end of the turn and true is returned. */
bool rwp_loop_keep_exit(struct rwp_loop *self, PyObject *exception);

/* Debug mode's watch on slow callbacks: frames whatever enters Python from a turn; `what` is named in the warning. */
int64_t rwp_slow_begin(const struct rwp_loop *loop);
void rwp_slow_end(struct rwp_loop *loop, int64_t begun_ns, PyObject *what);

/* loop.call_soon(callback, *args): borrowed arguments; context NULL: a copy of the current. New reference to the handle. */
PyObject *rwp_call_soon(struct rwp_loop *self, PyObject *callback, PyObject *const *args, Py_ssize_t count,
                        PyObject *context);
/* Queues a call whose result nobody needs: callback(arg). */
int rwp_schedule(struct rwp_loop *self, PyObject *callback, PyObject *arg, PyObject *context);

/* Methods of the loop that live in files of their own (loop_sim.c, loop_task.c, call.c, watch.c). */
PyObject *rwp_loop_open(PyObject *self, PyObject *args);
PyObject *rwp_loop_sim_random(PyObject *self, PyObject *unused);
PyObject *rwp_loop_sim_add_name(PyObject *self, PyObject *args);
PyObject *rwp_loop_create_task(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *rwp_loop_set_task_factory(PyObject *self, PyObject *factory);
PyObject *rwp_loop_get_task_factory(PyObject *self, PyObject *unused);
PyObject *rwp_method_call_soon(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *rwp_method_call_soon_threadsafe(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                          PyObject *names);
PyObject *rwp_method_call_later(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *rwp_method_call_at(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *rwp_method_make_handle(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *rwp_method_watch(PyObject *self, PyObject *args);
PyObject *rwp_loop_create_future(PyObject *self, PyObject *unused);
PyObject *rwp_method_transport(PyObject *self, PyObject *args);
/* The loop ends: its transports are called no more. */
void rwp_transports_end(struct rwp_loop *self);
int rwp_transports_traverse(struct rwp_loop *self, visitproc visit, void *arg);
/* Runs a handle that stays in use: a reader or writer of a descriptor. Cancelled ones do nothing. */
void rwp_handle_run_again(struct rwp_loop *loop, PyObject *handle);

/* ---- awaitables ------------------------------------------------------------------------------------------------------ */

enum rwp_op_state { RWP_OP_NEW, RWP_OP_STARTED, RWP_OP_DONE, RWP_OP_RAISED, RWP_OP_SPENT, RWP_OP_BRIDGED };
enum rwp_op_kind { RWP_OP_PLAIN, RWP_OP_RECEIVE, RWP_OP_SEND };

struct rwp_op {
    PyObject_HEAD union {
        struct rwp_node node;  /* in loop->ops, while there is a future */
        struct rw_value value; /* of a send that has not begun */
    } at;
    struct rwp_loop *loop;    /* borrowed; good while there is a future or an owner with a thing */
    struct rw_future *future; /* until it is done or taken */
    PyObject *(*convert)(struct rwp_op *op, struct rw_value *value);
    PyObject *owner; /* what convert needs, or what must live on */
    PyObject
        *result; /* or the exception; BRIDGED: asyncio's future, since a task that is not ours awaits it */
    uint8_t state;
    uint8_t kind;
};

/* An awaitable of `future` (taken; NULL raises MemoryError). `convert` takes the outcome, failures included; NULL: rwp_object_from.
 * `owner` may be NULL. */
PyObject *rwp_op_new(struct rwp_loop *loop, struct rw_future *future,
                     PyObject *(*convert)(struct rwp_op *op, struct rw_value *value), PyObject *owner);
/* An awaitable that is done: `result` is taken. */
PyObject *rwp_op_done(struct rwp_state *state, PyObject *result);
/* Sends and receives that have not begun, so that select can take them apart. `owner` is the Sender or Receiver. */
PyObject *rwp_op_new_channel(struct rwp_loop *loop, enum rwp_op_kind kind, PyObject *owner,
                             struct rw_value value);
/* The op's future, made if need be; borrowed. NULL with an exception. */
struct rw_future *rwp_op_need_future(struct rwp_op *op);
/* Awaiting through a future of asyncio's: begin once, then send until it is done. */
int rwp_op_begin_bridge(struct rwp_op *op);
PySendResult rwp_op_send_bridge(struct rwp_op *op, PyObject **result);
/* The future of an op that has not begun; NULL with an exception. The op is spent. */
struct rw_future *rwp_op_take(struct rwp_op *op);
/* The future, out of the op. */
struct rw_future *rwp_op_release(struct rwp_op *op);
/* The loop ends: so does the op's future. */
void rwp_op_orphan(struct rwp_node *node);
/* Hands the outcome over; takes the value. */
void rwp_op_finish(struct rwp_op *op, struct rw_value *value);
/* The combinators as methods of anything awaitable. */
PyObject *rwp_op_map(PyObject *self, PyObject *fn);
PyObject *rwp_op_and_then(PyObject *self, PyObject *fn);
PyObject *rwp_op_or_else(PyObject *self, PyObject *fn);
/* A `convert`: a list of the core's, or several results of a Lua function, as a tuple. */
PyObject *rwp_op_tuple(struct rwp_op *op, struct rw_value *value);
/* Makes StopIteration(value) the exception; takes `value`. Kept for the next time, value and all, until it is forgotten. */
void rwp_stop_iteration(struct rwp_state *state, PyObject *value);

static inline void rwp_stop_forget(struct rwp_state *state)
{
    PyStopIterationObject *stop = (PyStopIterationObject *)(void *)state->stop_iteration;

    if (stop != NULL && stop->value != NULL && Py_REFCNT(stop) == 1) {
        Py_CLEAR(stop->value);
    }
}
/* A future for anything that can be awaited: ops are taken, tasks joined, coroutines spawned (and cancelled with the
 * future). NULL with an exception. */
struct rw_future *rwp_future_of(struct rwp_loop *loop, PyObject *awaitable);
/* A future for what a script function gave back: awaitables as above, anything else is ready. Takes `object`; NULL: the exception
 * that is set becomes the failure. Never NULL. */
struct rw_future *rwp_future_of_call(struct rwp_loop *loop, PyObject *object);
/* -1, 0, 1: whether `object` can be awaited. */
int rwp_is_awaitable(struct rwp_state *state, PyObject *object);

/* ---- tasks ------------------------------------------------------------------------------------------------------------ */

enum rwp_task_state { RWP_TASK_PENDING, RWP_TASK_CANCELLED, RWP_TASK_FINISHED };

/* What every Task of asyncio's has. Up to Python 3.13 these are asyncio.Task's own fields, in its order and with its meaning
 * (docs/design/0014), which task_type.c verifies; the flags lie where it has padding. From 3.14 on asyncio's stay zero, and
 * these follow. */
#if PY_VERSION_HEX < 0x030D0000
struct rwp_task_face {
    PyObject_HEAD PyObject *loop; /* struct rwp_loop; strong */
    PyObject *callback;           /* the first of the callbacks, and its context */
    PyObject *callback_context;
    PyObject *callbacks; /* NULL, or a list of (callback, context) */
    PyObject *exception;
    struct rwp_wakeup *wakeup; /* of a task that is not done and has awaited something of asyncio's */
    PyObject *result;
    PyObject *source_traceback; /* in debug mode */
    PyObject *cancel_message;
    int state; /* enum rwp_task_state */
    int log_traceback;
    int blocking;
    unsigned queued : 1;     /* the executor holds it */
    unsigned in_scope : 1;   /* a scope answers for its failure */
    unsigned registered : 1; /* asyncio.all_tasks() has been told of it */
    PyObject *dict;
    PyObject *weakrefs;
    PyObject *cancelled_exception;
    PyObject *awaiting;
    PyObject *coro;
    PyObject *name; /* NULL: "Task-<number>" */
    PyObject *context;
    int must_cancel;
    int log_destroy_pending;
    int cancelling;
    uint32_t number;
};
#else
struct rwp_task_face {
#if PY_VERSION_HEX < 0x030E0000
    PyObject_HEAD
#else
    union {
        PyObject ob_base;
        char zero[256];
    };
#endif
        PyObject *loop;
    PyObject *callback;
    PyObject *callback_context;
    PyObject *callbacks;
    PyObject *exception;
    struct rwp_wakeup *wakeup;
    PyObject *result;
    PyObject *source_traceback;
    PyObject *cancel_message;
    PyObject *cancelled_exception;
    int state;
    unsigned log_traceback : 1;
    unsigned blocking : 1;
    unsigned must_cancel : 1;
    unsigned log_destroy_pending : 1;
    unsigned queued : 1;
    unsigned in_scope : 1;
    unsigned registered : 1;
    int cancelling;
    uint32_t number;
    PyObject *awaiting;
    PyObject *coro;
    PyObject *name;
    PyObject *context;
};
#endif

struct rwp_task {
    struct rwp_task_face face;
    struct rw_future future; /* what the executor polls: the coroutine */
    struct rwp_node node;    /* in loop->tasks, while it is queued or has a thing */
    struct rw_task *thing;   /* NULL once the loop is closed */
};

/* The await of something of asyncio's, and the callable that its future calls to wake the task. */
struct rwp_wakeup {
    PyObject_HEAD struct rwp_task *task; /* borrowed; NULL once the task is gone */
    struct rw_future leaf;
    bool done;
    bool cancel;  /* a scope has asked for its end */
    bool yielded; /* nothing but a turn is awaited */
};

static inline struct rwp_task *rwp_task_of(PyObject *task)
{
    return (struct rwp_task *)(void *)task;
}

static inline PyObject *rwp_task_object(struct rwp_task *task)
{
    return (PyObject *)(void *)task;
}

static inline struct rwp_loop *rwp_task_loop(const struct rwp_task *task)
{
    return (struct rwp_loop *)(void *)task->face.loop;
}

/* Spawns a coroutine; scope, name and context may be NULL. New reference. */
PyObject *rwp_task_spawn(struct rwp_loop *loop, PyObject *coro, PyObject *name, PyObject *context,
                         struct rw_scope *scope);
bool rwp_task_check(struct rwp_state *state, PyObject *object);
/* tp_init: Task(coro, *, loop=None, name=None, context=None). */
int rwp_task_new_init(PyObject *task, PyObject *args, PyObject *kwargs);
/* -1 with NotImplementedError when `eager` (NULL: not given) is true. */
int rwp_task_refuse_eager(PyObject *eager);
/* Lets go of the core's task. */
void rwp_task_end(struct rwp_task *task);
/* asyncio's cancel; `message` may be NULL. False when the task is done. -1 with an exception. */
int rwp_task_cancel(struct rwp_task *task, PyObject *message);
/* The end of a task: its result or exception (taken) and its callbacks. */
void rwp_task_finish(struct rwp_task *task, enum rwp_task_state state, PyObject *result, bool failed);
/* The CancelledError that is due now; new reference. */
PyObject *rwp_task_cancelled_error(struct rwp_task *task);
/* The core's task, or NULL with ClosedError raised. */
struct rw_task *rwp_task_thing(struct rwp_task *task);
/* The loop ends: so does what the task holds of it. */
void rwp_task_orphan(struct rwp_node *node);
/* The executor holds it no more. */
void rwp_task_leave(struct rwp_task *task);
/* task.add_done_callback for the waker of another task. */
int rwp_task_add_callback(struct rwp_task *task, PyObject *callback, PyObject *context);
Py_ssize_t rwp_task_remove_callback(struct rwp_task *task, PyObject *callback);
/* What the task was made for ended: raises, or gives the result (new reference). */
PyObject *rwp_task_result(struct rwp_task *task);
/* The awaitable's iterator for `await task`. */
PyObject *rwp_task_iter(PyObject *task);
/* Awaits what the coroutine yielded (taken) by asyncio's protocol. NULL, or the exception to throw in. */
PyObject *rwp_task_await_foreign(struct rwp_task *task, PyObject *yielded);
void rwp_task_unsubscribe(struct rwp_task *task, PyObject *future);
/* A RuntimeError object; `format` gets the task and what it yielded. */
PyObject *rwp_task_bad_yield(const char *format, struct rwp_task *task, PyObject *yielded);
/* Wakes the task behind a wakeup object because `future` is done. */
void rwp_wakeup_fire(PyObject *wakeup, PyObject *future);
int rwp_task_iter_init(struct rwp_state *state);
PyObject *rwp_task_abort_handle(PyObject *task, PyObject *unused);
/* An AbortHandle. cancel: False when the task is done. */
PyObject *rwp_abort_handle_new(struct rwp_state *state, struct rw_task *task);
bool rwp_abort_handle_cancel(PyObject *handle);
extern const struct rw_future_vtable rwp_task_vtable;
extern PyMethodDef rwp_task_methods[];
extern PyGetSetDef rwp_task_getset[];
PyObject *rwp_task_repr(PyObject *self);
/* Its name; new reference. */
PyObject *rwp_task_name(struct rwp_task *task);
void rwp_task_finalize(PyObject *self);
/* In asyncio's set of tasks, at the latest when that is looked at (task_set.c); and out of it. */
int rwp_task_register(struct rwp_state *state, struct rwp_task *task);
void rwp_task_unregister(struct rwp_state *state, struct rwp_task *task);
int rwp_task_set_init(struct rwp_state *state);

/* ---- others ------------------------------------------------------------------------------------------------------------ */

/* Boxes for things of the core; each takes its reference, also on failure. */
PyObject *rwp_sender_box(struct rwp_loop *loop, struct rw_sender *sender);
PyObject *rwp_receiver_box(struct rwp_loop *loop, struct rw_receiver *receiver);
PyObject *rwp_stream_box(struct rwp_loop *loop, struct rw_stream *stream);
PyObject *rwp_sink_box(struct rwp_loop *loop, struct rw_sink *sink);
PyObject *rwp_remote_task_box(struct rwp_loop *loop, struct rw_task *task);
PyObject *rwp_permit_box(struct rwp_loop *loop, struct rw_value *value);
int rwp_permit_init(struct rwp_state *state);
/* A `convert`: the permit, for whose channel the op's owner is the sender; from then on the op's owner is the permit. */
PyObject *rwp_permit_convert(struct rwp_op *op, struct rw_value *value);
/* What is sent over the channel that `end` (a Sender or Permit) belongs to; 0, or -1 with an exception. */
int rwp_channel_value(PyObject *end, PyObject *object, struct rw_value *out);
PyObject *rwp_socket_box(struct rwp_loop *loop, struct rw_socket *socket);
/* A Python callable as the `arg` of a combinator or adapter. */
struct rwp_call;
struct rwp_call *rwp_call_new(struct rwp_loop *loop, PyObject *callable);
void rwp_call_drop(void *call);
struct rw_future *rwp_call_future(void *call, struct rw_value item);
/* As rwp_call_future with a borrowed item; the outcome is a bool, as Python sees the result. */
struct rw_future *rwp_call_truth(void *call, const struct rw_value *item);
/* The stream behind an object: a Stream, a Receiver, or any (async) iterable; one reference, NULL with an exception. */
struct rw_stream *rwp_stream_of(struct rwp_loop *loop, PyObject *object);
struct rw_sink *rwp_sink_of(struct rwp_loop *loop, PyObject *object);
/* Methods of Stream that make other streams (adapter.c). */
PyObject *rwp_stream_map(PyObject *self, PyObject *fn);
PyObject *rwp_stream_filter(PyObject *self, PyObject *fn);
PyObject *rwp_stream_take(PyObject *self, PyObject *count);
PyObject *rwp_stream_chunks(PyObject *self, PyObject *size);
PyObject *rwp_stream_buffered(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *rwp_stream_merge(PyObject *self, PyObject *const *args, Py_ssize_t count);
/* Ends the loop's own pool: waits for its jobs, without the GIL. */
void rwp_blocking_end(struct rwp_loop *loop);
/* The Python object that stands for a value of one of the loop's Lua states; NULL, without an exception, when it is none, or is a
 * table and tables are to be copied. */
PyObject *rwp_lua_of_native(struct rwp_loop *loop, struct rw_native *native, bool is_table_too);
/* Whether the value is several results of one Lua function. */
bool rwp_lua_is_pack(const struct rw_value *value);
/* Scope of a Scope object, for spawn(scope=); NULL with an exception. */
struct rw_scope *rwp_scope_of(struct rwp_state *state, PyObject *object);

#endif
