/* SPDX-License-Identifier: MIT
 *
 * script.h - coroutines written in C, for tests of tasks: what a scripting host's coroutine is to the core, without a
 * scripting language; and a simulated world in which they run.
 *
 * A script is a function that is called again after each await and jumps to where it was:
 *
 *     static struct rw_future *nap(struct script *self)
 *     {
 *         SCRIPT_BEGIN(self);
 *         AWAIT(self, rw_sleep_until(self->loop, at(5)));
 *         note("awake %lld", now_ms());
 *         SCRIPT_END(self, rw_int(1));
 *     }
 *
 * Locals do not survive an await: what must is kept in the script's own fields. `note` writes into one line of text that
 * a test compares at its end.
 */
#ifndef RW_TEST_SCRIPT_H
#define RW_TEST_SCRIPT_H

#include <stdarg.h>

#include "test.h"

#define SCRIPT_SCOPES 4

struct script;

typedef struct rw_future *script_function(struct script *self);

struct script {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_task *task;   /* while it runs */
    struct rw_future *leaf; /* what it awaits */
    script_function *run;
    int line;            /* where to go on */
    struct rw_value in;  /* the outcome of the last await */
    struct rw_value out; /* its own outcome */
    struct rw_scope *scopes[SCRIPT_SCOPES];
    int64_t n; /* the script's own */
    int64_t m;
    void *data;
};

/* ---- the world ------------------------------------------------------------------------------------------------- */

static struct rw_sim *sim;
static struct rw_loop *loop;
static char notes[1 << 16];
static size_t notes_size;

static inline int64_t now_ms(void)
{
    return (rw_loop_now(loop) - RW_SECOND) / 1000000;
}

/* The deadline `ms` after the beginning of the world. */
static inline int64_t at(int64_t ms)
{
    return RW_SECOND + ms * 1000000;
}

__attribute__((format(printf, 1, 2))) static inline void note(const char *format, ...)
{
    va_list arguments;
    size_t left = sizeof notes - notes_size;

    if (notes_size > 0 && left > 1) {
        notes[notes_size++] = ' ';
        left--;
    }
    va_start(arguments, format);
    int size = vsnprintf(notes + notes_size, left, format, arguments);

    va_end(arguments);
    notes_size += (size_t)size < left ? (size_t)size : left - 1;
}

static inline const char *noted(void)
{
    notes[notes_size] = '\0';
    notes_size = 0;
    return notes;
}

/* A fresh simulated loop; false when a test makes memory run out. */
static inline bool world_begin(void)
{
    notes_size = 0;
    sim = rw_sim_new(NULL);
    struct rw_loop_options options = {.sim = sim};

    loop = sim != NULL ? rw_loop_new(&options) : NULL;
    if (loop == NULL) {
        rw_sim_free(sim);
        sim = NULL;
    }
    return loop != NULL;
}

/* Nothing may be left of what the test made. */
static inline bool world_is_empty(void)
{
    struct rw_stats stats;

    rw_stats(loop, &stats);
    if (stats.tasks_live + stats.objects_live + stats.futures_live + stats.timers_armed == 0) {
        return true;
    }
    printf("# left over: %llu tasks, %llu objects, %llu futures, %llu timers\n",
           (unsigned long long)stats.tasks_live, (unsigned long long)stats.objects_live,
           (unsigned long long)stats.futures_live, (unsigned long long)stats.timers_armed);
    return false;
}

static inline void world_end(void)
{
    rw_loop_free(loop);
    rw_sim_free(sim);
    loop = NULL;
    sim = NULL;
}

/* Turns, waiting in virtual time, until nothing can happen any more. */
static inline void run_all(void)
{
    while (!rw_loop_is_idle(loop)) {
        if (rw_loop_turn(loop, RW_TURN_WAIT, 0) < 0) {
            return;
        }
    }
}

/* `count` turns that do not wait. */
static inline void run_turns(int count)
{
    while (count-- > 0) {
        rw_loop_turn(loop, 0, 0);
    }
}

/* ---- gates ------------------------------------------------------------------------------------------------------
 *
 * A gate is a leaf that a test opens by hand, and that counts what is done to it. */

