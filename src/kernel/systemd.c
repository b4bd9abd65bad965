/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/systemd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/cgroup_part.h"

static const char manager_path[] = "/org/freedesktop/systemd1";
static const char manager_name[] = "org.freedesktop.systemd1";
static const char manager_interface[] = "org.freedesktop.systemd1.Manager";

static const char bus_name[] = "org.freedesktop.DBus";
static const char bus_path[] = "/org/freedesktop/DBus";

enum {
    NAME_LEN_MAX = 255,    /* of a unit */
    CPUS_MAX = 8192,       /* NR_CPUS at most */
    QUOTA_STEP_US = 10000, /* systemd keeps hundredths of a CPU */
    PERIOD_DEFAULT_US = 100000,
};

/* --- the connection --------------------------------------------------------------------------- */

static int bus_call(struct systemd *systemd, const char *member, const char *text, struct err *err)
{
    auto_done(str) body = {};
    auto_done(dbus_message) reply = {};
    if (text)
        dbus_add_text(&body, text);
    const struct dbus_call call = { .destination = bus_name,
                                    .path = bus_path,
                                    .interface = bus_name,
                                    .member = member,
                                    .signature = text ? "s" : NULL,
                                    .body = &body };
    return dbus_call(&systemd->dbus, &call, &reply, err);
}

static int manager_call(struct systemd *systemd, const char *member, const char *signature,
                        const struct str *body, struct dbus_message *ret_reply, struct err *err)
{
    const struct dbus_call call = { .destination = manager_name,
                                    .path = manager_path,
                                    .interface = manager_interface,
                                    .member = member,
                                    .signature = signature,
                                    .body = body };
    return dbus_call(&systemd->dbus, &call, ret_reply, err);
}

/* On a bus the ends of jobs must be asked for; the manager's own socket tells them unasked. */
static int bus_begin(struct systemd *systemd, struct err *err)
{
    static const char rule[] = "type='signal',sender='org.freedesktop.systemd1',"
                               "interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
    auto_done(dbus_message) reply = {};
    if (bus_call(systemd, "Hello", NULL, err) < 0 || bus_call(systemd, "AddMatch", rule, err) < 0)
        return -1;
    return manager_call(systemd, "Subscribe", NULL, NULL, &reply, err);
}

int systemd_open(struct systemd *ret_systemd, struct err *err)
{
    bool root = geteuid() == 0;
    const char *run = getenv("XDG_RUNTIME_DIR");
    struct systemd systemd = { .dbus.fd = -1 };
    if (!root && (!run || *run != '/'))
        return err_set(err, ERR_UNSUPPORTED,
                       "systemd: XDG_RUNTIME_DIR names no directory, so your manager's socket "
                       "cannot be found");
    auto_free char *own =
        root ? xstrdup("/run/systemd/private") : xasprintf("%s/systemd/private", run);
    auto_free char *bus = root ? xstrdup("/run/dbus/system_bus_socket") : xasprintf("%s/bus", run);
    int found = dbus_open(own, &systemd.dbus, err);
    if (found == 0) {
        found = dbus_open(bus, &systemd.dbus, err);
        if (found == 1 && bus_begin(&systemd, err) < 0)
            found = -1;
    }
    if (found == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "systemd is not reachable: nobody listens on %s or %s; leave it out to have "
                       "the cgroups made directly",
                       own, bus);
    if (found < 0) {
        systemd_close(&systemd);
        return err_wrap(err, "systemd");
    }
    *ret_systemd = systemd;
    return 0;
}

void systemd_close(struct systemd *systemd)
{
    dbus_close(&systemd->dbus);
}

/* --- names ------------------------------------------------------------------------------------ */

/* What systemd.unit(5) allows in a name. */
static bool name_is_valid(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  ":-_.\\";
    return *name && *name != '.' && strlen(name) <= NAME_LEN_MAX &&
           strspn(name, letters) == strlen(name);
}

/* An id may have a "+", a unit's name may not: systemd.unit(5), "String Escaping". */
static void name_add(struct str *out, struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '+')
            str_add(out, "\\x2b");
        else
            str_add_char(out, text.at[i]);
    }
}

static char *unit_name(struct view prefix, struct view name)
{
    struct str out = {};
    name_add(&out, prefix);
    if (prefix.len)
        str_add_char(&out, '-');
    name_add(&out, name);
    str_add(&out, ".scope");
    return str_take(&out);
}

static bool slice_is_valid(const char *slice)
{
    if (strcmp(slice, "-.slice") == 0)
        return true;
    return name_is_valid(slice) && text_ends(slice, ".slice") && strlen(slice) > strlen(".slice") &&
           *slice != '-' && !strstr(slice, "--") && !text_ends(slice, "-.slice");
}

