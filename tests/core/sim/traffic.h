/* SPDX-License-Identifier: MIT
 *
 * traffic.h - the echo server and the clients that a seed sets upon it, as actors.
 *
 * The bytes of a client follow from its number and their position, so that whoever gets one can tell whether it is the
 * next. Reads and writes are of every kind, under timeouts that strike at random; none of that may lose a byte.
 */
#ifndef RW_TEST_TRAFFIC_H
#define RW_TEST_TRAFFIC_H

#include "actor.h"

enum { CLIENTS_MAX = 12, PORT = 7000 };

enum mode { MODE_WHOLE, MODE_ABORTS, MODE_CANCELLED, MODES };

struct run;

struct client {
    struct run *run;
    int index;
    enum mode mode;
    size_t size; /* to be sent */
    size_t stop_at;
    size_t sent;
    size_t received;
    bool connected;
    bool ended;  /* saw the end of the stream */
    bool broken; /* saw a failure that the faults explain */
    bool wrong;  /* saw a byte that is not the next one */
    struct rw_socket *socket;
    struct rw_task *tasks[2];
};

struct run {
    uint64_t seed;
    struct rw_sim_options options;
    struct rw_sim *sim;
    struct rw_loop *loop;
    struct rw_listener *listener;
    struct client clients[CLIENTS_MAX];
    int client_count;
    int finished; /* clients that are through */
    bool timeouts;
    bool naps;
    uint64_t trace; /* a hash over every turn */
    const char *failure;
};

static inline uint64_t below(struct run *run, uint64_t bound)
{
    return rw_sim_random(run->sim) % bound;
}

static inline bool chance(struct run *run, uint32_t percent)
{
    return below(run, 100) < percent;
}

static inline void note(struct run *run, uint64_t what)
{
    run->trace = (run->trace ^ what) * UINT64_C(0x100000001b3);
}

static inline char byte_at(int client, size_t offset)
{
    uint32_t x = (uint32_t)offset * 2654435761u + (uint32_t)client * 40503u;

    return (char)(x >> 13);
}

/* Puts a random timeout around a future, or none. */
static inline struct rw_future *maybe_timed(struct run *run, struct rw_future *future)
{
    if (!run->timeouts || chance(run, 60)) {
        return future;
    }
    return rw_timeout(run->loop, future, rw_deadline_after(run->loop, (int64_t)below(run, 3000000)));
}

static inline struct rw_future *nap(struct run *run)
{
    return rw_sleep_until(run->loop, rw_deadline_after(run->loop, (int64_t)below(run, 2000000)));
}

/* ---- the server ------------------------------------------------------------------------------------------------ */

struct handler {
    struct actor actor;
    struct run *run;
    struct rw_socket *socket;
    bool writing;
    bool shut;
};

static inline struct rw_future *any_read(struct run *run, struct rw_socket *socket)
{
    switch (below(run, 4)) {
    case 0:
        return rw_socket_read(socket, 1 + below(run, 100));
    case 1:
        return rw_socket_read_exactly(socket, 1 + below(run, 3000));
    case 2:
        return rw_socket_read_until(socket, "\n", 1, 1 + below(run, 500));
    default:
        return rw_socket_read(socket, 65536);
    }
}

static inline struct rw_future *next_of_handler(struct actor *actor, struct rw_value *value)
{
    struct handler *handler = (struct handler *)actor;
    bool was_writing = handler->writing;
    bool is_data = value->kind == RW_KIND_BYTES;

    handler->writing = false;
    if (handler->shut) {
        return NULL;
    }
    if (is_data) {
        struct rw_value data = *value;

        *value = rw_nil();
        handler->writing = true;
        return maybe_timed(handler->run, rw_socket_write(handler->socket, data));
    }
    if (rw_is_failure(value)) {
        switch (value->code) {
        case RW_ERR_TIMEOUT:
            break;
        case RW_ERR_INCOMPLETE:
        case RW_ERR_LIMIT:
            return rw_socket_read(handler->socket, 65536); /* what is there */
        case RW_ERR_END:
            handler->shut = true;
            return rw_socket_shutdown(handler->socket);
        case RW_ERR_BUSY: /* a write that timed out is still on its way: its bytes are queued, the slot is not */
            RW_REQUIRE(was_writing);
            break;
        default:
            return NULL;
        }
    }
    return maybe_timed(handler->run, any_read(handler->run, handler->socket));
}

static inline void end_handler(struct actor *actor)
{
    rw_socket_unref(((struct handler *)actor)->socket);
}

struct acceptor {
    struct actor actor;
    struct run *run;
};

static inline struct rw_future *next_of_acceptor(struct actor *actor, struct rw_value *value)
{
    struct acceptor *acceptor = (struct acceptor *)actor;
    struct run *run = acceptor->run;
    struct rw_socket *socket = rw_is_failure(value) ? NULL : rw_socket_of(value);

    if (rw_is_failure(value) && value->code == RW_ERR_CLOSED) {
        return NULL;
    }
    if (socket != NULL) {
        struct handler *handler = actor_new(run->loop, sizeof *handler, next_of_handler, end_handler);

        handler->run = run;
        handler->socket = rw_socket_ref(socket);
        rw_task_unref(actor_spawn(&handler->actor));
    }
    return maybe_timed(run, rw_listener_accept(run->listener));
}

/* ---- the clients ----------------------------------------------------------------------------------------------- */

struct talker {
    struct actor actor;
    struct client *client;
    bool shut;
};

