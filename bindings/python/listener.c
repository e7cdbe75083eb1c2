/* SPDX-License-Identifier: MIT
 *
 * listener.c - Listener, and the functions that connect, listen and resolve.
 *
 * serve() is pure Python (ropewalk._serve); here is what touches the core. What a connecting op gave stays its owner, so
 * that `async with connect_tcp(...)` can close it.
 */
#include "rwp.h"

#include <errno.h>

#define BOX(op) ((struct rwp_box *)(op))

static void drop_listener(void *thing)
{
    struct rw_listener *listener = thing;

    rw_listener_close(listener);
    rw_listener_unref(listener);
}

static PyObject *convert_socket(struct rwp_op *op, struct rw_value *value)
{
    PyObject *socket = rwp_object_from(op->loop, *value);

    if (socket != NULL) {
        Py_XSETREF(op->owner, Py_NewRef(socket));
    }
    return socket;
}

/* ---- Listener ------------------------------------------------------------------------------------------------------------------------ */

static PyObject *listener_accept(PyObject *op, PyObject *unused)
{
    struct rw_listener *listener = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return listener != NULL ? rwp_op_new(BOX(op)->link.loop, rw_listener_accept(listener), convert_socket, op)
                            : NULL;
}

static PyObject *convert_next(struct rwp_op *op, struct rw_value *value)
{
    if (rw_is_failure(value) && value->code == RW_ERR_CLOSED) {
        rw_value_drop(value);
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return NULL;
    }
    return rwp_object_from(op->loop, *value);
}

static PyObject *listener_anext(PyObject *op)
{
    struct rw_listener *listener = rwp_link_thing(&BOX(op)->link);

    return listener != NULL ? rwp_op_new(BOX(op)->link.loop, rw_listener_accept(listener), convert_next, op)
                            : NULL;
}

static PyObject *listener_close(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (BOX(op)->link.thing != NULL) {
        if (!rwp_loop_enter(BOX(op)->link.loop)) {
            return NULL;
        }
        rw_listener_close(BOX(op)->link.thing);
    }
    Py_RETURN_NONE;
}

static PyObject *listener_aclose(PyObject *op, PyObject *unused)
{
    PyObject *closed = listener_close(op, unused);

    return closed != NULL ? rwp_op_done(BOX(op)->link.state, closed) : NULL;
}

static PyObject *listener_enter(PyObject *op, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(op);
}

static PyObject *listener_exit(PyObject *op, PyObject *args)
{
    (void)args;
    return listener_close(op, NULL);
}

static PyObject *listener_aenter(PyObject *op, PyObject *unused)
{
    (void)unused;
    return rwp_op_done(BOX(op)->link.state, Py_NewRef(op));
}

static PyObject *listener_aexit(PyObject *op, PyObject *args)
{
    (void)args;
    return listener_aclose(op, NULL);
}

static PyObject *listener_get_port(PyObject *op, void *closure)
{
    struct rw_listener *listener = rwp_link_thing(&BOX(op)->link);

    (void)closure;
    return listener != NULL ? PyLong_FromLong(rw_listener_port(listener)) : NULL;
}

static PyObject *listener_get_local(PyObject *op, void *closure)
{
    struct rw_listener *listener = rwp_link_thing(&BOX(op)->link);
    char buffer[160];
    int err;

    (void)closure;
    if (listener == NULL) {
        return NULL;
    }
    err = rw_listener_local(listener, buffer, sizeof buffer);
    return err == 0 ? PyUnicode_DecodeFSDefault(buffer) : rwp_raise(BOX(op)->link.loop->state, err, NULL);
}

static PyObject *listener_fileno(PyObject *op, PyObject *unused)
{
    struct rw_listener *listener = rwp_link_thing(&BOX(op)->link);

    (void)unused;
    return listener != NULL ? PyLong_FromLong(rw_listener_fd(listener)) : NULL;
}

static PyObject *listener_stream(PyObject *op, PyObject *unused)
{
    struct rw_listener *listener = rwp_link_thing(&BOX(op)->link);
    struct rw_stream *stream;

    (void)unused;
    if (listener == NULL) {
        return NULL;
    }
    stream = rw_listener_stream(listener);
    return stream != NULL ? rwp_stream_box(BOX(op)->link.loop, stream) : PyErr_NoMemory();
}

