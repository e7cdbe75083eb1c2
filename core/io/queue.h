/* SPDX-License-Identifier: MIT
 *
 * queue.h - bytes given to a socket and not yet sent: BYTES and TEXT values in order.
 */
#ifndef RWI_IO_QUEUE_H
#define RWI_IO_QUEUE_H

#include <ropewalk.h>
#include <sys/uio.h>

enum { RWI_QUEUE_PARTS = 64 };

/* Where a value's bytes are is looked up once. */
struct rwi_queue_item {
    struct rw_value value;
    const char *data;
    size_t size;
};

struct rwi_queue {
    struct rwi_queue_item *items; /* a ring */
    uint32_t capacity;            /* a power of two, or 0 */
    uint32_t head;
    uint32_t count;
    size_t sent;   /* bytes of the first item that are gone */
    size_t unsent; /* bytes in all */
};

/* A zeroed queue is an empty one. clear drops what is left and keeps the memory; fini gives it back. */
void rwi_queue_clear(struct rwi_queue *queue);
void rwi_queue_fini(struct rwi_queue *queue);

/* Takes BYTES or TEXT; empty ones vanish. 0, or RW_ERR_NOMEM and the item stays the caller's. */
int rwi_queue_push(struct rwi_queue *queue, struct rw_value item);

/* Room for `count` more items, so that as many pushes cannot fail. 0 or RW_ERR_NOMEM. */
int rwi_queue_reserve(struct rwi_queue *queue, size_t count);

/* The first unsent bytes, as up to RWI_QUEUE_PARTS parts; how many parts. */
int rwi_queue_parts(const struct rwi_queue *queue, struct iovec *parts);

/* The first unsent bytes in one piece; the queue is not empty. */
static inline const char *rwi_queue_first(const struct rwi_queue *queue, size_t *size)
{
    const struct rwi_queue_item *item = &queue->items[queue->head];

    *size = item->size - queue->sent;
    return item->data + queue->sent;
}

/* The first `size` bytes have been sent. */
void rwi_queue_consume(struct rwi_queue *queue, size_t size);

#endif
