/* SPDX-License-Identifier: MIT
 *
 * test_read.c - reading from sockets, on every backend.
 */
#include <errno.h>

#include "net.h"

static void a_read_gives_what_is_there(struct net *net)
{
    CHECK(net_connect(net));
    CHECK_INT(net_code(net, net_write(net->client, "hello")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 100)), "hello");
}
NET_TEST(a_read_gives_what_is_there)

static void a_read_takes_no_more_than_asked(struct net *net)
{
    CHECK(net_connect(net));
    CHECK_INT(net_code(net, net_write(net->client, "hello")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 2)), "he");
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 100)), "llo");
}
NET_TEST(a_read_takes_no_more_than_asked)

static void reading_exactly_waits_for_all_of_it(struct net *net)
{
    struct rw_task *reading;

    CHECK(net_connect(net));
    reading = rw_spawn(net->loop, rw_socket_read_exactly(net->server, 6), NULL);
    CHECK_INT(net_code(net, net_write(net->client, "abc")), 0);
    net_turns(net, 3);
    CHECK(!rw_task_is_done(reading));
    CHECK_INT(net_code(net, net_write(net->client, "defgh")), 0);
    CHECK_TEXT(net_text(net, rw_task_join(reading)), "abcdef");
    rw_task_unref(reading);
    CHECK_TEXT(net_text(net, rw_socket_read_exactly(net->server, 0)), "");
    CHECK_TEXT(net_text(net, rw_socket_read_exactly(net->server, 2)), "gh");
}
NET_TEST(reading_exactly_waits_for_all_of_it)

static void reading_until_includes_the_delimiter(struct net *net)
{
    CHECK(net_connect(net));
    CHECK_INT(net_code(net, net_write(net->client, "one\r\ntwo\r\n\r")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "\r\n", 2, 100)), "one\r\n");
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "\r\n", 2, 100)), "two\r\n");
    CHECK_INT(net_code(net, net_write(net->client, "\nrest")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "\r\n", 2, 100)), "\r\n");
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 100)), "rest");
}
NET_TEST(reading_until_includes_the_delimiter)

static void a_line_beyond_the_limit_stays_readable(struct net *net)
{
    CHECK(net_connect(net));
    CHECK_INT(net_code(net, net_write(net->client, "0123456789\n")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "\n", 1, 10)), "limit");
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "\n", 1, 11)), "0123456789\n");
}
NET_TEST(a_line_beyond_the_limit_stays_readable)

static void the_end_of_the_stream_is_told_again_and_again(struct net *net)
{
    CHECK(net_connect(net));
    CHECK_INT(net_code(net, net_write(net->client, "ab")), 0);
    CHECK_INT(net_code(net, rw_socket_shutdown(net->client)), 0);
    CHECK_TEXT(net_text(net, rw_socket_read_exactly(net->server, 3)), "incomplete");
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "\n", 1, 9)), "incomplete");
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 100)), "ab");
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 100)), "end");
    CHECK_TEXT(net_text(net, rw_socket_read_exactly(net->server, 3)), "end");
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "\n", 1, 9)), "end");
    CHECK_TEXT(net_text(net, rw_socket_read_all(net->server, 10)), "");
}
NET_TEST(the_end_of_the_stream_is_told_again_and_again)

static void after_half_a_close_the_other_way_still_works(struct net *net)
{
    CHECK(net_connect(net));
    CHECK_INT(net_code(net, rw_socket_shutdown(net->client)), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 10)), "end");
    CHECK_INT(net_code(net, net_write(net->server, "answer")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->client, 10)), "answer");
    CHECK_TEXT(net_text(net, net_write(net->client, "late")), "closed");
}
NET_TEST(after_half_a_close_the_other_way_still_works)

