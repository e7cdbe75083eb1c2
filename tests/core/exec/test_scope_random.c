/* SPDX-License-Identifier: MIT
 *
 * test_scope_random.c - random trees of scopes and tasks against a plain model.
 *
 * A tree is made of leaves, which sleep until a moment of their own and may fail then, and of scopes with a body that
 * does the same, children, and perhaps a deadline, a shield or supervision. No two moments are equal, so that every
 * outcome and the time of every end follow from the description alone: evaluate() works them out by recursion over
 * the tree, without tasks or turns. The seed of a run that differs is printed.
 */
#include "script.h"

enum { NODES = 40, LATE = 1 << 20, RUNS = 1500 };
enum outcome { ENDS_WELL, IS_CANCELLED, FAILS };

struct node {
    bool is_scope;
    bool fails;
    unsigned flags;
    int64_t ms;          /* when it, or its body, ends by itself */
    int64_t deadline_ms; /* LATE: none */
    int children[4];
    int child_count;
    int64_t end_ms; /* what happened */
    enum outcome outcome;
    int64_t expected_end_ms; /* what the model says */
    enum outcome expected;
};

static struct node nodes[NODES];
static int node_count;
static int64_t moments[8 * NODES];
static int moment_count;

/* ---- making a tree --------------------------------------------------------------------------------------------------- */

static uint64_t below(uint64_t bound)
{
    return rw_sim_random(sim) % bound;
}

static int64_t next_moment(void)
{
    int64_t *place = &moments[below((uint64_t)moment_count)];
    int64_t moment = *place;

    *place = moments[--moment_count];
    return moment;
}

static int grow_tree(int depth)
{
    int number = node_count++;
    struct node *node = &nodes[number];

    *node = (struct node){.ms = next_moment(), .deadline_ms = LATE, .fails = below(5) == 0, .end_ms = -1};
    node->is_scope = number == 0 || (depth < 5 && below(2) == 0);
    if (!node->is_scope) {
        return number;
    }
    node->deadline_ms = below(3) == 0 ? next_moment() : LATE;
    node->flags = (below(4) == 0 ? RW_SCOPE_SHIELD : 0u) | (below(2) == 0 ? RW_SCOPE_FAIL_AFTER : 0u) |
                  (below(5) == 0 ? RW_SCOPE_SUPERVISOR : 0u);
    for (uint64_t count = below(5); count > 0 && node_count < NODES; count--) {
        int child = grow_tree(depth + 1);

        node->children[node->child_count++] = child;
    }
    return number;
}

/* ---- the model --------------------------------------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void evaluate(struct node *node, int64_t cancel_ms);

/* Evaluates the children of a scope that is cancelled at `cancel_ms`; gives the first failure among them and its body. */
static int64_t evaluate_inside(struct node *node, int64_t cancel_ms)
{
    int64_t first_failure = node->fails && node->ms < cancel_ms ? node->ms : LATE;

    for (int i = 0; i < node->child_count; i++) {
        struct node *child = &nodes[node->children[i]];

        evaluate(child, cancel_ms);
        if (child->expected == FAILS && (node->flags & RW_SCOPE_SUPERVISOR) == 0) {
            first_failure = least(first_failure, child->expected_end_ms);
        }
    }
    return first_failure;
}

/* The outcome of a scope without failures, whose body was cancelled at `cancel_ms` unless it had ended before. */
static enum outcome outcome_without_failure(const struct node *node, int64_t cancel_ms, int64_t outer_ms)
{
    int64_t end_ms = node->expected_end_ms;
    bool body_cancelled = node->ms > cancel_ms;
    bool from_outside = outer_ms <= end_ms;
    bool deadline_passed = node->deadline_ms <= end_ms;
    bool cut_short = false;
    bool caught = body_cancelled;

    for (int i = 0; i < node->child_count && (node->flags & RW_SCOPE_SUPERVISOR) == 0; i++) {
        const struct node *child = &nodes[node->children[i]];

        if (child->expected == IS_CANCELLED) {
            bool by_deadline = node->deadline_ms <= child->expected_end_ms;

            caught = caught || by_deadline;
            cut_short = cut_short || (!by_deadline && outer_ms <= child->expected_end_ms);
        }
    }
    if ((body_cancelled || cut_short) && from_outside) {
        return IS_CANCELLED;
    }
    return caught && deadline_passed && (node->flags & RW_SCOPE_FAIL_AFTER) != 0 ? FAILS : ENDS_WELL;
}

static void evaluate_scope(struct node *node, int64_t outer_ms)
{
    int64_t cancel_ms = least(outer_ms, node->deadline_ms);
    int64_t failure_ms = evaluate_inside(node, cancel_ms);

    if (failure_ms < cancel_ms) { /* cancels the rest, which changes nothing of what came before it */
        cancel_ms = failure_ms;
        for (int i = 0; i < node->child_count; i++) {
            if (nodes[node->children[i]].expected_end_ms > failure_ms) {
                evaluate(&nodes[node->children[i]], failure_ms);
            }
        }
    }
    node->expected_end_ms = least(node->ms, cancel_ms);
    for (int i = 0; i < node->child_count; i++) {
        int64_t end_ms = nodes[node->children[i]].expected_end_ms;

        node->expected_end_ms = end_ms > node->expected_end_ms ? end_ms : node->expected_end_ms;
    }
    node->expected = failure_ms != LATE ? FAILS : outcome_without_failure(node, cancel_ms, outer_ms);
}

