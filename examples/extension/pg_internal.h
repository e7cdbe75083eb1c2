/* SPDX-License-Identifier: MIT
 *
 * pg_internal.h - what the files of the client share.
 *
 * pg_values.c turns parameters and results into what the other side reads; pg_connect.c makes a connection, pg.c drives it
 * and has the commands, pg_listen.c the notifications.
 */
#ifndef PG_INTERNAL_H
#define PG_INTERNAL_H

#include <libpq-fe.h>

#include "pg.h"

struct pgi_command;
struct pgi_listener;
struct pgi_cancel;

enum pgi_state { CONNECTING, IDLE, BUSY, DRAINING, CLOSED };

struct pg_connection {
    struct rw_object object;
    struct rw_loop *loop;
    enum pgi_state state; /* drawn in pg.c */
    PGconn *libpq;        /* NULL once CLOSED */
    struct rw_watch *watch;
    unsigned events;             /* that are watched for */
    bool is_ready;               /* while CONNECTING: the socket is */
    bool is_unsent;              /* libpq has bytes for the server */
    bool is_copying;             /* the data of a COPY is being thrown away */
    bool is_drained;             /* while DRAINING: the results have ended */
    struct rw_waker connector;   /* borrowed, while CONNECTING */
    struct pgi_command *current; /* while BUSY */
    struct pgi_command *queue;   /* the next one first */
    unsigned queue_count;
    struct pgi_listener *listeners;
    struct pgi_cancel *cancel; /* NULL: none is under way */
    struct rw_timer again;     /* armed while DRAINING: to cancel once more */
    struct rw_value failure;   /* once CLOSED */
    struct rw_value farewell;  /* the failure with which the server ended the session, or nil */
};

/* What PQsendQueryParams is given. `values` point into the list of parameters, or to `scratch`. */
struct pgi_params {
    int count;
    const char **values; /* the block that holds all five; NULL: none */
    char (*scratch)[8];
    int *lengths, *formats;
    Oid *types;
};

enum pgi_command_state { NEW, QUEUED, SENT, DONE };

/* A statement on its way: the future of pg_query, or the source behind the stream of pg_rows. */
struct pgi_command {
    struct rw_future future;
    struct pgi_command *next;
    struct pg_connection *connection; /* counted, but where it is unattended */
    enum pgi_command_state state;
    bool is_rows;
    bool is_unattended;      /* nobody waits for it: the connection frees it */
    struct rw_waker waker;   /* borrowed */
    struct rw_value outcome; /* a failure; or of a query the result, of rows the next one; or nil */
    struct rw_value sql;
    struct rw_value list;
    struct pgi_params params;
};

/* pg_values.c. init keeps pointers into `list`; its outcome is nil or a failure; fini may follow either. */
struct rw_value pgi_params_init(struct pgi_params *params, struct rw_loop *loop, const struct rw_value *list);
void pgi_params_fini(struct pgi_params *params, struct rw_loop *loop);
struct rw_value pgi_make_row(const PGresult *result, int row);
struct rw_value pgi_make_result(PGresult *result);
struct rw_value pgi_make_map(int count, const char *const *keys,
                             struct rw_value *items); /* takes the items */
/* What the server answered, RW_ERR_BROKEN where that was its last word; what libpq says; with what its last call failed. */
struct rw_value pgi_server_failure(const struct pg_connection *c, const PGresult *result);
struct rw_value pgi_failure(int code, const char *message);
struct rw_value pgi_last_failure(const struct pg_connection *c);

/* pg.c. new has no libpq yet. begin and end are what becomes of CONNECTING; end takes the failure. pump does what can be done now. watch
 * makes the watch of libpq's socket, or ends the connection. ready takes the value. */
struct pg_connection *pgi_new(struct rw_loop *loop);
void pgi_begin(struct pg_connection *c);
void pgi_end(struct pg_connection *c, struct rw_value failure);
void pgi_pump(struct pg_connection *c);
void pgi_watch(struct pg_connection *c, unsigned events);
void pgi_abandon(struct pg_connection *c);

/* pg_command.c. next takes the first command out of the queue. finish ends one that is neither there nor current, and takes its failure, or
 * nil; set_outcome takes a value and keeps it, but not after a failure. has_row: the reader is slower than the server. */
struct pgi_command *pgi_next(struct pg_connection *c);
void pgi_finish(struct pgi_command *command, struct rw_value failure);
void pgi_set_outcome(struct pgi_command *command, struct rw_value outcome);
bool pgi_has_row(const struct pgi_command *command);
void pgi_run_unattended(struct pg_connection *c, const char *sql);
struct rw_future *pgi_ready(struct rw_loop *loop, struct rw_value value);

/* pg_listen.c */
void pgi_take_notifications(struct pg_connection *c);
bool pgi_is_listening(const struct pg_connection *c); /* a stream has nothing left, and wants more */
void pgi_fail_listeners(struct pg_connection *c);

#endif
