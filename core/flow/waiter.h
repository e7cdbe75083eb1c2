/* SPDX-License-Identifier: MIT
 *
 * waiter.h - somebody who waits at a channel, and the wakers that are to be woken once its lock is free.
 */
#ifndef RWI_FLOW_WAITER_H
#define RWI_FLOW_WAITER_H

#include <ropewalk.h>

#include "base/list.h"

/* The first four are the channel's lines: a waiter in one of these states is in the line of that number. */
enum rwi_waiter_state {
    RWI_WAITER_WAITING,   /* a receiver: there is nothing for it yet */
    RWI_WAITER_CLAIMED,   /* a receiver, woken: one of the values is kept for it */
    RWI_WAITER_OFFERING,  /* a sender: holds out its value */
    RWI_WAITER_RESERVING, /* waits for a permit */
    RWI_WAITER_LINES,     /* how many lines there are */
    RWI_WAITER_IDLE = RWI_WAITER_LINES,
    RWI_WAITER_TAKEN,   /* a sender, woken: its value is in the queue, or received if there is no queue */
    RWI_WAITER_GRANTED, /* a reserver, woken: one permit is its own */
    RWI_WAITER_FAILED   /* thrown out: `code` says why */
};

struct rwi_end;

/* What the sending cases of one select share: who sets `winner`, once, has chosen that case. */
struct rwi_choice {
    struct rwi_waiter *winner; /* atomic */
};

/* Embedded in futures and select cases. Belongs to the channel while it is in a line, and then it does not move. */
struct rwi_waiter {
    struct rwi_list node;
    struct rw_waker waker;     /* LOCAL: borrowed; SHARED: owned, and gone once woken */
    struct rw_value value;     /* a sender's, until TAKEN */
    struct rwi_end *end;       /* the sender or receiver it came through */
    struct rwi_choice *choice; /* of the select it is part of, or NULL */
    uint64_t ticket;           /* the order in which senders and reservers came; 0: not yet */
    int32_t code;              /* once FAILED */
    uint16_t
        twins; /* a select's receiver: how many offers of that select are in the same rendezvous channel */
    uint8_t state; /* enum rwi_waiter_state */
    bool meets;    /* a sender that never waits: whoever waits at a rendezvous is as good as come */
};

static inline void rwi_waiter_init(struct rwi_waiter *waiter, struct rwi_end *end)
{
    rwi_list_init(&waiter->node);
    waiter->waker.vtable = NULL;
    waiter->value = rw_nil();
    waiter->end = end;
    waiter->choice = NULL;
    waiter->ticket = 0;
    waiter->twins = 0;
    waiter->state = RWI_WAITER_IDLE;
    waiter->meets = false;
}

static inline bool rwi_waiter_is_in_line(const struct rwi_waiter *waiter)
{
    return waiter->state < RWI_WAITER_LINES;
}

/* True when this waiter may act: it is alone, or has just been chosen among the cases of its select. Any thread. */
static inline bool rwi_waiter_choose(struct rwi_waiter *waiter)
{
    struct rwi_waiter *nobody = NULL;

    return waiter->choice == NULL || __atomic_compare_exchange_n(&waiter->choice->winner, &nobody, waiter,
                                                                 false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

enum { RWI_WAKES_MAX = 8 };

/* Owned wakers, collected under a lock. */
struct rwi_wakes {
    size_t count;
    struct rw_waker wakers[RWI_WAKES_MAX];
};

/* Wakes and drops all. */
void rwi_wakes_flush(struct rwi_wakes *wakes);

/* Takes the waker. Where there is no room for it, those collected so far are woken at once. */
void rwi_wakes_add(struct rwi_wakes *wakes, struct rw_waker waker);

#endif
