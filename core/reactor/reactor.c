/* SPDX-License-Identifier: MIT
 *
 * reactor.c - sources, who waits on them, and what is flushed at the end of a turn.
 *
 * Readiness is remembered, not asked for: an edge sets bits in source->ready and wakes who waits; the bits stay until an
 * operation was told "not now". So an operation that is ready costs one system call, and one that is not costs none.
 * Invariant: a waiter sits in source->reader only while RWI_READ is clear or has not been looked at since it was set, so
 * that no edge can be missed between the attempt and the wait: both happen on the loop's thread, and edges are
 * delivered on it too.
 *
 * Wakers are queued, never run in place; only watches are called, from a list of their own, after all events of the
 * batch are in, so that a watch may detach any other source.
 */
#include "reactor/reactor.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"

bool rwi_reactor_check(const struct rwi_reactor *reactor)
{
    const struct rwi_list *node = reactor->sources.next;
    size_t count = 0;

    for (; node != &reactor->sources; node = node->next) {
        const struct rwi_source *source = rwi_list_entry(node, struct rwi_source, node);

        if (source->reactor != reactor || source->fd < 0) {
            return false;
        }
        count++;
    }
    return count == reactor->source_count;
}

static int fail_os(int negative_errno)
{
    errno = -negative_errno;
    return negative_errno == -ENOMEM ? RW_ERR_NOMEM : RW_ERR_OS;
}

int rwi_reactor_init(struct rwi_reactor *reactor, const struct rwi_sys *sys, struct rwi_inbox *inbox)
{
    int result;

    RW_ASSERT(sys != NULL);
    RW_ASSERT(inbox != NULL);
    *reactor = (struct rwi_reactor){.sys = sys, .inbox = inbox, .epoll_fd = -1};
    reactor->backend = sys->sim != NULL ? &rwi_backend_sim : &rwi_backend_epoll;
    rwi_list_init(&reactor->sources);
    rwi_list_init(&reactor->fired);
    rwi_list_init(&reactor->flushes);
    reactor->scratch = rwi_mem_raw(RWI_SCRATCH_SIZE);
    if (reactor->scratch == NULL) {
        return RW_ERR_NOMEM;
    }
    result = reactor->backend->open(reactor);
    if (result < 0) {
        rwi_mem_free(reactor->scratch, RWI_SCRATCH_SIZE);
        return fail_os(result);
    }
    return 0;
}

void rwi_reactor_fini(struct rwi_reactor *reactor)
{
    RW_ASSERT(rwi_list_is_empty(&reactor->fired) || reactor->sys->sim != NULL);
    while (!rwi_list_is_empty(&reactor->sources)) {
        struct rwi_source *source = rwi_list_entry(reactor->sources.next, struct rwi_source, node);
        size_t before = reactor->source_count;

        source->ops->loop_ends(source); /* it may free it */
        RW_ASSERT(reactor->source_count < before);
        (void)before;
    }
    RW_ASSERT(reactor->source_count == 0);
    while (rwi_list_pop_front(&reactor->flushes) != NULL) {
    }
    reactor->backend->close(reactor);
    rwi_mem_free(reactor->scratch, RWI_SCRATCH_SIZE);
}

int rwi_reactor_sleep(struct rwi_reactor *reactor, int64_t timeout_ns)
{
    bool may_sleep = timeout_ns != 0;
    int count;

    RW_ASSERT(timeout_ns >= 0);
    if (may_sleep && !rwi_inbox_park(reactor->inbox)) {
        timeout_ns = 0;
    }
    count = reactor->backend->sleep(reactor, timeout_ns == RW_NEVER ? -1 : timeout_ns);
    if (may_sleep) {
        rwi_inbox_unpark(reactor->inbox);
    }
    if (count < 0) {
        return count == -EINTR ? 0 : fail_os(count);
    }
    return count;
}

static void tell_watches(struct rwi_reactor *reactor)
{
    struct rwi_list batch;
    struct rwi_list *node;

    rwi_list_init(&batch);
    rwi_list_splice(&batch, &reactor->fired);
    while ((node = rwi_list_pop_front(&batch)) != NULL) {
        struct rwi_source *source = rwi_list_entry(node, struct rwi_source, fired);
        unsigned events = source->pending;

        RW_ASSERT(source->ops->notify != NULL);
        source->pending = 0;
        source->ops->notify(source, events);
    }
}

int rwi_reactor_dispatch(struct rwi_reactor *reactor)
{
    int count = reactor->backend->dispatch(reactor);

    RW_ASSERT(count >= 0);
    if (!rwi_list_is_empty(&reactor->fired)) {
        tell_watches(reactor);
    }
    RW_VERIFY(rwi_reactor_check(reactor));
    return count;
}