static PyMethodDef listener_methods[] = {
    {"accept", listener_accept, METH_NOARGS,
     "accept() - the next connection; ClosedError when the listener is closed."},
    {"stream", listener_stream, METH_NOARGS,
     "stream() - the connections as a Stream, which ends when the listener is closed."},
    {"fileno", listener_fileno, METH_NOARGS, "fileno() - the descriptor, for options only; -1 when closed."},
    {"close", listener_close, METH_NOARGS, "close() - accept no more. Idempotent."},
    {"aclose", listener_aclose, METH_NOARGS, "aclose() - close(), to be awaited."},
    {"__enter__", listener_enter, METH_NOARGS, NULL},
    {"__exit__", listener_exit, METH_VARARGS, NULL},
    {"__aenter__", listener_aenter, METH_NOARGS, NULL},
    {"__aexit__", listener_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef listener_getset[] = {
    {"port", listener_get_port, NULL, "The port that it listens on.", NULL},
    {"local", listener_get_local, NULL, "The address that it listens on.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef listener_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct rwp_box, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot listener_slots[] = {
    {Py_tp_doc, "Accepts connections; `async for` gives them until it is closed."},
    {Py_tp_dealloc, rwp_box_dealloc},
    {Py_tp_methods, listener_methods},
    {Py_tp_getset, listener_getset},
    {Py_tp_members, listener_members},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, listener_anext},
    {0, NULL},
};

static PyType_Spec listener_spec = {"ropewalk._ropewalk.Listener", sizeof(struct rwp_box), 0, RWP_TYPE_FLAGS,
                                    listener_slots};

/* ---- functions ------------------------------------------------------------------------------------------------------------------------- */

static bool is_port(long port)
{
    if (port < 0 || port > 65535) {
        PyErr_SetString(PyExc_ValueError, "a port is 0 to 65535");
        return false;
    }
    return true;
}

static PyObject *module_connect_tcp(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"host", "port", "local_host", "local_port", NULL};
    struct rw_connect_options options = {0};
    struct rwp_loop *loop;
    const char *host;
    long port, local_port = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sl|$zl:connect_tcp", names, &host, &port,
                                     &options.local_host, &local_port) ||
        !is_port(port) || !is_port(local_port)) {
        return NULL;
    }
    options.local_port = (uint16_t)local_port;
    loop = rwp_running(rwp_state_of_module(module));
    if (loop == NULL) {
        return NULL;
    }
    return rwp_op_new(loop, rw_tcp_connect(loop->loop, host, (uint16_t)port, &options), convert_socket, NULL);
}

static PyObject *module_connect_unix(PyObject *module, PyObject *path)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    PyObject *bytes, *op;

    if (loop == NULL || !PyUnicode_FSConverter(path, &bytes)) {
        return NULL;
    }
    op = rwp_op_new(loop, rw_unix_connect(loop->loop, PyBytes_AS_STRING(bytes)), convert_socket, NULL);
    Py_DECREF(bytes);
    return op;
}

static PyObject *listener_or_raise(struct rwp_loop *loop, int err, struct rw_listener *listener)
{
    if (err == RW_ERR_OS) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    if (err != 0) {
        return rwp_raise(loop->state, err, err == RW_ERR_INVALID ? "not an address to listen on" : NULL);
    }
    return rwp_box_new(loop->state->listener_type, loop, listener, drop_listener);
}

static PyObject *module_listen_tcp(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"host", "port", "backlog", "reuse_port", "ipv6_only", NULL};
    struct rw_listen_options options = {0};
    struct rw_listener *listener = NULL;
    struct rwp_loop *loop;
    const char *host = "127.0.0.1";
    long port = 0;
    int reuse_port = 0, ipv6_only = 0, err;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|sl$ipp:listen_tcp", names, &host, &port,
                                     &options.backlog, &reuse_port, &ipv6_only) ||
        !is_port(port)) {
        return NULL;
    }
    options.reuse_port = reuse_port != 0;
    options.ipv6_only = ipv6_only != 0;
    loop = rwp_running(rwp_state_of_module(module));
    if (loop == NULL) {
        return NULL;
    }
    err = rw_tcp_listen(loop->loop, host, (uint16_t)port, &options, &listener);
    return listener_or_raise(loop, err, listener);
}

