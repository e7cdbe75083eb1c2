/* SPDX-License-Identifier: MIT
 *
 * pg.c - a PostgreSQL client for tasks, over libpq's non-blocking interface.
 *
 * A connection is a state machine. pump() does all that can be done now; it is called when the socket is ready and
 * when somebody brings a command or lets go of one. Then everything waits: for the socket, for a reader of rows, or
 * for the answer to a cancel request. Only wakers are woken from here, so no script is ever entered.
 *
 *      CONNECTING --pgi_begin--> IDLE --begin_command--> BUSY --end_command--> IDLE
 *                                 ^                       |
 *                                 |                       | command_drop: a cancel request is sent
 *                                 |                       v
 *                                 +----- settle ------ DRAINING
 *      any of them --pgi_end: the connection has failed, pg_close, the last reference--> CLOSED
 *
 * Invariant: `current` is set exactly while BUSY. DRAINING ends when the results have ended and the cancel request is
 * answered: one that came late would hit the next command.
 *
 * Rejected: PQcancelStart, which does not block, for it came with libpq 17; PQcancel runs on the blocking pool.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "pg_internal.h"

#define CANCEL_AGAIN_NS RW_SECOND

struct pgi_cancel {
    struct rw_loop *loop;
    struct pg_connection *connection; /* NULL: it is gone */
    PGcancel *libpq;
};

static void set_state(struct pg_connection *c, enum pgi_state state)
{
    static const unsigned moves[] = {[CONNECTING] = 1 << IDLE | 1 << CLOSED,
                                     [IDLE] = 1 << BUSY | 1 << CLOSED,
                                     [BUSY] = 1 << IDLE | 1 << DRAINING | 1 << CLOSED,
                                     [DRAINING] = 1 << IDLE | 1 << CLOSED};

    assert(c->state < CLOSED);
    assert(moves[c->state] >> state & 1);
    c->state = state;
    assert((c->current != NULL) == (state == BUSY));
}

/* ---- cancelling ------------------------------------------------------------------------------------------------------ */

/* On a thread of the blocking pool. What it answers does not matter: the results tell. */
static void ask_server(void *arg, struct rw_value *out)
{
    struct pgi_cancel *request = arg;
    char why[256];

    PQcancel(request->libpq, why, sizeof why);
    *out = rw_nil();
}

/* DRAINING ends once both ends are in. */
static void settle(struct pg_connection *c)
{
    if (c->state == DRAINING && c->is_drained && c->cancel == NULL) {
        c->is_drained = false;
        rw_timer_disarm(c->loop, &c->again);
        set_state(c, IDLE);
    }
}

/* Back on the loop's thread, however it went. */
static void request_done(void *arg)
{
    struct pgi_cancel *request = arg;
    struct pg_connection *c = request->connection;

    PQfreeCancel(request->libpq);
    rw_loop_release(request->loop, request, sizeof *request);
    if (c != NULL) {
        c->cancel = NULL;
        settle(c);
        pgi_pump(c);
    }
}

/* Where it cannot be asked now, the timer asks again; so it does when the server had not begun yet and ignored it. */
static void cancel_on_server(struct pg_connection *c)
{
    struct pgi_cancel *request = c->cancel == NULL ? rw_loop_alloc(c->loop, sizeof *request) : NULL;
    struct rw_task *task;

    rw_timer_arm(c->loop, &c->again, rw_deadline_after(c->loop, CANCEL_AGAIN_NS));
    if (request == NULL) {
        return;
    }
    *request = (struct pgi_cancel){c->loop, c, PQgetCancel(c->libpq)};
    c->cancel = request;
    task = rw_spawn(c->loop, rw_spawn_blocking(c->loop, NULL, ask_server, request_done, request), NULL);
    if (task != NULL) {
        rw_task_mark_seen(task);
        rw_task_unref(task);
    }
}

