/* SPDX-License-Identifier: MIT
 *
 * value.h - what travels between tasks, whatever language they are written in.
 *
 * A value is 16 bytes and owns what it points to: copy it with rw_value_clone, end it with rw_value_drop. A plain
 * struct assignment moves it. `failed` set means "this is how an operation failed", as against an error sent as data.
 * Bytes, text, lists, maps and errors are reference-counted and immutable once shared; their counts are atomic, so a
 * value without natives or loop-bound handles may move to another thread.
 */
#ifndef ROPEWALK_VALUE_H
#define ROPEWALK_VALUE_H

#include <stdarg.h>

#include "base.h"
#include "err.h"

enum rw_kind {
    RW_KIND_NIL,
    RW_KIND_BOOL,
    RW_KIND_INT,
    RW_KIND_DOUBLE,
    RW_KIND_BYTES,
    RW_KIND_TEXT,
    RW_KIND_LIST,
    RW_KIND_MAP,
    RW_KIND_ERROR,
    RW_KIND_HANDLE,
    RW_KIND_NATIVE
};

struct rw_bytes;
struct rw_list;
struct rw_map;
struct rw_object;
struct rw_native;

struct rw_value {
    uint8_t kind;   /* enum rw_kind */
    uint8_t failed; /* 1: the failure of an operation; kind is RW_KIND_ERROR */
    uint16_t reserved;
    int32_t code; /* RW_KIND_ERROR: the enum rw_err, also when `error` is NULL (no message of its own) */
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct rw_bytes *bytes; /* BYTES and TEXT (valid UTF-8) */
        struct rw_list *list;
        struct rw_map *map;
        struct rw_error *error;
        struct rw_object *handle;
        struct rw_native *native;
    } as;
};

/* A host's own reference that passes through untouched inside that host. The host embeds this header in its own
 * record; natives never leave the thread of their host, so SHARED channels refuse them. */
struct rw_native {
    const struct rw_native_vtable *vtable;
    const void *host; /* identity of the interpreter that owns it */
};

struct rw_native_vtable {
    const char *name;                                   /* "lua", "python" */
    struct rw_native *(*clone)(struct rw_native *self); /* one more reference; NULL on no memory */
    void (*drop)(struct rw_native *self);               /* one reference less */
    /* Makes a portable copy (no native inside) for another host. Returns 0, or RW_ERR_TYPE / RW_ERR_LIMIT / NOMEM with
     * *out a failure that says what could not be converted. */
    int (*portable)(struct rw_native *self, struct rw_value *out);
};

/* A reference-counted object of the runtime with identity (channel end, task, scope, stream, socket, promise ...).
 * Embedded first in each such type; `type->name` tells which. Counts are plain for objects of a loop, and atomic in
 * types that say `shared`. */
struct rw_object {
    const struct rw_object_type *type;
    uint32_t ref_count;
};

struct rw_object_type {
    const char *name;
    bool shared; /* references may be taken and dropped on any thread */
    void (*destroy)(struct rw_object *self);
};

RW_BEGIN_DECLS

/* References to an object of any type: ref gives its argument; unref takes NULL and destroys with the last one. On the
 * loop's thread, or any thread where the type says `shared`. */
RW_API struct rw_object *rw_object_ref(struct rw_object *object);
RW_API void rw_object_unref(struct rw_object *object);

/* rw_object_unref as a function that drops an argument: for the `drop` of a future whose `arg` is an object. */
RW_API void rw_object_drop(void *object);

/* The object of this type that a handle value holds, borrowed; NULL when it holds something else. */
RW_API struct rw_object *rw_object_of(const struct rw_value *value, const struct rw_object_type *type);

/* Values made without allocation. */
static inline struct rw_value rw_nil(void)
{
    struct rw_value v = {.kind = RW_KIND_NIL};
    return v;
}

static inline struct rw_value rw_bool(bool boolean)
{
    struct rw_value v = {.kind = RW_KIND_BOOL};
    v.as.boolean = boolean;
    return v;
}

static inline struct rw_value rw_int(int64_t integer)
{
    struct rw_value v = {.kind = RW_KIND_INT};
    v.as.integer = integer;
    return v;
}

static inline struct rw_value rw_double(double number)
{
    struct rw_value v = {.kind = RW_KIND_DOUBLE};
    v.as.number = number;
    return v;
}

/* A failure that has only a code: needs no memory. */
static inline struct rw_value rw_failure(int code)
{
    struct rw_value v = {.kind = RW_KIND_ERROR, .failed = 1, .code = code};
    v.as.error = NULL;
    return v;
}

/* A failure that takes the reference of `error`; NULL means memory ran out while it was made. */
RW_API struct rw_value rw_failure_of(struct rw_error *error);

/* A failure with a formatted message (printf), without the newlines at its end that other libraries' texts have; falls back to
 * the bare code when memory is short. */
