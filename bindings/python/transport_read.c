/* SPDX-License-Identifier: MIT
 *
 * transport_read.c - what arrives at a transport, and its way to the protocol.
 *
 * The reactor's word is kept until the job runs, at most once a turn; readiness is level-triggered, so nothing is
 * remembered beyond that. What arrives is received into a buffer of the loop's and copied into a bytes object of its size: bytes
 * objects of the largest size, cut down afterwards, cost more than the copy. A BufferedProtocol's own buffer is received into
 * directly. A buffer that came full is followed by another read at once, a few times.
 *
 * Invariant: the protocol is called inside the transport's context and never after connection_lost was scheduled.
 */
#include "rwp_transport.h"

#include <errno.h>
#include <sys/socket.h>

enum { READ_MAX = 64 * 1024, READS_PER_TURN = 4 };

/* 1: the buffer came full; 0: read no more for now; -1: an exception must end the program. */
enum { READ_AGAIN = 1, READ_ENOUGH = 0 };

void rwp_transport_notify(void *arg, unsigned events)
{
    struct rwp_transport *self = arg;

    self->told |= events;
    if (!self->io_queued) {
        self->io_queued = true;
        rw_loop_queue(self->loop->loop, &self->io);
    }
}

static int take_eof(struct rwp_transport *self)
{
    PyObject *answer = rwp_transport_call(self, RWP_N_EOF_RECEIVED, NULL);
    int keep_open = answer != NULL ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(answer);
    if (keep_open < 0) {
        return rwp_transport_fatal(self, "Fatal error: protocol.eof_received() call failed.");
    }
    if (keep_open == 0) {
        return rwp_transport_close(self);
    }
    self->read_eof = true;
    return rwp_transport_rewatch(self);
}

/* What recv() said when it did not give bytes. */
static int take_end(struct rwp_transport *self, ssize_t got)
{
    if (got == 0) {
        return take_eof(self);
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return READ_ENOUGH;
    }
    PyErr_SetFromErrno(PyExc_OSError);
    return rwp_transport_fatal(self, "Fatal read error on socket transport");
}

static char *scratch_of(struct rwp_loop *loop)
{
    if (loop->scratch == NULL) {
        loop->scratch = PyMem_RawMalloc(READ_MAX);
        if (loop->scratch == NULL) {
            PyErr_NoMemory();
        }
    }
    return loop->scratch;
}

static int read_bytes(struct rwp_transport *self)
{
    char *scratch = scratch_of(self->loop);
    ssize_t got = scratch != NULL ? recv(self->fd, scratch, READ_MAX, 0) : 0;
    PyObject *data, *answer;

    if (scratch != NULL && got <= 0) {
        return take_end(self, got);
    }
    data = scratch != NULL ? PyBytes_FromStringAndSize(scratch, got) : NULL;
    if (data == NULL) {
        return rwp_transport_fatal(self, "Fatal read error on socket transport");
    }
    answer = rwp_transport_call(self, RWP_N_DATA_RECEIVED, data);
    Py_DECREF(data);
    if (answer == NULL) {
        return rwp_transport_fatal(self, "Fatal error: protocol.data_received() call failed.");
    }
    Py_DECREF(answer);
    return got == READ_MAX ? READ_AGAIN : READ_ENOUGH;
}

/* 0, or -1 with an exception. */
static int borrow_buffer(struct rwp_transport *self, Py_buffer *view)
{
    PyObject *hint = PyLong_FromLong(-1);
    PyObject *buffer = hint != NULL ? rwp_transport_call(self, RWP_N_GET_BUFFER, hint) : NULL;
    int failed = buffer == NULL || PyObject_GetBuffer(buffer, view, PyBUF_WRITABLE) < 0;

    Py_XDECREF(buffer);
    Py_XDECREF(hint);
    if (!failed && view->len == 0) {
        PyBuffer_Release(view);
        PyErr_SetString(PyExc_RuntimeError, "get_buffer() returned an empty buffer");
        failed = true;
    }
    return failed ? -1 : 0;
}

static int read_into_protocol(struct rwp_transport *self)
{
    PyObject *count, *answer;
    Py_buffer view;
    ssize_t got;
    bool is_full;

    if (borrow_buffer(self, &view) < 0) {
        return rwp_transport_fatal(self, "Fatal error: protocol.get_buffer() call failed.");
    }
    if (self->lost_count > 0) {
        PyBuffer_Release(&view);
        return READ_ENOUGH; /* get_buffer() aborted */
    }
    got = recv(self->fd, view.buf, (size_t)view.len, 0);
    is_full = got == view.len;
    PyBuffer_Release(&view);
    if (got <= 0) {
        return take_end(self, got);
    }
    count = PyLong_FromSsize_t(got);
    answer = count != NULL ? rwp_transport_call(self, RWP_N_BUFFER_UPDATED, count) : NULL;
    Py_XDECREF(count);
    if (answer == NULL) {
        return rwp_transport_fatal(self, "Fatal error: protocol.buffer_updated() call failed.");
    }
    Py_DECREF(answer);
    return is_full ? READ_AGAIN : READ_ENOUGH;
}

static int read_ready(struct rwp_transport *self)
{
    int again = READ_AGAIN;

    for (int i = 0; i < READS_PER_TURN && again == READ_AGAIN && (self->watched & RW_READABLE) != 0; i++) {
        again = self->is_buffered_protocol ? read_into_protocol(self) : read_bytes(self);
    }
    return again < 0 ? -1 : 0;
}

static void run_in_context(struct rwp_transport *self, unsigned events)
{
    struct rwp_loop *loop = (struct rwp_loop *)Py_NewRef((PyObject *)self->loop);
    PyObject *context = Py_NewRef(self->context);
    int failed = PyContext_Enter(context);

    if (failed == 0) {
        if ((events & (RW_READABLE | RW_HANGUP)) != 0) {
            failed = read_ready(self);
        }
        if (failed == 0 && (events & (RW_WRITABLE | RW_HANGUP)) != 0 && self->buffered > 0) {
            failed = rwp_transport_write_ready(self);
        }
        (void)PyContext_Exit(context);
    }
    if (failed != 0) {
        rwp_transport_keep_exit(loop);
    }
    Py_DECREF(context);
    Py_DECREF((PyObject *)loop);
}

void rwp_transport_run_io(struct rw_job *job, struct rw_loop *loop)
{
    struct rwp_transport *self =
        (struct rwp_transport *)(void *)((char *)job - offsetof(struct rwp_transport, io));
    unsigned events = self->told;

    if (self->loop->exit_exception != NULL && !self->loop->closing) {
        rw_loop_queue(loop, job); /* the program is on its way out of this turn: later */
        return;
    }
    self->told = 0;
    self->io_queued = false;
    Py_INCREF(rwp_transport_object(self));
    if (self->lost_count == 0 && !self->loop->closing) {
        struct rwp_loop *entered = self->loop; /* its handles keep it; the transport may lose it */
        int64_t begun_ns = rwp_slow_begin(entered);

        (void)rwp_loop_set_current(entered, NULL);
        run_in_context(self, events);
        rwp_slow_end(entered, begun_ns, rwp_transport_object(self));
    }
    rwp_transport_hold_or_release(self);
    Py_DECREF(rwp_transport_object(self));
}
