/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/file.h>

#include "world.h"

TestSuite(record, .init = world_open, .fini = world_close);

static const char some_id[] = "00000000000000000000000000000000000000000000000000000000000000aa";
static const char other_id[] = "00000000000000000000000000000000000000000000000000000000000000bb";

Test(record, knows_ids)
{
    cr_assert(container_id_valid(some_id));
    cr_assert_not(container_id_valid(""));
    cr_assert_not(container_id_valid(some_id + 1));
    cr_assert_not(
        container_id_valid("../000000000000000000000000000000000000000000000000000000000000a"));
    cr_assert_not(
        container_id_valid("00000000000000000000000000000000000000000000000000000000000000AA"));
    cr_assert_not(
        container_id_valid("00000000000000000000000000000000000000000000000000000000000000aaa"));
}

Test(record, is_what_a_start_needs)
{
    mode_t mask = umask(077);
    auto_drop(container) *container = make("web");
    (void)umask(mask);
    const struct {
        const char *file;
        mode_t mode;
    } rows[] = { { NULL, S_IFDIR | 0711 },
                 { "upper", S_IFDIR | 0755 },
                 { "work", S_IFDIR | 0700 },
                 { "config.json", S_IFREG | 0600 } };
    for (size_t i = 0; i < array_size(rows); i++) {
        char path[RECORD_PATH_SIZE];
        struct stat status;
        cr_assert_eq(
            fstatat(root_fd(), record_path(container->config.id, rows[i].file, path), &status, 0),
            0);
        cr_assert_eq(status.st_mode, rows[i].mode, "%s", path);
    }
    auto_close int fd = -1;
    must(record_open(engine, container->config.id, &fd, &err));
    cr_assert(there(fd, "config.json"));
    cr_assert_eq(record_open(engine, some_id, &fd, &err), -1);
    cr_assert_eq(err.kind, ERR_NOT_FOUND);
}

Test(record, of_a_directory_has_no_layer)
{
    struct container_config config = config_of("web");
    config.rootfs_overlay = false;
    auto_drop(container) *container = NULL;
    must(create(&config, &container));
    char path[RECORD_PATH_SIZE];
    cr_assert_not(there(root_fd(), record_path(container->config.id, "upper", path)));
}

Test(record, refuses_what_a_newer_version_wrote)
{
    auto_drop(container) *container = make("web");
    struct container_config config = {};
    char path[RECORD_PATH_SIZE];
    auto_done(str) text = {};
    container->config.version = CONTAINER_CONFIG_VERSION + 1;
    field_write(container_config_fields, &container->config, 0, &text);
    must(file_save(root_fd(), record_path(container->config.id, "config.json", path), text.at,
                   text.len, 0600, 0, &err));
    cr_assert_eq(record_load_config(engine, container->config.id, &config, &err), -1);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED);
}

/* --- names --- */

Test(record, takes_a_name_once)
{
    auto_drop(container) *first = make("web");
    char id[CONTAINER_ID_LEN + 1];
    cr_assert_eq(name_find(engine, "web", id, &err), 1);
    cr_assert_str_eq(id, first->config.id);
    cr_assert_eq(name_take(engine, "web", other_id, &err), 0);
    cr_assert_eq(name_find(engine, "db", id, &err), 0);
}

Test(record, replaces_a_stale_name)
{
    char id[CONTAINER_ID_LEN + 1];
    cr_assert_eq(name_take(engine, "web", some_id, &err), 1);
    cr_assert_eq(name_take(engine, "web", other_id, &err), 1, "%s", err.text);
    cr_assert_eq(name_find(engine, "web", id, &err), 1);
    cr_assert_str_eq(id, other_id);
}

Test(record, does_not_follow_a_name_that_is_no_id)
{
    char id[CONTAINER_ID_LEN + 1];
    cr_assert_eq(name_take(engine, "web", some_id, &err), 1);
    cr_assert_eq(symlinkat("../../etc", root_fd(), "names/bad"), 0);
    cr_assert_eq(name_find(engine, "bad", id, &err), 0);
    cr_assert_eq(name_take(engine, "bad", other_id, &err), 1, "%s", err.text);
}

