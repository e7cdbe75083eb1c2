/* SPDX-License-Identifier: MIT
 *
 * callback.c - a function of a script that C keeps, and calls on the script's own loop.
 *
 * What the function needs (`arg`) is touched on the loop's thread alone: a call from elsewhere is a letter, and so is the
 * news that the last reference has gone, by a node of the callback's own, which needs no memory. A loop that ended takes no
 * news; then `arg` is dropped only on the thread that made the callback, since the interpreter behind it may be running there.
 *
 * Invariant: `arg` is dropped at most once, and never while another thread runs its loop.
 */
#include <pthread.h>

#include "base/inbox.h"
#include "base/mem.h"
#include "base/value.h"
#include "exec/executor.h"

struct rw_callback {
    struct rw_loop *loop; /* the loop's thread only */
    struct rw_handle *handle;
    struct rwi_inbox *inbox;
    struct rwi_inbox_node node;
    pthread_t thread; /* that made it */
    struct rw_future *(*call)(void *arg, struct rw_value argument);
    void (*drop)(void *arg);
    void *arg;
    uint32_t ref_count; /* atomic */
};

/* One call on its way. */
struct post {
    struct rw_callback *callback;
    struct rw_value argument;
};

static void drop_arg(struct rw_callback *callback)
{
    RW_ASSERT(callback->ref_count == 0);
    if (callback->drop != NULL) {
        callback->drop(callback->arg);
    }
}

static void dispose(struct rw_callback *callback)
{
    RW_ASSERT(callback->ref_count == 0);
    rwi_inbox_unref(callback->inbox);
    rw_handle_unref(callback->handle);
    rwi_mem_free(callback, sizeof *callback);
}

static void take_end(struct rwi_inbox_node *node, struct rw_loop *loop)
{
    struct rw_callback *callback = rwi_container_of(node, struct rw_callback, node);

    (void)loop;
    drop_arg(callback);
    dispose(callback);
}

struct rw_callback *rw_callback_new(struct rw_loop *loop,
                                    struct rw_future *(*call)(void *arg, struct rw_value argument),
                                    void (*drop)(void *arg), void *arg)
{
    RW_REQUIRE(loop != NULL);
    RW_REQUIRE(call != NULL);
    struct rw_callback *callback = rwi_mem_new(sizeof *callback);
    struct rw_handle *handle = rw_handle_new(loop);

    if (callback == NULL || handle == NULL) {
        rwi_mem_free(callback, sizeof *callback);
        rw_handle_unref(handle);
        if (drop != NULL) {
            drop(arg);
        }
        return NULL;
    }
    *callback = (struct rw_callback){.loop = loop, .handle = handle, .call = call, .drop = drop, .arg = arg};
    callback->thread = pthread_self();
    callback->inbox = rwi_inbox_ref(rwi_executor_of(loop)->inbox);
    callback->node.take = take_end;
    callback->ref_count = 1;
    return callback;
}

struct rw_callback *rw_callback_ref(struct rw_callback *callback)
{
    RW_REQUIRE(callback != NULL);
    RW_ASSERT(__atomic_load_n(&callback->ref_count, __ATOMIC_RELAXED) > 0);
    __atomic_add_fetch(&callback->ref_count, 1, __ATOMIC_RELAXED);
    return callback;
}

void rw_callback_unref(struct rw_callback *callback)
{
    if (callback == NULL || __atomic_sub_fetch(&callback->ref_count, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    if (rwi_inbox_push(callback->inbox, &callback->node)) {
        return;
    }
    if (pthread_equal(callback->thread, pthread_self()) != 0) {
        drop_arg(callback);
    }
    dispose(callback);
}

struct rw_future *rw_callback_call(struct rw_callback *callback, struct rw_value argument)
{
    RW_REQUIRE(callback != NULL);
    RW_REQUIRE(rw_loop_is_own_thread(callback->loop));
    struct rw_future *future = callback->call(callback->arg, argument);

    return future != NULL ? future : rw_failed(callback->loop, RW_ERR_NOMEM);
}

static void drop_post(void *arg)
{
    struct post *post = arg;

    rw_value_drop(&post->argument);
    rw_callback_unref(post->callback);
    rwi_mem_free(post, sizeof *post);
}

static struct rw_future *make_call(void *arg, struct rw_loop *loop)
{
    struct post *post = arg;
    struct rw_value argument = post->argument;

    RW_ASSERT(loop == post->callback->loop);
    post->argument = rw_nil();
    struct rw_future *future = rw_callback_call(post->callback, argument);
    drop_post(post);
    return future;
}

int rw_callback_post(struct rw_callback *callback, struct rw_value argument)
{
    RW_REQUIRE(callback != NULL);
    int err = rwi_value_bound(&argument);
    struct post *post = err == 0 ? rwi_mem_new(sizeof *post) : NULL;

    if (post == NULL) {
        rw_value_drop(&argument);
        return err != 0 ? err : RW_ERR_NOMEM;
    }
    *post = (struct post){rw_callback_ref(callback), argument};
    err = rw_handle_spawn(callback->handle, make_call, drop_post, post);
    if (err != 0) {
        drop_post(post);
    }
    return err;
}
