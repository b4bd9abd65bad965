/* SPDX-License-Identifier: Apache-2.0 */
/* What a confined client can still do, and what not: each probe runs in a process of its own. */
#include "remote/confine.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel/landlock_hide.h"
#include "base/file.h"
#include "base/mem.h"
#include "kernel/confine.h"

TestSuite(confine, .timeout = 600);

/* Root of the namespace, who may make files in it. */
static int map_root(uid_t uid, gid_t gid)
{
    auto_free char *uids = xasprintf("0 %u 1", uid);
    auto_free char *gids = xasprintf("0 %u 1", gid);
    (void)file_poke(AT_FDCWD, "/proc/self/setgroups", "deny");
    return file_poke(AT_FDCWD, "/proc/self/uid_map", uids) < 0 ||
                   file_poke(AT_FDCWD, "/proc/self/gid_map", gids) < 0
               ? -1
               : 0;
}

/* Gives what the probe returned, or 100 + its signal. */
static int probe_as(bool landlock, int (*function)(void))
{
    struct err err;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWUSER) < 0 || dup2(open("/dev/null", O_RDONLY), STDIN_FILENO) < 0)
            _exit(99);
        if (!landlock && (map_root(uid, gid) < 0 || landlock_hide() < 0))
            _exit(97);
        if (confine(&err) < 0)
            _exit(98);
        _exit(function());
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int probe(int (*function)(void))
{
    return probe_as(true, function);
}

/* 0 if the call is refused for want of rights. */
static int refused(long result)
{
    return result < 0 && (errno == EPERM || errno == EACCES) ? 0 : 1;
}

/* Without Landlock they are not there, or on what is mounted read-only. */
static int missing(int fd)
{
    return fd < 0 && (errno == ENOENT || errno == EROFS || errno == EACCES) ? 0 : 1;
}

static int misses_files(void)
{
    return missing(open("/etc/passwd", O_RDONLY)) + missing(open("/etc/hosts", O_RDWR)) +
           missing(open("/tmp", O_RDONLY)) + missing(open("/proc/self/mem", O_RDWR)) +
           missing(open("/dev/null", O_RDONLY)) + missing(open("/usr/bin/env", O_RDONLY)) +
           missing(open("/../../etc/shadow", O_RDONLY)) +
           missing(open("/new", O_RDWR | O_CREAT, 0600)) +
           missing(open("/etc/new", O_RDWR | O_CREAT, 0600)) +
           (access("/etc/hosts", F_OK) == 0 && open("/etc/hosts", O_RDONLY) < 0);
}

static int opens_files(void)
{
    return refused(open("/etc/passwd", O_RDONLY)) + refused(open("/etc/shadow", O_RDONLY)) +
           refused(open("/etc/hosts", O_RDWR)) + refused(open("/tmp", O_RDONLY)) +
           refused(open("/tmp/ruche-confine", O_WRONLY | O_CREAT, 0600)) +
           refused(open("/proc/self/mem", O_RDWR)) + refused(open("/dev/null", O_RDONLY)) +
           refused(open("/usr/bin/env", O_RDONLY)) + refused(open("/root", O_RDONLY));
}

static int starts_things(void)
{
    char *const argv[] = { (char *)"/bin/true", NULL };
    return refused(execve("/bin/true", argv, argv)) + refused(fork()) +
           refused(unshare(CLONE_NEWNS)) + refused(kill(getppid(), 0)) +
           refused(ptrace(PTRACE_TRACEME, 0, 0, 0)) + refused(prctl(PR_SET_PDEATHSIG, 0)) +
           refused(chroot("/")) + refused(setuid(0)) + refused(mkdir("/tmp/x", 0700)) +
           refused(unlink("/tmp/x"));
}

static int talks_to_the_machine(void)
{
    int pair[2];
    return refused(socket(AF_UNIX, SOCK_STREAM, 0)) + refused(socket(AF_PACKET, SOCK_RAW, 0)) +
           refused(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)) +
           refused(socket(AF_VSOCK, SOCK_STREAM, 0)) + refused(socket(AF_ALG, SOCK_SEQPACKET, 0)) +
           refused(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair)) +
           refused(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)) +
           (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) +
           refused(listen(socket(AF_INET, SOCK_STREAM, 0), 1));
}

static int makes_code(void)
{
    int all = PROT_READ | PROT_WRITE | PROT_EXEC;
    void *at = mmap(NULL, 4096, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at != MAP_FAILED || errno != EPERM)
        return 1;
    at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? 2 : refused(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int speaks(void)
{
    return (write(STDOUT_FILENO, "x", 1) >= 0) + (write(STDERR_FILENO, "x", 1) >= 0);
}

static void *thread_run(void *context)
{
    struct addrinfo *found = NULL;
    int *ret = context;
    *ret = getaddrinfo("localhost", "443", NULL, &found);
    if (*ret == 0)
        freeaddrinfo(found);
    return NULL;
}

static int resolves_in_a_thread(void)
{
    pthread_t thread;
    int result = -1;
    if (pthread_create(&thread, NULL, thread_run, &result) != 0)
        return 1;
    if (pthread_join(thread, NULL) != 0)
        return 2;
    return result == 0 ? 0 : 3;
}

static int connects(void)
{
    int six = socket(AF_INET6, SOCK_STREAM, 0), four = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in nobody = {
        .sin_family = AF_INET,
        .sin_port = htons(1),
        .sin_addr = { htonl(INADDR_LOOPBACK) },
    };
    int connected = connect(four, (struct sockaddr *)&nobody, sizeof(nobody));
    bool six_good = six >= 0 || errno == EAFNOSUPPORT || errno == ECONNREFUSED;
    return four >= 0 && six_good && connected < 0 && errno == ECONNREFUSED ? 0 : 1;
}

#if CONFINE_SANITIZED
#define skip_sanitized() cr_skip_test("no filter under a sanitizer")
#else
#define skip_sanitized() (void)0
#endif

Test(confine, files)
{
    cr_assert_eq(probe(opens_files), 0);
}

Test(confine, without_landlock_the_root_holds_little)
{
    skip_sanitized(); /* it looks for leaks in /proc, which stays readable then */
    cr_assert_eq(probe_as(false, misses_files), 0);
    cr_assert_eq(probe_as(false, resolves_in_a_thread), 0);
    cr_assert_eq(probe_as(false, connects), 0);
}

Test(confine, nothing_is_started)
{
    skip_sanitized();
    cr_assert_eq(probe(starts_things), 0);
    cr_assert_eq(probe(makes_code), 0);
    cr_assert_eq(probe(talks_to_the_machine), 0);
    cr_assert_eq(probe(speaks), 0);
}

Test(confine, the_network_is_its_job)
{
    cr_assert_eq(probe(resolves_in_a_thread), 0);
    cr_assert_eq(probe(connects), 0);
}
