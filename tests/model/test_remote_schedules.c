/* SPDX-License-Identifier: MIT
 *
 * test_remote_schedules.c - a waker in another thread's hand against a guest's loop, in every order of their atomic
 * operations: waking, cancelling, letting go, and the end of the task.
 */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#undef RW_CHECK_LEVEL
#define RW_CHECK_LEVEL 1

#include "base/check.h"
#include "base/mem.h"
#include "exec/tree.h"
#include "exec/executor.h"

#include "schedule.h"

/* The real write, and others may go on before it. */
static ssize_t write_later(int fd, const void *data, size_t size)
{
    schedule_point();
    return write(fd, data, size);
}

#define write write_later
#include "base/inbox.c"
#undef write
#include "exec/waker.c"

static struct rw_loop *loop;
static struct rw_task *task;
static struct rw_waker waker;
static struct rw_abort_handle *handle;
static bool flag;
static bool flag_seen;
static int poll_count;

static enum rw_poll poll_flag(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    (void)self;
    poll_count++;
    if (flag) {
        flag_seen = true;
        *out = rw_nil();
        return RW_READY;
    }
    if (waker.vtable == NULL) {
        waker = rw_waker_clone(&cx->waker);
    }
    return RW_PENDING;
}

static void drop_flag(struct rw_future *self)
{
    rw_loop_release(loop, self, sizeof *self);
}

static const struct rw_future_vtable flag_vtable = {"flag", 0, poll_flag, NULL, drop_flag};

static bool guest_may_go_on(void)
{
    struct pollfd event = {.fd = rw_loop_fd(loop), .events = POLLIN};

    return rw_loop_deadline(loop) != RW_NEVER || poll(&event, 1, 0) > 0;
}

static void run_guest(int number)
{
    (void)number;
    while (!rw_task_is_done(task)) {
        schedule_block_until(guest_may_go_on);
        rw_loop_turn(loop, 0, 0);
    }
}

static void set_flag_and_wake(int number)
{
    (void)number;
    flag = true;
    rw_waker_wake(&waker);
    rw_waker_drop(&waker);
}

/* A task that waits for the flag; its waker is out. */
static void begin_task(void)
{
    struct rw_future *future;

    schedule.most_preemptions = 4;
    loop = rw_loop_new(NULL);
    waker.vtable = NULL;
    flag = flag_seen = false;
    poll_count = 0;
    future = rw_loop_alloc(loop, sizeof *future);
    rw_future_init(future, &flag_vtable);
    task = rw_spawn(loop, future, NULL);
    rw_loop_turn(loop, 0, 0);
    handle = rw_task_abort_handle(task);
}

static bool end_task(void)
{
    bool is_done = rw_task_is_done(task);

    rw_waker_drop(&waker);
    rw_abort_handle_unref(handle);
    rw_task_unref(task);
    rw_loop_free(loop);
    return is_done;
}

static void waking(void)
{
    begin_task();
    schedule_add(run_guest);
    schedule_add(set_flag_and_wake);
}

static bool end_waking(void)
{
    bool is_well = flag_seen && poll_count == 2;

    return end_task() && is_well;
}

static void cancel_from_outside(int number)
{
    (void)number;
    (void)rw_abort_handle_cancel(handle);
}

static void cancelling(void)
{
    begin_task();
    rw_task_wake(task); /* the guest is awake at first */
    schedule_add(run_guest);
    schedule_add(cancel_from_outside);
}

static bool end_cancelling(void)
{
    bool is_well = poll_count <= 2;

    return end_task() && is_well;
}

static void cancel_at_home(int number)
{
    rw_task_cancel(task, NULL);
    run_guest(number);
    rw_loop_turn(loop, 0, 0);
}

static void ending(void)
{
    begin_task();
    schedule_add(cancel_at_home);
    schedule_add(set_flag_and_wake);
}

static void free_loop_at_home(int number)
{
    (void)number;
    rw_loop_free(loop);
}

static void freeing(void)
{
    begin_task();
    schedule_add(free_loop_at_home);
    schedule_add(set_flag_and_wake);
}

static bool end_freeing(void)
{
    bool is_done = rw_task_is_done(task);

    rw_waker_drop(&waker);
    rw_abort_handle_unref(handle);
    rw_task_unref(task);
    return is_done;
}

#if defined(__SANITIZE_THREAD__)
#define SKIP_ELSEWHERE()                                                                                     \
    do {                                                                                                     \
        test_skip("coroutines are not threads");                                                             \
        return;                                                                                              \
    } while (0)
#else
#define SKIP_ELSEWHERE()
#endif

static void a_flag_set_before_a_wake_is_seen_in_any_schedule(void)
{
    SKIP_ELSEWHERE();
    CHECK(schedule_all(waking, end_waking) > 100);
}

static void an_abort_from_outside_arrives_in_any_schedule(void)
{
    SKIP_ELSEWHERE();
    CHECK(schedule_all(cancelling, end_cancelling) > 20);
}

static void a_wake_may_meet_the_end_of_its_task_in_any_schedule(void)
{
    SKIP_ELSEWHERE();
    CHECK(schedule_all(ending, end_task) > 100);
}

static void a_wake_may_meet_the_end_of_the_loop_in_any_schedule(void)
{
    SKIP_ELSEWHERE();
    CHECK(schedule_all(freeing, end_freeing) > 100);
}

static const struct test tests[] = {
    TEST(a_flag_set_before_a_wake_is_seen_in_any_schedule),
    TEST(an_abort_from_outside_arrives_in_any_schedule),
    TEST(a_wake_may_meet_the_end_of_its_task_in_any_schedule),
    TEST(a_wake_may_meet_the_end_of_the_loop_in_any_schedule),
};

TEST_MAIN(tests)
