/* SPDX-License-Identifier: MIT
 *
 * loop.h - the loop: executor, reactor, timers and memory of one thread; and the handle by which other threads reach it.
 *
 * A turn: take in what other threads sent, look at the clock, poll the reactor, run what was queued when the turn
 * began, flush what was written. A host that owns its main loop calls rw_loop_turn itself, sleeping on rw_loop_fd and
 * rw_loop_deadline; a program without one calls rw_block_on.
 */
#ifndef ROPEWALK_LOOP_H
#define ROPEWALK_LOOP_H

#include "base.h"
#include "future.h"
#include "value.h"

struct rw_sim;

/* What a loop can be told when it is made. RW_LOOP_OPTIONS is the single source: the struct, its bounds, and what scripts may say
 * in every language, are made from it. X(NAME, name, unit, default, least, most, what it is) */
#define RW_LOOP_OPTIONS(X)                                                                                   \
    X(TASK_BUDGET, task_budget, "operations", 128, 1, 1000000, "leaf operations a task may do in one turn")  \
    X(BLOCKING_THREADS, blocking_threads, "threads", 16, 1, 4096, "threads of the default blocking pool")    \
    X(BLOCKING_QUEUE, blocking_queue, "jobs", 65536, 1, 1000000000, "jobs that may wait for those threads")

enum rw_loop_option_bounds {
#define RW_OPTION_BOUNDS(NAME, name, unit, standard, least, most, text)                                      \
    RW_DEFAULT_##NAME = standard, RW_LEAST_##NAME = least, RW_MOST_##NAME = most,
    RW_LOOP_OPTIONS(RW_OPTION_BOUNDS)
#undef RW_OPTION_BOUNDS
};

struct rw_loop_options {
    struct rw_sim *sim; /* run on this simulation instead of the kernel; NULL: the kernel */
#define RW_OPTION_FIELD(NAME, name, unit, standard, least, most, text) uint32_t name; /* 0: the default */
    RW_LOOP_OPTIONS(RW_OPTION_FIELD)
#undef RW_OPTION_FIELD
};

/* Something that is run once by the executor, in the same queue as tasks. Embed it; it must stay where it is while
 * queued. `run` may queue it again. */
struct rw_job {
    struct rw_job *next;
    void (*run)(struct rw_job *self, struct rw_loop *loop);
};

/* A timer of the host's own: embed it, init, arm. `fire` runs inside the turn and must not enter a script: it queues
 * a job or wakes a waker. Fires once; may be armed again from `fire`. */
struct rw_timer {
    struct rw_timer_place {
        uint32_t position; /* 0: not armed */
        uint32_t kind;     /* the library's */
    } place;
    void (*fire)(struct rw_timer *self, struct rw_loop *loop);
};

enum rw_turn_flags {
    RW_TURN_WAIT = 1 /* sleep until there is something to do; without it the turn never blocks */
};

/* Called around a wait that may block, so that a host can let go of a lock it holds (Python's GIL). `after` returns 0,
 * or a negative error which ends the turn (rw_loop_turn and rw_block_on return it). */
struct rw_wait_hooks {
    void (*before)(void *arg);
    int (*after)(void *arg);
    void *arg;
};

enum rw_events { RW_READABLE = 1, RW_WRITABLE = 2, RW_HANGUP = 4 };

struct rw_watch;
struct rw_handle;

/* Counters; always on. RW_STATS is the single source: the struct, and what rw.stats() gives in every language, are made from it.
 * X(name, what it counts) */
#define RW_STATS(X)                                                                                          \
    X(turns, "turns of the loop")                                                                            \
    X(polls, "times a task was run")                                                                         \
    X(tasks_spawned, "tasks made")                                                                           \
    X(tasks_live, "tasks that are not done")                                                                 \
    X(jobs_run, "jobs run beside tasks")                                                                     \
    X(timers_armed, "timers armed now")                                                                      \
    X(timers_fired, "timers that fired")                                                                     \
    X(wakes_remote, "wakes and cancels from other threads")                                                  \
    X(fds_open, "sources in the reactor now")                                                                \
    X(objects_live, "channel ends, promises, streams, scopes ... made and not yet gone")                     \
    X(futures_live, "blocks of the loop's memory given out now")                                             \
    X(blocking_live, "jobs on blocking pools now")                                                           \
    X(budget_yields, "times a task ran out of its budget")

