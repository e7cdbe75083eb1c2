/* SPDX-License-Identifier: MIT
 *
 * listener.h - the inside of a listening socket, for its accepts.
 */
#ifndef RWI_IO_LISTENER_H
#define RWI_IO_LISTENER_H

#include <ropewalk.h>

#include "io/socket.h"

enum { RWI_FIRST_PAUSE_NS = 5000000 };

struct rw_listener {
    struct rw_object object;
    struct rw_loop *loop;
    const struct rwi_sys *sys;
    struct rwi_source source; /* fd -1 once closed */
    struct rw_timer pause;
    int64_t pause_ns;      /* how long the next one lasts */
    const void *accepting; /* the future that waits */
    int domain;
    uint16_t port;
};

#endif
