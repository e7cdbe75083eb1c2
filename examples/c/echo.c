/* SPDX-License-Identifier: MIT
 *
 * echo.c - an echo server, and a client that talks to it, on one loop.
 *
 * A task in C is a future of one's own: `poll` goes from step to step and keeps the future it waits for. Each connection is
 * one such task.
 */
#include <ropewalk.h>
#include <stdio.h>

enum step { READ, WRITE };

struct echo {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_socket *socket;
    struct rw_future *step;
    enum step now;
};

static enum rw_poll poll_echo(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct echo *echo = (struct echo *)self;

    while (rw_poll(echo->step, cx, out) == RW_READY) {
        if (rw_is_failure(out)) {
            rw_value_drop(out); /* the end of the stream, or a lost connection */
            *out = rw_nil();
            return RW_READY;
        }
        struct rw_future *next = echo->now == READ ? rw_socket_write(echo->socket, *out) /* takes the bytes */
                                                   : rw_socket_read(echo->socket, 4096);

        echo->now = echo->now == READ ? WRITE : READ;
        rw_future_drop(echo->step);
        echo->step = next;
    }
    return RW_PENDING;
}

static void cancel_echo(struct rw_future *self)
{
    rw_future_cancel(((struct echo *)self)->step);
}

static void drop_echo(struct rw_future *self)
{
    struct echo *echo = (struct echo *)self;

    rw_future_drop(echo->step);
    rw_socket_unref(echo->socket);
    rw_loop_release(echo->loop, echo, sizeof *echo);
}

static const struct rw_future_vtable echo_vtable = {"echo", 0, poll_echo, cancel_echo, drop_echo};

/* Takes the handle value of an accepted connection. */
static struct rw_future *serve(void *arg, struct rw_value connection)
{
    struct rw_loop *loop = arg;
    struct echo *echo = rw_loop_alloc(loop, sizeof *echo);

    if (echo == NULL) {
        rw_value_drop(&connection);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    rw_future_init(&echo->base, &echo_vtable);
    echo->loop = loop;
    echo->socket = rw_socket_ref(rw_socket_of(&connection));
    echo->step = rw_socket_read(echo->socket, 4096);
    echo->now = READ;
    rw_value_drop(&connection);
    return &echo->base;
}

static int talk(struct rw_loop *loop, uint16_t port)
{
    struct rw_value connection;
    struct rw_value value;

    rw_block_on(loop, rw_tcp_connect(loop, "127.0.0.1", port, NULL), &connection);
    if (rw_is_failure(&connection)) {
        fprintf(stderr, "connect: %s\n", rw_value_message(&connection));
        rw_value_drop(&connection);
        return 1;
    }
    struct rw_socket *socket = rw_socket_of(&connection);

    rw_block_on(loop, rw_socket_write(socket, rw_text_of("hello\n")), &value);
    rw_value_drop(&value);
    rw_block_on(loop, rw_socket_read_until(socket, "\n", 1, 100), &value);
    size_t size = 0;
    const char *line = rw_is_failure(&value) ? NULL : rw_value_data(&value, &size);

    if (line != NULL) {
        printf("echoed %.*s", (int)size, line);
    }
    rw_value_drop(&value);
    rw_value_drop(&connection);
    return line != NULL ? 0 : 1;
}

int main(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);
    struct rw_listener *listener;

    if (loop == NULL || rw_tcp_listen(loop, "127.0.0.1", 0, NULL, &listener) != 0) {
        perror("listen");
        return 1;
    }
    rw_task_detach(rw_spawn(loop, rw_and_then(loop, rw_listener_accept(listener), serve, NULL, loop), NULL));
    int status = talk(loop, rw_listener_port(listener));

    rw_listener_unref(listener);
    rw_loop_free(loop);
    return status;
}
