/* SPDX-License-Identifier: MIT
 *
 * inbox.c - a Treiber stack that is emptied as a whole, and a parker.
 *
 * Pushing is a compare-and-swap on the head; draining exchanges the head for NULL and reverses what it got, so no node is
 * ever looked at by two threads and there is no ABA. Invariant: whoever pushes afterwards exchanges the park state for
 * NOTIFIED, and writes the descriptor if it was PARKED. Both sides change the state by read-modify-write only: with a plain
 * load of "is it parked?" the push and the park can pass each other unseen (a model checker finds the lost wake). A
 * push therefore happens either before the park, which then fails, or after it, and then ends the sleep.
 *
 * The descriptor is watched edge-triggered and never read: each write is a new edge. A closed inbox has a mark of its own as
 * its head, which no push replaces.
 */
#include "base/inbox.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

static const struct rwi_inbox_node closed_mark;

#define CLOSED_MARK ((struct rwi_inbox_node *)(uintptr_t)&closed_mark)

struct rwi_inbox *rwi_inbox_new(void)
{
    struct rwi_inbox *inbox = rwi_mem_new(sizeof *inbox);

    if (inbox == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    inbox->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (inbox->event_fd < 0) {
        rwi_mem_free(inbox, sizeof *inbox);
        return NULL;
    }
    inbox->ref_count = 1;
    return inbox;
}

struct rwi_inbox *rwi_inbox_ref(struct rwi_inbox *inbox)
{
    uint32_t before = __atomic_fetch_add(&inbox->ref_count, 1, __ATOMIC_RELAXED);

    RW_ASSERT(before > 0);
    RW_ASSERT(before < UINT32_MAX);
    return inbox;
}

void rwi_inbox_unref(struct rwi_inbox *inbox)
{
    uint32_t before;

    if (inbox == NULL) {
        return;
    }
    before = __atomic_fetch_sub(&inbox->ref_count, 1, __ATOMIC_ACQ_REL);
    RW_ASSERT(before > 0);
    if (before == 1) {
        RW_ASSERT(inbox->head == NULL || inbox->head == CLOSED_MARK);
        close(inbox->event_fd);
        rwi_mem_free(inbox, sizeof *inbox);
    }
}

static void write_event(const struct rwi_inbox *inbox)
{
    int saved = errno;
    uint64_t one = 1;

    /* Nobody reads the counter; when after 2^64 - 2 writes it is full, the loop has been awake in between. */
    while (write(inbox->event_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
    errno = saved;
}

void rwi_inbox_notify(struct rwi_inbox *inbox)
{
    RW_ASSERT(inbox->event_fd >= 0);
    if (__atomic_exchange_n(&inbox->state, RWI_NOTIFIED, __ATOMIC_ACQ_REL) == RWI_PARKED) {
        write_event(inbox);
    }
}

bool rwi_inbox_push(struct rwi_inbox *inbox, struct rwi_inbox_node *node)
{
    struct rwi_inbox_node *head = __atomic_load_n(&inbox->head, __ATOMIC_RELAXED);

    RW_ASSERT(node->take != NULL);
    do {
        if (head == CLOSED_MARK) {
            return false;
        }
        node->next = head;
    } while (
        !__atomic_compare_exchange_n(&inbox->head, &head, node, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    rwi_inbox_notify(inbox);
    return true;
}

bool rwi_inbox_is_closed(const struct rwi_inbox *inbox)
{
    return __atomic_load_n(&inbox->head, __ATOMIC_RELAXED) == CLOSED_MARK;
}

bool rwi_inbox_has_mail(const struct rwi_inbox *inbox)
{
    const struct rwi_inbox_node *head = __atomic_load_n(&inbox->head, __ATOMIC_RELAXED);

    return head != NULL && head != CLOSED_MARK;
}

static struct rwi_inbox_node *reverse(struct rwi_inbox_node *newest)
{
    struct rwi_inbox_node *oldest = NULL;

    while (newest != NULL) {
        struct rwi_inbox_node *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static size_t take_all(struct rwi_inbox_node *node, struct rw_loop *loop)
{
    size_t count = 0;

    while (node != NULL) {
        struct rwi_inbox_node *next = node->next;

        RW_ASSERT(node != CLOSED_MARK);
        node->take(node, loop);
        node = next;
        count++;
    }
    return count;
}

size_t rwi_inbox_drain(struct rwi_inbox *inbox, struct rw_loop *loop)
{
    RW_ASSERT(loop != NULL);
    RW_ASSERT(!rwi_inbox_is_closed(inbox));
    if (!rwi_inbox_has_mail(inbox)) {
        return 0;
    }
    return take_all(reverse(__atomic_exchange_n(&inbox->head, NULL, __ATOMIC_ACQUIRE)), loop);
}

bool rwi_inbox_park(struct rwi_inbox *inbox)
{
    uint32_t expected = RWI_AWAKE;

    if (__atomic_compare_exchange_n(&inbox->state, &expected, RWI_PARKED, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return true;
    }
    RW_ASSERT(expected != RWI_AWAKE);
    return expected == RWI_PARKED;
}

void rwi_inbox_unpark(struct rwi_inbox *inbox)
{
    uint32_t before = __atomic_exchange_n(&inbox->state, RWI_AWAKE, __ATOMIC_ACQ_REL);

    RW_ASSERT(before <= RWI_NOTIFIED);
    (void)before;
}

void rwi_inbox_wait(struct rwi_inbox *inbox)
{
    struct pollfd event = {.fd = inbox->event_fd, .events = POLLIN};
    uint64_t counter;

    RW_ASSERT(inbox->event_fd >= 0);
    if (rwi_inbox_park(inbox) && poll(&event, 1, -1) > 0 &&
        read(inbox->event_fd, &counter, sizeof counter) < 0) {
        RW_ASSERT(errno == EAGAIN || errno == EINTR);
    }
    rwi_inbox_unpark(inbox);
}

void rwi_inbox_close(struct rwi_inbox *inbox)
{
    struct rwi_inbox_node *head = __atomic_exchange_n(&inbox->head, CLOSED_MARK, __ATOMIC_ACQUIRE);

    RW_ASSERT(head != CLOSED_MARK);
    take_all(reverse(head), NULL);
}
