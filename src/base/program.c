/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#ifndef RUCHE_LIBEXECDIR
#define RUCHE_LIBEXECDIR "/usr/libexec/ruche"
#endif
#ifndef RUCHE_DATADIR
#define RUCHE_DATADIR "/usr/share/ruche"
#endif

int program_own_path(char **ret_path, struct err *err)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    *ret_path = NULL;
    if (len < 0)
        return err_sys(err, "read /proc/self/exe");
    path[len] = '\0';
    /* Executed from a guarded file (kernel/guard.h), which has no path, it got its own as its name. */
    bool guarded = strcmp(path, "/") == 0 || text_starts(path, "/memfd:");
    *ret_path = xstrdup(guarded ? program_invocation_name : path);
    return 0;
}

/* The directory of the running program. */
static int own_directory(char **ret_directory, struct err *err)
{
    auto_free char *path = NULL;
    if (program_own_path(&path, err) < 0 || !path)
        return -1;
    const char *slash = strrchr(path, '/');
    *ret_directory = xstrndup(path, slash ? (size_t)(slash - path) : 0);
    return 0;
}

/* Returns 1, or 0 if it is in neither place. */
static int find(const char *name, const char *installed, char **ret_path, struct err *err)
{
    auto_free char *directory = NULL;
    if (own_directory(&directory, err) < 0)
        return -1;
    const char *const places[] = { directory, installed };
    for (size_t i = 0; i < array_size(places); i++) {
        auto_free char *path = xasprintf("%s/%s", places[i], name);
        if (access(path, F_OK) < 0)
            continue;
        *ret_path = take_ptr(path);
        return 1;
    }
    return 0;
}

int program_path(const char *name, char **ret_path, struct err *err)
{
    int found = find(name, RUCHE_LIBEXECDIR, ret_path, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "%s is neither beside ruche nor in %s; install it", name,
                       RUCHE_LIBEXECDIR);
    return found < 0 ? -1 : 0;
}

int program_data_path(const char *name, char **ret_path, struct err *err)
{
    return find(name, RUCHE_DATADIR, ret_path, err);
}

char **program_argv_copy(char **argv)
{
    size_t len = 0;
    while (argv[len])
        len++;
    char **copy = xcalloc(len + 1, sizeof(*copy));
    memcpy(copy, argv, len * sizeof(*copy));
    return copy;
}

void program_streams_fill(void)
{
    struct pollfd streams[] = { { .fd = STDIN_FILENO },
                                { .fd = STDOUT_FILENO },
                                { .fd = STDERR_FILENO } };
    if (poll(streams, array_size(streams), 0) <= 0)
        return;
    for (size_t i = 0; i < array_size(streams); i++)
        if (streams[i].revents & POLLNVAL)
            streams[i].fd = open("/dev/null", O_RDWR); /* takes the lowest free number: this one */
}

static void nothing(int signal)
{
    (void)signal;
}

void program_size_limit_survive(void)
{
    (void)signal(SIGXFSZ, nothing);
}
