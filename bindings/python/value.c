/* SPDX-License-Identifier: MIT
 *
 * value.c - Python objects as values, and values as Python objects.
 *
 * None, bool, int of 64 bits, float, bytes and str cross as what they are: exactly these types, so that a subclass keeps
 * its class. Everything else is a native: one counted record that holds the object. A native comes back as the same object;
 * only when another host asks for a portable copy are lists, tuples and dicts walked (to RW_VALUE_DEPTH_MAX, which is also
 * how a cycle is found) and handles turned into handles.
 *
 * Records come from a free list in the module's state: a channel of objects makes one per message.
 */
#include "rwp.h"

#define SPARE_MAX 256

struct rwp_native {
    struct rw_native base;
    struct rwp_state *state;
    union {
        PyObject *object;
        struct rwp_native *next; /* spare */
    } as;
    uint32_t ref_count;
};

static struct rw_native *clone_native(struct rw_native *self)
{
    ((struct rwp_native *)self)->ref_count++;
    return self;
}

static void drop_native(struct rw_native *self)
{
    struct rwp_native *native = (struct rwp_native *)self;
    struct rwp_state *state = native->state;
    PyObject *object = native->as.object;

    native->ref_count--;
    if (native->ref_count > 0) {
        return;
    }
    if (state->spare_native_count < SPARE_MAX) {
        native->as.next = state->spare_natives;
        state->spare_natives = native;
        state->spare_native_count++;
    } else {
        PyMem_Free(native);
    }
    Py_DECREF(object);
}

static int native_portable(struct rw_native *self, struct rw_value *out)
{
    struct rwp_native *native = (struct rwp_native *)self;

    if (rwp_value_portable(native->state, native->as.object, out) == 0) {
        return 0;
    }
    *out = rwp_failure_taken(native->state);
    return out->code;
}

static const struct rw_native_vtable native_vtable = {"python", clone_native, drop_native, native_portable};

struct rw_native *rwp_native_new(struct rwp_state *state, PyObject *object)
{
    struct rwp_native *native = state->spare_natives;

    if (native != NULL) {
        state->spare_natives = native->as.next;
        state->spare_native_count--;
    } else {
        native = PyMem_Malloc(sizeof *native);
        if (native == NULL) {
            return NULL;
        }
    }
    native->base = (struct rw_native){&native_vtable, state};
    native->state = state;
    native->as.object = Py_NewRef(object);
    native->ref_count = 1;
    return &native->base;
}

PyObject *rwp_sole_object(const struct rw_value *value)
{
    struct rw_native *native = NULL;

    if (value->kind == RW_KIND_NATIVE) {
        native = value->as.native;
    } else if (value->kind == RW_KIND_ERROR && value->as.error != NULL &&
               !rw_error_is_shared(value->as.error)) {
        native = rw_error_native(value->as.error);
    }
    if (native == NULL || native->vtable != &native_vtable || ((struct rwp_native *)native)->ref_count != 1) {
        return NULL;
    }
    return ((struct rwp_native *)native)->as.object;
}

PyObject *rwp_native_object(struct rwp_state *state, const struct rw_native *native)
{
    if (native->vtable != &native_vtable || native->host != state) {
        return NULL;
    }
    return ((const struct rwp_native *)native)->as.object;
}

/* ---- objects to values ----------------------------------------------------------------------------------------------- */

/* 1: converted; 0: it has no plain form; -1: no memory. */
static int scalar_from(PyObject *object, struct rw_value *out)
{
    PyTypeObject *type = Py_TYPE(object);

    if (object == Py_None) {
        *out = rw_nil();
    } else if (type == &PyLong_Type) {
        int overflow;
        long long integer = PyLong_AsLongLongAndOverflow(object, &overflow);

        if (overflow != 0) {
            return 0;
        }
        *out = rw_int(integer);
    } else if (type == &PyUnicode_Type) {
        Py_ssize_t size;
        const char *text = PyUnicode_AsUTF8AndSize(object, &size);

        if (text == NULL) {
            PyErr_Clear(); /* lone surrogates */
            return 0;
        }
        *out = rw_text(text, (size_t)size);
    } else if (type == &PyBytes_Type) {
        *out = rw_bytes(PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object));
    } else if (type == &PyFloat_Type) {
        *out = rw_double(PyFloat_AS_DOUBLE(object));
    } else if (type == &PyBool_Type) {
        *out = rw_bool(object == Py_True);
    } else {
        return 0;
    }
    return rw_is_failure(out) ? -1 : 1;
}

static int no_memory(struct rw_value *out)
{
    *out = rw_nil();
    PyErr_NoMemory();
    return -1;
}

int rwp_value_from(struct rwp_state *state, PyObject *object, struct rw_value *out)
{
    struct rw_native *native;
    int done = scalar_from(object, out);

    if (done != 0) {
        return done > 0 ? 0 : no_memory(out);
    }
    native = rwp_native_new(state, object);
    if (native == NULL) {
        return no_memory(out);
    }
    *out = rw_value_of_native(native);
    return 0;
}

