/* SPDX-License-Identifier: MIT
 *
 * parse_step.c - one step: `[name =] [show] word arguments`, read by the table in case.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/parse.h"
#include "harness/text.h"

struct step_kind {
    const char *word;
    const char *arguments;
    enum step_class step_class;
};

static const struct step_kind kinds[] = {
#define KIND(op, word, arguments, class) {word, arguments, STEP_##class},
    HARNESS_STEPS(KIND)
#undef KIND
};

static char *problem(const char *format, const char *word, size_t size)
{
    struct text text = {0};
    char *shown = text_copy(word, size < 60 ? size : 60);

    text_format(&text, "%s: \"%s\"", format, shown);
    free(shown);
    return text_take(&text);
}

static char *said(const char *text)
{
    return text_copy(text, strlen(text));
}

bool word_is(const char *word, size_t size, const char *expected)
{
    return word != NULL && strlen(expected) == size && memcmp(word, expected, size) == 0;
}

bool word_is_name(const char *word, size_t size)
{
    if (word == NULL || size == 0 || word[0] < 'a' || word[0] > 'z') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((word[i] < 'a' || word[i] > 'z') && (word[i] < '0' || word[i] > '9') && word[i] != '_') {
            return false;
        }
    }
    return true;
}

static void skip_blanks(struct line *line)
{
    while (line->at < line->end && (*line->at == ' ' || *line->at == '\t')) {
        line->at++;
    }
}

const char *line_word(struct line *line, size_t *size)
{
    skip_blanks(line);
    const char *word = line->at;

    while (line->at < line->end && *line->at != ' ' && *line->at != '\t') {
        line->at++;
    }
    *size = (size_t)(line->at - word);
    return *size > 0 ? word : NULL;
}

const char *line_rest(struct line *line, size_t *size)
{
    skip_blanks(line);
    const char *end = line->end;

    while (end > line->at && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) {
        end--;
    }
    *size = (size_t)(end - line->at);
    return line->at;
}

static bool read_number(const char *word, size_t size, int64_t *number)
{
    char digits[12];

    if (word == NULL || size >= sizeof digits) {
        return false;
    }
    memcpy(digits, word, size);
    digits[size] = '\0';
    if (strspn(digits, "0123456789") < size) {
        return false;
    }
    *number = strtoll(digits, NULL, 10);
    return true;
}

static char *read_value(struct line *line, struct step_argument *argument)
{
    skip_blanks(line);
    if (line->at < line->end && *line->at == '$') {
        size_t size;
        const char *word = line_word(line, &size);

        if (!word_is_name(word + 1, size - 1)) {
            return problem("not a variable", word, size);
        }
        argument->reference = text_copy(word + 1, size - 1);
        return NULL;
    }
    argument->value = case_literal_parse(&line->at, line->end);
    if (rw_is_failure(&argument->value)) {
        return said(rw_value_message(&argument->value));
    }
    return NULL;
}

static char *read_quoted(struct line *line, struct step_argument *argument)
{
    size_t size;

    skip_blanks(line);
    if (line->at >= line->end || *line->at != '"') {
        return said("a quoted text is missing");
    }
    argument->value = case_literal_parse(&line->at, line->end);
    if (rw_is_failure(&argument->value)) {
        return said(rw_value_message(&argument->value));
    }
    const char *data = rw_value_data(&argument->value, &size);

    argument->text = text_copy(data, size);
    return NULL;
}

static char *read_plain(struct line *line, char kind, struct step_argument *argument)
{
    size_t size;
    const char *word = line_word(line, &size);

    if (word == NULL) {
        return said(kind == 'i' ? "a number is missing" : "a name is missing");
    }
    if (kind == 'c' && word_is(word, size, "unbounded")) {
        argument->number = INT64_MAX;
        return NULL;
    }
    if (kind == 'i' || kind == 'c') {
        return read_number(word, size, &argument->number) ? NULL : problem("not a number", word, size);
    }
    if (!word_is_name(word, size)) {
        return problem("not a name", word, size);
    }
    argument->text = text_copy(word, size);
    return NULL;
}

static char *read_argument(struct line *line, char kind, struct step_argument *argument)
{
    argument->given = true;
    switch (kind) {
    case 'v':
        return read_value(line, argument);
    case 's':
        return read_quoted(line, argument);
    case '*': {
        size_t size;
        const char *rest = line_rest(line, &size);

        argument->text = text_copy(rest, size);
        line->at = line->end;
        return NULL;
    }
    default:
        return read_plain(line, kind, argument);
    }
}

/* `[word x]`: read when the word comes next. */
static char *read_optional(struct line *line, const char *pattern, struct step_argument *argument)
{
    const char *keyword = pattern + 1;
    size_t keyword_size = strcspn(keyword, " ");
    struct line ahead = *line;
    size_t size;
    const char *word = line_word(&ahead, &size);

    if (word == NULL || size != keyword_size || memcmp(word, keyword, size) != 0) {
        return NULL;
    }
    *line = ahead;
    return read_argument(line, keyword[keyword_size + 1], argument);
}

