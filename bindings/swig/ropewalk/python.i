/* SPDX-License-Identifier: MIT
 *
 * python.i - the Python half of ropewalk.i.
 *
 * What a C function takes over (futures, values) is let go of by `freearg` until `check`, the last thing before the call,
 * says that it is on its way.
 */

%{
#include <ropewalk/module.c>
#include <ropewalk/python.h>

static const struct rw_python_api *ropewalk_api = NULL;

#if SWIG_VERSION >= 0x040400
#define ROPEWALK_INIT_FAILED -1
#else
#define ROPEWALK_INIT_FAILED NULL
#endif

static void ropewalk_expected(const char *function, const char *what, PyObject *object)
{
    PyErr_Format(PyExc_TypeError, "%s() expected %s, not %.100s", function, what,
                 object == Py_None ? "None" : Py_TYPE(object)->tp_name);
}
%}

%init %{
    ropewalk_api = ropewalk_import();
    if (ropewalk_api == NULL) {
        return ROPEWALK_INIT_FAILED;
    }
%}

/* ---- the loop -------------------------------------------------------------------------------------------------------- */

%typemap(in, numinputs=0) struct rw_loop * {
    $1 = ropewalk_api->loop(ropewalk_api, "$symname");
    if ($1 == NULL) SWIG_fail;
}

/* ---- futures --------------------------------------------------------------------------------------------------------- */

%typemap(out) struct rw_future * {
    $result = ropewalk_api->await(ropewalk_api, $1, "$symname");
    if ($result == NULL) SWIG_fail;
}
%typemap(in) struct rw_future * (int held = 0) {
    $1 = ropewalk_api->to_future(ropewalk_api, $input);
    if ($1 == NULL) SWIG_fail;
    held = 1;
}
%typemap(check) struct rw_future * { held$argnum = 0; }
%typemap(freearg) struct rw_future * { if (held$argnum) rw_future_drop($1); }

/* ---- values ---------------------------------------------------------------------------------------------------------- */

%typemap(in) struct rw_value (int held = 0) {
    if (ropewalk_api->to_value(ropewalk_api, $input, &$1) < 0) SWIG_fail;
    held = 1;
}
/* Named `opaque`: objects without a form outside Python pass through as they are. */
%typemap(in) struct rw_value opaque (int held = 0) {
    if (ropewalk_api->to_opaque(ropewalk_api, $input, &$1) < 0) SWIG_fail;
    held = 1;
}
%typemap(check) struct rw_value { held$argnum = 0; }
%typemap(freearg) struct rw_value { if (held$argnum) rw_value_drop(&$1); }

%typemap(in) const struct rw_value * (struct rw_value held) {
    held.kind = RW_KIND_NIL;
    if (ropewalk_api->to_value(ropewalk_api, $input, &held) < 0) SWIG_fail;
    $1 = &held;
}
%typemap(arginit) const struct rw_value * { $1 = NULL; }
%typemap(freearg) const struct rw_value * { if ($1 != NULL) rw_value_drop($1); }

%typemap(out) struct rw_value {
    $result = ropewalk_api->to_object(ropewalk_api, $1);
    if ($result == NULL) SWIG_fail;
}

/* ---- bytes and text -------------------------------------------------------------------------------------------------- */

%typemap(in) (const void *data, size_t size) (Py_buffer view, int held = 0) {
    if (PyObject_GetBuffer($input, &view, PyBUF_SIMPLE) < 0) SWIG_fail;
    held = 1;
    $1 = view.buf;
    $2 = (size_t)view.len;
}
%typemap(freearg) (const void *data, size_t size) { if (held$argnum) PyBuffer_Release(&view$argnum); }

%typemap(in) (const char *text, size_t size) (Py_ssize_t length) {
    if (!PyUnicode_Check($input)) {
        ropewalk_expected("$symname", "a str", $input);
        SWIG_fail;
    }
    $1 = ($1_ltype)PyUnicode_AsUTF8AndSize($input, &length);
    if ($1 == NULL) SWIG_fail;
    $2 = (size_t)length;
}

/* SWIG's own makes a bytes object of each text, and a copy of that. */
%typemap(in) const char * {
    if (!PyUnicode_Check($input)) {
        ropewalk_expected("$symname", "a str", $input);
        SWIG_fail;
    }
    $1 = ($1_ltype)PyUnicode_AsUTF8($input);
    if ($1 == NULL) SWIG_fail;
}
%typemap(freearg) const char * ""

