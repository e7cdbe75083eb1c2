/* SPDX-License-Identifier: MIT
 *
 * lua.c - rw.Lua(): a Lua state on the running loop. (Being written by the lead together with lua_object.c and lua_python.c.)
 */