RW_API struct rw_value rw_failure_format(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with the arguments in a list, for functions that are variadic themselves. */
RW_API struct rw_value rw_failure_vformat(int code, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* A failure from errno: "what: strerror(os_errno)". */
RW_API struct rw_value rw_failure_errno(int os_errno, const char *what);

static inline bool rw_is_failure(const struct rw_value *value)
{
    return value->failed != 0;
}

/* The error of an error value; makes one from the bare code when it has none. One new reference, NULL on no memory. */
RW_API struct rw_error *rw_value_error(const struct rw_value *value);

/* The message of an error value, never NULL; lives as long as the value. */
RW_API const char *rw_value_message(const struct rw_value *value);

/* Constructors that copy `size` bytes. On no memory they give a failure RW_ERR_NOMEM. rw_text refuses what is not
 * UTF-8 with a failure RW_ERR_INVALID. rw_text_of takes a C string. */
RW_API struct rw_value rw_bytes(const void *data, size_t size);
RW_API struct rw_value rw_text(const char *data, size_t size);
RW_API struct rw_value rw_text_of(const char *string);

/* A byte string of `size` bytes to be filled by the caller before it is shared; NULL on no memory. Freed by dropping
 * the value that rw_value_of_bytes makes of it. */
RW_API struct rw_bytes *rw_bytes_new(size_t size);
RW_API char *rw_bytes_data(struct rw_bytes *bytes);
RW_API size_t rw_bytes_size(const struct rw_bytes *bytes);
RW_API void rw_bytes_truncate(struct rw_bytes *bytes, size_t size);
RW_API struct rw_value rw_value_of_bytes(struct rw_bytes *bytes);

/* Data and size (may be NULL) of a BYTES or TEXT value; valid while the value lives. A zero byte follows the data. */
RW_API const char *rw_value_data(const struct rw_value *value, size_t *size);

/* Lists grow while they have one owner. `push` takes `item` on success and on failure. A failure is never stored: pushing one
 * gives its code back, so that a constructor's result may be pushed without looking. 0, RW_ERR_NOMEM, or that code. */
RW_API struct rw_list *rw_list_new(size_t capacity);
RW_API int rw_list_push(struct rw_list *list, struct rw_value item);
RW_API size_t rw_list_count(const struct rw_list *list);
RW_API const struct rw_value *rw_list_at(const struct rw_list *list, size_t index);
RW_API struct rw_value rw_value_of_list(struct rw_list *list);

/* Maps keep the order of insertion; keys are any value but NIL. `add` takes both; an equal key replaces. 0, RW_ERR_NOMEM,
 * RW_ERR_INVALID for a nil key, or the code of a failure given as key or item. */
RW_API struct rw_map *rw_map_new(size_t capacity);
RW_API int rw_map_add(struct rw_map *map, struct rw_value key, struct rw_value item);
RW_API size_t rw_map_count(const struct rw_map *map);
RW_API const struct rw_value *rw_map_key(const struct rw_map *map, size_t index);
RW_API const struct rw_value *rw_map_item(const struct rw_map *map, size_t index);
RW_API const struct rw_value *rw_map_get(const struct rw_map *map, const char *text_key);
RW_API struct rw_value rw_value_of_map(struct rw_map *map);

/* The same for who builds without looking: begin with rw_value_of_list(rw_list_new(n)), or the same of a map, add, and look at the
 * end. `item` is taken. An item that is a failure, or running out of memory, turns the whole into that failure, and to
 * a failure nothing is added. */
RW_API void rw_value_push(struct rw_value *list, struct rw_value item);
RW_API void rw_value_add(struct rw_value *map, const char *key, struct rw_value item);

/* Takes the reference. */
RW_API struct rw_value rw_value_of_handle(struct rw_object *handle);
RW_API struct rw_value rw_value_of_native(struct rw_native *native);
/* An error as plain data (failed == 0). Takes the reference. */
RW_API struct rw_value rw_value_of_error(struct rw_error *error);

/* A second value of the same content: one more reference to what it refers to; a failure RW_ERR_NOMEM where a native
 * could not be cloned. drop_slow is the part of rw_value_drop that touches references. */
RW_API struct rw_value rw_value_clone(const struct rw_value *value);
RW_API void rw_value_drop_slow(struct rw_value *value);

/* Ends a value and leaves NIL in its place. */
static inline void rw_value_drop(struct rw_value *value)
{
    if (value->kind >= RW_KIND_BYTES) {
        rw_value_drop_slow(value);
    }
    *value = rw_nil();
}

/* Moves the value out and leaves NIL in its place. */
static inline struct rw_value rw_value_take(struct rw_value *value)
{
    struct rw_value taken = *value;

    *value = rw_nil();
    return taken;
}

/* Ends the value and puts `other` (taken) in its place. */
static inline void rw_value_set(struct rw_value *value, struct rw_value other)
{
    struct rw_value before = *value;

    *value = other;
    rw_value_drop(&before);
}

/* Deep equality; natives and handles by identity, maps without regard to order, kinds never mix (1 is not 1.0), a NaN
 * equals a NaN. Depth beyond RW_VALUE_DEPTH_MAX counts as unequal. */
RW_API bool rw_value_equal(const struct rw_value *a, const struct rw_value *b);

/* The name of a kind: "nil", "bool", "int", "double", "bytes", "text", "list", "map", "error", "handle", "native". */
RW_API const char *rw_kind_name(int kind);

/* The deepest nesting of lists and maps that crosses a border. */
#define RW_VALUE_DEPTH_MAX 100

/* The value codec: a compact, self-contained encoding of portable values (no handles, no natives), used between
 * threads and in tests. encode gives BYTES or a failure; decode refuses malformed or too deep input with RW_ERR_INVALID. */
RW_API struct rw_value rw_value_encode(const struct rw_value *value);
RW_API struct rw_value rw_value_decode(const void *data, size_t size);

RW_END_DECLS

#endif
