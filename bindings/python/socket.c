/* SPDX-License-Identifier: MIT
 *
 * socket.c - SocketStream: byte streams over TCP and Unix sockets, with anyio's names and meanings.
 *
 * Reading and writing are the core's; a read that is cancelled loses nothing. receive() raises EndOfStream at the end, iteration
 * just ends. Sockets are closed when the object goes, with what was written still flushed in the background.
 */
#include "rwp.h"

#include <string.h>

#define BOX(op) ((struct rwp_box *)(op))
#define LINE_MAX_DEFAULT 65536

static void drop_socket(void *thing)
{
    rw_socket_unref(thing);
}

PyObject *rwp_socket_box(struct rwp_loop *loop, struct rw_socket *socket)
{
    return rwp_box_new(loop->state->socket_type, loop, socket, drop_socket);
}

static struct rw_socket *socket_of(PyObject *op)
{
    return rwp_link_thing(&BOX(op)->link);
}

static PyObject *op_of(PyObject *op, struct rw_future *future)
{
    return rwp_op_new(BOX(op)->link.loop, future, NULL, op);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------------ */

static int read_size(PyObject *const *args, Py_ssize_t count, Py_ssize_t standard, Py_ssize_t *size)
{
    *size = standard;
    if (count > 1 || (count == 0 && standard == 0)) {
        PyErr_SetString(PyExc_TypeError, "one argument was expected: a number of bytes");
        return -1;
    }
    if (count == 1) {
        *size = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
        if (*size == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    if (*size < 0 || (size_t)*size > RW_READ_MAX) {
        PyErr_SetString(PyExc_ValueError, "the number of bytes is out of range");
        return -1;
    }
    return 0;
}

static PyObject *socket_receive(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rw_socket *socket = socket_of(op);
    Py_ssize_t size;

    if (socket == NULL || read_size(args, count, 65536, &size) < 0) {
        return NULL;
    }
    if (size == 0) {
        PyErr_SetString(PyExc_ValueError, "receive() takes at least one byte");
        return NULL;
    }
    return op_of(op, rw_socket_read(socket, (size_t)size));
}

static PyObject *socket_receive_exactly(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rw_socket *socket = socket_of(op);
    Py_ssize_t size;

    if (socket == NULL || read_size(args, count, 0, &size) < 0) {
        return NULL;
    }
    return op_of(op, rw_socket_read_exactly(socket, (size_t)size));
}

static PyObject *socket_receive_all(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rw_socket *socket = socket_of(op);
    Py_ssize_t size;

    if (socket == NULL || read_size(args, count, (Py_ssize_t)RW_READ_MAX, &size) < 0) {
        return NULL;
    }
    return op_of(op, rw_socket_read_all(socket, (size_t)size));
}

static PyObject *without_delimiter(struct rwp_op *op, struct rw_value *value)
{
    PyObject *pair = op->owner;
    Py_ssize_t cut = PyLong_AsSsize_t(PyTuple_GET_ITEM(pair, 1));
    const char *data;
    PyObject *bytes;
    size_t size;

    if (rw_is_failure(value)) {
        return rwp_raise_value(op->loop->state, value);
    }
    data = rw_value_data(value, &size);
    bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)size - cut);
    rw_value_drop(value);
    return bytes;
}

/* As anyio: the delimiter is taken off the stream and left out of the result. */
static PyObject *socket_receive_until(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"delimiter", "max_bytes", NULL};
    struct rw_socket *socket = socket_of(op);
    const char *delimiter;
    Py_ssize_t size, max = LINE_MAX_DEFAULT;
    PyObject *owner, *made;

    if (socket == NULL ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "y#|n:receive_until", names, &delimiter, &size, &max)) {
        return NULL;
    }
    if (size < 1 || size > 64 || max < 1 || (size_t)max > RW_READ_MAX) {
        PyErr_SetString(PyExc_ValueError, "a delimiter has 1 to 64 bytes, and max_bytes is at least 1");
        return NULL;
    }
    owner = Py_BuildValue("(On)", op, size);
    if (owner == NULL) {
        return NULL;
    }
    made = rwp_op_new(BOX(op)->link.loop, rw_socket_read_until(socket, delimiter, (size_t)size, (size_t)max),
                      without_delimiter, owner);
    Py_DECREF(owner);
    return made;
}

