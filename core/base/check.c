/* SPDX-License-Identifier: MIT
 *
 * check.c - what happens when an assertion fails: a line on stderr that says what and who called, and the process ends.
 *
 * Nothing is unwound and nothing is logged elsewhere: after a broken invariant no other code of ours may run.
 */
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/caller.h"

enum { TEXT_MAX = 1024 };

/* In one write, since other threads may speak at the same time. */
static void say(const void *caller, const char *format, va_list arguments)
{
    char text[TEXT_MAX];
    char name[RWI_CALLER_MAX];

    vsnprintf(text, sizeof text, format, arguments);
    if (caller != NULL) {
        rwi_caller_describe(caller, name);
        fprintf(stderr, "ropewalk: %s; called by %s\n", text, name);
    } else {
        fprintf(stderr, "ropewalk: %s\n", text);
    }
    fflush(stderr);
}

void rwi_check_failed(const char *file, int line, const char *function, const char *condition)
{
    rwi_check_misuse("%s:%d: %s: does not hold: %s", file, line, function, condition);
}

void rwi_check_misuse(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(rwi_caller_find(NULL), format, arguments);
    va_end(arguments);
    abort();
}

void rwi_check_note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(NULL, format, arguments);
    va_end(arguments);
}
