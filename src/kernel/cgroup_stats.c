/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a group has used. Each row is one number: in which file of v1 and of v2 it stands, under
 * which key, and in what unit. Rows of one file stand together, so that each file is read once.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_part.h"

/* Above it v1 means "no limit": LONG_MAX in whole pages. */
static const uint64_t no_limit = INT64_MAX - (1 << 20);

enum stats_form {
    STATS_NUMBER, /* the file is the number */
    STATS_LIMIT,  /* as above; "max" and what v1 writes for it are no limit */
    STATS_KEY,    /* "key number" on a line of its own */
    STATS_KEY_US, /* as above, in microseconds */
    STATS_IO,     /* v1: "8:0 Read 4096", added up; v2: "8:0 rbytes=4096 …", added up */
};

struct stats_file {
    char file[48];
    char key[20];
    uint8_t controller;
    uint8_t form;
    uint16_t offset;
};

#define ROW(own, f, k, form_of, member)                                                            \
    {                                                                                              \
        f, k, CGROUP_##own, STATS_##form_of,                                                       \
            offsetof(struct cgroup_stats, member) +                                                \
                FIELD_CHECK(struct cgroup_stats, member, struct maybe_u64)                         \
    }

/* clang-format off */
static const struct stats_file v1_rows[] = {
    ROW(MEMORY,  "memory.usage_in_bytes",       "", NUMBER, memory_bytes),
    ROW(MEMORY,  "memory.limit_in_bytes",       "", LIMIT,  memory_limit_bytes),
    ROW(MEMORY,  "memory.max_usage_in_bytes",   "", NUMBER, memory_peak_bytes),
    ROW(MEMORY,  "memory.memsw.usage_in_bytes", "", NUMBER, memory_swap_bytes),
    ROW(MEMORY,  "memory.stat",         "total_inactive_file", KEY, memory_inactive_file_bytes),
    ROW(MEMORY,  "memory.oom_control",  "oom_kill",       KEY, oom_kills),
    ROW(CPUACCT, "cpuacct.usage",       "", NUMBER, cpu_ns),
    ROW(CPUACCT, "cpuacct.usage_user",  "", NUMBER, cpu_user_ns),
    ROW(CPUACCT, "cpuacct.usage_sys",   "", NUMBER, cpu_system_ns),
    ROW(CPU,     "cpu.stat",            "nr_periods",     KEY, cpu_periods),
    ROW(CPU,     "cpu.stat",            "nr_throttled",   KEY, cpu_throttled_periods),
    ROW(CPU,     "cpu.stat",            "throttled_time", KEY, cpu_throttled_ns),
    ROW(PIDS,    "pids.current",        "", NUMBER, pids),
    ROW(PIDS,    "pids.max",            "", LIMIT,  pids_limit),
    ROW(BLKIO,   "blkio.throttle.io_service_bytes_recursive", "Read",  IO, io_read_bytes),
    ROW(BLKIO,   "blkio.throttle.io_service_bytes_recursive", "Write", IO, io_write_bytes),
    ROW(BLKIO,   "blkio.throttle.io_serviced_recursive",      "Read",  IO, io_reads),
    ROW(BLKIO,   "blkio.throttle.io_serviced_recursive",      "Write", IO, io_writes),
};

static const struct stats_file v2_rows[] = {
    ROW(MEMORY,  "memory.current",      "", NUMBER, memory_bytes),
    ROW(MEMORY,  "memory.max",          "", LIMIT,  memory_limit_bytes),
    ROW(MEMORY,  "memory.peak",         "", NUMBER, memory_peak_bytes),
    ROW(MEMORY,  "memory.swap.current", "", NUMBER, swap_bytes),
    ROW(MEMORY,  "memory.stat",         "inactive_file", KEY, memory_inactive_file_bytes),
    ROW(MEMORY,  "memory.events",       "oom_kill",      KEY, oom_kills),
    ROW(CPUACCT, "cpu.stat",            "usage_usec",     KEY_US, cpu_ns),
    ROW(CPUACCT, "cpu.stat",            "user_usec",      KEY_US, cpu_user_ns),
    ROW(CPUACCT, "cpu.stat",            "system_usec",    KEY_US, cpu_system_ns),
    ROW(CPU,     "cpu.stat",            "nr_periods",     KEY, cpu_periods),
    ROW(CPU,     "cpu.stat",            "nr_throttled",   KEY, cpu_throttled_periods),
    ROW(CPU,     "cpu.stat",            "throttled_usec", KEY_US, cpu_throttled_ns),
    ROW(PIDS,    "pids.current",        "", NUMBER, pids),
    ROW(PIDS,    "pids.max",            "", LIMIT,  pids_limit),
    ROW(BLKIO,   "io.stat",             "rbytes", IO, io_read_bytes),
    ROW(BLKIO,   "io.stat",             "wbytes", IO, io_write_bytes),
    ROW(BLKIO,   "io.stat",             "rios",   IO, io_reads),
    ROW(BLKIO,   "io.stat",             "wios",   IO, io_writes),
};
/* clang-format on */

