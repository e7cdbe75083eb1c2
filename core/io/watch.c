/* SPDX-License-Identifier: MIT
 *
 * watch.c - readiness of descriptors that belong to a host or to a foreign library.
 *
 * A watch is a level-triggered source that owns no descriptor. It tells its function, and the futures that wait for it;
 * since these may outlive it, it keeps a list of all of them and takes leave of them when it goes.
 *
 * Invariant: its source is attached until the watch is freed or the loop ends, whichever is first; its interest is `set` and what
 * those futures want that are `is_waiting`, no more: an interest that nobody has would keep the loop from being idle.
 */
#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/socket.h"

struct rw_watch {
    struct rwi_source source;
    struct rw_loop *loop;
    void (*notify)(void *arg, unsigned events); /* may be NULL */
    void *arg;
    unsigned set;          /* what notify is told of */
    struct rwi_list waits; /* struct wait_future */
};

struct wait_future {
    struct rw_future future;
    struct rw_loop *loop;
    struct rw_watch *watch; /* NULL: it is gone */
    struct rwi_list node;
    struct rw_waker waker; /* borrowed, while it waits */
    unsigned wanted;
    unsigned happened;
    enum { NEW, WAITING, WOKEN } state;
};

static int answer(int result)
{
    if (result == -EEXIST) {
        return RW_ERR_BUSY;
    }
    if (result == -ENOTSUP) {
        return RW_ERR_UNSUPPORTED;
    }
    RW_ASSERT(result <= 0);
    if (result < 0) {
        errno = -result;
        return result == -ENOMEM ? RW_ERR_NOMEM : RW_ERR_OS;
    }
    return 0;
}

static unsigned wanted_of(const struct rw_watch *watch)
{
    unsigned wanted = watch->set;

    for (const struct rwi_list *node = watch->waits.next; node != &watch->waits; node = node->next) {
        const struct wait_future *wait = rwi_list_entry(node, struct wait_future, node);

        wanted |= wait->state == WAITING ? wait->wanted : 0;
    }
    RW_ASSERT((wanted & ~(unsigned)(RW_READABLE | RW_WRITABLE)) == 0);
    return wanted;
}

/* After somebody has begun to wait, or ended. */
static int update_interest(struct rw_watch *watch)
{
    unsigned wanted = wanted_of(watch);

    if (watch->source.reactor == NULL) {
        return RW_ERR_CLOSED;
    }
    return wanted == watch->source.interest ? 0 : answer(rwi_source_set_interest(&watch->source, wanted));
}

static void end_wait(struct wait_future *wait, unsigned happened)
{
    RW_ASSERT(wait->state == WAITING);
    wait->state = WOKEN;
    wait->happened = happened;
    rw_waker_wake(&wait->waker);
}

static void watch_loop_ends(struct rwi_source *source)
{
    RW_ASSERT(source->reactor != NULL);
    rwi_source_detach(source);
}

static void tell_waits(struct rw_watch *watch, unsigned events)
{
    RW_ASSERT(watch->source.reactor != NULL);
    for (struct rwi_list *node = watch->waits.next; node != &watch->waits; node = node->next) {
        struct wait_future *wait = rwi_list_entry(node, struct wait_future, node);
        unsigned happened = events & (wait->wanted | RW_HANGUP);

        if (wait->state == WAITING && happened != 0) {
            end_wait(wait, happened);
        }
    }
    update_interest(watch); /* to want less cannot fail */
}

void rw_watch_wake(struct rw_watch *watch)
{
    RW_REQUIRE(watch != NULL);
    for (struct rwi_list *node = watch->waits.next; node != &watch->waits; node = node->next) {
        struct wait_future *wait = rwi_list_entry(node, struct wait_future, node);

        if (wait->state == WAITING) {
            end_wait(wait, 0);
        }
    }
    update_interest(watch);
}

static void watch_notify(struct rwi_source *source, unsigned events)
{
    struct rw_watch *watch = rwi_container_of(source, struct rw_watch, source);

    RW_ASSERT(events != 0);
    if (!rwi_list_is_empty(&watch->waits)) {
        tell_waits(watch, events);
    }
    events &= watch->set | RW_HANGUP;
    if (watch->set != 0 && events != 0) {
        watch->notify(watch->arg, events); /* last: it may free the watch */
    }
}

static const struct rwi_source_ops watch_ops = {watch_loop_ends, watch_notify};

