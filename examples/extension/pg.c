/* SPDX-License-Identifier: MIT
 *
 * pg.c - a PostgreSQL client for tasks, over libpq's non-blocking interface.
 *
 * Whatever takes time is a procedure (<ropewalk/procedure.h>): straight-line code that awaits the connection's turn, its
 * socket, or a call of libpq's that blocks, on a thread of the pool. A connection does one statement at a time: who has
 * the one permit of `turn` owns it, the others wait in line. A statement's life:
 *
 *      NEW --run--> IN_LINE --its turn: send_it--> SENT --its results have ended: take_result--> DONE 
 *                                                   |                                              ^
 *                                                   +--statement_drop: nobody waits--> ABANDONED --+ settle
 *
 * Dropping a statement's future or stream is how it is cancelled. One that was SENT then keeps the turn and belongs to a
 * task that settles it: it asks the server to cancel and throws the results away. Invariant: one at most is SENT or ABANDONED;
 * the next is sent when the request is answered too, for one that came late would hit the wrong statement.
 * Rejected: PQcancelStart, which does not block, for it came with libpq 17.
 */
#include "pg.h"
#include "pg_values.h"

struct pg_connection {
    struct rw_object object;
    struct rw_loop *loop;
    struct rw_value conninfo;
    PGconn *libpq; /* NULL before it begins, and once it has ended */
    PostgresPollingStatusType progress;
    struct rw_watch *socket;
    struct rw_semaphore *turn;
    unsigned waiting; /* statements IN_LINE */
    struct listener *listeners;
    struct rw_value farewell; /* the failure with which the server ended the session, or nil */
    struct rw_value failure;  /* why the connection has ended, or nil */
};

struct statement {
    struct pg_connection *connection; /* counted */
    enum { NEW, IN_LINE, SENT, ABANDONED, DONE } stage;
    bool is_rows;
    struct rw_value sql, params;
    struct rw_value outcome; /* a failure; of a query the result, of rows the next one; or nil */
};

struct listener {
    struct listener *next;
    struct pg_connection *connection; /* counted */
    struct rw_sender *sender;         /* both ends of its queue; closed when that was full */
    struct rw_receiver *receiver;
    char channel[CHANNEL_MAX + 1];
};

/* ---- a connection ---------------------------------------------------------------------------------------------------- */

static bool is_open(const struct pg_connection *c)
{
    return c->failure.kind == RW_KIND_NIL;
}

/* Takes the failure. Who waits, for the turn or the socket, goes on and finds the connection ended. */
static void end(struct pg_connection *c, struct rw_value failure)
{
    if (!is_open(c)) {
        rw_value_drop(&failure);
        return;
    }
    c->failure = failure;
    rw_watch_free(c->socket);
    c->socket = NULL;
    PQfinish(c->libpq);
    c->libpq = NULL;
    if (c->turn != NULL) {
        rw_semaphore_close(c->turn);
    }
}

static void destroy(struct rw_object *object)
{
    struct pg_connection *c = (struct pg_connection *)object;

    end(c, rw_failure(RW_ERR_CLOSED));
    rw_semaphore_unref(c->turn);
    rw_value_drop(&c->conninfo);
    rw_value_drop(&c->farewell);
    rw_value_drop(&c->failure);
    rw_loop_release(c->loop, c, sizeof *c);
}

const struct rw_object_type pg_connection_type = {"pg_connection", false, destroy};

/* Keeps what the server says on its way out; other notices go nowhere. */
static void take_notice(void *arg, const PGresult *notice)
{
    struct pg_connection *c = arg;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (severity != NULL && strcmp(severity, "FATAL") == 0) {
        rw_value_set(&c->farewell, make_failure(c->libpq, notice));
    }
}

static struct rw_future *wait_for_server(struct pg_connection *c)
{
    return rw_watch_wait(c->socket, PQflush(c->libpq) > 0 ? RW_READABLE | RW_WRITABLE : RW_READABLE);
}

/* After the wait: reads what has come. */
static void receive(struct pg_connection *c, const struct rw_value *waited)
{
    if (is_open(c) && rw_is_failure(waited)) {
        end(c, rw_value_clone(waited));
    } else if (is_open(c) && PQconsumeInput(c->libpq) == 0) {
        end(c, c->farewell.kind != RW_KIND_NIL
                   ? rw_value_clone(&c->farewell)
                   : rw_failure_format(RW_ERR_BROKEN, "%s", PQerrorMessage(c->libpq)));
    }
}

