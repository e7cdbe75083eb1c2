/* SPDX-License-Identifier: MIT
 *
 * schedule.h - runs a program of several threads in every order in which their atomic operations can happen.
 *
 * The threads are coroutines on one real thread. The code under test is compiled with its atomic builtins replaced, so
 * that each of them first gives the explorer a say in who goes on; between two of them a thread runs alone, which
 * loses nothing, since it touches no memory of the others there. The explorer keeps the choices of a run and changes
 * the last one that has an alternative left, until there is none: all interleavings, as under sequential consistency. (Weaker
 * orders are the thread sanitizer's business.)
 *
 * Where that would be too many, `schedule.most_preemptions` bounds how often a thread that could go on is interrupted;
 * experience says that two or three interruptions find what any number of them finds.
 *
 * A run in which everybody is blocked and not all are done is stuck; so is a lost wake-up.
 */
#ifndef RW_TEST_SCHEDULE_H
#define RW_TEST_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

enum { SCHEDULE_THREADS = 4, SCHEDULE_DEPTH = 256, SCHEDULE_STACK = 128 * 1024 };

struct schedule_choice {
    uint8_t taken;
    uint8_t count;
};

struct schedule_thread {
    ucontext_t context;
    void (*body)(int number);
    bool (*may_go_on)(void); /* blocked until this holds; NULL: not blocked */
    bool is_done;
    char stack[SCHEDULE_STACK] __attribute__((aligned(64)));
};

static struct schedule {
    struct schedule_thread threads[SCHEDULE_THREADS];
    int thread_count;
    int current; /* -1: the explorer */
    ucontext_t explorer;
    struct schedule_choice choices[SCHEDULE_DEPTH];
    int depth;  /* choices of this run so far */
    int length; /* choices that are prescribed */
    int last;   /* who ran last */
    int preemptions;
    int most_preemptions; /* of one run; 0: any number */
    bool is_stuck;
} schedule;

/* Others may go on here. Outside a run it does nothing. */
static inline void schedule_point(void)
{
    if (schedule.current >= 0) {
        swapcontext(&schedule.threads[schedule.current].context, &schedule.explorer);
    }
}

static inline void schedule_block_until(bool (*may_go_on)(void))
{
    schedule.threads[schedule.current].may_go_on = may_go_on;
    schedule_point();
}

static inline void schedule_add(void (*body)(int number))
{
    struct schedule_thread *thread = &schedule.threads[schedule.thread_count++];

    thread->body = body;
    thread->may_go_on = NULL;
    thread->is_done = false;
}

static void schedule_enter(int number)
{
    schedule.threads[number].body(number);
    schedule.threads[number].is_done = true;
    swapcontext(&schedule.threads[number].context, &schedule.explorer);
}

/* The threads that can go on, into `able`; first the one that ran last. */
static inline int schedule_able(int *able, int last)
{
    int count = 0;

    for (int i = 0; i < schedule.thread_count; i++) {
        int number = (last + i) % schedule.thread_count;
        struct schedule_thread *thread = &schedule.threads[number];

        if (!thread->is_done && (thread->may_go_on == NULL || thread->may_go_on())) {
            able[count++] = number;
        }
    }
    return count;
}

static inline int schedule_choose(int count)
{
    if (count == 1) {
        return 0;
    }
    struct schedule_choice *choice = &schedule.choices[schedule.depth++];

    if (schedule.depth > schedule.length) {
        *choice = (struct schedule_choice){0, (uint8_t)count};
        schedule.length = schedule.depth;
    }
    return choice->taken;
}

/* A function of its own, because compilers distrust the locals of whoever calls getcontext. */
static __attribute__((noinline)) void schedule_prepare(int number)
{
    struct schedule_thread *thread = &schedule.threads[number];

    getcontext(&thread->context);
    thread->context.uc_stack.ss_sp = thread->stack;
    thread->context.uc_stack.ss_size = sizeof thread->stack;
    thread->context.uc_link = NULL;
    makecontext(&thread->context, (void (*)(void))schedule_enter, 1, number);
}

