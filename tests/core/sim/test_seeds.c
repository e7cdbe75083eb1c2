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
#include "traffic.h"

enum { TURNS_MAX = 2000000 };

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
