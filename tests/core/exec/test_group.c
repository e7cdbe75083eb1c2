/* SPDX-License-Identifier: MIT
 *
 * test_group.c - many futures polled as one: wakes, cloned wakers, cancelling while polling.
 */
#include "exec/group.h"

#include "script.h"

static int wake_count;

static void count_wake(void *data)
{
    (void)data;
    wake_count++;
}

static void drop_counting(void *data)
{
    (void)data;
}

static struct rw_waker clone_counting(void *data);

static const struct rw_waker_vtable counting = {clone_counting, count_wake, drop_counting};

static struct rw_waker clone_counting(void *data)
{
    return (struct rw_waker){&counting, data};
}

static bool next_of(struct rwi_group *group, uint64_t *key, struct rw_value *out)
{
    struct rw_context cx = {{&counting, NULL}, loop, NULL};

    return rwi_group_next(group, &cx, key, out);
}

static void a_fresh_child_is_polled_and_then_only_when_it_was_woken(void)
{
    struct gate gates[3] = {{.poll_count = 0}};
    struct rwi_group group;
    struct rw_value out;
    uint64_t key = 0;

    CHECK(world_begin());
    wake_count = 0;
    rwi_group_init(&group, loop);
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_INT(rwi_group_add(&group, gate_wait(&gates[i]), i), 0);
    }
    CHECK(!next_of(&group, &key, &out));
    CHECK(!next_of(&group, &key, &out));
    gate_open(&gates[1], rw_int(11));
    CHECK_INT(wake_count, 1);
    CHECK(next_of(&group, &key, &out));
    CHECK_INT(key, 1);
    CHECK_INT(out.as.integer, 11);
    CHECK_INT(gates[0].poll_count, 1);
    CHECK_INT(gates[1].drop_count, 1);
    CHECK_INT(group.count, 2);
    rwi_group_fini(&group);
    CHECK_INT(gates[0].drop_count + gates[2].drop_count, 2);
    CHECK(world_is_empty());
    world_end();
}

static void those_woken_earlier_come_first(void)
{
    struct gate gates[5] = {{.poll_count = 0}};
    static const int order[] = {3, 0, 4, 1, 2};
    struct rwi_group group;
    struct rw_value out;
    uint64_t key = 0;

    CHECK(world_begin());
    rwi_group_init(&group, loop);
    for (uint64_t i = 0; i < 5; i++) {
        rwi_group_add(&group, gate_wait(&gates[i]), i);
    }
    CHECK(!next_of(&group, &key, &out));
    for (int i = 0; i < 5; i++) {
        gate_open(&gates[order[i]], rw_nil());
    }
    for (int i = 0; i < 5; i++) {
        CHECK(next_of(&group, &key, &out));
        CHECK_INT(key, order[i]);
    }
    CHECK(!next_of(&group, &key, &out));
    rwi_group_fini(&group);
    world_end();
}

/* A leaf that clones its waker at each poll, as one that another thread will wake. */
struct cloning_future {
    struct rw_future base;
    struct rw_waker *kept;
    int *polls;
};

static enum rw_poll poll_cloning(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct cloning_future *cloning = (struct cloning_future *)self;

    if (++*cloning->polls == 3) {
        *out = rw_int(3);
        return RW_READY;
    }
    rw_waker_drop(cloning->kept);
    *cloning->kept = rw_waker_clone(&cx->waker);
    return RW_PENDING;
}

static void drop_cloning(struct rw_future *self)
{
    rw_loop_release(loop, self, sizeof(struct cloning_future));
}

static const struct rw_future_vtable cloning_vtable = {"cloning", 0, poll_cloning, NULL, drop_cloning};

static struct rw_future *cloning_new(struct rw_waker *kept, int *polls)
{
    struct cloning_future *future = rw_loop_alloc(loop, sizeof *future);

