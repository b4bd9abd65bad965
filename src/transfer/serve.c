/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/serve.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/handover.h"
#include "transfer/digest.h"
#include "transfer/job.h"
#include "transfer/tar.h"

/* How many descriptors go with a verb. */
static const struct {
    uint8_t least;
    uint8_t most;
} verb_fds[] = {
#define X(verb, least, most) [TRANSFER_##verb] = { least, most },
    TRANSFER_VERBS(X)
#undef X
};

static void job_init(struct job *job)
{
    *job = (struct job){ .channel = { -1 } };
    for (size_t i = 0; i < TRANSFER_FDS_MAX; i++)
        job->fds[i] = -1;
}

static void job_done(struct job *job)
{
    for (size_t i = 0; i < TRANSFER_FDS_MAX; i++)
        fd_close(&job->fds[i]);
}

static int job_check(const struct job *job, size_t len, size_t n_fds, struct err *err)
{
    const struct transfer_request *request = &job->request;
    if (len != sizeof(*request) || request->version != TRANSFER_VERSION)
        return err_set(
            err, ERR_UNSUPPORTED,
            "ruche-transfer is of another version than ruche; install both from one build");
    if (request->verb >= TRANSFER_VERB_COUNT || n_fds < verb_fds[request->verb].least ||
        n_fds > verb_fds[request->verb].most || !memchr(request->name, 0, sizeof(request->name)))
        return err_set(err, ERR_INVALID, "a request that is none");
    return 0;
}

/* Returns 1; 0: ruche has closed the socket. A request that is none leaves its text in err and is
 * answered. */
static int job_receive(int control, struct job *job, struct err *err)
{
    size_t n_fds = 0;
    ssize_t len = handover_receive(control, &job->request, sizeof(job->request), job->fds,
                                   TRANSFER_FDS_MAX, &n_fds);
    if (len < 0)
        return err_sys(err, "receive a request");
    if (len == 0)
        return 0;
    job->channel.fd = job->fds[0];
    if (job_check(job, (size_t)len, n_fds, err) < 0)
        channel_failed(&job->channel, err);
    else
        err->kind = ERR_NONE;
    return 1;
}

/* The process that serves the request. It dies with the server, as the server does with ruche. */
static _Noreturn void job_process(int control, pid_t server, struct job *job,
                                  const struct confinement *confinement)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != server)
        _exit(EXIT_FAILURE);
    (void)close(control);
    job_run(job, confinement);
    _exit(EXIT_SUCCESS);
}

static int serve_requests(int control, const struct confinement *confinement, struct err *err)
{
    pid_t server = getpid();
    for (;;) {
        struct job job;
        struct err problem;
        job_init(&job);
        int more = job_receive(control, &job, &problem);
        if (more < 0)
            *err = problem;
        if (more <= 0)
            return more;
        pid_t pid = 0;
        if (problem.kind == ERR_NONE)
            pid = fork();
        if (problem.kind == ERR_NONE && pid == 0)
            job_process(control, server, &job, confinement);
        if (pid < 0) {
            err_sys(&problem, "start a process");
            channel_failed(&job.channel, &problem);
        }
        job_done(&job);
    }
}

int serve(int control, struct err *err)
{
    struct confinement confinement;
    tar_prepare();
    (void)umask(0);
    (void)signal(SIGCHLD, SIG_IGN); /* nobody asks how a process ended: its socket tells */
    if (digest_prepare(err) < 0 || confinement_init(&confinement, err) < 0)
        return -1;
    int result = serve_requests(control, &confinement, err);
    confinement_done(&confinement);
    return result;
}
