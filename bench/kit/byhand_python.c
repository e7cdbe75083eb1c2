/* SPDX-License-Identifier: MIT
 *
 * byhand_python.c - the functions of tests/ext/kit.c for Python, written by hand: what SWIG's wrappers are held against.
 *
 * Arguments are converted as tightly as CPython allows; futures go through the same table of functions.
 */
#include <Python.h>

#include <ropewalk/module.c>
#include <ropewalk/python.h>

#include "kit.h"

static const struct rw_python_api *api;

static int to_int64(PyObject *object, int64_t *out)
{
    *out = PyLong_AsLongLong(object);
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *wait_for(PyObject *object, struct rw_future *(*make)(struct rw_loop *loop, int64_t value))
{
    struct rw_loop *loop = api->loop(api, "kit");
    int64_t value;

    if (loop == NULL || to_int64(object, &value) < 0) {
        return NULL;
    }
    return api->await(api, make(loop, value), "kit");
}

static PyObject *ready(PyObject *module, PyObject *object)
{
    (void)module;
    return wait_for(object, kit_ready);
}

static PyObject *tick(PyObject *module, PyObject *object)
{
    (void)module;
    return wait_for(object, kit_tick);
}

static PyObject *add(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    struct rw_loop *loop = api->loop(api, "kit");
    const char *text;
    int64_t first;
    double second;
    int flag;

    (void)module;
    if (loop == NULL || count != 4 || to_int64(args[0], &first) < 0) {
        return NULL;
    }
    second = PyFloat_AsDouble(args[1]);
    text = PyUnicode_AsUTF8(args[2]);
    flag = PyObject_IsTrue(args[3]);
    if (text == NULL || flag < 0 || (second == -1.0 && PyErr_Occurred())) {
        return NULL;
    }
    return api->await(api, kit_add(loop, first, second, text, flag != 0), "kit");
}

static PyObject *plus(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    int64_t numbers[4];

    (void)module;
    for (Py_ssize_t i = 0; i < 4; i++) {
        if (count != 4 || to_int64(args[i], &numbers[i]) < 0) {
            return NULL;
        }
    }
    return PyLong_FromLongLong(kit_plus(numbers[0], numbers[1], numbers[2], numbers[3]));
}

static PyObject *int64(PyObject *module, PyObject *object)
{
    int64_t number;

    (void)module;
    return to_int64(object, &number) == 0 ? PyLong_FromLongLong(kit_int64(number)) : NULL;
}

static PyMethodDef functions[] = {
    {"ready", ready, METH_O, NULL},
    {"tick", tick, METH_O, NULL},
    {"add", (PyCFunction)(void (*)(void))add, METH_FASTCALL, NULL},
    {"plus", (PyCFunction)(void (*)(void))plus, METH_FASTCALL, NULL},
    {"int64", int64, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int start(PyObject *module)
{
    (void)module;
    api = ropewalk_import();
    return api != NULL ? 0 : -1;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)start}, {0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "byhand", .m_methods = functions,
                                        .m_slots = slots};

PyMODINIT_FUNC PyInit_byhand(void);

PyMODINIT_FUNC PyInit_byhand(void)
{
    return PyModuleDef_Init(&definition);
}
