/* SPDX-License-Identifier: MIT
 *
 * box.c - the userdata types: one table of what they are, and how a box is pushed, recognised and ended.
 *
 * A box holds one reference to a counted thing of the core; closing it, collecting it and leaving a <close> block
 * all end that reference once. A type is told by the address of its metatable, which stays anchored in the registry
 * as long as the state lives; boxes used lately are known by their own address, so that a method asks Lua once and not five
 * times. Boxes are listed in the state's record, so that the end of a loop can empty those
 * that are left. Invariant: `thing` is NULL exactly when the reference is gone.
 *
 * Handles that come back from elsewhere are looked up in a weak table by the address of their object, so that one
 * object is one userdata. The entry goes before the box's finalizer runs; one whose box was emptied meanwhile (a
 * task let go of, the end of a simulation) does not count, since its address may be another object's by then. */
#include <string.h>

#include "lua/state.h"

#define AS_HANDLE(type)                                                                                      \
    static struct rw_object *type##_object(void *thing)                                                      \
    {                                                                                                        \
        return rw_##type##_object(thing);                                                                    \
    }                                                                                                        \
    static void *type##_of(const struct rw_value *value)                                                     \
    {                                                                                                        \
        return rw_##type##_of(value);                                                                        \
    }                                                                                                        \
    static void *type##_ref(void *thing)                                                                     \
    {                                                                                                        \
        return rw_##type##_ref(thing);                                                                       \
    }
#define DROP(type)                                                                                           \
    static void type##_drop(struct rwl_state *state, void *thing)                                            \
    {                                                                                                        \
        (void)state;                                                                                         \
        rw_##type##_unref(thing);                                                                            \
    }

AS_HANDLE(task)
AS_HANDLE(promise)
AS_HANDLE(sender)
AS_HANDLE(receiver)
AS_HANDLE(stream)
AS_HANDLE(socket)
DROP(task)
DROP(abort_handle)
DROP(sender)
DROP(receiver)
DROP(oneshot)
DROP(broadcast)
DROP(broadcast_receiver)
DROP(watch_cell)
DROP(watch_receiver)
DROP(semaphore)
DROP(notify)
DROP(stream)
DROP(sink)
DROP(socket)
DROP(listener)
DROP(pool)
DROP(handle)
DROP(error)

static void promise_drop(struct rwl_state *state, void *thing)
{
    (void)state;
    rw_promise_unref(thing);
}

static void future_drop(struct rwl_state *state, void *thing)
{
    (void)state;
    rw_future_drop(thing);
}

static void permit_drop(struct rwl_state *state, void *thing)
{
    (void)state;
    rw_permit_release(rw_permit_of(&(struct rw_value){.kind = RW_KIND_HANDLE, .as.handle = thing}));
    rw_object_unref(thing);
}

static void leave_alone(struct rwl_state *state, void *thing)
{
    (void)state;
    (void)thing;
}

static void join_set_drop(struct rwl_state *state, void *thing)
{
    (void)state;
    rw_join_set_free(thing);
}

static void foreign_drop(struct rwl_state *state, void *thing)
{
    struct rw_native *native = thing;

    (void)state;
    native->vtable->drop(native);
}

#define HANDLE_OF(type) type##_drop, type##_object, type##_of, type##_ref

const struct rwl_type rwl_types[RWL_TYPE_COUNT] = {
    [RWL_TASK] = {"task", rwl_task_methods, HANDLE_OF(task), false},
    [RWL_ABORT_HANDLE] = {"abort handle", rwl_abort_methods, abort_handle_drop, NULL, NULL, NULL, false},
    [RWL_SCOPE] = {"scope", rwl_scope_methods, rwl_scope_drop, NULL, NULL, NULL, false},
    [RWL_PROMISE] = {"promise", rwl_promise_methods, HANDLE_OF(promise), false},
    [RWL_FUTURE] = {"future", rwl_future_methods, future_drop, NULL, NULL, NULL, false},
    [RWL_SENDER] = {"sender", rwl_sender_methods, HANDLE_OF(sender), true},
    [RWL_RECEIVER] = {"receiver", rwl_receiver_methods, HANDLE_OF(receiver), true},
    [RWL_PERMIT] = {"permit", rwl_permit_methods, permit_drop, NULL, NULL, NULL, true},
    [RWL_ONESHOT_SENDER] = {"oneshot sender", rwl_oneshot_methods, oneshot_drop, NULL, NULL, NULL, true},
    [RWL_BROADCAST] = {"broadcast", rwl_broadcast_methods, broadcast_drop, NULL, NULL, NULL, true},
    [RWL_BROADCAST_RECEIVER] = {"broadcast receiver", rwl_broadcast_receiver_methods, broadcast_receiver_drop,
                                NULL, NULL, NULL, true},
    [RWL_WATCH] = {"watch", rwl_watch_methods, watch_cell_drop, NULL, NULL, NULL, true},
    [RWL_WATCH_RECEIVER] = {"watch receiver", rwl_watch_receiver_methods, watch_receiver_drop, NULL, NULL,
                            NULL, true},
    [RWL_SEMAPHORE] = {"semaphore", rwl_semaphore_methods, semaphore_drop, NULL, NULL, NULL, false},
    [RWL_NOTIFY] = {"notify", rwl_notify_methods, notify_drop, NULL, NULL, NULL, false},
    [RWL_STREAM] = {"stream", rwl_stream_methods, HANDLE_OF(stream), true},
    [RWL_SINK] = {"sink", rwl_sink_methods, sink_drop, NULL, NULL, NULL, false},
    [RWL_SOCKET] = {"socket", rwl_socket_methods, HANDLE_OF(socket), true},
    [RWL_LISTENER] = {"listener", rwl_listener_methods, listener_drop, NULL, NULL, NULL, true},
    [RWL_POOL] = {"pool", rwl_pool_methods, pool_drop, NULL, NULL, NULL, false},
    [RWL_HANDLE] = {"handle", rwl_handle_methods, handle_drop, NULL, NULL, NULL, true},
    [RWL_LOOP] = {"loop", rwl_loop_methods, leave_alone, NULL, NULL, NULL, false},
    [RWL_SIM] = {"sim", rwl_sim_methods, leave_alone, NULL, NULL, NULL, false},
    [RWL_JOIN_SET] = {"join set", rwl_join_set_methods, join_set_drop, NULL, NULL, NULL, true},
    [RWL_ERROR] = {"error", rwl_error_methods, error_drop, NULL, NULL, NULL, false},
    [RWL_INT64] = {"int64", rwl_int64_methods, leave_alone, NULL, NULL, NULL, false, rwl_int64_metamethods},
    [RWL_BUFFER] = {"buffer", rwl_buffer_methods, rwl_buffer_drop, NULL, NULL, NULL, false,
                    rwl_buffer_metamethods},
    [RWL_FOREIGN] = {"foreign value", NULL, foreign_drop, NULL, NULL, NULL, false},
};

