/* SPDX-License-Identifier: Apache-2.0 */
#include "image/room.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/number.h"

enum { PATH_SIZE = 32, PLACE_SHOWN_MAX = 300, SIZE_TEXT = 16 };

uint64_t store_room(const struct images *images)
{
    struct statvfs vfs;
    if (fstatvfs(images->root, &vfs) < 0)
        return STORE_BYTES_MAX;
    uint64_t available = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    return available > 0 ? available : 1;
}

bool room_lacked(int errnum)
{
    return errnum == ENOSPC || errnum == EDQUOT;
}

/* Where the store is, for people. */
static void place_add(const struct images *images, struct str *out)
{
    char link[PATH_SIZE], path[PATH_MAX];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", images->root);
    ssize_t len = readlink(link, path, sizeof(path));
    if (len > 0 && path[0] == '/')
        text_escape(out, path, (size_t)len);
    else
        str_add(out, "the image store");
}

int room_refuse(const struct images *images, uint64_t needed_bytes, uint64_t room_bytes,
                struct err *err)
{
    auto_done(str) place = { .max_bytes = PLACE_SHOWN_MAX };
    char needed[SIZE_TEXT], room[SIZE_TEXT];
    struct statvfs vfs;
    place_add(images, &place);
    size_format(room_bytes > 1 ? room_bytes : 0, room);
    bool inodes = fstatvfs(images->root, &vfs) == 0 && vfs.f_files > 0 && vfs.f_favail == 0;
    if (inodes)
        err_set(err, ERR_SYSTEM, "no inodes left in %s", str_text(&place));
    else if (needed_bytes > room_bytes)
        err_set(err, ERR_SYSTEM, "no space left in %s: %s needed, %s free", str_text(&place),
                size_format(needed_bytes, needed), room);
    else
        err_set(err, ERR_SYSTEM, "no space left in %s: more needed than the %s that were free",
                str_text(&place), room);
    err->errnum = ENOSPC;
    return err_hint(err, "make room in its file system");
}
