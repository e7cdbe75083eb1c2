/* SPDX-License-Identifier: MIT
 *
 * pg_command.c - statements on their way: the future behind pg_query, the source behind pg_rows.
 *
 *      NEW --first poll--> QUEUED --the connection is idle--> SENT --its results have ended--> DONE
 *       \                    \-------- the connection ends: with its failure ----/------------^
 *        \-- a parameter is no good ---------------------------------------------------------/
 *
 * Dropping a command is how it is cancelled: one in the queue just leaves it, of one that is SENT the connection throws the results
 * away. Invariant: a command is in the queue exactly while QUEUED, and the connection's current one exactly while SENT.
 */
#include "pg_internal.h"

/* ---- commands -------------------------------------------------------------------------------------------------------- */

static void command_free(struct pgi_command *command)
{
    struct pg_connection *c = command->connection;
    bool is_unattended = command->is_unattended;

    pgi_params_fini(&command->params, c->loop);
    rw_value_drop(&command->outcome);
    rw_value_drop(&command->sql);
    rw_value_drop(&command->list);
    rw_loop_release(c->loop, command, sizeof *command);
    if (!is_unattended) {
        rw_object_unref(&c->object);
    }
}

/* Takes `list`; NULL on no memory. One whose parameters are no good is DONE before it begins. */
static struct pgi_command *command_new(struct pg_connection *c, const char *sql, struct rw_value list)
{
    struct pgi_command *command = rw_loop_alloc(c->loop, sizeof *command);

    if (command == NULL) {
        rw_value_drop(&list);
        return NULL;
    }
    *command = (struct pgi_command){.connection = c, .list = list, .sql = rw_text_of(sql)};
    rw_object_ref(&c->object);
    command->outcome = pgi_params_init(&command->params, c->loop, &command->list);
    if (!rw_is_failure(&command->outcome) && rw_is_failure(&command->sql)) {
        command->outcome = rw_value_clone(&command->sql);
    }
    command->state = rw_is_failure(&command->outcome) ? DONE : NEW;
    return command;
}

/* Ends a command that is in no queue and not current: takes its failure, or nil when it has all it asked for. */
void pgi_finish(struct pgi_command *command, struct rw_value failure)
{
    command->state = DONE;
    if (command->is_unattended) {
        rw_value_drop(&failure);
        command_free(command);
        return;
    }
    if (rw_is_failure(&failure)) {
        rw_value_drop(&command->outcome);
        command->outcome = failure;
    }
    if (command->waker.vtable != NULL) {
        rw_waker_wake(&command->waker);
    }
}

static void enqueue(struct pg_connection *c, struct pgi_command *command)
{
    struct pgi_command **end = &c->queue;

    if (c->state == CLOSED) {
        pgi_finish(command, rw_value_clone(&c->failure));
        return;
    }
    if (c->queue_count >= PG_QUEUE_MAX && !command->is_unattended) {
        pgi_finish(command, rw_failure_format(RW_ERR_FULL, "%d commands wait already", PG_QUEUE_MAX));
        return;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = command;
    c->queue_count++;
    command->state = QUEUED;
    pgi_pump(c);
}

static void unqueue(struct pg_connection *c, struct pgi_command *command)
{
    struct pgi_command **link = &c->queue;

    while (*link != command) {
        link = &(*link)->next;
    }
    *link = command->next;
    c->queue_count--;
}

struct pgi_command *pgi_next(struct pg_connection *c)
{
    struct pgi_command *command = c->queue;

    unqueue(c, command);
    return command;
}

/* What a command has come to; what comes after a failure does not matter. */
void pgi_set_outcome(struct pgi_command *command, struct rw_value outcome)
{
    if (command == NULL || rw_is_failure(&command->outcome)) {
        rw_value_drop(&outcome);
        return;
    }
    rw_value_drop(&command->outcome);
    command->outcome = outcome;
}

bool pgi_has_row(const struct pgi_command *command)
{
    return command != NULL && command->is_rows && command->outcome.kind == RW_KIND_LIST;
}

/* ---- queries and rows ------------------------------------------------------------------------------------------------ */

struct rw_future *pgi_ready(struct rw_loop *loop, struct rw_value value)
{
    struct rw_future *future = rw_ready(loop, value);

    return future != NULL ? future : rw_failed(loop, RW_ERR_NOMEM);
}

static void attend(struct pgi_command *command, const struct rw_context *cx)
{
    struct pg_connection *c = command->connection;

    command->waker = cx->waker;
    if (command->state == NEW && cx->loop != c->loop) {
        pgi_finish(command, rw_failure_format(RW_ERR_THREAD, "the connection belongs to another loop"));
    } else if (command->state == NEW) {
        enqueue(c, command);
    }
}

static enum rw_poll query_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct pgi_command *command = (struct pgi_command *)self;

    attend(command, cx);
    if (command->state != DONE) {
        return RW_PENDING;
    }
    *out = command->outcome;
    command->outcome = rw_nil();
    return RW_READY;
}

static void command_drop(struct rw_future *self)
{
    struct pgi_command *command = (struct pgi_command *)self;
    struct pg_connection *c = command->connection;

    if (command->state == QUEUED) {
        unqueue(c, command);
    } else if (command->state == SENT) {
        pgi_abandon(c);
    }
    command_free(command);
}

static const struct rw_future_vtable query_vtable = {"pg.query", 0, query_poll, NULL, command_drop};

struct rw_future *pg_query(struct pg_connection *connection, const char *sql, struct rw_value params)
{
    struct pgi_command *command = command_new(connection, sql, params);

    if (command == NULL) {
        return rw_failed(connection->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&command->future, &query_vtable);
    return &command->future;
}

void pgi_run_unattended(struct pg_connection *c, const char *sql)
{
    struct pgi_command *command = command_new(c, sql, rw_nil());

    if (command == NULL) {
        return;
    }
    command->is_unattended = true;
    rw_object_unref(&c->object); /* not the last one: who calls has another */
    if (command->state == DONE) {
        pgi_finish(command, rw_nil());
    } else {
        enqueue(c, command);
    }
}

static enum rw_poll rows_next(void *self, struct rw_context *cx, struct rw_value *out)
{
    struct pgi_command *command = self;

    if (!rw_budget_take(cx)) {
        return RW_PENDING;
    }
    attend(command, cx);
    if (command->outcome.kind == RW_KIND_NIL) {
        return command->state == DONE ? RW_END : RW_PENDING;
    }
    *out = command->outcome;
    command->outcome = rw_nil();
    pgi_pump(command->connection);
    return RW_READY;
}

static void rows_drop(void *self)
{
    command_drop(self);
}

static const struct rw_stream_vtable rows_vtable = {"pg.rows", rows_next, NULL, rows_drop};

struct rw_stream *pg_rows(struct pg_connection *connection, const char *sql, struct rw_value params)
{
    struct pgi_command *command = command_new(connection, sql, params);

    if (command == NULL) {
        return NULL;
    }
    command->is_rows = true;
    return rw_stream_new(connection->loop, &rows_vtable, command);
}
