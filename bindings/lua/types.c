/* SPDX-License-Identifier: MIT
 *
 * types.c - the userdata types: one table of what they are.
 *
 * Invariant: a type's drop function ends one reference to what its boxes hold; those with `of` and `ref` are handles, which come
 * and go as values.
 */
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
