/* SPDX-License-Identifier: MIT
 *
 * caller.h - which function outside this library called it, for messages about misuse.
 *
 * Found by walking the stack: nothing is kept while all goes well. It works where the library is an object of its own (a
 * scripting host's module, libropewalk.so); linked into the main program it cannot tell itself from its callers, and says so.
 */
#ifndef RWI_BASE_CALLER_H
#define RWI_BASE_CALLER_H

#include <stdbool.h>
#include <stddef.h>

enum { RWI_CALLER_MAX = 160 };

/* False when this library is part of the main program. */
bool rwi_caller_can_tell(void);

/* The nearest function of another object that led here: its address, or, where it has no name outside, that of its call; NULL
 * if there is none. With `is_door`, only if it called a function for which that is true: `is_door` gets the address of the
 * last function inside. */
const void *rwi_caller_find(bool (*is_door)(const void *function));

/* "kit_roll (kit.so)", or "kit.so+0x1f2a" (for addr2line) where the function has no name outside. Always terminated. */
void rwi_caller_describe(const void *address, char out[static RWI_CALLER_MAX]);

#endif
