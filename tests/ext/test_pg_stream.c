/* SPDX-License-Identifier: MIT
 *
 * test_pg_stream.c - the PostgreSQL client of examples/extension: rows and notifications as streams, cancelling.
 */
#include "pg_test.h"

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

static void rows_are_read_no_faster_than_they_are_taken(void)
{
    static const char sql[] = "select i, repeat('x', 4000) from generate_series(1, 10000) as i";
    struct fixture f;
    struct rw_stream *stream;
    struct rw_value row;
    int64_t sum = 0, most = 0;

    CHECK(begin(&f));
    stream = pg_rows(f.c, sql, rw_nil());
    for (int i = 0; i < 10; i++) {
        row = wait_for(f.loop, rw_stream_next(stream));
        CHECK_INT(row.kind, RW_KIND_LIST);
        sum += rw_list_at(row.as.list, 0)->as.integer;
        rw_value_drop(&row);
    }
    CHECK(comes_to(&f, "select count(*) from pg_stat_activity where wait_event = 'ClientWrite'", "[[1]]"));
    for (;;) {
        row = wait_for(f.loop, rw_stream_next(stream));
        if (rw_is_failure(&row)) {
            break;
        }
        sum += rw_list_at(row.as.list, 0)->as.integer;
        rw_value_drop(&row);
        most = test_state.live_bytes > most ? test_state.live_bytes : most;
    }
    CHECK_TEXT(text_of(row), "end: end of stream");
    CHECK_INT(sum, 10000 * 10001 / 2);
    CHECK(most < 1000 * 1000);
    rw_stream_unref(stream);
    CHECK_TEXT(query(&f, "select 1"), "[[1]]");
    end(&f);
}

static void an_error_among_the_rows_ends_their_stream(void)
{
    struct fixture f;
    struct rw_stream *stream;

    CHECK(begin(&f));
    stream = pg_rows(f.c, "select 1 / (2 - i) from generate_series(1, 3) as i", rw_nil());
    CHECK_TEXT(text_of(wait_for(f.loop, rw_stream_next(stream))), "[1]");
    CHECK_TEXT(text_of(wait_for(f.loop, rw_stream_next(stream))), "script: 22012: division by zero");
    CHECK_TEXT(text_of(wait_for(f.loop, rw_stream_next(stream))), "end: end of stream");
    rw_stream_unref(stream);
    CHECK_TEXT(query(&f, "select 1"), "[[1]]");
    end(&f);
}

static void a_stream_closed_early_cancels_its_statement(void)
{
    /* The server sends whenever it has 8 KiB. */
    static const char sql[] = "select repeat('x', 10000), pg_sleep(case when i > 10 then 3600 else 0 end)"
                              " from generate_series(1, 1000) as i";
    struct fixture f;
    struct rw_stream *stream;
    struct rw_value row;

    CHECK(begin(&f));
    stream = pg_rows(f.c, sql, rw_nil());
    row = wait_for(f.loop, rw_stream_next(stream));
    CHECK_INT(row.kind, RW_KIND_LIST);
    rw_value_drop(&row);
    rw_stream_close(stream);
    CHECK_TEXT(query(&f, "select 2"), "[[2]]");
    CHECK_TEXT(text_of(wait_for(f.loop, rw_stream_next(stream))), "end: end of stream");
    rw_stream_unref(stream);
    end(&f);
}

/* ---- cancelling ------------------------------------------------------------------------------------------------------ */

static void a_cancelled_task_cancels_its_query_on_the_server(void)
{
    struct fixture f;
    struct rw_task *task;

    CHECK(begin(&f));
    task = rw_spawn(f.loop, pg_query(f.c, "select pg_sleep(3600)", rw_nil()), NULL);
    CHECK(comes_to(&f, SLEEPERS, "[[1]]"));
    rw_task_cancel(task, NULL);
    CHECK_TEXT(text_of(wait_for(f.loop, rw_task_join(task))), "cancelled: the task was cancelled");
    CHECK_TEXT(query(&f, "select 6"), "[[6]]");
    CHECK_TEXT(ask_other(&f, SLEEPERS), "[[0]]");
    rw_task_unref(task);
    end(&f);
}

static void a_query_cancelled_as_soon_as_it_is_sent_ends_too(void)
{
    struct fixture f;

    CHECK(begin(&f));
    for (int i = 0; i < 5; i++) {
        struct rw_task *task = rw_spawn(f.loop, pg_query(f.c, "select pg_sleep(3600)", rw_nil()), NULL);

        take_turns(f.loop, 1);
        rw_task_cancel(task, NULL);
        rw_task_unref(task);
        CHECK_TEXT(query(&f, "select 6"), "[[6]]");
    }
    end(&f);
}

static void a_query_cancelled_in_the_line_never_runs(void)
{
    struct fixture f;
    struct rw_task *tasks[3];
    static const char *const sql[] = {"select pg_sleep(0.05)", "insert into t values (1)",
                                      "insert into t values (2)"};

    CHECK(begin(&f));
    CHECK_TEXT(query(&f, "create temp table t(a int)"), "[]");
    for (int i = 0; i < 3; i++) {
        tasks[i] = rw_spawn(f.loop, pg_query(f.c, sql[i], rw_nil()), NULL);
    }
    take_turns(f.loop, 2);
    rw_task_cancel(tasks[1], NULL);
    CHECK_TEXT(query(&f, "select a from t"), "[[2]]");
    for (int i = 0; i < 3; i++) {
        rw_task_unref(tasks[i]);
    }
    end(&f);
}

