/* SPDX-License-Identifier: MIT
 *
 * timer.h - the timers of one loop: a 4-ary heap ordered by deadline, then by the order of arming.
 */
#ifndef RWI_EXEC_TIMER_H
#define RWI_EXEC_TIMER_H

#include <ropewalk.h>

/* What a place belongs to: a timer, whose function is called, or a sleep, which needs no room for one. Above SLEEP lie the phases of
 * a sleep. */
enum rwi_timer_kind { RWI_TIMER_PLAIN, RWI_TIMER_SLEEP };

/* Keys lie in the heap only, so that sifting touches timers only to tell them where they are. */
struct rwi_timer_entry {
    int64_t deadline_ns;
    uint64_t sequence; /* FIFO among equals */
    struct rw_timer_place *place;
};

struct rwi_timers {
    struct rwi_timer_entry *entries; /* 1-based: position 0 means "not armed" */
    uint32_t count;
    uint32_t capacity;
    uint64_t next_sequence;
    int64_t floor_ns; /* while timers fire: their time, before which nothing is put in; else RW_NOW */
};

void rwi_timers_init(struct rwi_timers *timers);

/* Forgets all timers; they count as not armed from then on. */
void rwi_timers_fini(struct rwi_timers *timers);

/* Arms or re-arms. 0 or RW_ERR_NOMEM (then it keeps its old deadline, if it had one). */
int rwi_timers_arm(struct rwi_timers *timers, struct rw_timer_place *place, int64_t deadline_ns);

/* Takes an unarmed timer too. */
void rwi_timers_disarm(struct rwi_timers *timers, struct rw_timer_place *place);

/* The earliest deadline, or RW_NEVER. */
int64_t rwi_timers_deadline(const struct rwi_timers *timers);

/* Takes out the first timer that is due at `now_ns` and was armed before `limit` (a sequence number), or gives NULL. */
struct rw_timer_place *rwi_timers_pop(struct rwi_timers *timers, int64_t now_ns, uint64_t limit);

/* The deadline of a sleep has come: it is taken out and woken. sleep.c's. */
void rwi_sleep_fire(struct rw_timer_place *place);

/* Asserts the heap's order and every timer's position. */
bool rwi_timers_check(const struct rwi_timers *timers);

#endif
