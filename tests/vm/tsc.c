/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures how fast this machine's time stamp counter runs and prints it in kHz. A guest of QEMU's
 * TCG sees the same counter, and may hang for good when it measures it itself on a busy machine:
 * told by tsc_early_khz= it need not.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

enum { MEASURE_NS = 50000000 };

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(void)
{
    const struct timespec pause = { .tv_nsec = MEASURE_NS };
    uint64_t begin_ns = now_ns();
    uint64_t begin = __rdtsc();
    (void)nanosleep(&pause, NULL); /* shorter is fine */
    uint64_t end_ns = now_ns();
    uint64_t end = __rdtsc();
    (void)printf("%llu\n", (unsigned long long)((end - begin) * 1000000 / (end_ns - begin_ns)));
    return 0;
}
