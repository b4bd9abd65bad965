/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

enum { IMPLIED_MODE = 0755 };

/* Links are followed inside; no mount can be below a layer that is being made. */
static const uint64_t inside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
static const uint64_t no_links = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;

void beneath_init(struct beneath *beneath, int root)
{
    *beneath = (struct beneath){ .root = root, .parent = -1 };
}

void beneath_done(struct beneath *beneath)
{
    fd_close(&beneath->parent);
    str_done(&beneath->path);
}

void beneath_forget(struct beneath *beneath)
{
    fd_close(&beneath->parent);
}

static int directory_open(int root, const char *path)
{
    return file_openat2(root, *path ? path : ".", O_PATH | O_DIRECTORY, 0, inside);
}

/* Makes what is missing of a path of directories. Gives the last one. */
static int directory_make(int root, const char *path, int *ret_fd, struct err *err)
{
    auto_done(str) prefix = {};
    auto_close int fd = directory_open(root, "");
    struct view rest = view_of(path);
    struct view name;
    bool more = true;

    while (more && fd >= 0) {
        more = view_cut(&rest, '/', &name);
        if (prefix.len > 0)
            str_add_char(&prefix, '/');
        size_t name_at = prefix.len;
        str_add_bytes(&prefix, name.at, name.len);

        int next = directory_open(root, prefix.at);
        if (next < 0 && errno == ENOENT) {
            if (mkdirat(fd, prefix.at + name_at, IMPLIED_MODE) < 0 && errno == EEXIST)
                return err_set(err, ERR_INVALID, "a link on its path leads to nothing");
            next = directory_open(root, prefix.at);
        }
        fd_close(&fd);
        fd = next;
    }
    if (fd < 0)
        return err_sys(err, "open its directory");
    *ret_fd = take_fd(fd);
    return 0;
}

int beneath_parent(struct beneath *beneath, const char *path, int *ret_dir, const char **ret_name,
                   struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    *ret_name = slash ? slash + 1 : path;
    if (beneath->parent < 0 || beneath->path.len != len ||
        memcmp(str_text(&beneath->path), path, len) != 0) {
        fd_close(&beneath->parent);
        str_clear(&beneath->path);
        str_add_bytes(&beneath->path, path, len);
        beneath->parent = directory_open(beneath->root, str_text(&beneath->path));
        if (beneath->parent < 0 && errno != ENOENT)
            return err_sys(err, "open its directory");
        if (beneath->parent < 0 &&
            directory_make(beneath->root, beneath->path.at, &beneath->parent, err) < 0)
            return -1;
    }
    *ret_dir = beneath->parent;
    return 0;
}

int beneath_parent_strict(const struct beneath *beneath, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash ? slash + 1 : path;
    auto_free char *parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
    return file_openat2(beneath->root, parent, O_PATH | O_DIRECTORY, 0, no_links);
}

int beneath_directory(const struct beneath *beneath, const char *path)
{
    return file_openat2(beneath->root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                        inside);
}
