/* SPDX-License-Identifier: MIT
 *
 * births.c - objects and blocks of a loop by address, each with the place outside that had it made.
 *
 * Invariant: an entry's address is that of something alive, made through the library's public door by a module that is
 * not part of it; what a binding makes for its scripts is left out, since scripts may keep things longer than a
 * loop. Memory that cannot be had leaves a hole in the notes, nothing worse.
 */
#include "exec/births.h"

#include <stdint.h>

#include "base/caller.h"
#include "base/mem.h"

enum { BUCKET_COUNT = 256 };

struct place {
    struct place *next;
    const void *function;
    unsigned live;
};

struct birth {
    struct birth *next;
    const void *thing;
    struct place *place;
};

struct rwi_births {
    bool (*is_door)(const void *function);
    struct place *places;
    struct birth *buckets[BUCKET_COUNT];
};

static struct birth **bucket_of(struct rwi_births *births, const void *thing)
{
    return &births->buckets[((uintptr_t)thing >> 4) % BUCKET_COUNT];
}

struct rwi_births *rwi_births_new(bool (*is_door)(const void *function))
{
    struct rwi_births *births = NULL;

    RW_REQUIRE(is_door != NULL);
    if (RW_CHECK_LEVEL >= 3 && rwi_caller_can_tell()) {
        births = rwi_mem_new(sizeof *births);
    }
    if (births != NULL) {
        births->is_door = is_door;
    }
    return births;
}

void rwi_births_free(struct rwi_births *births)
{
    if (births == NULL) {
        return;
    }
    for (int i = 0; i < BUCKET_COUNT; i++) {
        while (births->buckets[i] != NULL) {
            rwi_births_remove(births, births->buckets[i]->thing);
        }
    }
    while (births->places != NULL) {
        struct place *place = births->places;

        RW_ASSERT(place->live == 0);
        births->places = place->next;
        rwi_mem_free(place, sizeof *place);
    }
    rwi_mem_free(births, sizeof *births);
}

static struct place *need_place(struct rwi_births *births, const void *function)
{
    struct place *place = births->places;

    RW_ASSERT(function != NULL);
    while (place != NULL && place->function != function) {
        place = place->next;
    }
    if (place == NULL) {
        place = rwi_mem_new(sizeof *place);
        if (place != NULL) {
            *place = (struct place){births->places, function, 0};
            births->places = place;
        }
    }
    return place;
}

void rwi_births_add(struct rwi_births *births, const void *thing)
{
    const void *function = rwi_caller_find(births->is_door);
    struct place *place = function != NULL ? need_place(births, function) : NULL;
    struct birth *birth = place != NULL ? rwi_mem_new(sizeof *birth) : NULL;

    RW_ASSERT(thing != NULL);
    if (birth != NULL) {
        struct birth **bucket = bucket_of(births, thing);

        *birth = (struct birth){*bucket, thing, place};
        *bucket = birth;
        place->live++;
    }
}

void rwi_births_remove(struct rwi_births *births, const void *thing)
{
    RW_ASSERT(thing != NULL);
    for (struct birth **at = bucket_of(births, thing); *at != NULL; at = &(*at)->next) {
        struct birth *birth = *at;

        if (birth->thing == thing) {
            RW_ASSERT(birth->place->live > 0);
            *at = birth->next;
            birth->place->live--;
            rwi_mem_free(birth, sizeof *birth);
            return;
        }
    }
}

void rwi_births_report(const struct rwi_births *births)
{
    const struct place *place = births != NULL ? births->places : NULL;

    for (; place != NULL; place = place->next) {
        char name[RWI_CALLER_MAX];

        if (place->live > 0) {
            rwi_caller_describe(place->function, name);
            rwi_check_note("the loop has ended, but not all that %s made: %u still referenced", name,
                           place->live);
        }
    }
}
