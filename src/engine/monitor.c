/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's life:
 *
 *   1. leave the caller's session and terminal; make the container (make.c)
 *   2. save the state, tell the caller, who from now on may end
 *   3. copy what the container says to its log and, while he listens, to the caller's stdout and
 *      stderr; if nobody takes it there any more, tell him, and go on with the log alone. The stream
 *      of a container that removes itself, whose log is nobody's, is closed then
 *   4. the first process ended: take what is left in the pipes, remove the cgroup, give the ids back
 *   5. record the end, then tell the caller, then let go of the lock: whoever waits finds the record
 *   6. of a container that removes itself, delete the cgroup and the trash last: nobody waits for
 *      that
 *
 * While nothing happens for a second and nobody is attached, the process executes ruche-sleep,
 * which takes a few pages of memory, waits for the same descriptors, and executes ruche again
 * (monitor_resume) when there is something to do. The process, its child, its lock and its
 * descriptors stay; the rest is on disk.
 *
 * Of what the caller had open it keeps nothing but that stdout and stderr, as long as he attends.
 *
 * It does nothing on a signal that a terminal's or a session's end sends. If it is killed, the
 * container goes on, its pipes break, and the record says "unknown" once it ended.
 */
#include "engine/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "base/program.h"
#include "engine/logfile.h"
#include "engine/record_part.h"
#include "engine/subid.h"
#include "engine/timestamp.h"
#include "kernel/pidfd.h"

enum {
    /* A pipe that polls writable takes this much without waiting: PIPE_BUF, pipe(7). */
    COPY_BYTES = 4096,
    UMASK = 022, /* what is made for the container is for all of its users */
    DRAIN_MS = 100,
    IDLE_MS = 1000,
};

struct watch {
    struct monitor *monitor;
    struct runtime_process process;
    struct logfile log;
    int status; /* of wait(2) */
};

/* --- telling the caller ----------------------------------------------------------------------- */

static void tell(struct monitor *monitor, const void *message, size_t size, const int *fds,
                 size_t n_fds)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } space = {};
    struct iovec data = { .iov_base = (void *)message, .iov_len = size };
    struct msghdr packet = { .msg_iov = &data, .msg_iovlen = 1 };
    if (n_fds) {
        packet.msg_control = &space;
        packet.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        space.header.cmsg_level = SOL_SOCKET;
        space.header.cmsg_type = SCM_RIGHTS;
        space.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(&space.header), fds, n_fds * sizeof(int));
    }
    (void)sendmsg(monitor->control, &packet, MSG_NOSIGNAL); /* nobody may be there any more */
}

static void tell_started(struct watch *watch, const char *warnings)
{
    struct monitor_message message = { .word = MONITOR_STARTED };
    int fds[] = { watch->process.pidfd, watch->process.terminal };
    strncpy(message.warnings, warnings, sizeof(message.warnings) - 1);
    tell(watch->monitor, &message, sizeof(message), fds, watch->process.terminal >= 0 ? 2 : 1);
}

static void tell_word(struct monitor *monitor, enum monitor_word word, int value)
{
    struct monitor_message message = { .word = (char)word, .value = value };
    tell(monitor, &message, sizeof(message), NULL, 0);
}

/* --- the start -------------------------------------------------------------------------------- */

/* What he had open beside his streams: a lock he holds, a pipe whose other end somebody reads to its
 * end. There is no list of it, so all is closed that is not known to be ours. */
static void leave_descriptors(const struct watch *watch)
{
    const struct monitor *monitor = watch->monitor;
    const int ours[] = {
        monitor->lock,           monitor->control,     monitor->out,      monitor->err,
        monitor->stdio[0],       monitor->stdio[1],    monitor->stdio[2], monitor->engine->root_fd,
        monitor->engine->run_fd, watch->process.pidfd,
    };
    (void)descriptors_close_others(3, ours, array_size(ours)); /* Linux 5.9 */
}

static void leave_caller(const struct watch *watch)
{
    const struct monitor *monitor = watch->monitor;
    (void)setsid();
    (void)umask(UMASK);
    leave_descriptors(watch);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd < 3; fd++)
        if (fd == 0 || (!monitor->attached && !(fd == STDERR_FILENO && monitor->listener)))
            (void)dup2(null, fd);
    if (null > 2)
        (void)close(null);
    if (chdir("/") < 0)
        return; /* the caller's directory stays in use: no more than that */
}

/* The listener has been told all there is; whoever reads the caller's stderr to its end is not to
 * wait for the container's. */
static void leave_stderr(const struct monitor *monitor)
{
    if (monitor->attached || !monitor->listener)
        return;
    (void)dup2(STDIN_FILENO, STDERR_FILENO); /* both are /dev/null now */
}