/* What becomes of a task that is cancelled from outside at `cancel_ms` (LATE: never). */
static void evaluate(struct node *node, int64_t cancel_ms)
{
    if (node->is_scope) {
        evaluate_scope(node, (node->flags & RW_SCOPE_SHIELD) != 0 ? LATE : cancel_ms);
        return;
    }
    node->expected_end_ms = least(node->ms, cancel_ms);
    node->expected = node->ms > cancel_ms ? IS_CANCELLED : node->fails ? FAILS : ENDS_WELL;
}

/* ---- the real thing ------------------------------------------------------------------------------------------------------ */

static void record_end(void *arg, struct rw_task *task, const struct rw_value *value)
{
    struct node *node = arg;

    (void)task;
    node->end_ms = now_ms();
    node->outcome = !rw_is_failure(value)             ? ENDS_WELL
                    : value->code == RW_ERR_CANCELLED ? IS_CANCELLED
                                                      : FAILS;
}

static struct rw_future *run_node(struct script *self);

static struct rw_task *spawn_node(struct rw_scope *scope, int number)
{
    struct rw_spawn_options options = {.scope = scope, .on_done = record_end, .arg = &nodes[number]};

    return rw_spawn(loop, script_new(run_node, &nodes[number]), &options);
}

static struct rw_future *run_node(struct script *self)
{
    struct node *node = self->data;

    SCRIPT_BEGIN(self);
    if (node->is_scope) {
        int64_t deadline_ns = node->deadline_ms != LATE ? at(node->deadline_ms) : RW_NEVER;

        self->scopes[0] = rw_scope_open(
            self->task, &(struct rw_scope_options){.flags = node->flags, .deadline_ns = deadline_ns});
        for (int i = 0; i < node->child_count; i++) {
            rw_task_detach(spawn_node(self->scopes[0], node->children[i]));
        }
    }
    AWAIT(self, rw_sleep_until(self->loop, at(node->ms)));
    if (!rw_is_failure(&self->in) && node->fails) {
        self->in = rw_failure(RW_ERR_SCRIPT);
    }
    if (!node->is_scope) {
        SCRIPT_RETURN(self, take_in(self));
    }
    LEAVE(self, 0, take_in(self));
    SCRIPT_END(self, take_in(self));
}

static struct rw_future *cancel_later(struct script *self)
{
    SCRIPT_BEGIN(self);
    AWAIT(self, rw_sleep_until(self->loop, at(self->n)));
    rw_task_cancel(self->data, NULL);
    SCRIPT_END(self, rw_nil());
}

static void ignore_unhandled(void *arg, struct rw_task *task, const struct rw_value *value)
{
    (void)arg;
    (void)task;
    (void)value;
}

static void print_tree(void)
{
    for (int i = 0; i < node_count; i++) {
        const struct node *node = &nodes[i];

        printf("#   %d: %s%s until %lld, deadline %lld, flags %u, children", i,
               node->is_scope ? "scope" : "leaf", node->fails ? " that fails" : "", (long long)node->ms,
               (long long)node->deadline_ms, node->flags);
        for (int child = 0; child < node->child_count; child++) {
            printf(" %d", node->children[child]);
        }
        printf(": %d at %lld, expected %d at %lld\n", (int)node->outcome, (long long)node->end_ms,
               (int)node->expected, (long long)node->expected_end_ms);
    }
}

static bool agrees(uint64_t seed)
{
    for (int i = 0; i < node_count; i++) {
        const struct node *node = &nodes[i];

        if (node->end_ms != node->expected_end_ms || node->outcome != node->expected) {
            printf("# seed %llu, node %d: outcome %d at %lld, expected %d at %lld\n",
                   (unsigned long long)seed, i, (int)node->outcome, (long long)node->end_ms,
                   (int)node->expected, (long long)node->expected_end_ms);
            print_tree();
            return false;
        }
    }
    return true;
}

/* A fresh world, and the tree of its seed. */
static void begin_seed(uint64_t seed)
{
    struct rw_sim_options sim_options = {.seed = seed};

    sim = rw_sim_new(&sim_options);
    loop = rw_loop_new(&(struct rw_loop_options){.sim = sim});
    rw_loop_set_unhandled(loop, ignore_unhandled, NULL);
    for (moment_count = 0; moment_count < 8 * NODES; moment_count++) {
        moments[moment_count] = moment_count + 1;
    }
    node_count = 0;
    grow_tree(0);
}

static bool run_seed(uint64_t seed)
{
    struct script *canceller;

    begin_seed(seed);
    int64_t cancel_ms = below(3) == 0 ? next_moment() : LATE;

    evaluate(&nodes[0], cancel_ms);
    struct rw_task *root = spawn_node(NULL, 0);

    if (cancel_ms != LATE) {
        canceller = script_new_with(&script_vtable, cancel_later, root);
        canceller->n = cancel_ms;
        rw_task_detach(rw_spawn(loop, &canceller->base, NULL));
    }
    run_all();
    rw_task_unref(root);
    bool is_well = agrees(seed) && world_is_empty();

    world_end();
    return is_well;
}

static void random_trees_end_as_a_plain_model_says(void)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        CHECK(run_seed(seed));
    }
}

/* The same trees, cut off by the end of the loop at some moment. */
static void random_trees_may_be_cut_off_at_any_moment(void)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rw_value out;

        begin_seed(seed);
        rw_task_detach(spawn_node(NULL, 0));
        CHECK_INT(rw_block_on(loop, rw_sleep_until(loop, at((int64_t)below(200))), &out), 0);
        world_end();
        CHECK(nodes[0].end_ms >= 0); /* it was told its end, as any task is */
    }
}

static const struct test tests[] = {
    TEST(random_trees_end_as_a_plain_model_says),
    TEST(random_trees_may_be_cut_off_at_any_moment),
};

TEST_MAIN(tests)
