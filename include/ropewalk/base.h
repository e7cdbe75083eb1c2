/* SPDX-License-Identifier: MIT
 *
 * base.h - what every other part of the door needs: symbol marks, time, the allocator hook, the version.
 */
#ifndef ROPEWALK_BASE_H
#define ROPEWALK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A module for a scripting host (ROPEWALK_MODULE, docs/extending.md) has the functions to itself: they lead to the library
 * that runs. */
#if defined(__GNUC__) && defined(ROPEWALK_MODULE)
#define RW_API __attribute__((visibility("hidden")))
#elif defined(__GNUC__)
#define RW_API __attribute__((visibility("default")))
#else
#define RW_API
#endif

#ifdef __cplusplus
#define RW_BEGIN_DECLS extern "C" {
#define RW_END_DECLS }
#else
#define RW_BEGIN_DECLS
#define RW_END_DECLS
#endif

/* A deadline that never comes, and one that has always passed. */
#define RW_NEVER INT64_MAX
#define RW_NOW INT64_MIN

/* Nanoseconds in a second: the unit of every `_ns` in this library. */
#define RW_SECOND INT64_C(1000000000)

/* A row of a table of options (RW_LOOP_OPTIONS, RW_SIM_OPTIONS), for who explains it. Static. */
struct rw_option {
    const char *name;
    const char *unit;
    const char *text;
    int64_t standard; /* what it is when it is not given */
    int64_t least;
    int64_t most;
};

RW_BEGIN_DECLS

/* The hook through which the library gets all its memory. `resize` follows realloc's contract, with the old size
 * given; `release` is told the size. All three may be called from any thread. */
struct rw_allocator {
    void *(*acquire)(void *arg, size_t size);
    void *(*resize)(void *arg, void *memory, size_t old_size, size_t new_size);
    void (*release)(void *arg, void *memory, size_t size);
    void *arg;
};

/* Replaces the process-wide allocator (NULL: back to malloc). Call it before anything else of the library is in use,
 * from one thread: memory must be released by the allocator that gave it. `allocator` is copied. */
RW_API void rw_set_allocator(const struct rw_allocator *allocator);

/* The version of the library that is linked, "major.minor.patch"; static, any thread. */
RW_API const char *rw_version(void);

/* All functions of this library behind one pointer, for modules that are loaded beside it instead of linked to it:
 * ropewalk/table.h, which is made from these headers. Static, any thread. */
struct rw_table;
RW_API const struct rw_table *rw_table(void);

RW_END_DECLS

#endif