/* Once the container is made, since it would inherit them: what ends whole sessions and groups does
 * not end the monitor. */
static void signals_ignore(void)
{
    static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP };
    for (size_t i = 0; i < array_size(numbers); i++)
        (void)signal(numbers[i], SIG_IGN);
}

static int state_begin(struct container *container, const struct runtime_process *process,
                       struct err *err)
{
    struct container_state *state = &container->state;
    char now[TIMESTAMP_SIZE];
    state->status = CONTAINER_RUNNING;
    state->pid = process->pid;
    state->monitor_pid = getpid();
    state->exit_code = 0;
    free(state->started);
    free(state->finished);
    free(state->error);
    state->started = xstrdup(timestamp_now(now));
    state->finished = NULL;
    state->error = NULL;
    /* Of one that has ended already the state is another one soon. */
    return process_start_ticks(process->pid, &state->pid_start, err) < 0 ? -1 : 0;
}

/* On failure the process may have been made. */
static int begin(struct watch *watch, struct err *err)
{
    struct monitor *monitor = watch->monitor;
    struct container *container = monitor->container;
    auto_done(str) warnings = {};
    if (container_make(monitor, &watch->process, &warnings, err) < 0)
        return -1;
    leave_stderr(monitor);
    for (size_t i = 0; i < array_size(monitor->stdio); i++)
        fd_close(&monitor->stdio[i]);
    if (watch->process.terminal >= 0)
        monitor->out = watch->process.terminal;
    int begun = state_begin(container, &watch->process, err);
    if (watch->process.warning[0])
        str_addf(&warnings, "%s%s", warnings.len ? "\n" : "", watch->process.warning);
    if (begun == 0 && !container->config.auto_remove)
        (void)state_save_started(monitor->engine, &container->state, err);
    if (begun < 0 || state_save_running(monitor->engine, monitor->lock, &container->state, err) < 0)
        return -1;
    tell_started(watch, str_text(&warnings));
    return 0;
}

/* --- the streams ------------------------------------------------------------------------------ */

/* From here on what the container says is for the log alone. */
static void caller_gone(struct monitor *monitor)
{
    monitor->attached = false;
    (void)dup2(STDIN_FILENO, STDOUT_FILENO); /* /dev/null */
    (void)dup2(STDIN_FILENO, STDERR_FILENO);
}

/* Copies to the caller as long as he takes it. One that stands still holds the container up, as a
 * pipe would. */
static void pass_on(struct monitor *monitor, int fd, const char *at, size_t len)
{
    while (monitor->attached && len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd ready = { .fd = fd, .events = POLLOUT };
            (void)poll(&ready, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            tell_word(monitor, MONITOR_UNHEARD, errno);
            caller_gone(monitor);
        } else if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
}

/* One read from a stream; closes it at its end. Returns how much came. */
static size_t copy(struct watch *watch, int *fd, enum log_stream stream)
{
    char buffer[COPY_BYTES];
    ssize_t n = read(*fd, buffer, sizeof(buffer));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0) { /* EIO: the last user of the terminal is gone */
        fd_close(fd);
        return 0;
    }
    bool was_attached = watch->monitor->attached;
    pass_on(watch->monitor, stream == LOG_STDOUT ? STDOUT_FILENO : STDERR_FILENO, buffer,
            (size_t)n);
    logfile_add(&watch->log, stream, buffer, (size_t)n);
    if (was_attached && !watch->monitor->attached && watch->monitor->container->config.auto_remove)
        fd_close(fd); /* it is told as any writer is whose reader has gone */
    return (size_t)n;
}

/* --- idleness --------------------------------------------------------------------------------- */

static void keep(int fd)
{
    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, 0);
}

/* ruche-sleep N FD... PROGRAM OWN --root … --run … __monitor ID LOCK PIDFD OUT ERR */
static void sleep_arguments(const struct watch *watch, int program, const char *own,
                            struct strings *argv)
{
    const struct monitor *monitor = watch->monitor;
    const int fds[] = { watch->process.pidfd, monitor->out, monitor->err };
    size_t n = 0;
    for (size_t i = 0; i < array_size(fds); i++)
        n += fds[i] >= 0;
    strings_add(argv, "ruche-sleep");
    strings_addf(argv, "%zu", n);
    for (size_t i = 0; i < array_size(fds); i++)
        if (fds[i] >= 0)
            strings_addf(argv, "%d", fds[i]);
    strings_addf(argv, "%d", program);
    const char *const words[] = {
        own,         "--root", engine_root(monitor->engine), "--run", engine_run(monitor->engine),
        "__monitor", "--",     monitor->container->config.id
    };
    for (size_t i = 0; i < array_size(words); i++)
        strings_add(argv, words[i]);
    strings_addf(argv, "%d", monitor->lock);
    for (size_t i = 0; i < array_size(fds); i++)
        strings_addf(argv, "%d", fds[i]);
}

