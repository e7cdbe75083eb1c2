/* SPDX-License-Identifier: MIT
 *
 * parse.c - a file of cases, from text to structure, or to a message that names the line.
 *
 * The structure is checked here once and for all, so that runners need not: blocks are closed, groups hold leaves,
 * spawned tasks exist, the first task is main, expected times do not go back.
 */
#include "harness/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/text.h"

struct parser {
    struct case_file *file;
    struct line line;
    enum { IN_NOTHING, IN_CASE, IN_TASK, IN_EXPECT } where;
    size_t open[STEP_DEPTH]; /* the blocks of the task that are not closed */
    size_t depth;
    long long last_time;
};

static void fail(struct parser *parser, int line, const char *what)
{
    struct text text = {0};

    if (parser->file->error == NULL) {
        text_format(&text, "line %d: %s", line, what);
        parser->file->error = text_take(&text);
    }
}

static void fail_here(struct parser *parser, const char *what)
{
    fail(parser, parser->line.number, what);
}

static struct behaviour_case *current_case(struct parser *parser)
{
    return &parser->file->cases[parser->file->case_count - 1];
}

static struct case_task *current_task(struct parser *parser)
{
    struct behaviour_case *behaviour = current_case(parser);

    return &behaviour->tasks[behaviour->task_count - 1];
}

/* ---- the end of things ----------------------------------------------------------------------------------------- */

static void end_task(struct parser *parser)
{
    if (parser->where == IN_TASK && parser->depth > 0) {
        struct case_task *task = current_task(parser);

        fail(parser, task->steps[parser->open[parser->depth - 1]].line, "a block without its end");
    }
    parser->depth = 0;
}

static void check_spawns(struct parser *parser, const struct behaviour_case *behaviour)
{
    for (size_t t = 0; t < behaviour->task_count; t++) {
        for (size_t s = 0; s < behaviour->tasks[t].step_count; s++) {
            const struct step *step = &behaviour->tasks[t].steps[s];

            if (step->op == OP_SPAWN && case_find_task(behaviour, step->arguments[0].text) == NULL) {
                fail(parser, step->line, "spawns a task that the case does not have");
            }
        }
    }
}

static void end_case(struct parser *parser)
{
    end_task(parser);
    if (parser->where == IN_NOTHING || parser->file->error != NULL) {
        return;
    }
    const struct behaviour_case *behaviour = current_case(parser);

    if (behaviour->task_count == 0 || strcmp(behaviour->tasks[0].name, "main") != 0) {
        fail(parser, behaviour->line, "the first task of a case is called main");
    } else if (parser->where != IN_EXPECT) {
        fail(parser, behaviour->line, "a case ends with what is expected");
    } else {
        check_spawns(parser, behaviour);
    }
}

/* ---- the lines that begin something ---------------------------------------------------------------------------- */

static void begin_case(struct parser *parser)
{
    size_t size;

    end_case(parser);
    const char *name = line_rest(&parser->line, &size);

    if (size == 0) {
        fail_here(parser, "a case has a name");
        return;
    }
    struct case_file *file = parser->file;

    file->cases = test_grow(file->cases, file->case_count, sizeof *file->cases);
    file->cases[file->case_count++] =
        (struct behaviour_case){.name = text_copy(name, size), .line = parser->line.number};
    parser->where = IN_CASE;
}

/* `only c lua: reason` and `not lua5.1: reason` */
static void add_note(struct parser *parser, const char *word, size_t word_size)
{
    struct behaviour_case *behaviour = current_case(parser);
    size_t size;
    const char *rest = line_rest(&parser->line, &size);
    const char *colon = memchr(rest, ':', size);

    if (colon == NULL || colon == rest || colon + 1 == rest + size) {
        fail_here(parser, "a limit is written `only languages: reason` or `not languages: reason`");
        return;
    }
    struct line reason = {colon + 1, rest + size, 0};

    behaviour->notes = test_grow(behaviour->notes, behaviour->note_count, sizeof *behaviour->notes);
    struct case_note *note = &behaviour->notes[behaviour->note_count++];

    note->word = text_copy(word, word_size);
    note->languages = text_copy(rest, (size_t)(colon - rest));
    const char *text = line_rest(&reason, &size);

    note->reason = text_copy(text, size);
}

