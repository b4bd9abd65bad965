/* SPDX-License-Identifier: Apache-2.0 */
/* What the server can still do on a store, and what not, with Landlock and without: each probe runs in
 * a process of its own. */
#include "registry/confine.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel/landlock_hide.h"
#include "base/file.h"

enum { NOBODY = 65534 };

static char scratch[] = "/tmp/ruche-confine-XXXXXX";
static int root = -1;
static int oci = -1;
static int loose = -1;

static int directory_make(const char *name, uid_t owner)
{
    cr_assert_eq(mkdirat(root, name, 0700), 0);
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(fchown(fd, owner, (gid_t)-1), 0);
    return fd;
}

static void begin(uid_t owner)
{
    cr_assert_not_null(mkdtemp(scratch));
    root = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(fchmod(root, 0755), 0);
    oci = directory_make("oci", owner);
    loose = directory_make("loose", owner);
}

static void end(void)
{
    struct err err;
    close(oci);
    close(loose);
    close(root);
    cr_assert_eq(tree_remove(AT_FDCWD, scratch, &err), 0, "%s", err.text);
}

TestSuite(confine, .fini = end, .timeout = 600);

/* Gives what the probe returned, or 100 + its signal. */
static int probe_as(uid_t uid, bool landlock, int (*function)(void))
{
    struct err err;
    pid_t child = fork();
    if (child == 0) {
        const int directories[] = { oci, loose };
        if (uid != geteuid() && (setgroups(0, NULL) < 0 || setresuid(uid, uid, uid) < 0))
            _exit(96);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || (!landlock && landlock_hide() < 0))
            _exit(97);
        if (confine(root, directories, array_size(directories), &err) < 0)
            _exit(98);
        _exit(function());
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int reaches_outside(void)
{
    int reached = 0;
    reached += open("/etc/passwd", O_RDONLY) >= 0;
    reached += openat(root, "../../etc/passwd", O_RDONLY) >= 0;
    reached += openat(oci, "../../../etc/passwd", O_RDONLY) >= 0;
    reached += open("/proc/self/status", O_RDONLY) >= 0;
    return reached;
}

/* Blobs come, are held by a second name, and move. */
static int works_inside(void)
{
    struct err err;
    if (file_save(loose, "blob", "x", 1, 0600, FILE_SYNC, &err) < 0)
        return 1;
    if (linkat(loose, "blob", oci, "held", 0) < 0)
        return 2;
    if (renameat(loose, "blob", oci, "blob") < 0)
        return 3;
    if (fchmodat(oci, "blob", 0640, 0) < 0 || utimensat(oci, "blob", NULL, 0) < 0)
        return 4;
    return unlinkat(oci, "blob", 0) < 0 || unlinkat(oci, "held", 0) < 0 ? 5 : 0;
}

static void both(uid_t uid, bool landlock)
{
    begin(uid);
    cr_expect_eq(probe_as(uid, landlock, reaches_outside), 0);
    cr_expect_eq(probe_as(uid, landlock, works_inside), 0);
}

Test(confine, the_store_is_all_it_sees)
{
    both(geteuid(), true);
}

Test(confine, without_landlock_too)
{
    both(geteuid(), false);
}

Test(confine, without_landlock_an_ordinary_user_too)
{
    both(geteuid() == 0 ? NOBODY : geteuid(), false);
}
