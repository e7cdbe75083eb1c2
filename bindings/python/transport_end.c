/* SPDX-License-Identifier: MIT
 *
 * transport_end.c - how a transport begins, fails and ends.
 *
 *   made --life--> begun --close(), nothing unsent; abort(); an error--> losing --life--> lost
 *                    |                                                     ^
 *                    `--close()--> closing, still sending -----------------'
 *
 * `life` is one job for both ends: connection_made first, connection_lost last; a transport that is closed before it
 * began does both. lost_count is above 0 from the moment connection_lost is certain, and then counts writes into the void.
 *
 * Invariant: connection_lost is called exactly once after connection_made, and the socket is closed right after it.
 */
#include "rwp_transport.h"

PyObject *rwp_transport_call(struct rwp_transport *self, enum rwp_name name, PyObject *arg)
{
    PyObject *arguments[2] = {self->protocol, arg};

    return PyObject_VectorcallMethod(self->loop->state->names[name], arguments,
                                     (arg != NULL ? 2u : 1u) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/* ---- errors --------------------------------------------------------------------------------------------------------------- */

static bool ends_program(PyObject *exception)
{
    return PyErr_GivenExceptionMatches(exception, PyExc_SystemExit) ||
           PyErr_GivenExceptionMatches(exception, PyExc_KeyboardInterrupt);
}

static int tell_handler(struct rwp_transport *self, const char *message, PyObject *exception)
{
    PyObject *context = Py_BuildValue("{s:s,s:O,s:O,s:O}", "message", message, "exception", exception,
                                      "transport", rwp_transport_object(self), "protocol", self->protocol);
    PyObject *answer = NULL;

    if (context != NULL) {
        answer = PyObject_CallMethodOneArg((PyObject *)self->loop,
                                           self->loop->state->names[RWP_N_CALL_EXCEPTION_HANDLER], context);
    }
    Py_XDECREF(context);
    Py_XDECREF(answer);
    return answer != NULL ? 0 : -1;
}

int rwp_transport_report(struct rwp_transport *self, const char *message)
{
    PyObject *exception = rwp_exc_take();
    int told;

    if (ends_program(exception)) {
        rwp_exc_give(exception);
        return -1;
    }
    told = tell_handler(self, message, exception);
    Py_DECREF(exception);
    return told;
}

void rwp_transport_warn(struct rwp_transport *self, const char *text)
{
    PyObject *module = PyImport_ImportModule("asyncio.log");
    PyObject *logger = module != NULL ? PyObject_GetAttrString(module, "logger") : NULL;
    PyObject *answer = logger != NULL ? PyObject_CallMethod(logger, "warning", "s", text) : NULL;

    if (answer == NULL) {
        PyErr_WriteUnraisable(rwp_transport_object(self));
    }
    Py_XDECREF(answer);
    Py_XDECREF(logger);
    Py_XDECREF(module);
}

int rwp_transport_fatal(struct rwp_transport *self, const char *message)
{
    PyObject *exception = rwp_exc_take();
    int told = 0;

    if (ends_program(exception)) {
        rwp_exc_give(exception);
        return -1;
    }
    if (!PyErr_GivenExceptionMatches(exception, PyExc_OSError)) {
        told = tell_handler(self, message, exception);
    }
    rwp_transport_force_close(self, exception);
    Py_DECREF(exception);
    return told;
}

void rwp_transport_keep_exit(struct rwp_loop *loop)
{
    PyObject *exception = rwp_exc_take();

    if (!rwp_loop_keep_exit(loop, exception)) {
        rwp_exc_give(Py_NewRef(exception));
        rwp_loop_report(loop, "Exception in a transport", NULL, NULL);
    }
    Py_DECREF(exception);
}

/* ---- the end -------------------------------------------------------------------------------------------------------------- */

static void schedule_lost(struct rwp_transport *self)
{
    self->lost_count++;
    rwp_transport_queue_life(self);
}

void rwp_transport_force_close(struct rwp_transport *self, PyObject *exception)
{
    if (self->lost_count > 0) {
        return;
    }
    rwp_transport_drop_chunks(self);
    self->closing = true;
    self->lost_exception = Py_XNewRef(exception);
    schedule_lost(self);
    if (rwp_transport_rewatch(self) < 0) { /* it asks for nothing from here on */
        PyErr_WriteUnraisable(rwp_transport_object(self));
    }
}

int rwp_transport_close(struct rwp_transport *self)
{
    if (self->closing) {
        return 0;
    }
    self->closing = true;
    if (!rwp_loop_enter(self->loop)) {
        return -1;
    }
    if (self->buffered == 0) {
        schedule_lost(self);
    }
    return rwp_transport_rewatch(self);
}

static void detach_server(struct rwp_transport *self)
{
    PyObject *server = self->server;
    PyObject *answer;

    if (server == NULL) {
        return;
    }
    self->server = NULL;
#if PY_VERSION_HEX >= 0x030D0000
    answer = PyObject_CallMethod(server, "_detach", "O", rwp_transport_object(self));
#else
    answer = PyObject_CallMethod(server, "_detach", NULL);
#endif
    if (answer == NULL) {
        PyErr_WriteUnraisable(server);
    }
    Py_XDECREF(answer);
    Py_DECREF(server);
}

static void close_socket(struct rwp_transport *self)
{
    PyObject *sock = self->sock;
    PyObject *answer;

    self->sock = NULL;
    rwp_link_end(&self->link); /* the watch first: it needs the descriptor */
    self->watched = 0;
    answer = PyObject_CallMethod(sock, "close", NULL);
    if (answer == NULL) {
        PyErr_WriteUnraisable(sock);
    }
    Py_XDECREF(answer);
    Py_DECREF(sock);
}

/* sendfile waits for a buffer that will never be empty. */
static void fail_empty_waiter(PyObject *waiter, PyObject *reason)
{
    PyObject *exception, *answer = NULL;
    PyObject *done = PyObject_CallMethod(waiter, "done", NULL);

    if (done == Py_False) {
        exception = reason != NULL
                        ? Py_NewRef(reason)
                        : PyObject_CallFunction(PyExc_ConnectionError, "s", "Connection is closed by peer");
        answer = exception != NULL ? PyObject_CallMethod(waiter, "set_exception", "O", exception) : NULL;
        Py_XDECREF(exception);
    }
    if (done == NULL || (done == Py_False && answer == NULL)) {
        PyErr_WriteUnraisable(waiter);
    }
    Py_XDECREF(answer);
    Py_XDECREF(done);
}

int rwp_transport_lose(struct rwp_transport *self)
{
    struct rwp_loop *loop = self->loop;
    PyObject *reason = self->lost_exception != NULL ? self->lost_exception : Py_None;
    PyObject *answer = rwp_transport_call(self, RWP_N_CONNECTION_LOST, reason);
    int failed = answer != NULL ? 0 : rwp_transport_report(self, "Exception in callback connection_lost()");
    PyObject *exception = failed != 0 ? rwp_exc_take() : NULL;

    Py_XDECREF(answer);
    rwp_transport_drop_chunks(self);
    close_socket(self);
    detach_server(self);
    if (self->empty_waiter != NULL) {
        fail_empty_waiter(self->empty_waiter, self->lost_exception);
    }
    rwp_transport_hold_or_release(self);
    self->loop = NULL;
    Py_CLEAR(self->protocol);
    Py_CLEAR(self->lost_exception);
    Py_DECREF((PyObject *)loop);
    if (exception != NULL) {
        rwp_exc_give(exception);
    }
    return failed;
}

void rwp_transport_finalize(PyObject *op)
{
    struct rwp_transport *self = rwp_transport_of(op);
    PyObject *pending;

    if (self->sock == NULL) {
        return;
    }
    pending = rwp_exc_take();
    if (PyErr_ResourceWarning(op, 1, "unclosed transport %R", op) < 0) {
        PyErr_WriteUnraisable(op);
    }
    self->closing = true;
    self->lost_count++;
    close_socket(self);
    detach_server(self);
    if (pending != NULL) {
        rwp_exc_give(pending);
    }
}

/* ---- the job -------------------------------------------------------------------------------------------------------------- */

static void tell_waiter(struct rwp_transport *self)
{
    PyObject *waiter = self->waiter;
    PyObject *answer, *done;

    if (waiter == NULL) {
        return;
    }
    self->waiter = NULL;
    done = PyObject_CallMethod(waiter, "done", NULL); /* cancelled: nobody waits any more */
    answer = done == Py_False ? PyObject_CallMethod(waiter, "set_result", "O", Py_None) : Py_XNewRef(done);
    if (answer == NULL) {
        PyErr_WriteUnraisable(waiter);
    }
    Py_XDECREF(answer);
    Py_XDECREF(done);
    Py_DECREF(waiter);
}

static int begin(struct rwp_transport *self)
{
    PyObject *answer = rwp_transport_call(self, RWP_N_CONNECTION_MADE, rwp_transport_object(self));
    int failed = answer != NULL ? 0 : rwp_transport_report(self, "Exception in callback connection_made()");

    Py_XDECREF(answer);
    self->begun = true;
    if (failed == 0 && rwp_transport_rewatch(self) < 0) {
        failed = rwp_transport_fatal(self, "Fatal error on transport");
    }
    if (failed == 0) {
        tell_waiter(self);
    }
    if (self->lost_count > 0) {
        rwp_transport_queue_life(self);
    }
    return failed;
}

void rwp_transport_run_life(struct rw_job *job, struct rw_loop *queue)
{
    struct rwp_transport *self =
        (struct rwp_transport *)(void *)((char *)job - offsetof(struct rwp_transport, life));
    struct rwp_loop *loop = self->loop;

    if (loop->exit_exception != NULL && !loop->closing) {
        rw_loop_queue(queue, job); /* the program is on its way out of this turn: later */
        return;
    }
    Py_INCREF((PyObject *)loop);
    Py_INCREF(rwp_transport_object(self));
    self->life_queued = false;
    if (!loop->closing) {
        PyObject *context = Py_NewRef(self->context);
        int failed;

        (void)rwp_loop_set_current(loop, NULL);
        failed = PyContext_Enter(context);
        if (failed == 0) {
            failed = self->begun ? rwp_transport_lose(self) : begin(self);
            (void)PyContext_Exit(context);
        }
        if (failed != 0) {
            rwp_transport_keep_exit(loop);
        }
        Py_DECREF(context);
    }
    rwp_transport_hold_or_release(self);
    Py_DECREF(rwp_transport_object(self));
    Py_DECREF((PyObject *)loop);
}
