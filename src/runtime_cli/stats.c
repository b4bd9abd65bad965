/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_cli/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum { FILE_MAX_BYTES = 1 << 20 };

static const uint64_t no_limit = UINT64_MAX; /* as runc has "max" of v2 */

static bool has(const struct cgroup *cgroup, int hierarchy)
{
    return hierarchy >= 0 && (cgroup->hierarchies & (1U << hierarchy));
}

static bool is_v1(const struct cgroup *cgroup, enum cgroup_controller controller)
{
    return has(cgroup, cgroup_host_find(cgroup->host, controller));
}

int stats_open(const struct cgroup *cgroup, enum cgroup_controller controller, const char *v1,
               const char *v2, int flags)
{
    int of_v1 = cgroup_host_find(cgroup->host, controller);
    bool first = has(cgroup, of_v1);
    const char *file = first ? v1 : v2;
    errno = ENOENT;
    if (!file || (!first && cgroup->v2 < 0))
        return -1;
    if (!first)
        return openat(cgroup->v2, file, flags | O_CLOEXEC);
    auto_free char *path = xasprintf("%s%s/%s", cgroup->host->at[of_v1].mount, cgroup->path, file);
    return open(path, flags | O_CLOEXEC);
}

/* NULL if there is no such file. */
static char *text_of(const struct cgroup *cgroup, enum cgroup_controller controller, const char *v1,
                     const char *v2)
{
    char *text = NULL;
    size_t len;
    struct err ignored = {};
    auto_close int fd = stats_open(cgroup, controller, v1, v2, O_RDONLY);
    if (fd >= 0)
        (void)file_load_fd(fd, FILE_MAX_BYTES, &text, &len, &ignored);
    return text;
}

static uint64_t number_of(const struct cgroup *cgroup, enum cgroup_controller controller,
                          const char *v1, const char *v2)
{
    auto_free char *text = text_of(cgroup, controller, v1, v2);
    if (text && strncmp(text, "max", 3) == 0)
        return no_limit;
    return text ? strtoull(text, NULL, 10) : 0;
}

static uint64_t key_of(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text; line && *line;) {
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return strtoull(line + len, NULL, 10);
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return 0;
}

/* --- parts ------------------------------------------------------------------------------------ */

static void cpu_add(const struct cgroup *cgroup, const struct cgroup_stats *stats, struct str *out)
{
    auto_free char *text = text_of(cgroup, CGROUP_CPUACCT, "cpuacct.usage_percpu", NULL);
    str_addf(out, "\"cpu\":{\"usage\":{\"total\":%" PRIu64, stats->cpu_ns.value);
    if (text) {
        size_t n = 0;
        str_add(out, ",\"percpu\":[");
        for (const char *at = text; *at;) {
            size_t len = strcspn(at, " \n");
            if (len) {
                str_add(out, n++ ? "," : "");
                str_add_bytes(out, at, len);
            }
            at += len + (at[len] != '\0');
        }
        str_add(out, "]");
    }
    str_addf(out, ",\"kernel\":%" PRIu64 ",\"user\":%" PRIu64 "},\"throttling\":{",
             stats->cpu_system_ns.value, stats->cpu_user_ns.value);
    str_addf(out,
             "\"periods\":%" PRIu64 ",\"throttledPeriods\":%" PRIu64 ",\"throttledTime\":%" PRIu64
             "}}",
             stats->cpu_periods.value, stats->cpu_throttled_periods.value,
             stats->cpu_throttled_ns.value);
}

/* "0-3,7" as [0,1,2,3,7]. */
static void list_add(struct str *out, const char *text)
{
    enum { LIST_MAX = 8192 };
    size_t n = 0;
    str_add_char(out, '[');
    for (char *at = (char *)text; at && *at >= '0' && *at <= '9';) {
        unsigned long first = strtoul(at, &at, 10);
        unsigned long last = *at == '-' ? strtoul(at + 1, &at, 10) : first;
        for (unsigned long i = first; i <= last && n < LIST_MAX; i++)
            str_addf(out, "%s%lu", n++ ? "," : "", i);
        at += *at == ',';
    }
    str_add_char(out, ']');
}

static void cpuset_add(const struct cgroup *cgroup, struct str *out)
{
    static const struct {
        const char *key;
        const char *v1;
    } rows[] = {
        { "cpu_exclusive", "cpuset.cpu_exclusive" },
        { "mem_hardwall", "cpuset.mem_hardwall" },
        { "mem_exclusive", "cpuset.mem_exclusive" },
        { "memory_migrate", "cpuset.memory_migrate" },
        { "memory_spread_page", "cpuset.memory_spread_page" },
        { "memory_spread_slab", "cpuset.memory_spread_slab" },
        { "memory_pressure", "cpuset.memory_pressure" },
        { "sched_load_balance", "cpuset.sched_load_balance" },
    };
    auto_free char *cpus = text_of(cgroup, CGROUP_CPUSET, "cpuset.cpus", "cpuset.cpus");
    auto_free char *mems = text_of(cgroup, CGROUP_CPUSET, "cpuset.mems", "cpuset.mems");
    auto_free char *level = text_of(cgroup, CGROUP_CPUSET, "cpuset.sched_relax_domain_level", NULL);
    str_add(out, ",\"cpuset\":{\"cpus\":");
    list_add(out, cpus);
    str_add(out, ",\"mems\":");
    list_add(out, mems);
    for (size_t i = 0; i < array_size(rows); i++)
        str_addf(out, ",\"%s\":%" PRIu64, rows[i].key,
                 number_of(cgroup, CGROUP_CPUSET, rows[i].v1, NULL));
    str_addf(out, ",\"sched_relax_domain_level\":%lld}", level ? strtoll(level, NULL, 10) : 0);
}

