/* SPDX-License-Identifier: MIT
 *
 * select.h - wait for one of several things and do exactly that one.
 *
 * Two-phase: register on all, commit one. The cases that did not win have had no effect: no value is lost, none is
 * sent twice. The start rotates from call to call; RW_SELECT_BIASED tries in the order given.
 */
#ifndef ROPEWALK_SELECT_H
#define ROPEWALK_SELECT_H

#include "base.h"
#include "channel.h"
#include "future.h"
#include "value.h"

enum rw_select_kind {
    RW_SELECT_RECEIVE,  /* `receiver` */
    RW_SELECT_SEND,     /* `sender`, `value` (taken) */
    RW_SELECT_FUTURE,   /* `future` (taken); cancelled and dropped when it does not win */
    RW_SELECT_DEADLINE, /* `deadline_ns` */
    RW_SELECT_DEFAULT   /* wins when nothing is ready at the first poll */
};

struct rw_select_case {
    enum rw_select_kind kind;
    struct rw_receiver *receiver;
    struct rw_sender *sender;
    struct rw_future *future;
    struct rw_value value;
    int64_t deadline_ns;
};

enum rw_select_flags { RW_SELECT_BIASED = 1 };

RW_BEGIN_DECLS

/* A future of the winner. Its outcome is the case's own value or failure (a closed channel wins with RW_ERR_CLOSED; a deadline
 * with nil); rw_select_index tells which case it was, once ready. `cases` is copied. NULL on no memory. */
RW_API struct rw_future *rw_select(struct rw_loop *loop, const struct rw_select_case *cases, size_t count,
                                   unsigned flags);
RW_API size_t rw_select_index(const struct rw_future *select);

RW_END_DECLS

#endif