/* Goes on as ruche-sleep; returns if that is not to be had. The program to be woken as is held
 * open: it is found even if it was replaced meanwhile. */
static void sleep_idle(struct watch *watch)
{
    struct monitor *monitor = watch->monitor;
    auto_free char *path = NULL;
    auto_free char *own = NULL;
    auto_done(strings) argv = {};
    struct err ignored = {};
    char *const env[] = { NULL };
    int program = open("/proc/self/exe", O_PATH);
    if (program < 0 || program_path("ruche-sleep", &path, &ignored) < 0 ||
        program_own_path(&own, &ignored) < 0) {
        fd_close(&program);
        return;
    }
    logfile_flush(&watch->log);
    keep(monitor->lock);
    keep(monitor->out);
    keep(monitor->err);
    keep(watch->process.pidfd);
    sleep_arguments(watch, program, own, &argv);
    (void)execve(path, argv.at, env);
    (void)close(program);
}

static void watch_streams(struct watch *watch)
{
    struct monitor *monitor = watch->monitor;
    int idle_ms = IDLE_MS;
    for (;;) {
        struct pollfd polled[] = {
            { .fd = monitor->out, .events = POLLIN },
            { .fd = monitor->err, .events = POLLIN },
            { .fd = watch->process.pidfd, .events = POLLIN },
            { .fd = monitor->attached ? monitor->control : -1 }, /* POLLHUP: the caller has ended */
        };
        int ready = poll(polled, array_size(polled), monitor->attached ? -1 : idle_ms);
        if (ready == 0) {
            sleep_idle(watch);
            idle_ms = -1; /* it cannot be had */
        }
        if (ready <= 0)
            continue;
        if (polled[0].revents)
            (void)copy(watch, &monitor->out, LOG_STDOUT);
        if (polled[1].revents)
            (void)copy(watch, &monitor->err, LOG_STDERR);
        if (polled[3].revents)
            caller_gone(monitor);
        if (polled[2].revents)
            return;
    }
}

/* What was said before the end. Where the pid namespace is the host's, others may still hold the
 * pipes: they are not waited for. */
