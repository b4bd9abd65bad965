/* SPDX-License-Identifier: Apache-2.0 */
#include "image/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

int layer_device(int tree, const char *path, mode_t mode, dev_t device)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return EINVAL;
    if (!S_ISCHR(mode) && !S_ISBLK(mode))
        return EINVAL;
    if (geteuid() != 0)
        return -1;

    /* Links in the layer lead where they lead whoever asks. */
    auto_free char *parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
    auto_close int fd = file_openat2(tree, parent, O_PATH | O_DIRECTORY, 0,
                                     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
    if (fd < 0)
        return errno;
    /* By the mask and not by chmod: the name may be another file's before a second call. */
    mode_t mask = umask(0);
    int result = mknodat(fd, name, mode & (S_IFMT | 07777), device);
    int errnum = errno;
    (void)umask(mask);
    if (result == 0)
        return 0;
    return errnum == EPERM ? -1 : errnum; /* root of a user namespace */
}
