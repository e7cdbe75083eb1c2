/* SPDX-License-Identifier: MIT
 *
 * test_list.c - the intrusive list against an array.
 */
#include "base/list.h"

#include "test.h"

struct item {
    int number;
    struct rwi_list node;
};

static void note_items(struct rwi_list *head, char *text)
{
    size_t size = 0;

    text[0] = '\0';
    for (struct rwi_list *node = head->next; node != head; node = node->next) {
        size += (size_t)sprintf(text + size, "%d", rwi_list_entry(node, struct item, node)->number);
    }
    for (struct rwi_list *node = head->prev; node != head; node = node->prev) {
        text[size++] = (char)('0' + rwi_list_entry(node, struct item, node)->number);
    }
    text[size] = '\0';
}

static struct item items[8];
static struct rwi_list head;
static char text[64];

static void begin(int count)
{
    rwi_list_init(&head);
    for (int i = 0; i < 8; i++) {
        items[i].number = i;
        rwi_list_init(&items[i].node);
        if (i < count) {
            rwi_list_push_back(&head, &items[i].node);
        }
    }
}

static void items_stay_in_the_order_of_pushing_in_both_directions(void)
{
    begin(3);
    rwi_list_push_front(&head, &items[5].node);
    note_items(&head, text);
    CHECK_TEXT(text, "50122105");
    CHECK(rwi_list_first(&head) == &items[5].node);
    CHECK(rwi_list_pop_front(&head) == &items[5].node);
    CHECK(rwi_list_is_empty(&items[5].node));
    note_items(&head, text);
    CHECK_TEXT(text, "012210");
}

static void removing_twice_is_harmless(void)
{
    begin(3);
    rwi_list_remove(&items[1].node);
    rwi_list_remove(&items[1].node);
    note_items(&head, text);
    CHECK_TEXT(text, "0220");
    rwi_list_remove(&items[0].node);
    rwi_list_remove(&items[2].node);
    CHECK(rwi_list_is_empty(&head));
    CHECK(rwi_list_first(&head) == NULL);
    CHECK(rwi_list_pop_front(&head) == NULL);
}

static void a_list_is_spliced_to_the_end_of_another(void)
{
    static const struct {
        int from_count;
        bool has_own;
        const char *expected;
    } rows[] = {{0, true, "77"}, {0, false, ""}, {2, false, "0110"}, {2, true, "701107"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rwi_list to;

        begin(rows[i].from_count);
        rwi_list_init(&to);
        if (rows[i].has_own) {
            rwi_list_push_back(&to, &items[7].node);
        }
        rwi_list_splice(&to, &head);
        note_items(&to, text);
        CHECK_TEXT(text, rows[i].expected);
        CHECK(rwi_list_is_empty(&head));
    }
}

static const struct test tests[] = {
    TEST(items_stay_in_the_order_of_pushing_in_both_directions),
    TEST(removing_twice_is_harmless),
    TEST(a_list_is_spliced_to_the_end_of_another),
};

TEST_MAIN(tests)
