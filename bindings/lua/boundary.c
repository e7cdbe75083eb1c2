/* SPDX-License-Identifier: MIT
 *
 * boundary.c - whether the C function that asks may be suspended, before it tries.
 *
 * Lua 5.3 and later and LuaJIT answer that themselves. 5.1 and 5.2 only raise, from inside lua_yield, an error that
 * names no cause and comes too late to take the operation back. They count the C calls in progress in a pair of
 * 16-bit fields of lua_State whose place no header tells. It is found by watching: a probe calls itself three
 * levels deep and looks which pair of fields counts along. Invariant: the offset is used only if exactly that
 * pattern was seen; if not, the answer is "yes" and Lua's own error is what the caller gets.
 *
 * Rejected: walking the stack with lua_getinfo. It costs as much as the await and does not see metamethods. */
#include "lua/state.h"

#if LUA_VERSION_NUM >= 503

void rwl_boundary_open(lua_State *L, struct rwl_state *state)
{
    (void)L;
    state->boundary = -1;
}

#else

#define DEPTH 4
#define SIZE 144 /* less than any lua_State of these versions */

struct samples {
    unsigned char bytes[DEPTH][SIZE];
    int depth;
};

static int probe(lua_State *L)
{
    struct samples *samples = lua_touserdata(L, 1);

    memcpy(samples->bytes[samples->depth], (const void *)L, SIZE);
    samples->depth++;
    if (samples->depth < DEPTH) {
        lua_pushcfunction(L, probe);
        lua_pushlightuserdata(L, samples);
        lua_call(L, 1, 0);
    }
    return 0;
}

static int field(const void *memory, int offset)
{
    unsigned short number;

    memcpy(&number, (const char *)memory + offset, sizeof number);
    return number;
}

/* 5.1: the depth now, then the depth at which the thread was resumed. 5.2: calls that forbid yielding, then all
 * calls. */
static bool counts_along(const struct samples *samples, int offset)
{
    for (int depth = 0; depth < DEPTH; depth++) {
        int first = field(samples->bytes[depth], offset);
        int second = field(samples->bytes[depth], offset + 2);
#if LUA_VERSION_NUM == 501
        if (first != second + depth || second != field(samples->bytes[0], offset + 2)) {
            return false;
        }
#else
        if (first != depth || second != field(samples->bytes[0], offset + 2) + depth || second == depth) {
            return false;
        }
#endif
    }
    return true;
}

void rwl_boundary_open(lua_State *L, struct rwl_state *state)
{
    struct samples samples = {.depth = 0};
    int results;

    state->boundary = -1;
    if (rwl_is_jit()) {
        return;
    }
    lua_State *thread = lua_newthread(L);
    lua_pushcfunction(L, probe); /* made here, since an error in the new thread would be nobody's */
    lua_pushlightuserdata(L, &samples);
    lua_xmove(L, thread, 2);
    int status = rwl_resume(thread, L, 1, &results);
    lua_pop(L, 1);
    for (int offset = 0; status == 0 && offset + 4 <= SIZE; offset += 2) {
        if (counts_along(&samples, offset)) {
            state->boundary = offset;
            return;
        }
    }
}

#endif