/* On a thread of the pool: libpq reads files and resolves names before it talks to the server. */
static void connect_some(void *arg, struct rw_value *out)
{
    struct pg_connection *c = arg;
    const char *const keywords[] = {"dbname", "client_encoding", NULL};
    const char *const values[] = {rw_value_data(&c->conninfo, NULL), "UTF8", NULL};

    if (c->libpq == NULL) {
        c->libpq = PQconnectStartParams(keywords, values, 1);
        PQsetNoticeReceiver(c->libpq, take_notice, c);
        c->progress = PGRES_POLLING_WRITING;
    } else {
        c->progress = PQconnectPoll(c->libpq);
    }
    *out = PQstatus(c->libpq) == CONNECTION_BAD
               ? rw_failure_format(RW_ERR_BROKEN, "%s", PQerrorMessage(c->libpq))
               : rw_nil();
}

static struct rw_future *establish(struct rw_procedure *self, void *arg)
{
    struct pg_connection *c = arg;
    int err;

    RW_BEGIN(self);
    RW_TRY(self, rw_ready(self->loop, rw_value_clone(&c->conninfo)));
    while (c->progress != PGRES_POLLING_OK) {
        rw_watch_free(c->socket); /* libpq may close the socket and open another one */
        c->socket = NULL;
        RW_TRY(self,
               rw_spawn_blocking(self->loop, NULL, connect_some, rw_object_drop, rw_object_ref(&c->object)));
        err = rw_watch_new(self->loop, PQsocket(c->libpq), 0, NULL, NULL, &c->socket);
        if (err != 0) {
            RW_RETURN(self, rw_failure(err));
        }
        RW_TRY(self,
               rw_watch_wait(c->socket, c->progress == PGRES_POLLING_READING ? RW_READABLE : RW_WRITABLE));
    }
    PQsetnonblocking(c->libpq, 1);
    RW_END(self, rw_value_of_handle(rw_object_ref(&c->object)));
}

struct rw_future *pg_connect(struct rw_loop *loop, const char *conninfo, int64_t deadline_ns)
{
    struct pg_connection *c = rw_loop_alloc(loop, sizeof *c);

    if (c == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *c = (struct pg_connection){.object = {&pg_connection_type, 1}, .loop = loop};
    c->turn = rw_semaphore_new(loop, 1);
    c->conninfo = c->turn != NULL ? make_conninfo(conninfo) : rw_failure(RW_ERR_NOMEM);
    return rw_timeout(loop, rw_procedure(loop, "pg.connect", establish, rw_object_drop, c), deadline_ns);
}

struct pg_connection *pg_connection_of(const struct rw_value *value)
{
    return (struct pg_connection *)rw_object_of(value, &pg_connection_type);
}

/* ---- statements ------------------------------------------------------------------------------------------------------ */

static void keep(struct statement *s, struct rw_value outcome)
{
    if (outcome.code == RW_ERR_BROKEN) {
        end(s->connection, rw_value_clone(&outcome));
    }
    if (s->stage == ABANDONED || rw_is_failure(&s->outcome)) {
        rw_value_drop(&outcome);
    } else {
        rw_value_set(&s->outcome, outcome);
    }
}

/* Takes the next result, which is there. False: the next row of a COPY, which is thrown away, is not. */
static bool take_result(struct statement *s)
{
    struct pg_connection *c = s->connection;
    PGresult *result = PQgetResult(c->libpq);
    char *data = NULL;
    int size = 1;

    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        keep(s, make_row(result, 0));
        break;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        keep(s, s->is_rows ? rw_nil() : make_result(result));
        break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
        keep(s, rw_failure_format(RW_ERR_UNSUPPORTED, "COPY to or from the client"));
        PQputCopyEnd(c->libpq, "not supported");
        size = PQgetCopyData(c->libpq, &data, 1);
        PQfreemem(data);
        break;
    default:
        if (result != NULL) {
            keep(s, make_failure(c->libpq, result));
            break;
        }
        s->stage = DONE;
        rw_semaphore_release(c->turn, 1);
        rw_watch_wake(c->socket); /* notifications may have come behind the results */
    }
    PQclear(result);
    return size != 0;
}

/* Until there is a row, or it is DONE. */
static struct rw_future *read_results(struct rw_procedure *self, void *arg)
{
    struct statement *s = arg;
    struct pg_connection *c = s->connection;

    RW_BEGIN(self);
    while (is_open(c) && s->stage != DONE && s->outcome.kind != RW_KIND_LIST) {
        if (PQisBusy(c->libpq) || !take_result(s)) {
            RW_AWAIT(self, wait_for_server(c));
            receive(c, &self->value);
        }
    }
    if (!is_open(c)) {
        s->stage = DONE;
        rw_value_set(&s->outcome, rw_value_clone(&c->failure));
    }
    RW_END(self, rw_nil());
}

