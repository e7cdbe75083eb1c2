/* SPDX-License-Identifier: MIT
 *
 * transport.c - SocketTransport: asyncio's transport of a connected stream socket, in C.
 *
 * It is a subclass of asyncio's own (the base is left zeroed, every method and getter that a base would answer is ours), so that
 * sendfile, start_tls and libraries know it. The socket stays Python's; the transport receives and sends on its descriptor
 * without letting go of the GIL, since nothing here blocks.
 *
 * Invariant: the loop holds a reference, and has the transport in its list, exactly while the core may call it: while
 * something is watched or a job is queued. A transport that nobody holds may be collected on any thread; its watch is
 * silent then and is sent to the loop.
 */
#include "rwp_transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* ---- the core's side ------------------------------------------------------------------------------------------------------- */

static void free_watch(void *watch)
{
    rw_watch_free(watch);
}

static void enter_list(struct rwp_transport *self)
{
    self->prev = NULL;
    self->next = self->loop->transports;
    if (self->next != NULL) {
        self->next->prev = self;
    }
    self->loop->transports = self;
}

static void leave_list(struct rwp_transport *self)
{
    if (self->next != NULL) {
        self->next->prev = self->prev;
    }
    if (self->prev != NULL) {
        self->prev->next = self->next;
    } else {
        self->loop->transports = self->next;
    }
}

void rwp_transport_hold_or_release(struct rwp_transport *self)
{
    bool should = self->watched != 0 || self->io_queued || self->life_queued;

    if (should == self->held) {
        return;
    }
    self->held = should;
    if (should) {
        enter_list(self);
        Py_INCREF(rwp_transport_object(self));
    } else {
        leave_list(self);
        Py_DECREF(rwp_transport_object(self));
    }
}

void rwp_transport_queue_life(struct rwp_transport *self)
{
    if (!self->life_queued) {
        self->life_queued = true;
        rw_loop_queue(self->loop->loop, &self->life);
        rwp_transport_hold_or_release(self);
    }
}

static unsigned wanted(const struct rwp_transport *self)
{
    bool is_reading = self->begun && !self->closing && !self->paused && !self->read_eof;
    bool is_writing = self->buffered > 0 && self->lost_count == 0;

    return (is_reading ? (unsigned)RW_READABLE : 0u) | (is_writing ? (unsigned)RW_WRITABLE : 0u);
}

int rwp_transport_rewatch(struct rwp_transport *self)
{
    unsigned events = wanted(self);
    int err;

    if (events == self->watched) {
        return 0;
    }
    if (self->link.thing != NULL) {
        err = rw_watch_set(self->link.thing, events);
    } else {
        struct rw_watch *watch;

        err = rw_watch_new(self->loop->loop, self->fd, events, rwp_transport_notify, self, &watch);
        if (err == 0) {
            rwp_link_begin(&self->link, self->loop, watch, free_watch);
        }
    }
    if (err != 0 && events == 0) {
        rwp_link_end(&self->link); /* somebody closed the descriptor: there is nothing to be silent about */
        err = 0;
    }
    if (err == RW_ERR_OS) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    if (err != 0) {
        rwp_raise(self->loop->state, err, NULL);
        return -1;
    }
    self->watched = events;
    rwp_transport_hold_or_release(self);
    return 0;
}

void rwp_transports_end(struct rwp_loop *loop)
{
    while (loop->transports != NULL) {
        struct rwp_transport *self = loop->transports;

        if (self->io_queued) {
            rw_loop_unqueue(loop->loop, &self->io);
            self->io_queued = false;
        }
        if (self->life_queued) {
            rw_loop_unqueue(loop->loop, &self->life);
            self->life_queued = false;
        }
        rwp_link_end(&self->link);
        self->watched = 0;
        rwp_transport_hold_or_release(self);
    }
}

int rwp_transports_traverse(struct rwp_loop *loop, visitproc visit, void *arg)
{
    for (struct rwp_transport *self = loop->transports; self != NULL; self = self->next) {
        Py_VISIT(rwp_transport_object(self));
    }
    return 0;
}

/* ---- making --------------------------------------------------------------------------------------------------------------- */

int rwp_transport_set_protocol(struct rwp_transport *self, PyObject *protocol)
{
    int is_buffered = PyObject_IsInstance(protocol, self->loop->state->buffered_protocol);

    if (is_buffered < 0) {
        return -1;
    }
    self->is_buffered_protocol = is_buffered == 1;
    Py_XSETREF(self->protocol, Py_NewRef(protocol));
    return 0;
}

static int attach_server(struct rwp_transport *self, PyObject *server)
{
    PyObject *answer;

    if (server == Py_None) {
        return 0;
    }
#if PY_VERSION_HEX >= 0x030D0000
    answer = PyObject_CallMethod(server, "_attach", "O", rwp_transport_object(self));
#else
    answer = PyObject_CallMethod(server, "_attach", NULL);
#endif
    Py_XDECREF(answer);
    if (answer == NULL) {
        return -1;
    }
    self->server = Py_NewRef(server);
    return 0;
}

