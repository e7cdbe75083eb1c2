/* SPDX-License-Identifier: MIT
 *
 * box.c - boxes: how they are pushed, recognised and ended. What there is of them says types.c.
 *
 * A box holds one reference to a counted thing of the core; closing it, collecting it and leaving a <close> block
 * all end that reference once. A type is told by the address of its metatable, which stays anchored in the registry
 * as long as the state lives; boxes used lately are known by their own address, so that a method asks Lua once and not five
 * times. Boxes are listed in the state's record, so that the end of a loop can empty those that are left; and they lie in memory
 * of our own, since Lua drops a finalizer for whose call it has no memory, and the userdata all the same. Invariant: `thing` is
 * NULL exactly when the reference is gone.
 *
 * Handles that come back from elsewhere are looked up in a weak table by the address of their object, so that one
 * object is one userdata. The entry goes before the box's finalizer runs; one whose box was emptied meanwhile (a
 * task let go of, the end of a simulation) does not count, since its address may be another object's by then. */
#include <stdlib.h>
#include <string.h>

#include "lua/state.h"

static const char handles_key;

static struct rwl_box *box_at(struct rwl_list *link)
{
    return (struct rwl_box *)((char *)link - offsetof(struct rwl_box, in.link));
}

static void unlink_box(struct rwl_box *box)
{
    box->in.link.prev->next = box->in.link.next;
    box->in.link.next->prev = box->in.link.prev;
    box->in.link.prev = &box->in.link;
    box->in.link.next = &box->in.link;
}

static void empty_box(struct rwl_state *state, struct rwl_box *box)
{
    void *thing = box->thing;

    box->thing = NULL;
    if (thing != NULL) {
        rwl_types[box->type].drop(state, thing);
    }
}

/* The two places, the later use first, for boxes used lately: the address of their userdata is that of no other one until their finalizer
 * has run. */
static inline struct rwl_box **known_at(struct rwl_state *state, const void *userdata)
{
    uint64_t spread = (uint64_t)(uintptr_t)userdata * UINT64_C(0x9E3779B97F4A7C15);

    return state->known_boxes[spread >> 32 & (RWL_KNOWN_BOXES - 1)];
}

static void forget(struct rwl_state *state, const struct rwl_box *box)
{
    struct rwl_box **known = known_at(state, box->userdata);

    known[0] = known[0] != box ? known[0] : NULL;
    known[1] = known[1] != box ? known[1] : NULL;
}

/* Where a userdata leads whose finalizer has run: others may still hold it. Never written to. */
static struct rwl_box closed;

static struct rwl_box *take_free(struct rwl_state *state)
{
    struct rwl_box *box = state->free_boxes;

    if (box == NULL) {
        return malloc(sizeof *box);
    }
    state->free_boxes = box->thing;
    return box;
}

static void give_back(struct rwl_state *state, struct rwl_box *box)
{
    box->thing = state->free_boxes;
    state->free_boxes = box;
}

void rwl_boxes_free(struct rwl_state *state)
{
    while (state->boxes.next != &state->boxes) {
        struct rwl_box *box = box_at(state->boxes.next);

        unlink_box(box);
        give_back(state, box);
    }
    while (state->free_boxes != NULL) {
        free(take_free(state));
    }
}

/* The finalizer of all types. Lua may never call it, for want of memory: then the box stays until the loop or the state ends. */
static int collect(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box **held = lua_touserdata(L, 1);
    struct rwl_box *box = held != NULL ? *held : NULL;

    if (box != NULL) {
        *held = &closed;
        if (box != &closed) {
            forget(state, box);
            unlink_box(box);
            empty_box(state, box);
            give_back(state, box);
        }
    }
    return 0;
}

void rwl_boxes_close(struct rwl_state *state, bool all)
{
    struct rwl_list *next;

    for (struct rwl_list *node = state->boxes.next; node != &state->boxes; node = next) {
        struct rwl_box *box = box_at(node);

        next = node->next;
        if (all || (box->type != RWL_ERROR && box->type != RWL_POOL && box->type != RWL_FOREIGN &&
                    box->type != RWL_BUFFER)) {
            empty_box(state, box);
            next = node->next; /* what was dropped may have emptied others, not removed them */
        }
    }
}

