/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink that fills a directory. Each member is made by the one call that fails if its name is
 * taken; only then what is there is looked at and, as a rule, removed: the later member of a name
 * counts, whatever the types. Attributes are set by descriptor or, on links and nodes, by a single
 * name below one, in the order in which the kernel does not undo them: data, owner, mode, extended
 * attributes, times. Directories get their times and default ACLs at the very end, since making
 * what is in them changes the one and would be changed by the other.
 *
 * Nobody else works in the directory meanwhile, but links made by earlier members lie in it, so
 * that every way through it is struct beneath's.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "transfer/beneath.h"
#include "transfer/sink.h"

static const char opaque_xattr[] = "user.overlay.opaque";
static const char default_acl[] = "system.posix_acl_default";

/* What a directory gets last. */
struct finish {
    char *path;
    struct timespec mtime;
    void *acl; /* NULL: none */
    size_t acl_len;
};

struct directory_sink {
    struct sink sink;
    struct beneath beneath;
    struct sink_help help;
    struct finish *finishes;
    size_t n_finishes;
    size_t room;
    int file; /* being written, or -1 */
    uint64_t file_end;
};

static struct directory_sink *of(struct sink *sink)
{
    return (struct directory_sink *)sink;
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static void warn(const struct directory_sink *sink, const struct member *member, const char *what)
{
    auto_free char *text = xasprintf("%s: %s", member->path, what);
    sink->help.warning(sink->help.context, text);
}

/* ---- what is there already ---- */

/* Removes what has the name. *ret_whiteout, if wanted: it was a whiteout. dir has to be looked up
 * again. */
static int entry_clear(struct directory_sink *sink, int dir, const char *name, bool *ret_whiteout,
                       struct err *err)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, "look at what has its name");
    if (ret_whiteout)
        *ret_whiteout = is_whiteout(&st);
    int result = 0;
    if (S_ISDIR(st.st_mode))
        result = tree_remove(dir, name, err);
    else if (unlinkat(dir, name, 0) < 0)
        result = err_sys(err, "replace what has its name");
    /* The directory looked up last may have been below it or behind it. */
    if (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode))
        beneath_forget(&sink->beneath);
    return result;
}

/* Looks up the member's directory. The root itself can only be a directory. */
static int entry_place(struct directory_sink *sink, const struct member *member, int *ret_dir,
                       const char **ret_name, struct err *err)
{
    if (!*member->path)
        return err_set(err, ERR_INVALID, "the layer's root is no directory");
    return beneath_parent(&sink->beneath, member->path, ret_dir, ret_name, err);
}

/* One call that makes a member, -1 with errno, else 0 or a descriptor. */
typedef int entry_maker(int dir, const char *name, const struct member *member);

/* Makes the member, in place of what has its name if need be. Gives what the maker gave. */
static int entry_make(struct directory_sink *sink, const struct member *member, entry_maker *make,
                      int *ret_dir, const char **ret_name, struct err *err)
{
    if (entry_place(sink, member, ret_dir, ret_name, err) < 0)
        return -1;
    int made = make(*ret_dir, *ret_name, member);
    if (made < 0 && errno == EEXIST) {
        if (entry_clear(sink, *ret_dir, *ret_name, NULL, err) < 0 ||
            entry_place(sink, member, ret_dir, ret_name, err) < 0)
            return -1;
        made = make(*ret_dir, *ret_name, member);
    }
    return made < 0 ? err_sys(err, "make it") : made;
}

/* ---- attributes ---- */

/* An owner that the user namespace does not map is EINVAL. */
static int owner_failed(const struct member *member, struct err *err)
{
    if (errno != EINVAL)
        return err_sys(err, "set its owner");
    err_set(err, ERR_DENIED, "its owner %u:%u lies outside of the ids there are", member->uid,
            member->gid);
    return err_hint(err, "give this user more subordinate ids in /etc/subuid and /etc/subgid");
}

static bool owner_differs(const struct stat *st, const struct member *member)
{
    return st->st_uid != member->uid || st->st_gid != member->gid;
}

/* The disk's fault, and nothing that may be left out. */
static bool is_lost(int errnum)
{
    return errnum == ENOSPC || errnum == EDQUOT || errnum == EIO;
}

