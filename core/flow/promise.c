/* SPDX-License-Identifier: MIT
 *
 * promise.c - a future made by hand: completed once, awaited by any number.
 *
 * The promise holds the value and a list of the futures that wait; each takes a clone. Those futures hold references, so
 * that a promise whose last owner has gone still answers; who gives up the power to complete it says so with
 * rw_promise_abandon.
 *
 * Invariant: futures wait in the list only while the promise is not done.
 */
#include "base/list.h"
#include "base/mem.h"
#include "base/value.h"
#include "exec/executor.h"

struct rw_promise {
    struct rw_object object;
    struct rw_loop *loop;
    struct rwi_list waiting; /* wait_future.node */
    struct rw_value value;   /* once done */
    bool is_done;
};

struct wait_future {
    struct rw_future future;
    struct rw_promise *promise;
    struct rwi_list node;
    struct rw_waker waker; /* borrowed, while in the list */
};

static void destroy(struct rw_object *object)
{
    struct rw_promise *promise = (struct rw_promise *)object;
    struct rw_loop *loop = promise->loop;

    RW_ASSERT(object->ref_count == 0);
    RW_ASSERT(rwi_list_is_empty(&promise->waiting));
    rw_value_drop(&promise->value);
    rwi_mem_free(promise, sizeof *promise);
    rwi_object_gone(loop, promise);
}

static const struct rw_object_type promise_type = {"promise", false, destroy};

struct rw_promise *rw_promise_new(struct rw_loop *loop)
{
    struct rw_promise *promise;

    RW_REQUIRE(loop != NULL);
    promise = rwi_mem_new(sizeof *promise);
    if (promise == NULL) {
        return NULL;
    }
    promise->object.type = &promise_type;
    promise->object.ref_count = 1;
    promise->loop = loop;
    rwi_list_init(&promise->waiting);
    rwi_object_born(loop, promise);
    return promise;
}

struct rw_promise *rw_promise_ref(struct rw_promise *promise)
{
    RW_REQUIRE(promise != NULL);
    rw_object_ref(&promise->object);
    return promise;
}

void rw_promise_unref(struct rw_promise *promise)
{
    rw_object_unref(promise != NULL ? &promise->object : NULL);
}

struct rw_promise *rw_promise_of(const struct rw_value *value)
{
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    if (value->kind != RW_KIND_HANDLE || value->as.handle->type != &promise_type) {
        return NULL;
    }
    return rwi_container_of(value->as.handle, struct rw_promise, object);
}

struct rw_object *rw_promise_object(struct rw_promise *promise)
{
    RW_REQUIRE(promise != NULL);
    return &promise->object;
}

int rw_promise_resolve(struct rw_promise *promise, struct rw_value value)
{
    struct rwi_list *node;

    RW_REQUIRE(promise != NULL);
    RW_ASSERT(rw_loop_is_own_thread(promise->loop)); /* else: use a completer */
    if (promise->is_done) {
        rw_value_drop(&value);
        return RW_ERR_STATE;
    }
    promise->value = value;
    promise->is_done = true;
    while ((node = rwi_list_pop_front(&promise->waiting)) != NULL) {
        rw_waker_wake(&rwi_list_entry(node, struct wait_future, node)->waker);
    }
    RW_ASSERT(rwi_list_is_empty(&promise->waiting));
    return 0;
}

void rw_promise_abandon(struct rw_promise *promise)
{
    RW_REQUIRE(promise != NULL);
    if (!promise->is_done) {
        rw_promise_resolve(promise, rw_failure(RW_ERR_BROKEN));
    }
    RW_ASSERT(promise->is_done);
}

bool rw_promise_is_done(const struct rw_promise *promise)
{
    RW_REQUIRE(promise != NULL);
    return promise->is_done;
}

const struct rw_value *rw_promise_value(const struct rw_promise *promise)
{
    RW_REQUIRE(promise != NULL);
    return promise->is_done ? &promise->value : NULL;
}

/* ---- the future ------------------------------------------------------------------------------------------------------ */

static enum rw_poll wait_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct wait_future *wait = (struct wait_future *)self;
    struct rw_promise *promise = wait->promise;

    RW_ASSERT(promise->loop == cx->loop);
    if (promise->is_done) {
        RW_ASSERT(rwi_list_is_empty(&wait->node));
        if (!rwi_budget_take(cx)) {
            return RW_PENDING;
        }
        *out = rwi_value_clone(&promise->value);
        return RW_READY;
    }
    wait->waker = cx->waker;
    if (rwi_list_is_empty(&wait->node)) {
        rwi_list_push_back(&promise->waiting, &wait->node);
    }
    return RW_PENDING;
}

static void wait_drop(struct rw_future *self)
{
    struct wait_future *wait = (struct wait_future *)self;
    struct rw_promise *promise = wait->promise;

    rwi_list_remove(&wait->node);
    RW_ASSERT(promise->object.ref_count > 0);
    rwi_loop_release(promise->loop, wait, sizeof *wait);
    rw_promise_unref(promise);
}

static const struct rw_future_vtable wait_vtable = {"promise", 0, wait_poll, NULL, wait_drop};

struct rw_future *rw_promise_wait(struct rw_promise *promise)
{
    struct wait_future *wait;

    RW_REQUIRE(promise != NULL);
    wait = rwi_loop_alloc(promise->loop, sizeof *wait);
    if (wait == NULL) {
        return rw_failed(promise->loop, RW_ERR_NOMEM);
    }
    rw_future_init(&wait->future, &wait_vtable);
    wait->promise = rw_promise_ref(promise);
    rwi_list_init(&wait->node);
    return &wait->future;
}
