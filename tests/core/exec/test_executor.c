/* SPDX-License-Identifier: MIT
 *
 * test_executor.c - order of the run queue, the batch of a turn, budgets, a host's data.
 */
#include "script.h"

struct numbered_job {
    struct rw_job job;
    int number;
    int again;          /* how often it queues itself */
    struct rw_job *and; /* another that it queues first */
};

static void run_numbered(struct rw_job *job, struct rw_loop *on)
{
    struct numbered_job *self = (struct numbered_job *)job;

    note("%d", self->number);
    if (self->and != NULL) {
        rw_loop_queue(on, self->and);
        self->and = NULL;
    }
    if (self->again > 0) {
        self->again--;
        rw_loop_queue(on, job);
    }
}

static void jobs_run_in_the_order_in_which_they_were_queued(void)
{
    struct numbered_job jobs[5];

    CHECK(world_begin());
    for (int i = 0; i < 5; i++) {
        jobs[i] = (struct numbered_job){{NULL, run_numbered}, i, 0, NULL};
        rw_loop_queue(loop, &jobs[i].job);
    }
    CHECK_INT(rw_loop_deadline(loop), RW_NOW);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 5);
    CHECK_TEXT(noted(), "0 1 2 3 4");
    CHECK_INT(rw_loop_turn(loop, 0, 0), 0);
    CHECK(rw_loop_is_idle(loop));
    world_end();
}

static void a_turn_runs_what_was_queued_when_it_began(void)
{
    struct numbered_job late = {{NULL, run_numbered}, 9, 0, NULL};
    struct numbered_job first = {{NULL, run_numbered}, 1, 2, &late.job};
    struct numbered_job second = {{NULL, run_numbered}, 2, 1, NULL};

    CHECK(world_begin());
    rw_loop_queue(loop, &first.job);
    rw_loop_queue(loop, &second.job);
    CHECK_INT(rw_loop_turn(loop, 0, 0), 2);
    CHECK_TEXT(noted(), "1 2");
    CHECK_INT(rw_loop_turn(loop, 0, 0), 3);
    CHECK_TEXT(noted(), "9 1 2");
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    CHECK_TEXT(noted(), "1");
    CHECK_INT(rw_loop_turn(loop, 0, 0), 0);
    world_end();
}

static void a_queued_job_can_be_taken_out_at_any_place(void)
{
    CHECK(world_begin());
    for (int out = 0; out < 4; out++) {
        struct numbered_job jobs[4];
        char expected[16];
        size_t size = 0;

        for (int i = 0; i < 4; i++) {
            jobs[i] = (struct numbered_job){{NULL, run_numbered}, i, 0, NULL};
            rw_loop_queue(loop, &jobs[i].job);
            if (i != out) {
                size += (size_t)snprintf(expected + size, sizeof expected - size, size > 0 ? " %d" : "%d", i);
            }
        }
        CHECK(rw_loop_unqueue(loop, &jobs[out].job));
        CHECK(!rw_loop_unqueue(loop, &jobs[out].job));
        CHECK_INT(rw_loop_turn(loop, 0, 0), 3);
        CHECK_TEXT(noted(), expected);
        rw_loop_queue(loop, &jobs[out].job);
        CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
        noted();
    }
    world_end();
}

struct taker {
    struct rw_job job;
    struct rw_job *victim;
};

static void take_victim(struct rw_job *job, struct rw_loop *on)
{
    struct taker *self = (struct taker *)job;

    note("take");
    rw_loop_unqueue(on, self->victim);
}

static void a_job_may_take_out_one_of_its_own_batch(void)
{
    struct numbered_job jobs[3];
    struct taker taker = {{NULL, take_victim}, &jobs[1].job};

    CHECK(world_begin());
    rw_loop_queue(loop, &taker.job);
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct numbered_job){{NULL, run_numbered}, i, i == 0, NULL};
        rw_loop_queue(loop, &jobs[i].job);
    }
    CHECK_INT(rw_loop_turn(loop, 0, 0), 3);
    CHECK_TEXT(noted(), "take 0 2");
    CHECK_INT(rw_loop_turn(loop, 0, 0), 1);
    world_end();
}

struct model_job {
    struct rw_job job;
    int64_t due; /* place in the model's line, 0: not queued */
};

static int64_t ran_until;
static bool ran_out_of_order;

static void run_model(struct rw_job *job, struct rw_loop *on)
{
    struct model_job *self = (struct model_job *)job;

    (void)on;
    ran_out_of_order = ran_out_of_order || self->due <= ran_until;
    ran_until = self->due;
    self->due = 0;
}

