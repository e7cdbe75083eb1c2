/* SPDX-License-Identifier: MIT
 *
 * loop_sim.c - a simulated world for a loop: its options, and what a test asks of it.
 *
 * Options come as a dict whose names are those of struct rw_sim_options; ropewalk.testing documents them. What is missing is 0.
 */
#include "rwp.h"

static int read_number(PyObject *options, const char *name, unsigned long long limit, unsigned long long *out)
{
    PyObject *number = PyDict_GetItemString(options, name);

    *out = 0;
    if (number == NULL) {
        return 0;
    }
    *out = PyLong_AsUnsignedLongLong(number);
    if (*out == (unsigned long long)-1 && PyErr_Occurred()) {
        return -1;
    }
    if (*out > limit) {
        PyErr_Format(PyExc_ValueError, "simulation option %s is too large", name);
        return -1;
    }
    return 0;
}

struct rw_sim *rwp_sim_make(PyObject *options)
{
    static const char *const names[] = {"latency_min_ns", "latency_max_ns",   "short_io_ppm", "eintr_ppm",
                                        "reset_ppm",      "connect_fail_ppm", "emfile_ppm",   "buffer_size"};
    struct rw_sim_options sim_options = {0};
    uint32_t *const fields[] = {&sim_options.latency_min_ns, &sim_options.latency_max_ns,
                                &sim_options.short_io_ppm,   &sim_options.eintr_ppm,
                                &sim_options.reset_ppm,      &sim_options.connect_fail_ppm,
                                &sim_options.emfile_ppm,     &sim_options.buffer_size};
    unsigned long long number;
    struct rw_sim *sim;

    if (read_number(options, "seed", UINT64_MAX, &number) < 0) {
        return NULL;
    }
    sim_options.seed = number;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (read_number(options, names[i], UINT32_MAX, &number) < 0) {
            return NULL;
        }
        *fields[i] = (uint32_t)number;
    }
    number = 0;
    if (PyDict_GetItemString(options, "shuffle") != NULL) {
        sim_options.shuffle = PyObject_IsTrue(PyDict_GetItemString(options, "shuffle")) == 1;
    }
    sim = rw_sim_new(&sim_options);
    if (sim == NULL) {
        PyErr_NoMemory();
    }
    return sim;
}

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
