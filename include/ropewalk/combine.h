/* SPDX-License-Identifier: MIT
 *
 * combine.h - futures made of futures. All take the futures they are given and are boxed in the loop's slabs.
 */
#ifndef ROPEWALK_COMBINE_H
#define ROPEWALK_COMBINE_H

#include "base.h"
#include "future.h"
#include "value.h"

RW_BEGIN_DECLS

/* Turns a success into fn(arg, value); a failure passes. fn takes the value and may return a failure. `drop(arg)` is
 * called once, whether fn ran or not; may be NULL. */
RW_API struct rw_future *rw_map(struct rw_loop *loop, struct rw_future *future,
                                struct rw_value (*fn)(void *arg, struct rw_value value),
                                void (*drop)(void *arg), void *arg);

/* Turns a success into `value` (taken); a failure passes. */
RW_API struct rw_future *rw_map_to(struct rw_loop *loop, struct rw_future *future, struct rw_value value);

/* Goes on with the future that fn(arg, value) makes of a success (and_then) or of a failure (or_else). */
RW_API struct rw_future *rw_and_then(struct rw_loop *loop, struct rw_future *future,
                                     struct rw_future *(*fn)(void *arg, struct rw_value value),
                                     void (*drop)(void *arg), void *arg);
RW_API struct rw_future *rw_or_else(struct rw_loop *loop, struct rw_future *future,
                                    struct rw_future *(*fn)(void *arg, struct rw_value failure),
                                    void (*drop)(void *arg), void *arg);

/* Both, or all, to their end: a list of their values in order. The first failure cancels the rest, waits for them, and is the
 * outcome. Each child has a waker of its own, so that join_all polls only who was woken. `futures` is copied. */
RW_API struct rw_future *rw_join(struct rw_loop *loop, struct rw_future *a, struct rw_future *b);
RW_API struct rw_future *rw_join_all(struct rw_loop *loop, struct rw_future *const *futures, size_t count);

/* The first to be ready, value or failure; the others are cancelled and dropped. The outcome is a list {index, value}, or
 * the failure. With count 0: RW_ERR_INVALID. */
RW_API struct rw_future *rw_first(struct rw_loop *loop, struct rw_future *a, struct rw_future *b);
RW_API struct rw_future *rw_first_of(struct rw_loop *loop, struct rw_future *const *futures, size_t count);

/* The future, and a reference by which somebody else can end it with RW_ERR_CANCELLED. */
struct rw_abortable;
RW_API struct rw_future *rw_abortable(struct rw_loop *loop, struct rw_future *future,
                                      struct rw_abortable **handle);
RW_API void rw_abortable_abort(struct rw_abortable *handle);
RW_API void rw_abortable_unref(struct rw_abortable *handle);

/* Runs the future to its end even when the task around it is cancelled (rw_task_await then polls it on), until
 * `deadline_ns`, after which a cancellation reaches it again. With a deadline that has passed it is `future` itself. */
RW_API struct rw_future *rw_shield(struct rw_loop *loop, struct rw_future *future, int64_t deadline_ns);

/* Async recursion: a future that is made only when first polled, by make(arg). */
RW_API struct rw_future *rw_lazy(struct rw_loop *loop,
                                 struct rw_future *(*make)(void *arg, struct rw_loop *loop),
                                 void (*drop)(void *arg), void *arg);

/* A growing set of futures of which the next finished one is taken, in order of completion. */
struct rw_join_set;
RW_API struct rw_join_set *rw_join_set_new(struct rw_loop *loop);
RW_API void rw_join_set_free(struct rw_join_set *set); /* cancels and drops what is left */
RW_API int rw_join_set_add(struct rw_join_set *set, struct rw_future *future, uint64_t key);
RW_API size_t rw_join_set_count(const struct rw_join_set *set);
/* The next one's outcome (list {key, value}; a failure is an error as data in the list). RW_ERR_END when the set is empty. */
RW_API struct rw_future *rw_join_set_next(struct rw_join_set *set);

RW_END_DECLS

#endif
