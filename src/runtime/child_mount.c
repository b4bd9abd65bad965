/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's file system. What it needs of the host it holds as detached mounts before the root is
 * changed; after that every path it uses begins at the container's root, so nothing an image
 * prepares can lead out of it. Mount points are opened first (openat2, no magic links) and mounted
 * on by descriptor, so they cannot be swapped in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/mount.h"
#include "runtime/start.h"

/* A descriptor of the child's is closed with all the others before the program is executed; only
 * where there are very many of them, at once. */
enum { LEFT_OPEN_MOST = 256 };

static void fd_leave(const int *fd)
{
    if (*fd >= LEFT_OPEN_MOST)
        (void)close(*fd);
}
#define auto_leave __attribute__((cleanup(fd_leave)))

int child_sources_clone(struct start *start, size_t i, struct err *err)
{
    if (source_clone(start, i) < 0)
        return step_fail(err, "open", start->plan->sources[i].path);
    return 0;
}

/* --- the root --------------------------------------------------------------------------------- */

/* A directory every host has and that is not needed from here on; what is mounted there goes with
 * the old root. */
static const char layer_place[] = "/dev";

/* Layers by descriptor came with kernel 6.13. Before it: their names in /proc/self/fd as the
 * working directory, short enough for fsconfig's 255 characters to hold some sixty of them. */
static int overlay_named(int fs, const int *lower, size_t n_lower, int upper, int work)
{
    char list[256];
    size_t len = 0;
    if (chdir("/proc/self/fd") < 0)
        return -1;
    for (size_t i = 0; i < n_lower; i++) {
        int more = snprintf(list + len, sizeof(list) - len, "%s%d", i ? ":" : "", lower[i]);
        len += (size_t)more;
        if (len >= sizeof(list)) {
            errno = E2BIG;
            return -1;
        }
    }
    if (fs_text(fs, "lowerdir", list) < 0)
        return -1;
    if (upper < 0)
        return 0;
    (void)snprintf(list, sizeof(list), "%d", upper);
    if (fs_text(fs, "upperdir", list) < 0)
        return -1;
    (void)snprintf(list, sizeof(list), "%d", work);
    return fs_text(fs, "workdir", list);
}

static int overlay_layers(int fs, const int *lower, size_t n_lower, int upper, int work)
{
    for (size_t i = 0; i < n_lower; i++) {
        if (fs_descriptor(fs, "lowerdir+", lower[i]) == 0)
            continue;
        return i == 0 ? overlay_named(fs, lower, n_lower, upper, work) : -1;
    }
    if (upper < 0)
        return 0;
    if (fs_descriptor(fs, "upperdir", upper) < 0)
        return -1;
    return fs_descriptor(fs, "workdir", work);
}

static int overlay_mount(struct start *start, int upper, int work, struct err *err)
{
    const struct plan *plan = start->plan;
    bool upper_is_source = plan->request->rootfs->upper;
    const int *lower = start->sources + upper_is_source;
    size_t n_lower = plan->n_root_sources - upper_is_source;
    auto_leave int fs = fs_open("overlay");
    if (fs < 0)
        return step_fail(err, "the kernel has no overlay file system", NULL);

    bool configured = overlay_layers(fs, lower, n_lower, upper, work) == 0 &&
                      fs_flag(fs, "userxattr") == 0 &&
                      (!(plan->request->rootfs->flags & ROOTFS_VOLATILE) || upper < 0 ||
                       fs_flag(fs, "volatile") == 0);
    start->root = configured ? fs_mount(fs, MOUNT_ATTR_NODEV) : -1;
    if (start->root >= 0)
        return 0;
    char message[256];
    return step_fail(err, "mount the image's layers", fs_message(fs, message, sizeof(message)));
}

