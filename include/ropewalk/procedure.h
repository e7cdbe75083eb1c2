/* SPDX-License-Identifier: MIT
 *
 * procedure.h - async functions and async generators in C, written as straight-line code.
 *
 * A procedure is a function that is called again after each await and goes on where it was:
 *
 *     static struct rw_future *greet(struct rw_procedure *self, void *arg)
 *     {
 *         struct greeter *greeter = arg;
 *
 *         RW_BEGIN(self);
 *         RW_TRY(self, rw_tcp_connect(self->loop, greeter->host, 80, NULL));
 *         greeter->socket = rw_socket_ref(rw_socket_of(&self->value));
 *         while (greeter->count-- > 0) {
 *             RW_TRY(self, rw_socket_write(greeter->socket, rw_text_of("hello\n")));
 *         }
 *         RW_END(self, rw_nil());
 *     }
 *
 * `self->value` holds the outcome of the last await, a failure too: take it (rw_value_take), or leave it. Local variables do not
 * survive an await: what must lies in `arg`. No await stands inside a switch of one's own (RW_ERR_STATE when it is over), and only one
 * on a line.
 *
 * A procedure that is cancelled or dropped is not called again: first what it awaits goes, then drop(arg) undoes what was begun. What
 * has to be awaited for that is a task of its own. Each call takes one of its task's budget.
 */
#ifndef ROPEWALK_PROCEDURE_H
#define ROPEWALK_PROCEDURE_H

#include "base.h"
#include "future.h"
#include "value.h"

struct rw_stream;

/* Handed to each call. `value` is for both sides; the rest is the library's to write. */
struct rw_procedure {
    struct rw_loop *loop;  /* that polls it */
    struct rw_value value; /* the outcome of what was awaited; in the end, what it returns or yields */
    int32_t line;          /* where to go on; 0: at the beginning */
    bool is_yielding;
};

#define RW_BEGIN(self)                                                                                       \
    switch ((self)->line) {                                                                                  \
    default:                                                                                                 \
        RW_RETURN(self, rw_failure(RW_ERR_STATE));                                                           \
    case 0:

/* Waits for a future, which is taken. */
#define RW_AWAIT(self, future)                                                                               \
    do {                                                                                                     \
        (self)->line = __LINE__;                                                                             \
        return (future);                                                                                     \
    case __LINE__:;                                                                                          \
    } while (0)

/* The same; a failure ends the procedure, and is its outcome. */
#define RW_TRY(self, future)                                                                                 \
    do {                                                                                                     \
        RW_AWAIT(self, future);                                                                              \
        if (rw_is_failure(&(self)->value)) {                                                                 \
            return NULL;                                                                                     \
        }                                                                                                    \
    } while (0)

/* Gives the next item of a stream, and goes on when the one after it is asked for. */
#define RW_YIELD(self, item)                                                                                 \
    do {                                                                                                     \
        rw_value_set(&(self)->value, (item));                                                                \
        (self)->line = __LINE__;                                                                             \
        (self)->is_yielding = true;                                                                          \
        return NULL;                                                                                         \
    case __LINE__:;                                                                                          \
    } while (0)

/* Ends it: with a value or a failure, of a stream with nil or a failure. */
#define RW_RETURN(self, outcome)                                                                             \
    do {                                                                                                     \
        rw_value_set(&(self)->value, (outcome));                                                             \
        return NULL;                                                                                         \
    } while (0)

/* The same, as the last line of the function. */
#define RW_END(self, outcome)                                                                                \
    }                                                                                                        \
    RW_RETURN(self, outcome)

RW_BEGIN_DECLS

/* A procedure as a future: nothing runs before it is polled. `name` is a static string that reports call it by. drop(arg) is
 * called once, in whatever state it goes, on no memory too; may be NULL. Never NULL. */
RW_API struct rw_future *rw_procedure(struct rw_loop *loop, const char *name,
                                      struct rw_future *(*step)(struct rw_procedure *self, void *arg),
                                      void (*drop)(void *arg), void *arg);

/* A procedure as a stream: of what it yields, a failure that it returns being the last item. It runs only while somebody
 * waits for an item. NULL on no memory. */
RW_API struct rw_stream *rw_stream_procedure(struct rw_loop *loop, const char *name,
                                             struct rw_future *(*step)(struct rw_procedure *self, void *arg),
                                             void (*drop)(void *arg), void *arg);

RW_END_DECLS

#endif
