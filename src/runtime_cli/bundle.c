/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_cli/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/systemd.h"

enum { DEFAULT_UMASK = 022 };

char *path_clean(const char *path)
{
    auto_done(str) out = {};
    struct view rest = view_of(path);
    struct view part;
    bool absolute = path[0] == '/';
    for (bool more = true; more;) {
        more = view_cut(&rest, '/', &part);
        if (part.len == 0 || view_is(part, "."))
            continue;
        if (view_is(part, "..")) {
            const char *slash = out.at ? strrchr(out.at, '/') : NULL;
            out.len = slash ? (size_t)(slash - out.at) : 0;
            if (out.at)
                out.at[out.len] = '\0';
            continue;
        }
        if (absolute || out.len)
            str_add_char(&out, '/');
        str_add_bytes(&out, part.at, part.len);
    }
    if (!out.len)
        str_add(&out, absolute ? "/" : ".");
    return str_take(&out);
}

/* By the descriptor, in two calls whatever the path's length. */
static int path_resolve(const char *path, char **ret_path, struct err *err)
{
    char link[40];
    char text[PATH_MAX];
    if (strcmp(path, ".") == 0 && (*ret_path = getcwd(NULL, 0)))
        return 0;
    auto_leave int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "bundle %s", path);
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, text, sizeof(text) - 1);
    if (len <= 0)
        return err_sys(err, "bundle %s", path);
    *ret_path = xstrndup(text, (size_t)len);
    return 0;
}

/* --- what is added ---------------------------------------------------------------------------- */

/* The devices every container has (config-linux.md "Default Devices"), and device nodes of any kind:
 * making one grants nothing as long as it cannot be opened. */
static const struct default_rule {
    char type;
    int16_t major;
    int16_t minor;
    char access[4];
} default_rules[] = {
    { 'c', -1, -1, "m" }, { 'b', -1, -1, "m" }, { 'c', 1, 3, "rwm" },    { 'c', 1, 5, "rwm" },
    { 'c', 1, 7, "rwm" }, { 'c', 1, 8, "rwm" }, { 'c', 1, 9, "rwm" },    { 'c', 5, 0, "rwm" },
    { 'c', 5, 1, "rwm" }, { 'c', 5, 2, "rwm" }, { 'c', 136, -1, "rwm" },
};

static void devices_allow(struct spec_resources *resources)
{
    for (size_t i = 0; i < array_size(default_rules); i++) {
        const struct default_rule *from = &default_rules[i];
        struct spec_device_rule *rule = array_add(&resources->devices);
        *rule = (struct spec_device_rule){
            .allow = true,
            .type = xstrndup(&from->type, 1),
            .major = { .set = from->major >= 0, .value = from->major },
            .minor = { .set = from->minor >= 0, .value = from->minor },
            .access = xstrdup(from->access),
        };
    }
}

/* "slice:prefix:name": who looks at a container that is there need not reach systemd for it. */
static int scope_place(struct program *program, struct spec_linux *part, const char *asked,
                       const char *id, struct err *err)
{
    auto_free char *usual = xasprintf(":ruche:%s", id);
    char *slice;
    char *unit;
    if (systemd_scope_parse(asked && asked[0] ? asked : usual, &slice, &unit, err) < 0)
        return -1;
    free(program->slice);
    free(program->unit);
    program->slice = slice;
    program->unit = unit;
    part->cgroups_path = systemd_scope_path(slice, unit);
    return 0;
}

int spec_cgroup_bases(struct program *program, const struct spec *spec, struct pairs *ret_bases,
                      struct err *err)
{
    const struct cgroup_host *host;
    const char *path = spec->linux ? spec->linux->cgroups_path : NULL;
    if (!path || !*path || *path == '/' || strchr(path, ':') ||
        program->manager != CGROUP_MANAGER_CGROUPFS)
        return 0;
    return program_cgroups(program, &host, err) < 0 ? -1 : cgroup_host_own(host, ret_bases, err);
}

/* "/a/b" begins at the hierarchies' tops, "a/b" below our own groups, and what is not said where this
 * user may make groups. */
