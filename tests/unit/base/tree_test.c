/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static char scratch_path[] = "/tmp/ruche-tree-XXXXXX";
static int scratch = -1;

static void scratch_open(void)
{
    cr_assert_not_null(mkdtemp(scratch_path));
    scratch = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(scratch, 0);
}

static void scratch_close(void)
{
    struct err err = {};
    fd_close(&scratch);
    cr_assert_eq(tree_remove(AT_FDCWD, scratch_path, &err), 0, "%s", err.text);
}

TestSuite(tree, .init = scratch_open, .fini = scratch_close);

static void make_dir(const char *path)
{
    struct err err = {};
    cr_assert_eq(dir_make_all(scratch, path, 0755, &err), 0, "%s", err.text);
}

static void make_file(const char *path)
{
    struct err err = {};
    cr_assert_eq(file_save(scratch, path, "x", 1, 0644, 0, &err), 0, "%s", err.text);
}

static bool is_there(const char *path)
{
    struct stat status;
    return fstatat(scratch, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static void assert_removed(const char *path)
{
    struct err err = {};
    cr_assert_eq(tree_remove(scratch, path, &err), 0, "%s", err.text);
    cr_assert_not(is_there(path));
}

static int fds_open(void)
{
    struct err err = {};
    auto_done(strings) names = {};
    cr_assert_eq(dir_list(AT_FDCWD, "/proc/self/fd", &names, &err), 1);
    return (int)names.len;
}

Test(tree, removes_all_kinds_of_things)
{
    make_dir("t/a/b");
    make_dir("t/empty/empty");
    make_file("t/file");
    make_file("t/a/b/file");
    cr_assert_eq(symlinkat("nowhere", scratch, "t/dangling"), 0);
    cr_assert_eq(mkfifoat(scratch, "t/a/fifo", 0600), 0);
    make_file("beside");

    int fds = fds_open();
    assert_removed("t");
    cr_assert_eq(fds_open(), fds);
    cr_assert(is_there("beside"));
}

Test(tree, removes_what_is_no_directory)
{
    make_file("f");
    assert_removed("f");
    make_dir("d");
    assert_removed("d/");
    make_dir("p/q/r");
    assert_removed("p/q");
    cr_assert(is_there("p"));
}

Test(tree, absent_is_fine)
{
    struct err err = {};
    cr_assert_eq(tree_remove(scratch, "none", &err), 0);
    cr_assert_eq(tree_remove(scratch, "none/below", &err), 0);
}

Test(tree, needs_a_name)
{
    static const char *const wrong[] = { "", ".", "..", "/", "t/.", "t/..", "t/../" };
    make_file("kept");
    for (size_t i = 0; i < array_size(wrong); i++) {
        struct err err = {};
        cr_assert_eq(tree_remove(scratch, wrong[i], &err), -1, "\"%s\"", wrong[i]);
        cr_assert_eq(err.kind, ERR_INVALID, "\"%s\"", wrong[i]);
    }
    cr_assert(is_there("kept"));
}

Test(tree, removes_links_and_not_what_they_lead_to)
{
    make_dir("outside/dir");
    make_file("outside/dir/canary");
    make_dir("t");
    cr_assert_eq(symlinkat("../outside", scratch, "t/link"), 0);
    cr_assert_eq(symlinkat("outside", scratch, "link"), 0);
    assert_removed("t");
    assert_removed("link");
    cr_assert(is_there("outside/dir/canary"));
}

Test(tree, removes_wide_ones)
{
    make_dir("t");
    for (int i = 0; i < 3000; i++) {
        auto_free char *file = xasprintf("t/a-file-with-a-name-of-some-length-%d", i);
        make_file(file);
        auto_free char *dir = xasprintf("t/dir-%d/sub", i);
        make_dir(dir);
    }
    assert_removed("t");
}

/* Makes a chain of directories from fd downwards, every one with a second, filled one in it. */
static void make_chain(int top, int depth)
{
    int fd = top;
    for (int i = 0; i < depth; i++) {
        if (i % 100 == 0) {
            cr_assert_eq(mkdirat(fd, "z", 0755), 0);
            auto_close int side = openat(fd, "z", O_PATH | O_CLOEXEC);
            cr_assert_eq(mkdirat(side, "y", 0755), 0);
        }
        cr_assert_eq(mkdirat(fd, "d", 0755), 0);
        int next = openat(fd, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(next, 0);
        if (fd != top)
            close(fd);
        fd = next;
    }
    auto_close int file = openat(fd, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(file, 0);
    close(fd);
}

Test(tree, removes_deep_ones_with_few_descriptors)
{
    make_dir("t");
    auto_close int top = openat(scratch, "t", O_PATH | O_CLOEXEC);
    make_chain(top, 10000);
    struct rlimit limit = { 64, 64 };
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit stack = { 1 << 20, 1 << 20 };
    cr_assert_eq(setrlimit(RLIMIT_STACK, &stack), 0);
    int fds = fds_open();
    assert_removed("t");
    cr_assert_eq(fds_open(), fds);
}

/* Branches on many levels: back up a little, down again, past the point where levels are closed. */
Test(tree, goes_up_and_down_again)
{
    make_dir("t");
    int fd = openat(scratch, "t", O_PATH | O_CLOEXEC);
    for (int level = 0; level < 120; level++) {
        static const char *const branches[] = { "a", "b", "c" };
        for (size_t i = 0; i < array_size(branches); i++) {
            cr_assert_eq(mkdirat(fd, branches[i], 0755), 0);
            if (level % 10 == 0) {
                auto_close int branch = openat(fd, branches[i], O_PATH | O_CLOEXEC);
                make_chain(branch, 50);
            }
        }
        int next = openat(fd, "b", O_PATH | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    close(fd);
    assert_removed("t");
}

/* As an ordinary user: only the owner's rights count. */
static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = {};
    cr_assert_eq(syscall(SYS_capset, &header, data), 0);
}

Test(tree, opens_closed_directories_of_ours)
{
    static const mode_t modes[] = { 0, 0100, 0200, 0300, 0400, 0500, 0600, 0555 };
    for (size_t i = 0; i < array_size(modes); i++) {
        auto_free char *path = xasprintf("t/m%zu/in/below", i);
        auto_free char *file = xasprintf("t/m%zu/in/file", i);
        auto_free char *in = xasprintf("t/m%zu/in", i);
        auto_free char *dir = xasprintf("t/m%zu", i);
        make_dir(path);
        make_file(file);
        cr_assert_eq(fchmodat(scratch, in, modes[i], 0), 0);
        cr_assert_eq(fchmodat(scratch, dir, modes[i], 0), 0);
    }
    cr_assert_eq(fchmodat(scratch, "t", 0, 0), 0);
    drop_capabilities();
    assert_removed("t");
}

Test(tree, leaves_the_directory_it_lies_in_alone)
{
    make_dir("closed/t/x");
    make_file("closed/t/x/f");
    cr_assert_eq(fchmodat(scratch, "closed", 0555, 0), 0);
    drop_capabilities();
    struct err err = {};
    cr_assert_eq(tree_remove(scratch, "closed/t", &err), -1);
    cr_assert_eq(err.kind, ERR_DENIED);
    struct stat status;
    cr_assert_eq(fstatat(scratch, "closed", &status, 0), 0);
    cr_assert_eq(status.st_mode & 07777, 0555);
    cr_assert_eq(fchmodat(scratch, "closed", 0755, 0), 0);
}

/* What a child found wrong, in memory that is shared with it. */
static struct err *found;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return err_set(found, ERR_INVALID, "line %d: %s", __LINE__, #condition);               \
    } while (0)

static int own_mounts(void)
{
    return unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
                   mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
               ? err_sys(found, "no mount namespace of our own")
               : 0;
}

/* Runs a check in a child, which has one thread and so may have a user namespace of its own. The
 * mounts it makes go with it. */
static void assert_below_mounts(int (*check)(void))
{
    found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(found, MAP_FAILED);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        _exit(own_mounts() < 0 ? 2 : check() < 0 ? 1 : 0);

    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
        scratch_close();
        cr_skip_test("%s", found->text);
    }
    cr_assert_eq(status, 0, "%s", found->text);
    cr_assert_eq(munmap(found, sizeof(*found)), 0);
}

static int bind(const char *from, const char *to)
{
    auto_free char *source = xasprintf("%s/%s", scratch_path, from);
    auto_free char *target = xasprintf("%s/%s", scratch_path, to);
    return mount(source, target, NULL, MS_BIND, NULL);
}

static void make_tree_and_canaries(void)
{
    make_dir("outside/dir");
    make_file("outside/dir/canary");
    make_file("outside/file");
    make_dir("t/a/here");
    make_file("t/a/file");
}

static int stop_at(const char *from, const char *place)
{
    struct err err = {};
    auto_free char *wanted = xasprintf("remove %s: something is mounted there", place);
    CHECK(bind(from, place) == 0);
    CHECK(tree_remove(scratch, "t", &err) == -1);
    CHECK(err.kind == ERR_CONFLICT);
    CHECK(text_starts(err.text, wanted));
    CHECK(is_there("outside/dir/canary") && is_there("outside/file"));
    return 0;
}

static int stop_at_directory(void)
{
    return stop_at("outside", "t/a/here");
}

static int stop_at_top(void)
{
    return stop_at("outside", "t");
}

static int stop_at_file(void)
{
    return stop_at("outside/file", "t/a/file");
}

static int stop_at_foreign(void)
{
    struct err err = {};
    auto_free char *path = xasprintf("%s/t/a/here", scratch_path);
    CHECK(mount("none", path, "tmpfs", 0, NULL) == 0);
    CHECK(tree_remove(scratch, "t", &err) == -1);
    CHECK(text_same(err.text, "remove t/a/here: something is mounted there; unmount it first"));
    return 0;
}

/* A bind mount has the device number of the tree itself. */
Test(tree, stops_at_mounts)
{
    static int (*const checks[])(void) = { stop_at_directory, stop_at_top, stop_at_file,
                                           stop_at_foreign };
    for (size_t i = 0; i < array_size(checks); i++) {
        make_tree_and_canaries();
        assert_below_mounts(checks[i]);
        assert_removed("t");
    }
}

enum { REMOVERS = 4 };

static void *remover(void *data)
{
    struct err *err = data;
    return tree_remove(scratch, "t", err) < 0 ? err : NULL;
}

Test(tree, several_may_remove_the_same)
{
    for (int i = 0; i < 200; i++) {
        auto_free char *path = xasprintf("t/%d/%d/x", i % 10, i);
        make_dir(path);
        auto_free char *file = xasprintf("t/%d/%d/f", i % 10, i);
        make_file(file);
    }
    pthread_t threads[REMOVERS];
    struct err errs[REMOVERS] = {};
    for (int i = 0; i < REMOVERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, remover, &errs[i]), 0);
    for (int i = 0; i < REMOVERS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        cr_assert_null(failed, "%s", errs[i].text);
    }
    cr_assert_not(is_there("t"));
}

static void *adder(void *data)
{
    const int *dir = data;
    for (int i = 0; i < 300; i++) {
        auto_free char *name = xasprintf("late-%d", i);
        auto_close int fd = openat(*dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            break; /* the directory is gone */
        usleep(20);
    }
    return NULL;
}

Test(tree, removes_what_comes_meanwhile)
{
    make_dir("t/d");
    for (int i = 0; i < 1000; i++) {
        auto_free char *file = xasprintf("t/d/%d", i);
        make_file(file);
    }
    auto_close int dir = openat(scratch, "t/d", O_PATH | O_CLOEXEC);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, adder, &dir), 0);
    struct err err = {};
    int done = tree_remove(scratch, "t", &err);
    pthread_join(thread, NULL);
    cr_assert(done == 0 || err.errnum == ENOTEMPTY, "%s", err.text);
    assert_removed("t");
}