static PyObject *convert_next(struct rwp_op *op, struct rw_value *value)
{
    if (rw_is_failure(value) && value->code == RW_ERR_END) {
        rw_value_drop(value);
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return NULL;
    }
    return rwp_object_from(op->loop, *value);
}

static PyObject *socket_anext(PyObject *op)
{
    struct rw_socket *socket = socket_of(op);

    return socket != NULL ? rwp_op_new(BOX(op)->link.loop, rw_socket_read(socket, 65536), convert_next, op)
                          : NULL;
}

static PyObject *socket_lines(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    struct rw_socket *socket = socket_of(op);
    Py_ssize_t max;

    if (socket == NULL || read_size(args, count, LINE_MAX_DEFAULT, &max) < 0) {
        return NULL;
    }
    if (max == 0) {
        PyErr_SetString(PyExc_ValueError, "a line has room for at least one byte");
        return NULL;
    }
    return rwp_stream_box(BOX(op)->link.loop, rw_socket_lines(socket, (size_t)max));
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------------ */

static PyObject *socket_send(PyObject *op, PyObject *data)
{
    struct rw_socket *socket = socket_of(op);
    struct rw_value value;
    Py_buffer view;

    if (socket == NULL) {
        return NULL;
    }
    if (PyList_Check(data) || PyTuple_Check(data)) {
        if (rwp_value_portable(BOX(op)->link.loop->state, data, &value) < 0) {
            return NULL;
        }
        return op_of(op, rw_socket_write(socket, value));
    }
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    value = rw_bytes(view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return op_of(op, rw_socket_write(socket, value));
}

static PyObject *socket_send_nowait(PyObject *op, PyObject *data)
{
    struct rw_socket *socket = socket_of(op);
    Py_buffer view;
    int err;

    if (socket == NULL || PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    err = rw_socket_try_write(socket, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    if (err != 0) {
        return rwp_raise(BOX(op)->link.loop->state, err, NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *socket_flush(PyObject *op, PyObject *unused)
{
    struct rw_socket *socket = socket_of(op);

    (void)unused;
    return socket != NULL ? op_of(op, rw_socket_flush(socket)) : NULL;
}

static PyObject *socket_send_eof(PyObject *op, PyObject *unused)
{
    struct rw_socket *socket = socket_of(op);

    (void)unused;
    return socket != NULL ? op_of(op, rw_socket_shutdown(socket)) : NULL;
}

/* ---- the end and the rest -------------------------------------------------------------------------------------------------------------- */

static PyObject *socket_close(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (BOX(op)->link.thing != NULL) {
        if (!rwp_loop_enter(BOX(op)->link.loop)) {
            return NULL;
        }
        rw_socket_close(BOX(op)->link.thing);
    }
    Py_RETURN_NONE;
}

static PyObject *socket_abort(PyObject *op, PyObject *unused)
{
    struct rw_socket *socket = socket_of(op);

    (void)unused;
    if (socket == NULL) {
        return NULL;
    }
    rw_socket_abort(socket);
    Py_RETURN_NONE;
}

static PyObject *socket_aclose(PyObject *op, PyObject *unused)
{
    PyObject *closed = socket_close(op, unused);

    return closed != NULL ? rwp_op_done(BOX(op)->link.state, closed) : NULL;
}

static PyObject *socket_aenter(PyObject *op, PyObject *unused)
{
    (void)unused;
    return socket_of(op) != NULL ? rwp_op_done(BOX(op)->link.state, Py_NewRef(op)) : NULL;
}

static PyObject *socket_aexit(PyObject *op, PyObject *args)
{
    (void)args;
    return socket_aclose(op, NULL);
}

static PyObject *address_of(PyObject *op,
                            int (*ask)(const struct rw_socket *socket, char *buffer, size_t size))
{
    struct rw_socket *socket = socket_of(op);
    char buffer[160];
    int err;

    if (socket == NULL) {
        return NULL;
    }
    err = ask(socket, buffer, sizeof buffer);
    return err == 0 ? PyUnicode_DecodeFSDefault(buffer) : rwp_raise(BOX(op)->link.loop->state, err, NULL);
}

static PyObject *get_peer(PyObject *op, void *closure)
{
    (void)closure;
    return address_of(op, rw_socket_peer);
}

static PyObject *get_local(PyObject *op, void *closure)
{
    (void)closure;
    return address_of(op, rw_socket_local);
}

static PyObject *get_closed(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(BOX(op)->link.thing == NULL || rw_socket_is_closed(BOX(op)->link.thing));
}

static PyObject *get_unsent(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(BOX(op)->link.thing != NULL ? rw_socket_unsent(BOX(op)->link.thing) : 0);
}

static PyObject *socket_fileno(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLong(BOX(op)->link.thing != NULL ? rw_socket_fd(BOX(op)->link.thing) : -1);
}

#define FAST(method) ((PyCFunction)(void (*)(void))(method))

static PyMethodDef socket_methods[] = {
    {"receive", FAST(socket_receive), METH_FASTCALL,
     "receive(max_bytes=65536) - what is there, at least one byte; EndOfStream at the end."},
    {"receive_exactly", FAST(socket_receive_exactly), METH_FASTCALL,
     "receive_exactly(count) - so many bytes; IncompleteRead when the stream ends before."},
    {"receive_until", FAST(socket_receive_until), METH_VARARGS | METH_KEYWORDS,
     "receive_until(delimiter, max_bytes=65536) - what comes before the delimiter; LimitError when that is "
     "more."},
    {"receive_all", FAST(socket_receive_all), METH_FASTCALL,
     "receive_all(max_bytes=...) - everything up to the end."},
    {"lines", FAST(socket_lines), METH_FASTCALL,
     "lines(max_bytes=65536) - a Stream of lines, without their ends."},
    {"send", socket_send, METH_O,
     "send(data) - send bytes, or a list of them; waits while too much is unsent."},
    {"send_nowait", socket_send_nowait, METH_O, "send_nowait(data) - queue bytes at once, or WouldBlock."},
    {"flush", socket_flush, METH_NOARGS, "flush() - wait until everything is in the kernel's hands."},
    {"send_eof", socket_send_eof, METH_NOARGS,
     "send_eof() - end the stream in this direction; reading goes on."},
    {"close", socket_close, METH_NOARGS, "close() - flush in the background and close. Idempotent."},
    {"aclose", socket_aclose, METH_NOARGS, "aclose() - close(), to be awaited."},
    {"abort", socket_abort, METH_NOARGS, "abort() - close at once and drop what is unsent."},
    {"fileno", socket_fileno, METH_NOARGS, "fileno() - the descriptor, for options only; -1 when closed."},
    {"__aenter__", socket_aenter, METH_NOARGS, NULL},
    {"__aexit__", socket_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef socket_getset[] = {
    {"peer", get_peer, NULL, "The other end's address, such as \"127.0.0.1:80\".", NULL},
    {"local", get_local, NULL, "This end's address.", NULL},
    {"closed", get_closed, NULL, "Whether it is closed.", NULL},
    {"unsent", get_unsent, NULL, "How many bytes wait to be sent.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef socket_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct rwp_box, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot socket_slots[] = {
    {Py_tp_doc, "A connected stream socket. `async for` gives chunks of bytes; `async with` closes it."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, socket_methods},
    {Py_tp_getset, socket_getset},
    {Py_tp_members, socket_members},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, socket_anext},
    {0, NULL},
};

static PyType_Spec socket_spec = {"ropewalk._ropewalk.SocketStream", sizeof(struct rwp_box), 0,
                                  RWP_TYPE_FLAGS, socket_slots};

int rwp_socket_init(struct rwp_state *state)
{
    state->socket_type = rwp_add_type(state, &socket_spec, NULL, true);
    return state->socket_type != NULL ? 0 : -1;
}
