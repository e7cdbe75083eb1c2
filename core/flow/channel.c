/* SPDX-License-Identifier: MIT
 *
 * channel.c - a queue of values between tasks: who gets what, and who waits.
 *
 * A channel is a ring of values and four lines of waiters. Receivers that find nothing wait in WAITING. A value that
 * arrives for one of them stays in the ring: the receiver moves to CLAIMED and is woken, and until it comes nobody else may have the
 * last claimed_count values. A receiver that is dropped instead leaves its line, and the next one gets the claim. No value is
 * ever in the hands of somebody who might not come. Senders that find no room hold out their value in OFFERING; it is
 * moved into the ring, or at a rendezvous (capacity 0, no ring to speak of) to the receiver, by who makes that possible. RESERVING is
 * for those who want the room alone.
 *
 *      receiver   IDLE --join--> WAITING <--settle--> CLAIMED --take--> IDLE
 *      sender     IDLE --join--> OFFERING --settle, take--> TAKEN
 *      reserver   IDLE --join--> RESERVING --settle--> GRANTED --reserve--> IDLE
 *                 any line --close--> FAILED, any state --leave--> IDLE
 *
 * Invariants, which rwi_channel_settle() restores after every change and rwi_channel_check() states:
 * - room: senders wait only while ring.count + permits >= capacity;
 * - claims: claimed_count <= available, and receivers wait only while these are equal (a select does not count its own offers);
 * - rendezvous: a permit is out, or asked for in vain, only as far as receivers wait;
 * - closed: nobody waits on a side whose other side is gone, except receivers for values that are claimed.
 *
 * Rejected: handing values to waiting receivers. One that is dropped would have to give its value back, past others
 * that have received later ones. Rejected too: a lock-free ring for SHARED. The lock is held for some 20 ns.
 */
#include "flow/channel.h"

#include "base/mem.h"

const struct rwi_channel rwi_channel_none = {.express_ceiling = 0, .express_floor = SIZE_MAX};

struct rwi_channel *rwi_channel_new(struct rw_loop *loop, size_t capacity, bool shared)
{
    struct rwi_channel *channel = rwi_mem_new(sizeof *channel);

    if (channel == NULL) {
        return NULL;
    }
    if (shared && pthread_mutex_init(&channel->lock, NULL) != 0) {
        rwi_mem_free(channel, sizeof *channel);
        return NULL;
    }
    for (int i = 0; i < RWI_WAITER_LINES; i++) {
        rwi_list_init(&channel->lines[i].list);
    }
    channel->capacity = capacity;
    channel->shared = shared;
    channel->loop = shared ? NULL : loop;
    channel->sender_count = 1;
    channel->receiver_count = 1;
    rwi_channel_post(channel);
    RW_VERIFY(rwi_channel_check(channel));
    return channel;
}

void rwi_channel_free(struct rwi_channel *channel)
{
    RW_ASSERT(channel->parked == 0);
    RW_ASSERT(channel->permits == 0);
    rwi_ring_fini(&channel->ring);
    if (channel->shared) {
        pthread_mutex_destroy(&channel->lock);
    }
    rwi_mem_free(channel, sizeof *channel);
}

/* ---- who is where -------------------------------------------------------------------------------------------------- */

static bool may_move(unsigned from, unsigned to)
{
    static const uint16_t targets[] = {
        [RWI_WAITER_WAITING] = 1 << RWI_WAITER_CLAIMED,
        [RWI_WAITER_CLAIMED] = 1 << RWI_WAITER_WAITING,
        [RWI_WAITER_OFFERING] = 1 << RWI_WAITER_TAKEN,
        [RWI_WAITER_RESERVING] = 1 << RWI_WAITER_GRANTED,
        [RWI_WAITER_IDLE] = 1 << RWI_WAITER_WAITING | 1 << RWI_WAITER_OFFERING | 1 << RWI_WAITER_RESERVING,
        [RWI_WAITER_TAKEN] = 0,
        [RWI_WAITER_GRANTED] = 0,
        [RWI_WAITER_FAILED] = 0,
    };

    RW_ASSERT(from <= RWI_WAITER_FAILED);
    RW_ASSERT(to <= RWI_WAITER_FAILED);
    return to == RWI_WAITER_IDLE || to == RWI_WAITER_FAILED || (targets[from] >> to & 1) != 0;
}

