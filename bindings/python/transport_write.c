/* SPDX-License-Identifier: MIT
 *
 * transport_write.c - what goes out of a transport.
 *
 * A write is sent at once, as asyncio does; what the kernel does not take waits as bytes objects in a queue and goes out,
 * many at a time, when there is room. What waits is the transport's own: a bytearray's rest is copied, so that its owner may
 * go on to use it. Above the high mark the protocol is told to pause, at the low mark to go on.
 *
 * Invariants: `buffered` is the sum of what the chunks still hold; while it is not 0 the watch asks for room, and nothing is
 * sent past the queue.
 */
#include "rwp_transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { IOV_COUNT = 64, FIRST_CHUNKS = 8, WARN_AFTER_LOST_WRITES = 5 };

/* ---- the queue -------------------------------------------------------------------------------------------------------------- */

static int make_room(struct rwp_transport *self, size_t count)
{
    size_t queued = self->chunk_end - self->chunk_first;
    size_t cap = self->chunk_cap != 0 ? self->chunk_cap : FIRST_CHUNKS;
    PyObject **chunks;

    if (count <= self->chunk_cap - self->chunk_end) {
        return 0;
    }
    while (cap / 2 < queued + count) {
        cap *= 2;
    }
    chunks = PyMem_New(PyObject *, cap);
    if (chunks == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < queued; i++) {
        chunks[i] = self->chunks[self->chunk_first + i];
    }
    PyMem_Free(self->chunks);
    self->chunks = chunks;
    self->chunk_first = 0;
    self->chunk_end = queued;
    self->chunk_cap = cap;
    return 0;
}

/* Takes `bytes`; there is room. */
static void push_chunk(struct rwp_transport *self, PyObject *bytes, size_t sent)
{
    size_t rest = (size_t)PyBytes_GET_SIZE(bytes) - sent;

    if (rest == 0) {
        Py_DECREF(bytes);
        return;
    }
    if (self->buffered == 0) {
        self->chunk_sent = sent;
    }
    self->chunks[self->chunk_end] = bytes;
    self->chunk_end++;
    self->buffered += rest;
}

static void pop_sent(struct rwp_transport *self, size_t sent)
{
    self->buffered -= sent;
    sent += self->chunk_sent;
    while (self->chunk_first < self->chunk_end) {
        PyObject *bytes = self->chunks[self->chunk_first];
        size_t size = (size_t)PyBytes_GET_SIZE(bytes);

        if (sent < size) {
            break;
        }
        sent -= size;
        self->chunk_first++;
        Py_DECREF(bytes);
    }
    self->chunk_sent = sent;
    if (self->chunk_first == self->chunk_end) {
        self->chunk_first = 0;
        self->chunk_end = 0;
    }
}

void rwp_transport_drop_chunks(struct rwp_transport *self)
{
    while (self->chunk_first < self->chunk_end) {
        self->chunk_first++;
        Py_DECREF(self->chunks[self->chunk_first - 1]);
    }
    PyMem_Free(self->chunks);
    self->chunks = NULL;
    self->chunk_first = 0;
    self->chunk_end = 0;
    self->chunk_cap = 0;
    self->chunk_sent = 0;
    self->buffered = 0;
}

/* ---- flow control --------------------------------------------------------------------------------------------------------- */

int rwp_transport_maybe_pause(struct rwp_transport *self)
{
    PyObject *answer;

    if (self->buffered <= self->high_water || self->protocol_paused) {
        return 0;
    }
    self->protocol_paused = true;
    answer = rwp_transport_call(self, RWP_N_PAUSE_WRITING, NULL);
    Py_XDECREF(answer);
    return answer != NULL ? 0 : rwp_transport_report(self, "protocol.pause_writing() failed");
}

static int maybe_resume(struct rwp_transport *self)
{
    PyObject *answer;

    if (!self->protocol_paused || self->buffered > self->low_water) {
        return 0;
    }
    self->protocol_paused = false;
    answer = rwp_transport_call(self, RWP_N_RESUME_WRITING, NULL);
    Py_XDECREF(answer);
    return answer != NULL ? 0 : rwp_transport_report(self, "protocol.resume_writing() failed");
}

/* ---- sending -------------------------------------------------------------------------------------------------------------- */

