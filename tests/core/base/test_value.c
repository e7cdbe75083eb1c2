/* SPDX-License-Identifier: MIT
 *
 * test_value.c - the life of values: failures, clones, drops, natives, objects, threads.
 */
#include <errno.h>

#include "test.h"

/* ---- stand-ins for a host and for an object of the runtime ----------------------------------------------------- */

struct native {
    struct rw_native base;
    int refs;
    bool clone_fails;
};

static struct rw_native *clone_native(struct rw_native *self)
{
    struct native *native = (struct native *)self;

    if (native->clone_fails) {
        return NULL;
    }
    native->refs++;
    return self;
}

static void drop_native(struct rw_native *self)
{
    ((struct native *)self)->refs--;
}

static const struct rw_native_vtable native_vtable = {"test", clone_native, drop_native, NULL};

struct object {
    struct rw_object base;
    int destroyed;
};

static void destroy_object(struct rw_object *self)
{
    ((struct object *)self)->destroyed++;
}

static const struct rw_object_type local_type = {"local", false, destroy_object};
static const struct rw_object_type shared_type = {"shared", true, destroy_object};

/* ---- tests ----------------------------------------------------------------------------------------------------- */

static void failures_have_a_code_and_a_message(void)
{
    struct rw_value bare = rw_failure(RW_ERR_TIMEOUT);
    struct rw_value said = rw_failure_format(RW_ERR_LIMIT, "more than %d of %s", 5, "them");
    struct rw_value os = rw_failure_errno(ECONNREFUSED, "connect");
    struct rw_value none = rw_failure_of(NULL);

    CHECK_TEXT(rw_value_message(&bare), "timeout");
    CHECK_TEXT(rw_value_message(&said), "more than 5 of them");
    CHECK_TEXT(rw_value_message(&os), "connect: Connection refused");
    CHECK_INT(none.code, RW_ERR_NOMEM);
    CHECK_INT(said.code, RW_ERR_LIMIT);
    CHECK(rw_is_failure(&said) && rw_is_failure(&os) && rw_is_failure(&none));
    rw_value_drop(&said);
    rw_value_drop(&os);
}

static void a_very_long_message_is_cut(void)
{
    struct rw_value said = rw_failure_format(RW_ERR_LIMIT, "%5000d", 1);

    CHECK(strlen(rw_value_message(&said)) > 500);
    CHECK(strlen(rw_value_message(&said)) < 5000);
    rw_value_drop(&said);
}

static void failures_fall_back_to_the_code_when_memory_is_short(void)
{
    test_fail_allocation(1, false);
    struct rw_value said = rw_failure_format(RW_ERR_LIMIT, "x");
    struct rw_value os = rw_failure_errno(ECONNREFUSED, "connect");

    CHECK_INT(said.code, RW_ERR_LIMIT);
    CHECK_TEXT(rw_value_message(&said), "a limit was exceeded");
    CHECK_INT(os.code, RW_ERR_OS);
    CHECK(rw_value_error(&said) == NULL);
}

static void the_error_of_a_bare_failure_is_made(void)
{
    struct rw_value bare = rw_failure(RW_ERR_BUSY);
    struct rw_error *error = rw_value_error(&bare);

    CHECK_INT(rw_error_code(error), RW_ERR_BUSY);
    rw_error_unref(error);
    struct rw_value said = rw_failure_format(RW_ERR_BUSY, "said");

    error = rw_value_error(&said);
    CHECK_TEXT(rw_error_message(error), "said");
    rw_value_drop(&said);
    CHECK_TEXT(rw_error_message(error), "said");
    rw_error_unref(error);
}

