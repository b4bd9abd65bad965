/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ps: the pids are the cgroup's; what else is to be seen of them ps(1) knows, whose lines of the
 * container's processes are passed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "runtime_cli/container.h"

enum { PS_MAX_BYTES = 64 << 20 };

struct ps_args {
    const char *format;
};

static const char *const formats[] = { "table", "json", NULL };

/* clang-format off */
static const struct option ps_options[] = {
    OPTION_CHOICE(ps_args, format, 'f', "format", "FORMAT", formats, "How to write the list"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const ps_tables[] = { ps_options, NULL };

static void json_add(const struct cgroup_pids *pids, struct str *out)
{
    str_add_char(out, '[');
    for (size_t i = 0; i < pids->len; i++)
        str_addf(out, "%s%d", i ? "," : "", pids->at[i]);
    str_add(out, "]\n");
}

static int ps_execute(char *const *words, char **ret_text, struct err *err)
{
    static char *const plain[] = { (char *)"ps", (char *)"-ef", NULL };
    size_t n = 1;
    while (words[0] && words[n - 1])
        n++;
    auto_free char **argv = xcalloc(n + 1, sizeof(*argv));
    argv[0] = (char *)"ps";
    for (size_t i = 0; words[0] && i < n; i++)
        argv[i + 1] = words[i];
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    auto_close int out = pair[0];
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(pair[1], STDOUT_FILENO);
        (void)execvp("ps", words[0] ? argv : plain);
        _exit(127);
    }
    fd_close(&pair[1]);
    if (pid < 0)
        return err_sys(err, "fork");
    size_t len;
    int status;
    int result = file_load_fd(out, PS_MAX_BYTES, ret_text, &len, err);
    fd_close(&out);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (result == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return err_set(err, ERR_NOT_FOUND, "ps is not installed; --format json does without");
    if (result == 0 && (!WIFEXITED(status) || WEXITSTATUS(status)))
        return err_set(err, ERR_INVALID, "ps failed with status %d", WEXITSTATUS(status));
    return result;
}

/* The i-th word of a line. */
static struct view word_at(struct view line, size_t i)
{
    static const char blanks[] = " \t";
    struct view word = {};
    for (;;) {
        while (line.len && strchr(blanks, *line.at))
            line.at++, line.len--;
        word = (struct view){ line.at, 0 };
        while (word.len < line.len && !strchr(blanks, word.at[word.len]))
            word.len++;
        if (!word.len || i-- == 0)
            return word;
        line.at += word.len;
        line.len -= word.len;
    }
}

static bool is_ours(const struct cgroup_pids *pids, struct view word)
{
    struct err ignored = {};
    int64_t pid;
    auto_free char *text = xstrndup(word.at ? word.at : "", word.len);
    if (number_parse(text, 1, INT32_MAX, "pid", &pid, &ignored) < 0)
        return false;
    for (size_t i = 0; i < pids->len; i++)
        if (pids->at[i] == pid)
            return true;
    return false;
}

static int table_add(const char *text, const struct cgroup_pids *pids, struct str *out,
                     struct err *err)
{
    struct view rest = view_of(text);
    struct view line;
    size_t column = 0;
    (void)view_cut(&rest, '\n', &line);
    for (struct view word; (word = word_at(line, column)).len; column++)
        if (view_is(word, "PID"))
            break;
    if (!word_at(line, column).len)
        return err_set(err, ERR_INVALID, "ps: there is no PID in its heading; ask for that too");
    str_add_bytes(out, line.at, line.len);
    str_add_char(out, '\n');
    for (bool more = true; more;) {
        more = view_cut(&rest, '\n', &line);
        if (!line.len || !is_ours(pids, word_at(line, column)))
            continue;
        str_add_bytes(out, line.at, line.len);
        str_add_char(out, '\n');
    }
    return 0;
}

static int pids_of(const struct container *container, struct cgroup_pids *ret_pids, struct err *err)
{
    struct cgroup cgroup = {};
    if (container_cgroup_find(container, "ps", &cgroup, err) < 0)
        return -1;
    int result = cgroup_procs(&cgroup, ret_pids, err);
    cgroup_close(&cgroup);
    return result;
}

static int ps_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct ps_args *args = args_;
    auto_done(container) container = { .dir = -1 };
    auto_done(str) out = {};
    auto_free char *text = NULL;
    struct cgroup_pids pids = {};
    if (container_find(context, operands[0], 0, &container, err) < 0 ||
        pids_of(&container, &pids, err) < 0)
        return -1;
    int result = 0;
    if (text_same(args->format, "json"))
        json_add(&pids, &out);
    else
        result = ps_execute(operands + 1, &text, err);
    if (result == 0 && text)
        result = table_add(text, &pids, &out, err);
    cgroup_pids_done(&pids);
    return result < 0 ? -1 : say(&out, err);
}

const struct command ps_command = {
    .name = "ps",
    .args = "[--format FORMAT] ID [PS OPTIONS]",
    .summary = "List the processes of a container",
    .options = ps_tables,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct ps_args),
    .run = ps_run,
};
