/* SPDX-License-Identifier: MIT
 *
 * pool.h - threads that run jobs.
 */
#ifndef RWI_EXEC_POOL_H
#define RWI_EXEC_POOL_H

#include <ropewalk.h>

#include "base/list.h"

/* Embedded in what is to be run. `run` is called once on a thread of the pool; the job is the runner's own from then on. */
struct rwi_pool_job {
    struct rwi_list node; /* in the pool's queue; under its lock */
    void (*run)(struct rwi_pool_job *self);
};

/* Any thread. 0, RW_ERR_FULL, or RW_ERR_OS with errno set when no thread could be started and none runs. */
int rwi_pool_submit(struct rw_pool *pool, struct rwi_pool_job *job);

/* Any thread. True: the job was waiting, was taken out, and will not run. */
bool rwi_pool_withdraw(struct rw_pool *pool, struct rwi_pool_job *job);

#endif
