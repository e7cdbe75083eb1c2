/* SPDX-License-Identifier: MIT
 *
 * once.c - a value made once, by the first who asks.
 *
 *      get   WAITING --has the turn--> MAKING --made--> (ready), the turn is closed: all others see the value
 *               \--value is there--> (ready)     \--failed, dropped--> the turn goes to the next
 *
 * The turn is the one permit of a semaphore. Who holds it makes the value; while nobody has succeeded it is passed on
 * in the order of asking, also by those who go away.
 *
 * Invariant: somebody is MAKING exactly while the permit is out and the semaphore open; it is closed once there is a value.
 */
#include "base/mem.h"
#include "base/value.h"
#include "exec/executor.h"
#include "exec/future.h"

struct rw_once {
    struct rw_object object;
    struct rw_loop *loop;
    struct rw_semaphore *turn;
    struct rw_value value;
    bool is_done;
};

struct get_future {
    struct rw_future future;
    struct rw_once *once;
    struct rw_future *(*make)(void *arg, struct rw_loop *loop);
    void (*drop)(void *arg);
    void *arg;
    struct rw_future *waiting; /* for the turn; NULL once it came */
    struct rw_future *making;  /* NULL before */
};

static void destroy(struct rw_object *object)
{
    struct rw_once *once = (struct rw_once *)object;
    struct rw_loop *loop = once->loop;

    RW_ASSERT(object->ref_count == 0);
    rw_value_drop(&once->value);
    rw_semaphore_unref(once->turn);
    rwi_mem_free(once, sizeof *once);
    rwi_object_gone(loop, once);
}

static const struct rw_object_type once_type = {"once", false, destroy};

struct rw_once *rw_once_new(struct rw_loop *loop)
{
    struct rw_once *once;

    RW_REQUIRE(loop != NULL);
    once = rwi_mem_new(sizeof *once);
    if (once == NULL) {
        return NULL;
    }
    once->turn = rw_semaphore_new(loop, 1);
    if (once->turn == NULL) {
        rwi_mem_free(once, sizeof *once);
        return NULL;
    }
    once->object.type = &once_type;
    once->object.ref_count = 1;
    once->loop = loop;
    rwi_object_born(loop, once);
    return once;
}

struct rw_once *rw_once_ref(struct rw_once *once)
{
    RW_REQUIRE(once != NULL);
    rw_object_ref(&once->object);
    return once;
}

void rw_once_unref(struct rw_once *once)
{
    rw_object_unref(once != NULL ? &once->object : NULL);
}

const struct rw_value *rw_once_value(const struct rw_once *once)
{
    RW_REQUIRE(once != NULL);
    return once->is_done ? &once->value : NULL;
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

static void end_making(struct get_future *get)
{
    struct rw_future *making = get->making;

    RW_ASSERT(making != NULL);
    get->making = NULL;
    rw_future_drop(making);
    rw_semaphore_release(get->once->turn, 1);
}

static enum rw_poll go_on_making(struct get_future *get, struct rw_context *cx, struct rw_value *out)
{
    struct rw_once *once = get->once;
    enum rw_poll poll = rwi_poll(get->making, cx, out);

    RW_ASSERT(!once->is_done);
    if (poll == RW_PENDING) {
        return RW_PENDING;
    }
    if (!rw_is_failure(out)) {
        once->value = *out;
        once->is_done = true;
        *out = rwi_value_clone(&once->value);
        rw_semaphore_close(once->turn);
    }
    end_making(get);
    return RW_READY;
}

static enum rw_poll get_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct get_future *get = (struct get_future *)self;
    struct rw_once *once = get->once;

    RW_ASSERT(once->loop == cx->loop);
    if (once->is_done) {
        *out = rwi_value_clone(&once->value);
        return RW_READY;
    }
    if (get->making == NULL) {
        if (rwi_poll(get->waiting, cx, out) == RW_PENDING) {
            return RW_PENDING;
        }
        rw_future_drop(get->waiting);
        get->waiting = NULL;
        if (rw_is_failure(out)) {
            return RW_READY;
        }
        get->making = get->make(get->arg, once->loop);
        if (get->making == NULL) {
            rw_semaphore_release(once->turn, 1);
            *out = rw_failure(RW_ERR_NOMEM);
            return RW_READY;
        }
    }
    return go_on_making(get, cx, out);
}

static void get_drop(struct rw_future *self)
{
    struct get_future *get = (struct get_future *)self;
    struct rw_once *once = get->once;

    RW_ASSERT(get->waiting == NULL || get->making == NULL);
    rw_future_drop(get->waiting);
    if (get->making != NULL) {
        end_making(get);
    }
    if (get->drop != NULL) {
        get->drop(get->arg);
    }
    rwi_loop_release(once->loop, get, sizeof *get);
    rw_once_unref(once);
}

static const struct rw_future_vtable get_vtable = {"once.get", 0, get_poll, NULL, get_drop};

struct rw_future *rw_once_get(struct rw_once *once,
                              struct rw_future *(*make)(void *arg, struct rw_loop *loop),
                              void (*drop)(void *arg), void *arg)
{
    struct get_future *get;

    RW_REQUIRE(once != NULL);
    RW_REQUIRE(make != NULL);
    get = rwi_loop_alloc(once->loop, sizeof *get);
    if (get == NULL) {
        if (drop != NULL) {
            drop(arg);
        }
        return rw_failed(once->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&get->future, &get_vtable);
    get->once = rw_once_ref(once);
    get->make = make;
    get->drop = drop;
    get->arg = arg;
    get->waiting = rw_semaphore_acquire(once->turn, 1);
    get->making = NULL;
    return &get->future;
}