%typemap(out) struct rw_bytes * {
    $result = ropewalk_api->to_memoryview(ropewalk_api, $1);
    if ($result == NULL) SWIG_fail;
}

/* ---- errors ---------------------------------------------------------------------------------------------------------- */

%typemap(out) enum rw_err {
    if ((int)$1 < 0) {
        ropewalk_api->raise(ropewalk_api, (int)$1, NULL);
        SWIG_fail;
    }
    $result = SWIG_Py_Void();
}

/* ---- channels, streams ------------------------------------------------------------------------------------------------- */

%define %ropewalk_handle(NAME, WHAT)
%typemap(in) struct rw_##NAME * (struct rw_object *held = NULL) {
    struct rw_value value;
    held = ropewalk_api->to_handle(ropewalk_api, $input);
    if (held == NULL) SWIG_fail;
    value = rw_value_of_handle(held);
    $1 = rw_##NAME##_of(&value);
    if ($1 == NULL) {
        ropewalk_expected("$symname", WHAT, $input);
        SWIG_fail;
    }
}
%typemap(freearg) struct rw_##NAME * { rw_object_unref(held$argnum); }
%typemap(out) struct rw_##NAME * {
    if ($1 == NULL) {
        PyErr_Format(PyExc_MemoryError, "$symname gave no %s: out of memory", WHAT);
        SWIG_fail;
    }
    $result = ropewalk_api->to_object(ropewalk_api, rw_value_of_handle(rw_##NAME##_object($1)));
    if ($result == NULL) SWIG_fail;
}
%enddef

%ropewalk_handle(sender, "a Sender")
%ropewalk_handle(receiver, "a Receiver")
%ropewalk_handle(stream, "a Stream")

%typemap(in) struct rw_stream * (struct rw_stream *held = NULL) {
    held = ropewalk_api->to_stream(ropewalk_api, $input);
    if (held == NULL) SWIG_fail;
    $1 = held;
}
%typemap(freearg) struct rw_stream * { rw_stream_unref(held$argnum); }

/* ---- callbacks ----------------------------------------------------------------------------------------------------------- */

%typemap(in) struct rw_callback * (struct rw_callback *held = NULL) {
    held = ropewalk_api->to_callback(ropewalk_api, $input);
    if (held == NULL) SWIG_fail;
    $1 = held;
}
%typemap(freearg) struct rw_callback * { rw_callback_unref(held$argnum); }

/* ---- time: seconds in scripts ---------------------------------------------------------------------------------------------- */

%typemap(in) int64_t timeout_ns {
    if (ropewalk_api->to_timeout(ropewalk_api, $input, &$1) < 0) SWIG_fail;
}
%typemap(in) int64_t deadline_ns {
    if (ropewalk_api->to_deadline(ropewalk_api, $input, &$1) < 0) SWIG_fail;
}

/* ---- objects of the module's own -------------------------------------------------------------------------------------------- */

/* struct NAME has a struct rw_object as its first member, and TYPE is its struct rw_object_type: handles of that type arrive as
 * SWIG's proxy, which holds the reference. Declare the struct without members; add methods with %extend. */
%define %ropewalk_object(NAME, TYPE)
%{
static PyObject *ropewalk_wrap_##NAME(struct rw_object *object)
{
    PyObject *proxy = SWIG_InternalNewPointerObj((void *)object, SWIGTYPE_p_##NAME, SWIG_POINTER_OWN);

    if (proxy == NULL) {
        rw_object_unref(object);
    }
    return proxy;
}
%}
%init %{
    if (ropewalk_api->add_type(ropewalk_api, &TYPE, ropewalk_wrap_##NAME) < 0) {
        return ROPEWALK_INIT_FAILED;
    }
%}
%nodefaultctor NAME;
%typemap(check) struct NAME * {
    if ($1 == NULL) {
        ropewalk_expected("$symname", #NAME, Py_None);
        SWIG_fail;
    }
}
%typemap(out) struct NAME * {
    if ($1 == NULL) {
        PyErr_Format(PyExc_MemoryError, "$symname gave no %s: out of memory", #NAME);
        SWIG_fail;
    }
    $result = ropewalk_wrap_##NAME((struct rw_object *)$1);
    if ($result == NULL) SWIG_fail;
}
%extend NAME {
    ~NAME()
    {
        ropewalk_api->drop(ropewalk_api, (struct rw_object *)$self);
    }
}
%enddef