static void cancel_again(struct rw_timer *timer, struct rw_loop *loop)
{
    (void)loop;
    cancel_on_server((struct pg_connection *)(void *)((char *)timer - offsetof(struct pg_connection, again)));
}

void pgi_abandon(struct pg_connection *c)
{
    c->current = NULL;
    set_state(c, DRAINING);
    cancel_on_server(c);
    pgi_pump(c);
}

/* ---- the pump -------------------------------------------------------------------------------------------------------- */

static void begin_command(struct pg_connection *c)
{
    struct pgi_command *command = pgi_next(c);
    const struct pgi_params *params = &command->params;

    command->state = SENT;
    c->current = command;
    set_state(c, BUSY);
    if (PQsendQueryParams(c->libpq, rw_value_data(&command->sql, NULL), params->count, params->types,
                          params->values, params->lengths, params->formats, 0) == 0) {
        struct rw_value failure = pgi_last_failure(c);

        if (failure.code == RW_ERR_BROKEN) {
            pgi_end(c, failure);
            return;
        }
        pgi_set_outcome(command, failure); /* no results will come */
    } else if (command->is_rows) {
        PQsetSingleRowMode(c->libpq);
    }
}

static void end_results(struct pg_connection *c)
{
    struct pgi_command *command = c->current;

    if (command == NULL) {
        c->is_drained = true;
        settle(c);
        return;
    }
    c->current = NULL;
    set_state(c, IDLE);
    pgi_finish(command, rw_nil());
}

static void take_result(struct pg_connection *c, PGresult *result)
{
    struct pgi_command *command = c->current;
    struct rw_value failure;

    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        pgi_set_outcome(command, command != NULL ? pgi_make_row(result, 0) : rw_nil());
        break;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        if (command != NULL && !command->is_rows) {
            pgi_set_outcome(command, pgi_make_result(result));
        }
        break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
        pgi_set_outcome(command, rw_failure_format(RW_ERR_UNSUPPORTED, "COPY to or from the client"));
        c->is_copying = PQresultStatus(result) == PGRES_COPY_OUT;
        if (!c->is_copying) {
            PQputCopyEnd(c->libpq, "COPY to or from the client is not supported");
        }
        break;
    default:
        failure = pgi_server_failure(c, result);
        if (failure.code == RW_ERR_BROKEN) {
            pgi_end(c, failure);
            return;
        }
        pgi_set_outcome(command, failure);
    }
    if (command != NULL && command->is_rows && command->waker.vtable != NULL) {
        rw_waker_wake(&command->waker);
    }
}

/* The data of a COPY, row by row, until there is no more. False: there is none yet. */
static bool skip_copy(struct pg_connection *c)
{
    char *data = NULL;
    int size = PQgetCopyData(c->libpq, &data, 1);

    PQfreemem(data);
    c->is_copying = size >= 0;
    return size != 0;
}

/* One thing that can be done now. False: there is none. */
static bool step(struct pg_connection *c)
{
    PGresult *result;
    int unsent;

    if (c->state == IDLE && c->queue != NULL) {
        begin_command(c);
        return true;
    }
    if (c->state == IDLE || c->is_drained || pgi_has_row(c->current)) {
        return false;
    }
    if (c->is_copying) {
        return skip_copy(c);
    }
    unsent = PQflush(c->libpq);
    if (unsent < 0) {
        pgi_end(c, pgi_failure(RW_ERR_BROKEN, PQerrorMessage(c->libpq)));
        return false;
    }
    c->is_unsent = unsent > 0;
    if (PQisBusy(c->libpq)) {
        return false;
    }
    result = PQgetResult(c->libpq);
    if (result == NULL) {
        end_results(c);
    } else {
        take_result(c, result);
        PQclear(result);
    }
    return true;
}

