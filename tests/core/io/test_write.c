/* SPDX-License-Identifier: MIT
 *
 * test_write.c - writing to sockets, on every backend.
 */
#include <errno.h>

#include "net.h"

static struct rw_value filled(size_t size)
{
    struct rw_bytes *bytes = rw_bytes_new(size);

    memset(rw_bytes_data(bytes), 'x', size);
    return rw_value_of_bytes(bytes);
}

static void a_write_takes_bytes_text_and_lists(struct net *net)
{
    struct rw_list *list = rw_list_new(3);

    CHECK(net_connect(net));
    CHECK_INT(rw_list_push(list, rw_text_of("one,")), 0);
    CHECK_INT(rw_list_push(list, rw_bytes("", 0)), 0);
    CHECK_INT(rw_list_push(list, rw_bytes("two", 3)), 0);
    CHECK_INT(net_code(net, rw_socket_write(net->client, rw_text_of("zero,"))), 0);
    CHECK_INT(net_code(net, rw_socket_write(net->client, rw_value_of_list(list))), 0);
    CHECK_TEXT(net_text(net, rw_socket_read_exactly(net->server, 12)), "zero,one,two");
}
NET_TEST(a_write_takes_bytes_text_and_lists)

static void other_values_are_refused_whole(struct net *net)
{
    struct rw_list *list = rw_list_new(2);

    CHECK(net_connect(net));
    CHECK_INT(rw_list_push(list, rw_bytes("lost?", 5)), 0);
    CHECK_INT(rw_list_push(list, rw_int(1)), 0);
    CHECK_TEXT(net_text(net, rw_socket_write(net->client, rw_value_of_list(list))), "type");
    CHECK_TEXT(net_text(net, rw_socket_write(net->client, rw_int(1))), "type");
    CHECK_INT(rw_socket_unsent(net->client), 0);
}
NET_TEST(other_values_are_refused_whole)

static void many_small_writes_arrive_in_order(struct net *net)
{
    char expected[1001] = "";
    char piece[2] = "a";

    CHECK(net_connect(net));
    for (int i = 0; i < 1000; i++) {
        piece[0] = (char)('a' + i % 26);
        expected[i] = piece[0];
        CHECK_INT(rw_socket_try_write(net->client, piece, 1), 0);
    }
    CHECK_INT(rw_socket_unsent(net->client), 1000);
    struct rw_value out = net_wait(net, rw_socket_read_exactly(net->server, 1000));
    size_t size;
    const char *data = rw_value_data(&out, &size);

    CHECK_INT(size, 1000);
    CHECK(memcmp(data, expected, 1000) == 0);
    rw_value_drop(&out);
    CHECK_INT(rw_socket_unsent(net->client), 0);
}
NET_TEST(many_small_writes_arrive_in_order)

static void a_reader_that_sleeps_holds_the_writer_back(struct net *net)
{
    enum { SIZE = 16 << 20 };
    struct rw_task *writing;

    CHECK(net_connect(net));
    writing = rw_spawn(net->loop, rw_socket_write(net->client, filled(SIZE)), NULL);
    net_turns(net, 20);
    CHECK(!rw_task_is_done(writing));
    CHECK(rw_socket_unsent(net->client) >= RW_WRITE_HIGH);
    CHECK_INT(rw_socket_try_write(net->client, "y", 1), RW_ERR_FULL);
    CHECK_TEXT(net_text(net, net_write(net->client, "z")), "busy");
    CHECK_INT(net_code(net, rw_socket_read_exactly(net->server, SIZE)), 0);
    CHECK_INT(net_code(net, rw_task_join(writing)), 0);
    rw_task_unref(writing);
}
NET_TEST(a_reader_that_sleeps_holds_the_writer_back)

static void a_cancelled_write_is_still_sent_whole(struct net *net)
{
    enum { SIZE = 16 << 20 };
    struct rw_task *writing;

    CHECK(net_connect(net));
    writing = rw_spawn(net->loop, rw_socket_write(net->client, filled(SIZE)), NULL);
    net_turns(net, 20);
    rw_task_cancel(writing, NULL);
    CHECK_TEXT(net_text(net, rw_task_join(writing)), "cancelled");
    rw_task_unref(writing);
    CHECK_INT(net_code(net, rw_socket_read_exactly(net->server, SIZE)), 0);
    CHECK_INT(net_code(net, net_write(net->client, "next")), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 10)), "next");
}
NET_TEST(a_cancelled_write_is_still_sent_whole)

static void a_flush_ends_when_all_is_sent(struct net *net)
{
    enum { SIZE = 16 << 20 };
    struct rw_task *flushing;

    CHECK(net_connect(net));
    CHECK_INT(net_code(net, rw_socket_flush(net->client)), 0);
    rw_task_unref(rw_spawn(net->loop, rw_socket_write(net->client, filled(SIZE)), NULL));
    net_turns(net, 3);
    flushing = rw_spawn(net->loop, rw_socket_flush(net->client), NULL);
    net_turns(net, 3);
    CHECK(!rw_task_is_done(flushing));
    CHECK_INT(net_code(net, rw_socket_read_exactly(net->server, SIZE)), 0);
    CHECK_INT(net_code(net, rw_task_join(flushing)), 0);
    rw_task_unref(flushing);
    CHECK_INT(rw_socket_unsent(net->client), 0);
}
NET_TEST(a_flush_ends_when_all_is_sent)