static int xattr_set(const struct directory_sink *sink, int fd, const struct member *member,
                     const struct xattr *xattr, struct err *err)
{
    if (fsetxattr(fd, xattr->name, xattr->value, xattr->len, 0) == 0)
        return 0;
    if (is_lost(errno))
        return err_sys(err, "set its attribute %s", xattr->name);
    /* The rest are properties of this file system, or of what stands in the archive. */
    auto_free char *text =
        xasprintf("its attribute %s is left out: %s", xattr->name, strerror(errno));
    warn(sink, member, text);
    return 0;
}

/* Owner, special bits and extended attributes of what fd is. `mode` is what it has now. */
static int attributes_set(const struct directory_sink *sink, int fd, const struct member *member,
                          struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(err, "look at it");
    /* A directory with the set-group-id bit gives its group, and its bit, to what is made in it. */
    if (owner_differs(&st, member) && fchown(fd, member->uid, member->gid) < 0)
        return owner_failed(member, err);
    if (((st.st_mode ^ member->mode) & 07777 || member->mode & 07000) &&
        fchmod(fd, member->mode) < 0)
        return err_sys(err, "set its mode");
    for (size_t i = 0; i < member->n_xattrs; i++) {
        if (strcmp(member->xattrs[i].name, default_acl) == 0)
            continue;
        if (xattr_set(sink, fd, member, &member->xattrs[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Owner and times of what is no file or directory. */
static int node_attributes_set(const struct directory_sink *sink, int dir, const char *name,
                               const struct member *member, struct err *err)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, "look at it");
    if (owner_differs(&st, member) &&
        fchownat(dir, name, member->uid, member->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return owner_failed(member, err);
    if (member->n_xattrs > 0)
        warn(sink, member, "its extended attributes are left out");
    const struct timespec times[] = { member->mtime, member->mtime };
    if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, "set its times");
    return 0;
}

/* ---- directories ---- */

static void finish_add(struct directory_sink *sink, const struct member *member)
{
    if (sink->n_finishes == sink->room) {
        sink->room = sink->room > 0 ? sink->room * 2 : 64;
        sink->finishes = xrealloc(sink->finishes, sink->room, sizeof(*sink->finishes));
    }
    struct finish *finish = &sink->finishes[sink->n_finishes++];
    *finish = (struct finish){ .path = xstrdup(member->path), .mtime = member->mtime };
    for (size_t i = 0; i < member->n_xattrs; i++) {
        const struct xattr *xattr = &member->xattrs[i];
        if (strcmp(xattr->name, default_acl) != 0)
            continue;
        finish->acl = xrealloc(finish->acl, xattr->len, 1);
        memcpy(finish->acl, xattr->value, xattr->len);
        finish->acl_len = xattr->len;
    }
}

static int opaque_set(int directory, struct err *err)
{
    if (fsetxattr(directory, opaque_xattr, "y", 1, 0) < 0)
        return err_sys(err, "set the attribute %s", opaque_xattr);
    return 0;
}

/* Gives the directory member itself, made if it was not there. *ret_opaque: it stands where a
 * whiteout was. */
static int directory_place(struct directory_sink *sink, const struct member *member, int *ret_fd,
                           bool *ret_opaque, struct err *err)
{
    int dir = sink->beneath.root;
    const char *name = ".";
    *ret_opaque = false;
    if (*member->path) {
        struct stat st;
        if (beneath_parent(&sink->beneath, member->path, &dir, &name, err) < 0)
            return -1;
        bool taken = mkdirat(dir, name, member->mode) < 0;
        if (taken && errno != EEXIST)
            return err_sys(err, "make it");
        if (taken && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return err_sys(err, "look at it");
        if (taken && !S_ISDIR(st.st_mode) &&
            (entry_clear(sink, dir, name, ret_opaque, err) < 0 ||
             beneath_parent(&sink->beneath, member->path, &dir, &name, err) < 0))
            return -1;
        if (taken && !S_ISDIR(st.st_mode) && mkdirat(dir, name, member->mode) < 0)
            return err_sys(err, "make it");
    }
    *ret_fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret_fd < 0 ? err_sys(err, "open it") : 0;
}

static int sink_directory(struct sink *base, const struct member *member, struct err *err)
{
    struct directory_sink *sink = of(base);
    auto_close int fd = -1;
    bool opaque;

    if (directory_place(sink, member, &fd, &opaque, err) < 0)
        return -1;
    if (attributes_set(sink, fd, member, err) < 0)
        return -1;
    if (opaque && opaque_set(fd, err) < 0)
        return -1;
    finish_add(sink, member);
    return 0;
}

/* ---- files ---- */

static int make_file(int dir, const char *name, const struct member *member)
{
    return openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  member->mode & 0777);
}

static int sink_file(struct sink *base, const struct member *member, struct err *err)
{
    struct directory_sink *sink = of(base);
    int dir = -1;
    const char *name = "";

    fd_close(&sink->file);
    sink->file = entry_make(sink, member, make_file, &dir, &name, err);
    sink->file_end = 0;
    return sink->file < 0 ? -1 : 0;
}

static int sink_data(struct sink *base, const void *at, size_t len, uint64_t offset,
                     struct err *err)
{
    struct directory_sink *sink = of(base);
    if (offset != sink->file_end && lseek(sink->file, (off_t)offset, SEEK_SET) < 0)
        return err_sys(err, "seek in it");
    if (fd_write_all(sink->file, at, len) < 0)
        return err_sys(err, "write it");
    sink->file_end = offset + len;
    return 0;
}

static int sink_file_end(struct sink *base, const struct member *member, struct err *err)
{
    struct directory_sink *sink = of(base);
    if (sink->file_end < member->size && ftruncate(sink->file, (off_t)member->size) < 0)
        return err_sys(err, "write it");
    if (attributes_set(sink, sink->file, member, err) < 0)
        return -1;
    const struct timespec times[] = { member->mtime, member->mtime };
    if (futimens(sink->file, times) < 0)
        return err_sys(err, "set its times");
    fd_close(&sink->file);
    return 0;
}

/* ---- links and nodes ---- */

static int make_symlink(int dir, const char *name, const struct member *member)
{
    return symlinkat(member->target, dir, name);
}

static int sink_symlink(struct sink *base, const struct member *member, struct err *err)
{
    struct directory_sink *sink = of(base);
    int dir = -1;
    const char *name = "";
    if (entry_make(sink, member, make_symlink, &dir, &name, err) < 0)
        return -1;
    return node_attributes_set(sink, dir, name, member, err);
}

static int link_failed(const struct member *member, struct err *err)
{
    if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == EXDEV)
        return err_set(err, ERR_INVALID, "a hard link to %s, which this layer does not hold",
                       member->target);
    return err_sys(err, "link it to %s", member->target);
}

/* Both names are the same file already: a member that links to itself. */
static bool link_is_there(int target_dir, const char *target, int dir, const char *name)
{
    struct stat a, b;
    return fstatat(target_dir, target, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

static int sink_hardlink(struct sink *base, const struct member *member, struct err *err)
{
    struct directory_sink *sink = of(base);
    int dir = -1;
    const char *name = "", *target = "";

    if (entry_place(sink, member, &dir, &name, err) < 0)
        return -1;
    auto_close int target_dir = beneath_parent_strict(&sink->beneath, member->target, &target);
    if (!*member->target)
        return err_set(err, ERR_INVALID, "a hard link to the layer's root");
    if (target_dir < 0)
        return link_failed(member, err);
    /* Without AT_SYMLINK_FOLLOW: what is linked is the member itself, were it a symbolic link. */
    if (linkat(target_dir, target, dir, name, 0) == 0)
        return 0;
    if (errno != EEXIST)
        return link_failed(member, err);
    if (link_is_there(target_dir, target, dir, name))
        return 0;
    if (entry_clear(sink, dir, name, NULL, err) < 0 ||
        entry_place(sink, member, &dir, &name, err) < 0)
        return -1;
    return linkat(target_dir, target, dir, name, 0) < 0 ? link_failed(member, err) : 0;
}

static int make_node(int dir, const char *name, const struct member *member)
{
    mode_t type = member->type == MEMBER_FIFO ? S_IFIFO : S_IFSOCK;
    return mknodat(dir, name, type | (member->mode & 0777), 0);
}

static int make_whiteout(int dir, const char *name, const struct member *member)
{
    (void)member;
    return mknodat(dir, name, S_IFCHR, makedev(0, 0));
}

/* A device node has to be made by somebody else; its name must be free before. Returns 1, or 0:
 * left out. */
static int device_make(struct directory_sink *sink, const struct member *member, int *ret_dir,
                       const char **ret_name, struct err *err)
{
    struct stat st;
    if (entry_place(sink, member, ret_dir, ret_name, err) < 0)
        return -1;
    if (fstatat(*ret_dir, *ret_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        (entry_clear(sink, *ret_dir, *ret_name, NULL, err) < 0 ||
         entry_place(sink, member, ret_dir, ret_name, err) < 0))
        return -1;
    return sink->help.device(sink->help.context, member, err);
}

static int sink_node(struct sink *base, const struct member *member, struct err *err)
{
    struct directory_sink *sink = of(base);
    int dir = -1;
    const char *name = "";

    if (member->type == MEMBER_FIFO || member->type == MEMBER_SOCKET) {
        if (entry_make(sink, member, make_node, &dir, &name, err) < 0)
            return -1;
    } else if (member->type == MEMBER_CHARACTER && member->device == makedev(0, 0)) {
        /* The form whiteouts have on disk, as some tools pack them. */
        if (entry_make(sink, member, make_whiteout, &dir, &name, err) < 0)
            return -1;
    } else {
        int made = device_make(sink, member, &dir, &name, err);
        if (made <= 0)
            return made;
    }
    return node_attributes_set(sink, dir, name, member, err);
}

/* ---- whiteouts ---- */

static int sink_opaque(struct sink *base, const char *path, struct err *err)
{
    struct directory_sink *sink = of(base);
    int dir = -1;
    const char *name = "";
    /* The marker lies in the directory: that is looked up, or made, as the parent of any member is.
     */
    auto_free char *marker = *path ? xasprintf("%s/.", path) : xstrdup(".");
    if (beneath_parent(&sink->beneath, marker, &dir, &name, err) < 0)
        return -1;
    auto_close int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "open it");
    return opaque_set(fd, err);
}

static int sink_whiteout(struct sink *base, const char *path, struct err *err)
{
    struct directory_sink *sink = of(base);
    struct stat st;
    int dir = -1;
    const char *name = "";

    if (beneath_parent(&sink->beneath, path, &dir, &name, err) < 0)
        return -1;
    if (make_whiteout(dir, name, NULL) == 0)
        return 0;
    if (errno == EPERM)
        return err_set(err, ERR_UNSUPPORTED, "whiteouts need Linux 5.8 in a user namespace");
    if (errno != EEXIST)
        return err_sys(err, "make a whiteout");
    /* The layer has such an entry itself: it hides those below, and a directory has to be told to.
     */
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, "look at what has its name");
    return S_ISDIR(st.st_mode) ? sink_opaque(base, path, err) : 0;
}

/* ---- the end ---- */

static int sink_commit(struct sink *base, struct err *err)
{
    struct directory_sink *sink = of(base);
    fd_close(&sink->file);
    for (size_t i = 0; i < sink->n_finishes; i++) {
        const struct finish *finish = &sink->finishes[i];
        auto_close int fd = beneath_directory(&sink->beneath, finish->path);
        if (fd < 0)
            continue; /* a later member took its place */
        /* Others mean that there are none on this file system. */
        if (finish->acl && fsetxattr(fd, default_acl, finish->acl, finish->acl_len, 0) < 0 &&
            is_lost(errno))
            return err_sys(err, "set the default ACL of %s", finish->path);
        const struct timespec times[] = { finish->mtime, finish->mtime };
        if (futimens(fd, times) < 0)
            return err_sys(err, "set the times of %s", finish->path);
    }
    return 0;
}

static void directory_sink_free(struct sink *base)
{
    struct directory_sink *sink = of(base);
    for (size_t i = 0; i < sink->n_finishes; i++) {
        free(sink->finishes[i].path);
        free(sink->finishes[i].acl);
    }
    free(sink->finishes);
    fd_close(&sink->file);
    beneath_done(&sink->beneath);
    free(sink);
}

static const struct sink_ops directory_ops = {
    .directory = sink_directory,
    .file = sink_file,
    .data = sink_data,
    .file_end = sink_file_end,
    .symlink = sink_symlink,
    .hardlink = sink_hardlink,
    .node = sink_node,
    .whiteout = sink_whiteout,
    .opaque = sink_opaque,
    .commit = sink_commit,
    .free = directory_sink_free,
};

struct sink *directory_sink_new(int root, const struct sink_help *help)
{
    struct directory_sink *sink = xnew(struct directory_sink);
    sink->sink.ops = &directory_ops;
    sink->help = *help;
    sink->file = -1;
    beneath_init(&sink->beneath, root);
    return &sink->sink;
}
