/* SPDX-License-Identifier: MIT
 *
 * flow_test.h - a simulated loop, and futures polled by hand with a waker that counts.
 */
#ifndef RW_FLOW_TEST_H
#define RW_FLOW_TEST_H

#include "test.h"

struct rig {
    struct rw_sim *sim;
    struct rw_loop *loop;
};

static inline struct rig rig_open(void)
{
    struct rig rig = {.sim = rw_sim_new(NULL)};
    struct rw_loop_options options = {.sim = rig.sim};

    rig.loop = rig.sim != NULL ? rw_loop_new(&options) : NULL;
    return rig;
}

/* False when something of the loop is still live, which it says. */
static inline bool rig_close(struct rig *rig)
{
    struct rw_stats stats = {0};

    if (rig->loop != NULL) {
        rw_stats(rig->loop, &stats);
    }
    if (stats.futures_live != 0 || stats.objects_live != 0 || stats.timers_armed != 0) {
        printf("# live: %llu futures, %llu objects, %llu timers\n", (unsigned long long)stats.futures_live,
               (unsigned long long)stats.objects_live, (unsigned long long)stats.timers_armed);
    }
    rw_loop_free(rig->loop);
    rw_sim_free(rig->sim);
    return stats.futures_live == 0 && stats.objects_live == 0 && stats.timers_armed == 0;
}

/* Lets that much virtual time pass. */
static inline void rig_pass(struct rig *rig, int64_t delta_ns)
{
    rw_sim_advance(rig->sim, delta_ns);
    rw_loop_turn(rig->loop, 0, 0);
}

/* A future polled by hand. `wakes` counts how often its waker was woken; clones count in the same place. */
struct act {
    struct rw_loop *loop;
    struct rw_future *future;
    int wakes;
    int clones;
};

static inline struct rw_waker act_clone(void *data);

static inline void act_wake(void *data)
{
    __atomic_add_fetch(&((struct act *)data)->wakes, 1, __ATOMIC_RELAXED);
}

static inline void act_release(void *data)
{
    __atomic_sub_fetch(&((struct act *)data)->clones, 1, __ATOMIC_RELAXED);
}

static const struct rw_waker_vtable act_waker = {act_clone, act_wake, act_release};

static inline struct rw_waker act_clone(void *data)
{
    __atomic_add_fetch(&((struct act *)data)->clones, 1, __ATOMIC_RELAXED);
    return (struct rw_waker){&act_waker, data};
}

static inline struct act act_of(struct rig *rig, struct rw_future *future)
{
    return (struct act){.loop = rig->loop, .future = future};
}

static inline enum rw_poll act_poll(struct act *act, struct rw_value *out)
{
    struct rw_context cx = {.waker = {&act_waker, act}, .loop = act->loop};

    *out = rw_nil();
    return rw_poll(act->future, &cx, out);
}

static inline void act_drop(struct act *act)
{
    rw_future_drop(act->future);
    act->future = NULL;
}

/* Polls; true when pending. */
static inline bool act_waits(struct act *act)
{
    struct rw_value out;
    bool waits = act_poll(act, &out) == RW_PENDING;

    if (!waits) {
        printf("# ready, kind %s, code %d\n", rw_kind_name(out.kind), out.code);
        rw_value_drop(&out);
    }
    return waits;
}

/* Polls and drops; the integer it is ready with, its (negative) failure, or -1000 when pending, -1001 for another kind. */
static inline long long act_int(struct act *act)
{
    struct rw_value out;
    long long result = -1001;

    if (act_poll(act, &out) == RW_PENDING) {
        return -1000;
    }
    if (rw_is_failure(&out)) {
        result = out.code;
    } else if (out.kind == RW_KIND_INT) {
        result = out.as.integer;
    } else if (out.kind == RW_KIND_NIL) {
        result = 0;
    }
    rw_value_drop(&out);
    act_drop(act);
    return result;
}

/* The same for a future that should be ready at its first poll. */
static inline long long ready_int(struct rig *rig, struct rw_future *future)
{
    struct act act = act_of(rig, future);
    long long result = act_int(&act);

    if (act.future != NULL) {
        act_drop(&act);
    }
    return result;
}

/* A future that is `run(arg)` with its task's context, and then ready with nil. */
struct inside {
    struct rw_future future;
    void (*run)(void *arg, struct rw_context *cx);
    void *arg;
};

static inline enum rw_poll inside_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct inside *inside = (struct inside *)self;

    inside->run(inside->arg, cx);
    *out = rw_nil();
    return RW_READY;
}

static inline void inside_drop(struct rw_future *self)
{
    ((struct inside *)self)->run = NULL;
}

/* Runs `run(arg)` in a task of its own. */
static inline void run_inside(struct rig *rig, void (*run)(void *arg, struct rw_context *cx), void *arg)
{
    static const struct rw_future_vtable vtable = {"inside", RW_FUTURE_COROUTINE, inside_poll, NULL,
                                                   inside_drop};
    struct inside inside = {.run = run, .arg = arg};
    struct rw_value out;

    rw_future_init(&inside.future, &vtable);
    CHECK_INT(rw_block_on(rig->loop, &inside.future, &out), 0);
    CHECK_INT(out.kind, RW_KIND_NIL);
}

/* Two tests of one function that takes rw_channel_flags: on a LOCAL and on a SHARED channel. */
#define BOTH(function)                                                                                       \
    static void local_##function(void)                                                                       \
    {                                                                                                        \
        function(RW_CHANNEL_LOCAL);                                                                          \
    }                                                                                                        \
    static void shared_##function(void)                                                                      \
    {                                                                                                        \
        function(RW_CHANNEL_SHARED);                                                                         \
    }

#define TEST_BOTH(function) TEST(local_##function), TEST(shared_##function)

#endif
