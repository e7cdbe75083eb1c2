/* SPDX-License-Identifier: MIT
 *
 * queue.c - bytes given to a socket and not yet sent.
 *
 * The values themselves are queued, not copies: what a task read and writes back is sent from where it was received.
 * Invariant: no item is empty, `sent` is less than the first item's size, and `unsent` is the sum of the sizes less `sent`.
 */
#include "io/queue.h"

#include "base/check.h"
#include "base/mem.h"

enum { FIRST_CAPACITY = 4 };

static struct rwi_queue_item *item_at(const struct rwi_queue *queue, uint32_t index)
{
    RW_ASSERT(index < queue->count);
    return &queue->items[(queue->head + index) & (queue->capacity - 1)];
}

void rwi_queue_clear(struct rwi_queue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++) {
        rw_value_drop(&item_at(queue, i)->value);
    }
    RW_ASSERT(queue->count == 0 || queue->unsent > 0);
    queue->count = 0;
    queue->head = 0;
    queue->sent = 0;
    queue->unsent = 0;
}

void rwi_queue_fini(struct rwi_queue *queue)
{
    rwi_queue_clear(queue);
    RW_ASSERT(queue->count == 0);
    rwi_mem_free(queue->items, queue->capacity * sizeof *queue->items);
    *queue = (struct rwi_queue){0};
}

int rwi_queue_reserve(struct rwi_queue *queue, size_t count)
{
    uint32_t capacity = queue->capacity == 0 ? FIRST_CAPACITY : queue->capacity;
    struct rwi_queue_item *items;

    RW_ASSERT(queue->count <= queue->capacity);
    if (count <= queue->capacity - queue->count) {
        return 0;
    }
    if (count > UINT32_MAX / 4 - queue->count) {
        return RW_ERR_NOMEM;
    }
    while (capacity < queue->count + count) {
        capacity *= 2;
    }
    items = rwi_mem_raw(capacity * sizeof *items);
    if (items == NULL) {
        return RW_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < queue->count; i++) {
        items[i] = *item_at(queue, i);
    }
    rwi_mem_free(queue->items, queue->capacity * sizeof *items);
    queue->items = items;
    queue->capacity = capacity;
    queue->head = 0;
    return 0;
}

int rwi_queue_push(struct rwi_queue *queue, struct rw_value item)
{
    size_t size;
    const char *data = rw_value_data(&item, &size);

    if (size == 0) {
        rw_value_drop(&item);
        return 0;
    }
    if (rwi_unlikely(queue->count == queue->capacity) && rwi_queue_reserve(queue, 1) != 0) {
        return RW_ERR_NOMEM;
    }
    queue->count++;
    *item_at(queue, queue->count - 1) = (struct rwi_queue_item){item, data, size};
    queue->unsent += size;
    RW_ASSERT(queue->unsent >= size);
    return 0;
}

int rwi_queue_parts(const struct rwi_queue *queue, struct iovec *parts)
{
    int count = 0;

    for (uint32_t i = 0; i < queue->count && count < RWI_QUEUE_PARTS; i++) {
        size_t skip = i == 0 ? queue->sent : 0;
        const struct rwi_queue_item *item = item_at(queue, i);

        RW_ASSERT(item->size > skip);
        parts[count++] = (struct iovec){(void *)(uintptr_t)(item->data + skip), item->size - skip};
    }
    return count;
}

void rwi_queue_consume(struct rwi_queue *queue, size_t size)
{
    RW_ASSERT(size <= queue->unsent);
    queue->unsent -= size;
    size += queue->sent;
    while (queue->count > 0 && size >= item_at(queue, 0)->size) {
        struct rwi_queue_item *first = item_at(queue, 0);

        size -= first->size;
        rw_value_drop(&first->value);
        queue->head = (queue->head + 1) & (queue->capacity - 1);
        queue->count--;
    }
    RW_ASSERT(queue->count > 0 || size == 0);
    queue->sent = size;
}
