/* SPDX-License-Identifier: MIT
 *
 * transport_face.c - the methods and attributes of a transport, as Python sees them.
 *
 * Beside asyncio's public interface these are the few private names that asyncio's own code asks a transport for: sendfile,
 * start_tls, the TLS protocol and the loop's guard against descriptors that are a transport's. Invariant: every name that
 * the zeroed base would answer is answered here.
 */
#include "rwp_transport.h"

/* ---- methods -------------------------------------------------------------------------------------------------------------- */

static PyObject *method_get_extra_info(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *found;

    if (count < 1 || count + (names != NULL ? PyTuple_GET_SIZE(names) : 0) > 2) {
        PyErr_SetString(PyExc_TypeError, "get_extra_info() takes a name and a default");
        return NULL;
    }
    found = PyDict_GetItemWithError(rwp_transport_of(op)->extra, args[0]);
    if (found != NULL || PyErr_Occurred()) {
        return Py_XNewRef(found);
    }
    return Py_NewRef(count > 1 || names != NULL ? args[1] : Py_None);
}

static PyObject *method_set_protocol(PyObject *op, PyObject *protocol)
{
    struct rwp_transport *self = rwp_transport_of(op);

    if (self->loop != NULL && rwp_transport_set_protocol(self, protocol) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *method_get_protocol(PyObject *op, PyObject *unused)
{
    PyObject *protocol = rwp_transport_of(op)->protocol;

    (void)unused;
    return Py_NewRef(protocol != NULL ? protocol : Py_None);
}

static PyObject *method_is_closing(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(rwp_transport_of(op)->closing);
}

static PyObject *method_is_reading(PyObject *op, PyObject *unused)
{
    struct rwp_transport *self = rwp_transport_of(op);

    (void)unused;
    return PyBool_FromLong(!self->closing && !self->paused);
}

static PyObject *set_paused(struct rwp_transport *self, bool paused)
{
    if (self->closing || self->paused == paused) {
        Py_RETURN_NONE;
    }
    if (!rwp_loop_enter(self->loop)) {
        return NULL;
    }
    self->paused = paused;
    if (rwp_transport_rewatch(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *method_pause_reading(PyObject *op, PyObject *unused)
{
    (void)unused;
    return set_paused(rwp_transport_of(op), true);
}

static PyObject *method_resume_reading(PyObject *op, PyObject *unused)
{
    (void)unused;
    return set_paused(rwp_transport_of(op), false);
}

static PyObject *method_close(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (rwp_transport_close(rwp_transport_of(op)) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *method_force_close(PyObject *op, PyObject *exception)
{
    struct rwp_transport *self = rwp_transport_of(op);

    if (self->lost_count == 0) {
        if (!rwp_loop_enter(self->loop)) {
            return NULL;
        }
        rwp_transport_force_close(self, exception != Py_None ? exception : NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *method_abort(PyObject *op, PyObject *unused)
{
    (void)unused;
    return method_force_close(op, Py_None);
}

static PyObject *method_can_write_eof(PyObject *op, PyObject *unused)
{
    (void)op;
    (void)unused;
    Py_RETURN_TRUE;
}

static PyObject *method_get_write_buffer_size(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSize_t(rwp_transport_of(op)->buffered);
}

static PyObject *method_get_write_buffer_limits(PyObject *op, PyObject *unused)
{
    struct rwp_transport *self = rwp_transport_of(op);

    (void)unused;
    return Py_BuildValue("nn", (Py_ssize_t)self->low_water, (Py_ssize_t)self->high_water);
}

static PyObject *method_set_write_buffer_limits(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"high", "low", NULL};
    struct rwp_transport *self = rwp_transport_of(op);
    PyObject *high = Py_None, *low = Py_None;
    Py_ssize_t high_size = RWP_HIGH_WATER, low_size;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:set_write_buffer_limits", names, &high, &low)) {
        return NULL;
    }
    low_size = low != Py_None ? PyNumber_AsSsize_t(low, NULL) : 0;
    if (high != Py_None) {
        high_size = PyNumber_AsSsize_t(high, NULL);
    } else if (low != Py_None) {
        high_size = low_size <= PY_SSIZE_T_MAX / RWP_LOW_PART ? RWP_LOW_PART * low_size : PY_SSIZE_T_MAX;
    }
    if (PyErr_Occurred()) {
        return NULL;
    }
    low_size = low != Py_None ? low_size : high_size / RWP_LOW_PART;
    if (high_size < low_size || low_size < 0) {
        return PyErr_Format(PyExc_ValueError, "high (%zd) must be >= low (%zd) must be >= 0", high_size,
                            low_size);
    }
    self->high_water = (size_t)high_size;
    self->low_water = (size_t)low_size;
    if (self->loop != NULL && rwp_transport_maybe_pause(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *rwp_transport_repr(PyObject *op)
{
    struct rwp_transport *self = rwp_transport_of(op);
    const char *state = self->sock == NULL ? "closed " : self->closing ? "closing " : "";

    return PyUnicode_FromFormat("<SocketTransport %sfd=%d read=%s write=<%s, bufsize=%zu>>", state, self->fd,
                                (self->watched & RW_READABLE) != 0 ? "polling" : "idle",
                                (self->watched & RW_WRITABLE) != 0 ? "polling" : "idle", self->buffered);
}

/* ---- attributes ----------------------------------------------------------------------------------------------------------- */

static PyObject *or_none(PyObject *object)
{
    return Py_NewRef(object != NULL ? object : Py_None);
}

static PyObject *get_loop(PyObject *op, void *closure)
{
    (void)closure;
    return or_none((PyObject *)rwp_transport_of(op)->loop);
}

static PyObject *get_sock(PyObject *op, void *closure)
{
    (void)closure;
    return or_none(rwp_transport_of(op)->sock);
}

static PyObject *get_fd(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromLong(rwp_transport_of(op)->fd);
}

static PyObject *get_extra(PyObject *op, void *closure)
{
    (void)closure;
    return or_none(rwp_transport_of(op)->extra);
}

static PyObject *get_protocol(PyObject *op, void *closure)
{
    (void)closure;
    return or_none(rwp_transport_of(op)->protocol);
}

static PyObject *get_protocol_paused(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(rwp_transport_of(op)->protocol_paused);
}

static PyObject *get_high_water(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(rwp_transport_of(op)->high_water);
}

static PyObject *get_low_water(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(rwp_transport_of(op)->low_water);
}

static PyObject *get_true(PyObject *op, void *closure)
{
    (void)op;
    (void)closure;
    Py_RETURN_TRUE;
}

static PyObject *get_sendfile_mode(PyObject *op, void *closure)
{
    PyObject *module = PyImport_ImportModule("asyncio.constants");
    PyObject *modes = module != NULL ? PyObject_GetAttrString(module, "_SendfileMode") : NULL;
    PyObject *mode = modes != NULL ? PyObject_GetAttrString(modes, "TRY_NATIVE") : NULL;

    (void)op;
    (void)closure;
    Py_XDECREF(modes);
    Py_XDECREF(module);
    return mode;
}

#define FAST(method) ((PyCFunction)(void (*)(void))(method))

PyMethodDef rwp_transport_methods[] = {
    {"get_extra_info", FAST(method_get_extra_info), METH_FASTCALL | METH_KEYWORDS,
     "get_extra_info(name, default=None) - socket, sockname, peername."},
    {"set_protocol", method_set_protocol, METH_O, "set_protocol(protocol) - who is called from now on."},
    {"get_protocol", method_get_protocol, METH_NOARGS, "get_protocol() - who is called."},
    {"is_closing", method_is_closing, METH_NOARGS, "is_closing() - whether it is closed or about to be."},
    {"is_reading", method_is_reading, METH_NOARGS, "is_reading() - whether it receives."},
    {"pause_reading", method_pause_reading, METH_NOARGS, "pause_reading() - receive nothing for now."},
    {"resume_reading", method_resume_reading, METH_NOARGS, "resume_reading() - receive again."},
    {"close", method_close, METH_NOARGS, "close() - send what was written, then close."},
    {"abort", method_abort, METH_NOARGS, "abort() - close, and send nothing more."},
    {"write", rwp_transport_write, METH_O, "write(data) - send bytes; what cannot go at once is kept."},
    {"writelines", rwp_transport_writelines, METH_O, "writelines(list_of_data) - send several pieces."},
    {"write_eof", rwp_transport_write_eof, METH_NOARGS, "write_eof() - send what was written, then end."},
    {"can_write_eof", method_can_write_eof, METH_NOARGS, "can_write_eof() - True."},
    {"get_write_buffer_size", method_get_write_buffer_size, METH_NOARGS,
     "get_write_buffer_size() - how many bytes wait to be sent."},
    {"get_write_buffer_limits", method_get_write_buffer_limits, METH_NOARGS,
     "get_write_buffer_limits() - (low, high)."},
    {"set_write_buffer_limits", FAST(method_set_write_buffer_limits), METH_VARARGS | METH_KEYWORDS,
     "set_write_buffer_limits(high=None, low=None) - when the protocol is told to pause and to go on, in "
     "bytes."},
    {"_force_close", method_force_close, METH_O, "_force_close(exception) - as abort(), with a reason."},
    {"_make_empty_waiter", rwp_transport_make_empty_waiter, METH_NOARGS, NULL},
    {"_reset_empty_waiter", rwp_transport_reset_empty_waiter, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyGetSetDef rwp_transport_getset[] = {
    {"_loop", get_loop, NULL, NULL, NULL},
    {"_sock", get_sock, NULL, NULL, NULL},
    {"_sock_fd", get_fd, NULL, NULL, NULL},
    {"_extra", get_extra, NULL, NULL, NULL},
    {"_protocol", get_protocol, NULL, NULL, NULL},
    {"_protocol_paused", get_protocol_paused, NULL, NULL, NULL},
    {"_high_water", get_high_water, NULL, NULL, NULL},
    {"_low_water", get_low_water, NULL, NULL, NULL},
    {"_start_tls_compatible", get_true, NULL, NULL, NULL},
    {"_sendfile_compatible", get_sendfile_mode, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