static bool is_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Sends `size` bytes: how many went, or -1 with an OSError. */
static Py_ssize_t send_now(struct rwp_transport *self, const char *bytes, size_t size)
{
    ssize_t sent = send(self->fd, bytes, size, MSG_NOSIGNAL);

    if (sent < 0 && !is_later()) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return sent < 0 ? 0 : sent;
}

/* Sends from the queue; 0, or -1 with an OSError. */
static int send_chunks(struct rwp_transport *self)
{
    struct iovec parts[IOV_COUNT];
    struct msghdr message = {.msg_iov = parts};
    size_t skip = self->chunk_sent;
    ssize_t sent;

    for (size_t i = self->chunk_first; i < self->chunk_end && message.msg_iovlen < IOV_COUNT; i++) {
        PyObject *bytes = self->chunks[i];
        size_t size = (size_t)PyBytes_GET_SIZE(bytes);

        parts[message.msg_iovlen] = (struct iovec){PyBytes_AS_STRING(bytes) + skip, size - skip};
        message.msg_iovlen++;
        skip = 0;
    }
    sent = sendmsg(self->fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && !is_later()) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    if (sent > 0) {
        pop_sent(self, (size_t)sent);
    }
    return 0;
}

static void tell_empty_waiter(struct rwp_transport *self)
{
    PyObject *answer;

    if (self->empty_waiter == NULL) {
        return;
    }
    answer =
        PyObject_CallMethodOneArg(self->empty_waiter, self->loop->state->names[RWP_N_SET_RESULT], Py_None);
    Py_XDECREF(answer);
    if (answer == NULL) {
        PyErr_Clear(); /* whoever waited was cancelled */
    }
}

