/* SPDX-License-Identifier: Apache-2.0 */
/* What a confined process can still do, and what not: each probe runs in a process of its own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel/landlock_hide.h"
#include "base/file.h"
#include "base/mem.h"
#include "kernel/confine.h"
#include "transfer/confine.h"

static char scratch_path[] = "/tmp/ruche-confine-XXXXXX";
static int scratch = -1; /* with "work" in it, and "canary" beside that */
static int work = -1;

static void scratch_open(void)
{
    struct err err;
    cr_assert_not_null(mkdtemp(scratch_path));
    scratch = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(dir_open_made(scratch, "work", 0700, &work, &err), 0);
    cr_assert_eq(file_save(scratch, "canary", "alive", 5, 0666, 0, &err), 0);
    cr_assert_eq(file_save(work, "old", "x", 1, 0600, 0, &err), 0);
}

static void scratch_close(void)
{
    struct err err;
    cr_assert_eq(tree_remove(AT_FDCWD, scratch_path, &err), 0);
}

TestSuite(confine, .init = scratch_open, .fini = scratch_close, .timeout = 600);

/* Runs the probe as root of a user namespace, confined as for the verb. Gives what it returned, or
 * 100 + its signal. */
static int probe_as(enum transfer_verb verb, bool landlock, int (*function)(void))
{
    struct confinement confinement;
    struct err err;
    cr_assert_eq(confinement_init(&confinement, &err), 0, "%s", err.text);
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWUSER) < 0 || dup2(open("/dev/null", O_RDONLY), STDIN_FILENO) < 0)
            _exit(99);
        if (!landlock && landlock_hide() < 0)
            _exit(97);
        bool directory =
            verb == TRANSFER_UNPACK || verb == TRANSFER_SPOOL || verb == TRANSFER_REMOVE;
        if (!directory && !landlock)
            fd_close(&work); /* as it is there: from a directory ".." would lead on */
        if (confinement_enter(&confinement, verb, &work, directory, &err) < 0)
            _exit(98);
        _exit(function());
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    confinement_done(&confinement);
    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int probe(enum transfer_verb verb, int (*function)(void))
{
    return probe_as(verb, true, function);
}

/* 0 if the call is refused for want of rights; EXDEV is Landlock's word for links from where it
 * rules. */
static int refused(long result)
{
    return result < 0 && (errno == EPERM || errno == EACCES || errno == EXDEV) ? 0 : 1;
}

static int opens_outside(void)
{
    return refused(open("/etc/passwd", O_RDONLY)) + refused(openat(scratch, "canary", O_RDONLY)) +
           refused(openat(scratch, "canary", O_WRONLY)) +
           refused(openat(scratch, "new", O_WRONLY | O_CREAT, 0600)) +
           refused(openat(work, "../canary", O_WRONLY)) + refused(open("/proc/self/mem", O_RDWR));
}

static int starts_things(void)
{
    char *const argv[] = { (char *)"/bin/true", NULL };
    return refused(execve("/bin/true", argv, argv)) + refused(fork()) +
           refused(socket(AF_INET, SOCK_STREAM, 0)) + refused(socket(AF_UNIX, SOCK_STREAM, 0)) +
           refused(unshare(CLONE_NEWNS)) + refused(kill(getppid(), 0)) +
           refused(ptrace(PTRACE_TRACEME, 0, 0, 0)) + refused(prctl(PR_SET_PDEATHSIG, 0)) +
           refused(chroot("/")) + refused(setuid(0));
}

