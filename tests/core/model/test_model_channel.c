/* SPDX-License-Identifier: MIT
 *
 * test_model_channel.c - random operations on three channels against what a channel promises.
 *
 * Each value is a number that is sent once. The model knows of each what its sender was told - not sent, sent, or nothing because the
 * sender was dropped - and checks: what was sent is received once; what was not sent never is; of one select at most
 * one case happened; values accepted at once come in order; who was not woken would still wait if asked.
 */
#include "flow/channel.h"

#include "flow/flow_test.h"

enum { CHANNELS = 3, ACTS = 20, STEPS = 250, VALUES = STEPS * 6 + ACTS, PERMITS = 4, CLONES = 3 };

enum fate { UNUSED, PENDING, SENT, NOT_SENT, UNKNOWN };

struct model_value {
    uint8_t fate; /* enum fate */
    uint8_t channel;
    bool received;
    int at_once; /* the how manieth it was of those accepted without waiting; 0: it had to wait */
    int group;   /* of the select it was part of; 0: none */
};

enum kind { NONE, RECEIVE, SEND, RESERVE, SELECT };

struct model_act {
    enum kind kind;
    struct act act;
    bool is_polled;
    int channel;   /* RECEIVE, SEND, RESERVE */
    int values[4]; /* SEND: one; SELECT: by case, 0 where there is none */
    int from[4];   /* SELECT: the channel received from, or -1 */
    int count;     /* SELECT: cases */
};

struct model {
    struct rig rig;
    uint64_t random;
    struct rw_sender *tx[CHANNELS];
    struct rw_receiver *rx[CHANNELS];
    struct rw_sender *tx_clones[CLONES];
    struct rw_receiver *rx_clones[CLONES];
    struct model_act acts[ACTS];
    struct rw_value permits[PERMITS];
    int permit_channel[PERMITS];
    struct model_value values[VALUES];
    int value_count;
    int group_count;
    int at_once_count;
    int last_at_once[CHANNELS]; /* received */
    bool starves;               /* allocations fail now and then */
    bool broken;
};

static unsigned pick(struct model *model, unsigned bound)
{
    model->random = model->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(model->random >> 33) % bound;
}

static void expect(struct model *model, bool condition, const char *promise)
{
    if (!condition && !model->broken) {
        model->broken = true;
        printf("# broken: %s\n", promise);
    }
}

static struct rw_value new_value(struct model *model, int channel, int *id)
{
    char text[16];

    *id = ++model->value_count;
    model->values[*id] = (struct model_value){.fate = PENDING, .channel = (uint8_t)channel};
    snprintf(text, sizeof text, "%d", *id);
    return rw_text_of(text);
}

static void accepted(struct model *model, int id, bool at_once)
{
    expect(model, model->values[id].fate == PENDING, "a value is sent once");
    model->values[id].fate = SENT;
    model->values[id].at_once = at_once ? ++model->at_once_count : 0;
}

static void received(struct model *model, struct rw_value *value, int channel)
{
    int id = value->kind == RW_KIND_TEXT ? atoi(rw_value_data(value, NULL)) : 0;

    expect(model, id > 0 && id <= model->value_count, "a value that was sent arrives");
    if (!model->broken) {
        struct model_value *known = &model->values[id];

        expect(model, !known->received, "a value arrives once");
        expect(model, known->fate != NOT_SENT, "what was not sent does not arrive");
        expect(model, known->channel == channel, "a value arrives where it was sent");
        expect(model, known->at_once == 0 || known->at_once > model->last_at_once[channel],
               "values arrive in order");
        known->received = true;
        if (known->at_once != 0) {
            model->last_at_once[channel] = known->at_once;
        }
    }
    rw_value_drop(value);
}

/* ---- acts ------------------------------------------------------------------------------------------------------ */

static void settle_select(struct model *model, struct model_act *act, struct rw_value *out)
{
    int winner = (int)rw_select_index(act->act.future);

    for (int i = 0; i < act->count; i++) {
        if (act->values[i] != 0 && (i != winner || rw_is_failure(out))) {
            model->values[act->values[i]].fate = NOT_SENT;
        } else if (act->values[i] != 0) {
            accepted(model, act->values[i], false);
        }
    }
    if (winner < act->count && act->from[winner] >= 0 && !rw_is_failure(out)) {
        received(model, out, act->from[winner]);
    }
}

