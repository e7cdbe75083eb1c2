/* SPDX-License-Identifier: MIT
 *
 * test_ring.c - values come out in the order they went in, across wrapping and growing.
 */
#include "flow/ring.h"

#include "test.h"

static int push_int(struct rwi_ring *ring, int64_t integer)
{
    struct rw_value value = rw_int(integer);

    return rwi_ring_push(ring, &value);
}

static void values_come_out_in_order_across_wrapping_and_growing(void)
{
    struct rwi_ring ring = {0};
    int64_t in = 0;
    int64_t out = 0;

    for (int round = 1; round < 60; round++) {
        for (int i = 0; i < round; i++) {
            CHECK_INT(push_int(&ring, in++), 0);
        }
        CHECK(rwi_ring_check(&ring));
        for (int i = 0; i < round / 2 + 1 && ring.count > 0; i++) {
            CHECK_INT(rwi_ring_pop(&ring).as.integer, out++);
        }
    }
    CHECK_INT(rwi_ring_at(&ring, 0)->as.integer, out);
    CHECK_INT(rwi_ring_at(&ring, ring.count - 1)->as.integer, in - 1);
    rwi_ring_fini(&ring);
    CHECK(rwi_ring_check(&ring));
}

static void what_is_left_is_dropped_and_the_ring_usable(void)
{
    struct rwi_ring ring = {0};
    struct rw_value text = rw_text_of("left in the ring");

    CHECK_INT(rwi_ring_push(&ring, &text), 0);
    CHECK_INT(text.kind, RW_KIND_NIL);
    rwi_ring_fini(&ring);
    CHECK_INT(push_int(&ring, 1), 0);
    CHECK_INT(rwi_ring_pop(&ring).as.integer, 1);
    rwi_ring_fini(&ring);
}

static void a_push_without_memory_changes_nothing(void)
{
    struct rwi_ring ring = {0};
    struct rw_value text = rw_text_of("kept");

    test_fail_allocation(1, false);
    CHECK_INT(rwi_ring_push(&ring, &text), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    CHECK_INT(text.kind, RW_KIND_TEXT);
    CHECK_INT(ring.count, 0);
    for (int i = 0; i < 8; i++) {
        CHECK_INT(push_int(&ring, i), 0);
    }
    test_fail_allocation(1, false);
    CHECK_INT(rwi_ring_push(&ring, &text), RW_ERR_NOMEM);
    test_fail_allocation(0, false);
    CHECK_INT(ring.count, 8);
    CHECK_INT(rwi_ring_pop(&ring).as.integer, 0);
    rw_value_drop(&text);
    rwi_ring_fini(&ring);
}

static const struct test tests[] = {
    TEST(values_come_out_in_order_across_wrapping_and_growing),
    TEST(what_is_left_is_dropped_and_the_ring_usable),
    TEST(a_push_without_memory_changes_nothing),
};

TEST_MAIN(tests)
