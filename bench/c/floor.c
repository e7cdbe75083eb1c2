/* SPDX-License-Identifier: MIT
 *
 * floor.c - the least an executor can cost: a run queue of intrusive tasks and nothing else.
 *
 * No cancelling, no scopes, no errors, no handles, no budget: what is left is what the machine asks for a task that is
 * allocated from a free list, queued, run through a pointer, and freed. run.py takes the first figure as the measure of
 * the machine, since the budgets' nanoseconds were written down on one where it is 4.
 */
#include <stdbool.h>

#include "bench.h"

enum { COUNT = 1000000, YIELDERS = 200, RING = 128 };

struct task {
    struct task *next;
    bool (*poll)(struct task *self);
    bool queued;
    size_t left;
};

static struct task *queue_head;
static struct task *queue_tail;
static struct task *free_list;

static void queue(struct task *task)
{
    if (task->queued) {
        return;
    }
    task->queued = true;
    task->next = NULL;
    if (queue_head == NULL) {
        queue_head = task;
    } else {
        queue_tail->next = task;
    }
    queue_tail = task;
}

static struct task *spawn(bool (*poll)(struct task *self), size_t left)
{
    struct task *task = free_list;

    if (task != NULL) {
        free_list = task->next;
    } else {
        task = malloc(sizeof *task);
        if (task == NULL) {
            exit(1);
        }
    }
    *task = (struct task){.poll = poll, .left = left};
    queue(task);
    return task;
}

static void run_one(void)
{
    struct task *task = queue_head;

    queue_head = task->next;
    task->queued = false;
    if (task->poll(task)) {
        task->next = free_list;
        free_list = task;
    }
}

static void run_all(void)
{
    while (queue_head != NULL) {
        run_one();
    }
}

static bool poll_at_once(struct task *self)
{
    (void)self;
    return true;
}

static bool poll_yield(struct task *self)
{
    if (self->left-- == 0) {
        return true;
    }
    queue(self);
    return false;
}

static void spawn_run(void *arg, size_t count)
{
    (void)arg;
    for (size_t i = 0; i < count; i++) {
        spawn(poll_at_once, 0);
        run_one();
    }
}

static void yield_many(void *arg, size_t count)
{
    (void)arg;
    for (size_t i = 0; i < YIELDERS; i++) {
        spawn(poll_yield, count / YIELDERS);
    }
    run_all();
}

/* A ring between two tasks, as the channel of micro.c. */
static struct {
    uint64_t slots[RING];
    size_t head;
    size_t tail;
    struct task *sender;
    struct task *receiver;
} ring;

static bool poll_send(struct task *self)
{
    while (self->left > 0) {
        if (ring.tail - ring.head == RING) {
            return false;
        }
        ring.slots[ring.tail++ % RING] = self->left--;
        queue(ring.receiver);
    }
    return true;
}

static bool poll_receive(struct task *self)
{
    static volatile uint64_t sink;

    while (self->left > 0) {
        if (ring.tail == ring.head) {
            return false;
        }
        sink = ring.slots[ring.head++ % RING];
        self->left--;
        queue(ring.sender);
    }
    (void)sink;
    return true;
}

static void messages(void *arg, size_t count)
{
    (void)arg;
    ring.receiver = spawn(poll_receive, count);
    ring.sender = spawn(poll_send, count);
    run_all();
}

int main(void)
{
    bench_measure("spawn_join", COUNT, spawn_run, NULL);
    bench_measure("yield", COUNT, yield_many, NULL);
    bench_measure("channel", COUNT, messages, NULL);
    return 0;
}
