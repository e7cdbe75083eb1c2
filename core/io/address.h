/* SPDX-License-Identifier: MIT
 *
 * address.h - socket addresses: parsed from numbers and paths, written as text.
 */
#ifndef RWI_IO_ADDRESS_H
#define RWI_IO_ADDRESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct rwi_address {
    struct sockaddr_storage storage;
    socklen_t size;
};

/* "127.0.0.1", "::1", "[::1]", "fe80::1%2"; 0, or RW_ERR_INVALID when it is no numeric address. */
int rwi_address_parse(const char *host, uint16_t port, struct rwi_address *out);

/* 0, or RW_ERR_INVALID when it is empty or too long. */
int rwi_address_of_path(const char *path, struct rwi_address *out);

uint16_t rwi_address_port(const struct sockaddr_storage *address);
void rwi_address_set_port(struct sockaddr_storage *address, uint16_t port);

/* "127.0.0.1:80", "[::1]:80", "/path", "" for a Unix socket without a name; cut at `size`. */
void rwi_address_format(const struct sockaddr_storage *address, socklen_t size, char *buffer,
                        size_t buffer_size);

/* The host alone. */
void rwi_address_format_host(const struct sockaddr_storage *address, char *buffer, size_t buffer_size);

#endif
