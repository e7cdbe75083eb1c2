/* SPDX-License-Identifier: MIT
 *
 * error.c - an error with all it carries: code, message, origin, traceback, native exception, siblings.
 *
 * It is built by one owner and immutable from the moment it is shared; the builders insist on being that owner. Errors
 * may hang below each other to any depth (a sibling has siblings), so freeing walks a list threaded through the dead
 * ones instead of the C stack.
 */
#undef _GNU_SOURCE /* strerror_r: the POSIX one */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/refs.h"

struct rw_error {
    uint32_t refs;
    int code;
    int os_errno;
    enum rw_origin origin;
    char *message; /* NULL: the code's own text */
    char *type;
    char *traceback;
    struct rw_native *native;
    struct rw_error **others;
    size_t other_count;
    size_t other_room;
    struct rw_error *next_dead;
};

static char *copy_text(const char *text, size_t size)
{
    RW_ASSERT(text != NULL);
    const char *zero = memchr(text, '\0', size); /* the text ends there for every reader */
    size_t length = zero != NULL ? (size_t)(zero - text) : size;
    char *copy = rwi_mem_raw(length + 1);

    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

struct rw_error *rwi_error_new_sized(int code, const char *message, size_t size, enum rw_origin origin)
{
    RW_ASSERT(code < 0);
    RW_ASSERT(origin >= RW_ORIGIN_C && origin <= RW_ORIGIN_PYTHON);
    struct rw_error *error = rwi_mem_new(sizeof *error);

    if (error == NULL) {
        return NULL;
    }
    error->refs = 1;
    error->code = code;
    error->origin = origin;
    if (message != NULL) {
        error->message = copy_text(message, size);
        if (error->message == NULL) {
            rwi_mem_free(error, sizeof *error);
            return NULL;
        }
    }
    return error;
}

struct rw_error *rw_error_new(int code, const char *message, enum rw_origin origin)
{
    RW_REQUIRE(code < 0);
    RW_REQUIRE(origin >= RW_ORIGIN_C && origin <= RW_ORIGIN_PYTHON);
    return rwi_error_new_sized(code, message, message != NULL ? strlen(message) : 0, origin);
}

struct rw_error *rw_error_from_errno(int os_errno, const char *what)
{
    RW_REQUIRE(os_errno > 0);
    RW_REQUIRE(what != NULL);
    char text[128];
    char message[512];

    if (strerror_r(os_errno, text, sizeof text) != 0) {
        snprintf(text, sizeof text, "error %d", os_errno);
    }
    snprintf(message, sizeof message, "%s: %s", what, text);
    struct rw_error *error = rw_error_new(RW_ERR_OS, message, RW_ORIGIN_C);

    if (error != NULL) {
        error->os_errno = os_errno;
    }
    return error;
}

struct rw_error *rw_error_ref(struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    rwi_refs_take(&error->refs);
    return error;
}

/* Frees one, and puts those of its siblings that nobody else holds in front of `dead`. */
static struct rw_error *free_one(struct rw_error *error, struct rw_error *dead)
{
    RW_ASSERT(error->refs == 0);
    for (size_t i = 0; i < error->other_count; i++) {
        struct rw_error *other = error->others[i];

        if (rwi_refs_give(&other->refs)) {
            other->next_dead = dead;
            dead = other;
        }
    }
    if (error->native != NULL) {
        error->native->vtable->drop(error->native);
    }
    if (error->others != NULL) {
        rwi_mem_free(error->others, error->other_room * sizeof(struct rw_error *));
    }
    rwi_mem_free_text(error->message);
    rwi_mem_free_text(error->type);
    rwi_mem_free_text(error->traceback);
    rwi_mem_free(error, sizeof *error);
    return dead;
}

void rw_error_unref(struct rw_error *error)
{
    if (error == NULL || !rwi_refs_give(&error->refs)) {
        return;
    }
    error->next_dead = NULL;
    while (error != NULL) {
        error = free_one(error, error->next_dead);
    }
}

bool rw_error_is_shared(const struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    return !rwi_refs_is_one(&error->refs);
}

int rw_error_code(const struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    return error->code;
}

int rw_error_errno(const struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    return error->os_errno;
}

const char *rw_error_message(const struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    return error->message != NULL ? error->message : rw_err_text(error->code);
}

const char *rw_error_traceback(const struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    return error->traceback;
}

const char *rw_error_type(const struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    return error->type;
}

enum rw_origin rw_error_origin(const struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    return error->origin;
}

int rw_error_set_errno(struct rw_error *error, int os_errno)
{
    RW_REQUIRE(error != NULL);
    RW_REQUIRE(rwi_refs_is_one(&error->refs));
    error->os_errno = os_errno;
    return RW_OK;
}

int rw_error_set_type(struct rw_error *error, const char *type)
{
    RW_REQUIRE(error != NULL);
    RW_REQUIRE(rwi_refs_is_one(&error->refs));
    RW_REQUIRE(type != NULL);
    char *copy = rwi_mem_text(type);

    if (copy == NULL) {
        return RW_ERR_NOMEM;
    }
    rwi_mem_free_text(error->type);
    error->type = copy;
    return RW_OK;
}

int rw_error_append_traceback(struct rw_error *error, const char *text)
{
    RW_REQUIRE(error != NULL);
    RW_REQUIRE(rwi_refs_is_one(&error->refs));
    RW_REQUIRE(text != NULL);
    size_t had = error->traceback != NULL ? strlen(error->traceback) : 0;
    size_t between = had > 0 && error->traceback[had - 1] != '\n' ? 1 : 0;
    size_t more = strlen(text);
    char *joined =
        rwi_mem_resize(error->traceback, error->traceback != NULL ? had + 1 : 0, had + between + more + 1);

    if (joined == NULL) {
        return RW_ERR_NOMEM;
    }
    if (between > 0) {
        joined[had] = '\n';
    }
    memcpy(joined + had + between, text, more + 1);
    error->traceback = joined;
    return RW_OK;
}

int rw_error_set_native(struct rw_error *error, struct rw_native *native)
{
    RW_REQUIRE(error != NULL);
    RW_REQUIRE(rwi_refs_is_one(&error->refs));
    RW_REQUIRE(native != error->native || native == NULL);
    if (error->native != NULL) {
        error->native->vtable->drop(error->native);
    }
    error->native = native;
    return RW_OK;
}

int rw_error_add_other(struct rw_error *error, struct rw_error *other)
{
    RW_REQUIRE(error != NULL);
    RW_REQUIRE(rwi_refs_is_one(&error->refs));
    RW_REQUIRE(other != NULL && other != error);
    if (error->other_count == error->other_room) {
        size_t room = error->other_room > 0 ? error->other_room * 2 : 4;
        struct rw_error **others =
            rwi_mem_resize(error->others, error->other_room * sizeof *others, room * sizeof *others);

        if (others == NULL) {
            rw_error_unref(other);
            return RW_ERR_NOMEM;
        }
        error->others = others;
        error->other_room = room;
    }
    error->others[error->other_count++] = other;
    return RW_OK;
}

/* What a fresh error can only get piece by piece. False on no memory. */
static bool copy_parts(struct rw_error *copy, const struct rw_error *error)
{
    RW_ASSERT(rwi_refs_is_one(&copy->refs));
    copy->os_errno = error->os_errno;
    if (error->type != NULL && rw_error_set_type(copy, error->type) != RW_OK) {
        return false;
    }
    if (error->traceback != NULL && rw_error_append_traceback(copy, error->traceback) != RW_OK) {
        return false;
    }
    for (size_t i = 0; i < error->other_count; i++) {
        if (rw_error_add_other(copy, rw_error_ref(error->others[i])) != RW_OK) {
            return false;
        }
    }
    if (error->native != NULL) {
        copy->native = error->native->vtable->clone(error->native);
    }
    return (copy->native == NULL) == (error->native == NULL);
}

struct rw_error *rw_error_copy(const struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    struct rw_error *copy = rw_error_new(error->code, error->message, error->origin);

    if (copy != NULL && !copy_parts(copy, error)) {
        rw_error_unref(copy);
        return NULL;
    }
    return copy;
}

struct rw_native *rw_error_native(const struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    return error->native;
}

size_t rw_error_other_count(const struct rw_error *error)
{
    RW_REQUIRE(error != NULL);
    return error->other_count;
}

struct rw_error *rw_error_other(const struct rw_error *error, size_t index)
{
    RW_REQUIRE(error != NULL);
    RW_REQUIRE(index < error->other_count);
    return error->others[index];
}
