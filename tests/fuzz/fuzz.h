/* SPDX-License-Identifier: MIT
 *
 * fuzz.h - one fuzzer, two drivers.
 *
 * A fuzzer defines fuzz_one(data, size) and its seeds, and says FUZZ_MAIN. With libFuzzer that is its entry; with
 * RW_FUZZ_STANDALONE it is a plain program that runs the seeds and `-runs=N` mutations of them, the same ones every
 * time, so that the fuzzer itself is kept working by the test suite on machines without libFuzzer.
 */
#ifndef RW_FUZZ_H
#define RW_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fuzz_seed {
    const char *data;
    size_t size;
};

#define FUZZ_SEED(text)                                                                                      \
    {                                                                                                        \
        text, sizeof(text) - 1                                                                               \
    }

/* States what must hold; a finding ends the process. */
#define FUZZ_CHECK(condition)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                   \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#ifdef RW_FUZZ_STANDALONE

#define FUZZ_SIZE_MAX 4096

static uint32_t fuzz_random_state = 1;

static inline uint32_t fuzz_random(uint32_t below)
{
    fuzz_random_state = fuzz_random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)fuzz_random_state * below >> 32);
}

static inline size_t fuzz_change_once(uint8_t *data, size_t size, const struct fuzz_seed *other)
{
    size_t at = fuzz_random((uint32_t)size + 1);

    switch (fuzz_random(5)) {
    case 0: /* another byte */
        if (at < size) {
            data[at] = (uint8_t)fuzz_random(256);
        }
        return size;
    case 1: /* one bit */
        if (at < size) {
            data[at] ^= (uint8_t)(1u << fuzz_random(8));
        }
        return size;
    case 2: /* cut off */
        return at;
    case 3: /* a piece of another seed, put in */
    {
        size_t piece = fuzz_random((uint32_t)other->size + 1);

        if (size + piece > FUZZ_SIZE_MAX) {
            return size;
        }
        memmove(data + at + piece, data + at, size - at);
        memcpy(data + at, other->data, piece);
        return size + piece;
    }
    default: /* one byte less */
        if (at < size) {
            memmove(data + at, data + at + 1, size - at - 1);
            return size - 1;
        }
        return size;
    }
}

static inline int fuzz_standalone(void (*one)(const uint8_t *data, size_t size),
                                  const struct fuzz_seed *seeds, size_t seed_count, int argc, char **argv)
{
    static uint8_t data[FUZZ_SIZE_MAX];
    long runs = argc > 1 && strncmp(argv[1], "-runs=", 6) == 0 ? atol(argv[1] + 6) : 1000;

    for (size_t i = 0; i < seed_count; i++) {
        one((const uint8_t *)seeds[i].data, seeds[i].size);
    }
    for (long run = 0; run < runs; run++) {
        const struct fuzz_seed *seed = &seeds[fuzz_random((uint32_t)seed_count)];
        size_t size = seed->size < FUZZ_SIZE_MAX ? seed->size : FUZZ_SIZE_MAX;

        memcpy(data, seed->data, size);
        for (uint32_t changes = 1 + fuzz_random(8); changes > 0; changes--) {
            size = fuzz_change_once(data, size, &seeds[fuzz_random((uint32_t)seed_count)]);
        }
        one(data, size);
    }
    printf("ok %zu seeds and %ld changes of them\n1 passed, 0 failed, 0 skipped\n", seed_count, runs);
    return 0;
}

#define FUZZ_MAIN(one, seeds)                                                                                \
    int main(int argc, char **argv)                                                                          \
    {                                                                                                        \
        return fuzz_standalone(one, seeds, sizeof(seeds) / sizeof(seeds)[0], argc, argv);                    \
    }

#else

#define FUZZ_MAIN(one, seeds)                                                                                \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                                            \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                                             \
    {                                                                                                        \
        (void)seeds;                                                                                         \
        one(data, size);                                                                                     \
        return 0;                                                                                            \
    }

#endif

#endif
