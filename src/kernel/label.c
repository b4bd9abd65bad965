/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/label.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

bool label_active(enum label_kind kind)
{
    char word = 'N';
    if (kind == LABEL_SELINUX)
        return access("/sys/fs/selinux/status", F_OK) == 0;
    auto_close int fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &word, 1) == 1 && word == 'Y';
}

int label_set_exec(int proc, enum label_kind kind, const char *label)
{
    static const char prefix[] = "exec ";
    char text[4096];
    size_t len = strlen(label);
    size_t begin = kind == LABEL_APPARMOR ? sizeof(prefix) - 1 : 0;
    if (len + begin >= sizeof(text)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(text, prefix, begin);
    memcpy(text + begin, label, len);
    /* A directory of its own for each module came with kernel 5.8; the plain file is the first
     * one's. */
    auto_close int fd = kind == LABEL_APPARMOR
                            ? openat(proc, "thread-self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC)
                            : -1;
    if (fd < 0)
        fd = openat(proc, "thread-self/attr/exec", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    return write(fd, text, begin + len) == (ssize_t)(begin + len) ? 0 : -1;
}