static void clones_share_and_keep_alive(void)
{
    struct rw_list *list = rw_list_new(3);

    rw_list_push(list, rw_text_of("text"));
    rw_list_push(list, rw_value_of_error(rw_error_new(RW_ERR_OS, "x", RW_ORIGIN_C)));
    rw_list_push(list, rw_value_of_map(rw_map_new(0)));
    struct rw_value value = rw_value_of_list(list);
    struct rw_value clone = rw_value_clone(&value);

    CHECK(clone.as.list == value.as.list);
    rw_value_drop(&value);
    CHECK_TEXT(rw_value_data(rw_list_at(clone.as.list, 0), NULL), "text");
    struct rw_value text = rw_value_clone(rw_list_at(clone.as.list, 0));
    struct rw_value error = rw_value_clone(rw_list_at(clone.as.list, 1));
    struct rw_value map = rw_value_clone(rw_list_at(clone.as.list, 2));

    rw_value_drop(&clone);
    CHECK_TEXT(rw_value_data(&text, NULL), "text");
    CHECK_TEXT(rw_value_message(&error), "x");
    CHECK_INT(rw_map_count(map.as.map), 0);
    rw_value_drop(&text);
    rw_value_drop(&error);
    rw_value_drop(&map);
}

static void scalars_are_cloned_by_copying(void)
{
    struct rw_value values[] = {rw_nil(), rw_bool(true), rw_int(-7), rw_double(2.5), rw_failure(RW_ERR_END)};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct rw_value clone = rw_value_clone(&values[i]);

        CHECK(rw_value_equal(&clone, &values[i]));
        rw_value_drop(&clone);
    }
}

static void a_million_levels_are_dropped_without_the_stack(void)
{
    struct rw_value value = rw_nil();

    for (int i = 0; i < 1000000; i++) {
        if (i % 2 == 0) {
            struct rw_list *list = rw_list_new(1);

            CHECK_INT(rw_list_push(list, value), 0);
            value = rw_value_of_list(list);
        } else {
            struct rw_map *map = rw_map_new(1);

            CHECK_INT(rw_map_add(map, rw_int(i), value), 0);
            value = rw_value_of_map(map);
        }
    }
    rw_value_drop(&value);
}

static void an_item_held_twice_is_freed_once(void)
{
    struct rw_value inner = rw_value_of_list(rw_list_new(0));
    struct rw_list *list = rw_list_new(2);

    CHECK_INT(rw_list_push(list, rw_value_clone(&inner)), 0);
    CHECK_INT(rw_list_push(list, inner), 0);
    struct rw_value value = rw_value_of_list(list);

    rw_value_drop(&value);
}

static void natives_are_cloned_and_dropped_by_their_host(void)
{
    struct native native = {{&native_vtable, NULL}, 1, false};
    struct rw_value value = rw_value_of_native(&native.base);
    struct rw_value clone = rw_value_clone(&value);

    CHECK_INT(native.refs, 2);
    CHECK(rw_value_equal(&value, &clone));
    rw_value_drop(&clone);
    native.clone_fails = true;
    clone = rw_value_clone(&value);
    CHECK_INT(clone.code, RW_ERR_NOMEM);
    CHECK(rw_is_failure(&clone));
    rw_value_drop(&value);
    CHECK_INT(native.refs, 0);
}

static void objects_are_destroyed_with_the_last_reference(void)
{
    struct object objects[] = {{{&local_type, 1}, 0}, {{&shared_type, 1}, 0}};

    for (size_t i = 0; i < 2; i++) {
        struct rw_value value = rw_value_of_handle(&objects[i].base);
        struct rw_value clone = rw_value_clone(&value);

        rw_value_drop(&value);
        CHECK_INT(objects[i].destroyed, 0);
        CHECK(rw_object_ref(clone.as.handle) == &objects[i].base);
        rw_object_unref(&objects[i].base);
        rw_value_drop(&clone);
        CHECK_INT(objects[i].destroyed, 1);
    }
    rw_object_unref(NULL);
}

static void null_handles_and_natives_are_no_memory(void)
{
    struct rw_value handle = rw_value_of_handle(NULL);
    struct rw_value native = rw_value_of_native(NULL);

    CHECK_INT(handle.code, RW_ERR_NOMEM);
    CHECK_INT(native.code, RW_ERR_NOMEM);
}

