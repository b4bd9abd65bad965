/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as directories. What a crash can leave, and who cleans it up:
 *
 * - containers/<id> without config.json: creation was cut off. Whoever lists all records moves it
 *   to the trash once it is old.
 * - A record without its name: creation or removal was cut off. It is found by its configuration,
 *   and removed by that or its id.
 * - A name without its record: replaced by the next creation that asks for the name.
 * - trash/<id>: swept by the next removal.
 * - run/containers/<id>, not locked: the monitor died. Its state.json says which process to look
 *   for; without a record it is swept by the next list.
 */
#include "engine/record_part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "engine/subid.h"

enum {
    RECORD_MODE = 0711, /* a container's ids must come through to its layer */
    UPPER_MODE = 0755,  /* becomes the mode of the container's / */
    PRIVATE_MODE = 0700,
    FILE_MODE = 0600, /* the environment holds secrets */
    RECORD_UMASK = 022,
    LINK_SIZE = 128,
    CLEAR_ATTEMPTS = 16,
    LOCK_PATIENCE_MS = 1000, /* for who looks at the lock, or is about to give it up */
};

bool container_id_valid(const char *id)
{
    return strspn(id, "0123456789abcdef") == CONTAINER_ID_LEN && id[CONTAINER_ID_LEN] == '\0';
}

char *record_path(const char *id, const char *file, char *buffer)
{
    (void)snprintf(buffer, RECORD_PATH_SIZE, "containers/%s%s%s", id, file ? "/" : "",
                   file ? file : "");
    return buffer;
}

void sleep_ms(int ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
    (void)nanosleep(&time, NULL); /* shorter is fine: all callers look again */
}

/* --- in the root directory --- */

int record_open(struct engine *engine, const char *id, int *ret_fd, struct err *err)
{
    char path[RECORD_PATH_SIZE];
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    int fd = openat(root_fd, record_path(id, NULL, path),
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "container %.*s is gone: it was removed",
                       CONTAINER_ID_SHORT_LEN, id);
    if (fd < 0)
        return err_sys(err, "open the record %s", path);
    *ret_fd = fd;
    return 0;
}

int record_load_config(struct engine *engine, const char *id, struct container_config *ret_config,
                       struct err *err)
{
    char path[RECORD_PATH_SIZE];
    auto_free char *text = NULL;
    size_t len = 0;
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    int found = file_load_own(root_fd, record_path(id, "config.json", path),
                              CONTAINER_CONFIG_MAX_BYTES, &text, &len, err);
    if (found <= 0)
        return found;
    if (len == 0)
        return 0; /* its maker was killed before the write, or the power cut was faster */

    struct container_config config = {};
    if (field_read(container_config_fields, text, len, path, 0, &config, err) < 0)
        return -1;
    int result = 1;
    if (config.version > CONTAINER_CONFIG_VERSION)
        result = err_set(err, ERR_UNSUPPORTED,
                         "%s is of version %" PRId64 ", made by a newer ruche; use that one", path,
                         config.version);
    else if (strcmp(config.id, id) != 0)
        result = err_set(err, ERR_INVALID, "%s is the record of another container", path);
    if (result < 0) {
        container_config_done(&config);
        return -1;
    }
    *ret_config = config;
    return 1;
}

static int dir_make(int root_fd, const char *parent, const char *path, mode_t mode)
{
    int made = mkdirat(root_fd, path, mode);
    if (made == 0 || errno != ENOENT)
        return made;
    if (mkdirat(root_fd, parent, RECORD_MODE) < 0 && errno != EEXIST)
        return -1;
    return mkdirat(root_fd, path, mode);
}

/* Not beside and renamed: the directory is not a record before this file is whole in it, for nobody
 * else knows the id. */
static int config_write(int root_fd, const char *path, const struct str *text)
{
    auto_close int fd =
        openat(root_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0 || fd_write_all(fd, text->at, text->len) < 0)
        return -1;
    return close(take_fd(fd));
}

static int record_fill(int root_fd, const struct container_config *config, const struct str *text)
{
    char path[RECORD_PATH_SIZE];
    bool layered = !config->rootfs || config->rootfs_overlay;
    if (dir_make(root_fd, "containers", record_path(config->id, NULL, path), RECORD_MODE) < 0)
        return -1;
    if (layered && mkdirat(root_fd, record_path(config->id, "upper", path), UPPER_MODE) < 0)
        return -1;
    if (layered && mkdirat(root_fd, record_path(config->id, "work", path), PRIVATE_MODE) < 0)
        return -1;
    return config_write(root_fd, record_path(config->id, "config.json", path), text);
}

