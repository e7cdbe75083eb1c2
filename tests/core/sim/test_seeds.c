/* SPDX-License-Identifier: MIT
 *
 * test_seeds.c - random traffic from a seed, in simulation with faults.
 *
 * Each seed makes a network (latency, short reads and writes, interrupts, resets, refusals, too few descriptors, small
 * buffers), an echo server and some clients. Clients send bytes that follow from their number and position and check
 * what comes back; some stop in mid-stream, are cancelled, or read and write under timeouts that strike at random. After
 * every run:
 *
 * - what a client received is a prefix of what it sent; all of it, unless the seed resets or somebody was cut off;
 * - no task, object, future, timer or simulated descriptor is left, and no memory (the frame checks that);
 * - the same seed gives the same run, turn by turn (every tenth seed is run twice).
 *
 * RW_SEEDS says how many seeds, RW_SEED_FIRST where to begin. A failing seed is named.
 */
#include "actor.h"

enum { CLIENTS_MAX = 12, TURNS_MAX = 2000000, PORT = 7000 };

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

static uint64_t below(struct run *run, uint64_t bound)
{
    return rw_sim_random(run->sim) % bound;
}

static bool chance(struct run *run, uint32_t percent)
{
    return below(run, 100) < percent;
}

static void note(struct run *run, uint64_t what)
{
    run->trace = (run->trace ^ what) * UINT64_C(0x100000001b3);
}

static char byte_at(int client, size_t offset)
{
    uint32_t x = (uint32_t)offset * 2654435761u + (uint32_t)client * 40503u;

    return (char)(x >> 13);
}

/* Puts a random timeout around a future, or none. */
static struct rw_future *maybe_timed(struct run *run, struct rw_future *future)
{
    if (!run->timeouts || chance(run, 60)) {
        return future;
    }
    return rw_timeout(run->loop, future, rw_deadline_after(run->loop, (int64_t)below(run, 3000000)));
}

static struct rw_future *nap(struct run *run)
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

static struct rw_future *any_read(struct run *run, struct rw_socket *socket)
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

static struct rw_future *next_of_handler(struct actor *actor, struct rw_value *value)
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

static void end_handler(struct actor *actor)
{
    rw_socket_unref(((struct handler *)actor)->socket);
}

struct acceptor {
    struct actor actor;
    struct run *run;
};

static struct rw_future *next_of_acceptor(struct actor *actor, struct rw_value *value)
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
static bool is_explained(const struct client *client, int code)
{
    const struct rw_sim_options *options = &client->run->options;

    return (code == RW_ERR_BROKEN && options->reset_ppm > 0) ||
           (code == RW_ERR_CLOSED && client->mode == MODE_ABORTS);
}

static struct rw_future *give_up(struct client *client, int code)
{
    if (is_explained(client, code)) {
        client->broken = true;
    } else {
        client->run->failure = rw_err_name(code);
    }
    return NULL;
}

static struct rw_value make_chunk(struct client *client)
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

static struct rw_future *next_of_writer(struct actor *actor, struct rw_value *value)
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

static void check_echo(struct client *client, const struct rw_value *value)
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

static struct rw_future *next_of_reader(struct actor *actor, struct rw_value *value)
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

static struct rw_task *spawn_talker(struct client *client,
                                    struct rw_future *(*next)(struct actor *, struct rw_value *))
{
    struct talker *talker = actor_new(client->run->loop, sizeof *talker, next, NULL);

    talker->client = client;
    return actor_spawn(&talker->actor);
}

static struct rw_future *open_connection(struct run *run)
{
    return maybe_timed(run,
                       rw_tcp_connect(run->loop, chance(run, 50) ? "127.0.0.1" : "server.test", PORT, NULL));
}

/* Connects, with as many attempts as it takes; then waits for both directions. */
static struct rw_future *next_of_opener(struct actor *actor, struct rw_value *value)
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

static struct rw_future *next_of_killer(struct actor *actor, struct rw_value *value)
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

/* ---- a run ----------------------------------------------------------------------------------------------------- */

static uint32_t some(uint64_t *random, uint32_t limit)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (*random >> 60) < 6 ? 0 : (uint32_t)((*random >> 33) % limit);
}

static void choose_faults(struct run *run)
{
    struct rw_sim_options *options = &run->options;
    uint64_t random = run->seed;

    *options = (struct rw_sim_options){.seed = run->seed};
    options->shuffle = some(&random, 2) != 0;
    options->latency_min_ns = some(&random, 100000);
    options->latency_max_ns = options->latency_min_ns + some(&random, 2000000);
    options->short_io_ppm = some(&random, 400000);
    options->eintr_ppm = some(&random, 200000);
    options->reset_ppm = some(&random, 2000);
    options->connect_fail_ppm = some(&random, 300000);
    options->emfile_ppm = some(&random, 300000);
    options->buffer_size = some(&random, 8) == 0 ? 0 : 1 + some(&random, 5000);
    run->timeouts = some(&random, 3) != 0;
    run->naps = some(&random, 2) != 0;
}

