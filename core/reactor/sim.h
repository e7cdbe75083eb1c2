/* SPDX-License-Identifier: MIT
 *
 * sim.h - the inside of a simulation: its system table, its events, its descriptors.
 *
 *      sim.c         clock, seed, events in time, names: what rw_sim_* offers
 *      sim_socket.c  descriptors, addresses, listening and connecting
 *      sim_stream.c  bytes on their way from one end to the other
 *      sim_sys.c     the system table over them, with the faults
 *      backend_sim.c the reactor's backend: who hears of what, and when the clock jumps
 */
#ifndef RWI_REACTOR_SIM_H
#define RWI_REACTOR_SIM_H

#include <ropewalk.h>

#include "base/list.h"
#include "base/sys.h"

struct rwi_source;

enum rwi_sim_kind { RWI_SIM_FRESH, RWI_SIM_LISTENER, RWI_SIM_STREAM };

enum rwi_sim_event_kind {
    RWI_SIM_DATA,      /* `size` bytes more can be seen by the target */
    RWI_SIM_FIN,       /* the other end will send no more */
    RWI_SIM_RESET,     /* the other end is gone; `size` is the errno */
    RWI_SIM_WINDOW,    /* the target may send again */
    RWI_SIM_ARRIVES,   /* the target's connection request reaches where it goes */
    RWI_SIM_CONNECTED, /* the target's connection stands */
    RWI_SIM_REFUSED    /* it does not; `size` is the errno */
};

struct rwi_sim_socket;

struct rwi_sim_event {
    int64_t at_ns;
    uint64_t order; /* FIFO among equals */
    struct rwi_sim_socket *target;
    enum rwi_sim_event_kind kind;
    size_t size;
};

/* One end of a connection, a listener, or a socket that is neither yet. */
struct rwi_sim_socket {
    struct rw_sim *sim;
    enum rwi_sim_kind kind;
    int fd; /* -1 while it waits to be accepted */
    int domain;
    struct rwi_source *source; /* NULL: nobody listens for edges */
    struct sockaddr_storage address;
    struct sockaddr_storage remote;
    socklen_t address_size;
    socklen_t remote_size;
    struct rwi_list node; /* in a listener's queue */
    int error;            /* to be told once: SO_ERROR, or by the next call */

    /* Listeners. */
    struct rwi_list queue;
    size_t queue_count;
    size_t backlog;

    /* Streams. The ring holds `used` bytes, of which the first `visible` have arrived. */
    struct rwi_sim_socket *peer;
    char *ring;
    size_t capacity;
    size_t start;
    size_t used;
    size_t visible;
    int64_t last_arrival_ns;
    bool fin;        /* arrived */
    bool reset;      /* arrived */
    bool write_shut; /* by this end */
    bool connecting;
    bool wants_window; /* a send was refused for want of room */
    bool abortive;     /* SO_LINGER 0 */
};

struct rwi_sim_name {
    struct rwi_sim_name *next;
    char *host; /* or a path that exists: then address is NULL */
    char *address;
};

struct rw_sim {
    struct rwi_sys sys;
    struct rw_sim_options options;
    uint64_t random;
    int64_t now_ns;
    struct rwi_sim_event *events; /* binary heap */
    size_t event_count;
    size_t event_capacity;
    uint64_t next_order;
    struct rwi_sim_socket **sockets; /* by fd - RWI_SIM_FD_BASE; NULL: free */
    size_t socket_capacity;
    size_t fd_count;
    size_t fired_count; /* sources with edges that were not yet dispatched, in all reactors */
    uint16_t next_port;
    struct rwi_sim_name *names;
    struct rwi_sim_name *paths;
};

enum {
#define RWI_SIM_DEFAULT(type, name, unit, standard, least, most, text) RWI_SIM_DEFAULT_##name = standard,
    RW_SIM_OPTIONS(RWI_SIM_DEFAULT)
#undef RWI_SIM_DEFAULT
};

enum { RWI_SIM_FD_BASE = 1 << 20, RWI_SIM_BACKLOG_MAX = 4096 };

/* The table to give to rwi_reactor_init; lives as long as the simulation. */
const struct rwi_sys *rwi_sim_sys(struct rw_sim *sim);
void rwi_sim_fill_sys(struct rw_sim *sim);

/* The seeded generator: true with the chance ppm / 1,000,000; a number in 0..bound-1. */
bool rwi_sim_chance(struct rw_sim *sim, uint32_t ppm);
uint64_t rwi_sim_below(struct rw_sim *sim, uint64_t bound);

/* What host resolves to, or NULL. */
const char *rwi_sim_lookup(const struct rw_sim *sim, const char *host);

/* Events. push: 0 or -ENOMEM. next: the time of the first or RW_NEVER. deliver: handles what is due, returns how many. purge: takes
 * out all that were for `target`. */
int rwi_sim_push(struct rw_sim *sim, const struct rwi_sim_event *event);
int64_t rwi_sim_next_event(const struct rw_sim *sim);
size_t rwi_sim_deliver(struct rw_sim *sim);
void rwi_sim_purge(struct rw_sim *sim, const struct rwi_sim_socket *target);

/* When something sent now arrives. */
int64_t rwi_sim_arrival(struct rw_sim *sim);

/* Sockets. All answer 0, a count, a descriptor or a negative errno. */
struct rwi_sim_socket *rwi_sim_socket_at(const struct rw_sim *sim, int fd); /* NULL: no such descriptor */
int rwi_sim_socket_new(struct rw_sim *sim, int domain, struct rwi_sim_socket **out);
int rwi_sim_socket_give_fd(struct rwi_sim_socket *socket);
void rwi_sim_socket_free(struct rwi_sim_socket *socket);
int rwi_sim_bind(struct rwi_sim_socket *socket, const struct sockaddr *address, socklen_t size);
int rwi_sim_listen(struct rwi_sim_socket *socket, int backlog);
int rwi_sim_connect(struct rwi_sim_socket *socket, const struct sockaddr *address, socklen_t size);
int rwi_sim_accept(struct rwi_sim_socket *listener);
void rwi_sim_connect_event(struct rwi_sim_socket *socket, const struct rwi_sim_event *event);
int rwi_sim_path_add(struct rw_sim *sim, const char *path);
bool rwi_sim_path_exists(const struct rw_sim *sim, const char *path);
int rwi_sim_path_remove(struct rw_sim *sim, const char *path);

/* Streams. */
void rwi_sim_join(struct rwi_sim_socket *a, struct rwi_sim_socket *b);
int64_t rwi_sim_recv(struct rwi_sim_socket *socket, void *buffer, size_t size);
int64_t rwi_sim_send(struct rwi_sim_socket *socket, const void *buffer, size_t size);
int rwi_sim_shutdown_write(struct rwi_sim_socket *socket);
void rwi_sim_part(struct rwi_sim_socket *socket);             /* closing: tells the other end */
void rwi_sim_reset(struct rwi_sim_socket *socket, int error); /* fault: both ends, at once */
void rwi_sim_stream_event(struct rwi_sim_socket *socket, const struct rwi_sim_event *event);

/* Tells whoever listens on the socket of enum rwi_ready `events`; and what is ready now (level). */
void rwi_sim_raise(struct rwi_sim_socket *socket, unsigned events);
unsigned rwi_sim_readiness(const struct rwi_sim_socket *socket);

#endif