static int cgroup_place(struct program *program, struct spec_linux *part, const char *id,
                        struct err *err)
{
    const struct cgroup_host *host;
    auto_free char *asked = take_ptr(part->cgroups_path);
    bool systemd = program->manager == CGROUP_MANAGER_SYSTEMD;
    if (program->manager == CGROUP_MANAGER_DISABLED)
        return 0;
    if (systemd || (asked && asked[0] != '/' && strchr(asked, ':')))
        return scope_place(program, part, asked, id, err);
    bool said = asked && asked[0];
    auto_free char *path = path_clean(said ? asked : id);
    if (program_cgroups(program, &host, err) < 0 || cgroup_path_check(path, err) < 0)
        return -1;
    part->cgroups_path =
        xasprintf("%s%s%s", said || !host->base ? "" : host->base, path[0] == '/' ? "" : "/", path);
    return 0;
}

int spec_complete(struct program *program, struct spec *spec, const char *id, struct err *err)
{
    if (!spec->root)
        return err_set(err, ERR_INVALID, "config.json: /root: it is missing");
    if (!spec->linux)
        return err_set(err, ERR_INVALID, "config.json: /linux: it is missing");
    if (!spec->process)
        return err_set(err, ERR_INVALID, "config.json: /process: it is missing");
    struct maybe_u64 *mask = &spec->process->user.umask;
    if (!mask->set)
        *mask = (struct maybe_u64){ true, DEFAULT_UMASK };
    if (spec->linux->resources && spec->linux->resources->devices.len)
        devices_allow(spec->linux->resources);
    return cgroup_place(program, spec->linux, id, err);
}

