/* SPDX-License-Identifier: MIT
 *
 * slow.c - asyncio's debug mode says which callbacks hold the loop for longer than loop.slow_callback_duration.
 *
 * The two functions frame whatever enters Python from a turn. Outside debug mode the first is one comparison, and gives
 * 0, for which the second does nothing. Nothing here fails: what goes wrong is written to stderr.
 */
#include "rwp.h"

#include <time.h>

static int64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t rwp_slow_begin(const struct rwp_loop *loop)
{
    return loop->debug ? clock_ns() : 0;
}

/* What took long is told as it is now: a handle forgets its callback after the call. */
static int warn(PyObject *what, double seconds)
{
    PyObject *module = PyImport_ImportModule("asyncio.base_events");
    PyObject *logger = module != NULL ? PyObject_GetAttrString(module, "logger") : NULL;
    PyObject *text = logger != NULL ? PyObject_Str(what) : NULL;
    PyObject *answer = NULL;

    if (text != NULL) {
        answer =
            PyObject_CallMethod(logger, "warning", "sOd", "Executing %s took %.3f seconds", text, seconds);
    }
    Py_XDECREF(answer);
    Py_XDECREF(text);
    Py_XDECREF(logger);
    Py_XDECREF(module);
    return answer != NULL ? 0 : -1;
}

static int warn_if_slow(struct rwp_loop *loop, double seconds, PyObject *what)
{
    PyObject *limit = PyObject_GetAttrString((PyObject *)loop, "slow_callback_duration");
    double limit_seconds = limit != NULL ? PyFloat_AsDouble(limit) : -1.0;

    Py_XDECREF(limit);
    if (PyErr_Occurred()) {
        return -1;
    }
    return seconds >= limit_seconds ? warn(what, seconds) : 0;
}

void rwp_slow_end(struct rwp_loop *loop, int64_t begun_ns, PyObject *what)
{
    PyObject *saved;

    if (begun_ns == 0) {
        return;
    }
    saved = rwp_exc_take();
    if (warn_if_slow(loop, (double)(clock_ns() - begun_ns) / 1e9, what) < 0) {
        PyErr_WriteUnraisable(what);
    }
    if (saved != NULL) {
        rwp_exc_give(saved);
    }
}
