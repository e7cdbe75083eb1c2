/* SPDX-License-Identifier: MIT
 *
 * pg_values.c - parameters as libpq wants them, results as tasks want them.
 *
 * Numbers go as binary, with their type, because a number printed by C has the comma of the program's locale. Results come as
 * text, the one format in which every type can be read. A failure among the parts of a value becomes the value.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg_internal.h"

enum {
    BOOL = 16,
    BYTEA = 17,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    FLOAT4 = 700,
    FLOAT8 = 701
}; /* as in pg_type */
enum { PARAMS_MAX = 65535 };

/* ---- parameters ------------------------------------------------------------------------------------------------------ */

static size_t block_size(int count)
{
    return (size_t)count * (sizeof(char *) + 8 + 2 * sizeof(int) + sizeof(Oid));
}

static void set_number(struct pgi_params *params, int i, Oid type, uint64_t bits, int size)
{
    for (int at = 0; at < size; at++) {
        params->scratch[i][at] = (char)(bits >> 8 * (size - 1 - at));
    }
    params->types[i] = type;
    params->values[i] = params->scratch[i];
    params->lengths[i] = size;
    params->formats[i] = 1;
}

static struct rw_value set_string(struct pgi_params *params, int i, const struct rw_value *item)
{
    size_t size;

    params->values[i] = rw_value_data(item, &size);
    if (size > INT32_MAX) {
        return rw_failure_format(RW_ERR_INVALID, "parameter %d: %zu bytes are too many", i + 1, size);
    }
    params->lengths[i] = (int)size;
    if (item->kind == RW_KIND_BYTES) {
        params->types[i] = BYTEA;
        params->formats[i] = 1;
    } else if (memchr(params->values[i], '\0', size) != NULL) {
        return rw_failure_format(RW_ERR_INVALID, "parameter %d: a text with a zero byte", i + 1);
    }
    return rw_nil();
}

static struct rw_value set_param(struct pgi_params *params, int i, const struct rw_value *item)
{
    bool is_small = item->as.integer == (int32_t)item->as.integer;
    uint64_t bits;

    switch (item->kind) {
    case RW_KIND_NIL: /* as the block is: NULL of any type */
        return rw_nil();
    case RW_KIND_BOOL:
        set_number(params, i, BOOL, item->as.boolean, 1);
        return rw_nil();
    case RW_KIND_INT:
        set_number(params, i, is_small ? INT4 : INT8, (uint64_t)item->as.integer, is_small ? 4 : 8);
        return rw_nil();
    case RW_KIND_DOUBLE:
        memcpy(&bits, &item->as.number, sizeof bits);
        set_number(params, i, FLOAT8, bits, 8);
        return rw_nil();
    case RW_KIND_BYTES:
    case RW_KIND_TEXT:
        return set_string(params, i, item);
    default:
        return rw_failure_format(RW_ERR_TYPE, "parameter %d: PostgreSQL cannot be given a %s", i + 1,
                                 rw_kind_name(item->kind));
    }
}

struct rw_value pgi_params_init(struct pgi_params *params, struct rw_loop *loop, const struct rw_value *list)
{
    struct rw_value failure = rw_nil();
    size_t count = list->kind == RW_KIND_LIST ? rw_list_count(list->as.list) : 0;

    *params = (struct pgi_params){0};
    if (list->kind != RW_KIND_LIST && list->kind != RW_KIND_NIL &&
        (list->kind != RW_KIND_MAP ||
         rw_map_count(list->as.map) > 0)) { /* an empty table of Lua's is a map */
        return rw_failure_format(RW_ERR_TYPE, "the parameters are a %s, not a list",
                                 rw_kind_name(list->kind));
    }
    if (count > PARAMS_MAX) {
        return rw_failure_format(RW_ERR_LIMIT, "%zu parameters are more than %d", count, PARAMS_MAX);
    }
    if (count == 0) {
        return failure;
    }
    params->values = rw_loop_alloc(loop, block_size((int)count));
    if (params->values == NULL) {
        return rw_failure(RW_ERR_NOMEM);
    }
    memset(params->values, 0, block_size((int)count));
    params->count = (int)count;
    params->scratch = (char(*)[8])(params->values + count);
    params->lengths = (int *)(params->scratch + count);
    params->formats = params->lengths + count;
    params->types = (Oid *)(params->formats + count);
    for (int i = 0; i < params->count && !rw_is_failure(&failure); i++) {
        failure = set_param(params, i, rw_list_at(list->as.list, (size_t)i));
    }
    return failure;
}

