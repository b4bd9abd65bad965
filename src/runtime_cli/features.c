/* SPDX-License-Identifier: Apache-2.0 */
/*
 * features: the features document (runtime-spec 1.3.0, features.md, features-linux.md). What is
 * recognized is asked of the code that recognizes it; what the words are is the specification's.
 */
#include <string.h>

#include "kernel/capability.h"
#include "kernel/seccomp.h"
#include "oci/spec.h"
#include "runtime/hooks.h"
#include "runtime/mount_options.h"
#include "runtime_cli/runtime_cli.h"

/* clang-format off */
/* Words of mount(8) and config.md that are no file system's own. */
static const char *const mount_words[] = {
    "acl", "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "idmap", "iversion", "lazytime",
    "loud", "mand", "noacl", "noatime", "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand",
    "norelatime", "nostrictatime", "nosuid", "nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime",
    "relatime", "remount", "rexec", "ridmap", "rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnorelatime",
    "rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave",
    "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared", "silent", "slave", "strictatime", "suid",
    "symfollow", "sync", "tmpcopyup", "unbindable", NULL,
};

static const char *const architectures[] = {
    "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", NULL,
};

static const char *const hook_names[] = {
#define X(constant, name, member) name,
    HOOKS(X)
#undef X
    NULL,
};

static const char *const seccomp_flags[] = {
    "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC", NULL,
};

/* config-linux.md: those that change a policy's meaning; none is known. */
struct enabled { bool enabled; };
struct cgroup_features { bool v1, v2, systemd, systemd_user, rdma; };
struct seccomp_features { bool enabled; struct strings actions, operators, archs, known, supported; };
struct extensions { struct enabled idmap; };
struct linux_features {
    struct strings namespaces, capabilities;
    struct cgroup_features cgroup;
    struct seccomp_features seccomp;
    struct enabled apparmor, selinux, intel_rdt, net_devices;
    struct extensions extensions;
};
struct features {
    char *least, *most;
    struct strings hooks, mount_options;
    struct linux_features linux_part;
    struct pairs annotations;
};

static const struct field enabled_fields[] = { FIELD_BOOL(enabled, enabled, "enabled", F_ALWAYS), FIELD_END };
static const struct field cgroup_fields[] = {
    FIELD_BOOL(cgroup_features, v1, "v1", F_ALWAYS),
    FIELD_BOOL(cgroup_features, v2, "v2", F_ALWAYS),
    FIELD_BOOL(cgroup_features, systemd, "systemd", F_ALWAYS),
    FIELD_BOOL(cgroup_features, systemd_user, "systemdUser", F_ALWAYS),
    FIELD_BOOL(cgroup_features, rdma, "rdma", F_ALWAYS),
    FIELD_END,
};
static const struct field seccomp_fields[] = {
    FIELD_BOOL(seccomp_features, enabled, "enabled", F_ALWAYS),
    FIELD_LIST(seccomp_features, actions, "actions", F_ALWAYS),
    FIELD_LIST(seccomp_features, operators, "operators", F_ALWAYS),
    FIELD_LIST(seccomp_features, archs, "archs", F_ALWAYS),
    FIELD_LIST(seccomp_features, known, "knownFlags", F_ALWAYS),
    FIELD_LIST(seccomp_features, supported, "supportedFlags", F_ALWAYS),
    FIELD_END,
};
static const struct field extensions_fields[] = {
    FIELD_OBJECT(extensions, idmap, "idmap", F_ALWAYS, enabled, enabled_fields),
    FIELD_END,
};
static const struct field linux_fields[] = {
    FIELD_LIST(linux_features, namespaces, "namespaces", F_ALWAYS),
    FIELD_LIST(linux_features, capabilities, "capabilities", F_ALWAYS),
    FIELD_OBJECT(linux_features, cgroup, "cgroup", F_ALWAYS, cgroup_features, cgroup_fields),
    FIELD_OBJECT(linux_features, seccomp, "seccomp", F_ALWAYS, seccomp_features, seccomp_fields),
    FIELD_OBJECT(linux_features, apparmor, "apparmor", F_ALWAYS, enabled, enabled_fields),
    FIELD_OBJECT(linux_features, selinux, "selinux", F_ALWAYS, enabled, enabled_fields),
    FIELD_OBJECT(linux_features, intel_rdt, "intelRdt", F_ALWAYS, enabled, enabled_fields),
    FIELD_OBJECT(linux_features, extensions, "mountExtensions", F_ALWAYS, extensions, extensions_fields),
    FIELD_OBJECT(linux_features, net_devices, "netDevices", F_ALWAYS, enabled, enabled_fields),
    FIELD_END,
};
static const struct field features_fields[] = {
    FIELD_TEXT(features, least, "ociVersionMin", F_ALWAYS),
    FIELD_TEXT(features, most, "ociVersionMax", F_ALWAYS),
    FIELD_LIST(features, hooks, "hooks", F_ALWAYS),
    FIELD_LIST(features, mount_options, "mountOptions", F_ALWAYS),
    FIELD_OBJECT(features, linux_part, "linux", F_ALWAYS, linux_features, linux_fields),
    FIELD_PAIRS(features, annotations, "annotations", 0),
    FIELD_END,
};
/* clang-format on */

