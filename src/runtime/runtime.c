/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/runtime.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/pidfd.h"
#include "runtime/join.h"

static int *descriptors_new(size_t n)
{
    int *fds = xmalloc((n + 1) * sizeof(*fds));
    for (size_t i = 0; i < n; i++)
        fds[i] = -1;
    return fds;
}

static void start_init(struct start *start, const struct plan *plan, int join_pidfd)
{
    *start = (struct start){
        .plan = plan,
        .join_pidfd = join_pidfd,
        .channel = -1,
        .peer = -1,
        .pidfd = -1,
        .made = -1,
        .userns = -1,
        .pids = -1,
        .home = -1,
        .spent = -1,
        .null = -1,
        .root = -1,
        .dev = -1,
        .terminal = -1,
        .held = -1,
        .listener = -1,
        .proc = -1,
        .init = -1,
        .network_maker = -1,
        .network = -1,
        .n_devices = device_count(plan),
        .identity = xnew(struct identity),
        .own = descriptors_new(plan->n_joins),
    };
    memcpy(start->warning, plan->warning, sizeof(start->warning));
    start->sources = descriptors_new(plan->n_sources + 1); /* and /dev */
    start->mounts = descriptors_new(plan->n_mounts);
    start->devices = descriptors_new(start->n_devices);
    start->kept = plan->pid_path ? descriptors_new(kept_most(plan, start->n_devices)) : NULL;
    start->proc_names = join_pidfd < 0 ? proc_names_new(plan) : NULL;
    start->network_stack =
        join_pidfd < 0 && plan->network_beside ? xmalloc(START_NETWORK_STACK) : NULL;
}

/* Descriptors in the order of their numbers. */
struct closing {
    int *at;
    size_t len;
};

static void closing_add(struct closing *closing, const int *fds, size_t n)
{
    for (size_t i = 0; fds && i < n; i++) {
        if (fds[i] < 0)
            continue;
        size_t place = closing->len++;
        for (; place && closing->at[place - 1] > fds[i]; place--)
            closing->at[place] = closing->at[place - 1];
        closing->at[place] = fds[i];
    }
}

/* Most have numbers in a row: one call closes them. */
static void closing_do(const struct closing *closing)
{
    for (size_t i = 0; i < closing->len; i++) {
        unsigned first = (unsigned)closing->at[i];
        while (i + 1 < closing->len && closing->at[i + 1] == closing->at[i] + 1)
            i++;
        (void)syscall(SYS_close_range, first, (unsigned)closing->at[i], 0);
    }
}

static void start_close(const struct start *start)
{
    const struct plan *plan = start->plan;
    const int single[] = {
        start->channel,  start->peer, start->pidfd,    start->made,
        start->userns,   start->home, start->terminal, start->held,
        start->listener, start->proc, start->init,     start->cgroup_made ? start->cgroup.v2 : -1,
        start->pids
    };
    size_t most = array_size(single) + start->cgroup.n_tasks + start->cgroup.n_written +
                  plan->n_sources + 1 + plan->n_mounts + start->n_devices;
    auto_free int *numbers = xmalloc(most * sizeof(*numbers));
    struct closing closing = { .at = numbers };
    closing_add(&closing, single, array_size(single));
    closing_add(&closing, start->sources, plan->n_sources + 1);
    closing_add(&closing, start->mounts, plan->n_mounts);
    closing_add(&closing, start->devices, start->n_devices);
    closing_add(&closing, start->cgroup.tasks, start->cgroup.n_tasks);
    closing_add(&closing, start->cgroup.written, start->cgroup.n_written);
    closing_do(&closing);
}

static void start_done(struct start *start)
{
    (void)start_go_back(start); /* a failure has been told of already */
    if (!(start->plan->request->flags & RUNTIME_LEAVE_OPEN))
        start_close(start);
    free(start->sources);
    free(start->mounts);
    free(start->devices);
    free(start->kept);
    free(start->proc_names);
    free(start->network_stack);
    free(start->own);
    free(start->identity);
    free(start->cgroup.path);
}

