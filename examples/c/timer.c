/* SPDX-License-Identifier: MIT
 *
 * timer.c - a tick every 100 ms, five times.
 *
 *     cc timer.c $(pkg-config --cflags --libs ropewalk) && ./a.out
 */
#include <inttypes.h>
#include <ropewalk.h>
#include <stdio.h>

int main(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);

    if (loop == NULL) {
        perror("rw_loop_new");
        return 1;
    }
    struct rw_stream *ticks = rw_stream_take(rw_interval(loop, RW_SECOND / 10), 5);
    struct rw_value tick;

    while (rw_block_on(loop, rw_stream_next(ticks), &tick) == 0 && !rw_is_failure(&tick)) {
        printf("tick %" PRId64 "\n", tick.as.integer);
    }
    rw_value_drop(&tick);
    rw_stream_unref(ticks);
    rw_loop_free(loop);
    return 0;
}