/* Where nothing is sent there will be no results. */
static void send_it(struct statement *s)
{
    PGconn *libpq = s->connection->libpq;
    struct params p;

    s->stage = SENT;
    s->outcome = rw_is_failure(&s->sql) ? rw_value_clone(&s->sql) : read_params(&p, &s->params);
    if (rw_is_failure(&s->outcome)) {
        return;
    }
    if (PQsendQueryParams(libpq, rw_value_data(&s->sql, NULL), p.count, p.types, p.values, p.lengths,
                          p.formats, 0) == 0) {
        keep(s, rw_failure_format(PQstatus(libpq) == CONNECTION_BAD ? RW_ERR_BROKEN : RW_ERR_INVALID, "%s",
                                  PQerrorMessage(libpq)));
    } else if (s->is_rows) {
        PQsetSingleRowMode(libpq);
    }
}

static struct rw_future *run(struct rw_procedure *self, void *arg)
{
    struct statement *s = arg;
    struct pg_connection *c = s->connection;

    RW_BEGIN(self);
    if (self->loop != c->loop) {
        RW_RETURN(self, rw_failure_format(RW_ERR_THREAD, "the connection belongs to another loop"));
    }
    if (s->stage == NEW) {
        if (c->waiting == PG_QUEUE_MAX) {
            RW_RETURN(self, rw_failure_format(RW_ERR_FULL, "%d commands wait already", PG_QUEUE_MAX));
        }
        s->stage = IN_LINE;
        c->waiting++;
        RW_AWAIT(self, rw_semaphore_acquire(c->turn, 1));
        c->waiting--;
        s->stage = DONE;
        if (rw_is_failure(&self->value)) {
            RW_RETURN(self, rw_value_clone(is_open(c) ? &self->value : &c->failure));
        }
        send_it(s);
    }
    while (s->stage == SENT) {
        RW_TRY(self, rw_procedure(self->loop, "pg.results", read_results, NULL, s));
        if (s->is_rows && s->stage == SENT) {
            RW_YIELD(self, rw_value_take(&s->outcome));
        }
    }
    RW_END(self, rw_value_take(&s->outcome));
}

/* On a thread of the pool. What has become of it, the results tell. */
static void ask_server(void *arg, struct rw_value *out)
{
    char why[256];

    PQcancel(arg, why, sizeof why);
    *out = rw_nil();
}

static void free_request(void *arg)
{
    PQfreeCancel(arg);
}

static struct rw_future *cancel_on_server(struct pg_connection *c)
{
    return rw_spawn_blocking(c->loop, NULL, ask_server, free_request, PQgetCancel(c->libpq));
}

/* Asks again where the server had not begun the statement yet. */
static struct rw_future *settle(struct rw_procedure *self, void *arg)
{
    struct statement *s = arg;

    RW_BEGIN(self);
    while (s->stage == ABANDONED) {
        RW_AWAIT(self, cancel_on_server(s->connection));
        RW_AWAIT(self, rw_timeout(self->loop, rw_procedure(self->loop, "pg.results", read_results, NULL, s),
                                  rw_deadline_after(self->loop, RW_SECOND)));
        if (rw_is_failure(&self->value) && self->value.code != RW_ERR_TIMEOUT) {
            return NULL; /* no memory to go on with */
        }
    }
    RW_END(self, rw_nil());
}

static void statement_drop(void *arg)
{
    struct statement *s = arg;
    struct pg_connection *c = s->connection;
    struct rw_loop *loop = c->loop; /* the connection may go with a statement that nobody can settle */

    if (s->stage == SENT && is_open(c)) {
        s->stage = ABANDONED;
        rw_value_drop(&s->outcome);
        rw_spawn_detached(loop, rw_procedure(loop, "pg.settle", settle, statement_drop, s));
        return;
    }
    if (s->stage == ABANDONED) { /* nobody can settle it: the loop ends, or there is no memory */
        end(c, rw_failure(RW_ERR_CLOSED));
    }
    c->waiting -= s->stage == IN_LINE;
    rw_value_drop(&s->sql);
    rw_value_drop(&s->params);
    rw_value_drop(&s->outcome);
    rw_loop_release(loop, s, sizeof *s);
    rw_object_unref(&c->object);
}

/* Takes both values. NULL on no memory. */
static struct statement *statement_new(struct pg_connection *c, bool is_rows, struct rw_value sql,
                                       struct rw_value params)
{
    struct statement *s = rw_loop_alloc(c->loop, sizeof *s);

    if (s == NULL) {
        rw_value_drop(&sql);
        rw_value_drop(&params);
        return NULL;
    }
    rw_object_ref(&c->object);
    *s = (struct statement){.connection = c, .is_rows = is_rows, .sql = sql, .params = params};
    return s;
}

