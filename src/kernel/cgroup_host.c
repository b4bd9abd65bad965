/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which hierarchies there are, and where in them we may make groups.
 *
 * What is mounted is read once from /proc/self/mountinfo and kept in a small file beside the state
 * of the run directory. The file is valid as long as /sys/fs/cgroup is the same mount of the same
 * boot, which one statx tells: mount id (unique from kernel 6.8), device, inode, and the time of
 * its last change or birth, for a number of a mount may come again in the next boot.
 *
 * Root makes groups from the top. Whoever may not (an ordinary user, root in a user namespace)
 * makes them in v2 only, where systemd has delegated something: beside our own group, or below it.
 * v1 is not safe to delegate (cgroups(7)).
 */
#include "kernel/cgroup.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernel/cgroup_part.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U /* kernel 6.8 */
#endif

enum {
    MOUNTINFO_MAX_BYTES = 64 << 20,
    SELF_CGROUP_MAX_BYTES = 1 << 20,
    SAVED_MAX_BYTES = 64 << 10,
};

static const char top[] = "/sys/fs/cgroup";
static const char saved_magic[] = "ruche-cgroup 1";

/* --- mountinfo --- */

/* Octal escapes of proc_pid_mountinfo(5) become what they stand for. */
static char *unescape(struct view text)
{
    char *out = xmalloc(text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.at + i;
        bool octal = at[0] == '\\' && text.len - i > 3;
        for (int k = 1; octal && k < 4; k++)
            octal = at[k] >= '0' && at[k] <= '7';
        int byte = octal ? (at[1] - '0') * 64 + (at[2] - '0') * 8 + at[3] - '0' : *at;
        out[len++] = (char)byte;
        i += octal ? 3 : 0;
    }
    out[len] = '\0';
    return out;
}

static void escape(struct str *out, const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == '\\')
            str_addf(out, "\\%03o", (unsigned char)*text);
        else
            str_add_char(out, *text);
}

static int controller_of(struct view name)
{
    for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
        if (view_is(name, cgroup_controller_v1(i)))
            return i;
    return -1;
}

/* Keeps of a v1 super block's options what names the hierarchy. */
static char *names_of(struct view options, unsigned *ret_controllers)
{
    struct str names = {};
    struct view option;
    *ret_controllers = 0;
    for (bool more = true; more;) {
        more = view_cut(&options, ',', &option);
        int controller = controller_of(option);
        bool named = option.len > 5 && strncmp(option.at, "name=", 5) == 0;
        if (controller < 0 && !named)
            continue;
        if (controller >= 0)
            *ret_controllers |= 1U << controller;
        if (names.len)
            str_add_char(&names, ',');
        str_add_bytes(&names, option.at, option.len);
    }
    return str_take(&names);
}

static void hierarchy_done(struct cgroup_hierarchy *hierarchy)
{
    free(hierarchy->names);
    free(hierarchy->root);
    free(hierarchy->mount);
    *hierarchy = (struct cgroup_hierarchy){};
}

/* Takes the hierarchy. One that is mounted twice counts where it belongs, or where it was found
 * first. */
static void host_add(struct cgroup_host *host, struct cgroup_hierarchy hierarchy)
{
    size_t i = 0;
    while (i < host->len && strcmp(host->at[i].names, hierarchy.names) != 0)
        i++;
    bool better =
        i < host->len && !text_starts(host->at[i].mount, top) && text_starts(hierarchy.mount, top);
    if ((i < host->len && !better) || i == CGROUP_HIERARCHIES_MAX) {
        hierarchy_done(&hierarchy);
        return;
    }
    if (i < host->len)
        hierarchy_done(&host->at[i]);
    else
        host->len++;
    host->at[i] = hierarchy;
    if (!*hierarchy.names)
        host->v2 = (int)i;
}

