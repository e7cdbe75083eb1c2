/* SPDX-License-Identifier: MIT
 *
 * test_socket_stream.c - sockets as streams of chunks and lines, and as sinks.
 */
#include "net.h"

static void lines_come_without_their_ends(struct net *net)
{
    struct rw_stream *lines;

    CHECK(net_connect(net));
    lines = rw_socket_lines(net->server, 100);
    CHECK_INT(net_code(net, net_write(net->client, "one\ntwo\r\n\nlast")), 0);
    rw_socket_close(net->client);
    CHECK_TEXT(net_text(net, rw_stream_next(lines)), "one");
    CHECK_TEXT(net_text(net, rw_stream_next(lines)), "two");
    CHECK_TEXT(net_text(net, rw_stream_next(lines)), "");
    CHECK_TEXT(net_text(net, rw_stream_next(lines)), "last");
    CHECK_TEXT(net_text(net, rw_stream_next(lines)), "end");
    rw_stream_unref(lines);
}
NET_TEST(lines_come_without_their_ends)

static void a_line_that_is_too_long_fails_the_stream(struct net *net)
{
    struct rw_stream *lines;

    CHECK(net_connect(net));
    lines = rw_socket_lines(net->server, 5);
    CHECK_INT(net_code(net, net_write(net->client, "12345\r\n123456\n")), 0);
    CHECK_TEXT(net_text(net, rw_stream_next(lines)), "12345");
    CHECK_TEXT(net_text(net, rw_stream_next(lines)), "limit");
    CHECK_TEXT(net_text(net, rw_stream_next(lines)), "end");
    rw_stream_unref(lines);
}
NET_TEST(a_line_that_is_too_long_fails_the_stream)

static void chunks_are_what_there_was(struct net *net)
{
    struct rw_stream *chunks;

    CHECK(net_connect(net));
    chunks = rw_socket_stream(net->server);
    CHECK_INT(net_code(net, net_write(net->client, "chunk")), 0);
    CHECK_TEXT(net_text(net, rw_stream_next(chunks)), "chunk");
    rw_socket_close(net->client);
    CHECK_TEXT(net_text(net, rw_stream_next(chunks)), "end");
    rw_stream_unref(chunks);
}
NET_TEST(chunks_are_what_there_was)

static void a_cancelled_next_loses_no_line(struct net *net)
{
    struct rw_stream *lines;
    struct rw_task *waiting;

    CHECK(net_connect(net));
    lines = rw_socket_lines(net->server, 100);
    waiting = rw_spawn(net->loop, rw_stream_next(lines), NULL);
    CHECK_INT(net_code(net, net_write(net->client, "ha")), 0);
    net_turns(net, 3);
    rw_task_cancel(waiting, NULL);
    CHECK_TEXT(net_text(net, rw_task_join(waiting)), "cancelled");
    rw_task_unref(waiting);
    CHECK_INT(net_code(net, net_write(net->client, "lf\n")), 0);
    CHECK_TEXT(net_text(net, rw_stream_next(lines)), "half");
    rw_stream_unref(lines);
}
NET_TEST(a_cancelled_next_loses_no_line)

static void a_sink_takes_bytes_and_ends_the_stream(struct net *net)
{
    struct rw_sink *sink;

    CHECK(net_connect(net));
    sink = rw_socket_sink(net->client);
    CHECK_INT(net_code(net, rw_sink_send(sink, rw_bytes("to ", 3))), 0);
    CHECK_INT(net_code(net, rw_sink_send(sink, rw_text_of("sink"))), 0);
    CHECK_TEXT(net_text(net, rw_sink_send(sink, rw_int(1))), "type");
    CHECK_INT(net_code(net, rw_sink_flush(sink)), 0);
    CHECK_INT(net_code(net, rw_sink_close(sink)), 0);
    rw_sink_unref(sink);
    CHECK_TEXT(net_text(net, rw_socket_read_all(net->server, 100)), "to sink");
}
NET_TEST(a_sink_takes_bytes_and_ends_the_stream)

static void a_stream_can_be_forwarded_to_a_sink(struct net *net)
{
    struct rw_socket *a;
    struct rw_socket *b;

    CHECK(net_connect(net));
    CHECK_INT(rw_socket_pair(net->loop, &a, &b), 0);
    rw_task_unref(rw_spawn(net->loop, rw_forward(rw_socket_stream(net->server), rw_socket_sink(a)), NULL));
    CHECK_INT(net_code(net, net_write(net->client, "through both")), 0);
    CHECK_INT(net_code(net, rw_socket_shutdown(net->client)), 0);
    CHECK_TEXT(net_text(net, rw_socket_read_all(b, 100)), "through both");
    rw_socket_unref(a);
    rw_socket_unref(b);
}
NET_TEST(a_stream_can_be_forwarded_to_a_sink)

static void stream_with_scarce_memory(void)
{
    struct net net;
    struct rw_stream *lines = NULL;
    struct rw_sink *sink = NULL;

    net_open(&net, true);
    if (net.loop != NULL && rw_socket_pair(net.loop, &net.client, &net.server) == 0) {
        lines = rw_socket_lines(net.server, 10);
        sink = rw_socket_sink(net.client);
        if (sink != NULL && lines != NULL) {
            net_code(&net, rw_sink_send(sink, rw_bytes("x\n", 2)));
            rw_socket_close(net.client);
            net_code(&net, rw_stream_next(lines));
        }
    }
    rw_stream_unref(lines);
    rw_sink_unref(sink);
    if (net.sim != NULL) {
        net_close(&net);
    } else {
        rw_loop_free(net.loop);
    }
}

static void every_failed_allocation_is_survived(void)
{
    test_each_allocation(stream_with_scarce_memory);
}

static const struct test tests[] = {
    NET_ENTRIES(lines_come_without_their_ends),
    NET_ENTRIES(a_line_that_is_too_long_fails_the_stream),
    NET_ENTRIES(chunks_are_what_there_was),
    NET_ENTRIES(a_cancelled_next_loses_no_line),
    NET_ENTRIES(a_sink_takes_bytes_and_ends_the_stream),
    NET_ENTRIES(a_stream_can_be_forwarded_to_a_sink),
    TEST(every_failed_allocation_is_survived),
};

TEST_MAIN(tests)