static void begin_task(struct parser *parser)
{
    struct behaviour_case *behaviour = current_case(parser);
    size_t size;

    end_task(parser);
    const char *name = line_rest(&parser->line, &size);

    if (!word_is_name(name, size)) {
        fail_here(parser, "a task has a name of small letters, digits and _");
        return;
    }
    behaviour->tasks = test_grow(behaviour->tasks, behaviour->task_count, sizeof *behaviour->tasks);
    behaviour->tasks[behaviour->task_count++] = (struct case_task){.name = text_copy(name, size)};
    parser->where = IN_TASK;
}

static void begin_expect(struct parser *parser)
{
    size_t size;

    end_task(parser);
    line_rest(&parser->line, &size);
    if (size > 0) {
        fail_here(parser, "expect stands alone on its line");
    }
    parser->where = IN_EXPECT;
    parser->last_time = 0;
}

/* ---- the lines inside ------------------------------------------------------------------------------------------ */

static const char *check_group_member(const struct step *group, const struct step *step)
{
    if (step->show || step->store != NULL) {
        return "a step of a group has no outcome of its own";
    }
    if (step->step_class == STEP_CHOICE && group->op != OP_SELECT) {
        return "only a select has this choice";
    }
    return step->step_class == STEP_LEAF || step->step_class == STEP_CHOICE ? NULL
                                                                            : "a group holds steps that wait";
}

static void close_block(struct parser *parser, struct case_task *task, size_t at)
{
    if (parser->depth == 0) {
        fail_here(parser, "an end without a block");
        return;
    }
    size_t begin = parser->open[--parser->depth];
    struct step *block = &task->steps[begin];

    task->steps[at].block_end = begin;
    block->block_end = at;
    if (block->op == OP_TRY && block->middle == 0) {
        fail(parser, block->line, "a try block has a finally");
    }
    if (block->step_class == STEP_GROUP && at == begin + 1) {
        fail(parser, block->line, "a group without steps");
    }
}

static void open_block(struct parser *parser, size_t at)
{
    if (parser->depth == STEP_DEPTH) {
        fail_here(parser, "too many blocks inside each other");
        return;
    }
    parser->open[parser->depth++] = at;
}

static void part_block(struct parser *parser, struct case_task *task, size_t at)
{
    struct step *block = parser->depth > 0 ? &task->steps[parser->open[parser->depth - 1]] : NULL;

    if (block == NULL || block->op != OP_TRY || block->middle != 0) {
        fail_here(parser, "finally belongs into a try block, once");
        return;
    }
    block->middle = at;
}

static void place_step(struct parser *parser, struct case_task *task, size_t at)
{
    const struct step *step = &task->steps[at];
    const struct step *around = parser->depth > 0 ? &task->steps[parser->open[parser->depth - 1]] : NULL;
    const char *wrong = NULL;

    if (around != NULL && around->step_class == STEP_GROUP && step->step_class != STEP_END) {
        wrong = check_group_member(around, step);
    } else if (step->step_class == STEP_CHOICE) {
        wrong = "only a select has this choice";
    } else if (step->op == OP_RETURN && parser->depth > 0) {
        wrong = "return stands outside all blocks";
    }
    if (wrong != NULL) {
        fail_here(parser, wrong);
    } else if (step->step_class == STEP_BLOCK || step->step_class == STEP_GROUP) {
        open_block(parser, at);
    } else if (step->step_class == STEP_MIDDLE) {
        part_block(parser, task, at);
    } else if (step->step_class == STEP_END) {
        close_block(parser, task, at);
    }
}

static void add_step(struct parser *parser)
{
    struct case_task *task = current_task(parser);
    size_t at = task->step_count;

    task->steps = test_grow(task->steps, task->step_count, sizeof *task->steps);
    char *error = step_parse(&parser->line, &task->steps[at]);

    task->step_count++;
    if (error != NULL) {
        fail_here(parser, error);
        free(error);
        return;
    }
    place_step(parser, task, at);
}