/* "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate" */
static int parse_mount(struct cgroup_host *host, struct view line, size_t separator,
                       struct err *err)
{
    struct view tail = { line.at + separator + 3, line.len - separator - 3 };
    struct view head = { line.at, separator };
    struct view fields[5];
    struct view type;
    struct view source;
    for (size_t i = 0; i < array_size(fields); i++)
        if (!view_cut(&head, ' ', &fields[i]) && i + 1 < array_size(fields))
            return err_set(err, ERR_INVALID, "mountinfo: line without a mount point");
    if (!view_cut(&tail, ' ', &type) || !view_cut(&tail, ' ', &source))
        return err_set(err, ERR_INVALID, "mountinfo: line without mount options");

    struct cgroup_hierarchy found = { .writable = true };
    bool is_v2 = view_is(type, "cgroup2");
    if (!is_v2 && !view_is(type, "cgroup"))
        return 0;
    found.names = is_v2 ? xstrdup("") : names_of(tail, &found.controllers);
    if (!is_v2 && !*found.names) {
        hierarchy_done(&found);
        return 0;
    }
    found.root = unescape(fields[3]);
    found.mount = unescape(fields[4]);
    host_add(host, found);
    return 0;
}

int cgroup_host_parse(const char *mountinfo, struct cgroup_host *ret_host, struct err *err)
{
    struct cgroup_host host = { .v2 = -1 };
    /* Most lines on a busy host are containers' mounts: looked for is only what matters. */
    static const char mark[] = " - cgroup";
    for (const char *at = mountinfo; (at = strstr(at, mark)); at += strlen(mark)) {
        const char *start = at;
        while (start > mountinfo && start[-1] != '\n')
            start--;
        struct view line = { start, (size_t)(at - start) + strcspn(at, "\n") };
        if (parse_mount(&host, line, (size_t)(at - start), err) < 0) {
            cgroup_host_done(&host);
            return -1;
        }
    }
    *ret_host = host;
    return 0;
}

/* --- what we may do --- */

