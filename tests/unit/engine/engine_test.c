/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>

#include "world.h"

TestSuite(engine, .init = world_open, .fini = world_close);

/* Runs a check as an ordinary user, with nothing in the environment. */
static void as_user(void (*check)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)clearenv();
        if (geteuid() == 0 && setresuid(12345, 12345, 12345) < 0)
            _exit(1);
        check();
        _exit(0);
    }
    int status = 0;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
}

Test(engine, makes_its_directories_once_and_late)
{
    auto_free char *root = xasprintf("%s/root", world_path);
    cr_assert_not(there(AT_FDCWD, root));
    cr_assert_str_eq(engine_root(engine), root);
    mode_t mask = umask(077);
    int fd = root_fd();
    (void)umask(mask);
    struct stat status;
    cr_assert_eq(fstat(fd, &status), 0);
    cr_assert_eq(status.st_mode, (mode_t)(S_IFDIR | 0711));
    cr_assert_eq(root_fd(), fd);
    cr_assert_neq(run_fd(), fd);
}

Test(engine, makes_relative_paths_absolute)
{
    struct engine *other = NULL;
    cr_assert_eq(chdir(world_path), 0);
    must(engine_open("a", "b", &other, &err));
    cr_assert_eq(engine_root(other)[0], '/');
    cr_assert(text_ends(engine_root(other), "/a"));
    cr_assert(text_ends(engine_run(other), "/b"));
    engine_free(other);
    cr_assert_eq(engine_open("", NULL, &other, &err), -1);
    cr_assert_eq(err.kind, ERR_USAGE);
    cr_assert_eq(chdir("/"), 0);
}

Test(engine, has_the_systems_places_for_root)
{
    struct engine *other = NULL;
    if (geteuid() != 0)
        cr_skip_test("only root has them");
    must(engine_open(NULL, NULL, &other, &err));
    cr_assert_str_eq(engine_root(other), "/var/lib/ruche");
    cr_assert_str_eq(engine_run(other), "/run/ruche");
    cr_assert_not(engine_rootless(other));
    engine_free(other);
}

#define user_must(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ % 100 + 1);                                                             \
    } while (0)

static void check_user_places(void)
{
    struct engine *other = NULL;
    user_must(engine_open(NULL, NULL, &other, &err) < 0 && err.kind == ERR_USAGE &&
              strstr(err.text, "HOME"));
    (void)setenv("HOME", "/home/x", 1);
    user_must(engine_open(NULL, NULL, &other, &err) == 0);
    user_must(strcmp(engine_root(other), "/home/x/.local/share/ruche") == 0);
    auto_free char *run = xasprintf("/tmp/ruche-%u", (unsigned)geteuid());
    user_must(strcmp(engine_run(other), run) == 0 && engine_rootless(other));
    engine_free(other);
    (void)setenv("XDG_DATA_HOME", "relative", 1);
    (void)setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
    user_must(engine_open(NULL, NULL, &other, &err) == 0);
    user_must(strcmp(engine_root(other), "/home/x/.local/share/ruche") == 0);
    user_must(strcmp(engine_run(other), "/run/user/1/ruche") == 0);
    engine_free(other);
    (void)setenv("XDG_DATA_HOME", "/data", 1);
    user_must(engine_open(NULL, NULL, &other, &err) == 0);
    user_must(strcmp(engine_root(other), "/data/ruche") == 0);
    engine_free(other);
}

Test(engine, has_places_of_its_own_for_a_user)
{
    as_user(check_user_places);
}

/* The name in /tmp, where anybody can make it first. */
static void check_tmp(const char *path, bool may)
{
    struct engine *other = NULL;
    int fd = -1;
    user_must(engine_open("/nonexistent", "/nonexistent", &other, &err) == 0);
    free(other->run);
    other->run = xstrdup(path);
    other->run_in_tmp = true;
    user_must((engine_run_fd(other, &fd, &err) == 0) == may);
    engine_free(other);
}

static void check_fresh_tmp(void)
{
    char path[] = "/tmp/ruche-tmp-XXXXXX";
    user_must(mkdtemp(path));
    check_tmp(path, true);
    user_must(chmod(path, 0750) == 0);
    check_tmp(path, false);
    user_must(chmod(path, 0700) == 0);
    auto_free char *link = xasprintf("%s/link", path);
    auto_free char *below = xasprintf("%s/below", path);
    user_must(symlink("below", link) == 0);
    check_tmp(below, true);
    check_tmp(link, false);
    check_tmp("/usr", false); /* somebody else's */
    user_must(unlink(link) == 0 && rmdir(below) == 0 && rmdir(path) == 0);
}

Test(engine, trusts_no_directory_of_others_in_tmp)
{
    as_user(check_fresh_tmp);
}
