/* SPDX-License-Identifier: MIT
 *
 * loop.h - the composition root: one executor, one reactor, one inbox, one thread.
 */
#ifndef RWI_LOOP_H
#define RWI_LOOP_H

#include <pthread.h>
#include <ropewalk.h>

#include "base/inbox.h"
#include "base/sys.h"
#include "exec/executor.h"
#include "reactor/reactor.h"

struct rw_loop {
    struct rwi_executor executor; /* first: see executor.h */
    struct rwi_reactor reactor;
    struct rwi_inbox *inbox;
    pthread_t thread;
    struct rw_wait_hooks hooks;
    uint64_t look_at;  /* the count of jobs run at which the clock is looked at again */
    int64_t polled_ns; /* when the reactor was last polled */
    uint32_t looks;    /* at the clock since then */
    bool parked;       /* the inbox is, since the last turn */
    bool again;        /* woken while the last turn ran: the next one must not sleep */
    bool forked;
};

/* A loop on a given system table (fault injection); as rw_loop_new otherwise. */
struct rw_loop *rwi_loop_new_on(const struct rwi_sys *sys, const struct rw_loop_options *options);

#endif
