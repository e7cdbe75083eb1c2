/* SPDX-License-Identifier: MIT
 *
 * backend_sim.c - readiness and time in a simulation.
 *
 * Sockets raise edges; the edges of a source wait in the reactor's list of fired sources until dispatch. A reactor that may
 * sleep and has nothing fired moves the clock: to the next event, or to its own timeout, whichever is first; but not
 * while another reactor of the same simulation has edges to look at. Invariant: time never passes while anything
 * here is ready.
 *
 * Other threads stay real: with no event and no timeout left, only the inbox can end the sleep, so it waits for that.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/check.h"
#include "reactor/reactor.h"
#include "reactor/sim.h"

static int sim_backend_open(struct rwi_reactor *reactor)
{
    RW_ASSERT(reactor->sys->sim != NULL);
    reactor->epoll_fd = -1;
    return 0;
}

static void sim_backend_close(struct rwi_reactor *reactor)
{
    RW_ASSERT(rwi_list_is_empty(&reactor->fired));
    RW_ASSERT(reactor->source_count == 0);
    (void)reactor;
}

static struct rwi_sim_socket *socket_of(const struct rwi_source *source)
{
    RW_ASSERT(source->backend != NULL);
    return source->backend;
}

/* Edges for sources; for watches the list only says "look", the level decides. */
void rwi_sim_raise(struct rwi_sim_socket *socket, unsigned events)
{
    struct rwi_source *source = socket->source;

    if (source == NULL) {
        return;
    }
    RW_ASSERT(source->reactor != NULL);
    if (source->ops->notify != NULL) {
        return;
    }
    source->pending |= (uint8_t)events;
    if (rwi_list_is_empty(&source->fired)) {
        rwi_list_push_back(&source->reactor->fired, &source->fired);
        socket->sim->fired_count++;
    }
}

static int sim_backend_attach(struct rwi_reactor *reactor, struct rwi_source *source)
{
    struct rwi_sim_socket *socket = rwi_sim_socket_at(reactor->sys->sim, source->fd);

    if (socket == NULL) {
        return -ENOTSUP;
    }
    if (socket->source != NULL) {
        return -EEXIST;
    }
    RW_ASSERT(socket->fd == source->fd);
    source->backend = socket;
    socket->source = source;
    if (rwi_sim_readiness(socket) != 0) {
        rwi_sim_raise(socket, rwi_sim_readiness(socket));
    }
    return 0;
}

static int sim_backend_set_interest(struct rwi_reactor *reactor, struct rwi_source *source)
{
    RW_ASSERT(socket_of(source)->source == source);
    RW_ASSERT(source->reactor == reactor);
    source->pending &= source->interest;
    (void)reactor;
    return 0;
}

static void forget_edges(struct rwi_reactor *reactor, struct rwi_source *source)
{
    if (!rwi_list_is_empty(&source->fired) && source->ops->notify == NULL) {
        RW_ASSERT(reactor->sys->sim->fired_count > 0);
        reactor->sys->sim->fired_count--;
    }
    rwi_list_remove(&source->fired);
}

static void sim_backend_detach(struct rwi_reactor *reactor, struct rwi_source *source)
{
    RW_ASSERT(socket_of(source)->source == source);
    forget_edges(reactor, source);
    socket_of(source)->source = NULL;
    source->backend = NULL;
}

/* The events a watch would hear of now. */
static unsigned watch_events(const struct rwi_source *source)
{
    unsigned level = rwi_sim_readiness(socket_of(source));

    RW_ASSERT(source->ops->notify != NULL);
    return source->interest == 0 ? 0 : level & (source->interest | RWI_HANGUP);
}

static int count_ready_watches(const struct rwi_reactor *reactor)
{
    const struct rwi_list *node = reactor->sources.next;
    int count = 0;

    RW_ASSERT(reactor->sys->sim != NULL);
    for (; node != &reactor->sources; node = node->next) {
        const struct rwi_source *source = rwi_list_entry(node, struct rwi_source, node);

        count += source->ops->notify != NULL && watch_events(source) != 0;
    }
    return count;
}