static PyObject *module_listen_unix(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"path", "backlog", "mode", NULL};
    struct rw_listen_options options = {0};
    struct rw_listener *listener = NULL;
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    PyObject *path;
    int err;

    if (loop == NULL ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "O&|$iI:listen_unix", names, PyUnicode_FSConverter, &path,
                                     &options.backlog, &options.mode)) {
        return NULL;
    }
    err = rw_unix_listen(loop->loop, PyBytes_AS_STRING(path), &options, &listener);
    Py_DECREF(path);
    return listener_or_raise(loop, err, listener);
}

static PyObject *module_resolve(PyObject *module, PyObject *args)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    const char *host;
    long port = 0;

    if (loop == NULL || !PyArg_ParseTuple(args, "s|l:resolve", &host, &port) || !is_port(port)) {
        return NULL;
    }
    return rwp_op_new(loop, rw_dns_resolve(loop->loop, host, (uint16_t)port), NULL, NULL);
}

static PyObject *module_adopt_socket(PyObject *module, PyObject *socket)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    PyObject *number = loop != NULL ? PyObject_CallMethod(socket, "detach", NULL) : NULL;
    long fd = number != NULL ? PyLong_AsLong(number) : -1;
    struct rw_socket *adopted;
    int err;

    Py_XDECREF(number);
    if (fd < 0) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, "the socket is closed");
        }
        return NULL;
    }
    err = rw_socket_adopt(loop->loop, (int)fd, &adopted);
    if (err != 0) {
        return err == RW_ERR_OS ? PyErr_SetFromErrno(PyExc_OSError) : rwp_raise(loop->state, err, NULL);
    }
    return rwp_socket_box(loop, adopted);
}

static PyObject *module_socket_pair(PyObject *module, PyObject *unused)
{
    struct rwp_loop *loop = rwp_running(rwp_state_of_module(module));
    struct rw_socket *a, *b;
    PyObject *one, *other;
    int err;

    (void)unused;
    if (loop == NULL) {
        return NULL;
    }
    err = rw_socket_pair(loop->loop, &a, &b);
    if (err != 0) {
        return err == RW_ERR_OS ? PyErr_SetFromErrno(PyExc_OSError) : rwp_raise(loop->state, err, NULL);
    }
    one = rwp_socket_box(loop, a);
    other = rwp_socket_box(loop, b);
    return one != NULL && other != NULL ? Py_BuildValue("(NN)", one, other) : NULL;
}

#define FAST(method) ((PyCFunction)(void (*)(void))(method))

static PyMethodDef functions[] = {
    {"connect_tcp", FAST(module_connect_tcp), METH_VARARGS | METH_KEYWORDS,
     "connect_tcp(host, port, *, local_host=None, local_port=0) - a SocketStream; OSError, gaierror."},
    {"connect_unix", module_connect_unix, METH_O, "connect_unix(path) - a SocketStream; OSError."},
    {"listen_tcp", FAST(module_listen_tcp), METH_VARARGS | METH_KEYWORDS,
     "listen_tcp(host='127.0.0.1', port=0, *, backlog=0, reuse_port=False, ipv6_only=False) - a Listener; "
     "OSError."},
    {"listen_unix", FAST(module_listen_unix), METH_VARARGS | METH_KEYWORDS,
     "listen_unix(path, *, backlog=0, mode=0) - a Listener; OSError."},
    {"resolve", module_resolve, METH_VARARGS,
     "resolve(host, port=0) - a list of addresses, each a dict; gaierror."},
    {"adopt_socket", module_adopt_socket, METH_O,
     "adopt_socket(socket) - a SocketStream of a connected stream socket, which is detached; OSError."},
    {"socket_pair", module_socket_pair, METH_NOARGS,
     "socket_pair() - two SocketStreams, connected to each other."},
    {NULL, NULL, 0, NULL},
};

int rwp_listener_init(struct rwp_state *state)
{
    state->listener_type = rwp_add_type(state, &listener_spec, NULL, true);
    return state->listener_type != NULL ? PyModule_AddFunctions(state->module, functions) : -1;
}