int systemd_scope_parse(const char *path, char **ret_slice, char **ret_unit, struct err *err)
{
    struct view rest = view_of(path);
    struct view slice;
    struct view prefix;
    if (!view_cut(&rest, ':', &slice) || !view_cut(&rest, ':', &prefix) || !rest.len ||
        memchr(rest.at, ':', rest.len))
        return err_set(err, ERR_INVALID,
                       "linux.cgroupsPath %s: systemd needs it as slice:prefix:name", path);
    auto_free char *unit = unit_name(prefix, rest);
    auto_free char *in = slice.len        ? xstrndup(slice.at, slice.len)
                         : geteuid() == 0 ? xstrdup("system.slice")
                                          : xstrdup("user.slice");
    if (!slice_is_valid(in))
        return err_set(err, ERR_INVALID, "linux.cgroupsPath %s: %s is no name of a slice", path,
                       in);
    if (!name_is_valid(unit))
        return err_set(err, ERR_INVALID, "linux.cgroupsPath %s: %s is no name of a unit", path,
                       unit);
    *ret_slice = take_ptr(in);
    *ret_unit = take_ptr(unit);
    return 0;
}

char *systemd_scope_path(const char *slice, const char *unit)
{
    struct str out = {};
    size_t stem = strlen(slice) - strlen(".slice");
    bool root = strcmp(slice, "-.slice") == 0;
    for (size_t i = 1; i <= stem && !root; i++)
        if (i == stem || slice[i] == '-')
            str_addf(&out, "/%.*s.slice", (int)i, slice);
    str_addf(&out, "/%s", unit);
    return str_take(&out);
}

/* --- properties: a(sv) ------------------------------------------------------------------------ */

static void add_name(struct str *body, const char *name, const char *signature)
{
    dbus_align(body, 8);
    dbus_add_text(body, name);
    dbus_add_signature(body, signature);
}

static void add_text(struct str *body, const char *name, const char *value)
{
    add_name(body, name, "s");
    dbus_add_text(body, value);
}

static void add_bool(struct str *body, const char *name, bool value)
{
    add_name(body, name, "b");
    dbus_add_u32(body, value);
}

static void add_u64(struct str *body, const char *name, uint64_t value)
{
    add_name(body, name, "t");
    dbus_add_u64(body, value);
}

/* -1 and its like are no limit. */
static void add_limit(struct str *body, const char *name, const struct maybe_i64 *limit)
{
    if (limit->set)
        add_u64(body, name, limit->value < 0 ? UINT64_MAX : (uint64_t)limit->value);
}

/* "0-3,7" as bits, the lowest first. */
static void add_list(struct str *body, const char *name, const char *list)
{
    unsigned char bits[CPUS_MAX / 8] = {};
    size_t used = 0;
    if (!list)
        return;
    for (const char *at = list; *at >= '0' && *at <= '9'; at += *at == ',') {
        char *end;
        unsigned long first = strtoul(at, &end, 10);
        unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        for (unsigned long i = first; i <= last && i < CPUS_MAX; i++) {
            bits[i / 8] |= (unsigned char)(1U << (i % 8));
            used = i / 8 + 1 > used ? i / 8 + 1 : used;
        }
        at = end;
    }
    add_name(body, name, "ay");
    struct dbus_array array = dbus_array_begin(body, 1);
    str_add_bytes(body, bits, used);
    dbus_array_end(body, array);
}

/* systemd has a quota per second, in steps. */
static void add_quota(struct str *body, const struct cgroup_limits *limits, bool v2)
{
    const struct maybe_i64 *quota = &limits->cpu_quota_us;
    uint64_t period = limits->cpu_period_us.set ? limits->cpu_period_us.value : PERIOD_DEFAULT_US;
    if (v2 && limits->cpu_period_us.set)
        add_u64(body, "CPUQuotaPeriodUSec", period);
    if (!quota->set || !period)
        return;
    uint64_t a_second = UINT64_MAX;
    if (quota->value > 0 && (uint64_t)quota->value < UINT64_MAX / 1000000) {
        a_second = (uint64_t)quota->value * 1000000 / period;
        a_second = (a_second + QUOTA_STEP_US - 1) / QUOTA_STEP_US * QUOTA_STEP_US;
    }
    add_u64(body, "CPUQuotaPerSecUSec", a_second);
}

