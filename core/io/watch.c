/* SPDX-License-Identifier: MIT
 *
 * watch.c - readiness of descriptors that belong to a host.
 *
 * A watch is a level-triggered source and nothing else: it owns no descriptor and knows no future. Invariant: its source
 * is attached until the watch is freed or the loop ends, whichever is first.
 */
#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/socket.h"

struct rw_watch {
    struct rwi_source source;
    struct rw_loop *loop;
    void (*notify)(void *arg, unsigned events);
    void *arg;
};

static void watch_loop_ends(struct rwi_source *source)
{
    RW_ASSERT(source->reactor != NULL);
    rwi_source_detach(source);
}

static void watch_notify(struct rwi_source *source, unsigned events)
{
    struct rw_watch *watch = rwi_container_of(source, struct rw_watch, source);

    RW_ASSERT(events != 0);
    events &= watch->source.interest | RW_HANGUP;
    if (watch->source.interest != 0 && events != 0) {
        watch->notify(watch->arg, events);
    }
}

static const struct rwi_source_ops watch_ops = {watch_loop_ends, watch_notify};

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

int rw_watch_new(struct rw_loop *loop, int fd, unsigned events, void (*notify)(void *arg, unsigned events),
                 void *arg, struct rw_watch **out)
{
    struct rw_watch *watch = rwi_mem_new(sizeof *watch);
    int result;

    RW_REQUIRE(notify != NULL);
    RW_REQUIRE(out != NULL);
    *out = NULL;
    if (watch == NULL) {
        return RW_ERR_NOMEM;
    }
    watch->source.ops = &watch_ops;
    watch->source.fd = fd;
    watch->source.interest = (uint8_t)(events & (RW_READABLE | RW_WRITABLE));
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
    if (watch->source.reactor == NULL) {
        return RW_ERR_CLOSED;
    }
    return answer(rwi_source_set_interest(&watch->source, events & (RW_READABLE | RW_WRITABLE)));
}

void rw_watch_free(struct rw_watch *watch)
{
    struct rw_loop *loop;

    if (watch == NULL) {
        return;
    }
    loop = watch->loop;
    rwi_source_detach(&watch->source);
    RW_ASSERT(watch->source.reactor == NULL);
    rwi_mem_free(watch, sizeof *watch);
    rwi_object_gone(loop, watch);
}
