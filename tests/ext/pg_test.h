/* SPDX-License-Identifier: MIT
 *
 * pg_test.h - what the tests of the PostgreSQL client share: two connections, and values as text.
 *
 * The time in them is real, since the server's is; but nothing depends on how fast either is: a test that needs the
 * server to have come to some point asks it, over the second connection, until it has.
 */
#ifndef PG_TEST_H
#define PG_TEST_H

#include "test.h"

#include "pg.h"

#define PATIENCE (60 * RW_SECOND)

struct fixture {
    struct rw_loop *loop;
    struct pg_connection *c;
    struct pg_connection *other; /* to look, or to speak, from outside */
};

static inline struct rw_value wait_for(struct rw_loop *loop, struct rw_future *future)
{
    struct rw_value out;
    int err = rw_block_on(loop, future, &out);

    if (err != 0) {
        out = rw_failure(err);
    }
    return out;
}

static inline struct pg_connection *take_connection(struct rw_value *value)
{
    struct pg_connection *c = rw_is_failure(value) ? NULL : pg_connection_of(value);

    if (c != NULL) {
        rw_object_ref((struct rw_object *)c);
    } else {
        printf("# %s\n", rw_value_message(value));
    }
    rw_value_drop(value);
    return c;
}

static inline struct pg_connection *open_connection(struct rw_loop *loop, const char *conninfo)
{
    struct rw_value value = wait_for(loop, pg_connect(loop, conninfo, rw_deadline_after(loop, PATIENCE)));

    return take_connection(&value);
}

static inline void let_go(struct pg_connection *c)
{
    rw_object_unref((struct rw_object *)c);
}

static inline bool begin(struct fixture *f)
{
    f->loop = rw_loop_new(NULL);
    f->c = open_connection(f->loop, "");
    f->other = open_connection(f->loop, "");
    return f->c != NULL && f->other != NULL;
}

static inline void end(struct fixture *f)
{
    let_go(f->c);
    let_go(f->other);
    rw_loop_free(f->loop);
}

/* ---- values as text -------------------------------------------------------------------------------------------------- */

static inline void write_value(FILE *file, const struct rw_value *value)
{
    size_t size;
    const char *data;

    switch (value->kind) {
    case RW_KIND_NIL:
        fprintf(file, "nil");
        break;
    case RW_KIND_BOOL:
        fprintf(file, "%s", value->as.boolean ? "true" : "false");
        break;
    case RW_KIND_INT:
        fprintf(file, "%lld", (long long)value->as.integer);
        break;
    case RW_KIND_DOUBLE:
        fprintf(file, "%.17gd", value->as.number);
        break;
    case RW_KIND_TEXT:
        fprintf(file, "'%s'", rw_value_data(value, NULL));
        break;
    case RW_KIND_BYTES:
        data = rw_value_data(value, &size);
        fprintf(file, "x'");
        for (size_t i = 0; i < size; i++) {
            fprintf(file, "%02x", (unsigned char)data[i]);
        }
        fprintf(file, "'");
        break;
    case RW_KIND_LIST:
        fprintf(file, "[");
        for (size_t i = 0; i < rw_list_count(value->as.list); i++) {
            fprintf(file, "%s", i > 0 ? ", " : "");
            write_value(file, rw_list_at(value->as.list, i));
        }
        fprintf(file, "]");
        break;
    case RW_KIND_ERROR:
        fprintf(file, "%s: %s", rw_err_code(value->code), rw_value_message(value));
        break;
    default:
        fprintf(file, "%s", rw_kind_name(value->kind));
    }
}

/* Takes the value. Static, good until the next call. */
static inline const char *text_of(struct rw_value value)
{
    static char text[4096];
    FILE *file = fmemopen(text, sizeof text, "w");

    write_value(file, &value);
    fclose(file);
    rw_value_drop(&value);
    return text;
}

static inline struct rw_value list_of(size_t count, const struct rw_value *items)
{
    struct rw_list *list = rw_list_new(count);

    for (size_t i = 0; i < count; i++) {
        rw_list_push(list, items[i]);
    }
    return rw_value_of_list(list);
}

/* Takes the result of a query; its rows, or the failure. */
static inline struct rw_value rows_of(struct rw_value result)
{
    struct rw_value rows;

    if (rw_is_failure(&result)) {
        return result;
    }
    rows = rw_value_clone(rw_map_get(result.as.map, "rows"));
    rw_value_drop(&result);
    return rows;
}

static inline const char *query(struct fixture *f, const char *sql)
{
    return text_of(rows_of(wait_for(f->loop, pg_query(f->c, sql, rw_nil()))));
}

static inline const char *query_with(struct fixture *f, const char *sql, struct rw_value params)
{
    return text_of(rows_of(wait_for(f->loop, pg_query(f->c, sql, params))));
}

static inline const char *ask_other(struct fixture *f, const char *sql)
{
    return text_of(rows_of(wait_for(f->loop, pg_query(f->other, sql, rw_nil()))));
}

static inline void take_turns(struct rw_loop *loop, int count)
{
    while (count-- > 0) {
        rw_loop_turn(loop, 0, 0);
    }
}

/* Until the other connection's query gives `wanted`. */
static inline bool comes_to(struct fixture *f, const char *sql, const char *wanted)
{
    int64_t deadline_ns = rw_deadline_after(f->loop, PATIENCE);

    while (strcmp(ask_other(f, sql), wanted) != 0) {
        struct rw_value nil =
            wait_for(f->loop, rw_sleep_until(f->loop, rw_deadline_after(f->loop, RW_SECOND / 100)));

        rw_value_drop(&nil);
        if (rw_loop_now(f->loop) > deadline_ns) {
            printf("# it stays at %s\n", ask_other(f, sql));
            return false;
        }
    }
    return true;
}

#define SLEEPERS                                                                                             \
    "select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'"

static inline struct rw_stream *listen_to(struct fixture *f, const char *channel)
{
    struct rw_value value = wait_for(f->loop, pg_listen(f->c, channel));
    struct rw_stream *stream = rw_is_failure(&value) ? NULL : rw_stream_ref(rw_stream_of(&value));

    rw_value_drop(&value);
    return stream;
}

static inline const char *next_payload(struct fixture *f, struct rw_stream *stream)
{
    struct rw_value value = wait_for(f->loop, rw_stream_next(stream));
    struct rw_value payload;

    if (rw_is_failure(&value)) {
        return text_of(value);
    }
    payload = rw_value_clone(rw_map_get(value.as.map, "payload"));
    rw_value_drop(&value);
    return text_of(payload);
}

#endif