static void add_limits_v2(struct str *body, const struct cgroup_limits *limits)
{
    const struct maybe_i64 *memory = &limits->memory_bytes;
    const struct maybe_i64 *both = &limits->memory_swap_bytes;
    add_limit(body, "MemoryMax", memory);
    add_limit(body, "MemoryLow", &limits->memory_reservation_bytes);
    if (both->set && both->value < 0)
        add_u64(body, "MemorySwapMax", UINT64_MAX);
    else if (both->set && memory->set && memory->value >= 0 && both->value >= memory->value)
        add_u64(body, "MemorySwapMax", (uint64_t)(both->value - memory->value));
    if (limits->cpu_shares.set)
        add_u64(body, "CPUWeight", cgroup_weight_of_shares(limits->cpu_shares.value));
    if (limits->io_weight.set && limits->io_weight.value >= 10 && limits->io_weight.value <= 1000)
        add_u64(body, "IOWeight", cgroup_weight_of_io(limits->io_weight.value));
    add_list(body, "AllowedCPUs", limits->cpus);
    add_list(body, "AllowedMemoryNodes", limits->mems);
}

static void add_limits_v1(struct str *body, const struct cgroup_limits *limits)
{
    add_limit(body, "MemoryLimit", &limits->memory_bytes);
    if (limits->cpu_shares.set)
        add_u64(body, "CPUShares", limits->cpu_shares.value);
    if (limits->io_weight.set)
        add_u64(body, "BlockIOWeight", limits->io_weight.value);
}

static void add_limits(struct str *body, const struct cgroup_limits *limits, bool v2)
{
    (v2 ? add_limits_v2 : add_limits_v1)(body, limits);
    add_quota(body, limits, v2);
    add_limit(body, "TasksMax", &limits->pids);
}

/* --- a scope's start -------------------------------------------------------------------------- */

/* A process that does nothing, and ends with us. Gives its pidfd. */
static int hold(pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(err, "fork");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* cannot fail */
        while (getppid() == parent)
            (void)pause();
        _exit(0);
    }
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        (void)err_sys(err, "pidfd_open");
        (void)kill(pid, SIGKILL); /* our child: the number is its own until it is waited for */
        (void)waitpid(pid, NULL, 0);
        return -1;
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return 0;
}

static void scope_body(struct str *body, const char *slice, const char *unit, pid_t holder,
                       const struct cgroup_limits *limits, bool v2)
{
    auto_free char *words = xasprintf("container %s", unit);
    dbus_add_text(body, unit);
    dbus_add_text(body, "fail");
    struct dbus_array properties = dbus_array_begin(body, 8);
    add_text(body, "Description", words);
    add_text(body, "Slice", slice);
    add_text(body, "CollectMode", "inactive-or-failed");
    add_bool(body, "Delegate", true);
    add_bool(body, "DefaultDependencies", false);
    add_bool(body, "MemoryAccounting", true);
    add_bool(body, "CPUAccounting", true);
    add_bool(body, v2 ? "IOAccounting" : "BlockIOAccounting", true);
    add_bool(body, "TasksAccounting", true);
    add_name(body, "PIDs", "au");
    struct dbus_array pids = dbus_array_begin(body, 4);
    dbus_add_u32(body, (uint32_t)holder);
    dbus_array_end(body, pids);
    add_limits(body, limits, v2);
    dbus_array_end(body, properties);
    struct dbus_array others = dbus_array_begin(body, 8);
    dbus_array_end(body, others);
}

/* Waits for the signal that a job is over: JobRemoved(u id, o job, s unit, s result). */
static int job_wait(struct systemd *systemd, const char *job, struct err *err)
{
    for (;;) {
        auto_done(dbus_message) message = {};
        uint32_t id;
        const char *path;
        const char *unit;
        const char *result;
        if (dbus_receive(&systemd->dbus, &message, err) < 0)
            return -1;
        struct dbus_reader reader = { .at = message.body, .len = message.body_len };
        if (message.type != DBUS_SIGNAL || !text_same(message.member, "JobRemoved") ||
            !dbus_read_u32(&reader, &id) || !dbus_read_text(&reader, &path) ||
            !dbus_read_text(&reader, &unit) || !dbus_read_text(&reader, &result) ||
            !text_same(path, job))
            continue;
        if (strcmp(result, "done") == 0)
            return 0;
        return err_set(err, ERR_SYSTEM, "the job for %s ended as \"%s\"; see journalctl", unit,
                       result);
    }
}

/* A reply that is one text or object path. */
static int text_of(const struct dbus_message *reply, char **ret_text, struct err *err)
{
    struct dbus_reader reader = { .at = reply->body, .len = reply->body_len };
    const char *text;
    if (!dbus_read_text(&reader, &text))
        return err_set(err, ERR_SYSTEM, "an answer that cannot be read");
    *ret_text = xstrdup(text);
    return 0;
}

