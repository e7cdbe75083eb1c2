/* SPDX-License-Identifier: MIT
 *
 * group.c - the waker of each child puts it on the group's woken list and wakes the group's own task.
 *
 * Invariant: a child is in `children` while it lives, and in `woken` (or in the list of the poll that is running) when it
 * must be polled; a fresh child is woken. One call of rwi_group_next looks at each woken child once, so a child that wakes
 * itself waits for the next call. A child whose waker was cloned may be woken from anywhere by the parent's waker alone: it is polled
 * each time.
 */
#include "exec/group.h"

#include "base/check.h"
#include "exec/executor.h"

static struct rwi_child *child_of_sibling(struct rwi_list *node)
{
    return rwi_list_entry(node, struct rwi_child, sibling);
}

static void mark_woken(struct rwi_child *child)
{
    RW_ASSERT(child->group != NULL);
    if (rwi_list_is_empty(&child->woken)) {
        rwi_list_push_back(&child->group->woken, &child->woken);
    }
}

static void wake_child(void *data)
{
    struct rwi_child *child = data;

    mark_woken(child);
    if (child->group->parent.vtable != NULL) {
        rw_waker_wake(&child->group->parent);
    }
}

static struct rw_waker clone_child(void *data)
{
    struct rwi_child *child = data;

    RW_ASSERT(child->group->parent.vtable != NULL);
    if (!child->always) {
        child->always = true;
        child->group->always_count++;
    }
    return rw_waker_clone(&child->group->parent);
}

static void drop_child_waker(void *data)
{
    RW_ASSERT(data != NULL); /* borrowed: there is nothing to let go of */
    (void)data;
}

static const struct rw_waker_vtable child_waker = {clone_child, wake_child, drop_child_waker};

void rwi_group_init(struct rwi_group *group, struct rw_loop *loop)
{
    RW_ASSERT(loop != NULL);
    *group = (struct rwi_group){.loop = loop};
    rwi_list_init(&group->children);
    rwi_list_init(&group->woken);
}

static void free_child(struct rwi_child *child)
{
    struct rwi_group *group = child->group;

    RW_ASSERT(group->count > 0);
    rwi_list_remove(&child->sibling);
    rwi_list_remove(&child->woken);
    group->count--;
    group->always_count -= child->always;
    rw_future_drop(child->future);
    rwi_loop_release(group->loop, child, sizeof *child);
}

void rwi_group_fini(struct rwi_group *group)
{
    struct rwi_list *node;

    while ((node = rwi_list_first(&group->children)) != NULL) {
        free_child(child_of_sibling(node));
    }
    RW_ASSERT(group->count == 0);
}

int rwi_group_add(struct rwi_group *group, struct rw_future *future, uint64_t key)
{
    RW_ASSERT(future != NULL);
    struct rwi_child *child = rwi_loop_alloc(group->loop, sizeof *child);

    if (child == NULL) {
        rw_future_drop(future);
        return RW_ERR_NOMEM;
    }
    *child = (struct rwi_child){.group = group, .future = future, .key = key};
    rwi_list_init(&child->sibling);
    rwi_list_init(&child->woken);
    rwi_list_push_back(&group->children, &child->sibling);
    group->count++;
    wake_child(child);
    return 0;
}

static void wake_always(struct rwi_group *group)
{
    RW_ASSERT(group->always_count <= group->count);
    if (group->always_count == 0) {
        return;
    }
    for (struct rwi_list *node = group->children.next; node != &group->children; node = node->next) {
        struct rwi_child *child = child_of_sibling(node);

        if (child->always) {
            mark_woken(child);
        }
    }
}

bool rwi_group_next(struct rwi_group *group, struct rw_context *cx, uint64_t *key, struct rw_value *out)
{
    struct rwi_list batch;
    struct rwi_list *node;
    bool is_found = false;

    group->parent = cx->waker;
    wake_always(group);
    rwi_list_init(&batch);
    rwi_list_splice(&batch, &group->woken);
    while (!is_found && (node = rwi_list_pop_front(&batch)) != NULL) {
        struct rwi_child *child = rwi_list_entry(node, struct rwi_child, woken);
        struct rw_context child_cx = {{&child_waker, child}, cx->loop, cx->task};

        RW_ASSERT(child->group == group);
        if (rw_poll(child->future, &child_cx, out) == RW_READY) {
            *key = child->key;
            free_child(child);
            is_found = true;
        }
    }
    rwi_list_splice(&batch, &group->woken); /* the rest of this batch before who woke meanwhile */
    rwi_list_splice(&group->woken, &batch);
    RW_VERIFY(rwi_group_check(group));
    return is_found;
}

void rwi_group_cancel(struct rwi_group *group)
{
    RW_ASSERT(group->loop != NULL);
    for (struct rwi_list *node = group->children.next; node != &group->children; node = node->next) {
        struct rwi_child *child = child_of_sibling(node);

        rw_future_cancel(child->future);
        wake_child(child);
    }
}

bool rwi_group_check(const struct rwi_group *group)
{
    size_t count = 0;
    size_t always_count = 0;

    for (const struct rwi_list *node = group->children.next; node != &group->children; node = node->next) {
        const struct rwi_child *child = rwi_list_entry(node, const struct rwi_child, sibling);

        RW_REQUIRE(child->group == group);
        RW_REQUIRE(child->future != NULL);
        always_count += child->always;
        count++;
    }
    RW_REQUIRE(count == group->count);
    RW_REQUIRE(always_count == group->always_count);
    return true;
}
