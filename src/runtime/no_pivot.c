/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the root is changed by chroot (--no-pivot) the host's mounts stay in the container's mount
 * namespace, out of reach below its root. Yet the kernel looks at them: who makes a user namespace
 * may mount a proc or sysfs without our masks as long as a whole one is anywhere in his mount
 * namespace (mount_too_revealing in the kernel's fs/namespace.c). So the host's are taken away, and
 * covered where they are locked.
 *
 * They may lie on each other, and only the uppermost can be reached: the list is gone through until
 * nothing on it can be reached any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/mount.h"
#include "runtime/start.h"

enum {
    PASSES_MOST = 32,
    LINE_MOST = 8192, /* two paths of PATH_MAX at most are longer, and are no one's /proc */
    DEPTH_MOST = 256,
};

/* The id of the mount that a descriptor is on, as /proc/self/mountinfo has it; -1 with errno. */
static int64_t mount_id(int fd)
{
    struct statx status;
    if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) < 0)
        return -1;
    return (int64_t)status.stx_mnt_id;
}

/* Mounts below `root` are the container's. */
struct roots {
    int64_t root;
    int64_t host;
    bool on_top; /* root lies on "/": no path leads below it, and ".." of the host's "/" is it */
};

static bool is_below_root(int fd, const struct roots *roots)
{
    auto_close int at = roots->on_top ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int64_t id = at < 0 ? -1 : mount_id(at);
    for (int depth = 0; at >= 0 && id != roots->host && depth < DEPTH_MOST; depth++) {
        if (id == roots->root)
            return true;
        int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        fd_close(&at);
        at = up;
        id = at < 0 ? -1 : mount_id(at);
    }
    return false;
}

/* Octal escapes of proc_pid_mountinfo(5) become what they stand for, in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        bool octal = at[0] == '\\' && strspn(at + 1, "01234567") >= 3;
        *to++ = octal ? (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + at[3] - '0') : *at;
        at += octal ? 3 : 0;
    }
    *to = '\0';
}

/* "36 35 98:0 /root /mount/point opts tags - type source opts": the id, and the place if the type is
 * one of those. */
static char *line_place(char *line, int64_t *ret_id)
{
    char *type = strstr(line, " - ");
    char *place = line;
    if (!type || (!text_starts(type + 3, "proc ") && !text_starts(type + 3, "sysfs ")))
        return NULL;
    *ret_id = 0;
    for (const char *at = line; *at >= '0' && *at <= '9'; at++)
        *ret_id = *ret_id * 10 + *at - '0';
    for (int field = 0; field < 4 && place; field++)
        place = (place = strchr(place, ' ')) ? place + 1 : NULL;
    if (!place || place > type)
        return NULL;
    place[strcspn(place, " ")] = '\0';
    unescape(place);
    return place;
}

static int cover(int on)
{
    auto_close int fs = fs_open("tmpfs");
    auto_close int made = fs < 0 ? -1 : fs_mount(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC);
    return made < 0 ? -1 : mount_attach(made, on, "");
}

/* 1 if a mount was there and is not any more, 0 if it cannot be reached or is the container's own. */
static int line_hide(char *line, const struct roots *roots)
{
    int64_t id;
    const char *place = line_place(line, &id);
    auto_close int fd = place ? open(place, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0 || mount_id(fd) != id || is_below_root(fd, roots))
        return 0;
    if (fchdir(fd) < 0)
        return -1;
    if (umount2(".", MNT_DETACH) < 0 && (errno != EINVAL || cover(fd) < 0))
        return -1;
    return 1;
}

/* Returns how many of the list were hidden, -1 with errno. */
static int pass(int list, const struct roots *roots)
{
    char lines[LINE_MOST + 1];
    size_t len = 0;
    int hidden = 0;
    if (lseek(list, 0, SEEK_SET) < 0)
        return -1;
    for (;;) {
        ssize_t n = read(list, lines + len, LINE_MOST - len);
        if (n <= 0)
            return n < 0 ? -1 : hidden;
        len += (size_t)n;
        lines[len] = '\0';
        char *line = lines;
        for (char *end; (end = strchr(line, '\n')); line = end + 1) {
            *end = '\0';
            int one = line_hide(line, roots);
            if (one < 0)
                return -1;
            hidden += one;
        }
        len = line == lines && len == LINE_MOST ? 0 : len - (size_t)(line - lines);
        memmove(lines, line, len);
    }
}

int host_conceal(int root)
{
    auto_close int host = open("/", O_PATH | O_CLOEXEC);
    auto_close int top = open("/..", O_PATH | O_CLOEXEC);
    struct roots roots = { .root = mount_id(root), .host = mount_id(host) };
    roots.on_top = mount_id(top) == roots.root;
    auto_close int list = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (roots.root < 0 || roots.host < 0 || top < 0 || list < 0)
        return -1;
    int hidden = 1;
    for (int i = 0; i < PASSES_MOST && hidden > 0; i++)
        hidden = pass(list, &roots);
    return hidden < 0 ? -1 : 0;
}