static int unit_cgroup(struct systemd *systemd, const char *unit, char **ret_cgroup,
                       struct err *err)
{
    auto_done(str) body = {};
    auto_done(str) asked = {};
    auto_done(dbus_message) found = {};
    auto_done(dbus_message) value = {};
    auto_free char *path = NULL;
    const char *signature;
    const char *cgroup;
    dbus_add_text(&body, unit);
    if (manager_call(systemd, "GetUnit", "s", &body, &found, err) < 0 ||
        text_of(&found, &path, err) < 0)
        return -1;
    dbus_add_text(&asked, "org.freedesktop.systemd1.Scope");
    dbus_add_text(&asked, "ControlGroup");
    const struct dbus_call call = { .destination = manager_name,
                                    .path = path,
                                    .interface = "org.freedesktop.DBus.Properties",
                                    .member = "Get",
                                    .signature = "ss",
                                    .body = &asked };
    if (dbus_call(&systemd->dbus, &call, &value, err) < 0)
        return -1;
    struct dbus_reader reader = { .at = value.body, .len = value.body_len };
    if (!dbus_read_signature(&reader, &signature) || strcmp(signature, "s") != 0 ||
        !dbus_read_text(&reader, &cgroup) || *cgroup != '/')
        return err_set(err, ERR_SYSTEM, "unit %s has no cgroup", unit);
    *ret_cgroup = xstrdup(cgroup);
    return 0;
}

static int scope_make(struct systemd *systemd, const struct str *body, const char *unit,
                      char **ret_cgroup, struct err *err)
{
    auto_done(dbus_message) reply = {};
    auto_free char *job = NULL;
    if (manager_call(systemd, "StartTransientUnit", "ssa(sv)a(sa(sv))", body, &reply, err) < 0 ||
        text_of(&reply, &job, err) < 0 || job_wait(systemd, job, err) < 0)
        return -1;
    return unit_cgroup(systemd, unit, ret_cgroup, err);
}

int systemd_scope_start(struct systemd *systemd, const char *slice, const char *unit,
                        const struct cgroup_limits *limits, bool v2,
                        struct systemd_scope *ret_scope, struct err *err)
{
    auto_done(str) body = {};
    struct systemd_scope scope = { .holder = -1 };
    pid_t holder = 0;
    if (hold(&holder, &scope.holder, err) < 0)
        return err_wrap(err, "systemd: %s", unit);
    scope_body(&body, slice, unit, holder, limits, v2);
    if (scope_make(systemd, &body, unit, &scope.cgroup, err) < 0) {
        systemd_scope_done(&scope);
        return err_wrap(err, "systemd: %s", unit);
    }
    *ret_scope = scope;
    return 0;
}

void systemd_scope_release(struct systemd_scope *scope)
{
    siginfo_t ended;
    if (scope->holder < 0)
        return;
    (void)syscall(SYS_pidfd_send_signal, scope->holder, SIGKILL, NULL, 0); /* ended is fine */
    while (waitid(P_PIDFD, (id_t)scope->holder, &ended, WEXITED) < 0 && errno == EINTR)
        ;
    fd_close(&scope->holder);
}

void systemd_scope_done(struct systemd_scope *scope)
{
    systemd_scope_release(scope);
    free(take_ptr(scope->cgroup));
}

/* --- later ------------------------------------------------------------------------------------ */

int systemd_scope_update(struct systemd *systemd, const char *unit,
                         const struct cgroup_limits *limits, bool v2, struct err *err)
{
    auto_done(str) body = {};
    auto_done(dbus_message) reply = {};
    dbus_add_text(&body, unit);
    dbus_add_u32(&body, true); /* until it ends */
    struct dbus_array properties = dbus_array_begin(&body, 8);
    add_limits(&body, limits, v2);
    dbus_array_end(&body, properties);
    if (manager_call(systemd, "SetUnitProperties", "sba(sv)", &body, &reply, err) < 0)
        return err_wrap(err, "systemd: %s", unit);
    return 0;
}

int systemd_scope_stop(struct systemd *systemd, const char *unit, struct err *err)
{
    auto_done(str) body = {};
    auto_done(str) failed = {};
    auto_done(dbus_message) reply = {};
    auto_done(dbus_message) forgot = {};
    auto_free char *job = NULL;
    struct err ignored = {};
    dbus_add_text(&body, unit);
    dbus_add_text(&body, "replace");
    int stopped = manager_call(systemd, "StopUnit", "ss", &body, &reply, err);
    if (stopped < 0 && err->kind == ERR_NOT_FOUND) {
        *err = (struct err){};
        return 0;
    }
    if (stopped < 0 || text_of(&reply, &job, err) < 0 || job_wait(systemd, job, err) < 0)
        return err_wrap(err, "systemd: %s", unit);
    dbus_add_text(&failed, unit);
    /* One that did not fail, or is forgotten, need not be. */
    (void)manager_call(systemd, "ResetFailedUnit", "s", &failed, &forgot, &ignored);
    return 0;
}
