/* SPDX-License-Identifier: MIT
 *
 * python.h - what the Python package offers to modules written in C, with SWIG (ropewalk.i does all of this) or by hand.
 *
 * The package keeps a table of functions in the capsule `ropewalk._C_API`. A module compiled with ROPEWALK_MODULE calls
 * ropewalk_import() once when it is imported, includes ropewalk/module.c in one of its files, and is then linked to
 * nothing: rw_ functions lead to the library inside the package. Every function below needs the GIL and the thread of the
 * running loop, takes the table first, and reports failure as Python does: NULL or -1 with an exception set.
 *
 * Members are only added at the end. A module made for an older table works with a newer package; one made for a newer table
 * is refused at import, with a sentence that says what to install.
 */
#ifndef ROPEWALK_PYTHON_H
#define ROPEWALK_PYTHON_H

#include <Python.h>

#include <ropewalk/table.h>

/* Changes only when a member changes its meaning; must be equal on both sides. */
#define RW_PYTHON_API_VERSION 1
#define RW_PYTHON_API_NAME "ropewalk._C_API"

struct rw_python_api {
    uint32_t version;                      /* RW_PYTHON_API_VERSION */
    uint32_t size;                         /* of the package's table, in bytes */
    const struct rw_table *(*table)(void); /* the library's functions */

    /* An awaitable of `future`, which is taken; NULL means that memory ran out while it was made. `name` is the function that
     * gave it, for messages. */
    PyObject *(*await)(const struct rw_python_api *api, struct rw_future *future, const char *name);
    /* The loop that runs on this thread, borrowed; NULL with RuntimeError. */
    struct rw_loop *(*loop)(const struct rw_python_api *api, const char *name);
    /* The object of a value, which is taken; a failure is raised. */
    PyObject *(*to_object)(const struct rw_python_api *api, struct rw_value value);
    /* The value of an object, owned by the caller. Lists, tuples and dicts are copied; TypeError or LimitError for what has no
     * form outside Python. to_opaque passes such an object through as a native instead, to come back as the same one. */
    int (*to_value)(const struct rw_python_api *api, PyObject *object, struct rw_value *out);
    int (*to_opaque)(const struct rw_python_api *api, PyObject *object, struct rw_value *out);
    /* A future of anything that can be awaited: owned, never polled before. */
    struct rw_future *(*to_future)(const struct rw_python_api *api, PyObject *awaitable);
    /* Raises the class of `code` (enum rw_err) with `text`; NULL: the code's own. Always gives NULL. */
    PyObject *(*raise)(const struct rw_python_api *api, int code, const char *text);
    /* The core's object behind a Sender, Receiver, Stream, SocketStream, Future or task: one reference. A Stream is also made of
     * what can be iterated over, with or without `async`. */
    struct rw_object *(*to_handle)(const struct rw_python_api *api, PyObject *object);
    struct rw_stream *(*to_stream)(const struct rw_python_api *api, PyObject *object);
    /* A read-only memoryview of `bytes`, which is taken; NULL means that memory ran out. */
    PyObject *(*to_memoryview)(const struct rw_python_api *api, struct rw_bytes *bytes);
    /* A callable, or a function that gives an awaitable, as a callback: one reference. */
    struct rw_callback *(*to_callback)(const struct rw_python_api *api, PyObject *callable);
    /* Seconds (a real number) to nanoseconds, and to a deadline of the running loop that many seconds from now. None is
     * RW_NEVER. */
    int (*to_timeout)(const struct rw_python_api *api, PyObject *seconds, int64_t *out_ns);
    int (*to_deadline)(const struct rw_python_api *api, PyObject *seconds, int64_t *out_ns);
    /* From here on values that are handles of `type` become what `wrap` makes of the object, whose reference it takes. A
     * second call replaces the first. */
    int (*add_type)(const struct rw_python_api *api, const struct rw_object_type *type,
                    PyObject *(*wrap)(struct rw_object *object));
    /* Ends a reference that a Python object held, on whatever thread the collector found it; only the GIL is needed. */
    void (*drop)(const struct rw_python_api *api, struct rw_object *object);
};

#ifdef ROPEWALK_MODULE

/* Sees to it that the tables fit together, and lets this module's rw_ functions use the package's. */
static inline int ropewalk_fits(const struct rw_python_api *api)
{
    if (api->version != RW_PYTHON_API_VERSION || api->table()->table_version != RW_TABLE_VERSION) {
        PyErr_Format(
            PyExc_ImportError,
            "this module was built for version %d.%d of Ropewalk's tables, and ropewalk %s has %u.%u: build "
            "the module again with the ropewalk that is installed",
            RW_PYTHON_API_VERSION, RW_TABLE_VERSION, api->table()->version(), (unsigned)api->version,
            (unsigned)api->table()->table_version);
        return -1;
    }
    if (api->size < sizeof(struct rw_python_api) || api->table()->table_size < sizeof(struct rw_table)) {
        PyErr_Format(PyExc_ImportError,
                     "this module was built with ropewalk " RW_VERSION_STRING
                     " and uses functions that ropewalk %s does not have: install ropewalk " RW_VERSION_STRING
                     " or newer",
                     api->table()->version());
        return -1;
    }
    if (ropewalk_table != NULL && ropewalk_table != api->table()) {
        PyErr_SetString(PyExc_ImportError,
                        "this module is at work for another copy of Ropewalk in this process");
        return -1;
    }
    ropewalk_table = api->table();
    return 0;
}

/* Imports the package and gives its table; NULL with ImportError. Borrowed: it lives as long as the interpreter. */
static inline const struct rw_python_api *ropewalk_import(void)
{
    const struct rw_python_api *api = (const struct rw_python_api *)PyCapsule_Import(RW_PYTHON_API_NAME, 0);

    return api != NULL && ropewalk_fits(api) == 0 ? api : NULL;
}

#endif

#endif
