/* SPDX-License-Identifier: MIT
 *
 * api.c - the table of functions for modules written in C: the capsule ropewalk._C_API (swig/ropewalk/python.h).
 *
 * The table lies in the module's state, so that each interpreter has its own and a function finds its state from it. Handles
 * of foreign types become objects by the functions that modules give with add_type; there are few types, so they are a
 * short array.
 *
 * Invariant: nothing here keeps an argument that it was not told to take.
 */
#include "rwp.h"

#include <swig/ropewalk/python.h>

struct rwp_wrap {
    const struct rw_object_type *type;
    PyObject *(*wrap)(struct rw_object *object);
};

struct rwp_api {
    struct rw_python_api face;
    struct rwp_state *state;
    struct rwp_wrap *wraps;
    size_t wrap_count;
};

static struct rwp_api *api_of(const struct rw_python_api *face)
{
    return (struct rwp_api *)(uintptr_t)face;
}

static PyObject *api_await(const struct rw_python_api *face, struct rw_future *future, const char *name)
{
    struct rwp_loop *loop;

    if (future == NULL) {
        return PyErr_Format(PyExc_MemoryError, "%s() gave no future: out of memory", name);
    }
    loop = rwp_running(api_of(face)->state);
    if (loop == NULL) {
        rw_future_drop(future);
        return NULL;
    }
    return rwp_op_new(loop, future, NULL, NULL);
}

static struct rw_loop *api_loop(const struct rw_python_api *face, const char *name)
{
    struct rwp_loop *loop = rwp_running(api_of(face)->state);

    if (loop == NULL && PyErr_ExceptionMatches(PyExc_RuntimeError)) {
        PyObject *error = rwp_exc_take();

        PyErr_Format(PyExc_RuntimeError, "%s(): %S", name, error);
        Py_XDECREF(error);
    }
    return loop != NULL ? loop->loop : NULL;
}

static PyObject *api_to_object(const struct rw_python_api *face, struct rw_value value)
{
    return rwp_object_of(api_of(face)->state, NULL, value);
}

static int api_to_value(const struct rw_python_api *face, PyObject *object, struct rw_value *out)
{
    return rwp_value_portable(api_of(face)->state, object, out);
}

static int api_to_opaque(const struct rw_python_api *face, PyObject *object, struct rw_value *out)
{
    return rwp_value_from(api_of(face)->state, object, out);
}

static struct rw_future *api_to_future(const struct rw_python_api *face, PyObject *awaitable)
{
    struct rwp_loop *loop = rwp_running(api_of(face)->state);

    return loop != NULL ? rwp_future_of(loop, awaitable) : NULL;
}

static PyObject *api_raise(const struct rw_python_api *face, int code, const char *text)
{
    return rwp_raise(api_of(face)->state, code, text != NULL ? text : rw_err_text(code));
}

static struct rw_object *api_to_handle(const struct rw_python_api *face, PyObject *object)
{
    struct rwp_state *state = api_of(face)->state;
    struct rw_object *handle = rwp_handle_of_object(state, object);

    if (handle == NULL && !PyErr_Occurred()) {
        PyErr_Format(PyExc_TypeError,
                     "a channel's end, a stream, a future or a task was expected, not %.100s",
                     Py_TYPE(object)->tp_name);
    }
    return handle;
}

static struct rw_stream *api_to_stream(const struct rw_python_api *face, PyObject *object)
{
    struct rwp_loop *loop = rwp_running(api_of(face)->state);

    return loop != NULL ? rwp_stream_of(loop, object) : NULL;
}

static struct rw_callback *api_to_callback(const struct rw_python_api *face, PyObject *callable)
{
    struct rwp_loop *loop = rwp_running(api_of(face)->state);
    struct rw_callback *callback;
    struct rwp_call *call;

    if (loop == NULL) {
        return NULL;
    }
    if (!PyCallable_Check(callable)) {
        PyErr_Format(PyExc_TypeError, "a function was expected, not %.100s", Py_TYPE(callable)->tp_name);
        return NULL;
    }
    call = rwp_call_new(loop, callable);
    if (call == NULL) {
        return NULL;
    }
    callback = rw_callback_new(loop->loop, rwp_call_future, rwp_call_drop, call);
    if (callback == NULL) {
        PyErr_NoMemory();
    }
    return callback;
}

static int api_to_timeout(const struct rw_python_api *face, PyObject *seconds, int64_t *out_ns)
{
    (void)face;
    if (seconds == Py_None) {
        *out_ns = RW_NEVER;
        return 0;
    }
    return rwp_seconds(seconds, out_ns);
}

static int api_to_deadline(const struct rw_python_api *face, PyObject *seconds, int64_t *out_ns)
{
    struct rwp_loop *loop;
    int64_t delta_ns;

    if (api_to_timeout(face, seconds, &delta_ns) < 0) {
        return -1;
    }
    loop = rwp_running(api_of(face)->state);
    if (loop == NULL) {
        return -1;
    }
    if (delta_ns == RW_NEVER || __builtin_add_overflow(rw_loop_now(loop->loop), delta_ns, out_ns)) {
        *out_ns = RW_NEVER;
    }
    return 0;
}

/* ---- foreign types ----------------------------------------------------------------------------------------------------- */

