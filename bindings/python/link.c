/* SPDX-License-Identifier: MIT
 *
 * link.c - how Python objects own things of the core.
 *
 * A link is the only owner that a Python object has of a future, channel end, socket and so on. All links of a loop form a
 * ring, so that closing the loop can take everything away first, in whatever order the collector later frees the
 * objects; an object whose thing is gone answers every call with ClosedError.
 *
 * The collector runs on any thread. A thing that is let go of on a foreign thread, while the loop's own may be asleep in the
 * kernel, is sent to the loop as a message.
 *
 * Ops and tasks, of which there are many, do the same without a link: they hang in rings of their own (op.c, task.c).
 */
#include "rwp.h"

void rwp_link_begin(struct rwp_link *link, struct rwp_loop *loop, void *thing, void (*drop)(void *thing))
{
    link->loop = loop;
    link->state = loop->state;
    link->thing = thing;
    link->drop = drop;
    rwp_node_add(&loop->links, &link->node);
}

void *rwp_link_take(struct rwp_link *link)
{
    void *thing = link->thing;

    if (thing != NULL) {
        rwp_node_remove(&link->node);
        link->thing = NULL;
    }
    return thing;
}

struct last_drop {
    void *thing;
    void (*drop)(void *thing);
};

static void drop_last(void *arg)
{
    struct last_drop *last = arg;

    last->drop(last->thing);
    PyMem_RawFree(last);
}

static void drop_posted(void *arg, struct rw_loop *loop)
{
    (void)loop;
    drop_last(arg);
}

/* On no memory the thing is lost: that is better than touching it here. */
static void send_drop(struct rwp_loop *loop, void *thing, void (*drop)(void *thing))
{
    struct last_drop *last = PyMem_RawMalloc(sizeof *last);

    if (last == NULL) {
        return;
    }
    *last = (struct last_drop){thing, drop};
    if (loop->handle == NULL || rw_handle_post(loop->handle, drop_posted, drop_last, last) != 0) {
        PyMem_RawFree(last);
    }
}

void rwp_link_drop(struct rwp_loop *loop, void *thing, void (*drop)(void *thing))
{
    if (rwp_loop_is_mine(loop)) {
        drop(thing);
    } else {
        send_drop(loop, thing, drop);
    }
}

void rwp_link_end(struct rwp_link *link)
{
    struct rwp_loop *loop = link->loop;
    void *thing = rwp_link_take(link);

    if (thing != NULL) {
        rwp_link_drop(loop, thing, link->drop);
    }
}

void *rwp_link_thing_slow(struct rwp_link *link)
{
    if (link->thing == NULL) {
        PyErr_SetString(link->state != NULL ? link->state->errors[-RW_ERR_CLOSED] : PyExc_RuntimeError,
                        "the event loop of this object is closed");
        return NULL;
    }
    return rwp_loop_enter(link->loop) ? link->thing : NULL;
}

struct rwp_loop *rwp_link_loop(struct rwp_link *link)
{
    return rwp_link_thing(link) != NULL ? link->loop : NULL;
}

PyObject *rwp_box_new(PyTypeObject *type, struct rwp_loop *loop, void *thing, void (*drop)(void *thing))
{
    struct rwp_box *box;

    if (thing == NULL) {
        return PyErr_NoMemory();
    }
    box = PyType_IS_GC(type) ? PyObject_GC_New(struct rwp_box, type) : PyObject_New(struct rwp_box, type);
    if (box == NULL) {
        drop(thing);
        return NULL;
    }
    box->weakrefs = NULL;
    box->kept = NULL;
    rwp_link_begin(&box->link, loop, thing, drop);
    if (PyType_IS_GC(type)) {
        PyObject_GC_Track((PyObject *)box);
    }
    return (PyObject *)box;
}

void rwp_box_dealloc(PyObject *self)
{
    struct rwp_box *box = (struct rwp_box *)self;
    PyTypeObject *type = Py_TYPE(self);

    if (PyType_IS_GC(type)) {
        PyObject_GC_UnTrack(self);
    }
    if (box->weakrefs != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    rwp_link_end(&box->link);
    Py_XDECREF(box->kept);
    type->tp_free(self);
    Py_DECREF(type);
}

int rwp_box_clear(PyObject *self)
{
    struct rwp_box *box = (struct rwp_box *)self;

    rwp_link_end(&box->link);
    Py_CLEAR(box->kept);
    return 0;
}
