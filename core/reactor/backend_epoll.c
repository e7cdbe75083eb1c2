/* SPDX-License-Identifier: MIT
 *
 * backend_epoll.c - readiness from epoll.
 *
 * Every source is registered once, for both directions and edge-triggered, so that nothing is re-armed per operation;
 * watches are level-triggered and follow what they ask for. Invariant: a registered source is attached, because detach always
 * deletes it, even right before a close: were the description shared with a forked process, closing would leave
 * a registration behind that points to freed memory. One batch is dispatched before the next sleep, and a source that is
 * detached in between is taken out of it.
 *
 * The inbox's event descriptor is registered edge-triggered with data.ptr NULL and never read. */
#include <errno.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "reactor/reactor.h"

enum { BATCH = 256 };

struct rwi_reactor_memory {
    struct epoll_event events[BATCH];
};

static int epoll_backend_open(struct rwi_reactor *reactor)
{
    const struct rwi_sys *sys = reactor->sys;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    int result;

    RW_ASSERT(reactor->memory == NULL);
    reactor->memory = rwi_mem_raw(sizeof *reactor->memory);
    if (reactor->memory == NULL) {
        return -ENOMEM;
    }
    result = sys->epoll_create(sys->arg);
    if (result < 0) {
        goto free_memory;
    }
    reactor->epoll_fd = result;
    result = sys->epoll_ctl(sys->arg, reactor->epoll_fd, EPOLL_CTL_ADD, reactor->inbox->event_fd, &event);
    if (result < 0) {
        goto close_epoll;
    }
    return 0;

close_epoll:
    sys->close(sys->arg, reactor->epoll_fd);
    reactor->epoll_fd = -1;
free_memory:
    rwi_mem_free(reactor->memory, sizeof *reactor->memory);
    reactor->memory = NULL;
    return result;
}

static void epoll_backend_close(struct rwi_reactor *reactor)
{
    RW_ASSERT(reactor->epoll_fd >= 0);
    reactor->sys->close(reactor->sys->arg, reactor->epoll_fd);
    reactor->epoll_fd = -1;
    rwi_mem_free(reactor->memory, sizeof *reactor->memory);
    reactor->memory = NULL;
}

static int control(struct rwi_reactor *reactor, int op, struct rwi_source *source)
{
    const struct rwi_sys *sys = reactor->sys;
    struct epoll_event event = {.data.ptr = source};

    RW_ASSERT(source->fd >= 0);
    if (source->ops->notify == NULL) {
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    } else {
        event.events =
            (source->interest & RWI_READ ? EPOLLIN : 0u) | (source->interest & RWI_WRITE ? EPOLLOUT : 0u);
    }
    if (reactor->forked) {
        return 0;
    }
    return sys->epoll_ctl(sys->arg, reactor->epoll_fd, op, source->fd, &event);
}

/* `backend` of a source says whether the kernel knows it: a watch for nothing is not registered, because epoll would report
 * hang-ups all the same. */
static int epoll_backend_set_interest(struct rwi_reactor *reactor, struct rwi_source *source)
{
    bool known = source->backend != NULL;
    bool wanted = source->interest != 0 || source->ops->notify == NULL;
    int result = 0;

    RW_ASSERT(source->reactor == reactor);
    if (wanted) {
        result = control(reactor, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source);
    } else if (known) {
        result = control(reactor, EPOLL_CTL_DEL, source);
    }
    if (result >= 0) {
        source->backend = wanted ? reactor : NULL;
        source->pending &= source->interest;
    }
    return result;
}

static int epoll_backend_attach(struct rwi_reactor *reactor, struct rwi_source *source)
{
    int result = control(reactor, EPOLL_CTL_ADD, source);

    RW_ASSERT(source->backend == NULL);
    if (result < 0) {
        return result;
    }
    source->backend = reactor;
    return source->ops->notify != NULL ? epoll_backend_set_interest(reactor, source) : 0;
}

static void epoll_backend_detach(struct rwi_reactor *reactor, struct rwi_source *source)
{
    if (source->backend != NULL) {
        control(reactor, EPOLL_CTL_DEL, source);
        source->backend = NULL;
    }
    RW_ASSERT(reactor->event_count <= BATCH);
    for (int i = 0; i < reactor->event_count; i++) {
        if (reactor->memory->events[i].data.ptr == source) {
            reactor->memory->events[i].data.ptr = NULL;
        }
    }
}

static int epoll_backend_sleep(struct rwi_reactor *reactor, int64_t timeout_ns)
{
    const struct rwi_sys *sys = reactor->sys;
    int count = sys->epoll_wait(sys->arg, reactor->epoll_fd, reactor->memory->events, BATCH, timeout_ns);

    RW_ASSERT(count <= BATCH);
    reactor->event_count = count > 0 ? count : 0;
    return count;
}

static unsigned ready_bits(uint32_t events)
{
    unsigned ready = 0;

    RW_ASSERT(events != 0);
    ready |= events & (EPOLLIN | EPOLLPRI) ? RWI_READ : 0u;
    ready |= events & EPOLLOUT ? RWI_WRITE : 0u;
    ready |= events & EPOLLRDHUP ? RWI_READ | RWI_HANGUP : 0u;
    ready |= events & (EPOLLHUP | EPOLLERR) ? RWI_READ | RWI_WRITE | RWI_HANGUP : 0u;
    return ready;
}

static int epoll_backend_dispatch(struct rwi_reactor *reactor)
{
    int count = reactor->event_count;

    RW_ASSERT(count <= BATCH);
    for (int i = 0; i < count; i++) {
        const struct epoll_event *event = &reactor->memory->events[i];

        if (event->data.ptr != NULL) {
            rwi_source_report(event->data.ptr, ready_bits(event->events));
        }
    }
    reactor->event_count = 0;
    return count;
}

static bool epoll_backend_can_wake(const struct rwi_reactor *reactor)
{
    RW_ASSERT(reactor->epoll_fd >= 0);
    return true;
}

const struct rwi_backend rwi_backend_epoll = {
    .name = "epoll",
    .open = epoll_backend_open,
    .close = epoll_backend_close,
    .attach = epoll_backend_attach,
    .set_interest = epoll_backend_set_interest,
    .detach = epoll_backend_detach,
    .sleep = epoll_backend_sleep,
    .dispatch = epoll_backend_dispatch,
    .can_wake = epoll_backend_can_wake,
};
