/* SPDX-License-Identifier: MIT
 *
 * bench.h - how every figure in C is taken: CPU time of the thread, several runs, the median.
 *
 * CPU time, so that what else the machine does counts as little as may be; the median, so that one bad run counts for
 * nothing. A program prints one line per figure, `name<TAB>nanoseconds per operation`; run.py runs the programs of
 * ours and of the peers in turns and takes the median once more.
 */
#ifndef RWB_BENCH_H
#define RWB_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BENCH_RUNS = 5 };

static inline int64_t bench_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int bench_compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Runs fn(arg, count) once to warm up and BENCH_RUNS times for the figure. */
static inline void bench_measure(const char *name, size_t count, void (*fn)(void *arg, size_t count),
                                 void *arg)
{
    double runs[BENCH_RUNS];

    fn(arg, count / 10 + 1);
    for (size_t i = 0; i < BENCH_RUNS; i++) {
        int64_t start_ns = bench_cpu_ns();

        fn(arg, count);
        runs[i] = (double)(bench_cpu_ns() - start_ns) / (double)count;
    }
    qsort(runs, BENCH_RUNS, sizeof runs[0], bench_compare);
    printf("%s\t%.2f\n", name, runs[BENCH_RUNS / 2]);
    fflush(stdout);
}

#endif
