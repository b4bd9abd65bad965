/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { DIR_MODE = 0777, FILE_MODE = 0666 };

static const char *named(const char *path)
{
    return path && strcmp(path, "-") != 0 ? path : NULL;
}

void output_done(struct output *output)
{
    fd_close(&output->fd);
    if (output->temporary)
        (void)unlink(output->temporary);
    free(output->temporary);
    if (output->made)
        (void)rmdir(output->path); /* fails if something is in it already */
}

static int temporary_name(const char *path, char **ret_name, struct err *err)
{
    uint64_t random;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_sys(err, "get random bytes");
    const char *slash = strrchr(path, '/');
    *ret_name =
        xasprintf("%.*s.ruche.%016" PRIx64, slash ? (int)(slash - path) + 1 : 0, path, random);
    return 0;
}

/* A new file, or one that is to be replaced. */
static int output_beside(struct output *output, struct err *err)
{
    const char *slash = strrchr(output->path, '/');
    auto_free char *parent =
        slash ? xstrndup(output->path, (size_t)(slash - output->path) + 1) : xstrdup(".");
    output->fd = open(parent, O_TMPFILE | O_WRONLY | O_CLOEXEC, FILE_MODE);
    output->unnamed = output->fd >= 0;
    if (output->unnamed)
        return 0;
    auto_free char *name = NULL;
    if (temporary_name(output->path, &name, err) < 0)
        return -1;
    output->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (output->fd < 0)
        return err_sys(err, "write %s", output->path);
    output->temporary = take_ptr(name);
    return 0;
}

int output_open(struct output *output, const char *path, struct err *err)
{
    struct stat st;
    *output = (struct output){ .fd = -1, .path = named(path) };
    if (!output->path) {
        if (isatty(STDOUT_FILENO))
            return err_set(err, ERR_USAGE,
                           "standard output is a terminal; name a file by --output, or redirect "
                           "it");
        output->fd = dup(STDOUT_FILENO);
        return output->fd < 0 ? err_sys(err, "write to standard output") : 0;
    }
    bool there = stat(output->path, &st) == 0;
    output->replaces = there && S_ISREG(st.st_mode);
    if (!there || output->replaces)
        return output_beside(output, err);
    if (S_ISDIR(st.st_mode)) {
        err_set(err, ERR_EXISTS, "%s is a directory", output->path);
        return err_hint(err, "name a file");
    }
    output->fd = open(output->path, O_WRONLY | O_CLOEXEC);
    return output->fd < 0 ? err_sys(err, "write %s", output->path) : 0;
}

int output_directory(struct output *output, const char *path, struct err *err)
{
    auto_done(strings) names = {};
    *output = (struct output){ .fd = -1, .path = named(path) };
    if (!output->path)
        return err_set(err, ERR_USAGE, "a directory needs a name; give one by --output");
    output->made = mkdir(output->path, DIR_MODE) == 0;
    if (!output->made && errno != EEXIST)
        return err_sys(err, "make %s", output->path);
    if (dir_list(AT_FDCWD, output->path, &names, err) < 0)
        return -1;
    if (names.len > 0)
        return err_set(err, ERR_EXISTS, "%s is not empty", output->path);
    output->fd = open(output->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return output->fd < 0 ? err_sys(err, "open %s", output->path) : 0;
}

/* Gives the whole file its name. */
int output_close(struct output *output, struct err *err)
{
    if (output->replaces && fsync(output->fd) < 0)
        return err_sys(err, "write %s", output->path);
    if (output->unnamed) {
        auto_free char *from = xasprintf("/proc/self/fd/%d", output->fd);
        auto_free char *name = NULL;
        if (temporary_name(output->path, &name, err) < 0)
            return -1;
        if (linkat(AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0)
            return err_sys(err, "write %s", output->path);
        output->temporary = take_ptr(name);
    }
    if (output->temporary && rename(output->temporary, output->path) < 0)
        return err_sys(err, "write %s", output->path);
    free(output->temporary);
    output->temporary = NULL;
    return 0;
}
