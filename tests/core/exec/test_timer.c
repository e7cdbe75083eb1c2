/* SPDX-License-Identifier: MIT
 *
 * test_timer.c - the heap of timers against a plain list, and timers as hosts use them.
 */
#include "exec/timer.h"
#include "script.h"

enum { MODEL_TIMERS = 200 };

struct model_timer {
    struct rw_timer timer;
    int64_t deadline_ns;
    int64_t armed_at; /* 0: not armed */
};

static struct model_timer model[MODEL_TIMERS];

static void fire_nothing(struct rw_timer *timer, struct rw_loop *on)
{
    (void)timer;
    (void)on;
}

/* The one that the heap has to give next: a look at each. */
static struct model_timer *first_of_model(int64_t now_ns)
{
    struct model_timer *first = NULL;

    for (int i = 0; i < MODEL_TIMERS; i++) {
        struct model_timer *timer = &model[i];

        if (timer->armed_at == 0 || timer->deadline_ns > now_ns) {
            continue;
        }
        if (first == NULL || timer->deadline_ns < first->deadline_ns ||
            (timer->deadline_ns == first->deadline_ns && timer->armed_at < first->armed_at)) {
            first = timer;
        }
    }
    return first;
}

static bool pop_agrees(struct rwi_timers *timers, int64_t now_ns)
{
    struct model_timer *expected;

    while ((expected = first_of_model(now_ns)) != NULL) {
        if (rwi_timers_pop(timers, now_ns, UINT64_MAX) != &expected->timer.place) {
            return false;
        }
        expected->armed_at = 0;
    }
    return rwi_timers_pop(timers, now_ns, UINT64_MAX) == NULL;
}

static void thousands_of_random_operations_agree_with_a_plain_list(void)
{
    struct rw_sim *random = rw_sim_new(NULL);
    struct rwi_timers timers;
    int64_t now_ns = 0;

    rwi_timers_init(&timers);
    for (int i = 0; i < MODEL_TIMERS; i++) {
        model[i] = (struct model_timer){.deadline_ns = 0};
        rw_timer_init(&model[i].timer, fire_nothing);
    }
    for (int64_t step = 1; step <= 30000; step++) {
        struct model_timer *timer = &model[rw_sim_random(random) % MODEL_TIMERS];
        unsigned what = (unsigned)(rw_sim_random(random) % 10);

        if (what < 6) { /* few different deadlines, so that many are equal */
            timer->deadline_ns = now_ns + (int64_t)(rw_sim_random(random) % 50);
            timer->armed_at = step;
            CHECK_INT(rwi_timers_arm(&timers, &timer->timer.place, timer->deadline_ns), 0);
        } else if (what < 8) {
            timer->armed_at = 0;
            rwi_timers_disarm(&timers, &timer->timer.place);
        } else {
            now_ns += (int64_t)(rw_sim_random(random) % 5);
            CHECK(pop_agrees(&timers, now_ns));
        }
        CHECK_INT(rw_timer_is_armed(&timer->timer), timer->armed_at != 0);
        if (step % 97 == 0) {
            CHECK(rwi_timers_check(&timers));
        }
    }
    CHECK(pop_agrees(&timers, INT64_MAX - 1));
    CHECK_INT(timers.count, 0);
    CHECK_INT(rwi_timers_deadline(&timers), RW_NEVER);
    rwi_timers_fini(&timers);
    rw_sim_free(random);
}

struct named_timer {
    struct rw_timer timer;
    int number;
    int64_t again_at;
};

static void fire_named(struct rw_timer *timer, struct rw_loop *on)
{
    struct named_timer *self = (struct named_timer *)timer;

    note("%d@%lld", self->number, (long long)now_ms());
    if (self->again_at != 0) {
        rw_timer_arm(on, timer, self->again_at);
    }
}

static void name_timers(struct named_timer *timers, int count)
{
    for (int i = 0; i < count; i++) {
        timers[i] = (struct named_timer){.number = i};
        rw_timer_init(&timers[i].timer, fire_named);
    }
}

static void timers_fire_by_deadline_and_equals_in_the_order_of_arming(void)
{
    struct named_timer timers[6];

    CHECK(world_begin());
    name_timers(timers, 6);
    rw_timer_arm(loop, &timers[0].timer, at(20));
    rw_timer_arm(loop, &timers[1].timer, at(10));
    rw_timer_arm(loop, &timers[2].timer, at(20));
    rw_timer_arm(loop, &timers[3].timer, at(10));
    rw_timer_arm(loop, &timers[4].timer, at(5));
    rw_timer_arm(loop, &timers[1].timer, at(10)); /* armed again: the last of its equals now */
    rw_timer_arm(loop, &timers[5].timer, at(7));
    rw_timer_disarm(loop, &timers[5].timer);
    CHECK(!rw_timer_is_armed(&timers[5].timer));
    CHECK_INT(rw_loop_deadline(loop), at(5));
    run_all();
    CHECK_TEXT(noted(), "4@5 3@10 1@10 0@20 2@20");
    CHECK(world_is_empty());
    world_end();
}