static void a_query_past_its_deadline_is_cancelled_on_the_server(void)
{
    struct fixture f;
    struct rw_future *hour;

    CHECK(begin(&f));
    hour = pg_query(f.c, "select pg_sleep(3600)", rw_nil());
    CHECK_TEXT(text_of(wait_for(f.loop, rw_timeout(f.loop, hour, rw_deadline_after(f.loop, RW_SECOND / 20)))),
               "timeout: timeout");
    CHECK_TEXT(query(&f, "select 6"), "[[6]]");
    CHECK_TEXT(ask_other(&f, SLEEPERS), "[[0]]");
    end(&f);
}

/* ---- notifications --------------------------------------------------------------------------------------------------- */

static void notifications_come_as_a_stream(void)
{
    struct fixture f;
    struct rw_stream *stream;
    struct rw_value value;
    int pid;

    CHECK(begin(&f));
    pid = atoi(ask_other(&f, "select pg_backend_pid()") + 2);
    stream = listen_to(&f, "My \"Channel\"");
    CHECK(stream != NULL);
    CHECK_TEXT(query(&f, "select pg_listening_channels()"), "[['My \"Channel\"']]");
    CHECK_TEXT(ask_other(&f, "select pg_notify('My \"Channel\"', 'one'), pg_notify('elsewhere', 'two')"),
               "[['', '']]");
    value = wait_for(f.loop, rw_stream_next(stream));
    CHECK_INT(value.kind, RW_KIND_MAP);
    CHECK_TEXT(text_of(rw_value_clone(rw_map_get(value.as.map, "channel"))), "'My \"Channel\"'");
    CHECK_TEXT(text_of(rw_value_clone(rw_map_get(value.as.map, "payload"))), "'one'");
    CHECK_INT(rw_map_get(value.as.map, "pid")->as.integer, pid);
    rw_value_drop(&value);
    rw_stream_close(stream);
    CHECK_TEXT(query(&f, "select count(*) from pg_listening_channels()"), "[[0]]");
    rw_stream_unref(stream);
    end(&f);
}

static void notifications_come_while_queries_run(void)
{
    struct fixture f;
    struct rw_stream *first, *second;
    struct rw_task *task;

    CHECK(begin(&f));
    first = listen_to(&f, "c");
    second = listen_to(&f, "c");
    CHECK(second != NULL);
    task = rw_spawn(f.loop, rw_stream_next(first), NULL);
    CHECK_TEXT(query(&f, "select pg_notify('c', 'own')"), "[['']]");
    CHECK_TEXT(ask_other(&f, "select pg_notify('c', 'other')"), "[['']]");
    CHECK_TEXT(query(&f, "select 1 from pg_sleep(0.01)"), "[[1]]");
    CHECK_TEXT(next_payload(&f, second), "'own'");
    CHECK_TEXT(next_payload(&f, second), "'other'");
    CHECK_TEXT(next_payload(&f, first), "'other'");
    rw_stream_unref(first);
    CHECK_TEXT(query(&f, "select pg_notify('c', 'still')"), "[['']]");
    CHECK_TEXT(next_payload(&f, second), "'still'");
    rw_stream_unref(second);
    rw_task_unref(task);
    end(&f);
}

static void notifications_that_nobody_takes_are_bounded(void)
{
    struct fixture f;
    struct rw_stream *stream;
    struct rw_value value;
    int count = 0;

    CHECK(begin(&f));
    stream = listen_to(&f, "c");
    CHECK_TEXT(query(&f, "select count(pg_notify('c', i::text)) from generate_series(1, 2000) as i"),
               "[[2000]]");
    for (;;) {
        value = wait_for(f.loop, rw_stream_next(stream));
        if (rw_is_failure(&value)) {
            break;
        }
        rw_value_drop(&value);
        count++;
    }
    CHECK_INT(count, PG_NOTIFICATIONS_MAX);
    CHECK_TEXT(text_of(value), "lagged: 1024 notifications were not taken");
    rw_stream_unref(stream);
    CHECK_TEXT(query(&f, "select 1"), "[[1]]");
    end(&f);
}

static void a_channel_needs_a_name(void)
{
    struct fixture f;
    char name[65] = "";

    CHECK(begin(&f));
    CHECK_TEXT(text_of(wait_for(f.loop, pg_listen(f.c, ""))), "invalid: a channel's name has 1 to 63 bytes");
    memset(name, 'x', 64);
    CHECK_TEXT(text_of(wait_for(f.loop, pg_listen(f.c, name))),
               "invalid: a channel's name has 1 to 63 bytes");
    rw_future_drop(pg_listen(f.c, "never polled"));
    CHECK_TEXT(query(&f, "select count(*) from pg_listening_channels()"), "[[0]]");
    end(&f);
}

static const struct test tests[] = {
    TEST(rows_are_read_no_faster_than_they_are_taken),
    TEST(an_error_among_the_rows_ends_their_stream),
    TEST(a_stream_closed_early_cancels_its_statement),
    TEST(a_cancelled_task_cancels_its_query_on_the_server),
    TEST(a_query_cancelled_as_soon_as_it_is_sent_ends_too),
    TEST(a_query_cancelled_in_the_line_never_runs),
    TEST(a_query_past_its_deadline_is_cancelled_on_the_server),
    TEST(notifications_come_as_a_stream),
    TEST(notifications_come_while_queries_run),
    TEST(notifications_that_nobody_takes_are_bounded),
    TEST(a_channel_needs_a_name),
};

TEST_MAIN(tests)