static struct rw_future *query(struct pg_connection *c, struct statement *s)
{
    return s != NULL ? rw_procedure(c->loop, "pg.query", run, statement_drop, s)
                     : rw_failed(c->loop, RW_ERR_NOMEM);
}

struct rw_future *pg_query(struct pg_connection *connection, const char *sql, struct rw_value params)
{
    return query(connection, statement_new(connection, false, rw_text_of(sql), params));
}

struct rw_stream *pg_rows(struct pg_connection *connection, const char *sql, struct rw_value params)
{
    struct statement *s = statement_new(connection, true, rw_text_of(sql), params);

    return s != NULL ? rw_stream_procedure(connection->loop, "pg.rows", run, statement_drop, s) : NULL;
}

/* ---- notifications --------------------------------------------------------------------------------------------------- */

static void take_notifications(struct pg_connection *c)
{
    PGnotify *notification;

    while (is_open(c) && (notification = PQnotifies(c->libpq)) != NULL) {
        for (struct listener *l = c->listeners; l != NULL; l = l->next) {
            struct rw_value item = make_notification(notification);

            if (strcmp(l->channel, notification->relname) == 0 &&
                rw_channel_try_send(l->sender, &item) != 0) {
                rw_sender_close(l->sender);
            }
            rw_value_drop(&item);
        }
        PQfreemem(notification);
    }
}

static struct rw_future *notifications(struct rw_procedure *self, void *arg)
{
    struct listener *l = arg;
    struct pg_connection *c = l->connection;
    struct rw_value item;
    int err;

    RW_BEGIN(self);
    for (;;) {
        take_notifications(c);
        err = rw_channel_try_receive(l->receiver, &item);
        if (err == 0) {
            RW_YIELD(self, item);
        } else if (err == RW_ERR_CLOSED) {
            RW_RETURN(self, rw_failure_format(RW_ERR_LAGGED, "%d notifications were not taken",
                                              PG_NOTIFICATIONS_MAX));
        } else if (!is_open(c)) {
            RW_RETURN(self, rw_value_clone(&c->failure));
        } else {
            RW_AWAIT(self, wait_for_server(c));
            receive(c, &self->value);
        }
    }
    RW_END(self, rw_nil());
}

static void listener_drop(void *arg)
{
    struct listener *l = arg;
    struct pg_connection *c = l->connection;
    struct listener **link = &c->listeners;
    struct statement *s;
    bool is_last = true;

    while (*link != l) {
        link = &(*link)->next;
    }
    *link = l->next;
    for (const struct listener *other = c->listeners; other != NULL; other = other->next) {
        is_last &= strcmp(other->channel, l->channel) != 0;
    }
    if (is_last && is_open(c)) {
        s = statement_new(c, false, make_listen(c->libpq, "UNLISTEN", l->channel), rw_nil());
        if (s != NULL && rw_semaphore_try_acquire(c->turn, 1)) {
            send_it(s); /* before anything that comes now */
        }
        rw_spawn_detached(c->loop, query(c, s));
    }
    rw_sender_unref(l->sender);
    rw_receiver_unref(l->receiver);
    rw_loop_release(c->loop, l, sizeof *l);
    rw_object_unref(&c->object);
}

struct rw_future *pg_listen(struct pg_connection *connection, const char *channel)
{
    struct rw_loop *loop = connection->loop;
    struct listener *l = rw_loop_alloc(loop, sizeof *l);
    struct rw_stream *stream;
    struct statement *s;

    if (l == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *l = (struct listener){.next = connection->listeners, .connection = connection};
    snprintf(l->channel, sizeof l->channel, "%s", channel);
    rw_object_ref(&connection->object);
    connection->listeners = l;
    if (rw_channel_open(loop, PG_NOTIFICATIONS_MAX, 0, &l->sender, &l->receiver) != 0) {
        listener_drop(l);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    stream = rw_stream_procedure(loop, "pg.notifications", notifications, listener_drop, l);
    if (stream == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    s = statement_new(connection, false, make_listen(connection->libpq, "LISTEN", channel), rw_nil());
    return rw_map_to(loop, query(connection, s), rw_value_of_handle(rw_stream_object(stream)));
}

void pg_close(struct pg_connection *connection)
{
    if (is_open(connection) && PQtransactionStatus(connection->libpq) == PQTRANS_ACTIVE) {
        rw_spawn_detached(connection->loop, cancel_on_server(connection));
    }
    end(connection, rw_failure_format(RW_ERR_CLOSED, "the connection was closed"));
}
