/* SPDX-License-Identifier: Apache-2.0 */
/* What a confined process can still do, and what not: each body runs in a process of its own. */
#include "kernel/confine.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/mem.h"
#include "child.h"

static char place[] = "/tmp/ruche-confine-XXXXXX";
static int outside = -1; /* with "canary" in it, and "inside" */
static int inside = -1;  /* with "old", "a" and "b" */

static void place_make(void)
{
    struct err err;
    cr_assert_not_null(mkdtemp(place));
    outside = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(dir_open_made(outside, "inside", 0700, &inside, &err), 0, "%s", err.text);
    cr_assert_eq(mkdirat(inside, "a", 0700), 0);
    cr_assert_eq(mkdirat(inside, "b", 0700), 0);
    cr_assert_eq(file_save(outside, "canary", "alive", 5, 0666, 0, &err), 0, "%s", err.text);
    cr_assert_eq(file_save(inside, "old", "x", 1, 0600, 0, &err), 0, "%s", err.text);
}

static void place_remove(void)
{
    struct err err;
    cr_assert_eq(tree_remove(AT_FDCWD, place, &err), 0, "%s", err.text);
}

/* Whoever skips is not cleaned up after. */
static void skip(const char *why)
{
    place_remove();
    cr_skip_test("%s", why);
}

TestSuite(confine, .init = place_make, .fini = place_remove);

static bool refused(long result, int why)
{
    return result < 0 && errno == why;
}

/* ---- limits and streams ---- */

enum { FILES_MAX = 32, FILE_MAX = 4096, ADDRESS_MAX = 256 << 20 };

static void limits_body(void *unused)
{
    const struct confine_limits limits = {
        .files_open = FILES_MAX,
        .file_bytes = FILE_MAX,
        .address_bytes = ADDRESS_MAX,
    };
    struct rlimit limit;
    struct err err;
    int fd;
    (void)unused;
    child_assert(confine_limits_enter(&limits, &err) == 0);
    child_assert(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0);
    child_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max == FILES_MAX);

    int file = openat(inside, "long", O_WRONLY | O_CREAT, 0600);
    child_assert(file >= 0 && refused(pwrite(file, "x", 1, FILE_MAX), EFBIG));
    while ((fd = dup(file)) >= 0)
        child_assert(fd < FILES_MAX);
    child_assert(errno == EMFILE);
#if !CONFINE_SANITIZED
    void *at = mmap(NULL, ADDRESS_MAX, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    child_assert(at == MAP_FAILED && errno == ENOMEM);
#endif
}

static void lower_limit_body(void *unused)
{
    const struct confine_limits limits = { .files_open = FILES_MAX };
    struct rlimit limit = { FILES_MAX / 4, FILES_MAX / 2 };
    struct rlimit before, after;
    struct err err;
    (void)unused;
    child_assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    child_assert(getrlimit(RLIMIT_FSIZE, &before) == 0);
    child_assert(confine_limits_enter(&limits, &err) == 0);
    child_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    child_assert(limit.rlim_cur == FILES_MAX / 2 && limit.rlim_max == FILES_MAX / 2);
    child_assert(getrlimit(RLIMIT_FSIZE, &after) == 0);
    child_assert(before.rlim_cur == after.rlim_cur && before.rlim_max == after.rlim_max);
}

static void pipe_body(void *unused)
{
    const struct confine_limits limits = {};
    struct err err;
    int ends[2];
    (void)unused;
    child_assert(confine_limits_enter(&limits, &err) == 0);
    child_assert(pipe(ends) == 0 && close(ends[0]) == 0);
    child_assert(refused(write(ends[1], "x", 1), EPIPE));
}

static void streams_body(void *unused)
{
    struct err err;
    (void)unused;
    child_assert(dup2(open("/dev/null", O_RDONLY), STDIN_FILENO) == STDIN_FILENO);
    child_assert(confine_streams_close(&err) == 0);
    child_assert(refused(write(STDOUT_FILENO, "x", 1), EBADF));
    child_assert(refused(write(STDERR_FILENO, "x", 1), EBADF));
}

Test(confine, limits)
{
    cr_assert_eq(child_run(limits_body, NULL), 0);
    cr_assert_eq(child_run(pipe_body, NULL), 0);
}

Test(confine, limits_are_not_raised)
{
    cr_assert_eq(child_run(lower_limit_body, NULL), 0);
}

