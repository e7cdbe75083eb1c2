/* SPDX-License-Identifier: MIT
 *
 * lua.i - the Lua half of ropewalk.i.
 *
 * Results that may raise or suspend are returned by the `ret` typemap, the last statement of a wrapper, when all that the
 * call held has been let go of. SWIG's own integer typemaps go through double; all of them are replaced.
 */

%{
#include <ropewalk/lua.h>
#ifdef ROPEWALK_MODULE
#include <ropewalk/module.c>
#endif

static const struct rw_lua_api *ropewalk_api = NULL;

/* Puts the place in front of the message on top of the stack. */
static void ropewalk_bad_argument(lua_State *L, const char *function, int argument)
{
    luaL_where(L, 1);
    lua_pushfstring(L, "bad argument #%d to '%s' (%s)", argument, function, lua_tostring(L, -2));
    lua_concat(L, 2);
}

static void ropewalk_expected(lua_State *L, const char *function, int argument, const char *what)
{
    lua_pushfstring(L, "%s expected, got %s", what, luaL_typename(L, argument));
    ropewalk_bad_argument(L, function, argument);
}
%}

/* The functions of a module and the methods of its classes, as scripts shall call them (LuaJIT needs a frame around those
 * that await). */
%wrapper %{
static void ropewalk_prepare(lua_State *L, int table)
{
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        if (lua_iscfunction(L, -1) && lua_type(L, -2) == LUA_TSTRING) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            ropewalk_api->awaiting(L);
            lua_rawset(L, table); /* an existing key: lua_next allows it */
        } else {
            lua_pop(L, 1);
        }
    }
}
%}

%init %{
    ropewalk_api = ropewalk_require(L);
    ropewalk_prepare(L, lua_gettop(L));
%}

/* ---- integers --------------------------------------------------------------------------------------------------------- */

%define %ropewalk_signed(TYPE, MINIMUM, MAXIMUM)
%typemap(in) TYPE (int64_t integer) {
    if (ropewalk_api->to_integer(L, $input, MINIMUM, MAXIMUM, &integer) < 0) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
    $1 = (TYPE)integer;
}
%typemap(in) const TYPE & ($*1_ltype held, int64_t integer) {
    if (ropewalk_api->to_integer(L, $input, MINIMUM, MAXIMUM, &integer) < 0) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
    held = (TYPE)integer;
    $1 = &held;
}
%typemap(out) TYPE { ropewalk_api->push_integer(L, (int64_t)$1); SWIG_arg++; }
%typemap(out) const TYPE & { ropewalk_api->push_integer(L, (int64_t)*$1); SWIG_arg++; }
%typemap(varin) TYPE {
    int64_t integer;
    if (ropewalk_api->to_integer(L, $input, MINIMUM, MAXIMUM, &integer) < 0) {
        SWIG_fail;
    }
    $1 = (TYPE)integer;
}
%typemap(varout) TYPE { ropewalk_api->push_integer(L, (int64_t)$1); SWIG_arg++; }
%enddef

%define %ropewalk_unsigned(TYPE, MAXIMUM)
%typemap(in) TYPE (uint64_t integer) {
    if (ropewalk_api->to_unsigned(L, $input, MAXIMUM, &integer) < 0) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
    $1 = (TYPE)integer;
}
%typemap(in) const TYPE & ($*1_ltype held, uint64_t integer) {
    if (ropewalk_api->to_unsigned(L, $input, MAXIMUM, &integer) < 0) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
    held = (TYPE)integer;
    $1 = &held;
}
%typemap(out) TYPE { ropewalk_api->push_unsigned(L, (uint64_t)$1); SWIG_arg++; }
%typemap(out) const TYPE & { ropewalk_api->push_unsigned(L, (uint64_t)*$1); SWIG_arg++; }
%typemap(varin) TYPE {
    uint64_t integer;
    if (ropewalk_api->to_unsigned(L, $input, MAXIMUM, &integer) < 0) {
        SWIG_fail;
    }
    $1 = (TYPE)integer;
}
%typemap(varout) TYPE { ropewalk_api->push_unsigned(L, (uint64_t)$1); SWIG_arg++; }
%enddef

