/* SPDX-License-Identifier: MIT
 *
 * loop_sim.c - what a test asks of the simulated world that its loop is in.
 *
 * The world is made with the loop (loop_open.c) and ends with it; without one there is a clear answer.
 */
#include "rwp.h"

PyObject *rwp_loop_sim_random(PyObject *op, PyObject *unused)
{
    struct rwp_loop *self = (struct rwp_loop *)op;

    (void)unused;
    if (self->sim == NULL) {
        return rwp_raise(self->state, RW_ERR_UNSUPPORTED, "this loop is no simulation");
    }
    return PyLong_FromUnsignedLongLong(rw_sim_random(self->sim));
}

PyObject *rwp_loop_sim_add_name(PyObject *op, PyObject *args)
{
    struct rwp_loop *self = (struct rwp_loop *)op;
    const char *host, *address;

    if (!PyArg_ParseTuple(args, "ss:add_name", &host, &address)) {
        return NULL;
    }
    if (self->sim == NULL) {
        return rwp_raise(self->state, RW_ERR_UNSUPPORTED, "this loop is no simulation");
    }
    if (rw_sim_add_name(self->sim, host, address) != 0) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}