    if (future == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    rw_future_init(&future->base, &cloning_vtable);
    future->kept = kept;
    future->polls = polls;
    return &future->base;
}

static void a_child_whose_waker_was_cloned_is_polled_each_time(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_waker kept = {NULL, NULL};
    struct rwi_group group;
    struct rw_value out;
    uint64_t key = 0;
    int polls = 0;

    CHECK(world_begin());
    wake_count = 0;
    rwi_group_init(&group, loop);
    rwi_group_add(&group, gate_wait(&gate), 0);
    rwi_group_add(&group, cloning_new(&kept, &polls), 1);
    CHECK(!next_of(&group, &key, &out));
    CHECK_INT(group.always_count, 1);
    rw_waker_wake(&kept);
    CHECK_INT(wake_count, 1); /* adding woke nobody: there was no context yet */
    CHECK(!next_of(&group, &key, &out));
    CHECK(next_of(&group, &key, &out));
    CHECK_INT(key, 1);
    CHECK_INT(polls, 3);
    CHECK_INT(gate.poll_count, 1);
    CHECK_INT(group.always_count, 0);
    rw_waker_drop(&kept);
    rwi_group_fini(&group);
    CHECK(world_is_empty());
    world_end();
}

static void a_cloned_waker_of_a_child_deep_inside_wakes_the_task(void)
{
    struct rw_waker kept = {NULL, NULL};
    struct gate gates[2] = {{.poll_count = 0}};
    struct rw_value out = rw_nil();
    int polls = 0;

    CHECK(world_begin());
    struct rw_future *inner = rw_join(loop, cloning_new(&kept, &polls), gate_wait(&gates[0]));
    struct rw_future *outer = rw_join(loop, gate_wait(&gates[1]), inner);
    struct rw_task *task = rw_spawn(loop, outer, NULL);

    run_turns(1);
    for (int i = 0; i < 2; i++) {
        rw_waker_wake(&kept);
        run_turns(1);
    }
    CHECK_INT(polls, 3);
    rw_waker_drop(&kept);
    gate_open(&gates[0], rw_int(1));
    gate_open(&gates[1], rw_int(2));
    CHECK_INT(rw_block_on(loop, rw_task_join(task), &out), 0);
    CHECK_INT(rw_list_count(out.as.list), 2);
    rw_value_drop(&out);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static struct rw_value cancel_current(void *arg, struct rw_value value)
{
    (void)arg;
    rw_task_cancel(rw_task_current(loop), NULL);
    return value;
}

static void a_child_may_cancel_the_whole_while_it_is_polled(void)
{
    struct gate gates[2] = {{.poll_count = 0}};

    CHECK(world_begin());
    struct rw_future *canceller = rw_map(loop, rw_ready(loop, rw_int(1)), cancel_current, NULL, NULL);
    struct rw_future *futures[3] = {gate_wait(&gates[0]), canceller, gate_wait(&gates[1])};
    struct rw_task *task = rw_spawn(loop, rw_join_all(loop, futures, 3), NULL);

    run_all();
    CHECK(rw_task_is_done(task));
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    CHECK_INT(gates[0].drop_count + gates[1].drop_count, 2);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void random_groups_agree_with_a_plain_model(void)
{
    static struct gate gates[32];
    bool alive[32] = {false};
    struct rwi_group group;
    struct rw_value out;
    uint64_t key = 0;
    size_t count = 0;

    CHECK(world_begin());
    rwi_group_init(&group, loop);
    for (int step = 0; step < 5000; step++) {
        uint64_t i = rw_sim_random(sim) % 32;

        if (!alive[i]) {
            gates[i] = (struct gate){.poll_count = 0};
            CHECK_INT(rwi_group_add(&group, gate_wait(&gates[i]), i), 0);
            alive[i] = true;
            count++;
        } else if (rw_sim_random(sim) % 3 == 0) {
            gate_open(&gates[i], rw_int((int64_t)i));
        } else if (next_of(&group, &key, &out)) {
            CHECK(alive[key]);
            CHECK(gates[key].is_open);
            CHECK_INT(out.as.integer, key);
            alive[key] = false;
            count--;
        }
        CHECK_INT(group.count, count);
    }
    rwi_group_fini(&group);
    CHECK(world_is_empty());
    world_end();
}

static const struct test tests[] = {
    TEST(a_fresh_child_is_polled_and_then_only_when_it_was_woken),
    TEST(those_woken_earlier_come_first),
    TEST(a_child_whose_waker_was_cloned_is_polled_each_time),
    TEST(a_cloned_waker_of_a_child_deep_inside_wakes_the_task),
    TEST(a_child_may_cancel_the_whole_while_it_is_polled),
    TEST(random_groups_agree_with_a_plain_model),
};

TEST_MAIN(tests)
