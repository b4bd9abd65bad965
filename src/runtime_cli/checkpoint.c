/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint and restore: both need criu(8), and a kernel it works on, which `criu check` tells.
 * What stands against it is said in its own words, in one line.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/signal_name.h"
#include "runtime_cli/container.h"

enum { SAID_MAX_BYTES = 1 << 20 };

struct checkpoint_args {
    const char *image_path;
    const char *work_path;
    const char *parent_path;
    bool leave_running;
    bool tcp_established;
    bool ext_unix_sk;
    bool shell_job;
    bool lazy_pages;
    const char *status_fd;
    const char *page_server;
    bool file_locks;
    bool pre_dump;
    const char *manage_cgroups_mode;
    struct strings empty_ns;
    bool auto_dedup;
    /* restore's own */
    const char *console_socket;
    bool detach;
    const char *pid_file;
    bool no_subreaper;
    bool no_pivot;
    const char *lsm_profile;
    const char *lsm_mount_context;
    const char *bundle;
};

/* clang-format off */
static const struct option common_options[] = {
    OPTION_BOOL(checkpoint_args, auto_dedup, 0, "auto-dedup", "Keep each page of memory once"),
    OPTION_LIST(checkpoint_args, empty_ns, 0, "empty-ns", "NAMESPACE", "Leave out a namespace's contents"),
    OPTION_BOOL(checkpoint_args, ext_unix_sk, 0, "ext-unix-sk", "Allow sockets of others at the other end"),
    OPTION_BOOL(checkpoint_args, file_locks, 0, "file-locks", "Allow locked files"),
    OPTION_TEXT(checkpoint_args, image_path, 0, "image-path", "DIR", "Where the images are"),
    OPTION_BOOL(checkpoint_args, lazy_pages, 0, "lazy-pages", "Move memory when it is used"),
    OPTION_TEXT(checkpoint_args, manage_cgroups_mode, 0, "manage-cgroups-mode", "MODE", "soft, full, strict or ignore"),
    OPTION_BOOL(checkpoint_args, shell_job, 0, "shell-job", "Allow a terminal of others"),
    OPTION_BOOL(checkpoint_args, tcp_established, 0, "tcp-established", "Allow open TCP connections"),
    OPTION_TEXT(checkpoint_args, work_path, 0, "work-path", "DIR", "Where criu's logs are written"),
    OPTION_END,
};
static const struct option checkpoint_options[] = {
    OPTION_BOOL(checkpoint_args, leave_running, 0, "leave-running", "Let the process go on"),
    OPTION_TEXT(checkpoint_args, page_server, 0, "page-server", "ADDRESS:PORT", "Send the memory there"),
    OPTION_TEXT(checkpoint_args, parent_path, 0, "parent-path", "DIR", "Images of an earlier dump"),
    OPTION_BOOL(checkpoint_args, pre_dump, 0, "pre-dump", "Dump the memory alone"),
    OPTION_TEXT(checkpoint_args, status_fd, 0, "status-fd", "FD", "Write there when lazy pages are ready"),
    OPTION_END,
};
static const struct option restore_options[] = {
    OPTION_TEXT(checkpoint_args, bundle, 'b', "bundle", "DIR", "Directory of config.json"),
    OPTION_TEXT(checkpoint_args, console_socket, 0, "console-socket", "SOCKET", "Hand the terminal's master over there"),
    OPTION_BOOL(checkpoint_args, detach, 'd', "detach", "Leave the process in the background"),
    OPTION_TEXT(checkpoint_args, lsm_mount_context, 0, "lsm-mount-context", "LABEL", "SELinux label of the mounts"),
    OPTION_TEXT(checkpoint_args, lsm_profile, 0, "lsm-profile", "TYPE:NAME", "Profile of the process"),
    OPTION_BOOL(checkpoint_args, no_pivot, 0, "no-pivot", "Change the root without pivot_root"),
    OPTION_BOOL(checkpoint_args, no_subreaper, 0, "no-subreaper", "Adopt no orphans of the container"),
    OPTION_TEXT(checkpoint_args, pid_file, 0, "pid-file", "FILE", "Write the process's pid there"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const checkpoint_tables[] = { common_options, checkpoint_options,
                                                          NULL };
static const struct option *const restore_tables[] = { common_options, restore_options, NULL };

/* The last line that is not empty, without "Error (…): " before it. */
static struct view reason_of(char *text, size_t len)
{
    while (len && strchr(" \n", text[len - 1]))
        text[--len] = '\0';
    const char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    const char *behind = text_starts(line, "Error (") ? strstr(line, "): ") : NULL;
    return view_of(behind ? behind + 3 : line);
}

static int criu_check(const char *criu, struct err *err)
{
    int pair[2];
    auto_free char *text = NULL;
    size_t len = 0;
    int status = 0;
    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    auto_close int said = pair[0];
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(pair[1], STDOUT_FILENO);
        (void)dup2(pair[1], STDERR_FILENO);
        (void)execlp(criu, criu, "check", (char *)NULL);
        _exit(127);
    }
    fd_close(&pair[1]);
    if (pid < 0)
        return err_sys(err, "fork");
    int result = file_load_fd(said, SAID_MAX_BYTES, &text, &len, err);
    fd_close(&said);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (result < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && !len)
        return err_set(err, ERR_UNSUPPORTED, "%s is not installed", criu);
    struct view why = reason_of(text, len);
    auto_done(str) shown = {};
    char name[SIGNAL_NAME_SIZE];
    text_escape(&shown, why.at, why.len);
    if (!shown.len && WIFSIGNALED(status))
        str_addf(&shown, "its check ends by %s", signal_format(WTERMSIG(status), name));
    if (!shown.len)
        str_addf(&shown, "its check ends with status %d", WEXITSTATUS(status));
    return err_set(err, ERR_UNSUPPORTED, "criu does not work on this kernel: %s", str_text(&shown));
}

static int criu_use(struct program *program, const char *what, const char *id, struct err *err)
{
    const char *criu = program->args.criu ? program->args.criu : "criu";
    if (criu_check(criu, err) < 0)
        return err_wrap(err, "%s container %s", what, id);
    return err_set(err, ERR_UNSUPPORTED,
                   "%s container %s: criu works here, but this runtime does not drive it", what,
                   id);
}

/* criu finds it from the new images: seen from there it has to be relative, and there. */
static int parent_path_check(const struct checkpoint_args *args, struct err *err)
{
    const char *parent = args->parent_path;
    if (!parent)
        return 0;
    if (parent[0] == '/')
        return err_set(err, ERR_INVALID, "--parent-path %s: give it relative to --image-path",
                       parent);
    auto_free char *path =
        xasprintf("%s/%s", args->image_path ? args->image_path : "checkpoint", parent);
    if (faccessat(AT_FDCWD, path, F_OK, 0) < 0)
        return err_sys(err, "--parent-path %s, relative to --image-path", parent);
    return 0;
}

static int checkpoint_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct checkpoint_args *args = args_;
    auto_done(container) container = { .dir = -1 };
    enum container_status status;
    if (container_find(context, operands[0], 0, &container, err) < 0 ||
        container_status(&container, &status, err) < 0)
        return -1;
    if (status == CONTAINER_CREATED || status == CONTAINER_STOPPED)
        return err_set(err, ERR_CONFLICT, "Container cannot be checkpointed in %s state",
                       container_status_names[status]);
    if (parent_path_check(args, err) < 0)
        return -1;
    return criu_use(context, "checkpoint", container.id, err);
}

static int restore_run(void *context, void *args, char **operands, struct err *err)
{
    (void)args;
    if (container_id_check(operands[0], err) < 0)
        return -1;
    return criu_use(context, "restore", operands[0], err);
}

/* clang-format off */
const struct command checkpoint_command = {
    .name = "checkpoint", .args = "[OPTIONS] ID", .summary = "Freeze a running container to disk by criu",
    .options = checkpoint_tables, .flags = COMMAND_INTERSPERSED, .least = 1, .most = 1,
    .args_size = sizeof(struct checkpoint_args), .run = checkpoint_run,
};

const struct command restore_command = {
    .name = "restore", .args = "[OPTIONS] ID", .summary = "Bring a container back from a checkpoint by criu",
    .options = restore_tables, .flags = COMMAND_INTERSPERSED | COMMAND_GUARDED, .least = 1, .most = 1,
    .args_size = sizeof(struct checkpoint_args), .run = restore_run,
};
/* clang-format on */
