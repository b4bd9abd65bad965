/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/merge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/field.h"
#include "base/file.h"
#include "base/str.h"
#include "transfer/member.h"

enum { SHOWN_BYTES = 80 };

static const char opaque_name[] = "user.overlay.opaque";
static const uint64_t no_links = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;

/* A directory that is still to be read, and the layers that have a part in it, topmost first. */
struct merge_dir {
    char *path;
    struct stat st; /* of its topmost part */
    size_t *layers;
    size_t len;
};

/* A name in a directory. */
struct merge_name {
    char *text;
    size_t part; /* the place of the layer among those of the directory */
};

struct merge_names {
    ARRAY_OF(merge_name) list;
};

struct merge {
    const int *layers;
    merge_visitor *visit;
    void *context;
    ARRAY_OF(merge_dir) waiting; /* the last one is read next */
};

/* The parts of a directory, opened. */
struct merge_parts {
    int *fds; /* -1: gone */
    size_t len;
    bool covered; /* something is mounted on the topmost */
};

static void merge_dir_done(struct merge_dir *dir)
{
    free(dir->path);
    free(dir->layers);
}

static void merge_done(struct merge *merge)
{
    for (size_t i = 0; i < merge->waiting.len; i++)
        merge_dir_done(&merge->waiting.at[i]);
    free(merge->waiting.at);
}

static void merge_names_done(struct merge_names *names)
{
    for (size_t i = 0; i < names->list.len; i++)
        free(names->list.at[i].text);
    free(names->list.at);
}

static void merge_parts_done(struct merge_parts *parts)
{
    for (size_t i = 0; i < parts->len; i++)
        fd_close(&parts->fds[i]);
    free(parts->fds);
}

/* What another one's work can do to a path that was there a moment ago. */
static bool went_away(int errnum)
{
    return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP;
}

/* ---- the parts of a directory ---- */

static int names_read(int fd, size_t part, struct merge_names *names, struct err *err)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *directory = own < 0 ? NULL : fdopendir(own);
    if (!directory) {
        if (own >= 0)
            close(own);
        return err_sys(err, "read the directory");
    }
    const struct dirent *entry;
    errno = 0;
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        struct merge_name *name = array_add(&names->list);
        *name = (struct merge_name){ xstrdup(entry->d_name), part };
    }
    int failed = errno;
    closedir(directory);
    errno = failed;
    return failed && failed != ENOENT ? err_sys(err, "read the directory") : 0;
}

static bool is_opaque(int fd)
{
    char value;
    return fgetxattr(fd, opaque_name, &value, sizeof(value)) == 1 && value == 'y';
}

/* Opens them, and reads what is in them, down to one that hides the rest. */
static int parts_open(const struct merge *merge, const struct merge_dir *dir,
                      struct merge_parts *parts, struct merge_names *names, struct err *err)
{
    parts->fds = xcalloc(dir->len, sizeof(*parts->fds));
    for (size_t i = 0; i < dir->len; i++) {
        int fd = file_openat2(merge->layers[dir->layers[i]], *dir->path ? dir->path : ".",
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, no_links);
        parts->fds[parts->len++] = fd;
        if (fd < 0 && errno == EXDEV) {
            parts->covered = i == 0;
            break;
        }
        if (fd < 0 && !went_away(errno))
            return err_sys(err, "open /%s", dir->path);
        if (fd < 0)
            continue;
        if (names_read(fd, i, names, err) < 0)
            return err_wrap(err, "/%s", dir->path);
        if (is_opaque(fd))
            break;
    }
    return 0;
}

/* ---- names ---- */

static int name_compare(const void *a, const void *b)
{
    const struct merge_name *one = a, *other = b;
    int order = strcmp(one->text, other->text);
    if (order != 0)
        return order;
    return one->part < other->part ? -1 : one->part > other->part;
}