static bool may_write(const char *path)
{
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

/* A process may move to a group below `path` if it may write both the directory and its
 * cgroup.procs. */
static bool delegated(const char *mount, const char *path)
{
    auto_free char *dir = xasprintf("%s%s", mount, path);
    auto_free char *procs = xasprintf("%s/cgroup.procs", dir);
    return may_write(dir) && may_write(procs);
}

/* Our own group below a hierarchy's mount, from a text of /proc/self/cgroup ("4:memory:/a",
 * "0::/a"); NULL if it cannot be seen from there. */
static char *own_path(const struct cgroup_hierarchy *at, const char *own)
{
    struct view rest = view_of(own);
    struct view line = {}, number, names;
    bool found = false;
    for (bool more = true; more && !found;) {
        more = view_cut(&rest, '\n', &line);
        found = view_cut(&line, ':', &number) && view_cut(&line, ':', &names) &&
                view_is(names, at->names);
    }
    if (!found)
        return NULL;
    auto_free char *path = xstrndup(line.at, line.len);
    size_t root_len = strcmp(at->root, "/") == 0 ? 0 : strlen(at->root);
    bool below = strncmp(path, at->root, root_len) == 0 && path[root_len] == '/';
    /* "/.." is outside of our cgroup namespace; a removed group has " (deleted)" behind its name.
     */
    if (!below || text_starts(path, "/..") || text_ends(path, " (deleted)"))
        return NULL;
    return xstrdup(path + root_len);
}

static char *base_of(const struct cgroup_hierarchy *v2, const char *own)
{
    if (v2->writable)
        return xstrdup("");
    auto_free char *path = own ? own_path(v2, own) : NULL;
    if (!path || strcmp(path, "/") == 0)
        return NULL;

    auto_free char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    if (*parent && delegated(v2->mount, parent))
        return take_ptr(parent);
    return delegated(v2->mount, path) ? take_ptr(path) : NULL;
}

static void mark_writable(struct cgroup_host *host)
{
    for (size_t i = 0; i < host->len; i++)
        host->at[i].writable = may_write(host->at[i].mount);
}

void cgroup_host_place(struct cgroup_host *host, const char *own)
{
    mark_writable(host);
    free(host->base);
    host->base = host->v2 < 0 ? NULL : base_of(&host->at[host->v2], own);
}

/* --- detection and the saved form --- */

static char *identity_now(void)
{
    struct statx now = {};
    unsigned want = STATX_INO | STATX_MTIME | STATX_BTIME | STATX_MNT_ID | STATX_MNT_ID_UNIQUE;
    if (syscall(SYS_statx, AT_FDCWD, top, AT_NO_AUTOMOUNT, want, &now) < 0)
        return NULL;
    return xasprintf("%x:%x:%llx:%llx:%llx.%x:%llx.%x", now.stx_dev_major, now.stx_dev_minor,
                     (unsigned long long)now.stx_ino, (unsigned long long)now.stx_mnt_id,
                     (unsigned long long)now.stx_mtime.tv_sec, now.stx_mtime.tv_nsec,
                     (unsigned long long)now.stx_btime.tv_sec, now.stx_btime.tv_nsec);
}

/* What is delegated differs from process to process; whoever may write the top need not ask. */
static int find_base(struct cgroup_host *host, struct err *err)
{
    const struct cgroup_hierarchy *v2 = host->v2 < 0 ? NULL : &host->at[host->v2];
    if (!v2 || v2->writable) {
        host->base = v2 ? xstrdup("") : NULL;
        return 0;
    }
    char *own = NULL;
    size_t len;
    if (file_load(AT_FDCWD, "/proc/self/cgroup", SELF_CGROUP_MAX_BYTES, &own, &len, err) < 0)
        return -1;
    host->base = base_of(v2, own);
    free(own);
    return 0;
}

int cgroup_host_detect(struct cgroup_host *ret_host, struct err *err)
{
    auto_free char *mountinfo = NULL;
    size_t len;
    char *identity = identity_now();
    struct cgroup_host host = { .v2 = -1 };
    int found =
        file_load(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX_BYTES, &mountinfo, &len, err);
    if (found == 0)
        found = err_set(err, ERR_NOT_FOUND, "there is no /proc/self/mountinfo; mount /proc");
    if (found > 0)
        found = cgroup_host_parse(mountinfo, &host, err);
    host.identity = identity;
    if (found == 0) {
        mark_writable(&host);
        found = find_base(&host, err);
    }
    if (found < 0) {
        cgroup_host_done(&host);
        return err_wrap(err, "cgroups");
    }
    *ret_host = host;
    return 0;
}

int cgroup_host_save(const struct cgroup_host *host, int dirfd, const char *file, struct err *err)
{
    if (!host->identity)
        return 0;
    auto_done(str) out = {};
    str_addf(&out, "%s %s\n", saved_magic, host->identity);
    for (size_t i = 0; i < host->len; i++) {
        const struct cgroup_hierarchy *at = &host->at[i];
        str_addf(&out, "%c %s ", at->writable ? 'w' : 'r', *at->names ? at->names : "-");
        escape(&out, at->root);
        str_add_char(&out, ' ');
        escape(&out, at->mount);
        str_add_char(&out, '\n');
    }
    return file_save(dirfd, file, out.at, out.len, 0600, 0, err);
}

static bool parse_saved_line(struct cgroup_host *host, struct view line)
{
    struct view mode;
    struct view names;
    struct view root;
    if (!view_cut(&line, ' ', &mode) || !view_cut(&line, ' ', &names) ||
        !view_cut(&line, ' ', &root) || root.len == 0 || line.len == 0 || *line.at != '/')
        return false;
    bool is_v2 = view_is(names, "-");
    struct cgroup_hierarchy at = { .writable = view_is(mode, "w") };
    at.names = is_v2 ? xstrdup("") : names_of(names, &at.controllers);
    at.root = unescape(root);
    at.mount = unescape(line);
    if (!is_v2 && !*at.names) {
        hierarchy_done(&at);
        return false;
    }
    host_add(host, at);
    return true;
}

/* False: not our format, or not this mount and boot. */
static bool parse_saved(const char *text, struct cgroup_host *host)
{
    struct view rest = view_of(text);
    struct view line;
    auto_free char *identity = identity_now();
    if (!identity || !text_ends(text, "\n") || !view_cut(&rest, '\n', &line))
        return false;
    auto_free char *want = xasprintf("%s %s", saved_magic, identity);
    if (!view_is(line, want))
        return false;
    while (view_cut(&rest, '\n', &line))
        if (!parse_saved_line(host, line))
            return false;
    host->identity = take_ptr(identity);
    return true;
}

int cgroup_host_load(int dirfd, const char *file, struct cgroup_host *ret_host, struct err *err)
{
    auto_free char *text = NULL;
    size_t len;
    int found = file_load_own(dirfd, file, SAVED_MAX_BYTES, &text, &len, err);
    if (found <= 0)
        return found;
    struct cgroup_host host = { .v2 = -1 };
    int valid = parse_saved(text, &host);
    if (valid && find_base(&host, err) < 0)
        valid = -1;
    if (valid <= 0)
        cgroup_host_done(&host);
    else
        *ret_host = host;
    return valid;
}

int cgroup_host_open(int dirfd, const char *file, struct cgroup_host *ret_host, struct err *err)
{
    struct err ignored = {};
    if (cgroup_host_load(dirfd, file, ret_host, &ignored) == 1)
        return 0;
    if (cgroup_host_detect(ret_host, err) < 0)
        return -1;
    (void)cgroup_host_save(ret_host, dirfd, file,
                           &ignored); /* the next process detects again, then */
    return 0;
}

int cgroup_host_own(const struct cgroup_host *host, struct pairs *ret_own, struct err *err)
{
    auto_free char *own = NULL;
    size_t len;
    if (file_load(AT_FDCWD, "/proc/self/cgroup", SELF_CGROUP_MAX_BYTES, &own, &len, err) < 0)
        return -1;
    for (size_t i = 0; i < host->len && own; i++) {
        bool is_v2 = (int)i == host->v2;
        auto_free char *path = is_v2 ? NULL : own_path(&host->at[i], own);
        const char *base = is_v2 ? host->base : path;
        if (base && *base && strcmp(base, "/") != 0)
            pairs_put(ret_own, host->at[i].names, base);
    }
    return 0;
}

void cgroup_host_rebase(const struct cgroup_host *host, const struct pairs *own,
                        struct cgroup_host *ret_host)
{
    struct cgroup_host copy = { .len = host->len, .v2 = host->v2 };
    for (size_t i = 0; i < host->len; i++) {
        const struct cgroup_hierarchy *from = &host->at[i];
        const char *base = pairs_value(own, from->names);
        copy.at[i] = *from;
        copy.at[i].names = xstrdup(from->names);
        copy.at[i].root = xasprintf("%s%s", strcmp(from->root, "/") ? from->root : "",
                                    base                      ? base
                                    : strcmp(from->root, "/") ? ""
                                                              : "/");
        copy.at[i].mount = xasprintf("%s%s", from->mount, base ? base : "");
        if (base)
            copy.at[i].writable = may_write(copy.at[i].mount);
    }
    copy.base = host->base ? xstrdup("") : NULL;
    *ret_host = copy;
}

void cgroup_host_done(struct cgroup_host *host)
{
    for (size_t i = 0; i < host->len; i++)
        hierarchy_done(&host->at[i]);
    free(host->base);
    free(host->identity);
    *host = (struct cgroup_host){ .v2 = -1 };
}

int cgroup_host_find(const struct cgroup_host *host, enum cgroup_controller controller)
{
    for (size_t i = 0; i < host->len; i++)
        if (host->at[i].controllers & (1U << controller))
            return (int)i;
    return -1;
}