static void set_interest(struct pg_connection *c)
{
    bool is_reading = pgi_is_listening(c) || c->is_unsent || (c->state == BUSY && !pgi_has_row(c->current)) ||
                      (c->state == DRAINING && !c->is_drained);
    unsigned events = c->is_unsent ? RW_WRITABLE : 0;
    int err = 0;

    events |= is_reading ? RW_READABLE : 0;
    if (events != c->events) {
        err = rw_watch_set(c->watch, events);
        c->events = events;
    }
    if (err != 0) {
        pgi_end(c, pgi_failure(RW_ERR_CLOSED, rw_err_text(err)));
    }
}

void pgi_pump(struct pg_connection *c)
{
    while (c->state != CLOSED && step(c)) {
    }
    if (c->state != CLOSED) {
        pgi_take_notifications(c);
        set_interest(c);
    }
}

/* The socket is ready. */
static void notify(void *arg, unsigned events)
{
    struct pg_connection *c = arg;

    if (c->state == CONNECTING) {
        c->is_ready = true;
        if (c->connector.vtable != NULL) {
            rw_waker_wake(&c->connector);
        }
    } else if ((events & ~(unsigned)RW_WRITABLE) != 0 && PQconsumeInput(c->libpq) == 0) {
        pgi_end(c, c->farewell.kind != RW_KIND_NIL ? rw_value_clone(&c->farewell)
                                                   : pgi_failure(RW_ERR_BROKEN, PQerrorMessage(c->libpq)));
    } else {
        pgi_pump(c);
    }
}

/* ---- the connection -------------------------------------------------------------------------------------------------- */

static void destroy(struct rw_object *object)
{
    struct pg_connection *c = (struct pg_connection *)object;

    pgi_end(c, rw_failure(RW_ERR_CLOSED));
    if (c->cancel != NULL) {
        c->cancel->connection = NULL;
    }
    rw_value_drop(&c->failure);
    rw_value_drop(&c->farewell);
    rw_loop_release(c->loop, c, sizeof *c);
}

const struct rw_object_type pg_connection_type = {"pg_connection", false, destroy};

struct pg_connection *pgi_new(struct rw_loop *loop)
{
    struct pg_connection *c = rw_loop_alloc(loop, sizeof *c);

    if (c != NULL) {
        *c = (struct pg_connection){.object = {&pg_connection_type, 1}, .loop = loop};
        rw_timer_init(&c->again, cancel_again);
    }
    return c;
}

void pgi_begin(struct pg_connection *c)
{
    set_state(c, IDLE);
}

void pgi_end(struct pg_connection *c, struct rw_value failure)
{
    struct pgi_command *command = c->current;

    if (c->state == CLOSED) {
        rw_value_drop(&failure);
        return;
    }
    c->current = NULL;
    set_state(c, CLOSED);
    c->failure = failure;
    rw_timer_disarm(c->loop, &c->again);
    rw_watch_free(c->watch);
    c->watch = NULL;
    PQfinish(c->libpq);
    c->libpq = NULL;
    while (command != NULL || c->queue != NULL) {
        pgi_finish(command != NULL ? command : pgi_next(c), rw_value_clone(&c->failure));
        command = NULL;
    }
    pgi_fail_listeners(c);
}

void pgi_watch(struct pg_connection *c, unsigned events)
{
    int err = rw_watch_new(c->loop, PQsocket(c->libpq), events, notify, c, &c->watch);

    c->events = events;
    if (err != 0) {
        pgi_end(c, pgi_failure(RW_ERR_CLOSED, rw_err_text(err)));
    }
}

struct pg_connection *pg_connection_of(const struct rw_value *value)
{
    bool is_one = value->kind == RW_KIND_HANDLE && value->as.handle->type == &pg_connection_type;

    return is_one ? (struct pg_connection *)value->as.handle : NULL;
}

void pg_close(struct pg_connection *connection)
{
    if (connection->state == BUSY) {
        cancel_on_server(connection);
    }
    pgi_end(connection, pgi_failure(RW_ERR_CLOSED, "the connection was closed"));
}
