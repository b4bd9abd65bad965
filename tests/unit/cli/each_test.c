/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"

/* "bad" and "none" fail, "slow" takes its time. */
static int work(struct cli *cli, const void *args, const char *operand, struct err *err)
{
    (void)cli;
    (void)args;
    if (strcmp(operand, "slow") == 0)
        (void)nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
    if (strcmp(operand, "bad") == 0)
        return err_set(err, ERR_CONFLICT, "%s cannot be done", operand);
    if (strcmp(operand, "none") == 0)
        return err_set(err, ERR_NOT_FOUND, "%s is not there", operand);
    if (strcmp(operand, "dead") == 0)
        (void)raise(SIGKILL);
    return 0;
}

struct printed {
    int status;
    char out[200];
    char err[400];
};

static struct printed run(enum each_flags flags, char **operands)
{
    struct printed printed = {};
    int out = memfd_create("out", 0), err = memfd_create("err", 0);
    int saved = dup(STDERR_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    printed.status = operands_each(NULL, NULL, operands, work, flags);
    (void)dup2(saved, STDERR_FILENO);
    cr_assert_geq(pread(out, printed.out, sizeof(printed.out) - 1, 0), 0);
    cr_assert_geq(pread(err, printed.err, sizeof(printed.err) - 1, 0), 0);
    return printed;
}

static void goes_on_after_failures(enum each_flags flags)
{
    char *operands[] = { "a", "bad", "b", NULL };
    struct printed printed = run(flags | EACH_ECHO, operands);
    cr_expect_eq(printed.status, 1);
    cr_expect_str_eq(printed.out, "a\nb\n");
    cr_expect_str_eq(printed.err, "ruche: bad cannot be done\n");
}

Test(each, goes_on_after_failures)
{
    goes_on_after_failures(0);
}

Test(each, goes_on_after_failures_at_once)
{
    goes_on_after_failures(EACH_AT_ONCE);
}

Test(each, lets_missing_ones_pass_if_asked)
{
    char *operands[] = { "none", "a", NULL };
    struct printed fine = run(EACH_MISSING_IS_FINE, operands);
    cr_expect_eq(fine.status, 0);
    cr_expect_str_eq(fine.err, "ruche: none is not there\n");
    cr_expect_str_eq(fine.out, "");
    cr_expect_eq(run(0, operands).status, 1);
}

Test(each, works_at_once, .timeout = 600)
{
    char *operands[41] = {};
    struct timespec begin, end;
    for (size_t i = 0; i < 40; i++)
        operands[i] = "slow";
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    struct printed printed = run(EACH_ECHO | EACH_AT_ONCE, operands);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    cr_expect_eq(printed.status, 0);
    cr_expect_eq(strlen(printed.out), 200 - 1); /* as much as there is room for */
    cr_expect_lt(end.tv_sec - begin.tv_sec, 4);
}

Test(each, tells_of_a_worker_that_was_killed)
{
    char *operands[] = { "dead", "a", NULL };
    struct printed printed = run(EACH_ECHO | EACH_AT_ONCE, operands);
    cr_expect_eq(printed.status, 1);
    cr_expect_str_eq(printed.out, "a\n");
    cr_expect_not_null(strstr(printed.err, "killed"));
}

Test(each, escapes_complaints)
{
    int err = memfd_create("err", 0);
    char text[100] = {};
    int saved = dup(STDERR_FILENO);
    (void)dup2(err, STDERR_FILENO);
    complain("a\033[2Jb\nc");
    warn_lines("one\n\ntwo");
    (void)dup2(saved, STDERR_FILENO);
    cr_assert_gt(pread(err, text, sizeof(text) - 1, 0), 0);
    cr_expect_str_eq(text, "ruche: a\\x1b[2Jb\\nc\nruche: warning: one\nruche: warning: two\n");
}