Test(confine, streams_are_silent)
{
    if (CONFINE_SANITIZED)
        skip("a sanitizer keeps them");
    cr_assert_eq(child_run(streams_body, NULL), 0);
}

/* ---- files ---- */

static long landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static void files_enter(uint64_t access, enum confine_flags flags)
{
    const struct confine_beneath at[] = { { -1, access }, { inside, access } };
    struct err err;
    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    child_assert(confine_files_enter(at, array_size(at), flags, &err) >= 0);
}

static void files_body(void *unused)
{
    (void)unused;
    files_enter(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_MAKE_REG, 0);
    child_assert(openat(inside, "old", O_RDONLY) >= 0);
    child_assert(mknodat(inside, "new", S_IFREG | 0600, 0) == 0);
    child_assert(refused(openat(inside, "old", O_WRONLY), EACCES));
    child_assert(refused(unlinkat(inside, "old", 0), EACCES));
    child_assert(refused(mkdirat(inside, "dir", 0700), EACCES));
    child_assert(refused(openat(inside, "../canary", O_RDONLY), EACCES));
    child_assert(refused(openat(outside, "canary", O_RDONLY), EACCES));
    child_assert(refused(mknodat(outside, "new", S_IFREG | 0600, 0), EACCES));
    child_assert(refused(open("/etc/passwd", O_RDONLY), EACCES));
}

static void nothing_body(void *unused)
{
    (void)unused;
    files_enter(0, CONFINE_RELINKS | CONFINE_NETWORK);
    child_assert(refused(openat(inside, "old", O_RDONLY), EACCES));
    child_assert(refused(renameat(inside, "old", inside, "a/old"), EACCES) || errno == EXDEV);
}

static void relinks_body(void *unused)
{
    (void)unused;
    files_enter(LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                    LANDLOCK_ACCESS_FS_REFER,
                CONFINE_RELINKS);
    child_assert(mknodat(inside, "a/file", S_IFREG | 0600, 0) == 0);
    child_assert(renameat(inside, "a/file", inside, "b/file") == 0);
    child_assert(linkat(inside, "b/file", inside, "a/link", 0) == 0);
    child_assert(refused(linkat(outside, "canary", inside, "stolen", 0), EXDEV));
    child_assert(refused(renameat(inside, "b/file", outside, "file"), EACCES) || errno == EXDEV);
}

static void truncate_body(void *unused)
{
    const bool known = landlock_version() >= 3;
    (void)unused;
    files_enter(LANDLOCK_ACCESS_FS_WRITE_FILE, 0);
    int fd = openat(inside, "old", O_WRONLY);
    child_assert(fd >= 0 && write(fd, "y", 1) == 1);
    child_assert(known ? refused(ftruncate(fd, 0), EACCES) : ftruncate(fd, 0) == 0);
}

static void truncate_allowed_body(void *unused)
{
    (void)unused;
    files_enter(LANDLOCK_ACCESS_FS_WRITE_FILE | CONFINE_ACCESS_TRUNCATE, 0);
    child_assert(openat(inside, "old", O_WRONLY | O_TRUNC) >= 0);
}

static void signals_body(void *unused)
{
    (void)unused;
    files_enter(0, CONFINE_NETWORK);
    child_assert(kill(getpid(), 0) == 0);
    child_assert(refused(kill(getppid(), 0), EPERM));
}

/* Connects to a port that is taken, at which nobody listens. */
static int connect_nowhere(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr = { htonl(INADDR_LOOPBACK) },
    };
    socklen_t len = sizeof(address);
    auto_close int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    child_assert(taken >= 0 && fd >= 0);
    if (bind(taken, (struct sockaddr *)&address, len) < 0 ||
        getsockname(taken, (struct sockaddr *)&address, &len) < 0)
        return -1;
    return connect(fd, (struct sockaddr *)&address, len);
}

static void network_body(void *unused)
{
    (void)unused;
    files_enter(0, CONFINE_NETWORK);
    child_assert(refused(connect_nowhere(), ECONNREFUSED));
}

static void no_network_body(void *unused)
{
    (void)unused;
    files_enter(0, 0);
    child_assert(refused(connect_nowhere(), EACCES));
}

Test(confine, files)
{
    if (landlock_version() < 1)
        skip("no landlock here");
    cr_assert_eq(child_run(files_body, NULL), 0);
}

