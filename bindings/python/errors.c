/* SPDX-License-Identifier: MIT
 *
 * errors.c - exceptions and failures: one becomes the other at the border, and itself again on the way back.
 *
 * The classes are written in Python (ropewalk._errors) and found by the names that the core's table of errors gives. A
 * failure made here carries the exception object as a native, so that the same interpreter gets the very same object;
 * others get message, type and a traceback in text. The text is put together here, frame by frame, because a failing
 * task that nobody asks for its traceback should not cost a call of the traceback module.
 */
#include "rwp.h"

#include <string.h>

#define FRAMES_MAX 30

PyObject *rwp_exc_take(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) {
        return NULL;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    Py_DECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

void rwp_exc_give(PyObject *exception)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(exception);
#else
    PyErr_Restore(Py_NewRef(Py_TYPE(exception)), exception, PyException_GetTraceback(exception));
#endif
}

/* What the class is called in ropewalk._errors, in builtins, or elsewhere. */
static PyObject *find_class(PyObject *errors, const char *name)
{
    PyObject *found = PyObject_GetAttrString(errors, name);

    if (found == NULL) {
        PyErr_Format(PyExc_ImportError, "ropewalk._errors has no %s", name);
    }
    return found;
}

int rwp_errors_init(struct rwp_state *state)
{
    PyObject *errors = PyImport_ImportModule("ropewalk._errors");

    if (errors == NULL) {
        return -1;
    }
#define FIND(symbol, number, code, python, text)                                                             \
    if ((state->errors[-(symbol)] = find_class(errors, python)) == NULL) {                                   \
        Py_DECREF(errors);                                                                                   \
        return -1;                                                                                           \
    }
    RW_ERRORS(FIND)
#undef FIND
    state->error_class = find_class(errors, "Error");
    Py_DECREF(errors);
    return state->error_class != NULL ? 0 : -1;
}

static PyObject *class_of(struct rwp_state *state, int code)
{
    return code < 0 && code >= RW_ERR_LAST ? state->errors[-code] : state->error_class;
}

static int set_text(PyObject *exception, const char *name, const char *text)
{
    PyObject *string =
        text != NULL ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace") : Py_NewRef(Py_None);
    int done = string != NULL ? PyObject_SetAttrString(exception, name, string) : -1;

    Py_XDECREF(string);
    return done;
}

/* The class's own constructor sees (errno, message) for what the system said, else the message. */
static PyObject *construct(struct rwp_state *state, int code, const struct rw_error *error)
{
    PyObject *class = class_of(state, code);
    const char *text = error != NULL ? rw_error_message(error) : rw_err_text(code);
    int number = error != NULL ? rw_error_errno(error) : 0;
    PyObject *message, *exception;

    if (code == RW_ERR_CANCELLED && (error == NULL || strcmp(text, rw_err_text(code)) == 0)) {
        return PyObject_CallNoArgs(class);
    }
    message = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    if (message == NULL) {
        return NULL;
    }
    if (number != 0 && PyExceptionClass_Check(class) &&
        PyType_IsSubtype((PyTypeObject *)class, (PyTypeObject *)PyExc_OSError)) {
        exception = PyObject_CallFunction(class, "iO", number, message);
    } else {
        exception = PyObject_CallOneArg(class, message);
    }
    Py_DECREF(message);
    if (exception != NULL && code == RW_ERR_EMPTY && set_text(exception, "code", rw_err_code(code)) < 0) {
        Py_CLEAR(exception); /* the one class for two codes is that of the other */
    }
    return exception;
}

/* What a foreign error says besides its message, on exceptions that have room for it. */
static int decorate(struct rwp_state *state, PyObject *exception, const struct rw_error *error)
{
    static const char *const origins[] = {"c", "lua", "python"};

    if (!PyObject_TypeCheck(exception, (PyTypeObject *)state->error_class)) {
        return 0;
    }
    if (set_text(exception, "code", rw_err_code(rw_error_code(error))) < 0 ||
        set_text(exception, "origin", origins[rw_error_origin(error)]) < 0 ||
        set_text(exception, "type", rw_error_type(error)) < 0 ||
        set_text(exception, "traceback", rw_error_traceback(error)) < 0) {
        return -1;
    }
    return 0;
}

PyObject *rwp_exception_of(struct rwp_state *state, const struct rw_value *value)
{
    struct rw_error *error = value->as.error;
    struct rw_native *native = error != NULL ? rw_error_native(error) : NULL;
    PyObject *original = native != NULL ? rwp_native_object(state, native) : NULL;
    PyObject *exception;

    if (original != NULL && PyExceptionInstance_Check(original)) {
        return Py_NewRef(original);
    }
    exception = construct(state, value->code, error);
    if (exception != NULL && error != NULL && decorate(state, exception, error) < 0) {
        Py_CLEAR(exception);
    }
    return exception;
}

PyObject *rwp_raise(struct rwp_state *state, int code, const char *text)
{
    PyErr_SetString(class_of(state, code), text != NULL ? text : rw_err_text(code));
    if (code == RW_ERR_EMPTY) {
        PyObject *exception = rwp_exc_take();

        (void)set_text(exception, "code", rw_err_code(code));
        rwp_exc_give(exception);
    }
    return NULL;
}

