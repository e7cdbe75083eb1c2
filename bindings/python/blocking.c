/* SPDX-License-Identifier: MIT
 *
 * blocking.c - to_thread and Pool: Python functions on the core's blocking pools.
 *
 * The job takes the GIL on the pool's thread with a thread state of its own, made for that call. Its result goes back as
 * a native, so the very object arrives. In simulation the pool is the loop's thread, which holds the GIL already.
 */
#include "rwp.h"

#define BOX(op) ((struct rwp_box *)(op))

struct job {
    struct rwp_state *state;
    PyInterpreterState *interpreter;
    PyObject *callable;
    PyObject *args;
    PyObject *kwargs;
    PyObject *context;
    bool inline_run; /* on the loop's own thread */
};

/* The last reference waits for the threads, which need the GIL to end their jobs. */
static void drop_pool(void *thing)
{
    Py_BEGIN_ALLOW_THREADS rw_pool_unref(thing);
    Py_END_ALLOW_THREADS
}

void rwp_blocking_end(struct rwp_loop *loop)
{
    struct rw_pool *pool = loop->pool;

    loop->pool = NULL;
    if (pool != NULL) {
        drop_pool(pool);
    }
}

/* Not the core's own pool: that one is ended where the GIL cannot be let go of. */
static struct rw_pool *default_pool(struct rwp_loop *loop)
{
    if (loop->pool == NULL) {
        loop->pool = rw_pool_new("python", loop->pool_threads, loop->pool_queue);
    }
    return loop->pool;
}

static void drop_job(void *arg)
{
    struct job *job = arg;

    Py_XDECREF(job->callable);
    Py_XDECREF(job->args);
    Py_XDECREF(job->kwargs);
    Py_XDECREF(job->context);
    PyMem_Free(job);
}

static void call_job(struct job *job, struct rw_value *out)
{
    PyObject *result = NULL;
    struct rw_native *native;

    if (PyContext_Enter(job->context) == 0) {
        result = PyObject_Call(job->callable, job->args, job->kwargs);
        (void)PyContext_Exit(job->context);
    }
    if (result == NULL) {
        *out = rwp_failure_taken(job->state);
        return;
    }
    native = rwp_native_new(job->state, result);
    Py_DECREF(result);
    *out = native != NULL ? rw_value_of_native(native) : rw_failure(RW_ERR_NOMEM);
}

static void run_job(void *arg, struct rw_value *out)
{
    struct job *job = arg;
    PyThreadState *thread;

    if (job->inline_run) {
        call_job(job, out);
        return;
    }
    thread = PyThreadState_New(job->interpreter);
    PyEval_RestoreThread(thread);
    call_job(job, out);
    PyThreadState_Clear(thread);
    PyThreadState_DeleteCurrent();
}

static struct job *make_job(struct rwp_loop *loop, PyObject *args, PyObject *kwargs)
{
    struct job *job = PyMem_Calloc(1, sizeof *job);

    if (job == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    job->state = loop->state;
    job->interpreter = PyInterpreterState_Get();
    job->inline_run = loop->sim != NULL;
    job->callable = Py_NewRef(PyTuple_GET_ITEM(args, 0));
    job->args = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
    job->kwargs = Py_XNewRef(kwargs);
    job->context = PyContext_CopyCurrent();
    if (job->args == NULL || job->context == NULL) {
        drop_job(job);
        return NULL;
    }
    return job;
}

/* The `pool` keyword, taken out of kwargs; borrowed. NULL with an exception, or without. */
static struct rw_pool *read_pool(struct rwp_state *state, PyObject *kwargs)
{
    PyObject *pool = kwargs != NULL ? PyDict_GetItemString(kwargs, "pool") : NULL;
    struct rw_pool *found = NULL;