static void features_done(struct features *features)
{
    field_done(features_fields, features);
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void words_add(struct strings *list, const char *const *words)
{
    for (const char *const *word = words; *word; word++)
        strings_add(list, *word);
}

static void words_sort(struct strings *list)
{
    qsort(list->at, list->len, sizeof(*list->at), compare_words);
}

/* What is not recognized stays a word for the file system. */
static void mount_options_add(struct strings *list)
{
    for (const char *const *word = mount_words; *word; word++) {
        auto_done(strings) one = {};
        struct mount_options options = {};
        struct err ignored = {};
        strings_add(&one, *word);
        if (mount_options_parse(&one, "/", &options, &ignored) < 0)
            continue;
        if (!options.rest.len)
            strings_add(list, *word);
        mount_options_done(&options);
    }
}

static void seccomp_fill(struct seccomp_features *seccomp)
{
    seccomp->enabled = true;
    words_add(&seccomp->actions, spec_seccomp_action_names);
    words_add(&seccomp->operators, spec_seccomp_operator_names);
    words_add(&seccomp->known, seccomp_flags);
    words_add(&seccomp->supported, seccomp_flags);
    for (const char *const *name = architectures; *name; name++) {
        uint32_t architecture;
        struct err ignored = {};
        if (seccomp_architecture_parse(*name, &architecture, &ignored) == 0)
            strings_add(&seccomp->archs, *name);
    }
    words_sort(&seccomp->actions);
    words_sort(&seccomp->operators);
}

static void linux_fill(struct linux_features *part)
{
    words_add(&part->namespaces, spec_namespace_type_names);
    words_sort(&part->namespaces);
    for (int capability = 0; capability < CAPABILITY_COUNT; capability++)
        strings_add(&part->capabilities, capability_name(capability));
    part->cgroup = (struct cgroup_features){
        .v1 = true, .v2 = true, .systemd = true, .systemd_user = true, .rdma = true
    };
    part->apparmor.enabled = part->selinux.enabled = part->intel_rdt.enabled = true;
    part->extensions.idmap.enabled = part->net_devices.enabled = true;
    seccomp_fill(&part->seccomp);
}

static int features_run(void *context, void *args, char **operands, struct err *err)
{
    (void)context;
    (void)args;
    (void)operands;
    auto_done(features) features = { .least = xstrdup("1.0.0"), .most = xstrdup(SPEC_VERSION) };
    auto_done(str) out = {};
    words_add(&features.hooks, hook_names);
    mount_options_add(&features.mount_options);
    linux_fill(&features.linux_part);
    pairs_put(&features.annotations, "org.opencontainers.runc.checkpoint.enabled", "false");
    field_write(features_fields, &features, 4, &out);
    str_add_char(&out, '\n');
    return say(&out, err);
}

const struct command features_command = {
    .name = "features",
    .args = "",
    .summary = "Print what the runtime recognizes, as JSON",
    .run = features_run,
};
