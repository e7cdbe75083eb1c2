/* SPDX-License-Identifier: MIT
 *
 * test_slab.c - blocks of every size, alive side by side.
 */
#include "exec/slab.h"
#include "test.h"

enum { BLOCKS = 600 };

static unsigned char *blocks[BLOCKS];

static size_t size_of(int index)
{
    return (size_t)index + 1; /* some beyond the largest class */
}

static bool is_filled(int index)
{
    for (size_t i = 0; i < size_of(index); i++) {
        if (blocks[index][i] != (unsigned char)index) {
            return false;
        }
    }
    return true;
}

static void blocks_of_every_size_are_aligned_and_do_not_overlap(void)
{
    struct rwi_slabs slabs;

    rwi_slabs_init(&slabs);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = rwi_slabs_alloc(&slabs, size_of(i));
            CHECK(blocks[i] != NULL);
            CHECK_INT((uintptr_t)blocks[i] % RWI_SLAB_STEP, 0);
            memset(blocks[i], i, size_of(i));
        }
        CHECK_INT(slabs.live, BLOCKS);
        for (int i = 0; i < BLOCKS; i++) {
            CHECK(is_filled(i));
        }
        for (int i = 0; i < BLOCKS; i++) {
            rwi_slabs_release(&slabs, blocks[i], size_of(i));
        }
        CHECK_INT(slabs.live, 0);
    }
    rwi_slabs_fini(&slabs);
}

static void no_memory_is_told_and_counted_as_nothing(void)
{
    struct rwi_slabs slabs;

    rwi_slabs_init(&slabs);
    test_fail_allocation(1, false);
    CHECK(rwi_slabs_alloc(&slabs, 64) == NULL);
    CHECK(rwi_slabs_alloc(&slabs, 4096) == NULL);
    test_fail_allocation(0, false);
    CHECK_INT(slabs.live, 0);
    void *block = rwi_slabs_alloc(&slabs, 64);

    CHECK(block != NULL);
    rwi_slabs_release(&slabs, block, 64);
    rwi_slabs_fini(&slabs);
}

static void a_loop_counts_its_blocks(void)
{
    struct rw_stats stats;
    struct rw_loop *on = rw_loop_new(NULL);

    CHECK(on != NULL);
    void *small = rw_loop_alloc(on, 24);
    void *large = rw_loop_alloc(on, 100000);

    CHECK(small != NULL);
    CHECK(large != NULL);
    rw_stats(on, &stats);
    CHECK_INT(stats.futures_live, 2);
    rw_loop_release(on, small, 24);
    rw_loop_release(on, large, 100000);
    rw_stats(on, &stats);
    CHECK_INT(stats.futures_live, 0);
    rw_loop_free(on);
}

static const struct test tests[] = {
    TEST(blocks_of_every_size_are_aligned_and_do_not_overlap),
    TEST(no_memory_is_told_and_counted_as_nothing),
    TEST(a_loop_counts_its_blocks),
};

TEST_MAIN(tests)
