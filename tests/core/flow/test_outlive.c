/* SPDX-License-Identifier: MIT
 *
 * test_outlive.c - everything made on a loop may be let go of after the loop has ended, with waits in flight.
 */
#include "flow/stream_test.h"

enum { WAITS = 11 };

struct things {
    struct rw_sender *tx;
    struct rw_receiver *rx;
    struct rw_oneshot_sender *oneshot;
    struct rw_promise *promise;
    struct rw_stream *interval;
    struct rw_stream *mapped;
    struct rw_sink *sink;
    struct rw_broadcast *broadcast;
    struct rw_broadcast_receiver *listener;
    struct rw_watch_cell *cell;
    struct rw_watch_receiver *watcher;
    struct rw_semaphore *semaphore;
    struct rw_mutex *mutex;
    struct rw_condition *condition;
    struct rw_barrier *barrier;
    struct rw_once *once;
    struct rw_notify *notify;
    struct act waits[WAITS];
};

static void make_things(struct rig *rig, struct things *things)
{
    struct rw_loop *loop = rig->loop;

    rw_channel_open(loop, 1, 0, &things->tx, &things->rx);
    things->promise = rw_promise_new(loop);
    things->interval = rw_interval(loop, RW_SECOND);
    things->mapped = rw_stream_map(numbers(rig, 3), times_ten, NULL, loop);
    things->sink = rw_sink_of_channel(loop, things->tx);
    things->broadcast = rw_broadcast_new(loop, 2);
    things->listener = rw_broadcast_subscribe(things->broadcast);
    things->cell = rw_watch_cell_new(loop, rw_int(1));
    things->watcher = rw_watch_cell_subscribe(things->cell);
    things->semaphore = rw_semaphore_new(loop, 1);
    things->mutex = rw_mutex_new(loop);
    things->condition = rw_condition_new(loop);
    things->barrier = rw_barrier_new(loop, 2);
    things->once = rw_once_new(loop);
    things->notify = rw_notify_new(loop);
}

static void make_waits(struct rig *rig, struct things *things)
{
    struct rw_select_case cases[] = {
        {.kind = RW_SELECT_RECEIVE, .receiver = things->rx},
        {.kind = RW_SELECT_DEADLINE, .deadline_ns = rw_deadline_after(rig->loop, RW_SECOND)}};
    struct rw_future *received;

    rw_oneshot_open(rig->loop, &things->oneshot, &received);
    struct rw_future *futures[WAITS] = {received,
                                        rw_channel_receive(rig->loop, things->rx),
                                        rw_promise_wait(things->promise),
                                        rw_broadcast_receive(things->listener),
                                        rw_watch_receiver_changed(things->watcher),
                                        rw_semaphore_acquire(things->semaphore, 2),
                                        rw_condition_wait(things->condition, things->mutex),
                                        rw_barrier_wait(things->barrier),
                                        rw_notify_wait(things->notify),
                                        rw_stream_next(things->interval),
                                        rw_select(rig->loop, cases, 2, 0)};

    for (int i = 0; i < WAITS; i++) {
        things->waits[i] = act_of(rig, futures[i]);
    }
}

/* Does to each what would wake its waiter. */
static void touch_things(struct things *things)
{
    struct rw_value value = rw_int(1);

    rw_channel_try_send(things->tx, &value);
    rw_promise_resolve(things->promise, rw_int(1));
    rw_broadcast_send(things->broadcast, rw_int(2));
    rw_watch_cell_send(things->cell, rw_int(2));
    rw_semaphore_release(things->semaphore, 1);
    rw_condition_notify(things->condition, 1);
    rw_notify_one(things->notify);
}

static void drop_things(struct things *things)
{
    for (int i = 0; i < WAITS; i++) {
        act_drop(&things->waits[i]);
    }
    rw_oneshot_unref(things->oneshot);
    rw_promise_unref(things->promise);
    rw_stream_unref(things->interval);
    rw_stream_unref(things->mapped);
    rw_sink_unref(things->sink);
    rw_broadcast_unref(things->broadcast);
    rw_broadcast_receiver_unref(things->listener);
    rw_watch_cell_unref(things->cell);
    rw_watch_receiver_unref(things->watcher);
    rw_semaphore_unref(things->semaphore);
    rw_mutex_unref(things->mutex);
    rw_condition_unref(things->condition);
    rw_barrier_unref(things->barrier);
    rw_once_unref(things->once);
    rw_notify_unref(things->notify);
    rw_sender_unref(things->tx);
    rw_receiver_unref(things->rx);
}

static void everything_may_outlive_its_loop(void)
{
    struct rig rig = rig_open();
    struct things things;

    make_things(&rig, &things);
    make_waits(&rig, &things);
    CHECK_INT(next_int(&rig, things.interval), 0);
    CHECK(rw_mutex_try_lock(things.mutex));
    for (int i = 0; i < WAITS; i++) {
        CHECK(act_waits(&things.waits[i]));
    }
    rw_loop_free(rig.loop);
    rw_sim_free(rig.sim);
    touch_things(&things);
    drop_things(&things);
}

static const struct test tests[] = {TEST(everything_may_outlive_its_loop)};

TEST_MAIN(tests)
