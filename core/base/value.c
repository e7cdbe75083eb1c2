/* SPDX-License-Identifier: MIT
 *
 * value.c - the life of a value: what failures are made of, cloning, dropping; and counted objects.
 *
 * Lists and maps nest to any depth, so dropping never recurses into them: a container whose last reference goes is
 * threaded onto a list of dead ones through its own memory, and a loop empties that list. Nothing is allocated to
 * free something. Natives and objects end by their own functions; objects that hold each other as values are ended in the same
 * way once they lie deeper than DEPTH_MAX (docs/design/0008).
 */
#include <ropewalk.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/layout.h"
#include "base/error.h"
#include "base/refs.h"

/* Longer messages are cut; a message is for people. */
#define MESSAGE_MAX 1024

_Static_assert(sizeof(struct rw_value) == 16, "a value is two words");

struct rw_object *rw_object_ref(struct rw_object *object)
{
    RW_REQUIRE(object != NULL);
    if (object->type->shared) {
        rwi_refs_take(&object->ref_count);
    } else {
        RW_ASSERT(object->ref_count > 0);
        object->ref_count++;
    }
    return object;
}

/* How deep this thread is in ending objects from within the ends of others, and what is to be ended when it is out again. */
static _Thread_local struct {
    unsigned depth;
    struct rw_object *dead;
} ending;

/* A dead object needs its count no more: there, and in the gap behind it, is room for a pointer. */
enum { DEPTH_MAX = 16, LINK_AT = offsetof(struct rw_object, ref_count) };

_Static_assert(LINK_AT + sizeof(struct rw_object *) <= sizeof(struct rw_object),
               "a link fits where the count was");

static void put_off(struct rw_object *object)
{
    RW_ASSERT(ending.depth == DEPTH_MAX);
    memcpy((char *)object + LINK_AT, &ending.dead, sizeof ending.dead);
    ending.dead = object;
}

static struct rw_object *take_put_off(void)
{
    struct rw_object *object = ending.dead;

    RW_ASSERT(object != NULL);
    memcpy(&ending.dead, (char *)object + LINK_AT, sizeof ending.dead);
    object->ref_count = 0;
    return object;
}

/* A channel in a channel in a channel: scripts decide how long such a chain is, so its end must not go by recursion alone.
 * What is too deep waits until the outermost end is over. */
static void end_object(struct rw_object *object)
{
    if (ending.depth == DEPTH_MAX) {
        put_off(object);
        return;
    }
    ending.depth++;
    object->type->destroy(object);
    while (ending.depth == 1 && ending.dead != NULL) {
        struct rw_object *next = take_put_off();

        next->type->destroy(next);
    }
    RW_ASSERT(ending.depth > 0);
    ending.depth--;
}

void rw_object_unref(struct rw_object *object)
{
    if (object == NULL) {
        return;
    }
    RW_ASSERT(object->type->shared || object->ref_count > 0);
    bool is_last = object->type->shared ? rwi_refs_give(&object->ref_count) : --object->ref_count == 0;

    if (is_last) {
        end_object(object);
    }
}

void rw_object_drop(void *object)
{
    rw_object_unref(object);
}

struct rw_value rw_failure_of(struct rw_error *error)
{
    struct rw_value value = rw_value_of_error(error);

    RW_ASSERT(value.kind == RW_KIND_ERROR);
    value.failed = 1;
    return value;
}

struct rw_value rw_value_of_error(struct rw_error *error)
{
    if (error == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    struct rw_value value = {.kind = RW_KIND_ERROR, .code = rw_error_code(error)};

    RW_ASSERT(value.code < 0);
    value.as.error = error;
    return value;
}

struct rw_value rw_failure_vformat(int code, const char *format, va_list arguments)
{
    RW_REQUIRE(code < 0);
    RW_REQUIRE(format != NULL);
    char message[MESSAGE_MAX];

    vsnprintf(message, sizeof message, format, arguments);
    for (size_t end = strlen(message); end > 0 && message[end - 1] == '\n'; end--) {
        message[end - 1] = '\0';
    }
    struct rw_error *error = rw_error_new(code, message, RW_ORIGIN_C);

    return error != NULL ? rw_failure_of(error) : rw_failure(code);
}

struct rw_value rw_failure_format(int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    struct rw_value failure = rw_failure_vformat(code, format, arguments);

    va_end(arguments);
    RW_ASSERT(rw_is_failure(&failure));
    return failure;
}

struct rw_value rw_failure_errno(int os_errno, const char *what)
{
    struct rw_error *error = rw_error_from_errno(os_errno, what);

