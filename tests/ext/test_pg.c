/* SPDX-License-Identifier: MIT
 *
 * test_pg.c - the PostgreSQL client of examples/extension: connections, queries, and how they end.
 */
#include <fnmatch.h>

#include "pg_test.h"

/* ---- queries --------------------------------------------------------------------------------------------------------- */

static void each_type_comes_as_its_kind(void)
{
    static const char *const cases[][2] = {
        {"select 1::smallint, -2147483648, 9223372036854775807", "[[1, -2147483648, 9223372036854775807]]"},
        {"select 1.5::real, -2.25e300::float8, 'infinity'::float8", "[[1.5d, -2.25e+300d, infd]]"},
        {"select 0.1::float8", "[[0.10000000000000001d]]"},
        {"select true, false, null::bool", "[[true, false, nil]]"},
        {"select 'ab'::text, 'c'::varchar, 'd'::char(2), ''", "[['ab', 'c', 'd ', '']]"},
        {"select '\\x00ff10'::bytea, ''::bytea, null::bytea", "[[x'00ff10', x'', nil]]"},
        {"select 1.50::numeric, '2026-01-02'::date, '[1, 2]'::json", "[['1.50', '2026-01-02', '[1, 2]']]"},
        {"select '\xc3\xa4\xe2\x82\xac'", "[['\xc3\xa4\xe2\x82\xac']]"},
        {"select i from generate_series(1, 3) as i", "[[1], [2], [3]]"},
        {"select 1 where false", "[]"},
        {"select", "[[]]"},
        {"", "[]"},
    };
    struct fixture f;

    CHECK(begin(&f));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_TEXT(query(&f, cases[i][0]), cases[i][1]);
    }
    end(&f);
}

static void parameters_arrive_as_what_they_are(void)
{
    const struct rw_value params[] = {
        rw_nil(),           rw_bool(true),         rw_int(-7),     rw_int(INT64_C(1) << 40), rw_double(0.1),
        rw_text_of("it's"), rw_bytes("\0\xff", 2), rw_text_of(""),
    };
    static const char sql[] = "select $1::text, $2, $3, $4, $5, $6::text, $7, $8::text,"
                              " pg_typeof($3)::text, pg_typeof($4)::text, left('abcdef', 2 + $3 + 8)";
    const struct rw_value one = rw_text_of("2026-01-02");
    struct fixture f;

    CHECK(begin(&f));
    CHECK_TEXT(query_with(&f, sql, list_of(8, params)),
               "[[nil, true, -7, 1099511627776, 0.10000000000000001d, 'it's', x'00ff', '',"
               " 'integer', 'bigint', 'abc']]");
    CHECK_TEXT(query_with(&f, "select $1::date + 1", list_of(1, &one)), "[['2026-01-03']]");
    CHECK_TEXT(query_with(&f, "select 1", list_of(0, NULL)), "[[1]]");
    end(&f);
}

static void what_cannot_be_sent_is_named_by_its_number(void)
{
    const struct rw_value list[] = {rw_int(1), list_of(0, NULL)};
    const struct rw_value zero[] = {rw_text("a\0b", 3)};
    struct fixture f;
    struct rw_stream *stream;

    CHECK(begin(&f));
    CHECK_TEXT(query_with(&f, "select $1", rw_int(1)), "type: the parameters are a int, not a list");
    CHECK_TEXT(query_with(&f, "select $1", list_of(1, zero)),
               "invalid: parameter 1: a text with a zero byte");
    stream = pg_rows(f.c, "select $1, $2", list_of(2, list));
    CHECK_TEXT(text_of(wait_for(f.loop, rw_stream_next(stream))),
               "type: parameter 2: PostgreSQL cannot be given a list");
    rw_stream_unref(stream);
    CHECK_TEXT(query(&f, "select 1"), "[[1]]");
    end(&f);
}

static void a_result_says_columns_count_and_command(void)
{
    static const char *const cases[][4] = {
        {"create temp table t(a int, b text)", "[]", "nil", "'CREATE TABLE'"},
        {"insert into t values (1, 'x'), (2, 'y')", "[]", "2", "'INSERT 0 2'"},
        {"update t set a = a + 1 where a = 2 returning a, b as c", "['a', 'c']", "1", "'UPDATE 1'"},
        {"select * from t", "['a', 'b']", "2", "'SELECT 2'"},
        {"delete from t", "[]", "2", "'DELETE 2'"},
    };
    struct fixture f;

    CHECK(begin(&f));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rw_value result = wait_for(f.loop, pg_query(f.c, cases[i][0], rw_nil()));
        static const char *const keys[] = {"columns", "affected", "command"};

        CHECK_INT(result.kind, RW_KIND_MAP);
        for (int key = 0; key < 3; key++) {
            CHECK_TEXT(text_of(rw_value_clone(rw_map_get(result.as.map, keys[key]))), cases[i][key + 1]);
        }
        rw_value_drop(&result);
    }
    end(&f);
}