int record_make(struct engine *engine, const struct container_config *config, struct err *err)
{
    auto_done(str) text = { .max_bytes = CONTAINER_CONFIG_MAX_BYTES };
    char path[RECORD_PATH_SIZE];
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    field_write(container_config_fields, config, 0, &text);
    str_add_char(&text, '\n');
    if (text.over)
        return err_set(err, ERR_INVALID, "the container's configuration is larger than %d MiB",
                       CONTAINER_CONFIG_MAX_BYTES >> 20);

    mode_t mask = umask(RECORD_UMASK);
    int made = record_fill(root_fd, config, &text);
    (void)umask(mask);
    if (made == 0)
        return 0;
    (void)err_sys(err, "make the record of container %.*s", CONTAINER_ID_SHORT_LEN, config->id);
    (void)tree_remove(root_fd, record_path(config->id, NULL, path),
                      NULL); /* what failed is reported already */
    return -1;
}

bool record_exists(struct engine *engine, const char *id)
{
    char path[RECORD_PATH_SIZE];
    struct stat status;
    int root_fd;
    return engine_root_fd(engine, &root_fd, NULL) == 0 &&
           fstatat(root_fd, record_path(id, NULL, path), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* --- names --- */

static char *name_path(const char *name)
{
    return xasprintf("names/%s", name);
}

int name_find(struct engine *engine, const char *name, char *id, struct err *err)
{
    auto_free char *path = name_path(name);
    char target[LINK_SIZE];
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    ssize_t len = readlinkat(root_fd, path, target, sizeof(target) - 1);
    if (len < 0 && errno == ENOENT)
        return 0;
    if (len < 0)
        return err_sys(err, "read the name %s", path);
    target[len] = '\0';
    if (!container_id_valid(target))
        return 0;
    memcpy(id, target, CONTAINER_ID_LEN + 1);
    return 1;
}

char *name_of(struct engine *engine, const char *id)
{
    auto_done(strings) names = {};
    struct err ignored = {};
    int root_fd;
    if (engine_root_fd(engine, &root_fd, &ignored) < 0 ||
        dir_list(root_fd, "names", &names, &ignored) < 0)
        return NULL;
    for (size_t i = 0; i < names.len; i++) {
        char holder[CONTAINER_ID_LEN + 1];
        if (name_find(engine, names.at[i], holder, &ignored) > 0 && strcmp(holder, id) == 0)
            return xstrdup(names.at[i]);
    }
    return NULL;
}

static int name_link(int root_fd, const char *id, const char *path)
{
    int linked = symlinkat(id, root_fd, path);
    if (linked == 0 || errno != ENOENT)
        return linked;
    if (mkdirat(root_fd, "names", RECORD_MODE) < 0 && errno != EEXIST)
        return -1;
    return symlinkat(id, root_fd, path);
}

/* A name whose record is gone is of use to nobody. Two who want it at once are kept apart by a lock
 * on the directory of names; who takes one that is free needs none. Returns 1, 0 if the name's
 * record is there after all. */
static int name_replace(struct engine *engine, int root_fd, const char *name, const char *id,
                        struct err *err)
{
    auto_free char *path = name_path(name);
    char holder[CONTAINER_ID_LEN + 1];
    auto_close int names_fd = openat(root_fd, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (names_fd < 0 || flock(names_fd, LOCK_EX) < 0)
        return err_sys(err, "lock the directory of names");
    int found = name_find(engine, name, holder, err);
    if (found < 0)
        return -1;
    if (found > 0 && record_exists(engine, holder))
        return 0;
    if (unlinkat(root_fd, path, 0) < 0 && errno != ENOENT)
        return err_sys(err, "remove the stale name %s", name);
    if (name_link(root_fd, id, path) == 0)
        return 1;
    return errno == EEXIST ? 0 : err_sys(err, "take the name %s", name);
}

int name_take(struct engine *engine, const char *name, const char *id, struct err *err)
{
    auto_free char *path = name_path(name);
    char holder[CONTAINER_ID_LEN + 1];
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    if (name_link(root_fd, id, path) == 0)
        return 1;
    if (errno != EEXIST)
        return err_sys(err, "take the name %s", name);
    int found = name_find(engine, name, holder, err);
    if (found < 0)
        return -1;
    if (found > 0 && record_exists(engine, holder))
        return 0;
    return name_replace(engine, root_fd, name, id, err);
}

/* Before its record is moved away: as long as that is there nobody else takes the name, so that it
 * is ours that goes. */
static void name_remove(struct engine *engine, int root_fd, const char *name, const char *id)
{
    auto_free char *path = name_path(name);
    char holder[CONTAINER_ID_LEN + 1];
    if (name_find(engine, name, holder, NULL) > 0 && strcmp(holder, id) == 0)
        (void)unlinkat(root_fd, path, 0); /* a stale name is replaced by who wants it */
}

/* --- the lock --- */

int run_dir_open(int run_fd, const char *id, int *ret_fd)
{
    char path[RECORD_PATH_SIZE];
    auto_close int fd = openat(run_fd, record_path(id, NULL, path),
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int locked = flock(fd, LOCK_SH | LOCK_NB);
    if (locked < 0 && errno != EWOULDBLOCK)
        return -1;
    if (locked == 0)
        (void)flock(fd, LOCK_UN);
    *ret_fd = take_fd(fd);
    return locked < 0;
}

bool record_locked(struct engine *engine, const char *id)
{
    auto_close int fd = -1;
    int run_fd;
    return engine_run_fd(engine, &run_fd, NULL) == 0 && run_dir_open(run_fd, id, &fd) > 0;
}

int record_wait_unlocked(struct engine *engine, const char *id, int timeout_ms)
{
    struct timespec begin, now;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int pause_ms = 1;; pause_ms = pause_ms < 8 ? pause_ms * 2 : pause_ms) {
        if (!record_locked(engine, id))
            return 1;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t passed_ms =
            (now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000;
        if (passed_ms >= timeout_ms)
            return 0;
        sleep_ms(pause_ms);
    }
}

/* Whose lock is wanted. */
struct wanted {
    const char *id;
    const char *label; /* as it is called in messages */
};

static int fail_locked(const struct wanted *wanted, struct err *err)
{
    return err_set(err, ERR_CONFLICT, "container %s is already running", wanted->label);
}

/* Opens the directory and makes it if it is absent. -1 with errno. */
static int run_dir_make(int run_fd, const char *id)
{
    char path[RECORD_PATH_SIZE];
    if (dir_make(run_fd, "containers", record_path(id, NULL, path), PRIVATE_MODE) < 0 &&
        errno != EEXIST)
        return -1;
    return openat(run_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool run_dir_has_state(int dir_fd)
{
    struct stat status;
    return fstatat(dir_fd, "state.json", &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whoever holds it while there is no state is about to begin, to end or to remove; who shares it
 * just looks. Both are short. */
static bool lock_is_passing(int dir_fd)
{
    if (flock(dir_fd, LOCK_SH | LOCK_NB) == 0) {
        (void)flock(dir_fd, LOCK_UN);
        return true;
    }
    return !run_dir_has_state(dir_fd);
}

/* What a dead monitor left in the kernel and in the run directory goes, under the lock. Who starts
 * or removes the container will meet what does not go, and tell. ERR_CONFLICT if it still runs. */
static int run_dir_renew(struct engine *engine, int dir_fd, const struct wanted *wanted,
                         struct err *err)
{
    auto_done(container_state) state = {};
    struct err ignored = {};
    const char *id = wanted->id;
    int found = state_read(dir_fd, "state.json", &state, &ignored);
    if (found < 0 && ignored.kind == ERR_SYSTEM) { /* damaged ones tell nothing; this one may */
        if (err)
            *err = ignored;
        return -1;
    }
    int lives = found > 0 ? state_process_lives(&state, err) : 0;
    if (lives < 0)
        return -1;
    if (lives > 0)
        return err_set(err, ERR_CONFLICT,
                       "container %s is running, but its monitor died; stop it first",
                       wanted->label);
    if (found <= 0) /* it was killed before it could tell what it had made */
        state.cgroup = container_group_path(id);
    (void)container_group_clear(engine, &state, &ignored);
    if (found <= 0)
        subid_release_all(engine, id);
    else if (state.subid > 0)
        subid_release(engine, id, (uint32_t)state.subid);
    (void)unlinkat(dir_fd, "state.json", 0); /* absent is fine */
    (void)unlinkat(dir_fd, "exit", 0);
    int fd = openat(dir_fd, "exit", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return err_sys(err, "prepare the run directory of container %s", wanted->label);
    (void)close(fd); /* nothing was written */
    return 1;
}

/* Returns 1, or 0 to try again: the directory was removed between, or the lock will soon be free.
 */
static int lock_try(struct engine *engine, int run_fd, const struct wanted *wanted, int *ret_fd,
                    struct err *err)
{
    auto_close int fd = run_dir_make(run_fd, wanted->id);
    if (fd < 0)
        return errno == ENOENT
                   ? 0
                   : err_sys(err, "make the run directory of container %s", wanted->label);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return err_sys(err, "lock container %s", wanted->label);
        return lock_is_passing(fd) ? 0 : fail_locked(wanted, err);
    }

    /* A directory that has been removed takes no new file: this also tells that ours is the one
     * that others see. */
    auto_close int exit_fd = openat(fd, "exit", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (exit_fd < 0 && errno == ENOENT)
        return 0;
    if (exit_fd < 0 && errno != EEXIST)
        return err_sys(err, "prepare the run directory of container %s", wanted->label);
    if (exit_fd < 0 && run_dir_renew(engine, fd, wanted, err) < 0)
        return -1;
    *ret_fd = take_fd(fd);
    return 1;
}

int record_lock(struct engine *engine, const char *id, const char *label, int *ret_fd,
                struct err *err)
{
    char short_id[CONTAINER_ID_SHORT_LEN + 1] = {};
    memcpy(short_id, id, CONTAINER_ID_SHORT_LEN);
    const struct wanted wanted = { .id = id, .label = label ? label : short_id };
    int run_fd;
    if (engine_run_fd(engine, &run_fd, err) < 0)
        return -1;
    for (int waited_ms = 0; waited_ms < LOCK_PATIENCE_MS; waited_ms++) {
        int locked = lock_try(engine, run_fd, &wanted, ret_fd, err);
        if (locked != 0)
            return locked < 0 ? -1 : 0;
        if (waited_ms > 0) /* the first time it is mostly a matter of microseconds */
            sleep_ms(1);
    }
    return err_set(err, ERR_CONFLICT, "container %s is being started or removed by another command",
                   wanted.label);
}

/* --- the end --- */

void exit_write(int run_dir_fd, int64_t exit_code)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRId64 "\n", exit_code);
    auto_close int fd = openat(run_dir_fd, "exit", O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)fd_write_all(fd, digits,
                           (size_t)len); /* who waits is told that the code is not known */
}

int exit_read(int exit_fd, int64_t *ret_exit_code)
{
    char digits[24];
    ssize_t len = pread(exit_fd, digits, sizeof(digits) - 1, 0);
    if (len <= 1 || digits[len - 1] != '\n')
        return 0;
    digits[len - 1] = '\0';
    return number_parse(digits, INT64_MIN, INT64_MAX, "exit code", ret_exit_code, NULL) == 0;
}

static void run_dir_empty(int run_dir_fd)
{
    static const char files[][12] = { "hosts", "hostname", "resolv.conf", "state.json", "exit" };
    for (size_t i = 0; i < array_size(files); i++)
        (void)unlinkat(run_dir_fd, files[i], 0); /* most may be absent */
}

/* Who pauses the container may still put a file in. */
static void run_dir_unlink(int run_fd, const char *id)
{
    char path[RECORD_PATH_SIZE];
    (void)record_path(id, NULL, path);
    for (int i = 0; i < CLEAR_ATTEMPTS; i++)
        if (unlinkat(run_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT ||
            tree_remove(run_fd, path, NULL) == 0)
            return;
}

void run_dir_remove(int run_fd, int run_dir_fd, const char *id)
{
    run_dir_empty(run_dir_fd);
    run_dir_unlink(run_fd, id);
}

int run_dir_clear(struct engine *engine, int run_fd, int run_dir_fd, const char *id)
{
    auto_done(container_state) state = { .cgroup = container_group_path(id) };
    struct err ignored = {};
    if (container_group_clear(engine, &state, &ignored) < 0)
        return -1;
    run_dir_remove(run_fd, run_dir_fd, id);
    return 0;
}

int record_discard(struct engine *engine, int run_dir_fd, const char *id, const char *name,
                   int exit_code, struct err *err)
{
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    if (exit_code >= 0)
        exit_write(run_dir_fd, exit_code);
    if (name && name_valid(name))
        name_remove(engine, root_fd, name, id);
    int moved = trash_put_record(root_fd, id, err);
    if (moved >= 0)
        run_dir_empty(run_dir_fd);
    return moved;
}

void record_withdraw(struct engine *engine, int run_dir_fd, const char *id, const char *name)
{
    if (record_discard(engine, run_dir_fd, id, name, -1, NULL) <= 0)
        return;
    record_forget(engine, id);
    (void)trash_delete(engine, id, NULL);
}

void record_forget(struct engine *engine, const char *id)
{
    int run_fd;
    if (engine_run_fd(engine, &run_fd, NULL) == 0)
        run_dir_unlink(run_fd, id);
}
