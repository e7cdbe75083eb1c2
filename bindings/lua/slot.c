/* SPDX-License-Identifier: MIT
 *
 * slot.c - the array in which Lua values that C holds are anchored.
 *
 * One table in the registry, indexed by small integers. A place that is free holds the number of the next one, so letting go
 * of a slot neither allocates nor raises and may be done from anywhere, which luaL_unref does not promise. Invariant: the free
 * places are those that are reached from `free_slot`, 0 being the end. */
#include <limits.h>

#include "lua/state.h"

void rwl_slots_open(lua_State *L, struct rwl_state *state)
{
    lua_newtable(L);
    state->slots_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

uint32_t rwl_slot_take(lua_State *L, struct rwl_state *state)
{
    uint32_t slot = state->free_slot;
    lua_Integer next = 0;

    lua_rawgeti(L, LUA_REGISTRYINDEX, state->slots_ref);
    if (slot != 0) {
        lua_rawgeti(L, -1, (int)slot);
        next = lua_tointeger(L, -1);
        lua_pop(L, 1);
    } else if (state->slot_count == INT_MAX) {
        luaL_error(L, "too many values");
    } else {
        slot = state->slot_count + 1;
    }
    lua_insert(L, -2);
    lua_rawseti(L, -2, (int)slot);
    lua_pop(L, 1);
    state->slot_count = slot > state->slot_count ? slot : state->slot_count;
    state->free_slot = (uint32_t)next;
    return slot;
}

static int add_free_slot(lua_State *L, void *arg)
{
    struct rwl_state *state = arg;

    lua_pushboolean(L, 1);
    rwl_slot_release(state, rwl_slot_take(L, state));
    return 0;
}

bool rwl_slot_reserve(lua_State *L, struct rwl_state *state)
{
    if (state->free_slot != 0 || rwl_try_call(L, state, add_free_slot, state, 0) == 0) {
        return true;
    }
    lua_pop(L, 1);
    return false;
}

void rwl_slot_push(lua_State *L, const struct rwl_state *state, uint32_t slot)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->slots_ref);
    lua_rawgeti(L, -1, (int)slot);
    lua_remove(L, -2);
}

void rwl_slot_release(struct rwl_state *state, uint32_t slot)
{
    lua_State *L = state->L;

    lua_rawgeti(L, LUA_REGISTRYINDEX, state->slots_ref);
    lua_pushinteger(L, (lua_Integer)state->free_slot); /* never nil, which would let go of the key too */
    lua_rawseti(L, -2, (int)slot);
    lua_pop(L, 1);
    state->free_slot = slot;
}
