/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/schedule.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum {
    IO_WHO_PROCESS = 1, /* linux/ioprio.h, which came to the headers with kernel 5.13 */
    IO_CLASS_SHIFT = 13,
};

struct flag {
    char word[28];
    uint32_t bit;
};

static const struct flag schedule_flags[] = {
    { "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
    { "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
    { "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
    { "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
    { "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
    { "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
    { "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
};

static const struct flag policy_flags[] = {
    { "MPOL_F_STATIC_NODES", 1U << 15 }, /* linux/mempolicy.h */
    { "MPOL_F_RELATIVE_NODES", 1U << 14 },
    { "MPOL_F_NUMA_BALANCING", 1U << 13 },
};

static bool flag_find(const struct flag *rows, size_t n, const char *word, uint32_t *ret_bit)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].word, word) != 0)
            continue;
        *ret_bit = rows[i].bit;
        return true;
    }
    return false;
}

bool schedule_flag(const char *word, uint64_t *ret_flag)
{
    uint32_t bit;
    if (!flag_find(schedule_flags, array_size(schedule_flags), word, &bit))
        return false;
    *ret_flag = bit;
    return true;
}

bool memory_policy_flag(const char *word, int *ret_flag)
{
    uint32_t bit;
    if (!flag_find(policy_flags, array_size(policy_flags), word, &bit))
        return false;
    *ret_flag = (int)bit;
    return true;
}

static bool number_cut(struct view text, uint32_t *ret_number)
{
    uint32_t value = 0;
    if (!text.len || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(text.at[i] - '0');
    }
    *ret_number = value;
    return value < NUMBERS_MAX;
}

int number_set_parse(const char *text, const char *what, struct number_set *ret_set,
                     struct err *err)
{
    struct number_set set = {};
    struct view rest = view_of(text);
    bool more = true;
    while (more) {
        struct view range;
        struct view first;
        uint32_t from, to;
        more = view_cut(&rest, ',', &range);
        bool two = view_cut(&range, '-', &first);
        if (!number_cut(first, &from) || !number_cut(two ? range : first, &to) || to < from)
            return err_set(err, ERR_INVALID, "%s: \"%.100s\" is no list such as 0-3,7", what, text);
        for (uint32_t number = from; number <= to; number++)
            set.words[number / 64] |= UINT64_C(1) << number % 64;
    }
    *ret_set = set;
    return 0;
}

int schedule_set(const struct schedule *schedule)
{
    return (int)syscall(SYS_sched_setattr, 0, schedule, 0);
}

int io_priority_set(int class, int priority)
{
    return (int)syscall(SYS_ioprio_set, IO_WHO_PROCESS, 0, class << IO_CLASS_SHIFT | priority);
}

int processors_set(const struct number_set *processors)
{
    return (int)syscall(SYS_sched_setaffinity, 0, sizeof(processors->words), processors->words);
}

int processors_reset(void)
{
    struct number_set all;
    memset(&all, 0xff, sizeof(all));
    return processors_set(&all);
}

int memory_policy_set(const struct memory_policy *policy)
{
    /* The kernel takes nodes beyond its own only where their bits are 0, and one bit less than it
     * is told. */
    const struct number_set none = {};
    bool empty = memcmp(&policy->nodes, &none, sizeof(none)) == 0;
    return (int)syscall(SYS_set_mempolicy, policy->mode, empty ? NULL : policy->nodes.words,
                        empty ? 0UL : (unsigned long)NUMBERS_MAX);
}

int execution_domain_set(bool bits32)
{
    return personality(bits32 ? PER_LINUX32 : PER_LINUX) < 0 ? -1 : 0;
}