struct rw_stats {
#define RW_STATS_FIELD(name, text) uint64_t name;
    RW_STATS(RW_STATS_FIELD)
#undef RW_STATS_FIELD
};

RW_BEGIN_DECLS

/* The options of a loop, in order; NULL behind the last. Any thread. */
RW_API const struct rw_option *rw_loop_option(size_t index);

/* Writes what a script gave: a map from names of options to numbers, nil for a default. Returns nil, or a failure that says what is
 * allowed, in the same words in every language: RW_ERR_TYPE for a name or a kind of value that is none, RW_ERR_INVALID for a
 * number out of bounds. Fields that are not named stay as they are. Any thread. */
RW_API struct rw_value rw_loop_options_read(struct rw_loop_options *options, const struct rw_value *map);

/* Makes a loop for the calling thread; `options` may be NULL. NULL with errno set when the system refuses. */
RW_API struct rw_loop *rw_loop_new(const struct rw_loop_options *options);

/* Ends a loop: cancels its tasks, lets them run to their end for a bounded number of turns, drops what is left,
 * closes its descriptors, waits for its blocking jobs. Requires the loop's thread, and that no turn is running. Handles
 * and wakers that others still hold stay safe and do nothing. Takes NULL. */
RW_API void rw_loop_free(struct rw_loop *loop);

/* Runs `future` (taken) to its end and writes its value or failure. Returns 0, RW_ERR_STATE inside a turn or in a forked
 * child, RW_ERR_THREAD on another thread, RW_ERR_NOMEM,
 * RW_ERR_DEADLOCK when nothing is left that could wake anyone (the future is dropped), or what a wait hook returned. */
RW_API int rw_block_on(struct rw_loop *loop, struct rw_future *future, struct rw_value *out);

/* One turn. `budget_ns` bounds how long it starts new work (0: no bound; the rest stays queued). Returns the number of
 * tasks and jobs run, or a negative error: RW_ERR_STATE inside a turn, RW_ERR_THREAD on another thread. */
RW_API int rw_loop_turn(struct rw_loop *loop, unsigned flags, int64_t budget_ns);

/* A descriptor that poll(2) says is readable when a turn would do something (level). Owned by the loop. RW_ERR_UNSUPPORTED
 * in simulation. */
RW_API int rw_loop_fd(struct rw_loop *loop);

/* When the next turn is due even if the descriptor stays silent: RW_NOW when work is queued, RW_NEVER without timers. */
RW_API int64_t rw_loop_deadline(const struct rw_loop *loop);

/* True when nothing can happen any more unless another thread or the host acts: no work queued, no timers, no
 * descriptors waited for, no blocking jobs, no handles held by others. */
RW_API bool rw_loop_is_idle(const struct rw_loop *loop);

/* The loop's clock: read once per turn; rw_loop_update_now reads it afresh. Nanoseconds, monotonic. */
RW_API int64_t rw_loop_now(const struct rw_loop *loop);
RW_API int64_t rw_loop_update_now(struct rw_loop *loop);

/* True while rw_loop_turn or rw_block_on runs on it; and whether the caller is on its thread (any thread). */
RW_API bool rw_loop_is_running(const struct rw_loop *loop);
RW_API bool rw_loop_is_own_thread(const struct rw_loop *loop);

/* A host that moves a loop to another thread (only between turns) says so here, on the new thread. */
RW_API void rw_loop_adopt_thread(struct rw_loop *loop);

/* After fork, in the child: the loop can only be freed, without touching what the parent still uses. */
RW_API void rw_loop_after_fork(struct rw_loop *loop);

/* Queues a job at the end of the run queue. It runs in the next turn when called from inside one. */
RW_API void rw_loop_queue(struct rw_loop *loop, struct rw_job *job);
/* Takes a queued job out again; false when it was not queued. Cost: the length of the queue. */
RW_API bool rw_loop_unqueue(struct rw_loop *loop, struct rw_job *job);