/* Of many who want a stale name at once one gets it. */
Test(record, gives_a_stale_name_to_one)
{
    enum { RIVALS = 16 };
    cr_assert_eq(name_take(engine, "web", some_id, &err), 1);
    must(mkdirat(root_fd(), "containers", 0711));
    pid_t pids[RIVALS];
    int go[2];
    cr_assert_eq(pipe(go), 0);
    for (int i = 0; i < RIVALS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            char id[CONTAINER_ID_LEN + 1], path[RECORD_PATH_SIZE], byte;
            (void)snprintf(id, sizeof(id), "%064x", i + 1);
            if (mkdirat(root_fd(), record_path(id, NULL, path), 0711) < 0)
                _exit(2);
            (void)close(go[1]);
            (void)!read(go[0], &byte, 1);
            int taken = name_take(engine, "web", id, &err);
            _exit(taken == 1 ? 0 : taken == 0 ? 1 : 2);
        }
    }
    (void)close(go[0]);
    (void)close(go[1]);
    int winners = 0;
    for (int i = 0; i < RIVALS; i++) {
        int status;
        cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        winners += WEXITSTATUS(status) == 0;
    }
    cr_assert_eq(winners, 1);
}

/* --- the lock --- */

Test(record, is_locked_by_one)
{
    auto_drop(container) *container = make("web");
    const char *id = container->config.id;
    auto_close int lock = -1;
    int other = -1;
    cr_assert_not(record_locked(engine, id));
    must(record_lock(engine, id, NULL, &lock, &err));
    cr_assert(record_locked(engine, id));
    cr_assert(there(lock, "exit"));
    cr_assert(fcntl(lock, F_GETFD) & FD_CLOEXEC);

    must(state_save_running(engine, lock, &container->state, &err));
    cr_assert_eq(record_lock(engine, id, NULL, &other, &err), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    cr_assert_not_null(strstr(err.text, "already running"));
    cr_assert_eq(record_lock(engine, id, "web", &other, &err), -1);
    cr_assert_str_eq(err.text, "container web is already running");
    fd_close(&lock);
    cr_assert_not(record_locked(engine, id));
}

/* The descriptor is shared by fork: the lock lasts as long as one of them is open. */
Test(record, stays_locked_by_the_one_who_inherited_it)
{
    auto_drop(container) *container = make("web");
    int lock = -1, hold[2];
    must(record_lock(engine, container->config.id, NULL, &lock, &err));
    cr_assert_eq(pipe(hold), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        (void)close(hold[1]);
        _exit((int)read(hold[0], &byte, 1));
    }
    (void)close(hold[0]);
    fd_close(&lock);
    cr_assert(record_locked(engine, container->config.id));
    (void)close(hold[1]);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert_not(record_locked(engine, container->config.id));
}

Test(record, waits_for_a_holder_who_is_about_to_end)
{
    auto_drop(container) *container = make("web");
    int lock = -1;
    must(record_lock(engine, container->config.id, NULL, &lock, &err));
    pid_t pid = fork();
    if (pid == 0) {
        (void)usleep(20000);
        run_dir_remove(run_fd(), lock, container->config.id);
        _exit(0);
    }
    fd_close(&lock);
    must(record_lock(engine, container->config.id, NULL, &lock, &err));
    cr_assert(there(lock, "exit"));
    cr_assert(record_locked(engine, container->config.id));
    fd_close(&lock);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

/* Those who only look never keep anybody from starting. */
Test(record, is_not_kept_from_by_readers)
{
    enum { READERS = 8, ROUNDS = 300 };
    auto_drop(container) *container = make("web");
    const char *id = container->config.id;
    pid_t pids[READERS];
    for (int i = 0; i < READERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            for (;;)
                (void)record_locked(engine, id);
    }
    for (int i = 0; i < ROUNDS; i++) {
        auto_close int lock = -1;
        must(record_lock(engine, id, NULL, &lock, &err));
        must(state_save_running(engine, lock, &container->state, &err));
        run_dir_remove(run_fd(), lock, id);
    }
    for (int i = 0; i < READERS; i++) {
        (void)kill(pids[i], SIGKILL);
        (void)waitpid(pids[i], NULL, 0);
    }
}

Test(record, is_locked_by_one_of_many)
{
    enum { RIVALS = 16 };
    auto_drop(container) *container = make("web");
    pid_t pids[RIVALS];
    int results[2], hold[2];
    cr_assert_eq(pipe(results), 0);
    cr_assert_eq(pipe(hold), 0);
    for (int i = 0; i < RIVALS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            int lock = -1;
            char won = record_lock(engine, container->config.id, NULL, &lock, &err) == 0;
            if (won && state_save_running(engine, lock, &container->state, &err) < 0)
                won = 2;
            (void)!write(results[1], &won, 1);
            (void)close(hold[1]);
            (void)!read(hold[0], &won, 1);
            _exit(0);
        }
    }
    int winners = 0;
    for (int i = 0; i < RIVALS; i++) {
        char won;
        cr_assert_eq(read(results[0], &won, 1), 1);
        winners += won;
    }
    cr_assert_eq(winners, 1);
    (void)close(hold[1]);
    for (int i = 0; i < RIVALS; i++)
        (void)waitpid(pids[i], NULL, 0);
}

/* --- the trash --- */

Test(record, is_moved_aside_and_deleted)
{
    auto_drop(container) *container = make("web");
    const char *id = container->config.id;
    auto_free char *trashed = xasprintf("trash/%s", id);
    int lock = -1;
    must(record_lock(engine, id, NULL, &lock, &err));
    cr_assert_eq(record_discard(engine, lock, id, "web", 7, &err), 1);
    fd_close(&lock);
    cr_assert(there(root_fd(), trashed));
    cr_assert_not(record_exists(engine, id));
    cr_assert_not(there(root_fd(), "names/web"));
    must(trash_delete(engine, id, &err));
    cr_assert_not(there(root_fd(), trashed));
    must(trash_delete(engine, id, &err));
    auto_done(strings) names = {};
    cr_assert_eq(dir_list(run_fd(), "containers", &names, &err), 1);
    cr_assert_eq(names.len, 1); /* until nothing of it is in the kernel */
    record_forget(engine, id);
    strings_done(&names);
    cr_assert_eq(dir_list(run_fd(), "containers", &names, &err), 1);
    cr_assert_eq(names.len, 0);
}

Test(record, leaves_the_name_of_another)
{
    container_free(make("web"));
    auto_drop(container) *second = make("db");
    int lock = -1;
    must(record_lock(engine, second->config.id, NULL, &lock, &err));
    cr_assert_eq(record_discard(engine, lock, second->config.id, "web", -1, &err), 1);
    fd_close(&lock);
    cr_assert(there(root_fd(), "names/web"));
}

Test(record, is_swept_but_not_where_somebody_is_at_it)
{
    must(engine_trash_sweep(engine, &err));
    cr_assert_eq(mkdirat(root_fd(), "trash", 0711), 0);
    auto_free char *some = xasprintf("trash/%s", some_id);
    auto_free char *other = xasprintf("trash/%s", other_id);
    auto_free char *deep = xasprintf("trash/%s/upper/a/b", other_id);
    must(dir_make_all(root_fd(), some, 0700, &err));
    must(dir_make_all(root_fd(), deep, 0700, &err));
    must(dir_make_all(root_fd(), "trash/0123456789abcdef", 0700, &err));
    auto_close int held = openat(root_fd(), some, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(flock(held, LOCK_EX), 0);
    must(engine_trash_sweep(engine, &err));
    cr_assert(there(root_fd(), some));
    cr_assert_not(there(root_fd(), other));
    cr_assert(there(root_fd(), "trash/0123456789abcdef")); /* the image store's */
    cr_assert_eq(flock(held, LOCK_UN), 0);
    must(engine_trash_sweep(engine, &err));
    cr_assert_not(there(root_fd(), some));
}

Test(record, is_emptied_from_inside)
{
    must(dir_make_all(root_fd(), "x/a/b", 0700, &err));
    must(file_save(root_fd(), "x/file", "1", 1, 0600, 0, &err));
    auto_close int fd = openat(root_fd(), "x", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(trash_remove_inside(fd, &err));
    cr_assert_eq(unlinkat(root_fd(), "x", AT_REMOVEDIR), 0);
}