static int directory_at(int dirfd, const char *name)
{
    return openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A tmpfs that nobody else sees, to hold the upper layer. */
static int memory_mount(void)
{
    auto_close int fs = fs_open("tmpfs");
    int mount = fs >= 0 && fs_text(fs, "mode", "0700") == 0 ? fs_mount(fs, 0) : -1;
    if (mount < 0 || mount_attach(mount, AT_FDCWD, layer_place) < 0 ||
        mkdirat(mount, "upper", 0755) < 0 || mkdirat(mount, "work", 0755) < 0)
        return -1;
    return mount;
}

int child_layers_mount(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan *plan = start->plan;
    /* An overlay takes only layers that are mounted in the namespace of whoever mounts it. They may
     * lie on top of each other, but not on "/": there they would lie on top of the old root too,
     * and outlive it. */
    for (size_t layer = 0; layer < plan->n_root_sources; layer++)
        if (mount_attach(start->sources[layer], AT_FDCWD, layer_place) < 0)
            return step_fail(err, "attach layer", plan->sources[layer].path);

    if (!plan->has_upper)
        return overlay_mount(start, -1, -1, err);
    bool in_memory = plan->request->rootfs->flags & ROOTFS_TMPFS;
    int holder = in_memory ? memory_mount() : start->sources[0];
    auto_leave int upper = holder < 0 ? -1 : directory_at(holder, "upper");
    auto_leave int work = holder < 0 ? -1 : directory_at(holder, "work");
    if (upper < 0 || work < 0)
        return step_fail(err, "open the upper layer",
                         in_memory ? "in memory" : plan->sources[0].path);
    return overlay_mount(start, upper, work, err);
}

int root_change(struct start *start, struct err *err)
{
    bool pivots = !(start->plan->request->flags & RUNTIME_NO_PIVOT);
    /* What is in one that was joined is others'. */
    if (!pivots && !start->plan->mount_path && host_conceal(start->root) < 0)
        return step_fail(err, "hide the host's proc and sysfs", NULL);
    if ((pivots ? mount_pivot(start->root) : mount_chroot(start->root)) < 0)
        return step_fail(err, "change to the root file system", NULL);
    start->at_root = true;
    return 0;
}

int child_root_mount(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan *plan = start->plan;
    if (plan->request->rootfs->kind == ROOTFS_DIRECTORY) {
        start->root = start->sources[0];
        start->sources[0] = -1;
    }
    /* Where hooks look for it: its own place, if the way there is open to the container's root. */
    if (plan_pivots_late(plan) && plan->request->rootfs->kind == ROOTFS_DIRECTORY &&
        mount_attach(start->root, AT_FDCWD, plan->sources[0].path) == 0)
        return 0;
    if (mount_attach(start->root, AT_FDCWD, "/") < 0)
        return step_fail(err, "attach the root file system", NULL);
    return plan_pivots_late(plan) ? 0 : root_change(start, err);
}

int child_root_readonly(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (mount_change(start->root, MOUNT_ATTR_RDONLY, 0, 0, 0) < 0)
        return step_fail(err, "make the root file system read-only", NULL);
    return 0;
}

/* --- mount points ----------------------------------------------------------------------------- */

int target_open(struct start *start, const char *path)
{
    return file_openat2(start->root, path, O_PATH | O_CLOEXEC, 0,
                        RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/* Makes the last component in its directory and opens it; -1 with ENOENT if that is not there. */
static int target_make_last(struct start *start, char *path, bool is_file)
{
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (slash)
        *slash = '\0';
    auto_close int directory = target_open(start, slash ? path : ".");
    if (slash)
        *slash = '/';
    if (directory < 0)
        return -1;
    auto_close int made =
        is_file ? openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644) : -1;
    if (is_file ? made < 0 : mkdirat(directory, name, 0755) < 0)
        return -1;
    return openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

int target_make(struct start *start, const char *text, bool is_file)
{
    char path[PATH_MAX];
    size_t len = strlen(text);
    if (len >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(path, text, len + 1);
    while (len && path[len - 1] == '/')
        path[--len] = '\0';
    int target = target_make_last(start, path, is_file);
    if (target >= 0 || errno != ENOENT)
        return target;
    for (char *slash = path; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        auto_close int there = target_open(start, path);
        auto_close int made =
            there < 0 && errno == ENOENT ? target_make_last(start, path, false) : -1;
        if (there < 0 && made < 0)
            return -1;
    }
    return target_make_last(start, path, is_file);
}

/* Links that lead to the root are refused: what is mounted on top of the root is out of reach of
 * every path but "/..", so that nothing would cover what has to be masked in it. */
static int target_follow(struct start *start, const char *path)
{
    auto_close int target = target_open(start, path);
    struct stat status, root;
    if (target < 0 || fstat(target, &status) < 0 || fstat(start->root, &root) < 0)
        return -1;
    if (status.st_dev == root.st_dev && status.st_ino == root.st_ino) {
        errno = ELOOP;
        return -1;
    }
    return take_fd(target);
}

/* Below a file system that was made here and now there is nothing an image or anybody else prepared,
 * so its name will do. */
static bool attached_below_own(struct start *start, int made, const struct plan_mount *mount)
{
    if (mount->place_missing && mkdirat(start->root, mount->destination, 0755) < 0 &&
        errno != EEXIST)
        return false;
    return mount_attach(made, start->root, mount->destination) == 0;
}

static int fail_kind(bool is_file, const char *path, struct err *err)
{
    return err_plain(err, ERR_INVALID, 0,
                     is_file ? "a file is to be mounted, but there is no file at"
                             : "a directory is to be mounted, but there is no directory at",
                     path);
}

static const char link_to_nowhere[] =
    "a mount must be mounted on ordinary directory or file, and here is a link that leads nowhere:";

static int target_attach(struct start *start, int made, const struct plan_mount *mount,
                         struct err *err)
{
    const char *path = mount->destination;
    struct stat status;
    if (mount->below_own && attached_below_own(start, made, mount))
        return 0;
    auto_leave int target =
        file_openat2(start->root, path, O_PATH | O_CLOEXEC, 0,
                     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
    if (target < 0 && errno == ELOOP)
        target = target_follow(start, path);
    if (target < 0 && errno == ENOENT && fstat(made, &status) == 0)
        target = target_make(start, path, !S_ISDIR(status.st_mode));
    if (target < 0 && errno == EEXIST)
        return err_plain(err, ERR_INVALID, 0, link_to_nowhere, path);
    if (target < 0)
        return step_fail(err, "open mount point", path);
    if (mount_attach(made, target, "") == 0)
        return 0;
    struct stat place;
    if (errno == EINVAL && fstat(made, &status) == 0 && fstat(target, &place) == 0 &&
        S_ISDIR(status.st_mode) != S_ISDIR(place.st_mode))
        return fail_kind(!S_ISDIR(status.st_mode), path, err);
    return step_fail(err, "mount on", path);
}

/* --- mounts ----------------------------------------------------------------------------------- */

static int fs_option(int fs, const char *option)
{
    char key[64];
    const char *value = strchr(option, '=');
    if (!value)
        return fs_flag(fs, option);
    size_t len = (size_t)(value - option);
    if (len >= sizeof(key)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(key, option, len);
    key[len] = '\0';
    return fs_text(fs, key, value + 1);
}

int file_system_make(const struct plan_mount *mount, int *ret_fs, int *ret_made, struct err *err)
{
    int fs = *ret_fs = fs_open(mount->type);
    if (fs < 0)
        return step_fail(err, "the kernel has no file system", mount->type);
    if (mount->name)
        (void)fs_text(fs, "source",
                      mount->name); /* for /proc/mounts alone; not every type takes it */
    for (size_t option = 0; option < mount->options.rest.len; option++)
        if (fs_option(fs, mount->options.rest.at[option]) < 0)
            return step_fail(err, "unknown mount option", mount->options.rest.at[option]);
    auto_close int made = fs_mount(fs, mount->options.set | mount->options.set_below);
    if (made < 0)
        return step_fail(err, "mount", mount->type);
    if (mount->options.propagation && mount_change(made, 0, 0, mount->options.propagation, 0) < 0)
        return step_fail(err, "set the propagation of", mount->destination);
    *ret_made = take_fd(made);
    return 0;
}

/* Since kernel 6.8 /proc/self/mountinfo has mounts in the order of their making, and that is to be the
 * configuration's, while the parent made /dev before all others: a copy takes its turn. Before 6.15
 * what is not attached could not be copied; then the order is the old one. */
static void dev_in_turn(int *mount)
{
    int copy = mount_clone(*mount, "", 0);
    if (copy < 0)
        return;
    fd_leave(mount);
    *mount = copy;
}

/* A proc or sysfs can be made in a user namespace only while a whole one is in sight
 * (mount_too_revealing in the kernel's fs/namespace.c): so before the root is changed. */
int child_mount_make(struct start *start, size_t i, struct err *err)
{
    size_t at = start->plan->fs[i];
    if (start->plan->dev_made && at == start->plan->dev_mount) {
        dev_in_turn(&start->mounts[at]);
        return 0;
    }
    auto_leave int fs = -1;
    return file_system_make(&start->plan->mounts[at], &fs, &start->mounts[at], err);
}

int child_late_mount_make(struct start *start, size_t i, struct err *err)
{
    return child_mount_make(start, start->plan->n_early_fs + i, err);
}

static int bind_propagation(int source, const struct mount_options *options)
{
    if (options->propagation != MS_SHARED && options->propagation != MS_UNBINDABLE)
        return 0;
    return mount_change(source, 0, 0, options->propagation,
                        options->propagation_below ? MOUNT_RECURSIVE : 0);
}

static int bind_attach(struct start *start, const struct plan_mount *mount, struct err *err)
{
    int source = start->sources[mount->source];
    const struct mount_options *options = &mount->options;
    bool recursive = start->plan->sources[mount->source].recursive;
    if (recursive && (options->set || options->clear) &&
        mount_change(source, options->set, options->clear, 0, 0) < 0)
        return step_fail(err, "set the options of", mount->destination);
    if ((options->set_below || options->clear_below) &&
        mount_change(source, options->set_below, options->clear_below, 0, MOUNT_RECURSIVE) < 0)
        return step_fail(err, "set the options below", mount->destination);
    if (bind_propagation(source, options) < 0)
        return step_fail(err, "set the propagation of", mount->destination);
    return target_attach(start, source, mount, err);
}

/* A directory that is to be covered by a file system hands something on to it. */
static int fs_inherit(struct start *start, size_t i, struct err *err)
{
    const struct plan_mount *mount = &start->plan->mounts[i];
    struct stat status;
    auto_close int below = target_open(start, mount->destination);
    if (below < 0 && errno == ENOENT)
        return 0;
    if (below < 0 || fstat(below, &status) < 0)
        return step_fail(err, "look at", mount->destination);
    if (!S_ISDIR(status.st_mode))
        return 0; /* mounting on it will tell */
    if (mount->mode_below && fchmodat(start->mounts[i], ".", status.st_mode & 07777, 0) < 0)
        return step_fail(err, "set the mode of", mount->destination);
    if (mount->options.copy_up && copy_up(below, start->mounts[i]) < 0)
        return step_fail(err, "copy the files of", mount->destination);
    return 0;
}

static int fs_change(int target, const struct plan_mount *mount, struct err *err)
{
    auto_close int fs = fs_of(target);
    if (fs < 0)
        return step_fail(err, "remount", mount->destination);
    for (size_t option = 0; option < mount->options.rest.len; option++)
        if (fs_option(fs, mount->options.rest.at[option]) < 0)
            return step_fail(err, "unknown mount option", mount->options.rest.at[option]);
    if (fs_reconfigure(fs) < 0)
        return step_fail(err, "remount", mount->destination);
    return 0;
}

/* Read-only is the mount's, not the file system's: that one may be the host's as well. */
static int mount_again(struct start *start, const struct plan_mount *mount, struct err *err)
{
    const struct mount_options *options = &mount->options;
    auto_close int target = target_open(start, mount->destination);
    if (target < 0)
        return step_fail(err, "open mount point", mount->destination);
    if (options->rest.len && fs_change(target, mount, err) < 0)
        return -1;
    if (mount_change(target, options->set, options->clear, 0, 0) < 0 ||
        ((options->set_below || options->clear_below) &&
         mount_change(target, options->set_below, options->clear_below, 0, MOUNT_RECURSIVE) < 0) ||
        (options->propagation &&
         mount_change(target, 0, 0, options->propagation,
                      options->propagation_below ? MOUNT_RECURSIVE : 0) < 0))
        return step_fail(err, "remount (is something mounted there?)", mount->destination);
    return 0;
}

int child_mount(struct start *start, size_t i, struct err *err)
{
    const struct plan_mount *mount = &start->plan->mounts[i];
    switch (mount->kind) {
    case PLAN_MOUNT_REMOUNT:
        return mount_again(start, mount, err);
    case PLAN_MOUNT_FS:
        if ((mount->mode_below || mount->options.copy_up) && fs_inherit(start, i, err) < 0)
            return -1;
        return target_attach(start, start->mounts[i], mount, err);
    case PLAN_MOUNT_BIND:
        return bind_attach(start, mount, err);
    case PLAN_MOUNT_LINK:
        if (symlinkat(mount->type, start->root, mount->destination) < 0)
            return step_fail(err, "link", mount->destination);
        return 0;
    }
    return 0;
}

int child_late_readonly(struct start *start, size_t i, struct err *err)
{
    size_t at = start->plan->late[i];
    if (mount_change(start->mounts[at], MOUNT_ATTR_RDONLY, 0, 0, 0) < 0)
        return step_fail(err, "make read-only", start->plan->mounts[at].destination);
    return 0;
}

int child_root_propagation(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan *plan = start->plan;
    if (mount_change(start->root, 0, 0, plan->root_propagation,
                     plan->root_propagation_below ? MOUNT_RECURSIVE : 0) < 0)
        return step_fail(err, "set the propagation of the root file system", NULL);
    return 0;
}

/* --- masked and read-only paths --------------------------------------------------------------- */

/* What an image or a volume calls /dev/null has to be one. */
static int null_clone(struct start *start)
{
    auto_close int null = mount_clone(start->root, "dev/null", 0);
    struct stat status;
    if (null < 0 || fstat(null, &status) < 0)
        return -1;
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3)) {
        errno = ENXIO;
        return -1;
    }
    return take_fd(null);
}

static int empty_make(struct start *start)
{
    (void)start;
    auto_leave int fs = fs_open("tmpfs");
    if (fs < 0)
        return -1;
    return fs_mount(fs,
                    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

/* The first cover of a kind is made, the others are copies of it. */
static int cover(struct start *start, const char *path, int *first,
                 int (*make)(struct start *start), struct err *err)
{
    bool made = *first < 0;
    if (made && (*first = make(start)) < 0)
        return step_fail(err, "make an empty directory or open /dev/null to mask", path);
    auto_leave int copy = made ? -1 : mount_clone(*first, "", 0);
    if ((!made && copy < 0) || mount_attach(made ? *first : copy, AT_FDCWD, path) < 0)
        return step_fail(err, "mask", path);
    return 0;
}

/* Files are covered by /dev/null, directories by an empty one, what is not there by nothing. Asked
 * first which it is: to drop a mount that does not fit costs a wait for all processors. */
int child_mask(struct start *start, size_t i, struct err *err)
{
    const char *path = start->plan->masked->at[i];
    struct stat status;
    if (stat(path, &status) < 0)
        return errno == ENOENT ? 0 : step_fail(err, "look at", path);
    if (S_ISDIR(status.st_mode))
        return cover(start, path, &start->empty, empty_make, err);
    return cover(start, path, &start->null, null_clone, err);
}

int child_readonly(struct start *start, size_t i, struct err *err)
{
    const char *path = start->plan->readonly->at[i];
    auto_leave int mount =
        mount_clone_changed(AT_FDCWD, path, MOUNT_ATTR_RDONLY, 0, 0, MOUNT_RECURSIVE);
    if (mount < 0 && errno == ENOENT)
        return 0;
    if (mount < 0 || mount_attach(mount, AT_FDCWD, path) < 0)
        return step_fail(err, "make read-only", path);
    return 0;
}
