/* SPDX-License-Identifier: MIT
 *
 * stream_test.h - streams of numbers, and functions for adapters.
 */
#ifndef RW_STREAM_TEST_H
#define RW_STREAM_TEST_H

#include "flow/flow_test.h"

/* 1 .. count */
static inline struct rw_stream *numbers(struct rig *rig, int count)
{
    struct rw_list *list = rw_list_new(0);
    struct rw_stream *stream = NULL;

    for (int i = 1; list != NULL && i <= count; i++) {
        if (rw_list_push(list, rw_int(i)) != 0) {
            struct rw_value partial = rw_value_of_list(list);

            rw_value_drop(&partial);
            return NULL;
        }
    }
    if (list != NULL) {
        struct rw_value value = rw_value_of_list(list);

        stream = rw_stream_of_list(rig->loop, list);
        rw_value_drop(&value);
    }
    return stream;
}

/* The next item at the first poll; see ready_int. */
static inline long long next_int(struct rig *rig, struct rw_stream *stream)
{
    return ready_int(rig, rw_stream_next(stream));
}

/* Takes all items of a stream that never waits: their sum, or the failure. Takes the stream; NULL gives 0. */
static inline long long drain(struct rig *rig, struct rw_stream *stream)
{
    long long sum = 0;
    long long item = 0;

    while (stream != NULL && (item = next_int(rig, stream)) >= 0) {
        sum += item;
    }
    rw_stream_unref(stream);
    return item == RW_ERR_END || item == 0 ? sum : item;
}

static inline struct rw_future *times_ten(void *arg, struct rw_value item)
{
    return rw_ready(arg, rw_int(item.as.integer * 10));
}

static inline struct rw_future *is_even(void *arg, const struct rw_value *item)
{
    return rw_ready(arg, rw_bool(item->as.integer % 2 == 0));
}

/* Fails at 3. */
static inline struct rw_future *no_threes(void *arg, struct rw_value item)
{
    return rw_ready(arg, item.as.integer == 3 ? rw_failure(RW_ERR_LIMIT) : item);
}

/* Opens a rig, runs body and closes it, with each allocation failing in turn. */
#define SURVIVES(body)                                                                                       \
    static void run_##body(void)                                                                             \
    {                                                                                                        \
        struct rig rig = rig_open();                                                                         \
        if (rig.loop != NULL) {                                                                              \
            body(&rig);                                                                                      \
        }                                                                                                    \
        rw_loop_free(rig.loop);                                                                              \
        rw_sim_free(rig.sim);                                                                                \
    }                                                                                                        \
    static void every_failing_allocation_is_survived(void)                                                   \
    {                                                                                                        \
        test_each_allocation(run_##body);                                                                    \
    }

#endif
