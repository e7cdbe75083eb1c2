/* SPDX-License-Identifier: MIT
 *
 * kit_misuse.c - what a module can do wrong; checked builds say which function it was.
 */
#include <pthread.h>

#include "kit.h"

struct rw_future *kit_null(void)
{
    return NULL;
}

static enum rw_poll poll_wrong(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    (void)self;
    (void)cx;
    *out = rw_nil();
    out->kind = 99;
    return RW_READY;
}

static void drop_wrong(struct rw_future *self)
{
    (void)self;
}

struct rw_future *kit_wrong_kind(struct rw_loop *loop)
{
    static const struct rw_future_vtable vtable = {"kit.wrong_kind", 0, poll_wrong, NULL, drop_wrong};
    static struct rw_future future;

    (void)loop;
    rw_future_init(&future, &vtable);
    return &future;
}

void kit_forget(struct rw_loop *loop)
{
    (void)rw_promise_new(loop);
}

void kit_no_loop(void)
{
    rw_promise_unref(rw_promise_new(NULL));
}

static void *resolve(void *promise)
{
    rw_promise_resolve(promise, rw_int(1));
    return NULL;
}

/* Needs a completer, and uses a promise. */
void kit_resolve_there(struct rw_loop *loop)
{
    struct rw_promise *promise = rw_promise_new(loop);
    pthread_t thread;

    if (promise != NULL && pthread_create(&thread, NULL, resolve, promise) == 0) {
        pthread_join(thread, NULL);
    }
    rw_promise_unref(promise);
}

struct poll_twice {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_future *child;
};

static enum rw_poll poll_twice(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct poll_twice *twice = (struct poll_twice *)self;

    rw_poll(twice->child, cx, out);
    return rw_poll(twice->child, cx, out);
}

static void drop_twice(struct rw_future *self)
{
    struct poll_twice *twice = (struct poll_twice *)self;

    rw_future_drop(twice->child);
    rw_loop_release(twice->loop, twice, sizeof *twice);
}

struct rw_future *kit_poll_twice(struct rw_loop *loop)
{
    static const struct rw_future_vtable vtable = {"kit.poll_twice", 0, poll_twice, NULL, drop_twice};
    struct poll_twice *twice = rw_loop_alloc(loop, sizeof *twice);

    if (twice == NULL) {
        return NULL;
    }
    rw_future_init(&twice->base, &vtable);
    twice->loop = loop;
    twice->child = rw_ready(loop, rw_int(1));
    return &twice->base;
}