static int speaks(void)
{
    return (write(STDOUT_FILENO, "x", 1) >= 0) + (write(STDERR_FILENO, "x", 1) >= 0);
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

static int makes_devices(void)
{
    return refused(mknodat(work, "sda", S_IFBLK | 0600, makedev(8, 0))) +
           refused(mknodat(work, "null", S_IFCHR | 0600, makedev(1, 3))) +
           refused(linkat(scratch, "canary", work, "stolen", 0)) +
           refused(renameat(work, "old", scratch, "old"));
}

static int works_inside(void)
{
    struct stat st;
    int fd = openat(work, "new", O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fchmod(fd, 04755) < 0)
        return 1;
    if (mkdirat(work, "dir", 0755) < 0 || symlinkat("x", work, "dir/link") < 0)
        return 2;
    if (linkat(work, "new", work, "dir/hard", 0) < 0)
        return 3;
    if (mknodat(work, "gone", S_IFCHR, makedev(0, 0)) < 0 || mknodat(work, "pipe", S_IFIFO, 0) < 0)
        return 4;
    if (unlinkat(work, "old", 0) < 0 || fstatat(work, "gone", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 5;
    void *memory = malloc(64 << 20);
    return memory ? 0 : 6;
}

static int spools(void)
{
    int fd = openat(work, "0", O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1)
        return 50;
    return refused(openat(work, "old", O_RDONLY)) + refused(symlinkat("/etc", work, "link")) +
           refused(linkat(work, "0", work, "1", 0)) + refused(unlinkat(work, "old", 0)) +
           refused(mkdirat(work, "dir", 0700));
}

static int opens_anything(void)
{
    return refused(openat(work, "old", O_RDONLY)) + refused(open("/dev/null", O_RDONLY)) +
           refused(file_openat2(work, "old", O_RDONLY, 0, 0));
}

/* By paths, and by where the directory lies. */
static int leads_outside(void)
{
    static const char *const paths[] = { "/etc/passwd", "/proc/self/status", "/tmp" };
    int reached = 0;
    for (size_t i = 0; i < array_size(paths); i++)
        reached += openat(AT_FDCWD, paths[i], O_RDONLY) >= 0;
    reached += openat(work, "../canary", O_RDONLY) >= 0;
    reached += openat(work, "../../etc/passwd", O_RDONLY) >= 0;
    reached += file_openat2(work, "/etc/passwd", O_RDONLY, 0, 0) >= 0;
    return reached;
}

Test(confine, without_landlock_nothing_outside_is_reached)
{
    for (int verb = 0; verb < TRANSFER_VERB_COUNT; verb++)
        cr_assert_eq(probe_as((enum transfer_verb)verb, false, leads_outside), 0, "verb %d", verb);
    cr_assert_eq(probe_as(TRANSFER_UNPACK, false, works_inside), 0);
}

/* With a sanitizer there is no filter of system calls, and only Landlock speaks. */
static void skip_sanitized(void)
{
    if (!CONFINE_SANITIZED)
        return;
    scratch_close(); /* whoever skips is not cleaned up after */
    cr_skip_test("no filter under a sanitizer");
}

Test(confine, nothing_outside_is_reached)
{
    for (int verb = 0; verb < TRANSFER_VERB_COUNT; verb++)
        cr_assert_eq(probe((enum transfer_verb)verb, opens_outside), 0, "verb %d", verb);
}

Test(confine, nothing_is_started)
{
    skip_sanitized();
    for (int verb = 0; verb < TRANSFER_VERB_COUNT; verb++) {
        cr_assert_eq(probe((enum transfer_verb)verb, starts_things), 0, "verb %d", verb);
        cr_assert_eq(probe((enum transfer_verb)verb, makes_code), 0, "verb %d", verb);
        cr_assert_eq(probe((enum transfer_verb)verb, speaks), 0, "verb %d", verb);
    }
}

Test(confine, devices_and_links_outwards_are_refused)
{
    for (int verb = 0; verb < TRANSFER_VERB_COUNT; verb++)
        cr_assert_eq(probe((enum transfer_verb)verb, makes_devices), 0, "verb %d", verb);
}

Test(confine, unpacking_works_inside)
{
    cr_assert_eq(probe(TRANSFER_UNPACK, works_inside), 0);
}

Test(confine, spooling_only_writes_new_files)
{
    skip_sanitized();
    cr_assert_eq(probe(TRANSFER_SPOOL, spools), 0);
}

Test(confine, digesting_opens_nothing)
{
    skip_sanitized();
    cr_assert_eq(probe(TRANSFER_DIGEST, opens_anything), 0);
    cr_assert_eq(probe(TRANSFER_INFLATE, opens_anything), 0);
    cr_assert_eq(probe(TRANSFER_CONTENT, opens_anything), 0);
    cr_assert_eq(probe(TRANSFER_KEEP, opens_anything), 0);
}

/* The line of the process's status that begins with the key. */
static uint64_t status_value(const char *status, const char *key, int base)
{
    const char *at = strstr(status, key);
    cr_assert_not_null(at, "%s", key);
    return strtoull(at + strlen(key), NULL, base);
}

static void process_check(pid_t pid, uint64_t capabilities)
{
    auto_free char *path = xasprintf("/proc/%d/status", (int)pid);
    auto_free char *status = NULL;
    size_t len;
    struct err err;
    cr_assert_eq(file_load(AT_FDCWD, path, 1 << 16, &status, &len, &err), 1, "%s", err.text);
    cr_assert_eq(status_value(status, "CapPrm:", 16), capabilities);
    cr_assert_eq(status_value(status, "CapEff:", 16), capabilities);
    cr_assert_eq(status_value(status, "CapInh:", 16), 0);
    cr_assert_eq(status_value(status, "CapAmb:", 16), 0);
    cr_assert_eq(status_value(status, "NoNewPrivs:", 10), 1);
}

Test(confine, few_capabilities_are_kept)
{
    static const struct {
        enum transfer_verb verb;
        uint64_t capabilities;
    } rows[] = {
        { TRANSFER_SPOOL, 0 },
        { TRANSFER_DIGEST, 0 },
        { TRANSFER_INFLATE, 0 },
        { TRANSFER_CONTENT, 0 },
        { TRANSFER_KEEP, 0 },
        { TRANSFER_UNPACK, 0x8000001b }, /* CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP */
        { TRANSFER_PACK, 0 },
        { TRANSFER_EXPORT, 0x2 },
        { TRANSFER_REMOVE, 0xa },
    };
    struct confinement confinement;
    struct err err;
    cr_assert_eq(confinement_init(&confinement, &err), 0, "%s", err.text);
    for (size_t i = 0; i < array_size(rows); i++) {
        int up[2], down[2];
        char byte = 0;
        cr_assert_eq(pipe(up), 0);
        cr_assert_eq(pipe(down), 0);
        pid_t child = fork();
        if (child == 0) {
            if (unshare(CLONE_NEWUSER) < 0 ||
                confinement_enter(&confinement, rows[i].verb, &work, 1, &err) < 0)
                _exit(1);
            (void)!write(up[1], "x", 1);
            close(down[1]);
            (void)!read(down[0], &byte, 1);
            _exit(0);
        }
        close(up[1]);
        cr_assert_eq(read(up[0], &byte, 1), 1);
        process_check(child, rows[i].capabilities);
        close(down[1]);
        cr_assert_eq(waitpid(child, NULL, 0), child);
        close(up[0]);
        close(down[0]);
    }
    confinement_done(&confinement);
}