int rwi_reactor_wait(struct rwi_reactor *reactor, int64_t timeout_ns)
{
    int count = rwi_reactor_sleep(reactor, timeout_ns);

    RW_ASSERT(count <= reactor->event_count || reactor->epoll_fd < 0);
    return count < 0 ? count : rwi_reactor_dispatch(reactor);
}

static bool has_waiter(const struct rwi_source *source)
{
    return source->reader.vtable != NULL || source->writer.vtable != NULL || source->interest != 0;
}

bool rwi_reactor_has_waiters(const struct rwi_reactor *reactor)
{
    const struct rwi_list *node = reactor->sources.next;

    RW_ASSERT(reactor->backend != NULL);
    if (!reactor->backend->can_wake(reactor)) {
        return false;
    }
    while (node != &reactor->sources) {
        if (has_waiter(rwi_list_entry(node, struct rwi_source, node))) {
            return true;
        }
        node = node->next;
    }
    return false;
}

int rwi_reactor_fd(const struct rwi_reactor *reactor)
{
    RW_ASSERT(reactor->epoll_fd >= 0 || reactor->sys->sim != NULL);
    return reactor->epoll_fd;
}

size_t rwi_reactor_source_count(const struct rwi_reactor *reactor)
{
    RW_VERIFY(rwi_reactor_check(reactor));
    return reactor->source_count;
}

void rwi_reactor_after_fork(struct rwi_reactor *reactor)
{
    RW_ASSERT(!reactor->forked);
    reactor->forked = true;
}

void rwi_reactor_flush_later(struct rwi_reactor *reactor, struct rwi_flush *flush)
{
    RW_ASSERT(flush->run != NULL);
    if (rwi_list_is_empty(&flush->node)) {
        rwi_list_push_back(&reactor->flushes, &flush->node);
    }
}

void rwi_reactor_flush(struct rwi_reactor *reactor)
{
    struct rwi_list batch;
    struct rwi_list *node;

    rwi_list_init(&batch);
    rwi_list_splice(&batch, &reactor->flushes);
    while ((node = rwi_list_pop_front(&batch)) != NULL) {
        struct rwi_flush *flush = rwi_list_entry(node, struct rwi_flush, node);

        RW_ASSERT(flush->run != NULL);
        flush->run(flush);
    }
}

int rwi_source_attach(struct rwi_reactor *reactor, struct rwi_source *source)
{
    int result;

    RW_ASSERT(source->ops != NULL);
    RW_ASSERT(source->fd >= 0);
    source->reactor = reactor;
    source->reader.vtable = NULL;
    source->writer.vtable = NULL;
    source->ready = RWI_READ | RWI_WRITE;
    source->pending = 0;
    source->backend = NULL;
    rwi_list_init(&source->node);
    rwi_list_init(&source->fired);
    result = reactor->backend->attach(reactor, source);
    if (result < 0) {
        source->reactor = NULL;
        return result;
    }
    rwi_list_push_back(&reactor->sources, &source->node);
    reactor->source_count++;
    return 0;
}

void rwi_source_detach(struct rwi_source *source)
{
    struct rwi_reactor *reactor = source->reactor;

    if (reactor == NULL) {
        return;
    }
    RW_ASSERT(reactor->source_count > 0);
    reactor->backend->detach(reactor, source);
    rwi_list_remove(&source->node);
    rwi_list_remove(&source->fired);
    reactor->source_count--;
    source->reactor = NULL;
    source->reader.vtable = NULL;
    source->writer.vtable = NULL;
}

int rwi_source_set_interest(struct rwi_source *source, unsigned interest)
{
    unsigned before = source->interest;
    int result;

    RW_ASSERT(source->reactor != NULL);
    RW_ASSERT(source->ops->notify != NULL);
    source->interest = (uint8_t)interest;
    result = source->reactor->backend->set_interest(source->reactor, source);
    if (result < 0) {
        source->interest = (uint8_t)before;
    }
    return result;
}

static void wake_waiter(struct rw_waker *slot)
{
    struct rw_waker waker = *slot;

    if (waker.vtable != NULL) {
        slot->vtable = NULL;
        rw_waker_wake(&waker);
    }
}

void rwi_source_report(struct rwi_source *source, unsigned events)
{
    RW_ASSERT(source->reactor != NULL);
    if (source->ops->notify != NULL) {
        source->pending |= (uint8_t)events;
        if (rwi_list_is_empty(&source->fired)) {
            rwi_list_push_back(&source->reactor->fired, &source->fired);
        }
        return;
    }
    source->ready |= (uint8_t)events;
    if (events & RWI_READ) {
        wake_waiter(&source->reader);
    }
    if (events & RWI_WRITE) {
        wake_waiter(&source->writer);
    }
}
