/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"

static char scratch_path[] = "/tmp/ruche-file-XXXXXX";
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

TestSuite(file, .init = scratch_open, .fini = scratch_close);
TestSuite(dir, .init = scratch_open, .fini = scratch_close);

static void put(const char *path, const char *text)
{
    auto_close int fd = openat(scratch, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
}

static void assert_content(const char *path, const char *wanted)
{
    struct err err = {};
    auto_free char *data = NULL;
    size_t len = 0;
    cr_assert_eq(file_load(scratch, path, 1 << 20, &data, &len, &err), 1, "%s", err.text);
    cr_assert_eq(len, strlen(wanted));
    cr_assert_str_eq(data, wanted);
}

static size_t names_count(const char *path)
{
    struct err err = {};
    auto_done(strings) names = {};
    cr_assert_eq(dir_list(scratch, path, &names, &err), 1, "%s", err.text);
    return names.len;
}

Test(file, loads_what_is_there)
{
    put("a", "hello\n");
    assert_content("a", "hello\n");
    put("empty", "");
    assert_content("empty", "");
}

Test(file, absent_is_no_failure)
{
    struct err err = {};
    char *data = NULL;
    size_t len = 7;
    cr_assert_eq(file_load(scratch, "none", 10, &data, &len, &err), 0);
    cr_assert_eq(file_load(scratch, "none/below", 10, &data, &len, &err), 0);
    cr_assert_null(data);
    cr_assert_eq(len, 7);
    cr_assert_eq(err.kind, ERR_NONE);
}

Test(file, loads_at_most_the_limit)
{
    put("ten", "0123456789");
    struct err err = {};
    auto_free char *data = NULL;
    size_t len = 0;
    cr_assert_eq(file_load(scratch, "ten", 10, &data, &len, &err), 1);
    cr_assert_eq(len, 10);
    char *more = NULL;
    cr_assert_eq(file_load(scratch, "ten", 9, &more, &len, &err), -1);
    cr_assert_eq(err.kind, ERR_INVALID);
    cr_assert_str_eq(err.text, "ten: larger than the limit of 9 bytes");
    cr_assert_null(more);
    cr_assert_eq(file_load(scratch, "ten", 0, &more, &len, &err), -1);
    cr_assert_eq(file_load_own(scratch, "ten", 9, &more, &len, &err), -1);
    cr_assert_null(more);
}

/* Lengths around those at which the buffer grows. */
Test(file, loads_every_length)
{
    static const size_t lengths[] = { 1, 16383, 16384, 16385, 65535, 65536, 65537, 1000000 };
    for (size_t i = 0; i < array_size(lengths); i++) {
        size_t len = lengths[i];
        auto_free char *data = xmalloc(len);
        for (size_t k = 0; k < len; k++)
            data[k] = (char)(k * 31);
        struct err err = {};
        cr_assert_eq(file_save(scratch, "big", data, len, 0600, 0, &err), 0, "%s", err.text);

        auto_free char *own = NULL;
        auto_free char *back = NULL;
        size_t back_len = 0;
        cr_assert_eq(file_load_own(scratch, "big", len, &own, &back_len, &err), 1, "%s", err.text);
        cr_assert_eq(back_len, len);
        cr_assert_arr_eq(own, data, len);
        cr_assert_eq(file_load(scratch, "big", len, &back, &back_len, &err), 1, "%s", err.text);
        cr_assert_eq(back_len, len);
        cr_assert_eq(memcmp(back, data, len), 0);
        cr_assert_eq(back[len], '\0');
        char *over = NULL;
        cr_assert_eq(file_load(scratch, "big", len - 1, &over, &back_len, &err), -1);
    }
}

static void *drip(void *data)
{
    const int *fd = data;
    for (int i = 0; i < 5; i++) {
        (void)!write(*fd, "drop.", 5);
        usleep(2000);
    }
    close(*fd);
    return NULL;
}

Test(file, loads_a_pipe_to_its_end)
{
    int fds[2];
    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, drip, &fds[1]), 0);
    struct err err = {};
    auto_free char *data = NULL;
    size_t len = 0;
    cr_assert_eq(file_load_fd(fds[0], 100, &data, &len, &err), 0);
    pthread_join(thread, NULL);
    cr_assert_str_eq(data, "drop.drop.drop.drop.drop.");
    close(fds[0]);
}

/* The kernel gives a part at a time, each far shorter than what it is asked for. */
Test(file, loads_procfs_to_its_end)
{
    struct err err = {};
    auto_free char *maps = NULL;
    size_t len = 0;
    cr_assert_eq(file_load(AT_FDCWD, "/proc/self/smaps", 1 << 20, &maps, &len, &err), 1);
    cr_assert_gt(len, 8192);
    cr_assert_not_null(strstr(maps, "[vsyscall]"));
}

