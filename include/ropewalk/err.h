/* SPDX-License-Identifier: MIT
 *
 * err.h - the one table of errors, and error values.
 *
 * RW_ERRORS is the single source: the enum, the names, the texts, the Lua codes and the Python classes are all made
 * from it. An operating-system error keeps its errno beside RW_ERR_OS.
 */
#ifndef ROPEWALK_ERR_H
#define ROPEWALK_ERR_H

#include "base.h"

/* X(symbol, number, code string as scripts see it, Python exception class, text) */
#define RW_ERRORS(X)                                                                                         \
    X(RW_ERR_CANCELLED, -1, "cancelled", "CancelledError", "the task was cancelled")                         \
    X(RW_ERR_TIMEOUT, -2, "timeout", "TimeoutError", "timeout")                                              \
    X(RW_ERR_CLOSED, -3, "closed", "ClosedError", "closed")                                                  \
    X(RW_ERR_END, -4, "end", "EndOfStream", "end of stream")                                                 \
    X(RW_ERR_FULL, -5, "full", "WouldBlock", "no room now")                                                  \
    X(RW_ERR_EMPTY, -6, "empty", "WouldBlock", "nothing there now")                                          \
    X(RW_ERR_NOMEM, -7, "nomem", "MemoryError", "out of memory")                                             \
    X(RW_ERR_INVALID, -8, "invalid", "ValueError", "invalid argument")                                       \
    X(RW_ERR_TYPE, -9, "type", "TypeError", "wrong type")                                                    \
    X(RW_ERR_STATE, -10, "state", "StateError", "not possible in this state")                                \
    X(RW_ERR_BUSY, -11, "busy", "BusyError", "another task is already doing this")                           \
    X(RW_ERR_OS, -12, "os", "OSError", "operating system error")                                             \
    X(RW_ERR_DNS, -13, "dns", "gaierror", "name resolution failed")                                          \
    X(RW_ERR_LIMIT, -14, "limit", "LimitError", "a limit was exceeded")                                      \
    X(RW_ERR_INCOMPLETE, -15, "incomplete", "IncompleteRead",                                                \
      "the stream ended in the middle of what was asked for")                                                \
    X(RW_ERR_THREAD, -16, "thread", "ThreadError", "called from the wrong thread")                           \
    X(RW_ERR_DEADLOCK, -17, "deadlock", "DeadlockError", "every task waits and nothing can wake them")       \
    X(RW_ERR_SCRIPT, -18, "script", "ScriptError", "a script raised an error")                               \
    X(RW_ERR_UNSUPPORTED, -19, "unsupported", "UnsupportedError", "not supported here")                      \
    X(RW_ERR_LAGGED, -20, "lagged", "Lagged", "the receiver was too slow and missed values")                 \
    X(RW_ERR_BROKEN, -21, "broken", "BrokenError", "the other end is gone")

enum rw_err {
    RW_OK = 0,
#define RW_ERR_ENUM(symbol, number, code, python, text) symbol = number,
    RW_ERRORS(RW_ERR_ENUM)
#undef RW_ERR_ENUM
        RW_ERR_LAST = -21
};

RW_BEGIN_DECLS

/* The symbol ("RW_ERR_CLOSED"), the code scripts see ("closed"), the Python class ("ClosedError") and the text of an
 * error. Static strings, any thread; an unknown number gives "RW_ERR_UNKNOWN", "unknown", "Error", "unknown error". */
RW_API const char *rw_err_name(int err);
RW_API const char *rw_err_code(int err);
RW_API const char *rw_err_python(int err);
RW_API const char *rw_err_text(int err);

/* The number of the error with that code ("closed"); 0 for a code that is none. Any thread. */
RW_API int rw_err_number(const char *code);

/* Where an error was raised first. */
enum rw_origin { RW_ORIGIN_C, RW_ORIGIN_LUA, RW_ORIGIN_PYTHON };

struct rw_value;
struct rw_native;

/* An error with all it carries; reference-counted, immutable once it has been handed out. */
struct rw_error;

/* Makes an error: `message` (copied; NULL means the code's own text) and its origin. One reference, NULL on no memory. */
RW_API struct rw_error *rw_error_new(int code, const char *message, enum rw_origin origin);

/* Makes an RW_ERR_OS error (RW_ERR_DNS keeps getaddrinfo's number the same way): `what` says what failed, and the
 * message becomes "what: strerror". `os_errno` is positive. */
RW_API struct rw_error *rw_error_from_errno(int os_errno, const char *what);

/* A fresh error of the same content, siblings and native included, for who wants to add to one that is shared. One
 * reference, NULL on no memory. */
RW_API struct rw_error *rw_error_copy(const struct rw_error *error);

/* Counted references; any thread. unref takes NULL. */
RW_API struct rw_error *rw_error_ref(struct rw_error *error);
RW_API void rw_error_unref(struct rw_error *error);

/* True when more than one reference exists: for hosts whose collector asks who owns what hangs on an error. Any thread. */
RW_API bool rw_error_is_shared(const struct rw_error *error);

/* Fields. Pointers live as long as the error does. traceback, type and os_errno are NULL / 0 when there is none. */
RW_API int rw_error_code(const struct rw_error *error);
RW_API int rw_error_errno(const struct rw_error *error);
RW_API const char *rw_error_message(const struct rw_error *error);
RW_API const char *rw_error_traceback(const struct rw_error *error);
RW_API const char *rw_error_type(const struct rw_error *error);
RW_API enum rw_origin rw_error_origin(const struct rw_error *error);

/* Builders, for the owner of a fresh error. Texts are copied; set_native takes the reference; add_other takes the
 * reference of `other`, a sibling failure kept beside the first. append_traceback adds below what is there: a border
 * adds its own side. Return 0 or RW_ERR_NOMEM. */
RW_API int rw_error_set_errno(struct rw_error *error, int os_errno);
RW_API int rw_error_set_type(struct rw_error *error, const char *type);
RW_API int rw_error_append_traceback(struct rw_error *error, const char *text);
RW_API int rw_error_set_native(struct rw_error *error, struct rw_native *native);
RW_API int rw_error_add_other(struct rw_error *error, struct rw_error *other);

/* The native exception object of the host it came from (borrowed, may be NULL) and the siblings. */
RW_API struct rw_native *rw_error_native(const struct rw_error *error);
RW_API size_t rw_error_other_count(const struct rw_error *error);
RW_API struct rw_error *rw_error_other(const struct rw_error *error, size_t index);

RW_END_DECLS

#endif