/* What a failed start made goes away with it. */
static void start_undo(struct start *start)
{
    int status;
    struct err ignored = {};
    if (start->made >= 0)
        (void)pidfd_signal(start->made, SIGKILL);
    if (start->pidfd >= 0) {
        (void)pidfd_signal(start->pidfd, SIGKILL);
        (void)pidfd_wait(start->pidfd, 0, &status);
    }
    if (start->made >= 0)
        (void)pidfd_wait(start->made, 0, &status);
    if (start->resctrl_made)
        resctrl_undo(start);
    if (start->cgroup_made && start->join_pidfd < 0)
        (void)cgroup_remove(&start->cgroup, 1000, &ignored);
}

/* Both sides write their times into one shared piece of memory, the parent reads it in the end. */
static struct stamp *stamps_map(size_t n)
{
    void *at = mmap(NULL, n * sizeof(struct stamp), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

pid_t pidfd_number(int pidfd)
{
    char path[40];
    auto_free char *text = NULL;
    size_t len;
    struct err ignored = {};
    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    const char *line = file_load(AT_FDCWD, path, 4096, &text, &len, &ignored) == 1
                           ? strstr(text, "\nPid:\t")
                           : NULL;
    return line ? (pid_t)strtol(line + sizeof("\nPid:\t") - 1, NULL, 10) : 0;
}

static int start_run(struct start *start, const struct steps *parent, const struct steps *child,
                     struct runtime_process *ret_process, struct err *err)
{
    const struct plan *plan = start->plan;
    const struct steps *const tables[] = { parent, child };
    size_t n = steps_count(parent, plan) + steps_count(child, plan);
    if (plan->request->listener)
        start->stamps = stamps_map(n);

    int result = channel_open(start, err);
    if (result == 0)
        result = steps_run(parent, start, start->stamps, err);
    if (start->stamps) {
        steps_tell(tables, array_size(tables), plan, start->stamps);
        (void)munmap(start->stamps, n * sizeof(struct stamp));
    }
    if (result < 0) {
        start_undo(start);
        return -1;
    }
    *ret_process = (struct runtime_process){
        .pid = start->made >= 0 ? pidfd_number(start->made) : start->pid,
        .pidfd = start->made >= 0 ? take_fd(start->made) : take_fd(start->pidfd),
        .terminal = take_fd(start->terminal),
        .mounts = take_fd(start->held),
        .in_cgroup = start->cgroup_made,
        .hierarchies = start->cgroup.hierarchies,
    };
    memcpy(ret_process->warning, start->warning, sizeof(start->warning));
    return 0;
}

int runtime_create(const struct runtime_request *request, struct runtime_process *ret_process,
                   struct err *err)
{
    auto_done(plan) plan = {};
    if (plan_make(request, &plan, err) < 0)
        return -1;
    auto_done(start) start = {};
    start_init(&start, &plan, -1);
    return start_run(&start, &create_parent_steps, &create_child_steps, ret_process, err);
}

int runtime_exec(const struct runtime_request *request, int pidfd,
                 struct runtime_process *ret_process, struct err *err)
{
    auto_done(plan) plan = {};
    if (plan_make_process(request, &plan, err) < 0)
        return -1;
    auto_done(start) start = {};
    start_init(&start, &plan, pidfd);
    return start_run(&start, &exec_parent_steps, &exec_child_steps, ret_process, err);
}

int runtime_dry_run(const struct runtime_request *request, struct err *err)
{
    auto_done(plan) plan = {};
    const struct steps *const tables[] = { &create_parent_steps, &create_child_steps };
    if (plan_make(request, &plan, err) < 0)
        return -1;
    steps_tell(tables, array_size(tables), &plan, NULL);
    return 0;
}

void runtime_process_done(struct runtime_process *process)
{
    fd_close(&process->pidfd);
    fd_close(&process->terminal);
    fd_close(&process->mounts);
}
