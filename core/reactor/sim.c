/* SPDX-License-Identifier: MIT
 *
 * sim.c - a simulation's clock, seed, events and names.
 *
 * Everything that takes time in the simulated world is an event in a heap ordered by time, then by the order of making. The
 * clock moves only in the backend's sleep (or by rw_sim_advance), so that all that can run at one instant has run before
 * the next begins. Invariant: events[0] is not in the past once rwi_sim_deliver has returned, and all randomness
 * comes from `random`, drawn in program order: the seed decides the run.
 */
#include "reactor/sim.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

struct rw_sim *rw_sim_new(const struct rw_sim_options *options)
{
    struct rw_sim *sim = rwi_mem_new(sizeof *sim);

    if (sim == NULL) {
        return NULL;
    }
    if (options != NULL) {
        RW_REQUIRE(options->latency_min_ns <= options->latency_max_ns);
        sim->options = *options;
    }
    if (sim->options.buffer_size == 0) {
        sim->options.buffer_size = RWI_SIM_DEFAULT_buffer_size;
    }
    sim->random = sim->options.seed;
    sim->now_ns = RW_SECOND;
    sim->next_port = 40000;
    rwi_sim_fill_sys(sim);
    return sim;
}

static void free_names(struct rwi_sim_name *name)
{
    while (name != NULL) {
        struct rwi_sim_name *next = name->next;

        rwi_mem_free_text(name->host);
        rwi_mem_free_text(name->address);
        rwi_mem_free(name, sizeof *name);
        name = next;
    }
}

void rw_sim_free(struct rw_sim *sim)
{
    if (sim == NULL) {
        return;
    }
    for (size_t i = 0; i < sim->socket_capacity; i++) {
        if (sim->sockets[i] != NULL) {
            RW_REQUIRE(sim->sockets[i]->source == NULL);
            rwi_sim_socket_free(sim->sockets[i]);
        }
    }
    RW_ASSERT(sim->fd_count == 0);
    free_names(sim->names);
    free_names(sim->paths);
    rwi_mem_free(sim->events, sim->event_capacity * sizeof *sim->events);
    rwi_mem_free(sim->sockets, sim->socket_capacity * sizeof *sim->sockets);
    rwi_mem_free(sim, sizeof *sim);
}

const struct rwi_sys *rwi_sim_sys(struct rw_sim *sim)
{
    RW_ASSERT(sim->sys.sim == sim);
    return &sim->sys;
}

int64_t rw_sim_now(const struct rw_sim *sim)
{
    RW_REQUIRE(sim != NULL);
    return sim->now_ns;
}

void rw_sim_advance(struct rw_sim *sim, int64_t delta_ns)
{
    RW_REQUIRE(delta_ns >= 0);
    RW_REQUIRE(delta_ns <= RW_NEVER - sim->now_ns);
    sim->now_ns += delta_ns;
}

