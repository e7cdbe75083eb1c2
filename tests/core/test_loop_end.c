/* SPDX-License-Identifier: MIT
 *
 * test_loop_end.c - the end of a loop, what outlives it, and what a forked child may do with it.
 */
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/script.h"

static bool real_begin(void)
{
    notes_size = 0;
    loop = rw_loop_new(NULL);
    return loop != NULL;
}

static void real_end(void)
{
    rw_loop_free(loop);
    loop = NULL;
}

/* ---- the end ------------------------------------------------------------------------------------------------------------ */

static struct rw_future *clean_up_slowly(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_sleep_until(self->loop, RW_NEVER));
    note("%s", got(self));
    AWAIT(self, rw_shield(self->loop, rw_yield_now(self->loop), RW_NEVER));
    AWAIT(self, rw_shield(self->loop, rw_yield_now(self->loop), RW_NEVER));
    note("clean");
    SCRIPT_END(self, rw_nil());
}

static struct rw_future *never_give_up(struct script *self)
{
    SCRIPT_BEGIN(self);
    for (;;) {
        AWAIT(self, rw_sleep_until(self->loop, RW_NEVER));
        self->n++;
    }
    SCRIPT_END(self, rw_nil());
}

static void an_ending_loop_lets_its_tasks_clean_up_for_some_turns(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(clean_up_slowly, NULL));
    rw_task_detach(script_spawn(never_give_up, NULL));
    run_turns(1);
    world_end();
    CHECK_TEXT(noted(), "cancelled clean");
    rw_loop_free(NULL);
}

static struct rw_future *yield_for_ever(struct script *self)
{
    SCRIPT_BEGIN(self);
    for (;;) {
        self->n++;
        AWAIT(self, rw_shield(self->loop, rw_yield_now(self->loop), RW_NEVER));
    }
    SCRIPT_END(self, rw_nil());
}

static void a_task_that_ends_never_does_not_keep_a_loop_from_ending(void)
{
    CHECK(world_begin());
    rw_task_detach(script_spawn(yield_for_ever, NULL));
    run_turns(1);
    world_end();
}

static void objects_and_futures_outlive_their_loop(void)
{
    struct gate gate = {.is_deaf = true};
    struct rw_abortable *abortable = NULL;

    CHECK(world_begin());
    struct rw_task *task = rw_spawn(loop, gate_wait(&gate), NULL);
    struct rw_future *join = rw_task_join(task);
    struct rw_future *sleep = rw_timeout(loop, rw_sleep_until(loop, at(5)), at(9));
    struct rw_future *group =
        rw_join(loop, gate_wait(&gate), rw_abortable(loop, rw_yield_now(loop), &abortable));
    struct rw_join_set *set = rw_join_set_new(loop);
    struct rw_abort_handle *abort_handle = rw_task_abort_handle(task);
    struct rw_scope *scope = rw_scope_open(task, NULL);

    rw_scope_ref(scope);
    rw_join_set_add(set, gate_wait(&gate), 1);
    run_turns(1);
    rw_loop_free(loop);
    CHECK_INT(gate.drop_count, 1);
    CHECK(!rw_scope_is_open(scope));
    CHECK_INT(rw_task_value(task)->code, RW_ERR_CANCELLED);
    CHECK(rw_spawn(loop, rw_failed(loop, RW_ERR_CLOSED), NULL) == NULL);
    rw_abortable_abort(abortable);
    rw_abortable_unref(abortable);
    rw_future_drop(join);
    rw_join_set_free(set);
    rw_future_drop(group);
    rw_scope_unref(scope);
    rw_scope_abandon(scope);
    rw_future_drop(sleep);
    CHECK_INT(rw_abort_handle_cancel(abort_handle), RW_ERR_CLOSED);
    rw_abort_handle_unref(abort_handle);
    rw_task_unref(task); /* the last: the loop's memory goes with it */
    CHECK_INT(gate.drop_count, 3);
    rw_sim_free(sim);
}

/* ---- fork ---------------------------------------------------------------------------------------------------------------- */

static int leave_child(struct rw_waker *kept)
{
    struct rw_value out;

    rw_loop_after_fork(loop);
    if (rw_loop_turn(loop, 0, 0) != RW_ERR_STATE) {
        return 2;
    }
    if (rw_block_on(loop, rw_failed(loop, RW_ERR_CLOSED), &out) == 0) {
        return 3;
    }
    if (kept->vtable != NULL) {
        rw_waker_wake(kept);
        rw_waker_drop(kept);
    }
    rw_loop_free(loop);
    return 0;
}

struct forking_future {
    struct rw_future base;
    struct rw_waker *kept;
};

static enum rw_poll poll_forking(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct forking_future *forking = (struct forking_future *)self;

    (void)out;
    if (forking->kept->vtable == NULL) {
        *forking->kept = rw_waker_clone(&cx->waker);
    }
    return RW_PENDING;
}

static void drop_forking(struct rw_future *self)
{
    rw_loop_release(loop, self, sizeof(struct forking_future));
}

static const struct rw_future_vtable forking_vtable = {"forking", 0, poll_forking, NULL, drop_forking};

static void a_forked_child_frees_its_loop_and_the_parent_notices_nothing(void)
{
    struct rw_waker kept = {NULL, NULL};
    int status = 0;

    CHECK(real_begin());
    struct forking_future *future = rw_loop_alloc(loop, sizeof *future);

    rw_future_init(&future->base, &forking_vtable);
    future->kept = &kept;
    rw_task_detach(rw_spawn(loop, &future->base, NULL));
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 0);
    struct pollfd event = {.fd = rw_loop_fd(loop), .events = POLLIN};

    fflush(stdout);
    pid_t child = fork();

    if (child == 0) {
        _exit(leave_child(&kept));
    }
    CHECK(child > 0);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    CHECK_INT(poll(&event, 1, 0), 0); /* the child's wake was not ours */
    CHECK_INT(rw_loop_turn(loop, 0, 0), 0);
    rw_waker_wake(&kept);
    CHECK_INT(poll(&event, 1, 0), 1);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    rw_waker_drop(&kept);
    real_end();
}

static const struct test tests[] = {
    TEST(an_ending_loop_lets_its_tasks_clean_up_for_some_turns),
    TEST(a_task_that_ends_never_does_not_keep_a_loop_from_ending),
    TEST(objects_and_futures_outlive_their_loop),
    TEST(a_forked_child_frees_its_loop_and_the_parent_notices_nothing),
};

TEST_MAIN(tests)
