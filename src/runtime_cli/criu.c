/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_cli/criu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/signal.h"
#include "kernel/signal_name.h"
#include "runtime_cli/bundle.h"

enum {
    SAID_MAX_BYTES = 1 << 20,
    LOG_MAX_BYTES = 64 << 20,
    STREAMS_MAX_BYTES = 64 << 10,
    LINK_MAX = 256,
    STREAMS = 3,
    EXEC_FAILED = 127,
    SHOWN_MAX = 300,
};

/* As runc calls it, whose images have the same. */
static const char streams_file[] = "descriptors.json";

void criu_call_done(struct criu_call *call)
{
    strings_done(&call->argv);
    free(call->images);
    free(call->work);
}

void criu_outside_done(struct criu_outside *outside)
{
    strings_done(&outside->streams);
    strings_done(&outside->namespaces);
    strings_done(&outside->mounts);
}

/* --- running it ------------------------------------------------------------------------------- */

static const char *criu_program(const struct program *program)
{
    return program->args.criu ? program->args.criu : "criu";
}

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

static int wait_for(pid_t pid, int *ret_status, struct err *err)
{
    while (waitpid(pid, ret_status, 0) < 0)
        if (errno != EINTR)
            return err_sys(err, "wait for criu");
    return 0;
}

static int not_installed(const char *criu, struct err *err)
{
    err_set(err, ERR_UNSUPPORTED, "%s is not installed", criu);
    return err_hint(err, "install criu, or name it by --criu");
}

/* Only returns if it cannot be executed. */
static int criu_become(const struct criu_work *work, struct err *err)
{
    signal_release(); /* ours are blocked */
    if (work->before && work->before(work->context, err) < 0)
        return -1;
    if (work->output >= 0 &&
        (dup2(work->output, STDOUT_FILENO) < 0 || dup2(work->output, STDERR_FILENO) < 0))
        return err_sys(err, "dup2");
    (void)execvp(work->argv[0], work->argv);
    return errno == ENOENT ? not_installed(work->argv[0], err)
                           : err_sys(err, "execute %s", work->argv[0]);
}

int criu_execute(const struct criu_work *work, int *ret_status, struct err *err)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    auto_close int told = pair[0];
    pid_t pid = fork();
    if (pid == 0) {
        struct err why = {};
        (void)criu_become(work, &why);
        (void)fd_write_all(pair[1], &why, sizeof(why));
        _exit(EXEC_FAILED);
    }
    fd_close(&pair[1]);
    if (pid < 0)
        return err_sys(err, "fork");
    struct err why;
    bool failed = read(told, &why, sizeof(why)) == (ssize_t)sizeof(why);
    struct err talk = {};
    int talked = !failed && work->meanwhile ? work->meanwhile(work->context, &talk) : 0;
    if (talked < 0)
        (void)kill(pid, SIGKILL); /* it waits for an answer */
    if (wait_for(pid, ret_status, err) < 0)
        return -1;
    if (failed || talked < 0)
        *err = failed ? why : talk;
    return failed ? -1 : talked;
}

/* What a status says if the program itself said nothing. */
static void status_describe(int status, struct str *out)
{
    char name[SIGNAL_NAME_SIZE];
    if (WIFSIGNALED(status))
        str_addf(out, "it ends by %s", signal_format(WTERMSIG(status), name));
    else
        str_addf(out, "it ends with status %d", WEXITSTATUS(status));
}

