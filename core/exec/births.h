/* SPDX-License-Identifier: MIT
 *
 * births.h - in checked builds: which functions of other modules made what is still there.
 */
#ifndef RWI_EXEC_BIRTHS_H
#define RWI_EXEC_BIRTHS_H

#include <stddef.h>

#include "base/check.h"

struct rwi_births;

/* True for the address of a public function. In core_table.c, which is made of the headers. */
bool rwi_is_public(const void *function);

/* NULL where it cannot be told who calls, in builds below level 3, or on no memory: nothing is noted then. `is_door` is true for
 * the library's public functions; what they make is noted when another module called them, not when a binding did. */
struct rwi_births *rwi_births_new(bool (*is_door)(const void *function));
void rwi_births_free(struct rwi_births *births);

/* Of the two functions below: notes `thing` if a module outside has it made; forgets it. */
void rwi_births_add(struct rwi_births *births, const void *thing);
void rwi_births_remove(struct rwi_births *births, const void *thing);

/* One line on stderr for each function: how much of what it had made is still there. */
void rwi_births_report(const struct rwi_births *births);

static inline void rwi_births_note(struct rwi_births *births, const void *thing)
{
    if (RW_CHECK_LEVEL >= 3 && births != NULL) {
        rwi_births_add(births, thing);
    }
}

static inline void rwi_births_forget(struct rwi_births *births, const void *thing)
{
    if (RW_CHECK_LEVEL >= 3 && births != NULL) {
        rwi_births_remove(births, thing);
    }
}

#endif