Test(file, load_says_what_is_wrong)
{
    struct err err = {};
    char *data = NULL;
    size_t len = 0;
    cr_assert_eq(file_load(scratch, ".", 10, &data, &len, &err), -1);
    cr_assert_eq(err.errnum, EISDIR);
    cr_assert_eq(strncmp(err.text, ".: read: ", 9), 0);
    put("a", "");
    cr_assert_eq(file_load(scratch, "a/b", 10, &data, &len, &err), -1);
    cr_assert_eq(err.errnum, ENOTDIR);
}

Test(file, no_path_leads_out)
{
    cr_assert_eq(mkdirat(scratch, "in", 0755), 0);
    cr_assert_eq(symlinkat("/etc", scratch, "in/absolute"), 0);
    cr_assert_eq(symlinkat("../..", scratch, "in/up"), 0);
    put("outside", "secret");
    auto_close int in = openat(scratch, "in", O_PATH | O_DIRECTORY | O_CLOEXEC);

    static const char *const paths[] = { "../outside", "/etc/passwd", "absolute/passwd", "up/tmp" };
    for (size_t i = 0; i < array_size(paths); i++) {
        struct err err = {};
        char *data = NULL;
        size_t len = 0;
        int fd = -1;
        struct strings names = {};
        cr_assert_eq(file_load(in, paths[i], 100, &data, &len, &err), -1, "%s", paths[i]);
        cr_assert_eq(err.kind, ERR_DENIED);
        cr_assert_eq(file_save(in, paths[i], "x", 1, 0600, 0, &err), -1, "%s", paths[i]);
        cr_assert_eq(err.kind, ERR_DENIED);
        cr_assert_eq(dir_open_made(in, paths[i], 0700, &fd, &err), -1, "%s", paths[i]);
        cr_assert_eq(err.kind, ERR_DENIED);
        cr_assert_eq(dir_list(in, paths[i], &names, &err), -1, "%s", paths[i]);
        cr_assert_eq(file_poke(in, paths[i], "x"), -1, "%s", paths[i]);
        cr_assert_eq(tree_remove(in, paths[i], &err), -1, "%s", paths[i]);
        cr_assert_eq(err.kind, ERR_DENIED);
    }
    assert_content("outside", "secret");
}

Test(file, a_path_may_go_round_below)
{
    cr_assert_eq(mkdirat(scratch, "d", 0755), 0);
    cr_assert_eq(symlinkat("d", scratch, "link"), 0);
    struct err err = {};
    cr_assert_eq(file_save(scratch, "link/../link/f", "x", 1, 0600, 0, &err), 0, "%s", err.text);
    assert_content("d/f", "x");
    assert_content("d/../link/f", "x");
}

Test(file, saves_and_replaces)
{
    struct err err = {};
    umask(0);
    cr_assert_eq(file_save(scratch, "f", "one", 3, 0640, 0, &err), 0, "%s", err.text);
    cr_assert_eq(file_save(scratch, "f", "two!", 4, 0600, FILE_SYNC, &err), 0, "%s", err.text);
    assert_content("f", "two!");
    struct stat status;
    cr_assert_eq(fstatat(scratch, "f", &status, 0), 0);
    cr_assert_eq(status.st_mode & 07777, 0600);
    cr_assert_eq(names_count("."), 1);
}