static int portable(struct rwp_state *state, PyObject *object, int depth, struct rw_value *out);

static int portable_sequence(struct rwp_state *state, PyObject *object, int depth, struct rw_value *out)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(object);
    struct rw_list *list = rw_list_new((size_t)count);
    struct rw_value whole, item;

    if (list == NULL) {
        return no_memory(out);
    }
    whole = rw_value_of_list(list);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(object); i++) {
        if (portable(state, PySequence_Fast_GET_ITEM(object, i), depth, &item) < 0) {
            rw_value_drop(&whole);
            return -1;
        }
        if (rw_list_push(list, item) != 0) {
            rw_value_drop(&whole);
            return no_memory(out);
        }
    }
    *out = whole;
    return 0;
}

static int add_pair(struct rwp_state *state, struct rw_map *map, PyObject *key, PyObject *item, int depth)
{
    struct rw_value key_value, item_value;
    int err;

    if (portable(state, key, depth, &key_value) < 0) {
        return -1;
    }
    if (portable(state, item, depth, &item_value) < 0) {
        rw_value_drop(&key_value);
        return -1;
    }
    err = rw_map_add(map, key_value, item_value);
    if (err == RW_ERR_NOMEM) {
        PyErr_NoMemory();
    } else if (err != 0) {
        PyErr_Format(PyExc_TypeError, "%R cannot be a key outside of Python", key);
    }
    return err == 0 ? 0 : -1;
}

static int portable_dict(struct rwp_state *state, PyObject *object, int depth, struct rw_value *out)
{
    struct rw_map *map = rw_map_new((size_t)PyDict_GET_SIZE(object));
    struct rw_value whole;
    PyObject *key, *item;
    Py_ssize_t position = 0;

    if (map == NULL) {
        return no_memory(out);
    }
    whole = rw_value_of_map(map);
    while (PyDict_Next(object, &position, &key, &item)) {
        if (add_pair(state, map, key, item, depth) < 0) {
            rw_value_drop(&whole);
            return -1;
        }
    }
    *out = whole;
    return 0;
}

static int portable_buffer(PyObject *object, struct rw_value *out)
{
    Py_buffer view;

    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    *out = rw_bytes(view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return rw_is_failure(out) ? no_memory(out) : 0;
}

/* Subclasses of the plain types, as the plain value that they are. */
static int portable_subclass(struct rwp_state *state, PyObject *object, struct rw_value *out)
{
    PyObject *plain = NULL;
    int done;

    if (PyLong_Check(object)) {
        plain = PyNumber_Index(object);
    } else if (PyFloat_Check(object)) {
        plain = PyFloat_FromDouble(PyFloat_AS_DOUBLE(object));
    } else if (PyUnicode_Check(object)) {
        plain = PyUnicode_FromObject(object);
    }
    if (plain == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_Format((PyObject *)state->errors[-RW_ERR_TYPE], "%.100s cannot leave Python",
                         Py_TYPE(object)->tp_name);
        }
        return -1;
    }
    done = scalar_from(plain, out);
    Py_DECREF(plain);
    if (done == 0) {
        PyErr_SetString(state->errors[-RW_ERR_LIMIT], PyLong_Check(object)
                                                          ? "an int of more than 64 bits cannot leave Python"
                                                          : "a str with lone surrogates cannot leave Python");
    }
    return done > 0 ? 0 : -1;
}

static int portable(struct rwp_state *state, PyObject *object, int depth, struct rw_value *out)
{
    struct rw_object *handle;
    int done = scalar_from(object, out);

    if (done != 0) {
        return done > 0 ? 0 : no_memory(out);
    }
    if (depth > RW_VALUE_DEPTH_MAX) {
        rwp_raise(state, RW_ERR_LIMIT, "a value that crosses is nested too deeply, or contains itself");
        return -1;
    }
    if (PyList_Check(object) || PyTuple_Check(object)) {
        return portable_sequence(state, object, depth + 1, out);
    }
    if (PyDict_Check(object)) {
        return portable_dict(state, object, depth + 1, out);
    }
    if (PyExceptionInstance_Check(object)) {
        *out = rwp_failure_of(state, object);
        out->failed = 0;
        return 0;
    }
    handle = rwp_handle_of_object(state, object);
    if (handle != NULL) {
        *out = rw_value_of_handle(handle);
        return 0;
    }
    if (PyErr_Occurred()) {
        return -1;
    }
    if (PyBytes_Check(object) || PyByteArray_Check(object) || PyMemoryView_Check(object)) {
        return portable_buffer(object, out);
    }
    return portable_subclass(state, object, out);
}

int rwp_value_portable(struct rwp_state *state, PyObject *object, struct rw_value *out)
{
    return portable(state, object, 0, out);
}

/* ---- values to objects ------------------------------------------------------------------------------------------------- */

/* `loop` may be NULL: what belongs to a loop is then one of that which runs. */
static PyObject *object_of(struct rwp_state *state, struct rwp_loop *loop, const struct rw_value *value);