/* Makes an unarmed timer in the caller's memory. `fire` runs inside a turn and must not enter a script. */
RW_API void rw_timer_init(struct rw_timer *timer, void (*fire)(struct rw_timer *self, struct rw_loop *loop));
/* Arms or re-arms; 0, RW_ERR_NOMEM, or RW_ERR_CLOSED once the loop has begun to end. disarm takes an unarmed timer too. */
RW_API int rw_timer_arm(struct rw_loop *loop, struct rw_timer *timer, int64_t deadline_ns);
RW_API void rw_timer_disarm(struct rw_loop *loop, struct rw_timer *timer);

static inline bool rw_timer_is_armed(const struct rw_timer *timer)
{
    return timer->place.position != 0;
}

/* Sets what a host does around a wait that may block (copied; NULL: nothing). Loop's thread, not while it waits. */
RW_API void rw_loop_set_wait_hooks(struct rw_loop *loop, const struct rw_wait_hooks *hooks);

/* A place for a host's own pointer, one per name; get gives NULL when unset. Names are static strings, compared by text. */
RW_API int rw_loop_set_data(struct rw_loop *loop, const char *name, void *data, void (*drop)(void *data));
RW_API void *rw_loop_get_data(const struct rw_loop *loop, const char *name);

/* Fills *out with the loop's counters as they are now. Loop's thread. */
RW_API void rw_stats(const struct rw_loop *loop, struct rw_stats *out);

/* Readiness of a foreign descriptor, level-triggered, for hosts that bring their own I/O (asyncio's add_reader). `notify`
 * runs inside the turn, at most once a turn, and must not enter a script: it queues a job. The descriptor stays the
 * caller's and must stay open until rw_watch_free. One watch per descriptor: RW_ERR_BUSY otherwise. `events` 0 is a
 * watch that is silent; `notify` may be NULL where only rw_watch_wait is of use. In simulation only simulated descriptors
 * can be watched: RW_ERR_UNSUPPORTED. */
RW_API int rw_watch_new(struct rw_loop *loop, int fd, unsigned events,
                        void (*notify)(void *arg, unsigned events), void *arg, struct rw_watch **out);
RW_API int rw_watch_set(struct rw_watch *watch, unsigned events);
RW_API void rw_watch_free(struct rw_watch *watch);

/* A future of readiness: an int, those of `events` that are there, and RW_HANGUP where it is. Any number may wait; the descriptor is
 * watched for what they wait for beside what rw_watch_set says, and no longer than they do. One that waits when the watch is freed,
 * or is polled later, gets RW_ERR_CLOSED; on another loop RW_ERR_THREAD; RW_ERR_OS and RW_ERR_NOMEM as above. Loop's thread. */
RW_API struct rw_future *rw_watch_wait(struct rw_watch *watch, unsigned events);
/* Wakes all who wait, with 0: where one has read from the descriptor what another waits for. */
RW_API void rw_watch_wake(struct rw_watch *watch);

/* The thread-safe face of a loop. Counted; any thread. A loop that is gone answers RW_ERR_CLOSED. While a handle that
 * was taken with rw_handle_new lives, the loop does not count as idle. */
RW_API struct rw_handle *rw_handle_new(struct rw_loop *loop);
RW_API struct rw_handle *rw_handle_ref(struct rw_handle *handle);
RW_API void rw_handle_unref(struct rw_handle *handle);

/* Runs fn(arg, loop) once on the loop's thread, in a later turn; in the order posted from one thread. When the loop
 * ends first, drop(arg) is called instead, on the thread that frees the loop; drop may be NULL. Any thread. 0,
 * RW_ERR_CLOSED or RW_ERR_NOMEM (then neither function is called). */
RW_API int rw_handle_post(struct rw_handle *handle, void (*fn)(void *arg, struct rw_loop *loop),
                          void (*drop)(void *arg), void *arg);

/* Makes the loop do a turn. Any thread, and safe in a signal handler. */
RW_API void rw_handle_wake(struct rw_handle *handle);

/* Makes a future on the loop's thread by make(arg, loop) and spawns it, detached. Any thread. Errors as post. */
RW_API int rw_handle_spawn(struct rw_handle *handle,
                           struct rw_future *(*make)(void *arg, struct rw_loop *loop),
                           void (*drop)(void *arg), void *arg);

RW_END_DECLS

#endif