Test(file, a_reader_keeps_the_old_file)
{
    struct err err = {};
    put("f", "old");
    auto_close int fd = openat(scratch, "f", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(file_save(scratch, "f", "new", 3, 0600, 0, &err), 0);
    auto_free char *data = NULL;
    size_t len = 0;
    cr_assert_eq(file_load_fd(fd, 10, &data, &len, &err), 0);
    cr_assert_str_eq(data, "old");
    assert_content("f", "new");
}

Test(file, saves_over_a_link_and_not_through_it)
{
    struct err err = {};
    put("target", "untouched");
    cr_assert_eq(symlinkat("target", scratch, "link"), 0);
    cr_assert_eq(file_save(scratch, "link", "x", 1, 0600, 0, &err), 0);
    assert_content("target", "untouched");
    assert_content("link", "x");
}

Test(file, exclusive_keeps_what_is_there)
{
    struct err err = {};
    int flags = FILE_EXCLUSIVE | FILE_SYNC;
    cr_assert_eq(file_save(scratch, "f", "one", 3, 0600, FILE_EXCLUSIVE, &err), 0, "%s", err.text);
    cr_assert_eq(file_save(scratch, "f", "two", 3, 0600, FILE_EXCLUSIVE, &err), -1);
    cr_assert_eq(err.kind, ERR_EXISTS);
    cr_assert_str_eq(err.text, "save f: File exists");
    cr_assert_eq(file_save(scratch, "f", "two", 3, 0600, flags, &err), -1);
    cr_assert_eq(err.kind, ERR_EXISTS);
    assert_content("f", "one");
    cr_assert_eq(names_count("."), 1);
}

Test(file, a_failed_save_leaves_nothing)
{
    struct err err = {};
    cr_assert_eq(mkdirat(scratch, "d", 0755), 0);
    cr_assert_eq(file_save(scratch, "d", "x", 1, 0600, 0, &err), -1); /* a directory is there */
    cr_assert_eq(names_count("."), 1);

    put("f", "old");
    struct rlimit limit = { 3, 3 };
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(file_save(scratch, "f", "too long", 8, 0600, 0, &err), -1);
    cr_assert_eq(err.errnum, EFBIG);
    assert_content("f", "old");
    cr_assert_eq(names_count("."), 2);
}

Test(file, saves_need_a_name_and_a_directory)
{
    static const char *const wrong[] = { "", ".", "..", "d/", "d/.", "d/.." };
    struct err err = {};
    cr_assert_eq(mkdirat(scratch, "d", 0755), 0);
    for (size_t i = 0; i < array_size(wrong); i++) {
        cr_assert_eq(file_save(scratch, wrong[i], "x", 1, 0600, 0, &err), -1, "%s", wrong[i]);
        cr_assert_eq(err.kind, ERR_INVALID);
    }
    cr_assert_eq(file_save(scratch, "none/f", "x", 1, 0600, 0, &err), -1);
    cr_assert_eq(err.kind, ERR_NOT_FOUND);
}

Test(file, saves_the_longest_name)
{
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    struct err err = {};
    cr_assert_eq(file_save(scratch, name, "x", 1, 0600, 0, &err), 0, "%s", err.text);
    assert_content(name, "x");
}

Test(file, saves_by_absolute_path)
{
    struct err err = {};
    auto_free char *path = xasprintf("%s/f", scratch_path);
    cr_assert_eq(file_save(AT_FDCWD, path, "x", 1, 0600, FILE_SYNC, &err), 0, "%s", err.text);
    assert_content("f", "x");
}

enum { SAVERS = 4, SAVES = 50 };

static void *saver(void *data)
{
    const char *text = data;
    struct err err = {};
    for (int i = 0; i < SAVES; i++)
        if (file_save(scratch, "shared", text, strlen(text), 0600, 0, &err) < 0)
            return "failed";
    return NULL;
}

Test(file, readers_see_whole_files_only)
{
    char texts[SAVERS][5001];
    pthread_t threads[SAVERS];
    put("shared", "aaa");
    for (int i = 0; i < SAVERS; i++) {
        memset(texts[i], 'a' + i, 5000);
        texts[i][5000] = '\0';
        cr_assert_eq(pthread_create(&threads[i], NULL, saver, texts[i]), 0);
    }
    for (int i = 0; i < SAVES; i++) {
        struct err err = {};
        auto_free char *data = NULL;
        size_t len = 0;
        cr_assert_eq(file_load(scratch, "shared", 9999, &data, &len, &err), 1, "%s", err.text);
        cr_assert(len == 3 || len == 5000);
        cr_assert_eq(strspn(data, (char[]){ data[0], '\0' }), len);
    }
    for (int i = 0; i < SAVERS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        cr_assert_null(failed);
    }
    cr_assert_eq(names_count("."), 1);
}

Test(file, pokes_what_exists)
{
    put("f", "....");
    cr_assert_eq(file_poke(scratch, "f", "ab"), 0);
    assert_content("f", "ab..");
    cr_assert_eq(file_poke(scratch, "none", "x"), -1);
    cr_assert_eq(errno, ENOENT);
    cr_assert_eq(file_poke(AT_FDCWD, "/dev/full", "x"), -1);
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(file_poke(AT_FDCWD, "/proc/self/comm", "poked"), 0);
    auto_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(file_poke(proc, "self/comm", "poked"), 0); /* a link, but below */
}

Test(file, a_short_write_is_a_failure)
{
    put("f", "");
    struct rlimit limit = { 3, 3 };
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(file_poke(scratch, "f", "four"), -1);
    cr_assert_eq(errno, EIO);
}

Test(file, openat2_gives_close_on_exec)
{
    auto_close int fd = file_openat2(scratch, "f", O_WRONLY | O_CREAT, 0600, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    auto_close int again = file_openat2(scratch, "f", O_RDONLY, 0600, RESOLVE_NO_SYMLINKS);
    cr_assert_geq(again, 0, "a mode without O_CREAT is left out");
    cr_assert_eq(file_openat2(scratch, "none", O_RDONLY, 0, 0), -1);
    cr_assert_eq(errno, ENOENT);
}

Test(dir, makes_all)
{
    struct err err = {};
    umask(0);
    cr_assert_eq(dir_make_all(scratch, "a/b//c/", 0750, &err), 0, "%s", err.text);
    cr_assert_eq(dir_make_all(scratch, "a/b/c", 0700, &err), 0, "%s", err.text);
    cr_assert_eq(dir_make_all(scratch, "a/../a/d", 0700, &err), 0, "%s", err.text);
    struct stat status;
    cr_assert_eq(fstatat(scratch, "a/b/c", &status, 0), 0);
    cr_assert_eq(status.st_mode & 07777, 0750);
    cr_assert_eq(names_count("a"), 2);
}

Test(dir, makes_by_absolute_path)
{
    struct err err = {};
    auto_free char *path = xasprintf("%s/x/y", scratch_path);
    cr_assert_eq(dir_make_all(AT_FDCWD, path, 0700, &err), 0, "%s", err.text);
    cr_assert_eq(names_count("x"), 1);
    cr_assert_eq(dir_make_all(AT_FDCWD, "/", 0700, &err), 0, "%s", err.text);
    cr_assert_eq(chdir(scratch_path), 0);
    cr_assert_eq(dir_make_all(AT_FDCWD, "rel/y", 0700, &err), 0, "%s", err.text);
    cr_assert_eq(names_count("rel"), 1);
}

Test(dir, opens_what_it_made)
{
    struct err err = {};
    int fd = -1;
    cr_assert_eq(dir_open_made(scratch, "a/b", 0700, &fd, &err), 0, "%s", err.text);
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_assert_eq(fcntl(fd, F_GETFL) & O_PATH, 0);
    cr_assert_eq(fsync(fd), 0);
    fd_close(&fd);
    cr_assert_eq(dir_open_made(scratch, ".", 0700, &fd, &err), 0, "%s", err.text);
    fd_close(&fd);
}

Test(dir, make_goes_through_links_below)
{
    struct err err = {};
    cr_assert_eq(mkdirat(scratch, "real", 0755), 0);
    cr_assert_eq(mkdirat(scratch, "other", 0755), 0);
    cr_assert_eq(symlinkat("../real", scratch, "other/link"), 0);
    cr_assert_eq(dir_make_all(scratch, "other/link/x/y", 0700, &err), 0, "%s", err.text);
    cr_assert_eq(names_count("real/x"), 1);
}

Test(dir, make_says_what_is_in_the_way)
{
    struct err err = {};
    put("f", "");
    cr_assert_eq(dir_make_all(scratch, "f", 0700, &err), -1);
    cr_assert_eq(err.errnum, ENOTDIR);
    cr_assert_eq(dir_make_all(scratch, "f/g", 0700, &err), -1);
    cr_assert_eq(err.errnum, ENOTDIR);
    cr_assert_eq(dir_make_all(scratch, "", 0700, &err), -1);
    cr_assert_eq(err.kind, ERR_INVALID);
    cr_assert_eq(symlinkat("nowhere", scratch, "dangling"), 0);
    cr_assert_eq(dir_make_all(scratch, "dangling/x", 0700, &err), -1);
    cr_assert_eq(names_count("."), 2);
}

Test(dir, lists_all_names)
{
    enum { COUNT = 3000 }; /* more than the kernel gives at once */
    for (int i = 0; i < COUNT; i++) {
        auto_free char *name = xasprintf("file-%d", i);
        put(name, "");
    }
    struct err err = {};
    auto_done(strings) names = {};
    cr_assert_eq(dir_list(scratch, ".", &names, &err), 1, "%s", err.text);
    cr_assert_eq(names.len, COUNT);
    cr_assert(strings_have(&names, "file-0"));
    cr_assert(strings_have(&names, "file-2999"));
    cr_assert_not(strings_have(&names, "."));
    cr_assert_not(strings_have(&names, ".."));
}

Test(dir, absent_is_no_failure_and_a_file_is)
{
    struct err err = {};
    struct strings names = {};
    cr_assert_eq(dir_list(scratch, "none", &names, &err), 0);
    put("f", "");
    cr_assert_eq(dir_list(scratch, "f", &names, &err), -1);
    cr_assert_eq(err.errnum, ENOTDIR);
    cr_assert_null(names.at);
}
