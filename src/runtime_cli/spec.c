/* SPDX-License-Identifier: Apache-2.0 */
/* spec: a configuration to begin with. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "oci/spec.h"
#include "runtime_cli/runtime_cli.h"

struct spec_args {
    const char *bundle;
    bool rootless;
};

/* clang-format off */
static const struct option spec_options[] = {
    OPTION_TEXT(spec_args, bundle, 'b', "bundle", "DIR", "Where config.json is written (default \".\")"),
    OPTION_BOOL(spec_args, rootless, 0, "rootless", "For a container of an ordinary user"),
    OPTION_END,
};

/* destination, type, source, options with a comma between them */
static const struct mount_row {
    const char *destination, *type, *source, *options;
} mount_rows[] = {
    { "/proc", "proc", "proc", "" },
    { "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
    { "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
    { "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k" },
    { "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev" },
    { "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro" },
    { "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro" },
};
/* clang-format on */
static const struct option *const spec_tables[] = { spec_options, NULL };

static const char *const capabilities[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE" };

static const char *const masked[] = { "/proc/acpi",          "/proc/asound",
                                      "/proc/kcore",         "/proc/keys",
                                      "/proc/latency_stats", "/proc/timer_list",
                                      "/proc/timer_stats",   "/proc/sched_debug",
                                      "/sys/firmware",       "/proc/scsi" };
static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                        "/proc/sysrq-trigger" };

static void words_add(struct strings *list, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        strings_add(list, words[i]);
}

static void process_fill(struct spec *spec)
{
    struct spec_process *process = spec->process = xnew(struct spec_process);
    struct spec_capabilities *sets = process->capabilities = xnew(struct spec_capabilities);
    process->terminal = true;
    process->no_new_privileges = true;
    process->cwd = xstrdup("/");
    strings_add(&process->args, "sh");
    strings_add(&process->env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    strings_add(&process->env, "TERM=xterm");
    words_add(&sets->bounding, capabilities, array_size(capabilities));
    words_add(&sets->effective, capabilities, array_size(capabilities));
    words_add(&sets->permitted, capabilities, array_size(capabilities));
    struct spec_rlimit *limit = array_add(&process->rlimits);
    *limit = (struct spec_rlimit){ .type = xstrdup("RLIMIT_NOFILE"), .hard = 1024, .soft = 1024 };
}

/* An ordinary user has one group in his namespace, no network of his own, and sysfs only as the host
 * has it. */
static void mount_fill(struct spec *spec, const struct mount_row *row, bool rootless)
{
    bool is_sys = strcmp(row->destination, "/sys") == 0;
    struct spec_mount *mount = array_add(&spec->mounts);
    mount->destination = xstrdup(row->destination);
    mount->type = xstrdup(rootless && is_sys ? "none" : row->type);
    mount->source = xstrdup(rootless && is_sys ? "/sys" : row->source);
    if (rootless && is_sys)
        strings_add(&mount->options, "rbind");
    struct view rest = view_of(row->options);
    struct view word;
    for (bool more = rest.len > 0; more;) {
        more = view_cut(&rest, ',', &word);
        if (rootless && view_is(word, "gid=5"))
            continue;
        strings_add_taken(&mount->options, xstrndup(word.at, word.len));
    }
}

static void namespace_add(struct spec_linux *part, enum spec_namespace_type type)
{
    struct spec_namespace *entry = array_add(&part->namespaces);
    entry->type = type;
}

/* With v1's hierarchies runc leaves that namespace out, and who changes its file adds it. */
static bool cgroup_is_unified(void)
{
    struct statfs status;
    return statfs("/sys/fs/cgroup", &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

static void linux_fill(struct spec *spec, bool rootless)
{
    static const enum spec_namespace_type types[] = { SPEC_NAMESPACE_PID, SPEC_NAMESPACE_IPC,
                                                      SPEC_NAMESPACE_UTS, SPEC_NAMESPACE_MOUNT };
    struct spec_linux *part = spec->linux = xnew(struct spec_linux);
    for (size_t i = 0; i < array_size(types); i++)
        namespace_add(part, types[i]);
    if (cgroup_is_unified())
        namespace_add(part, SPEC_NAMESPACE_CGROUP);
    namespace_add(part, rootless ? SPEC_NAMESPACE_USER : SPEC_NAMESPACE_NETWORK);
    words_add(&part->masked_paths, masked, array_size(masked));
    words_add(&part->readonly_paths, readonly, array_size(readonly));
    if (rootless) {
        struct spec_id_mapping *uid = array_add(&part->uid_mappings);
        struct spec_id_mapping *gid = array_add(&part->gid_mappings);
        *uid = (struct spec_id_mapping){ .host_id = geteuid(), .size = 1 };
        *gid = (struct spec_id_mapping){ .host_id = getegid(), .size = 1 };
        return;
    }
    part->resources = xnew(struct spec_resources);
    struct spec_device_rule *rule = array_add(&part->resources->devices);
    rule->access = xstrdup("rwm");
}

static int spec_run(void *context, void *args_, char **operands, struct err *err)
{
    (void)context;
    (void)operands;
    const struct spec_args *args = args_;
    auto_done(spec) spec = { .oci_version = xstrdup(SPEC_VERSION),
                             .hostname = xstrdup("ruche"),
                             .root = xnew(struct spec_root) };
    auto_done(str) out = {};
    spec.root->path = xstrdup("rootfs");
    spec.root->readonly = true;
    process_fill(&spec);
    for (size_t i = 0; i < array_size(mount_rows); i++)
        mount_fill(&spec, &mount_rows[i], args->rootless);
    linux_fill(&spec, args->rootless);
    if (spec_check(&spec, err) < 0)
        return -1;
    field_write(spec_fields, &spec, 4, &out);
    str_add_char(&out, '\n');

    const char *bundle = args->bundle ? args->bundle : ".";
    auto_close int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(err, "bundle %s", bundle);
    if (file_save(dir, "config.json", out.at, out.len, 0666, FILE_EXCLUSIVE, err) == 0)
        return 0;
    if (err->kind == ERR_EXISTS)
        return err_set(err, ERR_EXISTS, "File config.json exists. Remove it first");
    return -1;
}

const struct command spec_command = {
    .name = "spec",
    .args = "[OPTIONS]",
    .summary = "Write a config.json to begin with",
    .options = spec_tables,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct spec_args),
    .run = spec_run,
};