struct gate {
    struct rw_value value;
    struct rw_waker waker;
    bool is_open;
    bool is_deaf; /* its future does not end when it is asked to */
    int poll_count;
    int cancel_count;
    int drop_count;
};

struct gate_future {
    struct rw_future base;
    struct gate *gate;
};

static inline enum rw_poll gate_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct gate *gate = ((struct gate_future *)self)->gate;

    gate->poll_count++;
    if (!gate->is_open && ((self->state & RW_FUTURE_CANCELLED) == 0 || gate->is_deaf)) {
        gate->waker = cx->waker;
        return RW_PENDING;
    }
    if (!rw_budget_take(cx)) {
        return RW_PENDING;
    }
    gate->waker.vtable = NULL;
    *out = gate->is_open ? rw_value_clone(&gate->value) : rw_failure(RW_ERR_CANCELLED);
    return RW_READY;
}

static inline void gate_cancel(struct rw_future *self)
{
    struct gate *gate = ((struct gate_future *)self)->gate;

    gate->cancel_count++;
    if (gate->waker.vtable != NULL) {
        rw_waker_wake(&gate->waker);
    }
}

static inline void gate_drop(struct rw_future *self)
{
    struct gate *gate = ((struct gate_future *)self)->gate;

    gate->drop_count++;
    gate->waker.vtable = NULL;
    rw_loop_release(loop, self, sizeof(struct gate_future));
}

static const struct rw_future_vtable gate_vtable = {"gate", 0, gate_poll, gate_cancel, gate_drop};
/* One whose dropping is all there is to cancel it. */
static const struct rw_future_vtable bare_gate_vtable = {"bare gate", 0, gate_poll, NULL, gate_drop};

static inline struct rw_future *gate_wait_with(struct gate *gate, const struct rw_future_vtable *vtable)
{
    struct gate_future *future = rw_loop_alloc(loop, sizeof *future);

    if (future == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    rw_future_init(&future->base, vtable);
    future->gate = gate;
    return &future->base;
}

static inline struct rw_future *gate_wait(struct gate *gate)
{
    return gate_wait_with(gate, &gate_vtable);
}

static inline struct rw_future *bare_gate_wait(struct gate *gate)
{
    return gate_wait_with(gate, &bare_gate_vtable);
}

static inline void gate_open(struct gate *gate, struct rw_value value)
{
    gate->value = value;
    gate->is_open = true;
    if (gate->waker.vtable != NULL) {
        rw_waker_wake(&gate->waker);
    }
}

/* ---- scripts --------------------------------------------------------------------------------------------------- */

#define SCRIPT_BEGIN(self)                                                                                   \
    switch ((self)->line) {                                                                                  \
    case 0:

#define AWAIT(self, future)                                                                                  \
    do {                                                                                                     \
        (self)->line = __LINE__;                                                                             \
        return (future);                                                                                     \
    case __LINE__:;                                                                                          \
    } while (0)

#define SCRIPT_END(self, value)                                                                              \
    }                                                                                                        \
    (self)->out = (value);                                                                                   \
    return NULL

#define SCRIPT_RETURN(self, value)                                                                           \
    do {                                                                                                     \
        (self)->out = (value);                                                                               \
        return NULL;                                                                                         \
    } while (0)

/* Waits for the children of scopes[index] and leaves it: self->in is its outcome. */
#define LEAVE(self, index, body)                                                                             \
    do {                                                                                                     \
        AWAIT(self, rw_scope_join((self)->scopes[index], body));                                             \
        script_close(self, index);                                                                           \
    } while (0)

static inline void script_close(struct script *self, int index)
{
    rw_value_drop(&self->in);
    int err = rw_scope_close(self->scopes[index], &self->in);

    if (err == 0) {
        self->scopes[index] = NULL;
    } else {
        self->in = rw_failure(err);
    }
}

/* Ends a script with what its last await gave. */
static inline struct rw_value take_in(struct script *self)
{
    struct rw_value in = self->in;

    self->in = rw_nil();
    return in;
}

static inline enum rw_poll script_poll(struct rw_future *future, struct rw_context *cx, struct rw_value *out)
{
    struct script *self = (struct script *)future;

    self->task = cx->task;
    for (;;) {
        if (self->leaf != NULL) {
            rw_value_drop(&self->in);
            if (rw_task_await(cx, self->leaf, &self->in) == RW_PENDING) {
                return RW_PENDING;
            }
            rw_future_drop(self->leaf);
        }
        self->leaf = self->run(self);
        if (self->leaf == NULL) {
            *out = self->out;
            self->out = rw_nil();
            return RW_READY;
        }
    }
}

static inline void script_drop(struct rw_future *future)
{
    struct script *self = (struct script *)future;

    rw_future_drop(self->leaf);
    for (int i = SCRIPT_SCOPES - 1; i >= 0; i--) {
        if (self->scopes[i] != NULL) {
            rw_scope_abandon(self->scopes[i]);
        }
    }
    rw_value_drop(&self->in);
    rw_value_drop(&self->out);
    rw_loop_release(self->loop, self, sizeof *self);
}

static const struct rw_future_vtable script_vtable = {"script", RW_FUTURE_COROUTINE, script_poll, NULL,
                                                      script_drop};

/* A script as a future; NULL on no memory. */
static inline struct script *script_new_with(const struct rw_future_vtable *vtable, script_function *run,
                                             void *data)
{
    struct script *self = rw_loop_alloc(loop, sizeof *self);

    if (self != NULL) {
        *self = (struct script){.loop = loop, .run = run, .data = data};
        rw_future_init(&self->base, vtable);
    }
    return self;
}

static inline struct rw_future *script_new(script_function *run, void *data)
{
    struct script *self = script_new_with(&script_vtable, run, data);

    return self != NULL ? &self->base : rw_failed(loop, RW_ERR_NOMEM);
}

static inline struct rw_task *script_spawn(script_function *run, void *data)
{
    return rw_spawn(loop, script_new(run, data), NULL);
}

static inline struct rw_task *script_spawn_in(struct rw_scope *scope, script_function *run, void *data)
{
    return rw_scope_spawn(scope, script_new(run, data), NULL);
}

/* A child that sleeps until `ms` and notes how that ended. */
static inline struct rw_future *sleeper(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_sleep_until(self->loop, at(self->n)));
    note("%s%lld@%lld", rw_is_failure(&self->in) ? rw_err_code(self->in.code) : "slept", (long long)self->n,
         (long long)now_ms());
    SCRIPT_END(self, take_in(self));
}

