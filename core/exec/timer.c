/* SPDX-License-Identifier: MIT
 *
 * timer.c - a 4-ary heap of timers.
 *
 * Invariant: no entry is before its parent (deadline, then sequence), and the timer of the entry at index i says
 * position i. Sequence numbers only grow, which makes equal deadlines first in, first out.
 *
 * Rejected: a timer wheel. It rounds deadlines, walks empty slots when time jumps (simulation does nothing else),
 * and arming plus disarming in this heap is some 20 ns, because a fresh deadline is usually a late one and stays at the
 * bottom.
 */
#include "exec/timer.h"

#include "base/check.h"
#include "base/mem.h"

enum { ARITY = 4, FIRST_CAPACITY = 16 };

static bool comes_before(const struct rwi_timer_entry *a, const struct rwi_timer_entry *b)
{
    if (a->deadline_ns != b->deadline_ns) {
        return a->deadline_ns < b->deadline_ns;
    }
    return a->sequence < b->sequence;
}

/* With a root at 1 the children of i are 4i-2 .. 4i+1. */
static uint32_t parent_of(uint32_t index)
{
    RW_ASSERT(index > 1);
    return (index + 2) / ARITY;
}

static uint32_t first_child_of(uint32_t index)
{
    RW_ASSERT(index >= 1);
    return index * ARITY - 2;
}

static void place(struct rwi_timers *timers, uint32_t index, struct rwi_timer_entry entry)
{
    RW_ASSERT(index >= 1);
    RW_ASSERT(index <= timers->count);
    timers->entries[index] = entry;
    entry.place->position = index;
}

static void sift_up(struct rwi_timers *timers, uint32_t index, struct rwi_timer_entry entry)
{
    while (index > 1) {
        uint32_t parent = parent_of(index);

        if (!comes_before(&entry, &timers->entries[parent])) {
            break;
        }
        place(timers, index, timers->entries[parent]);
        index = parent;
    }
    place(timers, index, entry);
}

static uint32_t least_child(const struct rwi_timers *timers, uint32_t index)
{
    RW_ASSERT(first_child_of(index) <= timers->count);
    uint32_t first = first_child_of(index);
    uint32_t last = first + ARITY - 1 < timers->count ? first + ARITY - 1 : timers->count;
    uint32_t least = first;

    for (uint32_t child = first + 1; child <= last; child++) {
        if (comes_before(&timers->entries[child], &timers->entries[least])) {
            least = child;
        }
    }
    return least;
}

static void sift_down(struct rwi_timers *timers, uint32_t index, struct rwi_timer_entry entry)
{
    while (first_child_of(index) <= timers->count) {
        uint32_t child = least_child(timers, index);

        if (!comes_before(&timers->entries[child], &entry)) {
            break;
        }
        place(timers, index, timers->entries[child]);
        index = child;
    }
    place(timers, index, entry);
}

static void settle(struct rwi_timers *timers, uint32_t index, struct rwi_timer_entry entry)
{
    RW_ASSERT(index <= timers->count);
    if (index > 1 && comes_before(&entry, &timers->entries[parent_of(index)])) {
        sift_up(timers, index, entry);
    } else {
        sift_down(timers, index, entry);
    }
}

static int grow(struct rwi_timers *timers)
{
    RW_ASSERT(timers->count + 1 >= timers->capacity);
    uint32_t capacity = timers->capacity == 0 ? FIRST_CAPACITY : timers->capacity * 2;
    struct rwi_timer_entry *entries =
        rwi_mem_resize(timers->entries, timers->capacity * sizeof *entries, capacity * sizeof *entries);

    if (entries == NULL) {
        return RW_ERR_NOMEM;
    }
    timers->entries = entries;
    timers->capacity = capacity;
    return 0;
}

void rwi_timers_init(struct rwi_timers *timers)
{
    *timers = (struct rwi_timers){.next_sequence = 1, .floor_ns = RW_NOW};
}

void rwi_timers_fini(struct rwi_timers *timers)
{
    for (uint32_t i = 1; i <= timers->count; i++) {
        timers->entries[i].place->position = 0;
    }
    rwi_mem_free(timers->entries, timers->capacity * sizeof *timers->entries);
    rwi_timers_init(timers);
}

int rwi_timers_arm(struct rwi_timers *timers, struct rw_timer_place *place, int64_t deadline_ns)
{
    RW_ASSERT(place->position <= timers->count);
    int64_t key_ns = deadline_ns > timers->floor_ns ? deadline_ns : timers->floor_ns;
    struct rwi_timer_entry entry = {key_ns, timers->next_sequence, place};

    if (place->position != 0) {
        RW_ASSERT(timers->entries[place->position].place == place);
        timers->next_sequence++;
        settle(timers, place->position, entry);
        return 0;
    }
    if (timers->count + 1 >= timers->capacity && grow(timers) != 0) {
        return RW_ERR_NOMEM;
    }
    timers->next_sequence++;
    timers->count++;
    sift_up(timers, timers->count, entry);
    return 0;
}

void rwi_timers_disarm(struct rwi_timers *timers, struct rw_timer_place *place)
{
    uint32_t index = place->position;

    if (index == 0) {
        return;
    }
    RW_ASSERT(index <= timers->count);
    RW_ASSERT(timers->entries[index].place == place);
    struct rwi_timer_entry last = timers->entries[timers->count];

    place->position = 0;
    timers->count--;
    if (index <= timers->count) {
        settle(timers, index, last);
    }
    RW_VERIFY(rwi_timers_check(timers));
}

int64_t rwi_timers_deadline(const struct rwi_timers *timers)
{
    RW_ASSERT(timers->count == 0 || timers->entries[1].place->position == 1);
    return timers->count == 0 ? RW_NEVER : timers->entries[1].deadline_ns;
}

struct rw_timer_place *rwi_timers_pop(struct rwi_timers *timers, int64_t now_ns, uint64_t limit)
{
    if (timers->count == 0) {
        return NULL;
    }
    struct rwi_timer_entry first = timers->entries[1];

    if (first.deadline_ns > now_ns || first.sequence >= limit) {
        return NULL;
    }
    rwi_timers_disarm(timers, first.place);
    RW_ASSERT(first.place->position == 0);
    return first.place;
}

bool rwi_timers_check(const struct rwi_timers *timers)
{
    for (uint32_t i = 1; i <= timers->count; i++) {
        if (timers->entries[i].place->position != i) {
            return false;
        }
        if (i > 1 && comes_before(&timers->entries[i], &timers->entries[parent_of(i)])) {
            return false;
        }
    }
    return true;
}
