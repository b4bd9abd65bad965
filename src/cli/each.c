/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of several operands: one that fails does not keep the others from their work. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"

/* Processes that work side by side. */
enum { AT_ONCE_MAX = 32 };

struct each {
    struct cli *cli;
    const void *args;
    operand_work *work;
    enum each_flags flags;
    bool failed;
};

/* A process at work: the pipe gives its error, or ends without one. */
struct worker {
    pid_t pid;
    int result;
};

static void operand_done(struct each *each, const char *operand, int result, struct err *err)
{
    if (result == 0 && (each->flags & EACH_ECHO))
        result = say_line(operand, err);
    if (result == 0)
        return;
    complain(err->text);
    bool fine = (each->flags & EACH_MISSING_IS_FINE) && err->kind == ERR_NOT_FOUND;
    each->failed = each->failed || !fine;
}

static int worker_start(struct each *each, const char *operand, struct worker *worker,
                        struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    worker->pid = fork();
    if (worker->pid < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return err_sys(err, "fork");
    }
    if (worker->pid == 0) {
        struct err own = {};
        if (each->work(each->cli, each->args, operand, &own) < 0)
            (void)fd_write_all(ends[1], &own, sizeof(own));
        _exit(0);
    }
    (void)close(ends[1]);
    worker->result = ends[0];
    return 0;
}

/* Waits for a worker. Gives what its work gave. */
static int worker_finish(struct worker *worker, struct err *err)
{
    ssize_t len;
    int status = 0;
    do
        len = read(worker->result, err, sizeof(*err));
    while (len < 0 && errno == EINTR);
    fd_close(&worker->result);
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (len == sizeof(*err))
        return -1;
    if (len != 0 || !WIFEXITED(status))
        return err_set(err, ERR_SYSTEM, "the process at work on it was killed");
    return 0;
}

static void each_at_once(struct each *each, char **operands)
{
    struct worker workers[AT_ONCE_MAX];
    while (*operands) {
        size_t n = 0;
        struct err refused = {};
        for (; n < AT_ONCE_MAX && operands[n]; n++)
            if (worker_start(each, operands[n], &workers[n], &refused) < 0)
                break;
        for (size_t i = 0; i < n; i++) {
            struct err err = {};
            int result = worker_finish(&workers[i], &err);
            operand_done(each, operands[i], result, &err);
        }
        operands += n;
        if (n == 0) /* not even one process could be made */
            operand_done(each, *operands++, -1, &refused);
    }
}

int operands_each(struct cli *cli, const void *args, char **operands, operand_work *work,
                  enum each_flags flags)
{
    struct each each = { .cli = cli, .args = args, .work = work, .flags = flags };
    if ((flags & EACH_AT_ONCE) && operands[0] && operands[1]) {
        each_at_once(&each, operands);
        return each.failed;
    }
    for (; *operands; operands++) {
        struct err err = {};
        int result = work(cli, args, *operands, &err);
        operand_done(&each, *operands, result, &err);
    }
    return each.failed;
}