void pgi_params_fini(struct pgi_params *params, struct rw_loop *loop)
{
    if (params->values != NULL) {
        rw_loop_release(loop, params->values, block_size(params->count));
    }
    *params = (struct pgi_params){0};
}

/* ---- results --------------------------------------------------------------------------------------------------------- */

static struct rw_value new_list(int capacity)
{
    struct rw_list *list = rw_list_new((size_t)capacity);

    return list != NULL ? rw_value_of_list(list) : rw_failure(RW_ERR_NOMEM);
}

/* Takes the item. */
static void push(struct rw_value *list, struct rw_value item)
{
    if (rw_is_failure(list)) {
        rw_value_drop(&item);
    } else if (rw_is_failure(&item)) {
        rw_value_drop(list);
        *list = item;
    } else if (rw_list_push(list->as.list, item) != 0) {
        rw_value_drop(list);
        *list = rw_failure(RW_ERR_NOMEM);
    }
}

struct rw_value pgi_make_map(int count, const char *const *keys, struct rw_value *items)
{
    struct rw_map *map = rw_map_new((size_t)count);
    struct rw_value value = map != NULL ? rw_value_of_map(map) : rw_failure(RW_ERR_NOMEM);

    for (int i = 0; i < count; i++) {
        if (rw_is_failure(&value)) {
            rw_value_drop(&items[i]);
        } else if (rw_is_failure(&items[i])) {
            rw_value_drop(&value);
            value = items[i];
        } else if (rw_map_add(map, rw_text_of(keys[i]), items[i]) != 0) {
            rw_value_drop(&value);
            value = rw_failure(RW_ERR_NOMEM);
        }
    }
    return value;
}

static struct rw_value make_bytes(const char *text)
{
    size_t size;
    unsigned char *data = PQunescapeBytea((const unsigned char *)text, &size);
    struct rw_value value = data != NULL ? rw_bytes(data, size) : rw_failure(RW_ERR_NOMEM);

    PQfreemem(data);
    return value;
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

struct rw_value pgi_make_row(const PGresult *result, int row)
{
    struct rw_value list = new_list(PQnfields(result));

    for (int column = 0; column < PQnfields(result); column++) {
        push(&list, make_cell(result, row, column));
    }
    return list;
}

struct rw_value pgi_make_result(PGresult *result)
{
    static const char *const keys[] = {"columns", "rows", "affected", "command"};
    const char *affected = PQcmdTuples(result);
    struct rw_value items[] = {new_list(PQnfields(result)), new_list(PQntuples(result)),
                               affected[0] != '\0' ? rw_int(strtoll(affected, NULL, 10)) : rw_nil(),
                               rw_text_of(PQcmdStatus(result))};

    for (int column = 0; column < PQnfields(result); column++) {
        push(&items[0], rw_text_of(PQfname(result, column)));
    }
    for (int row = 0; row < PQntuples(result); row++) {
        push(&items[1], pgi_make_row(result, row));
    }
    return pgi_make_map(4, keys, items);
}

/* ---- failures -------------------------------------------------------------------------------------------------------- */

struct rw_value pgi_failure(int code, const char *message)
{
    size_t size = strlen(message);

    while (size > 0 && message[size - 1] == '\n') {
        size--;
    }
    return rw_failure_format(code, "%.*s", (int)size, message);
}

struct rw_value pgi_last_failure(const struct pg_connection *c)
{
    int code = PQstatus(c->libpq) == CONNECTION_BAD ? RW_ERR_BROKEN : RW_ERR_INVALID;

    return pgi_failure(code, PQerrorMessage(c->libpq));
}

struct rw_value pgi_server_failure(const struct pg_connection *c, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool is_last =
        PQstatus(c->libpq) == CONNECTION_BAD || (severity != NULL && strcmp(severity, "ERROR") != 0);
    int code = is_last ? RW_ERR_BROKEN : RW_ERR_SCRIPT;
    struct rw_value failure;
    char type[16];

    if (state == NULL || message == NULL) { /* libpq's own words */
        return pgi_failure(code, PQresultErrorMessage(result));
    }
    failure = rw_failure_format(code, "%s: %s", state, message);
    snprintf(type, sizeof type, "pg.%s", state);
    if (failure.as.error != NULL) {
        rw_error_set_type(failure.as.error, type); /* no memory for it: the message says it too */
    }
    return failure;
}