static void keep_permit(struct model *model, int channel, struct rw_value *permit)
{
    for (int i = 0; i < PERMITS; i++) {
        if (model->permits[i].kind == RW_KIND_NIL) {
            model->permits[i] = *permit;
            model->permit_channel[i] = channel;
            *permit = rw_nil();
            return;
        }
    }
}

static void poll_act(struct model *model, struct model_act *act)
{
    struct rw_value out;
    bool was_woken = act->act.wakes > 0 || !act->is_polled;
    enum rw_poll poll;

    act->act.wakes = 0;
    poll = act_poll(&act->act, &out);
    if (poll == RW_PENDING) {
        act->is_polled = true;
        return;
    }
    expect(model, was_woken, "who becomes ready is woken");
    if (act->kind == SELECT) {
        settle_select(model, act, &out);
    } else if (act->kind == RECEIVE && !rw_is_failure(&out)) {
        received(model, &out, act->channel);
    } else if (act->kind == SEND && !rw_is_failure(&out)) {
        accepted(model, act->values[0], !act->is_polled);
    } else if (act->kind == SEND) {
        model->values[act->values[0]].fate = NOT_SENT;
    } else if (act->kind == RESERVE && !rw_is_failure(&out)) {
        keep_permit(model, act->channel, &out);
    }
    rw_value_drop(&out);
    act_drop(&act->act);
    act->kind = NONE;
}

static void drop_act(struct model *model, struct model_act *act)
{
    int values = act->kind == SEND ? 1 : act->kind == SELECT ? act->count : 0;

    for (int i = 0; i < values; i++) {
        if (act->values[i] != 0) {
            model->values[act->values[i]].fate = act->is_polled ? UNKNOWN : NOT_SENT;
        }
    }
    act_drop(&act->act);
    act->kind = NONE;
}

static struct rw_future *new_select(struct model *model, struct model_act *act)
{
    struct rw_select_case cases[4];
    int group = ++model->group_count;

    act->count = 1 + (int)pick(model, 4);
    for (int i = 0; i < act->count; i++) {
        int channel = (int)pick(model, CHANNELS);
        unsigned what = pick(model, 20);

        act->from[i] = -1;
        act->values[i] = 0;
        cases[i] = (struct rw_select_case){.kind = RW_SELECT_DEADLINE};
        if (what < 9) {
            cases[i] = (struct rw_select_case){.kind = RW_SELECT_RECEIVE, .receiver = model->rx[channel]};
            act->from[i] = channel;
        } else if (what < 17) {
            cases[i] = (struct rw_select_case){.kind = RW_SELECT_SEND, .sender = model->tx[channel]};
            cases[i].value = new_value(model, channel, &act->values[i]);
            model->values[act->values[i]].group = group;
        } else if (what == 17) {
            cases[i].kind = RW_SELECT_FUTURE;
            cases[i].future = rw_sleep_until(model->rig.loop, rw_deadline_after(model->rig.loop, 50));
        } else if (what == 18) {
            cases[i].kind = RW_SELECT_DEFAULT;
        } else {
            cases[i].deadline_ns = rw_deadline_after(model->rig.loop, 70);
        }
    }
    return rw_select(model->rig.loop, cases, (size_t)act->count, pick(model, 2));
}

static void new_act(struct model *model, struct model_act *act)
{
    int channel = (int)pick(model, CHANNELS);
    struct rw_loop *loop = model->rig.loop;

    *act = (struct model_act){.channel = channel};
    switch (pick(model, 5)) {
    case 0:
    case 1:
        act->kind = RECEIVE;
        act->act = act_of(&model->rig, rw_channel_receive(loop, model->rx[channel]));
        break;
    case 2:
        act->kind = SEND;
        act->act = act_of(&model->rig, rw_channel_send(loop, model->tx[channel],
                                                       new_value(model, channel, &act->values[0])));
        break;
    case 3:
        act->kind = pick(model, 3) == 0 ? RESERVE : NONE;
        if (act->kind == RESERVE) {
            act->act = act_of(&model->rig, rw_channel_reserve(loop, model->tx[channel]));
        }
        break;
    default:
        act->kind = SELECT;
        act->act = act_of(&model->rig, new_select(model, act));
        if (act->act.future == NULL) { /* no memory: nothing has happened */
            drop_act(model, act);
        }
        break;
    }
}

