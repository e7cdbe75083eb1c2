/* SPDX-License-Identifier: MIT
 *
 * inbox.h - what other threads send to a loop, and how they end its sleep.
 *
 * The inbox is the part that a loop shares with other threads: counted, and alive as long as anyone may still push.
 * Pushing is lock-free; taking out is the loop's thread's alone, in the order of pushing.
 *
 *      AWAKE --park--> PARKED --notify: writes the descriptor--> NOTIFIED --unpark--> AWAKE
 *        \--notify: no system call--> NOTIFIED --park fails, unpark--> AWAKE
 */
#ifndef RWI_BASE_INBOX_H
#define RWI_BASE_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rw_loop;

/* Embedded in what is sent. `take` is called once, on the loop's thread; `loop` is NULL when the loop has gone before
 * and all that is left is to dispose of the node (then on the thread that freed the loop). */
struct rwi_inbox_node {
    struct rwi_inbox_node *next;
    void (*take)(struct rwi_inbox_node *self, struct rw_loop *loop);
};

enum rwi_park_state { RWI_AWAKE, RWI_PARKED, RWI_NOTIFIED };

struct rwi_inbox {
    struct rwi_inbox_node *head; /* atomic: newest first; a mark of its own once closed */
    uint32_t state;              /* atomic, enum rwi_park_state; changed by exchange only */
    uint32_t ref_count;          /* atomic */
    uint32_t holders;            /* atomic: handles and wakers out there that may still bring something */
    uint32_t wake_all;           /* atomic: poll every waiting task (a waker for one could not be made) */
    int event_fd; /* closed with the last reference: a late notify must not hit a stranger's file */
};

/* One reference. NULL with errno set. */
struct rwi_inbox *rwi_inbox_new(void);
struct rwi_inbox *rwi_inbox_ref(struct rwi_inbox *inbox);
void rwi_inbox_unref(struct rwi_inbox *inbox);

/* Any thread. Queues the node and notifies. False when the loop is gone: the node stays the caller's. */
bool rwi_inbox_push(struct rwi_inbox *inbox, struct rwi_inbox_node *node);

/* Any thread, and safe in a signal handler: makes the loop do a turn. */
void rwi_inbox_notify(struct rwi_inbox *inbox);

/* Any thread; a hint. */
bool rwi_inbox_is_closed(const struct rwi_inbox *inbox);

/* The loop's thread. Takes out everything that was pushed, oldest first. Returns how many. */
size_t rwi_inbox_drain(struct rwi_inbox *inbox, struct rw_loop *loop);

/* The loop's thread. park says "about to sleep": false means that something has arrived or was notified since the last
 * unpark, so do not sleep. unpark says "awake again"; call it before draining. A host that sleeps on the loop's
 * descriptor between turns leaves the inbox parked meanwhile (rwi_reactor_wait parks and unparks by itself). */
bool rwi_inbox_park(struct rwi_inbox *inbox);
void rwi_inbox_unpark(struct rwi_inbox *inbox);

/* The loop's thread: sleeps on the inbox alone, until there is mail or a notification. The loop does not turn any more. */
void rwi_inbox_wait(struct rwi_inbox *inbox);

/* The loop's thread: true when a drain would find something. */
bool rwi_inbox_has_mail(const struct rwi_inbox *inbox);

/* The loop's thread, once: refuses later pushes and disposes of what is queued (take with loop NULL). */
void rwi_inbox_close(struct rwi_inbox *inbox);

#endif
