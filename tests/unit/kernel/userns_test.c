/* SPDX-License-Identifier: Apache-2.0 */
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
#include "base/mem.h"
#include "kernel/userns.h"

static struct userns userns;

static void userns_begin(void)
{
    auto_done(id_maps) maps = {};
    struct err err = {};
    id_map_add(&maps.uid, 0, geteuid(), 1);
    id_map_add(&maps.gid, 0, getegid(), 1);
    cr_assert_eq(userns_open(&maps, &userns, &err), 0, "%s", err.text);
}

static void userns_end(void)
{
    userns_close(&userns);
}

TestSuite(userns, .init = userns_begin, .fini = userns_end, .timeout = 600);

/* Runs a shell line with descriptor 3 a pipe, and gives what it wrote there. Owned by the caller.
 */
static char *shell_output(const char *line, int *ret_status)
{
    const char *const argv[] = { "/bin/sh", "-c", line, NULL };
    int ends[2];
    struct err err = {};
    char *output = NULL;
    size_t len;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    const struct userns_program program = { argv, &ends[1], 1 };
    cr_assert_eq(userns_exec(&userns, &program, &err), 0, "%s", err.text);
    close(ends[1]);
    cr_assert_eq(file_load_fd(ends[0], 1 << 16, &output, &len, &err), 0, "%s", err.text);
    close(ends[0]);
    cr_assert_eq(userns_wait(&userns, ret_status, &err), 0, "%s", err.text);
    return output;
}

Test(userns, the_program_is_root_of_its_own_namespace)
{
    struct stat ours, theirs;
    int status;
    cr_assert_eq(fstat(userns.userns_fd, &theirs), 0);
    cr_assert_eq(stat("/proc/self/ns/user", &ours), 0);
    cr_assert_neq(ours.st_ino, theirs.st_ino);
    auto_free char *output = shell_output("id -u >&3; id -g >&3; exit 7", &status);
    cr_assert_str_eq(output, "0\n0\n");
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), 7);
}

Test(userns, it_has_the_descriptors_it_was_given_and_no_others)
{
    int status;
    /* One that is not close-on-exec, as a careless caller may have. */
    int leak = open("/", O_PATH);
    cr_assert_geq(leak, 0);
    auto_free char *output = shell_output("cd /proc/self/fd && echo * >&3", &status);
    cr_assert_str_eq(output, "0 1 2 3 4\n"); /* 4: the directory that the shell reads */
    close(leak);
}

Test(userns, it_has_no_environment_and_nobodys_directory)
{
    int status;
    setenv("SECRET", "token", 1);
    auto_free char *output =
        shell_output("echo \"${SECRET-none}\" >&3; readlink /proc/self/cwd >&3", &status);
    cr_assert_str_eq(output, "none\n/\n");
}

Test(userns, an_error_of_the_child_comes_back)
{
    static const char *const missing[] = { "/no/such/program", NULL };
    static const char *const directory[] = { "/etc", NULL };
    struct err err = {};
    const struct userns_program first = { .argv = missing }, second = { .argv = directory };
    cr_assert_lt(userns_exec(&userns, &first, &err), 0);
    cr_assert_not_null(strstr(err.text, "/no/such/program"), "%s", err.text);
    cr_assert_lt(userns_exec(&userns, &second, &err), 0);
    cr_assert_not_null(strstr(err.text, "/etc"), "%s", err.text);
}

Test(userns, closing_ends_all_that_it_started)
{
    static const char *const argv[] = { "/bin/sh", "-c", "sleep 60 & sleep 60", NULL };
    int ends[2];
    struct err err = {};
    char byte;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    const struct userns_program program = { argv, &ends[1], 1 };
    cr_assert_eq(userns_exec(&userns, &program, &err), 0, "%s", err.text);
    close(ends[1]);
    userns_close(&userns);
    /* All copies of the pipe's other end are closed at this moment, not some time later. */
    cr_assert_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    cr_assert_eq(read(ends[0], &byte, 1), 0, "%s", strerror(errno));
    close(ends[0]);
}

Test(userns, it_dies_with_whoever_made_it)
{
    int ends[2];
    struct err err = {};
    char byte;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        static const char *const argv[] = { "/bin/sleep", "60", NULL };
        const struct userns_program program = { argv, &ends[1], 1 };
        struct userns own;
        auto_done(id_maps) maps = {};
        id_map_add(&maps.uid, 0, geteuid(), 1);
        id_map_add(&maps.gid, 0, getegid(), 1);
        if (userns_open(&maps, &own, &err) < 0 || userns_exec(&own, &program, &err) < 0)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    close(ends[0]);
}
