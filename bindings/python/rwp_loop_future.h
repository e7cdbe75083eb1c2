/* SPDX-License-Identifier: MIT
 *
 * rwp_loop_future.h - what loop.create_future() makes, as tasks see it.
 */
#ifndef RWP_LOOP_FUTURE_H
#define RWP_LOOP_FUTURE_H

#include "rwp.h"

/* The layout of asyncio.Future is private; only its size counts, and it is checked when the module is loaded. */
#if PY_VERSION_HEX < 0x030D0000
#define RWP_FUTURE_BASE 128
#else
#define RWP_FUTURE_BASE 160
#endif

enum rwp_loop_future_state { RWP_FUTURE_PENDING, RWP_FUTURE_CANCELLED, RWP_FUTURE_FINISHED };

struct rwp_loop_future {
    union {
        PyObject ob_base;
        char base[RWP_FUTURE_BASE];
    } head;
    struct rwp_loop *loop; /* strong */
    PyObject *callback;    /* the first one; NULL when there is none */
    PyObject *context;     /* of the first one */
    PyObject *more;        /* NULL, or a list of (callback, context): those after the first */
    PyObject *result;      /* or the exception */
    PyObject *traceback;   /* of the exception, as it was set; NULL when it had none */
    PyObject *cancel_message;
    uint8_t state;
    bool failed; /* result is an exception */
    bool log_traceback;
    bool blocking;
};

static inline struct rwp_loop_future *rwp_loop_future_of(PyObject *object)
{
    return (struct rwp_loop_future *)(void *)object;
}

static inline bool rwp_loop_future_check(const struct rwp_state *state, PyObject *object)
{
    return Py_TYPE(object) == state->loop_future_type;
}

/* Its result, new reference, or its exception raised. */
PyObject *rwp_loop_future_result(struct rwp_loop_future *self);
/* add_done_callback; context NULL: a copy of the current one. 0, or -1 with an exception. */
int rwp_loop_future_add(struct rwp_loop_future *self, PyObject *callback, PyObject *context);
/* remove_done_callback: how many, or -1 with an exception. */
Py_ssize_t rwp_loop_future_remove(struct rwp_loop_future *self, PyObject *callback);
/* set_result, set_exception, cancel: sets the state and queues the callbacks. Takes `result`. -1 with an exception. */
int rwp_loop_future_finish(struct rwp_loop_future *self, enum rwp_loop_future_state state, PyObject *result,
                           bool failed);

/* loop_future_face.c */
extern PyMethodDef rwp_loop_future_methods[];
extern PyGetSetDef rwp_loop_future_getset[];
PyObject *rwp_loop_future_repr(PyObject *self);
void rwp_loop_future_finalize(PyObject *self);

#endif
