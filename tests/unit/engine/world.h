/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An engine on directories of its own, and monitors that do what a real one does on disk, around a
 * process that just waits. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/record_part.h"
#include "engine/timestamp.h"

#define must(call) cr_assert_geq((call), 0, "%s: %s", #call, err.text)

__attribute__((unused)) static struct err err;
__attribute__((unused)) static char world_path[] = "/tmp/ruche-engine-XXXXXX";
__attribute__((unused)) static struct engine *engine;
static int world_life[2]; /* at its end when the test is over, whatever way that ends */

__attribute__((unused)) static void world_open(void)
{
    cr_assert_not_null(mkdtemp(world_path));
    cr_assert_eq(pipe2(world_life, O_CLOEXEC), 0);
    auto_free char *root = xasprintf("%s/root", world_path);
    auto_free char *run = xasprintf("%s/run", world_path);
    must(engine_open(root, run, &engine, &err));
}

__attribute__((unused)) static void world_close(void)
{
    engine_free(engine);
    engine = NULL;
    (void)close(world_life[0]);
    (void)close(world_life[1]);
    must(tree_remove(AT_FDCWD, world_path, &err));
}

__attribute__((unused)) static int root_fd(void)
{
    int fd = -1;
    must(engine_root_fd(engine, &fd, &err));
    return fd;
}

__attribute__((unused)) static int run_fd(void)
{
    int fd = -1;
    must(engine_run_fd(engine, &fd, &err));
    return fd;
}

__attribute__((unused)) static bool there(int dirfd, const char *path)
{
    struct stat status;
    return fstatat(dirfd, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A configuration as the command line leaves it: a command on the host's own root directory. */
__attribute__((unused)) static struct container_config config_of(const char *name)
{
    struct container_config config = { .rootfs = xstrdup("/"), .rootfs_overlay = true };
    config.name = name ? xstrdup(name) : NULL;
    strings_add(&config.command, "sleep");
    strings_add(&config.command, "1000");
    return config;
}

/* Takes the contents of config. */
__attribute__((unused)) static int create(struct container_config *config,
                                          struct container **ret_container)
{
    auto_drop(container) *container = NULL;
    int result = container_prepare(engine, config, &container, &err);
    if (result == 0)
        result = container_record(engine, container, &err);
    container_config_done(config);
    if (result == 0)
        *ret_container = take_ptr(container);
    return result;
}

__attribute__((unused)) static struct container *make(const char *name)
{
    struct container_config config = config_of(name);
    struct container *container = NULL;
    must(create(&config, &container));
    return container;
}

__attribute__((unused)) static struct container *find(const char *name)
{
    struct container *container = NULL;
    must(container_find(engine, name, &container, &err));
    return container;
}

__attribute__((unused)) static enum container_status status_of(const char *name)
{
    auto_drop(container) *container = find(name);
    return container->state.status;
}

/* --- monitors --- */

enum monitor_manners {
    MONITOR_IGNORES_TERM = 1 << 0, /* the first process does */
    MONITOR_REMOVES = 1 << 1,      /* --rm */
};

struct run {
    pid_t monitor;
    pid_t first;
};

/* Waits until it is killed, or the test is over. */
static void first_live(int lock, int ready, int begun)
{
    char byte = 0;
    (void)close(lock);
    (void)close(ready);
    (void)close(world_life[1]);
    (void)!write(begun, &byte, 1);
    (void)close(begun);
    (void)!read(world_life[0], &byte, 1);
    _exit(0);
}

__attribute__((unused)) static void monitor_live(struct container *container, int lock,
                                                 enum monitor_manners manners, int ready)
{
    int begun[2];
    char byte;
    if (manners & MONITOR_IGNORES_TERM)
        (void)signal(SIGTERM, SIG_IGN);
    if (pipe2(begun, O_CLOEXEC) < 0)
        _exit(1);
    pid_t first = fork();
    if (first == 0)
        first_live(lock, ready, begun[1]);
    (void)close(world_life[1]);
    (void)close(begun[1]);
    if (read(begun[0], &byte, 1) != 1) /* now the lock is the monitor's alone */
        _exit(1);
    struct container_state *state = &container->state;
    char now[TIMESTAMP_SIZE];
    state->status = CONTAINER_RUNNING;
    state->pid = first;
    state->monitor_pid = getpid();
    state->started = xstrdup(timestamp_now(now));
    int saved = process_start_ticks(first, &state->pid_start, NULL) > 0 ? 0 : -1;
    if (!(manners & MONITOR_REMOVES))
        saved |= state_save_started(engine, state, &err);
    saved |= state_save_running(engine, lock, state, &err);
    if (saved < 0 || write(ready, &first, sizeof(first)) != sizeof(first))
        _exit(1);

    int status = 0;
    while (waitpid(first, &status, 0) < 0 && errno == EINTR)
        continue;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (manners & MONITOR_REMOVES) {
        (void)record_discard(engine, lock, state->id, state->name, code, &err);
        record_forget(engine, state->id);
        (void)close(lock);
        (void)trash_delete(engine, state->id, &err);
        _exit(0);
    }
    state->status = CONTAINER_EXITED;
    state->pid = state->monitor_pid = 0;
    state->exit_code = code;
    state->finished = xstrdup(timestamp_now(now));
    (void)state_save_ended(engine, lock, state, &err);
    _exit(0);
}

__attribute__((unused)) static struct run start(struct container *container,
                                                enum monitor_manners manners)
{
    int lock = -1, ready[2];
    struct run run = {};
    must(record_lock(engine, container->config.id, NULL, &lock, &err));
    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    run.monitor = fork();
    if (run.monitor == 0)
        monitor_live(container, lock, manners, ready[1]);
    (void)close(lock);
    (void)close(ready[1]);
    cr_assert_eq(read(ready[0], &run.first, sizeof(run.first)), (ssize_t)sizeof(run.first));
    (void)close(ready[0]);
    return run;
}

/* Kills the monitor, as nothing but SIGKILL can end a real one. */
__attribute__((unused)) static void orphan(const struct run *run)
{
    (void)kill(run->monitor, SIGKILL);
    (void)waitpid(run->monitor, NULL, 0);
}

__attribute__((unused)) static void reap(const struct run *run)
{
    (void)kill(run->first, SIGKILL);
    (void)waitpid(run->monitor, NULL, 0);
}
