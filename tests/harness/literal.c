/* SPDX-License-Identifier: MIT
 *
 * literal.c - values as they are written in cases and traces.
 *
 *      nil true false 12 -3 1.5 2e3 inf -inf nan "text\n" b"bytes\xff" [1, "two"] {"key": 1}
 *
 * One value has one spelling in a trace: doubles always show that they are doubles, in the fewest digits that read
 * back; the entries of a map are sorted by their spelling.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/case.h"
#include "harness/text.h"

#define LITERAL_DEPTH 50

/* ---- reading --------------------------------------------------------------------------------------------------- */

static void skip_blanks(const char **at, const char *end)
{
    while (*at < end && (**at == ' ' || **at == '\t')) {
        (*at)++;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character behind a backslash; -1 when there is no such escape. */
static int read_escape(const char **at, const char *end)
{
    if (*at >= end) {
        return -1;
    }
    char c = *(*at)++;

    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case '"':
    case '\\':
        return c;
    case 'x':
        if (end - *at >= 2 && hex_digit((*at)[0]) >= 0 && hex_digit((*at)[1]) >= 0) {
            *at += 2;
            return hex_digit((*at)[-2]) * 16 + hex_digit((*at)[-1]);
        }
        return -1;
    default:
        return -1;
    }
}

static struct rw_value read_quoted(const char **at, const char *end, bool is_bytes)
{
    struct text out = {0};
    struct rw_value value;

    for ((*at)++; *at < end && **at != '"';) {
        int c = (unsigned char)*(*at)++;

        if (c == '\\') {
            c = read_escape(at, end);
        }
        if (c < 0) {
            text_free(&out);
            return rw_failure_format(RW_ERR_INVALID, "an unknown escape in a quoted text");
        }
        text_add_char(&out, (char)c);
    }
    if (*at >= end) {
        text_free(&out);
        return rw_failure_format(RW_ERR_INVALID, "a quoted text without its end");
    }
    (*at)++;
    value = is_bytes ? rw_bytes(out.data, out.size) : rw_text(out.data != NULL ? out.data : "", out.size);
    text_free(&out);
    return value;
}

static struct rw_value read_number(const char *word)
{
    bool is_double = strpbrk(word, ".e") != NULL;
    const char *digits = word[0] == '-' ? word + 1 : word;
    char *end;

    errno = 0;
    if (!isdigit((unsigned char)digits[0]) || strspn(digits, "0123456789.e+-") != strlen(digits)) {
        return rw_failure_format(RW_ERR_INVALID, "\"%.40s\" is not a value", word);
    }
    struct rw_value value = is_double ? rw_double(strtod(word, &end)) : rw_int(strtoll(word, &end, 10));

    if (*end != '\0' || (errno == ERANGE && !is_double)) {
        return rw_failure_format(RW_ERR_INVALID, "\"%.40s\" is not a number", word);
    }
    return value;
}

static struct rw_value read_word(const char **at, const char *end)
{
    char word[64];
    size_t size = 0;

    while (*at < end && strchr(" \t,]}:\"[{", **at) == NULL && size + 1 < sizeof word) {
        word[size++] = *(*at)++;
    }
    word[size] = '\0';
    if (strcmp(word, "nil") == 0) {
        return rw_nil();
    }
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        return rw_bool(word[0] == 't');
    }
    if (strcmp(word, "inf") == 0 || strcmp(word, "-inf") == 0) {
        return rw_double(word[0] == '-' ? -INFINITY : INFINITY);
    }
    if (strcmp(word, "nan") == 0) {
        return rw_double(NAN);
    }
    return read_number(word);
}

static struct rw_value read_value(const char **at, const char *end, int depth);

/* Drops what was built, and says why. */
static struct rw_value give_up(struct rw_value *built, const char *why)
{
    rw_value_drop(built);
    return rw_failure_format(RW_ERR_INVALID, "%s", why);
}

static struct rw_value read_list(const char **at, const char *end, int depth)
{
    struct rw_value list = rw_value_of_list(rw_list_new(0));

    for ((*at)++; !rw_is_failure(&list);) {
        skip_blanks(at, end);
        if (*at < end && **at == ']' && rw_list_count(list.as.list) == 0) {
            (*at)++;
            break;
        }
        struct rw_value item = read_value(at, end, depth + 1);

        if (rw_is_failure(&item)) {
            rw_value_drop(&list);
            return item;
        }
        if (rw_list_push(list.as.list, item) != RW_OK) {
            return give_up(&list, "out of memory");
        }
        skip_blanks(at, end);
        if (*at >= end || (**at != ',' && **at != ']')) {
            return give_up(&list, "a list without its end");
        }
        if (*(*at)++ == ']') {
            break;
        }
    }
    return list;
}

static const char *read_entry(const char **at, const char *end, int depth, struct rw_map *map)
{
    struct rw_value key = read_value(at, end, depth + 1);

    skip_blanks(at, end);
    if (rw_is_failure(&key) || *at >= end || **at != ':') {
        rw_value_drop(&key);
        return "a map entry is written key: value";
    }
    (*at)++;
    struct rw_value item = read_value(at, end, depth + 1);

    if (rw_map_add(map, key, item) != RW_OK) {
        return "not a key and a value that a map can hold";
    }
    skip_blanks(at, end);
    return *at < end && (**at == ',' || **at == '}') ? NULL : "a map without its end";
}

