/* SPDX-License-Identifier: MIT
 *
 * cancel.c - a task that would sleep for an hour is cancelled, another one runs into a deadline.
 */
#include <ropewalk.h>
#include <stdio.h>

int main(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);
    struct rw_value value;

    if (loop == NULL) {
        perror("rw_loop_new");
        return 1;
    }
    struct rw_future *hour = rw_sleep_until(loop, rw_deadline_after(loop, 3600 * RW_SECOND));
    struct rw_task *sleeper = rw_spawn(loop, hour, NULL);

    rw_task_cancel(sleeper, "enough");
    rw_block_on(loop, rw_task_join(sleeper), &value);
    printf("sleeper: %s\n", rw_value_message(&value));
    rw_value_drop(&value);
    rw_task_unref(sleeper);

    hour = rw_sleep_until(loop, rw_deadline_after(loop, 3600 * RW_SECOND));
    rw_block_on(loop, rw_timeout(loop, hour, rw_deadline_after(loop, RW_SECOND / 20)), &value);
    printf("waiter: %s\n", rw_value_message(&value));
    rw_value_drop(&value);
    rw_loop_free(loop);
    return 0;
}