static void a_timer_armed_while_timers_fire_waits_for_the_next_turn(void)
{
    struct named_timer timers[2];

    CHECK(world_begin());
    name_timers(timers, 2);
    timers[0].again_at = at(1);
    rw_timer_arm(loop, &timers[0].timer, at(10));
    rw_timer_arm(loop, &timers[1].timer, at(10));
    rw_loop_turn(loop, RW_TURN_WAIT, 0);
    CHECK_TEXT(noted(), "0@10 1@10");
    CHECK(rw_timer_is_armed(&timers[0].timer));
    timers[0].again_at = 0;
    rw_loop_turn(loop, RW_TURN_WAIT, 0);
    CHECK_TEXT(noted(), "0@10");
    world_end();
}

static void a_timer_that_arms_itself_for_the_past_starves_nobody(void)
{
    struct named_timer timers[2];

    CHECK(world_begin());
    name_timers(timers, 2);
    timers[0].again_at = RW_NOW;
    rw_timer_arm(loop, &timers[0].timer, RW_NOW);
    rw_timer_arm(loop, &timers[1].timer, at(3));
    for (int i = 0; i < 3; i++) {
        rw_loop_turn(loop, 0, 0);
    }
    rw_sim_advance(sim, 5000000);
    noted();
    rw_loop_turn(loop, 0, 0);
    rw_loop_turn(loop, 0, 0);
    CHECK_TEXT(noted(), "0@5 1@5 0@5");
    timers[0].again_at = 0;
    rw_timer_disarm(loop, &timers[0].timer);
    world_end();
}

static void a_host_may_disarm_a_timer_that_is_due_in_the_same_turn(void)
{
    struct named_timer timers[3];

    CHECK(world_begin());
    name_timers(timers, 3);
    for (int i = 0; i < 3; i++) {
        rw_timer_arm(loop, &timers[i].timer, at(1));
    }
    rw_timer_disarm(loop, &timers[1].timer);
    rw_timer_disarm(loop, &timers[1].timer);
    run_all();
    CHECK_TEXT(noted(), "0@1 2@1");
    world_end();
}

static void a_loop_that_ends_leaves_its_timers_unarmed(void)
{
    struct named_timer timers[2];

    CHECK(world_begin());
    name_timers(timers, 2);
    rw_timer_arm(loop, &timers[0].timer, at(1000));
    rw_timer_arm(loop, &timers[1].timer, at(2000));
    world_end();
    CHECK(!rw_timer_is_armed(&timers[0].timer));
    CHECK(!rw_timer_is_armed(&timers[1].timer));
    CHECK_TEXT(noted(), "");
}

static void without_memory_a_timer_stays_as_it_was(void)
{
    struct rwi_timers timers;
    struct named_timer named[17];
    int err = 0;
    int armed = 0;

    rwi_timers_init(&timers);
    name_timers(named, 17);
    CHECK_INT(rwi_timers_arm(&timers, &named[0].timer.place, 5), 0);
    test_fail_allocation(1, false);
    for (armed = 1; armed < 17 && err == 0; armed++) {
        err = rwi_timers_arm(&timers, &named[armed].timer.place, 5);
    }
    CHECK_INT(err, RW_ERR_NOMEM);
    CHECK(!rw_timer_is_armed(&named[armed - 1].timer));
    CHECK_INT(rwi_timers_arm(&timers, &named[0].timer.place, 9), 0);
    test_fail_allocation(0, false);
    CHECK_INT(rwi_timers_deadline(&timers), 5);
    CHECK(rwi_timers_check(&timers));
    rwi_timers_fini(&timers);
}

static const struct test tests[] = {
    TEST(thousands_of_random_operations_agree_with_a_plain_list),
    TEST(timers_fire_by_deadline_and_equals_in_the_order_of_arming),
    TEST(a_timer_armed_while_timers_fire_waits_for_the_next_turn),
    TEST(a_timer_that_arms_itself_for_the_past_starves_nobody),
    TEST(a_host_may_disarm_a_timer_that_is_due_in_the_same_turn),
    TEST(a_loop_that_ends_leaves_its_timers_unarmed),
    TEST(without_memory_a_timer_stays_as_it_was),
};

TEST_MAIN(tests)
