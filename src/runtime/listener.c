/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp's user notification (seccomp_unotify(2); runtime-spec, config-linux.md, "The Container
 * Process State"): the child loads its filter, hands the listener over and waits; the parent sends
 * it with the state of the process to whoever listens at listenerPath, one connection for each.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"
#include "runtime/start.h"

size_t count_listener(const struct plan *plan)
{
    return plan->process.seccomp_notify;
}

void describe_listener(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "%s, SCM_RIGHTS", plan->request->spec->linux->seccomp->listener_path);
}

static int agent_open(const char *path, int *ret_fd, struct err *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, ERR_INVALID,
                       "config.json: /linux/seccomp/listenerPath: longer than %zu bytes",
                       sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path));
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return err_sys(err, "failed to connect with seccomp agent %s", path);
    *ret_fd = take_fd(fd);
    return 0;
}

/* The descriptor goes with the first bytes. */
static int agent_send(int fd, const struct str *text, int listener)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {};
    struct iovec data = { .iov_base = text->at, .iov_len = text->len };
    struct msghdr message = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &listener, sizeof(int));
    ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
    return n < 0 ? -1 : fd_write_all(fd, text->at + n, text->len - (size_t)n);
}

static void state_format(const struct start *start, struct str *out)
{
    const struct runtime_request *request = start->plan->request;
    bool exec = start->join_pidfd >= 0;
    char version[] = SPEC_VERSION;
    char name[] = "seccompFd";
    char *names[] = { name, NULL };
    char status[] = "creating";
    char running[] = "running";
    struct oci_process_state shown = {
        .oci_version = version,
        .fds = { names, 1 },
        .pid = exec && start->made >= 0 ? pidfd_number(start->made) : start->pid,
        .metadata = request->spec->linux->seccomp->listener_metadata,
        .state = *request->state, /* borrows all that hangs from it */
    };
    shown.state.status = exec ? running : status;
    if (!exec)
        shown.state.pid = (struct maybe_i64){ true, start->pid };
    oci_process_state_format(&shown, out);
}

int parent_listener(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const char *path = start->plan->request->spec->linux->seccomp->listener_path;
    auto_done(str) text = {};
    auto_close int agent = -1;
    if (channel_await(start, 'S', err) < 0 || agent_open(path, &agent, err) < 0)
        return -1;
    state_format(start, &text);
    if (agent_send(agent, &text, start->listener) < 0)
        return err_sys(err, "send to the seccomp agent at %s", path);
    fd_close(&start->listener);
    return channel_release(start, NULL, 0, err);
}