static const char handles_key;

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

/* The two places, the later use first, for boxes used lately: their address is that of no other userdata until their finalizer has
 * run. */
static inline struct rwl_box **known_at(struct rwl_state *state, const struct rwl_box *box)
{
    uint64_t spread = (uint64_t)(uintptr_t)box * UINT64_C(0x9E3779B97F4A7C15);

    return state->known_boxes[spread >> 32 & (RWL_KNOWN_BOXES - 1)];
}

static void forget(struct rwl_state *state, const struct rwl_box *box)
{
    struct rwl_box **known = known_at(state, box);

    known[0] = known[0] != box ? known[0] : NULL;
    known[1] = known[1] != box ? known[1] : NULL;
}

/* The finalizer of all types. */
static int collect(lua_State *L)
{
    struct rwl_state *state = rwl_state(L);
    struct rwl_box *box = lua_touserdata(L, 1);

    if (box != NULL) {
        forget(state, box);
        unlink_box(box);
        empty_box(state, box);
    }
    return 0;
}

void rwl_boxes_close(struct rwl_state *state, bool all)
{
    struct rwl_list *next;

    for (struct rwl_list *node = state->boxes.next; node != &state->boxes; node = next) {
        struct rwl_box *box = (struct rwl_box *)((char *)node - offsetof(struct rwl_box, in.link));

        next = node->next;
        if (all || (box->type != RWL_ERROR && box->type != RWL_POOL && box->type != RWL_FOREIGN &&
                    box->type != RWL_BUFFER)) {
            empty_box(state, box);
            next = node->next; /* what was dropped may have emptied others, not removed them */
        }
    }
    while (all && state->boxes.next != &state->boxes) {
        unlink_box((struct rwl_box *)((char *)state->boxes.next - offsetof(struct rwl_box, in.link)));
    }
}

static int describe(lua_State *L)
{
    struct rwl_box *box = lua_touserdata(L, 1);
    const struct rwl_type *type = lua_touserdata(L, lua_upvalueindex(2));

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
    struct rwl_box *a = lua_touserdata(L, 1);
    struct rwl_box *b = lua_touserdata(L, 2);

    bool same =
        rwl_type_of(L, state, 1) == rwl_type_of(L, state, 2) && a->thing == b->thing && a->extra == b->extra;
    lua_pushboolean(L, same && (a->type != RWL_INT64 || a->in.integer == b->in.integer));
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
    struct rwl_box *box = rwl_new_userdata(L, sizeof *box);

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

static __attribute__((noinline)) struct rwl_box *recognise(lua_State *L, struct rwl_state *state, int index,
                                                           enum rwl_type_id type)
{
    struct rwl_box *box = lua_touserdata(L, index);

    if (box == NULL || !lua_getmetatable(L, index)) {
        return NULL;
    }
    const void *metatable = lua_topointer(L, -1);
    lua_pop(L, 1);
    if (metatable != state->metatables[type]) {
        return NULL;
    }
    if (type != RWL_INT64 && box->thing != NULL) { /* else there is no finalizer, or it may have run */
        struct rwl_box **known = known_at(state, box);

        known[1] = known[0];
        known[0] = box;
    }
    return box;
}

struct rwl_box *rwl_test_box(lua_State *L, struct rwl_state *state, int index, enum rwl_type_id type)
{
    struct rwl_box *box = lua_touserdata(L, index);
    struct rwl_box **known = known_at(state, box);

    if (__builtin_expect(box != NULL && (known[0] == box || known[1] == box), 1)) {
        return box->type == type ? box : NULL;
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
    struct rwl_box *box = lua_touserdata(L, -1);
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
