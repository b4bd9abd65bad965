/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events: what a container uses, once or every so often, and when the kernel killed one of its
 * processes for want of memory. v1 tells that by an eventfd that is handed to cgroup.event_control
 * (the kernel's admin-guide/cgroup-v1/memory.rst), v2 by POLLPRI on memory.events.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "kernel/pidfd.h"
#include "runtime_cli/stats.h"

struct events_args {
    const char *interval;
    bool stats;
};

/* clang-format off */
static const struct option events_options[] = {
    OPTION_TEXT(events_args, interval, 0, "interval", "TIME", "How often to tell what is used (default \"5s\")"),
    OPTION_BOOL(events_args, stats, 0, "stats", "Tell it once"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const events_tables[] = { events_options, NULL };

/* What is watched. */
struct watch {
    struct container container;
    struct cgroup cgroup;
    int process;
    int oom;     /* an eventfd, or memory.events; -1: nothing tells */
    int control; /* v1: memory.oom_control, which the event belongs to */
    uint64_t oom_kills;
};

static void watch_done(struct watch *watch)
{
    container_done(&watch->container);
    cgroup_close(&watch->cgroup);
    fd_close(&watch->process);
    fd_close(&watch->oom);
    fd_close(&watch->control);
}

static int event_say(const struct watch *watch, const char *type, const struct str *data,
                     struct err *err)
{
    auto_done(str) line = {};
    str_addf(&line, "{\"type\":\"%s\",\"id\":\"%s\"", type, watch->container.id);
    if (data)
        str_addf(&line, ",\"data\":%s", str_text(data));
    str_add(&line, "}\n");
    return say(&line, err);
}

static int stats_say(const struct watch *watch, struct err *err)
{
    auto_done(str) data = {};
    if (stats_format(&watch->cgroup, &data, err) < 0)
        return -1;
    return event_say(watch, "stats", &data, err);
}

/* --- out of memory ---------------------------------------------------------------------------- */

static void oom_open(struct watch *watch)
{
    const struct cgroup *cgroup = &watch->cgroup;
    auto_close int v2 = stats_open(cgroup, CGROUP_MEMORY, NULL, "memory.events", O_RDONLY);
    if (v2 >= 0) {
        watch->oom = take_fd(v2);
        return;
    }
    auto_close int control =
        stats_open(cgroup, CGROUP_MEMORY, "memory.oom_control", NULL, O_RDONLY);
    auto_close int events =
        stats_open(cgroup, CGROUP_MEMORY, "cgroup.event_control", NULL, O_WRONLY);
    auto_close int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    char line[32];
    int len = snprintf(line, sizeof(line), "%d %d", fd, control);
    if (control < 0 || events < 0 || fd < 0 || write(events, line, (size_t)len) != len)
        return;
    watch->oom = take_fd(fd);
    watch->control = take_fd(control);
}

static uint64_t oom_kills(const struct watch *watch)
{
    char text[256] = {};
    if (pread(watch->oom, text, sizeof(text) - 1, 0) <= 0)
        return 0;
    const char *at = strstr(text, "oom_kill ");
    return at ? strtoull(at + sizeof("oom_kill ") - 1, NULL, 10) : 0;
}

/* Whether it was one. v1's event comes too when the group is removed. */
static bool oom_happened(struct watch *watch)
{
    uint64_t count;
    if (watch->control >= 0) {
        bool came = read(watch->oom, &count, sizeof(count)) == sizeof(count);
        return came && pidfd_poll(watch->process, 0) == 0;
    }
    count = oom_kills(watch);
    bool more = count > watch->oom_kills;
    watch->oom_kills = count;
    return more;
}

/* --- the command ------------------------------------------------------------------------------ */

static int follow(struct watch *watch, int interval_ms, struct err *err)
{
    enum { END, OOM, N };
    oom_open(watch);
    if (watch->oom >= 0 && watch->control < 0)
        watch->oom_kills = oom_kills(watch);
    for (;;) {
        struct pollfd polled[N] = {
            [END] = { .fd = watch->process, .events = POLLIN },
            [OOM] = { .fd = watch->oom, .events = watch->control >= 0 ? POLLIN : POLLPRI },
        };
        int ready = poll(polled, N, interval_ms);
        if (ready < 0 && errno != EINTR)
            return err_sys(err, "poll");
        if (ready > 0 && polled[OOM].revents && oom_happened(watch) &&
            event_say(watch, "oom", NULL, err) < 0)
            return -1;
        if (ready > 0 && polled[END].revents)
            return 0;
        if (ready == 0 && stats_say(watch, err) < 0)
            return -1;
    }
}

static int events_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct events_args *args = args_;
    auto_done(watch) watch = { .container.dir = -1, .process = -1, .oom = -1, .control = -1 };
    int64_t interval_ms = 5000;
    if (args->interval && duration_parse(args->interval, "--interval", &interval_ms, err) < 0)
        return -1;
    if (interval_ms <= 0 || interval_ms > INT32_MAX)
        return err_set(err, ERR_INVALID, "--interval: a time above 0 is needed");
    if (container_find(context, operands[0], 0, &watch.container, err) < 0)
        return -1;
    int lives = container_process(&watch.container, &watch.process, err);
    if (lives == 0)
        return err_set(err, ERR_CONFLICT, "container with id %s is not running", operands[0]);
    int found = lives < 0 ? -1 : container_cgroup(&watch.container, &watch.cgroup, err);
    if (found == 0)
        return err_set(err, ERR_UNSUPPORTED, "container %s has no cgroup that could tell",
                       operands[0]);
    if (found < 0)
        return -1;
    return args->stats ? stats_say(&watch, err) : follow(&watch, (int)interval_ms, err);
}

const struct command events_command = {
    .name = "events",
    .args = "[OPTIONS] ID",
    .summary = "Print what a container uses, and when it ran out of memory, as JSON",
    .options = events_tables,
    .flags = COMMAND_INTERSPERSED,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct events_args),
    .run = events_run,
};