static void drain(struct watch *watch)
{
    struct monitor *monitor = watch->monitor;
    while (monitor->out >= 0 || monitor->err >= 0) {
        struct pollfd polled[] = {
            { .fd = monitor->out, .events = POLLIN },
            { .fd = monitor->err, .events = POLLIN },
        };
        if (poll(polled, array_size(polled), DRAIN_MS) <= 0)
            return;
        if (polled[0].revents)
            (void)copy(watch, &monitor->out, LOG_STDOUT);
        if (polled[1].revents)
            (void)copy(watch, &monitor->err, LOG_STDERR);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static bool killed_for_memory(struct cgroup *cgroup)
{
    struct cgroup_stats stats = {};
    struct err ignored = {};
    return cgroup_stats(cgroup, &stats, &ignored) == 0 && stats.oom_kills.set &&
           stats.oom_kills.value > 0;
}

/* Nobody gives a group more directories than it was made with, but a freezer where v2 has none; where
 * those were is forgotten by a monitor that slept. */
static void cgroup_end(const struct watch *watch)
{
    struct engine *engine = watch->monitor->engine;
    struct container *container = watch->monitor->container;
    struct container_state *state = &container->state;
    const struct cgroup_host *host;
    struct cgroup opened = {};
    struct err ignored = {};
    if (!state->cgroup || engine_cgroups(engine, &host, &ignored) < 0)
        return;
    if (container->config.resources.memory_bytes.set &&
        cgroup_open(host, state->cgroup, &opened, &ignored) == 1) {
        state->oom_killed = killed_for_memory(&opened);
        cgroup_close(&opened);
    }
    auto_free char *path = cgroup_whole_path(host, state->cgroup);
    unsigned hierarchies = host->v2 < 0 ? 0 : watch->process.hierarchies;
    struct cgroup cgroup = { .host = host, .path = path, .hierarchies = hierarchies, .v2 = -1 };
    /* What stays is removed with the container. */
    (void)(hierarchies ? cgroup_remove_known(&cgroup, 2000, &ignored)
                       : cgroup_remove(&cgroup, 2000, &ignored));
}

/* Those of a pid namespace of its own end with the first one. */
static bool others_may_live(const struct container_config *config)
{
    return config->namespaces.pid && strcmp(config->namespaces.pid, "private") != 0;
}

static bool is_discarded(const struct container *container)
{
    return container->config.auto_remove || container->unmade;
}

/* Records the end; what goes wrong here can be told to nobody. */
static void record_end(struct monitor *monitor, int exit_code)
{
    struct container *container = monitor->container;
    struct container_state *state = &container->state;
    struct err ignored = {};
    char now[TIMESTAMP_SIZE];
    subid_release(monitor->engine, state->id, (uint32_t)state->subid);
    if (is_discarded(container)) {
        (void)record_discard(monitor->engine, monitor->lock, state->id, state->name, exit_code,
                             &ignored);
        return;
    }
    state->status = CONTAINER_EXITED;
    state->pid = 0;
    state->monitor_pid = 0;
    state->exit_code = exit_code;
    free(state->finished);
    state->finished = xstrdup(timestamp_now(now));
    (void)state_save_ended(monitor->engine, monitor->lock, state, &ignored);
}

static void record_failure(struct monitor *monitor, const struct err *why)
{
    struct container_state *state = &monitor->container->state;
    free(state->error);
    state->error = xstrdup(why->text);
    record_end(monitor, err_exit_status(why));
    tell(monitor, why, sizeof(*why), NULL, 0);
}

static _Noreturn void monitor_exit(struct monitor *monitor)
{
    struct err ignored = {};
    bool discarded = is_discarded(monitor->container);
    if (discarded)
        record_forget(monitor->engine, monitor->container->config.id);
    fd_close(&monitor->lock);
    if (discarded)
        (void)trash_delete(monitor->engine, monitor->container->config.id, &ignored);
    _exit(0);
}

/* From the running container to its end. */
static _Noreturn void monitor_watch(struct watch *watch)
{
    struct monitor *monitor = watch->monitor;
    struct err ignored = {};
    int record = -1;
    (void)record_open(monitor->engine, monitor->container->config.id, &record, &ignored);
    logfile_init(&watch->log, record);
    signals_ignore();
    watch_streams(watch);
    (void)pidfd_wait(watch->process.pidfd, 0, &watch->status);
    bool others = others_may_live(&monitor->container->config);
    if (others) /* without a group nobody knows which they are */
        (void)container_group_kill(monitor->engine, &monitor->container->state, &ignored);
    drain(watch);
    logfile_flush(&watch->log);
    int exit_code =
        WIFEXITED(watch->status) ? WEXITSTATUS(watch->status) : 128 + WTERMSIG(watch->status);
    /* How a container that stays came to its end is in its cgroup; and as long as any of its
     * processes are there, so are their ids. */
    bool late = is_discarded(monitor->container) && !others;
    if (!late)
        cgroup_end(watch);
    record_end(monitor, exit_code);
    tell_word(monitor, MONITOR_ENDED, exit_code);
    if (late)
        cgroup_end(watch);
    monitor_exit(monitor);
}

_Noreturn void monitor_run(struct monitor *monitor)
{
    struct watch watch = { .monitor = monitor, .process = { .pidfd = -1 } };
    struct err err = {};
    leave_caller(&watch);
    if (begin(&watch, &err) < 0) {
        if (watch.process.pidfd >= 0) {
            (void)pidfd_signal(watch.process.pidfd, SIGKILL);
            (void)pidfd_wait(watch.process.pidfd, 0, &watch.status);
            cgroup_end(&watch);
        }
        record_failure(monitor, &err);
        monitor_exit(monitor);
    }
    monitor_watch(&watch);
}

int monitor_resume(struct engine *engine, char *const *operands, struct err *err)
{
    struct monitor monitor = { .engine = engine, .control = -1, .stdio = { -1, -1, -1 } };
    struct watch watch = { .monitor = &monitor };
    int *const fds[] = { &monitor.lock, &watch.process.pidfd, &monitor.out, &monitor.err };
    for (size_t i = 0; i < array_size(fds); i++) {
        int64_t fd;
        if (number_parse(operands[1 + i], -1, INT_MAX, "descriptor", &fd, err) < 0)
            return -1;
        *fds[i] = (int)fd;
        if (fd >= 0 && fcntl(*fds[i], F_SETFD, FD_CLOEXEC) < 0)
            return err_sys(err, "descriptor %s", operands[1 + i]);
    }
    leave_descriptors(&watch); /* of ourselves as we were: the program that was held for waking */
    if (container_find(engine, operands[0], &monitor.container, err) < 0)
        return -1;
    monitor_watch(&watch);
}