%{
#include <limits.h>
%}
%ropewalk_signed(signed char, SCHAR_MIN, SCHAR_MAX)
%ropewalk_signed(short, SHRT_MIN, SHRT_MAX)
%ropewalk_signed(int, INT_MIN, INT_MAX)
%ropewalk_signed(long, LONG_MIN, LONG_MAX)
%ropewalk_signed(long long, LLONG_MIN, LLONG_MAX)
%ropewalk_unsigned(unsigned char, UCHAR_MAX)
%ropewalk_unsigned(unsigned short, USHRT_MAX)
%ropewalk_unsigned(unsigned int, UINT_MAX)
%ropewalk_unsigned(unsigned long, ULONG_MAX)
%ropewalk_unsigned(unsigned long long, ULLONG_MAX)
%ropewalk_unsigned(size_t, SIZE_MAX)

/* ---- the loop --------------------------------------------------------------------------------------------------------- */

%typemap(in, numinputs=0) struct rw_loop * {
    $1 = ropewalk_api->loop(L, "$symname");
    if ($1 == NULL) SWIG_fail;
}

/* ---- futures ------------------------------------------------------------------------------------------------------------ */

%typemap(out) struct rw_future * ""
%typemap(in) struct rw_future * (int held = 0) {
    $1 = ropewalk_api->to_future(L, $input);
    if ($1 == NULL) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
    held = 1;
}
%typemap(check) struct rw_future * { held$argnum = 0; }
%typemap(freearg) struct rw_future * { if (held$argnum) rw_future_drop($1); }
%typemap(ret) struct rw_future * { return ropewalk_api->await(L, $1, "$symname"); }

/* ---- values --------------------------------------------------------------------------------------------------------------- */

%typemap(in) struct rw_value (int held = 0) {
    if (ropewalk_api->to_value(L, $input, &$1) < 0) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
    held = 1;
}
/* Named `opaque`: values without a form outside Lua pass through as they are. */
%typemap(in) struct rw_value opaque (int held = 0) {
    if (ropewalk_api->to_opaque(L, $input, &$1) < 0) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
    held = 1;
}
%typemap(check) struct rw_value { held$argnum = 0; }
%typemap(freearg) struct rw_value { if (held$argnum) rw_value_drop(&$1); }

%typemap(in) const struct rw_value * (struct rw_value held) {
    if (ropewalk_api->to_value(L, $input, &held) < 0) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
    $1 = &held;
}
%typemap(arginit) const struct rw_value * { $1 = NULL; }
%typemap(freearg) const struct rw_value * { if ($1 != NULL) rw_value_drop($1); }

%typemap(out) struct rw_value ""
%typemap(ret) struct rw_value { return ropewalk_api->push_result(L, $1); }

/* ---- bytes and text --------------------------------------------------------------------------------------------------------- */

%typemap(in) (const void *data, size_t size) {
    $1 = ($1_ltype)ropewalk_api->to_data(L, $input, &$2);
    if ($1 == NULL) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
}
%typemap(in) (const char *text, size_t size) {
    if (lua_type(L, $input) != LUA_TSTRING) {
        ropewalk_expected(L, "$symname", $input, "a string");
        SWIG_fail;
    }
    $1 = ($1_ltype)lua_tolstring(L, $input, &$2);
}

/* SWIG's own takes nil for NULL, which no function here expects. */
%typemap(in) const char * {
    if (!lua_isstring(L, $input)) {
        ropewalk_expected(L, "$symname", $input, "a string");
        SWIG_fail;
    }
    $1 = ($1_ltype)lua_tostring(L, $input);
}

%typemap(out) struct rw_bytes * ""
%typemap(ret) struct rw_bytes * { return ropewalk_api->push_buffer(L, $1); }

/* ---- errors -------------------------------------------------------------------------------------------------------------------- */

%typemap(out) enum rw_err ""
%typemap(ret) enum rw_err { return ropewalk_api->push_result(L, (int)$1 < 0 ? rw_failure((int)$1) : rw_bool(true)); }

