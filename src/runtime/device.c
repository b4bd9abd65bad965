/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of a fresh /dev. Root makes them by number in the parent, in a file system of the host's
 * whose owners are then mapped. In a user namespace no node can be made, so there the child clones
 * the host's as detached mounts while the host is still in sight.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/terminal.h"
#include "runtime/start.h"

/* What every container has (runtime-spec, config-linux.md "Default Devices"). */
struct default_device {
    char path[16];
    unsigned char major;
    unsigned char minor;
};

static const struct default_device default_devices[] = {
    { "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
    { "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

static const char device_links[][2][16] = {
    { "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
    { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
    { "ptmx", "pts/ptmx" },
};

size_t device_count(const struct plan *plan)
{
    return plan->dev && !plan->dev_made ? array_size(default_devices) + plan->n_devices : 0;
}

const char *device_path(const struct plan *plan, size_t i)
{
    if (i < array_size(default_devices))
        return default_devices[i].path;
    return plan->devices[i - array_size(default_devices)].path;
}

static bool nodes_are_made(const struct plan *plan)
{
    return plan->makes_nodes && !plan->userns;
}

int child_devices_clone(struct start *start, size_t i, struct err *err)
{
    if (nodes_are_made(start->plan))
        return 0;
    const struct pairs *sources = start->plan->request->device_sources;
    const char *path = device_path(start->plan, i);
    const char *source = sources ? pairs_value(sources, path) : NULL;
    start->devices[i] = mount_clone(AT_FDCWD, source ? source : path, 0);
    if (start->devices[i] < 0)
        return step_fail(err, "open device", source ? source : path);
    return 0;
}

/* Opens the directory of a node below the root, made if missing. Most are in /dev itself, which
 * stays open. */
static int device_directory(struct start *start, const char *path, int *ret_opened)
{
    char directory[PATH_MAX];
    size_t len = (size_t)(strrchr(path, '/') - path);
    if (len == 0)
        return start->root;
    /* In dev_fill "/dev" is a directory below it. */
    if (start->root != start->dev && len == sizeof("/dev") - 1 && text_starts(path, "/dev/")) {
        if (start->dev < 0)
            start->dev = target_open(start, "dev");
        return start->dev;
    }
    if (len >= sizeof(directory)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(directory, path, len);
    directory[len] = '\0';
    const char *below = directory + strspn(directory, "/");
    *ret_opened = target_open(start, below);
    if (*ret_opened < 0 && errno == ENOENT)
        *ret_opened = target_make(start, below, false);
    return *ret_opened;
}

static int device_make(struct start *start, size_t i, int directory, const char *name,
                       struct err *err)
{
    mode_t type = S_IFCHR;
    mode_t mode = 0666;
    dev_t number;
    uid_t uid = 0;
    gid_t gid = 0;
    if (i < array_size(default_devices)) {
        number = makedev(default_devices[i].major, default_devices[i].minor);
    } else {
        const struct spec_device *device = &start->plan->devices[i - array_size(default_devices)];
        type = device->type[0] == 'b' ? S_IFBLK : device->type[0] == 'p' ? S_IFIFO : S_IFCHR;
        number = makedev((unsigned)device->major.value, (unsigned)device->minor.value);
        mode = device->file_mode.set ? (mode_t)device->file_mode.value & 07777 : 0666;
        uid = (uid_t)device->uid.value;
        gid = (gid_t)device->gid.value;
    }
    int made = mknodat(directory, name, type | mode, number);
    /* One of the default devices, that the specification lists as well: its row counts. */
    if (made < 0 && errno == EEXIST && directory == start->dev && unlinkat(directory, name, 0) == 0)
        made = mknodat(directory, name, type | mode, number);
    if (made < 0 || ((uid || gid) && fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0))
        return step_fail(err, "make device", device_path(start->plan, i));
    return 0;
}

int child_device(struct start *start, size_t i, struct err *err)
{
    const char *path = device_path(start->plan, i);
    const char *name = strrchr(path, '/') + 1;
    auto_close int opened = -1;
    int directory = device_directory(start, path, &opened);
    if (directory < 0)
        return step_fail(err, "open the directory of", path);
    if (nodes_are_made(start->plan))
        return device_make(start, i, directory, name, err);

    int made = mknodat(directory, name, S_IFREG | 0666, 0);
    bool there = made == 0 || (errno == EEXIST && directory == start->dev);
    if (!there || mount_attach(start->devices[i], directory, name) < 0)
        return step_fail(err, "mount device", path);
    fd_close(&start->devices[i]);
    return 0;
}

/* --- the parent's ----------------------------------------------------------------------------- */

static int links_make(int dev, struct err *err)
{
    for (size_t n = 0; n < array_size(device_links); n++)
        if (symlinkat(device_links[n][1], dev, device_links[n][0]) < 0 && errno != EEXIST)
            return step_fail(err, "link in /dev", device_links[n][0]);
    return 0;
}

/* Places for what is mounted below, devpts and the like: the child finds them there. */
static int places_make(const struct plan *plan, int dev, struct err *err)
{
    static const char prefix[] = "dev/";
    for (size_t n = 0; n < plan->n_mounts; n++) {
        const char *destination = plan->mounts[n].destination;
        const char *name = destination + sizeof(prefix) - 1;
        if (plan->mounts[n].kind == PLAN_MOUNT_FS && text_starts(destination, prefix) && *name &&
            !strchr(name, '/') && mkdirat(dev, name, 0755) < 0 && errno != EEXIST)
            return step_fail(err, "make a directory for", destination);
    }
    return 0;
}

/* A device of another directory begins in /dev, hidden: the root takes no nodes, so it is mounted
 * where it belongs. */
static const char *far_name(size_t device, char name[static 32])
{
    (void)snprintf(name, 32, "/.device-%zu", device);
    return name;
}

/* The root is, for as long as this takes, the new /dev. */
static int dev_fill(struct start *start, struct err *err)
{
    const struct plan *plan = start->plan;
    for (size_t n = 0; n < array_size(default_devices) + plan->n_devices; n++) {
        char far[32];
        const char *path = device_path(plan, n) + sizeof("/dev") - 1;
        if (!text_starts(device_path(plan, n), "/dev/"))
            path = far_name(n - array_size(default_devices), far);
        auto_close int opened = -1;
        int directory = device_directory(start, path, &opened);
        if (directory < 0)
            return step_fail(err, "make the directory of", device_path(plan, n));
        if (device_make(start, n, directory, strrchr(path, '/') + 1, err) < 0)
            return -1;
    }
    if (places_make(plan, start->root, err) < 0)
        return -1;
    return links_make(start->root, err);
}

/* Hands what lies below to whom its owners are inside. */
static int owners_shift(int directory, const struct id_maps *maps, struct err *err)
{
    auto_done(strings) names = {};
    if (dir_list(directory, ".", &names, err) < 0)
        return -1;
    strings_add(&names, "."); /* itself last: until then it is ours */
    for (size_t i = 0; i < names.len; i++) {
        const char *name = names.at[i];
        struct stat status;
        uint32_t uid, gid;
        if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            return err_sys(err, "look at /dev/%s", name);
        bool below = S_ISDIR(status.st_mode) && strcmp(name, ".") != 0;
        auto_close int opened =
            below ? openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (below && (opened < 0 || owners_shift(opened, maps, err) < 0))
            return -1;
        if (!below && id_map_outside(&maps->uid, status.st_uid, &uid) &&
            id_map_outside(&maps->gid, status.st_gid, &gid) &&
            fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
            return err_sys(err, "give /dev/%s to the container", name);
    }
    return 0;
}

/* A tmpfs can be mapped since kernel 6.3; before it the nodes themselves change their owners. */
static int dev_map(struct start *start, struct err *err)
{
    int dev = start->sources[start->plan->n_sources];
    if (mount_idmap(dev, start->userns, 0) == 0)
        return 0;
    if (errno != EINVAL)
        return err_sys(err, "map the owners of /dev");
    return owners_shift(dev, &start->plan->maps, err);
}

int parent_dev(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan *plan = start->plan;
    auto_close int fs = -1;
    if (file_system_make(&plan->mounts[plan->dev_mount], &fs, &start->root, err) < 0)
        return -1;
    start->dev = start->root;
    mode_t own = umask(0);
    int result = dev_fill(start, err);
    (void)umask(own);
    start->dev = -1;
    start->sources[plan->n_sources] = take_fd(start->root);
    if (result < 0)
        return -1;
    return plan->userns ? dev_map(start, err) : 0;
}

/* --- the child's ------------------------------------------------------------------------------ */

int dev_fill_mounted(struct start *start, struct err *err)
{
    int root = start->root;
    int dev = target_open(start, "dev");
    if (dev < 0)
        return step_fail(err, "open", "/dev");
    start->root = start->dev = dev;
    int result = dev_fill(start, err);
    start->root = root;
    start->dev = -1;
    return result;
}

size_t count_far_devices(const struct plan *plan)
{
    return plan->n_far;
}

void describe_far_device(const struct plan *plan, size_t i, struct str *words,
                         struct str *arguments)
{
    (void)arguments;
    str_addf(words, " %s", plan->devices[plan->far[i]].path);
}

/* What is there has to be the device, or the empty file that an earlier start left. */
static bool far_place_is_fit(int place, int node)
{
    struct stat there, wanted;
    if (fstat(place, &there) < 0 || fstat(node, &wanted) < 0)
        return false;
    if (S_ISREG(there.st_mode))
        return there.st_size == 0;
    return (there.st_mode & S_IFMT) == (wanted.st_mode & S_IFMT) && there.st_rdev == wanted.st_rdev;
}

int child_far_device(struct start *start, size_t i, struct err *err)
{
    size_t device = start->plan->far[i];
    const char *path = start->plan->devices[device].path;
    const char *below = path + strspn(path, "/");
    char name[32];
    auto_close int dev = target_open(start, "dev");
    auto_close int node = dev < 0 ? -1 : mount_clone(dev, far_name(device, name) + 1, 0);
    if (node < 0)
        return step_fail(err, "find device", path);
    auto_close int place = target_open(start, below);
    if (place < 0 && errno == ENOENT)
        place = target_make(start, below, true);
    if (place < 0)
        return step_fail(err, "open the place of device", path);
    if (!far_place_is_fit(place, node))
        return err_plain(err, ERR_EXISTS, 0, "there is another file in the place of device", path);
    if (mount_attach(node, place, "") < 0 || unlinkat(dev, name + 1, 0) < 0)
        return step_fail(err, "mount device", path);
    return 0;
}

int child_device_links(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return links_make(start->dev, err);
}

static int console_mount(struct start *start, struct err *err)
{
    auto_close int slave = mount_clone(start->terminal, "", 0);
    auto_close int console = target_open(start, "dev/console");
    if (console < 0 && errno == ENOENT)
        console = target_make(start, "dev/console", true);
    if (slave >= 0 && console >= 0 && mount_attach(slave, console, "") < 0)
        return step_fail(err, "mount the terminal on", "/dev/console");
    return 0; /* an image without a /dev has no place for one */
}

/* The pseudo-terminal is of the container's own devpts; it is /dev/console as well
 * (console_setup(8) and init expect one). */
int child_terminal(struct start *start, size_t i, struct err *err)
{
    (void)i;
    struct statfs status;
    auto_close int pts = target_open(start, "dev/pts");
    auto_close int master = -1;
    if (pts >= 0 && fstatfs(pts, &status) == 0 && status.f_type != DEVPTS_SUPER_MAGIC) {
        errno = ENODEV;
        fd_close(&pts);
    }
    if (pts < 0 || terminal_open(pts, &master, &start->terminal) < 0)
        return step_fail(err, "open a pseudo-terminal in /dev/pts", NULL);
    const struct spec_console_size *size = start->plan->process.console_size;
    struct terminal_size window = {};
    if (size)
        window =
            (struct terminal_size){ (unsigned short)size->height, (unsigned short)size->width };
    if (size && terminal_size_set(master, &window) < 0)
        return step_fail(err, "set the terminal's size", NULL);
    if (start->join_pidfd < 0 && console_mount(start, err) < 0)
        return -1;
    return channel_send_terminal(start, master, err);
}