static void kinds_have_names(void)
{
    CHECK_TEXT(rw_kind_name(RW_KIND_NIL), "nil");
    CHECK_TEXT(rw_kind_name(RW_KIND_DOUBLE), "double");
    CHECK_TEXT(rw_kind_name(RW_KIND_NATIVE), "native");
    CHECK_TEXT(rw_kind_name(-1), "unknown");
    CHECK_TEXT(rw_kind_name(99), "unknown");
}

static void *clone_and_drop(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        struct rw_value clone = rw_value_clone(arg);

        rw_value_drop(&clone);
    }
    rw_value_drop(arg);
    return NULL;
}

static void threads_may_share_a_value(void)
{
    struct rw_list *list = rw_list_new(1);

    rw_list_push(list, rw_text_of("shared"));
    struct rw_value value = rw_value_of_list(list);
    struct rw_value clones[4];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        clones[i] = rw_value_clone(&value);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, clone_and_drop, &clones[i]), 0);
    }
    rw_value_drop(&value);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void the_version_is_that_of_the_header(void)
{
    CHECK_TEXT(rw_version(), RW_VERSION_STRING);
}

static void newlines_at_the_end_of_a_message_are_left_out(void)
{
    struct rw_value said = rw_failure_format(RW_ERR_LIMIT, "%s", "one\ntwo\n\n");
    struct rw_value nothing = rw_failure_format(RW_ERR_LIMIT, "\n");

    CHECK_TEXT(rw_value_message(&said), "one\ntwo");
    CHECK_TEXT(rw_value_message(&nothing), "");
    rw_value_drop(&said);
    rw_value_drop(&nothing);
}

static void a_value_is_taken_out_and_replaced(void)
{
    struct rw_value value = rw_text_of("first");
    struct rw_value taken = rw_value_take(&value);

    CHECK_INT(value.kind, RW_KIND_NIL);
    rw_value_set(&value, taken);
    rw_value_set(&value, rw_value_clone(&value));
    CHECK_TEXT(rw_value_data(&value, NULL), "first");
    rw_value_set(&value, rw_nil());
    CHECK_INT(value.kind, RW_KIND_NIL);
}

static void gone(struct rw_object *object)
{
    object->ref_count = 1000;
}

static void a_handle_is_known_by_its_type(void)
{
    static const struct rw_object_type type = {"test", false, gone};
    static const struct rw_object_type other = {"test", false, gone};
    struct rw_object object = {.type = &type, .ref_count = 1};
    struct rw_value value = rw_value_of_handle(&object);
    struct rw_value nil = rw_nil();

    CHECK(rw_object_of(&value, &type) == &object);
    CHECK(rw_object_of(&value, &other) == NULL);
    CHECK(rw_object_of(&nil, &type) == NULL);
    rw_object_drop(&object);
    CHECK_INT(object.ref_count, 1000);
    rw_object_drop(NULL);
}

static const struct test tests[] = {
    TEST(failures_have_a_code_and_a_message),
    TEST(a_very_long_message_is_cut),
    TEST(failures_fall_back_to_the_code_when_memory_is_short),
    TEST(the_error_of_a_bare_failure_is_made),
    TEST(clones_share_and_keep_alive),
    TEST(scalars_are_cloned_by_copying),
    TEST(a_million_levels_are_dropped_without_the_stack),
    TEST(an_item_held_twice_is_freed_once),
    TEST(natives_are_cloned_and_dropped_by_their_host),
    TEST(objects_are_destroyed_with_the_last_reference),
    TEST(null_handles_and_natives_are_no_memory),
    TEST(kinds_have_names),
    TEST(threads_may_share_a_value),
    TEST(the_version_is_that_of_the_header),
    TEST(newlines_at_the_end_of_a_message_are_left_out),
    TEST(a_value_is_taken_out_and_replaced),
    TEST(a_handle_is_known_by_its_type),
};

TEST_MAIN(tests)