static char *read_keyword(struct line *line, const char *keyword, size_t keyword_size)
{
    size_t size;
    const char *word = line_word(line, &size);

    if (word == NULL || size != keyword_size || memcmp(word, keyword, size) != 0) {
        return problem("a word is missing", keyword, keyword_size);
    }
    return NULL;
}

static char *read_arguments(struct line *line, const char *pattern, struct step_argument *arguments)
{
    size_t slot = 0;
    char *error = NULL;

    while (error == NULL && *pattern != '\0') {
        size_t size = *pattern == '[' ? strcspn(pattern, "]") + 1 : strcspn(pattern, " ");

        if (*pattern == '[') {
            error = read_optional(line, pattern, &arguments[slot++]);
        } else if (size > 1) {
            error = read_keyword(line, pattern, size);
        } else {
            error = read_argument(line, *pattern, &arguments[slot++]);
        }
        pattern += size;
        pattern += *pattern == ' ' ? 1 : 0;
    }
    return error;
}

static const struct step_kind *find_kind(const char *word, size_t size)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (word_is(word, size, kinds[i].word)) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* `name =` before the step. */
static void read_store(struct line *line, struct step *step)
{
    struct line ahead = *line;
    size_t name_size;
    size_t size;
    const char *name = line_word(&ahead, &name_size);
    const char *sign = line_word(&ahead, &size);

    if (word_is_name(name, name_size) && word_is(sign, size, "=")) {
        step->store = text_copy(name, name_size);
        *line = ahead;
    }
}

static char *read_body(struct line *line, struct step *step)
{
    size_t size;
    const char *word = line_word(line, &size);
    const struct step_kind *kind = word != NULL ? find_kind(word, size) : NULL;

    if (kind == NULL) {
        return word != NULL ? problem("unknown step", word, size) : said("a step is missing");
    }
    step->op = (enum step_op)(kind - kinds);
    step->step_class = kind->step_class;
    return read_arguments(line, kind->arguments, step->arguments);
}

/* `within N` stands before a leaf, whose arguments take the place of its own. */
static char *read_within(struct line *line, struct step *step)
{
    step->within_ms = step->arguments[0].number;
    step->arguments[0] = (struct step_argument){0};
    char *error = read_body(line, step);

    if (error == NULL && step->step_class != STEP_LEAF) {
        return said("within takes a step that waits");
    }
    return error;
}

static char *check_marks(const struct step *step)
{
    bool is_structure = step->step_class == STEP_END || step->step_class == STEP_MIDDLE ||
                        step->step_class == STEP_CHOICE || step->op == OP_TRACE || step->op == OP_RETURN;

    if (is_structure && (step->show || step->store != NULL)) {
        return said("this step has no outcome to show or to store");
    }
    if (step->show && step->store != NULL) {
        return said("an outcome is either shown or stored");
    }
    return NULL;
}

char *step_parse(struct line *line, struct step *step)
{
    struct line ahead;
    size_t size;

    *step = (struct step){.line = line->number, .within_ms = -1};
    read_store(line, step);
    ahead = *line;
    const char *word = line_word(&ahead, &size);

    if (word_is(word, size, "show")) {
        step->show = true;
        *line = ahead;
    }
    const char *written = line_rest(line, &size);

    step->text = text_copy(written, size);
    char *error = read_body(line, step);

    if (error == NULL && step->step_class == STEP_PREFIX) {
        error = read_within(line, step);
    }
    if (error == NULL) {
        error = check_marks(step);
    }
    written = line_rest(line, &size);
    if (error == NULL && size > 0) {
        error = problem("too much on this line", written, size);
    }
    return error;
}

void step_free(struct step *step)
{
    free(step->store);
    free(step->text);
    for (size_t i = 0; i < STEP_SLOTS; i++) {
        free(step->arguments[i].text);
        free(step->arguments[i].reference);
        rw_value_drop(&step->arguments[i].value);
    }
}
