/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/landlock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/file.h"
#include "child.h"

static char place[] = "/tmp/ruche-landlock-XXXXXX";

static void place_make(void)
{
    cr_assert_not_null(mkdtemp(place));
}

static void place_remove(void)
{
    struct err err;

    cr_assert_eq(tree_remove(AT_FDCWD, place, &err), 0, "%s", err.text);
}

static int root_open(void)
{
    return open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void devices_body(void *unused)
{
    /* The device 0:0 is a whiteout, which anyone may make: only landlock can refuse it. */
    const dev_t whiteout = makedev(0, 0);

    (void)unused;
    child_assert(chdir(place) == 0);
    child_assert(mkdir("a", 0700) == 0 && mkdir("b", 0700) == 0);
    child_assert(mknod("before", S_IFCHR | 0600, whiteout) == 0);

    int root = root_open();
    int ruleset = landlock_prepare(root, 0);
    child_assert(ruleset >= 0);
    child_assert(fcntl(ruleset, F_GETFD) & FD_CLOEXEC);
    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    child_assert(landlock_restrict(ruleset) == 0);

    errno = 0;
    child_assert(mknod("after", S_IFCHR | 0600, whiteout) == -1 && errno == EACCES);
    child_assert(mknod("after", S_IFBLK | 0600, makedev(7, 0)) == -1);
    child_assert(errno == EACCES || errno == EPERM);
    child_assert(mkfifo("fifo", 0600) == 0);
    child_assert(mkdir("a/d", 0700) == 0);
    child_assert(mknod("a/file", S_IFREG | 0600, 0) == 0);
    child_assert(rename("a/file", "b/file") == 0);
    child_assert(rename("a/d", "b/d") == 0);
    child_assert(link("b/file", "a/link") == 0);
    child_assert(rename("before", "a/before") == -1); /* that would make one there */
    child_assert(unlink("before") == 0);
    child_assert(symlink("x", "y") == 0);
}

static bool landlock_here(void)
{
    int root = root_open();
    int ruleset = landlock_prepare(root, 0);
    bool here = ruleset >= 0 || (errno != ENOSYS && errno != EOPNOTSUPP);

    close(root);
    close(ruleset);
    return here;
}

Test(landlock, refuses_devices_and_nothing_else, .init = place_make, .fini = place_remove)
{
    if (!landlock_here())
        cr_skip_test("no landlock here");
    cr_assert_eq(child_run(devices_body, NULL), 0);
}

Test(landlock, wants_no_new_privileges)
{
    if (!landlock_here() || geteuid() == 0)
        cr_skip_test("root may do it anyway");
    cr_assert_eq(landlock_restrict(landlock_prepare(root_open(), 0)), -1);
    cr_assert_eq(errno, EPERM);
}

Test(landlock, wants_a_directory)
{
    if (!landlock_here())
        cr_skip_test("no landlock here");
    cr_assert_eq(landlock_prepare(-1, 0), -1);
    cr_assert_eq(errno, EBADF);
    cr_assert_eq(landlock_restrict(-1), -1);
}

static int abstract_connect(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return connect(fd, (const struct sockaddr *)name,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 20));
}

enum { NO_SCOPES = 77 };

static void scope_body(void *argument)
{
    int root = root_open();
    int ruleset = landlock_prepare(root, LANDLOCK_SCOPE_ABSTRACT);

    if (ruleset < 0 && errno == EOPNOTSUPP)
        _exit(NO_SCOPES);
    child_assert(abstract_connect(argument) == 0);
    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    child_assert(landlock_restrict(ruleset) == 0);
    child_assert(abstract_connect(argument) == -1 && errno == EPERM);
}

Test(landlock, keeps_abstract_sockets_apart)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (!landlock_here())
        cr_skip_test("no landlock here");
    snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "ruche-%013d", (int)getpid());
    cr_assert_eq(bind(server, (struct sockaddr *)&name,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 20)),
                 0);
    cr_assert_eq(listen(server, 4), 0);
    int status = child_run(scope_body, &name);
    if (status == NO_SCOPES)
        cr_skip_test("no scopes here");
    cr_assert_eq(status, 0);
}