static PyObject *object_of_list(struct rwp_state *state, struct rwp_loop *loop, const struct rw_list *list)
{
    size_t count = rw_list_count(list);
    PyObject *made = PyList_New((Py_ssize_t)count);

    for (size_t i = 0; made != NULL && i < count; i++) {
        PyObject *item = object_of(state, loop, rw_list_at(list, i));

        if (item == NULL) {
            Py_CLEAR(made);
        } else {
            PyList_SET_ITEM(made, (Py_ssize_t)i, item);
        }
    }
    return made;
}

static PyObject *object_of_map(struct rwp_state *state, struct rwp_loop *loop, const struct rw_map *map)
{
    size_t count = rw_map_count(map);
    PyObject *made = PyDict_New();

    for (size_t i = 0; made != NULL && i < count; i++) {
        PyObject *key = object_of(state, loop, rw_map_key(map, i));
        PyObject *item = key != NULL ? object_of(state, loop, rw_map_item(map, i)) : NULL;

        if (item == NULL || PyDict_SetItem(made, key, item) < 0) {
            Py_CLEAR(made);
        }
        Py_XDECREF(key);
        Py_XDECREF(item);
    }
    return made;
}

static PyObject *object_of_native(struct rwp_loop *loop, struct rw_native *native)
{
    PyObject *object = rwp_native_object(loop->state, native);
    struct rw_value copy = rw_nil();

    if (object != NULL) {
        return Py_NewRef(object);
    }
    object = rwp_lua_of_native(loop, native, false);
    if (object != NULL || PyErr_Occurred()) {
        return object;
    }
    if (native->vtable->portable(native, &copy) != 0) {
        if (copy.code == RW_ERR_TYPE) {
            object = rwp_lua_of_native(loop, native, true); /* a table with what cannot be copied in it */
        }
        if (object != NULL || PyErr_Occurred()) {
            rw_value_drop(&copy);
            return object;
        }
        return rwp_raise_value(loop->state, &copy);
    }
    return rwp_object_from(loop, copy);
}

static PyObject *object_of_scalar(const struct rw_value *value)
{
    const char *data;
    size_t size;

    switch ((enum rw_kind)value->kind) {
    case RW_KIND_NIL:
        Py_RETURN_NONE;
    case RW_KIND_BOOL:
        return PyBool_FromLong(value->as.boolean);
    case RW_KIND_INT:
        return PyLong_FromLongLong(value->as.integer);
    case RW_KIND_DOUBLE:
        return PyFloat_FromDouble(value->as.number);
    case RW_KIND_BYTES:
        data = rw_value_data(value, &size);
        return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    case RW_KIND_TEXT:
        data = rw_value_data(value, &size);
        return PyUnicode_DecodeUTF8(data, (Py_ssize_t)size, "strict");
    default:
        return PyErr_Format(PyExc_SystemError, "a value of an unknown kind (%d)", value->kind);
    }
}

static PyObject *object_of(struct rwp_state *state, struct rwp_loop *loop, const struct rw_value *value)
{
    struct rw_value copy;

    switch ((enum rw_kind)value->kind) {
    case RW_KIND_LIST:
        return object_of_list(state, loop, value->as.list);
    case RW_KIND_MAP:
        return object_of_map(state, loop, value->as.map);
    case RW_KIND_ERROR:
        return rwp_exception_of(state, value);
    case RW_KIND_HANDLE:
    case RW_KIND_NATIVE:
        if (loop == NULL && (loop = rwp_running(state)) == NULL) {
            return NULL;
        }
        if (value->kind == RW_KIND_NATIVE) {
            return object_of_native(loop, value->as.native);
        }
        copy = rw_value_clone(value);
        return rwp_object_of_handle(loop, &copy);
    default:
        return object_of_scalar(value);
    }
}

PyObject *rwp_object_of(struct rwp_state *state, struct rwp_loop *loop, struct rw_value value)
{
    PyObject *object;

    if (rw_is_failure(&value)) {
        return rwp_raise_value(state, &value);
    }
    object = object_of(state, loop, &value);
    rw_value_drop(&value);
    return object;
}

PyObject *rwp_object_from(struct rwp_loop *loop, struct rw_value value)
{
    return rwp_object_of(loop->state, loop, value);
}

int rwp_seconds(PyObject *number, int64_t *out_ns)
{
    double seconds = PyFloat_AsDouble(number);

    if (seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (seconds != seconds) {
        PyErr_SetString(PyExc_ValueError, "seconds must be a number, not nan");
        return -1;
    }
    if (seconds >= 9.2e9) {
        *out_ns = RW_NEVER;
    } else if (seconds <= -9.2e9) {
        *out_ns = -INT64_C(9200000000) * RW_SECOND;
    } else {
        *out_ns = (int64_t)(seconds * 1e9 + (seconds >= 0 ? 0.5 : -0.5));
    }
    return 0;
}

int rwp_value_init(struct rwp_state *state)
{
    state->spare_natives = NULL;
    return 0;
}
