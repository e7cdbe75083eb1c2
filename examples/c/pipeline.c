/* SPDX-License-Identifier: MIT
 *
 * pipeline.c - numbers through a channel, squared, and summed: the channel holds two, so the producer waits for the consumer.
 */
#include <inttypes.h>
#include <ropewalk.h>
#include <stdio.h>

static struct rw_future *square(void *arg, struct rw_value item)
{
    return rw_ready(arg, rw_int(item.as.integer * item.as.integer));
}

int main(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);
    struct rw_list *numbers = rw_list_new(10);
    struct rw_sender *sender;
    struct rw_receiver *receiver;

    if (loop == NULL || numbers == NULL ||
        rw_channel_open(loop, 2, RW_CHANNEL_LOCAL, &sender, &receiver) != 0) {
        perror("ropewalk");
        return 1;
    }
    for (int64_t i = 1; i <= 10; i++) {
        rw_list_push(numbers, rw_int(i));
    }
    struct rw_stream *source = rw_stream_of_list(loop, numbers);
    struct rw_sink *sink = rw_sink_of_channel(loop, sender);

    rw_task_detach(rw_spawn(loop, rw_forward(source, sink), NULL));

    struct rw_stream *squares = rw_stream_map(rw_stream_of_channel(loop, receiver), square, NULL, loop);
    struct rw_value item;
    int64_t sum = 0;

    while (rw_block_on(loop, rw_stream_next(squares), &item) == 0 && !rw_is_failure(&item)) {
        sum += item.as.integer;
    }
    printf("sum of squares %" PRId64 "\n", sum);
    rw_value_drop(&item);
    struct rw_value list = rw_value_of_list(numbers);

    rw_value_drop(&list);
    rw_stream_unref(squares);
    rw_sender_unref(sender);
    rw_receiver_unref(receiver);
    rw_loop_free(loop);
    return sum == 385 ? 0 : 1;
}