/* The one way in which a waiter's state changes. It goes to the end of a line; `first` puts it at the head. */
void rwi_channel_move(struct rwi_channel *channel, struct rwi_waiter *waiter, enum rwi_waiter_state state,
                      bool first)
{
    RW_ASSERT(may_move(waiter->state, state));
    if (rwi_waiter_is_in_line(waiter)) {
        RW_ASSERT(channel->lines[waiter->state].count > 0);
        rwi_list_remove(&waiter->node);
        channel->lines[waiter->state].count--;
        channel->parked -= waiter->state != RWI_WAITER_CLAIMED;
    }
    waiter->state = (uint8_t)state;
    if (rwi_waiter_is_in_line(waiter)) {
        struct rwi_line *line = &channel->lines[state];

        rwi_list_push_back(first ? line->list.next : &line->list, &waiter->node);
        line->count++;
        channel->parked += state != RWI_WAITER_CLAIMED;
    }
}

/* Queued, not run. A SHARED waiter that has no waker has been woken already. */
void rwi_channel_notify(struct rwi_channel *channel, struct rwi_waiter *waiter, struct rwi_wakes *wakes)
{
    RW_ASSERT(channel->shared || waiter->waker.vtable != NULL);
    if (!channel->shared) {
        rw_waker_wake(&waiter->waker);
    } else if (waiter->waker.vtable != NULL) {
        rwi_wakes_add(wakes, waiter->waker);
        waiter->waker.vtable = NULL;
    }
}

static void keep_waker(struct rwi_channel *channel, struct rwi_waiter *waiter, struct rw_context *cx)
{
    RW_ASSERT(cx->waker.vtable != NULL);
    if (!channel->shared) {
        RW_ASSERT(channel->loop == cx->loop);
        waiter->waker = cx->waker;
        return;
    }
    rw_waker_drop(&waiter->waker);
    waiter->waker = rw_waker_clone(&cx->waker);
}

void rwi_channel_throw_out(struct rwi_channel *channel, struct rwi_waiter *waiter, int code,
                           struct rwi_wakes *wakes)
{
    RW_ASSERT(code < 0);
    waiter->code = code;
    rwi_channel_move(channel, waiter, RWI_WAITER_FAILED, false);
    rwi_channel_notify(channel, waiter, wakes);
}

/* Everybody in that line, or those who came through `end`. */
void rwi_channel_throw_out_line(struct rwi_channel *channel, enum rwi_waiter_state line,
                                const struct rwi_end *end, struct rwi_wakes *wakes)
{
    struct rwi_list *head = &channel->lines[line].list;
    struct rwi_list *next;

    RW_ASSERT(line < RWI_WAITER_LINES);
    for (struct rwi_list *node = head->next; node != head; node = next) {
        struct rwi_waiter *waiter = rwi_list_entry(node, struct rwi_waiter, node);

        next = node->next;
        RW_ASSERT(waiter->state == line);
        if (end == NULL || waiter->end == end) {
            rwi_channel_throw_out(channel, waiter, RW_ERR_CLOSED, wakes);
        }
    }
}

/* ---- what can happen ----------------------------------------------------------------------------------------------- */

/* Who came first of those who want room. */
static struct rwi_waiter *next_for_room(struct rwi_channel *channel)
{
    struct rwi_waiter *offer = rwi_channel_first(channel, RWI_WAITER_OFFERING);
    struct rwi_waiter *reserver = rwi_channel_first(channel, RWI_WAITER_RESERVING);

    RW_ASSERT(offer == NULL || offer->state == RWI_WAITER_OFFERING);
    RW_ASSERT(reserver == NULL || reserver->state == RWI_WAITER_RESERVING);
    if (offer == NULL || (reserver != NULL && reserver->ticket < offer->ticket)) {
        return reserver;
    }
    return offer;
}

static void grant(struct rwi_channel *channel, struct rwi_waiter *reserver, struct rwi_wakes *wakes)
{
    RW_ASSERT(reserver->state == RWI_WAITER_RESERVING);
    RW_ASSERT(rwi_channel_has_room(channel) || rwi_channel_can_meet(channel));
    channel->permits++;
    rwi_channel_move(channel, reserver, RWI_WAITER_GRANTED, false);
    rwi_channel_notify(channel, reserver, wakes);
}

