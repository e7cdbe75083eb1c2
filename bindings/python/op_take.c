/* SPDX-License-Identifier: MIT
 *
 * op_take.c - an op handed over: its future for gather, first, select and the adapters.
 *
 * An op whose outcome needs converting (a socket, a pair, the end of an iteration) goes along inside a future of its own, which
 * polls the op's and turns the result back into a value. Invariant: an op that was taken is SPENT, so that it
 * cannot be awaited as well.
 */
#include "rwp.h"

/* An op with a conversion of its own, as a future: the op goes along, and its result becomes the value. */
struct converted {
    struct rw_future base;
    struct rwp_op *op;
    struct rw_loop *loop;
};

static enum rw_poll poll_converted(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct rwp_op *op = ((struct converted *)self)->op;
    PyObject *result;

    if (op->future == NULL) {
        *out = rw_failure(RW_ERR_CLOSED);
        return RW_READY;
    }
    if (rw_poll(op->future, cx, out) == RW_PENDING) {
        return RW_PENDING;
    }
    result = op->convert(op, out);
    rw_future_drop(rwp_op_release(op));
    if (result == NULL || rwp_value_from(op->loop->state, result, out) < 0) {
        *out = rwp_failure_taken(op->loop->state);
    }
    Py_XDECREF(result);
    return RW_READY;
}

static void cancel_converted(struct rw_future *self)
{
    struct rwp_op *op = ((struct converted *)self)->op;

    if (op->future != NULL) {
        rw_future_cancel(op->future);
    }
}

static void drop_converted(struct rw_future *self)
{
    struct converted *converted = (struct converted *)self;
    struct rw_loop *loop = converted->loop;

    rw_future_drop(rwp_op_release(converted->op));
    Py_DECREF(converted->op);
    rw_loop_release(loop, converted, sizeof *converted);
}

static const struct rw_future_vtable converted_vtable = {"python operation", 0, poll_converted,
                                                         cancel_converted, drop_converted};

static struct rw_future *take_converted(struct rwp_op *op)
{
    struct rw_loop *loop = op->loop->loop;
    struct converted *converted = rw_loop_alloc(loop, sizeof *converted);

    if (converted == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    rw_future_init(&converted->base, &converted_vtable);
    converted->op = (struct rwp_op *)Py_NewRef((PyObject *)op);
    converted->loop = loop;
    op->state = RWP_OP_SPENT;
    return &converted->base;
}

struct rw_future *rwp_op_take(struct rwp_op *op)
{
    struct rw_future *future;

    if (op->state != RWP_OP_NEW) {
        PyErr_SetString(PyExc_RuntimeError, "this operation has been awaited or handed over already");
        return NULL;
    }
    future = rwp_op_need_future(op);
    if (future != NULL && op->convert != NULL) {
        return take_converted(op);
    }
    if (future != NULL) {
        (void)rwp_op_release(op);
        op->state = RWP_OP_SPENT;
    }
    return future;
}
