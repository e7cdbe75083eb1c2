/* SPDX-License-Identifier: MIT
 *
 * module.c - the extension module ropewalk._ropewalk: its state, its making and its end.
 *
 * Multi-phase initialisation; one struct rwp_state per interpreter holds everything, so that several interpreters can each
 * import the module. What is taken from asyncio is taken once, here.
 */
#include "rwp.h"

static const char *const name_texts[RWP_NAME_COUNT] = {
    [RWP_N_BLOCKING] = "_asyncio_future_blocking",
    [RWP_N_ADD_DONE_CALLBACK] = "add_done_callback",
    [RWP_N_REMOVE_DONE_CALLBACK] = "remove_done_callback",
    [RWP_N_CANCEL] = "cancel",
    [RWP_N_CONTEXT] = "context",
    [RWP_N_MSG] = "msg",
    [RWP_N_RESULT] = "result",
    [RWP_N_GET_LOOP] = "get_loop",
    [RWP_N_THROW] = "throw",
    [RWP_N_CLOSE] = "close",
    [RWP_N_CALL_EXCEPTION_HANDLER] = "call_exception_handler",
    [RWP_N_CREATE_FUTURE] = "create_future",
    [RWP_N_SET_RESULT] = "set_result",
    [RWP_N_SET_EXCEPTION] = "set_exception",
    [RWP_N_DONE] = "done",
    [RWP_N_RUN] = "_run",
    [RWP_N_LOOP] = "loop",
    [RWP_N_NAME] = "name",
    [RWP_N_ANEXT] = "__anext__",
    [RWP_N_CONNECTION_MADE] = "connection_made",
    [RWP_N_CONNECTION_LOST] = "connection_lost",
    [RWP_N_DATA_RECEIVED] = "data_received",
    [RWP_N_EOF_RECEIVED] = "eof_received",
    [RWP_N_GET_BUFFER] = "get_buffer",
    [RWP_N_BUFFER_UPDATED] = "buffer_updated",
    [RWP_N_PAUSE_WRITING] = "pause_writing",
    [RWP_N_RESUME_WRITING] = "resume_writing",
};

struct rwp_state *rwp_state_of(PyObject *object)
{
    PyObject *module = PyType_GetModuleByDef(Py_TYPE(object), &rwp_module);

    return module != NULL ? PyModule_GetState(module) : NULL;
}