/* Moves an offer's value into the ring, unless its select has chosen otherwise meanwhile. */
static void accept_offer(struct rwi_channel *channel, struct rwi_waiter *offer, struct rwi_wakes *wakes)
{
    RW_ASSERT(offer->state == RWI_WAITER_OFFERING);
    RW_ASSERT(rwi_channel_has_room(channel));
    if (channel->ring.count == channel->ring.size && rwi_ring_grow(&channel->ring) != 0) {
        rwi_channel_throw_out(channel, offer, RW_ERR_NOMEM, wakes);
        return;
    }
    if (!rwi_waiter_choose(offer)) {
        rwi_channel_move(channel, offer, RWI_WAITER_IDLE, false);
        return;
    }
    rwi_ring_push(&channel->ring, &offer->value);
    rwi_channel_move(channel, offer, RWI_WAITER_TAKEN, false);
    rwi_channel_notify(channel, offer, wakes);
}

static void fill_room(struct rwi_channel *channel, struct rwi_wakes *wakes)
{
    struct rwi_waiter *next;

    RW_ASSERT(channel->capacity > 0);
    while (rwi_channel_has_room(channel) && (next = next_for_room(channel)) != NULL) {
        RW_ASSERT(rwi_waiter_is_in_line(next));
        if (next->state == RWI_WAITER_RESERVING) {
            grant(channel, next, wakes);
        } else {
            accept_offer(channel, next, wakes);
        }
    }
}

/* As many claims as there are values, first come, first served; one too many goes back to the head of those who wait. */
static void share_out(struct rwi_channel *channel, struct rwi_wakes *wakes)
{
    struct rwi_list *head = &channel->lines[RWI_WAITER_WAITING].list;
    struct rwi_list *next;
    size_t have = rwi_channel_available(channel);

    while (rwi_channel_count(channel, RWI_WAITER_CLAIMED) > have) {
        struct rwi_list *last = channel->lines[RWI_WAITER_CLAIMED].list.prev;

        RW_ASSERT(last != &channel->lines[RWI_WAITER_CLAIMED].list);
        rwi_channel_move(channel, rwi_list_entry(last, struct rwi_waiter, node), RWI_WAITER_WAITING, true);
    }
    for (struct rwi_list *node = head->next;
         node != head && have > rwi_channel_count(channel, RWI_WAITER_CLAIMED); node = next) {
        struct rwi_waiter *waiter = rwi_list_entry(node, struct rwi_waiter, node);

        next = node->next;
        RW_ASSERT(waiter->state == RWI_WAITER_WAITING);
        if (have > rwi_channel_count(channel, RWI_WAITER_CLAIMED) + waiter->twins) {
            rwi_channel_move(channel, waiter, RWI_WAITER_CLAIMED, false);
            rwi_channel_notify(channel, waiter, wakes);
        }
    }
}

/* Restores the invariants after any change. */
void rwi_channel_settle(struct rwi_channel *channel, struct rwi_wakes *wakes)
{
    if (channel->parked == 0 && rwi_channel_count(channel, RWI_WAITER_CLAIMED) == 0) {
        return;
    }
    if (channel->capacity > 0) {
        fill_room(channel, wakes);
    }
    share_out(channel, wakes);
    while (rwi_channel_count(channel, RWI_WAITER_RESERVING) > 0 && rwi_channel_can_meet(channel)) {
        grant(channel, rwi_channel_first(channel, RWI_WAITER_RESERVING), wakes);
    }
    if (rwi_channel_is_drained(channel)) {
        rwi_channel_throw_out_line(channel, RWI_WAITER_WAITING, NULL, wakes);
    }
    RW_VERIFY(rwi_channel_check(channel));
}

/* A sender that comes back to its line, as a select does, comes back to its place. */
static void restore_place(struct rwi_channel *channel, struct rwi_waiter *waiter)
{
    struct rwi_list *head = &channel->lines[waiter->state].list;
    struct rwi_list *before = waiter->node.prev;

    RW_ASSERT(rwi_waiter_is_in_line(waiter));
    RW_ASSERT(head->prev == &waiter->node);
    while (before != head && rwi_list_entry(before, struct rwi_waiter, node)->ticket > waiter->ticket) {
        before = before->prev;
    }
    if (before->next != &waiter->node) {
        rwi_list_remove(&waiter->node);
        rwi_list_push_front(before, &waiter->node);
    }
}