/* Returns 1; 0: it has gone. */
static int name_look(const struct merge_dir *dir, int dirfd, const char *name, struct stat *st,
                     struct err *err)
{
    if (fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0)
        return 1;
    return went_away(errno) ? 0 : err_sys(err, "look at /%s/%s", dir->path, name);
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* What a container made by going down step by step may lie deeper than any path reaches. */
static int path_below(const char *path, const char *name, char **ret_path, struct err *err)
{
    if (strlen(path) + 1 + strlen(name) > MEMBER_PATH_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "a path that begins with /%.*s is longer than the %d bytes of an archive's",
                       SHOWN_BYTES, path, MEMBER_PATH_MAX);
    *ret_path = xasprintf("%s%s%s", path, *path ? "/" : "", name);
    return 0;
}

/* The layers below the topmost one have a part in a directory as far as it is one there, too. */
static int dir_wait(struct merge *merge, const struct merge_dir *in,
                    const struct merge_parts *parts, const struct merge_name *same, size_t n,
                    const struct stat *st, struct err *err)
{
    struct merge_dir dir = { .st = *st };
    int result = 1;
    if (path_below(in->path, same->text, &dir.path, err) < 0)
        return -1;
    dir.layers = xcalloc(n, sizeof(*dir.layers));
    for (size_t i = 0; i < n && result > 0; i++) {
        struct stat below = *st;
        if (i > 0)
            result = name_look(in, parts->fds[same[i].part], same[i].text, &below, err);
        if (result > 0 && !S_ISDIR(below.st_mode))
            break;
        if (result > 0)
            dir.layers[dir.len++] = in->layers[same[i].part];
    }
    if (result < 0) {
        merge_dir_done(&dir);
        return -1;
    }
    struct merge_dir *waiting = array_add(&merge->waiting);
    *waiting = dir;
    return 0;
}

/* One name with all layers that have it. */
static int name_take(struct merge *merge, const struct merge_dir *dir,
                     const struct merge_parts *parts, const struct merge_name *same, size_t n,
                     struct err *err)
{
    struct merge_entry entry = { .name = same->text, .directory = parts->fds[same->part] };
    int found = name_look(dir, entry.directory, same->text, &entry.st, err);
    if (found <= 0 || is_whiteout(&entry.st))
        return found < 0 ? -1 : 0;
    if (S_ISDIR(entry.st.st_mode))
        return dir_wait(merge, dir, parts, same, n, &entry.st, err);
    auto_free char *path = NULL;
    if (path_below(dir->path, same->text, &path, err) < 0)
        return -1;
    entry.path = path;
    return merge->visit(merge->context, &entry, err);
}

static void reverse(struct merge_dir *at, size_t len)
{
    for (size_t i = 0; i < len / 2; i++) {
        struct merge_dir swapped = at[i];
        at[i] = at[len - 1 - i];
        at[len - 1 - i] = swapped;
    }
}

static int names_take(struct merge *merge, const struct merge_dir *dir,
                      const struct merge_parts *parts, struct merge_names *names, struct err *err)
{
    struct merge_name *at = names->list.at;
    size_t len = names->list.len, before = merge->waiting.len;
    if (len > 1)
        qsort(at, len, sizeof(*at), name_compare);
    for (size_t i = 0, n; i < len; i += n) {
        for (n = 1; i + n < len && strcmp(at[i].text, at[i + n].text) == 0;)
            n++;
        if (name_take(merge, dir, parts, at + i, n, err) < 0)
            return -1;
    }
    reverse(merge->waiting.at + before, merge->waiting.len - before);
    return 0;
}

/* ---- directories ---- */

static int dir_visit(const struct merge *merge, const struct merge_dir *dir,
                     const struct merge_parts *parts, struct err *err)
{
    const char *slash = strrchr(dir->path, '/');
    struct merge_entry entry = {
        .path = dir->path,
        .name = slash ? slash + 1 : dir->path,
        .st = dir->st,
        .directory = parts->fds[0],
    };
    if (entry.directory >= 0 && fstat(entry.directory, &entry.st) < 0)
        return err_sys(err, "look at /%s", dir->path);
    return merge->visit(merge->context, &entry, err);
}

static int dir_take(struct merge *merge, const struct merge_dir *dir, struct err *err)
{
    auto_done(merge_parts) parts = {};
    auto_done(merge_names) names = {};
    if (parts_open(merge, dir, &parts, &names, err) < 0)
        return -1;
    if (parts.fds[0] < 0 && !parts.covered)
        return 0; /* gone, and with it what it had from below */
    if (dir_visit(merge, dir, &parts, err) < 0)
        return -1;
    return names_take(merge, dir, &parts, &names, err);
}

int merge_walk(const int *layers, size_t n_layers, merge_visitor *visit, void *context,
               struct err *err)
{
    auto_done(merge) merge = { .layers = layers, .visit = visit, .context = context };
    struct merge_dir *top = array_add(&merge.waiting);
    *top = (struct merge_dir){
        .path = xstrdup(""),
        .layers = xcalloc(n_layers, sizeof(*top->layers)),
        .len = n_layers,
    };
    for (size_t i = 0; i < n_layers; i++)
        top->layers[i] = i;
    int result = 0;
    while (merge.waiting.len > 0 && result == 0) {
        struct merge_dir dir = merge.waiting.at[--merge.waiting.len];
        result = dir_take(&merge, &dir, err);
        merge_dir_done(&dir);
    }
    return result;
}