static void closing_sends_what_was_written(struct net *net)
{
    enum { SIZE = 4 << 20 };

    CHECK(net_connect(net));
    rw_task_unref(rw_spawn(net->loop, rw_socket_write(net->client, filled(SIZE)), NULL));
    net_turns(net, 1);
    rw_socket_close(net->client);
    CHECK(rw_socket_is_closed(net->client));
    CHECK_TEXT(net_text(net, net_write(net->client, "late")), "closed");
    rw_socket_unref(net->client);
    net->client = NULL;
    CHECK_INT(net_code(net, rw_socket_read_exactly(net->server, SIZE)), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 1)), "end");
}
NET_TEST(closing_sends_what_was_written)

static void the_last_reference_closes_and_sends(struct net *net)
{
    CHECK(net_connect(net));
    CHECK_INT(rw_socket_try_write(net->client, "bye", 3), 0);
    rw_socket_unref(net->client);
    net->client = NULL;
    CHECK_TEXT(net_text(net, rw_socket_read_all(net->server, 10)), "bye");
}
NET_TEST(the_last_reference_closes_and_sends)

static void shutting_down_sends_first(struct net *net)
{
    enum { SIZE = 4 << 20 };
    struct rw_task *shutting;

    CHECK(net_connect(net));
    rw_task_unref(rw_spawn(net->loop, rw_socket_write(net->client, filled(SIZE)), NULL));
    net_turns(net, 1);
    shutting = rw_spawn(net->loop, rw_socket_shutdown(net->client), NULL);
    net_turns(net, 3);
    CHECK(!rw_task_is_done(shutting));
    CHECK_INT(net_code(net, rw_socket_read_exactly(net->server, SIZE)), 0);
    CHECK_TEXT(net_text(net, rw_socket_read(net->server, 1)), "end");
    CHECK_INT(net_code(net, rw_task_join(shutting)), 0);
    rw_task_unref(shutting);
    CHECK_INT(net_code(net, rw_socket_shutdown(net->client)), 0);
}
NET_TEST(shutting_down_sends_first)

static void an_error_is_told_by_all_later_writes(struct net *net)
{
    CHECK(net_connect(net));
    rw_socket_abort(net->server);
    CHECK_TEXT(net_text(net, rw_socket_read(net->client, 1)), "broken");
    CHECK_INT(net_code(net, net_write(net->client, "x")), 0);
    CHECK_TEXT(net_text(net, net_write(net->client, "y")), "broken");
    CHECK_TEXT(net_text(net, rw_socket_flush(net->client)), "broken");
    CHECK_INT(rw_socket_try_write(net->client, "z", 1), RW_ERR_BROKEN);
}
NET_TEST(an_error_is_told_by_all_later_writes)

static void a_waiting_write_fails_when_the_other_end_goes(struct net *net)
{
    struct rw_task *writing;

    CHECK(net_connect(net));
    writing = rw_spawn(net->loop, rw_socket_write(net->client, filled(16 << 20)), NULL);
    net_turns(net, 20);
    CHECK(!rw_task_is_done(writing));
    rw_socket_abort(net->server);
    CHECK_TEXT(net_text(net, rw_task_join(writing)), "broken");
    rw_task_unref(writing);
}
NET_TEST(a_waiting_write_fails_when_the_other_end_goes)

static void aborting_drops_what_was_written(struct net *net)
{
    struct rw_task *writing;

    CHECK(net_connect(net));
    writing = rw_spawn(net->loop, rw_socket_write(net->client, filled(16 << 20)), NULL);
    net_turns(net, 20);
    rw_socket_abort(net->client);
    CHECK_TEXT(net_text(net, rw_task_join(writing)), "closed");
    rw_task_unref(writing);
    CHECK_INT(rw_socket_fd(net->client), -1);
    CHECK_INT(net_code(net, rw_socket_read_all(net->server, 32 << 20)), RW_ERR_BROKEN);
}
NET_TEST(aborting_drops_what_was_written)

static const struct test tests[] = {
    NET_ENTRIES(a_write_takes_bytes_text_and_lists),
    NET_ENTRIES(other_values_are_refused_whole),
    NET_ENTRIES(many_small_writes_arrive_in_order),
    NET_ENTRIES(a_reader_that_sleeps_holds_the_writer_back),
    NET_ENTRIES(a_cancelled_write_is_still_sent_whole),
    NET_ENTRIES(a_flush_ends_when_all_is_sent),
    NET_ENTRIES(closing_sends_what_was_written),
    NET_ENTRIES(the_last_reference_closes_and_sends),
    NET_ENTRIES(shutting_down_sends_first),
    NET_ENTRIES(an_error_is_told_by_all_later_writes),
    NET_ENTRIES(a_waiting_write_fails_when_the_other_end_goes),
    NET_ENTRIES(aborting_drops_what_was_written),
};

TEST_MAIN(tests)