/* ---- steps ----------------------------------------------------------------------------------------------------- */

static void step_act(struct model *model)
{
    struct model_act *act = &model->acts[pick(model, ACTS)];

    if (act->kind == NONE) {
        new_act(model, act);
        if (act->kind == NONE || pick(model, 4) == 0) {
            return;
        }
    } else if (pick(model, 8) == 0) {
        drop_act(model, act);
        return;
    } else if (pick(model, 7) == 0) {
        rw_future_cancel(act->act.future);
        act->act.wakes++; /* the canceller polls */
    }
    poll_act(model, act);
}

static void step_try(struct model *model)
{
    int channel = (int)pick(model, CHANNELS);
    struct rw_value value;
    int id;

    if (pick(model, 2) == 0) {
        value = new_value(model, channel, &id);
        if (rw_channel_try_send(model->tx[channel], &value) == 0) {
            accepted(model, id, true);
        } else {
            model->values[id].fate = NOT_SENT;
        }
        rw_value_drop(&value);
    } else if (rw_channel_try_receive(model->rx[channel], &value) == 0) {
        received(model, &value, channel);
    }
}

static void step_permit(struct model *model)
{
    int i = (int)pick(model, PERMITS);
    struct rw_value value;
    int id;

    if (model->permits[i].kind == RW_KIND_NIL) {
        return;
    }
    if (pick(model, 3) != 0) {
        value = new_value(model, model->permit_channel[i], &id);
        if (rw_permit_send(rw_permit_of(&model->permits[i]), &value) == 0) {
            accepted(model, id, true);
        } else {
            model->values[id].fate = NOT_SENT;
        }
        rw_value_drop(&value);
    }
    rw_value_drop(&model->permits[i]);
}

static void step_clone(struct model *model)
{
    int i = (int)pick(model, CLONES);
    int channel = (int)pick(model, CHANNELS);

    rw_sender_unref(model->tx_clones[i]);
    rw_receiver_unref(model->rx_clones[i]);
    model->tx_clones[i] = rw_sender_clone(model->tx[channel]);
    model->rx_clones[i] = rw_receiver_clone(model->rx[channel]);
}

static void step(struct model *model)
{
    unsigned what = pick(model, 20);

    if (model->starves && pick(model, 3) == 0) {
        test_fail_allocation(1 + pick(model, 3), true);
    }
    if (what < 13) {
        step_act(model);
    } else if (what < 17) {
        step_try(model);
    } else if (what < 18) {
        step_permit(model);
    } else if (what < 19) {
        step_clone(model);
    } else {
        rig_pass(&model->rig, (int64_t)pick(model, 60));
    }
    test_fail_allocation(0, false);
    for (int i = 0; i < CHANNELS; i++) {
        rwi_channel_check(model->rx[i]->end.channel);
    }
}

/* ---- a round --------------------------------------------------------------------------------------------------- */

static void begin(struct model *model, uint64_t seed)
{
    static const size_t capacities[] = {0, 0, 1, 2, 5, RW_UNBOUNDED};

    memset(model, 0, sizeof *model);
    model->random = seed * 2654435761u + 1;
    model->rig = rig_open();
    for (int i = 0; i < CHANNELS; i++) {
        unsigned flags = pick(model, 2) == 0 ? RW_CHANNEL_LOCAL : RW_CHANNEL_SHARED;

        if (rw_channel_open(model->rig.loop, capacities[pick(model, 6)], flags, &model->tx[i],
                            &model->rx[i]) != 0) {
            abort();
        }
    }
}

static void drop_permits(struct model *model)
{
    for (int i = 0; i < PERMITS; i++) {
        rw_value_drop(&model->permits[i]);
    }
}