static __attribute__((noinline)) struct rwl_box *recognise(lua_State *L, struct rwl_state *state, int index,
                                                           enum rwl_type_id type)
{
    if (lua_touserdata(L, index) == NULL || !lua_getmetatable(L, index)) {
        return NULL;
    }
    const void *metatable = lua_topointer(L, -1);
    lua_pop(L, 1);
    if (metatable != state->metatables[type]) {
        return NULL;
    }
    struct rwl_box *box = rwl_box_at(L, index);
    if (type != RWL_INT64 && box->thing != NULL) { /* else there is no finalizer, or it may have run */
        struct rwl_box **known = known_at(state, box->userdata);

        known[1] = known[0];
        known[0] = box;
    }
    return box;
}

static int describe(lua_State *L)
{
    const struct rwl_type *type = lua_touserdata(L, lua_upvalueindex(2));
    struct rwl_box *box = recognise(L, rwl_state(L), 1, (enum rwl_type_id)(type - rwl_types));

    if (box == NULL || box->thing == NULL) {
        lua_pushfstring(L, "ropewalk %s (closed)", type->name);
    } else {
        lua_pushfstring(L, "ropewalk %s: %p", type->name, box->thing);
    }
    return 1;
}

static int same_thing(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    enum rwl_type_id type = rwl_type_of(L, state, 1);
    bool same = type != RWL_TYPE_COUNT && type == rwl_type_of(L, state, 2);

    if (same) {
        const struct rwl_box *a = rwl_box_at(L, 1);
        const struct rwl_box *b = rwl_box_at(L, 2);

        same = a->thing == b->thing && a->extra == b->extra &&
               (type != RWL_INT64 || a->in.integer == b->in.integer);
    }
    lua_pushboolean(L, same);
    return 1;
}

static void add_close(lua_State *L, const struct rwl_type *type)
{
    if (type->closes) {
        lua_getfield(L, -1, "__index");
        lua_getfield(L, -1, "close");
        lua_setfield(L, -3, "__close");
        lua_pop(L, 1);
    }
}

static void make_metatable(lua_State *L, struct rwl_state *state, enum rwl_type_id id)
{
    const struct rwl_type *type = &rwl_types[id];

    lua_newtable(L);
    lua_newtable(L);
    if (type->methods != NULL) {
        rwl_set_methods(L, state, type->methods);
    }
    lua_setfield(L, -2, "__index");
    rwl_push_method(L, state, describe, RWL_PLAIN, "", (void *)type);
    lua_setfield(L, -2, "__tostring");
    if (id != RWL_INT64) {
        rwl_push_method(L, state, collect, RWL_PLAIN, "", (void *)type);
        lua_setfield(L, -2, "__gc");
    }
    rwl_push_method(L, state, same_thing, RWL_PLAIN, "", NULL);
    lua_setfield(L, -2, "__eq");
    lua_pushfstring(L, "ropewalk.%s", type->name);
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "ropewalk");
    lua_setfield(L, -2, "__metatable");
    add_close(L, type);
    if (type->metamethods != NULL) {
        rwl_set_methods(L, state, type->metamethods);
    }
    state->metatables[id] = lua_topointer(L, -1);
    state->metatable_refs[id] = luaL_ref(L, LUA_REGISTRYINDEX);
}

void rwl_make_metatables(lua_State *L, struct rwl_state *state)
{
    for (int id = 0; id < RWL_TYPE_COUNT; id++) {
        make_metatable(L, state, (enum rwl_type_id)id);
    }
    lua_newtable(L);
    lua_newtable(L);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &handles_key);
}

struct rwl_box *rwl_push_box(lua_State *L, struct rwl_state *state, enum rwl_type_id type)
{
    struct integer_userdata {
        struct rwl_box *box;
        struct rwl_box integer;
    };
    struct rwl_box **held =
        rwl_new_userdata(L, type == RWL_INT64 ? sizeof(struct integer_userdata) : sizeof *held);
    struct rwl_box *box = type == RWL_INT64 ? &((struct integer_userdata *)held)->integer : take_free(state);

    if (box == NULL) {
        luaL_error(L, "not enough memory");
        return NULL;
    }
    *held = box;
    box->userdata = held;
    box->thing = NULL;
    box->extra = 0;
    box->type = (uint8_t)type;
    box->in.link.next = box->in.link.prev = &box->in.link;
    if (type != RWL_INT64) {
        box->in.link.prev = state->boxes.prev;
        box->in.link.next = &state->boxes;
        state->boxes.prev->next = &box->in.link;
        state->boxes.prev = &box->in.link;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->metatable_refs[type]);
    lua_setmetatable(L, -2);
    return box;
}

struct rwl_box *rwl_test_box(lua_State *L, struct rwl_state *state, int index, enum rwl_type_id type)
{
    const void *userdata = lua_touserdata(L, index);
    struct rwl_box **known = known_at(state, userdata);

