/* SPDX-License-Identifier: MIT
 *
 * text.h - texts that grow, for the runner of cases. A tool may end when memory does, so nothing here can fail.
 */
#ifndef RW_HARNESS_TEXT_H
#define RW_HARNESS_TEXT_H

#include <stddef.h>

struct text {
    char *data; /* ends with a zero byte; NULL while empty */
    size_t size;
    size_t room;
};

/* Zeroed memory, to be freed with free(). */
void *test_memory(size_t size);

/* An array of items with room for one more: `items` is moved when `count` is a power of two. */
void *test_grow(void *items, size_t count, size_t item_size);

void text_add(struct text *text, const char *more);
void text_add_sized(struct text *text, const char *more, size_t size);
void text_add_char(struct text *text, char c);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *text);

/* The text as a C string of its own, never NULL; the text is empty afterwards. */
char *text_take(struct text *text);

/* A C string of its own. */
char *text_copy(const char *data, size_t size);

#endif