static void add_expected(struct parser *parser)
{
    struct behaviour_case *behaviour = current_case(parser);
    size_t size;
    const char *text = line_rest(&parser->line, &size);
    char *line = text_copy(text, size);
    char *end;
    long long time = strtoll(line, &end, 10);

    behaviour->expected =
        test_grow(behaviour->expected, behaviour->expected_count, sizeof *behaviour->expected);
    behaviour->expected[behaviour->expected_count++] = line;
    if (end == line || *end != ' ' || time < parser->last_time) {
        fail_here(parser, "an expected line is `milliseconds task what`, and time does not go back");
    }
    parser->last_time = time;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static void parse_line(struct parser *parser)
{
    struct line ahead = parser->line;
    size_t size;
    const char *word = line_word(&ahead, &size);

    if (word == NULL || word[0] == '#' || *word == '\r') {
        return;
    }
    if (word_is(word, size, "case")) {
        parser->line = ahead;
        begin_case(parser);
        return;
    }
    if (parser->where == IN_NOTHING) {
        fail_here(parser, "a file begins with a case");
    } else if (word_is(word, size, "task") && parser->where != IN_EXPECT) {
        parser->line = ahead;
        begin_task(parser);
    } else if (word_is(word, size, "expect") && parser->where == IN_TASK) {
        parser->line = ahead;
        begin_expect(parser);
    } else if (parser->where == IN_TASK) {
        add_step(parser);
    } else if (parser->where == IN_EXPECT) {
        add_expected(parser);
    } else if (word_is(word, size, "only") || word_is(word, size, "not")) {
        parser->line = ahead;
        add_note(parser, word, size);
    } else {
        fail_here(parser, "here only `only`, `not` and `task` are known");
    }
}

struct case_file *case_file_parse(const char *text, size_t size)
{
    struct parser parser = {.file = test_memory(sizeof *parser.file)};
    const char *end = text + size;
    int number = 1;

    for (const char *at = text; at < end && parser.file->error == NULL; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline != NULL ? newline : end;

        parser.line = (struct line){at, line_end, number};
        if (line_end > at && line_end[-1] == '\r') {
            parser.line.end--;
        }
        parse_line(&parser);
        at = newline != NULL ? newline + 1 : end;
    }
    end_case(&parser);
    return parser.file;
}

static void free_case(struct behaviour_case *behaviour)
{
    free(behaviour->name);
    for (size_t i = 0; i < behaviour->note_count; i++) {
        free(behaviour->notes[i].word);
        free(behaviour->notes[i].languages);
        free(behaviour->notes[i].reason);
    }
    for (size_t i = 0; i < behaviour->task_count; i++) {
        free(behaviour->tasks[i].name);
        for (size_t s = 0; s < behaviour->tasks[i].step_count; s++) {
            step_free(&behaviour->tasks[i].steps[s]);
        }
        free(behaviour->tasks[i].steps);
    }
    for (size_t i = 0; i < behaviour->expected_count; i++) {
        free(behaviour->expected[i]);
    }
    free(behaviour->notes);
    free(behaviour->tasks);
    free(behaviour->expected);
}

void case_file_free(struct case_file *file)
{
    for (size_t i = 0; i < file->case_count; i++) {
        free_case(&file->cases[i]);
    }
    free(file->cases);
    free(file->error);
    free(file);
}

/* ---- looking things up ----------------------------------------------------------------------------------------- */

/* "lua" names every Lua, "lua5.1" one of them. */
static bool is_named(const char *languages, const char *language)
{
    struct line line = {languages, languages + strlen(languages), 0};
    size_t size;
    const char *word;

    while ((word = line_word(&line, &size)) != NULL) {
        bool is_family = strncmp(language, word, size) == 0 && (size == 3 || size == 6) &&
                         strspn(language + size, "0123456789.jit") == strlen(language + size);

        if (word_is(word, size, language) || is_family) {
            return true;
        }
    }
    return false;
}

const char *case_skip_reason(const struct behaviour_case *behaviour, const char *language)
{
    for (size_t i = 0; i < behaviour->note_count; i++) {
        const struct case_note *note = &behaviour->notes[i];

        if (is_named(note->languages, language) != (strcmp(note->word, "only") == 0)) {
            return note->reason;
        }
    }
    return NULL;
}

const struct case_task *case_find_task(const struct behaviour_case *behaviour, const char *name)
{
    for (size_t i = 0; i < behaviour->task_count; i++) {
        if (strcmp(behaviour->tasks[i].name, name) == 0) {
            return &behaviour->tasks[i];
        }
    }
    return NULL;
}
