/* SPDX-License-Identifier: MIT
 *
 * rwp_transport.h - the stream transport, as its files see it.
 *
 * transport.c is the type and its life with the loop, transport_face.c its methods, transport_read.c what comes in,
 * transport_write.c what goes out, transport_end.c how it begins and ends.
 */
#ifndef RWP_TRANSPORT_H
#define RWP_TRANSPORT_H

#include "rwp.h"

/* asyncio.transports._FlowControlMixin: a head and five slots. None of them is used. */
#define RWP_TRANSPORT_BASE 56

/* asyncio's marks, in bytes. */
enum { RWP_HIGH_WATER = 64 * 1024, RWP_LOW_PART = 4 };

struct rwp_transport {
    union {
        PyObject ob_base;
        char base[RWP_TRANSPORT_BASE];
    } head;
    struct rwp_link link;       /* thing: the struct rw_watch, once there is one */
    struct rwp_transport *next; /* in loop->transports while held */
    struct rwp_transport *prev;
    struct rw_job io;   /* what the reactor told */
    struct rw_job life; /* connection_made, then connection_lost */
    PyObject *weakrefs;
    struct rwp_loop *loop; /* strong; NULL once the connection is lost, as the next three */
    PyObject *sock;
    PyObject *protocol;
    PyObject *server;
    PyObject *extra; /* dict */
    PyObject *context;
    PyObject *waiter;       /* told when connection_made has been called */
    PyObject *empty_waiter; /* sendfile waits for the buffer to be empty */
    PyObject *lost_exception;
    PyObject **chunks; /* bytes objects that wait to be sent: a queue in an array */
    size_t chunk_first;
    size_t chunk_end;
    size_t chunk_cap;
    size_t chunk_sent; /* bytes of the first one that are sent already */
    size_t buffered;
    size_t high_water;
    size_t low_water;
    int fd;
    unsigned watched; /* what the watch asks for */
    unsigned told;    /* events since the last run of `io` */
    unsigned lost_count;
    bool held; /* the loop holds a reference */
    bool io_queued;
    bool life_queued;
    bool begun; /* connection_made was called */
    bool closing;
    bool paused;
    bool read_eof;
    bool write_eof;
    bool is_buffered_protocol;
    bool protocol_paused;
};

static inline struct rwp_transport *rwp_transport_of(PyObject *object)
{
    return (struct rwp_transport *)(void *)object;
}

static inline PyObject *rwp_transport_object(struct rwp_transport *self)
{
    return &self->head.ob_base;
}

/* ---- transport.c: what the core is asked for --------------------------------------------------------------------------- */

/* Makes the watch follow the transport's state; 0, or -1 with an exception. Holds and lets go as needed. */
int rwp_transport_rewatch(struct rwp_transport *self);
/* The loop holds a reference while it may call: something is watched, or a job is queued. May free the transport. */
void rwp_transport_hold_or_release(struct rwp_transport *self);
void rwp_transport_queue_life(struct rwp_transport *self);
int rwp_transport_set_protocol(struct rwp_transport *self, PyObject *protocol);

/* ---- transport_face.c ----------------------------------------------------------------------------------------------------- */

extern PyMethodDef rwp_transport_methods[];
extern PyGetSetDef rwp_transport_getset[];
PyObject *rwp_transport_repr(PyObject *self);

/* ---- transport_end.c ------------------------------------------------------------------------------------------------------ */

void rwp_transport_run_life(struct rw_job *job, struct rw_loop *loop);
/* Calls a method of the protocol without arguments, or with one; new reference. */
PyObject *rwp_transport_call(struct rwp_transport *self, enum rwp_name name, PyObject *arg);
/* To the loop's exception handler: the exception that is set (taken). -1 when it must end the program: then it stays set. */
int rwp_transport_report(struct rwp_transport *self, const char *message);
/* The exception that is set ends the connection; OSErrors are not reported. -1 as above. */
int rwp_transport_fatal(struct rwp_transport *self, const char *message);
/* Drops what is unsent and schedules connection_lost(exception); `exception` may be NULL. */
void rwp_transport_force_close(struct rwp_transport *self, PyObject *exception);
int rwp_transport_close(struct rwp_transport *self);
/* connection_lost now, and the socket's end. -1 when an exception must end the program. */
int rwp_transport_lose(struct rwp_transport *self);
/* A warning to asyncio's logger. */
void rwp_transport_warn(struct rwp_transport *self, const char *text);
void rwp_transport_finalize(PyObject *self);
/* Inside a job: an exception that must end the program is kept for the end of the turn. */
void rwp_transport_keep_exit(struct rwp_loop *loop);

/* ---- transport_read.c ----------------------------------------------------------------------------------------------------- */

void rwp_transport_notify(void *arg, unsigned events);
void rwp_transport_run_io(struct rw_job *job, struct rw_loop *loop);

/* ---- transport_write.c ---------------------------------------------------------------------------------------------------- */

PyObject *rwp_transport_write(PyObject *self, PyObject *data);
PyObject *rwp_transport_writelines(PyObject *self, PyObject *list);
PyObject *rwp_transport_write_eof(PyObject *self, PyObject *unused);
/* There is room: sends, and does what was put off until everything is sent. -1 when an exception must end the program. */
int rwp_transport_write_ready(struct rwp_transport *self);
void rwp_transport_drop_chunks(struct rwp_transport *self);
int rwp_transport_maybe_pause(struct rwp_transport *self);
PyObject *rwp_transport_make_empty_waiter(PyObject *self, PyObject *unused);
PyObject *rwp_transport_reset_empty_waiter(PyObject *self, PyObject *unused);

#endif