PyObject *rwp_raise_value(struct rwp_state *state, struct rw_value *value)
{
    PyObject *exception = rwp_exception_of(state, value);

    rw_value_drop(value);
    if (exception != NULL) {
        rwp_exc_give(exception);
    }
    return NULL;
}

static bool is_coded(PyObject *exception, const char *expected)
{
    PyObject *code = PyObject_GetAttrString(exception, "code");
    bool is_same =
        code != NULL && PyUnicode_Check(code) && PyUnicode_CompareWithASCIIString(code, expected) == 0;

    PyErr_Clear();
    Py_XDECREF(code);
    return is_same;
}

/* Classes before their bases: TimeoutError is an OSError too. */
static int code_of(struct rwp_state *state, PyObject *exception)
{
    static const int by_class[] = {RW_ERR_CANCELLED, RW_ERR_TIMEOUT, RW_ERR_CLOSED,   RW_ERR_INCOMPLETE,
                                   RW_ERR_END,       RW_ERR_BROKEN,  RW_ERR_LAGGED,   RW_ERR_LIMIT,
                                   RW_ERR_BUSY,      RW_ERR_THREAD,  RW_ERR_DEADLOCK, RW_ERR_UNSUPPORTED,
                                   RW_ERR_STATE,     RW_ERR_DNS,     RW_ERR_NOMEM};

    if (PyObject_TypeCheck(exception, (PyTypeObject *)state->errors[-RW_ERR_FULL])) {
        return is_coded(exception, "empty") ? RW_ERR_EMPTY : RW_ERR_FULL;
    }
    for (size_t i = 0; i < sizeof by_class / sizeof by_class[0]; i++) {
        if (PyObject_TypeCheck(exception, (PyTypeObject *)state->errors[-by_class[i]])) {
            return by_class[i];
        }
    }
    if (PyObject_TypeCheck(exception, (PyTypeObject *)PyExc_TimeoutError)) {
        return RW_ERR_TIMEOUT;
    }
    return PyObject_TypeCheck(exception, (PyTypeObject *)PyExc_OSError) ? RW_ERR_OS : RW_ERR_SCRIPT;
}

/* One line of the traceback; what cannot be read is left out. */
static void append_frame(struct rw_error *error, PyTracebackObject *entry)
{
    PyCodeObject *code = PyFrame_GetCode(entry->tb_frame);
    PyObject *place = PyObject_GetAttrString((PyObject *)entry, "tb_lineno");
    PyObject *line = place != NULL ? PyUnicode_FromFormat("  File \"%U\", line %S, in %U", code->co_filename,
                                                          place, code->co_name)
                                   : NULL;
    const char *text = line != NULL ? PyUnicode_AsUTF8(line) : NULL;

    if (text != NULL) {
        (void)rw_error_append_traceback(error, text);
    }
    PyErr_Clear();
    Py_XDECREF(line);
    Py_XDECREF(place);
    Py_DECREF(code);
}

static void append_traceback(struct rw_error *error, PyObject *exception)
{
    PyObject *traceback = PyException_GetTraceback(exception);
    PyTracebackObject *entry = (PyTracebackObject *)traceback;

    for (int i = 0; i < FRAMES_MAX && entry != NULL; i++) {
        append_frame(error, entry);
        entry = entry->tb_next;
    }
    Py_XDECREF(traceback);
}

static void append_details(struct rwp_state *state, struct rw_error *error, PyObject *exception, int code)
{
    struct rw_native *native = rwp_native_new(state, exception);

    if (native != NULL) {
        (void)rw_error_set_native(error, native);
    }
    (void)rw_error_set_type(error, Py_TYPE(exception)->tp_name);
    if (PyObject_TypeCheck(exception, (PyTypeObject *)PyExc_OSError)) {
        PyObject *number = PyObject_GetAttrString(exception, "errno");

        if (number != NULL && PyLong_Check(number)) {
            (void)rw_error_set_errno(error, (int)PyLong_AsLong(number));
        }
        Py_XDECREF(number);
    }
    if (code != RW_ERR_CANCELLED) {
        append_traceback(error, exception);
    }
    PyErr_Clear();
}

struct rw_value rwp_failure_of(struct rwp_state *state, PyObject *exception)
{
    int code = code_of(state, exception);
    PyObject *text = PyObject_Str(exception);
    const char *message = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
    struct rw_error *error;

    PyErr_Clear();
    if (message != NULL && message[0] == '\0') {
        message = code == RW_ERR_SCRIPT ? Py_TYPE(exception)->tp_name : NULL;
    }
    error = rw_error_new(code, message, RW_ORIGIN_PYTHON);
    Py_XDECREF(text);
    if (error == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    append_details(state, error, exception, code);
    return rw_failure_of(error);
}

struct rw_value rwp_failure_taken(struct rwp_state *state)
{
    PyObject *exception = rwp_exc_take();
    struct rw_value failure;

    if (exception == NULL) {
        return rw_failure(RW_ERR_SCRIPT);
    }
    failure = rwp_failure_of(state, exception);
    Py_DECREF(exception);
    return failure;
}
