/* SPDX-License-Identifier: MIT
 *
 * text.c - texts that grow.
 */
#include "harness/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_end(void *memory)
{
    if (memory == NULL) {
        fputs("out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

void *test_memory(size_t size)
{
    return or_end(calloc(1, size > 0 ? size : 1));
}

void *test_grow(void *items, size_t count, size_t item_size)
{
    if ((count & (count - 1)) != 0) {
        return items;
    }
    size_t room = count > 0 ? count * 2 : 1;
    char *grown = or_end(realloc(items, room * item_size));

    memset(grown + count * item_size, 0, (room - count) * item_size);
    return grown;
}

void text_add_sized(struct text *text, const char *more, size_t size)
{
    if (text->size + size + 1 > text->room) {
        text->room = (text->size + size + 1) * 2;
        text->data = or_end(realloc(text->data, text->room));
    }
    memcpy(text->data + text->size, more, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void text_add(struct text *text, const char *more)
{
    text_add_sized(text, more, strlen(more));
}

void text_add_char(struct text *text, char c)
{
    text_add_sized(text, &c, 1);
}

void text_format(struct text *text, const char *format, ...)
{
    char formatted[1200]; /* longer than any message of the library */
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(formatted, sizeof formatted, format, arguments);
    va_end(arguments);
    text_add(text, formatted);
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

char *text_take(struct text *text)
{
    char *data = text->data != NULL ? text->data : test_memory(1);

    *text = (struct text){0};
    return data;
}

char *text_copy(const char *data, size_t size)
{
    char *copy = test_memory(size + 1);

    memcpy(copy, data, size);
    return copy;
}