    if (pool == NULL) {
        return NULL;
    }
    if (pool != Py_None) {
        if (Py_TYPE(pool) != state->pool_type) {
            PyErr_SetString(PyExc_TypeError, "pool must be a ropewalk.Pool");
            return NULL;
        }
        found = BOX(pool)->link.thing;
        if (found == NULL) {
            rwp_raise(state, RW_ERR_CLOSED, "this pool is closed");
            return NULL;
        }
    }
    (void)PyDict_DelItemString(kwargs, "pool");
    return found;
}

static PyObject *begin(struct rwp_loop *loop, struct rw_pool *pool, PyObject *args, PyObject *kwargs)
{
    struct job *job;

    if (PyTuple_GET_SIZE(args) < 1 || !PyCallable_Check(PyTuple_GET_ITEM(args, 0))) {
        PyErr_SetString(PyExc_TypeError, "a function was expected first");
        return NULL;
    }
    if (pool == NULL && (pool = default_pool(loop)) == NULL) {
        return PyErr_NoMemory();
    }
    job = make_job(loop, args, kwargs);
    if (job == NULL) {
        return NULL;
    }
    return rwp_op_new(loop, rw_spawn_blocking(loop->loop, pool, run_job, drop_job, job), NULL, NULL);
}

static PyObject *module_to_thread(PyObject *module, PyObject *args, PyObject *kwargs)
{
    struct rwp_state *state = rwp_state_of_module(module);
    struct rwp_loop *loop = rwp_running(state);
    struct rw_pool *pool;

    if (loop == NULL) {
        return NULL;
    }
    pool = read_pool(state, kwargs);
    return PyErr_Occurred() == NULL ? begin(loop, pool, args, kwargs) : NULL;
}

/* ---- Pool ---------------------------------------------------------------------------------------------------------------------------- */

static PyObject *pool_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"name", "size", "queue", NULL};
    struct rwp_loop *loop;
    const char *name;
    long size = RW_DEFAULT_BLOCKING_THREADS, limit = RW_DEFAULT_BLOCKING_QUEUE;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s|ll:Pool", names, &name, &size, &limit)) {
        return NULL;
    }
    if (size < 1 || size > RW_MOST_BLOCKING_THREADS || limit < 1 || limit > RW_MOST_BLOCKING_QUEUE) {
        PyErr_Format(PyExc_ValueError, "a pool has 1 to %d threads and room for 1 to %d jobs",
                     RW_MOST_BLOCKING_THREADS, RW_MOST_BLOCKING_QUEUE);
        return NULL;
    }
    loop = rwp_running(PyType_GetModuleState(type));
    if (loop == NULL) {
        return NULL;
    }
    return rwp_box_new(type, loop, rw_pool_new(name, (uint32_t)size, (uint32_t)limit), drop_pool);
}

static PyObject *pool_run(PyObject *op, PyObject *args, PyObject *kwargs)
{
    struct rw_pool *pool = rwp_link_thing(&BOX(op)->link);

    return pool != NULL ? begin(BOX(op)->link.loop, pool, args, kwargs) : NULL;
}

static PyObject *pool_close(PyObject *op, PyObject *unused)
{
    struct rw_pool *pool = rwp_link_take(&BOX(op)->link);

    (void)unused;
    if (pool != NULL) {
        drop_pool(pool);
    }
    Py_RETURN_NONE;
}

static PyMethodDef pool_methods[] = {
    {"run", (PyCFunction)(void (*)(void))pool_run, METH_VARARGS | METH_KEYWORDS,
     "run(fn, *args, **kwargs) - fn's result, computed on one of the threads; WouldBlock when the queue is "
     "full."},
    {"close", pool_close, METH_NOARGS, "close() - wait for the jobs that run and end the threads."},
    {NULL, NULL, 0, NULL},
};

static void pool_dealloc(PyObject *op)
{
    PyObject *closed = pool_close(op, NULL);
    PyTypeObject *type = Py_TYPE(op);

    Py_XDECREF(closed);
    PyObject_Free(op);
    Py_DECREF(type);
}

static PyType_Slot pool_slots[] = {
    {Py_tp_doc, "Pool(name, size=16, queue=65536) - threads for functions that block; the defaults are those "
                "of a loop's "
                "blocking_threads and blocking_queue."},
    {Py_tp_new, pool_new},
    {Py_tp_dealloc, pool_dealloc},
    {Py_tp_methods, pool_methods},
    {0, NULL},
};

static PyType_Spec pool_spec = {
    "ropewalk._ropewalk.Pool",
    sizeof(struct rwp_box),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    pool_slots,
};

static PyMethodDef functions[] = {
    {"to_thread", (PyCFunction)(void (*)(void))module_to_thread, METH_VARARGS | METH_KEYWORDS,
     "to_thread(fn, *args, pool=None, **kwargs) - fn's result, computed on another thread."},
    {NULL, NULL, 0, NULL},
};

int rwp_blocking_init(struct rwp_state *state)
{
    state->pool_type = rwp_add_type(state, &pool_spec, NULL, true);
    return state->pool_type != NULL ? PyModule_AddFunctions(state->module, functions) : -1;
}
