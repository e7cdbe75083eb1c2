/* SPDX-License-Identifier: MIT
 *
 * integer.c - integers of 64 bits for modules in C, on Luas that have them and on those that have only doubles.
 *
 * What comes in is a number with an integral value, an int64 object, or LuaJIT's own int64_t and uint64_t. Nothing is rounded:
 * what does not fit is refused, with a message pushed. Invariant: an integer that was pushed and comes back is the same. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/state.h"

#define TWO_TO_63 9223372036854775808.0

static int refuse(lua_State *L, int index)
{
    lua_pushfstring(L, "an integer expected, got %s", luaL_typename(L, index));
    return -1;
}

/* An integer of 64 bits: signed, or not when it is beyond what a signed one holds. */
struct integer {
    int64_t bits;
    bool is_unsigned;
};

static int from_double(lua_State *L, double number, struct integer *out)
{
    if (number != floor(number)) {
        lua_pushfstring(L, "an integer expected, got %f", number);
        return -1;
    }
    if (number >= -TWO_TO_63 && number < TWO_TO_63) {
        *out = (struct integer){(int64_t)number, false};
        return 0;
    }
    if (number >= TWO_TO_63 && number < 2 * TWO_TO_63) {
        *out = (struct integer){(int64_t)(uint64_t)number, true};
        return 0;
    }
    lua_pushfstring(L, "%f does not fit into 64 bits", number);
    return -1;
}

/* LuaJIT's int64_t and uint64_t say what they are: "-5LL", "5ULL". */
static int from_cdata(lua_State *L, int index, struct integer *out)
{
    char *end;
    const char *text;

    lua_pushvalue(L, index);
    if (!luaL_callmeta(L, -1, "__tostring")) {
        lua_pop(L, 1);
        return refuse(L, index);
    }
    text = lua_tostring(L, -1);
    errno = 0;
    if (text != NULL && *text != '-') {
        out->bits = (int64_t)strtoull(text, &end, 10);
        out->is_unsigned = out->bits < 0;
    } else if (text != NULL) {
        out->bits = strtoll(text, &end, 10);
        out->is_unsigned = false;
    }
    bool is_integer =
        text != NULL && errno == 0 && end != text && (strcmp(end, "LL") == 0 || strcmp(end, "ULL") == 0);
    lua_pop(L, 2);
    return is_integer ? 0 : refuse(L, index);
}

static int integer_at(lua_State *L, int index, struct integer *out)
{
    struct rwl_state *state;

    if (lua_type(L, index) == LUA_TNUMBER) {
#if RWL_HAS_INTEGERS
        if (lua_isinteger(L, index)) {
            *out = (struct integer){lua_tointeger(L, index), false};
            return 0;
        }
#endif
        return from_double(L, lua_tonumber(L, index), out);
    }
    if (!lua_checkstack(L, 8)) {
        return refuse(L, index);
    }
    if (lua_type(L, index) > LUA_TTHREAD) {
        return from_cdata(L, index, out);
    }
    state = lua_isuserdata(L, index) ? rwl_state_of(L) : NULL;
    struct rwl_box *box = state != NULL ? rwl_test_box(L, state, index, RWL_INT64) : NULL;
    if (box == NULL) {
        return refuse(L, index);
    }
    *out = (struct integer){box->in.integer, box->thing != NULL};
    return 0;
}

static int refuse_range(lua_State *L, int64_t minimum, uint64_t maximum)
{
    char text[80];

    snprintf(text, sizeof text, "an integer from %lld to %llu expected", (long long)minimum,
             (unsigned long long)maximum);
    lua_pushstring(L, text);
    return -1;
}

int rwl_to_integer(lua_State *L, int index, int64_t minimum, int64_t maximum, int64_t *out)
{
    struct integer integer;

    if (integer_at(L, index, &integer) < 0) {
        return -1;
    }
    if (integer.is_unsigned || integer.bits < minimum || integer.bits > maximum) {
        return refuse_range(L, minimum, (uint64_t)maximum);
    }
    *out = integer.bits;
    return 0;
}

/* Lua's own integers have a sign; those that stand for more than 2^63 are negative, as for math.ult. */
int rwl_to_unsigned(lua_State *L, int index, uint64_t maximum, uint64_t *out)
{
    struct integer integer;

    if (integer_at(L, index, &integer) < 0) {
        return -1;
    }
    bool wraps = RWL_HAS_INTEGERS && maximum == UINT64_MAX && lua_type(L, index) == LUA_TNUMBER;
    if ((integer.bits < 0 && !integer.is_unsigned && !wraps) || (uint64_t)integer.bits > maximum) {
        return refuse_range(L, 0, maximum);
    }
    *out = (uint64_t)integer.bits;
    return 0;
}

void rwl_push_unsigned(lua_State *L, uint64_t integer)
{
    struct rwl_state *state = rwl_state_of(L);

    if (integer <= INT64_MAX || RWL_HAS_INTEGERS || state == NULL) {
        rwl_push_integer(L, state, (int64_t)integer);
        return;
    }
    struct rwl_box *box = rwl_push_box(L, state, RWL_INT64);
    box->in.integer = (int64_t)integer;
    box->thing = rwl_unsigned_mark();
}