    for (int i = 0; i < 2; i++) {
        if (known[i] != NULL && known[i]->userdata == userdata) {
            return known[i]->type == type ? known[i] : NULL;
        }
    }
    return recognise(L, state, index, type);
}

struct rwl_box *rwl_check_box(lua_State *L, struct rwl_state *state, int index, enum rwl_type_id type)
{
    struct rwl_box *box = rwl_test_box(L, state, index, type);

    if (box == NULL) {
        const char *message =
            lua_pushfstring(L, "ropewalk %s expected, got %s", rwl_types[type].name, luaL_typename(L, index));
        luaL_argerror(L, index, message);
    }
    return box;
}

void *rwl_check(lua_State *L, struct rwl_state *state, int index, enum rwl_type_id type)
{
    struct rwl_box *box = rwl_check_box(L, state, index, type);

    if (box->thing == NULL) {
        luaL_argerror(L, index, lua_pushfstring(L, "this %s is closed", rwl_types[type].name));
    }
    return box->thing;
}

enum rwl_type_id rwl_type_of(lua_State *L, struct rwl_state *state, int index)
{
    int type = 0;

    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) {
        return RWL_TYPE_COUNT;
    }
    const void *metatable = lua_topointer(L, -1);
    lua_pop(L, 1);
    while (type < RWL_TYPE_COUNT && metatable != state->metatables[type]) {
        type++;
    }
    return (enum rwl_type_id)type;
}

/* Pushes the userdata that stands for `object`, or nothing. */
static bool push_known(lua_State *L, const void *object)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &handles_key);
    lua_rawgetp(L, -1, object);
    lua_remove(L, -2);
    struct rwl_box *box = lua_touserdata(L, -1) != NULL ? rwl_box_at(L, -1) : NULL;
    if (box == NULL || box->thing == NULL || rwl_types[box->type].object(box->thing) != object) {
        lua_pop(L, 1);
        return false;
    }
    return true;
}

static void remember(lua_State *L, int index, const void *object)
{
    index = lua_absindex(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &handles_key);
    lua_pushvalue(L, index);
    lua_rawsetp(L, -2, object);
    lua_pop(L, 1);
}

void rwl_push_handle(lua_State *L, struct rwl_state *state, const struct rw_value *value)
{
    luaL_checkstack(L, 8, NULL);
    if (push_known(L, value->as.handle)) {
        return;
    }
    for (int id = 0; id < RWL_TYPE_COUNT; id++) {
        const struct rwl_type *type = &rwl_types[id];
        void *thing = type->of != NULL ? type->of(value) : NULL;

        if (thing != NULL) {
            struct rwl_box *box = rwl_push_box(L, state, (enum rwl_type_id)id);

            box->thing = type->ref(thing);
            remember(L, -1, value->as.handle);
            return;
        }
    }
    if (rw_permit_of(value) != NULL) {
        struct rwl_box *box = rwl_push_box(L, state, RWL_PERMIT);

        box->thing = rw_object_ref(value->as.handle);
        return;
    }
    if (!rwl_push_foreign_handle(L, value)) {
        luaL_error(L, "a handle of type '%s' means nothing to Lua", value->as.handle->type->name);
    }
}

struct rw_value rwl_handle_value(lua_State *L, struct rwl_state *state, int index, enum rwl_type_id type)
{
    struct rwl_box *box = rwl_check_box(L, state, index, type);

    (void)state;
    if (rwl_types[type].object == NULL || box->thing == NULL) {
        return rw_nil();
    }
    struct rw_object *object = rwl_types[type].object(box->thing);
    luaL_checkstack(L, 8, NULL);
    remember(L, index, object);
    return rw_value_of_handle(rw_object_ref(object));
}

/* methods("sender"): the table of methods of a type, for the pure Lua part to add to. */
static int get_methods(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    const char *name = luaL_checkstring(L, 1);

    for (int id = 0; id < RWL_TYPE_COUNT; id++) {
        if (strcmp(rwl_types[id].name, name) == 0) {
            lua_rawgeti(L, LUA_REGISTRYINDEX, state->metatable_refs[id]);
            lua_getfield(L, -1, "__index");
            return 1;
        }
    }
    return luaL_error(L, "there is no type '%s'", name);
}

const struct rwl_method rwl_box_functions[] = {{"methods", get_methods, RWL_PLAIN}, {NULL, NULL, RWL_PLAIN}};
