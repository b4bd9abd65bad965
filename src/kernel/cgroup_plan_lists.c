/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a plan that comes in lists or texts: CPUs and nodes, block devices, page sizes, RDMA
 * devices, network interfaces, and files of v2 that are named as they are. All of it is checked
 * here, for the kernel takes much that it should not, and a line break in a value would be a second
 * value.
 */
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/cgroup_part.h"

static int check_list(const char *text, const char *limit, struct err *err)
{
    if (!text || (*text && strspn(text, "0123456789,-") == strlen(text)))
        return 0;
    return err_set(err, ERR_INVALID, "%s \"%.80s\": give numbers and ranges, like 0-3,7", limit,
                   text);
}

static int check_weight(uint64_t weight, struct err *err)
{
    if (weight >= 10 && weight <= 1000)
        return 0;
    return err_set(err, ERR_INVALID, "block I/O weight %llu: give 10 to 1000",
                   (unsigned long long)weight);
}

static int check_device_number(int64_t major, int64_t minor, const char *limit, struct err *err)
{
    if (major >= 0 && major <= INT_MAX && minor >= 0 && minor <= INT_MAX)
        return 0;
    return err_set(err, ERR_INVALID, "%s: %lld:%lld is no device number", limit, (long long)major,
                   (long long)minor);
}