/* Takes everything that is left, as long as anything moves. */
static void drain(struct model *model)
{
    bool moved = true;

    for (int i = 0; i < ACTS; i++) {
        if (model->acts[i].kind == RECEIVE || model->acts[i].kind == RESERVE ||
            model->acts[i].kind == SELECT) {
            drop_act(model, &model->acts[i]);
        } else if (model->acts[i].kind == SEND) {
            poll_act(model, &model->acts[i]);
        }
    }
    drop_permits(model);
    while (moved && !model->broken) {
        moved = false;
        for (int i = 0; i < CHANNELS; i++) {
            struct rw_value value;

            while (rw_channel_try_receive(model->rx[i], &value) == 0) {
                received(model, &value, i);
                moved = true;
            }
        }
        for (int i = 0; i < ACTS; i++) {
            if (model->acts[i].kind == SEND) {
                poll_act(model, &model->acts[i]);
                moved = moved || model->acts[i].kind == NONE;
            }
        }
    }
    for (int i = 0; i < ACTS; i++) {
        expect(model, model->acts[i].kind != SEND || model->broken, "a drained channel lets every sender go");
    }
}

static void check_fates(struct model *model)
{
    int group_of_last = 0;
    int received_in_group = 0;

    for (int id = 1; id <= model->value_count; id++) {
        struct model_value *value = &model->values[id];

        expect(model, value->fate != SENT || value->received, "what was sent arrives");
        expect(model, value->fate != NOT_SENT || !value->received, "what was not sent does not arrive");
        received_in_group = value->group != 0 && value->group == group_of_last ? received_in_group : 0;
        group_of_last = value->group;
        received_in_group += value->received && value->group != 0;
        expect(model, received_in_group <= 1, "of one select at most one case happens");
    }
}

/* Closes one side first; everybody who waits must come to an end. */
static void close_all(struct model *model, bool senders_first)
{
    for (int i = 0; i < CLONES; i++) {
        rw_sender_unref(model->tx_clones[i]);
        rw_receiver_unref(model->rx_clones[i]);
    }
    for (int i = 0; i < CHANNELS && senders_first; i++) {
        rw_sender_close(model->tx[i]);
    }
    for (int i = 0; i < CHANNELS && !senders_first; i++) {
        rw_receiver_close(model->rx[i]);
    }
    for (int i = 0; i < ACTS; i++) {
        struct model_act *act = &model->acts[i];

        if (act->kind == SEND || act->kind == RESERVE) {
            act->act.wakes++;
            poll_act(model, act);
            expect(model, act->kind == NONE, "a close ends all waits");
        }
        drop_act(model, act);
    }
    drop_permits(model);
    for (int i = 0; i < CHANNELS; i++) {
        rw_sender_unref(model->tx[i]);
        rw_receiver_unref(model->rx[i]);
    }
}

static bool run_round(struct model *model, uint64_t seed, bool drains, bool starves)
{
    begin(model, seed);
    model->starves = starves;
    for (int i = 0; i < STEPS && !model->broken; i++) {
        step(model);
    }
    if (drains && !model->broken) {
        drain(model);
        check_fates(model);
    }
    close_all(model, seed % 2 == 0);
    expect(model, rig_close(&model->rig), "nothing is live at the end");
    if (model->broken) {
        printf("# seed %llu\n", (unsigned long long)seed);
    }
    return !model->broken;
}

static void run_rounds(uint64_t first, uint64_t count, bool drains, bool starves)
{
    static struct model model;

    for (uint64_t seed = first; seed < first + count; seed++) {
        CHECK(run_round(&model, seed, drains, starves));
    }
}

static void no_value_is_lost_or_doubled(void)
{
    run_rounds(1, 3000, true, false);
}

static void closing_at_any_moment_ends_everything(void)
{
    run_rounds(100001, 1500, false, false);
}

static void memory_that_runs_out_loses_no_value(void)
{
    run_rounds(200001, 2000, true, true);
}

static const struct test tests[] = {
    TEST(no_value_is_lost_or_doubled),
    TEST(closing_at_any_moment_ends_everything),
    TEST(memory_that_runs_out_loses_no_value),
};

TEST_MAIN(tests)
