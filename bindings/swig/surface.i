/* SPDX-License-Identifier: MIT
 *
 * surface.i - `ropewalk.surface`: what the library says of itself, in Python and Lua from one description.
 *
 * Constants are the enumerators of the public headers, read by SWIG from the headers themselves; the rest are functions of
 * surface.h, which are made from the tables in them. A module like any other that is made with the kit.
 */
%module surface

/* No compiler is to warn of what SWIG writes. */
%begin %{
#pragma GCC system_header
%}

%include "ropewalk.i"

/* Inside the library the functions are the host's; a module has its own. */
%{
#ifdef ROPEWALK_MODULE
#include "surface.c"
#else
#include "surface.h"
#endif
%}

/* Of the headers: their enumerators, without RW_. */
%define RW_API
%enddef
%define RW_BEGIN_DECLS
%enddef
%define RW_END_DECLS
%enddef
%rename("$ignore", %$isfunction) "";
%rename("$ignore", %$isclass) "";
%rename("%(strip:[RW_])s", %$isenumitem) "";
%ignore RW_ERR_LAST;
%ignore RW_ORIGIN_C;
%ignore RW_ORIGIN_LUA;
%ignore RW_ORIGIN_PYTHON;
%ignore RW_TURN_WAIT;
%ignore RW_READABLE;
%ignore RW_WRITABLE;
%ignore RW_HANGUP;
%include <ropewalk/err.h>
%include <ropewalk/loop.h>

%constant int VERSION_MAJOR = RW_VERSION_MAJOR;
%constant int VERSION_MINOR = RW_VERSION_MINOR;
%constant int VERSION_PATCH = RW_VERSION_PATCH;
%constant int VALUE_DEPTH_MAX = RW_VALUE_DEPTH_MAX;

%rename("%(strip:[rwh_])s", %$isfunction) "";
struct rw_value rwh_errors(void);
struct rw_value rwh_options(void);
struct rw_value rwh_sim_options(void);
struct rw_value rwh_counters(void);
struct rw_value rwh_stats(struct rw_loop *loop);