int rw_watch_new(struct rw_loop *loop, int fd, unsigned events, void (*notify)(void *arg, unsigned events),
                 void *arg, struct rw_watch **out)
{
    struct rw_watch *watch = rwi_mem_new(sizeof *watch);
    int result;

    RW_REQUIRE(notify != NULL || events == 0);
    RW_REQUIRE(out != NULL);
    *out = NULL;
    if (watch == NULL) {
        return RW_ERR_NOMEM;
    }
    watch->source.ops = &watch_ops;
    watch->source.fd = fd;
    watch->set = events & (RW_READABLE | RW_WRITABLE);
    watch->source.interest = (uint8_t)watch->set;
    rwi_list_init(&watch->waits);
    watch->loop = loop;
    watch->notify = notify;
    watch->arg = arg;
    result = fd < 0 ? -EBADF : rwi_source_attach(rwi_reactor_of(loop), &watch->source);
    if (result < 0) {
        rwi_mem_free(watch, sizeof *watch);
        return answer(result);
    }
    rwi_object_born(loop, watch);
    *out = watch;
    return 0;
}

int rw_watch_set(struct rw_watch *watch, unsigned events)
{
    RW_REQUIRE(watch != NULL);
    RW_REQUIRE(watch->notify != NULL || events == 0);
    unsigned before = watch->set;
    int result;

    if (watch->source.reactor == NULL) {
        return RW_ERR_CLOSED;
    }
    watch->set = events & (RW_READABLE | RW_WRITABLE);
    result = rwi_source_set_interest(&watch->source, wanted_of(watch));
    if (result < 0) {
        watch->set = before;
    }
    return answer(result);
}

void rw_watch_free(struct rw_watch *watch)
{
    struct rwi_list *node;
    struct rw_loop *loop;

    if (watch == NULL) {
        return;
    }
    loop = watch->loop;
    while ((node = rwi_list_pop_front(&watch->waits)) != NULL) {
        struct wait_future *wait = rwi_list_entry(node, struct wait_future, node);

        wait->watch = NULL;
        if (wait->state == WAITING) {
            end_wait(wait, 0);
        }
    }
    rwi_source_detach(&watch->source);
    RW_ASSERT(watch->source.reactor == NULL);
    rwi_mem_free(watch, sizeof *watch);
    rwi_object_gone(loop, watch);
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

static enum rw_poll wait_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct wait_future *wait = (struct wait_future *)self;
    int err = cx->loop != wait->loop ? RW_ERR_THREAD : wait->watch == NULL ? RW_ERR_CLOSED : 0;

    if (err == 0 && wait->state == WOKEN) {
        *out = rw_int(wait->happened);
        return RW_READY;
    }
    if (err == 0) {
        wait->waker = cx->waker;
        wait->state = WAITING;
        err = update_interest(wait->watch);
    }
    if (err != 0) {
        wait->state = WOKEN;
        *out = err == RW_ERR_OS ? rw_failure_errno(errno, "watch") : rw_failure(err);
        return RW_READY;
    }
    RW_ASSERT(wait->state == WAITING);
    return RW_PENDING;
}

static void wait_drop(struct rw_future *self)
{
    struct wait_future *wait = (struct wait_future *)self;

    RW_ASSERT(wait->watch != NULL || wait->state != WAITING);
    rwi_list_remove(&wait->node);
    if (wait->state == WAITING) {
        update_interest(wait->watch);
    }
    rwi_loop_release(wait->loop, wait, sizeof *wait);
}

static const struct rw_future_vtable wait_vtable = {"watch", 0, wait_poll, NULL, wait_drop};

struct rw_future *rw_watch_wait(struct rw_watch *watch, unsigned events)
{
    struct wait_future *wait;

    RW_REQUIRE(watch != NULL);
    RW_REQUIRE((events & (RW_READABLE | RW_WRITABLE)) != 0);
    wait = rwi_loop_alloc(watch->loop, sizeof *wait);
    if (wait == NULL) {
        return rw_failed(watch->loop, RW_ERR_NOMEM);
    }
    *wait = (struct wait_future){
        .loop = watch->loop, .watch = watch, .wanted = events & (RW_READABLE | RW_WRITABLE)};
    rw_future_init(&wait->future, &wait_vtable);
    rwi_list_init(&wait->node);
    rwi_list_push_back(&watch->waits, &wait->node);
    return &wait->future;
}