static bool something_is_ready(const struct rwi_reactor *reactor)
{
    RW_ASSERT(reactor->backend == &rwi_backend_sim);
    return reactor->sys->sim->fired_count > 0 || count_ready_watches(reactor) > 0;
}

/* Sleeps for real until another thread pushes. The inbox is parked, or had mail and then timeout_ns was 0. */
static void wait_for_mail(const struct rwi_reactor *reactor)
{
    struct pollfd event = {.fd = reactor->inbox->event_fd, .events = POLLIN};
    uint64_t counter;

    RW_ASSERT(event.fd >= 0);
    if (poll(&event, 1, -1) > 0 && read(event.fd, &counter, sizeof counter) < 0) {
        RW_ASSERT(errno == EAGAIN || errno == EINTR);
    }
}

static int sim_backend_sleep(struct rwi_reactor *reactor, int64_t timeout_ns)
{
    struct rw_sim *sim = reactor->sys->sim;
    int64_t target = RW_NEVER;

    rwi_sim_deliver(sim);
    if (timeout_ns == 0 || something_is_ready(reactor)) {
        return rwi_list_is_empty(&reactor->fired) ? count_ready_watches(reactor) : 1;
    }
    if (timeout_ns > 0 && timeout_ns < RW_NEVER - sim->now_ns) {
        target = sim->now_ns + timeout_ns;
    }
    target = rwi_sim_next_event(sim) < target ? rwi_sim_next_event(sim) : target;
    if (target == RW_NEVER) {
        wait_for_mail(reactor);
        return 0;
    }
    RW_ASSERT(target > sim->now_ns);
    sim->now_ns = target;
    rwi_sim_deliver(sim);
    return rwi_list_is_empty(&reactor->fired) ? count_ready_watches(reactor) : 1;
}

static struct rwi_list *pick(struct rw_sim *sim, struct rwi_list *batch, size_t count)
{
    struct rwi_list *node = batch->next;

    RW_ASSERT(count > 0);
    if (sim->options.shuffle) {
        for (uint64_t skip = rwi_sim_below(sim, count); skip > 0; skip--) {
            node = node->next;
        }
    }
    return node;
}

static void fire_watches(struct rwi_reactor *reactor)
{
    struct rwi_list *node = reactor->sources.next;

    RW_ASSERT(rwi_list_is_empty(&reactor->fired));
    for (; node != &reactor->sources; node = node->next) {
        struct rwi_source *source = rwi_list_entry(node, struct rwi_source, node);

        if (source->ops->notify != NULL && watch_events(source) != 0) {
            rwi_source_report(source, watch_events(source));
        }
    }
}

/* Edges first; they only queue wakes. Watches are put in the list afterwards and told by the reactor. */
static int sim_backend_dispatch(struct rwi_reactor *reactor)
{
    struct rw_sim *sim = reactor->sys->sim;
    struct rwi_list *node = reactor->fired.next;
    size_t count = 0;

    for (; node != &reactor->fired; node = node->next) {
        count++;
    }
    for (size_t left = count; left > 0; left--) {
        struct rwi_source *source =
            rwi_list_entry(pick(sim, &reactor->fired, left), struct rwi_source, fired);
        unsigned events = source->pending;

        RW_ASSERT(source->ops->notify == NULL);
        forget_edges(reactor, source);
        source->pending = 0;
        rwi_source_report(source, events);
    }
    fire_watches(reactor);
    return (int)count;
}

/* An event on its way, an edge not yet seen, a watch that is ready: else nothing can come any more. */
static bool sim_backend_can_wake(const struct rwi_reactor *reactor)
{
    return rwi_sim_next_event(reactor->sys->sim) != RW_NEVER || something_is_ready(reactor);
}

const struct rwi_backend rwi_backend_sim = {
    .name = "sim",
    .open = sim_backend_open,
    .close = sim_backend_close,
    .attach = sim_backend_attach,
    .set_interest = sim_backend_set_interest,
    .detach = sim_backend_detach,
    .sleep = sim_backend_sleep,
    .dispatch = sim_backend_dispatch,
    .can_wake = sim_backend_can_wake,
};
