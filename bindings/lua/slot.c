/* SPDX-License-Identifier: MIT
 *
 * slot.c - the array in which Lua values that C holds are anchored.
 *
 * One table in the registry, indexed by small integers; which of them are free is known in C. Letting go of a slot
 * neither allocates nor raises, so it may be done from anywhere, which luaL_unref does not promise. Invariant: the
 * list of free slots has room for every slot there is. */
#include <stdlib.h>

#include "lua/state.h"

void rwl_slots_open(lua_State *L, struct rwl_state *state)
{
    lua_newtable(L);
    state->slots_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void rwl_slots_close(struct rwl_state *state)
{
    free(state->free_slots);
    state->free_slots = NULL;
}

static void grow(lua_State *L, struct rwl_state *state)
{
    int capacity = state->slot_capacity == 0 ? 64 : state->slot_capacity * 2;
    int *slots = realloc(state->free_slots, (size_t)capacity * sizeof *slots);

    if (slots == NULL) {
        luaL_error(L, "not enough memory");
    }
    state->free_slots = slots;
    state->slot_capacity = capacity;
}

int rwl_slot_take(lua_State *L, struct rwl_state *state)
{
    bool fresh = state->free_count == 0;

    if (fresh && state->slot_count == state->slot_capacity) {
        grow(L, state);
    }
    int slot = fresh ? state->slot_count + 1 : state->free_slots[state->free_count - 1];
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->slots_ref);
    lua_insert(L, -2);
    lua_rawseti(L, -2, slot);
    lua_pop(L, 1);
    if (fresh) {
        state->slot_count++;
    } else {
        state->free_count--;
    }
    return slot;
}

void rwl_slot_push(lua_State *L, const struct rwl_state *state, int slot)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->slots_ref);
    lua_rawgeti(L, -1, slot);
    lua_remove(L, -2);
}

void rwl_slot_release(struct rwl_state *state, int slot)
{
    lua_State *L = state->L;

    lua_rawgeti(L, LUA_REGISTRYINDEX, state->slots_ref);
    lua_pushboolean(L, 0); /* not nil, which would let go of the key too */
    lua_rawseti(L, -2, slot);
    lua_pop(L, 1);
    state->free_slots[state->free_count++] = slot;
}
