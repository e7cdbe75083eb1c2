/* SPDX-License-Identifier: MIT
 *
 * pg_values.h - parameters as libpq wants them, results as tasks want them; a part of pg.c.
 *
 * Numbers go as binary, with their type, because a number printed by C has the comma of the program's locale. Results come
 * as text, the one format in which every type can be read. A failure among the parts of a value becomes the value.
 */
#ifndef PG_VALUES_H
#define PG_VALUES_H

#include <endian.h>
#include <libpq-fe.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ropewalk.h>

enum { PARAMS_MAX = 1000, CHANNEL_MAX = 63 }; /* the server cuts longer names of channels */
enum {
    BOOL = 16,
    BYTEA = 17,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    FLOAT4 = 700,
    FLOAT8 = 701
}; /* as in pg_type */

struct params {
    int count;
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX], formats[PARAMS_MAX];
    Oid types[PARAMS_MAX];
    uint64_t numbers[PARAMS_MAX]; /* as the server has them */
};

/* Gives nil, or why it cannot be sent. A text goes without a type, and is what its place in the statement asks for. */
static struct rw_value read_param(struct params *p, int i, const struct rw_value *item)
{
    static const Oid types[] = {[RW_KIND_BOOL] = BOOL,
                                [RW_KIND_INT] = INT8,
                                [RW_KIND_DOUBLE] = FLOAT8,
                                [RW_KIND_BYTES] = BYTEA,
                                [RW_KIND_TEXT] = 0};
    bool is_small = item->kind == RW_KIND_INT && item->as.integer == (int32_t)item->as.integer;
    size_t size = item->kind == RW_KIND_BOOL ? 1 : is_small ? 4 : 8;
    uint64_t bits = item->kind == RW_KIND_BOOL ? item->as.boolean : (uint64_t)item->as.integer;

    if (item->kind > RW_KIND_TEXT) {
        return rw_failure_format(RW_ERR_TYPE, "parameter %d: PostgreSQL cannot be given a %s", i + 1,
                                 rw_kind_name(item->kind));
    }
    p->types[i] = is_small ? INT4 : types[item->kind];
    p->formats[i] = p->types[i] != 0;
    p->values[i] = item->kind == RW_KIND_NIL ? NULL : (char *)&p->numbers[i];
    p->numbers[i] = htobe64(bits << (64 - 8 * size));
    if (item->kind >= RW_KIND_BYTES) {
        p->values[i] = rw_value_data(item, &size);
        if (size > INT32_MAX || (item->kind == RW_KIND_TEXT && strlen(p->values[i]) < size)) {
            return rw_failure_format(RW_ERR_INVALID, "parameter %d: %s", i + 1,
                                     size > INT32_MAX ? "too long" : "a text with a zero byte");
        }
    }
    p->lengths[i] = (int)size;
    return rw_nil();
}

/* The same for all; what is read points into the list. */
static struct rw_value read_params(struct params *p, const struct rw_value *list)
{
    struct rw_value failure = rw_nil();
    size_t count = list->kind == RW_KIND_LIST ? rw_list_count(list->as.list) : 0;
    bool is_empty_table = list->kind == RW_KIND_MAP && rw_map_count(list->as.map) == 0; /* of Lua's */

    if (list->kind != RW_KIND_LIST && list->kind != RW_KIND_NIL && !is_empty_table) {
        return rw_failure_format(RW_ERR_TYPE, "the parameters are a %s, not a list",
                                 rw_kind_name(list->kind));
    }
    if (count > PARAMS_MAX) {
        return rw_failure_format(RW_ERR_LIMIT, "%zu parameters are more than %d", count, PARAMS_MAX);
    }
    for (p->count = 0; p->count < (int)count && !rw_is_failure(&failure); p->count++) {
        failure = read_param(p, p->count, rw_list_at(list->as.list, (size_t)p->count));
    }
    return failure;
}

/* The point is the server's; strtod() wants the one of the program's locale. */
static struct rw_value make_double(const char *text)
{
    char copy[64];
    char *point;

    snprintf(copy, sizeof copy, "%s", text);
    point = strchr(copy, '.');
    if (point != NULL) {
        *point = *localeconv()->decimal_point;
    }
    return rw_double(strtod(copy, NULL));
}

static struct rw_value make_bytes(const char *text)
{
    size_t size;
    unsigned char *data = PQunescapeBytea((const unsigned char *)text, &size);
    struct rw_value value = data != NULL ? rw_bytes(data, size) : rw_failure(RW_ERR_NOMEM);