static int shut_down(struct rwp_transport *self)
{
    if (shutdown(self->fd, SHUT_WR) == 0) {
        return 0;
    }
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

int rwp_transport_write_ready(struct rwp_transport *self)
{
    if (send_chunks(self) < 0) {
        return rwp_transport_fatal(self, "Fatal write error on socket transport");
    }
    if (maybe_resume(self) < 0) { /* may write again, or close */
        return -1;
    }
    if (self->buffered > 0 || self->lost_count > 0) {
        return 0;
    }
    if (rwp_transport_rewatch(self) < 0) {
        return -1;
    }
    tell_empty_waiter(self);
    if (self->closing) {
        self->lost_count++;
        return rwp_transport_lose(self);
    }
    if (self->write_eof && shut_down(self) < 0) {
        return rwp_transport_fatal(self, "Fatal write error on socket transport");
    }
    return 0;
}

/* 1: go on; 0: there is nobody to send to any more; -1 with an exception. */
static int may_write(struct rwp_transport *self, const char *method)
{
    if (self->write_eof) {
        PyErr_Format(PyExc_RuntimeError, "Cannot call %s() after write_eof()", method);
        return -1;
    }
    if (self->empty_waiter != NULL) {
        PyErr_Format(PyExc_RuntimeError, "unable to %s; sendfile is in progress", method);
        return -1;
    }
    if (self->lost_count > 0) {
        if (self->lost_count >= WARN_AFTER_LOST_WRITES) {
            rwp_transport_warn(self, "socket.send() raised exception.");
        }
        self->lost_count++;
        return 0;
    }
    return rwp_loop_enter(self->loop) ? 1 : -1;
}

static bool is_bytes_like(PyObject *data)
{
    return PyBytes_Check(data) || PyByteArray_Check(data) || PyMemoryView_Check(data);
}

/* The end of a write that could not be sent whole. */
static PyObject *wait_for_room(struct rwp_transport *self)
{
    if (rwp_transport_rewatch(self) < 0 || rwp_transport_maybe_pause(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Sends what it can of the view and queues the rest. `data` is what the view is of. */
static PyObject *write_view(struct rwp_transport *self, PyObject *data, const Py_buffer *view)
{
    Py_ssize_t sent = 0;
    PyObject *rest;

    if (self->buffered == 0) {
        sent = send_now(self, view->buf, (size_t)view->len);
        if (sent == view->len) {
            Py_RETURN_NONE;
        }
    }
    if (sent < 0) {
        if (rwp_transport_fatal(self, "Fatal write error on socket transport") < 0) {
            return NULL;
        }
        Py_RETURN_NONE;
    }
    if (make_room(self, 1) < 0) {
        return NULL;
    }
    if (PyBytes_CheckExact(data)) {
        push_chunk(self, Py_NewRef(data), (size_t)sent);
    } else {
        rest = PyBytes_FromStringAndSize((const char *)view->buf + sent, view->len - sent);
        if (rest == NULL) {
            return NULL;
        }
        push_chunk(self, rest, 0);
    }
    return wait_for_room(self);
}

PyObject *rwp_transport_write(PyObject *op, PyObject *data)
{
    struct rwp_transport *self = rwp_transport_of(op);
    PyObject *answer;
    Py_buffer view;
    int may;

    if (!is_bytes_like(data)) {
        return PyErr_Format(PyExc_TypeError, "data argument must be a bytes-like object, not '%.200s'",
                            Py_TYPE(data)->tp_name);
    }
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    may = view.len == 0 && !self->write_eof && self->empty_waiter == NULL ? 0 : may_write(self, "write");
    if (may > 0) {
        answer = write_view(self, data, &view);
    } else {
        answer = may == 0 ? Py_NewRef(Py_None) : NULL;
    }
    PyBuffer_Release(&view);
    return answer;
}

/* Queues every item of a tuple or list, or none. */
static int push_all(struct rwp_transport *self, PyObject *items)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(items);
    PyObject *bytes = PyList_New(0);
    int failed = bytes == NULL;

    for (Py_ssize_t i = 0; i < count && !failed; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(items, i);
        PyObject *copy = PyBytes_CheckExact(item) ? Py_NewRef(item) : NULL;

        if (copy == NULL && PyObject_CheckBuffer(item)) {
            copy = PyBytes_FromObject(item);
        } else if (copy == NULL) {
            PyErr_Format(PyExc_TypeError, "a bytes-like object is required, not '%.200s'",
                         Py_TYPE(item)->tp_name);
        }
        failed = copy == NULL || PyList_Append(bytes, copy) < 0;
        Py_XDECREF(copy);
    }
    failed = failed || make_room(self, (size_t)count) < 0;
    for (Py_ssize_t i = 0; i < count && !failed; i++) {
        push_chunk(self, Py_NewRef(PyList_GET_ITEM(bytes, i)), 0);
    }
    Py_XDECREF(bytes);
    return failed ? -1 : 0;
}

PyObject *rwp_transport_writelines(PyObject *op, PyObject *list)
{
    struct rwp_transport *self = rwp_transport_of(op);
    int may = may_write(self, "writelines");
    bool was_empty = self->buffered == 0;
    PyObject *items;

    if (may <= 0) {
        return may == 0 ? Py_NewRef(Py_None) : NULL;
    }
    items = PySequence_Fast(list, "writelines() needs an iterable of bytes-like objects");
    if (items == NULL || push_all(self, items) < 0) {
        Py_XDECREF(items);
        return NULL;
    }
    Py_DECREF(items);
    if (was_empty && self->buffered > 0 && send_chunks(self) < 0) {
        if (rwp_transport_fatal(self, "Fatal write error on socket transport") < 0) {
            return NULL;
        }
        Py_RETURN_NONE;
    }
    return wait_for_room(self);
}

PyObject *rwp_transport_write_eof(PyObject *op, PyObject *unused)
{
    struct rwp_transport *self = rwp_transport_of(op);

    (void)unused;
    if (self->closing || self->write_eof) {
        Py_RETURN_NONE;
    }
    self->write_eof = true;
    if (self->buffered == 0 && shut_down(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- sendfile's ------------------------------------------------------------------------------------------------------------- */

PyObject *rwp_transport_make_empty_waiter(PyObject *op, PyObject *unused)
{
    struct rwp_transport *self = rwp_transport_of(op);

    (void)unused;
    if (self->empty_waiter != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "Empty waiter is already set");
        return NULL;
    }
    if (self->loop == NULL) {
        PyErr_SetString(PyExc_ConnectionError, "Connection is closed by peer");
        return NULL;
    }
    self->empty_waiter =
        PyObject_CallMethodNoArgs((PyObject *)self->loop, self->loop->state->names[RWP_N_CREATE_FUTURE]);
    if (self->empty_waiter == NULL) {
        return NULL;
    }
    if (self->buffered == 0) {
        tell_empty_waiter(self);
    }
    return Py_NewRef(self->empty_waiter);
}

PyObject *rwp_transport_reset_empty_waiter(PyObject *op, PyObject *unused)
{
    (void)unused;
    Py_CLEAR(rwp_transport_of(op)->empty_waiter);
    Py_RETURN_NONE;
}
