/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include "base/mem.h"

int terminal_raw(int fd, struct termios *ret_saved)
{
    struct termios saved;

    if (tcgetattr(fd, &saved) < 0)
        return -1;
    struct termios raw = saved;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(fd, TCSANOW, &raw) < 0)
        return -1;
    *ret_saved = saved;
    return 0;
}

int terminal_restore(int fd, const struct termios *saved)
{
    return tcsetattr(fd, TCSADRAIN, saved);
}

int terminal_size_get(int fd, struct terminal_size *ret_size)
{
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) < 0)
        return -1;
    *ret_size = (struct terminal_size){ .rows = size.ws_row, .columns = size.ws_col };
    return 0;
}

int terminal_size_set(int fd, const struct terminal_size *size)
{
    struct winsize now = { .ws_row = size->rows, .ws_col = size->columns };

    return ioctl(fd, TIOCSWINSZ, &now);
}

int terminal_open(int devpts_fd, int *ret_master, int *ret_peer)
{
    const int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
    int unlocked = 0;

    auto_close int master = openat(devpts_fd, "ptmx", flags | O_NOFOLLOW);
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
        return -1;
    /* By descriptor: no name of the new file system's is looked up, so none can be a trap. */
    int peer = ioctl(master, TIOCGPTPEER, flags);
    if (peer < 0)
        return -1;
    *ret_peer = peer;
    *ret_master = take_fd(master);
    return 0;
}

int terminal_control(int fd)
{
    return ioctl(fd, TIOCSCTTY, 0);
}
