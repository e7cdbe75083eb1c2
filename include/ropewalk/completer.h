/* SPDX-License-Identifier: MIT
 *
 * completer.h - completing a future from wherever the result turns up: another thread, a foreign library's callback.
 *
 * A completer is the writing end of one future. It is completed once, from any thread; letting go of it without a result
 * completes the future with RW_ERR_BROKEN, so that nobody waits for ever. While one that is not complete lives, its loop
 * does not count as idle.
 */
#ifndef ROPEWALK_COMPLETER_H
#define ROPEWALK_COMPLETER_H

#include "base.h"
#include "future.h"
#include "value.h"

struct rw_completer;

RW_BEGIN_DECLS

/* Makes a completer (one reference) and its future, which the caller owns: give it to whoever shall wait. `name` is a
 * static string that reports call the future by, best the name of the function that made it ("pg.query"). NULL on no
 * memory; *out is then untouched. Loop's thread. */
RW_API struct rw_completer *rw_completer_new(struct rw_loop *loop, const char *name, struct rw_future **out);

/* Counted references; any thread. unref takes NULL; the last one gives the completer up when nothing has completed it. */
RW_API struct rw_completer *rw_completer_ref(struct rw_completer *completer);
RW_API void rw_completer_unref(struct rw_completer *completer);

/* Completes it. Takes `value`, which may be a failure, on success and on failure alike. Any thread; on the loop's own too,
 * where the waiting task runs in a later turn. 0; RW_ERR_STATE when it is complete already; RW_ERR_TYPE for a value
 * that belongs to one thread (a native, a handle that is not shared): it may then be completed with another one.
 * It is no error that nobody waits any more, or that the loop has ended: rw_completer_is_wanted tells. */
RW_API int rw_completer_complete(struct rw_completer *completer, struct rw_value value);

/* False once the future was dropped (its task was cancelled) or the loop has ended: work still going on for it may stop.
 * A hint; any thread. */
RW_API bool rw_completer_is_wanted(const struct rw_completer *completer);

RW_END_DECLS

#endif