static struct rw_value read_map(const char **at, const char *end, int depth)
{
    struct rw_value map = rw_value_of_map(rw_map_new(0));

    for ((*at)++; !rw_is_failure(&map);) {
        skip_blanks(at, end);
        if (*at < end && **at == '}' && rw_map_count(map.as.map) == 0) {
            (*at)++;
            break;
        }
        const char *problem = read_entry(at, end, depth, map.as.map);

        if (problem != NULL) {
            return give_up(&map, problem);
        }
        if (*(*at)++ == '}') {
            break;
        }
    }
    return map;
}

static struct rw_value read_value(const char **at, const char *end, int depth)
{
    if (depth > LITERAL_DEPTH) {
        return rw_failure_format(RW_ERR_LIMIT, "a value nested too deep");
    }
    skip_blanks(at, end);
    if (*at >= end) {
        return rw_failure_format(RW_ERR_INVALID, "a value is missing");
    }
    switch (**at) {
    case '"':
        return read_quoted(at, end, false);
    case '[':
        return read_list(at, end, depth);
    case '{':
        return read_map(at, end, depth);
    case 'b':
        if (end - *at >= 2 && (*at)[1] == '"') {
            (*at)++;
            return read_quoted(at, end, true);
        }
        return read_word(at, end);
    default:
        return read_word(at, end);
    }
}

struct rw_value case_literal_parse(const char **at, const char *end)
{
    return read_value(at, end, 0);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void write_value(struct text *out, const struct rw_value *value);

static void write_quoted(struct text *out, const struct rw_value *value)
{
    size_t size;
    const char *data = rw_value_data(value, &size);

    text_add(out, value->kind == RW_KIND_BYTES ? "b\"" : "\"");
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];

        if (c == '"' || c == '\\') {
            text_add_char(out, '\\');
            text_add_char(out, (char)c);
        } else if (c == '\n' || c == '\t') {
            text_add(out, c == '\n' ? "\\n" : "\\t");
        } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && value->kind == RW_KIND_BYTES)) {
            text_format(out, "\\x%02x", c);
        } else {
            text_add_char(out, (char)c);
        }
    }
    text_add_char(out, '"');
}

static void write_double(struct text *out, double number)
{
    char digits[40];

    if (number != number) {
        text_add(out, "nan");
        return;
    }
    if (isinf(number)) {
        text_add(out, number > 0 ? "inf" : "-inf");
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, number);
        if (strtod(digits, NULL) == number) {
            break;
        }
    }
    text_add(out, digits);
    if (strpbrk(digits, ".e") == NULL) {
        text_add(out, ".0");
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void write_map(struct text *out, const struct rw_map *map)
{
    size_t count = rw_map_count(map);
    char **entries = test_memory((count + 1) * sizeof *entries);

    for (size_t i = 0; i < count; i++) {
        struct text entry = {0};

        write_value(&entry, rw_map_key(map, i));
        text_add(&entry, ": ");
        write_value(&entry, rw_map_item(map, i));
        entries[i] = text_take(&entry);
    }
    qsort(entries, count, sizeof *entries, compare_texts);
    text_add_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        text_add(out, i > 0 ? ", " : "");
        text_add(out, entries[i]);
        free(entries[i]);
    }
    text_add_char(out, '}');
    free(entries);
}

static void write_list(struct text *out, const struct rw_list *list)
{
    text_add_char(out, '[');
    for (size_t i = 0; i < rw_list_count(list); i++) {
        text_add(out, i > 0 ? ", " : "");
        write_value(out, rw_list_at(list, i));
    }
    text_add_char(out, ']');
}

/* A script's error has a message that means something; the others say all by their code. */
static void write_error(struct text *out, const struct rw_value *value)
{
    text_format(out, "error %s", rw_err_code(value->code));
    if (value->code == RW_ERR_SCRIPT) {
        text_format(out, " \"%s\"", rw_value_message(value));
    }
    if (value->as.error != NULL && rw_error_other_count(value->as.error) > 0) {
        text_format(out, " +%zu", rw_error_other_count(value->as.error));
    }
}

/* A list of another host, as that host would copy it. */
static void write_native(struct text *out, struct rw_native *native)
{
    struct rw_value copy = rw_nil();

    if (native->vtable->portable(native, &copy) == 0) {
        write_value(out, &copy);
    } else {
        text_add(out, "<native>");
    }
    rw_value_drop(&copy);
}

static void write_value(struct text *out, const struct rw_value *value)
{
    switch (value->kind) {
    case RW_KIND_NIL:
        text_add(out, "nil");
        break;
    case RW_KIND_BOOL:
        text_add(out, value->as.boolean ? "true" : "false");
        break;
    case RW_KIND_INT:
        text_format(out, "%lld", (long long)value->as.integer);
        break;
    case RW_KIND_DOUBLE:
        write_double(out, value->as.number);
        break;
    case RW_KIND_BYTES:
    case RW_KIND_TEXT:
        write_quoted(out, value);
        break;
    case RW_KIND_LIST:
        write_list(out, value->as.list);
        break;
    case RW_KIND_MAP:
        write_map(out, value->as.map);
        break;
    case RW_KIND_ERROR:
        write_error(out, value);
        break;
    case RW_KIND_NATIVE:
        write_native(out, value->as.native);
        break;
    default:
        text_add(out, "<handle>");
        break;
    }
}

char *case_literal_format(const struct rw_value *value)
{
    struct text out = {0};

    write_value(&out, value);
    return text_take(&out);
}
