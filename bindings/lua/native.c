/* SPDX-License-Identifier: MIT
 *
 * native.c - Lua values that travel as themselves.
 *
 * A native anchors one Lua value in an array slot of the registry; whoever gets it back in the same state gets the
 * same value. Natives are counted and may be held by anything (a channel, another host), for longer than the
 * lua_State lives: so they are listed in the state's record, and closing the state makes them empty. Invariant: a
 * native holds a slot exactly while it is in that list. */
#include <stdlib.h>

#include "lua/state.h"

static struct rwl_native *native_of(struct rw_native *head)
{
    return (struct rwl_native *)head;
}

struct rwl_native *rwl_native_new(lua_State *L, struct rwl_state *state, bool pack)
{
    struct rwl_native *native = rwl_native_try(L, state, pack);

    if (native == NULL) {
        luaL_error(L, "not enough memory");
    }
    return native;
}

struct rwl_native *rwl_native_try(lua_State *L, struct rwl_state *state, bool pack)
{
    struct rwl_native *native = rwl_slot_reserve(L, state) ? malloc(sizeof *native) : NULL;

    if (native == NULL) {
        lua_pop(L, 1);
        return NULL;
    }
    uint32_t slot = rwl_slot_take(L, state);

    native->head.vtable = &rwl_native_vtable;
    native->head.host = state;
    native->state = state;
    native->ref_count = 1;
    native->slot = slot;
    native->pack = pack;
    native->link.prev = state->natives.prev;
    native->link.next = &state->natives;
    state->natives.prev->next = &native->link;
    state->natives.prev = &native->link;
    rwl_state_ref(state);
    return native;
}

static struct rw_native *clone_native(struct rw_native *head)
{
    native_of(head)->ref_count++;
    return head;
}

static void unlink_native(struct rwl_native *native)
{
    native->link.prev->next = native->link.next;
    native->link.next->prev = native->link.prev;
    native->link.prev = &native->link;
    native->link.next = &native->link;
}

void rwl_native_unref(struct rwl_native *native)
{
    if (native == NULL) {
        return;
    }
    native->ref_count--;
    if (native->ref_count > 0) {
        return;
    }
    if (native->state->L != NULL) {
        rwl_slot_release(native->state, native->slot);
    }
    unlink_native(native);
    rwl_state_unref(native->state);
    free(native);
}

static void drop_native(struct rw_native *head)
{
    rwl_native_unref(native_of(head));
}

struct portable_call {
    struct rwl_native *native;
    struct rw_value value;
};

static int call_portable(lua_State *L)
{
    struct portable_call *call = lua_touserdata(L, 1);

    rwl_native_push(L, call->native);
    call->value = rwl_portable_at(L, call->native->state, -1, call->native->pack ? -1 : 0);
    return 0;
}

static int make_portable(struct rw_native *head, struct rw_value *out)
{
    struct portable_call call = {.native = native_of(head), .value = rw_nil()};
    struct rwl_state *state = call.native->state;

    if (state->L == NULL) {
        *out = rw_failure_format(RW_ERR_CLOSED, "the Lua state of this value is closed");
        return RW_ERR_CLOSED;
    }
    int status = rwl_protect(state, call_portable, &call);
    if (status != 0) {
        lua_pop(state->L, 1);
        rw_value_drop(&call.value);
        call.value = rw_failure(status);
    }
    *out = call.value;
    return rw_is_failure(out) ? out->code : 0;
}

const struct rw_native_vtable rwl_native_vtable = {"lua", clone_native, drop_native, make_portable};

bool rwl_is_pack(const struct rw_value *value)
{
    return value->kind == RW_KIND_NATIVE && value->as.native->vtable == &rwl_native_vtable &&
           native_of(value->as.native)->pack;
}

struct rwl_native *rwl_native_of(const struct rw_value *value, const struct rwl_state *state)
{
    if (value->kind != RW_KIND_NATIVE || value->as.native->host != state) {
        return NULL;
    }
    return native_of(value->as.native);
}

void rwl_native_push(lua_State *L, const struct rwl_native *native)
{
    rwl_slot_push(L, native->state, native->slot);
}

void rwl_natives_close(struct rwl_state *state)
{
    while (state->natives.next != &state->natives) {
        struct rwl_native *native =
            (struct rwl_native *)((char *)state->natives.next - offsetof(struct rwl_native, link));

        rwl_slot_release(state, native->slot);
        unlink_native(native);
    }
}