/* A child that sleeps until `ms` and fails then. */
static inline struct rw_future *failer(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_sleep_until(self->loop, at(self->n)));
    if (rw_is_failure(&self->in)) {
        SCRIPT_RETURN(self, take_in(self));
    }
    SCRIPT_END(self, rw_failure_format(RW_ERR_SCRIPT, "failed%lld", (long long)self->n));
}

/* A child that swallows its cancellation once, and needs until `ms` to clean up. */
static inline struct rw_future *cleaner(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_sleep_until(self->loop, RW_NEVER));
    note("cleaning@%lld", (long long)now_ms());
    AWAIT(self, rw_shield(self->loop, rw_sleep_until(self->loop, at(self->n)), RW_NEVER));
    note("clean@%lld", (long long)now_ms());
    SCRIPT_END(self, rw_failure(RW_ERR_CANCELLED));
}

static inline struct rw_task *spawn_at(struct rw_scope *scope, script_function *run, int64_t ms)
{
    struct script *self = script_new_with(&script_vtable, run, NULL);

    if (self == NULL) {
        return NULL;
    }
    self->n = ms;
    return scope != NULL ? rw_scope_spawn(scope, &self->base, NULL) : rw_spawn(loop, &self->base, NULL);
}

static inline void start_at(struct rw_scope *scope, script_function *run, int64_t ms)
{
    rw_task_detach(spawn_at(scope, run, ms));
}

/* "ok", or how scripts call the failure. */
static inline const char *outcome_name(const struct rw_value *value)
{
    return rw_is_failure(value) ? rw_err_code(value->code) : "ok";
}

/* What the last await gave. */
static inline const char *got(const struct script *self)
{
    return outcome_name(&self->in);
}

#endif
