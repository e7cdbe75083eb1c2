/* SPDX-License-Identifier: MIT
 *
 * callback.h - a function of a script, kept by C and called on its own loop.
 *
 * A callback holds what `call` needs and the way to its loop. C code on the loop's thread calls it and gets a future of
 * its result; code on any other thread posts, and the loop runs it as a task of its own.
 */
#ifndef ROPEWALK_CALLBACK_H
#define ROPEWALK_CALLBACK_H

#include "base.h"
#include "future.h"
#include "value.h"

struct rw_callback;

RW_BEGIN_DECLS

/* Makes a callback; one reference. call(arg, argument) takes `argument` and gives a future of the function's result, which may
 * await; it is lazy, and NULL on no memory. drop(arg), may be NULL, is called once, by the loop, after the last reference is gone; when the
 * loop has ended before that, on the thread that made the callback, and not at all when the last reference goes on another.
 * While a callback lives its loop does not count as idle. NULL on no memory: `arg` is dropped.
 * Loop's thread. */
RW_API struct rw_callback *rw_callback_new(struct rw_loop *loop,
                                           struct rw_future *(*call)(void *arg, struct rw_value argument),
                                           void (*drop)(void *arg), void *arg);

/* Counted references; any thread. unref takes NULL. */
RW_API struct rw_callback *rw_callback_ref(struct rw_callback *callback);
RW_API void rw_callback_unref(struct rw_callback *callback);

/* A future of the function's result; nothing runs before it is polled. Takes `argument`. Loop's thread. Never NULL. */
RW_API struct rw_future *rw_callback_call(struct rw_callback *callback, struct rw_value argument);

/* Calls it in a task of its own on its loop, in the order posted from one thread; a failure that it ends with is reported
 * like that of any task that nobody joins. Takes `argument`. Any thread. 0, RW_ERR_CLOSED when the loop has ended,
 * RW_ERR_TYPE for an argument that belongs to one thread, RW_ERR_NOMEM. */
RW_API int rw_callback_post(struct rw_callback *callback, struct rw_value argument);

RW_END_DECLS

#endif
