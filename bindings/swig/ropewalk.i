/* SPDX-License-Identifier: MIT
 *
 * ropewalk.i - the kit: C functions that return futures become awaitable in Python and Lua (docs/extending.md).
 *
 * Say %include "ropewalk.i" after %module, compile every file of the module with -DROPEWALK_MODULE, and link it to nothing
 * of Ropewalk's. The typemaps here go by type, and by name where it says so; what a parameter's name does not tell is
 * written beside it. Works with SWIG from 4.1 on, for Python and Lua.
 */

%{
#if !defined(ROPEWALK_MODULE) && !defined(ROPEWALK_BUILTIN) /* the latter: a part of the library itself */
#error "compile every file of this module with -DROPEWALK_MODULE: python -m ropewalk.config --cflags"
#endif
#include <ropewalk.h>
%}

%include <stdint.i>

/* What scripts have no use for. */
%ignore rw_object;

#if defined(SWIGPYTHON)
%include <ropewalk/python.i>
#elif defined(SWIGLUA)
%include <ropewalk/lua.i>
#else
#error "ropewalk.i is for Python and Lua"
#endif
