/* SPDX-License-Identifier: MIT
 *
 * test_queue.c - the queue of unsent values, against a plain model.
 */
#include "io/queue.h"

#include "test.h"

static uint32_t next_random(uint32_t *state, uint32_t bound)
{
    *state = *state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)*state * bound >> 32);
}

/* The unsent bytes as one string. */
static size_t flatten(const struct rwi_queue *queue, char *out)
{
    struct iovec parts[RWI_QUEUE_PARTS];
    int count = rwi_queue_parts(queue, parts);
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        memcpy(out + size, parts[i].iov_base, parts[i].iov_len);
        size += parts[i].iov_len;
    }
    return size;
}

static void bytes_leave_in_the_order_of_pushing(void)
{
    static char model[200000];
    static char flat[200000];
    struct rwi_queue queue = {0};
    uint32_t random = 3;
    size_t in = 0;
    size_t out = 0;

    for (int i = 0; i < 2000; i++) {
        size_t size = next_random(&random, 50);
        size_t take;

        for (size_t k = 0; k < size; k++) {
            model[in + k] = (char)next_random(&random, 256);
        }
        CHECK_INT(rwi_queue_push(&queue, rw_bytes(model + in, size)), 0);
        in += size;
        CHECK_INT(queue.unsent, in - out);
        size = flatten(&queue, flat);
        CHECK(size <= in - out);
        CHECK(memcmp(flat, model + out, size) == 0);
        take = next_random(&random, (uint32_t)size + 1);
        rwi_queue_consume(&queue, take);
        out += take;
    }
    rwi_queue_fini(&queue);
}

static void empty_values_vanish(void)
{
    struct rwi_queue queue = {0};

    CHECK_INT(rwi_queue_push(&queue, rw_bytes("", 0)), 0);
    CHECK_INT(queue.count, 0);
    rwi_queue_fini(&queue);
}

static void clearing_drops_the_values(void)
{
    struct rwi_queue queue = {0};

    for (int i = 0; i < 10; i++) {
        CHECK_INT(rwi_queue_push(&queue, rw_bytes("some", 4)), 0);
    }
    rwi_queue_consume(&queue, 6);
    CHECK_INT(queue.unsent, 34);
    rwi_queue_clear(&queue);
    CHECK_INT(queue.unsent, 0);
    CHECK_INT(rwi_queue_push(&queue, rw_bytes("again", 5)), 0);
    CHECK_INT(queue.unsent, 5);
    rwi_queue_fini(&queue);
}

static void room_that_was_reserved_cannot_fail(void)
{
    struct rwi_queue queue = {0};
    struct rw_value values[20];

    for (int i = 0; i < 20; i++) {
        values[i] = rw_bytes("x", 1);
    }
    CHECK_INT(rwi_queue_reserve(&queue, 20), 0);
    test_fail_allocation(1, false);
    for (int i = 0; i < 20; i++) {
        CHECK_INT(rwi_queue_push(&queue, values[i]), 0);
    }
    CHECK_INT(rwi_queue_reserve(&queue, 100), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    CHECK_INT(queue.unsent, 20);
    rwi_queue_fini(&queue);
}

static const struct test tests[] = {
    TEST(bytes_leave_in_the_order_of_pushing),
    TEST(empty_values_vanish),
    TEST(clearing_drops_the_values),
    TEST(room_that_was_reserved_cannot_fail),
};

TEST_MAIN(tests)