/* SplitMix64. */
uint64_t rw_sim_random(struct rw_sim *sim)
{
    uint64_t z;

    RW_REQUIRE(sim != NULL);
    z = sim->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t rwi_sim_below(struct rw_sim *sim, uint64_t bound)
{
    RW_ASSERT(bound > 0);
    return bound == 1 ? 0 : rw_sim_random(sim) % bound;
}

bool rwi_sim_chance(struct rw_sim *sim, uint32_t ppm)
{
    RW_ASSERT(ppm <= 1000000);
    return ppm != 0 && rwi_sim_below(sim, 1000000) < ppm;
}

int64_t rwi_sim_arrival(struct rw_sim *sim)
{
    uint64_t spread = (uint64_t)sim->options.latency_max_ns - sim->options.latency_min_ns + 1;

    RW_ASSERT(spread > 0);
    return sim->now_ns + sim->options.latency_min_ns + (int64_t)rwi_sim_below(sim, spread);
}

static struct rwi_sim_name *find_name(struct rwi_sim_name *name, const char *host)
{
    RW_ASSERT(host != NULL);
    while (name != NULL && strcmp(name->host, host) != 0) {
        name = name->next;
    }
    return name;
}

static int add_name(struct rwi_sim_name **list, const char *host, const char *address)
{
    struct rwi_sim_name *name = rwi_mem_new(sizeof *name);

    if (name == NULL) {
        return -ENOMEM;
    }
    name->next = *list;
    name->host = rwi_mem_text(host);
    name->address = address != NULL ? rwi_mem_text(address) : NULL;
    if (name->host == NULL || (address != NULL && name->address == NULL)) {
        name->next = NULL;
        free_names(name);
        return -ENOMEM;
    }
    *list = name;
    return 0;
}

int rw_sim_add_name(struct rw_sim *sim, const char *host, const char *address)
{
    RW_REQUIRE(host != NULL);
    RW_REQUIRE(address != NULL);
    return add_name(&sim->names, host, address) < 0 ? RW_ERR_NOMEM : 0;
}

const char *rwi_sim_lookup(const struct rw_sim *sim, const char *host)
{
    struct rwi_sim_name *name = find_name(sim->names, host);

    RW_ASSERT(name == NULL || name->address != NULL);
    return name != NULL ? name->address : NULL;
}

int rwi_sim_path_add(struct rw_sim *sim, const char *path)
{
    RW_ASSERT(!rwi_sim_path_exists(sim, path));
    return add_name(&sim->paths, path, NULL);
}

bool rwi_sim_path_exists(const struct rw_sim *sim, const char *path)
{
    RW_ASSERT(path != NULL);
    return find_name(sim->paths, path) != NULL;
}

int rwi_sim_path_remove(struct rw_sim *sim, const char *path)
{
    struct rwi_sim_name **link = &sim->paths;
    struct rwi_sim_name *name = find_name(sim->paths, path);

    if (name == NULL) {
        return -ENOENT;
    }
    while (*link != name) {
        link = &(*link)->next;
    }
    *link = name->next;
    name->next = NULL;
    free_names(name);
    return 0;
}

size_t rw_sim_fd_count(const struct rw_sim *sim)
{
    RW_REQUIRE(sim != NULL);
    return sim->fd_count;
}

static bool is_before(const struct rwi_sim_event *a, const struct rwi_sim_event *b)
{
    RW_ASSERT(a != b);
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap_events(struct rwi_sim_event *a, struct rwi_sim_event *b)
{
    struct rwi_sim_event event = *a;

    *a = *b;
    *b = event;
}

static void sift_up(struct rw_sim *sim, size_t index)
{
    RW_ASSERT(index < sim->event_count);
    while (index > 0 && is_before(&sim->events[index], &sim->events[(index - 1) / 2])) {
        swap_events(&sim->events[index], &sim->events[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
}

static void sift_down(struct rw_sim *sim, size_t index)
{
    RW_ASSERT(index <= sim->event_count);
    for (;;) {
        size_t child = 2 * index + 1;

        if (child + 1 < sim->event_count && is_before(&sim->events[child + 1], &sim->events[child])) {
            child++;
        }
        if (child >= sim->event_count || !is_before(&sim->events[child], &sim->events[index])) {
            return;
        }
        swap_events(&sim->events[index], &sim->events[child]);
        index = child;
    }
}

static int grow_events(struct rw_sim *sim)
{
    size_t capacity = sim->event_capacity == 0 ? 64 : 2 * sim->event_capacity;
    struct rwi_sim_event *events;

    RW_ASSERT(sim->event_count == sim->event_capacity);
    events = rwi_mem_resize(sim->events, sim->event_capacity * sizeof *events, capacity * sizeof *events);
    if (events == NULL) {
        return -ENOMEM;
    }
    sim->events = events;
    sim->event_capacity = capacity;
    return 0;
}

int rwi_sim_push(struct rw_sim *sim, const struct rwi_sim_event *event)
{
    RW_ASSERT(event->target != NULL);
    RW_ASSERT(event->at_ns >= sim->now_ns);
    if (sim->event_count == sim->event_capacity && grow_events(sim) < 0) {
        return -ENOMEM;
    }
    sim->events[sim->event_count] = *event;
    sim->events[sim->event_count].order = sim->next_order++;
    sim->event_count++;
    sift_up(sim, sim->event_count - 1);
    return 0;
}

int64_t rwi_sim_next_event(const struct rw_sim *sim)
{
    RW_ASSERT(sim->event_count <= sim->event_capacity);
    return sim->event_count > 0 ? sim->events[0].at_ns : RW_NEVER;
}

void rwi_sim_purge(struct rw_sim *sim, const struct rwi_sim_socket *target)
{
    size_t kept = 0;
    size_t count = sim->event_count;

    for (size_t i = 0; i < count; i++) {
        if (sim->events[i].target != target) {
            sim->events[kept++] = sim->events[i];
        }
    }
    RW_ASSERT(kept <= count);
    if (kept == count) {
        return;
    }
    sim->event_count = 0;
    while (sim->event_count < kept) {
        sim->event_count++;
        sift_up(sim, sim->event_count - 1);
    }
}

size_t rwi_sim_deliver(struct rw_sim *sim)
{
    size_t count = 0;

    while (rwi_sim_next_event(sim) <= sim->now_ns) {
        struct rwi_sim_event event = sim->events[0];

        sim->event_count--;
        sim->events[0] = sim->events[sim->event_count];
        sift_down(sim, 0);
        if (event.kind >= RWI_SIM_ARRIVES) {
            rwi_sim_connect_event(event.target, &event);
        } else {
            rwi_sim_stream_event(event.target, &event);
        }
        count++;
    }
    RW_ASSERT(rwi_sim_next_event(sim) > sim->now_ns);
    return count;
}
