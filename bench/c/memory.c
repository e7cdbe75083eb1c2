/* SPDX-License-Identifier: MIT
 *
 * memory.c - what a task that waits costs in memory: 100,000 of them, by the resident set of the process.
 *
 * The future of each is the smallest one that can wait: it holds its loop, to free itself. Each is run once, so that
 * all there is to a waiting task is there.
 */
#include <ropewalk.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TASKS = 100000, WARM_TASKS = 1000 };

struct waiting {
    struct rw_future base;
    struct rw_loop *loop;
};

static enum rw_poll poll_waiting(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    (void)self;
    (void)cx;
    (void)out;
    return RW_PENDING;
}

static void drop_waiting(struct rw_future *self)
{
    struct waiting *waiting = (struct waiting *)self;

    rw_loop_release(waiting->loop, waiting, sizeof *waiting);
}

static const struct rw_future_vtable waiting_vtable = {"waiting", 0, poll_waiting, NULL, drop_waiting};

static void spawn_many(struct rw_loop *loop, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct waiting *waiting = rw_loop_alloc(loop, sizeof *waiting);

        if (waiting == NULL) {
            exit(1);
        }
        rw_future_init(&waiting->base, &waiting_vtable);
        waiting->loop = loop;
        rw_task_detach(rw_spawn(loop, &waiting->base, NULL));
    }
    rw_loop_turn(loop, 0, 0);
}

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long total;
    long resident;

    if (file == NULL || fscanf(file, "%ld %ld", &total, &resident) != 2) {
        exit(1);
    }
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

int main(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);

    if (loop == NULL) {
        return 1;
    }
    spawn_many(loop, WARM_TASKS);
    double before = resident_bytes();

    spawn_many(loop, TASKS);
    printf("task\t%.1f\n", (resident_bytes() - before) / TASKS);
    fflush(stdout);
    rw_loop_free(loop);
    return 0;
}
