/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/record.h"
#include "image/image.h"

enum {
    DIR_MODE = 0711,     /* a container's ids of the host must come through, and see nothing */
    PRIVATE_MODE = 0700, /* where anybody can make files */
    DIR_UMASK = 022,
};

static const char root_default[] = "/var/lib/ruche";
static const char run_default[] = "/run/ruche";

/* --- where the state lies --- */

/* The specification of XDG's base directories: a value that is no absolute path does not count. */
static const char *env_dir(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] == '/' ? value : NULL;
}

static int user_root(char **ret_path, struct err *err)
{
    const char *data = env_dir("XDG_DATA_HOME");
    const char *home = env_dir("HOME");
    if (data)
        *ret_path = xasprintf("%s/ruche", data);
    else if (home)
        *ret_path = xasprintf("%s/.local/share/ruche", home);
    else
        return err_set(err, ERR_USAGE,
                       "HOME is not set to an absolute path, and so it is not known where "
                       "containers are kept; "
                       "set it, or use --root");
    return 0;
}

/* The monitor's working directory is another one, so what is kept must not depend on it. */
static int path_absolute(const char *path, char **ret_path, struct err *err)
{
    if (path[0] == '\0')
        return err_set(err, ERR_USAGE, "the path of a directory for the state is empty");
    if (path[0] == '/') {
        *ret_path = xstrdup(path);
        return 0;
    }
    auto_free char *cwd = getcwd(NULL, 0);
    if (!cwd)
        return err_sys(err, "find the working directory, which %s is relative to", path);
    *ret_path = xasprintf("%s/%s", cwd, path);
    return 0;
}

static int root_path(const char *root, bool rootless, char **ret_path, struct err *err)
{
    if (root)
        return path_absolute(root, ret_path, err);
    if (rootless)
        return user_root(ret_path, err);
    *ret_path = xstrdup(root_default);
    return 0;
}

static int run_path(struct engine *engine, const char *run, struct err *err)
{
    const char *user_run = env_dir("XDG_RUNTIME_DIR");
    if (run)
        return path_absolute(run, &engine->run, err);
    if (!engine->rootless) {
        engine->run = xstrdup(run_default);
    } else if (user_run) {
        engine->run = xasprintf("%s/ruche", user_run);
    } else {
        engine->run = xasprintf("/tmp/ruche-%u", (unsigned)geteuid());
        engine->run_in_tmp = true;
    }
    return 0;
}

int engine_open(const char *root, const char *run, struct engine **ret_engine, struct err *err)
{
    auto_drop(engine) *engine = xnew(struct engine);
    engine->root_fd = engine->run_fd = -1;
    engine->rootless = geteuid() != 0;
    if (root_path(root, engine->rootless, &engine->root, err) < 0 || run_path(engine, run, err) < 0)
        return -1;
    *ret_engine = take_ptr(engine);
    return 0;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    if (engine->images)
        images_close(engine->images);
    if (engine->cgroups_known)
        cgroup_host_done(&engine->cgroups);
    fd_close(&engine->root_fd);
    fd_close(&engine->run_fd);
    free(engine->root);
    free(engine->run);
    free(engine);
}

const char *engine_root(const struct engine *engine)
{
    return engine->root;
}

const char *engine_run(const struct engine *engine)
{
    return engine->run;
}

bool engine_rootless(const struct engine *engine)
{
    return engine->rootless;
}

/* --- opened once --- */

static int state_dir_open(const char *path, int *ret_fd, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return err_sys(err, "open the state directory %s", path);
    if (fd >= 0) {
        *ret_fd = fd;
        return 0;
    }
    mode_t mask = umask(DIR_UMASK);
    int result = dir_open_made(AT_FDCWD, path, DIR_MODE, ret_fd, err);
    (void)umask(mask);
    return result < 0 ? err_wrap(err, "state directory") : 0;
}

/* Whoever comes first may make a name in /tmp, so what is there is looked at. */
static int tmp_dir_open(const char *path, int *ret_fd, struct err *err)
{
    if (mkdir(path, PRIVATE_MODE) < 0 && errno != EEXIST)
        return err_sys(err, "make the state directory %s", path);
    auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "open the state directory %s", path);
    struct stat status;
    if (fstat(fd, &status) < 0)
        return err_sys(err, "look at the state directory %s", path);
    if (status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return err_set(
            err, ERR_DENIED,
            "%s belongs to somebody else or is open to others; set XDG_RUNTIME_DIR, or use --run",
            path);
    *ret_fd = take_fd(fd);
    return 0;
}

int engine_root_fd(struct engine *engine, int *ret_fd, struct err *err)
{
    if (engine->root_fd < 0 && state_dir_open(engine->root, &engine->root_fd, err) < 0)
        return -1;
    *ret_fd = engine->root_fd;
    return 0;
}

int engine_run_fd(struct engine *engine, int *ret_fd, struct err *err)
{
    int opened = 0;
    if (engine->run_fd < 0 && engine->run_in_tmp)
        opened = tmp_dir_open(engine->run, &engine->run_fd, err);
    else if (engine->run_fd < 0)
        opened = state_dir_open(engine->run, &engine->run_fd, err);
    if (opened < 0)
        return -1;
    *ret_fd = engine->run_fd;
    return 0;
}

int engine_cgroups(struct engine *engine, const struct cgroup_host **ret_cgroups, struct err *err)
{
    int run_fd;
    if (!engine->cgroups_known) {
        if (engine_run_fd(engine, &run_fd, err) < 0 ||
            cgroup_host_open(run_fd, "cgroups", &engine->cgroups, err) < 0)
            return -1;
        engine->cgroups_known = true;
    }
    *ret_cgroups = &engine->cgroups;
    return 0;
}

void engine_storage(struct engine *engine, enum image_storage storage)
{
    engine->storage = storage;
}

int engine_images(struct engine *engine, struct images **ret_images, struct err *err)
{
    int root_fd;
    if (!engine->images) {
        if (engine_root_fd(engine, &root_fd, err) < 0)
            return -1;
        engine->images = images_open(root_fd, NULL);
        images_storage(engine->images, engine->storage);
    }
    *ret_images = engine->images;
    return 0;
}
