/* SPDX-License-Identifier: MIT
 *
 * pg.h - PostgreSQL for tasks: queries, rows as a stream, notifications as a stream.
 *
 * A connection does one command at a time; others wait in line, in the order in which they were first polled, at most
 * PG_QUEUE_MAX of them (RW_ERR_FULL beyond). All of it belongs to the thread of one loop, and nothing of it blocks that.
 *
 * Errors. What the server says of a command is RW_ERR_SCRIPT: message "42P01: relation "x" does not exist", type
 * "pg.42P01"; the connection goes on. A connection that could not be made or is lost is RW_ERR_BROKEN, with what libpq or
 * the server said last, for all who wait and for all who come later; one that was closed here is RW_ERR_CLOSED.
 *
 * Parameters are nil or a list; they become $1, $2 ... : nil is NULL, a text has the type that its place in the statement
 * asks for, an int is an integer or, where it does not fit, a bigint, a double is a double precision, bytes are a bytea.
 * Results: smallint, integer and bigint are int, real and double precision are double, bool is bool, bytea is bytes,
 * NULL is nil, and everything else the text that the server writes for it.
 */
#ifndef PG_H
#define PG_H

#include <ropewalk.h>

struct pg_connection;
extern const struct rw_object_type pg_connection_type;

enum { PG_QUEUE_MAX = 1024, PG_NOTIFICATIONS_MAX = 1024 };

/* Connects as libpq does, with its conninfo ("host=db user=me" or a URI) and environment; the outcome is a connection (a
 * handle). RW_ERR_INVALID for a conninfo that cannot be read; after `deadline_ns` RW_ERR_TIMEOUT. */
struct rw_future *pg_connect(struct rw_loop *loop, const char *conninfo, int64_t deadline_ns);

/* The connection in a value; borrowed, NULL when it is none. */
struct pg_connection *pg_connection_of(const struct rw_value *value);

/* Runs one statement (`params` is taken): a map of columns (a list of texts), rows (a list of lists), affected (an int,
 * nil where the statement counts nothing) and command ("INSERT 0 1"). A future that is dropped while the
 * server is at work, as a cancelled task does, cancels it there; the next command begins when the server has
 * let go. Where that request cannot be delivered, the next command waits for the statement's own end. */
struct rw_future *pg_query(struct pg_connection *connection, const char *sql, struct rw_value params);

/* The same, with its rows one by one, each a list: the server is read no faster than the stream. Begins when the
 * stream is first asked for a row; until its end, or until it is closed, which cancels the statement, the
 * connection does nothing else. NULL on no memory. */
struct rw_stream *pg_rows(struct pg_connection *connection, const char *sql, struct rw_value params);

/* Listens on a channel; the outcome is a stream of what is sent there from then on: maps of channel, payload and pid. They
 * come while a command waits for its answer, or while somebody waits for one of them. Closing the stream ends the
 * listening. With more than PG_NOTIFICATIONS_MAX not taken it fails with RW_ERR_LAGGED. */
struct rw_future *pg_listen(struct pg_connection *connection, const char *channel);

/* Closes it now: who waits gets RW_ERR_CLOSED, and the statement that runs is cancelled. Idempotent. */
void pg_close(struct pg_connection *connection);

#endif