/* ---- channels, streams ------------------------------------------------------------------------------------------------------------ */

%define %ropewalk_handle(NAME, WHAT)
%typemap(in) struct rw_##NAME * (struct rw_object *held = NULL) {
    struct rw_value value;
    held = ropewalk_api->to_handle(L, $input);
    value = held != NULL ? rw_value_of_handle(held) : rw_nil();
    $1 = rw_##NAME##_of(&value);
    if ($1 == NULL) {
        ropewalk_expected(L, "$symname", $input, WHAT);
        SWIG_fail;
    }
}
%typemap(freearg) struct rw_##NAME * { rw_object_unref(held$argnum); }
%typemap(out) struct rw_##NAME * ""
%typemap(ret) struct rw_##NAME * {
    if ($1 == NULL) return luaL_error(L, "$symname gave no %s: out of memory", WHAT);
    return ropewalk_api->push(L, rw_value_of_handle(rw_##NAME##_object($1)));
}
%enddef

%ropewalk_handle(sender, "a sender")
%ropewalk_handle(receiver, "a receiver")
%ropewalk_handle(stream, "a stream")

%typemap(in) struct rw_stream * (struct rw_stream *held = NULL) {
    held = ropewalk_api->to_stream(L, $input);
    if (held == NULL) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
    $1 = held;
}
%typemap(freearg) struct rw_stream * { rw_stream_unref(held$argnum); }

/* ---- callbacks ---------------------------------------------------------------------------------------------------------------------- */

%typemap(in) struct rw_callback * (struct rw_callback *held = NULL) {
    held = ropewalk_api->to_callback(L, $input);
    if (held == NULL) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
    $1 = held;
}
%typemap(freearg) struct rw_callback * { rw_callback_unref(held$argnum); }

/* ---- time: seconds in scripts --------------------------------------------------------------------------------------------------------- */

%typemap(in) int64_t timeout_ns {
    if (ropewalk_api->to_timeout(L, $input, &$1) < 0) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
}
%typemap(in) int64_t deadline_ns {
    if (ropewalk_api->to_deadline(L, $input, &$1) < 0) {
        ropewalk_bad_argument(L, "$symname", $input);
        SWIG_fail;
    }
}

/* ---- objects of the module's own ---------------------------------------------------------------------------------------------------------- */

/* struct NAME has a struct rw_object as its first member, and TYPE is its struct rw_object_type: handles of that type arrive as
 * SWIG's userdata, which holds the reference. Declare the struct without members; add methods with %extend. */
%define %ropewalk_object(NAME, TYPE)
%{
static void ropewalk_push_##NAME(lua_State *L, struct rw_object *object)
{
    SWIG_NewPointerObj(L, (void *)object, SWIGTYPE_p_##NAME, 1);
}
%}
%init %{
    ropewalk_api->add_type(L, &TYPE, ropewalk_push_##NAME);
    SWIG_Lua_get_class_metatable(L, SWIGTYPE_p_##NAME->clientdata != NULL ? ((swig_lua_class *)SWIGTYPE_p_##NAME->clientdata)->fqname : "");
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, ".fn");
        if (lua_istable(L, -1)) {
            ropewalk_prepare(L, lua_gettop(L));
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
%}
%nodefaultctor NAME;
%typemap(check) struct NAME * {
    if ($1 == NULL) {
        luaL_where(L, 1);
        lua_pushfstring(L, "bad argument to '%s' (%s expected, got nil)", "$symname", #NAME);
        lua_concat(L, 2);
        SWIG_fail;
    }
}
%typemap(out) struct NAME * ""
%typemap(ret) struct NAME * {
    if ($1 == NULL) return luaL_error(L, "$symname gave no %s: out of memory", #NAME);
    ropewalk_push_##NAME(L, (struct rw_object *)$1);
    return 1;
}
%extend NAME {
    ~NAME()
    {
        rw_object_unref((struct rw_object *)$self);
    }
}
%enddef