static void reading_all_ends_with_the_stream(struct net *net)
{
    struct rw_task *reading;

    CHECK(net_connect(net));
    reading = rw_spawn(net->loop, rw_socket_read_all(net->server, 100), NULL);
    CHECK_INT(net_code(net, net_write(net->client, "one ")), 0);
    net_turns(net, 3);
    CHECK_INT(net_code(net, net_write(net->client, "two")), 0);
    rw_socket_close(net->client);
    CHECK_TEXT(net_text(net, rw_task_join(reading)), "one two");
    rw_task_unref(reading);
}
NET_TEST(reading_all_ends_with_the_stream)

static void reading_all_minds_its_limit(struct net *net)
{
    CHECK(net_connect(net));
    CHECK_INT(net_code(net, net_write(net->client, "12345")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read_all(net->server, 4)), "limit");
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 100)), "12345");
}
NET_TEST(reading_all_minds_its_limit)

static void a_second_reader_is_refused(struct net *net)
{
    struct rw_task *first;

    CHECK(net_connect(net));
    first = rw_spawn(net->loop, rw_socket_read(net->server, 10), NULL);
    net_turns(net, 2);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 10)), "busy");
    CHECK_INT(rw_socket_try_read(net->server, (char[1]){0}, 1), RW_ERR_BUSY);
    CHECK_INT(net_code(net, net_write(net->client, "x")), 0);
    CHECK_TEXT(net_text(net, rw_task_join(first)), "x");
    rw_task_unref(first);
    CHECK_INT(net_code(net, net_write(net->client, "y")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 10)), "y");
}
NET_TEST(a_second_reader_is_refused)

static void a_cancelled_read_loses_nothing(struct net *net)
{
    struct rw_task *reading;

    CHECK(net_connect(net));
    reading = rw_spawn(net->loop, rw_socket_read_exactly(net->server, 10), NULL);
    CHECK_INT(net_code(net, net_write(net->client, "12345")), 0);
    net_turns(net, 3);
    rw_task_cancel(reading, NULL);
    CHECK_TEXT(net_text(net, rw_task_join(reading)), "cancelled");
    rw_task_unref(reading);
    CHECK_INT(net_code(net, net_write(net->client, "67890")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read_exactly(net->server, 10)), "1234567890");
}
NET_TEST(a_cancelled_read_loses_nothing)

static void a_read_that_times_out_loses_nothing(struct net *net)
{
    struct rw_loop *loop = net->loop;

    CHECK(net_connect(net));
    CHECK_INT(net_code(net, net_write(net->client, "par")), 0);
    CHECK_TEXT(net_text(net, rw_timeout(loop, rw_socket_read_until(net->server, "\n", 1, 99),
                                        rw_deadline_after(loop, RW_SECOND / 100))),
               "timeout");
    CHECK_INT(net_code(net, net_write(net->client, "tial\n")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "\n", 1, 99)), "partial\n");
}
NET_TEST(a_read_that_times_out_loses_nothing)

static void a_pending_read_fails_when_the_socket_is_closed(struct net *net)
{
    struct rw_task *reading;

    CHECK(net_connect(net));
    reading = rw_spawn(net->loop, rw_socket_read(net->server, 10), NULL);
    net_turns(net, 2);
    rw_socket_close(net->server);
    CHECK_TEXT(net_text(net, rw_task_join(reading)), "closed");
    rw_task_unref(reading);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 10)), "closed");
    CHECK_INT(rw_socket_try_read(net->server, (char[1]){0}, 1), RW_ERR_CLOSED);
}
NET_TEST(a_pending_read_fails_when_the_socket_is_closed)

static void a_reset_is_told_with_its_errno(struct net *net)
{
    struct rw_value out;
    struct rw_error *error;

    CHECK(net_connect(net));
    rw_socket_abort(net->client);
    out = net_wait(net, rw_socket_read(net->server, 10));
    CHECK(rw_is_failure(&out));
    CHECK_INT(out.code, RW_ERR_BROKEN);
    error = rw_value_error(&out);
    CHECK_INT(rw_error_errno(error), ECONNRESET);
    CHECK_TEXT(rw_error_message(error), "read: Connection reset by peer");
    rw_error_unref(error);
    rw_value_drop(&out);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 10)), "broken");
}
NET_TEST(a_reset_is_told_with_its_errno)

