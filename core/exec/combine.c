/* SPDX-License-Identifier: MIT
 *
 * combine.c - a future around one other: map, and_then, or_else, lazy, abortable, shield.
 *
 * The chain: a `chain_future` holds the inner future and what is to be done with its outcome. Invariant: `inner` is the one
 * future it now waits for, and is NULL only when it is done; `arg` is dropped exactly once. A cancel goes to `inner`, and
 * to the future that follows it if the cancel came before that was made.
 */
#include "base/check.h"
#include "exec/executor.h"
#include "exec/future.h"

enum chain_kind { CHAIN_MAP, CHAIN_AND_THEN, CHAIN_OR_ELSE, CHAIN_LAZY };

struct chain_future {
    struct rw_future base;
    struct rw_loop *loop;
    struct rw_future *inner; /* NULL: lazy and not made yet, or done */
    enum chain_kind kind;
    bool applied; /* fn has run: the inner future is the last one */
    union {
        struct rw_value (*map)(void *arg, struct rw_value value);
        struct rw_future *(*then)(void *arg, struct rw_value value);
        struct rw_future *(*make)(void *arg, struct rw_loop *loop);
    } fn;
    void (*drop)(void *arg);
    void *arg;
    struct rw_waker waker; /* borrowed */
};

static bool applies_to(enum chain_kind kind, const struct rw_value *value)
{
    RW_ASSERT(kind <= CHAIN_LAZY);
    return rw_is_failure(value) == (kind == CHAIN_OR_ELSE);
}

static void follow(struct chain_future *chain, struct rw_future *next)
{
    RW_ASSERT(chain->inner == NULL);
    chain->applied = true;
    chain->inner = next != NULL ? next : rw_failed(chain->loop, RW_ERR_NOMEM);
    if ((chain->base.state & RW_FUTURE_CANCELLED) != 0) {
        rw_future_cancel(chain->inner);
    }
}

static enum rw_poll poll_chain(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct chain_future *chain = (struct chain_future *)self;

    chain->waker = cx->waker;
    if (chain->inner == NULL) {
        RW_ASSERT(chain->kind == CHAIN_LAZY);
        follow(chain, chain->fn.make(chain->arg, chain->loop));
    }
    while (rwi_poll(chain->inner, cx, out) == RW_READY) {
        if (chain->applied || !applies_to(chain->kind, out)) {
            return RW_READY;
        }
        if (chain->kind == CHAIN_MAP) {
            *out = chain->fn.map(chain->arg, *out);
            chain->applied = true;
            return RW_READY;
        }
        rw_future_drop(chain->inner);
        chain->inner = NULL;
        follow(chain, chain->fn.then(chain->arg, *out));
    }
    return RW_PENDING;
}

static void cancel_chain(struct rw_future *self)
{
    struct chain_future *chain = (struct chain_future *)self;

    RW_ASSERT(chain->waker.vtable != NULL);
    if (chain->inner != NULL) { /* else fn is running, and what it makes will be told */
        rw_future_cancel(chain->inner);
    }
    rw_waker_wake(&chain->waker);
}

static void drop_chain(struct rw_future *self)
{
    struct chain_future *chain = (struct chain_future *)self;

    rw_future_drop(chain->inner);
    if (chain->drop != NULL) {
        chain->drop(chain->arg);
    }
    rwi_loop_release(chain->loop, chain, sizeof *chain);
}

static const struct rw_future_vtable chain_vtables[] = {
    [CHAIN_MAP] = {"map", 0, poll_chain, cancel_chain, drop_chain},
    [CHAIN_AND_THEN] = {"and_then", 0, poll_chain, cancel_chain, drop_chain},
    [CHAIN_OR_ELSE] = {"or_else", 0, poll_chain, cancel_chain, drop_chain},
    [CHAIN_LAZY] = {"lazy", 0, poll_chain, cancel_chain, drop_chain},
};

static struct chain_future *new_chain(struct rw_loop *loop, enum chain_kind kind, struct rw_future *inner,
                                      void (*drop)(void *arg), void *arg)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(inner != NULL || kind == CHAIN_LAZY);
    struct chain_future *chain = rwi_loop_alloc(loop, sizeof *chain);

    if (chain == NULL) {
        rw_future_drop(inner);
        if (drop != NULL) {
            drop(arg);
        }
        return NULL;
    }
    *chain = (struct chain_future){.loop = loop, .inner = inner, .kind = kind, .drop = drop, .arg = arg};
    rw_future_init(&chain->base, &chain_vtables[kind]);
    return chain;
}

struct rw_future *rw_map(struct rw_loop *loop, struct rw_future *future,
                         struct rw_value (*fn)(void *arg, struct rw_value value), void (*drop)(void *arg),
                         void *arg)
{
    RW_REQUIRE(fn != NULL);
    struct chain_future *chain = new_chain(loop, CHAIN_MAP, future, drop, arg);

    if (chain == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    chain->fn.map = fn;
    return &chain->base;
}

static struct rw_future *new_then(struct rw_loop *loop, enum chain_kind kind, struct rw_future *future,
                                  struct rw_future *(*fn)(void *arg, struct rw_value value),
                                  void (*drop)(void *arg), void *arg)
{
    RW_REQUIRE(fn != NULL);
    struct chain_future *chain = new_chain(loop, kind, future, drop, arg);

    if (chain == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    chain->fn.then = fn;
    return &chain->base;
}

struct rw_future *rw_and_then(struct rw_loop *loop, struct rw_future *future,
                              struct rw_future *(*fn)(void *arg, struct rw_value value),
                              void (*drop)(void *arg), void *arg)
{
    return new_then(loop, CHAIN_AND_THEN, future, fn, drop, arg);
}

struct rw_future *rw_or_else(struct rw_loop *loop, struct rw_future *future,
                             struct rw_future *(*fn)(void *arg, struct rw_value failure),
                             void (*drop)(void *arg), void *arg)
{
    return new_then(loop, CHAIN_OR_ELSE, future, fn, drop, arg);
}

struct rw_future *rw_lazy(struct rw_loop *loop, struct rw_future *(*make)(void *arg, struct rw_loop *loop),
                          void (*drop)(void *arg), void *arg)
{
    RW_REQUIRE(make != NULL);
    struct chain_future *chain = new_chain(loop, CHAIN_LAZY, NULL, drop, arg);

    if (chain == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    chain->fn.make = make;
    return &chain->base;
}

/* ---- a value that is there already ----------------------------------------------------------------------------------- */

struct kept_value {
    struct rw_loop *loop;
    struct rw_value value;
};

static struct rw_value give_kept(void *arg, struct rw_value unwanted)
{
    struct kept_value *kept = arg;

    RW_ASSERT(!rw_is_failure(&unwanted));
    rw_value_drop(&unwanted);
    return rw_value_take(&kept->value);
}

static void drop_kept(void *arg)
{
    struct kept_value *kept = arg;

    rw_value_drop(&kept->value);
    rwi_loop_release(kept->loop, kept, sizeof *kept);
}

struct rw_future *rw_map_to(struct rw_loop *loop, struct rw_future *future, struct rw_value value)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(future != NULL);
    struct kept_value *kept = rwi_loop_alloc(loop, sizeof *kept);

    if (kept == NULL) {
        rw_future_drop(future);
        rw_value_drop(&value);
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *kept = (struct kept_value){loop, value};
    return rw_map(loop, future, give_kept, drop_kept, kept);
}
