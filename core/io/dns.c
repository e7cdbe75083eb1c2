/* SPDX-License-Identifier: MIT
 *
 * dns.c - names to addresses: numbers at once, names by getaddrinfo on the blocking pool.
 *
 * The addresses travel as a byte string of struct rwi_address, so that a job on another thread can make it and nobody has to free
 * a list. Invariant: such a string is never empty: no address is a failure. In a simulation nothing is asked of the
 * machine: only numbers, "localhost" and names given to the simulation resolve.
 */
#define _GNU_SOURCE

#include "io/dns.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "io/socket.h"
#include "reactor/sim.h"

struct question {
    uint16_t port;
    size_t size; /* of the whole block */
    char host[];
};

static struct rw_value fail_dns(int gai_error, const char *host)
{
    struct rw_value failure;

    RW_ASSERT(gai_error != 0);
    if (gai_error == EAI_MEMORY) {
        return rw_failure(RW_ERR_NOMEM);
    }
    failure = rw_failure_format(RW_ERR_DNS, "%s: %s", host, gai_strerror(gai_error));
    if (failure.as.error != NULL) {
        rw_error_set_errno(failure.as.error, gai_error);
    }
    return failure;
}

static struct rw_value pack(const struct addrinfo *list, uint16_t port)
{
    size_t count = 0;
    struct rw_bytes *bytes;
    struct rwi_address address;

    for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
        count++;
    }
    RW_ASSERT(count > 0);
    bytes = rw_bytes_new(count * sizeof address);
    if (bytes == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    count = 0;
    for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
        if (info->ai_addrlen <= sizeof address.storage) {
            memset(&address, 0, sizeof address);
            memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
            address.size = info->ai_addrlen;
            rwi_address_set_port(&address.storage, port);
            memcpy(rw_bytes_data(bytes) + count * sizeof address, &address, sizeof address);
            count++;
        }
    }
    rw_bytes_truncate(bytes, count * sizeof address);
    return rw_value_of_bytes(bytes);
}

/* On a thread of the pool. */
static void ask_system(void *arg, struct rw_value *out)
{
    const struct question *question = arg;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(question->host, NULL, &hints, &list);

    RW_ASSERT(question->size > sizeof *question);
    if (error == EAI_SYSTEM) {
        *out = rw_failure_errno(errno, question->host);
    } else if (error != 0) {
        *out = fail_dns(error, question->host);
    } else {
        *out = pack(list, question->port);
        freeaddrinfo(list);
    }
}

static void drop_question(void *arg)
{
    struct question *question = arg;

    RW_ASSERT(question->size > sizeof *question);
    rwi_mem_free(question, question->size);
}

static struct rw_future *ask_simulation(struct rw_loop *loop, const char *host, uint16_t port)
{
    const char *number = rwi_sim_lookup(rwi_reactor_of(loop)->sys->sim, host);
    struct rwi_address address;

    RW_ASSERT(host != NULL);
    if (number == NULL && strcmp(host, "localhost") == 0) {
        number = "127.0.0.1";
    }
    if (number == NULL || rwi_address_parse(number, port, &address) != 0) {
        return rw_ready(loop, fail_dns(EAI_NONAME, host));
    }
    return rw_ready(loop, rw_bytes(&address, sizeof address));
}

struct rw_future *rwi_dns_addresses(struct rw_loop *loop, const char *host, uint16_t port)
{
    size_t length = strlen(host);
    struct rwi_address address;
    struct question *question;

    if (length == 0 || length > 1024) {
        return rw_failed(loop, RW_ERR_INVALID);
    }
    if (rwi_address_parse(host, port, &address) == 0) {
        return rw_ready(loop, rw_bytes(&address, sizeof address));
    }
    if (rwi_reactor_of(loop)->sys->sim != NULL) {
        return ask_simulation(loop, host, port);
    }
    question = rwi_mem_new(sizeof *question + length + 1);
    if (question == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    RW_ASSERT(question->host[0] == '\0');
    question->port = port;
    question->size = sizeof *question + length + 1;
    memcpy(question->host, host, length + 1);
    return rw_spawn_blocking(loop, NULL, ask_system, drop_question, question);
}

bool rwi_dns_address_at(const struct rw_value *addresses, size_t index, struct rwi_address *out)
{
    size_t size;
    const char *data = rw_value_data(addresses, &size);

    RW_ASSERT(size % sizeof *out == 0);
    if (index >= size / sizeof *out) {
        return false;
    }
    memcpy(out, data + index * sizeof *out, sizeof *out);
    return true;
}

static int describe(const struct rwi_address *address, struct rw_value *out)
{
    struct rw_map *map = rw_map_new(3);
    char host[64];
    int err = 0;

    if (map == NULL) {
        return RW_ERR_NOMEM;
    }
    rwi_address_format_host(&address->storage, host, sizeof host);
    err |= rw_map_add(map, rw_text_of("family"),
                      rw_text_of(address->storage.ss_family == AF_INET ? "inet" : "inet6"));
    err |= rw_map_add(map, rw_text_of("address"), rw_text_of(host));
    err |= rw_map_add(map, rw_text_of("port"), rw_int(rwi_address_port(&address->storage)));
    *out = rw_value_of_map(map);
    if (err != 0) {
        rw_value_drop(out);
        return RW_ERR_NOMEM;
    }
    return 0;
}

static struct rw_value describe_all(void *arg, struct rw_value addresses)
{
    struct rw_list *list = rw_list_new(4);
    struct rwi_address address;
    struct rw_value entry;
    int err = list == NULL ? RW_ERR_NOMEM : 0;

    (void)arg;
    RW_ASSERT(addresses.kind == RW_KIND_BYTES);
    for (size_t i = 0; err == 0 && rwi_dns_address_at(&addresses, i, &address); i++) {
        err = describe(&address, &entry);
        if (err == 0) {
            err = rw_list_push(list, entry);
        }
    }
    rw_value_drop(&addresses);
    entry = list != NULL ? rw_value_of_list(list) : rw_nil();
    if (err != 0) {
        rw_value_drop(&entry);
        return rw_failure(RW_ERR_NOMEM);
    }
    return entry;
}

struct rw_future *rw_dns_resolve(struct rw_loop *loop, const char *host, uint16_t port)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(host != NULL);
    return rw_map(loop, rwi_dns_addresses(loop, host, port), describe_all, NULL, NULL);
}