static struct rwp_wrap *find_wrap(struct rwp_api *api, const struct rw_object_type *type)
{
    for (size_t i = 0; i < api->wrap_count; i++) {
        if (api->wraps[i].type == type) {
            return &api->wraps[i];
        }
    }
    return NULL;
}

static int api_add_type(const struct rw_python_api *face, const struct rw_object_type *type,
                        PyObject *(*wrap)(struct rw_object *object))
{
    struct rwp_api *api = api_of(face);
    struct rwp_wrap *known = find_wrap(api, type);
    struct rwp_wrap *grown;

    if (known == NULL) {
        grown = PyMem_Realloc(api->wraps, (api->wrap_count + 1) * sizeof *grown);
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        api->wraps = grown;
        known = &grown[api->wrap_count];
        known->type = type;
        api->wrap_count++;
    }
    known->wrap = wrap;
    return 0;
}

static void unref(void *object)
{
    rw_object_unref(object);
}

/* The collector runs on any thread: what belongs to a loop that is at work on another goes there first. */
static void api_drop(const struct rw_python_api *face, struct rw_object *object)
{
    struct rwp_loop *loop = api_of(face)->state->active;

    if (object->type->shared || loop == NULL || loop->loop == NULL) {
        rw_object_unref(object);
    } else {
        rwp_link_drop(loop, object, unref);
    }
}

PyObject *rwp_api_object(struct rwp_state *state, struct rw_value *value)
{
    struct rwp_wrap *known = find_wrap(state->api, value->as.handle->type);
    PyObject *object;

    if (known != NULL) {
        object = known->wrap(value->as.handle);
        *value = rw_nil();
        return object;
    }
    PyErr_Format(state->errors[-RW_ERR_TYPE], "a handle of type %s means nothing to Python",
                 value->as.handle->type->name);
    rw_value_drop(value);
    return NULL;
}

/* ---- bytes as a memoryview ----------------------------------------------------------------------------------------------- */

struct rwp_buffer {
    PyObject_HEAD struct rw_value value;
};

static int buffer_get(PyObject *self, Py_buffer *view, int flags)
{
    size_t size;
    const char *data = rw_value_data(&((struct rwp_buffer *)self)->value, &size);

    return PyBuffer_FillInfo(view, self, (void *)(uintptr_t)data, (Py_ssize_t)size, 1, flags);
}

static void buffer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    rw_value_drop(&((struct rwp_buffer *)self)->value);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyType_Slot buffer_slots[] = {
    {Py_tp_doc, "Bytes of the core's, without a copy: what a memoryview looks at."},
    {Py_tp_dealloc, buffer_dealloc},
    {Py_bf_getbuffer, buffer_get},
    {0, NULL},
};

static PyType_Spec buffer_spec = {"ropewalk._ropewalk.Buffer", sizeof(struct rwp_buffer), 0, RWP_TYPE_FLAGS,
                                  buffer_slots};

static PyObject *api_to_memoryview(const struct rw_python_api *face, struct rw_bytes *bytes)
{
    struct rw_value value;
    struct rwp_buffer *buffer;
    PyObject *view;

    if (bytes == NULL) {
        return PyErr_NoMemory();
    }
    value = rw_value_of_bytes(bytes);
    buffer = PyObject_New(struct rwp_buffer, api_of(face)->state->buffer_type);
    if (buffer == NULL) {
        rw_value_drop(&value);
        return NULL;
    }
    buffer->value = value;
    view = PyMemoryView_FromObject((PyObject *)buffer);
    Py_DECREF(buffer);
    return view;
}

/* ---- the capsule ----------------------------------------------------------------------------------------------------------- */

static const struct rw_python_api face_template = {
    .version = RW_PYTHON_API_VERSION,
    .size = sizeof(struct rw_python_api),
    .table = rw_table,
    .await = api_await,
    .loop = api_loop,
    .to_object = api_to_object,
    .to_value = api_to_value,
    .to_opaque = api_to_opaque,
    .to_future = api_to_future,
    .raise = api_raise,
    .to_handle = api_to_handle,
    .to_stream = api_to_stream,
    .to_memoryview = api_to_memoryview,
    .to_callback = api_to_callback,
    .to_timeout = api_to_timeout,
    .to_deadline = api_to_deadline,
    .add_type = api_add_type,
    .drop = api_drop,
};

void rwp_api_end(struct rwp_state *state)
{
    if (state->api != NULL) {
        PyMem_Free(state->api->wraps);
        PyMem_Free(state->api);
        state->api = NULL;
    }
}

int rwp_api_init(struct rwp_state *state)
{
    PyObject *capsule;
    int done;

    state->buffer_type = rwp_add_type(state, &buffer_spec, NULL, false);
    state->api = PyMem_Calloc(1, sizeof *state->api);
    if (state->buffer_type == NULL || state->api == NULL) {
        return -1;
    }
    state->api->face = face_template;
    state->api->state = state;
    capsule = PyCapsule_New(&state->api->face, RW_PYTHON_API_NAME, NULL);
    done = capsule != NULL ? PyModule_AddObjectRef(state->module, "_C_API", capsule) : -1;
    Py_XDECREF(capsule);
    return done;
}
