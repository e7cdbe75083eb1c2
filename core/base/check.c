/* SPDX-License-Identifier: MIT
 *
 * check.c - what happens when an assertion fails: one line on stderr, and the process ends.
 *
 * Nothing is unwound and nothing is logged elsewhere: after a broken invariant no other code of ours may run.
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void rwi_check_failed(const char *file, int line, const char *function, const char *condition)
{
    fprintf(stderr, "ropewalk: %s:%d: %s: does not hold: %s\n", file, line, function, condition);
    fflush(stderr);
    abort();
}