static void an_error_has_its_sqlstate_and_the_connection_goes_on(void)
{
    struct fixture f;
    struct rw_value failure;

    CHECK(begin(&f));
    failure = wait_for(f.loop, pg_query(f.c, "select * from nowhere", rw_nil()));
    CHECK(rw_is_failure(&failure));
    CHECK_TEXT(rw_error_type(failure.as.error), "pg.42P01");
    CHECK_TEXT(text_of(failure), "script: 42P01: relation \"nowhere\" does not exist");
    CHECK_TEXT(query(&f, "select 1/0"), "script: 22012: division by zero");
    CHECK_TEXT(query(&f, "select 1; select 2"),
               "script: 42601: cannot insert multiple commands into a prepared statement");
    CHECK_TEXT(query(&f, "select 5"), "[[5]]");
    end(&f);
}

static void copy_is_refused_and_the_connection_goes_on(void)
{
    struct fixture f;
    const char *refused = "unsupported: COPY to or from the client";

    CHECK(begin(&f));
    CHECK_TEXT(query(&f, "create temp table t(a int)"), "[]");
    CHECK_TEXT(query(&f, "copy t from stdin"), refused);
    CHECK_TEXT(query(&f, "copy (select * from generate_series(1, 100000)) to stdout"), refused);
    CHECK_TEXT(query(&f, "select count(*) from t"), "[[0]]");
    end(&f);
}

static void fifty_queries_at_once_over_five_connections(void)
{
    struct fixture f;
    struct pg_connection *pool[5];
    struct rw_future *futures[50];
    struct rw_value results;

    CHECK(begin(&f));
    for (int i = 0; i < 5; i++) {
        pool[i] = open_connection(f.loop, "");
        CHECK(pool[i] != NULL);
    }
    for (int i = 0; i < 50; i++) {
        const struct rw_value param = rw_int(i);

        futures[i] = pg_query(pool[i % 5], "select $1 * 2 from pg_sleep(0.01)", list_of(1, &param));
    }
    results = wait_for(f.loop, rw_join_all(f.loop, futures, 50));
    CHECK_INT(results.kind, RW_KIND_LIST);
    for (int i = 0; i < 50; i++) {
        char wanted[16];

        snprintf(wanted, sizeof wanted, "[[%d]]", 2 * i);
        CHECK_TEXT(text_of(rows_of(rw_value_clone(rw_list_at(results.as.list, (size_t)i)))), wanted);
    }
    rw_value_drop(&results);
    for (int i = 0; i < 5; i++) {
        let_go(pool[i]);
    }
    end(&f);
}

static void commands_run_in_order_and_the_line_is_bounded(void)
{
    enum { COUNT = PG_QUEUE_MAX + 2 };
    static struct rw_task *tasks[COUNT];
    struct fixture f;
    struct rw_value first, last;

    CHECK(begin(&f));
    CHECK_TEXT(query(&f, "create temp table t(id serial, a int)"), "[]");
    for (int i = 0; i < COUNT; i++) {
        const struct rw_value param = rw_int(i);

        tasks[i] = rw_spawn(f.loop, pg_query(f.c, "insert into t(a) values ($1)", list_of(1, &param)), NULL);
    }
    last = wait_for(f.loop, rw_task_join(tasks[COUNT - 1]));
    CHECK_TEXT(text_of(last), "full: 1024 commands wait already");
    first = wait_for(f.loop, rw_task_join(tasks[COUNT - 2]));
    CHECK_INT(first.kind, RW_KIND_MAP);
    rw_value_drop(&first);
    for (int i = 0; i < COUNT; i++) {
        rw_task_unref(tasks[i]);
    }
    CHECK_TEXT(query(&f, "select count(*), bool_and(id = a + 1) from t"), "[[1025, true]]");
    end(&f);
}

/* ---- connecting ------------------------------------------------------------------------------------------------------ */

static void a_connection_that_cannot_be_made_says_why(void)
{
    static const char *const cases[][2] = {
        {"password=wrong", "broken: * password authentication failed for user \"postgres\""},
        {"dbname=nowhere", "broken: * database \"nowhere\" does not exist"},
        {"port=1", "broken: *Connection refused*"},
        {"host=no-such-name.invalid", "broken: could not translate host name \"no-such-name.invalid\"*"},
        {"host=a.invalid,b.invalid", "broken: *\"a.invalid\"*\"b.invalid\"*"},
        {"service=mine", "broken: definition of service \"mine\" not found"},
        {"nonsense", "invalid: missing \"=\" after \"nonsense\" in connection info string"},
        {"hots=x", "invalid: invalid connection option \"hots\""},
        {"hostaddr=127.0.0.300", "broken: *127.0.0.300*"},
        {"sslmode=perhaps", "broken: invalid sslmode value: \"perhaps\""},
    };
    struct rw_loop *loop = rw_loop_new(NULL);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = text_of(wait_for(loop, pg_connect(loop, cases[i][0], RW_NEVER)));

        if (fnmatch(cases[i][1], text, 0) != 0) {
            printf("# %s gives %s\n", cases[i][0], text);
            test_fail(__FILE__, __LINE__, "another failure was expected");
        }
    }
    rw_loop_free(loop);
}