static void memory_entry_add(const struct cgroup *cgroup, const char *key, const char *prefix,
                             struct str *out)
{
    auto_free char *limit = xasprintf("%s.limit_in_bytes", prefix);
    auto_free char *usage = xasprintf("%s.usage_in_bytes", prefix);
    auto_free char *most = xasprintf("%s.max_usage_in_bytes", prefix);
    auto_free char *count = xasprintf("%s.failcnt", prefix);
    str_addf(out,
             ",\"%s\":{\"limit\":%" PRIu64 ",\"usage\":%" PRIu64 ",\"max\":%" PRIu64
             ",\"failcnt\":%" PRIu64 "}",
             key, number_of(cgroup, CGROUP_MEMORY, limit, NULL),
             number_of(cgroup, CGROUP_MEMORY, usage, NULL),
             number_of(cgroup, CGROUP_MEMORY, most, NULL),
             number_of(cgroup, CGROUP_MEMORY, count, NULL));
}

/* v2 counts swap apart; runc adds the memory to it, as in v1. */
static void memory_v2_add(const struct cgroup *cgroup, struct str *out)
{
    uint64_t usage = number_of(cgroup, CGROUP_MEMORY, NULL, "memory.current");
    uint64_t limit = number_of(cgroup, CGROUP_MEMORY, NULL, "memory.max");
    uint64_t swap = number_of(cgroup, CGROUP_MEMORY, NULL, "memory.swap.current");
    uint64_t swap_limit = number_of(cgroup, CGROUP_MEMORY, NULL, "memory.swap.max");
    bool none = limit == no_limit || swap_limit == no_limit;
    str_addf(out,
             ",\"usage\":{\"limit\":%" PRIu64 ",\"usage\":%" PRIu64 ",\"max\":%" PRIu64
             ",\"failcnt\":0}",
             limit, usage, number_of(cgroup, CGROUP_MEMORY, NULL, "memory.peak"));
    str_addf(out, ",\"swap\":{\"limit\":%" PRIu64 ",\"usage\":%" PRIu64 ",\"failcnt\":0}",
             none ? no_limit : limit + swap_limit, usage + swap);
    str_add(out,
            ",\"kernel\":{\"limit\":0,\"failcnt\":0},\"kernelTCP\":{\"limit\":0,\"failcnt\":0}");
}

static void raw_add(const char *text, struct str *out)
{
    struct view rest = view_of(text ? text : "");
    struct view line;
    struct view key;
    size_t n = 0;
    str_add(out, ",\"raw\":{");
    for (bool more = true; more;) {
        more = view_cut(&rest, '\n', &line);
        if (!view_cut(&line, ' ', &key) || !line.len)
            continue;
        str_addf(out, "%s\"%.*s\":%.*s", n++ ? "," : "", (int)key.len, key.at, (int)line.len,
                 line.at);
    }
    str_add_char(out, '}');
}

static void memory_add(const struct cgroup *cgroup, struct str *out)
{
    auto_free char *text = text_of(cgroup, CGROUP_MEMORY, "memory.stat", "memory.stat");
    bool v1 = is_v1(cgroup, CGROUP_MEMORY);
    str_addf(out, ",\"memory\":{\"cache\":%" PRIu64, key_of(text, v1 ? "cache" : "file"));
    if (v1) {
        memory_entry_add(cgroup, "usage", "memory", out);
        memory_entry_add(cgroup, "swap", "memory.memsw", out);
        memory_entry_add(cgroup, "kernel", "memory.kmem", out);
        memory_entry_add(cgroup, "kernelTCP", "memory.kmem.tcp", out);
    } else {
        memory_v2_add(cgroup, out);
    }
    raw_add(text, out);
    str_add_char(out, '}');
}

static size_t blkio_entry_add(const char *device, const char *op, const char *value, size_t n,
                              struct str *out)
{
    char *at;
    unsigned long major = strtoul(device, &at, 10);
    if (*at != ':')
        return n;
    unsigned long minor = strtoul(at + 1, NULL, 10);
    str_addf(out, "%s{\"major\":%lu,\"minor\":%lu,\"op\":\"%.*s\",\"value\":%llu}", n ? "," : "",
             major, minor, (int)strcspn(op, " ="), op, strtoull(value, NULL, 10));
    return n + 1;
}