static void a_direct_read_never_waits(struct net *net)
{
    char buffer[10];

    CHECK(net_connect(net));
    CHECK_INT(rw_socket_try_read(net->server, buffer, sizeof buffer), RW_ERR_EMPTY);
    CHECK_INT(net_code(net, net_write(net->client, "a\nbc")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "\n", 1, 99)), "a\n");
    CHECK_INT(rw_socket_try_read(net->server, buffer, 1), 1);
    CHECK_INT(buffer[0], 'b');
    CHECK_INT(rw_socket_try_read(net->server, buffer, sizeof buffer), 1);
    CHECK_INT(buffer[0], 'c');
    CHECK_INT(rw_socket_try_read(net->server, buffer, sizeof buffer), RW_ERR_EMPTY);
}
NET_TEST(a_direct_read_never_waits)

static void sizes_out_of_range_are_refused(struct net *net)
{
    CHECK(net_connect(net));
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 0)), "invalid");
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, RW_READ_MAX + 1)), "invalid");
    CHECK_TEXT(net_text(net, rw_socket_read_exactly(net->server, RW_READ_MAX + 1)), "invalid");
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "", 0, 10)), "invalid");
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, net, 65, 10)), "invalid");
    CHECK_TEXT(net_text(net, rw_socket_read_until(net->server, "\n", 1, 0)), "invalid");
    CHECK_TEXT(net_text(net, rw_socket_read_all(net->server, RW_READ_MAX + 1)), "invalid");
}
NET_TEST(sizes_out_of_range_are_refused)

static void a_megabyte_arrives_whole(struct net *net)
{
    enum { SIZE = 1 << 20 };
    struct rw_bytes *bytes = rw_bytes_new(SIZE);
    struct rw_task *writing;
    struct rw_value out;
    size_t size;
    const char *data;

    CHECK(net_connect(net));
    for (int i = 0; i < SIZE; i++) {
        rw_bytes_data(bytes)[i] = (char)(i * 7 + i / 251);
    }
    writing = rw_spawn(net->loop, rw_socket_write(net->client, rw_value_of_bytes(bytes)), NULL);
    out = net_wait(net, rw_socket_read_exactly(net->server, SIZE));
    data = rw_value_data(&out, &size);
    CHECK_INT(size, SIZE);
    for (int i = 0; i < SIZE; i++) {
        CHECK(data[i] == (char)(i * 7 + i / 251));
    }
    rw_value_drop(&out);
    CHECK_INT(net_code(net, rw_task_join(writing)), 0);
    rw_task_unref(writing);
}
NET_TEST(a_megabyte_arrives_whole)

static const struct test tests[] = {
    NET_ENTRIES(a_read_gives_what_is_there),
    NET_ENTRIES(a_read_takes_no_more_than_asked),
    NET_ENTRIES(reading_exactly_waits_for_all_of_it),
    NET_ENTRIES(reading_until_includes_the_delimiter),
    NET_ENTRIES(a_line_beyond_the_limit_stays_readable),
    NET_ENTRIES(the_end_of_the_stream_is_told_again_and_again),
    NET_ENTRIES(after_half_a_close_the_other_way_still_works),
    NET_ENTRIES(reading_all_ends_with_the_stream),
    NET_ENTRIES(reading_all_minds_its_limit),
    NET_ENTRIES(a_second_reader_is_refused),
    NET_ENTRIES(a_cancelled_read_loses_nothing),
    NET_ENTRIES(a_read_that_times_out_loses_nothing),
    NET_ENTRIES(a_pending_read_fails_when_the_socket_is_closed),
    NET_ENTRIES(a_reset_is_told_with_its_errno),
    NET_ENTRIES(a_direct_read_never_waits),
    NET_ENTRIES(sizes_out_of_range_are_refused),
    NET_ENTRIES(a_megabyte_arrives_whole),
};

TEST_MAIN(tests)
