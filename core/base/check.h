/* SPDX-License-Identifier: MIT
 *
 * check.h - assertions in three levels.
 *
 * RW_REQUIRE: a wrong argument from outside; always on. RW_ASSERT: a wrong state inside; level 2 and up, and free in a
 * release build. RW_VERIFY: a walk over a structure; level 3. One assertion, one condition, so that the line says
 * which. What the world can do wrong is an error to return, never an assertion.
 */
#ifndef RWI_BASE_CHECK_H
#define RWI_BASE_CHECK_H

#include <stdbool.h>

#ifndef RW_CHECK_LEVEL
#define RW_CHECK_LEVEL 1
#endif

/* Prints what failed, where, and which function outside the library called; ends the process. */
_Noreturn void rwi_check_failed(const char *file, int line, const char *function, const char *condition);

/* As rwi_check_failed, in words of its own. */
_Noreturn void rwi_check_misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints a line on stderr. For checked builds. */
void rwi_check_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define RW_REQUIRE(condition)                                                                                \
    do {                                                                                                     \
        if (__builtin_expect(!(condition), 0)) {                                                             \
            rwi_check_failed(__FILE__, __LINE__, __func__, #condition);                                      \
        }                                                                                                    \
    } while (0)

#if RW_CHECK_LEVEL >= 2
#define RW_ASSERT(condition) RW_REQUIRE(condition)
#else
#define RW_ASSERT(condition) ((void)sizeof(!(condition)))
#endif

#if RW_CHECK_LEVEL >= 3
#define RW_VERIFY(condition) RW_REQUIRE(condition)
#else
#define RW_VERIFY(condition) ((void)sizeof(!(condition)))
#endif

#define rwi_likely(condition) __builtin_expect(!!(condition), 1)
#define rwi_unlikely(condition) __builtin_expect(!!(condition), 0)

/* The structure that holds `member` at `pointer`. */
#define rwi_container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
