/* SPDX-License-Identifier: MIT
 *
 * list.h - an intrusive, doubly linked, circular list.
 *
 * The head is a node of its own. A node that is in no list points at itself, so that removing it twice is harmless
 * and "is it queued?" needs no flag.
 */
#ifndef RWI_BASE_LIST_H
#define RWI_BASE_LIST_H

#include <stddef.h>

#include "base/check.h"

struct rwi_list {
    struct rwi_list *next;
    struct rwi_list *prev;
};

static inline void rwi_list_init(struct rwi_list *node)
{
    node->next = node;
    node->prev = node;
}

/* For heads: nothing in it. For nodes: in no list. */
static inline bool rwi_list_is_empty(const struct rwi_list *node)
{
    return node->next == node;
}

static inline void rwi_list_push_back(struct rwi_list *head, struct rwi_list *node)
{
    RW_ASSERT(rwi_list_is_empty(node));
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* push_back of a node that nothing has been written to yet. */
static inline void rwi_list_append_new(struct rwi_list *head, struct rwi_list *node)
{
    struct rwi_list *last = head->prev;

    node->prev = last;
    node->next = head;
    last->next = node;
    head->prev = node;
}

/* remove of a node that will not be looked at again. */
static inline void rwi_list_cut(struct rwi_list *node)
{
    struct rwi_list *next = node->next;
    struct rwi_list *prev = node->prev;

    prev->next = next;
    next->prev = prev;
}

static inline void rwi_list_push_front(struct rwi_list *head, struct rwi_list *node)
{
    rwi_list_push_back(head->next, node);
}

static inline void rwi_list_remove(struct rwi_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    rwi_list_init(node);
}

/* The first node, taken out; NULL when empty. */
static inline struct rwi_list *rwi_list_pop_front(struct rwi_list *head)
{
    struct rwi_list *node = head->next;

    if (node == head) {
        return NULL;
    }
    rwi_list_remove(node);
    return node;
}

static inline struct rwi_list *rwi_list_first(struct rwi_list *head)
{
    return head->next == head ? NULL : head->next;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void rwi_list_splice(struct rwi_list *to, struct rwi_list *from)
{
    if (rwi_list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    rwi_list_init(from);
}

#define rwi_list_entry(node, type, member) rwi_container_of(node, type, member)

#endif