    RW_ASSERT(os_errno > 0);
    return error != NULL ? rw_failure_of(error) : rw_failure(RW_ERR_OS);
}

struct rw_error *rw_value_error(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    RW_REQUIRE(value->kind == RW_KIND_ERROR);
    if (value->as.error == NULL) {
        return rw_error_new(value->code, NULL, RW_ORIGIN_C);
    }
    return rw_error_ref(value->as.error);
}

const char *rw_value_message(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    RW_REQUIRE(value->kind == RW_KIND_ERROR);
    return value->as.error != NULL ? rw_error_message(value->as.error) : rw_err_text(value->code);
}

struct rw_object *rw_object_of(const struct rw_value *value, const struct rw_object_type *type)
{
    RW_REQUIRE(value != NULL);
    RW_REQUIRE(type != NULL);
    return value->kind == RW_KIND_HANDLE && value->as.handle->type == type ? value->as.handle : NULL;
}

struct rw_value rw_value_of_handle(struct rw_object *handle)
{
    if (handle == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    RW_ASSERT(handle->ref_count > 0);
    struct rw_value value = {.kind = RW_KIND_HANDLE};

    value.as.handle = handle;
    return value;
}

struct rw_value rw_value_of_native(struct rw_native *native)
{
    if (native == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    RW_ASSERT(native->vtable != NULL);
    struct rw_value value = {.kind = RW_KIND_NATIVE};

    value.as.native = native;
    return value;
}

static struct rwi_container *container_of_value(const struct rw_value *value)
{
    RW_ASSERT(value->kind == RW_KIND_LIST || value->kind == RW_KIND_MAP);
    return value->kind == RW_KIND_LIST ? &value->as.list->base : &value->as.map->base;
}

struct rw_value rw_value_clone(const struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    switch (value->kind) {
    case RW_KIND_BYTES:
    case RW_KIND_TEXT:
        rwi_bytes_ref(value->as.bytes);
        return *value;
    case RW_KIND_LIST:
    case RW_KIND_MAP:
        rwi_refs_take(&container_of_value(value)->refs);
        return *value;
    case RW_KIND_ERROR:
        if (value->as.error != NULL) {
            rw_error_ref(value->as.error);
        }
        return *value;
    case RW_KIND_HANDLE:
        rw_object_ref(value->as.handle);
        return *value;
    case RW_KIND_NATIVE:
        return rw_value_of_native(value->as.native->vtable->clone(value->as.native));
    default:
        return *value;
    }
}

/* Drops what is neither list nor map. */
static void drop_leaf(struct rw_value *value)
{
    switch (value->kind) {
    case RW_KIND_BYTES:
    case RW_KIND_TEXT:
        rwi_bytes_unref(value->as.bytes);
        break;
    case RW_KIND_ERROR:
        rw_error_unref(value->as.error);
        break;
    case RW_KIND_HANDLE:
        rw_object_unref(value->as.handle);
        break;
    case RW_KIND_NATIVE:
        value->as.native->vtable->drop(value->as.native);
        break;
    default:
        RW_ASSERT(value->kind < RW_KIND_BYTES);
        break;
    }
}

/* Gives back the reference of a list or map and threads it onto `dead` when that was the last one. */
static struct rwi_container *give_container(const struct rw_value *value, struct rwi_container *dead)
{
    struct rwi_container *container = container_of_value(value);

    RW_ASSERT(container != dead);
    if (!rwi_refs_give(&container->refs)) {
        return dead;
    }
    container->next_dead = dead;
    return container;
}

static bool is_container(const struct rw_value *value)
{
    return value->kind == RW_KIND_LIST || value->kind == RW_KIND_MAP;
}

void rw_value_drop_slow(struct rw_value *value)
{
    RW_REQUIRE(value != NULL);
    RW_ASSERT(value->kind <= RW_KIND_NATIVE);
    if (!is_container(value)) {
        drop_leaf(value);
        return;
    }
    struct rwi_container *dead = give_container(value, NULL);

    while (dead != NULL) {
        struct rwi_container *container = dead;

        dead = container->next_dead;
        for (size_t i = 0; i < container->used; i++) {
            struct rw_value *item = &container->values[i];

            if (is_container(item)) {
                dead = give_container(item, dead);
            } else {
                drop_leaf(item);
            }
        }
        rwi_container_free(container);
    }
}

const char *rw_kind_name(int kind)
{
    static const char *const names[] = {"nil",  "bool", "int",   "double", "bytes", "text",
                                        "list", "map",  "error", "handle", "native"};

    RW_ASSERT(sizeof names / sizeof names[0] == RW_KIND_NATIVE + 1);
    return kind >= 0 && kind <= RW_KIND_NATIVE ? names[kind] : "unknown";
}