static void start_client(struct run *run, int index)
{
    struct client *client = &run->clients[index];
    struct opener *opener = actor_new(run->loop, sizeof *opener, next_of_opener, NULL);
    /* Through a buffer of a few bytes a long stream would only take long. */
    bool is_narrow = run->options.buffer_size > 0 && run->options.buffer_size < 1000;

    client->run = run;
    client->index = index;
    client->mode = chance(run, 60) ? MODE_WHOLE : (enum mode)below(run, MODES);
    client->size = below(run, chance(run, 10) && !is_narrow ? 200000 : 5000);
    client->stop_at = below(run, client->size + 1);
    opener->client = client;
    rw_task_unref(actor_spawn(&opener->actor));
    if (client->mode == MODE_CANCELLED) {
        struct killer *killer = actor_new(run->loop, sizeof *killer, next_of_killer, NULL);

        killer->client = client;
        rw_task_unref(actor_spawn(&killer->actor));
    }
}

static void start(struct run *run)
{
    struct rw_loop_options options = {0};
    struct acceptor *acceptor;

    choose_faults(run);
    run->sim = rw_sim_new(&run->options);
    options.sim = run->sim;
    options.task_budget = 1 + (uint32_t)below(run, 200);
    run->loop = rw_loop_new(&options);
    rw_sim_add_name(run->sim, "server.test", "127.0.0.1");
    /* The listener's own socket may be refused a descriptor, as any other. */
    while (rw_tcp_listen(run->loop, "127.0.0.1", PORT, NULL, &run->listener) != 0) {
    }
    acceptor = actor_new(run->loop, sizeof *acceptor, next_of_acceptor, NULL);
    acceptor->run = run;
    rw_task_unref(actor_spawn(&acceptor->actor));
    run->client_count = 1 + (int)below(run, CLIENTS_MAX);
    for (int i = 0; i < run->client_count; i++) {
        start_client(run, i);
    }
}

static void drive(struct run *run)
{
    struct rw_stats stats;
    int turns = 0;

    do {
        if (rw_loop_is_idle(run->loop)) {
            run->failure = "the loop is idle with tasks left";
            return;
        }
        rw_loop_turn(run->loop, RW_TURN_WAIT, 0);
        rw_stats(run->loop, &stats);
        note(run, stats.polls);
        turns++;
    } while (stats.tasks_live > 0 && turns < TURNS_MAX);
    if (turns == TURNS_MAX) {
        run->failure = "the run does not end";
    }
}

static const char *judge_client(const struct client *client)
{
    if (client->wrong) {
        return "a byte came that was not the next one";
    }
    if (client->mode == MODE_WHOLE && !client->broken && client->received != client->size) {
        return "bytes were lost";
    }
    if (client->mode == MODE_WHOLE && !client->broken && !client->ended) {
        return "the end of the stream was lost";
    }
    return NULL;
}

static const char *judge(struct run *run)
{
    struct rw_stats stats;

    rw_stats(run->loop, &stats);
    for (int i = 0; i < run->client_count && run->failure == NULL; i++) {
        run->failure = judge_client(&run->clients[i]);
    }
    if (run->failure != NULL) {
        return run->failure;
    }
    if (stats.objects_live != 0 || stats.futures_live != 0 || stats.timers_armed != 0 ||
        stats.fds_open != 0) {
        return "objects, futures, timers or sources are left";
    }
    return rw_sim_fd_count(run->sim) != 0 ? "descriptors are left" : NULL;
}

/* Gives what went wrong, or NULL; *trace tells runs apart. */
static const char *run_seed(uint64_t seed, uint64_t *trace)
{
    static struct run run;
    const char *failure;

    run = (struct run){.seed = seed, .trace = UINT64_C(0xcbf29ce484222325)};
    start(&run);
    drive(&run);
    for (int i = 0; i < run.client_count; i++) {
        rw_socket_unref(run.clients[i].socket);
        rw_task_unref(run.clients[i].tasks[0]);
        rw_task_unref(run.clients[i].tasks[1]);
    }
    rw_listener_unref(run.listener);
    for (int i = 0; i < 1000 && run.failure == NULL && !rw_loop_is_idle(run.loop); i++) {
        rw_loop_turn(run.loop, RW_TURN_WAIT, 0); /* what was written to the last sockets leaves */
    }
    failure = judge(&run);
    rw_loop_free(run.loop);
    rw_sim_free(run.sim);
    *trace = run.trace;
    return failure;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static void every_seed_keeps_every_promise(void)
{
    uint64_t first = number_from("RW_SEED_FIRST", 1);
    uint64_t count = number_from("RW_SEEDS", 300);
    uint64_t failed = 0;

    for (uint64_t seed = first; seed < first + count && failed < 10; seed++) {
        uint64_t trace;
        uint64_t again;
        const char *failure = run_seed(seed, &trace);

        if (failure == NULL && seed % 10 == 0) {
            failure = run_seed(seed, &again);
            failure = failure == NULL && trace != again ? "the same seed gave another run" : failure;
        }
        if (failure != NULL) {
            printf("# seed %llu: %s\n", (unsigned long long)seed, failure);
            failed++;
        }
    }
    CHECK_INT(failed, 0);
}

static const struct test tests[] = {TEST(every_seed_keeps_every_promise)};

TEST_MAIN(tests)