static inline void schedule_run_once(void)
{
    int able[SCHEDULE_THREADS];
    int count;

    schedule.depth = 0;
    schedule.last = 0;
    schedule.preemptions = 0;
    schedule.is_stuck = false;
    for (int i = 0; i < schedule.thread_count; i++) {
        schedule_prepare(i);
    }
    while ((count = schedule_able(able, schedule.last)) > 0 && schedule.depth < SCHEDULE_DEPTH) {
        bool may_stay = able[0] == schedule.last;
        bool is_used_up = schedule.most_preemptions > 0 && schedule.preemptions == schedule.most_preemptions;

        schedule.current = able[schedule_choose(may_stay && is_used_up ? 1 : count)];
        schedule.preemptions += may_stay && schedule.current != schedule.last;
        schedule.last = schedule.current;
        schedule.threads[schedule.current].may_go_on = NULL;
        swapcontext(&schedule.explorer, &schedule.threads[schedule.current].context);
        schedule.current = -1;
    }
    for (int i = 0; i < schedule.thread_count; i++) {
        schedule.is_stuck = schedule.is_stuck || !schedule.threads[i].is_done;
    }
}

/* Prescribes the next run; false when there is none left. */
static inline bool schedule_advance(void)
{
    while (schedule.length > 0) {
        struct schedule_choice *last = &schedule.choices[schedule.length - 1];

        if (last->taken + 1 < last->count) {
            last->taken++;
            return true;
        }
        schedule.length--;
    }
    return false;
}

/* Runs `begin` (which adds the threads) and `end` around every schedule; `end` says whether all is well. Returns how many
 * schedules there are, or minus the number of the first that was stuck or not well. */
static inline long schedule_all(void (*begin)(void), bool (*end)(void))
{
    long count = 0;

    schedule.current = -1;
    schedule.length = 0;
    do {
        schedule.thread_count = 0;
        begin();
        schedule_run_once();
        count++;
        if (!end() || schedule.is_stuck) {
            return -count;
        }
    } while (schedule_advance());
    return count;
}

/* ---- the builtins, with a point before each -------------------------------------------------------------------------- */

#define __atomic_load_n(place, order) (schedule_point(), *(place))
#define __atomic_store_n(place, value, order) (schedule_point(), (void)(*(place) = (value)))
#define __atomic_exchange_n(place, value, order)                                                             \
    __extension__({                                                                                          \
        schedule_point();                                                                                    \
        __typeof__(*(place)) schedule_before = *(place);                                                     \
        *(place) = (value);                                                                                  \
        schedule_before;                                                                                     \
    })
#define __atomic_compare_exchange_n(place, expected, desired, weak, success, failure)                        \
    __extension__({                                                                                          \
        schedule_point();                                                                                    \
        bool schedule_equal = *(place) == *(expected);                                                       \
        if (schedule_equal) {                                                                                \
            *(place) = (desired);                                                                            \
        } else {                                                                                             \
            *(expected) = *(place);                                                                          \
        }                                                                                                    \
        schedule_equal;                                                                                      \
    })
#define SCHEDULE_MODIFY(place, operation, value)                                                             \
    __extension__({                                                                                          \
        schedule_point();                                                                                    \
        __typeof__(*(place)) schedule_before = *(place);                                                     \
        *(place) = schedule_before operation(value);                                                         \
        schedule_before;                                                                                     \
    })
#define __atomic_fetch_add(place, value, order) SCHEDULE_MODIFY(place, +, value)
#define __atomic_fetch_sub(place, value, order) SCHEDULE_MODIFY(place, -, value)
#define __atomic_fetch_or(place, value, order) SCHEDULE_MODIFY(place, |, value)
#define __atomic_fetch_and(place, value, order) SCHEDULE_MODIFY(place, &, value)
#define __atomic_add_fetch(place, value, order)                                                              \
    __extension__({                                                                                          \
        schedule_point();                                                                                    \
        *(place) += (value);                                                                                 \
    })
#define __atomic_sub_fetch(place, value, order)                                                              \
    __extension__({                                                                                          \
        schedule_point();                                                                                    \
        *(place) -= (value);                                                                                 \
    })

#endif