void rwi_channel_join(struct rwi_channel *channel, struct rwi_waiter *waiter, enum rwi_waiter_state line,
                      struct rw_context *cx)
{
    RW_ASSERT(waiter->state == RWI_WAITER_IDLE || waiter->state == line);
    keep_waker(channel, waiter, cx);
    if (waiter->state == line) {
        return;
    }
    rwi_channel_move(channel, waiter, line, false);
    RW_ASSERT(rwi_waiter_is_in_line(waiter));
    if (line == RWI_WAITER_WAITING) {
        return;
    }
    if (waiter->ticket == 0) {
        waiter->ticket = ++channel->last_ticket;
    } else {
        restore_place(channel, waiter);
    }
}

/* ---- leaving --------------------------------------------------------------------------------------------------------- */

void rwi_channel_leave(struct rwi_channel *channel, struct rwi_waiter *waiter)
{
    struct rwi_wakes wakes;

    wakes.count = 0;
    rwi_channel_lock(channel);
    RW_ASSERT(waiter->state <= RWI_WAITER_FAILED);
    if (waiter->state == RWI_WAITER_GRANTED) {
        RW_ASSERT(channel->permits > 0);
        channel->permits--;
    }
    if (waiter->state == RWI_WAITER_GRANTED || rwi_waiter_is_in_line(waiter)) {
        rwi_channel_move(channel, waiter, RWI_WAITER_IDLE, false);
        rwi_channel_settle(channel, &wakes);
    }
    if (channel->shared) {
        rw_waker_drop(&waiter->waker);
    }
    rwi_channel_unlock(channel, &wakes);
}

static bool check_line(const struct rwi_channel *channel, enum rwi_waiter_state line)
{
    const struct rwi_list *head = &channel->lines[line].list;
    size_t count = 0;

    for (const struct rwi_list *node = head->next; node != head; node = node->next) {
        const struct rwi_waiter *waiter = rwi_list_entry(node, struct rwi_waiter, node);

        RW_ASSERT(waiter->state == line);
        RW_ASSERT(node->next->prev == node);
        count++;
    }
    RW_ASSERT(count == channel->lines[line].count);
    return true;
}

bool rwi_channel_check(const struct rwi_channel *channel)
{
    size_t waiting = rwi_channel_count(channel, RWI_WAITER_WAITING);
    size_t claimed = rwi_channel_count(channel, RWI_WAITER_CLAIMED);
    size_t offering = rwi_channel_count(channel, RWI_WAITER_OFFERING);
    size_t reserving = rwi_channel_count(channel, RWI_WAITER_RESERVING);

    RW_ASSERT(rwi_ring_check(&channel->ring));
    RW_ASSERT(channel->express_ceiling <= channel->ring.size);
    RW_ASSERT(channel->parked == waiting + offering + reserving);
    RW_ASSERT(offering == 0 || !rwi_channel_has_room(channel));
    RW_ASSERT(reserving == 0 || !rwi_channel_has_room(channel));
    RW_ASSERT(reserving == 0 || !rwi_channel_can_meet(channel));
    RW_ASSERT(claimed <= rwi_channel_available(channel));
    RW_ASSERT(channel->capacity > 0 || channel->sender_count > 0 || offering == 0);
    RW_ASSERT(waiting == 0 || !rwi_channel_is_drained(channel));
    RW_ASSERT(channel->receiver_count > 0 || channel->parked + claimed == 0);
    for (int line = 0; line < RWI_WAITER_LINES; line++) {
        RW_ASSERT(check_line(channel, (enum rwi_waiter_state)line));
    }
    for (const struct rwi_list *node = channel->lines[RWI_WAITER_WAITING].list.next;
         node != &channel->lines[RWI_WAITER_WAITING].list; node = node->next) {
        RW_ASSERT(rwi_channel_available(channel) <=
                  claimed + rwi_list_entry(node, struct rwi_waiter, node)->twins);
    }
    return true;
}
