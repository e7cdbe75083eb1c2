/* SPDX-License-Identifier: MIT
 *
 * rwp_handle.h - Handle and TimerHandle, shared by call.c and handle.c.
 */
#ifndef RWP_HANDLE_H
#define RWP_HANDLE_H

#include "rwp.h"

#define RWP_INLINE_ARGS 3

struct rwp_handle {
    PyObject_HEAD struct rwp_link link; /* thing: the handle itself, while the loop owns a reference */
    struct rw_job job;
    PyObject *weakrefs;
    struct rwp_loop *loop; /* strong */
    PyObject *callback;    /* NULL once run or cancelled */
    PyObject *context;
    PyObject *args[RWP_INLINE_ARGS];
    PyObject *source; /* in debug mode: the stack that made it */
    PyObject *rest;   /* all arguments in a tuple, when there are more */
    Py_ssize_t count;
    bool cancelled;
};

struct rwp_timer_handle {
    struct rwp_handle handle;
    struct rw_timer timer;
    double when;
};

/* The job, the timer, and the two ways out of queue and heap. */
void rwp_handle_run_job(struct rw_job *job, struct rw_loop *loop);
void rwp_handle_fire(struct rw_timer *timer, struct rw_loop *loop);
void rwp_handle_drop_queued(void *thing);
void rwp_handle_drop_armed(void *thing);

#endif