Test(confine, files_of_which_none_are_left)
{
    if (landlock_version() < 2)
        skip("no landlock here that is of use");
    cr_assert_eq(child_run(nothing_body, NULL), 0);
}

Test(confine, links_between_directories)
{
    if (landlock_version() < 2)
        skip("no landlock here that is of use");
    cr_assert_eq(child_run(relinks_body, NULL), 0);
}

Test(confine, truncation)
{
    if (landlock_version() < 1)
        skip("no landlock here");
    cr_assert_eq(child_run(truncate_body, NULL), 0);
    cr_assert_eq(child_run(truncate_allowed_body, NULL), 0);
}

Test(confine, signals_outwards)
{
    if (landlock_version() < 6)
        skip("landlock knows no signals here");
    cr_assert_eq(child_run(signals_body, NULL), 0);
}

Test(confine, network)
{
    cr_assert_eq(child_run(network_body, NULL), 0);
    if (landlock_version() < 4)
        skip("landlock knows no network here");
    cr_assert_eq(child_run(no_network_body, NULL), 0);
}

/* ---- system calls ---- */

#define CALLS                                                                                      \
    "read write close munmap madvise brk futex set_robust_list rseq rt_sigprocmask exit "          \
    "exit_group"

/* The calls, internet sockets, and threads if they are asked for. */
static void filter_enter(bool threads)
{
    struct seccomp_rules rules;
    struct err err;
    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    confine_rules_init(&rules, CALLS);
    confine_rules_allow(&rules, "socket", 0, AF_INET, UINT32_MAX);
    if (threads)
        confine_rules_threads(&rules);
    child_assert(confine_rules_enter(&rules, &err) == 0);
    seccomp_rules_done(&rules);
}

static void sockets_body(void *unused)
{
    const unsigned long high = UINT64_C(1) << 32;
    (void)unused;
    filter_enter(false);
    child_assert(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    child_assert(syscall(SYS_socket, AF_INET | high, SOCK_STREAM, 0) >= 0);
    child_assert(refused(socket(AF_UNIX, SOCK_STREAM, 0), EPERM));
    child_assert(refused(syscall(SYS_socket, AF_UNIX | high, SOCK_STREAM, 0), EPERM));
    child_assert(refused(socket(AF_NETLINK, SOCK_RAW, 0), EPERM));
    child_assert(refused(open("/etc/passwd", O_RDONLY), EPERM));
    child_assert(refused(kill(getppid(), 0), EPERM));
}

static void code_body(void *unused)
{
    const size_t len = 4096;
    (void)unused;
    filter_enter(false);
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    child_assert(at != MAP_FAILED);
    child_assert(refused(mprotect(at, len, PROT_READ | PROT_EXEC), EPERM));
    child_assert(mprotect(at, len, PROT_READ) == 0 && munmap(at, len) == 0);
    at = mmap(NULL, len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    child_assert(at == MAP_FAILED && errno == EPERM);
}

static void *thread_run(void *argument)
{
    *(bool *)argument = true;
    return NULL;
}

static void threads_body(void *unused)
{
    pthread_t thread;
    bool ran = false;
    (void)unused;
    filter_enter(true);
    child_assert(pthread_create(&thread, NULL, thread_run, &ran) == 0);
    child_assert(pthread_join(thread, NULL) == 0 && ran);
    child_assert(refused(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), EPERM));
    child_assert(refused(syscall(SYS_clone3, NULL, 0), ENOSYS));
}

static void no_threads_body(void *unused)
{
    pthread_t thread;
    bool ran = false;
    (void)unused;
    filter_enter(false);
    child_assert(pthread_create(&thread, NULL, thread_run, &ran) != 0 && !ran);
}

static void skip_sanitized(void)
{
    if (CONFINE_SANITIZED)
        skip("no filter under a sanitizer");
}

Test(confine, sockets)
{
    skip_sanitized();
    cr_assert_eq(child_run(sockets_body, NULL), 0);
}

Test(confine, memory_but_no_code)
{
    skip_sanitized();
    cr_assert_eq(child_run(code_body, NULL), 0);
}

Test(confine, threads_but_no_processes)
{
    skip_sanitized();
    cr_assert_eq(child_run(threads_body, NULL), 0);
    cr_assert_eq(child_run(no_threads_body, NULL), 0);
}