static void a_server_that_never_answers_is_given_up_at_the_deadline(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);
    struct rw_listener *silent;
    char conninfo[64];

    CHECK_INT(rw_tcp_listen(loop, "127.0.0.1", 0, NULL, &silent), 0);
    snprintf(conninfo, sizeof conninfo, "port=%d", rw_listener_port(silent));
    CHECK_TEXT(text_of(wait_for(loop, pg_connect(loop, conninfo, rw_deadline_after(loop, RW_SECOND / 10)))),
               "timeout: timeout");
    rw_listener_unref(silent);
    rw_loop_free(loop);
}

static void a_name_is_resolved_and_its_addresses_are_tried(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);
    struct pg_connection *c = open_connection(loop, "host=localhost application_name='a b'");
    struct fixture f = {loop, c, NULL};

    CHECK(c != NULL);
    CHECK_TEXT(query(&f, "show application_name"), "[['a b']]");
    CHECK_TEXT(query(&f, "show client_encoding"), "[['UTF8']]");
    let_go(c);
    rw_loop_free(loop);
}

/* ---- the end --------------------------------------------------------------------------------------------------------- */

static void a_lost_connection_is_an_error_for_everybody(void)
{
    struct fixture f;
    struct rw_task *tasks[3];
    struct rw_stream *stream;
    const char *lost = "broken: 57P01: terminating connection due to administrator command";

    CHECK(begin(&f));
    stream = listen_to(&f, "c");
    tasks[0] = rw_spawn(f.loop, pg_query(f.c, "select pg_sleep(3600)", rw_nil()), NULL);
    tasks[1] = rw_spawn(f.loop, pg_query(f.c, "select 1", rw_nil()), NULL);
    tasks[2] = rw_spawn(f.loop, rw_stream_next(stream), NULL);
    CHECK(comes_to(&f, SLEEPERS, "[[1]]"));
    CHECK_TEXT(
        ask_other(&f,
                  "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep%'"
                  " and state = 'active'"),
        "[[true]]");
    for (int i = 0; i < 3; i++) {
        CHECK_TEXT(text_of(wait_for(f.loop, rw_task_join(tasks[i]))), lost);
        rw_task_unref(tasks[i]);
    }
    rw_stream_unref(stream);
    CHECK_TEXT(query(&f, "select 1"), lost);
    CHECK_TEXT(text_of(wait_for(f.loop, pg_listen(f.c, "c"))), lost);
    stream = pg_rows(f.c, "select 1", rw_nil());
    CHECK_TEXT(text_of(wait_for(f.loop, rw_stream_next(stream))), lost);
    rw_stream_unref(stream);
    end(&f);
}

static void one_lost_while_idle_says_what_the_server_said(void)
{
    struct fixture f;
    struct rw_stream *stream;
    char sql[128];
    int pid;
    const char *lost = "broken: 57P01: terminating connection due to administrator command";

    CHECK(begin(&f));
    pid = atoi(query(&f, "select pg_backend_pid()") + 2);
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%d, 60000)", pid);
    CHECK_TEXT(ask_other(&f, sql), "[[true]]");
    CHECK_TEXT(query(&f, "select 1"), lost);
    let_go(f.c);
    f.c = open_connection(f.loop, "");
    CHECK(f.c != NULL);
    stream = listen_to(&f, "c");
    pid = atoi(query(&f, "select pg_backend_pid()") + 2);
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%d, 60000)", pid);
    CHECK_TEXT(ask_other(&f, sql), "[[true]]");
    CHECK_TEXT(next_payload(&f, stream), lost);
    rw_stream_unref(stream);
    end(&f);
}

static void closing_ends_what_waits_and_the_query_on_the_server(void)
{
    struct fixture f;
    struct rw_task *task;
    const char *closed = "closed: the connection was closed";

    CHECK(begin(&f));
    task = rw_spawn(f.loop, pg_query(f.c, "select pg_sleep(3600)", rw_nil()), NULL);
    CHECK(comes_to(&f, SLEEPERS, "[[1]]"));
    pg_close(f.c);
    pg_close(f.c);
    CHECK_TEXT(text_of(wait_for(f.loop, rw_task_join(task))), closed);
    CHECK_TEXT(query(&f, "select 1"), closed);
    CHECK(comes_to(&f, SLEEPERS, "[[0]]"));
    rw_task_unref(task);
    end(&f);
}