PyTypeObject *rwp_add_type(struct rwp_state *state, PyType_Spec *spec, PyObject *bases, bool is_public)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(state->module, spec, bases);

    if (type != NULL && is_public && PyModule_AddType(state->module, type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

static int intern_names(struct rwp_state *state)
{
    for (int i = 0; i < RWP_NAME_COUNT; i++) {
        state->names[i] = PyUnicode_InternFromString(name_texts[i]);
        if (state->names[i] == NULL) {
            return -1;
        }
    }
    state->names_context = PyTuple_Pack(1, state->names[RWP_N_CONTEXT]);
    state->names_msg = PyTuple_Pack(1, state->names[RWP_N_MSG]);
    return state->names_context != NULL && state->names_msg != NULL ? 0 : -1;
}

static int take(PyObject **where, const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);

    *where = module != NULL ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return *where != NULL ? 0 : -1;
}

/* asyncio keeps the current task in a dict up to 3.13, and per thread from 3.14 on. */
static int take_current_task(struct rwp_state *state)
{
#if PY_VERSION_HEX < 0x030E0000
    return take(&state->current_tasks, "asyncio.tasks", "_current_tasks");
#else
    return take(&state->swap_current_task, "asyncio.tasks", "_swap_current_task");
#endif
}

/* The weak set of tasks up to 3.13; from 3.14 on a list that only asyncio's own functions reach. */
static int take_task_set(struct rwp_state *state)
{
#if PY_VERSION_HEX < 0x030C0000
    const char *all = "_all_tasks";
#else
    const char *all = "_scheduled_tasks";
#endif

#if PY_VERSION_HEX < 0x030E0000
    return take(&state->scheduled_tasks, "asyncio.tasks", all);
#else
    (void)all;
    if (take(&state->register_task, "asyncio.tasks", "_register_task") < 0) {
        return -1;
    }
    return take(&state->unregister_task, "asyncio.tasks", "_unregister_task");
#endif
}

static int take_asyncio(struct rwp_state *state)
{
    if (take(&state->cancelled_error, "asyncio.exceptions", "CancelledError") < 0 ||
        take(&state->invalid_state_error, "asyncio.exceptions", "InvalidStateError") < 0 ||
        take(&state->exception_group, "builtins", "BaseExceptionGroup") < 0 ||
        take(&state->future_class, "asyncio", "Future") < 0 ||
        take(&state->iscoroutine, "asyncio.coroutines", "iscoroutine") < 0 ||
        take(&state->get_running_loop, "asyncio.events", "_get_running_loop") < 0 ||
        take(&state->buffered_protocol, "asyncio", "BufferedProtocol") < 0 ||
        take(&state->wrap_awaitable, "ropewalk._await", "wrap_awaitable") < 0 ||
        take_current_task(state) < 0) {
        return -1;
    }
    return take_task_set(state);
}

static int exec_module(PyObject *module)
{
    static int (*const inits[])(struct rwp_state *) = {
        rwp_errors_init,  rwp_value_init,   rwp_loop_init,      rwp_handle_init,   rwp_watch_init,
        rwp_op_init,      rwp_task_init,    rwp_scope_init,     rwp_future_init,   rwp_combine_init,
        rwp_gather_init,  rwp_channel_init, rwp_broadcast_init, rwp_stream_init,   rwp_adapter_init,
        rwp_sink_init,    rwp_socket_init,  rwp_listener_init,  rwp_blocking_init, rwp_sync_init,
        rwp_inspect_init, rwp_lua_init,     rwp_transport_init, rwp_api_init,      rwp_loop_future_init,
    };
    struct rwp_state *state = rwp_state_of_module(module);

    state->module = module;
    rwp_ring_init(&state->loops);
    if (intern_names(state) < 0 || take_asyncio(state) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof inits / sizeof inits[0]; i++) {
        if (inits[i](state) < 0) {
            return -1;
        }
    }
    return PyModule_AddStringConstant(module, "__version__", rw_version());
}

/* Everything counted that the state holds, for traverse and clear alike: the PyObject pointers at its two ends. */
static int traverse_module(PyObject *module, visitproc visit, void *arg)
{
    struct rwp_state *state = rwp_state_of_module(module);

    for (PyTypeObject **type = &state->loop_type; type <= &state->lua_object_type; type++) {
        Py_VISIT(*type);
    }
    for (int i = 0; i < RWP_ERR_COUNT; i++) {
        Py_VISIT(state->errors[i]);
    }
    for (PyObject **object = &state->error_class; object <= &state->wrap_awaitable; object++) {
        Py_VISIT(*object);
    }
    return 0;
}

static int clear_module(PyObject *module)
{
    struct rwp_state *state = rwp_state_of_module(module);

    for (PyTypeObject **type = &state->loop_type; type <= &state->lua_object_type; type++) {
        Py_CLEAR(*type);
    }
    for (int i = 0; i < RWP_ERR_COUNT; i++) {
        Py_CLEAR(state->errors[i]);
    }
    for (PyObject **object = &state->error_class; object <= &state->wrap_awaitable; object++) {
        Py_CLEAR(*object);
    }
    return 0;
}

static void free_module(void *module)
{
    struct rwp_state *state = rwp_state_of_module(module);

    clear_module(module);
    rwp_api_end(state);
    for (int i = 0; i < RWP_NAME_COUNT; i++) {
        Py_CLEAR(state->names[i]);
    }
    Py_CLEAR(state->names_context);
    Py_CLEAR(state->names_msg);
    Py_CLEAR(state->stop_iteration);
    while (state->spare_op_count > 0) {
        state->spare_op_count--;
        PyTypeObject *type = Py_TYPE(state->spare_ops[state->spare_op_count]);

        PyObject_Free(state->spare_ops[state->spare_op_count]);
        Py_DECREF(type);
    }
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, exec_module},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

struct PyModuleDef rwp_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "ropewalk._ropewalk",
    .m_doc = "Ropewalk's event loop, tasks, channels, streams and sockets, in C. Import `ropewalk` instead.",
    .m_size = sizeof(struct rwp_state),
    .m_slots = module_slots,
    .m_traverse = traverse_module,
    .m_clear = clear_module,
    .m_free = free_module,
};

PyMODINIT_FUNC PyInit__ropewalk(void);

PyMODINIT_FUNC PyInit__ropewalk(void)
{
    return PyModuleDef_Init(&rwp_module);
}