int criu_check(struct program *program, struct err *err)
{
    char *argv[] = { (char *)criu_program(program), "check", NULL };
    auto_free char *text = NULL;
    size_t len = 0;
    int status = 0;
    auto_close int said = memfd_create("criu", MFD_CLOEXEC);
    if (said < 0)
        return err_sys(err, "memfd_create");
    const struct criu_work work = { argv, said, NULL, NULL, NULL };
    if (criu_execute(&work, &status, err) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (lseek(said, 0, SEEK_SET) < 0)
        return err_sys(err, "read what criu says");
    if (file_load_fd(said, SAID_MAX_BYTES, &text, &len, err) < 0)
        return err_wrap(err, "what criu says");
    struct view why = reason_of(text, len);
    auto_done(str) shown = {};
    text_escape(&shown, why.at, why.len);
    if (!shown.len)
        status_describe(status, &shown);
    return err_set(err, ERR_UNSUPPORTED, "criu does not work on this kernel: %s", str_text(&shown));
}

/* The log's last error that is not about criu's own end. */
static void log_reason(const struct criu_call *call, struct str *out)
{
    static const char mark[] = "Error (";
    auto_free char *path = xasprintf("%s/%s.log", call->work, call->verb);
    auto_free char *text = NULL;
    size_t len = 0;
    struct err ignored;
    const char *reason = NULL;
    if (file_load(AT_FDCWD, path, LOG_MAX_BYTES, &text, &len, &ignored) != 1)
        return;
    for (const char *at = text; (at = strstr(at, mark)); at++) {
        const char *behind = strstr(at, "): ");
        /* Those of its last moments say that it failed, and no more why. */
        if (behind && !text_starts(behind, "): Dumping FAILED") &&
            !text_starts(behind, "): Restoring FAILED"))
            reason = behind + 3;
    }
    if (reason)
        text_escape(out, reason, strnlen(reason, strcspn(reason, "\n")));
}

int criu_failed(const struct criu_call *call, int status, struct err *err)
{
    auto_done(str) reason = { .max_bytes = SHOWN_MAX };
    log_reason(call, &reason);
    if (!reason.len)
        status_describe(status, &reason);
    err_set(err, ERR_SYSTEM, "criu %s: %s", call->verb, str_text(&reason));
    return err_hint(err, "its log is %s/%s.log", call->work, call->verb);
}

int criu_run(const struct criu_call *call, int (*before)(void *context, struct err *err),
             void *context, struct err *err)
{
    int status = 0;
    const struct criu_work work = { call->argv.at, -1, before, NULL, context };
    if (criu_execute(&work, &status, err) < 0)
        return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : criu_failed(call, status, err);
}

/* --- the command line ------------------------------------------------------------------------- */

void criu_add(struct criu_call *call, const char *name, const char *value)
{
    strings_addf(&call->argv, "--%s", name);
    strings_add(&call->argv, value);
}

static int directory_find(const char *path, bool make, const char *option, char **ret_path,
                          struct err *err)
{
    if (make && dir_make_all(AT_FDCWD, path, 0700, err) < 0)
        return err_wrap(err, "--%s", option);
    char *absolute = realpath(path, NULL);
    if (!absolute) {
        err_sys(err, "--%s %s", option, path);
        return -1;
    }
    *ret_path = absolute;
    return 0;
}

/* criu knows the modes by the same names, but for one. */
static int mode_check(const char *mode, struct err *err)
{
    static const char *const modes[] = { "soft", "full", "strict", "ignore" };
    for (size_t i = 0; i < array_size(modes); i++)
        if (strcmp(mode, modes[i]) == 0)
            return 0;
    return err_set(err, ERR_USAGE,
                   "--manage-cgroups-mode %s: it is one of soft, full, strict, ignore", mode);
}

static int empty_add(struct criu_call *call, const struct strings *names, struct err *err)
{
    for (size_t i = 0; i < names->len; i++) {
        if (strcmp(names->at[i], "network") != 0)
            return err_set(err, ERR_USAGE, "--empty-ns %s: criu can leave out the network alone",
                           names->at[i]);
        criu_add(call, "empty-ns", "net");
    }
    return 0;
}

static bool in_path(const char *name)
{
    const char *path = getenv("PATH");
    struct view rest = view_of(path ? path : "");
    struct view part;
    bool more = true;
    while (more) {
        more = view_cut(&rest, ':', &part);
        auto_free char *file = xasprintf("%.*s/%s", (int)part.len, part.at, name);
        if (part.len && access(file, X_OK) == 0)
            return true;
    }
    return false;
}

static void flags_add(struct criu_call *call, const struct criu_args *args)
{
    const struct {
        bool set;
        const char *flag;
    } flags[] = {
        { args->auto_dedup, "--auto-dedup" }, { args->ext_unix_sk, "--ext-unix-sk" },
        { args->file_locks, "--file-locks" }, { args->lazy_pages, "--lazy-pages" },
        { args->shell_job, "--shell-job" },   { args->tcp_established, "--tcp-established" },
    };
    for (size_t i = 0; i < array_size(flags); i++)
        if (flags[i].set)
            strings_add(&call->argv, flags[i].flag);
}

int criu_begin(struct program *program, const char *verb, const struct criu_args *args, bool make,
               struct criu_call *ret_call, struct err *err)
{
    auto_done(criu_call) call = { .verb = verb };
    const char *mode = args->manage_cgroups_mode ? args->manage_cgroups_mode : "soft";
    const char *images = args->image_path ? args->image_path : "checkpoint";
    const char *work = args->work_path ? args->work_path : images;
    auto_free char *log = xasprintf("%s.log", verb);
    strings_add(&call.argv, criu_program(program));
    strings_add(&call.argv, verb);
    if (mode_check(mode, err) < 0 ||
        directory_find(images, make, "image-path", &call.images, err) < 0 ||
        directory_find(work, true, "work-path", &call.work, err) < 0 ||
        empty_add(&call, &args->empty_ns, err) < 0)
        return -1;
    criu_add(&call, "images-dir", call.images);
    criu_add(&call, "work-dir", call.work);
    criu_add(&call, "log-file", log);
    strings_add(&call.argv, "-v4");
    strings_addf(&call.argv, "--manage-cgroups=%s", mode);
    flags_add(&call, args);
    /* The network is held still by packet filters; criu prefers iptables, and has nftables within. */
    if (strcmp(verb, "restore") != 0 && !in_path("iptables-restore"))
        criu_add(&call, "network-lock", "nftables");
    *ret_call = call;
    call = (struct criu_call){};
    return 0;
}

/* --- what lies outside ------------------------------------------------------------------------ */

const char *criu_namespace_key(const struct spec_namespace *namespace)
{
    if (!namespace->path)
        return NULL;
    if (namespace->type == SPEC_NAMESPACE_NETWORK)
        return "extRootNetNS";
    if (namespace->type == SPEC_NAMESPACE_PID)
        return "extRootPidNS";
    return NULL;
}

bool criu_mount_is_outside(const struct spec_mount *mount)
{
    return text_same(mount->type, "bind") || strings_have(&mount->options, "bind") ||
           strings_have(&mount->options, "rbind");
}

/* The number of the mount a descriptor's file was opened through (proc_pid_fdinfo(5)). */
static int mount_of_stream(int proc, int fd, unsigned *ret_mount, struct err *err)
{
    char path[32];
    auto_free char *text = NULL;
    size_t len = 0;
    (void)snprintf(path, sizeof(path), "fdinfo/%d", fd);
    int found = file_load(proc, path, SAID_MAX_BYTES, &text, &len, err);
    if (found < 0)
        return -1;
    const char *at = found ? strstr(text, "mnt_id:") : NULL;
    if (!at)
        return err_set(err, ERR_SYSTEM, "%s names no mount", path);
    *ret_mount = (unsigned)strtoul(at + strlen("mnt_id:"), NULL, 10);
    return 0;
}

/* A pipe or socket by its name; a terminal or a file, which the container may not even have, by
 * what criu knows it by; "" if it is closed. */
static int stream_name(int proc, int fd, struct strings *out, struct err *err)
{
    char path[32];
    char link[LINK_MAX];
    struct stat st;
    unsigned mount = 0;
    (void)snprintf(path, sizeof(path), "fd/%d", fd);
    ssize_t len = readlinkat(proc, path, link, sizeof(link) - 1);
    if (len < 0 || fstatat(proc, path, &st, 0) < 0) {
        if (errno != ENOENT)
            return err_sys(err, "look at stream %d of the container", fd);
        strings_add(out, "");
        return 0;
    }
    link[len] = '\0';
    if (text_starts(link, "pipe:") || text_starts(link, "socket:")) {
        strings_add(out, link);
        return 0;
    }
    if (S_ISCHR(st.st_mode) && major(st.st_rdev) >= 136 && major(st.st_rdev) <= 143) {
        strings_addf(out, "tty[%llx:%llx]", (unsigned long long)st.st_rdev,
                     (unsigned long long)st.st_dev);
        return 0;
    }
    if (mount_of_stream(proc, fd, &mount, err) < 0)
        return -1;
    strings_addf(out, "file[%x:%llx]", mount, (unsigned long long)st.st_ino);
    return 0;
}

int criu_outside_find(const struct container *container, const struct spec *spec,
                      struct criu_outside *ret_outside, struct err *err)
{
    auto_done(criu_outside) outside = {};
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/%d", container->record.pid);
    auto_close int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        return err_sys(err, "open %s", path);
    /* A terminal of its own is none that lies outside. */
    bool own = spec->process && spec->process->terminal;
    for (int fd = 0; fd < STREAMS; fd++)
        if (own)
            strings_add(&outside.streams, "");
        else if (stream_name(proc, fd, &outside.streams, err) < 0)
            return -1;
    for (size_t i = 0; i < spec->linux->namespaces.len; i++) {
        const struct spec_namespace *namespace = &spec->linux->namespaces.at[i];
        const char *key = criu_namespace_key(namespace);
        struct stat st;
        if (!key)
            continue;
        if (stat(namespace->path, &st) < 0)
            return err_sys(err, "%s", namespace->path);
        strings_addf(&outside.namespaces, "%s[%llu]:%s",
                     namespace->type == SPEC_NAMESPACE_PID ? "pid" : "net",
                     (unsigned long long)st.st_ino, key);
    }
    for (size_t i = 0; i < spec->mounts.len; i++)
        if (criu_mount_is_outside(&spec->mounts.at[i]))
            strings_add(&outside.mounts, spec->mounts.at[i].destination);
    *ret_outside = outside;
    outside = (struct criu_outside){};
    return 0;
}

int criu_streams_save(const struct criu_call *call, const struct strings *streams, struct err *err)
{
    auto_done(str) text = {};
    auto_close int directory = open(call->images, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return err_sys(err, "open %s", call->images);
    for (size_t i = 0; i < streams->len; i++) {
        str_add_char(&text, i == 0 ? '[' : ',');
        json_add_text(&text, streams->at[i]);
    }
    str_add(&text, "]\n");
    return file_save(directory, streams_file, text.at, text.len, 0600, 0, err);
}

int criu_streams_load(const struct criu_call *call, struct strings *ret_streams, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", call->images, streams_file);
    auto_free char *text = NULL;
    size_t len = 0;
    struct document document;
    int found = file_load(AT_FDCWD, path, STREAMS_MAX_BYTES, &text, &len, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "%s holds no checkpoint: %s is missing", call->images,
                       streams_file);
    if (found < 0 || document_open(&document, text, len, streams_file, err) < 0)
        return -1;
    struct strings streams = {};
    for (size_t i = 0; i < STREAMS; i++) {
        const char *name = json_string_value(json_array_get(document.root, i));
        strings_add(&streams, name ? name : "");
    }
    document_close(&document);
    *ret_streams = streams;
    return 0;
}
