/* SPDX-License-Identifier: MIT
 *
 * address.c - socket addresses, without asking anyone.
 *
 * Only what inet_pton understands is an address; every other text is a name. Invariant: an address made here is zeroed beyond
 * its size, so that addresses can be compared and Unix paths end with a zero byte.
 */
#include "io/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <ropewalk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/check.h"

/* Copies `host` without brackets and cuts off its zone; -1 when it does not fit. The zone's number, 0 for none. */
static int split_host(const char *host, char *text, size_t size, uint32_t *zone)
{
    size_t length = strlen(host);
    char *percent;

    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        host++;
        length -= 2;
    }
    if (length >= size) {
        return -1;
    }
    memcpy(text, host, length);
    text[length] = '\0';
    *zone = 0;
    percent = strchr(text, '%');
    if (percent != NULL) {
        char *end;

        *percent = '\0';
        *zone = (uint32_t)strtoul(percent + 1, &end, 10);
        if (*end != '\0' || end == percent + 1) {
            *zone = if_nametoindex(percent + 1);
        }
    }
    return 0;
}

int rwi_address_parse(const char *host, uint16_t port, struct rwi_address *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;
    char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 2];
    uint32_t zone;

    RW_ASSERT(host != NULL);
    memset(out, 0, sizeof *out);
    if (split_host(host, text, sizeof text, &zone) < 0) {
        return RW_ERR_INVALID;
    }
    if (host[0] != '[' && zone == 0 && inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        out->size = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        v6->sin6_scope_id = zone;
        out->size = sizeof *v6;
        return 0;
    }
    return RW_ERR_INVALID;
}

int rwi_address_of_path(const char *path, struct rwi_address *out)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&out->storage;
    size_t length = strlen(path);

    RW_ASSERT(path != NULL);
    memset(out, 0, sizeof *out);
    if (length == 0 || length >= sizeof address->sun_path) {
        return RW_ERR_INVALID;
    }
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length + 1);
    out->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 0;
}

uint16_t rwi_address_port(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)address)->sin_port);
    }
    if (address->ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    }
    RW_ASSERT(address->ss_family == AF_UNIX);
    return 0;
}

void rwi_address_set_port(struct sockaddr_storage *address, uint16_t port)
{
    RW_ASSERT(address->ss_family == AF_INET || address->ss_family == AF_INET6);
    if (address->ss_family == AF_INET) {
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    } else {
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    }
}

void rwi_address_format_host(const struct sockaddr_storage *address, char *buffer, size_t buffer_size)
{
    const void *number = address->ss_family == AF_INET
                             ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                             : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;

    RW_ASSERT(buffer_size > 0);
    RW_ASSERT(address->ss_family == AF_INET || address->ss_family == AF_INET6);
    if (inet_ntop(address->ss_family, number, buffer, (socklen_t)buffer_size) == NULL) {
        buffer[0] = '\0';
    }
}

void rwi_address_format(const struct sockaddr_storage *address, socklen_t size, char *buffer,
                        size_t buffer_size)
{
    char host[INET6_ADDRSTRLEN];

    RW_ASSERT(buffer_size > 0);
    if (address->ss_family == AF_UNIX) {
        size_t used =
            size > offsetof(struct sockaddr_un, sun_path) ? size - offsetof(struct sockaddr_un, sun_path) : 0;

        snprintf(buffer, buffer_size, "%.*s", (int)used, ((const struct sockaddr_un *)address)->sun_path);
        return;
    }
    rwi_address_format_host(address, host, sizeof host);
    snprintf(buffer, buffer_size, address->ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
             (unsigned)rwi_address_port(address));
}
