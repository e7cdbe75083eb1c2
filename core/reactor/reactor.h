/* SPDX-License-Identifier: MIT
 *
 * reactor.h - turns what happens outside into wakes; knows no tasks.
 *
 * A source is one descriptor, attached once, edge-triggered for both directions. It keeps what is known to be ready:
 * whoever wants to read tries while RWI_READ is set, clears it when the system says "not now" (rwi_source_drained), and
 * leaves a borrowed waker. A watch source (level-triggered) is told of its events by a function instead.
 */
#ifndef RWI_REACTOR_REACTOR_H
#define RWI_REACTOR_REACTOR_H

#include <ropewalk.h>

#include "base/inbox.h"
#include "base/list.h"
#include "base/sys.h"

struct rwi_reactor;
struct rwi_source;

/* The same numbers as enum rw_events. */
enum rwi_ready { RWI_READ = RW_READABLE, RWI_WRITE = RW_WRITABLE, RWI_HANGUP = RW_HANGUP };

struct rwi_source_ops {
    /* The loop ends: close the descriptor and forget the reactor. */
    void (*loop_ends)(struct rwi_source *self);
    /* Watches only (level-triggered), NULL otherwise: called inside rwi_reactor_wait. May detach any source. */
    void (*notify)(struct rwi_source *self, unsigned events);
};

struct rwi_source {
    const struct rwi_source_ops *ops;
    struct rwi_reactor *reactor; /* NULL: not attached */
    struct rwi_list node;        /* in reactor->sources */
    struct rwi_list fired;       /* watches: in reactor->fired while their turn comes */
    struct rw_waker reader;      /* borrowed; vtable NULL: nobody waits */
    struct rw_waker writer;
    int fd;
    uint8_t ready;    /* enum rwi_ready, as far as known */
    uint8_t interest; /* watches: what they want to hear of */
    uint8_t pending;  /* watches: events of this turn; simulation: edges not yet delivered */
    void *backend;    /* the simulation's end of it */
};

/* What a backend does. All answer 0 or a negative errno. */
struct rwi_backend {
    const char *name;
    int (*open)(struct rwi_reactor *reactor);
    void (*close)(struct rwi_reactor *reactor);
    int (*attach)(struct rwi_reactor *reactor, struct rwi_source *source);
    int (*set_interest)(struct rwi_reactor *reactor, struct rwi_source *source);
    void (*detach)(struct rwi_reactor *reactor, struct rwi_source *source);
    /* Waits (< 0: for ever) and keeps what it found; touches no source. The count of events. */
    int (*sleep)(struct rwi_reactor *reactor, int64_t timeout_ns);
    /* Reports what sleep found by rwi_source_report; the count of sources. */
    int (*dispatch)(struct rwi_reactor *reactor);
    /* False: no waiter can ever be woken any more, whatever they wait for. */
    bool (*can_wake)(const struct rwi_reactor *reactor);
};

/* Something to be done at the end of the turn; embed it. It may be asked for again while it runs. */
struct rwi_flush {
    struct rwi_list node;
    void (*run)(struct rwi_flush *self);
};

struct rwi_reactor {
    const struct rwi_sys *sys;
    const struct rwi_backend *backend;
    struct rwi_inbox *inbox;
    struct rwi_list sources;
    struct rwi_list fired;   /* watches to be told; in a simulation also sources with edges to deliver */
    struct rwi_list flushes; /* struct rwi_flush */
    size_t source_count;
    struct rwi_reactor_memory *memory;
    void *scratch;   /* RWI_SCRATCH_SIZE bytes for whoever reads, between two calls */
    int epoll_fd;    /* -1 in simulation */
    int event_count; /* found by sleep, not yet dispatched */
    bool forked;     /* the kernel's side is the parent's: touch nothing */
};

enum { RWI_SCRATCH_SIZE = 64 * 1024 };

/* 0, RW_ERR_NOMEM or RW_ERR_OS with errno set. The inbox stays the caller's and must outlive the reactor. */
int rwi_reactor_init(struct rwi_reactor *reactor, const struct rwi_sys *sys, struct rwi_inbox *inbox);

/* Tells every source that the loop ends (they close), then closes the backend. */
void rwi_reactor_fini(struct rwi_reactor *reactor);

/* The wait in two steps, so that a host can let go of its lock around the first. sleep only collects: `timeout_ns` 0 polls,
 * RW_NEVER is for ever; when it may block it parks the inbox, and does not block when that has mail. dispatch wakes wakers and
 * calls watches. Both return how many events, sleep also RW_ERR_OS with errno set; an interrupted sleep is 0. */
int rwi_reactor_sleep(struct rwi_reactor *reactor, int64_t timeout_ns);
int rwi_reactor_dispatch(struct rwi_reactor *reactor);

/* Both. */
int rwi_reactor_wait(struct rwi_reactor *reactor, int64_t timeout_ns);

/* True while somebody waits for something that the world outside can still bring about. */
bool rwi_reactor_has_waiters(const struct rwi_reactor *reactor);

/* Readable (level) when rwi_reactor_wait would find something; -1 in simulation. */
int rwi_reactor_fd(const struct rwi_reactor *reactor);

size_t rwi_reactor_source_count(const struct rwi_reactor *reactor);

/* In a forked child: everything the kernel shares with the parent is left alone from here on. */
void rwi_reactor_after_fork(struct rwi_reactor *reactor);

/* At the end of the turn: sends what was written. It may queue tasks, so look at the run queue afterwards. */
void rwi_reactor_flush(struct rwi_reactor *reactor);
static inline bool rwi_reactor_has_flushes(const struct rwi_reactor *reactor)
{
    return !rwi_list_is_empty(&reactor->flushes);
}
void rwi_reactor_flush_later(struct rwi_reactor *reactor, struct rwi_flush *flush);

/* Attaches `source` (fd and ops set, the rest is set here). Sources begin with everything marked ready: the first attempt tells. 0
 * or a negative errno. detach takes a source that is not attached; the descriptor stays open. */
int rwi_source_attach(struct rwi_reactor *reactor, struct rwi_source *source);
void rwi_source_detach(struct rwi_source *source);

/* Watches: changes what they want to hear of. 0 or a negative errno. */
int rwi_source_set_interest(struct rwi_source *source, unsigned interest);

/* For backends: `events` have become ready. Wakes or queues, runs nothing. */
void rwi_source_report(struct rwi_source *source, unsigned events);

bool rwi_reactor_check(const struct rwi_reactor *reactor);

extern const struct rwi_backend rwi_backend_epoll;
extern const struct rwi_backend rwi_backend_sim;

#endif
