/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_cli/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"

enum { PRESERVED_MAX = 1 << 16 };

/* sd_listen_fds(3): they are ours only if the pid is. */
static unsigned activation_count(void)
{
    struct err ignored = {};
    int64_t pid = 0;
    int64_t count = 0;
    const char *count_text = getenv("LISTEN_FDS");
    const char *pid_text = count_text ? getenv("LISTEN_PID") : NULL;
    if (!pid_text || number_parse(pid_text, 1, INT32_MAX, "LISTEN_PID", &pid, &ignored) < 0 ||
        pid != getpid() ||
        number_parse(count_text, 1, PRESERVED_MAX, "LISTEN_FDS", &count, &ignored) < 0)
        return 0;
    return (unsigned)count;
}

void preserved_announce(struct strings *env)
{
    unsigned count = activation_count();
    if (!count)
        return;
    strings_addf(env, "LISTEN_FDS=%u", count);
    strings_add(env, "LISTEN_PID=1");
}

int preserved_take(const struct handover *handover, const int *own, size_t n_own,
                   unsigned *ret_count, struct err *err)
{
    unsigned first = activation_count();
    unsigned more = handover->preserve_fds.set ? (unsigned)handover->preserve_fds.value : 0;
    for (unsigned i = 0; i < first + more; i++) {
        int flags = fcntl(3 + (int)i, F_GETFD);
        if (flags < 0)
            return err_sys(err, "keep descriptor %u open", 3 + i);
        /* What a caller passes on has no such flag; with it this one is our own. */
        if (flags & FD_CLOEXEC) {
            errno = EBADF;
            return err_sys(err, "keep descriptor %u open", 3 + i);
        }
    }
    if (descriptors_close_others(3 + first + more, own, n_own) < 0)
        return err_sys(err, "close descriptors");
    *ret_count = first + more;
    return 0;
}

int console_check(const struct handover *handover, bool terminal, bool detached, struct err *err)
{
    if (terminal && detached && !handover->console_socket)
        return err_set(err, ERR_INVALID,
                       "the process is to have a terminal, and nobody stays to copy it; give "
                       "--console-socket");
    if (handover->console_socket && !terminal)
        return err_set(err, ERR_INVALID,
                       "--console-socket: the process has no terminal; leave it out, or set "
                       "process.terminal");
    if (handover->console_socket && !detached)
        return err_set(err, ERR_INVALID,
                       "--console-socket: the terminal is this one's; leave it out, or --detach");
    return 0;
}

/* The socket's path may be longer than an address has room for (unix(7)). -1 with errno. */
static int console_open(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    auto_close int file = open(path, O_PATH | O_CLOEXEC);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", file);
    if (file < 0 || fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return take_fd(fd);
}

/* Scripts start the receiver and the runtime in one breath, for runc takes tens of milliseconds to
 * get here. So one that does not listen yet is waited for, up to half a second. */
static int console_connect(const char *path, struct err *err)
{
    static const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
    enum { TRIES = 50 };
    for (int i = 1; i < TRIES; i++) {
        int fd = console_open(path);
        if (fd >= 0)
            return fd;
        if (errno != ENOENT && errno != ECONNREFUSED)
            return err_sys(err, "connect to the console socket %s", path);
        (void)nanosleep(&pause, NULL);
    }
    int fd = console_open(path);
    return fd < 0 ? err_sys(err, "connect to the console socket %s", path) : fd;
}

int console_send(const char *path, int master, struct err *err)
{
    static const char name[] = "/dev/ptmx";
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {};
    struct iovec data = { .iov_base = (void *)name, .iov_len = sizeof(name) - 1 };
    struct msghdr message = { .msg_iov = &data,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    auto_close int fd = console_connect(path, err);
    if (fd < 0)
        return -1;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &master, sizeof(master));
    if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
        return err_sys(err, "hand the terminal over to %s", path);
    return 0;
}

int pid_file_write(const char *path, pid_t pid, struct err *err)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%d", pid);
    const char *slash = strrchr(path, '/');
    auto_free char *directory =
        slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
    auto_close int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(err, "pid file %s", path);
    if (file_save(dir, slash ? slash + 1 : path, text, (size_t)len, 0644, 0, err) < 0)
        return err_wrap(err, "pid file %s", path);
    return 0;
}