/* v1: "8:0 Read 4096", a line each. */
static void blkio_v1_add(const struct cgroup *cgroup, const char *key, const char *file,
                         struct str *out)
{
    auto_free char *text = text_of(cgroup, CGROUP_BLKIO, file, NULL);
    size_t n = 0;
    str_addf(out, "\"%s\":[", key);
    for (const char *line = text; line && *line;
         line += strcspn(line, "\n"), line += *line == '\n') {
        const char *op = line + strcspn(line, " \n");
        const char *value = *op == ' ' ? op + 1 + strcspn(op + 1, " \n") : op;
        if (*value == ' ')
            n = blkio_entry_add(line, op + 1, value, n, out);
    }
    str_add_char(out, ']');
}

/* v2: "8:0 rbytes=4096 wbytes=0 rios=1 …", in one file. */
static void blkio_v2_add(const struct cgroup *cgroup, const char *key, const char *const names[2],
                         struct str *out)
{
    static const char *const ops[] = { "Read", "Write" };
    auto_free char *text = text_of(cgroup, CGROUP_BLKIO, NULL, "io.stat");
    size_t n = 0;
    str_addf(out, "\"%s\":[", key);
    for (char *line = text; line && *line;) {
        char *end = line + strcspn(line, "\n");
        bool more = *end != '\0';
        *end = '\0';
        for (size_t i = 0; i < array_size(ops); i++) {
            const char *at = strstr(line, names[i]);
            if (at)
                n = blkio_entry_add(line, ops[i], at + strlen(names[i]), n, out);
        }
        line = end + more;
    }
    str_add_char(out, ']');
}

static void blkio_add(const struct cgroup *cgroup, struct str *out)
{
    static const char bytes_key[] = "ioServiceBytesRecursive";
    static const char count_key[] = "ioServicedRecursive";
    str_add(out, ",\"blkio\":{");
    if (is_v1(cgroup, CGROUP_BLKIO)) {
        blkio_v1_add(cgroup, bytes_key, "blkio.throttle.io_service_bytes_recursive", out);
        str_add_char(out, ',');
        blkio_v1_add(cgroup, count_key, "blkio.throttle.io_serviced_recursive", out);
    } else {
        blkio_v2_add(cgroup, bytes_key, (const char *const[]){ "rbytes=", "wbytes=" }, out);
        str_add_char(out, ',');
        blkio_v2_add(cgroup, count_key, (const char *const[]){ "rios=", "wios=" }, out);
    }
    str_add_char(out, '}');
}

/* The sizes are what the machine has directories for. */
static void hugetlb_add(const struct cgroup *cgroup, struct str *out)
{
    auto_done(strings) sizes = {};
    struct err ignored = {};
    size_t n = 0;
    str_add(out, ",\"hugetlb\":{");
    (void)dir_list(AT_FDCWD, "/sys/kernel/mm/hugepages", &sizes, &ignored);
    for (size_t i = 0; i < sizes.len; i++) {
        unsigned long kib = strtoul(sizes.at[i] + strcspn(sizes.at[i], "0123456789"), NULL, 10);
        bool gib = kib >= 1 << 20;
        auto_free char *size = kib >= 1024
                                   ? xasprintf("%lu%s", kib >> (gib ? 20 : 10), gib ? "GB" : "MB")
                                   : xasprintf("%luKB", kib);
        auto_free char *v1 = xasprintf("hugetlb.%s.usage_in_bytes", size);
        auto_free char *v2 = xasprintf("hugetlb.%s.current", size);
        auto_free char *most = xasprintf("hugetlb.%s.max_usage_in_bytes", size);
        auto_free char *count = xasprintf("hugetlb.%s.failcnt", size);
        auto_free char *there = text_of(cgroup, CGROUP_HUGETLB, v1, v2);
        if (there)
            str_addf(out, "%s\"%s\":{\"usage\":%llu,\"max\":%" PRIu64 ",\"failcnt\":%" PRIu64 "}",
                     n++ ? "," : "", size, strtoull(there, NULL, 10),
                     number_of(cgroup, CGROUP_HUGETLB, most, NULL),
                     number_of(cgroup, CGROUP_HUGETLB, count, NULL));
    }
    str_add_char(out, '}');
}

int stats_format(const struct cgroup *cgroup, struct str *out, struct err *err)
{
    struct cgroup_stats stats;
    if (cgroup_stats(cgroup, &stats, err) < 0)
        return -1;
    str_add_char(out, '{');
    cpu_add(cgroup, &stats, out);
    cpuset_add(cgroup, out);
    memory_add(cgroup, out);
    str_addf(out, ",\"pids\":{\"current\":%" PRIu64 ",\"limit\":%" PRIu64 "}", stats.pids.value,
             stats.pids_limit.set ? stats.pids_limit.value : 0);
    blkio_add(cgroup, out);
    hugetlb_add(cgroup, out);
    str_add(out, ",\"intel_rdt\":{},\"network_interfaces\":null}");
    return 0;
}
