/* SPDX-License-Identifier: MIT
 *
 * parse.h - one line of a case file, word by word.
 */
#ifndef RW_HARNESS_PARSE_H
#define RW_HARNESS_PARSE_H

#include "harness/case.h"

struct line {
    const char *at;
    const char *end;
    int number;
};

/* The next word, moved past, and its size; NULL at the end of the line. */
const char *line_word(struct line *line, size_t *size);

/* What is left, without blanks at its ends. */
const char *line_rest(struct line *line, size_t *size);

/* Reads one step. Gives NULL, or what is wrong with it; to be freed with free(). */
char *step_parse(struct line *line, struct step *step);
void step_free(struct step *step);

bool word_is(const char *word, size_t size, const char *expected);
bool word_is_name(const char *word, size_t size);

#endif