static void random_queueing_and_taking_out_agrees_with_a_plain_model(void)
{
    static struct model_job jobs[64];
    struct rw_sim_options options = {.seed = 7};
    struct rw_sim *random = rw_sim_new(&options);
    int64_t place = 1;
    int64_t queued = 0;

    CHECK(world_begin());
    ran_until = 0;
    ran_out_of_order = false;
    for (int i = 0; i < 64; i++) {
        jobs[i] = (struct model_job){{NULL, run_model}, 0};
    }
    for (int step = 0; step < 20000; step++) {
        struct model_job *job = &jobs[rw_sim_random(random) % 64];
        unsigned what = (unsigned)(rw_sim_random(random) % 16);

        if (what == 0) {
            CHECK_INT(rw_loop_turn(loop, 0, 0), queued);
            queued = 0;
        } else if (what < 5) {
            CHECK_INT(rw_loop_unqueue(loop, &job->job), job->due != 0);
            queued -= job->due != 0;
            job->due = 0;
        } else if (job->due == 0) {
            job->due = place++;
            queued++;
            rw_loop_queue(loop, &job->job);
        }
        CHECK(!ran_out_of_order);
    }
    run_turns(1);
    rw_sim_free(random);
    world_end();
}

/* Takes 1000 leaves that are ready at once, in one await after the other. */
static struct rw_future *greedy(struct script *self)
{
    SCRIPT_BEGIN(self);
    for (self->n = 0; self->n < 1000; self->n++) {
        AWAIT(self, rw_ready(self->loop, rw_nil()));
    }
    SCRIPT_END(self, rw_nil());
}

static void a_task_yields_after_128_leaf_operations(void)
{
    struct rw_stats stats;

    CHECK(world_begin());
    struct rw_task *task = script_spawn(greedy, NULL);

    run_turns(7);
    CHECK(!rw_task_is_done(task));
    run_turns(1);
    CHECK(rw_task_is_done(task));
    rw_stats(loop, &stats);
    CHECK_INT(stats.polls, 8);
    CHECK_INT(stats.budget_yields, 7);
    rw_task_unref(task);
    CHECK(world_is_empty());
    world_end();
}

static void the_budget_is_an_option_of_the_loop(void)
{
    struct rw_stats stats;
    struct rw_loop_options options = {.task_budget = 10};

    sim = rw_sim_new(NULL);
    options.sim = sim;
    loop = rw_loop_new(&options);
    CHECK(loop != NULL);
    rw_task_detach(script_spawn(greedy, NULL));
    run_all();
    rw_stats(loop, &stats);
    CHECK_INT(stats.polls, 100);
    world_end();
}

static void a_future_polled_by_hand_has_no_budget(void)
{
    CHECK(world_begin());
    struct rw_context cx = {.loop = loop};

    for (int i = 0; i < 1000; i++) {
        CHECK(rw_budget_take(&cx));
    }
    world_end();
}

static int dropped_data;

static void drop_data(void *data)
{
    dropped_data += *(int *)data;
}

static void a_host_keeps_one_pointer_per_name(void)
{
    int one = 1;
    int two = 20;
    char name[] = "two";

    CHECK(world_begin());
    dropped_data = 0;
    CHECK(rw_loop_get_data(loop, "one") == NULL);
    CHECK_INT(rw_loop_set_data(loop, "one", &one, drop_data), 0);
    CHECK_INT(rw_loop_set_data(loop, "two", &one, NULL), 0);
    CHECK_INT(rw_loop_set_data(loop, "two", &two, drop_data), 0);
    CHECK(rw_loop_get_data(loop, "one") == &one);
    CHECK(rw_loop_get_data(loop, name) == &two);
    CHECK(rw_loop_get_data(loop, "three") == NULL);
    CHECK_INT(dropped_data, 0);
    world_end();
    CHECK_INT(dropped_data, 21);
}

static void a_loop_that_ends_forgets_jobs_that_are_still_queued(void)
{
    struct numbered_job job = {{NULL, run_numbered}, 1, 0, NULL};

    CHECK(world_begin());
    rw_loop_queue(loop, &job.job);
    world_end();
    CHECK_TEXT(noted(), "");
    CHECK(job.job.next == NULL);
}

static void queue_and_data_survive_every_allocation_failure(void)
{
    if (!world_begin()) {
        return;
    }
    int one = 1;

    dropped_data = 0;
    int err = rw_loop_set_data(loop, "one", &one, drop_data);

    rw_task_detach(script_spawn(greedy, NULL));
    run_all();
    world_end();
    CHECK_INT(dropped_data, err == 0);
}

static void every_allocation_failure_is_survived(void)
{
    test_each_allocation(queue_and_data_survive_every_allocation_failure);
}

static const struct test tests[] = {
    TEST(jobs_run_in_the_order_in_which_they_were_queued),
    TEST(a_turn_runs_what_was_queued_when_it_began),
    TEST(a_queued_job_can_be_taken_out_at_any_place),
    TEST(a_job_may_take_out_one_of_its_own_batch),
    TEST(random_queueing_and_taking_out_agrees_with_a_plain_model),
    TEST(a_task_yields_after_128_leaf_operations),
    TEST(the_budget_is_an_option_of_the_loop),
    TEST(a_future_polled_by_hand_has_no_budget),
    TEST(a_host_keeps_one_pointer_per_name),
    TEST(a_loop_that_ends_forgets_jobs_that_are_still_queued),
    TEST(every_allocation_failure_is_survived),
};

TEST_MAIN(tests)