/* From here on the machine's cgroups are as this bundle's path is meant: it is the only one. */
static int program_rebase(struct program *program, struct bundle *bundle, struct err *err)
{
    struct cgroup_host rebased;
    if (spec_cgroup_bases(program, &bundle->spec, &bundle->cgroup_bases, err) < 0)
        return -1;
    if (!bundle->cgroup_bases.len)
        return 0;
    cgroup_host_rebase(&program->cgroups, &bundle->cgroup_bases, &rebased);
    cgroup_host_done(&program->cgroups);
    program->cgroups = rebased;
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A named pipe in its place keeps nobody waiting: it is empty. */
enum { CONFIG_OPEN = O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK };

/* Where no link is on the way to its configuration a bundle lies where it is said to. Gives that
 * configuration as well: 1, or 0 if it has to be looked at more closely. */
static int bundle_open(const char *path, char **ret_path, int *ret_config)
{
    if (path[0] != '/' || strstr(path, ".."))
        return 0;
    auto_free char *clean = path_clean(path);
    auto_free char *file = xasprintf("%s/config.json", clean);
    int config =
        file_openat2(AT_FDCWD, file, CONFIG_OPEN, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    if (config < 0)
        return 0;
    *ret_path = take_ptr(clean);
    *ret_config = config;
    return 1;
}

/* Its text; what somebody named himself may be a pipe. 1, or 0 if it is not there. */
static int config_load(const char *file, bool of_bundle, int *opened, struct bundle *bundle,
                       struct err *err)
{
    if (!of_bundle)
        return file_load(AT_FDCWD, file, SPEC_MAX_BYTES, &bundle->text, &bundle->len, err);
    if (*opened < 0)
        *opened = open(file, CONFIG_OPEN);
    if (*opened < 0)
        return errno == ENOENT ? 0 : err_sys(err, "open %s", file);
    if (file_load_own_fd(*opened, SPEC_MAX_BYTES, &bundle->text, &bundle->len, err) < 0)
        return err_wrap(err, "%s", file);
    return 1;
}

int bundle_load(struct program *program, const char *path, const char *config, const char *id,
                struct bundle *ret_bundle, struct err *err)
{
    auto_done(bundle) bundle = {};
    auto_leave int opened = -1;
    bool plain = path && !config && bundle_open(path, &bundle.path, &opened);
    if (!plain && path_resolve(path ? path : ".", &bundle.path, err) < 0)
        return -1;
    auto_free char *file = config ? xstrdup(config) : xasprintf("%s/config.json", bundle.path);
    int found = config_load(file, !config, &opened, &bundle, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "%s: no such file or directory; give a bundle with --bundle", file);
    /* Into place only when whole: a failed parse has released it. */
    if (found < 0 || spec_parse(bundle.text, bundle.len, &bundle.spec, err) < 0 ||
        program_rebase(program, &bundle, err) < 0 ||
        spec_complete(program, &bundle.spec, id, err) < 0)
        return -1;
    const char *root = bundle.spec.root->path;
    auto_free char *rootfs = root[0] == '/' ? xstrdup(root) : xasprintf("%s/%s", bundle.path, root);
    bundle.rootfs = path_clean(rootfs);
    *ret_bundle = bundle;
    bundle = (struct bundle){};
    return 0;
}

void bundle_done(struct bundle *bundle)
{
    free(bundle->path);
    free(bundle->text);
    free(bundle->rootfs);
    pairs_done(&bundle->cgroup_bases);
    spec_done(&bundle->spec);
}

struct oci_state state_of(const struct container *container, const struct record *record,
                          const char *status)
{
    return (struct oci_state){
        .oci_version = (char *)SPEC_VERSION,
        .id = container->id,
        .status = (char *)status,
        .pid = { .set = record->pid > 0, .value = record->pid },
        .bundle = record->bundle,
        .annotations = record->annotations,
    };
}

/* --- what is written down of it --------------------------------------------------------------- */

int bundle_save(const struct bundle *bundle, const struct container *container, struct err *err)
{
    auto_leave int fd =
        openat(container->dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || fd_write_all(fd, bundle->text, bundle->len) < 0)
        return err_sys(err, "write config.json of container %s", container->id);
    return 0;
}

/* How many of a group's parents are there already in one hierarchy. */
static uint32_t parents_there(const char *mount, const char *cgroup)
{
    auto_free char *path = xasprintf("%s%s", mount, cgroup);
    uint32_t depth = 0;
    for (const char *c = cgroup; *c; c++)
        depth += *c == '/';
    for (; depth > 1; depth--) {
        *strrchr(path, '/') = '\0';
        if (faccessat(AT_FDCWD, path, F_OK, 0) == 0)
            break;
    }
    return depth - 1;
}

static void parents_note(const struct cgroup_host *host, const char *cgroup, struct record *record)
{
    uint32_t there[CGROUP_HIERARCHIES_MAX];
    for (size_t i = 0; i < host->len; i++) {
        there[i] = parents_there(host->at[i].mount, cgroup);
        if (there[i] > record->cgroup_parents)
            record->cgroup_parents = there[i];
    }
    for (size_t i = 0; i < host->len; i++) {
        if (there[i] == record->cgroup_parents)
            continue;
        auto_free char *count = xasprintf("%u", there[i]);
        pairs_put(&record->cgroup_parents_in, host->at[i].names, count);
    }
}

void record_fill(struct container *container, const struct bundle *bundle)
{
    char now[TIME_TEXT_SIZE];
    const struct spec *spec = &bundle->spec;
    const struct program *program = container->program;
    struct record *record = &container->record;
    const struct spec_namespace *pids = spec_namespace_find(spec, SPEC_NAMESPACE_PID);
    const char *cgroup = spec->linux->cgroups_path;
    *record = (struct record){
        .oci_version = xstrdup(SPEC_VERSION),
        .id = xstrdup(container->id),
        .bundle = xstrdup(bundle->path),
        .rootfs = xstrdup(bundle->rootfs),
        .created = xstrdup(time_text(true, now)),
        .owner = (uint32_t)getauxval(AT_EUID),
        .cgroup = cgroup ? xstrdup(cgroup) : NULL,
        .shares_pids = !pids || pids->path,
        .poststart = spec->hooks && spec->hooks->poststart.len,
        .poststop = spec->hooks && spec->hooks->poststop.len,
    };
    if (cgroup && program->found)
        parents_note(&program->cgroups, cgroup, record);
    pairs_copy(&record->cgroup_bases, &bundle->cgroup_bases);
    pairs_copy(&record->annotations, &spec->annotations);
}