/* --- one number --- */

static bool number_at(const char *text, uint64_t *ret_number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || (*end && !strchr(" \n", *end)))
        return false;
    *ret_number = number;
    return true;
}

static bool key_value(const char *text, const char *key, uint64_t *ret_number)
{
    size_t len = strlen(key);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return number_at(line + len + 1, ret_number);
    return false;
}

/* The sum over all devices. An empty file: nothing has been read or written yet. */
static bool io_sum(const char *text, const char *key, uint64_t *ret_number)
{
    size_t len = strlen(key);
    uint64_t sum = 0;
    for (const char *word = text; (word = strchr(word, ' ')); word++) {
        uint64_t number;
        bool named = strncmp(word + 1, key, len) == 0;
        const char *behind = word + 1 + (named ? len : 0);
        bool found = named && (*behind == ' ' || *behind == '=');
        if (found && number_at(behind + 1, &number))
            sum += number;
    }
    *ret_number = sum;
    return true;
}

static void read_row(const struct stats_file *row, const char *text, struct cgroup_stats *stats)
{
    struct maybe_u64 *to = (struct maybe_u64 *)((char *)stats + row->offset);
    switch ((enum stats_form)row->form) {
    case STATS_NUMBER:
        to->set = number_at(text, &to->value);
        break;
    case STATS_LIMIT:
        to->set = number_at(text, &to->value) && to->value < no_limit;
        break;
    case STATS_KEY:
        to->set = key_value(text, row->key, &to->value);
        break;
    case STATS_KEY_US:
        to->set = key_value(text, row->key, &to->value);
        to->value *= 1000;
        break;
    case STATS_IO:
        to->set = io_sum(text, row->key, &to->value);
        break;
    }
}

/* --- all of them --- */

/* v1 where the group has a directory for the controller; v2 else, whose core counts CPU time by
 * itself. */
static int place_of(const struct cgroup *cgroup, enum cgroup_controller controller)
{
    int v1 = cgroup_host_find(cgroup->host, controller);
    if (v1 >= 0 && (cgroup->hierarchies & (1U << v1)))
        return v1;
    return cgroup->v2 >= 0 ? cgroup->host->v2 : -1;
}

static int read_rows(const struct cgroup *cgroup, const struct stats_file *rows, size_t n,
                     bool of_v2, struct cgroup_stats *stats, struct err *err)
{
    auto_free char *text = NULL;
    const char *loaded = "";
    for (size_t i = 0; i < n; i++) {
        int hierarchy = place_of(cgroup, rows[i].controller);
        if (hierarchy < 0 || (hierarchy == cgroup->host->v2) != of_v2)
            continue;
        if (strcmp(loaded, rows[i].file) != 0) {
            free(take_ptr(text));
            loaded = rows[i].file;
            if (cgroup_file_load(cgroup, hierarchy, loaded, &text, err) < 0)
                return -1;
        }
        if (text)
            read_row(&rows[i], text, stats);
    }
    return 0;
}

int cgroup_stats(const struct cgroup *cgroup, struct cgroup_stats *ret_stats, struct err *err)
{
    struct cgroup_stats stats = {};
    if (read_rows(cgroup, v1_rows, array_size(v1_rows), false, &stats, err) < 0 ||
        read_rows(cgroup, v2_rows, array_size(v2_rows), true, &stats, err) < 0)
        return -1;
    *ret_stats = stats;
    return 0;
}
