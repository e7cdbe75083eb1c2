/* SPDX-License-Identifier: MIT
 *
 * echo.c - the echo server on Ropewalk in C: a task that accepts, and a task per connection that reads and writes.
 *
 * Both are futures written out as state machines; the bytes that were read are handed on to the write without a copy.
 * Prints its port.
 */
#include <ropewalk.h>
#include <stdio.h>
#include <stdlib.h>

enum { READ_MAX = 16384 };

struct session {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_socket *socket;
    struct rw_future *reading; /* at most one of the two */
    struct rw_future *writing;
};

/* What is awaited ends: true with its value, or a failure, which ends the session. */
static bool take(struct rw_future **waiting, struct rw_context *cx, struct rw_value *out)
{
    if (rw_poll(*waiting, cx, out) == RW_PENDING) {
        return false;
    }
    rw_future_drop(*waiting);
    *waiting = NULL;
    return true;
}

static enum rw_poll poll_session(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct session *session = (struct session *)self;

    for (;;) {
        if (session->writing != NULL) {
            if (!take(&session->writing, cx, out)) {
                return RW_PENDING;
            }
        } else {
            if (session->reading == NULL) {
                session->reading = rw_socket_read(session->socket, READ_MAX);
            }
            if (!take(&session->reading, cx, out)) {
                return RW_PENDING;
            }
            if (!rw_is_failure(out)) {
                session->writing = rw_socket_write(session->socket, *out);
                continue;
            }
        }
        if (rw_is_failure(out)) {
            rw_value_drop(out);
            *out = rw_nil();
            return RW_READY;
        }
    }
}

static void drop_session(struct rw_future *self)
{
    struct session *session = (struct session *)self;

    rw_future_drop(session->reading);
    rw_future_drop(session->writing);
    rw_socket_unref(session->socket);
    rw_loop_release(session->loop, session, sizeof *session);
}

static const struct rw_future_vtable session_vtable = {"session", 0, poll_session, NULL, drop_session};

static struct rw_future *new_session(struct rw_loop *loop, struct rw_socket *socket)
{
    struct session *session = rw_loop_alloc(loop, sizeof *session);

    if (session == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *session = (struct session){.loop = loop, .socket = rw_socket_ref(socket)};
    rw_future_init(&session->base, &session_vtable);
    return &session->base;
}

struct server {
    struct rw_future base;
    struct rw_listener *listener;
    struct rw_future *accepting;
};

static enum rw_poll poll_server(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct server *server = (struct server *)self;

    for (;;) {
        if (server->accepting == NULL) {
            server->accepting = rw_tcp_accept(server->listener);
        }
        if (!take(&server->accepting, cx, out)) {
            return RW_PENDING;
        }
        if (rw_is_failure(out)) {
            return RW_READY;
        }
        rw_task_detach(rw_spawn(cx->loop, new_session(cx->loop, rw_socket_of(out)), NULL));
        rw_value_drop(out);
    }
}

static void drop_server(struct rw_future *self)
{
    struct server *server = (struct server *)self;

    rw_future_drop(server->accepting);
    rw_listener_unref(server->listener);
}

static const struct rw_future_vtable server_vtable = {"server", 0, poll_server, NULL, drop_server};

int main(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);
    struct server server = {.accepting = NULL};
    struct rw_value value;

    if (loop == NULL || rw_tcp_listen(loop, "127.0.0.1", 0, NULL, &server.listener) != 0) {
        perror("listen");
        return 1;
    }
    printf("%d\n", rw_listener_port(server.listener));
    fflush(stdout);
    rw_future_init(&server.base, &server_vtable);
    int err = rw_block_on(loop, &server.base, &value);

    rw_value_drop(&value);
    rw_loop_free(loop);
    return err != 0;
}
