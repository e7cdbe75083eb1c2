/* SPDX-License-Identifier: MIT
 *
 * case.h - behaviour cases as data: what a file of cases means once it has been read.
 *
 * docs/harness.md describes the format; the table below is its list of steps. The runners in Lua and Python hold the
 * same table, so that a step which one of them does not know is an error there and not a difference in behaviour.
 */
#ifndef RW_HARNESS_CASE_H
#define RW_HARNESS_CASE_H

#include <ropewalk.h>

/* X(operation, word, arguments, class)
 * Arguments: n name, i number, c capacity, v value, s quoted text, w word, * the rest; [word x] may be left out. */
#define HARNESS_STEPS(X)                                                                                     \
    X(OP_SLEEP, "sleep", "i", LEAF)                                                                          \
    X(OP_YIELD, "yield", "", LEAF)                                                                           \
    X(OP_AWAIT, "await", "n", LEAF)                                                                          \
    X(OP_RECEIVE, "receive", "n", LEAF)                                                                      \
    X(OP_SEND, "send", "n v", LEAF)                                                                          \
    X(OP_NEXT, "next", "n", LEAF)                                                                            \
    X(OP_FORWARD, "forward", "n n", LEAF)                                                                    \
    X(OP_RESERVE, "reserve", "n [as n]", LEAF)                                                               \
    X(OP_SPAWN, "spawn", "n [as n] [in n]", DIRECT)                                                          \
    X(OP_CANCEL, "cancel", "n", DIRECT)                                                                      \
    X(OP_ABORT, "abort", "n", DIRECT)                                                                        \
    X(OP_DETACH, "detach", "n", DIRECT)                                                                      \
    X(OP_DONE, "done", "n", DIRECT)                                                                          \
    X(OP_RETURN, "return", "v", DIRECT)                                                                      \
    X(OP_FAIL, "fail", "s", DIRECT)                                                                          \
    X(OP_VALUE, "value", "v", DIRECT)                                                                        \
    X(OP_TRACE, "trace", "*", DIRECT)                                                                        \
    X(OP_FUTURE, "future", "n", DIRECT)                                                                      \
    X(OP_RESOLVE, "resolve", "n v", DIRECT)                                                                  \
    X(OP_REJECT, "reject", "n s", DIRECT)                                                                    \
    X(OP_CHANNEL, "channel", "n c [kind w]", DIRECT)                                                         \
    X(OP_ONESHOT, "oneshot", "n", DIRECT)                                                                    \
    X(OP_BROADCAST, "broadcast", "n i", DIRECT)                                                              \
    X(OP_SUBSCRIBE, "subscribe", "n as n", DIRECT)                                                           \
    X(OP_PUBLISH, "publish", "n v", DIRECT)                                                                  \
    X(OP_TRY_SEND, "try_send", "n v", DIRECT)                                                                \
    X(OP_TRY_RECEIVE, "try_receive", "n", DIRECT)                                                            \
    X(OP_CLOSE_SENDER, "close_sender", "n", DIRECT)                                                          \
    X(OP_CLOSE_RECEIVER, "close_receiver", "n", DIRECT)                                                      \
    X(OP_CLONE_SENDER, "clone_sender", "n as n", DIRECT)                                                     \
    X(OP_CLONE_RECEIVER, "clone_receiver", "n as n", DIRECT)                                                 \
    X(OP_PERMIT_SEND, "permit_send", "n v", DIRECT)                                                          \
    X(OP_PERMIT_RELEASE, "permit_release", "n", DIRECT)                                                      \
    X(OP_COUNT, "count", "n", DIRECT)                                                                        \
    X(OP_STREAM_LIST, "stream_list", "v as n", DIRECT)                                                       \
    X(OP_STREAM_CHANNEL, "stream_channel", "n as n", DIRECT)                                                 \
    X(OP_STREAM_INTERVAL, "stream_interval", "i as n", DIRECT)                                               \
    X(OP_STREAM_TICKS, "stream_ticks", "i i as n", DIRECT)                                                   \
    X(OP_MAP, "map", "n i as n", DIRECT)                                                                     \
    X(OP_FILTER, "filter", "n i as n", DIRECT)                                                               \
    X(OP_TAKE, "take", "n i as n", DIRECT)                                                                   \
    X(OP_MERGE, "merge", "n n as n", DIRECT)                                                                 \
    X(OP_CHUNKS, "chunks", "n i as n", DIRECT)                                                               \
    X(OP_BUFFERED, "buffered", "n i as n", DIRECT)                                                           \
    X(OP_CLOSE_STREAM, "close_stream", "n", DIRECT)                                                          \
    X(OP_WITHIN, "within", "i", PREFIX)                                                                      \
    X(OP_SCOPE, "scope", "n", BLOCK)                                                                         \
    X(OP_TIMEOUT, "timeout", "i", BLOCK)                                                                     \
    X(OP_MOVE_ON, "move_on", "i", BLOCK)                                                                     \
    X(OP_SHIELD, "shield", "", BLOCK)                                                                        \
    X(OP_REPEAT, "repeat", "i", BLOCK)                                                                       \
    X(OP_EACH, "each", "n as n", BLOCK)                                                                      \
    X(OP_TRY, "try", "", BLOCK)                                                                              \
    X(OP_DO, "do", "", BLOCK)                                                                                \
    X(OP_JOIN, "join", "", GROUP)                                                                            \
    X(OP_FIRST, "first", "", GROUP)                                                                          \
    X(OP_SELECT, "select", "[mode w]", GROUP)                                                                \
    X(OP_AFTER, "after", "i", CHOICE)                                                                        \
    X(OP_DEFAULT, "default", "", CHOICE)                                                                     \
    X(OP_FINALLY, "finally", "", MIDDLE)                                                                     \
    X(OP_END, "end", "", END)