static bool is_word(const char *text)
{
    if (!text || !*text)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

/* --- CPUs and memory nodes --- */

static int plan_cpuset(struct cgroup_planner *planner)
{
    static const char files[][12] = { "cpuset.cpus", "cpuset.mems" };
    static const char names[][20] = { "CPU list", "memory node list" };
    const char *const texts[] = { planner->limits->cpus, planner->limits->mems };
    for (size_t i = 0; i < array_size(texts); i++) {
        int hierarchy;
        if (!texts[i])
            continue;
        if (check_list(texts[i], names[i], planner->err) < 0)
            return -1;
        int found = cgroup_plan_place(planner, CGROUP_CPUSET, names[i], &hierarchy);
        if (found < 0)
            return -1;
        if (found)
            (void)cgroup_plan_add(planner, hierarchy, CGROUP_CPUSET, names[i], files[i],
                                  xstrdup(texts[i]));
    }
    return 0;
}

/* --- block I/O --- */

uint64_t cgroup_weight_of_io(uint64_t weight)
{
    return 1 + (weight - 10) * 9999 / 990;
}

/* BFQ's file, or else that of the weight model in its place: CFQ's in v1 (until kernel 5.0),
 * iocost's in v2. */
static void add_io_weight(struct cgroup_planner *planner, int hierarchy, const char *device,
                          uint64_t weight)
{
    static const char name[] = "block I/O weight";
    bool v2 = cgroup_plan_is_v2(planner, hierarchy);
    const char *one = *device ? "_device" : "";
    auto_free char *bfq = xasprintf("%s.bfq.weight%s", v2 ? "io" : "blkio", v2 ? "" : one);
    auto_free char *other = xasprintf("%s.weight%s", v2 ? "io" : "blkio", v2 ? "" : one);
    unsigned long long alike = weight;
    unsigned long long wide = v2 ? cgroup_weight_of_io(weight) : weight;
    cgroup_plan_add(planner, hierarchy, CGROUP_BLKIO, name, bfq, xasprintf("%s%llu", device, alike))
        ->flags = CGROUP_WRITE_OR_NEXT;
    (void)cgroup_plan_add(planner, hierarchy, CGROUP_BLKIO, name, other,
                          xasprintf("%s%llu", device, wide));
}

static int plan_io_weights(struct cgroup_planner *planner, int hierarchy)
{
    const struct cgroup_limits *limits = planner->limits;
    if (limits->io_weight.set) {
        if (check_weight(limits->io_weight.value, planner->err) < 0)
            return -1;
        add_io_weight(planner, hierarchy, "", limits->io_weight.value);
    }
    for (size_t i = 0; i < limits->io_weights.len; i++) {
        const struct cgroup_weight *at = &limits->io_weights.at[i];
        if (check_weight(at->weight, planner->err) < 0 ||
            check_device_number(at->major, at->minor, "block I/O weight", planner->err) < 0)
            return -1;
        auto_free char *device =
            xasprintf("%lld:%lld ", (long long)at->major, (long long)at->minor);
        add_io_weight(planner, hierarchy, device, at->weight);
    }
    return 0;
}

static int plan_io_throttle(struct cgroup_planner *planner, int hierarchy,
                            const struct cgroup_throttle *at)
{
    static const char name[] = "block I/O throttle";
    static const char v1[][34] = {
        [CGROUP_READ_BPS] = "blkio.throttle.read_bps_device",
        [CGROUP_WRITE_BPS] = "blkio.throttle.write_bps_device",
        [CGROUP_READ_IOPS] = "blkio.throttle.read_iops_device",
        [CGROUP_WRITE_IOPS] = "blkio.throttle.write_iops_device",
    };
    static const char v2[][6] = {
        [CGROUP_READ_BPS] = "rbps",
        [CGROUP_WRITE_BPS] = "wbps",
        [CGROUP_READ_IOPS] = "riops",
        [CGROUP_WRITE_IOPS] = "wiops",
    };
    if (check_device_number(at->major, at->minor, name, planner->err) < 0)
        return -1;
    struct str value = {};
    str_addf(&value, "%lld:%lld ", (long long)at->major, (long long)at->minor);
    bool is_max = cgroup_plan_is_v2(planner, hierarchy) && at->rate == 0;
    if (cgroup_plan_is_v2(planner, hierarchy))
        str_addf(&value, "%s=", v2[at->kind]);
    if (is_max)
        str_add(&value, "max");
    else
        str_addf(&value, "%llu", (unsigned long long)at->rate);
    const char *file = cgroup_plan_is_v2(planner, hierarchy) ? "io.max" : v1[at->kind];
    (void)cgroup_plan_add(planner, hierarchy, CGROUP_BLKIO, name, file, str_take(&value));
    return 0;
}

static int plan_io(struct cgroup_planner *planner)
{
    const struct cgroup_limits *limits = planner->limits;
    int hierarchy;
    if (!limits->io_weight.set && !limits->io_weights.len && !limits->io_throttles.len)
        return 0;
    int found = cgroup_plan_place(planner, CGROUP_BLKIO, "block I/O limit", &hierarchy);
    if (found <= 0)
        return found;
    if (plan_io_weights(planner, hierarchy) < 0)
        return -1;
    for (size_t i = 0; i < limits->io_throttles.len; i++)
        if (plan_io_throttle(planner, hierarchy, &limits->io_throttles.at[i]) < 0)
            return -1;
    return 0;
}

/* --- hugepages, RDMA, network --- */

static int plan_hugepage(struct cgroup_planner *planner, const struct cgroup_hugepage *at)
{
    static const char name[] = "hugepage limit";
    int hierarchy;
    size_t digits = at->size ? strspn(at->size, "0123456789") : 0;
    const char *unit = at->size ? at->size + digits : "";
    bool is_unit = text_same(unit, "KB") || text_same(unit, "MB") || text_same(unit, "GB");
    if (!digits || digits > 10 || !is_unit)
        return err_set(planner->err, ERR_INVALID,
                       "hugepage limit: size \"%.40s\" is not like 2MB or 1GB",
                       at->size ? at->size : "");
    int found = cgroup_plan_place(planner, CGROUP_HUGETLB, name, &hierarchy);
    if (found <= 0)
        return found;
    const char *end = cgroup_plan_is_v2(planner, hierarchy) ? "max" : "limit_in_bytes";
    auto_free char *used = xasprintf("hugetlb.%s.%s", at->size, end);
    auto_free char *reserved = xasprintf("hugetlb.%s.rsvd.%s", at->size, end);
    char *value = xasprintf("%llu", (unsigned long long)at->bytes);
    (void)cgroup_plan_add(planner, hierarchy, CGROUP_HUGETLB, name, used, value);
    /* Reservations are limited from kernel 5.7. */
    cgroup_plan_add(planner, hierarchy, CGROUP_HUGETLB, name, reserved, xstrdup(value))->flags =
        CGROUP_WRITE_MAY_MISS;
    return 0;
}

static int plan_rdma(struct cgroup_planner *planner, const struct cgroup_rdma *at)
{
    int hierarchy;
    if (!is_word(at->device))
        return err_set(planner->err, ERR_INVALID, "RDMA limit: no device name");
    int found = cgroup_plan_place(planner, CGROUP_RDMA, "RDMA limit", &hierarchy);
    if (found <= 0)
        return found;
    struct str value = {};
    str_add(&value, at->device);
    if (at->handles.set)
        str_addf(&value, " hca_handle=%llu", (unsigned long long)at->handles.value);
    if (at->objects.set)
        str_addf(&value, " hca_object=%llu", (unsigned long long)at->objects.value);
    (void)cgroup_plan_add(planner, hierarchy, CGROUP_RDMA, "RDMA limit", "rdma.max",
                          str_take(&value));
    return 0;
}

static int plan_priority(struct cgroup_planner *planner, const struct cgroup_priority *at)
{
    static const char name[] = "network priority";
    int hierarchy;
    if (!is_word(at->interface))
        return err_set(planner->err, ERR_INVALID, "network priority: no interface name");
    int found = cgroup_plan_place(planner, CGROUP_NET_PRIO, name, &hierarchy);
    if (found <= 0)
        return found;
    if (cgroup_plan_is_v2(planner, hierarchy))
        return cgroup_plan_v1_only(planner, CGROUP_NET_PRIO, name,
                                   "match the group's path in nftables");
    char *value = xasprintf("%s %u", at->interface, at->priority);
    (void)cgroup_plan_add(planner, hierarchy, CGROUP_NET_PRIO, name, "net_prio.ifpriomap", value);
    return 0;
}

static int plan_items(struct cgroup_planner *planner)
{
    const struct cgroup_limits *limits = planner->limits;
    for (size_t i = 0; i < limits->hugepages.len; i++)
        if (plan_hugepage(planner, &limits->hugepages.at[i]) < 0)
            return -1;
    for (size_t i = 0; i < limits->rdma.len; i++)
        if (plan_rdma(planner, &limits->rdma.at[i]) < 0)
            return -1;
    for (size_t i = 0; i < limits->net_priorities.len; i++)
        if (plan_priority(planner, &limits->net_priorities.at[i]) < 0)
            return -1;
    return 0;
}

/* --- raw v2 files --- */

/* Limits only: what moves, kills or stops processes, or hands the group's rights on, is not for a
 * configuration. */
static int check_unified_name(const char *name, struct err *err)
{
    static const char refused[][24] = { "cgroup.procs",  "cgroup.threads",         "cgroup.kill",
                                        "cgroup.freeze", "cgroup.subtree_control", "cgroup.type" };
    bool bad = *name == '.' || !strchr(name, '.') || strlen(name) > NAME_MAX;
    for (const char *at = name; *at && !bad; at++)
        bad = *at == '/' || (unsigned char)*at <= ' ' || *at == 0x7f;
    for (size_t i = 0; i < array_size(refused) && !bad; i++)
        bad = strcmp(name, refused[i]) == 0;
    if (!bad)
        return 0;
    return err_set(err, ERR_INVALID, "unified \"%.80s\": not a file that limits a cgroup v2", name);
}

static enum cgroup_controller controller_of_file(const char *file)
{
    for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
        const char *name = cgroup_controller_v2(i);
        size_t len = strlen(name);
        if (len && strncmp(file, name, len) == 0 && file[len] == '.')
            return i;
    }
    return CGROUP_CONTROLLER_COUNT;
}