/* Small writes are sent without waiting for the peer's acknowledgement. Not a TCP socket: nothing is lost. */
static void set_nodelay(int fd)
{
    int yes = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

PyObject *rwp_method_transport(PyObject *op, PyObject *args)
{
    struct rwp_loop *loop = (struct rwp_loop *)op;
    PyObject *sock, *protocol, *waiter, *extra, *server;
    struct rwp_transport *self;
    int fd;

    if (!PyArg_ParseTuple(args, "OOOO!O:_transport", &sock, &protocol, &waiter, &PyDict_Type, &extra,
                          &server) ||
        !rwp_loop_enter(loop) || (fd = PyObject_AsFileDescriptor(sock)) < 0) {
        return NULL;
    }
    self = rwp_transport_of(loop->state->transport_type->tp_alloc(loop->state->transport_type, 0));
    if (self == NULL) {
        return NULL;
    }
    self->loop = (struct rwp_loop *)Py_NewRef(op);
    self->io.run = rwp_transport_run_io;
    self->life.run = rwp_transport_run_life;
    self->fd = fd;
    self->high_water = RWP_HIGH_WATER;
    self->low_water = RWP_HIGH_WATER / RWP_LOW_PART;
    self->extra = Py_NewRef(extra);
    self->waiter = waiter != Py_None ? Py_NewRef(waiter) : NULL;
    self->context = PyContext_CopyCurrent();
    if (self->context == NULL || rwp_transport_set_protocol(self, protocol) < 0 ||
        attach_server(self, server) < 0) {
        Py_DECREF(rwp_transport_object(self));
        return NULL;
    }
    self->sock = Py_NewRef(sock);
    set_nodelay(fd);
    rwp_transport_queue_life(self);
    return rwp_transport_object(self);
}

/* ---- the type -------------------------------------------------------------------------------------------------------------- */

static int transport_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct rwp_transport *self = rwp_transport_of(op);

    Py_VISIT(Py_TYPE(op));
    Py_VISIT((PyObject *)self->loop);
    Py_VISIT(self->sock);
    Py_VISIT(self->protocol);
    Py_VISIT(self->server);
    Py_VISIT(self->extra);
    Py_VISIT(self->context);
    Py_VISIT(self->waiter);
    Py_VISIT(self->empty_waiter);
    Py_VISIT(self->lost_exception);
    return 0;
}

/* The loop stays until the end: the watch is sent to it. */
static int transport_clear(PyObject *op)
{
    struct rwp_transport *self = rwp_transport_of(op);

    Py_CLEAR(self->sock);
    Py_CLEAR(self->protocol);
    Py_CLEAR(self->server);
    Py_CLEAR(self->extra);
    Py_CLEAR(self->context);
    Py_CLEAR(self->waiter);
    Py_CLEAR(self->empty_waiter);
    Py_CLEAR(self->lost_exception);
    return 0;
}

static void transport_dealloc(PyObject *op)
{
    struct rwp_transport *self = rwp_transport_of(op);
    PyTypeObject *type = Py_TYPE(op);

    if (PyObject_CallFinalizerFromDealloc(op) < 0) {
        return;
    }
    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    rwp_link_end(&self->link);
    rwp_transport_drop_chunks(self);
    (void)transport_clear(op);
    Py_XDECREF((PyObject *)self->loop);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMemberDef transport_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct rwp_transport, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot transport_slots[] = {
    {Py_tp_doc, "A connected stream socket, as asyncio.Transport."},
    {Py_tp_dealloc, transport_dealloc},
    {Py_tp_traverse, transport_traverse},
    {Py_tp_clear, transport_clear},
    {Py_tp_finalize, rwp_transport_finalize},
    {Py_tp_repr, rwp_transport_repr},
    {Py_tp_methods, rwp_transport_methods},
    {Py_tp_getset, rwp_transport_getset},
    {Py_tp_members, transport_members},
    {0, NULL},
};

/* Mutable, as its base is: from 3.14 on an immutable type may not have a mutable base. */
static PyType_Spec transport_spec = {"ropewalk._ropewalk.SocketTransport", sizeof(struct rwp_transport), 0,
                                     (RWP_TYPE_FLAGS & ~Py_TPFLAGS_IMMUTABLETYPE) | Py_TPFLAGS_HAVE_GC,
                                     transport_slots};

int rwp_transport_init(struct rwp_state *state)
{
    PyObject *module = PyImport_ImportModule("asyncio.transports");
    PyObject *base = module != NULL ? PyObject_GetAttrString(module, "_FlowControlMixin") : NULL;
    PyObject *bases = base != NULL ? PyTuple_Pack(1, base) : NULL;

    if (bases != NULL && (!PyType_Check(base) || ((PyTypeObject *)base)->tp_basicsize > RWP_TRANSPORT_BASE ||
                          ((PyTypeObject *)base)->tp_itemsize != 0)) {
        PyErr_SetString(PyExc_ImportError,
                        "this Python's asyncio transports are not those that ropewalk was built for");
        Py_CLEAR(bases);
    }
    if (bases != NULL) {
        state->transport_type = rwp_add_type(state, &transport_spec, bases, true);
    }
    Py_XDECREF(bases);
    Py_XDECREF(base);
    Py_XDECREF(module);
    return state->transport_type != NULL ? 0 : -1;
}