enum step_op {
#define HARNESS_ENUM(op, word, arguments, class) op,
    HARNESS_STEPS(HARNESS_ENUM)
#undef HARNESS_ENUM
        OP_COUNT_OF_ALL
};

enum step_class {
    STEP_LEAF,   /* waits; may stand alone, in a group, or behind `within` */
    STEP_DIRECT, /* done at once */
    STEP_PREFIX, /* takes the leaf that follows it on the same line */
    STEP_BLOCK,  /* steps up to `end` */
    STEP_GROUP,  /* leaves up to `end`, waited for together */
    STEP_CHOICE, /* only in a select */
    STEP_MIDDLE, /* parts a try block */
    STEP_END
};

#define STEP_SLOTS 3
#define STEP_DEPTH 16 /* of blocks in a task */

struct step_argument {
    bool given;
    char *text;      /* names, words, quoted texts, the rest of a line */
    int64_t number;  /* numbers and capacities; `unbounded` is INT64_MAX */
    char *reference; /* the variable a value is taken from, or NULL */
    struct rw_value value;
};

struct step {
    int line;
    enum step_op op;
    enum step_class step_class;
    bool show;
    char *store;       /* the variable for the outcome, or NULL */
    char *text;        /* as written, without `show` */
    int64_t within_ms; /* -1: none */
    size_t block_end;  /* of blocks and groups: the index of their `end`; of an `end`: where it began */
    size_t middle;     /* of a try block: the index of `finally`, or of the end */
    struct step_argument arguments[STEP_SLOTS];
};

struct case_task {
    char *name;
    struct step *steps;
    size_t step_count;
};

struct case_note {
    char *word; /* "only", "not" */
    char *languages;
    char *reason;
};

struct behaviour_case {
    char *name;
    int line;
    struct case_note *notes;
    size_t note_count;
    struct case_task *tasks; /* the first is main */
    size_t task_count;
    char **expected;
    size_t expected_count;
};

struct case_file {
    struct behaviour_case *cases;
    size_t case_count;
    char *error; /* what is wrong with the file, "line 12: ..."; NULL: nothing */
};

/* Reads the text of a file of cases. Always gives a file, to be freed with case_file_free; look at its `error`. */
struct case_file *case_file_parse(const char *text, size_t size);
void case_file_free(struct case_file *file);

/* Why the case does not run in `language` ("c", "lua5.1" ...), or NULL when it does. Borrowed. */
const char *case_skip_reason(const struct behaviour_case *behaviour, const char *language);

/* The task of that name, or NULL. */
const struct case_task *case_find_task(const struct behaviour_case *behaviour, const char *name);

/* Reads one literal at *at and moves *at behind it; a failure tells what is wrong with it. */
struct rw_value case_literal_parse(const char **at, const char *end);

/* Text of a value as traces show it; to be freed with free(). */
char *case_literal_format(const struct rw_value *value);

#endif