/* Every reason why a stream may break off in this run. */
static inline bool is_explained(const struct client *client, int code)
{
    const struct rw_sim_options *options = &client->run->options;

    return (code == RW_ERR_BROKEN && options->reset_ppm > 0) ||
           (code == RW_ERR_CLOSED && client->mode == MODE_ABORTS);
}

static inline struct rw_future *give_up(struct client *client, int code)
{
    if (is_explained(client, code)) {
        client->broken = true;
    } else {
        client->run->failure = rw_err_name(code);
    }
    return NULL;
}

static inline struct rw_value make_chunk(struct client *client)
{
    struct run *run = client->run;
    size_t left = client->size - client->sent;
    size_t size = 1 + below(run, chance(run, 20) ? 20000 : 300);
    struct rw_bytes *bytes;

    size = size < left ? size : left;
    bytes = rw_bytes_new(size);
    for (size_t i = 0; i < size; i++) {
        rw_bytes_data(bytes)[i] = byte_at(client->index, client->sent + i);
    }
    client->sent += size;
    return rw_value_of_bytes(bytes);
}

static inline struct rw_future *next_of_writer(struct actor *actor, struct rw_value *value)
{
    struct talker *talker = (struct talker *)actor;
    struct client *client = talker->client;
    struct run *run = client->run;

    if (rw_is_failure(value) && value->code != RW_ERR_TIMEOUT) {
        return give_up(client, value->code);
    }
    if (client->mode == MODE_ABORTS && client->sent >= client->stop_at) {
        rw_socket_abort(client->socket);
        return NULL;
    }
    if (run->naps && chance(run, 10)) {
        return nap(run);
    }
    if (client->sent < client->size) {
        return maybe_timed(run, rw_socket_write(client->socket, make_chunk(client)));
    }
    if (!talker->shut) {
        talker->shut = true;
        return rw_socket_shutdown(client->socket);
    }
    return NULL;
}

static inline void check_echo(struct client *client, const struct rw_value *value)
{
    size_t size;
    const char *data = rw_value_data(value, &size);

    for (size_t i = 0; i < size; i++) {
        client->wrong = client->wrong || data[i] != byte_at(client->index, client->received + i);
    }
    client->received += size;
    client->wrong = client->wrong || client->received > client->sent;
    note(client->run, client->received * 31 + (uint64_t)client->index);
}

static inline struct rw_future *next_of_reader(struct actor *actor, struct rw_value *value)
{
    struct client *client = ((struct talker *)actor)->client;
    struct run *run = client->run;

    if (value->kind == RW_KIND_BYTES) {
        check_echo(client, value);
    } else if (rw_is_failure(value) && value->code == RW_ERR_END) {
        client->ended = true;
        return NULL;
    } else if (rw_is_failure(value) && (value->code == RW_ERR_INCOMPLETE || value->code == RW_ERR_LIMIT)) {
        return rw_socket_read(client->socket, 65536);
    } else if (rw_is_failure(value) && value->code != RW_ERR_TIMEOUT) {
        return give_up(client, value->code);
    }
    if (run->naps && chance(run, 10)) {
        return nap(run);
    }
    return maybe_timed(run, any_read(run, client->socket));
}

struct opener {
    struct actor actor;
    struct client *client;
    int phase;
};

static inline struct rw_task *spawn_talker(struct client *client,
                                           struct rw_future *(*next)(struct actor *, struct rw_value *))
{
    struct talker *talker = actor_new(client->run->loop, sizeof *talker, next, NULL);

    talker->client = client;
    return actor_spawn(&talker->actor);
}

static inline struct rw_future *open_connection(struct run *run)
{
    return maybe_timed(run,
                       rw_tcp_connect(run->loop, chance(run, 50) ? "127.0.0.1" : "server.test", PORT, NULL));
}

/* Connects, with as many attempts as it takes; then waits for both directions. */
static inline struct rw_future *next_of_opener(struct actor *actor, struct rw_value *value)
{
    struct opener *opener = (struct opener *)actor;
    struct client *client = opener->client;
    struct run *run = client->run;

    if (opener->phase == 0) {
        opener->phase = 1;
        return nap(run);
    }
    if (opener->phase == 1) {
        struct rw_socket *socket = rw_is_failure(value) ? NULL : rw_socket_of(value);

        if (socket == NULL) {
            return chance(run, 50) ? nap(run) : open_connection(run);
        }
        client->socket = rw_socket_ref(socket);
        client->connected = true;
        client->tasks[0] = spawn_talker(client, next_of_writer);
        client->tasks[1] = spawn_talker(client, next_of_reader);
        opener->phase = 2;
        return rw_task_join(client->tasks[0]);
    }
    if (opener->phase == 2) {
        opener->phase = 3;
        return rw_task_join(client->tasks[1]);
    }
    rw_socket_unref(client->socket);
    client->socket = NULL;
    run->finished++;
    note(run, (uint64_t)rw_sim_now(run->sim));
    if (run->finished == run->client_count) {
        rw_listener_close(run->listener);
    }
    return NULL;
}

struct killer {
    struct actor actor;
    struct client *client;
    bool slept;
};

static inline struct rw_future *next_of_killer(struct actor *actor, struct rw_value *value)
{
    struct killer *killer = (struct killer *)actor;
    struct client *client = killer->client;

    (void)value;
    if (!killer->slept || !client->connected) {
        killer->slept = true;
        return client->run->finished == client->run->client_count ? NULL : nap(client->run);
    }
    rw_task_cancel(client->tasks[0], "enough");
    rw_task_cancel(client->tasks[1], "enough");
    return NULL;
}

#endif