static void a_paused_stream_and_a_query_behind_it_are_a_deadlock(void)
{
    struct fixture f;
    struct rw_stream *stream;

    CHECK(begin(&f));
    stream = pg_rows(f.c, "select i from generate_series(1, 3) as i", rw_nil());
    CHECK_TEXT(text_of(wait_for(f.loop, rw_stream_next(stream))), "[1]");
    CHECK_TEXT(query(&f, "select 1"), "deadlock: every task waits and nothing can wake them");
    CHECK_TEXT(text_of(wait_for(f.loop, rw_stream_next(stream))), "[2]");
    rw_stream_unref(stream);
    end(&f);
}

static void a_connection_of_another_loop_is_refused(void)
{
    struct fixture f;
    struct rw_loop *second = rw_loop_new(NULL);

    CHECK(begin(&f));
    CHECK_TEXT(text_of(wait_for(second, pg_query(f.c, "select 1", rw_nil()))),
               "thread: the connection belongs to another loop");
    rw_loop_free(second);
    end(&f);
}

static void a_loop_may_end_before_what_was_made_on_it(void)
{
    struct fixture f;
    struct rw_stream *rows, *notifications;
    struct rw_task *task;

    CHECK(begin(&f));
    notifications = listen_to(&f, "c");
    rows = pg_rows(f.other, "select i from generate_series(1, 100000) as i", rw_nil());
    CHECK_TEXT(text_of(wait_for(f.loop, rw_stream_next(rows))), "[1]");
    task = rw_spawn(f.loop, pg_query(f.c, "select pg_sleep(3600)", rw_nil()), NULL);
    take_turns(f.loop, 3);
    rw_loop_free(f.loop);
    rw_task_unref(task);
    rw_stream_unref(notifications);
    rw_stream_unref(rows);
    let_go(f.c);
    let_go(f.other);
}

/* Whatever is done here may fail for want of memory; nothing may be lost or left hanging. */
static void use_everything(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);
    struct rw_value value, params;
    struct rw_stream *stream;
    struct pg_connection *c;

    if (loop == NULL) {
        return;
    }
    value = wait_for(loop, pg_connect(loop, "", RW_NEVER));
    c = rw_is_failure(&value) ? NULL : pg_connection_of(&value);
    if (c != NULL) {
        struct rw_list *list = rw_list_new(2);

        params = list != NULL ? rw_value_of_list(list) : rw_nil();
        if (list != NULL) {
            rw_list_push(list, rw_int(1));
            rw_list_push(list, rw_text_of("x"));
        }
        params = wait_for(loop, pg_query(c, "select $1, $2::text, '\\x00'::bytea", params));
        rw_value_drop(&params);
        stream = pg_rows(c, "select i from generate_series(1, 3) as i", rw_nil());
        if (stream != NULL) {
            params = wait_for(loop, rw_stream_next(stream));
            rw_value_drop(&params);
            rw_stream_unref(stream);
        }
        params = wait_for(loop, pg_listen(c, "c"));
        rw_value_drop(&params);
        params = wait_for(loop, pg_query(c, "select pg_notify('c', '')", rw_nil()));
        rw_value_drop(&params);
    }
    rw_value_drop(&value);
    rw_loop_free(loop);
}

static void running_out_of_memory_loses_nothing(void)
{
    test_each_allocation(use_everything);
}

static const struct test tests[] = {
    TEST(each_type_comes_as_its_kind),
    TEST(parameters_arrive_as_what_they_are),
    TEST(what_cannot_be_sent_is_named_by_its_number),
    TEST(a_result_says_columns_count_and_command),
    TEST(an_error_has_its_sqlstate_and_the_connection_goes_on),
    TEST(copy_is_refused_and_the_connection_goes_on),
    TEST(fifty_queries_at_once_over_five_connections),
    TEST(commands_run_in_order_and_the_line_is_bounded),
    TEST(a_connection_that_cannot_be_made_says_why),
    TEST(a_server_that_never_answers_is_given_up_at_the_deadline),
    TEST(a_name_is_resolved_and_its_addresses_are_tried),
    TEST(a_lost_connection_is_an_error_for_everybody),
    TEST(one_lost_while_idle_says_what_the_server_said),
    TEST(closing_ends_what_waits_and_the_query_on_the_server),
    TEST(a_paused_stream_and_a_query_behind_it_are_a_deadlock),
    TEST(a_connection_of_another_loop_is_refused),
    TEST(a_loop_may_end_before_what_was_made_on_it),
    TEST(running_out_of_memory_loses_nothing),
};

TEST_MAIN(tests)