    PQfreemem(data);
    return value;
}

static struct rw_value make_cell(const PGresult *result, int row, int column)
{
    const char *text = PQgetvalue(result, row, column);

    if (PQgetisnull(result, row, column)) {
        return rw_nil();
    }
    switch (PQftype(result, column)) {
    case BOOL:
        return rw_bool(text[0] == 't');
    case INT2:
    case INT4:
    case INT8:
        return rw_int(strtoll(text, NULL, 10));
    case FLOAT4:
    case FLOAT8:
        return make_double(text);
    case BYTEA:
        return make_bytes(text);
    default:
        return rw_text(text, (size_t)PQgetlength(result, row, column));
    }
}

static struct rw_value make_row(const PGresult *result, int row)
{
    struct rw_value list = rw_value_of_list(rw_list_new((size_t)PQnfields(result)));

    for (int column = 0; column < PQnfields(result); column++) {
        rw_value_push(&list, make_cell(result, row, column));
    }
    return list;
}

static struct rw_value make_result(PGresult *result)
{
    const char *affected = PQcmdTuples(result);
    struct rw_value columns = rw_value_of_list(rw_list_new((size_t)PQnfields(result)));
    struct rw_value rows = rw_value_of_list(rw_list_new((size_t)PQntuples(result)));
    struct rw_value map = rw_value_of_map(rw_map_new(4));

    for (int column = 0; column < PQnfields(result); column++) {
        rw_value_push(&columns, rw_text_of(PQfname(result, column)));
    }
    for (int row = 0; row < PQntuples(result); row++) {
        rw_value_push(&rows, make_row(result, row));
    }
    rw_value_add(&map, "columns", columns);
    rw_value_add(&map, "rows", rows);
    rw_value_add(&map, "affected", affected[0] != '\0' ? rw_int(strtoll(affected, NULL, 10)) : rw_nil());
    rw_value_add(&map, "command", rw_text_of(PQcmdStatus(result)));
    return map;
}

static struct rw_value make_notification(const PGnotify *notification)
{
    struct rw_value map = rw_value_of_map(rw_map_new(3));

    rw_value_add(&map, "channel", rw_text_of(notification->relname));
    rw_value_add(&map, "payload", rw_text_of(notification->extra));
    rw_value_add(&map, "pid", rw_int(notification->be_pid));
    return map;
}

/* What the server said: RW_ERR_BROKEN where it has ended the session with it. */
static struct rw_value make_failure(const PGconn *libpq, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    bool is_last = PQstatus(libpq) == CONNECTION_BAD || (severity != NULL && strcmp(severity, "ERROR") != 0);
    int code = is_last ? RW_ERR_BROKEN : RW_ERR_SCRIPT;
    struct rw_value failure;
    char type[16];

    if (state == NULL) { /* libpq's own words */
        return rw_failure_format(code, "%s", PQresultErrorMessage(result));
    }
    failure = rw_failure_format(code, "%s: %s", state, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    snprintf(type, sizeof type, "pg.%s", state);
    if (failure.as.error != NULL) {
        rw_error_set_type(failure.as.error, type); /* no memory for it: the message says it too */
    }
    return failure;
}

/* ---- texts ----------------------------------------------------------------------------------------------------------- */

/* The same text, or what is wrong with it. */
static struct rw_value make_conninfo(const char *conninfo)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &why);
    struct rw_value text = options != NULL ? rw_text_of(conninfo)
                           : why != NULL   ? rw_failure_format(RW_ERR_INVALID, "%s", why)
                                           : rw_failure(RW_ERR_NOMEM);

    PQfreemem(why);
    PQconninfoFree(options);
    return text;
}

/* `LISTEN "channel"`, or why it cannot be said. */
static struct rw_value make_listen(PGconn *libpq, const char *verb, const char *channel)
{
    char *name = PQescapeIdentifier(libpq, channel, strlen(channel));
    bool is_good = name != NULL && channel[0] != '\0' && strlen(channel) <= CHANNEL_MAX;
    char sql[2 * CHANNEL_MAX + 16];

    if (is_good) {
        snprintf(sql, sizeof sql, "%s %s", verb, name);
    }
    PQfreemem(name);
    return is_good ? rw_text_of(sql)
                   : rw_failure_format(RW_ERR_INVALID, "a channel's name has 1 to %d bytes", CHANNEL_MAX);
}

#endif
