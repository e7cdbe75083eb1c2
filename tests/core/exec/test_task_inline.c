/* SPDX-License-Identifier: MIT
 *
 * test_task_inline.c - futures that lie in their task.
 */
#include "script.h"

struct inner {
    struct rw_future base;
    struct gate *gate;
    char filling[100];
};

static int inner_drops;

static enum rw_poll poll_inner(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct inner *inner = (struct inner *)self;

    for (size_t i = 0; i < sizeof inner->filling; i++) {
        if (inner->filling[i] != (char)i) {
            note("overwritten");
        }
    }
    if (inner->gate->is_open) {
        *out = rw_value_clone(&inner->gate->value);
        return RW_READY;
    }
    inner->gate->waker = cx->waker;
    return RW_PENDING;
}

static void drop_inner(struct rw_future *self)
{
    ((struct inner *)self)->gate->waker.vtable = NULL;
    inner_drops++;
}

static const struct rw_future_vtable inner_vtable = {"inner", 0, poll_inner, NULL, drop_inner};

static struct rw_task *spawn_inner(struct gate *gate, const struct rw_spawn_options *options)
{
    struct rw_future *future;
    struct rw_task *task = rw_spawn_inline(loop, &inner_vtable, sizeof(struct inner), options, &future);
    struct inner *inner = (struct inner *)future;

    inner_drops = 0;
    if (task == NULL) {
        note(future == NULL ? "" : "a future without a task");
        return NULL;
    }
    inner->gate = gate;
    for (size_t i = 0; i < sizeof inner->filling; i++) {
        inner->filling[i] = (char)i;
    }
    return task;
}

static void a_future_may_lie_in_its_task(void)
{
    struct gate gate = {.poll_count = 0};
    struct rw_spawn_options options = {.name = "inline"};
    struct rw_value out;

    CHECK(world_begin());
    struct rw_task *task = spawn_inner(&gate, &options);

    CHECK_TEXT(rw_task_name(task), "inline");
    run_turns(1);
    CHECK(!rw_task_is_done(task));
    gate_open(&gate, rw_text_of("from inside"));
    CHECK_INT(rw_block_on(loop, rw_task_join(task), &out), 0);
    CHECK_TEXT(rw_value_data(&out, NULL), "from inside");
    rw_value_drop(&out);
    CHECK_INT(inner_drops, 1);
    rw_task_unref(task);
    rw_value_drop(&gate.value);
    CHECK_TEXT(noted(), "");
    CHECK(world_is_empty());
    world_end();
}

static void a_future_in_its_task_ends_with_it_however_that_ends(void)
{
    struct gate gate = {.poll_count = 0};

    CHECK(world_begin());
    struct rw_task *task = spawn_inner(&gate, NULL);

    rw_task_cancel(task, NULL); /* before its first run */
    run_all();
    CHECK_INT(inner_drops, 1);
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    rw_task_unref(task);
    rw_task_detach(spawn_inner(&gate, NULL));
    run_turns(1);
    CHECK_INT(rw_loop_is_idle(loop), true);
    world_end(); /* the loop ends it */
    CHECK_INT(inner_drops, 1);
    CHECK_TEXT(noted(), "");
}

static void a_task_with_its_future_survives_a_failing_allocation(void)
{
    struct gate gate = {.is_open = true, .value = rw_int(1)};
    struct rw_spawn_options options = {.name = "inline"};

    if (!world_begin()) {
        return;
    }
    struct rw_task *task = spawn_inner(&gate, &options);

    if (task != NULL) {
        run_all();
        CHECK_INT(inner_drops, 1);
        rw_task_unref(task);
    }
    CHECK(world_is_empty());
    world_end();
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(a_task_with_its_future_survives_a_failing_allocation);
}

static const struct test tests[] = {
    TEST(a_future_may_lie_in_its_task),
    TEST(a_future_in_its_task_ends_with_it_however_that_ends),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
