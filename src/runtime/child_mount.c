/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's file system. What it needs of the host it holds as detached mounts before the root is
 * changed; after that every path it uses begins at the container's root, so nothing an image
 * prepares can lead out of it. Mount points are opened first (openat2, no magic links) and mounted
 * on by descriptor, so they cannot be swapped in between; those below file systems of our own have
 * names that nobody can swap.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/mount.h"
#include "runtime/start.h"

int child_sources_clone(struct start *start, size_t i, struct err *err)
{
    if (source_clone(start, i) == 0)
        return 0;
    /* A layer comes without what is mounted below it; but what that covers is not to be seen
     * (has_locked_children in the kernel's fs/namespace.c). */
    bool covered = errno == EINVAL && i < start->plan->n_root_sources;
    (void)step_fail(err, "open", start->plan->sources[i].path);
    return covered ? err_hint(err, "other file systems are mounted below it, and only root may "
                                   "have it without them: choose a directory that has none")
                   : -1;
}

int child_bind_clone(struct start *start, size_t i, struct err *err)
{
    return child_sources_clone(start, start->plan->n_root_sources + i, err);
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

/* Below a file system that was made here and now there is nothing an image or anybody else prepared,
 * so its name will do; but only in the root, and as long as none of the image's links was on the way
 * to a mount: there a name may lead through /proc/self/fd to what is not the container's. */
static bool is_named(const struct start *start, const struct plan_mount *mount)
{
    return start->at_root && !start->linked && mount->below_own;
}

static bool is_below_own(struct start *start, const struct plan_mount *mount)
{
    return is_named(start, mount) &&
           (!mount->place_missing || mkdirat(start->root, mount->destination, 0755) == 0 ||
            errno == EEXIST);
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
    if (is_below_own(start, mount) && mount_attach(made, start->root, path) == 0)
        return 0;
    auto_leave int target = target_find(start, path);
    if (target < 0 && errno == ENOENT && fstat(made, &status) == 0)
        target = mount->kind == PLAN_MOUNT_BIND
                     ? target_make_through(start, path, !S_ISDIR(status.st_mode))
                     : target_make(start, path, false);
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
        return step_fail(
            err, errno == ENODEV ? "the kernel has no file system" : "open a file system of type",
            mount->type);
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

/* Of what is not made in its turn: see there. */
int child_mount_make(struct start *start, size_t i, struct err *err)
{
    size_t at = start->plan->fs[i];
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

/* Likewise what is bound. To drop a mount costs a wait for all processors, so those that were spent
 * are put on each other, and go together; but on none that is shared, for that would be on the host's
 * as well. */
static int source_renew(struct start *start, const struct plan_mount *mount)
{
    int old = start->sources[mount->source];
    bool recursive = start->plan->sources[mount->source].recursive;
    if (!start->plan->binds_by_child)
        return old;
    int copy = mount_clone(old, "", recursive ? MOUNT_RECURSIVE : 0);
    if (copy < 0)
        return old;
    if (start->spent >= 0)
        (void)mount_attach(old, start->spent, "");
    else if (mount->options.propagation != MS_SHARED)
        start->spent = old;
    return copy;
}

static int bind_attach(struct start *start, const struct plan_mount *mount, struct err *err)
{
    int source = source_renew(start, mount);
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

/* --- file systems in their turn --------------------------------------------------------------- */

/* Since kernel 6.8 /proc/self/mountinfo has mounts in the order of their making, and that is to be the
 * configuration's, if there is one: a copy of what was made before takes its turn. Before 6.15 what is
 * not attached could not be copied; then the order is the old one. */
static void fs_renew(struct start *start, size_t i)
{
    int old = start->mounts[i];
    int copy = start->plan->request->state ? mount_clone(old, "", 0) : -1;
    if (copy < 0)
        return;
    start->mounts[i] = copy;
    if (start->spent >= 0)
        (void)mount_attach(old, start->spent, "");
    else if (!start->plan->mounts[i].options.propagation)
        start->spent = old;
}

/* To where a directory is to be mounted on; it is made if it is missing. */
static int place_enter(struct start *start, const struct plan_mount *mount)
{
    char path[PATH_MAX];
    start->away = true;
    if (is_below_own(start, mount) &&
        snprintf(path, sizeof(path), "/%s", mount->destination) < (int)sizeof(path))
        return chdir(path);
    auto_leave int place = target_find(start, mount->destination);
    if (place < 0 && errno == ENOENT)
        place = target_make(start, mount->destination, false);
    return place < 0 ? -1 : fchdir(place);
}

/* Read-only is the mount's, not the file system's: another container of the same namespaces may have
 * it writable. By name where no link is on the way. */
static int readonly_make(struct start *start, const struct plan_mount *mount)
{
    const char *path = mount->destination;
    if ((is_named(start, mount) || !strchr(path, '/')) &&
        mount_change_at(start->root, path, MOUNT_ATTR_RDONLY) == 0)
        return 0;
    auto_leave int target = target_open(start, path);
    return target < 0 ? -1 : mount_change(target, MOUNT_ATTR_RDONLY, 0, 0, 0);
}

/* One call for what takes five by descriptors and more. What it cannot do, those do, or tell why. */
static bool made_in_place(struct start *start, const struct plan_mount *mount)
{
    uint64_t set = mount->options.set | mount->options.set_below;
    return mount->data && place_enter(start, mount) == 0 &&
           mount_here(mount->type, mount->name, set & ~(uint64_t)MOUNT_ATTR_RDONLY, mount->data) ==
               0;
}

static int fs_attach(struct start *start, size_t i, struct err *err)
{
    const struct plan_mount *mount = &start->plan->mounts[i];
    if ((mount->mode_below || mount->options.copy_up) && fs_inherit(start, i, err) < 0)
        return -1;
    return target_attach(start, start->mounts[i], mount, err);
}

static int fs_mount_in_turn(struct start *start, size_t i, struct err *err)
{
    const struct plan *plan = start->plan;
    const struct plan_mount *mount = &plan->mounts[i];
    if (!mount->in_turn) {
        if (start->turned || (plan_dev_handed(plan) && i == plan->dev_mount))
            fs_renew(start, i);
        return fs_attach(start, i, err);
    }
    start->turned = true;
    auto_leave int fs = -1;
    if (!made_in_place(start, mount)) {
        if (file_system_make(mount, &fs, &start->mounts[i], err) < 0 ||
            fs_attach(start, i, err) < 0)
            return -1;
    } else if ((mount->options.set | mount->options.set_below) & MOUNT_ATTR_RDONLY &&
               readonly_make(start, mount) < 0) {
        return step_fail(err, "make read-only", mount->destination);
    }
    return plan->dev_by_child && i == plan->dev_mount ? dev_fill_mounted(start, err) : 0;
}

/* By its name where no link leads out of the container's root, else by the directory it is in. */
static int link_make(struct start *start, const struct plan_mount *mount)
{
    char path[PATH_MAX];
    const char *slash = strrchr(mount->destination, '/');
    if ((start->at_root && !start->linked) || !slash)
        return symlinkat(mount->type, start->root, mount->destination);
    (void)snprintf(path, sizeof(path), "%.*s", (int)(slash - mount->destination),
                   mount->destination);
    auto_leave int directory = target_open(start, path);
    return directory < 0 ? -1 : symlinkat(mount->type, directory, slash + 1);
}

int child_mount(struct start *start, size_t i, struct err *err)
{
    const struct plan_mount *mount = &start->plan->mounts[i];
    switch (mount->kind) {
    case PLAN_MOUNT_REMOUNT:
        return mount_again(start, mount, err);
    case PLAN_MOUNT_FS:
        return fs_mount_in_turn(start, i, err);
    case PLAN_MOUNT_BIND:
        return bind_attach(start, mount, err);
    case PLAN_MOUNT_LINK:
        if (link_make(start, mount) < 0)
            return step_fail(err, "link", mount->destination);
        return 0;
    }
    return 0;
}

int child_mount_rest(struct start *start, size_t i, struct err *err)
{
    return child_mount(start, start->plan->n_mounts_first + i, err);
}

int child_late_readonly(struct start *start, size_t i, struct err *err)
{
    size_t at = start->plan->late[i];
    const struct plan_mount *mount = &start->plan->mounts[at];
    /* None is held of what was made in place. */
    if ((start->mounts[at] < 0 ? readonly_make(start, mount)
                               : mount_change(start->mounts[at], MOUNT_ATTR_RDONLY, 0, 0, 0)) < 0)
        return step_fail(err, "make read-only", mount->destination);
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
