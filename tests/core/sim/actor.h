/* SPDX-License-Identifier: MIT
 *
 * actor.h - a task as a chain of futures: a function is given the outcome of the last one and makes the next.
 */
#ifndef RW_TEST_ACTOR_H
#define RW_TEST_ACTOR_H

#include "../test.h"
#include "base/check.h"

/* Embedded first in an actor's own structure. */
struct actor {
    struct rw_future base;
    struct rw_loop *loop;
    size_t size;
    struct rw_future *current;
    /* *value is nil at first, then the outcome of what it returned before; it may take it. NULL ends the actor. */
    struct rw_future *(*next)(struct actor *actor, struct rw_value *value);
    void (*end)(struct actor *actor); /* may be NULL */
};

static inline enum rw_poll actor_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct actor *actor = (struct actor *)self;
    struct rw_value value = rw_nil();

    for (;;) {
        if (actor->current != NULL) {
            if (rw_poll(actor->current, cx, &value) == RW_PENDING) {
                return RW_PENDING;
            }
            rw_future_drop(actor->current);
            actor->current = NULL;
        }
        actor->current = actor->next(actor, &value);
        rw_value_drop(&value);
        if (actor->current == NULL) {
            *out = rw_nil();
            return RW_READY;
        }
    }
}

static inline void actor_drop(struct rw_future *self)
{
    struct actor *actor = (struct actor *)self;

    rw_future_drop(actor->current);
    if (actor->end != NULL) {
        actor->end(actor);
    }
    rw_loop_release(actor->loop, actor, actor->size);
}

static inline void *actor_new(struct rw_loop *loop, size_t size,
                              struct rw_future *(*next)(struct actor *actor, struct rw_value *value),
                              void (*end)(struct actor *actor))
{
    static const struct rw_future_vtable vtable = {"actor", 0, actor_poll, NULL, actor_drop};
    struct actor *actor = rw_loop_alloc(loop, size);

    memset(actor, 0, size);
    rw_future_init(&actor->base, &vtable);
    actor->loop = loop;
    actor->size = size;
    actor->next = next;
    actor->end = end;
    return actor;
}

static inline struct rw_task *actor_spawn(struct actor *actor)
{
    return rw_spawn(actor->loop, &actor->base, NULL);
}

#endif
