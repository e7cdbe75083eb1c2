/* SPDX-License-Identifier: MIT
 *
 * dns.h - from a host's name to its addresses, for connecting.
 */
#ifndef RWI_IO_DNS_H
#define RWI_IO_DNS_H

#include <ropewalk.h>

#include "io/address.h"

/* BYTES: one or more struct rwi_address, in the order to try them; or a failure. */
struct rw_future *rwi_dns_addresses(struct rw_loop *loop, const char *host, uint16_t port);

/* What rwi_dns_addresses gave, one by one; false when there is no such index. */
bool rwi_dns_address_at(const struct rw_value *addresses, size_t index, struct rwi_address *out);

#endif
