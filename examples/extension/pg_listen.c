/* SPDX-License-Identifier: MIT
 *
 * pg_listen.c - LISTEN and NOTIFY: each stream of notifications is the receiving end of a bounded channel.
 *
 * Invariant: a listener is in its connection's list from before LISTEN is sent until its stream is gone, so nothing that
 * the server sends after its answer is missed. The last one of a channel to go says UNLISTEN.
 */
#include <stdio.h>
#include <string.h>

#include "pg_internal.h"

enum { CHANNEL_MAX = 63, STATEMENT_MAX = 160 }; /* the server cuts longer names */

struct pgi_listener {
    struct pgi_listener *next;
    struct pg_connection *connection; /* counted */
    struct rw_sender *sender;
    struct rw_receiver *receiver;
    struct rw_value failure; /* why the sender was closed, or nil */
    char channel[CHANNEL_MAX + 1];
};

/* Takes the failure. What was sent before is still received. */
static void fail(struct pgi_listener *listener, struct rw_value failure)
{
    if (rw_sender_is_closed(listener->sender)) {
        rw_value_drop(&failure);
        return;
    }
    listener->failure = failure;
    rw_sender_close(listener->sender);
}

static void send_on(struct pgi_listener *listener, const PGnotify *notification)
{
    static const char *const keys[] = {"channel", "payload", "pid"};
    struct rw_value items[] = {rw_text_of(notification->relname), rw_text_of(notification->extra),
                               rw_int(notification->be_pid)};
    struct rw_value value = pgi_make_map(3, keys, items);
    int err = rw_is_failure(&value) ? value.code : rw_channel_try_send(listener->sender, &value);

    if (err == RW_ERR_FULL) {
        fail(listener,
             rw_failure_format(RW_ERR_LAGGED, "%d notifications were not taken", PG_NOTIFICATIONS_MAX));
    } else if (err != 0) {
        fail(listener, rw_failure(err));
    }
    rw_value_drop(&value);
}

void pgi_take_notifications(struct pg_connection *c)
{
    PGnotify *notification;

    while ((notification = PQnotifies(c->libpq)) != NULL) {
        for (struct pgi_listener *listener = c->listeners; listener != NULL; listener = listener->next) {
            if (strcmp(listener->channel, notification->relname) == 0) {
                send_on(listener, notification);
            }
        }
        PQfreemem(notification);
    }
}

bool pgi_is_listening(const struct pg_connection *c)
{
    for (const struct pgi_listener *listener = c->listeners; listener != NULL; listener = listener->next) {
        if (!rw_sender_is_closed(listener->sender) && rw_sender_count(listener->sender) == 0) {
            return true;
        }
    }
    return false;
}

void pgi_fail_listeners(struct pg_connection *c)
{
    for (struct pgi_listener *listener = c->listeners; listener != NULL; listener = listener->next) {
        fail(listener, rw_value_clone(&c->failure));
    }
}

/* "LISTEN "channel""; false: libpq will not have the name. */
static bool write_statement(const struct pg_connection *c, const char *verb, const char *channel, char *sql)
{
    char *name = PQescapeIdentifier(c->libpq, channel, strlen(channel));

    if (name == NULL) {
        return false;
    }
    snprintf(sql, STATEMENT_MAX, "%s %s", verb, name);
    PQfreemem(name);
    return true;
}

/* ---- the stream ------------------------------------------------------------------------------------------------------ */

static struct rw_future *say_why(void *arg, struct rw_value failure)
{
    const struct pgi_listener *listener = arg;

    if (failure.code == RW_ERR_CLOSED && rw_is_failure(&listener->failure)) {
        rw_value_drop(&failure);
        failure = rw_value_clone(&listener->failure);
    }
    return pgi_ready(listener->connection->loop, failure);
}

static struct rw_future *listener_next(void *arg)
{
    struct pgi_listener *listener = arg;
    struct rw_loop *loop = listener->connection->loop;

    pgi_pump(listener->connection); /* there may be room now */
    return rw_or_else(loop, rw_channel_receive(loop, listener->receiver), say_why, NULL, listener);
}

static void listener_drop(void *arg)
{
    struct pgi_listener *listener = arg;
    struct pg_connection *c = listener->connection;
    struct pgi_listener **link = &c->listeners;
    bool is_last = true;
    char sql[STATEMENT_MAX];

    while (*link != NULL) {
        if (*link == listener) {
            *link = listener->next;
        } else {
            is_last &= strcmp((*link)->channel, listener->channel) != 0;
            link = &(*link)->next;
        }
    }
    if (is_last && c->state != CLOSED && write_statement(c, "UNLISTEN", listener->channel, sql)) {
        pgi_run_unattended(c, sql);
    }
    rw_sender_unref(listener->sender);
    rw_receiver_unref(listener->receiver);
    rw_value_drop(&listener->failure);
    rw_loop_release(c->loop, listener, sizeof *listener);
    rw_object_unref(&c->object);
}

/* NULL on no memory. */
static struct rw_stream *open_stream(struct pg_connection *c, const char *channel)
{
    struct pgi_listener *listener = rw_loop_alloc(c->loop, sizeof *listener);

    if (listener == NULL) {
        return NULL;
    }
    *listener = (struct pgi_listener){.next = c->listeners, .connection = c};
    if (rw_channel_open(c->loop, PG_NOTIFICATIONS_MAX, 0, &listener->sender, &listener->receiver) != 0) {
        rw_loop_release(c->loop, listener, sizeof *listener);
        return NULL;
    }
    snprintf(listener->channel, sizeof listener->channel, "%s", channel);
    rw_object_ref(&c->object);
    c->listeners = listener;
    return rw_stream_from(c->loop, listener_next, listener_drop, listener);
}

static struct rw_value give_stream(void *arg, struct rw_value result)
{
    struct rw_stream *stream = arg;

    rw_value_drop(&result);
    return rw_value_of_handle(rw_stream_object(rw_stream_ref(stream)));
}

static void drop_stream(void *arg)
{
    rw_stream_unref(arg);
}

struct rw_future *pg_listen(struct pg_connection *connection, const char *channel)
{
    size_t size = strlen(channel);
    struct rw_loop *loop = connection->loop;
    struct rw_stream *stream;
    char sql[STATEMENT_MAX];

    if (connection->state == CLOSED) {
        return pgi_ready(loop, rw_value_clone(&connection->failure));
    }
    if (size == 0 || size > CHANNEL_MAX) {
        return pgi_ready(
            loop, rw_failure_format(RW_ERR_INVALID, "a channel's name has 1 to %d bytes", CHANNEL_MAX));
    }
    if (!write_statement(connection, "LISTEN", channel, sql)) {
        return pgi_ready(loop, pgi_last_failure(connection));
    }
    stream = open_stream(connection, channel);
    if (stream == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    return rw_map(loop, pg_query(connection, sql, rw_nil()), give_stream, drop_stream, stream);
}
