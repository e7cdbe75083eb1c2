/* SPDX-License-Identifier: MIT
 *
 * group.h - many futures polled as one, each with a waker of its own, so that only who was woken is polled.
 */
#ifndef RWI_EXEC_GROUP_H
#define RWI_EXEC_GROUP_H

#include <ropewalk.h>

#include "base/list.h"

struct rwi_group {
    struct rw_loop *loop;
    struct rwi_list children;
    struct rwi_list woken;
    struct rw_waker parent; /* borrowed, of the last poll; vtable NULL before */
    size_t count;
    size_t always_count; /* children whose waker was cloned: they are polled each time */
};

struct rwi_child {
    struct rwi_list sibling;
    struct rwi_list woken;
    struct rwi_group *group;
    struct rw_future *future;
    uint64_t key;
    bool always;
};

void rwi_group_init(struct rwi_group *group, struct rw_loop *loop);

/* Drops all children. */
void rwi_group_fini(struct rwi_group *group);

/* Takes `future`, also on failure. 0 or RW_ERR_NOMEM. */
int rwi_group_add(struct rwi_group *group, struct rw_future *future, uint64_t key);

/* Polls who was woken until one is ready: true, with its key and outcome (the child is gone). False: pending, or empty. */
bool rwi_group_next(struct rwi_group *group, struct rw_context *cx, uint64_t *key, struct rw_value *out);

/* Asks all children to end. */
void rwi_group_cancel(struct rwi_group *group);

bool rwi_group_check(const struct rwi_group *group);

#endif
