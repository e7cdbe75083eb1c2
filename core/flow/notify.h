/* SPDX-License-Identifier: MIT
 *
 * notify.h - waking one waiter if there is one, for conditions.
 */
#ifndef RWI_FLOW_NOTIFY_H
#define RWI_FLOW_NOTIFY_H

#include <ropewalk.h>

/* From now on nothing is kept for those who come later, not even what a dropped waiter passes on. */
void rwi_notify_forget(struct rw_notify *notify);

/* Wakes the first who waits; false when nobody does. */
bool rwi_notify_first(struct rw_notify *notify);

#endif