/* The kernel takes one line a write. */
static void add_lines(struct cgroup_planner *planner, const char *file, const char *text)
{
    struct view rest = view_of(text);
    struct view line;
    for (bool more = true; more;) {
        more = view_cut(&rest, '\n', &line);
        if (line.len || !*text)
            (void)cgroup_plan_add(planner, planner->host->v2, controller_of_file(file), "unified",
                                  file, xstrndup(line.at, line.len));
    }
}

static int plan_unified(struct cgroup_planner *planner)
{
    const struct pairs *unified = planner->limits->unified;
    for (size_t i = 0; unified && i < unified->len; i++) {
        const struct pair *pair = &unified->at[i];
        if (check_unified_name(pair->key, planner->err) < 0)
            return -1;
        if (planner->host->v2 < 0 || !planner->host->base) {
            (void)err_set(planner->err, ERR_UNSUPPORTED,
                          "unified %s: there is no cgroup v2 to write it to", pair->key);
            return cgroup_hint_absent(planner->host, planner->err);
        }
        enum cgroup_controller controller = controller_of_file(pair->key);
        if (controller < CGROUP_CONTROLLER_COUNT &&
            cgroup_host_find(planner->host, controller) >= 0)
            return err_set(planner->err, ERR_UNSUPPORTED,
                           "unified %s: invalid configuration: cgroup v1 has the %s controller "
                           "here; set its limits by the other fields of resources",
                           pair->key, cgroup_controller_v1(controller));
        add_lines(planner, pair->key, pair->value ? pair->value : "");
    }
    return 0;
}

int cgroup_plan_lists(struct cgroup_planner *planner)
{
    if (plan_cpuset(planner) < 0 || plan_io(planner) < 0 || plan_items(planner) < 0)
        return -1;
    return plan_unified(planner);
}
